//! Where outputs may lie: not on top of the input, not among other people's files.

use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// Refuses outputs that hold something already.
pub(crate) fn refuse_occupied(output: &Path, is_folder: bool) -> Result<()> {
    let foreign = |problem: &str| {
        Err(Error::Foreign {
            path: output.into(),
            problem: problem.into(),
        })
    };
    match std::fs::read_dir(output) {
        Ok(mut entries) if is_folder => match entries.next() {
            Some(_) => foreign("holds files that this run did not write; choose an empty or new folder"),
            None => Ok(()),
        },
        Ok(_) => foreign("is a folder; name a file"),
        Err(_) if output.exists() => foreign("exists already; choose another name or delete it"),
        Err(_) => Ok(()),
    }
}

/// Refuses an input inside the output and an output inside the input.
pub(crate) fn check_paths(input: &Path, output: &Path) -> Result<()> {
    let (from, to) = (real(input)?, real(output)?);
    let problem = if from == to {
        "input and output are the same"
    } else if to.starts_with(&from) && from.is_dir() {
        "the output lies inside the input"
    } else if from.starts_with(&to) {
        "the input lies inside the output"
    } else {
        return Ok(());
    };
    Err(Error::Usage(format!(
        "{problem} ({} and {}); choose an output elsewhere",
        input.display(),
        output.display()
    )))
}

/// The path without links, also where its last parts do not exist yet.
fn real(path: &Path) -> Result<PathBuf> {
    let mut missing = Vec::new();
    let mut there = std::path::absolute(path).map_err(|error| Error::input(path, error))?;
    loop {
        if let Ok(known) = there.canonicalize() {
            return Ok(missing.iter().rev().fold(known, |path, part| path.join(part)));
        }
        match (
            there.file_name().map(ToOwned::to_owned),
            there.parent().map(Path::to_path_buf),
        ) {
            (Some(name), Some(parent)) => {
                missing.push(name);
                there = parent;
            }
            _ => return Ok(there),
        }
    }
}
