//! Which public images are in an encoding: rank all by the squares, then add the one that explains
//! most of the magnitudes, again and again.

use super::coefficients::{dot, non_negative};
use crate::metrics::mean_row;
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;
use visard_core::Shape;

/// Encodings that are multiplied with all candidates together.
pub(super) const BLOCK: usize = 64;

/// Coefficient that candidates are ranked for.
const TYPICAL: f32 = 0.6;

/// Public images, and what of them shows through the signs.
pub(super) struct Candidates {
    shape: Shape,
    /// Normalised images, one after the other.
    pub(super) images: Vec<f32>,
    features: Vec<f32>,
    /// The mean of the features of all encodings.
    common: Vec<f32>,
}

impl Candidates {
    /// Candidates for these encodings; `company` is the mean image of what they are blended with.
    ///
    /// The square of a sum holds the products of its terms too, and of those all that is known beforehand is
    /// their mean. Leaving it out loses most of the ranking where images are dark or bright on average.
    pub(super) fn new(shape: Shape, images: Vec<f32>, magnitudes: &[f32], company: &[f32]) -> Self {
        let blended: Vec<f32> = images
            .iter()
            .enumerate()
            .map(|(i, value)| TYPICAL * value + (1.0 - TYPICAL) * company[i % company.len()])
            .collect();
        Self {
            features: features(shape, &blended, None).0,
            common: features(shape, magnitudes, None).1,
            shape,
            images,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.images.len() / self.shape.len()
    }

    pub(super) fn image(&self, number: usize) -> &[f32] {
        &self.images[number * self.shape.len()..][..self.shape.len()]
    }

    /// Correlations of the squares of encodings with those of all candidates, a row an encoding.
    pub(super) fn scores(&self, magnitudes: &[f32]) -> Vec<f32> {
        let own = features(self.shape, magnitudes, Some(&self.common)).0;
        let (count, width) = (self.count(), self.features.len() / self.count());
        let rows = own.len() / width;
        let mut scores = vec![0f32; rows * count];
        matmul(
            MatMut::from_row_major_slice_mut(&mut scores, rows, count),
            Accum::Replace,
            MatRef::from_row_major_slice(&own, rows, width),
            MatRef::from_row_major_slice(&self.features, count, width).transpose(),
            1.0,
            Par::Seq,
        );
        scores
    }

    /// The best `keep` candidates of a row of scores.
    pub(super) fn best(scores: &[f32], keep: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        let keep = keep.min(order.len());
        let rank = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
        if keep < order.len() {
            order.select_nth_unstable_by(keep, rank);
            order.truncate(keep);
        }
        order.sort_unstable_by(rank);
        order
    }

    /// Up to `most` of the candidates in the list that, beside the images of `base`, explain the
    /// magnitudes of one encoding, with their coefficients. They are found one after the other; signs and
    /// all coefficients are refined at every step.
    pub(super) fn pursue(
        &self,
        magnitudes: &[f32],
        base: &[(&[f32], f64)],
        list: &[usize],
        most: usize,
        largest: f64,
    ) -> Vec<(usize, f64)> {
        let mut rows: Vec<&[f32]> = base.iter().map(|(row, _)| *row).collect();
        let mut found: Vec<usize> = Vec::new();
        let start = base.iter().map(|(_, weight)| *weight).collect();
        let power = dot(magnitudes, magnitudes);
        let (mut weights, mut unexplained) = fit(magnitudes, &rows, start, largest);
        while found.len() < most {
            // The best few, by what one more image gains at the coefficients at hand, are fitted in full.
            let model = sum(&rows, &weights);
            let mut gains: Vec<(f64, usize)> = list
                .iter()
                .filter(|number| !found.contains(number))
                .map(|number| (gain(magnitudes, &model, self.image(*number), largest), *number))
                .collect();
            gains.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let best = gains
                .iter()
                .take(8)
                .map(|(_, number)| {
                    let trial = [&rows[..], &[self.image(*number)]].concat();
                    let start = [&weights[..], &[0.3]].concat();
                    let (weights, rest) = fit(magnitudes, &trial, start, largest);
                    (rest, *number, weights)
                })
                .min_by(|a, b| a.0.total_cmp(&b.0));
            match best {
                Some((rest, number, fitted)) if rest < unexplained - 1e-4 * power => {
                    rows.push(self.image(number));
                    found.push(number);
                    (unexplained, weights) = (rest, fitted);
                }
                _ => break,
            }
        }
        let own = weights.into_iter().skip(base.len());
        found
            .into_iter()
            .zip(own)
            .filter(|(_, weight)| *weight > 0.0)
            .collect()
    }
}

/// What adding an image takes off the squared residual, the best of a few coefficients.
pub(super) fn gain(magnitudes: &[f32], model: &[f32], image: &[f32], largest: f64) -> f64 {
    let rest = |weight: f32| -> f64 {
        let each = magnitudes.iter().zip(model).zip(image);
        let squares = each.map(|((y, m), z)| (y - (m + weight * z).abs()).powi(2));
        f64::from(squares.sum::<f32>())
    };
    let none = rest(0.0);
    let weights = [0.25, 0.5, 0.75, 1.0]
        .iter()
        .map(|share| (share * largest) as f32);
    weights.map(|weight| none - rest(weight)).fold(0.0, f64::max)
}

/// The sum of rows with these weights.
fn sum(rows: &[&[f32]], weights: &[f64]) -> Vec<f32> {
    let mut model = vec![0.0; rows.first().map_or(0, |row| row.len())];
    for (row, weight) in rows.iter().zip(weights) {
        for (sum, value) in model.iter_mut().zip(*row) {
            *sum += *weight as f32 * value;
        }
    }
    model
}

/// Coefficients and signs in turn; gives the squared residual too.
fn fit(magnitudes: &[f32], rows: &[&[f32]], mut weights: Vec<f64>, largest: f64) -> (Vec<f64>, f64) {
    for _ in 0..10 {
        let mut signed = sum(rows, &weights);
        signed
            .iter_mut()
            .zip(magnitudes)
            .for_each(|(value, y)| *value = y.copysign(*value));
        let next = non_negative(rows, &signed, largest);
        let still = next.iter().zip(&weights).all(|(a, b)| (a - b).abs() < 1e-4);
        weights = next;
        if still {
            break;
        }
    }
    let model = sum(rows, &weights);
    let squares = model.iter().zip(magnitudes).map(|(m, y)| (y - m.abs()).powi(2));
    let rest = f64::from(squares.sum::<f32>());
    (weights, rest)
}

/// Differences of the squares between neighbours: they do not depend on signs, and differences of
/// natural images are far less alike than the images. Each row is of length 1, and what all rows have in
/// common is taken off.
fn features(shape: Shape, images: &[f32], common: Option<&[f32]>) -> (Vec<f32>, Vec<f32>) {
    let (len, row, channels) = (shape.len(), shape.row(), shape.channels);
    let across = shape.height * (row - channels);
    let width = (across + (shape.height - 1) * row).max(1);
    let mut features = vec![0f32; images.len() / len * width];
    features
        .par_chunks_mut(width)
        .zip(images.par_chunks(len))
        .for_each(|(out, image)| {
            let square = |place: usize| image[place] * image[place];
            let sideways = (0..len)
                .filter(|place| place % row + channels < row)
                .map(|place| square(place + channels) - square(place));
            let down = (0..len.saturating_sub(row)).map(|place| square(place + row) - square(place));
            out.iter_mut()
                .zip(sideways.chain(down))
                .for_each(|(out, value)| *out = value);
        });
    let common = common.map_or_else(|| mean_row(&features, width), <[f32]>::to_vec);
    features.par_chunks_mut(width).for_each(|out| {
        out.iter_mut()
            .zip(&common)
            .for_each(|(value, mean)| *value -= mean);
        let length = out.iter().map(|value| value * value).sum::<f32>().sqrt();
        let factor = 1.0 / length.max(f32::MIN_POSITIVE);
        out.iter_mut().for_each(|value| *value *= factor);
    });
    (features, common)
}
