//! Conversion between RGB and full-range YCbCr (ITU-R BT.601, as in JFIF) in integers: weights are
//! multiples of 2^-16, sums are rounded half up.

use super::AVX2;

/// Converts rows of `width` RGB pixels to rows of the same length that hold all Y, then all Cb, then
/// all Cr of the row.
pub(crate) fn to_ycbcr(width: usize, rgb: &[u8], planes: &mut [u8]) {
    dispatch!(avx2::to_ycbcr, portable::to_ycbcr, (width, rgb, planes))
}

/// The inverse of [`to_ycbcr`], up to rounding.
pub(crate) fn to_rgb(width: usize, planes: &[u8], rgb: &mut [u8]) {
    dispatch!(avx2::to_rgb, portable::to_rgb, (width, planes, rgb))
}

/// Joins rows of [`to_ycbcr`], whose width and number are even, to rows of 3 / 2 `width`: Y as it is,
/// and right of it the Cb of all rows above the Cr of all rows, each the mean of 2x2 values.
pub(crate) fn halve_chroma(width: usize, planes: &[u8], joined: &mut [u8]) {
    dispatch!(
        avx2::halve_chroma,
        portable::halve_chroma,
        (width, planes, joined)
    )
}

/// The inverse of [`halve_chroma`]: each chroma value is repeated 2x2.
pub(crate) fn double_chroma(width: usize, joined: &[u8], planes: &mut [u8]) {
    dispatch!(
        avx2::double_chroma,
        portable::double_chroma,
        (width, joined, planes)
    )
}

mod portable {
    const HALF: i32 = 1 << 15;

    const fn byte(value: i32) -> u8 {
        if value < 0 {
            0
        } else if value > 255 {
            255
        } else {
            value as u8
        }
    }

    #[inline(always)]
    pub(super) fn ycbcr(pixel: [u8; 3]) -> [u8; 3] {
        let [r, g, b] = pixel.map(i32::from);
        [
            byte((19_595 * r + 38_470 * g + 7_471 * b + HALF) >> 16),
            byte(((-11_059 * r - 21_709 * g + 32_768 * b + HALF) >> 16) + 128),
            byte(((32_768 * r - 27_439 * g - 5_329 * b + HALF) >> 16) + 128),
        ]
    }

