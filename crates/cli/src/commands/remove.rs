//! `visard remove`.

use super::apply::{PROGRAM, tell, watched};
use crate::{
    open_key::KeyArgs,
    options::{ReadingArgs, WritingArgs},
    talk::Talk,
};
use std::{path::PathBuf, process::ExitCode};
use visard_data::{Fit, Request};

/// Take the disguise off a data set again
#[derive(clap::Args)]
#[command(after_help = "Example:\n  visard remove -k owner.key disguised/ restored/")]
pub(crate) struct Args {
    #[command(flatten)]
    key: KeyArgs,
    /// Disguised data set
    input: PathBuf,
    /// Data set to write
    output: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    writing: WritingArgs,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let key = self.key.open(talk)?;
        let request = Request {
            input: &self.input,
            output: &self.output,
            key: &key,
            reading: self.reading.reading(),
            format: self.writing.format()?,
            depth: None,
            fit: Fit::Error,
            program: PROGRAM,
            salt: None,
        };
        let report = watched(talk, "restoring", self.writing.checkpoint()?, |control| {
            visard_data::remove(request, control)
        })?;
        tell(talk, "remove", &report, &self.output)
    }
}
