//! The training loop.

use crate::{
    DeviceKind, EpochRecord, Error, Examples, Model, ModelInfo, Network, Result, Rng, TrainConfig,
    checkpoint::{Checkpoint, Identity},
    evaluation,
    labels::{Targets, Weighing},
    network::build,
    optimizer::Optimizer,
    state::{self, State},
};
use burn::tensor::{Device, TensorData};
use std::{fmt, io::Write, ops::ControlFlow, path::Path, time::Instant};

/// How far a training is, told after every batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Epoch under way, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Batches of the epoch that are done.
    pub batch: usize,
    /// Batches in an epoch.
    pub batches: usize,
    /// Mean loss over the epoch so far, in nats.
    pub loss: f64,
    /// Training images per second over the epoch so far.
    pub images_per_s: f64,
}

/// Where a training keeps its state and whom it tells.
#[derive(Default)]
pub struct Run<'a> {
    /// File that is written after every epoch. A run goes on from it where it exists.
    pub checkpoint: Option<&'a Path>,
    /// Takes one JSON object per epoch and line ([`EpochRecord`]).
    pub metrics: Option<&'a mut dyn Write>,
    /// Called after every batch; training stops with [`Error::Interrupted`] when it says break.
    pub progress: Option<Watcher<'a>>,
    /// Where it computes. Other devices than the CPU round otherwise from run to run.
    pub device: DeviceKind,
}

/// Sees every batch go by, and may stop the training.
pub type Watcher<'a> = &'a mut dyn FnMut(&Progress) -> ControlFlow<()>;

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("checkpoint", &self.checkpoint)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// Trains a network on `data`, whose labels number `classes`.
///
/// The loss is the cross-entropy, mean over the batch: minus the logarithm of the probability of the
/// label or, with soft labels, minus the sum over classes of weight times logarithm. Accuracies
/// while training then count the class with the largest weight.
///
/// With a checkpoint file the run goes on from the last finished epoch and on the CPU ends with the
/// same weights, bit for bit, as one that was never stopped. With [`TrainConfig::patience`] the model has
/// the weights of the epoch with the best validation accuracy, the first of equals.
///
/// # Errors
/// Those of the configuration and the examples; [`Error::Diverged`] when loss or weights stop being
/// finite; [`Error::NoDevice`] where the device cannot be used; [`Error::Interrupted`] when the caller stops the run; [`Error::Input`] and
/// [`Error::Foreign`] for a checkpoint that is broken or another run's.
pub fn train(
    config: &TrainConfig,
    data: &Examples,
    validation: Option<&Examples>,
    classes: &[String],
    run: Run<'_>,
) -> Result<Model> {
    let mut trainer = Trainer::new(config, data, validation, classes, run.device)?;
    trainer.run(run)?;
    if let Some(best) = trainer.best.take() {
        trainer.network.restore(&best).map_err(Error::Examples)?;
    }
    let network = trainer.network.inference();
    Ok(Model::new(trainer.info, network))
}

struct Trainer<'a> {
    config: &'a TrainConfig,
    data: &'a Examples,
    validation: Option<&'a Examples>,
    digest: String,
    device: Device,
    info: ModelInfo,
    network: Box<dyn Network>,
    optimizer: Optimizer,
    weighing: Weighing,
    /// The tensors of the epoch with the best validation accuracy, where training may stop early.
    best: Option<State>,
}

/// Sums over an epoch so far.
#[derive(Default)]
struct Tally {
    images: usize,
    loss: f64,
    correct: usize,
}

impl<'a> Trainer<'a> {
    fn new(
        config: &'a TrainConfig,
        data: &'a Examples,
        validation: Option<&'a Examples>,
        classes: &[String],
        device: DeviceKind,
    ) -> Result<Self> {
        config.check()?;
        data.check()?;
        data.check_labels(classes.len())?;
        if let Some(validation) = validation {
            validation.check()?;
            validation.truths(classes.len())?;
        }
        if data.len() < 2 {
            return Err(Error::Examples("training takes at least 2 images".into()));
        }
        if let Some(v) = validation
            && v.shape != data.shape
        {
            return Err(Error::shape(
                v.shape,
                format!("the training images are {}", data.shape),
            ));
        }
        if config.patience.is_some() && validation.is_none() {
            return Err(Error::Setting {
                name: "patience",
                problem: "needs validation images to judge epochs by".into(),
            });
        }
        let device = device.open()?.autodiff();
        let (name, front, count) = (&config.network, config.front.as_ref(), classes.len());
        let network = build(
            name,
            &config.params,
            front,
            data.shape,
            count,
            config.seed,
            &device,
        )?;
        Ok(Self {
            config,
            data,
            validation,
            digest: data.digest(),
            device,
            info: ModelInfo::new(config, data.shape, classes, data.normalisation()),
            network,
            optimizer: Optimizer::new(config),
            weighing: Weighing::new(config, data, count)?,
            best: None,
        })
    }

