//! What an attack on a model finds.

use crate::{Evidence, Verdict};
use std::collections::BTreeMap;
use visard_learn::Model;

/// A copy of the model, made by asking.
#[derive(Debug)]
pub struct Student {
    /// Images that the model was asked about for it.
    pub queries: usize,
    /// The copy.
    pub model: Model,
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A number for each candidate, the larger the more likely it was trained on.
    Members(Vec<f64>),
    /// The class that the model names for each candidate.
    Answers(Vec<u32>),
    /// A picture for each class, grey levels (H, W, C) in the form that the model takes; for a disguised model
    /// these are still disguised.
    Classes(Vec<f32>),
    /// Copies with more and more queries.
    Students(Vec<Student>),
}

/// What an attack on a model found.
#[derive(Debug)]
pub struct ModelOutcome {
    /// What was found.
    pub found: Found,
    /// Figures that the attack knows without the truth.
    pub figures: BTreeMap<&'static str, f64>,
    /// Figures that show a leak by themselves.
    pub evidence: Vec<Evidence>,
    /// Whether it came to its end.
    pub verdict: Verdict,
}

impl ModelOutcome {
    /// A completed attack that found this.
    pub fn found(found: Found) -> Self {
        Self {
            found,
            figures: BTreeMap::new(),
            evidence: Vec::new(),
            verdict: Verdict::Complete,
        }
    }

    /// An attack that ended before it found anything, and why.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Inconclusive(why.into()),
            ..Self::found(Found::Nothing)
        }
    }
}
