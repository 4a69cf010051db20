#![no_main]
//! `cifar` data of any bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| visard_fuzz::read_to_end("cifar", "test_batch.bin", bytes));
