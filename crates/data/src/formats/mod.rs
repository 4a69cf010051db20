//! The registry of formats: one format, one file, one line here.

mod cifar;
pub(crate) mod files;
pub mod folder;
mod idx;
mod npz;

use crate::{Error, Format, Result};
use std::path::Path;

/// Every format, in the order in which detection tries them.
pub static ALL: &[&Format] = &[&idx::FORMAT, &cifar::FORMAT, &npz::FORMAT, &folder::FORMAT];

/// The format of that name.
pub fn find(name: &str) -> Result<&'static Format> {
    ALL.iter().copied().find(|f| f.name == name).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|f| f.name).collect();
        Error::Usage(format!(
            "no format is called {name:?}; known are {}",
            known.join(", ")
        ))
    })
}

/// The format of what lies at `path`, told by content.
pub fn detect(path: &Path) -> Result<&'static Format> {
    if let Err(error) = std::fs::metadata(path) {
        return Err(Error::input(path, error));
    }
    ALL.iter().copied().find(|f| (f.detect)(path)).ok_or_else(|| {
        let titles: Vec<_> = ALL.iter().map(|f| f.title).collect();
        Error::input(
            path,
            format!("holds no data set that visard knows: {}", titles.join("; ")),
        )
    })
}
