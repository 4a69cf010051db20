//! The loops for AVX2. No fused multiply-add: the bits must be those of plain arithmetic.

use super::{Block, Four, Gather, fill, portable, try_window, window};
use bytemuck::must_cast;
use std::arch::x86_64::*;

#[target_feature(enable = "avx2")]
pub(super) fn to_f32(from: &[u8], to: &mut [f32]) {
    portable::to_f32(from, to);
}

#[target_feature(enable = "avx2")]
pub(super) fn to_u8(from: &[f32], to: &mut [u8]) {
    portable::to_u8(from, to);
}

#[target_feature(enable = "avx2")]
pub(super) fn mix_row(row: &[f32], matrix: &[f32], out: &mut [f32]) {
    portable::mix_row(row, matrix, out);
}

#[target_feature(enable = "avx2")]
pub(super) fn mix4_gray(
    plane: &[f32],
    out: &mut [f32],
    stride: usize,
    sources: &[[usize; 4]],
    matrices: &[Four<16>],
) {
    let fours = stride.div_ceil(16);
    let lines = sources.chunks_exact(fours).zip(matrices.chunks_exact(fours));
    for (rows, (sources, matrices)) in out.chunks_exact_mut(4 * stride).zip(lines) {
        for (r, row) in rows.chunks_exact_mut(stride).enumerate() {
            let plane = &plane[r * stride..];
            for ((room, from), matrix) in row.chunks_mut(16).zip(sources).zip(matrices) {
                fill(room, |lanes: &mut [f32; 16]| gray_row(plane, from, matrix, lanes));
            }
        }
    }
}

/// One row of four one-channel blocks.
#[inline]
#[target_feature(enable = "avx2")]
fn gray_row(plane: &[f32], from: &[usize; 4], matrix: &Four<16>, lanes: &mut [f32; 16]) {
    let left = must_cast([*window::<_, 4>(plane, from[0]), *window(plane, from[1])]);
    let right = must_cast([*window::<_, 4>(plane, from[2]), *window(plane, from[3])]);
    let (first, second) = lanes.split_at_mut(8);
    first.copy_from_slice(&gray_pair(left, matrix, 0));
    second.copy_from_slice(&gray_pair(right, matrix, 8));
}

/// One row of two one-channel blocks; their lanes of the matrices start at `lane`.
#[inline]
#[target_feature(enable = "avx2")]
fn gray_pair(x: __m256, matrix: &Four<16>, lane: usize) -> [f32; 8] {
    let mut sum = _mm256_mul_ps(_mm256_permute_ps::<0x00>(x), eight(&matrix.0[0], lane));
    sum = _mm256_add_ps(
        sum,
        _mm256_mul_ps(_mm256_permute_ps::<0x55>(x), eight(&matrix.0[1], lane)),
    );
    sum = _mm256_add_ps(
        sum,
        _mm256_mul_ps(_mm256_permute_ps::<0xAA>(x), eight(&matrix.0[2], lane)),
    );
    sum = _mm256_add_ps(
        sum,
        _mm256_mul_ps(_mm256_permute_ps::<0xFF>(x), eight(&matrix.0[3], lane)),
    );
    must_cast(sum)
}

#[inline(always)]
fn eight<const N: usize>(values: &[f32; N], at: usize) -> __m256 {
    let mut lanes = [0.0; 8];
    lanes.copy_from_slice(&values[at..at + 8]);
    must_cast(lanes)
}

#[inline(always)]
fn quad(values: &[f32; 16], at: usize) -> __m128 {
    let mut four = [0.0; 4];
    four.copy_from_slice(&values[at..at + 4]);
    must_cast(four)
}

#[target_feature(enable = "avx2")]
pub(super) fn mix4_rgb(
    plane: &[f32],
    out: &mut [f32],
    stride: usize,
    sources: &[[usize; 4]],
    matrices: &[Four<48>],
) {
    let fours = stride.div_ceil(48);
    let lines = sources.chunks_exact(fours).zip(matrices.chunks_exact(fours));
    for (rows, (sources, matrices)) in out.chunks_exact_mut(4 * stride).zip(lines) {
        for (r, row) in rows.chunks_exact_mut(stride).enumerate() {
            let plane = &plane[r * stride..];
            for ((room, from), matrix) in row.chunks_mut(48).zip(sources).zip(matrices) {
                fill(room, |lanes: &mut [f32; 48]| {
                    let (first, second) = lanes.split_at_mut(24);
                    first.copy_from_slice(&rgb_pair(plane, from[0], from[1], matrix, 0));
                    second.copy_from_slice(&rgb_pair(plane, from[2], from[3], matrix, 24));
                });
            }
        }
    }
}

