//! The loops for AVX2: two blocks side by side in each register.

use super::{BYTE, LANES, NibblePlan, Picks, portable};
use crate::simd::{try_window, window};
use bytemuck::must_cast;
use std::arch::x86_64::*;

#[target_feature(enable = "avx2")]
pub(super) fn any(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    portable::any(plan, from, to);
}

/// An image as it looks from its first, second, third and fourth row on. All end after equal
/// lengths, so that one test of a block's place serves its four rows.
#[inline(always)]
pub(super) fn four_rows(from: &[u8], stride: usize) -> [&[u8]; 4] {
    let len = from.len() - 3 * stride;
    [
        &from[..len],
        &from[stride..][..len],
        &from[2 * stride..][..len],
        &from[3 * stride..][..len],
    ]
}

/// The 12 bytes from `at` on, and four more that mean nothing.
#[inline(always)]
pub(super) fn dozen(from: &[u8], at: usize) -> [u8; 16] {
    match try_window(from, at) {
        Some(bytes) => *bytes,
        None => last_dozen(&from[at..]),
    }
}

#[cold]
fn last_dozen(from: &[u8]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..12].copy_from_slice(&from[..12]);
    bytes
}

/// The 4 bytes from `at` on.
#[inline(always)]
fn quad(from: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*window(from, at))
}

#[inline(always)]
fn pair(low: [u8; 16], high: [u8; 16]) -> __m256i {
    must_cast([low, high])
}

/// 16 entries from `lane` on, of two tables.
#[inline(always)]
fn entries(a: &[u8; LANES], b: &[u8; LANES], lane: usize) -> __m256i {
    let mut parts = [[0; 16]; 2];
    parts[0].copy_from_slice(&a[lane..lane + 16]);
    parts[1].copy_from_slice(&b[lane..lane + 16]);
    must_cast(parts)
}

/// Bytes of the output from bytes that hold its low nibbles and bytes that hold its high ones, in
/// the halves that the entries say.
#[inline]
#[target_feature(enable = "avx2")]
fn merge(a: __m256i, b: __m256i, low: __m256i, high: __m256i) -> __m256i {
    let nibble = _mm256_set1_epi8(0x0F);
    let zero = _mm256_setzero_si256();
    // Doubling an entry moves the bit of the half to where blends and comparisons look.
    let a = _mm256_blendv_epi8(a, _mm256_srli_epi16::<4>(a), _mm256_add_epi8(low, low));
    let b = _mm256_blendv_epi8(_mm256_slli_epi16::<4>(b), b, _mm256_add_epi8(high, high));
    let bytes = _mm256_or_si256(_mm256_and_si256(a, nibble), _mm256_andnot_si256(nibble, b));
    let (a, b) = (_mm256_cmpgt_epi8(zero, low), _mm256_cmpgt_epi8(zero, high));
    let turned = _mm256_or_si256(_mm256_and_si256(a, nibble), _mm256_andnot_si256(nibble, b));
    _mm256_xor_si256(bytes, turned)
}

/// The bytes that the entries name, among 48.
#[inline]
#[target_feature(enable = "avx2")]
fn look_up(bytes: &[__m256i; 3], entries: __m256i) -> __m256i {
    let entries = _mm256_and_si256(entries, _mm256_set1_epi8(BYTE as i8));
    // A shuffle gives 0 where bit 7 is set, and the sum sets it for all but the numbers below 16.
    let outside = _mm256_set1_epi8(0x70);
    let first = _mm256_adds_epu8(entries, outside);
    let second = _mm256_adds_epu8(_mm256_xor_si256(entries, _mm256_set1_epi8(16)), outside);
    let third = _mm256_adds_epu8(_mm256_xor_si256(entries, _mm256_set1_epi8(32)), outside);
    let found = _mm256_or_si256(
        _mm256_shuffle_epi8(bytes[0], first),
        _mm256_shuffle_epi8(bytes[1], second),
    );
    _mm256_or_si256(found, _mm256_shuffle_epi8(bytes[2], third))
}

