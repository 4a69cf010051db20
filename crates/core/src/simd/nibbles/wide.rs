//! The loops for AVX-512: a table of 128 nibbles in two registers, and four blocks at a time where
//! blocks are 4x4 pixels.

use super::{
    LANES, MAX_TABLES, NibblePlan, Picks,
    avx2::{dozen, four_rows},
};
use bytemuck::{must_cast, must_cast_mut, must_cast_ref};
use std::arch::x86_64::*;

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn load(bytes: &[u8; LANES]) -> __m512i {
    let halves: &[[u8; 32]; 2] = must_cast_ref(bytes);
    let low = _mm512_castsi256_si512(must_cast(halves[0]));
    _mm512_inserti64x4::<1>(low, must_cast(halves[1]))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn lanes(quarters: [__m128i; 4]) -> __m512i {
    let first = _mm512_castsi128_si512(quarters[0]);
    let second = _mm512_inserti32x4::<1>(first, quarters[1]);
    let third = _mm512_inserti32x4::<2>(second, quarters[2]);
    _mm512_inserti32x4::<3>(third, quarters[3])
}

/// The low and the high nibbles of 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn split(bytes: __m512i) -> [__m512i; 2] {
    let nibble = _mm512_set1_epi8(0x0F);
    [
        _mm512_and_si512(bytes, nibble),
        _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), nibble),
    ]
}

/// Bits to turn in 64 bytes, from the entries for their low and high nibbles.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn turned(low: __m512i, high: __m512i) -> __m512i {
    let a = _mm512_maskz_mov_epi8(_mm512_movepi8_mask(low), _mm512_set1_epi8(0x0F));
    let b = _mm512_maskz_mov_epi8(_mm512_movepi8_mask(high), _mm512_set1_epi8(-0x10));
    _mm512_or_si512(a, b)
}

/// Bytes of low nibbles `a` and high nibbles `b`, complemented as the entries say.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn merge(a: __m512i, b: __m512i, low: __m512i, high: __m512i) -> __m512i {
    // The three values are combined by exclusive or; no bit is set in both of `a` and the shifted `b`.
    _mm512_ternarylogic_epi64::<0x96>(a, _mm512_slli_epi16::<4>(b), turned(low, high))
}

/// Permutes the nibbles of up to 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn permute(bytes: __m512i, picks: &Picks) -> __m512i {
    let [lows, highs] = split(bytes);
    let (low, high) = (load(&picks.low), load(&picks.high));
    // Bits 0 to 6 of an entry are the place among 64 low and 64 high nibbles.
    let a = _mm512_permutex2var_epi8(lows, low, highs);
    let b = _mm512_permutex2var_epi8(lows, high, highs);
    merge(a, b, low, high)
}

/// The first column of each four blocks of a row. The last four may overlap those before them.
#[inline(always)]
fn fours(columns: usize) -> impl Iterator<Item = usize> {
    let last = columns.saturating_sub(4);
    (0..columns).step_by(4).map(move |first| first.min(last))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
pub(super) fn rgb4(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    if plan.keys.is_one() {
        rgb4_keys::<true>(plan, from, to);
    } else {
        rgb4_keys::<false>(plan, from, to);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn rgb4_keys<const ONE: bool>(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    let (stride, columns) = (plan.stride, plan.columns());
    // Two blocks' upper rows, two blocks' lower rows; then one row of two such pairs.
    let upper = _mm512_setr_epi32(0, 1, 2, 16, 17, 18, 3, 4, 5, 19, 20, 21, 0, 0, 0, 0);
    let lower = _mm512_setr_epi32(6, 7, 8, 22, 23, 24, 9, 10, 11, 25, 26, 27, 0, 0, 0, 0);
    let even = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 16, 17, 18, 19, 20, 21, 0, 0, 0, 0);
    let odd = _mm512_setr_epi32(6, 7, 8, 9, 10, 11, 22, 23, 24, 25, 26, 27, 0, 0, 0, 0);
    for (start, to) in (0..).step_by(plan.len).zip(to.chunks_exact_mut(plan.len)) {
        // Rows are read a little past their end, so the images behind this one stay in reach.
        let from = four_rows(&from[start..], stride);
        let lines = to
            .chunks_exact_mut(4 * stride)
            .zip(plan.sources.chunks_exact(columns));
        for (line, (rows, sources)) in lines.enumerate() {
            let (front, back) = rows.split_at_mut(2 * stride);
            let (upper_rows, lower_rows) = (front.split_at_mut(stride), back.split_at_mut(stride));
            for first in fours(columns) {
                let at = &sources[first..columns.min(first + 4)];
                let position = line * columns + first;
                // Where there are less than four blocks the last is repeated, and not stored.
                let last = at.len() - 1;
                let (second, third) = (last.min(1), last.min(2));
                let picks = if ONE {
                    [&plan.keys.picks[0]; 4]
                } else {
                    let picks = &plan.keys.picks[position..=position + last];
                    [&picks[0], &picks[second], &picks[third], &picks[last]]
                };
                let a = permute(rgb4_block(&from, at[0]), picks[0]);
                let b = permute(rgb4_block(&from, at[second]), picks[1]);
                let c = permute(rgb4_block(&from, at[third]), picks[2]);
                let d = permute(rgb4_block(&from, at[last]), picks[3]);
                let (ab, cd) = (
                    _mm512_permutex2var_epi32(a, upper, b),
                    _mm512_permutex2var_epi32(c, upper, d),
                );
                put(upper_rows.0, first, _mm512_permutex2var_epi32(ab, even, cd));
                put(upper_rows.1, first, _mm512_permutex2var_epi32(ab, odd, cd));
                let (ab, cd) = (
                    _mm512_permutex2var_epi32(a, lower, b),
                    _mm512_permutex2var_epi32(c, lower, d),
                );
                put(lower_rows.0, first, _mm512_permutex2var_epi32(ab, even, cd));
                put(lower_rows.1, first, _mm512_permutex2var_epi32(ab, odd, cd));
            }
        }
    }
}

/// The 48 bytes of the block that starts at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn rgb4_block(from: &[&[u8]; 4], at: usize) -> __m512i {
    let close = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 0, 0, 0, 0);
    let rows = [
        dozen(from[0], at),
        dozen(from[1], at),
        dozen(from[2], at),
        dozen(from[3], at),
    ];
    _mm512_permutexvar_epi32(close, lanes(must_cast(rows)))
}

