#![no_main]
//! Key files of any bytes give a key file or an error.

use visard_keys::{KeyFile, Unlock};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = KeyFile::parse(bytes) {
        drop(file.open(&Unlock::None));
    }
});
