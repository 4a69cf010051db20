//! Ridge regression with a free intercept, and its error on samples that are left out.

use faer::{
    Mat, Side,
    prelude::{Reborrow, ReborrowMut},
};

/// Ridges to choose from, in units of the mean variance along the axes.
pub(super) const RIDGES: [f64; 10] = [1e-9, 1e-7, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 1e3];

/// Samples to predict from, n x d, with the eigenvectors of the smaller of their two Gram matrices.
pub(super) struct Regression {
    /// The samples less their mean, n x d.
    known: Mat<f64>,
    mean: Vec<f64>,
    vectors: Mat<f64>,
    values: Vec<f64>,
    /// Whether the Gram matrix is that of the samples, n x n, and not that of the columns, d x d. Its last
    /// eigenvector is then the constant one.
    by_sample: bool,
    scale: f64,
}

/// A map from samples, m x d, to targets, m x t.
pub(super) struct Fit {
    /// The known samples to take products with, first.
    through: Option<Mat<f64>>,
    to_target: Mat<f64>,
    to_known: Mat<f64>,
    mean: Vec<f64>,
    target_mean: Vec<f64>,
}

fn centred(mut rows: Mat<f64>) -> (Mat<f64>, Vec<f64>) {
    let count = rows.nrows() as f64;
    let mut means = Vec::with_capacity(rows.ncols());
    for column in 0..rows.ncols() {
        let mut values = rows.col_mut(column);
        let mean = values.rb().iter().sum::<f64>() / count;
        values.rb_mut().iter_mut().for_each(|v| *v -= mean);
        means.push(mean);
    }
    (rows, means)
}

/// Multiplies row i by `factors[i]`.
fn scaled(mut rows: Mat<f64>, factors: &[f64]) -> Mat<f64> {
    for column in 0..rows.ncols() {
        rows.col_mut(column)
            .iter_mut()
            .zip(factors)
            .for_each(|(v, f)| *v *= f);
    }
    rows
}

fn squares<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    values.map(|v| v * v).sum()
}

impl Regression {
    /// Prepares samples, which must be at least two.
    pub(super) fn new(known: Mat<f64>) -> Result<Self, String> {
        let (known, mean) = centred(known);
        let (n, d) = (known.nrows(), known.ncols());
        // Left-out errors are exact whatever the rank where samples are compared, so that is worth some
        // more time near n = d.
        let by_sample = n <= 3 * d;
        let total: f64 = (0..d).map(|column| squares(known.col(column).iter())).sum();
        let gram = if by_sample {
            // The constant vector has the eigenvalue 0, perhaps among others. Lifted above all of them, it is
            // told apart and comes last.
            let lift = (if total > 0.0 { 2.0 * total } else { 1.0 }) / n as f64;
            let products = &known * known.transpose();
            Mat::from_fn(n, n, |i, j| products[(i, j)] + lift)
        } else {
            known.transpose() * &known
        };
        let eigen = gram.self_adjoint_eigen(Side::Lower).map_err(|_| {
            "the eigenvalues of the pairs did not converge; are there infinite values?".to_string()
        })?;
        let values = eigen.S().column_vector().iter().map(|v| v.max(0.0)).collect();
        let axes = (n - 1).min(d) as f64;
        Ok(Self {
            vectors: eigen.U().to_owned(),
            values,
            known,
            mean,
            by_sample,
            scale: if total > 0.0 { total / axes } else { 1.0 },
        })
    }

    /// 1 / (eigenvalue + ridge), and nothing along the constant vector: the intercept is free.
    fn weights(&self, ridge: f64) -> Vec<f64> {
        let mut weights: Vec<f64> = self
            .values
            .iter()
            .map(|v| 1.0 / (v + ridge * self.scale))
            .collect();
        if self.by_sample
            && let Some(constant) = weights.last_mut()
        {
            *constant = 0.0;
        }
        weights
    }

    /// For each ridge and each column of `targets`, n x t, the sum of squared errors of the samples, each
    /// predicted from all others.
    pub(super) fn left_out(&self, targets: &Mat<f64>, ridges: &[f64]) -> Vec<Vec<f64>> {
        let (targets, _) = centred(targets.clone());
        let n = self.known.nrows();
        let axes = if self.by_sample {
            self.vectors.clone()
        } else {
            &self.known * &self.vectors
        };
        let along = axes.transpose() * &targets;
        let one = |ridge: &f64| {
            let weights = self.weights(*ridge);
            let fitted = &axes * scaled(along.clone(), &weights);
            let leverage: Vec<f64> = (0..n)
                .map(|i| {
                    (0..axes.ncols())
                        .map(|j| axes[(i, j)] * axes[(i, j)] * weights[j])
                        .sum()
                })
                .collect();
            let error = |i: usize, column: usize| {
                if self.by_sample {
                    // Residuals and 1 - leverage, both divided by the ridge.
                    return fitted[(i, column)] / leverage[i].max(f64::MIN_POSITIVE);
                }
                let free = 1.0 - 1.0 / n as f64 - leverage[i];
                // A sample that alone tells a direction is not predicted by the others.
                match free > 1e-7 {
                    true => (targets[(i, column)] - fitted[(i, column)]) / free,
                    false => targets[(i, column)],
                }
            };
            let of_column = |column| (0..n).map(|i| error(i, column).powi(2)).sum();
            (0..targets.ncols()).map(of_column).collect()
        };
        ridges.iter().map(one).collect()
    }

    /// The fit with that ridge.
    pub(super) fn fit(&self, targets: &Mat<f64>, ridge: f64) -> Fit {
        let (targets, target_mean) = centred(targets.clone());
        let weights = self.weights(ridge);
        let inverse = |right: Mat<f64>| &self.vectors * scaled(self.vectors.transpose() * right, &weights);
        let (through, to_target, to_known) = if self.by_sample {
            let to_known = inverse(self.known.clone());
            (Some(self.known.clone()), inverse(targets), to_known)
        } else {
            let to_target = inverse(self.known.transpose() * targets);
            let kept: Vec<f64> = self.values.iter().zip(&weights).map(|(v, w)| v * w).collect();
            let to_known = &self.vectors * scaled(self.vectors.transpose().to_owned(), &kept);
            (None, to_target, to_known)
        };
        Fit {
            through,
            to_target,
            to_known,
            mean: self.mean.clone(),
            target_mean,
        }
    }
}

impl Fit {
    /// Predicts the targets of samples, m x d. Also the sum of squares of what the fit leaves of the samples,
    /// and of their distances from the mean.
    pub(super) fn apply(&self, samples: &Mat<f64>) -> (Mat<f64>, f64, f64) {
        let (m, d) = (samples.nrows(), samples.ncols());
        let samples = Mat::from_fn(m, d, |i, j| samples[(i, j)] - self.mean[j]);
        let coefficients = self.through.as_ref().map(|known| &samples * known.transpose());
        let coefficients = coefficients.as_ref().unwrap_or(&samples);
        let mut guess = coefficients * &self.to_target;
        for (column, mean) in self.target_mean.iter().enumerate() {
            guess.col_mut(column).iter_mut().for_each(|v| *v += mean);
        }
        let left = &samples - coefficients * &self.to_known;
        let all = |rows: &Mat<f64>| (0..d).map(|j| squares(rows.col(j).iter())).sum::<f64>();
        (guess, all(&left), all(&samples))
    }
}
