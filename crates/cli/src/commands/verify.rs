//! `visard verify`.

use crate::talk::Talk;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Check a disguised data set against its manifest (no key needed)
///
/// The manifest is not signed: this finds damage, not a forger who rewrites both.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  visard verify disguised/")]
pub(crate) struct Args {
    /// Disguised data set
    data: PathBuf,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let verified = visard_data::verify(&self.data)?;
        let images: u64 = verified.manifest.splits.iter().map(|s| s.count).sum();
        talk.result(
            "verify",
            format!(
                "{}: whole; {} files, {} bytes, {images} images, key {}",
                self.data.display(),
                verified.files,
                verified.bytes,
                verified.manifest.fingerprint
            ),
            json!({
                "path": self.data, "files": verified.files, "bytes": verified.bytes, "images": images,
                "fingerprint": verified.manifest.fingerprint,
            }),
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
