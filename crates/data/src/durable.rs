//! Files that are either whole and safe on the disk, or not there under their name.

use crate::{Error, Result};
use std::{fs::File, io::Write, path::Path};

/// Writes `bytes` to a temporary file, makes it durable, and renames it to `path`.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = parent(path);
    let fail = |error| Error::output(path, error);
    let mut file = tempfile::Builder::new()
        .prefix(".visard-")
        .suffix(".partial")
        .permissions(plain_permissions())
        .tempfile_in(folder)
        .map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    sync_folder(folder)
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

/// Read and write for all, less the user's mask: temporary files are private by default, but
/// data sets are to be shared.
#[cfg(unix)]
fn plain_permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

#[cfg(not(unix))]
fn plain_permissions() -> std::fs::Permissions {
    std::fs::metadata(".")
        .map(|m| m.permissions())
        .expect("the current folder exists")
}
