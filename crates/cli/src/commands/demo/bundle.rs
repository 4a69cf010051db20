//! The images inside the program.

use anyhow::Context;
use std::path::{Path, PathBuf};

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

macro_rules! bundled {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/", $path)))),*]
    };
}

/// Files by their place in `data/`.
static FILES: &[(&str, &[u8])] = bundled![
    "fashion-mnist-12k/train-images-idx3-ubyte.gz",
    "fashion-mnist-12k/train-labels-idx1-ubyte.gz",
    "fashion-mnist-12k/t10k-images-idx3-ubyte.gz",
    "fashion-mnist-12k/t10k-labels-idx1-ubyte.gz",
    "photos/astronaut.png",
    "photos/chelsea.png",
    "photos/coffee.png",
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
