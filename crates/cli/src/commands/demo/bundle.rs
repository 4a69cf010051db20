//! The images inside the program.

use anyhow::Context;
use std::path::{Path, PathBuf};
use visard_audit::bundled::FILES;

/// Class names of Fashion-MNIST in the order of their numbers.
pub(super) const CLASSES: [&str; 10] = [
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];

/// Writes the bundled data under `output` and returns the folder of the plain data set.
pub(super) fn unpack(output: &Path) -> anyhow::Result<PathBuf> {
    for (name, bytes) in FILES {
        let name = name.replace("fashion-mnist-12k", "plain");
        let place = output.join(name);
        let folder = place.parent().unwrap_or(output);
        std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        std::fs::write(&place, bytes).with_context(|| format!("{}", place.display()))?;
    }
    Ok(output.join("plain"))
}