/// One row of two three-channel blocks; their lanes of the matrices start at `lane`.
#[inline]
#[target_feature(enable = "avx2")]
fn rgb_pair(plane: &[f32], a: usize, b: usize, matrix: &Four<48>, lane: usize) -> [f32; 24] {
    let (a, b) = (window(plane, a), window(plane, b));
    // Lane (column, channel) of the output needs channel (lane mod 3) of pixel k.
    let picks = [
        _mm256_setr_epi32(0, 1, 2, 0, 1, 2, 0, 1),
        _mm256_setr_epi32(2, 0, 1, 2, 0, 1, 2, 0),
        _mm256_setr_epi32(1, 2, 0, 1, 2, 0, 1, 2),
    ];
    let mut sums = [_mm256_setzero_ps(); 3];
    for k in 0..4 {
        let (a, b) = (quad(a, 3 * k), quad(b, 3 * k));
        let pixels = [
            _mm256_set_m128(a, a),
            _mm256_set_m128(b, a),
            _mm256_set_m128(b, b),
        ];
        for i in 0..3 {
            let x = _mm256_permutevar_ps(pixels[i], picks[i]);
            let product = _mm256_mul_ps(x, eight(&matrix.0[k], lane + 8 * i));
            sums[i] = if k == 0 {
                product
            } else {
                _mm256_add_ps(sums[i], product)
            };
        }
    }
    must_cast(sums)
}

