#![no_main]
//! Explicit material of any bytes is read or refused.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let file = folder.path().join("m.npz");
    if std::fs::write(&file, bytes).is_ok() {
        let limits = visard_data::Limits { file_bytes: 1 << 20, ..Default::default() };
        drop(visard_data::read_material(&file, &limits));
    }
});
