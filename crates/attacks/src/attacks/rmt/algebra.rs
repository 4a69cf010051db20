//! Small dense matrices: what the estimators share.

use faer::{Accum, Mat, MatRef, Par, Side, linalg::matmul::matmul};

/// Adds a * b' to `sum`.
pub(super) fn add_product(sum: &mut Mat<f64>, a: &Mat<f64>, b: &Mat<f64>) {
    matmul(sum.as_mut(), Accum::Add, a.as_ref(), b.transpose(), 1.0, Par::Seq);
}

/// Column a times row b'.
pub(super) fn outer(a: &[f64], b: &[f64]) -> Mat<f64> {
    Mat::from_fn(a.len(), b.len(), |i, j| a[i] * b[j])
}

/// Row x times a matrix.
pub(super) fn row_times(x: &[f64], matrix: &Mat<f64>) -> Vec<f64> {
    (0..matrix.ncols())
        .map(|j| x.iter().enumerate().map(|(i, v)| v * matrix[(i, j)]).sum())
        .collect()
}

/// Sum of the diagonal.
pub(super) fn trace(matrix: &Mat<f64>) -> f64 {
    (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum()
}

/// The identity times a number.
pub(super) fn scaled_identity(size: usize, factor: f64) -> Mat<f64> {
    Mat::from_fn(size, size, |i, j| if i == j { factor } else { 0.0 })
}

/// Eigenvalues from the largest to the smallest, and the eigenvectors as columns in that order;
/// `None` if the matrix holds something that is not finite.
pub(super) fn eigen(matrix: &Mat<f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let found = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let (size, values, vectors) = (matrix.nrows(), found.S().column_vector(), found.U());
    Some((
        (0..size).rev().map(|k| values[k]).collect(),
        Mat::from_fn(size, size, |i, k| vectors[(i, size - 1 - k)]),
    ))
}

/// The inverse of a symmetric matrix within the directions whose eigenvalues exceed `tolerance` times
/// the largest one, and the number of these directions.
pub(super) fn symmetric_inverse(matrix: &Mat<f64>, tolerance: f64) -> Option<(Mat<f64>, usize)> {
    let (values, vectors) = eigen(matrix)?;
    let floor = tolerance * values.first().copied().unwrap_or(0.0).max(0.0);
    let kept = values.iter().filter(|v| **v > floor).count();
    let scaled = Mat::from_fn(matrix.nrows(), kept, |i, k| vectors[(i, k)] / values[k]);
    Some((&scaled * vectors.as_ref().subcols(0, kept).transpose(), kept))
}

/// Singular vectors as columns with their values, from the largest to the smallest.
pub(super) struct Singular {
    /// Left vectors.
    pub(super) left: Mat<f64>,
    /// Values.
    pub(super) values: Vec<f64>,
    /// Right vectors.
    pub(super) right: Mat<f64>,
}

impl Singular {
    /// Of a square matrix; `None` if it holds something that is not finite.
    pub(super) fn of(matrix: MatRef<'_, f64>) -> Option<Self> {
        let found = matrix.svd().ok()?;
        let values = found.S().column_vector();
        Some(Self {
            left: found.U().to_owned(),
            values: (0..matrix.nrows()).map(|k| values[k]).collect(),
            right: found.V().to_owned(),
        })
    }

    /// Left times right' over the first `count` vectors: for all of them, the nearest orthogonal matrix.
    pub(super) fn join(&self, count: usize) -> Mat<f64> {
        self.left.as_ref().subcols(0, count) * self.right.as_ref().subcols(0, count).transpose()
    }

    /// The inverse within the directions whose values exceed `tolerance` times the largest one.
    pub(super) fn inverse(&self, tolerance: f64) -> Mat<f64> {
        let floor = tolerance * self.values.first().copied().unwrap_or(0.0);
        let kept = self.values.iter().filter(|v| **v > floor).count();
        let scaled = Mat::from_fn(self.right.nrows(), kept, |i, k| {
            self.right[(i, k)] / self.values[k]
        });
        &scaled * self.left.as_ref().subcols(0, kept).transpose()
    }
}
