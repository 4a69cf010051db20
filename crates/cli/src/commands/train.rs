//! `visard train`.

use super::training::TrainingArgs;
use crate::{
    failure::Usage,
    options::ReadingArgs,
    talk::{STOP, Talk},
};
use anyhow::Context;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
};
use visard_data::{Loaded, Manifest, Opened};
use visard_learn::{DeviceKind, Examples, Model, Run, Soft, TrainConfig};

/// Train a network on a data set, plain or disguised
///
/// Writes a checkpoint after every epoch; the same command given again goes on from it and ends
/// with the same weights. Metrics are JSON lines beside the model.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  visard train disguised/ -o model.safetensors
  visard train disguised/ --network resnet18 --front position --epochs 12 -o model.safetensors
  visard train plain/ --augment flip,shift=2 --patience 3 -o model.safetensors")]
pub(crate) struct Args {
    /// Data set to learn from (its split `train`, or the first)
    data: PathBuf,
    /// Data set to validate on after each epoch [default: the split `test` or `t10k` of DATA]
    #[arg(long, value_name = "DATA")]
    val: Option<PathBuf>,
    #[command(flatten)]
    training: TrainingArgs,
    /// Learn from the first N training images only
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Validate on the first N images only
    #[arg(long, value_name = "N")]
    val_limit: Option<usize>,
    /// Model file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let checkpoint = beside(&self.output, "checkpoint");
        if self.output.exists() && !checkpoint.exists() {
            return Err(visard_data::Error::Foreign {
                path: self.output.clone(),
                problem: "exists already; choose another name or delete it".into(),
            }
            .into());
        }
        let reading = self.reading.reading();
        let mut data = Opened::open(&self.data, reading)?;
        let split = data.training_split();
        let train = load(&mut data, &self.data, split, self.limit)?;
        let validation = self.validation(&mut data)?;
        let classes = classes(&self.data, &data.meta.classes, &train)?;
        let train = examples(train, &data)?;
        let metrics_path = beside(&self.output, "metrics.jsonl");
        let mut metrics = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&metrics_path)
            .with_context(|| format!("{}", metrics_path.display()))?;
        let lesson = Lesson {
            what: "training",
            config: &self.training.config(&self.data, data.manifest.as_ref())?,
            train: &train,
            validation: validation.as_ref(),
            classes: &classes,
        };
        let mut model = lesson.learn(
            talk,
            self.training.device.into(),
            Some(&checkpoint),
            Some(&mut metrics),
        )?;
        model.set_disguise(data.manifest.as_ref().map(disguise_of).unwrap_or_default());
        model.save(&self.output)?;
        std::fs::remove_file(&checkpoint).with_context(|| format!("{}", checkpoint.display()))?;
        self.report(&model, talk)
    }

    fn validation(&self, data: &mut Opened) -> anyhow::Result<Option<Examples>> {
        if let Some(path) = &self.val {
            let mut other = Opened::open(path, self.reading.reading())?;
            same_disguise(data.manifest.as_ref(), other.manifest.as_ref(), path)?;
            let split = other.test_split().unwrap_or(0);
            let loaded = load(&mut other, path, split, self.val_limit)?;
            return Ok(Some(examples(loaded, &other)?));
        }
        let Some(split) = data.test_split().filter(|split| *split != data.training_split()) else {
            return Ok(None);
        };
        let loaded = load(data, &self.data, split, self.val_limit)?;
        Ok(Some(examples(loaded, data)?))
    }

    fn report(&self, model: &Model, talk: &Talk) -> anyhow::Result<ExitCode> {
        let history = &model.info().history;
        let seconds: f64 = history.iter().map(|epoch| epoch.seconds).sum();
        let front = model.info().front.as_ref();
        let mut text = format!(
            "wrote {}: {}{}, {} epochs in {seconds:.1} s of training",
            self.output.display(),
            model.info().network,
            front.map_or_else(String::new, |f| format!(
                " behind the front {} ({})",
                f.name, f.params
            )),
            history.len()
        );
        // With patience the weights are those of the best epoch, the first of equals.
        let kept = match self.training.patience {
            None => history.last(),
            Some(_) => history.iter().rev().max_by(|a, b| {
                a.val_accuracy
                    .partial_cmp(&b.val_accuracy)
                    .unwrap_or(std::cmp::Ordering::Equal)
            }),
        };
        if let Some((accuracy, (low, high))) = kept.and_then(|e| Some((e.val_accuracy?, e.val_interval?))) {
            text += &format!(
                "\nvalidation accuracy {:.2} % (95% interval {:.2} to {:.2})",
                100.0 * accuracy,
                100.0 * low,
                100.0 * high
            );
        }
        talk.result("train", text, json!({ "model": self.output, "history": history }))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What is learned from what.
pub(crate) struct Lesson<'a> {
    /// Name on the progress bar.
    pub(crate) what: &'a str,
    pub(crate) config: &'a TrainConfig,
    pub(crate) train: &'a Examples,
    pub(crate) validation: Option<&'a Examples>,
    pub(crate) classes: &'a [String],
}

