//! Image shapes, the block grid, padding and cropping.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Height x width x channels of one image. Pixels lie row by row, channels fastest (H, W, C).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Shape {
    /// Rows of pixels, at least 1.
    pub height: usize,
    /// Columns of pixels, at least 1.
    pub width: usize,
    /// Values per pixel, 1 to 16.
    pub channels: usize,
}

impl Shape {
    /// Largest height or width that a shape may name.
    pub const MAX_SIDE: usize = 65_535;
    /// Largest number of channels that a shape may name.
    pub const MAX_CHANNELS: usize = 16;

    /// A shape; the values are checked only where text or files are read.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self {
            height,
            width,
            channels,
        }
    }

    /// Values in one image: height * width * channels.
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Values in one row: width * channels.
    pub const fn row(&self) -> usize {
        self.width * self.channels
    }

    /// Refuses zero sides, absurd sides, and more than [`Self::MAX_CHANNELS`] channels.
    pub fn check(self) -> Result<Self, Error> {
        let side = 1..=Self::MAX_SIDE;
        let ok = side.contains(&self.height)
            && side.contains(&self.width)
            && (1..=Self::MAX_CHANNELS).contains(&self.channels);
        ok.then_some(self).ok_or_else(|| Error::Shape {
            shape: self,
            problem: format!(
                "sides must be 1 to {} and channels 1 to {}",
                Self::MAX_SIDE,
                Self::MAX_CHANNELS
            ),
        })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::ShapeText(text.into());
        let sides: Vec<usize> = text
            .split('x')
            .map(|part| part.parse().map_err(|_| bad()))
            .collect::<Result<_, _>>()?;
        let [height, width, channels] = sides[..] else {
            return Err(bad());
        };
        Self::new(height, width, channels).check()
    }
}

impl From<Shape> for String {
    fn from(shape: Shape) -> Self {
        shape.to_string()
    }
}

impl TryFrom<String> for Shape {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

/// The grid of b x b blocks over an image, numbered row by row from 0.
///
/// An image whose sides are not multiples of b is continued at the bottom and the right by
/// repeating its last row and column (SCHEMES, section 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    image: Shape,
    padded: Shape,
    block: usize,
}

impl Grid {
    /// The grid of `block` x `block` pixels over `image`; `block` must not be 0.
    pub fn new(image: Shape, block: usize) -> Self {
        let up = |side: usize| side.div_ceil(block) * block;
        let padded = Shape::new(up(image.height), up(image.width), image.channels);
        Self { image, padded, block }
    }

    /// Shape of the image before padding.
    pub const fn image(&self) -> Shape {
        self.image
    }

    /// Shape of the image after padding.
    pub const fn padded(&self) -> Shape {
        self.padded
    }

    /// Side of a block in pixels.
    pub const fn block(&self) -> usize {
        self.block
    }

    /// Blocks in one row of blocks.
    pub const fn columns(&self) -> usize {
        self.padded.width / self.block
    }

    /// Number of block positions in an image.
    pub const fn positions(&self) -> usize {
        self.columns() * (self.padded.height / self.block)
    }

    /// Whether every image already is a whole number of blocks.
    pub fn is_exact(&self) -> bool {
        self.image == self.padded
    }

    /// Index of the first value of block `position` within a padded image.
    pub const fn origin(&self, position: usize) -> usize {
        let (row, column) = (position / self.columns(), position % self.columns());
        (row * self.padded.width + column) * self.block * self.padded.channels
    }

    /// Values in one row of one block: block side * channels.
    pub const fn block_row(&self) -> usize {
        self.block * self.padded.channels
    }

    /// Copies an image into a padded one, converting each value with `convert`.
    pub fn pad<A: Copy, B: Copy>(&self, image: &[A], padded: &mut [B], convert: impl Fn(A) -> B) {
        let (from, to) = (self.image, self.padded);
        for row in 0..to.height {
            let source = &image[row.min(from.height - 1) * from.row()..][..from.row()];
            let target = &mut padded[row * to.row()..][..to.row()];
            for (t, s) in target.iter_mut().zip(source) {
                *t = convert(*s);
            }
            for column in from.width..to.width {
                let (left, right) = target.split_at_mut(column * to.channels);
                right[..to.channels].copy_from_slice(&left[left.len() - to.channels..]);
            }
        }
    }

    /// Copies the unpadded part of a padded image, converting each value with `convert`.
    pub fn crop<A: Copy, B>(&self, padded: &[A], image: &mut [B], convert: impl Fn(A) -> B) {
        let (from, to) = (self.padded, self.image);
        for row in 0..to.height {
            let source = &padded[row * from.row()..][..to.row()];
            let target = &mut image[row * to.row()..][..to.row()];
            for (t, s) in target.iter_mut().zip(source) {
                *t = convert(*s);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_read_what_they_print_and_refuse_the_rest() {
        let shape: Shape = "28x30x3".parse().unwrap();
        assert_eq!(shape, Shape::new(28, 30, 3));
        assert_eq!(shape.to_string(), "28x30x3");
        for bad in [
            "",
            "28",
            "28x28",
            "0x1x1",
            "1x1x17",
            "70000x1x1",
            "axbxc",
            "1x1x1x1",
            "-1x2x3",
        ] {
            assert!(bad.parse::<Shape>().is_err(), "{bad}");
        }
    }

    #[test]
    fn padding_repeats_the_last_row_and_column() {
        let grid = Grid::new(Shape::new(2, 3, 2), 2);
        assert_eq!(grid.padded(), Shape::new(2, 4, 2));
        let image: Vec<u8> = (0..12).collect();
        let mut padded = vec![0u8; 16];
        grid.pad(&image, &mut padded, |v| v);
        assert_eq!(padded, [0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 10, 11, 10, 11]);
        let mut back = vec![0u8; 12];
        grid.crop(&padded, &mut back, |v| v);
        assert_eq!(back, image);
        let tall = Grid::new(Shape::new(1, 1, 1), 3);
        let mut out = vec![0u8; 9];
        tall.pad(&[7], &mut out, |v| v);
        assert_eq!(out, [7; 9]);
    }
}
