//! Scores in their order, and the rates that thresholds between them give.

use super::Rate;
use visard_learn::wilson;

/// False positives that a rate has to allow.
const ENOUGH: f64 = 10.0;
/// Most points of a curve, and those of them that are evenly spread over the false positive rates.
pub(super) const POINTS: usize = 400;
const EVEN: usize = 197;

/// Pictures counted from the largest score down, step by step of equal scores.
pub(super) struct Steps {
    /// Members in all.
    pub(super) members: usize,
    /// Others in all.
    pub(super) others: usize,
    /// The score, and the members and others that have it or a larger one.
    steps: Vec<(f64, usize, usize)>,
}

impl Steps {
    /// Counts scores, each with whether it is a member's.
    pub(super) fn new(mut pictures: Vec<(f64, bool)>) -> Self {
        pictures.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let (mut members, mut others) = (0, 0);
        let mut steps = Vec::new();
        // Equal as numbers: 0 and -0 are one step.
        for equal in pictures.chunk_by(|a, b| a.0 == b.0) {
            let some = equal.iter().filter(|picture| picture.1).count();
            members += some;
            others += equal.len() - some;
            steps.push((equal[0].0, members, others));
        }
        Self {
            members,
            others,
            steps,
        }
    }

    /// False and true positive rates.
    fn point(&self, members: usize, others: usize) -> (f64, f64) {
        (
            others as f64 / self.others.max(1) as f64,
            members as f64 / self.members.max(1) as f64,
        )
    }

    /// Chance that a member's score is larger than another's, ties counting half.
    pub(super) fn auc(&self) -> f64 {
        let (mut won, mut before) = (0u128, (0, 0));
        for (_, members, others) in &self.steps {
            // Twice the pairs of these others with members above them, and half of the ties.
            won += (others - before.1) as u128 * (members + before.0) as u128;
            before = (*members, *others);
        }
        won as f64 / 2.0 / self.members as f64 / self.others as f64
    }

    /// The threshold with the best balanced accuracy, the largest of equals, and that accuracy. It lies
    /// between two scores, or beyond all of them.
    pub(super) fn best(&self) -> (f64, f64) {
        let mut best = (f64::INFINITY, 0.5);
        for (place, (score, members, others)) in self.steps.iter().enumerate() {
            let (fpr, tpr) = self.point(*members, *others);
            let accuracy = (1.0 + tpr - fpr) / 2.0;
            if accuracy > best.1 {
                let next = self.steps.get(place + 1).map_or(f64::NEG_INFINITY, |next| next.0);
                // Halved first, lest the sum of large scores is not finite. Of neighbouring numbers the
                // middle may be the larger one, which has to stay above the threshold.
                let middle = score / 2.0 + next / 2.0;
                best = (if middle < *score { middle } else { next }, accuracy);
            }
        }
        best
    }

    /// Balanced accuracy of taking those above a threshold for members.
    pub(super) fn accuracy(&self, threshold: f64) -> f64 {
        let above = self.steps.partition_point(|step| step.0 > threshold);
        let (_, members, others) = match above {
            0 => (0.0, 0, 0),
            above => self.steps[above - 1],
        };
        let (fpr, tpr) = self.point(members, others);
        (1.0 + tpr - fpr) / 2.0
    }

    /// The last step within a bound on false positives.
    fn within(&self, fpr: f64) -> (usize, usize) {
        // A hair more, lest rounding takes a whole one away.
        let allowed = (fpr * self.others as f64 * (1.0 + 1e-12)) as usize;
        match self.steps.partition_point(|step| step.2 <= allowed) {
            0 => (0, 0),
            steps => (self.steps[steps - 1].1, self.steps[steps - 1].2),
        }
    }

    /// The true positive rate within a bound, if there are enough others.
    pub(super) fn rate(&self, fpr: f64) -> Option<Rate> {
        if (self.others as f64) < ENOUGH / fpr * (1.0 - 1e-12) {
            return None;
        }
        let (members, others) = self.within(fpr);
        Some(Rate {
            fpr,
            tpr: self.point(members, others).1,
            interval: wilson(members as u64, self.members as u64),
        })
    }

    /// False and true positive rates, at most [`POINTS`].
    pub(super) fn curve(&self) -> Vec<(f64, f64)> {
        let all = self.steps.iter().map(|(_, members, others)| (*members, *others));
        let mut counts = vec![(0, 0)];
        if self.steps.len() < POINTS {
            counts.extend(all);
        } else {
            // The highest point at each of these rates; the first is that without a false positive.
            let even = (0..=EVEN).map(|step| step as f64 / EVEN as f64);
            let log = (0..=EVEN).map(|step| (self.others as f64).powf(step as f64 / EVEN as f64 - 1.0));
            counts.extend(even.chain(log).map(|fpr| self.within(fpr)));
            counts.push((self.members, self.others));
            counts.sort_unstable();
            counts.dedup();
        }
        counts
            .into_iter()
            .map(|(members, others)| self.point(members, others))
            .collect()
    }
}
