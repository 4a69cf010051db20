//! The inner loops that are worth writing for AVX2, each beside a portable twin that gives the
//! same bits. The only `unsafe` of the crate is here: calling code compiled for a processor
//! feature after that feature was found.

#![allow(unsafe_code)]

use std::sync::LazyLock;

/// One AES block.
pub(crate) type Block = [u8; 16];

/// Expanded matrices of two neighbouring 4x4 blocks: entry (k, lane) multiplies pixel k of a row.
pub(crate) type Pair<const LANES: usize> = [[f32; LANES]; 4];

/// Where two neighbouring output blocks come from and go, as indices of values.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) sources: [usize; 2],
    pub(crate) target: usize,
}

#[cfg(target_arch = "x86_64")]
static AVX2: LazyLock<bool> = LazyLock::new(|| std::is_x86_feature_detected!("avx2"));
#[cfg(not(target_arch = "x86_64"))]
static AVX2: LazyLock<bool> = LazyLock::new(|| false);

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

/// Converts bytes to floats of the same value.
pub(crate) fn to_f32(from: &[u8], to: &mut [f32]) {
    dispatch!(avx2::to_f32, portable::to_f32, (from, to))
}

/// Rounds to the nearest byte, halves up, and confines to 0..=255.
pub(crate) fn to_u8(from: &[f32], to: &mut [u8]) {
    dispatch!(avx2::to_u8, portable::to_u8, (from, to))
}

/// Multiplies the rows of pairs of 4x4 one-channel blocks by their matrices from the right.
/// `plane` must continue for 16 values behind the image.
pub(crate) fn mix4_gray(
    plane: &[f32],
    out: &mut [f32],
    stride: usize,
    routes: &[Route],
    matrices: &[Pair<8>],
) {
    dispatch!(
        avx2::mix4_gray,
        portable::mix4::<1, 8>,
        (plane, out, stride, routes, matrices)
    )
}

/// As [`mix4_gray`] for three interleaved channels that share each matrix.
pub(crate) fn mix4_rgb(
    plane: &[f32],
    out: &mut [f32],
    stride: usize,
    routes: &[Route],
    matrices: &[Pair<24>],
) {
    dispatch!(
        avx2::mix4_rgb,
        portable::mix4::<3, 24>,
        (plane, out, stride, routes, matrices)
    )
}

/// `out[j] = sum over k of row[k] * matrix[k][j]`, k ascending, for a square matrix.
pub(crate) fn mix_row(row: &[f32], matrix: &[f32], out: &mut [f32]) {
    dispatch!(avx2::mix_row, portable::mix_row, (row, matrix, out))
}

/// Splits 4x4 three-channel blocks into one AES block a channel. Block `i` starts at value
/// `origins[i]` of `image` and goes to `stage[i * step ..][..3]`.
pub(crate) fn split4_rgb(image: &[u8], stride: usize, origins: &[usize], stage: &mut [Block], step: usize) {
    dispatch!(
        avx2::split4_rgb,
        portable::split4_rgb,
        (image, stride, origins, stage, step)
    )
}

/// The inverse of [`split4_rgb`]: the block that starts at `origins[i]` is made of
/// `stage[order[i] * step ..][..3]`.
pub(crate) fn join4_rgb(
    stage: &[Block],
    step: usize,
    order: &[u32],
    image: &mut [u8],
    stride: usize,
    origins: &[usize],
) {
    dispatch!(
        avx2::join4_rgb,
        portable::join4_rgb,
        (stage, step, order, image, stride, origins)
    )
}

mod portable {
    use super::{Block, Pair, Route};

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

    /// One row of one block of `C` channels; `lanes` is where the block's lanes start.
    pub(super) fn mix4<const C: usize, const LANES: usize>(
        plane: &[f32],
        out: &mut [f32],
        stride: usize,
        routes: &[Route],
        matrices: &[Pair<LANES>],
    ) {
        for (route, pair) in routes.iter().zip(matrices) {
            for r in 0..4 {
                for lane in 0..LANES {
                    let (half, column) = (lane / (4 * C), lane % (4 * C));
                    let source = &plane[route.sources[half] + r * stride + column % C..];
                    let mut sum = source[0] * pair[0][lane];
                    for k in 1..4 {
                        sum += source[k * C] * pair[k][lane];
                    }
                    out[route.target + r * stride + lane] = sum;
                }
            }
        }
    }

    pub(super) fn split4_rgb(
        image: &[u8],
        stride: usize,
        origins: &[usize],
        stage: &mut [Block],
        step: usize,
    ) {
        for (origin, blocks) in origins.iter().zip(stage.chunks_mut(step)) {
            for r in 0..4 {
                for (i, value) in image[origin + r * stride..][..12].iter().enumerate() {
                    blocks[i % 3][r * 4 + i / 3] = *value;
                }
            }
        }
    }

