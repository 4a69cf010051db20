//! A study as it is written, with the places of what may be wrong in it.

use crate::{Error, Result};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};
use toml::Spanned;
use visard_audit::Access;

/// Names that an entry is restricted to.
pub(crate) type NameList = Option<Vec<Spanned<String>>>;

/// Parameters by name, each with one value or several.
pub(crate) type Settings = BTreeMap<String, Spanned<Values>>;

/// A study file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StudyText {
    pub(crate) name: Spanned<String>,
    pub(crate) title: Option<String>,
    pub(crate) seeds: Option<Spanned<Vec<u64>>>,
    pub(crate) claims: Option<String>,
    #[serde(default)]
    pub(crate) dataset: Vec<DatasetText>,
    #[serde(default)]
    pub(crate) scheme: Vec<SchemeText>,
    #[serde(default)]
    pub(crate) network: Vec<NetworkText>,
    #[serde(default)]
    pub(crate) attack: Vec<AttackText>,
}

/// `[[dataset]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatasetText {
    pub(crate) name: Spanned<String>,
    /// Relative to the folder of the data sets; the name where it is left out.
    pub(crate) path: Option<String>,
    /// First images of the training split; all where it is left out.
    pub(crate) train: Option<Spanned<usize>>,
    /// First images of the test split; all where it is left out.
    pub(crate) test: Option<Spanned<usize>>,
}

/// `[[scheme]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemeText {
    pub(crate) name: Spanned<String>,
    /// What `schemes = [...]` elsewhere may call it besides its name.
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) set: Settings,
    /// Parameters that test images are disguised with where they differ from the training images'.
    #[serde(default)]
    pub(crate) test: Settings,
    /// Data set of public images, relative to the folder of the data sets.
    pub(crate) public: Option<Spanned<String>>,
    /// How reals are stored.
    pub(crate) depth: Option<DepthText>,
    pub(crate) datasets: NameList,
    pub(crate) networks: NameList,
}

/// How reals are stored.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum DepthText {
    #[serde(rename = "8")]
    Eight,
    #[serde(rename = "float")]
    Float,
}

/// A setting of the training, as its name in [`visard_learn::TrainConfig`] takes it.
pub(crate) type Setting = Option<Spanned<toml::Value>>;

/// `[[network]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkText {
    pub(crate) name: Spanned<String>,
    /// What `networks = [...]` elsewhere may call it besides its name.
    pub(crate) label: Option<String>,
    /// `auto`, `none`, or fronts by name.
    pub(crate) front: Option<Spanned<Values>>,
    /// Parameters of the front.
    #[serde(default)]
    pub(crate) front_set: Settings,
    #[serde(default)]
    pub(crate) set: Settings,
    pub(crate) datasets: NameList,
    pub(crate) schemes: NameList,
    epochs: Setting,
    batch: Setting,
    lr: Setting,
    optimizer: Setting,
    momentum: Setting,
    nesterov: Setting,
    weight_decay: Setting,
    schedule: Setting,
    warmup: Setting,
    label_smoothing: Setting,
    clip: Setting,
    class_weights: Setting,
    augment: Setting,
}

impl NetworkText {
    /// The settings of the training that are given, by name.
    pub(crate) fn settings(&self) -> Vec<(&'static str, &Spanned<toml::Value>)> {
        let all = [
            ("epochs", &self.epochs),
            ("batch", &self.batch),
            ("lr", &self.lr),
            ("optimizer", &self.optimizer),
            ("momentum", &self.momentum),
            ("nesterov", &self.nesterov),
            ("weight_decay", &self.weight_decay),
            ("schedule", &self.schedule),
            ("warmup", &self.warmup),
            ("label_smoothing", &self.label_smoothing),
            ("clip", &self.clip),
            ("class_weights", &self.class_weights),
            ("augment", &self.augment),
        ];
        let given = all
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)));
        given.collect()
    }
}

/// `[[attack]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttackText {
    pub(crate) kind: Spanned<String>,
    /// Images to attack.
    pub(crate) images: Option<Spanned<usize>>,
    /// Images that stand for public ones.
    pub(crate) public: Option<usize>,
    /// Numbers of known pairs.
    pub(crate) pairs: Option<Vec<usize>>,
    pub(crate) levels: Option<Spanned<Vec<Access>>>,
    /// Longest time for one cell.
    pub(crate) seconds: Option<Spanned<f64>>,
    /// Bytes of working storage for each attack.
    pub(crate) memory: Option<u64>,
    pub(crate) datasets: NameList,
    pub(crate) schemes: NameList,
}

/// One value, or several to be tried one after the other.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a number, a text, true or false, or a list of them")]
pub(crate) enum Values {
    One(Scalar),
    Many(Vec<Scalar>),
}

/// A number, a text or a truth value.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a number, a text, true or false")]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Values {
    /// The values as `--set` takes them.
    pub(crate) fn texts(&self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value.text()],
            Self::Many(values) => values.iter().map(Scalar::text).collect(),
        }
    }
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

/// A study file that errors can point into.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// What the file says, if it is well-formed.
    pub(crate) fn read(&self) -> Result<StudyText> {
        toml::from_str(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.fail(at, error.message().replace('\n', "; "))
        })
    }

    /// An error at a place of the text.
    pub(crate) fn fail(&self, at: usize, problem: impl ToString) -> Error {
        let before = self.text.as_bytes().iter().take(at);
        Error::Study {
            path: self.path.into(),
            line: 1 + before.filter(|byte| **byte == b'\n').count(),
            problem: problem.to_string(),
        }
    }
}
