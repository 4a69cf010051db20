//! How random bytes look: sanity, no proof (ATTACKS, section 9).

/// What the chi-square statistic of 256 equally likely values exceeds in 5 of 100 cases (255 degrees of
/// freedom).
pub const CHI_SQUARE_BOUND: f64 = 293.25;

/// How often each of the 256 values occurs.
pub fn counts(values: impl IntoIterator<Item = u8>) -> [u64; 256] {
    let mut counts = [0; 256];
    values.into_iter().for_each(|v| counts[usize::from(v)] += 1);
    counts
}

/// Entropy of the value counts in bits, 0 for a constant to 8 for 256 equally frequent values.
pub fn entropy(counts: &[u64; 256]) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    let bits = |count: &u64| match *count {
        0 => 0.0,
        count => count as f64 / total * (total / count as f64).log2(),
    };
    counts.iter().map(bits).sum()
}

/// Chi-square statistic against 256 equally likely values, 255 degrees of freedom; 0 for no values.
pub fn chi_square(counts: &[u64; 256]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / 256.0;
    if expected == 0.0 {
        return 0.0;
    }
    counts
        .iter()
        .map(|c| (*c as f64 - expected).powi(2) / expected)
        .sum()
}

/// Number of changing pixel rate: share of values that differ between two disguised images, 0 to 1. For
/// independent uniform bytes it is 255/256.
pub fn npcr(a: &[u8], b: &[u8]) -> f64 {
    1.0 - super::key_rate(a, b)
}

/// Unified average changing intensity: mean absolute difference in units of 255. For independent uniform
/// bytes it is 257/768.
pub fn uaci(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len(), "images differ in size");
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / 255.0 / a.len() as f64
}
