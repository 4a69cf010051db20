#![no_main]
//! `idx` data of any bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| visard_fuzz::read_to_end("idx", "train-images-idx3-ubyte", bytes));
