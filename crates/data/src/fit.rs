//! Brings plain images to the shape that a key is for.

use crate::{Batch, Error, Result, Stored};
use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma, Pixel, Rgb};
use std::path::Path;
use visard_core::Shape;

/// What to do with images of another size than the key's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Refuse them, with advice.
    #[default]
    Error,
    /// Scale them (bilinear).
    Resize,
    /// Cut out the middle; smaller images are continued as by `Pad`.
    Crop,
    /// Continue them at the bottom and the right; larger images are refused.
    Pad,
}

/// Changes the images of `batch` to `shape`.
///
/// # Errors
/// If they have another shape and `fit` does not say what to do about it.
pub(crate) fn fit(batch: &mut Batch, shape: Shape, fit: Fit, root: &Path) -> Result<()> {
    if batch.shape == shape {
        return Ok(());
    }
    let refuse = |problem: String| {
        let first = batch
            .names
            .first()
            .map_or_else(|| root.into(), |name| root.join(name));
        Err(Error::Input { path: first, problem })
    };
    let Stored::U8(pixels) = &batch.pixels else {
        return refuse("holds no 8-bit pixels".into());
    };
    let from = batch.shape;
    if from.channels != shape.channels && !(from.channels == 1 && shape.channels == 3) {
        return refuse(format!(
            "is {from}, the key is for {shape}: convert the images to {} channels, or make a key for {from}",
            shape.channels
        ));
    }
    let same_size = (from.height, from.width) == (shape.height, shape.width);
    if !same_size && fit == Fit::Error {
        return refuse(format!(
            "is {from}, the key is for {shape}: say --fit resize, crop or pad, or make a key for {from}"
        ));
    }
    if fit == Fit::Pad && (from.height > shape.height || from.width > shape.width) {
        return refuse(format!(
            "is {from}, larger than the key's {shape}: say --fit resize or crop"
        ));
    }
    let mut fitted = Vec::with_capacity(batch.len() * shape.len());
    for image in pixels.chunks_exact(from.len()) {
        let image = spread(image, from, shape.channels);
        let from = Shape::new(from.height, from.width, shape.channels);
        match fit {
            _ if same_size => fitted.extend_from_slice(&image),
            Fit::Resize => fitted.extend_from_slice(&scale(&image, from, shape)),
            _ => fitted.extend_from_slice(&cut(&image, from, shape)),
        }
    }
    batch.pixels = Stored::U8(fitted);
    batch.shape = shape;
    Ok(())
}

/// Repeats a grey channel, as loaders that force colour do.
fn spread(image: &[u8], from: Shape, channels: usize) -> Vec<u8> {
    if from.channels == channels {
        return image.to_vec();
    }
    image
        .iter()
        .flat_map(|v| std::iter::repeat_n(*v, channels))
        .collect()
}

fn scale(image: &[u8], from: Shape, to: Shape) -> Vec<u8> {
    match from.channels {
        3 => scale_as::<Rgb<u8>>(image, from, to),
        1 => scale_as::<Luma<u8>>(image, from, to),
        channels => {
            // Other channel counts are scaled plane by plane.
            let mut out = vec![0; to.height * to.width * channels];
            for channel in 0..channels {
                let plane: Vec<u8> = image.iter().skip(channel).step_by(channels).copied().collect();
                for (place, value) in scale_as::<Luma<u8>>(&plane, from, to).into_iter().enumerate() {
                    out[place * channels + channel] = value;
                }
            }
            out
        }
    }
}

fn scale_as<P: Pixel<Subpixel = u8> + 'static>(image: &[u8], from: Shape, to: Shape) -> Vec<u8> {
    let (width, height) = (from.width as u32, from.height as u32);
    let buffer = ImageBuffer::<P, _>::from_raw(width, height, image).expect("the image fills its shape");
    resize(&buffer, to.width as u32, to.height as u32, FilterType::Triangle).into_raw()
}

/// The middle of the image where it is larger, continued by its last row and column where smaller.
fn cut(image: &[u8], from: Shape, to: Shape) -> Vec<u8> {
    let (top, left) = (
        from.height.saturating_sub(to.height) / 2,
        from.width.saturating_sub(to.width) / 2,
    );
    let mut out = Vec::with_capacity(to.len());
    for row in 0..to.height {
        let row = (row + top).min(from.height - 1);
        for column in 0..to.width {
            let column = (column + left).min(from.width - 1);
            out.extend_from_slice(&image[(row * from.width + column) * from.channels..][..from.channels]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::SampleId;

    fn batch(shape: Shape, pixels: Vec<u8>) -> Batch {
        Batch {
            ids: vec![SampleId::of("a")],
            shape,
            pixels: Stored::U8(pixels),
            ..Batch::new(crate::Depth::U8)
        }
    }

    fn fitted(shape: Shape, pixels: &[u8], to: Shape, how: Fit) -> Result<Stored> {
        let mut batch = batch(shape, pixels.to_vec());
        fit(&mut batch, to, how, Path::new("x")).map(|()| batch.pixels)
    }

    #[test]
    fn sizes_are_refused_cut_continued_or_scaled() {
        let (three, two) = (Shape::new(3, 3, 1), Shape::new(2, 2, 1));
        let nine: Vec<u8> = (1..=9).collect();
        assert!(fitted(three, &nine, two, Fit::Error).is_err());
        assert!(fitted(three, &nine, two, Fit::Pad).is_err());
        assert_eq!(
            fitted(three, &nine, two, Fit::Crop).unwrap(),
            Stored::U8(vec![1, 2, 4, 5])
        );
        let grown = fitted(two, &[1, 2, 3, 4], three, Fit::Pad).unwrap();
        assert_eq!(grown, Stored::U8(vec![1, 2, 2, 3, 4, 4, 3, 4, 4]));
        assert_eq!(
            fitted(three, &[7; 9], two, Fit::Resize).unwrap(),
            Stored::U8(vec![7; 4])
        );
    }

    #[test]
    fn grey_becomes_colour_but_colour_never_grey() {
        let (grey, colour) = (Shape::new(1, 2, 1), Shape::new(1, 2, 3));
        assert_eq!(
            fitted(grey, &[1, 2], colour, Fit::Error).unwrap(),
            Stored::U8(vec![1, 1, 1, 2, 2, 2])
        );
        assert!(fitted(colour, &[1; 6], grey, Fit::Resize).is_err());
    }
}