    pub(super) fn join4_rgb(
        stage: &[Block],
        step: usize,
        order: &[u32],
        image: &mut [u8],
        stride: usize,
        origins: &[usize],
    ) {
        for (origin, source) in origins.iter().zip(order) {
            let blocks = &stage[*source as usize * step..][..3];
            for r in 0..4 {
                for (i, value) in image[origin + r * stride..][..12].iter_mut().enumerate() {
                    *value = blocks[i % 3][r * 4 + i / 3];
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Block, Pair, Route, portable};
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

    fn quad(values: &[f32; 16], at: usize) -> __m128 {
        let mut four = [0.0; 4];
        four.copy_from_slice(&values[at..at + 4]);
        must_cast(four)
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn mix4_gray(
        plane: &[f32],
        out: &mut [f32],
        stride: usize,
        routes: &[Route],
        matrices: &[Pair<8>],
    ) {
        for (route, pair) in routes.iter().zip(matrices) {
            let matrix: [__m256; 4] = pair.map(must_cast);
            for r in 0..4 {
                let (Some(a), Some(b)) = (
                    plane[route.sources[0] + r * stride..].first_chunk::<16>(),
                    plane[route.sources[1] + r * stride..].first_chunk::<16>(),
                ) else {
                    return;
                };
                let x = _mm256_set_m128(quad(b, 0), quad(a, 0));
                let mut sum = _mm256_mul_ps(_mm256_permute_ps::<0x00>(x), matrix[0]);
                sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_permute_ps::<0x55>(x), matrix[1]));
                sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_permute_ps::<0xAA>(x), matrix[2]));
                sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_permute_ps::<0xFF>(x), matrix[3]));
                let lanes: [f32; 8] = must_cast(sum);
                out[route.target + r * stride..][..8].copy_from_slice(&lanes);
            }
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn mix4_rgb(
        plane: &[f32],
        out: &mut [f32],
        stride: usize,
        routes: &[Route],
        matrices: &[Pair<24>],
    ) {
        // Lane (column, channel) of the output needs channel (lane mod 3) of pixel k.
        let picks = [
            _mm256_setr_epi32(0, 1, 2, 0, 1, 2, 0, 1),
            _mm256_setr_epi32(2, 0, 1, 2, 0, 1, 2, 0),
            _mm256_setr_epi32(1, 2, 0, 1, 2, 0, 1, 2),
        ];
        for (route, pair) in routes.iter().zip(matrices) {
            let third = |k: usize, i: usize| -> __m256 {
                let mut lanes = [0.0; 8];
                lanes.copy_from_slice(&pair[k][i * 8..i * 8 + 8]);
                must_cast(lanes)
            };
            for r in 0..4 {
                let (Some(a), Some(b), Some(target)) = (
                    plane[route.sources[0] + r * stride..].first_chunk::<16>(),
                    plane[route.sources[1] + r * stride..].first_chunk::<16>(),
                    out[route.target + r * stride..].first_chunk_mut::<24>(),
                ) else {
                    return;
                };
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
                        let product = _mm256_mul_ps(x, third(k, i));
                        sums[i] = if k == 0 {
                            product
                        } else {
                            _mm256_add_ps(sums[i], product)
                        };
                    }
                }
                *target = must_cast(sums);
            }
        }
    }

    fn pair(low: [u8; 16], high: [u8; 16]) -> __m256i {
        must_cast([low, high])
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn split4_rgb(
        image: &[u8],
        stride: usize,
        origins: &[usize],
        stage: &mut [Block],
        step: usize,
    ) {
        let spread = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1,
        ));
        let mut done = 0;
        for (two, blocks) in origins.chunks_exact(2).zip(stage.chunks_mut(2 * step)) {
            let row = |r: usize| -> Option<__m256i> {
                let low = image[two[0] + r * stride..].first_chunk::<16>()?;
                let high = image[two[1] + r * stride..].first_chunk::<16>()?;
                Some(_mm256_shuffle_epi8(pair(*low, *high), spread))
            };
            let (Some(x0), Some(x1), Some(x2), Some(x3)) = (row(0), row(1), row(2), row(3)) else {
                break;
            };
            let (t0, t1) = (_mm256_unpacklo_epi32(x0, x1), _mm256_unpackhi_epi32(x0, x1));
            let (t2, t3) = (_mm256_unpacklo_epi32(x2, x3), _mm256_unpackhi_epi32(x2, x3));
            let channels: [[Block; 2]; 3] = [
                must_cast(_mm256_unpacklo_epi64(t0, t2)),
                must_cast(_mm256_unpackhi_epi64(t0, t2)),
                must_cast(_mm256_unpacklo_epi64(t1, t3)),
            ];
            let (first, second) = blocks.split_at_mut(step);
            first[..3].copy_from_slice(&[channels[0][0], channels[1][0], channels[2][0]]);
            second[..3].copy_from_slice(&[channels[0][1], channels[1][1], channels[2][1]]);
            done += 2;
        }
        portable::split4_rgb(image, stride, &origins[done..], &mut stage[done * step..], step);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn join4_rgb(
        stage: &[Block],
        step: usize,
        order: &[u32],
        image: &mut [u8],
        stride: usize,
        origins: &[usize],
    ) {
        let weave = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, -1, -1, -1, -1,
        ));
        let close = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 0, 0);
        let zero = _mm256_setzero_si256();
        let pairs = origins.len() / 2 * 2;
        for (two, sources) in origins.chunks_exact(2).zip(order.chunks_exact(2)) {
            let (Some(a), Some(b)) = (
                stage[sources[0] as usize * step..].first_chunk::<3>(),
                stage[sources[1] as usize * step..].first_chunk::<3>(),
            ) else {
                return;
            };
            let (red, green, blue) = (pair(a[0], b[0]), pair(a[1], b[1]), pair(a[2], b[2]));
            let (t0, t1) = (
                _mm256_unpacklo_epi32(red, green),
                _mm256_unpackhi_epi32(red, green),
            );
            let (u0, u1) = (
                _mm256_unpacklo_epi32(blue, zero),
                _mm256_unpackhi_epi32(blue, zero),
            );
            let rows = [
                _mm256_unpacklo_epi64(t0, u0),
                _mm256_unpackhi_epi64(t0, u0),
                _mm256_unpacklo_epi64(t1, u1),
                _mm256_unpackhi_epi64(t1, u1),
            ];
            let neighbours = two[1] == two[0] + 12;
            for (r, row) in rows.into_iter().enumerate() {
                let woven = _mm256_shuffle_epi8(row, weave);
                let bytes: [u8; 32] = must_cast(_mm256_permutevar8x32_epi32(woven, close));
                let at = two[0] + r * stride;
                if neighbours && let Some(target) = image[at..].first_chunk_mut::<24>() {
                    *target = *bytes.first_chunk().unwrap_or(&[0; 24]);
                } else {
                    image[at..][..12].copy_from_slice(&bytes[..12]);
                    image[two[1] + r * stride..][..12].copy_from_slice(&bytes[12..24]);
                }
            }
        }
        portable::join4_rgb(stage, step, &order[pairs..], image, stride, &origins[pairs..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floats(len: usize) -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(-600f32..600.0, len)
    }

    proptest! {
        #[test]
        fn mixing_gives_the_portable_bits(plane in floats(4 * 24 + 16), line in floats(4 * 24), swap: bool) {
            let mut rgb = [[0f32; 24]; 4];
            let mut gray = [[0f32; 8]; 4];
            for k in 0..4 {
                rgb[k].copy_from_slice(&line[k * 24..][..24]);
                gray[k].copy_from_slice(&line[k * 24..][..8]);
            }
            let sources = if swap { [12, 0] } else { [0, 12] };
            let routes = [Route { sources, target: 0 }];
            let (mut fast, mut slow) = (vec![0f32; 96], vec![0f32; 96]);
            mix4_rgb(&plane, &mut fast, 24, &routes, &[rgb]);
            portable::mix4::<3, 24>(&plane, &mut slow, 24, &routes, &[rgb]);
            prop_assert_eq!(&fast, &slow);
            mix4_gray(&plane, &mut fast, 24, &routes, &[gray]);
            portable::mix4::<1, 8>(&plane, &mut slow, 24, &routes, &[gray]);
            prop_assert_eq!(&fast, &slow);
        }

        #[test]
        fn splitting_and_joining_give_the_portable_bytes(
            image in proptest::collection::vec(any::<u8>(), 8 * 36),
            order in Just([3u32, 0, 5, 1, 2, 4]).prop_shuffle(),
        ) {
            // Two rows of three blocks, so that the last one lies at the end of the buffer.
            let origins: Vec<usize> = (0..6).map(|i| (i / 3) * 4 * 36 + (i % 3) * 12).collect();
            let (mut fast, mut slow) = (vec![[0u8; 16]; 24], vec![[0u8; 16]; 24]);
            split4_rgb(&image, 36, &origins, &mut fast, 4);
            portable::split4_rgb(&image, 36, &origins, &mut slow, 4);
            prop_assert_eq!(&fast, &slow);
            let (mut a, mut b) = (vec![0u8; image.len()], vec![0u8; image.len()]);
            join4_rgb(&fast, 4, &order, &mut a, 36, &origins);
            portable::join4_rgb(&slow, 4, &order, &mut b, 36, &origins);
            prop_assert_eq!(a, b);
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
