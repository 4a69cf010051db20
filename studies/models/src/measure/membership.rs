//! Who was trained on, over all repeats.

use super::Bench;
use crate::record::{Detail, Found, Membership};
use anyhow::bail;
use visard_attacks::model::{Found as Outcome, score};

/// Points that a curve is drawn with.
const POINTS: usize = 80;

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Found> {
    let (mut scores, mut members, mut unfinished) = (Vec::new(), Vec::new(), None);
    for repeat in 0..bench.stage.plan.sizes.repeats {
        let played = bench.play(repeat)?;
        let (candidates, truth) = played.scene.in_question()?;
        let (found, why) = bench.run(&played, &candidates, repeat)?;
        let Outcome::Members(numbers) = found else {
            bail!("no scores came back: {}", why.unwrap_or_default());
        };
        scores.extend(numbers);
        members.extend(truth);
        unfinished = unfinished.or(why);
    }
    let score = score::membership(&scores, &members)?;
    Ok(Found {
        value: score.auc,
        null: 0.5,
        deviation: score.auc_deviation,
        unfinished,
        key_psnr: None,
        detail: Detail::Membership(Membership {
            members: score.members,
            others: score.others,
            balanced_accuracy: score.balanced_accuracy,
            roc: thin(&score.roc(), POINTS),
            rates: score.rates,
        }),
    })
}

/// At most so many points of a rising curve, from the first to the last, about evenly spread over the
/// logarithms of their false positive rates, and rounded to what a plot can show.
fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let round = |v: f64| (v * 1e5).round() / 1e5;
    let least = points.iter().map(|p| p.0).find(|fpr| *fpr > 0.0).unwrap_or(1.0);
    let step = -least.ln() / most.saturating_sub(3).max(1) as f64;
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut next = f64::NEG_INFINITY;
    for (index, (fpr, tpr)) in points.iter().enumerate() {
        let last = index + 1 == points.len();
        // The steepest part of all lies at no false positives; its end is what counts.
        let ends = points
            .get(index + 1)
            .is_some_and(|(after, _)| *fpr == 0.0 && *after > 0.0);
        if index == 0 || last || ends || (*fpr > 0.0 && fpr.ln() >= next) {
            kept.push((round(*fpr), round(*tpr)));
            next = if *fpr > 0.0 { fpr.ln() + step } else { next };
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thinned_curve_keeps_its_ends_and_its_low_rates() {
        let curve: Vec<(f64, f64)> = (0..=1000)
            .map(|i| (f64::from(i) / 1000.0, (f64::from(i) / 1000.0).sqrt()))
            .collect();
        let thin = super::thin(&curve, 40);
        assert!(thin.len() <= 40 && thin.len() > 15, "{}", thin.len());
        assert_eq!((thin[0], thin[thin.len() - 1]), ((0.0, 0.0), (1.0, 1.0)));
        assert_eq!(thin[1], (0.001, 0.03162));
        assert!(thin.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1));
        let steep = [(0.0, 0.0), (0.0, 0.2), (0.0, 0.4), (0.5, 0.6), (1.0, 1.0)];
        assert_eq!(
            super::thin(&steep, 40),
            [(0.0, 0.0), (0.0, 0.4), (0.5, 0.6), (1.0, 1.0)]
        );
    }
}
