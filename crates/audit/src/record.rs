//! The record of an audit, versioned, written as JSON.

use crate::{Access, ModelRecord, Verdict, judge::THRESHOLDS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use visard_attacks::{Verdict as Reached, metrics::number};
use visard_core::Shape;

/// Version of the record's schema. Version 2 knows of models and of trained attacks; records of version 1, which
/// have neither, are read as well.
pub const SCHEMA: u32 = 2;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Always `audit`.
    pub kind: String,
    /// Version of the schema: [`SCHEMA`].
    pub schema: u32,
    /// Version of the program.
    pub version: String,
    /// Name of the scheme.
    pub scheme: String,
    /// Its parameters as texts.
    pub params: BTreeMap<String, String>,
    /// Shape of the plain images.
    pub shape: Shape,
    /// Fingerprint of the key.
    pub fingerprint: String,
    /// What was audited on.
    pub data: DataRecord,
    /// Seed of the attacks and of the choice of images.
    pub seed: u64,
    /// Seconds that were allowed; none if there was no bound.
    pub time: Option<f64>,
    /// Bytes of working storage that each attack was allowed.
    pub memory: u64,
    /// What the verdicts are made by.
    pub thresholds: Thresholds,
    /// A verdict for each adversary that was played.
    pub levels: Vec<LevelRecord>,
    /// What was run.
    pub attacks: Vec<Attacked>,
    /// What was not run, and why.
    pub not_run: Vec<NotRun>,
    /// Whether attacks that train networks were played too.
    #[serde(default)]
    pub trained: bool,
    /// What trained models give away, where level M was played.
    #[serde(default)]
    pub model: Option<ModelRecord>,
    /// Seconds that it took.
    pub seconds: f64,
    /// The command that repeats it.
    pub command: String,
}

/// The images of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Name of the data set.
    pub name: String,
    /// Images that were attacked.
    pub attacked: usize,
    /// Of these, images whose pictures were judged.
    pub judged: usize,
    /// Images with known disguises.
    pub known: usize,
    /// Public images.
    pub public: usize,
    /// Where the public images are from.
    pub public_from: Option<String>,
}

/// What the verdicts are made by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Skill of the median picture from which a disguise is broken.
    pub broken_skill: f64,
    /// Share of exactly recovered images from which it is broken.
    pub broken_exact: f64,
    /// Skill from which it leaks.
    pub leaks_skill: f64,
    /// Standard deviations above chance from which a figure is a leak.
    pub leaks_deviations: f64,
    /// Share of the way from chance to plain images from which pictures that a network names rightly are a leak.
    #[serde(default = "defaults::leaks_examined")]
    pub leaks_examined: f64,
    /// Share of classes that can be recognised in pictures made from a model from which it is broken.
    #[serde(default = "defaults::broken_classes")]
    pub broken_classes: f64,
    /// Correlation with what sets a class apart above which a picture of it can be recognised.
    #[serde(default = "defaults::recognised_contrast")]
    pub recognised_contrast: f64,
    /// Share of images that a copy of a model answers as the model does from which it is a leak.
    #[serde(default = "defaults::leaks_fidelity")]
    pub leaks_fidelity: f64,
}

/// The thresholds of records that are older than these.
mod defaults {
    use super::THRESHOLDS;

    pub(super) fn leaks_examined() -> f64 {
        THRESHOLDS.leaks_examined
    }

    pub(super) fn broken_classes() -> f64 {
        THRESHOLDS.broken_classes
    }

    pub(super) fn recognised_contrast() -> f64 {
        THRESHOLDS.recognised_contrast
    }

    pub(super) fn leaks_fidelity() -> f64 {
        THRESHOLDS.leaks_fidelity
    }
}

/// The verdict against one adversary, who may run everything that those may whom it includes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelRecord {
    /// What the adversary holds.
    pub access: Access,
    /// The worst that came of it.
    pub verdict: Verdict,
    /// The attacks that reached it.
    pub by: Vec<String>,
    /// Attacks of this adversary that ran out of time or memory, so that more may be possible.
    pub inconclusive: Vec<String>,
    /// Why there is no such adversary, if there is none: nobody recovered the key.
    #[serde(default)]
    pub not_reached: Option<String>,
}

