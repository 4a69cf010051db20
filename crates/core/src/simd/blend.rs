//! The weighted sum of several images of bytes that a mixing scheme is made of, brought to its
//! scale and with the signs of its values drawn. No fused multiply-add, terms in their order: every
//! path gives the same bits.

use super::window;
#[cfg(target_arch = "x86_64")]
use super::{AVX2, VBMI};
use std::array::from_fn;

/// Values that are worked on together: whole vectors, and whole pixels of 1, 2, 3, 4, 6, 8, 12 or
/// 16 channels.
pub(crate) const TILE: usize = 48;

/// Bytes of sign bits for one tile.
const TILE_SIGNS: usize = TILE / 8;

/// Most images that one layer sums.
pub(crate) const MAX_IMAGES: usize = 16;

/// A factor or summand for each value of a tile. Aligned, for a vector that straddles cache lines
/// loads at half speed.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Tile(pub(crate) [f32; TILE]);

/// Images that share their statistics: value i becomes (sum of `weights[s] * images[s][i]`, s
/// ascending) `* scale[i] + shift[i]`.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    /// One to [`MAX_IMAGES`] images, each as long as the output.
    pub(crate) images: &'a [&'a [u8]],
    /// A weight for each image.
    pub(crate) weights: &'a [f32],
    /// Factors of the first tiles; the rest goes on with the first of them again.
    pub(crate) scale: &'a [Tile],
    /// Summands, as many as factors.
    pub(crate) shift: &'a [Tile],
}

/// Bytes that hold a sign bit for each of `len` values, to the end of the last tile.
pub(crate) const fn signs_len(len: usize) -> usize {
    len.div_ceil(TILE) * TILE_SIGNS
}

/// Writes the sum of the first layer and, where there is one, of the second to `out`. Value 8k + i
/// is negated where bit i of `signs[k]` is 1; there are [`signs_len`] of these bytes.
pub(crate) fn blend(first: Layer<'_>, second: Option<Layer<'_>>, signs: &[u8], out: &mut [f32]) {
    in_tiles(first, second, signs, out, tiles::<true>);
}

/// As [`blend`] without the signs: what the draws are measured against.
#[cfg(test)]
pub(crate) fn weighted_sum(first: Layer<'_>, second: Option<Layer<'_>>, signs: &[u8], out: &mut [f32]) {
    in_tiles(first, second, signs, out, tiles::<false>);
}

fn tiles<const SIGNED: bool>(plan: &Plan<'_>, signs: &[[u8; TILE_SIGNS]], out: &mut [[f32; TILE]]) {
    dispatch_wide!(
        avx512::blend::<SIGNED>,
        avx2::blend::<SIGNED>,
        portable::<SIGNED>,
        (plan, signs, out)
    )
}

/// What the tiles of an output are made of.
struct Plan<'a> {
    first: Layer<'a>,
    second: Option<Layer<'a>>,
}

/// The ends of a layer's images, filled up to a tile.
fn ends(layer: &Layer<'_>, done: usize) -> [[u8; TILE]; MAX_IMAGES] {
    from_fn(|s| {
        let mut end = [0; TILE];
        if let Some(rest) = layer.images.get(s).map(|image| &image[done..]) {
            end[..rest.len()].copy_from_slice(rest);
        }
        end
    })
}

/// The last tile of a layer, of which `ends` are the images.
fn last<'a>(layer: &Layer<'a>, ends: &'a [&'a [u8]; MAX_IMAGES], tile: usize) -> Layer<'a> {
    let tile = tile % layer.scale.len();
    Layer {
        images: &ends[..layer.images.len()],
        weights: layer.weights,
        scale: &layer.scale[tile..=tile],
        shift: &layer.shift[tile..=tile],
    }
}

