//! `visard export`.

use crate::{failure::Usage, talk::Talk};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};
use visard_learn::Model;

/// Write a model's weights as safetensors for PyTorch
///
/// The file holds the tensors alone, under PyTorch's names: those of resnet18 and resnet34 with
/// stem=imagenet are torchvision's. Class names, key fingerprint and history stay behind. Images must be
/// standardised with the mean and deviation that this prints (of values from 0 to 1, per channel).
#[derive(clap::Args)]
#[command(after_help = "Example:\n  visard export -m model.safetensors weights.safetensors")]
pub(crate) struct Args {
    /// Model file
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// File to write
    output: PathBuf,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let model = Model::load(&self.model)?;
        if self.output.exists() {
            let problem = format!(
                "{}: exists already; choose another name or delete it",
                self.output.display()
            );
            return Err(Usage(problem).into());
        }
        model.export(&self.output)?;
        let info = model.info();
        let normal = &info.normalisation;
        talk.result(
            "export",
            format!(
                "wrote {}: {} tensors of {}; mean {:?}, standard deviation {:?}",
                self.output.display(),
                model.state().len(),
                info.network,
                normal.mean,
                normal.std
            ),
            json!({
                "output": self.output, "network": info.network, "params": info.params, "front": info.front,
                "tensors": model.state().len(), "mean": normal.mean, "std": normal.std, "classes": info.classes,
            }),
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
