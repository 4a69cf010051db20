//! The block permutation that all block schemes share: one secret order of the block positions
//! for the whole data set, applied after the blocks are transformed.

use crate::{
    Error, Grid, Material,
    schedule::Schedule,
    simd::{self, Gather},
};
use bytemuck::{Pod, cast_slice, cast_slice_mut};
use rayon::prelude::*;
use zeroize::Zeroize;

/// A gather permutation of block positions: output block `i` is source block `order[i]`.
#[derive(Clone)]
pub struct Shuffle {
    order: Vec<u32>,
}

impl Drop for Shuffle {
    fn drop(&mut self) {
        self.order.zeroize();
    }
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
    pub fn apply<T: Pod + Send + Sync>(&self, grid: &Grid, from: &[T], to: &mut [T]) {
        let size = size_of::<T>();
        let sources: Vec<usize> = self
            .order
            .iter()
            .map(|source| grid.origin(*source as usize) * size)
            .collect();
        let gather = Gather {
            sources: &sources,
            stride: grid.padded().row() * size,
            side: grid.block(),
            width: grid.block_row() * size,
        };
        let len = grid.padded().len() * size;
        let images = cast_slice(from)
            .par_chunks_exact(len)
            .zip(cast_slice_mut(to).par_chunks_exact_mut(len));
        images
            .with_min_len(16)
            .for_each(|(from, to)| move_blocks(&gather, from, to));
    }
}

/// Block rows of the usual widths are copied by moves of known lengths.
fn move_blocks(gather: &Gather<'_>, from: &[u8], to: &mut [u8]) {
    match gather.width {
        1 => simd::gather::<1>(gather, from, to),
        2 => simd::gather::<2>(gather, from, to),
        3 => simd::gather::<3>(gather, from, to),
        4 => simd::gather::<4>(gather, from, to),
        6 => simd::gather::<6>(gather, from, to),
        8 => simd::gather::<8>(gather, from, to),
        12 if gather.side == 4 => simd::gather4_rgb(gather, from, to),
        12 => simd::gather::<12>(gather, from, to),
        16 => simd::gather::<16>(gather, from, to),
        24 => simd::gather::<24>(gather, from, to),
        32 => simd::gather::<32>(gather, from, to),
        48 => simd::gather::<48>(gather, from, to),
        width => any_width(gather, width, from, to),
    }
}

fn any_width(gather: &Gather<'_>, width: usize, from: &[u8], to: &mut [u8]) {
    let lines = to.chunks_exact_mut(gather.side * gather.stride);
    for (sources, rows) in gather.sources.chunks_exact(gather.stride / width).zip(lines) {
        for (r, row) in rows.chunks_exact_mut(gather.stride).enumerate() {
            for (source, room) in sources.iter().zip(row.chunks_exact_mut(width)) {
                room.copy_from_slice(&from[source + r * gather.stride..][..width]);
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