#[target_feature(enable = "avx2")]
pub(super) fn rgb4(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    if plan.keys.is_one() {
        rgb4_keys::<true>(plan, from, to);
    } else {
        rgb4_keys::<false>(plan, from, to);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn rgb4_keys<const ONE: bool>(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    let (stride, columns) = (plan.stride, plan.columns());
    let close = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 0, 0);
    for (start, to) in (0..).step_by(plan.len).zip(to.chunks_exact_mut(plan.len)) {
        // Rows are read a little past their end, so the images behind this one stay in reach.
        let from = four_rows(&from[start..], stride);
        let lines = to
            .chunks_exact_mut(4 * stride)
            .zip(plan.sources.chunks_exact(columns));
        for (line, (rows, sources)) in lines.enumerate() {
            for (i, at) in sources.chunks(2).enumerate() {
                let position = line * columns + 2 * i;
                let odd = at.len() - 1;
                let (left, right) = if ONE { (0, 0) } else { (position, position + odd) };
                let (left, right) = (&plan.keys.picks[left], &plan.keys.picks[right]);
                let [a, b, c, d] = rgb4_pair(&from, at[0], at[odd], left, right);
                for (row, bytes) in rows.chunks_exact_mut(stride).zip([a, b, c, d]) {
                    let bytes: [u8; 32] = must_cast(_mm256_permutevar8x32_epi32(bytes, close));
                    let room = &mut row[i * 24..];
                    match room.first_chunk_mut::<24>() {
                        Some(room) => room.copy_from_slice(&bytes[..24]),
                        None => room.copy_from_slice(&bytes[..12]),
                    }
                }
            }
        }
    }
}

/// The four rows of two blocks of the output, 12 bytes at the start of each half.
#[inline]
#[target_feature(enable = "avx2")]
fn rgb4_pair(from: &[&[u8]; 4], a: usize, b: usize, left: &Picks, right: &Picks) -> [__m256i; 4] {
    let first = pair(dozen(from[0], a), dozen(from[0], b));
    let second = pair(dozen(from[1], a), dozen(from[1], b));
    let third = pair(dozen(from[2], a), dozen(from[2], b));
    let fourth = pair(dozen(from[3], a), dozen(from[3], b));
    let bytes = [
        _mm256_alignr_epi8::<4>(second, _mm256_bslli_epi128::<4>(first)),
        _mm256_unpacklo_epi64(_mm256_bsrli_epi128::<4>(second), third),
        _mm256_alignr_epi8::<12>(fourth, _mm256_bslli_epi128::<4>(third)),
    ];
    let mut parts = [first; 3];
    for (index, part) in parts.iter_mut().enumerate() {
        let low = entries(&left.low, &right.low, 16 * index);
        let high = entries(&left.high, &right.high, 16 * index);
        *part = merge(look_up(&bytes, low), look_up(&bytes, high), low, high);
    }
    let [x, y, z] = parts;
    [
        x,
        _mm256_alignr_epi8::<12>(y, x),
        _mm256_alignr_epi8::<8>(z, y),
        _mm256_bsrli_epi128::<4>(z),
    ]
}

#[target_feature(enable = "avx2")]
pub(super) fn gray4(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    let (stride, columns) = (plan.stride, plan.columns());
    let byte = _mm256_set1_epi8(0x0F);
    let weave = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    for (start, to) in (0..).step_by(plan.len).zip(to.chunks_exact_mut(plan.len)) {
        // Rows are read a little past their end, so the images behind this one stay in reach.
        let from = &from[start..];
        let lines = to
            .chunks_exact_mut(4 * stride)
            .zip(plan.sources.chunks_exact(columns));
        for (line, (rows, sources)) in lines.enumerate() {
            for (i, at) in sources.chunks(2).enumerate() {
                let position = line * columns + 2 * i;
                let odd = at.len() - 1;
                let mut blocks = [[0; 4]; 2];
                for (block, at) in blocks.iter_mut().zip([at[0], at[odd]]) {
                    for (r, row) in block.iter_mut().enumerate() {
                        *row = quad(from, at + r * stride);
                    }
                }
                let bytes: __m256i = must_cast(blocks);
                let (left, right) = (plan.keys.at(position).0, plan.keys.at(position + odd).0);
                let low = entries(&left[0].low, &right[0].low, 0);
                let high = entries(&left[0].high, &right[0].high, 0);
                let a = _mm256_shuffle_epi8(bytes, _mm256_and_si256(low, byte));
                let b = _mm256_shuffle_epi8(bytes, _mm256_and_si256(high, byte));
                let woven = _mm256_permutevar8x32_epi32(merge(a, b, low, high), weave);
                let eights: [[u8; 8]; 4] = must_cast(woven);
                for (row, bytes) in rows.chunks_exact_mut(stride).zip(&eights) {
                    let room = &mut row[i * 8..];
                    match room.first_chunk_mut::<8>() {
                        Some(room) => *room = *bytes,
                        None => room.copy_from_slice(&bytes[..4]),
                    }
                }
            }
        }
    }
}
