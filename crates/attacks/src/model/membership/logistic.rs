//! Logistic regression with a ridge: what tells records of two kinds by a few numbers each.

use faer::{Mat, Side, linalg::solvers::Llt, prelude::Solve};

/// Ridge on the weights of standardised values, beside the mean loss.
const RIDGE: f64 = 1e-3;
/// Likewise on the constant, for a matrix that can always be solved.
const SLIGHT: f64 = 1e-9;
/// Most Newton steps, and halvings of one.
const STEPS: usize = 50;
const HALVINGS: usize = 30;

/// Weights of standardised values, the constant last.
pub(super) struct Logistic {
    means: Vec<f64>,
    deviations: Vec<f64>,
    weights: Vec<f64>,
}

impl Logistic {
    /// Learns from records of `width` finite values each, one after the other, and whether each is of the
    /// kind; there must be some of both kinds. The least mean cross-entropy is found by Newton's method.
    pub(super) fn fit(records: &[f64], width: usize, kinds: &[bool]) -> Self {
        let count = kinds.len().max(1) as f64;
        let mut means = vec![0.0; width];
        let mut deviations = vec![0.0; width];
        for record in records.chunks_exact(width) {
            means
                .iter_mut()
                .zip(record)
                .for_each(|(mean, v)| *mean += v / count);
        }
        for record in records.chunks_exact(width) {
            for ((deviation, mean), v) in deviations.iter_mut().zip(&means).zip(record) {
                *deviation += (v - mean).powi(2) / count;
            }
        }
        deviations.iter_mut().for_each(|d| *d = d.sqrt());
        let mut found = Self {
            means,
            deviations,
            weights: vec![0.0; width + 1],
        };
        let standard: Vec<Vec<f64>> = records
            .chunks_exact(width)
            .map(|r| found.standardised(r))
            .collect();
        let mut loss = loss(&standard, kinds, &found.weights);
        for _ in 0..STEPS {
            let Some(step) = newton(&standard, kinds, &found.weights) else {
                break;
            };
            let Some((weights, less)) = descend(&standard, kinds, &found.weights, &step, loss) else {
                break;
            };
            let gain = loss - less;
            (found.weights, loss) = (weights, less);
            if gain < 1e-12 {
                break;
            }
        }
        found
    }

    /// Log-odds that a record is of the kind.
    pub(super) fn log_odds(&self, record: &[f64]) -> f64 {
        product(&self.standardised(record), &self.weights)
    }

    /// The record in deviations from the mean, with a 1 for the constant; values that never vary count
    /// nothing.
    fn standardised(&self, record: &[f64]) -> Vec<f64> {
        let scales = self.means.iter().zip(&self.deviations);
        let standard = record.iter().zip(scales).map(|(v, (mean, deviation))| {
            if *deviation > 1e-12 {
                (v - mean) / deviation
            } else {
                0.0
            }
        });
        standard.chain([1.0]).collect()
    }
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The ridge of each weight.
fn ridge(place: usize, weights: usize) -> f64 {
    if place + 1 == weights { SLIGHT } else { RIDGE }
}

/// Mean cross-entropy with the ridge.
fn loss(records: &[Vec<f64>], kinds: &[bool], weights: &[f64]) -> f64 {
    let each = records.iter().zip(kinds).map(|(record, kind)| {
        let odds = product(record, weights);
        let wrong = if *kind { -odds } else { odds };
        wrong.max(0.0) + (-wrong.abs()).exp().ln_1p()
    });
    let mean = each.sum::<f64>() / kinds.len().max(1) as f64;
    let penalties = weights.iter().enumerate();
    mean + penalties
        .map(|(place, w)| ridge(place, weights.len()) * w * w / 2.0)
        .sum::<f64>()
}

/// The step that leads to the least value of the loss's quadratic form.
fn newton(records: &[Vec<f64>], kinds: &[bool], weights: &[f64]) -> Option<Vec<f64>> {
    let (width, count) = (weights.len(), kinds.len().max(1) as f64);
    let mut curvature = Mat::<f64>::zeros(width, width);
    let mut slope = Mat::<f64>::zeros(width, 1);
    for (record, kind) in records.iter().zip(kinds) {
        let chance = 1.0 / (1.0 + (-product(record, weights)).exp());
        let error = chance - f64::from(u8::from(*kind));
        let bend = chance * (1.0 - chance) / count;
        for (i, a) in record.iter().enumerate() {
            slope[(i, 0)] += error * a / count;
            for (j, b) in record[..=i].iter().enumerate() {
                curvature[(i, j)] += bend * a * b;
            }
        }
    }
    for (place, weight) in weights.iter().enumerate() {
        let ridge = ridge(place, width);
        slope[(place, 0)] += ridge * weight;
        curvature[(place, place)] += ridge;
    }
    let factor = Llt::new(curvature.as_ref(), Side::Lower).ok()?;
    let step = factor.solve(&slope);
    Some((0..width).map(|place| -step[(place, 0)]).collect())
}

/// The weights after the longest of the step, its half, its quarter and so on that makes the loss less.
fn descend(
    records: &[Vec<f64>],
    kinds: &[bool],
    weights: &[f64],
    step: &[f64],
    before: f64,
) -> Option<(Vec<f64>, f64)> {
    (0..HALVINGS).find_map(|halvings| {
        let share = 0.5f64.powi(halvings as i32);
        let moved: Vec<f64> = weights.iter().zip(step).map(|(w, s)| w + share * s).collect();
        let after = loss(records, kinds, &moved);
        (after < before).then_some((moved, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    #[test]
    fn the_log_odds_that_made_the_records_are_found_again() {
        let mut rng = Rng::new(11);
        let (mut records, mut kinds) = (Vec::new(), Vec::new());
        for _ in 0..20_000 {
            let (a, b) = (4.0 * rng.unit() - 2.0, 20.0 * rng.unit());
            // The third value never varies.
            records.extend([a, b, 3.0]);
            let odds: f64 = 1.5 * a - 0.2 * b + 1.0;
            kinds.push(rng.unit() < 1.0 / (1.0 + (-odds).exp()));
        }
        let found = Logistic::fit(&records, 3, &kinds);
        for (record, odds) in [
            ([0.0, 5.0, 3.0], 0.0),
            ([1.0, 5.0, 3.0], 1.5),
            ([0.0, 15.0, 3.0], -2.0),
        ] {
            let error = found.log_odds(&record) - odds;
            // Standard errors are about 0.03; the ridge takes 1 % off.
            assert!(error.abs() < 0.15, "{record:?}: {error}");
        }
    }

    #[test]
    fn kinds_that_part_cleanly_have_finite_weights() {
        let records: Vec<f64> = (0..40).map(f64::from).collect();
        let kinds: Vec<bool> = (0..40).map(|i| i >= 20).collect();
        let found = Logistic::fit(&records, 1, &kinds);
        assert!(
            records
                .iter()
                .zip(&kinds)
                .all(|(v, kind)| (found.log_odds(&[*v]) > 0.0) == *kind)
        );
        assert!(found.log_odds(&[1e6]).is_finite());
    }

    #[test]
    fn values_that_say_nothing_give_even_odds() {
        let records = [1.0, 2.0, 1.0, 2.0];
        let found = Logistic::fit(&records, 1, &[true, true, false, false]);
        assert!(found.log_odds(&[1.0]).abs() < 1e-9 && found.log_odds(&[9.0]).abs() < 1e-9);
    }
}
