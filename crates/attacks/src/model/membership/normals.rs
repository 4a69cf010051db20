//! Normal distributions of the margins that shadow models give, and how a margin lies in them.

use std::f64::consts::{PI, SQRT_2};

/// Least deviation, in nats.
const FLOOR: f64 = 1e-9;

/// Margins of pictures by shadow models, model by model, and whether each was trained on the picture.
pub(super) struct Records {
    /// Number of pictures.
    pub(super) pictures: usize,
    /// A row of margins for each model, in nats.
    pub(super) margins: Vec<f64>,
    /// Whether the model was trained on the picture, in the same order.
    pub(super) inside: Vec<bool>,
}

/// A normal distribution for each picture.
pub(super) struct Normals {
    means: Vec<f64>,
    deviations: Vec<f64>,
    /// Mean over all pictures and the pooled deviation.
    pub(super) pooled: (f64, f64),
}

impl Records {
    /// The distributions by the models that were trained on a picture, or by those that were not; none if
    /// there is no such model at all. A picture that has none of its own takes the mean of all.
    ///
    /// The pooled deviation is that of margins around the mean of their picture; where no picture has two,
    /// around the mean of all. Pictures have their own if `own` says so and there are two margins.
    pub(super) fn normals(&self, inside: bool, own: bool) -> Option<Normals> {
        let kept = || {
            let all = self.margins.iter().zip(&self.inside).enumerate();
            let kept = all.filter(move |(_, (_, is))| **is == inside);
            kept.map(|(place, (margin, _))| (place % self.pictures, *margin))
        };
        let (mut counts, mut means) = (vec![0.0; self.pictures], vec![0.0; self.pictures]);
        for (picture, margin) in kept() {
            counts[picture] += 1.0;
            means[picture] += margin;
        }
        let total: f64 = counts.iter().sum();
        if total == 0.0 {
            return None;
        }
        let overall = means.iter().sum::<f64>() / total;
        for (mean, count) in means.iter_mut().zip(&counts) {
            *mean = if *count > 0.0 { *mean / count } else { overall };
        }
        let (mut squares, mut around) = (vec![0.0; self.pictures], 0.0);
        for (picture, margin) in kept() {
            squares[picture] += (margin - means[picture]).powi(2);
            around += (margin - overall).powi(2);
        }
        let free: f64 = counts.iter().map(|count| (count - 1.0).max(0.0)).sum();
        let variance = match free > 0.0 {
            true => squares.iter().sum::<f64>() / free,
            false => around / (total - 1.0).max(1.0),
        };
        let pooled = variance.sqrt().max(FLOOR);
        let deviation = |(square, count): (&f64, &f64)| match own && *count >= 2.0 {
            true => (square / (count - 1.0)).sqrt().max(FLOOR),
            false => pooled,
        };
        Some(Normals {
            deviations: squares.iter().zip(&counts).map(deviation).collect(),
            means,
            pooled: (overall, pooled),
        })
    }
}

impl Normals {
    /// Deviations that a margin lies above the mean of its picture.
    fn standardised(&self, picture: usize, margin: f64) -> f64 {
        (margin - self.means[picture]) / self.deviations[picture]
    }

    /// Logarithm of the density at a picture's margin, but for a constant.
    fn log_density(&self, picture: usize, margin: f64) -> f64 {
        -self.standardised(picture, margin).powi(2) / 2.0 - self.deviations[picture].ln()
    }
}

/// Logarithm of the chance that a standard normal value is at most `x`, exact far out in both tails.
fn log_chance(x: f64) -> f64 {
    if x > 0.0 {
        return (-0.5 * libm::erfc(x / SQRT_2)).ln_1p();
    }
    if x > -30.0 {
        return (0.5 * libm::erfc(-x / SQRT_2)).ln();
    }
    // The asymptotic series, as the chance itself underflows further out.
    let s = 1.0 / (x * x);
    let series = s * (-1.0 + s * (3.0 - 15.0 * s));
    -x * x / 2.0 - (-x * (2.0 * PI).sqrt()).ln() + series.ln_1p()
}

/// Log-odds that a standard normal value is at most `x`: as good as the chance to order by, without its
/// ties at 0 and 1.
fn log_odds(x: f64) -> f64 {
    log_chance(x) - log_chance(-x)
}

/// For each picture the logarithm of how much likelier its margin is by models that were trained on it than
/// by models that were not.
pub(super) fn ratios(asked: &[f64], within: &Normals, without: &Normals) -> Vec<f64> {
    let margins = asked.iter().enumerate();
    margins
        .map(|(picture, m)| within.log_density(picture, *m) - without.log_density(picture, *m))
        .collect()
}

