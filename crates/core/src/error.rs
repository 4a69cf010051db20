//! What can go wrong between pixels and pixels.

/// An error of the schemes: every variant says whose fault it is and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No scheme of that name is registered.
    #[error("no scheme is called {0:?}; `visard schemes` lists them")]
    UnknownScheme(String),
    /// A parameter is unknown, malformed or out of its range.
    #[error("parameter {name}: {problem}")]
    Parameter {
        /// Name of the parameter.
        name: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The scheme cannot take images of this shape.
    #[error("shape {shape}: {problem}")]
    Shape {
        /// The shape that was given.
        shape: crate::Shape,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A text that should be a shape is none.
    #[error("{0:?} is not a shape; write HEIGHTxWIDTHxCHANNELS, for instance 28x28x1")]
    ShapeText(String),
    /// Explicit key material is missing, of the wrong shape, or contradicts the parameters.
    #[error("key material {array}: {problem}")]
    Material {
        /// Name of the array.
        array: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A buffer does not have the length that its shape and count ask for.
    #[error("a buffer of {found} values was given where {expected} are needed")]
    Length {
        /// Values needed.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// Pixels of another type than the scheme's were given.
    #[error("the scheme works with {expected} pixels here, {found} were given")]
    Dtype {
        /// What the scheme takes.
        expected: crate::Dtype,
        /// What was given.
        found: crate::Dtype,
    },
    /// The disguise cannot be taken off.
    #[error("this disguise cannot be removed: {0}")]
    NotInvertible(String),
    /// A random draw did not meet its condition within the allowed number of redraws.
    #[error("no acceptable key material within {tries} draws: {hint}")]
    Exhausted {
        /// Draws made.
        tries: usize,
        /// What to change.
        hint: String,
    },
}

impl Error {
    pub(crate) fn parameter(name: &str, problem: impl Into<String>) -> Self {
        Self::Parameter {
            name: name.into(),
            problem: problem.into(),
        }
    }

    pub(crate) fn material(array: &str, problem: impl Into<String>) -> Self {
        Self::Material {
            array: array.into(),
            problem: problem.into(),
        }
    }
}
