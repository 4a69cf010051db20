#![no_main]
//! `npz` data of any bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| visard_fuzz::read_to_end("npz", "fuzz.npz", bytes));
