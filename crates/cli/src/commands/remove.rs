//! `visard remove`.

use super::apply::JobArgs;
use crate::talk::Talk;
use std::process::ExitCode;

/// Take the disguise off a data set again
///
/// Copies that apply made of the training images (--copies) come back as they were disguised, changes
/// included.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  visard remove -k owner.key disguised/ restored/")]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobArgs,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let key = self.job.key.open(talk)?;
        let request = self.job.request(&key)?;
        self.job
            .run(talk, "remove", |control| visard_data::remove(request, control))
    }
}
