//! Plain values predicted from tokens by ridge regression, each image from all others.
//!
//! A hidden layer of random weights makes of a patch features in which its pixels are nearly linear. So a
//! matching that is partly right trains a decoder, whose predictions for images that it was not trained on
//! match better than what it was trained with.

use faer::{Mat, MatRef, Side};

/// Ridges to choose from, in units of the mean square along an axis.
const RIDGES: [f64; 5] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0];

/// Tokens of one kind, ready to predict from.
pub(super) struct Decoder {
    /// Orthonormal axes over the images, images x axes.
    axes: Mat<f64>,
    /// Squares along the axes.
    powers: Vec<f64>,
}

/// Predictions of every image's targets from those of all others.
pub(super) struct Predicted {
    /// Images x targets.
    pub(super) values: Mat<f64>,
    /// Squared error against the targets.
    pub(super) error: f64,
}

fn centred(mut rows: Mat<f64>) -> Mat<f64> {
    let count = rows.nrows().max(1) as f64;
    for column in 0..rows.ncols() {
        let mean = rows.col_as_slice(column).iter().sum::<f64>() / count;
        rows.col_as_slice_mut(column).iter_mut().for_each(|v| *v -= mean);
    }
    rows
}

impl Decoder {
    /// From tokens, images x values; `None` if they hold something that is not finite.
    pub(super) fn new(tokens: Mat<f64>) -> Option<Self> {
        let rows = centred(tokens);
        let by_image = rows.nrows() <= rows.ncols();
        let gram = if by_image {
            &rows * rows.transpose()
        } else {
            rows.transpose() * &rows
        };
        let eigen = gram.self_adjoint_eigen(Side::Lower).ok()?;
        let (vectors, values) = (eigen.U(), eigen.S().column_vector());
        let top = values.iter().copied().fold(0.0, f64::max);
        // Ascending; what lies in no direction of its own tells nothing.
        let first = values.iter().take_while(|v| **v <= 1e-10 * top).count();
        let kept = vectors.subcols(first, vectors.ncols() - first);
        let powers: Vec<f64> = (first..values.nrows()).map(|i| values[i]).collect();
        let axes = if by_image {
            kept.to_owned()
        } else {
            let along: Mat<f64> = &rows * kept;
            Mat::from_fn(rows.nrows(), powers.len(), |i, k| {
                along[(i, k)] / powers[k].sqrt()
            })
        };
        Some(Self { axes, powers })
    }

    /// Predicts targets, images x values, with the ridge that does so best.
    pub(super) fn predict(&self, targets: MatRef<'_, f64>) -> Predicted {
        self.predict_by(targets, &RIDGES)
    }

    /// Squared error of predictions with one ridge that suits most targets.
    pub(super) fn error(&self, targets: MatRef<'_, f64>) -> f64 {
        self.predict_by(targets, &RIDGES[2..3]).error
    }

    fn predict_by(&self, targets: MatRef<'_, f64>, ridges: &[f64]) -> Predicted {
        let count = targets.nrows();
        let means: Vec<f64> = (0..targets.ncols())
            .map(|column| targets.col(column).iter().sum::<f64>() / count.max(1) as f64)
            .collect();
        let along = self.axes.transpose() * targets;
        let scale = self.powers.iter().sum::<f64>() / self.powers.len().max(1) as f64;
        let of = |ridge: f64| {
            let weights: Vec<f64> = self.powers.iter().map(|p| p / (p + ridge * scale)).collect();
            let weighted = Mat::from_fn(weights.len(), targets.ncols(), |k, j| weights[k] * along[(k, j)]);
            let mut values = &self.axes * weighted;
            let mut error = 0.0;
            for i in 0..count {
                let own = (0..weights.len()).map(|k| self.axes[(i, k)].powi(2) * weights[k]);
                // How much of an image's own target is in the fit, the mean among it.
                let own = (own.sum::<f64>() + 1.0 / count as f64).min(1.0 - 1e-9);
                for (j, mean) in means.iter().enumerate() {
                    let value = (values[(i, j)] + mean - own * targets[(i, j)]) / (1.0 - own);
                    error += (value - targets[(i, j)]).powi(2);
                    values[(i, j)] = value;
                }
            }
            Predicted { values, error }
        };
        let (first, rest) = (of(ridges[0]), &ridges[1..]);
        rest.iter().map(|ridge| of(*ridge)).fold(
            first,
            |best, next| {
                if next.error < best.error { next } else { best }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    #[test]
    fn predictions_leave_their_own_target_out() {
        let mut rng = Rng::new(3);
        for (images, width) in [(12, 5), (12, 30)] {
            let tokens = Mat::from_fn(images, width, |_, _| rng.unit());
            let targets = Mat::from_fn(images, 2, |i, j| {
                tokens[(i, j)] + tokens[(i, 3)] + 0.1 * rng.unit()
            });
            let all = Decoder::new(tokens.clone()).unwrap().predict(targets.as_ref());
            // Another target of the same image changes nothing of its prediction under the same ridge.
            let mut changed = targets.clone();
            changed[(4, 0)] += 1e-3;
            let other = Decoder::new(tokens).unwrap().predict(changed.as_ref());
            assert!((all.values[(4, 0)] - other.values[(4, 0)]).abs() < 1e-9);
            assert!((all.values[(5, 0)] - other.values[(5, 0)]).abs() > 1e-9);
        }
    }
}
