//! A metric for tokens in which what patches show counts little, so that their places tell them apart.
//!
//! A patch moves its token far, but in few directions; the code of a place moves it less, in any. Dividing by
//! the covariance evens that out.

use super::Tokens;
use faer::{Mat, Side};
use rayon::prelude::*;

/// Tokens that a covariance is taken from, about.
const SAMPLE: usize = 8192;

/// Bytes that a metric takes for tokens of that width, about.
pub(super) fn bytes(width: usize) -> u64 {
    (48 * width as u64 + 8 * SAMPLE as u64) * width as u64
}

/// Tokens whose distances are divided by a covariance, with `ridge` times its mean eigenvalue added: that of
/// all tokens, or that within their places if these are known. `None` where they do not vary or hold values
/// that are too large.
pub(super) fn whitened(tokens: Tokens<'_>, orders: Option<&[Vec<usize>]>, ridge: f64) -> Option<Vec<f32>> {
    let width = tokens.width;
    let rows = sample(tokens, orders);
    let covariance = rows.transpose() * &rows;
    let eigen = covariance.self_adjoint_eigen(Side::Lower).ok()?;
    let (vectors, values) = (eigen.U(), eigen.S().column_vector());
    let mean = values.iter().sum::<f64>() / width as f64;
    if !mean.is_finite() || mean <= 0.0 {
        return None;
    }
    let scale = |k: usize| 1.0 / (values[k].max(0.0) / mean + ridge).sqrt();
    let turn: Mat<f32> = Mat::from_fn(width, width, |i, k| (vectors[(i, k)] * scale(k)) as f32);
    let mut out = vec![0f32; tokens.values.len()];
    let size = tokens.places * width;
    out.par_chunks_mut(size)
        .zip(tokens.values.par_chunks(size))
        .for_each(|(out, image)| {
            let image = faer::MatRef::from_row_major_slice(image, tokens.places, width);
            let turned = image * &turn;
            for (i, value) in out.iter_mut().enumerate() {
                *value = turned[(i / width, i % width)];
            }
        });
    Some(out)
}

/// Some of the tokens about the mean of all, or of their place.
fn sample(tokens: Tokens<'_>, orders: Option<&[Vec<usize>]>) -> Mat<f64> {
    let (places, width) = (tokens.places, tokens.width);
    let images = tokens.images().min(SAMPLE.max(4 * width).div_ceil(places));
    let step = (tokens.images() / images.max(1)).max(1);
    let place = |image: usize, row: usize| orders.map_or(0, |orders| orders[image][row]);
    let mut means = vec![vec![0.0; width]; if orders.is_some() { places } else { 1 }];
    let each: Vec<(usize, usize)> = (0..images)
        .flat_map(|i| (0..places).map(move |row| (i * step, row)))
        .collect();
    let token = |(image, row): (usize, usize)| &tokens.image(image)[row * width..][..width];
    for (image, row) in &each {
        let mean = &mut means[place(*image, *row)];
        let values = token((*image, *row)).iter();
        mean.iter_mut()
            .zip(values)
            .for_each(|(sum, v)| *sum += f64::from(*v));
    }
    let count = (each.len() / means.len()) as f64;
    Mat::from_fn(each.len(), width, |i, k| {
        let (image, row) = each[i];
        f64::from(token(each[i])[k]) - means[place(image, row)][k] / count
    })
}
