//! Sums over the rows of a position that the estimators work from.

use super::{
    Model,
    algebra::{add_product, outer},
    blocks::Blocks,
};
use faer::Mat;

/// Images whose rows are held at once.
const STRIDE: usize = 64;

/// Sums over the rows of one position in pairs: of the plain row a and the disguised row y.
pub(super) struct PairSums {
    /// Number of rows.
    pub(super) rows: f64,
    /// Sum of a.
    pub(super) plain: Vec<f64>,
    /// Sum of y.
    pub(super) disguised: Vec<f64>,
    /// Sum of a' a.
    pub(super) gram: Mat<f64>,
    /// Sum of a' y.
    pub(super) cross: Mat<f64>,
    /// Sum of the squares of y.
    pub(super) power: f64,
}

impl PairSums {
    pub(super) fn of(
        model: &Model,
        (plain, source): (&Blocks<'_>, usize),
        (disguised, target): (&Blocks<'_>, usize),
    ) -> Self {
        let side = model.side;
        let mut sums = Self {
            rows: (plain.len() * model.rows()) as f64,
            plain: vec![0.0; side],
            disguised: vec![0.0; side],
            gram: Mat::zeros(side, side),
            cross: Mat::zeros(side, side),
            power: 0.0,
        };
        for first in (0..plain.len()).step_by(STRIDE) {
            let images = first..(first + STRIDE).min(plain.len());
            let a = plain.matrix(source, images.clone());
            let y = disguised.matrix(target, images);
            add_product(&mut sums.gram, &a, &a);
            add_product(&mut sums.cross, &a, &y);
            sums.power += y.squared_norm_l2();
            add_columns(&mut sums.plain, &a);
            add_columns(&mut sums.disguised, &y);
        }
        sums
    }

    /// Sum of the squares of y about its mean that a matrix leaves, with an intercept if `fitted`, and of all
    /// of them; `noise` is the expected square of the noise in a row, which both are less.
    pub(super) fn left(&self, matrix: &Mat<f64>, fitted: bool, noise: f64) -> [f64; 2] {
        let mean = self.disguised.iter().map(|v| v * v).sum::<f64>() / self.rows.max(1.0);
        let (gram, cross, power) = match fitted {
            true => {
                let (gram, cross) = self.centred();
                (gram, cross, self.power - mean)
            }
            false => (self.gram.clone(), self.cross.clone(), self.power),
        };
        let explained = matrix.transpose() * (gram * matrix - cross * faer::Scale(2.0));
        let noise = self.rows * noise;
        [
            power + super::algebra::trace(&explained) - noise,
            self.power - mean - noise,
        ]
    }

    /// Mean plain row.
    pub(super) fn plain_mean(&self) -> Vec<f64> {
        self.plain.iter().map(|v| v / self.rows).collect()
    }

    /// Mean disguised row.
    pub(super) fn disguised_mean(&self) -> Vec<f64> {
        self.disguised.iter().map(|v| v / self.rows).collect()
    }

    /// Sums about the means instead of about 0.
    pub(super) fn centred(&self) -> (Mat<f64>, Mat<f64>) {
        let mean = self.plain_mean();
        (
            &self.gram - outer(&self.plain, &mean),
            &self.cross - outer(&mean, &self.disguised),
        )
    }
}

fn add_columns(sum: &mut [f64], matrix: &Mat<f64>) {
    for column in 0..matrix.ncols() {
        for (total, value) in sum.iter_mut().zip(matrix.col_as_slice(column)) {
            *total += value;
        }
    }
}

/// The mean row of a position over at most `limit` images.
pub(super) fn mean_row(model: &Model, blocks: &Blocks<'_>, position: usize, limit: usize) -> Vec<f64> {
    let count = blocks.len().min(limit);
    let mut sum = vec![0.0; model.side];
    for first in (0..count).step_by(STRIDE) {
        add_columns(
            &mut sum,
            &blocks.matrix(position, first..(first + STRIDE).min(count)),
        );
    }
    let rows = (count * model.rows()).max(1) as f64;
    sum.iter().map(|v| v / rows).collect()
}