/// Runs `work` on the whole tiles, and again on what is left.
fn in_tiles(
    first: Layer<'_>,
    second: Option<Layer<'_>>,
    signs: &[u8],
    out: &mut [f32],
    work: impl Fn(&Plan<'_>, &[[u8; TILE_SIGNS]], &mut [[f32; TILE]]),
) {
    let (signs, (body, rest)) = (signs.as_chunks().0, out.as_chunks_mut());
    let plan = Plan { first, second };
    work(&plan, &signs[..body.len()], body);
    if rest.is_empty() {
        return;
    }
    let done = body.len() * TILE;
    let first_ends = ends(&first, done);
    let second_ends = second.map_or([[0; TILE]; MAX_IMAGES], |layer| ends(&layer, done));
    let (first_ends, second_ends) = (
        first_ends.each_ref().map(|end| &end[..]),
        second_ends.each_ref().map(|end| &end[..]),
    );
    let plan = Plan {
        first: last(&first, &first_ends, body.len()),
        second: second.as_ref().map(|layer| last(layer, &second_ends, body.len())),
    };
    let mut whole = [[0.0; TILE]];
    work(&plan, &signs[body.len()..=body.len()], &mut whole);
    rest.copy_from_slice(&whole[0][..rest.len()]);
}

fn portable<const SIGNED: bool>(plan: &Plan<'_>, signs: &[[u8; TILE_SIGNS]], out: &mut [[f32; TILE]]) {
    for (t, (signs, out)) in signs.iter().zip(out).enumerate() {
        let mut sums = portable_layer(&plan.first, t);
        if let Some(second) = &plan.second {
            let more = portable_layer(second, t);
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
        for (i, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
            let sign = u32::from(SIGNED && signs[i / 8] >> (i % 8) & 1 == 1) << 31;
            *out = f32::from_bits(sum.to_bits() ^ sign);
        }
    }
}

fn portable_layer(layer: &Layer<'_>, t: usize) -> [f32; TILE] {
    let mut sums = [0.0; TILE];
    for (s, (image, weight)) in layer.images.iter().zip(layer.weights).enumerate() {
        for (sum, value) in sums.iter_mut().zip(window::<_, TILE>(image, t * TILE)) {
            let product = weight * f32::from(*value);
            *sum = if s == 0 { product } else { *sum + product };
        }
    }
    let (scale, shift) = (
        &layer.scale[t % layer.scale.len()],
        &layer.shift[t % layer.shift.len()],
    );
    from_fn(|i| sums[i] * scale.0[i] + shift.0[i])
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Layer, Plan, TILE, TILE_SIGNS, window};
    use bytemuck::{must_cast, must_cast_ref};
    use std::arch::x86_64::*;

    /// Vectors in a tile.
    const VECTORS: usize = TILE / 8;

    #[target_feature(enable = "avx2")]
    pub(super) fn blend<const SIGNED: bool>(
        plan: &Plan<'_>,
        signs: &[[u8; TILE_SIGNS]],
        out: &mut [[f32; TILE]],
    ) {
        let mut place = 0;
        for (t, (signs, out)) in signs.iter().zip(out).enumerate() {
            let mut sums = layer(&plan.first, t, place);
            if let Some(second) = &plan.second {
                let more = layer(second, t, place);
                for (sum, more) in sums.iter_mut().zip(more) {
                    *sum = _mm256_add_ps(*sum, more);
                }
            }
            let out = out.as_chunks_mut::<8>().0;
            for ((out, sum), signs) in out.iter_mut().zip(sums).zip(signs) {
                *out = must_cast(if SIGNED { signed(sum, *signs) } else { sum });
            }
            place += 1;
            if place == plan.first.scale.len() {
                place = 0;
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn signed(values: __m256, signs: u8) -> __m256 {
        // Bit i comes to the top of lane i.
        let up = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
        let bits = _mm256_sllv_epi32(_mm256_set1_epi32(i32::from(signs)), up);
        let bits = _mm256_and_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(-0.0));
        _mm256_xor_ps(values, bits)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn layer(layer: &Layer<'_>, t: usize, place: usize) -> [__m256; VECTORS] {
        let mut sums = [_mm256_setzero_ps(); VECTORS];
        for (s, (image, weight)) in layer.images.iter().zip(layer.weights).enumerate() {
            let (weight, tile) = (_mm256_set1_ps(*weight), window::<_, TILE>(image, t * TILE));
            for (sum, bytes) in sums.iter_mut().zip(tile.as_chunks::<8>().0) {
                let bytes = must_cast([u64::from_le_bytes(*bytes), 0]);
                let values = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
                let product = _mm256_mul_ps(weight, values);
                *sum = if s == 0 {
                    product
                } else {
                    _mm256_add_ps(*sum, product)
                };
            }
        }
        let scale: &[[f32; 8]; VECTORS] = must_cast_ref(&layer.scale[place].0);
        let shift: &[[f32; 8]; VECTORS] = must_cast_ref(&layer.shift[place].0);
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = _mm256_add_ps(_mm256_mul_ps(*sum, must_cast(scale[i])), must_cast(shift[i]));
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The processor's AVX2 path, also where a wider one would be chosen.
    fn narrow(plan: &Plan<'_>, signs: &[[u8; TILE_SIGNS]], out: &mut [[f32; TILE]]) {
        dispatch!(avx2::blend::<true>, portable::<true>, (plan, signs, out))
    }

    /// Values, and images of both layers, the usual numbers of them often.
    fn sizes() -> impl Strategy<Value = (usize, usize, usize)> {
        let usual = (1usize..300, 2usize..7, Just(0));
        let mixed = (1usize..300, Just(2), 1usize..5);
        prop_oneof![(1usize..300, 1usize..=MAX_IMAGES, 0usize..4), usual, mixed]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn all_paths_give_the_portable_bits(
            (len, first_count, second_count) in sizes(),
            bytes in proptest::collection::vec(any::<u8>(), 300 * 20),
            weights in proptest::collection::vec(-1f32..1.0, 20),
            pattern in proptest::collection::vec(-9f32..9.0, 1..4),
            signs in proptest::collection::vec(any::<u8>(), signs_len(300)),
        ) {
            let images: Vec<&[u8]> = bytes.chunks(300).map(|image| &image[..len]).collect();
            let lay = |shift: usize| -> Vec<Tile> {
                pattern.iter().map(|value| Tile(from_fn(|i| value + (i * 7 + shift) as f32 / 3.0))).collect()
            };
            let (scale, shift, more) = (lay(0), lay(1), lay(2));
            let first = Layer {
                images: &images[..first_count],
                weights: &weights[..first_count],
                scale: &scale,
                shift: &shift,
            };
            let second = (second_count > 0).then_some(Layer {
                images: &images[MAX_IMAGES..][..second_count],
                weights: &weights[MAX_IMAGES..][..second_count],
                scale: &more,
                shift: &scale,
            });
            let signs = &signs[..signs_len(len)];
            let mut outs = [vec![0f32; len], vec![0f32; len], vec![0f32; len]];
            in_tiles(first, second, signs, &mut outs[0], portable::<true>);
            in_tiles(first, second, signs, &mut outs[1], narrow);
            blend(first, second, signs, &mut outs[2]);
            let bits = outs.map(|out| out.into_iter().map(f32::to_bits).collect::<Vec<_>>());
            prop_assert_eq!(&bits[0], &bits[1]);
            prop_assert_eq!(&bits[0], &bits[2]);
            for i in 0..len {
                let layer = |layer: &Layer<'_>| {
                    let mut sum = layer.weights[0] * f32::from(layer.images[0][i]);
                    for (image, weight) in layer.images.iter().zip(layer.weights).skip(1) {
                        sum += weight * f32::from(image[i]);
                    }
                    let tile = i / TILE % pattern.len();
                    sum * layer.scale[tile].0[i % TILE] + layer.shift[tile].0[i % TILE]
                };
                let sum = second.as_ref().map_or(layer(&first), |second| layer(&first) + layer(second));
                let signed = if signs[i / 8] >> (i % 8) & 1 == 1 { -sum } else { sum };
                prop_assert_eq!(signed.to_bits(), bits[0][i]);
            }
        }
    }
}
