//! Files that are either whole and safe on the disk, or not there under their name.

use crate::{Error, Result, formats::files};
use std::{fs::File, io::Write, path::Path};

/// Writes `bytes` under `path.partial`, makes them durable, and renames the file to `path`. The
/// name is fixed, so that a run that was killed here leaves nothing behind once it is repeated.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = files::partial(path);
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| Error::output(&partial, error))?;
    std::fs::rename(&partial, path).map_err(|error| Error::output(path, error))?;
    sync_folder(parent(path))
}

/// Makes the names in `folder` durable, where the system can open folders.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| Error::output(folder, error))
}

/// The folder that `path` lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
