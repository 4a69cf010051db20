#![no_main]
//! Manifests of any bytes are read or refused, and verification stays inside the folder.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    if std::fs::write(folder.path().join(visard_data::MANIFEST), bytes).is_ok() {
        drop(visard_data::verify(folder.path()));
    }
});
