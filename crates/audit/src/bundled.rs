//! The images inside the program: what is audited where there is no data set, and what is shown of one that
//! must not be.

use crate::{Error, Result, Subjects, Wanted};
use flate2::read::GzDecoder;
use image::{
    RgbImage,
    imageops::{FilterType, crop_imm, resize},
};
use std::io::Read;
use visard_attacks::{Rng, Set, metrics};
use visard_core::{Pixels, Shape};

macro_rules! bundled {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/", $path)))),*]
    };
}

/// Files by their place in `data/`.
pub static FILES: &[(&str, &[u8])] = bundled![
    "fashion-mnist-12k/train-images-idx3-ubyte.gz",
    "fashion-mnist-12k/train-labels-idx1-ubyte.gz",
    "fashion-mnist-12k/t10k-images-idx3-ubyte.gz",
    "fashion-mnist-12k/t10k-labels-idx1-ubyte.gz",
    "photos/astronaut.png",
    "photos/chelsea.png",
    "photos/coffee.png",
];

/// Grey garments of this shape are bundled.
const GARMENTS: Shape = Shape {
    height: 28,
    width: 28,
    channels: 1,
};

/// Bundled images of that shape in random order, and what they are: garments of Fashion-MNIST where the shape
/// is theirs, otherwise patches of photographs, whose labels tell the photograph.
///
/// # Errors
/// If the images have neither one nor three channels.
pub fn images(shape: Shape, count: usize, seed: u64) -> Result<(Set, &'static str)> {
    if shape == GARMENTS {
        return Ok((garments(count, seed)?, "bundled Fashion-MNIST"));
    }
    Ok((patches(shape, count, seed)?, "bundled photographs"))
}

/// Bundled images divided for an audit of about so many.
///
/// # Errors
/// As [`images`].
pub fn subjects(shape: Shape, wanted: Wanted, seed: u64) -> Result<Subjects> {
    let (images, name) = images(shape, wanted.total(), seed)?;
    Subjects::divide(name, &images, None, wanted)
}

fn file(name: &str) -> Result<&'static [u8]> {
    let found = FILES.iter().find(|(path, _)| *path == name);
    found
        .map(|(_, bytes)| *bytes)
        .ok_or_else(|| Error::Subjects(format!("{name} is not bundled")))
}

fn unpacked(name: &str, header: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(file(name)?)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::Subjects(format!("{name}: {error}")))?;
    Ok(bytes.split_off(header.min(bytes.len())))
}

fn garments(count: usize, seed: u64) -> Result<Set> {
    let pixels = unpacked("fashion-mnist-12k/train-images-idx3-ubyte.gz", 16)?;
    let labels = unpacked("fashion-mnist-12k/train-labels-idx1-ubyte.gz", 8)?;
    let mut order = Rng::new(seed).permutation(labels.len());
    order.truncate(count);
    let image = |i: &usize| pixels[i * GARMENTS.len()..][..GARMENTS.len()].iter().copied();
    let chosen = order.iter().flat_map(image).collect();
    let labels = order.iter().map(|i| u32::from(labels[*i])).collect();
    Ok(Set::new(GARMENTS, Pixels::U8(chosen), labels)?)
}

/// Patches at random places and scales.
fn patches(shape: Shape, count: usize, seed: u64) -> Result<Set> {
    if shape.channels != 1 && shape.channels != 3 {
        return Err(Error::Subjects(format!(
            "there are no bundled images of {} channels: give a data set",
            shape.channels
        )));
    }
    let photos = FILES
        .iter()
        .filter(|(path, _)| path.starts_with("photos/"))
        .map(|(path, bytes)| {
            let photo = image::load_from_memory(bytes);
            photo
                .map(|photo| photo.to_rgb8())
                .map_err(|error| Error::Subjects(format!("{path}: {error}")))
        })
        .collect::<Result<Vec<RgbImage>>>()?;
    let mut rng = Rng::new(seed);
    let (mut pixels, mut labels) = (Vec::with_capacity(count * shape.len()), Vec::with_capacity(count));
    for _ in 0..count {
        let which = rng.below(photos.len());
        let patch = patch(&photos[which], shape, &mut rng);
        match shape.channels {
            3 => pixels.extend(patch),
            _ => {
                let color = Shape::new(shape.height, shape.width, 3);
                pixels.extend(
                    metrics::luminance(color, &patch)
                        .into_iter()
                        .map(|v| metrics::to_byte(v as f32)),
                );
            }
        }
        labels.push(which as u32);
    }
    Ok(Set::new(shape, Pixels::U8(pixels), labels)?)
}

/// A part of a photograph, as wide as 1 to 4 times the shape or as the photograph allows, scaled to it.
fn patch(photo: &RgbImage, shape: Shape, rng: &mut Rng) -> Vec<u8> {
    let (h, w) = (shape.height as f64, shape.width as f64);
    let most = (f64::from(photo.height()) / h).min(f64::from(photo.width()) / w);
    let scale = most.min(1.0 + 3.0 * rng.unit());
    let of = |side: f64, bound: u32| ((side * scale) as u32).clamp(1, bound);
    let (height, width) = (of(h, photo.height()), of(w, photo.width()));
    let x = rng.below((photo.width() - width + 1) as usize) as u32;
    let y = rng.below((photo.height() - height + 1) as usize) as u32;
    let part = crop_imm(photo, x, y, width, height).to_image();
    resize(
        &part,
        shape.width as u32,
        shape.height as u32,
        FilterType::Triangle,
    )
    .into_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_images_of_every_usual_shape() {
        for shape in [
            GARMENTS,
            Shape::new(32, 32, 3),
            Shape::new(25, 31, 1),
            Shape::new(600, 500, 3),
        ] {
            let (set, _) = images(shape, 3, 1).unwrap();
            assert_eq!((set.shape(), set.len(), set.labels().len()), (shape, 3, 3));
            assert!(set.as_bytes().unwrap().iter().any(|v| *v > 100));
        }
        assert!(images(Shape::new(8, 8, 2), 1, 1).is_err());
    }
}
