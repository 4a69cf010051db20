//! Attacks on a trained model (ATTACKS, section 8): membership, class membership, inversion, extraction.
//!
//! The adversary has the model, to ask or to look into, and images of its own. What it has no key for it sends as
//! it is; with a key, its own or one that an attack on the images recovered, it disguises first. Both are the
//! caller's to put into [`ModelExposure`]; an attack sees images in the form in which they are sent ([`Forms`]).
//!
//! Adding an attack takes one file here and one line in [`ALL`].

mod classes;
mod exposure;
mod extraction;
mod inversion;
mod membership;
mod outcome;
pub mod score;

use crate::{Budget, Error, Progress, Result, Rng};
use serde::Serialize;
use std::fmt;
use visard_core::params::{ParamSpec, Params};

pub use exposure::{Forms, ModelExposure, Victim};
pub use outcome::{Found, ModelOutcome, Student};

/// What an attack on a model is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aim {
    /// Whether an image was trained on.
    Membership,
    /// Which class an image is of, from what the model answers.
    Classes,
    /// What a class looks like.
    Inversion,
    /// The model itself.
    Extraction,
}

/// How far the adversary reaches into the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It may ask, and gets the probabilities of all classes.
    Answers,
    /// It has the weights.
    Weights,
}

/// The registry entry of an attack on a model.
pub struct ModelAttackInfo {
    /// Name on the command line and in records.
    pub name: &'static str,
    /// Name in words.
    pub title: &'static str,
    /// Where it was published, or that it is this project's.
    pub paper: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What it is after.
    pub aim: Aim,
    /// What it needs of the model.
    pub reach: Reach,
    /// Parameters.
    pub params: &'static [ParamSpec],
    /// Runs it.
    pub run: fn(&ModelExposure<'_>, &Params, &Budget, &mut Rng, Progress<'_>) -> Result<ModelOutcome>,
}

impl fmt::Debug for ModelAttackInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelAttackInfo({})", self.name)
    }
}

/// Every attack on models, in the order in which help lists them.
pub static ALL: &[&ModelAttackInfo] = &[
    &membership::LOSS,
    &membership::SHADOW,
    &membership::LIRA,
    &membership::LIRA_OFFLINE,
    &membership::RMIA,
    &classes::INFO,
    &inversion::FACE,
    &inversion::PRIOR,
    &extraction::RANDOM,
    &extraction::ADAPTIVE,
];

/// The registry entry of that name.
pub fn find(name: &str) -> Result<&'static ModelAttackInfo> {
    ALL.iter()
        .copied()
        .find(|info| info.name == name)
        .ok_or_else(|| Error::Unknown(name.into()))
}
