//! A painter against a critic, in turns of one step each.

use super::{
    critic::{bytes, critic, hinge},
    fit::{Course, last},
    unet::{Painter, Plan},
};
use crate::{Budget, Progress, Result, Rng};
use burn::tensor::{Device, Tensor};
use visard_learn::{
    Network,
    custom::{Fit, Fitter, training_device},
};

/// Disguised images (N, inputs, rows, columns) and real pictures (N, values), drawn at random.
pub(super) type Batches<'a> = &'a mut dyn FnMut(&mut Rng, &Device) -> (Tensor<4>, Tensor<2>);

/// The rules of a duel between painter and critic.
pub(super) struct Duel {
    pub(super) plan: Plan,
    pub(super) painter: Painter,
    pub(super) course: Course,
    pub(super) rate: f64,
    /// Weight of the mean absolute error where the real pictures are the truth; the critic then sees what the
    /// painter was shown.
    pub(super) truth: Option<f64>,
}

/// What came out of it.
pub(super) struct Won {
    pub(super) network: Box<dyn Network>,
    pub(super) steps: usize,
    /// Losses at the end, where they are numbers.
    pub(super) critic: Option<f64>,
    pub(super) painter: Option<f64>,
}

impl Duel {
    /// Channels that the critic sees.
    fn channels(&self) -> usize {
        match self.truth {
            Some(_) => self.plan.outputs + self.plan.inputs,
            None => self.plan.outputs,
        }
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> u64 {
        let batch = self.course.batch;
        self.plan.bytes(self.painter, batch) + bytes(batch, self.plan.rows * self.plan.columns)
    }

    /// What the critic sees of pictures (N, values).
    fn seen(&self, pictures: Tensor<2>, shown: &Tensor<4>) -> Tensor<4> {
        let Plan {
            outputs,
            rows,
            columns,
            ..
        } = self.plan;
        let count = pictures.dims()[0];
        let pictures = pictures.reshape([count, outputs, rows, columns]);
        match self.truth {
            Some(_) => {
                let shown = shown.clone().narrow(2, 0, rows).narrow(3, 0, columns);
                Tensor::cat(vec![pictures, shown], 1)
            }
            None => pictures,
        }
    }

    /// Trains both sides until the end of the course, or until the time is up.
    pub(super) fn fight(
        &self,
        batches: Batches<'_>,
        (budget, rng): (&Budget, &mut Rng),
        progress: Progress<'_>,
    ) -> Result<Won> {
        let device = training_device();
        let mut settings = || Fit {
            lr: self.rate,
            steps: self.course.steps,
            beta: 0.5,
            weight_decay: 0.0,
            seed: rng.next_u64(),
        };
        let mut painter = Fitter::new(self.plan.build(self.painter, &device), settings())?;
        let mut judge = Fitter::new(critic(self.channels(), &device), settings())?;
        let (mut critic_losses, mut painter_losses) = (Vec::new(), Vec::new());
        while painter_losses.len() < self.course.steps && !budget.is_spent() {
            let share = painter_losses.len() as f64 / self.course.steps as f64;
            progress(share, "training a painter and a critic");
            let (shown, real) = batches(rng, &device);
            let painted = painter.network().logits(shown.clone(), None);
            // To the critic the painted pictures are given: its step must not reach the painter.
            let given = Tensor::from_inner(painted.clone().inner());
            let told = judge.network();
            let loss = hinge(
                told.logits(self.seen(real.clone(), &shown), None),
                told.logits(self.seen(given, &shown), None),
            );
            critic_losses.push(judge.descend(loss));
            let said = judge
                .network()
                .frozen()
                .logits(self.seen(painted.clone(), &shown), None);
            let mut loss = -said.mean();
            if let Some(weight) = self.truth {
                loss = loss + (painted - real).abs().mean() * weight;
            }
            painter_losses.push(painter.descend(loss));
        }
        Ok(Won {
            network: painter.network().inference(),
            steps: painter_losses.len(),
            critic: last(&critic_losses),
            painter: last(&painter_losses),
        })
    }
}
