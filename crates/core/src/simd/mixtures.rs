//! Coefficients of several blends at a time, a blend in each lane: magnitudes of normals to the power
//! k, divided by their sum, drawn again until they keep within bounds.

#[cfg(target_arch = "x86_64")]
use super::{AVX2, VBMI};
use super::{
    MAX_IMAGES,
    normals::{self, PAIRS},
};
use std::array::from_fn;
use zeroize::Zeroize;

/// Most blends that are worked on together.
pub(crate) const MIX_LANES: usize = 16;

/// Bytes of a stream that are worked on together.
const CHUNK: usize = 16 * PAIRS;

/// A number for each blend.
type Row = [f64; MIX_LANES];

/// Coefficients that are accepted: each at most `largest`, the first two together at least `first_two`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MixRule {
    /// Coefficients of a blend, 1 to [`MAX_IMAGES`].
    pub(crate) k: usize,
    pub(crate) largest: f64,
    pub(crate) first_two: f64,
}

/// What [`mixtures`] works in, wiped when dropped.
#[derive(Default)]
pub(crate) struct MixRoom {
    /// The normals of every stream, one below the other.
    normals: Vec<Row>,
    /// Coefficients on trial.
    trial: [Row; MAX_IMAGES],
}

impl Drop for MixRoom {
    fn drop(&mut self) {
        self.normals.zeroize();
        self.trial.zeroize();
    }
}

/// Draws the first `k` of each of `weights`, at most [`MIX_LANES`] of them, from the beginnings of
/// their streams in `streams`, equally long and one after the other, of which whole multiples of 128
/// bytes are used. Bit i of the result is 1 where a beginning is too short and nothing was written.
pub(crate) fn mixtures(
    rule: MixRule,
    streams: &[u8],
    room: &mut MixRoom,
    weights: &mut [[f32; MAX_IMAGES]],
) -> u16 {
    dispatch_wide!(wide::mixtures, avx2, portable, (rule, streams, room, weights))
}

#[inline(always)]
fn portable(rule: MixRule, streams: &[u8], room: &mut MixRoom, weights: &mut [[f32; MAX_IMAGES]]) -> u16 {
    draw(rule, streams, room, weights, eight_pairs, attempt)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(rule: MixRule, streams: &[u8], room: &mut MixRoom, weights: &mut [[f32; MAX_IMAGES]]) -> u16 {
    portable(rule, streams, room, weights)
}

#[inline(always)]
fn draw(
    rule: MixRule,
    streams: &[u8],
    room: &mut MixRoom,
    weights: &mut [[f32; MAX_IMAGES]],
    pairs: impl Fn(&[u8; CHUNK]) -> Pairs,
    attempt: impl Fn(MixRule, &[Row], &mut [Row; MAX_IMAGES]) -> u16,
) -> u16 {
    let share = streams.len() / weights.len().max(1);
    let (k, chunks) = (rule.k, share / CHUNK);
    // A pair that is not taken is written behind the last one.
    let rows = chunks * 2 * PAIRS + 2;
    if room.normals.len() < rows {
        room.normals.resize(rows, [0.0; MIX_LANES]);
    }
    let (mut lens, mut tries) = ([0; MIX_LANES], 0);
    let mut open = ((1u32 << weights.len()) - 1) as u16;
    for chunk in 0..chunks {
        for lane in lanes(open) {
            let words = &streams[lane * share..][..share].as_chunks().0[chunk];
            lens[lane] = keep(&pairs(words), lane, &mut room.normals, lens[lane]);
        }
        // Blends stay side by side: one that has normals for more tries waits, up to the last normals.
        let undone = lanes(open).map(|lane| lens[lane]);
        let last = chunk + 1 == chunks;
        let most = if last { undone.max() } else { undone.min() }.unwrap_or(0);
        while open != 0 && (tries + 1) * k <= most {
            let accepted = open & attempt(rule, &room.normals[tries * k..][..k], &mut room.trial);
            tries += 1;
            for lane in lanes(accepted).filter(|lane| lens[*lane] >= tries * k) {
                open &= !(1 << lane);
                for (weight, trial) in weights[lane].iter_mut().zip(&room.trial[..k]) {
                    *weight = trial[lane] as f32;
                }
            }
        }
        if open == 0 {
            break;
        }
    }
    open
}

/// The places of the bits that are 1.
#[inline(always)]
fn lanes(mut bits: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lane = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (lane < MIX_LANES).then_some(lane)
    })
}

