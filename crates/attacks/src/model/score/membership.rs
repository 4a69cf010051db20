//! How well numbers tell members of a training set from others.

mod steps;

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use steps::Steps;

/// False positive rates at which true positive rates are told, each where there are enough others.
const RATES: [f64; 3] = [0.001, 0.01, 0.1];

/// True positives at a bound on false positives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Largest share of others that may be taken for members.
    pub fpr: f64,
    /// Largest share of members that is found within the bound, by a threshold between two scores.
    pub tpr: f64,
    /// 95% Wilson interval of that share; how the others' scores fell is not in it.
    pub interval: (f64, f64),
}

/// Figures of an attack on membership (ATTACKS, section 0.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MembershipScore {
    /// Pictures that the model was trained on.
    pub members: usize,
    /// Pictures that it was not trained on.
    pub others: usize,
    /// Chance that a member has a larger score than another picture, ties counting half; 0.5 is guessing.
    pub auc: f64,
    /// Standard deviation of that chance if scores say nothing.
    pub auc_deviation: f64,
    /// Mean of the shares of members and others that are told rightly, 0.5 is guessing. The threshold is
    /// chosen on every second picture of either kind and judged on the rest, then the other way round.
    pub balanced_accuracy: f64,
    /// The same with the threshold that is best for all pictures together, which flatters the attack.
    pub best_balanced_accuracy: f64,
    /// True less false positive rate, 2 `balanced_accuracy` - 1.
    pub advantage: f64,
    /// True positive rates at 0.1 %, 1 % and 10 % false positives, each where at least ten others may be
    /// taken wrongly.
    pub rates: Vec<Rate>,
    curve: Vec<(f64, f64)>,
}

impl MembershipScore {
    /// False and true positive rates for falling thresholds, from (0, 0) to (1, 1); at most 400 points, as
    /// dense at small false positive rates on a logarithmic axis as on a linear one.
    pub fn roc(&self) -> Vec<(f64, f64)> {
        self.curve.clone()
    }

    /// The true positive rate at this bound on false positives, one of 0.001, 0.01 and 0.1, if it is told.
    pub fn at(&self, fpr: f64) -> Option<&Rate> {
        self.rates.iter().find(|rate| rate.fpr == fpr)
    }
}

/// Judges scores by what was trained on, a truth value for each score; the larger a score the more likely
/// a member.
///
/// # Errors
/// If the numbers differ, a score is not finite, or there are fewer than two members or two others.
pub fn membership(scores: &[f64], members: &[bool]) -> Result<MembershipScore> {
    let bad = |problem: String| Err(Error::Exposure(problem));
    if scores.len() != members.len() {
        return bad(format!(
            "{} scores cannot be judged by the truth about {} pictures",
            scores.len(),
            members.len()
        ));
    }
    if let Some(place) = scores.iter().position(|score| !score.is_finite()) {
        return bad(format!(
            "score {place} is {}; scores must be finite",
            scores[place]
        ));
    }
    let all = Steps::new(scores.iter().copied().zip(members.iter().copied()).collect());
    if all.members < 2 || all.others < 2 {
        return bad(format!(
            "{} members and {} others were given; at least two of each are needed",
            all.members, all.others
        ));
    }
    let [first, second] = halves(scores, members).map(Steps::new);
    let crossed = [(&first, &second), (&second, &first)].map(|(on, off)| off.accuracy(on.best().0));
    let balanced_accuracy = (crossed[0] + crossed[1]) / 2.0;
    let (m, n) = (all.members as f64, all.others as f64);
    Ok(MembershipScore {
        members: all.members,
        others: all.others,
        auc: all.auc(),
        auc_deviation: ((m + n + 1.0) / (12.0 * m * n)).sqrt(),
        balanced_accuracy,
        best_balanced_accuracy: all.best().1,
        advantage: 2.0 * balanced_accuracy - 1.0,
        rates: RATES.iter().filter_map(|fpr| all.rate(*fpr)).collect(),
        curve: all.curve(),
    })
}

