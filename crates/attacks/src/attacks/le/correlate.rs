//! Statistics of the places of a block: levels, and correlations inside a block and with the blocks to
//! the right and below.

use super::blocks::{Blocks, nibble};
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;
use std::ops::Range;

/// Images that are read at a time; sums are added in this order, so that threads change nothing.
const CHUNK: usize = 32;

/// Reads the values of all whole blocks of padded images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    blocks: Blocks,
    nibbles: bool,
}

/// Sums over all blocks, slot by slot.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    /// Mean level.
    pub(super) mean: Vec<f64>,
    /// Standard deviation; 0 for a slot that never changes.
    pub(super) sd: Vec<f64>,
    /// Share of blocks with a value of at most 0, 1, .. 15 sixteenths of the range.
    pub(super) levels: Vec<[f64; 16]>,
}

/// Sums over pairs of neighbouring values.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: u64,
    one: u64,
    other: u64,
    squares: [u64; 2],
    product: u64,
}

impl Sums {
    fn add(&mut self, one: u64, other: u64) {
        self.count += 1;
        self.one += one;
        self.other += other;
        self.squares[0] += one * one;
        self.squares[1] += other * other;
        self.product += one * other;
    }

    fn join(&mut self, more: &Self) {
        self.count += more.count;
        self.one += more.one;
        self.other += more.other;
        self.squares[0] += more.squares[0];
        self.squares[1] += more.squares[1];
        self.product += more.product;
    }

    /// Correlation; 0 where a side does not vary.
    fn correlation(&self) -> f64 {
        let count = self.count as f64;
        let (one, other) = (self.one as f64, self.other as f64);
        let [first, second] = self.squares.map(|s| s as f64 * count);
        let scale = ((first - one * one) * (second - other * other)).sqrt();
        if scale > 0.0 {
            (self.product as f64 * count - one * other) / scale
        } else {
            0.0
        }
    }
}

impl Reader {
    /// Reads 2d nibbles of each block, or d bytes.
    pub(super) fn new(blocks: Blocks, nibbles: bool) -> Self {
        Self { blocks, nibbles }
    }

    /// Values of a block.
    pub(super) fn slots(&self) -> usize {
        self.blocks.values() * if self.nibbles { 2 } else { 1 }
    }

    /// Rows and columns of whole blocks.
    pub(super) fn grid(&self) -> (usize, usize) {
        let (image, side) = (self.blocks.grid().image(), self.blocks.grid().block());
        (image.height / side, image.width / side)
    }

