//! `visard completions`.

use crate::talk::Talk;
use std::process::ExitCode;

/// Print the completion script of a shell
#[derive(clap::Args)]
#[command(after_help = "Example:\n  visard completions bash > /etc/bash_completion.d/visard")]
pub(crate) struct Args {
    /// Shell to complete for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

impl Args {
    pub(crate) fn run(&self, _talk: &Talk, program: &mut clap::Command) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, program, "visard", &mut script);
        std::io::Write::write_all(&mut std::io::stdout(), &script)?;
        Ok(ExitCode::SUCCESS)
    }
}
