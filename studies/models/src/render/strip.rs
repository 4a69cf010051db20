//! Pictures of all classes side by side, as they are kept.

use crate::plan::Column;
use anyhow::{Context, ensure};
use image::{GrayImage, ImageFormat};
use std::io::Cursor;
use visard_attacks::Set;
use visard_core::Shape;

/// The strip of the class means.
pub(crate) const MEANS: &str = "means.png";

/// The file of a cell's pictures.
pub(crate) fn name(case: &str, column: Column, attack: &str) -> String {
    format!("{case}-{}-{attack}.png", column.name())
}

/// Pictures (H, W, C) side by side in grey, each from black to white over the values that it has: grey
/// levels of pictures that were climbed to mean nothing by themselves.
pub(crate) fn png(shape: Shape, pixels: &[f32]) -> anyhow::Result<Vec<u8>> {
    let pictures: Vec<&[f32]> = pixels.chunks_exact(shape.len()).collect();
    let (width, height) = (pictures.len() * shape.width, shape.height);
    let mut strip = GrayImage::new(u32::try_from(width)?, u32::try_from(height)?);
    for (place, picture) in pictures.iter().enumerate() {
        let brightness = |pixel: &[f32]| pixel.iter().sum::<f32>() / shape.channels as f32;
        let levels: Vec<f32> = picture.chunks_exact(shape.channels).map(brightness).collect();
        let least = levels.iter().copied().fold(f32::INFINITY, f32::min);
        let range = levels.iter().copied().fold(f32::NEG_INFINITY, f32::max) - least;
        for (at, level) in levels.iter().enumerate() {
            let grey = if range > 0.0 {
                255.0 * (level - least) / range
            } else {
                128.0
            };
            let (x, y) = (place * shape.width + at % shape.width, at / shape.width);
            // A cast saturates.
            strip.put_pixel(x as u32, y as u32, image::Luma([grey.round() as u8]));
        }
    }
    encoded(&strip.into())
}

/// A picture as PNG.
pub(super) fn encoded(picture: &image::DynamicImage) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// The mean picture of every class; black where there is none.
pub(crate) fn means(set: &Set, classes: usize) -> anyhow::Result<Vec<f32>> {
    let len = set.shape().len();
    let (mut sums, mut counts) = (vec![0f32; classes * len], vec![0f32; classes]);
    for (image, label) in set.as_bytes()?.chunks_exact(len).zip(set.labels()) {
        let class = *label as usize;
        ensure!(class < classes, "{class} is no class");
        counts[class] += 1.0;
        let sum = sums[class * len..][..len].iter_mut();
        sum.zip(image).for_each(|(sum, v)| *sum += f32::from(*v));
    }
    for (sum, count) in sums.chunks_exact_mut(len).zip(&counts) {
        sum.iter_mut().for_each(|v| *v /= count.max(1.0));
    }
    Ok(sums)
}

/// The strip in a file.
pub(super) fn read(bytes: &[u8]) -> anyhow::Result<GrayImage> {
    let strip = image::load_from_memory(bytes).context("no PNG")?;
    Ok(strip.to_luma8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::Pixels;

    #[test]
    fn strips_show_every_picture_in_its_own_range() {
        let shape = Shape::new(2, 2, 1);
        let pixels = [-10.0, 0.0, 10.0, 0.0, 5.0, 5.0, 5.0, 5.0];
        let strip = read(&png(shape, &pixels).unwrap()).unwrap();
        assert_eq!(strip.dimensions(), (4, 2));
        assert_eq!(strip.into_raw(), [0, 128, 128, 128, 255, 128, 128, 128]);
    }

    #[test]
    fn means_are_those_of_each_class() {
        let set = Set::new(
            Shape::new(1, 2, 1),
            Pixels::U8(vec![0, 2, 4, 6, 9, 9]),
            vec![0, 0, 2],
        )
        .unwrap();
        assert_eq!(means(&set, 3).unwrap(), [2.0, 4.0, 0.0, 0.0, 9.0, 9.0]);
        assert!(means(&set, 2).is_err());
    }
}
