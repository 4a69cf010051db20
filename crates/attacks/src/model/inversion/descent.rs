//! Gradient descent from a picture to one that the model takes for a class.

use super::priors::Priors;
use crate::{Budget, Progress};
use burn::tensor::{Tensor, activation::softmax};
use std::collections::VecDeque;
use visard_learn::{Differentiable, custom};

/// Classes whose pictures are changed at a time.
const AT_ONCE: usize = 64;
/// Copies of a picture that are held while it is changed: the picture, its gradient, the best one, the batch,
/// and what the network's first layer makes of it forwards and backwards.
const COPIES: u64 = 8;

/// What is made small, for a class with the probability p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Objective {
    /// 1 - p, as published; hardly any slope where p is near 0 or 1.
    Probability,
    /// log (1 - p) - log p, whose slope does not vanish.
    Logit,
}

/// When and how far the pictures move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Steps at most.
    pub(super) alpha: usize,
    /// A cost that is no better than the worst of so many costs before it ends the descent.
    pub(super) beta: usize,
    /// So does a probability of at least 1 - gamma.
    pub(super) gamma: f64,
    /// Length of a step.
    pub(super) pace: Pace,
    pub(super) objective: Objective,
}

/// What the gradient is multiplied by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// A rate for pictures in units of 255 grey levels.
    Rate(f64),
    /// Whatever makes the step so many standard deviations of the grey levels long, root mean square.
    Length(f64),
}

/// Pictures, standardised, with the class that each is to become.
#[derive(Debug)]
pub(super) struct Found {
    /// The best picture of each class, one after the other.
    pub(super) pictures: Vec<f32>,
    /// The probability that the model gives its class.
    pub(super) probabilities: Vec<f64>,
    /// Steps that were made for each class.
    pub(super) steps: Vec<usize>,
    /// Why the descent ended early, if it did.
    pub(super) why: Option<String>,
}

/// Everything that a descent needs.
#[derive(Debug)]
pub(super) struct Descent<'a> {
    pub(super) model: &'a Differentiable,
    pub(super) rule: Rule,
    pub(super) priors: &'a Priors,
    /// Standardised picture that all classes begin with.
    pub(super) start: &'a [f32],
    /// Grey levels that pictures keep to.
    pub(super) range: (f32, f32),
}

/// A picture on its way.
struct Track {
    class: usize,
    picture: Vec<f32>,
    costs: VecDeque<f64>,
    least: f64,
    best: Vec<f32>,
    probability: f64,
    steps: usize,
    done: bool,
}

/// Where a picture stands: the probability of its class, the objective and its gradient.
struct Slope {
    probability: f64,
    cost: f64,
    gradient: Vec<f32>,
}

/// Bytes that a descent of pictures of `len` values takes.
pub(super) fn memory(classes: usize, len: usize) -> u64 {
    4 * (classes * len) as u64 + 4 * COPIES * (classes.min(AT_ONCE) * len) as u64
}

