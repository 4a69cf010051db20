//! The pictures that combinations of the adversary's own make.

use crate::{Error, Result, metrics::mean_row};
use faer::{Mat, Side};

/// A mean picture and orthonormal directions from it.
#[derive(Debug)]
pub(super) struct Span {
    mean: Vec<f32>,
    directions: Vec<Vec<f32>>,
}

/// Bytes that the span of so many pictures of `len` values takes.
pub(super) fn memory(pictures: usize, len: usize) -> u64 {
    let side = pictures.min(len);
    8 * (pictures * len + 4 * side * side) as u64
}

impl Span {
    /// The leading principal components of pictures of `len` values, `most` of them, fewer where the pictures
    /// do not vary in as many directions.
    ///
    /// # Errors
    /// If the decomposition fails, which values that are no numbers make it.
    pub(super) fn new(pictures: &[f32], len: usize, most: usize) -> Result<Self> {
        let mean = mean_row(pictures, len);
        let count = pictures.len() / len;
        let rows = Mat::from_fn(count, len, |i, j| f64::from(pictures[i * len + j] - mean[j]));
        // The eigenvectors of the smaller of the two Gram matrices give those of the other.
        let by_picture = count <= len;
        let gram = if by_picture {
            &rows * rows.transpose()
        } else {
            rows.transpose() * &rows
        };
        let eigen = gram.self_adjoint_eigen(Side::Lower).map_err(|_| {
            Error::Exposure("the principal components of the own pictures did not converge".into())
        })?;
        let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        let vectors = if by_picture {
            rows.transpose() * eigen.U()
        } else {
            eigen.U().to_owned()
        };
        // Eigenvalues ascend; what rounding leaves of none is none.
        let floor = values.last().copied().unwrap_or(0.0).max(1e-12) * 1e-9;
        let leading = (0..values.len()).rev().take(most);
        let directions = leading
            .filter(|column| values[*column] > floor)
            .map(|column| {
                let column: Vec<f64> = vectors.col(column).iter().copied().collect();
                let length = column.iter().map(|v| v * v).sum::<f64>().sqrt();
                column.into_iter().map(|v| (v / length) as f32).collect()
            })
            .collect();
        Ok(Self { mean, directions })
    }

    /// Number of directions.
    pub(super) fn len(&self) -> usize {
        self.directions.len()
    }

    /// Moves a picture to the nearest one of the span.
    pub(super) fn project(&self, picture: &mut [f32]) {
        let apart: Vec<f32> = picture.iter().zip(&self.mean).map(|(v, m)| v - m).collect();
        picture.copy_from_slice(&self.mean);
        for direction in &self.directions {
            let along: f32 = direction.iter().zip(&apart).map(|(d, a)| d * a).sum();
            picture
                .iter_mut()
                .zip(direction)
                .for_each(|(v, d)| *v += along * d);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    /// Pictures in a plane are found again, whether there are more of them than values or fewer.
    #[test]
    fn pictures_of_the_span_stay_and_others_come_to_it() {
        for count in [5, 40] {
            let (len, mut rng) = (12, Rng::new(2));
            let mut draw = || rng.unit() as f32 - 0.5;
            let [centre, a, b] = [0, 1, 2].map(|_| (0..len).map(|_| draw()).collect::<Vec<f32>>());
            let mut pictures = Vec::new();
            for _ in 0..count {
                let (x, y) = (draw(), 2.0 * draw());
                pictures.extend((0..len).map(|i| centre[i] + x * a[i] + y * b[i]));
            }
            let span = Span::new(&pictures, len, 8).unwrap();
            assert_eq!(span.len(), 2, "{count}");
            for picture in pictures.chunks_exact(len) {
                let mut moved = picture.to_vec();
                span.project(&mut moved);
                let error = moved.iter().zip(picture).map(|(m, p)| (m - p).abs());
                assert!(error.fold(0f32, f32::max) < 1e-5);
            }
            let mut far: Vec<f32> = (0..len).map(|_| draw()).collect();
            let before = far.clone();
            span.project(&mut far);
            // What was taken away is at a right angle to both directions of the plane.
            for side in [&a, &b] {
                let along: f32 = (0..len).map(|i| (before[i] - far[i]) * side[i]).sum();
                assert!(along.abs() < 1e-5, "{along}");
            }
            assert!(before.iter().zip(&far).any(|(b, f)| (b - f).abs() > 0.01));
            assert_eq!(Span::new(&pictures, len, 1).unwrap().len(), 1);
            assert_eq!(Span::new(&vec![0.5; 3 * len], len, 8).unwrap().len(), 0);
        }
    }
}
