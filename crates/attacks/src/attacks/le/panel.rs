//! Series over images of the upper nibbles of every position, and how closely blocks go together.

use super::{
    assign::{minority, turned_levels},
    blocks::{Blocks, nibble},
};
use crate::Result;
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;

/// The upper nibbles of all positions, standardised over the images.
#[derive(Debug)]
pub(super) struct Panel {
    /// Number of positions.
    pub(super) positions: usize,
    /// Upper nibbles of a block, d.
    pub(super) values: usize,
    /// Number of images.
    pub(super) images: usize,
    /// The slot of each row: (positions, d), in 0..2d.
    pub(super) slots: Vec<usize>,
    /// Whether a row is complemented.
    pub(super) flip: Vec<bool>,
    /// Shares of values up to each level, by row.
    pub(super) levels: Vec<[f64; 16]>,
    /// The series, a row each: (positions * d, images).
    pub(super) series: Vec<f32>,
}

struct Part {
    slots: Vec<usize>,
    flip: Vec<bool>,
    levels: Vec<[f64; 16]>,
    series: Vec<f32>,
}

impl Panel {
    /// Bytes of working storage for so many images.
    pub(super) fn bytes(blocks: &Blocks, images: usize) -> u64 {
        let (positions, values) = (blocks.positions() as u64, blocks.values() as u64);
        let threads = rayon::current_num_threads() as u64;
        // The series; closeness in several forms and a layout for each thread; a thread's own products.
        let tables = positions * positions * (48 + 16 * threads) + threads * 12 * positions * values * values;
        positions * values * images as u64 * 5 + tables
    }

    /// Reads padded images. With `plain`, the upper nibbles are where they are; else they are the half of
    /// a block's nibbles that are most correlated with the others, for low ones are nearly white.
    pub(super) fn new(blocks: &Blocks, padded: &[u8], plain: bool) -> Result<Self> {
        let (positions, values) = (blocks.positions(), blocks.values());
        let parts: Vec<Part> = (0..positions)
            .into_par_iter()
            .map(|position| part(blocks, padded, position, plain))
            .collect::<Result<_>>()?;
        let mut panel = Self {
            positions,
            values,
            images: padded.len() / blocks.grid().padded().len(),
            slots: Vec::new(),
            flip: Vec::new(),
            levels: Vec::new(),
            series: Vec::new(),
        };
        for part in parts {
            panel.slots.extend(part.slots);
            panel.flip.extend(part.flip);
            panel.levels.extend(part.levels);
            panel.series.extend(part.series);
        }
        panel.align()?;
        Ok(panel)
    }

    /// The rows of a position.
    pub(super) fn block(&self, position: usize) -> &[f32] {
        &self.series[position * self.values * self.images..][..self.values * self.images]
    }

    /// Complements whole blocks so that their brightness goes along with that of the others.
    fn align(&mut self) -> Result<()> {
        let n = self.positions;
        let sums = self.sums(&vec![0; n * self.values], 1);
        for (position, rare) in minority(&product(&sums, &sums, n, n, self.images), n)?
            .into_iter()
            .enumerate()
        {
            if rare {
                self.turn(position * self.values..(position + 1) * self.values);
            }
        }
        Ok(())
    }

    fn turn(&mut self, rows: std::ops::Range<usize>) {
        for row in rows {
            self.flip[row] = !self.flip[row];
            self.levels[row] = turned_levels(&self.levels[row]);
            let series = &mut self.series[row * self.images..][..self.images];
            series.iter_mut().for_each(|v| *v = -*v);
        }
    }

    /// Complements everything.
    pub(super) fn turn_all(&mut self) {
        self.turn(0..self.slots.len());
    }

    /// The standardised sums of the rows of each position that belong to each of `groups` groups:
    /// (positions * groups, images).
    pub(super) fn sums(&self, group: &[usize], groups: usize) -> Vec<f32> {
        let mut sums = vec![0.0; self.positions * groups * self.images];
        let rows = self.series.chunks_exact(self.images);
        for (row, (series, group)) in rows.zip(group).enumerate() {
            let to = &mut sums[(row / self.values * groups + group) * self.images..][..self.images];
            to.iter_mut().zip(series).for_each(|(sum, v)| *sum += *v);
        }
        sums.par_chunks_exact_mut(self.images).for_each(standardise);
        sums
    }

