//! The inner loops that are worth writing for AVX2, each beside a portable twin that gives the
//! same bits. The only `unsafe` of the crate is here: calling code compiled for a processor
//! feature after that feature was found.

#![allow(unsafe_code)]

use std::sync::LazyLock;

#[cfg(target_arch = "x86_64")]
static AVX2: LazyLock<bool> = LazyLock::new(|| std::is_x86_feature_detected!("avx2"));
#[cfg(not(target_arch = "x86_64"))]
static AVX2: LazyLock<bool> = LazyLock::new(|| false);

#[cfg(target_arch = "x86_64")]
static VBMI: LazyLock<bool> = LazyLock::new(|| {
    std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512vbmi")
        && *AVX2
});

/// As `dispatch!`, with a first choice for processors with AVX-512 (F, BW, VL, VBMI).
macro_rules! dispatch_wide {
    ($wide:path, $fast:path, $portable:path, ($($argument:expr),*)) => {{
        #[cfg(target_arch = "x86_64")]
        {
            if *VBMI {
                // SAFETY: the processor has AVX2 and AVX-512 F, BW, VL and VBMI, all that the function asks for.
                return unsafe { $wide($($argument),*) };
            }
            if *AVX2 {
                // SAFETY: the processor has AVX2, the only feature that the function asks for.
                return unsafe { $fast($($argument),*) };
            }
        }
        $portable($($argument),*)
    }};
}

macro_rules! dispatch {
    ($fast:path, $portable:path, ($($argument:expr),*)) => {{
        #[cfg(target_arch = "x86_64")]
        if *AVX2 {
            // SAFETY: the processor has AVX2, the only feature that the function asks for.
            return unsafe { $fast($($argument),*) };
        }
        $portable($($argument),*)
    }};
}

