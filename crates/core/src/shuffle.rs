//! The block permutation that all block schemes share: one secret order of the block positions
//! for the whole data set, applied after the blocks are transformed.

use crate::{Error, Grid, Material, schedule::Schedule};
use rayon::prelude::*;

/// A gather permutation of block positions: output block `i` is source block `order[i]`.
#[derive(Clone)]
pub struct Shuffle {
    order: Vec<u32>,
}

impl Shuffle {
    /// Takes `block_perm` from explicit material (identity where absent), or else derives it.
    pub fn prepare(
        schedule: &Schedule,
        material: Option<&Material>,
        positions: usize,
        wanted: bool,
    ) -> Result<Self, Error> {
        let order = match material {
            Some(material) => material.permutation("block_perm", positions)?,
            None => wanted.then(|| schedule.stream("block-permutation", &[]).permutation(positions)),
        };
        Ok(Self::new(&order.unwrap_or_else(|| (0..positions).collect())))
    }

    /// The shuffle of an explicit permutation.
    pub fn new(order: &[usize]) -> Self {
        Self {
            order: order.iter().map(|i| *i as u32).collect(),
        }
    }

    /// Source position of each output position.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The shuffle that undoes this one.
    pub fn inverse(&self) -> Self {
        let mut order = vec![0; self.order.len()];
        for (to, from) in self.order.iter().enumerate() {
            order[*from as usize] = to as u32;
        }
        Self { order }
    }

    /// Moves the blocks of whole padded images, in parallel over the images.
    pub fn apply<T: Copy + Send + Sync>(&self, grid: &Grid, from: &[T], to: &mut [T]) {
        let len = grid.padded().len();
        let images = from.par_chunks_exact(len).zip(to.par_chunks_exact_mut(len));
        images
            .with_min_len(16)
            .for_each(|(from, to)| self.apply_one(grid, from, to));
    }

    fn apply_one<T: Copy>(&self, grid: &Grid, from: &[T], to: &mut [T]) {
        // Block rows of fixed length compile to a few moves instead of calls to memcpy.
        match grid.block_row() {
            4 => self.copy::<T, 4>(grid, from, to),
            8 => self.copy::<T, 8>(grid, from, to),
            12 => self.copy::<T, 12>(grid, from, to),
            16 => self.copy::<T, 16>(grid, from, to),
            24 => self.copy::<T, 24>(grid, from, to),
            48 => self.copy::<T, 48>(grid, from, to),
            n => self.each_block(grid, |source, target| {
                to[target..target + n].copy_from_slice(&from[source..source + n]);
            }),
        }
    }

    fn copy<T: Copy, const N: usize>(&self, grid: &Grid, from: &[T], to: &mut [T]) {
        self.each_block(grid, |source, target| {
            if let (Some(s), Some(t)) = (
                from[source..].first_chunk::<N>(),
                to[target..].first_chunk_mut::<N>(),
            ) {
                *t = *s;
            }
        });
    }

    #[inline(always)]
    fn each_block(&self, grid: &Grid, mut row: impl FnMut(usize, usize)) {
        let stride = grid.padded().row();
        for (target, source) in self.order.iter().enumerate() {
            let (source, target) = (grid.origin(*source as usize), grid.origin(target));
            for r in 0..grid.block() {
                row(source + r * stride, target + r * stride);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn blocks_are_gathered_and_put_back() {
        for channels in [1, 2, 3] {
            for block in [1, 2, 4, 8] {
                let grid = Grid::new(Shape::new(8, 16, channels), block);
                let shuffle = Shuffle::new(&(0..grid.positions()).rev().collect::<Vec<_>>());
                let from: Vec<u8> = (0..2 * grid.padded().len()).map(|i| i as u8).collect();
                let (mut to, mut back) = (vec![0; from.len()], vec![0; from.len()]);
                shuffle.apply(&grid, &from, &mut to);
                let last = grid.origin(grid.positions() - 1);
                assert_eq!(to[..channels], from[last..last + channels]);
                shuffle.inverse().apply(&grid, &to, &mut back);
                assert_eq!(back, from);
            }
        }
    }
}