impl Lesson<'_> {
    /// Trains under a progress bar and the interrupt handler.
    pub(crate) fn learn(
        &self,
        talk: &Talk,
        device: DeviceKind,
        checkpoint: Option<&Path>,
        metrics: Option<&mut dyn Write>,
    ) -> anyhow::Result<Model> {
        // Shortens the borrow to that of the progress bar.
        let metrics = metrics.map(|metrics| metrics as &mut dyn Write);
        let images = self.train.len();
        let bar = talk.bar(self.what, (self.config.epochs * images) as u64, "images");
        let mut watch = |p: &visard_learn::Progress| {
            bar.set_position(((p.epoch - 1) * images + p.batch * images / p.batches.max(1)) as u64);
            bar.set_message(format!("epoch {}/{} loss {:.3}", p.epoch, p.epochs, p.loss));
            match STOP.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let run = Run {
            checkpoint,
            metrics,
            progress: Some(&mut watch),
            device,
        };
        let model = visard_learn::train(self.config, self.train, self.validation, self.classes, run);
        bar.finish_and_clear();
        Ok(model?)
    }
}

/// The file `PATH.suffix`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// At most `limit` images of a split, each with all its encodings.
pub(crate) fn load(
    data: &mut Opened,
    path: &Path,
    split: usize,
    limit: Option<usize>,
) -> visard_data::Result<Loaded> {
    let rows = match limit {
        Some(images) => images.saturating_mul(data.encodings()?),
        None => usize::MAX,
    };
    data.load(path, split, rows)
}

/// A split of `data` as examples.
pub(crate) fn examples(loaded: Loaded, data: &Opened) -> anyhow::Result<Examples> {
    let soft = loaded.soft.map(|(classes, weights)| Soft { classes, weights });
    Ok(
        Examples::new(loaded.shape, loaded.pixels, data.scale(), loaded.labels)?
            .with_soft(soft)?
            .with_encodings(data.encodings()?)?,
    )
}

/// Names of the classes; numbers where the format has no names.
pub(crate) fn classes(path: &Path, names: &[String], train: &Loaded) -> anyhow::Result<Vec<String>> {
    if let Some((classes, _)) = train.soft {
        let numbers = || (0..classes).map(|label| label.to_string()).collect();
        return Ok(if names.len() == classes {
            names.to_vec()
        } else {
            numbers()
        });
    }
    let Some(highest) = train.labels.iter().max() else {
        return Err(visard_data::Error::input(path, "has no labels to learn from").into());
    };
    if !names.is_empty() {
        return Ok(names.to_vec());
    }
    if *highest > 1_000_000 {
        let problem = format!("has the label {highest}; labels are class numbers from 0");
        return Err(visard_data::Error::input(path, problem).into());
    }
    Ok((0..=*highest).map(|label| label.to_string()).collect())
}

/// What a model remembers of the disguise of its training images.
pub(crate) fn disguise_of(manifest: &Manifest) -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("scheme".to_string(), json!(manifest.scheme)),
        ("params".to_string(), json!(manifest.params)),
        ("fingerprint".to_string(), json!(manifest.fingerprint)),
        ("depth".to_string(), json!(manifest.depth)),
        ("scale".to_string(), json!(manifest.scale)),
    ])
}

/// Refuses two data sets that were disguised differently.
fn same_disguise(train: Option<&Manifest>, other: Option<&Manifest>, path: &Path) -> anyhow::Result<()> {
    let print =
        |m: Option<&Manifest>| m.map_or_else(|| "plain".into(), |m| format!("the key {}", m.fingerprint));
    if train.map(|m| &m.fingerprint) == other.map(|m| &m.fingerprint) {
        return Ok(());
    }
    Err(Usage(format!(
        "{}: the training images are of {}, these of {}; disguise both in one run",
        path.display(),
        print(train),
        print(other)
    ))
    .into())
}
