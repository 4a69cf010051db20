//! How near a guess is to the plain image, and how random bytes look (ATTACKS, sections 0.3 and 9).
//!
//! Images are bytes here, (H, W, C) with channels fastest; [`to_bytes`] confines and rounds floats. A
//! slice that does not have the shape's length is a mistake of the caller and panics.

mod bytes;
mod chance;
mod ssim;

use crate::{Result, Set};
use serde::{Serialize, Serializer};
use std::{borrow::Cow, collections::BTreeMap};
use visard_core::{Material, Shape, Values};

pub use bytes::{CHI_SQUARE_BOUND, chi_square, counts, entropy, npcr, uaci};
pub use chance::beyond_chance;
pub use ssim::ssim;

/// The pixels of a set as bytes: floats, in grey levels, are confined to 0..=255 and rounded half up.
pub fn to_bytes(set: &Set) -> Cow<'_, [u8]> {
    match set.as_bytes() {
        Ok(bytes) => Cow::Borrowed(bytes),
        Err(_) => Cow::Owned(set.to_floats().into_iter().map(to_byte).collect()),
    }
}

/// A grey level confined to 0..=255 and rounded half up; what is no number counts as 0.
pub fn to_byte(value: f32) -> u8 {
    // A float-to-int cast saturates and takes NaN for 0.
    (f64::from(value) + 0.5).floor() as u8
}

/// Mean squared error over all values.
pub fn mse(truth: &[u8], guess: &[u8]) -> f64 {
    assert_eq!(truth.len(), guess.len(), "images differ in size");
    squared_error(truth, guess) as f64 / truth.len() as f64
}

/// Sum of the squared differences.
pub(crate) fn squared_error(a: &[u8], b: &[u8]) -> u64 {
    // Short runs keep the sums in 32 bits, which is what lets them be vectorised.
    let run = |(a, b): (&[u8], &[u8])| -> u32 {
        let squares = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2));
        squares.sum()
    };
    a.chunks(1 << 15)
        .zip(b.chunks(1 << 15))
        .map(|pair| u64::from(run(pair)))
        .sum()
}

/// The mean of rows of `len` values.
pub(crate) fn mean_row(rows: &[f32], len: usize) -> Vec<f32> {
    let mut sums = vec![0f64; len];
    for row in rows.chunks_exact(len) {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let count = (rows.len() / len).max(1) as f64;
    sums.into_iter().map(|sum| (sum / count) as f32).collect()
}

/// Peak signal-to-noise ratio in dB, 10 log10(255^2 / MSE) over all values; infinite for equal images.
pub fn psnr(truth: &[u8], guess: &[u8]) -> f64 {
    psnr_of(mse(truth, guess))
}

/// The peak signal-to-noise ratio in dB that belongs to a mean squared error in grey levels.
pub fn psnr_of(mse: f64) -> f64 {
    10.0 * (255.0 * 255.0 / mse).log10()
}

/// Brightness of each pixel: 0.299 R + 0.587 G + 0.114 B for three channels, else the mean of the channels.
pub fn luminance(shape: Shape, image: &[u8]) -> Vec<f64> {
    assert_eq!(image.len(), shape.len(), "image is not of {shape}");
    let weigh = |pixel: &[u8]| match *pixel {
        [r, g, b] => 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b),
        _ => pixel.iter().map(|v| f64::from(*v)).sum::<f64>() / pixel.len() as f64,
    };
    image.chunks_exact(shape.channels).map(weigh).collect()
}

/// Length of the gradient of a plane of `width` columns at each pixel: central differences, one-sided at the
/// borders.
pub fn gradient_magnitudes(plane: &[f64], width: usize) -> Vec<f64> {
    let height = plane.len() / width;
    let slope = |place: usize, sides: usize, at: &dyn Fn(usize) -> f64| {
        let (low, high) = (place.saturating_sub(1), (place + 1).min(sides - 1));
        match high - low {
            0 => 0.0,
            gap => (at(high) - at(low)) / gap as f64,
        }
    };
    let magnitude = |place| {
        let (row, column) = (place / width, place % width);
        let down = slope(row, height, &|r| plane[r * width + column]);
        let right = slope(column, width, &|c| plane[row * width + c]);
        down.hypot(right)
    };
    (0..plane.len()).map(magnitude).collect()
}

/// Pearson correlation; `None` where one side does not vary or fewer than two values are given.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "series differ in length");
    let count = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / count, b.iter().sum::<f64>() / count);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    // What rounding leaves of a constant series is no variation.
    let varies = |squares: f64, mean: f64| squares > 1e-18 * count * (1.0 + mean * mean);
    (varies(aa, mean_a) && varies(bb, mean_b)).then(|| (ab / (aa * bb).sqrt()).clamp(-1.0, 1.0))
}

/// Edge correlation: Pearson correlation of the gradient magnitudes of the luminance. It sees outlines that
/// PSNR does not. `None` where one of the images has no edges or all are equally strong.
pub fn edge_correlation(shape: Shape, truth: &[u8], guess: &[u8]) -> Option<f64> {
    let edges = |image| gradient_magnitudes(&luminance(shape, image), shape.width);
    correlation(&edges(truth), &edges(guess))
}

