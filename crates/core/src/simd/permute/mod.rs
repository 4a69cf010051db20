//! The loops that move the bytes of blocks: each tile of a target image is made of the bytes of one
//! source tile, in the order of a table, with a mask on every byte. Portable loops, and the same
//! for AVX2 and AVX-512 VBMI.

use super::try_window;
#[cfg(target_arch = "x86_64")]
use super::{AVX2, VBMI};
use zeroize::Zeroize;

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;
#[cfg(target_arch = "x86_64")]
mod vbmi;

/// What a tile of the target image is made of.
#[derive(Clone, Copy, Zeroize)]
pub(crate) struct Tile {
    /// First byte of the source tile within its image.
    pub(crate) source: usize,
    /// Number of the table of its bytes.
    pub(crate) table: u16,
    /// XORed on every byte.
    pub(crate) mask: u8,
}

/// How the tiles of an image lie, in bytes. The image is a whole number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiling {
    /// Length of a row of the image.
    pub(crate) stride: usize,
    /// Rows of a tile.
    pub(crate) side: usize,
    /// Length of a row of a tile.
    pub(crate) width: usize,
}

impl Tiling {
    /// Bytes of a tile.
    pub(crate) const fn len(&self) -> usize {
        self.side * self.width
    }

    /// First byte of tile `position` within an image.
    pub(crate) const fn origin(&self, position: usize) -> usize {
        let columns = self.stride / self.width;
        position / columns * self.side * self.stride + position % columns * self.width
    }
}

/// The table of a tile of four rows of at most 16 bytes. A row takes a lane of 16 bytes.
#[derive(Clone, Zeroize)]
#[repr(align(64))]
pub(crate) struct Lanes {
    /// For byte `16 r + k` of the target: `16 r' + k'` of the source.
    whole: [u8; 64],
    /// Two target rows from one source row each, pair by pair of target rows; 0x80 where the byte
    /// comes from another source row.
    parts: [[u8; 32]; 8],
}

impl Lanes {
    /// From the source byte of each target byte, both numbered row by row within the tile.
    pub(crate) fn new(table: &[u16], width: usize) -> Self {
        let mut lanes = Self {
            whole: [0; 64],
            parts: [[0x80; 32]; 8],
        };
        for (to, from) in table.iter().enumerate() {
            let (row, column) = (to / width, to % width);
            let (source, place) = (*from as usize / width, *from as usize % width);
            lanes.whole[16 * row + column] = (16 * source + place) as u8;
            lanes.parts[row / 2 * 4 + source][row % 2 * 16 + column] = place as u8;
        }
        lanes
    }
}

/// The table of a tile of any geometry.
pub(crate) struct Wide {
    /// For each byte of the target tile: how far its source lies from the first byte of the source
    /// tile, within the image.
    offsets: Vec<usize>,
    /// The same for tiles of at most [`Wide::MOST`] bytes packed together, in lines of 64 target
    /// bytes: the source byte modulo 128.
    lines: Vec<[u8; 64]>,
    /// For four lines and 128 source bytes each: which bytes come from there.
    picks: Vec<[u64; 4]>,
}

impl Drop for Wide {
    fn drop(&mut self) {
        self.offsets.zeroize();
        self.lines.zeroize();
        self.picks.zeroize();
    }
}

impl Wide {
    /// Longest tile that is moved by vectors: the work for a byte grows with the tile.
    const MOST: usize = 3072;

    /// From the source byte of each target byte, both numbered row by row within the tile.
    pub(crate) fn new(table: &[u16], tiling: &Tiling) -> Self {
        let offset = |from: &u16| {
            let from = usize::from(*from);
            from / tiling.width * tiling.stride + from % tiling.width
        };
        let mut wide = Self {
            offsets: table.iter().map(offset).collect(),
            lines: Vec::new(),
            picks: Vec::new(),
        };
        if table.len() > Self::MOST {
            return wide;
        }
        let (fours, pairs) = (table.len().div_ceil(256), table.len().div_ceil(128));
        wide.lines.resize(4 * fours, [0; 64]);
        wide.picks.resize(fours * pairs, [0; 4]);
        for (to, from) in table.iter().map(|from| usize::from(*from)).enumerate() {
            wide.lines[to / 64][to % 64] = (from % 128) as u8;
            wide.picks[to / 256 * pairs + from / 128][to / 64 % 4] |= 1 << (to % 64);
        }
        wide
    }
}

