//! What can go wrong between examples and predictions.

use std::{
    io,
    path::{Path, PathBuf},
};
use visard_core::Shape;

/// An error of training or using a network. Every variant says what was expected and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No network of that name is registered.
    #[error("no network is called {0:?}; `visard networks` lists them")]
    UnknownNetwork(String),
    /// No front of that name is registered.
    #[error("no front is called {0:?}; `visard networks` lists them, and `none` is none")]
    UnknownFront(String),
    /// The device that was asked for cannot be used.
    #[error("no GPU can be used: {0}")]
    NoDevice(String),
    /// A parameter of the network is unknown, malformed or out of its range.
    #[error(transparent)]
    Parameter(#[from] visard_core::Error),
    /// A setting of the training is out of its range.
    #[error("{name}: {problem}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The network cannot take images of this shape.
    #[error("images of {shape}: {problem}")]
    Shape {
        /// The shape that was given.
        shape: Shape,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The examples contradict themselves or cannot be used as asked.
    #[error("examples: {0}")]
    Examples(String),
    /// A label names no class.
    #[error("example {index} has label {label}, but there are only {classes} classes (numbered from 0)")]
    Label {
        /// Place of the example.
        index: usize,
        /// Its label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },
    /// The loss or the weights stopped being finite. The checkpoint of the last good epoch is kept.
    #[error(
        "training diverged in epoch {epoch}, batch {batch}: {what}; lower the learning rate (--lr); the checkpoint \
             of the last finished epoch, if there is one, is kept"
    )]
    Diverged {
        /// Epoch, from 1.
        epoch: usize,
        /// Batch within the epoch, from 1.
        batch: usize,
        /// What was not finite.
        what: &'static str,
    },
    /// The caller stopped the training. The checkpoint of the last finished epoch is kept.
    #[error("stopped after {epochs} finished epochs; run the same command again to go on")]
    Interrupted {
        /// Epochs that are done.
        epochs: usize,
    },
    /// A model or checkpoint file is missing, unreadable, cut short, altered, or something else.
    #[error("{}: {problem}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A checkpoint belongs to another network, configuration or data set.
    #[error("{}: this checkpoint belongs to another training run: {problem}; delete it to start over", path.display())]
    Foreign {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
    /// A file could not be written.
    #[error("{}: {source}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The metrics could not be written.
    #[error("metrics: {0}")]
    Metrics(io::Error),
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

    pub(crate) fn shape(shape: Shape, problem: impl Into<String>) -> Self {
        Self::Shape {
            shape,
            problem: problem.into(),
        }
    }
}
