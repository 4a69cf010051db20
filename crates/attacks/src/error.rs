//! Why an attack cannot be run on what it was given.

/// An unusable exposure or parameter; an attack that runs and finds nothing is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No attack of that name is registered.
    #[error("no attack is called {0:?}; `visard attacks` lists them")]
    Unknown(String),
    /// The attack is not meant for this scheme, or for these parameters of it.
    #[error("{attack} does not apply to {target}: {problem}")]
    Unfit {
        /// The attack.
        attack: &'static str,
        /// Scheme and parameters.
        target: String,
        /// What it applies to.
        problem: String,
    },
    /// The exposure lacks something, or its parts contradict each other.
    #[error("{0}")]
    Exposure(String),
    /// A parameter of the attack, or a scheme's parameter or material, is wrong.
    #[error(transparent)]
    Core(#[from] visard_core::Error),
    /// A network cannot take these images, or its training did not come to an end.
    #[error(transparent)]
    Learning(#[from] visard_learn::Error),
}

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
