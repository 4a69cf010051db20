//! Small square matrices of key material, in plain ordered f64 arithmetic (SPEC.md 3.4 and 3.5).

use crate::{Error, schedule::Stream};

/// A Haar-distributed orthogonal matrix, row-major: QR of a matrix of normals by Householder
/// reflections, each column of Q multiplied by the sign of R's diagonal entry (Stewart 1980).
pub fn haar(stream: &mut Stream, side: usize) -> Vec<f64> {
    let n = side;
    let mut a: Vec<f64> = (0..n * n).map(|_| stream.normal()).collect();
    let mut q = vec![0.0; n * n];
    for i in 0..n {
        q[i * n + i] = 1.0;
    }
    let mut v = vec![0.0; n];
    for k in 0..n {
        let norm = sum((k..n).map(|i| a[i * n + k] * a[i * n + k])).sqrt();
        // The reflection maps column k onto -+norm, away from its own leading entry's sign.
        let alpha = if a[k * n + k] > 0.0 { -norm } else { norm };
        for i in k..n {
            v[i] = a[i * n + k];
        }
        v[k] -= alpha;
        let length = sum((k..n).map(|i| v[i] * v[i]));
        if length > 0.0 {
            for column in k..n {
                let scale = 2.0 * sum((k..n).map(|i| v[i] * a[i * n + column])) / length;
                for i in k..n {
                    a[i * n + column] -= scale * v[i];
                }
            }
            for row in 0..n {
                let scale = 2.0 * sum((k..n).map(|i| q[row * n + i] * v[i])) / length;
                for i in k..n {
                    q[row * n + i] -= scale * v[i];
                }
            }
        }
    }
    for k in 0..n {
        if a[k * n + k] < 0.0 {
            for row in 0..n {
                q[row * n + k] = -q[row * n + k];
            }
        }
    }
    q
}

/// A matrix of uniform entries in [0, 1), redrawn until its Frobenius condition number
/// `|A| * |A^-1|`, an upper bound of the spectral one, is at most `bound`.
pub fn projection(stream: &mut Stream, side: usize, bound: f64) -> Result<(Vec<f64>, Vec<f64>), Error> {
    const TRIES: usize = 1000;
    for _ in 0..TRIES {
        let a: Vec<f64> = (0..side * side).map(|_| stream.unit()).collect();
        if let Some(inverse) = inverse(&a, side)
            && frobenius(&a) * frobenius(&inverse) <= bound
        {
            return Ok((a, inverse));
        }
    }
    Err(Error::Exhausted {
        tries: TRIES,
        hint: format!(
            "no {side}x{side} projection has a condition number of {bound} or less; raise `condition`"
        ),
    })
}

/// The inverse by Gauss-Jordan elimination with partial pivoting, or `None` if singular.
pub fn inverse(matrix: &[f64], side: usize) -> Option<Vec<f64>> {
    let n = side;
    let mut a = matrix.to_vec();
    let mut b = vec![0.0; n * n];
    for i in 0..n {
        b[i * n + i] = 1.0;
    }
    for k in 0..n {
        let mut pivot = k;
        for i in k + 1..n {
            if a[i * n + k].abs() > a[pivot * n + k].abs() {
                pivot = i;
            }
        }
        let value = a[pivot * n + k];
        if !value.is_finite() || value.abs() < 1e-12 {
            return None;
        }
        for j in 0..n {
            a.swap(k * n + j, pivot * n + j);
            b.swap(k * n + j, pivot * n + j);
        }
        for j in 0..n {
            a[k * n + j] /= value;
            b[k * n + j] /= value;
        }
        for i in (0..n).filter(|&i| i != k) {
            let factor = a[i * n + k];
            for j in 0..n {
                a[i * n + j] -= factor * a[k * n + j];
                b[i * n + j] -= factor * b[k * n + j];
            }
        }
    }
    Some(b)
}

/// The transposed matrix.
pub fn transpose(matrix: &[f64], side: usize) -> Vec<f64> {
    (0..side * side)
        .map(|i| matrix[(i % side) * side + i / side])
        .collect()
}

fn frobenius(matrix: &[f64]) -> f64 {
    sum(matrix.iter().map(|v| v * v)).sqrt()
}

/// Adds from the first to the last; `Iterator::sum` promises no order for floats.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |total, value| total + value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{MasterSecret, Schedule};

    fn product(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
        (0..n * n)
            .map(|i| (0..n).map(|k| a[(i / n) * n + k] * b[k * n + i % n]).sum())
            .collect()
    }

    fn is_identity(a: &[f64], n: usize, tolerance: f64) -> bool {
        (0..n * n).all(|i| (a[i] - f64::from(i / n == i % n)).abs() < tolerance)
    }

    #[test]
    fn haar_matrices_are_orthogonal_of_both_signs() {
        let mut stream = Schedule::new(&MasterSecret::new([3; 32]), "test").stream("haar", &[]);
        let (mut plus, mut mean) = (0, 0.0);
        for _ in 0..400 {
            let q = haar(&mut stream, 2);
            plus += i32::from(q[0] * q[3] - q[1] * q[2] > 0.0);
            mean += q[0] / 400.0;
        }
        assert!((150..250).contains(&plus), "{plus} of 400 have determinant +1");
        assert!(mean.abs() < 0.12, "the corner averages {mean}");
        for n in [1, 2, 4, 7, 8, 28] {
            let q = haar(&mut stream, n);
            assert!(is_identity(&product(&q, &transpose(&q, n), n), n, 1e-12), "{n}");
        }
    }

    #[test]
    fn projections_are_inverted_and_bounded() {
        let mut stream = Schedule::new(&MasterSecret::new([4; 32]), "test").stream("projection", &[]);
        for n in [1, 2, 4, 8] {
            let (a, b) = projection(&mut stream, n, 200.0).unwrap();
            assert!(is_identity(&product(&a, &b, n), n, 1e-9));
            assert!(frobenius(&a) * frobenius(&b) <= 200.0);
        }
        assert!(projection(&mut stream, 8, 8.0).is_err());
        assert!(inverse(&[1.0, 2.0, 2.0, 4.0], 2).is_none());
    }
}
