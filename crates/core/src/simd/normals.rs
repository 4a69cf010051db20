//! Standard normal numbers by Marsaglia's polar method, several pairs at a time, with the bits of
//! [`crate::schedule::Stream::normal`].

#[cfg(target_arch = "x86_64")]
use super::{AVX2, VBMI};
use std::array::from_fn;

/// Pairs of words that are worked on together.
pub(crate) const PAIRS: usize = 8;

/// A number for each pair.
pub(super) type Lanes = [f64; PAIRS];

/// Both normals of every pair of words that the method accepts, first[i] and second[i] side by
/// side, in their order, and how many numbers these are.
pub(crate) fn polar(first: &[u64; PAIRS], second: &[u64; PAIRS]) -> ([f64; 2 * PAIRS], usize) {
    let (mut u, mut v, mut s) = ([0.0; PAIRS], [0.0; PAIRS], [0.0; PAIRS]);
    pairs(first, second, &mut u, &mut v, &mut s);
    let (mut normals, mut len) = ([0.0; 2 * PAIRS], 0);
    for i in 0..PAIRS {
        // Written always and kept by the count, for no processor guesses what is accepted.
        normals[len] = u[i];
        normals[len + 1] = v[i];
        len += 2 * usize::from(s[i] < 1.0 && s[i] > 0.0);
    }
    (normals, len)
}

/// The two numbers of each pair, and the square of the radius that decides whether they are normals.
pub(super) fn pairs(
    first: &[u64; PAIRS],
    second: &[u64; PAIRS],
    u: &mut Lanes,
    v: &mut Lanes,
    s: &mut Lanes,
) {
    dispatch_wide!(avx512, avx2, portable, (first, second, u, v, s))
}

/// Never part of a larger function, where the compiler takes the arithmetic apart pair by pair.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
pub(super) fn avx512(
    first: &[u64; PAIRS],
    second: &[u64; PAIRS],
    u: &mut Lanes,
    v: &mut Lanes,
    s: &mut Lanes,
) {
    portable(first, second, u, v, s);
}

/// As [`avx512`].
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2")]
fn avx2(first: &[u64; PAIRS], second: &[u64; PAIRS], u: &mut Lanes, v: &mut Lanes, s: &mut Lanes) {
    portable(first, second, u, v, s);
}

#[inline(always)]
fn portable(first: &[u64; PAIRS], second: &[u64; PAIRS], u: &mut Lanes, v: &mut Lanes, s: &mut Lanes) {
    let sides = |words: &[u64; PAIRS]| -> Lanes {
        from_fn(|i| 2.0 * ((words[i] >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)) - 1.0)
    };
    let (a, b) = (sides(first), sides(second));
    let squares: Lanes = from_fn(|i| a[i] * a[i] + b[i] * b[i]);
    let factors: Lanes = from_fn(|i| (-2.0 * log(squares[i]) / squares[i]).sqrt());
    *u = from_fn(|i| a[i] * factors[i]);
    *v = from_fn(|i| b[i] * factors[i]);
    *s = squares;
}

/// The natural logarithm of a number above 0 and below 1, not subnormal, in the steps of
/// `libm::log` but without its branches; anything for other numbers.
#[inline(always)]
fn log(x: f64) -> f64 {
    // Bits of the square root of 1/2, and what takes its exponent to that of 1.
    const HALF_ROOT: u64 = 0x3fe6_a09e;
    const UP: u64 = 0x3ff0_0000 - HALF_ROOT;
    let bits = x.to_bits();
    let high = (bits >> 32) + UP;
    // The exponent, off by 1,023, in the low bits of 2^52.
    let exponent = f64::from_bits(0x4330_0000_0000_0000 | high >> 20) - (4_503_599_627_370_496.0 + 1023.0);
    let high = (high & 0x000f_ffff) + HALF_ROOT;
    let f = f64::from_bits(high << 32 | bits & 0xffff_ffff) - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even =
        w * (3.999_999_999_940_942e-1 + w * (2.222_219_843_214_978_4e-1 + w * 1.531_383_769_920_937_3e-1));
    let odd = z
        * (6.666_666_666_666_735e-1
            + w * (2.857_142_874_366_239e-1
                + w * (1.818_357_216_161_805e-1 + w * 1.479_819_860_511_658_6e-1)));
    let series = odd + even;
    s * (half_square + series) + exponent * 1.908_214_929_270_587_7e-10 - half_square
        + f
        + exponent * 6.931_471_803_691_238e-1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MasterSecret, schedule::Schedule};
    use proptest::prelude::*;

    /// The processor's AVX2 path, also where a wider one would be chosen.
    fn narrow(first: &[u64; PAIRS], second: &[u64; PAIRS], u: &mut Lanes, v: &mut Lanes, s: &mut Lanes) {
        dispatch!(avx2, portable, (first, second, u, v, s))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn logarithms_are_those_of_the_library(
            bits in 1f64.to_bits() >> 4..1f64.to_bits(),
            near in 1u64..1 << 40,
        ) {
            for x in [f64::from_bits(bits), f64::from_bits(1f64.to_bits() - near), f64::MIN_POSITIVE] {
                prop_assert_eq!(log(x).to_bits(), libm::log(x).to_bits(), "{}", x);
            }
        }

        #[test]
        fn all_paths_give_the_portable_bits(first: [u64; PAIRS], second: [u64; PAIRS]) {
            let run = |path: fn(&[u64; PAIRS], &[u64; PAIRS], &mut Lanes, &mut Lanes, &mut Lanes)| {
                let mut out = [[0.0; PAIRS]; 3];
                let [u, v, s] = &mut out;
                path(&first, &second, u, v, s);
                // A pair outside the circle gives numbers that nobody takes.
                let inside = out[2].map(|s| s < 1.0 && s > 0.0);
                out.map(|row| from_fn::<_, PAIRS, _>(|i| inside[i].then(|| row[i].to_bits())))
            };
            let expected = run(portable);
            prop_assert_eq!(run(narrow), expected);
            prop_assert_eq!(run(pairs), expected);
        }
    }

    #[test]
    fn normals_are_those_of_the_stream() {
        let schedule = Schedule::new(&MasterSecret::new([4; 32]), "test");
        let (mut normals, mut words) = (schedule.stream("a", &[]), schedule.stream("a", &[]));
        for _ in 0..2000 {
            let (mut first, mut second) = ([0; PAIRS], [0; PAIRS]);
            for i in 0..PAIRS {
                (first[i], second[i]) = (words.next_u64(), words.next_u64());
            }
            let (found, len) = polar(&first, &second);
            for found in &found[..len] {
                assert_eq!(found.to_bits(), normals.normal().to_bits());
            }
        }
    }

    #[test]
    fn pairs_outside_the_circle_and_in_its_centre_are_passed_over() {
        let middle = 1 << 63;
        let (first, second) = (
            [middle, 0, u64::MAX, middle, 0, 0, 0, 0],
            [middle, 0, middle, 0, 0, 0, 0, 0],
        );
        // u64::MAX gives a number just below 1, which the middle leaves inside.
        assert_eq!(polar(&first, &second).1, 2);
    }
}
