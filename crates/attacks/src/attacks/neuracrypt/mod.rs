//! NeuraCrypt: the stages of the matching attack that need no training, and one that may help them (ATTACKS,
//! section 6.3).

mod contrast;
mod decode;
mod features;
mod geometry;
pub mod matching;
mod metric;
pub mod order;

use crate::{Error, Exposure, Outcome, Result};
use pathfinding::{kuhn_munkres::kuhn_munkres_min, matrix::Matrix};
use rayon::prelude::*;
use visard_core::{Array, Values};

/// Tokens of an exposure: images x places x width.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    /// The values, an image after the other, in each a token after the other.
    pub values: &'a [f32],
    /// Tokens of an image.
    pub places: usize,
    /// Values of a token.
    pub width: usize,
}

impl<'a> Tokens<'a> {
    /// Values of one image.
    fn image(&self, image: usize) -> &'a [f32] {
        &self.values[image * self.places * self.width..][..self.places * self.width]
    }

    /// Number of images.
    fn images(&self) -> usize {
        self.values.len() / (self.places * self.width).max(1)
    }

    fn check(&self) -> Result<()> {
        let size = self.places * self.width;
        if size == 0 || self.values.is_empty() || !self.values.len().is_multiple_of(size) {
            return Err(Error::Exposure(format!(
                "{} values are no images of {} tokens of {}",
                self.values.len(),
                self.places,
                self.width
            )));
        }
        Ok(())
    }
}

/// Tokens of the disguised images.
fn tokens<'a>(attack: &'static str, exposure: &Exposure, values: &'a [f32]) -> Result<Tokens<'a>> {
    let target = &exposure.target;
    if target.name() != "neuracrypt" {
        return Err(Error::Unfit {
            attack,
            target: target.describe(),
            problem: "only neuracrypt makes tokens".into(),
        });
    }
    let shape = exposure.disguised.shape();
    let tokens = Tokens {
        values,
        places: shape.height,
        width: shape.width,
    };
    tokens.check()?;
    Ok(tokens)
}

/// Adds the orders of the tokens, images x places, to the outcome.
fn aligned_material(outcome: &mut Outcome, orders: &[Vec<usize>]) -> Result<()> {
    let places = orders.first().map_or(0, Vec::len);
    let array = Array {
        shape: vec![orders.len(), places],
        values: Values::I64(orders.iter().flatten().map(|place| *place as i64).collect()),
    };
    Ok(outcome.material.insert("patch_perm", array)?)
}

/// The assignment of rows to different columns of least total cost, row by row; there are no fewer columns
/// than rows.
fn hungarian(costs: &[f64], rows: usize, columns: usize) -> Vec<usize> {
    let finite = costs.iter().copied().filter(|cost| cost.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), cost| {
        (low.min(cost), high.max(cost))
    });
    // Whole numbers, small enough that no sum of them overflows.
    let factor = 1e12 / (high - low).max(f64::MIN_POSITIVE);
    let whole = |cost: &f64| ((cost - low) * factor).clamp(0.0, 1e12) as i64;
    match Matrix::from_vec(rows, columns, costs.iter().map(whole).collect()) {
        Ok(matrix) => kuhn_munkres_min(&matrix).1,
        Err(_) => (0..rows).collect(),
    }
}

/// Squared distances of all rows of `a` from all rows of `b`.
fn distances(a: &[f32], b: &[f32], width: usize) -> Vec<f64> {
    let between = |x: &[f32], y: &[f32]| {
        let (x, rest_x) = x.as_chunks::<8>();
        let (y, rest_y) = y.as_chunks::<8>();
        let mut lanes = [0f32; 8];
        for (x, y) in x.iter().zip(y) {
            for i in 0..8 {
                lanes[i] += (x[i] - y[i]) * (x[i] - y[i]);
            }
        }
        let rest: f32 = rest_x.iter().zip(rest_y).map(|(x, y)| (x - y) * (x - y)).sum();
        f64::from(lanes.iter().sum::<f32>() + rest)
    };
    a.par_chunks(width)
        .flat_map_iter(|x| b.chunks(width).map(move |y| between(x, y)))
        .collect()
}
