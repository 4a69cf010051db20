//! The joint that every attack fits.

use crate::{
    Budget, Exposure, Result, Rng, Set, Target,
    score::{Ambiguity, Choose},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};
use visard_core::{
    Material,
    params::{ParamSpec, Params},
};

/// What the adversary holds (ATTACKS, section 0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Level 1: all disguised images, the algorithm and its public parameters.
    Disguised,
    /// Level 2: also some pairs of plain and disguised images under the attacked key.
    Pairs,
    /// Level 3: can have images of their choice disguised.
    Chosen,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disguised => "1",
            Self::Pairs => "2",
            Self::Chosen => "3",
        })
    }
}

/// What an attack needs besides disguised images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Known pairs.
    Pairs,
    /// Its own helper images, disguised.
    Helpers,
    /// Public plain images.
    Public,
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing more",
            Self::Pairs => "known pairs",
            Self::Helpers => "its helper images disguised",
            Self::Public => "public images",
        })
    }
}

/// Makes the helper images that a chosen-plaintext attack wants disguised.
pub type Helpers = fn(&Target, &Params) -> Result<Set>;

/// Called now and then with the share of the work that is done, 0 to 1, and what is being done.
pub type Progress<'a> = &'a (dyn Fn(f64, &str) + Sync);

/// The registry entry of an attack.
pub struct AttackInfo {
    /// Name on the command line and in records.
    pub name: &'static str,
    /// Name in words.
    pub title: &'static str,
    /// Where it was published, or that it is this project's.
    pub paper: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Level of the adversary.
    pub level: Level,
    /// Schemes that it is for; all if empty.
    pub applies: &'static [&'static str],
    /// What it needs besides disguised images.
    pub needs: Needs,
    /// Parameters.
    pub params: &'static [ParamSpec],
    /// Makes the helper images of chosen-plaintext attacks.
    pub helpers: Option<Helpers>,
    /// Whether it trains networks, which takes minutes rather than seconds.
    pub trains: bool,
    /// Runs it.
    pub run: fn(&Exposure, &Params, &Budget, &mut Rng, Progress<'_>) -> Result<Outcome>,
}

impl fmt::Debug for AttackInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttackInfo({})", self.name)
    }
}

/// How far an attack came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "verdict", content = "why")]
pub enum Verdict {
    /// It ran to its end; how good the result is, is for the score to say.
    Complete,
    /// The budget ran out, or what was given contradicts itself; this was reached.
    Inconclusive(String),
}

/// Why pairs that contradict each other lead nowhere.
pub(crate) const CONTRADICTION: &str = "no key makes the disguised images of these pairs; are they in order, \
                                        stored without loss and of one key?";

/// A figure that shows a leak without any picture, beside what it would be if nothing leaked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// What the figure is, in words.
    pub what: String,
    /// The figure.
    pub value: f64,
    /// Its expectation if nothing leaks.
    pub null: f64,
    /// Its standard deviation if nothing leaks.
    pub deviation: f64,
}

impl Evidence {
    /// Standard deviations between the figure and its expectation; negative below it.
    pub fn deviations(&self) -> f64 {
        (self.value - self.null) / self.deviation.max(f64::MIN_POSITIVE)
    }
}

/// What an attack found.
#[derive(Debug)]
pub struct Outcome {
    /// Guesses of the plain images, in the order of the disguised ones, where the attack makes them.
    pub reconstructions: Option<Set>,
    /// States of the guesses that the attack cannot know.
    pub ambiguity: Ambiguity,
    /// Whether they are the same for the whole set or differ from image to image.
    pub choose: Choose,
    /// Recovered key material, under the names that explicit material uses.
    pub material: Material,
    /// Figures that the attack knows without the truth (counts, margins, thresholds).
    pub figures: BTreeMap<&'static str, f64>,
    /// Figures that show a leak without a picture.
    pub evidence: Vec<Evidence>,
    /// Whether it came to its end.
    pub verdict: Verdict,
}

impl Outcome {
    /// A completed attack with these pictures.
    pub fn pictures(reconstructions: Set) -> Self {
        Self {
            reconstructions: Some(reconstructions),
            ..Self::nothing()
        }
    }

    /// An attack that ended before it found anything, and why.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Inconclusive(why.into()),
            ..Self::nothing()
        }
    }

    /// The same, with guesses that may differ from the truth by these states.
    pub fn up_to(mut self, ambiguity: Ambiguity, choose: Choose) -> Self {
        (self.ambiguity, self.choose) = (ambiguity, choose);
        self
    }

    /// A completed attack that found nothing yet.
    pub fn nothing() -> Self {
        Self {
            reconstructions: None,
            ambiguity: Ambiguity::default(),
            choose: Choose::Once,
            material: Material::new(),
            figures: BTreeMap::new(),
            evidence: Vec::new(),
            verdict: Verdict::Complete,
        }
    }
}
