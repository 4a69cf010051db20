//! What can go wrong with files, told by whose fault it is.

use std::{
    io,
    path::{Path, PathBuf},
};

/// An error of reading or writing data sets. Every variant names the file and, where there is
/// one, the mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An input is missing, unreadable, corrupt, or of a kind that is not taken as it is.
    #[error("{}: {problem}", path.display())]
    Input {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// An input exceeds a limit.
    #[error("{}: {problem}", path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// Which limit, and how to raise it.
        problem: String,
    },
    /// The request does not make sense: input inside output, a format that cannot hold the data.
    #[error("{0}")]
    Usage(String),
    /// The output is being written by another run.
    #[error("{}: another run is writing here; wait for it or choose another output", path.display())]
    Locked {
        /// The output.
        path: PathBuf,
    },
    /// The output belongs to another key, scheme, input or version, or is not visard's.
    #[error("{}: {problem}", path.display())]
    Foreign {
        /// The output.
        path: PathBuf,
        /// What it belongs to and what to do.
        problem: String,
    },
    /// The data was disguised with another key.
    #[error("{}: {problem}", path.display())]
    WrongKey {
        /// The data set.
        path: PathBuf,
        /// Both fingerprints.
        problem: String,
    },
    /// The data does not match its manifest.
    #[error("{}: {problem}", path.display())]
    Verification {
        /// The file.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
    /// The disk is full.
    #[error("{}: no space left; free some and run the same command again, it goes on where it stopped", path.display())]
    NoSpace {
        /// The file that was being written.
        path: PathBuf,
    },
    /// Any other failure to write.
    #[error("{}: {source}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The run was stopped by the user.
    #[error("stopped; run the same command again to go on")]
    Interrupted,
    /// The scheme refused.
    #[error(transparent)]
    Scheme(#[from] visard_core::Error),
}

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An unusable input.
    pub fn input(path: &Path, problem: impl ToString) -> Self {
        Self::Input {
            path: path.into(),
            problem: problem.to_string(),
        }
    }

    /// An input over a limit.
    pub fn limit(path: &Path, problem: impl ToString) -> Self {
        Self::Limit {
            path: path.into(),
            problem: problem.to_string(),
        }
    }

    /// A failed write; a full disk or quota is told apart.
    pub fn output(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::NoSpace { path: path.into() }
            }
            _ => Self::Output {
                path: path.into(),
                source,
            },
        }
    }
}