/// Share of exactly right channel values.
pub fn pixel_rate(truth: &[u8], guess: &[u8]) -> f64 {
    key_rate(truth, guess)
}

/// Shares of values with the right (high, low) nibble.
pub fn nibble_rates(truth: &[u8], guess: &[u8]) -> (f64, f64) {
    assert_eq!(truth.len(), guess.len(), "images differ in size");
    let (mut high, mut low) = (0u64, 0u64);
    for (t, g) in truth.iter().zip(guess) {
        let wrong = t ^ g;
        high += u64::from(wrong & 0xF0 == 0);
        low += u64::from(wrong & 0x0F == 0);
    }
    (high as f64 / truth.len() as f64, low as f64 / truth.len() as f64)
}

/// Share of equal entries: of a permutation, a mask, or pairs of both.
pub fn key_rate<T: PartialEq>(truth: &[T], guess: &[T]) -> f64 {
    assert_eq!(truth.len(), guess.len(), "keys differ in size");
    let right = truth.iter().zip(guess).filter(|(t, g)| t == g).count();
    right as f64 / truth.len() as f64
}

/// How much of explicit key material was recovered, by array: for whole numbers the share of right entries,
/// for reals the relative error |guess - truth| / |truth|, which is 0 at best. Arrays `perm` and `flip` of
/// one size also give `perm+flip`, the share of entries with both right. Arrays that only one side has, or
/// that differ in shape, are left out.
pub fn material_rates(truth: &Material, guess: &Material) -> BTreeMap<String, f64> {
    let whole = |material: &Material, name: &str| {
        let shape = &material.get(name)?.shape;
        material.integers(name, shape).ok().flatten()
    };
    let mut rates = BTreeMap::new();
    for (name, array) in truth.iter() {
        let Some(other) = guess.get(name).filter(|other| other.shape == array.shape) else {
            continue;
        };
        let rate = match (&array.values, &other.values) {
            (Values::F64(t), Values::F64(g)) => relative_error(t, g),
            (Values::F64(_), _) | (_, Values::F64(_)) => continue,
            _ => match (whole(truth, name), whole(guess, name)) {
                (Some(t), Some(g)) if !t.is_empty() => key_rate(&t, &g),
                _ => continue,
            },
        };
        rates.insert(name.to_string(), rate);
    }
    if rates.contains_key("perm") && rates.contains_key("flip") {
        let both =
            |m| -> Option<Vec<_>> { Some(whole(m, "perm")?.into_iter().zip(whole(m, "flip")?).collect()) };
        if let (Some(t), Some(g)) = (both(truth), both(guess)) {
            rates.insert("perm+flip".into(), key_rate(&t, &g));
        }
    }
    rates
}

fn relative_error(truth: &[f64], guess: &[f64]) -> f64 {
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let error = squares(&mut truth.iter().zip(guess).map(|(t, g)| t - g));
    (error / squares(&mut truth.iter().copied())).sqrt()
}

/// Median and 5th and 95th percentile of a figure over images. In JSON, infinity is the text `inf`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Images for which the figure exists.
    pub count: usize,
    /// 5th percentile.
    #[serde(serialize_with = "finite_or_text")]
    pub p5: f64,
    /// Median.
    #[serde(serialize_with = "finite_or_text")]
    pub median: f64,
    /// 95th percentile.
    #[serde(serialize_with = "finite_or_text")]
    pub p95: f64,
}

impl Spread {
    /// The spread of these values, which may be infinite; those that are no numbers are left out. `None` if
    /// none remain.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then(|| Self {
            count: values.len(),
            p5: percentile(&values, 0.05),
            median: percentile(&values, 0.5),
            p95: percentile(&values, 0.95),
        })
    }
}

/// The value at that share, 0 to 1, of ascending values, which must not be empty; linear in between.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // Between equal infinities there is no difference to take.
    if low == high {
        low
    } else {
        low + (high - low) * place.fract()
    }
}

/// Figures in JSON, which has neither infinities nor what is no number: they are the texts `inf`, `-inf`, `nan`. For `#[serde(with = "...")]`.
pub mod number {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes a figure.
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        super::finite_or_text(value, serializer)
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(f64),
        Text(String),
    }

    /// Reads a figure.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Either::deserialize(deserializer)? {
            Either::Number(value) => Ok(value),
            Either::Text(text) => match text.parse::<f64>() {
                Ok(value) if !value.is_finite() => Ok(value),
                _ => Err(D::Error::custom(
                    "a figure is neither a number nor inf, -inf or nan",
                )),
            },
        }
    }
}

pub(crate) fn finite_or_text<S: Serializer>(
    value: &f64,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match value {
        v if v.is_finite() => serializer.serialize_f64(*v),
        v if v.is_nan() => serializer.serialize_str("nan"),
        v if *v > 0.0 => serializer.serialize_str("inf"),
        _ => serializer.serialize_str("-inf"),
    }
}

/// Refuses sets that differ in shape or number of images.
pub(crate) fn same_shape(truth: &Set, guess: &Set) -> Result<()> {
    if (truth.shape(), truth.len()) != (guess.shape(), guess.len()) {
        return Err(crate::Error::Exposure(format!(
            "{} images of {} cannot be compared with {} of {}",
            truth.len(),
            truth.shape(),
            guess.len(),
            guess.shape()
        )));
    }
    Ok(())
}
