//! `--levels`.

/// A level that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Level {
    /// Disguised images, with and without public ones
    #[value(name = "1")]
    Disguised,
    /// Known pairs
    #[value(name = "2")]
    Pairs,
    /// Chosen images
    #[value(name = "3")]
    Chosen,
    /// A trained model
    #[value(name = "M", alias = "m")]
    Model,
}

impl Level {
    /// As it is written on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Disguised => "1",
            Self::Pairs => "2",
            Self::Chosen => "3",
            Self::Model => "M",
        }
    }
}
