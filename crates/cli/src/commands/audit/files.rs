//! The files of an audit: page, record, table, each whole or not there.

use std::{
    io::Write,
    path::{Path, PathBuf},
};
use visard_audit::{Report, page, table};

/// Where an audit is written.
pub(crate) struct Files {
    page: PathBuf,
    record: PathBuf,
    table: PathBuf,
}

impl Files {
    /// The files of a page, refused where one exists.
    pub(crate) fn beside(page: &Path) -> anyhow::Result<Self> {
        let files = Self {
            page: page.into(),
            record: page.with_extension("json"),
            table: page.with_extension("csv"),
        };
        if files.page == files.record || files.page == files.table {
            let problem = "a page ends with .html: its record and its table go beside it";
            return Err(crate::failure::Usage(format!("{}: {problem}", page.display())).into());
        }
        for file in [&files.page, &files.record, &files.table] {
            free(file)?;
        }
        // Before hours of work, not after them.
        let folder = folder_of(page);
        if !folder.is_dir() {
            let error = std::io::ErrorKind::NotFound.into();
            return Err(visard_data::Error::output(folder, error).into());
        }
        Ok(files)
    }

    /// Writes them.
    pub(crate) fn write(&self, report: &Report, originals: bool) -> anyhow::Result<()> {
        let record = serde_json::to_string_pretty(&report.audit)? + "\n";
        write_new(&self.record, record.as_bytes(), false)?;
        write_new(&self.table, table::csv(&report.audit)?.as_bytes(), false)?;
        write_new(&self.page, page::page(report, originals)?.as_bytes(), originals)
    }
}

fn free(file: &Path) -> anyhow::Result<()> {
    if !file.exists() {
        return Ok(());
    }
    Err(visard_data::Error::Foreign {
        path: file.into(),
        problem: "exists already; say -o with another name, or delete it".into(),
    }
    .into())
}

fn folder_of(file: &Path) -> &Path {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Writes a file that must not exist yet, whole or not at all; one that is `private` for the owner alone.
pub(crate) fn write_new(path: &Path, bytes: &[u8], private: bool) -> anyhow::Result<()> {
    free(path)?;
    let write = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        if !private {
            // Less what the user's mask takes away.
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder_of(path))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| visard_data::Error::output(path, error).into())
}