/// Every second picture of either kind, and the rest.
fn halves(scores: &[f64], members: &[bool]) -> [Vec<(f64, bool)>; 2] {
    let mut parts = [Vec::new(), Vec::new()];
    let mut seen = [0, 0];
    for (score, member) in scores.iter().zip(members) {
        let seen = &mut seen[usize::from(*member)];
        parts[*seen % 2].push((*score, *member));
        *seen += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use steps::POINTS;
    use visard_learn::wilson;

    const T: bool = true;
    const F: bool = false;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn a_small_case_by_hand() {
        // Members 4, 2, 2 and others 3, 2, 1: of 9 pairs 3 + 1.5 + 1.5 are won.
        let found = membership(&[4.0, 2.0, 2.0, 3.0, 2.0, 1.0], &[T, T, T, F, F, F]).unwrap();
        assert_eq!((found.members, found.others), (3, 3));
        assert!(close(found.auc, 6.0 / 9.0), "{}", found.auc);
        assert!(close(found.auc_deviation, (7f64 / 108.0).sqrt()));
        // Above 3.5: 1 of 3 and none. Above 1.5: 3 of 3 and 2 of 3. Both are 2/3.
        assert!(close(found.best_balanced_accuracy, 2.0 / 3.0));
        let third = 1.0 / 3.0;
        let expected = [
            (0.0, 0.0),
            (0.0, third),
            (third, third),
            (2.0 * third, 1.0),
            (1.0, 1.0),
        ];
        let roc = found.roc();
        assert_eq!(
            roc.len(),
            expected.len(),
            "points lie only between distinct scores: {roc:?}"
        );
        assert!(
            roc.iter()
                .zip(expected)
                .all(|(a, b)| close(a.0, b.0) && close(a.1, b.1))
        );
        assert!(found.rates.is_empty());
    }

    #[test]
    fn the_threshold_is_judged_where_it_was_not_chosen() {
        // The first half (members 9, 5; others 1, 2) says 3.5; the second (members 3, 8; others 4, 0) says 6
        // or 1.5, of which the larger is taken.
        let scores = [9.0, 3.0, 5.0, 8.0, 1.0, 4.0, 2.0, 0.0];
        let found = membership(&scores, &[T, T, T, T, F, F, F, F]).unwrap();
        // 3.5 on the second half: 8 and 0 right, 3 and 4 wrong. 6 on the first: all but 5 right.
        assert!(
            close(found.balanced_accuracy, (0.5 + 0.75) / 2.0),
            "{}",
            found.balanced_accuracy
        );
        assert!(close(found.advantage, 0.25));
        assert!(close(found.best_balanced_accuracy, 0.875));
    }

    #[test]
    fn perfect_reversed_and_constant_scores_are_at_the_ends_and_in_the_middle() {
        let members: Vec<bool> = (0..200).map(|i| i < 100).collect();
        let judge = |f: fn(i32) -> f64| membership(&(0..200).map(f).collect::<Vec<_>>(), &members).unwrap();
        let perfect = judge(|i| f64::from(if i < 100 { 1000 - i } else { -i }));
        assert_eq!(
            (perfect.auc, perfect.balanced_accuracy, perfect.advantage),
            (1.0, 1.0, 1.0)
        );
        assert_eq!(
            perfect.rates.len(),
            1,
            "100 others allow 10 %: {:?}",
            perfect.rates
        );
        let tenth = perfect.at(0.1).unwrap();
        assert_eq!(tenth.tpr, 1.0);
        // Wilson's bound for all of n: n / (n + 1.96^2).
        assert!((tenth.interval.0 - 100.0 / 103.8415).abs() < 1e-5 && close(tenth.interval.1, 1.0));
        let reversed = judge(f64::from);
        assert_eq!(
            (
                reversed.auc,
                reversed.best_balanced_accuracy,
                reversed.at(0.1).unwrap().tpr
            ),
            (0.0, 0.5, 0.0)
        );
        let constant = judge(|_| 3.0);
        assert_eq!(
            (
                constant.auc,
                constant.balanced_accuracy,
                constant.at(0.1).unwrap().tpr
            ),
            (0.5, 0.5, 0.0)
        );
        assert_eq!(constant.roc(), [(0.0, 0.0), (1.0, 1.0)]);
    }

    #[test]
    fn rates_allow_as_many_false_positives_as_they_say_and_no_more() {
        // Others 0, 1, ..., 999. Of the members 300 have 9 others above them, 200 have 10, 100 have 11, and
        // the rest is at the bottom.
        let mut scores: Vec<f64> = (0..1000).map(f64::from).collect();
        scores.extend(
            [
                vec![990.5; 300],
                vec![989.5; 200],
                vec![988.5; 100],
                vec![-1.0; 400],
            ]
            .concat(),
        );
        let members: Vec<bool> = (0..2000).map(|i| i >= 1000).collect();
        let found = membership(&scores, &members).unwrap();
        let fprs: Vec<f64> = found.rates.iter().map(|rate| rate.fpr).collect();
        assert_eq!(fprs, [0.01, 0.1], "0.1 % would take 10,000 others");
        let rate = found.at(0.01).unwrap();
        assert!(close(rate.tpr, 0.5), "{}", rate.tpr);
        assert_eq!(rate.interval, wilson(500, 1000));
        assert!(close(found.at(0.1).unwrap().tpr, 0.6));
        // One other less is too few for 1 %.
        let fewer = membership(&scores[1..], &members[1..]).unwrap();
        assert!(fewer.at(0.01).is_none() && fewer.at(0.1).is_some());
    }

    #[test]
    fn random_scores_are_within_sampling_error_of_guessing_and_curves_stay_short() {
        let mut rng = Rng::new(21);
        let count = 20_000;
        let scores: Vec<f64> = (0..count).map(|_| rng.unit()).collect();
        let members: Vec<bool> = (0..count).map(|i| i % 2 == 0).collect();
        let found = membership(&scores, &members).unwrap();
        assert!((found.auc - 0.5).abs() < 4.0 * found.auc_deviation, "{found:?}");
        assert!((found.balanced_accuracy - 0.5).abs() < 0.02 && found.best_balanced_accuracy > 0.5);
        assert_eq!(found.rates.len(), 3);
        for rate in &found.rates {
            // Rates vary by the sampling of members and of the others at the threshold.
            let deviation = (2.0 * rate.fpr / 10_000.0).sqrt();
            assert!((rate.tpr - rate.fpr).abs() < 5.0 * deviation, "{rate:?}");
        }
        let roc = found.roc();
        assert!((100..=POINTS).contains(&roc.len()), "{}", roc.len());
        assert_eq!((roc[0], roc[roc.len() - 1]), ((0.0, 0.0), (1.0, 1.0)));
        assert!(
            roc.windows(2)
                .all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1 && w[0] != w[1])
        );
        let small = roc.iter().filter(|point| (1e-4..1e-2).contains(&point.0)).count();
        assert!(small >= 30, "{small} points at small rates");
    }

    #[test]
    fn scores_survive_their_record() {
        let found = membership(&[4.0, 2.0, 2.5, 3.0, 2.0, 1.0], &[T, T, T, F, F, F]).unwrap();
        let text = serde_json::to_string(&found).unwrap();
        let read: MembershipScore = serde_json::from_str(&text).unwrap();
        assert_eq!((read.members, read.roc().len()), (3, found.roc().len()));
        assert!(close(read.auc, found.auc) && close(read.balanced_accuracy, found.balanced_accuracy));
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let cases: [(&[f64], &[bool]); 6] = [
            (&[], &[]),
            (&[1.0, 2.0, 3.0, 4.0], &[T, T, F]),
            (&[1.0, 2.0, 3.0, 4.0], &[T, T, T, T]),
            (&[1.0, 2.0, 3.0, 4.0], &[F, F, F, T]),
            (&[1.0, f64::NAN, 3.0, 4.0], &[T, T, F, F]),
            (&[1.0, 2.0, f64::INFINITY, 4.0], &[T, T, F, F]),
        ];
        for (scores, members) in cases {
            assert!(
                matches!(membership(scores, members), Err(Error::Exposure(_))),
                "{scores:?}"
            );
        }
    }
}
