//! Why an audit cannot be made, or its record not be read.

use std::path::PathBuf;

/// An audit that cannot be made, or a record that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Too few images, or images that do not fit.
    #[error("{0}")]
    Subjects(String),
    /// A record file that is none, or of another version.
    #[error("{}: {problem}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the mend.
        problem: String,
    },
    /// The audit was stopped from outside.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// A page or table could not be made.
    #[error("the page could not be made: {0}")]
    Page(String),
    /// An attack could not be run at all.
    #[error(transparent)]
    Attack(#[from] visard_attacks::Error),
    /// A scheme, a parameter or a shape is wrong.
    #[error(transparent)]
    Core(#[from] visard_core::Error),
}

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
