//! Debian's chromium, for the tests of the report.

use anyhow::{Context, bail};
use std::{path::Path, process::Command};

/// Where the tests look for it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Installs chromium where it is missing.
pub(crate) fn install() -> anyhow::Result<()> {
    if Path::new(CHROMIUM).exists() {
        return Ok(());
    }
    println!("xtask: installing chromium");
    for arguments in [
        &["update"][..],
        &["install", "-y", "--no-install-recommends", "chromium"],
    ] {
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
            .context(
                "apt-get: the tests of the report need Debian's chromium; leave --browser out without it",
            )?;
        if !status.success() {
            bail!(
                "apt-get {} failed: install chromium by hand, or leave --browser out",
                arguments.join(" ")
            );
        }
    }
    Ok(())
}
