//! Series of values under hashes, and which plain series are which disguised ones.

use super::blocks::{Blocks, nibble};
use std::collections::HashMap;

/// A series of values up to complements: two have the same word if all their values are equal, or
/// all are each other's complements. Equal words of different series are a matter of 2^-100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Word(u64, u64);

/// A series while it is read, and what it came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    word: Word,
    /// Whether the values count as their complements; set by the first value.
    turned: Option<bool>,
}

impl Series {
    /// An empty series of nibbles, known up to complements.
    pub(super) const NIBBLES: Self = Self {
        word: Word(0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344),
        turned: None,
    };

    /// An empty series of bytes that are never complemented.
    pub(super) const BYTES: Self = Self {
        turned: Some(false),
        ..Self::NIBBLES
    };

    /// Adds a value.
    #[inline]
    pub(super) fn push(&mut self, value: u8) {
        let turned = *self.turned.get_or_insert(value >= 8);
        let value = u64::from(if turned { 15 - value } else { value });
        let Word(a, b) = self.word;
        // Each step is a bijection of the state, so that only chance lets two series meet.
        self.word = Word(
            (a ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29),
            (b ^ value).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(37),
        );
    }

    /// The word of the series.
    pub(super) fn word(&self) -> Word {
        self.word
    }

    /// Whether the values counted as their complements.
    pub(super) fn turned(&self) -> bool {
        self.turned.unwrap_or(false)
    }
}

/// The series of the 2d nibbles of a block over all blocks of padded images.
pub(super) fn nibbles_over_blocks(blocks: &Blocks, padded: &[u8]) -> Vec<Series> {
    let (offsets, grid) = (blocks.offsets(), blocks.grid());
    let mut series = vec![Series::NIBBLES; 2 * offsets.len()];
    for image in padded.chunks_exact(grid.padded().len()) {
        for position in 0..grid.positions() {
            let block = &image[grid.origin(position)..];
            for (j, one) in series.iter_mut().enumerate() {
                one.push(nibble(block, &offsets, j));
            }
        }
    }
    series
}

/// The series of the d bytes of a block over all blocks of padded images.
pub(super) fn bytes_over_blocks(blocks: &Blocks, padded: &[u8]) -> Vec<Series> {
    let (offsets, grid) = (blocks.offsets(), blocks.grid());
    let mut series = vec![Series::BYTES; offsets.len()];
    for image in padded.chunks_exact(grid.padded().len()) {
        for position in 0..grid.positions() {
            let origin = grid.origin(position);
            for (one, offset) in series.iter_mut().zip(&offsets) {
                one.push(image[origin + offset]);
            }
        }
    }
    series
}

/// The series of the nibbles of every position over padded images: (positions, 2d), row-major.
pub(super) fn nibbles_over_images(blocks: &Blocks, padded: &[u8]) -> Vec<Series> {
    let (offsets, grid) = (blocks.offsets(), blocks.grid());
    let slots = 2 * offsets.len();
    let mut series = vec![Series::NIBBLES; grid.positions() * slots];
    for image in padded.chunks_exact(grid.padded().len()) {
        for (position, row) in series.chunks_exact_mut(slots).enumerate() {
            let block = &image[grid.origin(position)..];
            for (j, one) in row.iter_mut().enumerate() {
                one.push(nibble(block, &offsets, j));
            }
        }
    }
    series
}

/// Number of different words.
pub(super) fn distinct(series: &[Series]) -> usize {
    let mut words: Vec<Word> = series.iter().map(Series::word).collect();
    words.sort_unstable();
    words.dedup();
    words.len()
}

/// Which plain series each disguised one may be.
#[derive(Debug)]
pub(super) struct Join {
    /// A plain series for each disguised one, no two the same; `None` where none is left.
    pub(super) from: Vec<Option<usize>>,
    /// Whether it is complemented.
    pub(super) flip: Vec<bool>,
    /// Disguised series with exactly one candidate.
    pub(super) single: usize,
    /// Disguised series without any candidate.
    pub(super) empty: usize,
}

impl Join {
    /// The permutation, if every disguised series has its plain one.
    pub(super) fn permutation(&self) -> Option<Vec<usize>> {
        self.from.iter().copied().collect()
    }
}

/// Joins plain and disguised series by their words.
///
/// Candidates are equal words, so the graph of candidates falls into complete bipartite parts: handing
/// out the members of each part in order is a maximum matching.
pub(super) fn join(plain: &[Series], disguised: &[Series]) -> Join {
    let mut parts: HashMap<Word, (Vec<usize>, usize)> = HashMap::with_capacity(plain.len());
    for (place, series) in plain.iter().enumerate() {
        parts.entry(series.word).or_default().0.push(place);
    }
    let mut found = Join {
        from: Vec::with_capacity(disguised.len()),
        flip: Vec::with_capacity(disguised.len()),
        single: 0,
        empty: 0,
    };
    for series in disguised {
        let part = parts.get_mut(&series.word);
        match part.as_ref().map(|(places, _)| places.len()) {
            None => found.empty += 1,
            Some(1) => found.single += 1,
            Some(_) => {}
        }
        let place = part.and_then(|(places, used)| {
            *used += 1;
            places.get(*used - 1).copied()
        });
        found.from.push(place);
        let turned = place.is_some_and(|p| plain[p].turned() != series.turned());
        found.flip.push(turned);
    }
    found
}