    fn read(&self, image: &[u8], values: &mut [u8]) {
        let (offsets, grid) = (self.blocks.offsets(), self.blocks.grid());
        let (rows, columns) = self.grid();
        let mut room = values.chunks_exact_mut(self.slots());
        for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
            let block = &image[grid.origin(row * grid.columns() + column)..];
            for (j, value) in room.next().into_iter().flatten().enumerate() {
                *value = if self.nibbles {
                    nibble(block, &offsets, j)
                } else {
                    block[offsets[j]]
                };
            }
        }
    }

    /// Values of several images, block after block.
    fn chunk(&self, images: &[u8]) -> Vec<u8> {
        let (rows, columns) = self.grid();
        let (from, to) = (self.blocks.grid().padded().len(), rows * columns * self.slots());
        let mut values = vec![0; images.len() / from * to];
        for (image, room) in images.chunks_exact(from).zip(values.chunks_exact_mut(to)) {
            self.read(image, room);
        }
        values
    }

    fn chunks<'a>(&self, images: &'a [u8]) -> Vec<&'a [u8]> {
        images.chunks(CHUNK * self.blocks.grid().padded().len()).collect()
    }

    /// The index pairs (left, right) or (upper, lower) of blocks of one image.
    fn neighbours(&self, down: bool) -> Vec<(usize, usize)> {
        let (rows, columns) = self.grid();
        let (dr, dc) = if down { (1, 0) } else { (0, 1) };
        (0..rows - dr)
            .flat_map(|r| (0..columns - dc).map(move |c| (r, c)))
            .map(|(r, c)| (r * columns + c, (r + dr) * columns + c + dc))
            .collect()
    }

    /// Levels of all slots over padded images, at least one.
    pub(super) fn survey(&self, images: &[u8]) -> Survey {
        let (slots, shift) = (self.slots(), if self.nibbles { 0 } else { 4 });
        let parts: Vec<_> = self
            .chunks(images)
            .into_par_iter()
            .map(|images| {
                let values = self.chunk(images);
                let mut counts = vec![[0u64; 16]; slots];
                let (mut sums, mut squares) = (vec![0u64; slots], vec![0u64; slots]);
                for block in values.chunks_exact(slots) {
                    for (j, value) in block.iter().enumerate() {
                        counts[j][usize::from(value >> shift)] += 1;
                        sums[j] += u64::from(*value);
                        squares[j] += u64::from(*value).pow(2);
                    }
                }
                (counts, sums, squares)
            })
            .collect();
        let images = images.len() / self.blocks.grid().padded().len();
        let (rows, columns) = self.grid();
        let total = |pick: &dyn Fn(usize) -> u64| (0..parts.len()).map(pick).sum::<u64>() as f64;
        let blocks = (images * rows * columns) as f64;
        let mut survey = Survey {
            mean: vec![0.0; slots],
            sd: vec![0.0; slots],
            levels: vec![[0.0; 16]; slots],
        };
        for j in 0..slots {
            let mean = total(&|i| parts[i].1[j]) / blocks;
            let variance = (total(&|i| parts[i].2[j]) / blocks - mean * mean).max(0.0);
            survey.mean[j] = mean;
            survey.sd[j] = variance.sqrt();
            let mut below = 0.0;
            for level in 0..16 {
                below += total(&|i| parts[i].0[j][level]) / blocks;
                survey.levels[j][level] = below;
            }
        }
        survey
    }

    /// How far each nibble goes along with the same one of the block to the right and of the block below: the sum of
    /// the sizes of both correlations, over pairs of blocks in which neither has the nibble's commonest level. For
    /// a background of one level makes lower nibbles go along as upper ones do.
    pub(super) fn along(&self, images: &[u8], survey: &Survey) -> Vec<f64> {
        let slots = self.slots();
        let (rows, columns) = self.grid();
        let pairs = [self.neighbours(false), self.neighbours(true)];
        let usual: Vec<u8> = survey.levels.iter().map(commonest).collect();
        let parts: Vec<[Vec<Sums>; 2]> = self
            .chunks(images)
            .into_par_iter()
            .map(|images| {
                let mut sums = [vec![Sums::default(); slots], vec![Sums::default(); slots]];
                for image in self.chunk(images).chunks_exact(rows * columns * slots) {
                    for (sums, pairs) in sums.iter_mut().zip(&pairs) {
                        for (a, b) in pairs {
                            let (a, b) = (&image[a * slots..][..slots], &image[b * slots..][..slots]);
                            for (j, sum) in sums.iter_mut().enumerate() {
                                if a[j] != usual[j] && b[j] != usual[j] {
                                    sum.add(u64::from(a[j]), u64::from(b[j]));
                                }
                            }
                        }
                    }
                }
                sums
            })
            .collect();
        let correlation = |axis: usize, slot: usize| {
            let mut sum = Sums::default();
            parts.iter().for_each(|part| sum.join(&part[axis][slot]));
            sum.correlation().abs()
        };
        (0..slots)
            .map(|slot| correlation(0, slot) + correlation(1, slot))
            .collect()
    }

    /// Correlation matrices (slots x slots, row-major) of the picked slots: inside a block, with the
    /// block to the right, with the block below.
    pub(super) fn correlations(&self, images: &[u8], survey: &Survey, picks: &[usize]) -> [Vec<f64>; 3] {
        let m = picks.len();
        let chunks = self.chunks(images);
        let mut sums = [vec![0.0; m * m], vec![0.0; m * m], vec![0.0; m * m]];
        let mut counts = [0usize; 3];
        for group in chunks.chunks(4) {
            let parts: Vec<_> = group
                .par_iter()
                .map(|images| self.products(images, survey, picks))
                .collect();
            for (products, rows) in &parts {
                for i in 0..3 {
                    counts[i] += rows[i];
                    for (sum, part) in sums[i].iter_mut().zip(&products[i]) {
                        *sum += f64::from(*part);
                    }
                }
            }
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            sum.iter_mut().for_each(|v| *v /= count as f64);
        }
        sums
    }

    fn products(&self, images: &[u8], survey: &Survey, picks: &[usize]) -> ([Vec<f32>; 3], [usize; 3]) {
        let (slots, m) = (self.slots(), picks.len());
        let (rows, columns) = self.grid();
        let standard: Vec<f32> = self
            .chunk(images)
            .chunks_exact(slots)
            .flat_map(|block| {
                picks.iter().map(|j| match survey.sd[*j] {
                    0.0 => 0.0,
                    sd => ((f64::from(block[*j]) - survey.mean[*j]) / sd) as f32,
                })
            })
            .collect();
        let count = standard.len() / m / (rows * columns);
        let inside = product(&standard, &standard, m);
        let along = |down: bool| {
            let pairs = self.neighbours(down);
            let pick = |side: &dyn Fn(&(usize, usize)) -> usize| -> Vec<f32> {
                let row = |image: usize, block: usize| -> Range<usize> {
                    let from = (image * rows * columns + block) * m;
                    from..from + m
                };
                let places = (0..count).flat_map(|i| pairs.iter().map(move |p| (i, side(p))));
                places
                    .flat_map(|(i, b)| standard[row(i, b)].iter().copied())
                    .collect()
            };
            (product(&pick(&|p| p.0), &pick(&|p| p.1), m), count * pairs.len())
        };
        let ((right, rights), (down, downs)) = (along(false), along(true));
        ([inside, right, down], [standard.len() / m, rights, downs])
    }
}

/// The level that most blocks have, of shares of blocks up to each level.
fn commonest(levels: &[f64; 16]) -> u8 {
    let share = |level: usize| levels[level] - if level > 0 { levels[level - 1] } else { 0.0 };
    (0..16).fold(
        0,
        |best, level| if share(level) > share(best) { level } else { best },
    ) as u8
}

/// a' b for row-major matrices of `m` columns.
fn product(a: &[f32], b: &[f32], m: usize) -> Vec<f32> {
    let mut result = vec![0.0; m * m];
    let rows = a.len() / m;
    matmul(
        MatMut::from_row_major_slice_mut(&mut result, m, m),
        Accum::Replace,
        MatRef::from_row_major_slice(a, rows, m).transpose(),
        MatRef::from_row_major_slice(b, rows, m),
        1.0,
        Par::Seq,
    );
    result
}
