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
        let sources: Vec<usize> = self
            .order
            .iter()
            .map(|source| grid.origin(*source as usize))
            .collect();
        let images = from.par_chunks_exact(len).zip(to.par_chunks_exact_mut(len));
        images
            .with_min_len(16)
            .for_each(|(from, to)| move_blocks(grid, &sources, from, to));
    }
}

/// Writes an image row by row, from left to right, so that a copy may run over the end of its
/// block: what it spoils is written next.
fn move_blocks<T: Copy>(grid: &Grid, sources: &[usize], from: &[T], to: &mut [T]) {
    let width = grid.block_row();
    match width {
        1..=4 => each_row(grid, sources, |s, t| copy::<T, 4>(from, s, to, t, width)),
        5..=8 => each_row(grid, sources, |s, t| copy::<T, 8>(from, s, to, t, width)),
        9..=16 => each_row(grid, sources, |s, t| copy::<T, 16>(from, s, to, t, width)),
        17..=32 => each_row(grid, sources, |s, t| copy::<T, 32>(from, s, to, t, width)),
        _ => each_row(grid, sources, |s, t| copy_exactly(from, s, to, t, width)),
    }
}

/// Calls `copy(source, target)` for every row of every block in the order of the targets.
#[inline(always)]
fn each_row(grid: &Grid, sources: &[usize], mut copy: impl FnMut(usize, usize)) {
    let (stride, width) = (grid.padded().row(), grid.block_row());
    for (line, sources) in sources.chunks_exact(grid.columns()).enumerate() {
        for r in 0..grid.block() {
            let mut target = (line * grid.block() + r) * stride;
            for source in sources {
                copy(source + r * stride, target);
                target += width;
            }
        }
    }
}

/// Copies `WIDE` values in one move where they are there to be read and written, or else the
/// `width` that are needed.
#[inline(always)]
fn copy<T: Copy, const WIDE: usize>(from: &[T], source: usize, to: &mut [T], target: usize, width: usize) {
    if let Some(values) = from.get(source..).and_then(|f| f.first_chunk::<WIDE>())
        && let Some(room) = to.get_mut(target..).and_then(|t| t.first_chunk_mut::<WIDE>())
    {
        *room = *values;
    } else {
        copy_exactly(from, source, to, target, width);
    }
}

#[inline(never)]
fn copy_exactly<T: Copy>(from: &[T], source: usize, to: &mut [T], target: usize, width: usize) {
    to[target..target + width].copy_from_slice(&from[source..source + width]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn blocks_are_gathered_and_put_back() {
        for channels in [1, 2, 3] {
            for block in [1, 2, 4, 8, 24] {
                let grid = Grid::new(Shape::new(8 * block, 16 * block / 2, channels), block);
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
