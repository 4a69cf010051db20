//! Pictures for people.

use anyhow::Context;
use std::{fs::File, io::BufWriter, path::Path};
use visard_core::Shape;

/// Writes an 8-bit grey or RGB image as PNG.
pub(crate) fn save(path: &Path, shape: Shape, pixels: &[u8]) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("{}", path.display()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), shape.width as u32, shape.height as u32);
    encoder.set_color(if shape.channels == 1 {
        png::ColorType::Grayscale
    } else {
        png::ColorType::Rgb
    });
    encoder.set_depth(png::BitDepth::Eight);
    let write = |mut writer: png::Writer<_>| writer.write_image_data(pixels);
    encoder
        .write_header()
        .and_then(write)
        .with_context(|| format!("{}", path.display()))
}