    /// How closely blocks touch: the mean, over the three upper nibbles of one that are most alike the
    /// other, of the largest correlation; (positions, positions).
    pub(super) fn closeness(&self) -> Vec<f64> {
        let (n, d) = (self.positions, self.values);
        let rows: Vec<f64> = (0..n)
            .into_par_iter()
            .flat_map_iter(|i| {
                let all = product(self.block(i), &self.series, d, n * d, self.images);
                (0..n)
                    .map(|j| {
                        let best = |p: usize| {
                            let row = &all[p * n * d + j * d..][..d];
                            row.iter().fold(0.0f64, |best, v| best.max(v.abs()))
                        };
                        let mut best: Vec<f64> = (0..d).map(best).collect();
                        best.sort_unstable_by(|a, b| b.total_cmp(a));
                        best[..3].iter().sum::<f64>() / 3.0
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        let pairs = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        pairs
            .map(|(i, j)| 0.5 * (rows[i * n + j] + rows[j * n + i]))
            .collect()
    }
}

fn part(blocks: &Blocks, padded: &[u8], position: usize, plain: bool) -> Result<Part> {
    let (offsets, d) = (blocks.offsets(), blocks.values());
    let (len, origin) = (blocks.grid().padded().len(), blocks.grid().origin(position));
    let images = padded.len() / len;
    let read = |slot: usize| -> Vec<u8> {
        let blocks = padded.chunks_exact(len).map(|image| &image[origin..]);
        blocks.map(|block| nibble(block, &offsets, slot)).collect()
    };
    let standard = |slot: usize| -> Vec<f32> {
        let mut series: Vec<f32> = read(slot).into_iter().map(f32::from).collect();
        let mean = series.iter().sum::<f32>() / images as f32;
        series.iter_mut().for_each(|v| *v -= mean);
        standardise(&mut series);
        series
    };
    let slots: Vec<usize> = if plain {
        (d..2 * d).collect()
    } else {
        let all: Vec<f32> = (0..2 * d).flat_map(standard).collect();
        let inside = product(&all, &all, 2 * d, 2 * d, images);
        let energy: Vec<f64> = inside
            .chunks_exact(2 * d)
            .map(|row| row.iter().map(|v| v * v).sum())
            .collect();
        let mut order: Vec<usize> = (0..2 * d).collect();
        order.sort_by(|a, b| energy[*b].total_cmp(&energy[*a]));
        order.truncate(d);
        order.sort_unstable();
        order
    };
    let mut series: Vec<f32> = slots.iter().flat_map(|slot| standard(*slot)).collect();
    let flip = minority(&product(&series, &series, d, d, images), d)?;
    let mut levels = Vec::with_capacity(d);
    for ((row, slot), flip) in series.chunks_exact_mut(images).zip(&slots).zip(&flip) {
        let mut shares = [0.0; 16];
        for value in read(*slot) {
            shares[usize::from(if *flip { 15 - value } else { value })] += 1.0 / images as f64;
        }
        for level in 1..16 {
            shares[level] += shares[level - 1];
        }
        levels.push(shares);
        if *flip {
            row.iter_mut().for_each(|v| *v = -*v);
        }
    }
    Ok(Part {
        slots,
        flip,
        levels,
        series,
    })
}

/// Scales a series of mean 0 to the standard deviation 1.
fn standardise(series: &mut [f32]) {
    let squares: f64 = series.iter().map(|v| f64::from(*v).powi(2)).sum();
    let scale = if squares > 0.0 {
        (series.len() as f64 / squares).sqrt()
    } else {
        0.0
    };
    series.iter_mut().for_each(|v| *v *= scale as f32);
}

/// Means of products of the rows of `a` (m, images) and `b` (n, images): (m, n).
pub(super) fn product(a: &[f32], b: &[f32], m: usize, n: usize, images: usize) -> Vec<f64> {
    let mut result = vec![0.0; m * n];
    matmul(
        MatMut::from_row_major_slice_mut(&mut result, m, n),
        Accum::Replace,
        MatRef::from_row_major_slice(a, m, images),
        MatRef::from_row_major_slice(b, n, images).transpose(),
        1.0 / images as f32,
        Par::Seq,
    );
    result.into_iter().map(f64::from).collect()
}
