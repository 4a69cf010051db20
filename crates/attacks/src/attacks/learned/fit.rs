//! Training a painter along the squared error.

use super::unet::{Painter, Plan};
use crate::{Budget, Outcome, Progress, Result, Rng};
use burn::tensor::{Device, Tensor};
use visard_core::params::{Kind, ParamSpec};
use visard_learn::{
    Network,
    custom::{Fit, Fitter, training_device},
};

/// The parameter that [`Course::new`] takes; each attack says itself what 0 stands for.
pub(super) const STEPS: ParamSpec = ParamSpec {
    name: "steps",
    help: "steps of training; 0: some passes over the examples",
    kind: Kind::Int {
        min: 0,
        max: 1_000_000,
    },
    default: "0",
};

/// How long and in what steps a network is trained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// Steps in all.
    pub(super) steps: usize,
    /// Examples in a step.
    pub(super) batch: usize,
}

impl Course {
    /// As many steps as are asked for, or else as many as `passes` over the examples take, up to `most`. A
    /// batch is an eighth of the examples, at least 4 and at most `largest`.
    pub(super) fn new(asked: i64, examples: usize, passes: usize, largest: usize, most: usize) -> Self {
        let batch = (examples / 8).clamp(4, largest).min(examples.max(1));
        let steps = match asked {
            ..=0 => (passes * examples).div_ceil(batch).clamp(1, most),
            asked => asked as usize,
        };
        Self { steps, batch }
    }
}

/// Places of examples in random order, all of them again and again.
pub(super) struct Deck {
    count: usize,
    left: Vec<usize>,
}

impl Deck {
    /// The places `0..count`.
    pub(super) fn new(count: usize) -> Self {
        Self {
            count,
            left: Vec::new(),
        }
    }

    /// The next `batch` places; fewer if there are no more in all.
    pub(super) fn draw(&mut self, batch: usize, rng: &mut Rng) -> Vec<usize> {
        let batch = batch.min(self.count);
        if self.left.len() < batch {
            self.left = rng.permutation(self.count);
        }
        self.left.split_off(self.left.len() - batch)
    }
}

/// Mean of the last tenth of the losses, or what there is of them; none without any, or where one is no
/// number.
pub(super) fn last(losses: &[f32]) -> Option<f64> {
    let end = &losses[losses.len() - losses.len().div_ceil(10)..];
    let mean = end.iter().map(|loss| f64::from(*loss)).sum::<f64>() / end.len() as f64;
    mean.is_finite().then_some(mean)
}

/// A trained network.
#[derive(Debug)]
pub(super) struct Fitted {
    /// For inference.
    pub(super) network: Box<dyn Network>,
    /// Steps that were made; fewer than asked for if the time was up.
    pub(super) steps: usize,
    /// Mean squared error at the end in units of the variance of plain values, see [`last`].
    pub(super) loss: Option<f64>,
}

impl Fitted {
    /// Adds the figures of the training to the outcome.
    pub(super) fn tell(&self, outcome: &mut Outcome) {
        let figures = &mut outcome.figures;
        figures.insert("steps", self.steps as f64);
        figures.extend(self.loss.map(|loss| ("training_loss", loss)));
    }
}

/// Learning rate of AdamW.
const RATE: f64 = 3e-3;

/// Gives what goes into a network and what is to come out of it, for the examples at these places.
type Batches<'a> = &'a mut dyn FnMut(&[usize], &Device) -> (Tensor<4>, Tensor<2>);

/// Trains a network to paint: `examples` gives, for places below `count`, what it is shown (N, inputs, rows,
/// columns) and what it should paint (N, values).
pub(super) fn fit(
    (plan, painter): (&Plan, Painter),
    course: Course,
    count: usize,
    examples: Batches<'_>,
    (budget, rng): (&Budget, &mut Rng),
    progress: Progress<'_>,
) -> Result<Fitted> {
    let device = training_device();
    let settings = Fit {
        lr: RATE,
        steps: course.steps,
        seed: rng.next_u64(),
        ..Fit::default()
    };
    let mut fitter = Fitter::new(plan.build(painter, &device), settings)?;
    let (mut deck, mut losses) = (Deck::new(count), Vec::new());
    while losses.len() < course.steps && !budget.is_spent() {
        progress(losses.len() as f64 / course.steps as f64, "training a network");
        let (shown, truth) = examples(&deck.draw(course.batch, rng), &device);
        let error = fitter.network().logits(shown, None) - truth;
        losses.push(fitter.descend(error.powi_scalar(2).mean()));
    }
    Ok(Fitted {
        network: fitter.network().inference(),
        steps: losses.len(),
        loss: last(&losses),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courses_follow_the_number_of_examples() {
        let course = |asked, examples| {
            let course = Course::new(asked, examples, 4, 64, 300);
            (course.steps, course.batch)
        };
        assert_eq!(course(0, 24), (24, 4));
        assert_eq!(course(0, 320), (32, 40));
        assert_eq!(course(0, 100_000), (300, 64));
        assert_eq!(course(7, 2), (7, 2));
        assert_eq!(course(0, 2), (4, 2));
    }

    #[test]
    fn every_example_comes_once_before_any_comes_again() {
        let (mut deck, mut rng) = (Deck::new(12), Rng::new(1));
        for _ in 0..3 {
            let mut drawn: Vec<usize> = (0..3).flat_map(|_| deck.draw(4, &mut rng)).collect();
            drawn.sort_unstable();
            assert_eq!(drawn, (0..12).collect::<Vec<_>>());
        }
        assert_eq!(deck.draw(20, &mut rng).len(), 12);
    }

    #[test]
    fn the_last_losses_count() {
        let losses: Vec<f32> = (0..20).map(|i| i as f32).collect();
        assert_eq!(last(&losses), Some(18.5));
        assert_eq!(last(&[3.0]), Some(3.0));
        assert_eq!(last(&[]), None);
        assert_eq!(last(&[f32::NAN]), None);
    }
}
