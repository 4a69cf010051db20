//! The loops in plain Rust.

use super::{Lanes, Tile, Tiling, Wide, four_rows, images, lane};

pub(super) fn lanes<const W: usize>(
    stride: usize,
    tiles: &[Tile],
    tables: &[Lanes],
    from: &[u8],
    to: &mut [u8],
) {
    four_rows::<W>(stride, tiles, to, |tile, rows| {
        let source = [0, 1, 2, 3].map(|r| lane::<W>(from, tile.source + r * stride));
        let (source, table) = (source.as_flattened(), &tables[usize::from(tile.table)].whole);
        for (row, table) in rows.into_iter().zip(table.chunks_exact(16)) {
            for (byte, place) in row.iter_mut().zip(table) {
                *byte = source[usize::from(*place) % 64] ^ tile.mask;
            }
        }
    });
}

#[inline(always)]
pub(super) fn wide(tiling: &Tiling, tiles: &[Tile], tables: &[Wide], from: &[u8], to: &mut [u8]) {
    for (from, to) in images(tiling, tiles, from, to) {
        let lines = to.chunks_exact_mut(tiling.side * tiling.stride);
        for (tiles, lines) in tiles.chunks_exact(tiling.stride / tiling.width).zip(lines) {
            for (column, tile) in tiles.iter().enumerate() {
                let (source, table) = (&from[tile.source..], &tables[usize::from(tile.table)]);
                let rows = lines.chunks_exact_mut(tiling.stride);
                for (row, offsets) in rows.zip(table.offsets.chunks_exact(tiling.width)) {
                    let row = &mut row[column * tiling.width..][..tiling.width];
                    for (byte, offset) in row.iter_mut().zip(offsets) {
                        *byte = source[*offset] ^ tile.mask;
                    }
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn xor(mask: &[u8], from: &[u8], to: &mut [u8]) {
    for (from, to) in from.chunks(mask.len()).zip(to.chunks_mut(mask.len())) {
        for ((to, from), mask) in to.iter_mut().zip(from).zip(mask) {
            *to = from ^ mask;
        }
    }
}

#[inline(always)]
pub(super) fn codes(values: &[f32], top: f32, codes: &mut [u16]) {
    // The language's conversion to integers saturates, which compilers do one value at a time. Added to
    // 2^23, a number leaves its nearest integer in the lowest bits, and that may be one too many.
    const WHOLE: f32 = 8_388_608.0;
    for (code, value) in codes.iter_mut().zip(values) {
        let value = value * top + 0.5;
        // What is no number becomes 0.
        let value = if value > 0.0 { value } else { 0.0 };
        let value = if value < 65_535.0 { value } else { 65_535.0 };
        let nearest = value + WHOLE;
        let above = nearest - WHOLE > value;
        *code = (nearest.to_bits() as u16).wrapping_sub(u16::from(above));
    }
}
