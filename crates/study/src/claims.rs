//! What papers claim, kept as data beside what is measured here, with a mark where it could not be verified.

use crate::{Disguise, Error, Result};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};
use visard_learn::TrainConfig;

/// Version of the file.
const SCHEMA: u32 = 1;

/// Largest file, in bytes.
const LARGEST: u64 = 4 << 20;

/// The metric that our accuracies stand beside: the share of test images that are named rightly.
pub const ACCURACY: &str = "accuracy";

/// A figure that somebody published, or measured elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Who says so.
    pub paper: String,
    /// Where it was read.
    pub source: String,
    /// Name of the scheme here; `plain` for images as they are.
    pub scheme: String,
    /// Parameters that it was measured with, as far as it says.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Name of the data set.
    pub dataset: String,
    /// Training images, where they were fewer than all.
    #[serde(default)]
    pub train: Option<usize>,
    /// The network.
    pub network: String,
    /// The front before it, `none` for none; nothing where it does not say.
    #[serde(default)]
    pub front: Option<String>,
    /// What the figure is: [`ACCURACY`], or another name.
    pub metric: String,
    /// The figure, shares from 0 to 1; nothing where none could be read.
    pub value: Option<f64>,
    /// Whether the figure was read at its source, or in the authors' own words.
    pub verified: bool,
    /// What else a reader must know.
    #[serde(default)]
    pub note: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    schema: u32,
    claims: Vec<Claim>,
}

impl Claim {
    /// The claims in a file.
    ///
    /// # Errors
    /// [`Error::Input`] if it cannot be read, or claims what makes no sense.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
            .map_err(|error| Error::input(path, error))?;
        Self::parse(&text).map_err(|problem| Error::input(path, problem))
    }

    /// The claims in a text, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Vec<Self>, String> {
        if text.len() as u64 > LARGEST {
            return Err(format!(
                "is longer than {LARGEST} bytes, so it is no list of claims"
            ));
        }
        let file: List =
            serde_json::from_slice(text).map_err(|error| format!("is no list of claims: {error}"))?;
        if file.schema != SCHEMA {
            return Err(format!(
                "is of version {}, this program reads version {SCHEMA}",
                file.schema
            ));
        }
        match file
            .claims
            .iter()
            .find_map(|claim| Some((claim, claim.problem()?)))
        {
            Some((claim, problem)) => Err(format!(
                "the claim of {:?} on {}: {problem}",
                claim.paper, claim.scheme
            )),
            None => Ok(file.claims),
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        match self.value {
            None if self.verified => Some("verified, but without a figure"),
            Some(value) if !value.is_finite() => Some("the figure is no number"),
            Some(value) if self.metric == ACCURACY && !share(value) => {
                Some("an accuracy is a share between 0 and 1")
            }
            _ if self.paper.is_empty() || self.source.is_empty() => {
                Some("say whose it is, and where it was read")
            }
            _ => None,
        }
    }

    /// Whether it is an accuracy of the same images, disguise, network and front.
    pub fn is_of(&self, dataset: (&str, usize), scheme: &Disguise, config: &TrainConfig) -> bool {
        let params = scheme.params.texts();
        let front = config.front.as_ref().map_or("none", |front| &front.name);
        self.metric == ACCURACY
            && self.dataset == dataset.0
            && self.train.is_none_or(|train| train == dataset.1)
            && self.scheme == scheme.name
            && self
                .params
                .iter()
                .all(|(name, value)| params.get(name) == Some(value))
            && self.network == config.network
            && self.front.as_deref().is_none_or(|own| own == front)
    }

    /// The figure in words, with a mark where it could not be verified.
    pub fn figure(&self) -> String {
        let mark = if self.verified { "" } else { " (not verified)" };
        match self.value {
            None => format!("no figure{mark}"),
            Some(value) if self.metric == ACCURACY => format!("{:.2} %{mark}", 100.0 * value),
            Some(value) => format!("{value:.4}{mark}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[u8] = include_bytes!("../../../studies/learning/claims.json");

    #[test]
    fn the_claims_of_the_project_are_well_formed_and_tell_what_is_not_verified() {
        let claims = Claim::parse(OURS).unwrap();
        assert!(claims.iter().any(|claim| claim.verified) && claims.iter().any(|claim| !claim.verified));
        let known: Vec<&str> = visard_core::schemes::ALL.iter().map(|info| info.name).collect();
        for claim in &claims {
            assert!(
                claim.scheme == "plain" || known.contains(&claim.scheme.as_str()),
                "{claim:?}"
            );
        }
    }

    #[test]
    fn claims_without_a_figure_are_not_verified() {
        let text = |value: &str, verified: bool| {
            format!(
                r#"{{"schema":1,"claims":[{{"paper":"P","source":"S","scheme":"rmt","dataset":"d","network":"n",
                "metric":"accuracy","value":{value},"verified":{verified}}}]}}"#
            )
        };
        assert!(Claim::parse(text("0.9", true).as_bytes()).is_ok());
        assert_eq!(
            Claim::parse(text("null", false).as_bytes()).unwrap()[0].figure(),
            "no figure (not verified)"
        );
        assert!(
            Claim::parse(text("null", true).as_bytes())
                .unwrap_err()
                .contains("without a figure")
        );
        assert!(
            Claim::parse(text("90.0", true).as_bytes())
                .unwrap_err()
                .contains("between 0 and 1")
        );
        assert!(Claim::parse(b"{}").is_err());
    }
}
