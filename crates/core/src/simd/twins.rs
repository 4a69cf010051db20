//! What tests of the float loops compare the twins with.

/// Bits that neither rounding nor the sign of a zero escapes.
pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

pub(super) fn value(seed: u64, i: usize) -> f32 {
    let word = (seed | 1)
        .wrapping_mul(2 * i as u64 + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        >> 40;
    match word % 11 {
        0 => 0.0,
        1 => -0.0,
        _ => word as f32 / 8_388_608.0 - 1.0,
    }
}
