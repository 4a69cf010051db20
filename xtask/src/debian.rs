//! Debian's packages that some tests need, installed where they are missing.

use anyhow::{Context, bail};
use std::{path::Path, process::Command};

/// Where the tests look for chromium.
const CHROMIUM: &str = "/usr/bin/chromium";

/// The interpreter whose modules Debian's packages are.
const PYTHON: &str = "/usr/bin/python3";

/// Debian's chromium, for the tests of the report.
pub(crate) fn browser() -> anyhow::Result<()> {
    if Path::new(CHROMIUM).exists() {
        return Ok(());
    }
    install(&["chromium"])
        .context("the tests of the report need Debian's chromium; leave --browser out without it")
}

/// Debian's PyTorch, a tenth the size of PyPI's.
pub(crate) fn pytorch() -> anyhow::Result<()> {
    let has = Command::new(PYTHON)
        .args(["-c", "import torch, torchvision"])
        .output();
    if has.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    install(&["python3-torch", "python3-torchvision", "python3-venv"])
        .context("the test with stock PyTorch needs Debian's packages; leave --pytorch out without them")
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    println!("xtask: installing {}", packages.join(", "));
    let install = [&["install", "-y", "--no-install-recommends"], packages].concat();
    for arguments in [&["update"][..], &install] {
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
            .context("apt-get")?;
        if !status.success() {
            bail!("apt-get {} failed: install by hand", arguments.join(" "));
        }
    }
    Ok(())
}