/// Both numbers of several pairs of words, and the pairs that are normals as bits.
type Pairs = ([f64; PAIRS], [f64; PAIRS], u8);

/// Puts the normals among `pairs` below the `len` that the lane has, and counts them all.
#[inline(always)]
fn keep((u, v, inside): &Pairs, lane: usize, normals: &mut [Row], mut len: usize) -> usize {
    for i in 0..PAIRS {
        // Written always and kept by the count, for no processor guesses what is accepted.
        normals[len][lane] = u[i];
        normals[len + 1][lane] = v[i];
        len += usize::from(inside >> i & 1) * 2;
    }
    len
}

#[inline(always)]
fn eight_pairs(words: &[u8; CHUNK]) -> Pairs {
    let words: &[[[u8; 8]; 2]] = words.as_chunks().0.as_chunks().0;
    let (mut u, mut v, mut s) = ([0.0; PAIRS], [0.0; PAIRS], [0.0; PAIRS]);
    let side = |side: usize| from_fn(|i| u64::from_le_bytes(words[i][side]));
    normals::pairs(&side(0), &side(1), &mut u, &mut v, &mut s);
    let inside = |i: usize| u8::from(s[i] < 1.0 && s[i] > 0.0) << i;
    (u, v, (0..PAIRS).map(inside).sum())
}

/// Makes coefficients of the next normals of every lane; the bits of those within bounds are 1.
#[inline(always)]
fn attempt(rule: MixRule, normals: &[Row], trial: &mut [Row; MAX_IMAGES]) -> u16 {
    let mut total = [0.0; MIX_LANES];
    for (normal, trial) in normals.iter().zip(&mut *trial) {
        let magnitude: Row = normal.map(f64::abs);
        *trial = magnitude;
        for _ in 1..rule.k {
            *trial = from_fn(|i| trial[i] * magnitude[i]);
        }
        total = from_fn(|i| total[i] + trial[i]);
    }
    let mut accepted = u16::MAX;
    for trial in &mut trial[..rule.k] {
        *trial = from_fn(|i| trial[i] / total[i]);
        (0..MIX_LANES).for_each(|i| accepted &= !(u16::from(trial[i] > rule.largest) << i));
    }
    if rule.k > 1 {
        let [first, second, ..] = &*trial;
        (0..MIX_LANES).for_each(|i| accepted &= !(u16::from(first[i] + second[i] < rule.first_two) << i));
    }
    accepted
}