/// Stores the rows of four blocks, or of as many as there are, from block `column` of a row on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn put(row: &mut [u8], column: usize, bytes: __m512i) {
    let front: [u8; 32] = must_cast(_mm512_castsi512_si256(bytes));
    let back: [u8; 16] = must_cast(_mm512_extracti32x4_epi32::<2>(bytes));
    let room = &mut row[column * 12..];
    if let Some(room) = room.first_chunk_mut::<48>() {
        room[..32].copy_from_slice(&front);
        room[32..].copy_from_slice(&back);
        return;
    }
    let middle = room.len().min(32);
    let (left, right) = room.split_at_mut(middle);
    left.copy_from_slice(&front[..middle]);
    right.copy_from_slice(&back[..right.len()]);
}

/// Blocks are loaded, permuted and stored in batches: reading a whole table at once right after its
/// parts were written would wait for the writes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
pub(super) fn any(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    let tables = plan.keys.tables;
    let batch = MAX_TABLES / tables;
    let mut stage = [[0; LANES]; MAX_TABLES];
    let mut nibbles = [[_mm512_setzero_si512(); 2]; MAX_TABLES];
    for (from, to) in from.chunks_exact(plan.len).zip(to.chunks_exact_mut(plan.len)) {
        let mut targets = plan.targets();
        for (index, sources) in plan.sources.chunks(batch).enumerate() {
            for (k, source) in sources.iter().enumerate() {
                plan.load(from, *source, stage[k * tables..].as_flattened_mut());
            }
            for (k, block) in stage.chunks_exact_mut(tables).take(sources.len()).enumerate() {
                let (picks, chunks) = plan.keys.at(index * batch + k);
                match block {
                    [bytes] => put_all(permute(load(bytes), &picks[0]), bytes),
                    block => permute_chunks(block, &mut nibbles[..tables], picks, chunks),
                }
            }
            for (k, target) in targets.by_ref().take(sources.len()).enumerate() {
                plan.store(stage[k * tables..].as_flattened(), to, target);
            }
        }
    }
}

/// Permutes the nibbles of a block of more than 64 bytes; `nibbles` is room to split it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn permute_chunks(
    block: &mut [[u8; LANES]],
    nibbles: &mut [[__m512i; 2]],
    picks: &[Picks],
    chunks: &[Picks],
) {
    for (nibbles, bytes) in nibbles.iter_mut().zip(&*block) {
        *nibbles = split(load(bytes));
    }
    for (room, (picks, chunks)) in block.iter_mut().zip(picks.iter().zip(chunks)) {
        let (low, high) = (load(&picks.low), load(&picks.high));
        let (low_chunk, high_chunk) = (load(&chunks.low), load(&chunks.high));
        let [mut a, mut b] = [_mm512_setzero_si512(); 2];
        for (number, [lows, highs]) in nibbles.iter().enumerate() {
            let number = _mm512_set1_epi8(number as i8);
            let is_low = _mm512_cmpeq_epi8_mask(low_chunk, number);
            let is_high = _mm512_cmpeq_epi8_mask(high_chunk, number);
            let found = _mm512_permutex2var_epi8(*lows, low, *highs);
            a = _mm512_mask_mov_epi8(a, is_low, found);
            let found = _mm512_permutex2var_epi8(*lows, high, *highs);
            b = _mm512_mask_mov_epi8(b, is_high, found);
        }
        put_all(merge(a, b, low, high), room);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn put_all(bytes: __m512i, room: &mut [u8; LANES]) {
    let halves: &mut [[u8; 32]; 2] = must_cast_mut(room);
    halves[0] = must_cast(_mm512_castsi512_si256(bytes));
    halves[1] = must_cast(_mm512_extracti64x4_epi64::<1>(bytes));
}
