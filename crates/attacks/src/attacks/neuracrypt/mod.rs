//! NeuraCrypt: the stages of the matching attack that need no training (ATTACKS, section 6.3).

pub mod matching;
pub mod order;

use crate::{Error, Exposure, Result};
use pathfinding::{kuhn_munkres::kuhn_munkres_min, matrix::Matrix};

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

/// The assignment of rows to columns of least total cost, row by row; `costs` is square.
fn hungarian(costs: &[f64], size: usize) -> Vec<usize> {
    let (low, high) = costs
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), cost| {
            (low.min(*cost), high.max(*cost))
        });
    // Whole numbers, small enough that no sum of them overflows.
    let factor = 1e12 / (high - low).max(f64::MIN_POSITIVE);
    let whole = costs.iter().map(|cost| ((cost - low) * factor) as i64).collect();
    match Matrix::from_vec(size, size, whole) {
        Ok(matrix) => kuhn_munkres_min(&matrix).1,
        Err(_) => Vec::new(),
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
    a.chunks(width)
        .flat_map(|x| b.chunks(width).map(move |y| between(x, y)))
        .collect()
}
