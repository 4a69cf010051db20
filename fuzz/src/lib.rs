//! What several fuzz targets share.

use visard_data::{Batch, Limits, Reading, formats};

/// Puts `bytes` under `file` in a fresh folder and reads the data set of that format to its end;
/// whatever the bytes are, it is read or refused.
pub fn read_to_end(format: &str, file: &str, bytes: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let file = folder.path().join(file);
    if std::fs::write(&file, bytes).is_err() {
        return;
    }
    let format = formats::find(format).expect("a registered format");
    let path = if format.is_folder { folder.path() } else { &file };
    let limits = Limits { image_values: 1 << 20, samples: 1 << 16, ..Limits::default() };
    let Ok(mut source) = (format.open)(path, Reading { limits, ..Reading::default() }) else { return };
    let mut batch = Batch::new(source.meta().depth);
    for split in 0..source.meta().splits.len() {
        if source.seek(split, 0).is_err() {
            return;
        }
        while source.read(&mut batch, 64).is_ok() && !batch.is_empty() {
            assert_eq!(batch.pixels.len(), batch.len() * batch.shape.len());
        }
    }
}