    #[inline(always)]
    pub(super) fn rgb(color: [u8; 3]) -> [u8; 3] {
        let [y, cb, cr] = color.map(i32::from);
        let (cb, cr) = (cb - 128, cr - 128);
        [
            byte(y + ((91_881 * cr + HALF) >> 16)),
            byte(y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16)),
            byte(y + ((116_130 * cb + HALF) >> 16)),
        ]
    }

    pub(super) fn to_ycbcr(width: usize, rgb: &[u8], planes: &mut [u8]) {
        let rows = rgb
            .chunks_exact(3 * width)
            .zip(planes.chunks_exact_mut(3 * width));
        rows.for_each(|(rgb, planes)| row_to_ycbcr(width, rgb, planes, 0));
    }

    /// The pixels of a row from number `first` on.
    #[inline(always)]
    pub(super) fn row_to_ycbcr(width: usize, rgb: &[u8], planes: &mut [u8], first: usize) {
        for (i, pixel) in rgb.as_chunks::<3>().0.iter().enumerate().skip(first) {
            for (plane, value) in ycbcr(*pixel).into_iter().enumerate() {
                planes[plane * width + i] = value;
            }
        }
    }

    pub(super) fn to_rgb(width: usize, planes: &[u8], rgb: &mut [u8]) {
        let rows = planes
            .chunks_exact(3 * width)
            .zip(rgb.chunks_exact_mut(3 * width));
        rows.for_each(|(planes, rgb)| row_to_rgb(width, planes, rgb, 0));
    }

    /// The pixels of a row from number `first` on.
    #[inline(always)]
    pub(super) fn row_to_rgb(width: usize, planes: &[u8], pixels: &mut [u8], first: usize) {
        for (i, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate().skip(first) {
            *pixel = rgb([planes[i], planes[width + i], planes[2 * width + i]]);
        }
    }

    #[inline(always)]
    pub(super) fn halve_chroma(width: usize, planes: &[u8], joined: &mut [u8]) {
        let (stride, half) = (width / 2 * 3, width / 2);
        let height = planes.len() / (3 * width);
        for (from, to) in planes
            .chunks_exact(3 * width)
            .zip(joined.chunks_exact_mut(stride))
        {
            to[..width].copy_from_slice(&from[..width]);
        }
        for (r, pair) in planes.chunks_exact(6 * width).enumerate() {
            let (upper, lower) = pair.split_at(3 * width);
            for plane in 0..2 {
                let row = |line: &[u8]| -> usize { line.len() / 3 * (plane + 1) };
                let upper = upper[row(upper)..][..width].as_chunks::<2>().0;
                let lower = lower[row(lower)..][..width].as_chunks::<2>().0;
                let to = &mut joined[(plane * height / 2 + r) * stride + width..][..half];
                for ((t, [a, b]), [c, d]) in to.iter_mut().zip(upper).zip(lower) {
                    let sum = u16::from(*a) + u16::from(*b) + u16::from(*c) + u16::from(*d);
                    *t = ((sum + 2) >> 2) as u8;
                }
            }
        }
    }

    #[inline(always)]
    pub(super) fn double_chroma(width: usize, joined: &[u8], planes: &mut [u8]) {
        let (stride, half) = (width / 2 * 3, width / 2);
        let height = joined.len() / stride;
        for (r, to) in planes.chunks_exact_mut(3 * width).enumerate() {
            let (y, chroma) = to.split_at_mut(width);
            y.copy_from_slice(&joined[r * stride..][..width]);
            for (plane, to) in chroma.chunks_exact_mut(width).enumerate() {
                let from = &joined[(plane * height / 2 + r / 2) * stride + width..][..half];
                for (to, value) in to.as_chunks_mut::<2>().0.iter_mut().zip(from) {
                    *to = [*value; 2];
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{super::window, portable};
    use bytemuck::must_cast;
    use std::arch::x86_64::*;

    /// Pixels in a step.
    const STEP: usize = 16;

    /// Calls `step` for the first pixel of every step in a row, the last of which may overlap the one
    /// before it; returns how many pixels are done, `width` or, if that is too small for a step, none.
    #[inline(always)]
    fn steps(width: usize, mut step: impl FnMut(usize)) -> usize {
        if width < STEP {
            return 0;
        }
        let mut at = 0;
        while at + STEP <= width {
            step(at);
            at += STEP;
        }
        if at < width {
            step(width - STEP);
        }
        width
    }

    /// Two weights that are multiplied with neighbouring values of 16 bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn weights(first: i16, second: i16) -> __m256i {
        _mm256_set1_epi32((i32::from(second) << 16) | i32::from(first as u16))
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn to_ycbcr(width: usize, rgb: &[u8], planes: &mut [u8]) {
        // The last four pixels are loaded with the four bytes before them, so that nothing behind
        // the row is touched.
        let pairs = |second: i8, shift: i8| {
            let z = -1;
            let lane = |at: i8| {
                let (r, s) = (at, at + second);
                _mm_setr_epi8(
                    r,
                    z,
                    s,
                    z,
                    r + 3,
                    z,
                    s + 3,
                    z,
                    r + 6,
                    z,
                    s + 6,
                    z,
                    r + 9,
                    z,
                    s + 9,
                    z,
                )
            };
            _mm256_set_m128i(lane(shift), lane(0))
        };
        let to_rg = [pairs(1, 0), pairs(1, 4)];
        let next = |control: __m256i| {
            // The pairs that start one channel further on; -1 stays negative.
            let ones = _mm256_set1_epi16(1);
            _mm256_add_epi8(control, ones)
        };
        let to_gb = to_rg.map(next);
        let half = _mm256_set1_epi32(1 << 15);
        for (rgb, planes) in rgb
            .chunks_exact(3 * width)
            .zip(planes.chunks_exact_mut(3 * width))
        {
            let (y_row, chroma) = planes.split_at_mut(width);
            let (cb_row, cr_row) = chroma.split_at_mut(width);
            let done = steps(width, |at| {
                let bytes: &[u8; 3 * STEP] = window(rgb, 3 * at);
                let four = |at: usize| -> __m128i { must_cast(*window::<_, 16>(bytes, at)) };
                let eights = [
                    _mm256_set_m128i(four(12), four(0)),
                    _mm256_set_m128i(four(32), four(24)),
                ];
                let sums: [[__m256i; 3]; 2] = std::array::from_fn(|i| {
                    let rg = _mm256_shuffle_epi8(eights[i], to_rg[i]);
                    let gb = _mm256_shuffle_epi8(eights[i], to_gb[i]);
                    // 38,470 and 32,768 have no room in 16 bits: one is split, the other negated.
                    let y = _mm256_add_epi32(
                        _mm256_madd_epi16(rg, weights(19_595, 19_235)),
                        _mm256_madd_epi16(gb, weights(19_235, 7_471)),
                    );
                    let cb = _mm256_sub_epi32(
                        _mm256_madd_epi16(rg, weights(-11_059, -21_709)),
                        _mm256_madd_epi16(gb, weights(0, -32_768)),
                    );
                    let cr = _mm256_sub_epi32(
                        _mm256_madd_epi16(gb, weights(-27_439, -5_329)),
                        _mm256_madd_epi16(rg, weights(-32_768, 0)),
                    );
                    [y, cb, cr].map(|sum| _mm256_srai_epi32::<16>(_mm256_add_epi32(sum, half)))
                });
                let bytes = |plane: usize, base: i16| -> [u8; STEP] {
                    let words = _mm256_packs_epi32(sums[0][plane], sums[1][plane]);
                    let words = _mm256_add_epi16(words, _mm256_set1_epi16(base));
                    let bytes = _mm256_packus_epi16(words, words);
                    // Packing leaves pixels 0-3, 8-11 and 4-7, 12-15 in the two halves.
                    must_cast(_mm_unpacklo_epi32(
                        _mm256_castsi256_si128(bytes),
                        _mm256_extracti128_si256::<1>(bytes),
                    ))
                };
                y_row[at..at + STEP].copy_from_slice(&bytes(0, 0));
                cb_row[at..at + STEP].copy_from_slice(&bytes(1, 128));
                cr_row[at..at + STEP].copy_from_slice(&bytes(2, 128));
            });
            portable::row_to_ycbcr(width, rgb, planes, done);
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn to_rgb(width: usize, planes: &[u8], rgb: &mut [u8]) {
        for (planes, rgb) in planes
            .chunks_exact(3 * width)
            .zip(rgb.chunks_exact_mut(3 * width))
        {
            let (y_row, chroma) = planes.split_at(width);
            let (cb_row, cr_row) = chroma.split_at(width);
            let done = steps(width, |at| {
                let [r, g, b] = rgb_of(words(y_row, at), words(cb_row, at), words(cr_row, at));
                rgb[3 * at..3 * (at + STEP)].copy_from_slice(&woven(r, g, b));
            });
            portable::row_to_rgb(width, planes, rgb, done);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn words(row: &[u8], at: usize) -> __m256i {
        _mm256_cvtepu8_epi16(must_cast(*window::<_, 16>(row, at)))
    }

    /// (x * weight + 2^15) >> 16.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn scaled(x: __m256i, weight: i16) -> __m256i {
        let weight = _mm256_set1_epi16(weight);
        let carry = _mm256_srli_epi16::<15>(_mm256_mullo_epi16(x, weight));
        _mm256_add_epi16(_mm256_mulhi_epi16(x, weight), carry)
    }

    /// The weights are taken without their whole parts, which shorter sums add.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn rgb_of(y: __m256i, cb: __m256i, cr: __m256i) -> [__m128i; 3] {
        let middle = _mm256_set1_epi16(128);
        let (cb, cr) = (_mm256_sub_epi16(cb, middle), _mm256_sub_epi16(cr, middle));
        let half = _mm256_set1_epi32(1 << 15);
        // 91,881 = 65,536 + 26,345
        let r = _mm256_add_epi16(_mm256_add_epi16(y, cr), scaled(cr, 26_345));
        // -46,802 = -65,536 + 18,734
        let sum = |pairs: __m256i| {
            let sum = _mm256_madd_epi16(pairs, weights(-22_554, 18_734));
            _mm256_srai_epi32::<16>(_mm256_add_epi32(sum, half))
        };
        let rest = _mm256_packs_epi32(
            sum(_mm256_unpacklo_epi16(cb, cr)),
            sum(_mm256_unpackhi_epi16(cb, cr)),
        );
        let g = _mm256_add_epi16(_mm256_sub_epi16(y, cr), rest);
        // 116,130 = 2 * 65,536 - 14,942
        let b = _mm256_add_epi16(y, _mm256_add_epi16(cb, cb));
        let b = _mm256_add_epi16(b, scaled(cb, -14_942));
        [r, g, b].map(|x| {
            let bytes = _mm256_packus_epi16(x, x);
            _mm_unpacklo_epi64(
                _mm256_castsi256_si128(bytes),
                _mm256_extracti128_si256::<1>(bytes),
            )
        })
    }

    /// Sixteen pixels of three planes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn woven(r: __m128i, g: __m128i, b: __m128i) -> [u8; 48] {
        let parts: [__m128i; 3] = std::array::from_fn(|part| {
            let pick = |plane: __m128i, channel: usize| {
                // Byte i of the part is byte i + 16 * part of the pixels.
                let control: [u8; 16] = std::array::from_fn(|i| {
                    let place = 16 * part + i;
                    if place % 3 == channel {
                        (place / 3) as u8
                    } else {
                        128
                    }
                });
                _mm_shuffle_epi8(plane, must_cast(control))
            };
            _mm_or_si128(_mm_or_si128(pick(r, 0), pick(g, 1)), pick(b, 2))
        });
        must_cast(parts)
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn halve_chroma(width: usize, planes: &[u8], joined: &mut [u8]) {
        portable::halve_chroma(width, planes, joined);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn double_chroma(width: usize, joined: &[u8], planes: &mut [u8]) {
        portable::double_chroma(width, joined, planes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All colours: 256 rows of 65,536, one for each red.
    #[test]
    fn every_colour_comes_back_within_one_level_and_all_paths_agree() {
        const WIDTH: usize = 1 << 16;
        let mut worst = 0;
        let (mut planes, mut back) = (vec![0; 3 * WIDTH], vec![0; 3 * WIDTH]);
        let (mut slow, mut slow_back) = (planes.clone(), planes.clone());
        for red in 0..=255 {
            let row: Vec<u8> = (0..WIDTH).flat_map(|i| [red, (i >> 8) as u8, i as u8]).collect();
            to_ycbcr(WIDTH, &row, &mut planes);
            to_rgb(WIDTH, &planes, &mut back);
            portable::to_ycbcr(WIDTH, &row, &mut slow);
            assert_eq!(planes, slow);
            portable::to_rgb(WIDTH, &planes, &mut slow_back);
            assert_eq!(back, slow_back);
            worst = row
                .iter()
                .zip(&back)
                .map(|(a, b)| a.abs_diff(*b))
                .fold(worst, u8::max);
        }
        assert_eq!(worst, 1);
    }

    /// YCbCr that no RGB gives is confined alike by all paths.
    #[test]
    fn every_ycbcr_is_converted_alike() {
        const WIDTH: usize = 1 << 16;
        let (mut fast, mut slow) = (vec![0; 3 * WIDTH], vec![0; 3 * WIDTH]);
        for y in 0..=255 {
            let mut planes = vec![y; 3 * WIDTH];
            for i in 0..WIDTH {
                (planes[WIDTH + i], planes[2 * WIDTH + i]) = ((i >> 8) as u8, i as u8);
            }
            to_rgb(WIDTH, &planes, &mut fast);
            portable::to_rgb(WIDTH, &planes, &mut slow);
            assert_eq!(fast, slow);
        }
    }

    proptest! {
        #[test]
        fn every_width_gives_the_portable_bytes(
            (width, height) in (1usize..70, 1usize..4),
            bytes in proptest::collection::vec(any::<u8>(), 3 * 70 * 4),
        ) {
            let image = &bytes[..3 * width * height];
            let (mut fast, mut slow) = (vec![0; image.len()], vec![0; image.len()]);
            to_ycbcr(width, image, &mut fast);
            portable::to_ycbcr(width, image, &mut slow);
            prop_assert_eq!(&fast, &slow);
            to_rgb(width, image, &mut fast);
            portable::to_rgb(width, image, &mut slow);
            prop_assert_eq!(&fast, &slow);
        }

        #[test]
        fn chroma_is_halved_to_means_and_repeated(
            (half, pairs) in (1usize..40, 1usize..3),
            bytes in proptest::collection::vec(any::<u8>(), 3 * 80 * 4),
        ) {
            let (width, height) = (2 * half, 2 * pairs);
            let planes = &bytes[..3 * width * height];
            let mut joined = vec![0; 3 * half * height];
            halve_chroma(width, planes, &mut joined);
            let mut again = vec![0; joined.len()];
            portable::halve_chroma(width, planes, &mut again);
            prop_assert_eq!(&joined, &again);
            let mut back = vec![0; planes.len()];
            double_chroma(width, &joined, &mut back);
            for (r, (row, found)) in planes.chunks(3 * width).zip(back.chunks(3 * width)).enumerate() {
                prop_assert_eq!(&row[..width], &found[..width]);
                for (c, value) in found.iter().enumerate().skip(width) {
                    let at = |r: usize, c: usize| u32::from(planes[r * 3 * width + c]);
                    let (top, left) = (r & !1, c & !1);
                    let sum = at(top, left) + at(top, left + 1) + at(top + 1, left) + at(top + 1, left + 1);
                    prop_assert_eq!(u32::from(*value), (sum + 2) / 4);
                    // Cb above Cr, right of Y.
                    let plane = c / width - 1;
                    let place = (plane * pairs + r / 2) * 3 * half + width + (c % width) / 2;
                    prop_assert_eq!(joined[place], *value);
                }
            }
        }
    }
}