/// One attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attacked {
    /// Name in the registry.
    pub name: String,
    /// Name in words.
    pub title: String,
    /// What it does.
    pub summary: String,
    /// Where it was published.
    pub paper: String,
    /// What it needs.
    pub access: Access,
    /// The worst of its points.
    pub verdict: Verdict,
    /// Why.
    pub because: String,
    /// Runs with more and more images.
    pub points: Vec<Point>,
    /// The run with the largest number of pairs of another key, as a null.
    pub wrong_key: Option<WrongKey>,
    /// Seconds of all its runs.
    pub seconds: f64,
}

/// One run of an attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Disguised images, known pairs or chosen images ([`Access::counts`]).
    pub count: usize,
    /// Seconds that the attack took.
    pub seconds: f64,
    /// Why it is inconclusive, if it is.
    pub inconclusive: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// Why.
    pub because: String,
    /// Figures that the attack knows itself.
    pub figures: BTreeMap<String, f64>,
    /// Figures that show a leak without a picture.
    pub evidence: Vec<Evidence>,
    /// What its pictures are worth, if it makes any.
    pub pictures: Option<Pictures>,
}

/// A figure beside its expectation if nothing leaked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the figure is.
    pub what: String,
    /// The figure.
    pub value: f64,
    /// Its expectation.
    pub null: f64,
    /// Standard deviations between them.
    pub deviations: f64,
}

/// What recovered pictures are worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pictures {
    /// Pictures that were judged.
    pub images: usize,
    /// Median PSNR in dB, for information: no verdict rests on it.
    #[serde(with = "number")]
    pub psnr: f64,
    /// Share of images that are exactly right.
    pub exact: f64,
    /// Structural similarity; none for images below 7x7.
    pub ssim: Option<Measure>,
    /// Correlation of edges; none where there are no edges.
    pub edges: Option<Measure>,
    /// How many pictures point to their originals.
    pub identified: Identified,
    /// How a network that knows only plain images names them, where one was trained.
    #[serde(default)]
    pub examined: Option<Examined>,
}

/// How a network that knows only plain images names recovered pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Examined {
    /// Share that is named rightly.
    pub accuracy: f64,
    /// Share of plain images that it names rightly and did not learn from.
    pub plain: f64,
    /// Share of the most frequent class.
    pub chance: f64,
    /// Share of the way from blind guessing to plain images; none where it does not know those.
    pub normalised: Option<f64>,
    /// Standard deviations of a normal figure that are as unlikely by chance; 0 at chance and below.
    pub deviations: f64,
}

/// A figure of pictures beside its null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Median over the pictures.
    pub median: f64,
    /// The best that comes without knowing anything of the image.
    pub null: f64,
    /// Which null that is.
    pub null_of: String,
    /// Share of the way from the null to a perfect copy, below 0 if the null is better; none where the null is
    /// perfect.
    pub skill: Option<f64>,
}

/// How many recovered pictures are nearer to their own original than to any other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identified {
    /// Pictures that are.
    pub hits: usize,
    /// Of so many.
    pub of: usize,
    /// Among so many originals.
    pub candidates: usize,
    /// Standard deviations of a normal figure that are as unlikely by chance; 0 at chance and below.
    pub deviations: f64,
}

/// What an attack makes of pairs or answers under another key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrongKey {
    /// Why there are no pictures, if there are none: an attack may notice that nothing fits.
    pub refused: Option<String>,
    /// Median structural similarity.
    pub ssim: Option<f64>,
    /// Median correlation of edges.
    pub edges: Option<f64>,
}

/// An attack that was not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotRun {
    /// Name in the registry.
    pub name: String,
    /// What it needs.
    pub access: Access,
    /// Why not.
    pub why: String,
}

/// Figures of an attack for a record: what is no number has no place in one.
pub(crate) fn finite(figures: &BTreeMap<&'static str, f64>) -> BTreeMap<String, f64> {
    figures
        .iter()
        .filter(|(_, value)| value.is_finite())
        .map(|(name, value)| ((*name).to_string(), *value))
        .collect()
}

/// Why an attack is inconclusive, if it is.
pub(crate) fn inconclusive(reached: Reached) -> Option<String> {
    match reached {
        Reached::Complete => None,
        Reached::Inconclusive(why) => Some(why),
    }
}

impl Audit {
    /// The verdict against an adversary, if it was played and there is one.
    pub fn verdict(&self, access: Access) -> Option<Verdict> {
        let level = self.levels.iter().find(|level| level.access == access);
        level
            .filter(|level| level.not_reached.is_none())
            .map(|level| level.verdict)
    }

    /// The worst verdict of all levels.
    pub fn worst(&self) -> Verdict {
        let verdicts = self.levels.iter().map(|level| level.verdict);
        verdicts.max().unwrap_or_default()
    }
}