impl Descent<'_> {
    /// A picture for each class.
    pub(super) fn run(&self, budget: &Budget, progress: Progress<'_>) -> Found {
        let classes = self.model.info().classes.len();
        let mut found = Found {
            pictures: Vec::with_capacity(classes * self.start.len()),
            probabilities: Vec::with_capacity(classes),
            steps: Vec::with_capacity(classes),
            why: None,
        };
        for first in (0..classes).step_by(AT_ONCE) {
            let some = first..classes.min(first + AT_ONCE);
            let mut tracks: Vec<Track> = some.map(|class| self.track(class)).collect();
            for step in 0..=self.rule.alpha {
                if tracks.iter().all(|track| track.done) {
                    break;
                }
                if budget.is_spent() {
                    let why = || format!("the time ran out in step {step} for the classes from {first}");
                    found.why.get_or_insert_with(why);
                    break;
                }
                self.step(&mut tracks, step);
                let done = first as f64 + tracks.len() as f64 * step as f64 / self.rule.alpha.max(1) as f64;
                progress(done / classes as f64, "following gradients to pictures");
            }
            for track in tracks {
                found.pictures.extend(track.best);
                found.probabilities.push(track.probability);
                found.steps.push(track.steps);
            }
        }
        found
    }

    fn track(&self, class: usize) -> Track {
        Track {
            class,
            picture: self.start.to_vec(),
            costs: VecDeque::new(),
            least: f64::INFINITY,
            best: self.start.to_vec(),
            probability: 0.0,
            steps: 0,
            done: false,
        }
    }

    /// Judges the pictures that are under way, and moves those that go on.
    fn step(&self, tracks: &mut [Track], step: usize) {
        let mut active: Vec<&mut Track> = tracks.iter_mut().filter(|track| !track.done).collect();
        let slopes = self.slopes(&active);
        for (track, mut slope) in active.iter_mut().zip(slopes) {
            let cost = slope.cost + self.priors.add(&track.picture, &mut slope.gradient);
            if !cost.is_finite() || slope.gradient.iter().any(|g| !g.is_finite()) {
                track.done = true;
                continue;
            }
            if cost < track.least {
                (track.least, track.probability) = (cost, slope.probability);
                track.best.clone_from(&track.picture);
            }
            let worst = track.costs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let stale = track.costs.len() >= self.rule.beta && cost >= worst;
            if stale || 1.0 - slope.probability <= self.rule.gamma || step == self.rule.alpha {
                track.done = true;
                continue;
            }
            track.costs.push_back(cost);
            if track.costs.len() > self.rule.beta {
                track.costs.pop_front();
            }
            self.walk(&mut track.picture, &slope.gradient);
            track.steps = step + 1;
            if self.priors.process(track.steps, &mut track.picture) {
                // Smoothing costs something at first; the costs before it are no measure of those after it.
                track.costs.clear();
            }
            self.confine(&mut track.picture);
        }
    }

    /// Standard deviation of the channel that holds this value of a picture, and its mean, in units of 255
    /// grey levels.
    fn channel(&self, place: usize) -> (f32, f32) {
        let (shape, normal) = (self.model.info().shape, &self.model.info().normalisation);
        let channel = place / (shape.height * shape.width);
        (normal.std[channel], normal.mean[channel])
    }

    fn walk(&self, picture: &mut [f32], gradient: &[f32]) {
        let squares: f64 = gradient.iter().map(|g| f64::from(*g).powi(2)).sum();
        let length = (squares / gradient.len() as f64).sqrt();
        for (place, (value, slope)) in picture.iter_mut().zip(gradient).enumerate() {
            *value -= match self.rule.pace {
                // Both the slope and the step are in other units here.
                Pace::Rate(rate) => rate as f32 * slope / self.channel(place).0.powi(2),
                Pace::Length(_) if length == 0.0 => 0.0,
                Pace::Length(far) => (far / length) as f32 * slope,
            };
        }
    }

    fn confine(&self, picture: &mut [f32]) {
        for (place, value) in picture.iter_mut().enumerate() {
            let (deviation, mean) = self.channel(place);
            let [low, high] = [self.range.0, self.range.1].map(|level| (level / 255.0 - mean) / deviation);
            *value = value.max(low).min(high);
        }
    }

    /// The slopes of the pictures, each on its own although they are computed together.
    fn slopes(&self, tracks: &[&mut Track]) -> Vec<Slope> {
        let (count, classes) = (tracks.len(), self.model.info().classes.len());
        let pictures = tracks
            .iter()
            .flat_map(|t| &t.picture)
            .copied()
            .collect::<Vec<f32>>();
        let mut wanted = vec![0f32; count * classes];
        for (row, track) in wanted.chunks_exact_mut(classes).zip(tracks) {
            row[track.class] = 1.0;
        }
        let (mut probabilities, mut costs) = (Vec::new(), Vec::new());
        let (_, gradient) = self.model.gradient(&pictures, |_, logits| {
            let wanted = custom::tensor(wanted, [count, classes], &logits.device());
            let probability = (softmax(logits.clone(), 1) * wanted.clone()).sum_dim(1);
            let cost = match self.rule.objective {
                Objective::Probability => probability.clone().neg() + 1.0,
                Objective::Logit => odds(logits, wanted).neg(),
            };
            probabilities = custom::values(probability.inner());
            costs = custom::values(cost.clone().inner());
            // The sum of costs that have nothing in common: its gradient holds that of each.
            cost.sum()
        });
        let slopes = gradient.chunks_exact(self.start.len());
        let figures = probabilities.into_iter().zip(costs);
        figures
            .zip(slopes)
            .map(|((probability, cost), gradient)| Slope {
                probability: f64::from(probability),
                cost: f64::from(cost),
                gradient: gradient.to_vec(),
            })
            .collect()
    }
}

/// log p - log (1 - p) of the wanted class of each row, without computing p.
fn odds(logits: Tensor<2>, wanted: Tensor<2>) -> Tensor<2> {
    // So low that its exponential is 0.
    let others = logits.clone() - wanted.clone() * 1e9;
    let top = others.clone().max_dim(1);
    let rest = (others - top.clone()).exp().sum_dim(1).log() + top;
    (logits * wanted).sum_dim(1) - rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_those_of_the_softmax() {
        let device = custom::device();
        let logits = custom::tensor(vec![1.0, 3.0, 2.0, 300.0, 0.0, -300.0], [2, 3], &device);
        let wanted = custom::tensor(vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0], [2, 3], &device);
        let found = custom::values(odds(logits, wanted));
        // e^3 / (e + e^2) = 1.988..., and e^300 : 1.
        let first = 3.0 - (1f32.exp() + 2f32.exp()).ln();
        assert!(
            (found[0] - first).abs() < 1e-5 && (found[1] - 300.0).abs() < 1e-3,
            "{found:?}"
        );
    }
}
