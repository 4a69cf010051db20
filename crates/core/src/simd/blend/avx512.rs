//! [`super::blend`] for AVX-512.

use super::{Layer, Plan, TILE, TILE_SIGNS, window};
use bytemuck::{must_cast, must_cast_ref};
use std::arch::x86_64::*;

/// Vectors in a tile.
const VECTORS: usize = TILE / 16;

/// Tells the usual numbers of images apart, so that no loop over images is left in the one over tiles.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
pub(super) fn blend<const SIGNED: bool>(
    plan: &Plan<'_>,
    signs: &[[u8; TILE_SIGNS]],
    out: &mut [[f32; TILE]],
) {
    let second = plan.second.as_ref().map_or(0, |layer| layer.images.len());
    match (plan.first.images.len(), second) {
        (2, 0) => few::<2, 0, SIGNED>(plan, signs, out),
        (3, 0) => few::<3, 0, SIGNED>(plan, signs, out),
        (4, 0) => few::<4, 0, SIGNED>(plan, signs, out),
        (5, 0) => few::<5, 0, SIGNED>(plan, signs, out),
        (6, 0) => few::<6, 0, SIGNED>(plan, signs, out),
        (2, 1) => few::<2, 1, SIGNED>(plan, signs, out),
        (2, 2) => few::<2, 2, SIGNED>(plan, signs, out),
        (2, 3) => few::<2, 3, SIGNED>(plan, signs, out),
        (2, 4) => few::<2, 4, SIGNED>(plan, signs, out),
        _ => many::<SIGNED>(plan, signs, out),
    }
}

/// Layers of `A` and `B` images; there is no second one where `B` is 0.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
fn few<const A: usize, const B: usize, const SIGNED: bool>(
    plan: &Plan<'_>,
    signs: &[[u8; TILE_SIGNS]],
    out: &mut [[f32; TILE]],
) {
    let tiles = out.len();
    let (signs, more) = (&signs[..tiles], plan.second.as_ref().unwrap_or(&plan.first));
    let (first, second) = (Few::<A>::new(&plan.first, tiles), Few::<B>::new(more, tiles));
    let (repeat, mut place) = (plan.first.scale.len(), 0);
    let mut normals = [Normal::new(&plan.first, 0), Normal::new(more, 0)];
    for (t, signs) in signs.iter().enumerate() {
        let mut sums = normals[0].bring(first.sum(t));
        if B > 0 {
            let more = normals[1].bring(second.sum(t));
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum = _mm512_add_ps(*sum, more);
            }
        }
        write::<SIGNED>(sums, signs, &mut out[t]);
        // Factors and summands stay in registers where all tiles share them.
        if repeat > 1 {
            place = if place + 1 == repeat { 0 } else { place + 1 };
            normals = [Normal::new(&plan.first, place), Normal::new(more, place)];
        }
    }
}

/// Layers of any number of images.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
fn many<const SIGNED: bool>(plan: &Plan<'_>, signs: &[[u8; TILE_SIGNS]], out: &mut [[f32; TILE]]) {
    let mut place = 0;
    for (t, (signs, out)) in signs.iter().zip(out).enumerate() {
        let mut sums = layer(&plan.first, t, place);
        if let Some(second) = &plan.second {
            let more = layer(second, t, place);
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum = _mm512_add_ps(*sum, more);
            }
        }
        write::<SIGNED>(sums, signs, out);
        place += 1;
        if place == plan.first.scale.len() {
            place = 0;
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn layer(layer: &Layer<'_>, t: usize, place: usize) -> [__m512; VECTORS] {
    let mut sums = [_mm512_setzero_ps(); VECTORS];
    for (s, (image, weight)) in layer.images.iter().zip(layer.weights).enumerate() {
        add(
            s == 0,
            window(image, t * TILE),
            _mm512_set1_ps(*weight),
            &mut sums,
        );
    }
    Normal::new(layer, place).bring(sums)
}

/// The images of a layer and their weights, each cut to the tiles that there are.
struct Few<'a, const N: usize> {
    images: [&'a [[u8; TILE]]; N],
    weights: [__m512; N],
}

impl<'a, const N: usize> Few<'a, N> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(layer: &Layer<'a>, tiles: usize) -> Self {
        let (mut images, mut weights) = ([&[][..]; N], [_mm512_setzero_ps(); N]);
        for s in 0..N {
            images[s] = &layer.images[s].as_chunks().0[..tiles];
            weights[s] = _mm512_set1_ps(layer.weights[s]);
        }
        Self { images, weights }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn sum(&self, t: usize) -> [__m512; VECTORS] {
        let mut sums = [_mm512_setzero_ps(); VECTORS];
        for s in 0..N {
            add(s == 0, &self.images[s][t], self.weights[s], &mut sums);
        }
        sums
    }
}

/// Adds the weighted values of an image to `sums`, or takes them where they are the first.
#[inline]
#[target_feature(enable = "avx512f")]
fn add(first: bool, tile: &[u8; TILE], weight: __m512, sums: &mut [__m512; VECTORS]) {
    for (sum, bytes) in sums.iter_mut().zip(tile.as_chunks::<16>().0) {
        let values = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(must_cast(*bytes)));
        let product = _mm512_mul_ps(weight, values);
        *sum = if first {
            product
        } else {
            _mm512_add_ps(*sum, product)
        };
    }
}

/// Factors and summands of a tile.
struct Normal {
    scale: [__m512; VECTORS],
    shift: [__m512; VECTORS],
}

impl Normal {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(layer: &Layer<'_>, place: usize) -> Self {
        let scale: &[[f32; 16]; VECTORS] = must_cast_ref(&layer.scale[place].0);
        let shift: &[[f32; 16]; VECTORS] = must_cast_ref(&layer.shift[place].0);
        let mut normal = Self {
            scale: [_mm512_setzero_ps(); VECTORS],
            shift: [_mm512_setzero_ps(); VECTORS],
        };
        for i in 0..VECTORS {
            (normal.scale[i], normal.shift[i]) = (join(&scale[i]), join(&shift[i]));
        }
        normal
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn bring(&self, mut sums: [__m512; VECTORS]) -> [__m512; VECTORS] {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = _mm512_add_ps(_mm512_mul_ps(*sum, self.scale[i]), self.shift[i]);
        }
        sums
    }
}

/// Writes a tile, with the values negated that `signs` name.
#[inline]
#[target_feature(enable = "avx512f")]
fn write<const SIGNED: bool>(sums: [__m512; VECTORS], signs: &[u8; TILE_SIGNS], out: &mut [f32; TILE]) {
    let top = _mm512_set1_epi32(i32::MIN);
    let out = out.as_chunks_mut::<16>().0;
    for ((out, sum), signs) in out.iter_mut().zip(sums).zip(signs.as_chunks().0) {
        let signs = if SIGNED { u16::from_le_bytes(*signs) } else { 0 };
        let sum = _mm512_castps_si512(sum);
        *out = split(_mm512_castsi512_ps(_mm512_mask_xor_epi32(sum, signs, sum, top)));
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn split(values: __m512) -> [f32; 16] {
    let low = _mm512_castps512_ps256(values);
    let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(values));
    must_cast([low, _mm256_castpd_ps(high)])
}

#[inline]
#[target_feature(enable = "avx512f")]
fn join(values: &[f32; 16]) -> __m512 {
    let [low, high]: [__m256d; 2] = must_cast(*values);
    _mm512_castpd_ps(_mm512_insertf64x4::<1>(_mm512_castpd256_pd512(low), high))
}
