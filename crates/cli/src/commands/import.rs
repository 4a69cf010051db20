//! `visard import`.

use crate::{failure::Usage, talk::Talk};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};
use visard_learn::Model;

/// Make a model of weights that were trained elsewhere
///
/// Takes a safetensors file with the tensors of the network of another model (as `visard export` writes,
/// and as PyTorch's safetensors.torch.save_file does), and everything else from that model: shape,
/// classes, standardisation, key.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  visard import weights.safetensors --like model.safetensors -o trained.safetensors"
)]
pub(crate) struct Args {
    /// Safetensors file with the weights
    weights: PathBuf,
    /// Model of the same network for the same images
    #[arg(long, value_name = "MODEL")]
    like: PathBuf,
    /// Model file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let model = Model::load(&self.like)?.with_weights(&self.weights)?;
        if self.output.exists() {
            let problem = format!(
                "{}: exists already; choose another name or delete it",
                self.output.display()
            );
            return Err(Usage(problem).into());
        }
        model.save(&self.output)?;
        talk.result(
            "import",
            format!(
                "wrote {}: {} with {} tensors",
                self.output.display(),
                model.info().network,
                model.state().len()
            ),
            json!({ "output": self.output, "network": model.info().network, "tensors": model.state().len() }),
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
