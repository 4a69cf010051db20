//! The board of a puzzle: how plain images become blocks, and how blocks become plain images.

use super::state::orders;
use crate::{Error, Result, Set, Target};
use rayon::prelude::*;
use visard_core::{Grid, Shape};

/// How the planes of an image lie in the one that is cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Planes {
    /// As they are.
    Same,
    /// Y, Cb, Cr side by side.
    Full,
    /// Y, and right of it Cb above Cr at half the size.
    Half,
}

/// The board of a target: the joined image, of the disguised image's shape, and its blocks.
#[derive(Debug)]
pub(super) struct Frame {
    /// The blocks.
    pub grid: Grid,
    outer: Grid,
    planes: Planes,
    /// Whether blocks are moved at all.
    pub moved: bool,
}

impl Frame {
    /// The board of that target.
    ///
    /// # Errors
    /// If `attack` is not for its scheme.
    pub(super) fn new(attack: &'static str, target: &Target) -> Result<Self> {
        let params = target.scheme.params();
        let (gray, half) = match target.name() {
            "etc" => (false, false),
            "etc-gray" => (target.plain.channels == 3, params.text("subsampling") == "420"),
            _ => {
                return Err(Error::Unfit {
                    attack,
                    target: target.describe(),
                    problem: "it attacks etc and etc-gray".into(),
                });
            }
        };
        let block = params.int("block") as usize;
        let planes = match (gray, half) {
            (false, _) => Planes::Same,
            (true, false) => Planes::Full,
            (true, true) => Planes::Half,
        };
        let unit = if planes == Planes::Half { 2 * block } else { block };
        Ok(Self {
            grid: Grid::new(target.scheme.output(target.plain)?.shape, block),
            outer: Grid::new(target.plain, unit),
            planes,
            moved: params.bool("shuffle"),
        })
    }

    /// Side of a block in pixels.
    pub(super) fn side(&self) -> usize {
        self.grid.block()
    }

    /// Channels of a block.
    pub(super) fn channels(&self) -> usize {
        self.grid.padded().channels
    }

    /// Bytes of a block.
    pub(super) fn bytes(&self) -> usize {
        self.side() * self.grid.block_row()
    }

    /// Blocks of an image.
    pub(super) fn pieces(&self) -> usize {
        self.grid.positions()
    }

    /// Rows and columns of blocks.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.pieces() / self.grid.columns(), self.grid.columns())
    }

    /// Orders of channels that a block may have.
    pub(super) fn orders(&self) -> usize {
        orders(self.channels())
    }

    /// Whether plain images are whole numbers of blocks.
    pub(super) fn is_exact(&self) -> bool {
        self.outer.is_exact()
    }

    /// The blocks of a joined or disguised image, one after the other, each (row, column, channel).
    pub(super) fn cut(&self, image: &[u8]) -> Vec<u8> {
        let row = self.grid.padded().row();
        let mut blocks = Vec::with_capacity(image.len());
        for position in 0..self.pieces() {
            for line in 0..self.side() {
                let from = self.grid.origin(position) + line * row;
                blocks.extend_from_slice(&image[from..from + self.grid.block_row()]);
            }
        }
        blocks
    }

    /// Puts a block into a joined image.
    pub(super) fn paste(&self, position: usize, block: &[u8], image: &mut [u8]) {
        let row = self.grid.padded().row();
        for (line, values) in block.chunks_exact(self.grid.block_row()).enumerate() {
            let to = self.grid.origin(position) + line * row;
            image[to..to + values.len()].copy_from_slice(values);
        }
    }

    /// The joined image of a plain one (SPEC 6.8 and 6.9-1 to 6.9-4).
    pub(super) fn join(&self, plain: &[u8]) -> Vec<u8> {
        let padded = self.outer.padded();
        let mut image = vec![0; padded.len()];
        self.outer.pad(plain, &mut image, |v| v);
        if self.planes == Planes::Same {
            return image;
        }
        let (height, width) = (padded.height, padded.width);
        let stride = self.grid.padded().width;
        let mut joined = vec![0; self.grid.padded().len()];
        let colour = |row: usize, column: usize| {
            let at = (row * width + column) * 3;
            to_ycc([image[at], image[at + 1], image[at + 2]])
        };
        for row in 0..height {
            for column in 0..width {
                let [y, cb, cr] = colour(row, column);
                joined[row * stride + column] = y;
                if self.planes == Planes::Full {
                    joined[row * stride + width + column] = cb;
                    joined[row * stride + 2 * width + column] = cr;
                } else if row % 2 == 0 && column % 2 == 0 {
                    let square = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(r, c)| colour(row + r, column + c));
                    let mean =
                        |c: usize| ((square.iter().map(|p| u32::from(p[c])).sum::<u32>() + 2) >> 2) as u8;
                    let at = row / 2 * stride + width + column / 2;
                    joined[at] = mean(1);
                    joined[at + height / 2 * stride] = mean(2);
                }
            }
        }
        joined
    }

    /// Joined images of all images of a set of plain ones.
    pub(super) fn join_all(&self, plain: &Set) -> Result<Vec<Vec<u8>>> {
        let images = plain.as_bytes()?.par_chunks_exact(plain.shape().len());
        Ok(images.map(|image| self.join(image)).collect())
    }

    /// The plain image of a joined one (SPEC 6.9-6).
    pub(super) fn split(&self, joined: &[u8], plain: &mut [u8]) {
        let padded = self.outer.padded();
        if self.planes == Planes::Same {
            return self.outer.crop(joined, plain, |v| v);
        }
        let (height, width) = (padded.height, padded.width);
        let stride = self.grid.padded().width;
        let mut image = Vec::with_capacity(padded.len());
        for row in 0..height {
            for column in 0..width {
                let y = joined[row * stride + column];
                let (cb, cr) = if self.planes == Planes::Full {
                    let at = row * stride + width + column;
                    (joined[at], joined[at + width])
                } else {
                    let at = row / 2 * stride + width + column / 2;
                    (joined[at], joined[at + height / 2 * stride])
                };
                image.extend(to_rgb([y, cb, cr]));
            }
        }
        self.outer.crop(&image, plain, |v| v);
    }

    /// Shape of a plain image.
    pub(super) fn plain(&self) -> Shape {
        self.outer.image()
    }
}

fn confine(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

/// SPEC 6.9-2.
fn to_ycc(rgb: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = rgb.map(i32::from);
    [
        confine((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16),
        confine(((-11_059 * r - 21_709 * g + 32_768 * b + 32_768) >> 16) + 128),
        confine(((32_768 * r - 27_439 * g - 5_329 * b + 32_768) >> 16) + 128),
    ]
}

/// SPEC 6.9-6.
fn to_rgb(ycc: [u8; 3]) -> [u8; 3] {
    let [y, cb, cr] = ycc.map(i32::from);
    let (cb, cr) = (cb - 128, cr - 128);
    [
        confine(y + ((91_881 * cr + 32_768) >> 16)),
        confine(y + ((-22_554 * cb - 46_802 * cr + 32_768) >> 16)),
        confine(y + ((116_130 * cb + 32_768) >> 16)),
    ]
}
