//! The loops in plain Rust.

use super::{Block, Four, Gather};

#[inline(always)]
pub(super) fn to_f32(from: &[u8], to: &mut [f32]) {
    for (t, s) in to.iter_mut().zip(from) {
        *t = f32::from(*s);
    }
}

#[inline(always)]
pub(super) fn to_u8(from: &[f32], to: &mut [u8]) {
    for (t, s) in to.iter_mut().zip(from) {
        *t = (s + 0.5).clamp(0.0, 255.0) as u8;
    }
}

#[inline(always)]
pub(super) fn mix_row(row: &[f32], matrix: &[f32], out: &mut [f32]) {
    let side = row.len();
    for (k, (x, line)) in row.iter().zip(matrix.chunks_exact(side)).enumerate() {
        for (o, m) in out.iter_mut().zip(line) {
            *o = if k == 0 { x * m } else { *o + x * m };
        }
    }
}

/// Blocks of `C` channels; `LANES` is 16 times `C`.
pub(super) fn mix4<const C: usize, const LANES: usize>(
    plane: &[f32],
    out: &mut [f32],
    stride: usize,
    sources: &[[usize; 4]],
    matrices: &[Four<LANES>],
) {
    let fours = stride.div_ceil(LANES);
    let lines = sources.chunks_exact(fours).zip(matrices.chunks_exact(fours));
    for (rows, (sources, matrices)) in out.chunks_exact_mut(4 * stride).zip(lines) {
        for (r, row) in rows.chunks_exact_mut(stride).enumerate() {
            for ((out, sources), matrix) in row.chunks_mut(LANES).zip(sources).zip(matrices) {
                for (lane, out) in out.iter_mut().enumerate() {
                    let x = &plane[sources[lane / (4 * C)] + r * stride + lane % C..];
                    let mut sum = x[0] * matrix.0[0][lane];
                    for k in 1..4 {
                        sum += x[k * C] * matrix.0[k][lane];
                    }
                    *out = sum;
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn gather<const W: usize>(gather: &Gather<'_>, from: &[u8], to: &mut [u8]) {
    let (columns, stride) = (gather.stride / W, gather.stride);
    let lines = to.chunks_exact_mut(gather.side * stride);
    for (sources, rows) in gather.sources.chunks_exact(columns).zip(lines) {
        for (r, row) in rows.chunks_exact_mut(stride).enumerate() {
            let from = &from[r * stride..];
            for (source, room) in sources.iter().zip(row.as_chunks_mut::<W>().0) {
                room.copy_from_slice(&from[*source..source + W]);
            }
        }
    }
}

pub(super) fn split4_rgb(image: &[u8], stride: usize, stage: &mut [Block], step: usize) {
    let columns = stride / 12;
    for (i, blocks) in stage.chunks_mut(step).take(image.len() / 48).enumerate() {
        split_block(
            &image[i / columns * 4 * stride + i % columns * 12..],
            stride,
            blocks,
        );
    }
}

/// Splits the block at the start of `image`.
#[inline(always)]
pub(super) fn split_block(image: &[u8], stride: usize, blocks: &mut [Block]) {
    for r in 0..4 {
        for (i, value) in image[r * stride..][..12].iter().enumerate() {
            blocks[i % 3][r * 4 + i / 3] = *value;
        }
    }
}

pub(super) fn join4_rgb(stage: &[Block], step: usize, order: &[u32], image: &mut [u8], stride: usize) {
    let columns = stride / 12;
    for (i, source) in order.iter().enumerate() {
        let target = &mut image[i / columns * 4 * stride + i % columns * 12..];
        join_block(&stage[*source as usize * step..][..3], target, stride);
    }
}

/// Joins the block at the start of `image`.
#[inline(always)]
pub(super) fn join_block(blocks: &[Block], image: &mut [u8], stride: usize) {
    for r in 0..4 {
        for (i, value) in image[r * stride..][..12].iter_mut().enumerate() {
            *value = blocks[i % 3][r * 4 + i / 3];
        }
    }
}
