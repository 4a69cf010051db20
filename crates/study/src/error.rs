//! Why a study cannot be read, run or shown.

use std::{
    io,
    path::{Path, PathBuf},
};

/// An error that ends a study. What goes wrong within one cell is that cell's record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text of the study is wrong.
    #[error("{}, line {line}: {problem}", path.display())]
    Study {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and the mend.
        problem: String,
    },
    /// A file that is missing, unreadable, damaged or of another version.
    #[error("{}: {problem}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the mend.
        problem: String,
    },
    /// A file that could not be written.
    #[error("{}: {source}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The study was stopped from outside.
    #[error("stopped; the records so far are kept, run the same command again to go on")]
    Interrupted,
    /// A table, a plot or the page could not be made.
    #[error("the results could not be shown: {0}")]
    Show(String),
    /// A data set could not be read or disguised.
    #[error(transparent)]
    Data(visard_data::Error),
    /// A network could not be trained or tested.
    #[error(transparent)]
    Learn(visard_learn::Error),
    /// A disguise could not be attacked.
    #[error(transparent)]
    Audit(visard_audit::Error),
    /// A scheme, a parameter or a shape is wrong.
    #[error(transparent)]
    Core(#[from] visard_core::Error),
}

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn input(path: &Path, problem: impl ToString) -> Self {
        Self::Input {
            path: path.into(),
            problem: problem.to_string(),
        }
    }

    pub(crate) fn output(path: &Path, source: io::Error) -> Self {
        Self::Output {
            path: path.into(),
            source,
        }
    }

    /// Whether it concerns more than the cell that it came up in.
    pub(crate) fn ends_the_study(&self) -> bool {
        use visard_data::Error as Data;
        match self {
            Self::Interrupted | Self::Output { .. } => true,
            Self::Data(error) => {
                matches!(
                    error,
                    Data::Output { .. } | Data::NoSpace { .. } | Data::Locked { .. }
                )
            }
            Self::Learn(error) => {
                matches!(
                    error,
                    visard_learn::Error::Output { .. } | visard_learn::Error::NoDevice(_)
                )
            }
            _ => false,
        }
    }
}

impl From<visard_data::Error> for Error {
    fn from(error: visard_data::Error) -> Self {
        match error {
            visard_data::Error::Interrupted => Self::Interrupted,
            error => Self::Data(error),
        }
    }
}

impl From<visard_learn::Error> for Error {
    fn from(error: visard_learn::Error) -> Self {
        match error {
            visard_learn::Error::Interrupted { .. } => Self::Interrupted,
            error => Self::Learn(error),
        }
    }
}

impl From<visard_audit::Error> for Error {
    fn from(error: visard_audit::Error) -> Self {
        match error {
            visard_audit::Error::Interrupted => Self::Interrupted,
            error => Self::Audit(error),
        }
    }
}

impl From<visard_attacks::Error> for Error {
    fn from(error: visard_attacks::Error) -> Self {
        Self::Audit(error.into())
    }
}
