//! What adversaries hold, and what is said of a disguise against them.

use serde::{Deserialize, Serialize};
use std::fmt;
use visard_attacks::{AttackInfo, Level, Needs};

/// What an adversary holds. There are two ladders, of attacks on images and of attacks on a trained model; on each,
/// an adversary has what the ones before have too ([`Access::includes`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Access {
    /// Level 1: disguised images, the algorithm and its public parameters.
    #[serde(rename = "1")]
    Disguised,
    /// Level 1 with plain images of a similar kind that anybody can get.
    #[serde(rename = "1+public")]
    Public,
    /// Level 2: also some pairs of plain and disguised images under the key.
    #[serde(rename = "2")]
    Pairs,
    /// Level 3: can have images of their choice disguised.
    #[serde(rename = "3")]
    Chosen,
    /// Level M: a trained model with its weights, and images of their own; no key, and nothing of levels 1 to 3.
    #[serde(rename = "M")]
    Model,
    /// Level M with the key that an attack on the images recovered.
    #[serde(rename = "M+key")]
    Opened,
}

impl Access {
    /// All of them, those on images first, of each ladder the weakest first.
    pub const ALL: [Self; 6] = [
        Self::Disguised,
        Self::Public,
        Self::Pairs,
        Self::Chosen,
        Self::Model,
        Self::Opened,
    ];

    /// Those who attack images.
    pub const IMAGES: [Self; 4] = [Self::Disguised, Self::Public, Self::Pairs, Self::Chosen];

    /// Those who attack a trained model.
    pub const MODELS: [Self; 2] = [Self::Model, Self::Opened];

    /// What an attack needs at least.
    pub fn of(info: &AttackInfo) -> Self {
        match (info.level, info.needs) {
            (Level::Disguised, Needs::Public) => Self::Public,
            (Level::Disguised, _) => Self::Disguised,
            (Level::Pairs, _) => Self::Pairs,
            (Level::Chosen, _) => Self::Chosen,
        }
    }

    /// The level, as `--levels` takes it.
    pub fn level(self) -> &'static str {
        match self {
            Self::Disguised | Self::Public => "1",
            Self::Pairs => "2",
            Self::Chosen => "3",
            Self::Model | Self::Opened => "M",
        }
    }

    /// Whether a trained model is attacked, and not images.
    pub fn is_on_model(self) -> bool {
        Self::MODELS.contains(&self)
    }

    /// Whether this adversary can do all that `other` can.
    pub fn includes(self, other: Self) -> bool {
        self.is_on_model() == other.is_on_model() && other <= self
    }

    /// What the adversary has, in words.
    pub fn holds(self) -> &'static str {
        match self {
            Self::Disguised => "the disguised images, the algorithm and its parameters",
            Self::Public => "the same, and public images of a similar kind",
            Self::Pairs => "the same, and some plain images with their disguises under this key",
            Self::Chosen => "the same, and a way to have chosen images disguised under this key",
            Self::Model => {
                "a model trained on disguised images, its weights, and images of their own; no key"
            }
            Self::Opened => "the same, and the key that an attack on the images recovered",
        }
    }

    /// What the numbers under a curve count.
    pub fn counts(self) -> &'static str {
        match self {
            Self::Disguised | Self::Public => "disguised images",
            Self::Pairs => "known pairs",
            Self::Chosen => "chosen images",
            Self::Model | Self::Opened => "images in question",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disguised => "1",
            Self::Public => "1 with public images",
            Self::Pairs => "2",
            Self::Chosen => "3",
            Self::Model => "M",
            Self::Opened => "M with the key",
        })
    }
}

/// What is said of a disguise, the best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// None of the attacks that were run brought anything back.
    #[default]
    NotBroken,
    /// Something recognisable or linkable comes back.
    Leaks,
    /// Pictures come back.
    Broken,
}

impl Verdict {
    /// The verdict in a word or two, for tables that say elsewhere what it means.
    pub fn short(self) -> &'static str {
        match self {
            Self::NotBroken => "not broken",
            Self::Leaks => "leaks",
            Self::Broken => "broken",
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NotBroken => "nothing came back; other attacks, or larger budgets, may do better",
            Self::Leaks => "something recognisable or linkable comes back",
            Self::Broken => "pictures come back",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBroken => "not broken by these attacks at these budgets",
            Self::Leaks => "leaks",
            Self::Broken => "broken",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_no_higher_rung_of_the_ladder_of_images() {
        for access in Access::ALL {
            assert!(access.includes(access));
            for other in Access::IMAGES {
                assert!(!Access::Model.includes(other) && !Access::Opened.includes(other));
                assert!(!other.includes(Access::Model));
            }
        }
        assert!(Access::Chosen.includes(Access::Pairs) && !Access::Pairs.includes(Access::Chosen));
        assert!(Access::Opened.includes(Access::Model) && !Access::Model.includes(Access::Opened));
        assert_eq!(
            [Access::IMAGES.to_vec(), Access::MODELS.to_vec()].concat(),
            Access::ALL
        );
    }

    #[test]
    fn records_name_every_adversary() {
        let names = Access::ALL.map(|access| serde_json::to_string(&access).unwrap());
        let expected = ["1", "1+public", "2", "3", "M", "M+key"].map(|name| format!("\"{name}\""));
        assert_eq!(names, expected);
    }
}
