//! Rows of blocks, read from plain or disguised images.

use super::Model;
use crate::Set;
use faer::Mat;
use std::ops::Range;
use visard_core::{Grid, Pixels, Shape};

/// Images as blocks of rows with the mean of the noise taken care of (see [`Model`]).
pub(super) struct Blocks<'a> {
    pixels: &'a Pixels,
    shape: Shape,
    grid: Grid,
    shift: f64,
    count: usize,
}

impl<'a> Blocks<'a> {
    /// Plain images, continued to whole blocks by repeating their last row and column.
    pub(super) fn plain(model: &Model, set: &'a Set) -> Self {
        Self::new(model, set, model.plain_shift())
    }

    /// Disguised images.
    pub(super) fn disguised(model: &Model, set: &'a Set) -> Self {
        Self::new(model, set, model.disguised_shift())
    }

    fn new(model: &Model, set: &'a Set, shift: f64) -> Self {
        Self {
            pixels: set.pixels(),
            shape: set.shape(),
            grid: model.grid,
            shift,
            count: set.len(),
        }
    }

    /// Number of images.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Writes the rows of a block, channel after channel, b values each.
    pub(super) fn rows(&self, image: usize, position: usize, out: &mut [f64]) {
        let start = image * self.shape.len();
        match self.pixels {
            Pixels::U8(v) => self.copy(&v[start..], position, out),
            Pixels::F32(v) => self.copy(&v[start..], position, out),
        }
    }

    /// The rows of a block in several images as the columns of a matrix, b x (images * rows).
    pub(super) fn matrix(&self, position: usize, images: Range<usize>) -> Mat<f64> {
        let side = self.grid.block();
        let size = side * side * self.shape.channels;
        let mut values = vec![0.0; size * images.len()];
        for (image, out) in images.zip(values.chunks_exact_mut(size)) {
            self.rows(image, position, out);
        }
        Mat::from_fn(side, values.len() / side, |i, row| values[row * side + i])
    }

    fn copy<T: Copy + Into<f64>>(&self, image: &[T], position: usize, out: &mut [f64]) {
        let (side, shape) = (self.grid.block(), self.shape);
        let top = position / self.grid.columns() * side;
        let left = position % self.grid.columns() * side;
        for (i, row) in out.chunks_exact_mut(side).enumerate() {
            let (channel, y) = (i / side, (top + i % side).min(shape.height - 1));
            let line = &image[y * shape.row()..][..shape.row()];
            for (k, value) in row.iter_mut().enumerate() {
                let x = (left + k).min(shape.width - 1);
                *value = line[x * shape.channels + channel].into() + self.shift;
            }
        }
    }
}
