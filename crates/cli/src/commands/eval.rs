//! `visard eval`.

use super::train::{examples, load};
use crate::{
    failure::{Mismatch, Usage},
    options::{DeviceArg, ReadingArgs},
    talk::{Talk, table},
};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use visard_data::{Manifest, Opened};
use visard_learn::{Evaluation, Model, ModelInfo};

/// Test a model on a data set
///
/// The data must be disguised as the training images were: with the same key, or not at all.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  visard eval -m model.safetensors disguised/")]
pub(crate) struct Args {
    /// Model file
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// Data set to test on
    data: PathBuf,
    /// Split to test on [default: `test` or `t10k`, or the only one]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Test on the first N images only
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = DeviceArg::Cpu)]
    device: DeviceArg,
    /// Also where the key of the data is not the key of the model
    #[arg(long)]
    any_key: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let model = Model::load_on(&self.model, self.device.into())?;
        let mut data = Opened::open(&self.data, self.reading.reading())?;
        if !self.any_key {
            self.check_key(model.info(), data.manifest.as_ref())?;
        }
        let split = self.split(&data)?;
        let loaded = load(&mut data, &self.data, split, self.limit)?;
        let name = loaded.name.clone();
        let examples = examples(loaded, &data)?;
        if !examples.is_labelled() {
            return Err(visard_data::Error::input(&self.data, "has no labels to test against").into());
        }
        let evaluation = model.evaluate(&examples, 256)?;
        talk.result(
            "eval",
            text(&evaluation, &name, model.info()),
            json!({ "split": name, "evaluation": evaluation, "classes": evaluation.classes() }),
        )?;
        Ok(ExitCode::SUCCESS)
    }

    fn check_key(&self, info: &ModelInfo, manifest: Option<&Manifest>) -> anyhow::Result<()> {
        let of_model = info.disguise.get("fingerprint").and_then(|f| f.as_str());
        let of_data = manifest.map(|m| m.fingerprint.as_str());
        if of_model == of_data {
            return Ok(());
        }
        let name = |key: Option<&str>| key.map_or("plain images".to_string(), |key| format!("the key {key}"));
        Err(Mismatch(format!(
            "{}: is for {}, the model was trained on {}; --any-key tests it all the same",
            self.data.display(),
            name(of_data),
            name(of_model)
        ))
        .into())
    }

    fn split(&self, data: &Opened) -> anyhow::Result<usize> {
        let Some(name) = &self.split else {
            return Ok(data.test_split().unwrap_or(0));
        };
        split_named(data, &self.data, name)
    }
}

/// Number of the split of that name.
pub(crate) fn split_named(data: &Opened, path: &Path, name: &str) -> anyhow::Result<usize> {
    let names: Vec<&str> = data.meta.splits.iter().map(|s| s.name.as_str()).collect();
    names.iter().position(|n| *n == name).ok_or_else(|| {
        Usage(format!(
            "{}: has no split {name:?}, it has {}",
            path.display(),
            names.join(", ")
        ))
        .into()
    })
}

/// The confusion matrix, where it fits a screen.
fn confusion(evaluation: &Evaluation, info: &ModelInfo) -> String {
    if info.classes.len() > 20 {
        return String::new();
    }
    let numbers = |row: &Vec<u64>| row.iter().map(u64::to_string).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = (evaluation.confusion.iter().zip(&info.classes))
        .map(|(row, name)| [vec![name.clone()], numbers(row)].concat())
        .collect();
    let columns: Vec<String> = (0..info.classes.len()).map(|c| c.to_string()).collect();
    let head: Vec<&str> = std::iter::once("answered")
        .chain(columns.iter().map(String::as_str))
        .collect();
    format!(
        "\nTrue class by row, answered class (numbered from 0) by column:\n{}",
        table(&head, &rows)
    )
}

fn text(evaluation: &Evaluation, split: &str, info: &ModelInfo) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let rows: Vec<Vec<String>> = evaluation
        .classes()
        .iter()
        .zip(&info.classes)
        .map(|(figures, name)| {
            let (low, high) = figures.interval;
            vec![
                name.clone(),
                figures.n.to_string(),
                percent(figures.recall),
                format!("{} to {}", percent(low), percent(high)),
                percent(figures.precision),
                format!("{:.3}", figures.f1),
            ]
        })
        .collect();
    let head = [
        "class",
        "images",
        "right (recall)",
        "95% interval",
        "precision",
        "F1",
    ];
    format!(
        "{split}: accuracy {:.2} % (95% interval {:.2} to {:.2}), {} of {} right, loss {:.4}\n\n{}{}",
        100.0 * evaluation.accuracy,
        100.0 * evaluation.interval.0,
        100.0 * evaluation.interval.1,
        evaluation.correct,
        evaluation.n,
        evaluation.loss,
        table(&head, &rows),
        confusion(evaluation, info)
    )
}
