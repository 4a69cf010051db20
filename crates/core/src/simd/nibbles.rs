//! Nibble permutations of whole blocks, with some nibbles complemented.
//!
//! A block of d bytes is a row of 2d nibbles: the low ones of all bytes, then the high ones. The
//! loops read and write bytes and take the nibbles out of them on the way; the permutation is kept
//! as tables that byte shuffles take directly.

#[cfg(target_arch = "x86_64")]
use super::{AVX2, VBMI};
use zeroize::Zeroize;

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;
#[cfg(target_arch = "x86_64")]
mod wide;

/// Bytes that one table describes.
const LANES: usize = 64;

/// Tables of the largest block: 16 x 16 pixels of 16 channels.
const MAX_TABLES: usize = 64;

/// One entry for the low and one for the high nibble of 64 neighbouring bytes of a block.
#[derive(Clone, Copy, Zeroize)]
#[repr(C, align(64))]
struct Picks {
    low: [u8; LANES],
    high: [u8; LANES],
}

/// Bits of an entry that name a byte among 64.
const BYTE: u8 = 0x3F;
/// Bit of an entry: the high nibble of that byte.
const HIGH: u8 = 0x40;
/// Bit of an entry: complement the nibble.
const TURNED: u8 = 0x80;

impl Picks {
    const NONE: Self = Self {
        low: [0; LANES],
        high: [0; LANES],
    };
}

/// The nibble permutations of one block, or of every block position in the order of the output;
/// wiped when dropped.
pub(crate) struct NibbleKeys {
    /// Bytes in a block.
    bytes: usize,
    /// Tables of each permutation.
    tables: usize,
    /// Entries: byte within its 64, half, complement.
    picks: Vec<Picks>,
    /// Number of the 64 bytes that each entry means; empty where a block has no more than 64.
    chunks: Vec<Picks>,
}

impl Drop for NibbleKeys {
    fn drop(&mut self) {
        self.picks.zeroize();
        self.chunks.zeroize();
    }
}

impl NibbleKeys {
    /// No permutation yet, and room for `count` of blocks of `bytes` bytes, at most 4,096.
    pub(crate) fn with_capacity(bytes: usize, count: usize) -> Self {
        let tables = bytes.div_ceil(LANES);
        Self {
            bytes,
            tables,
            picks: Vec::with_capacity(tables * count),
            chunks: Vec::with_capacity(if tables > 1 { tables * count } else { 0 }),
        }
    }

    /// Adds a permutation: output nibble `j` is input nibble `perm[j]`, complemented if `flip[j]`.
    pub(crate) fn push(&mut self, perm: &[usize], flip: &[bool]) {
        let half = self.bytes;
        // Chunk and entry for output nibble `slot`.
        let entry = |slot: usize| {
            let (byte, high) = match perm[slot] {
                from if from < half => (from, 0),
                from => (from - half, HIGH),
            };
            let turned = if flip[slot] { TURNED } else { 0 };
            ((byte / LANES) as u8, (byte % LANES) as u8 | high | turned)
        };
        for first in (0..half).step_by(LANES) {
            let (mut picks, mut chunks) = (Picks::NONE, Picks::NONE);
            for lane in 0..LANES.min(half - first) {
                (chunks.low[lane], picks.low[lane]) = entry(first + lane);
                (chunks.high[lane], picks.high[lane]) = entry(half + first + lane);
            }
            self.picks.push(picks);
            if self.tables > 1 {
                self.chunks.push(chunks);
            }
        }
    }

    /// Whether all positions share one permutation.
    fn is_one(&self) -> bool {
        self.picks.len() == self.tables
    }

    /// Entries and chunks for an output position.
    #[inline(always)]
    fn at(&self, position: usize) -> (&[Picks], &[Picks]) {
        let first = if self.is_one() { 0 } else { position * self.tables };
        let chunks = if self.chunks.is_empty() {
            &[]
        } else {
            &self.chunks[first..][..self.tables]
        };
        (&self.picks[first..][..self.tables], chunks)
    }
}

/// What happens to the blocks of an image: where each comes from, and its permutation.
pub(crate) struct NibblePlan {
    /// Start of the source block of each output position, in bytes.
    pub(crate) sources: Vec<usize>,
    /// Length of an image in bytes.
    pub(crate) len: usize,
    /// Length of a row of the image in bytes.
    pub(crate) stride: usize,
    /// Rows of a block.
    pub(crate) side: usize,
    /// Length of a row of a block in bytes.
    pub(crate) width: usize,
    /// The permutations.
    pub(crate) keys: NibbleKeys,
}

impl Drop for NibblePlan {
    fn drop(&mut self) {
        self.sources.zeroize();
    }
}

impl NibblePlan {
    fn columns(&self) -> usize {
        self.stride / self.width
    }

    /// Start of each output block within an image.
    fn targets(&self) -> impl Iterator<Item = usize> {
        let (stride, width) = (self.stride, self.width);
        (0..self.len)
            .step_by(self.side * stride)
            .flat_map(move |at| (at..at + stride).step_by(width))
    }

    /// Copies the block that starts at `at` into `block`, row after row.
    #[inline(always)]
    fn load(&self, image: &[u8], at: usize, block: &mut [u8]) {
        for (r, row) in block.chunks_exact_mut(self.width).take(self.side).enumerate() {
            copy(&image[at + r * self.stride..][..self.width], row);
        }
    }

    /// Copies a block to `at`.
    #[inline(always)]
    fn store(&self, block: &[u8], image: &mut [u8], at: usize) {
        for (r, row) in block.chunks_exact(self.width).take(self.side).enumerate() {
            copy(row, &mut image[at + r * self.stride..][..self.width]);
        }
    }
}

/// Copies between slices of equal length; short ones by two moves of known length that overlap.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    match from.len() {
        4..8 => copy_ends::<4>(from, to),
        8..16 => copy_ends::<8>(from, to),
        16..=32 => copy_ends::<16>(from, to),
        _ => to.copy_from_slice(from),
    }
}

#[inline(always)]
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(a), Some(b)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
        if let Some(room) = to.first_chunk_mut() {
            *room = *a;
        }
        if let Some(room) = to.last_chunk_mut() {
            *room = *b;
        }
    }
}

/// Permutes the nibbles of the blocks of whole images, several one after the other.
pub(crate) fn permute_nibbles(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    match (plan.side, plan.width) {
        (4, 12) => rgb4(plan, from, to),
        (4, 4) => gray4(plan, from, to),
        _ => any(plan, from, to),
    }
}

fn rgb4(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    dispatch_wide!(wide::rgb4, avx2::rgb4, portable::any, (plan, from, to))
}

fn gray4(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    dispatch!(avx2::gray4, portable::any, (plan, from, to))
}

fn any(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    dispatch_wide!(wide::any, avx2::any, portable::any, (plan, from, to))
}

#[cfg(test)]
mod tests;
