//! Running one cell.

use crate::{
    AuditTask, CellRecord, Definition, Error, Machine, Options, Outcome, Result, Task, Trained,
    data::Plain,
    disguise::{Material, Workshop, clear},
};
use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use visard_attacks::{Rng, Set};
use visard_audit::{Audit, KeyOracle, Show, Subjects, Wanted};
use visard_core::Pixels;
use visard_learn::{Run, TrainConfig};

/// Images that are computed at a time when a network is tested.
const TEST_BATCH: usize = 256;

/// Where and how a cell is run.
pub(crate) struct Bench<'a> {
    pub(crate) cell: &'a Definition,
    pub(crate) plain: &'a Plain,
    /// A folder for this cell alone, which keeps what it takes to go on.
    pub(crate) folder: &'a Path,
    pub(crate) options: &'a Options<'a>,
    /// Told the share that is done, and what is being done.
    pub(crate) told: &'a (dyn Fn(f64, &str) + Sync),
}

impl Bench<'_> {
    /// The record of the cell, also where it cannot be done.
    ///
    /// # Errors
    /// If the study was stopped, or cannot go on for another reason than this cell.
    pub(crate) fn run(&self) -> Result<CellRecord> {
        let started = Instant::now();
        // A defect that one cell brings out must not cost the others.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.outcome())).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no reason given");
            let reason = format!("a defect of the program: {text}; please report it");
            Ok(Outcome::Failed { reason })
        });
        let outcome = match outcome {
            Err(error) if error.ends_the_study() => return Err(error),
            Err(error) => Outcome::Failed {
                reason: error.to_string(),
            },
            Ok(outcome) => outcome,
        };
        let machine = Machine::this(&self.options.device.to_string());
        let seconds = started.elapsed().as_secs_f64();
        Ok(CellRecord::new(self.cell, machine, seconds, outcome))
    }

    fn outcome(&self) -> Result<Outcome> {
        Ok(match &self.cell.task {
            Task::Train(config) => Outcome::Trained(Box::new(self.train(config)?)),
            Task::Audit(task) => Outcome::Audited {
                audit: Box::new(self.audit(task)?),
            },
        })
    }

    fn train(&self, config: &TrainConfig) -> Result<Trained> {
        (self.told)(0.0, "disguising");
        let disguised = self.folder.join("disguised");
        let workshop = Workshop {
            cell: self.cell,
            plain: self.plain,
            sets: self.options.sets,
            folder: &disguised,
            stop: self.options.stop,
        };
        let Material { train, test, cost } = workshop.material()?;
        clear(&disguised)?;
        let model = self.learn(config, &train)?;
        let evaluation = model.evaluate(&test, TEST_BATCH)?;
        let history = model.info().history.clone();
        let training_seconds: f64 = history.iter().map(|epoch| epoch.seconds).sum();
        let epochs = history.len().max(1) as f64;
        let recall = |class: visard_learn::ClassFigures| (class.n > 0).then_some(class.recall);
        Ok(Trained {
            images: self.plain.images(train.shape, (train.encodings, test.encodings)),
            tested: evaluation.n,
            correct: evaluation.correct,
            accuracy: evaluation.accuracy,
            interval: evaluation.interval,
            loss: evaluation.loss,
            recall: evaluation.classes().into_iter().map(recall).collect(),
            confusion: evaluation.confusion,
            images_per_s: epochs * train.len() as f64 / training_seconds.max(1e-9),
            disguising: cost.map(|cost| cost.beside(training_seconds / epochs)),
            training_seconds,
            history,
        })
    }

    /// Trains, from the checkpoint of an interrupted run where there is one.
    fn learn(&self, config: &TrainConfig, train: &visard_learn::Examples) -> Result<visard_learn::Model> {
        let checkpoint = self.folder.join("checkpoint");
        let mut watch = |progress: &visard_learn::Progress| {
            let done = (progress.epoch - 1) as f64 + progress.batch as f64 / progress.batches.max(1) as f64;
            let doing = format!(
                "epoch {}/{} loss {:.3}, {:.0} images/s",
                progress.epoch, progress.epochs, progress.loss, progress.images_per_s
            );
            (self.told)(done / progress.epochs.max(1) as f64, &doing);
            match self.options.stop.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        loop {
            let resumes = checkpoint.exists();
            let run = Run {
                checkpoint: Some(&checkpoint),
                progress: Some(&mut watch),
                device: self.options.device,
                ..Run::default()
            };
            match visard_learn::train(config, train, None, self.plain.classes(), run) {
                // What is ours and cannot be used is made anew.
                Err(visard_learn::Error::Input { path, .. } | visard_learn::Error::Foreign { path, .. })
                    if resumes && path == checkpoint =>
                {
                    std::fs::remove_file(&checkpoint).map_err(|error| Error::output(&checkpoint, error))?;
                }
                result => return Ok(result?),
            }
        }
    }

    fn audit(&self, task: &AuditTask) -> Result<Audit> {
        let shape = self.plain.shape();
        let wanted = Wanted {
            attacked: task.images,
            known: task.pairs.last().copied().unwrap_or(0),
            public: task.public,
        };
        let images = self.drawn(wanted.total())?;
        let subjects = Subjects::divide(&self.cell.dataset.name, &images, None, wanted)?;
        let public = subjects.public.as_ref().map(|public| &public.images);
        let params = &self.cell.scheme.params;
        let key = self.cell.key("key", params, shape)?;
        let other = self.cell.key("another key", params, shape)?;
        let owner = KeyOracle::new(&key, shape, self.cell.salt("attacked"), public);
        let stranger = KeyOracle::new(&other, shape, self.cell.salt("another"), public);
        let options = visard_audit::Options {
            access: task.levels.clone(),
            pairs: task.pairs.clone(),
            time: Some(Duration::from_secs_f64(task.seconds)),
            memory: task.memory,
            seed: self.cell.seed,
            stop: self.options.stop,
            fingerprint: key.fingerprint().to_string(),
            command: format!("visard study STUDY.toml --only {}", self.cell.slug()),
        };
        let watch = |progress: visard_audit::Progress<'_>| {
            (self.told)(progress.share.clamp(0.0, 1.0), progress.attack);
        };
        Ok(visard_audit::run(&owner, &stranger, &subjects, Show::Nothing, &options, &watch)?.audit)
    }

    /// Training images at random, or all of them, in random order.
    fn drawn(&self, count: usize) -> Result<Set> {
        let (pixels, labels) = self.plain.training()?;
        let shape = self.plain.shape();
        let mut order = Rng::new(self.cell.seed).permutation(labels.len());
        order.truncate(count);
        let image = |place: &usize| pixels[place * shape.len()..][..shape.len()].iter().copied();
        let chosen = order.iter().flat_map(image).collect();
        let labels = order.iter().map(|place| labels[*place]).collect();
        Ok(Set::new(shape, Pixels::U8(chosen), labels)?)
    }
}