/// Moves tiles of four rows of `W` bytes, at most 16, in one image.
pub(crate) fn lanes<const W: usize>(
    stride: usize,
    tiles: &[Tile],
    tables: &[Lanes],
    from: &[u8],
    to: &mut [u8],
) {
    dispatch_wide!(
        vbmi::lanes::<W>,
        avx2::lanes::<W>,
        portable::lanes::<W>,
        (stride, tiles, tables, from, to)
    )
}

/// Moves tiles of any geometry, in several images.
pub(crate) fn wide(tiling: &Tiling, tiles: &[Tile], tables: &[Wide], from: &[u8], to: &mut [u8]) {
    if tiling.len() > Wide::MOST {
        return portable::wide(tiling, tiles, tables, from, to);
    }
    dispatch_wide!(
        vbmi::wide,
        avx2::wide,
        portable::wide,
        (tiling, tiles, tables, from, to)
    )
}

/// `to = from xor mask`, the mask over and over.
pub(crate) fn xor(mask: &[u8], from: &[u8], to: &mut [u8]) {
    dispatch_wide!(vbmi::xor, avx2::xor, portable::xor, (mask, from, to))
}

/// `value * top`, rounded half up and confined to what a code can be.
pub(crate) fn codes(values: &[f32], top: f32, codes: &mut [u16]) {
    dispatch!(avx2::codes, portable::codes, (values, top, codes))
}

/// Reads every cache line of an image once, in order: memory is fast only that way, and what comes
/// after reads in a secret order. Small images need no such help.
pub(crate) fn touch(image: &[u8]) {
    if image.len() > 16 * 1024 {
        let seen = image.iter().step_by(64).fold(0, |seen, byte| seen | byte);
        std::hint::black_box(seen);
    }
}

/// Images one by one, with their rooms.
#[inline(always)]
fn images<'a>(
    tiling: &Tiling,
    tiles: &[Tile],
    from: &'a [u8],
    to: &'a mut [u8],
) -> impl Iterator<Item = (&'a [u8], &'a mut [u8])> {
    let len = tiles.len() * tiling.len();
    let images = from.chunks_exact(len).zip(to.chunks_exact_mut(len));
    images.inspect(|(from, _)| touch(from))
}

/// The `W` bytes from `at` on, and what follows them in the image.
#[inline(always)]
fn lane<const W: usize>(from: &[u8], at: usize) -> [u8; 16] {
    match try_window(from, at) {
        Some(bytes) => *bytes,
        None => last_lane::<W>(&from[at..]),
    }
}

#[cold]
fn last_lane<const W: usize>(from: &[u8]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..W].copy_from_slice(&from[..W]);
    bytes
}

/// Calls `each` with every tile of four rows and its room in the image.
#[inline(always)]
fn four_rows<const W: usize>(
    stride: usize,
    tiles: &[Tile],
    to: &mut [u8],
    each: impl Fn(&Tile, [&mut [u8; W]; 4]),
) {
    let lines = to.chunks_exact_mut(4 * stride);
    for (tiles, lines) in tiles.chunks_exact(stride / W).zip(lines) {
        let (upper, lower) = lines.split_at_mut(2 * stride);
        let ((first, second), (third, fourth)) = (upper.split_at_mut(stride), lower.split_at_mut(stride));
        let rows = first.as_chunks_mut().0.iter_mut().zip(second.as_chunks_mut().0);
        let rows = rows.zip(third.as_chunks_mut().0.iter_mut().zip(fourth.as_chunks_mut().0));
        for (((a, b), (c, d)), tile) in rows.zip(tiles) {
            each(tile, [a, b, c, d]);
        }
    }
}

#[cfg(test)]
mod tests;