/// The 12 bytes from `at` on, in the lower dwords.
#[inline(always)]
fn dozen(from: &[u8], at: usize) -> [u8; 16] {
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

#[inline(always)]
fn pair(low: [u8; 16], high: [u8; 16]) -> __m256i {
    must_cast([low, high])
}

#[target_feature(enable = "avx2")]
pub(super) fn gather4_rgb(gather: &Gather<'_>, from: &[u8], to: &mut [u8]) {
    let front = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 0, 0);
    let back = _mm256_setr_epi32(2, 4, 5, 6, 0, 0, 0, 1);
    let join = |from: &[u8], at: &[usize; 4], room: &mut [u8; 48]| {
        let left = pair(dozen(from, at[0]), dozen(from, at[1]));
        let right = pair(dozen(from, at[2]), dozen(from, at[3]));
        let right = _mm256_permutevar8x32_epi32(right, back);
        let left = _mm256_permutevar8x32_epi32(left, front);
        let left = _mm256_blend_epi32::<0b1100_0000>(left, right);
        let bytes: [u8; 64] = must_cast([left, right]);
        room.copy_from_slice(&bytes[..48]);
    };
    let stride = gather.stride;
    let columns = stride / 12;
    let sources = [from, &from[stride..], &from[2 * stride..], &from[3 * stride..]];
    for (at, lines) in gather
        .sources
        .chunks_exact(columns)
        .zip(to.chunks_exact_mut(4 * stride))
    {
        let (fours, rest) = at.as_chunks::<4>();
        let (upper, lower) = lines.split_at_mut(2 * stride);
        let ((first, second), (third, fourth)) = (upper.split_at_mut(stride), lower.split_at_mut(stride));
        let rows = first.as_chunks_mut().0.iter_mut().zip(second.as_chunks_mut().0);
        let rows = rows.zip(third.as_chunks_mut().0.iter_mut().zip(fourth.as_chunks_mut().0));
        for (((a, b), (c, d)), at) in rows.zip(fours) {
            join(sources[0], at, a);
            join(sources[1], at, b);
            join(sources[2], at, c);
            join(sources[3], at, d);
        }
        for (i, at) in rest.iter().enumerate() {
            for (source, row) in sources.iter().zip(lines.chunks_exact_mut(stride)) {
                row[(fours.len() * 4 + i) * 12..][..12].copy_from_slice(&source[*at..at + 12]);
            }
        }
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn split4_rgb(image: &[u8], stride: usize, stage: &mut [Block], step: usize) {
    // The second block starts at byte 4 of the upper half.
    let spread = _mm256_setr_epi8(
        0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1, //
        4, 7, 10, 13, 5, 8, 11, 14, 6, 9, 12, 15, -1, -1, -1, -1,
    );
    let columns = stride / 12;
    let load = |row: &[u8; 24]| {
        let mut halves = [[0; 16]; 2];
        halves[0].copy_from_slice(&row[..16]);
        halves[1].copy_from_slice(&row[8..]);
        _mm256_shuffle_epi8(must_cast(halves), spread)
    };
    for (lines, stage) in image
        .chunks_exact(4 * stride)
        .zip(stage.chunks_mut(columns * step))
    {
        let (upper, lower) = lines.split_at(2 * stride);
        let ((first, second), (third, fourth)) = (upper.split_at(stride), lower.split_at(stride));
        let rows = first.as_chunks().0.iter().zip(second.as_chunks().0);
        let rows = rows.zip(third.as_chunks().0.iter().zip(fourth.as_chunks().0));
        for (((a, b), (c, d)), blocks) in rows.zip(stage.chunks_mut(2 * step)) {
            let (a, b, c, d) = (load(a), load(b), load(c), load(d));
            let (t0, t1) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let (t2, t3) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
            let red: [Block; 2] = must_cast(_mm256_unpacklo_epi64(t0, t2));
            let green: [Block; 2] = must_cast(_mm256_unpackhi_epi64(t0, t2));
            let blue: [Block; 2] = must_cast(_mm256_unpacklo_epi64(t1, t3));
            let (left, right) = blocks.split_at_mut(step);
            let (Some(left), Some(right)) = (left.first_chunk_mut(), right.first_chunk_mut()) else {
                return;
            };
            *left = [red[0], green[0], blue[0]];
            *right = [red[1], green[1], blue[1]];
        }
        if columns % 2 == 1 {
            portable::split_block(
                &lines[(columns - 1) * 12..],
                stride,
                &mut stage[(columns - 1) * step..],
            );
        }
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn join4_rgb(stage: &[Block], step: usize, order: &[u32], image: &mut [u8], stride: usize) {
    let weave = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, -1, -1, -1, -1,
    ));
    let close = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 0, 0);
    let zero = _mm256_setzero_si256();
    let put = |row: __m256i, room: &mut [u8; 24]| {
        let row = _mm256_shuffle_epi8(row, weave);
        let bytes: [u8; 32] = must_cast(_mm256_permutevar8x32_epi32(row, close));
        room.copy_from_slice(&bytes[..24]);
    };
    let columns = stride / 12;
    for (lines, order) in image
        .chunks_exact_mut(4 * stride)
        .zip(order.chunks_exact(columns))
    {
        let (pairs, single) = order.as_chunks::<2>();
        if let [single] = single {
            let blocks = &stage[*single as usize * step..][..3];
            portable::join_block(blocks, &mut lines[(columns - 1) * 12..], stride);
        }
        let (upper, lower) = lines.split_at_mut(2 * stride);
        let ((first, second), (third, fourth)) = (upper.split_at_mut(stride), lower.split_at_mut(stride));
        let rows = first.as_chunks_mut().0.iter_mut().zip(second.as_chunks_mut().0);
        let rows = rows.zip(third.as_chunks_mut().0.iter_mut().zip(fourth.as_chunks_mut().0));
        for (((a, b), (c, d)), sources) in rows.zip(pairs) {
            let left: &[Block; 3] = window(stage, sources[0] as usize * step);
            let right: &[Block; 3] = window(stage, sources[1] as usize * step);
            let (red, green) = (pair(left[0], right[0]), pair(left[1], right[1]));
            let blue = pair(left[2], right[2]);
            let (t0, t1) = (
                _mm256_unpacklo_epi32(red, green),
                _mm256_unpackhi_epi32(red, green),
            );
            let (u0, u1) = (
                _mm256_unpacklo_epi32(blue, zero),
                _mm256_unpackhi_epi32(blue, zero),
            );
            put(_mm256_unpacklo_epi64(t0, u0), a);
            put(_mm256_unpackhi_epi64(t0, u0), b);
            put(_mm256_unpacklo_epi64(t1, u1), c);
            put(_mm256_unpackhi_epi64(t1, u1), d);
        }
    }
}
