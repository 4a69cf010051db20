//! The loops for AVX2.

use super::{Lanes, Tile, Tiling, Wide, four_rows, lane, portable};
use bytemuck::must_cast;
use std::arch::x86_64::*;

#[target_feature(enable = "avx2")]
pub(super) fn lanes<const W: usize>(
    stride: usize,
    tiles: &[Tile],
    tables: &[Lanes],
    from: &[u8],
    to: &mut [u8],
) {
    four_rows::<W>(stride, tiles, to, |tile, [a, b, c, d]| {
        let load = |r: usize| {
            let row: __m128i = must_cast(lane::<W>(from, tile.source + r * stride));
            _mm256_broadcastsi128_si256(row)
        };
        let source = [load(0), load(1), load(2), load(3)];
        let parts = &tables[usize::from(tile.table)].parts;
        let mask = _mm256_set1_epi8(tile.mask as i8);
        let pick = |row: usize, part: usize| _mm256_shuffle_epi8(source[row], must_cast(parts[part]));
        let join = |first: usize| {
            let left = _mm256_or_si256(pick(0, first), pick(1, first + 1));
            let right = _mm256_or_si256(pick(2, first + 2), pick(3, first + 3));
            _mm256_xor_si256(_mm256_or_si256(left, right), mask)
        };
        let upper: [[u8; 16]; 2] = must_cast(join(0));
        let lower: [[u8; 16]; 2] = must_cast(join(4));
        a.copy_from_slice(&upper[0][..W]);
        b.copy_from_slice(&upper[1][..W]);
        c.copy_from_slice(&lower[0][..W]);
        d.copy_from_slice(&lower[1][..W]);
    });
}

#[target_feature(enable = "avx2")]
pub(super) fn wide(tiling: &Tiling, tiles: &[Tile], tables: &[Wide], from: &[u8], to: &mut [u8]) {
    portable::wide(tiling, tiles, tables, from, to);
}

#[target_feature(enable = "avx2")]
pub(super) fn xor(mask: &[u8], from: &[u8], to: &mut [u8]) {
    portable::xor(mask, from, to);
}

#[target_feature(enable = "avx2")]
pub(super) fn codes(values: &[f32], top: f32, codes: &mut [u16]) {
    portable::codes(values, top, codes);
}
