//! The loops for AVX-512 with VBMI, whose shuffles take any of 64 or 128 bytes.

use super::{Lanes, Tile, Tiling, Wide, four_rows, images, lane, portable};
use bytemuck::must_cast;
use std::arch::x86_64::*;

#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
fn vector(bytes: &[u8; 64]) -> __m512i {
    let [low, high]: [[u8; 32]; 2] = must_cast(*bytes);
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(must_cast(low)), must_cast(high))
}

#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
fn bytes(vector: __m512i) -> [u8; 64] {
    let (low, high) = (
        _mm512_castsi512_si256(vector),
        _mm512_extracti64x4_epi64::<1>(vector),
    );
    must_cast([low, high])
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
pub(super) fn lanes<const W: usize>(
    stride: usize,
    tiles: &[Tile],
    tables: &[Lanes],
    from: &[u8],
    to: &mut [u8],
) {
    four_rows::<W>(stride, tiles, to, |tile, [a, b, c, d]| {
        let load = |r: usize| must_cast::<_, __m128i>(lane::<W>(from, tile.source + r * stride));
        // Broadcasts from memory need no shuffle unit.
        let mut source = _mm512_castsi128_si512(load(0));
        source = _mm512_mask_broadcast_i32x4(source, 0x00F0, load(1));
        source = _mm512_mask_broadcast_i32x4(source, 0x0F00, load(2));
        source = _mm512_mask_broadcast_i32x4(source, 0xF000, load(3));
        let table = vector(&tables[usize::from(tile.table)].whole);
        let moved = _mm512_permutexvar_epi8(table, source);
        let moved = _mm512_xor_si512(moved, _mm512_set1_epi8(tile.mask as i8));
        let row = |lane: __m128i| must_cast::<_, [u8; 16]>(lane);
        a.copy_from_slice(&row(_mm512_castsi512_si128(moved))[..W]);
        b.copy_from_slice(&row(_mm512_extracti32x4_epi32::<1>(moved))[..W]);
        c.copy_from_slice(&row(_mm512_extracti32x4_epi32::<2>(moved))[..W]);
        d.copy_from_slice(&row(_mm512_extracti32x4_epi32::<3>(moved))[..W]);
    });
}

/// Lines of 64 bytes that hold some tiles, each from the start of a line on.
#[repr(align(64))]
struct Lines([[u8; 64]; Wide::MOST / 32]);

/// Rows of the usual widths are copied by moves of known lengths.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
pub(super) fn wide(tiling: &Tiling, tiles: &[Tile], tables: &[Wide], from: &[u8], to: &mut [u8]) {
    match tiling.width {
        8 => rows::<8>(tiling, tiles, tables, from, to),
        16 => rows::<16>(tiling, tiles, tables, from, to),
        24 => rows::<24>(tiling, tiles, tables, from, to),
        32 => rows::<32>(tiling, tiles, tables, from, to),
        48 => rows::<48>(tiling, tiles, tables, from, to),
        96 => rows::<96>(tiling, tiles, tables, from, to),
        _ => rows::<0>(tiling, tiles, tables, from, to),
    }
}

/// `W` is the width of a tile, 0 if that is not known beforehand.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
fn rows<const W: usize>(tiling: &Tiling, tiles: &[Tile], tables: &[Wide], from: &[u8], to: &mut [u8]) {
    let width = if W == 0 { tiling.width } else { W };
    let (mut source, mut target) = (
        Lines([[0; 64]; Wide::MOST / 32]),
        Lines([[0; 64]; Wide::MOST / 32]),
    );
    // Several tiles at a time: bytes that were just stored in pieces load slowly as one vector.
    let step = tiling.len().next_multiple_of(256) / 64;
    let together = source.0.len() / step;
    for (from, to) in images(tiling, tiles, from, to) {
        let lines = to.chunks_exact_mut(tiling.side * tiling.stride);
        for (tiles, lines) in tiles.chunks_exact(tiling.stride / width).zip(lines) {
            for (group, tiles) in tiles.chunks(together).enumerate() {
                for (tile, room) in tiles.iter().zip(source.0.chunks_exact_mut(step)) {
                    let rows = from[tile.source..].chunks(tiling.stride);
                    let room = room.as_flattened_mut()[..tiling.len()].chunks_exact_mut(width);
                    for (row, room) in rows.zip(room) {
                        room.copy_from_slice(&row[..width]);
                    }
                }
                let rooms = source.0.chunks_exact(step).zip(target.0.chunks_exact_mut(step));
                for (tile, (source, target)) in tiles.iter().zip(rooms) {
                    shuffle(&tables[usize::from(tile.table)], tile.mask, source, target);
                }
                let first = group * together * width;
                for (i, moved) in target.0.chunks_exact(step).take(tiles.len()).enumerate() {
                    let moved = moved.as_flattened()[..tiling.len()].chunks_exact(width);
                    for (row, moved) in lines.chunks_exact_mut(tiling.stride).zip(moved) {
                        row[first + i * width..][..width].copy_from_slice(moved);
                    }
                }
            }
        }
    }
}

/// Four lines of the target at a time from all of the source.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
fn shuffle(table: &Wide, mask: u8, source: &[[u8; 64]], target: &mut [[u8; 64]]) {
    let mask = _mm512_set1_epi8(mask as i8);
    let (fours, _) = table.lines.as_chunks::<4>();
    let picks = table.picks.chunks_exact(table.picks.len() / fours.len());
    let (pairs, _) = source.as_chunks::<2>();
    for ((four, picks), room) in fours.iter().zip(picks).zip(target.as_chunks_mut::<4>().0) {
        let index = [
            vector(&four[0]),
            vector(&four[1]),
            vector(&four[2]),
            vector(&four[3]),
        ];
        let mut sums = [mask; 4];
        for ([low, high], picks) in pairs.iter().zip(picks) {
            let (low, high) = (vector(low), vector(high));
            for i in 0..4 {
                let found = _mm512_maskz_permutex2var_epi8(picks[i], low, index[i], high);
                sums[i] = _mm512_xor_si512(sums[i], found);
            }
        }
        for i in 0..4 {
            room[i] = bytes(sums[i]);
        }
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
pub(super) fn xor(mask: &[u8], from: &[u8], to: &mut [u8]) {
    portable::xor(mask, from, to);
}