/// The paths of a loop that this processor has: what is chosen, and AVX2 also where AVX-512 would be.
#[cfg(test)]
macro_rules! paths {
    ($wide:path, $fast:path, $portable:path, ($($argument:ident),*)) => {
        [
            |$($argument),*| dispatch_wide!($wide, $fast, $portable, ($($argument),*)),
            |$($argument),*| dispatch!($fast, $portable, ($($argument),*)),
        ]
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
mod blend;
mod chacha;
mod dense;
mod mixtures;
mod nibbles;
mod normals;
pub(crate) mod permute;
mod pixels;
mod portable;
mod tiles;
mod tokens;
#[cfg(test)]
mod twins;
mod ycbcr;

pub(crate) use dense::Dense;
pub(crate) use tokens::{activate, moments};

#[cfg(test)]
pub(crate) use blend::weighted_sum;
pub(crate) use blend::{Layer, MAX_IMAGES, TILE, Tile as BlendTile, blend, signs_len};
pub(crate) use chacha::{CHACHA_BLOCK, ChachaRoom, xchacha};
pub(crate) use mixtures::{MIX_LANES, MixRoom, MixRule, mixtures};
pub(crate) use nibbles::{NibbleKeys, NibblePlan, permute_nibbles};
pub(crate) use normals::{PAIRS, polar};
pub(crate) use pixels::{accept, color_shifts, exchange_invert, expand_bits, invert, invert_exchange};
pub(crate) use tiles::{Pose, Tile, move_tiles, move_tiles4, move_tiles8};
pub(crate) use ycbcr::{double_chroma, halve_chroma, to_rgb, to_ycbcr};

/// One AES block.
pub(crate) type Block = [u8; 16];

/// Expanded matrices of four neighbouring 4x4 blocks: entry (k, lane) multiplies pixel k of a row,
/// lane = (block, column, channel). Aligned, for a vector that straddles cache lines loads at half speed.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Four<const LANES: usize>(pub(crate) [[f32; LANES]; 4]);

/// Where the blocks of an image come from, and how they lie, in bytes.
pub(crate) struct Gather<'a> {
    /// Start of the source block of each target position.
    pub(crate) sources: &'a [usize],
    /// Length of a row of the image.
    pub(crate) stride: usize,
    /// Rows of a block.
    pub(crate) side: usize,
    /// Length of a row of a block.
    pub(crate) width: usize,
}

/// `N` values from `at` on, if they are all there.
#[inline(always)]
fn try_window<T, const N: usize>(values: &[T], at: usize) -> Option<&[T; N]> {
    // No slice is that long, and so told the compiler drops the test for an overflow.
    let at = at & (usize::MAX >> 1);
    values.get(at..at + N)?.first_chunk()
}

/// `N` values from `at` on; panics where they are not there.
#[inline(always)]
fn window<T, const N: usize>(values: &[T], at: usize) -> &[T; N] {
    match try_window(values, at) {
        Some(window) => window,
        None => outside(at),
    }
}

#[cold]
#[inline(never)]
fn outside(at: usize) -> ! {
    panic!("a block starts at value {at}, outside its image")
}

/// Lets `compute` fill `room`, or what there is of it at the right edge of an image.
#[inline(always)]
fn fill<const N: usize>(room: &mut [f32], compute: impl Fn(&mut [f32; N])) {
    if let Some(room) = room.first_chunk_mut() {
        return compute(room);
    }
    let mut whole = [0.0; N];
    compute(&mut whole);
    room.copy_from_slice(&whole[..room.len()]);
}

/// Converts bytes to floats of the same value.
pub(crate) fn to_f32(from: &[u8], to: &mut [f32]) {
    dispatch!(avx2::to_f32, portable::to_f32, (from, to))
}

/// Rounds to the nearest byte, halves up, and confines to 0..=255.
pub(crate) fn to_u8(from: &[f32], to: &mut [u8]) {
    dispatch!(avx2::to_u8, portable::to_u8, (from, to))
}

/// Multiplies the rows of 4x4 one-channel blocks by their matrices from the right. Every row of
/// blocks in `out` takes `columns / 4`, rounded up, of `sources` (starts of blocks in `plane`) and
/// of `matrices`. `plane` must continue for 16 values behind the image.
pub(crate) fn mix4_gray(
    plane: &[f32],
    out: &mut [f32],
    stride: usize,
    sources: &[[usize; 4]],
    matrices: &[Four<16>],
) {
    dispatch!(
        avx2::mix4_gray,
        portable::mix4::<1, 16>,
        (plane, out, stride, sources, matrices)
    )
}

/// As [`mix4_gray`] for three interleaved channels that share each matrix.
pub(crate) fn mix4_rgb(
    plane: &[f32],
    out: &mut [f32],
    stride: usize,
    sources: &[[usize; 4]],
    matrices: &[Four<48>],
) {
    dispatch!(
        avx2::mix4_rgb,
        portable::mix4::<3, 48>,
        (plane, out, stride, sources, matrices)
    )
}

/// `out[j] = sum over k of row[k] * matrix[k][j]`, k ascending, for a square matrix.
pub(crate) fn mix_row(row: &[f32], matrix: &[f32], out: &mut [f32]) {
    dispatch!(avx2::mix_row, portable::mix_row, (row, matrix, out))
}

/// Moves the 4x4 blocks of a three-channel image of bytes.
pub(crate) fn gather4_rgb(gather: &Gather<'_>, from: &[u8], to: &mut [u8]) {
    dispatch!(avx2::gather4_rgb, portable::gather::<12>, (gather, from, to))
}

/// Moves the blocks of an image whose block rows are `W` bytes.
pub(crate) fn gather<const W: usize>(gather: &Gather<'_>, from: &[u8], to: &mut [u8]) {
    portable::gather::<W>(gather, from, to);
}

/// Splits the 4x4 blocks of a three-channel image into one AES block a channel. Block `i` goes to
/// `stage[i * step ..][..3]`.
pub(crate) fn split4_rgb(image: &[u8], stride: usize, stage: &mut [Block], step: usize) {
    dispatch!(
        avx2::split4_rgb,
        portable::split4_rgb,
        (image, stride, stage, step)
    )
}

/// The inverse of [`split4_rgb`]: block `i` is made of `stage[order[i] * step ..][..3]`.
pub(crate) fn join4_rgb(stage: &[Block], step: usize, order: &[u32], image: &mut [u8], stride: usize) {
    dispatch!(
        avx2::join4_rgb,
        portable::join4_rgb,
        (stage, step, order, image, stride)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floats(len: usize) -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(-600f32..600.0, len)
    }

    fn mixed<const C: usize, const LANES: usize>(
        columns: usize,
        order: &[usize],
        plane: &[f32],
        entries: &[f32],
        fast: impl Fn(&[f32], &mut [f32], usize, &[[usize; 4]], &[Four<LANES>]),
    ) -> (Vec<f32>, Vec<f32>) {
        let stride = columns * 4 * C;
        let origin = |i: usize| i / columns * 4 * stride + i % columns * 4 * C;
        let (mut sources, mut matrices) = (Vec::new(), Vec::new());
        for line in order.chunks(columns) {
            for four in line.chunks(4) {
                sources.push([0, 1, 2, 3].map(|i| four.get(i).map_or(0, |from| origin(*from))));
                let shift = sources.len();
                matrices.push(Four(std::array::from_fn(|k| {
                    std::array::from_fn(|lane| entries[(k * 7 + lane * 3 + shift) % entries.len()])
                })));
            }
        }
        let (mut a, mut b) = (vec![0f32; 8 * stride], vec![0f32; 8 * stride]);
        let plane = &plane[..8 * stride + 16];
        fast(plane, &mut a, stride, &sources, &matrices);
        portable::mix4::<C, LANES>(plane, &mut b, stride, &sources, &matrices);
        (a, b)
    }

    proptest! {
        #[test]
        fn mixing_gives_the_portable_bits(
            columns in 1usize..10,
            plane in floats(8 * 9 * 12 + 16),
            entries in floats(97),
            seed in any::<prop::sample::Index>(),
        ) {
            // A rotation of the two rows of blocks.
            let order: Vec<usize> = (0..2 * columns).map(|i| (i + seed.index(64)) % (2 * columns)).collect();
            let (fast, slow) = mixed::<3, 48>(columns, &order, &plane, &entries, mix4_rgb);
            prop_assert_eq!(fast, slow);
            let (fast, slow) = mixed::<1, 16>(columns, &order, &plane, &entries, mix4_gray);
            prop_assert_eq!(fast, slow);
        }

        #[test]
        fn splitting_joining_and_moving_give_the_portable_bytes(
            columns in 1usize..10,
            image in proptest::collection::vec(any::<u8>(), 8 * 9 * 12),
            seed in any::<prop::sample::Index>(),
        ) {
            let stride = columns * 12;
            let image = &image[..8 * stride];
            let order: Vec<u32> = (0..2 * columns).map(|i| ((i + seed.index(64)) % (2 * columns)) as u32).collect();
            let (mut fast, mut slow) = (vec![[0u8; 16]; 8 * columns], vec![[0u8; 16]; 8 * columns]);
            // The first of two images that share the stage, then the second.
            for first in [0, 1] {
                split4_rgb(image, stride, &mut fast[first..], 4);
                portable::split4_rgb(image, stride, &mut slow[first..], 4);
                prop_assert_eq!(&fast, &slow);
            }
            let (mut a, mut b) = (vec![0u8; image.len()], vec![0u8; image.len()]);
            join4_rgb(&fast[1..], 4, &order, &mut a, stride);
            portable::join4_rgb(&slow[1..], 4, &order, &mut b, stride);
            prop_assert_eq!(&a, &b);
            let sources: Vec<usize> = order.iter().map(|i| *i as usize)
                .map(|i| i / columns * 4 * stride + i % columns * 12).collect();
            let plan = Gather { sources: &sources, stride, side: 4, width: 12 };
            gather4_rgb(&plan, image, &mut a);
            prop_assert_eq!(&a, &b);
            gather::<12>(&plan, image, &mut b);
            prop_assert_eq!(&a, &b);
        }

        #[test]
        fn rounding_is_half_up_and_confined(values in proptest::collection::vec(-300f32..600.0, 1..70)) {
            let mut bytes = vec![0u8; values.len()];
            to_u8(&values, &mut bytes);
            for (value, byte) in values.iter().zip(bytes) {
                prop_assert_eq!(byte, (value + 0.5).floor().clamp(0.0, 255.0) as u8);
            }
        }
    }
}