    fn run(&mut self, mut run: Run<'_>) -> Result<()> {
        if let Some(path) = run.checkpoint.filter(|p| p.exists()) {
            self.resume(path)?;
        }
        for epoch in self.info.history.len()..self.config.epochs {
            if self.is_stale() {
                break;
            }
            let record = self.epoch(epoch, &mut run.progress)?;
            if let Some(metrics) = run.metrics.as_mut() {
                let line = serde_json::to_string(&record).map_err(|e| Error::Metrics(e.into()))?;
                writeln!(metrics, "{line}")
                    .and_then(|()| metrics.flush())
                    .map_err(Error::Metrics)?;
            }
            self.info.history.push(record);
            if self.config.patience.is_some() && self.best_epoch() == Some(epoch) {
                self.best = Some(self.network.state());
            }
            if let Some(path) = run.checkpoint {
                self.checkpoint().save(path, &self.identity())?;
            }
        }
        Ok(())
    }

    /// Place of the epoch with the best validation accuracy, the first of equals.
    fn best_epoch(&self) -> Option<usize> {
        let accuracies = self.info.history.iter().map(|e| e.val_accuracy.unwrap_or(0.0));
        let first_best = |best: Option<(usize, f64)>, (place, accuracy)| match best {
            Some((_, top)) if accuracy <= top => best,
            _ => Some((place, accuracy)),
        };
        accuracies
            .enumerate()
            .fold(None, first_best)
            .map(|(place, _)| place)
    }

    /// Whether the last epochs were no better than one before them, for longer than there is patience.
    fn is_stale(&self) -> bool {
        let since = |best: usize| self.info.history.len() - 1 - best;
        let patience = self.config.patience.unwrap_or(usize::MAX);
        self.best_epoch().is_some_and(|best| since(best) >= patience)
    }

