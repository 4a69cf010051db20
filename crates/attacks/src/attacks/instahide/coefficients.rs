//! Coefficients of blends: from soft labels, or from the images themselves.

use super::{Blend, labels::Labels, recovery::Problem};
use crate::{Error, Result};
use rayon::prelude::*;

/// Coefficients from soft labels, when it is known which images are in each encoding.
///
/// `soft` holds a row of `classes` weights for each encoding, `assignment` the private images in
/// it. The class of an image is that which all labels of its encodings share most of; what images
/// of one class have together is split evenly.
///
/// # Errors
/// If the numbers do not fit.
pub fn from_labels(
    soft: &[f32],
    classes: usize,
    assignment: &[Vec<usize>],
    images: usize,
) -> Result<Vec<Blend>> {
    let outside = assignment.iter().flatten().any(|image| *image >= images);
    if classes == 0 || soft.len() != assignment.len() * classes || outside {
        return Err(Error::Exposure(format!(
            "{} weights of {classes} classes do not fit {} encodings of {images} images",
            soft.len(),
            assignment.len()
        )));
    }
    let mut members = vec![Vec::new(); images];
    for (encoding, set) in assignment.iter().enumerate() {
        set.iter().for_each(|image| members[*image].push(encoding));
    }
    let labels = Labels::new(classes, soft);
    Ok(labels.voted(&members).split(&labels, assignment))
}

/// The coefficients that explain the magnitudes best if the images are these, none of them negative
/// and none above `largest`; of sum 1 if `whole`.
///
/// `images` are normalised, one after the other; the signs of the encodings are those that the
/// blends at hand give them.
pub fn refit(problem: &Problem<'_>, images: &[f32], largest: f64, whole: bool) -> Vec<Blend> {
    let len = problem.shape.len();
    let image = |number: usize| &images[number * len..][..len];
    let rows = problem.magnitudes.par_chunks(len).enumerate();
    rows.zip(problem.blends)
        .map(|((number, magnitudes), blend)| {
            let known = problem.known.map(|known| &known[number * len..][..len]);
            let mut model = known.map_or_else(|| vec![0.0; len], <[f32]>::to_vec);
            for (source, coefficient) in blend {
                for (sum, value) in model.iter_mut().zip(image(*source)) {
                    *sum += *coefficient as f32 * value;
                }
            }
            for (i, (model, magnitude)) in model.iter_mut().zip(magnitudes).enumerate() {
                *model = magnitude.copysign(*model) - known.map_or(0.0, |known| known[i]);
            }
            let sources: Vec<&[f32]> = blend.iter().map(|(source, _)| image(*source)).collect();
            let mut found = non_negative(&sources, &model, largest);
            let sum: f64 = found.iter().sum();
            if whole && sum > 0.0 {
                found.iter_mut().for_each(|value| *value /= sum);
            }
            blend.iter().map(|(source, _)| *source).zip(found).collect()
        })
        .collect()
}

/// Coefficients from 0 to `largest` with which the rows sum to the target best, by descent along one
/// coefficient after the other.
pub(super) fn non_negative(rows: &[&[f32]], target: &[f32], largest: f64) -> Vec<f64> {
    let count = rows.len();
    let gram: Vec<f64> = (0..count * count)
        .map(|i| dot(rows[i / count], rows[i % count]))
        .collect();
    let goal: Vec<f64> = rows.iter().map(|row| dot(row, target)).collect();
    let mut found = vec![0.0; count];
    for _ in 0..200 {
        let mut change = 0.0f64;
        for i in 0..count {
            let others: f64 = (0..count).map(|j| gram[i * count + j] * found[j]).sum();
            let own = gram[i * count + i].max(f64::MIN_POSITIVE);
            let value = (found[i] + (goal[i] - others) / own).clamp(0.0, largest);
            change = change.max((value - found[i]).abs());
            found[i] = value;
        }
        if change < 1e-7 {
            break;
        }
    }
    found
}

/// The sum of products.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0f32; 16];
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (x, y) in a.iter().zip(b) {
        for i in 0..16 {
            lanes[i] += x[i] * y[i];
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(x, y)| x * y).sum();
    f64::from(rest) + lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>()
}
