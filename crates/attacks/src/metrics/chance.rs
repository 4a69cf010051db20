//! How far a count of hits is beyond chance.

/// As many standard deviations as this is called beyond chance at most.
const MOST: f64 = 100.0;

/// How many standard deviations of a normal figure are as unlikely as `hits` or more of `of` tries, each of
/// which hits with probability `chance`; 0 where there are no more hits than expected, 100 at most.
///
/// The binomial tail is summed, not taken for a normal one: where few hits are expected, a few more are far
/// likelier than their distance in the binomial's own deviations suggests.
pub fn beyond_chance(hits: usize, of: usize, chance: f64) -> f64 {
    let hits = hits.min(of);
    // What is no number is no chance that anything could be compared with.
    if chance.is_nan() || chance >= 1.0 || hits as f64 <= of as f64 * chance {
        return 0.0;
    }
    if chance <= 0.0 {
        return MOST;
    }
    let tries = of as f64;
    let log = |k: usize| {
        let k = k as f64;
        let ways = libm::lgamma(tries + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(tries - k + 1.0);
        ways + k * chance.ln() + (tries - k) * (1.0 - chance).ln()
    };
    // The terms fall from the first on, so that the sum of their ratios to it neither vanishes nor overflows.
    let first = log(hits);
    let ratios = (hits..=of).map(|k| (log(k) - first).exp());
    let tail = first + ratios.take_while(|ratio| *ratio > 1e-18).sum::<f64>().ln();
    let (mut low, mut high) = (0.0, MOST);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match log_tail(middle) > tail {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}

/// Logarithm of the chance that a normal figure is `z` deviations above its mean or further.
fn log_tail(z: f64) -> f64 {
    use std::f64::consts::{FRAC_1_SQRT_2, TAU};
    if z < 30.0 {
        return (libm::erfc(z * FRAC_1_SQRT_2) / 2.0).ln();
    }
    // Far out the tail itself is too small for a float, but not the first terms of its expansion.
    -z * z / 2.0 - (z * TAU.sqrt()).ln() + (-1.0 / (z * z)).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_tail_is_that_of_tables() {
        for (z, chance) in [
            (0.0, 0.5),
            (1.0, 0.158_655_25),
            (3.0, 1.349_898e-3),
            (6.0, 9.865_876e-10),
        ] {
            let found = log_tail(z).exp();
            assert!((found / chance - 1.0).abs() < 1e-4, "{z}: {found} {chance}");
        }
        // No step where the expansion takes over.
        let (below, above) = (log_tail(30.0 - 1e-9), log_tail(30.0));
        assert!((below - above).abs() < 1e-5, "{below} {above}");
    }

    #[test]
    fn few_hits_count_for_what_they_are() {
        // A fair coin: 8 of 8 heads are 1 in 256.
        assert!((beyond_chance(8, 8, 0.5) - 2.66).abs() < 0.02);
        // Six where one is expected are five of the binomial's deviations, and far less of a normal figure's.
        let six = beyond_chance(6, 64, 1.0 / 64.0);
        assert!((3.0..3.5).contains(&six), "{six}");
        assert!(beyond_chance(256, 256, 1.0 / 256.0) > 40.0);
        // Of many tries the two agree.
        let many = beyond_chance(5200, 10_000, 0.5);
        assert!((many - 4.0).abs() < 0.03, "{many}");
    }

    #[test]
    fn what_chance_explains_is_nothing() {
        for (hits, of, chance) in [
            (1, 64, 1.0 / 64.0),
            (0, 10, 0.1),
            (0, 0, 0.5),
            (7, 7, 1.0),
            (3, 9, f64::NAN),
        ] {
            assert_eq!(beyond_chance(hits, of, chance), 0.0, "{hits} of {of} at {chance}");
        }
        assert_eq!(beyond_chance(1, 5, 0.0), MOST);
    }
}
