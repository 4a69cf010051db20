//! What a cell is: everything that its figures depend on.

use crate::Result;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use visard_audit::Access;
use visard_core::{Key, MasterSecret, Salt, SchemeInfo, Shape, params::ParamSpec, params::Params, schemes};
use visard_data::Depth;
use visard_learn::{TrainConfig, fronts, networks};

/// Name of the images as they are, where a scheme stands otherwise.
pub const PLAIN: &str = "plain";

/// Longest readable part of a cell's name.
const READABLE: usize = 120;

/// One cell of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Name of the study.
    pub study: String,
    /// The images.
    pub dataset: Dataset,
    /// How they are disguised.
    pub scheme: Disguise,
    /// What is done with them.
    pub task: Task,
    /// Determines the key, the salt, and what training and attacks draw.
    pub seed: u64,
}

/// The first images of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Name in tables.
    pub name: String,
    /// Place below the folder of the data sets.
    pub path: String,
    /// Images of the training split; all where `None`.
    pub train: Option<usize>,
    /// Images of the test split; all where `None`.
    pub test: Option<usize>,
}

/// A scheme with its parameters, or [`PLAIN`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disguise {
    /// Name of the scheme.
    pub name: String,
    /// All its parameters.
    pub params: Params,
    /// Parameters that test images are disguised with, where they are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Params>,
    /// Place of public images below the folder of the data sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<String>,
    /// How reals are stored; as `visard apply` does where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<Depth>,
}

/// What is done with the disguised images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// A network learns from them.
    Train(TrainConfig),
    /// They are attacked.
    Audit(AuditTask),
}

/// An audit of a disguise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditTask {
    /// Images to attack.
    pub images: usize,
    /// Images that stand for public ones.
    pub public: usize,
    /// Numbers of known pairs, ascending.
    pub pairs: Vec<usize>,
    /// Adversaries that are played.
    pub levels: Vec<Access>,
    /// Longest time in seconds.
    pub seconds: f64,
    /// Bytes of working storage for each attack.
    pub memory: u64,
}

impl Disguise {
    /// The images as they are.
    pub(crate) fn plain() -> Self {
        Self {
            name: PLAIN.into(),
            params: Params::default(),
            test: None,
            public: None,
            depth: None,
        }
    }

    /// The registry entry; none for [`PLAIN`].
    pub fn info(&self) -> Option<&'static SchemeInfo> {
        schemes::find(&self.name).ok()
    }

    /// Parameters that differ from their defaults, in words.
    pub(crate) fn differing(&self) -> Vec<String> {
        let specs = self.info().map_or(&[][..], |info| info.params);
        let mut parts = differing(specs, &self.params);
        if let Some(test) = &self.test {
            let others = test
                .iter()
                .filter(|(name, value)| self.params.iter().all(|own| own != (name, *value)));
            parts.extend(others.map(|(name, value)| format!("test-{name}={value}")));
        }
        parts.extend(self.depth.map(|depth| format!("depth={depth}")));
        parts
    }

    /// The same disguise as it is of training images alone.
    pub(crate) fn of_training(&self) -> Self {
        Self {
            test: None,
            ..self.clone()
        }
    }
}

impl fmt::Display for Disguise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [vec![self.name.clone()], self.differing()].concat();
        f.write_str(&words.join(" "))
    }
}

/// Parameters that differ from their defaults.
fn differing(specs: &[ParamSpec], params: &Params) -> Vec<String> {
    let Ok(defaults) = Params::resolve(specs, &BTreeMap::new()) else {
        return Vec::new();
    };
    let usual: BTreeMap<&str, String> = defaults
        .iter()
        .map(|(name, value)| (name, value.to_string()))
        .collect();
    let own = params.iter().map(|(name, value)| (name, value.to_string()));
    own.filter(|(name, value)| usual.get(name) != Some(value))
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// A network in words: its name and what differs from its defaults.
pub(crate) fn network(config: &TrainConfig) -> Vec<String> {
    let specs = networks::find(&config.network).map_or(&[][..], |info| info.params);
    [vec![config.network.clone()], differing(specs, &config.params)].concat()
}

/// A front in words; nothing where there is none.
pub(crate) fn front(config: &TrainConfig) -> Vec<String> {
    let Some(front) = &config.front else {
        return Vec::new();
    };
    let specs = fronts::find(&front.name).map_or(&[][..], |info| info.params);
    [vec![front.name.clone()], differing(specs, &front.params)].concat()
}

impl Definition {
    /// The digest of everything in it.
    pub fn digest(&self) -> String {
        // The fields are in a fixed order and parameters are sorted.
        let text = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&text).to_hex().to_string()
    }

    /// The name of the cell: readable, stable, and another one for every other definition.
    pub fn slug(&self) -> String {
        let mut parts = vec![self.dataset.name.clone()];
        parts.push(
            [vec![self.scheme.name.clone()], self.scheme.differing()]
                .concat()
                .join("-"),
        );
        parts.push(match &self.task {
            Task::Train(config) => {
                let learner = [network(config).join("-"), front(config).join("-")];
                learner.join("+").trim_end_matches('+').to_string()
            }
            Task::Audit(_) => "audit".into(),
        });
        let allowed = |c: char| {
            if c.is_ascii_alphanumeric() || "-_=.+".contains(c) {
                c
            } else {
                '_'
            }
        };
        let mut text: String = parts.join(".").chars().map(allowed).collect();
        text.truncate(READABLE);
        format!("{text}.s{}-{}", self.seed, &self.digest()[..8])
    }

    /// The settings of the training, if it is one.
    pub fn training(&self) -> Option<&TrainConfig> {
        match &self.task {
            Task::Train(config) => Some(config),
            Task::Audit(_) => None,
        }
    }

    /// Bytes for a purpose. A study must be repeatable, and its keys protect nothing: whoever has the study
    /// file derives them too. Owners' keys are drawn by the system (`visard keygen`).
    fn derived(&self, purpose: &str) -> [u8; 32] {
        let Disguise { name, params, .. } = &self.scheme;
        let text = format!("{}\n{}\n{name}\n{params}", self.study, self.seed);
        blake3::derive_key(&format!("visard study 1, {purpose}"), text.as_bytes())
    }

    /// A key for the scheme with these parameters, the same in every run.
    pub(crate) fn key(&self, purpose: &str, params: &Params, shape: Shape) -> Result<Key> {
        let secret = MasterSecret::new(self.derived(purpose));
        Ok(Key::new(
            &self.scheme.name,
            &params.texts(),
            Some(shape),
            secret,
            None,
        )?)
    }

    /// A salt, the same in every run.
    pub(crate) fn salt(&self, purpose: &str) -> Salt {
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.derived(purpose)[..16]);
        Salt(salt)
    }
}