/// For each picture the log-odds that a model that was not trained on it has no larger margin.
pub(super) fn tails(asked: &[f64], without: &Normals) -> Vec<f64> {
    let margins = asked.iter().enumerate();
    margins
        .map(|(picture, m)| log_odds(without.standardised(picture, *m)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    /// A normal value by the method of Box and Muller.
    fn normal(rng: &mut Rng) -> f64 {
        (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (2.0 * PI * rng.unit()).cos()
    }

    /// Margins of 300 pictures by 32 models, half of them trained on each picture: means 5 and 1 more than a
    /// picture's own, deviations 1 and 2.
    fn synthetic() -> Records {
        let (pictures, models) = (300, 32);
        let mut rng = Rng::new(7);
        let (mut margins, mut inside) = (Vec::new(), Vec::new());
        for model in 0..models {
            for picture in 0..pictures {
                let is = (model + picture) % 2 == 0;
                let (mean, deviation) = if is { (5.0, 1.0) } else { (1.0, 2.0) };
                margins.push(picture as f64 / 10.0 + mean + deviation * normal(&mut rng));
                inside.push(is);
            }
        }
        Records {
            pictures,
            margins,
            inside,
        }
    }

    #[test]
    fn distributions_are_found_again_each_from_its_own_side() {
        let records = synthetic();
        for (inside, mean, deviation) in [(true, 5.0, 1.0), (false, 1.0, 2.0)] {
            let pooled = records.normals(inside, false).unwrap();
            // 300 * 15 free values: relative standard error 1 / sqrt(9000) = 1 %.
            assert!(
                (pooled.pooled.1 / deviation - 1.0).abs() < 0.05,
                "{}",
                pooled.pooled.1
            );
            assert!(
                (pooled.pooled.0 - mean - 14.95).abs() < 0.2,
                "{}",
                pooled.pooled.0
            );
            let error = |p: usize| (pooled.means[p] - p as f64 / 10.0 - mean).abs();
            assert!(
                (0..300).all(|p| error(p) < deviation * 1.25),
                "5 standard errors of a mean of 16"
            );
            let own = records.normals(inside, true).unwrap();
            assert!(
                own.deviations
                    .iter()
                    .all(|d| (0.2..2.5).contains(&(d / deviation)))
            );
            assert!(own.deviations[0] != own.deviations[1]);
        }
    }

    #[test]
    fn the_statistic_is_the_ratio_of_densities() {
        let normals = |mean: f64, deviation: f64| Normals {
            means: vec![mean; 2],
            deviations: vec![deviation; 2],
            pooled: (mean, deviation),
        };
        let found = ratios(&[5.0, 1.0], &normals(5.0, 1.0), &normals(1.0, 2.0));
        // ln N(5; 5, 1) - ln N(5; 1, 2) = ln 2 + 2, and ln N(1; 5, 1) - ln N(1; 1, 2) = ln 2 - 8.
        assert!((found[0] - 2f64.ln() - 2.0).abs() < 1e-12);
        assert!((found[1] - 2f64.ln() + 8.0).abs() < 1e-12);
    }

    #[test]
    fn few_records_fall_back_to_what_there_is() {
        let records = |margins: &[f64], inside: &[bool]| Records {
            pictures: 2,
            margins: margins.to_vec(),
            inside: inside.to_vec(),
        };
        // One model for each side of each picture: spread around the mean of both pictures.
        let single = records(&[1.0, 2.0, 4.0, 3.0], &[true, false, false, true]);
        let within = single.normals(true, true).unwrap();
        assert_eq!(
            (&within.means[..], within.pooled),
            (&[1.0, 3.0][..], (2.0, 2f64.sqrt()))
        );
        assert_eq!(within.deviations, [2f64.sqrt(); 2]);
        // The second picture is in no model.
        let partly = records(&[1.0, 0.0, 3.0, 0.0], &[true, false, true, false]);
        assert_eq!(partly.normals(true, false).unwrap().means, [2.0, 2.0]);
        let none = records(&[1.0, 0.0], &[false, false]);
        assert!(none.normals(true, false).is_none());
        // Models that all say the same have a deviation all the same.
        let same = records(&[1.0; 4], &[true; 4]).normals(true, true).unwrap();
        assert!(same.standardised(0, 2.0).is_finite());
    }

    #[test]
    fn tails_are_right_and_never_tie() {
        assert!((log_chance(0.0) - 0.5f64.ln()).abs() < 1e-15);
        assert!((log_chance(-1.0) - 0.158_655_253_931_457_05f64.ln()).abs() < 1e-12);
        // 1 - Phi(10) = 7.619853024160527e-24.
        assert!((log_chance(10.0) / -7.619_853_024_160_527e-24 - 1.0).abs() < 1e-9);
        assert!((log_chance(-10.0) - 7.619_853_024_160_527e-24f64.ln()).abs() < 1e-9);
        // Both ways to compute it meet.
        assert!((log_chance(-30.0 - 1e-9) - log_chance(-30.0 + 1e-9)).abs() < 1e-6);
        let odds: Vec<f64> = (-4000..4000)
            .map(|step| log_odds(f64::from(step) / 10.0))
            .collect();
        assert!(odds.iter().all(|o| o.is_finite()));
        assert!(odds.windows(2).all(|w| w[0] < w[1]));
        assert!(log_odds(1e9).is_finite() && log_odds(1e9) > log_odds(1e8));
        assert!((log_odds(0.0)).abs() < 1e-15 && (log_odds(3.0) + log_odds(-3.0)).abs() < 1e-12);
    }
}