/// Not left to the compiler, which takes such loops apart lane by lane.
#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{CHUNK, MAX_IMAGES, MIX_LANES, MixRoom, MixRule, Pairs, Row, draw, normals, normals::PAIRS};
    use bytemuck::must_cast;
    use std::arch::x86_64::*;

    /// Rows in two halves.
    const HALF: usize = MIX_LANES / 2;

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn mixtures(
        rule: MixRule,
        streams: &[u8],
        room: &mut MixRoom,
        weights: &mut [[f32; MAX_IMAGES]],
    ) -> u16 {
        draw(
            rule,
            streams,
            room,
            weights,
            |words| eight_pairs(words),
            |rule, normals, trial| attempt(rule, normals, trial),
        )
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
    fn eight_pairs(words: &[u8; CHUNK]) -> Pairs {
        let [a, b]: [[f64; PAIRS]; 2] = must_cast(*words);
        let (a, b) = (join(&a), join(&b));
        let first = _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b);
        let second = _mm512_permutex2var_pd(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b);
        let (mut u, mut v, mut s) = ([0.0; PAIRS], [0.0; PAIRS], [0.0; PAIRS]);
        let (first, second) = (split(first).map(f64::to_bits), split(second).map(f64::to_bits));
        normals::avx512(&first, &second, &mut u, &mut v, &mut s);
        let s = join(&s);
        let inside = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(s, _mm512_set1_pd(1.0))
            & _mm512_cmp_pd_mask::<_CMP_GT_OQ>(s, _mm512_setzero_pd());
        (u, v, inside)
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
    fn attempt(rule: MixRule, normals: &[Row], trial: &mut [Row; MAX_IMAGES]) -> u16 {
        let mut powers = [[_mm512_setzero_pd(); 2]; MAX_IMAGES];
        let mut total = [_mm512_setzero_pd(); 2];
        for (normal, powers) in normals.iter().zip(&mut powers) {
            let magnitude = halves(normal);
            let [mut low, mut high] = magnitude;
            for _ in 1..rule.k {
                low = _mm512_mul_pd(low, magnitude[0]);
                high = _mm512_mul_pd(high, magnitude[1]);
            }
            total = [_mm512_add_pd(total[0], low), _mm512_add_pd(total[1], high)];
            *powers = [low, high];
        }
        let mut refused = [0u8; 2];
        let (largest, least) = (_mm512_set1_pd(rule.largest), _mm512_set1_pd(rule.first_two));
        for (powers, trial) in powers.iter_mut().zip(&mut *trial).take(rule.k) {
            for i in 0..2 {
                powers[i] = _mm512_div_pd(powers[i], total[i]);
                refused[i] |= _mm512_cmp_pd_mask::<_CMP_GT_OQ>(powers[i], largest);
                trial[i * HALF..][..HALF].copy_from_slice(&split(powers[i]));
            }
        }
        if rule.k > 1 {
            for i in 0..2 {
                let both = _mm512_add_pd(powers[0][i], powers[1][i]);
                refused[i] |= _mm512_cmp_pd_mask::<_CMP_LT_OQ>(both, least);
            }
        }
        !u16::from_le_bytes(refused)
    }

    /// The magnitudes of a row.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn halves(row: &Row) -> [__m512d; 2] {
        let [low, high]: [[f64; HALF]; 2] = must_cast(*row);
        [_mm512_abs_pd(join(&low)), _mm512_abs_pd(join(&high))]
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn join(values: &[f64; 8]) -> __m512d {
        let [low, high]: [__m256d; 2] = must_cast(*values);
        _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(low), high)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn split(values: __m512d) -> [f64; 8] {
        must_cast([
            _mm512_castpd512_pd256(values),
            _mm512_extractf64x4_pd::<1>(values),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The processor's AVX2 path, also where a wider one would be chosen.
    fn narrow(rule: MixRule, streams: &[u8], room: &mut MixRoom, weights: &mut [[f32; MAX_IMAGES]]) -> u16 {
        dispatch!(avx2, portable, (rule, streams, room, weights))
    }

    type Path = fn(MixRule, &[u8], &mut MixRoom, &mut [[f32; MAX_IMAGES]]) -> u16;

    proptest! {
        #[test]
        fn all_paths_give_the_portable_bits(
            k in 1usize..=MAX_IMAGES,
            (largest, first_two) in (0.1f64..1.0, 0.0f64..0.5),
            (lanes, chunks) in (0usize..=MIX_LANES, 0usize..6),
            bytes in proptest::collection::vec(any::<u8>(), 16 * 6 * CHUNK),
        ) {
            let rule = MixRule { k, largest, first_two };
            let run = |path: Path| {
                let (mut room, mut weights) = (MixRoom::default(), vec![[0.0; MAX_IMAGES]; lanes]);
                let open = path(rule, &bytes[..lanes * chunks * CHUNK], &mut room, &mut weights);
                let bits: Vec<_> = weights.iter().map(|row| row.map(f32::to_bits)).collect();
                (open, bits)
            };
            let expected = run(portable);
            prop_assert_eq!(&run(narrow), &expected);
            prop_assert_eq!(&run(mixtures), &expected);
        }
    }
}