    fn identity(&self) -> Identity<'_> {
        Identity {
            config: self.config,
            info: &self.info,
            data: &self.digest,
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            weights: self.network.state(),
            means: self.optimizer.means(),
            best: self.best.clone(),
            history: self.info.history.clone(),
        }
    }

    fn resume(&mut self, path: &Path) -> Result<()> {
        let checkpoint = Checkpoint::load(path, &self.identity(), &self.network.state())?;
        self.network
            .restore(&checkpoint.weights)
            .map_err(|problem| Error::input(path, problem))?;
        self.optimizer.resume(checkpoint.means);
        self.best = checkpoint.best;
        self.info.history = checkpoint.history;
        Ok(())
    }

    /// One pass over the training images, in an order that depends on seed and epoch alone.
    fn epoch(&mut self, epoch: usize, watcher: &mut Option<Watcher<'_>>) -> Result<EpochRecord> {
        let order = Rng::new(self.config.seed, "order", epoch as u64).order(self.data.len());
        let mut noise = Rng::new(self.config.seed, "noise", epoch as u64);
        let batches = batches(&order, self.config.batch);
        let (start, steps) = (Instant::now(), self.config.epochs * batches.len());
        let mut tally = Tally::default();
        for (i, places) in batches.iter().enumerate() {
            let done = epoch * batches.len() + i;
            self.optimizer.rate = self.config.rate(done, steps) as f32;
            self.optimizer.step = done + 1;
            self.step(places, &mut noise, &mut tally);
            if !tally.loss.is_finite() {
                return Err(diverged(epoch, i, "the loss is not finite"));
            }
            let progress = Progress {
                epoch: epoch + 1,
                epochs: self.config.epochs,
                batch: i + 1,
                batches: batches.len(),
                loss: tally.loss / tally.images as f64,
                images_per_s: tally.images as f64 / start.elapsed().as_secs_f64().max(1e-9),
            };
            if watcher.as_mut().is_some_and(|w| w(&progress).is_break()) {
                return Err(Error::Interrupted { epochs: epoch });
            }
        }
        if !state::is_finite(&self.network.state()) {
            return Err(diverged(epoch, batches.len() - 1, "a weight is not finite"));
        }
        self.record(epoch, &tally, start.elapsed().as_secs_f64())
    }

    /// One step of the optimiser.
    fn step(&mut self, places: &[usize], noise: &mut Rng, tally: &mut Tally) {
        let augment = Some((self.config.augment, &mut *noise));
        let images = self
            .data
            .batch(places, &self.info.normalisation, augment, &self.device);
        let targets = Targets::of(&self.data.labels, self.data.soft.as_ref(), places);
        let answer = self.network.forward(images, Some(noise));
        tally.add(answer.logits.clone().inner().into_data(), &targets);
        if !tally.loss.is_finite() {
            return;
        }
        let loss = targets.loss(answer.logits, &self.weighing, &self.device);
        let loss = match answer.penalty {
            Some(penalty) => loss + penalty,
            None => loss,
        };
        let mut gradients = loss.backward();
        self.optimizer.scale = match self.config.clip {
            Some(longest) => (longest / self.network.square_norm(&gradients).sqrt()).min(1.0) as f32,
            None => 1.0,
        };
        self.network.step(&mut gradients, &mut self.optimizer);
    }

    fn record(&self, epoch: usize, tally: &Tally, seconds: f64) -> Result<EpochRecord> {
        let judge = |v| evaluation::evaluate(self.network.inference().as_ref(), &self.info, v, 256);
        let validation = self.validation.map(judge).transpose()?;
        let images = tally.images as f64;
        Ok(EpochRecord {
            epoch: epoch + 1,
            train_loss: figure(tally.loss / images),
            train_accuracy: figure(tally.correct as f64 / images),
            lr: figure(f64::from(self.optimizer.rate)),
            val_accuracy: validation.as_ref().map(|v| figure(v.accuracy)),
            val_interval: validation.map(|v| (figure(v.interval.0), figure(v.interval.1))),
            seconds: figure(seconds),
            images_per_s: figure(images / seconds.max(1e-9)),
        })
    }
}

/// Rounded to 6 significant digits, which JSON carries exactly.
fn figure(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

impl Tally {
    /// Counts a batch; the loss becomes infinite where the logits cannot be used.
    fn add(&mut self, logits: TensorData, targets: &Targets) {
        let Ok(values) = logits.as_slice::<f32>() else {
            self.loss = f64::INFINITY;
            return;
        };
        for (place, logits) in values.chunks_exact(values.len() / targets.len()).enumerate() {
            let (loss, right) = targets.judge(place, logits);
            self.loss += loss;
            self.correct += usize::from(right);
        }
        self.images += targets.len();
    }
}

fn diverged(epoch: usize, batch: usize, what: &'static str) -> Error {
    Error::Diverged {
        epoch: epoch + 1,
        batch: batch + 1,
        what,
    }
}

/// The order cut into batches. A last batch of one image joins the one before it, since a batch of
/// one has no spread to normalise by.
fn batches(order: &[usize], size: usize) -> Vec<&[usize]> {
    let mut batches: Vec<&[usize]> = order.chunks(size).collect();
    if size > 1 && batches.len() > 1 && batches[batches.len() - 1].len() == 1 {
        let from = (batches.len() - 2) * size;
        batches.truncate(batches.len() - 2);
        batches.push(&order[from..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_cover_everything_and_none_is_a_single_image() {
        let order: Vec<usize> = (0..17).collect();
        let lengths = |size| batches(&order, size).iter().map(|b| b.len()).collect::<Vec<_>>();
        assert_eq!(lengths(8), [8, 9]);
        assert_eq!(lengths(4), [4, 4, 4, 5]);
        assert_eq!(lengths(5), [5, 5, 5, 2]);
        assert_eq!(lengths(100), [17]);
        assert_eq!(batches(&order, 8).concat(), order);
    }
}
