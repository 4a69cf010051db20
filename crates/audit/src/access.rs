//! What adversaries hold, and what is said of a disguise against them.

use serde::{Deserialize, Serialize};
use std::fmt;
use visard_attacks::{AttackInfo, Level, Needs};

/// What an adversary holds; each has what the ones before have too.
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
}

impl Access {
    /// All of them, the weakest first.
    pub const ALL: [Self; 4] = [Self::Disguised, Self::Public, Self::Pairs, Self::Chosen];

    /// What an attack needs at least.
    pub fn of(info: &AttackInfo) -> Self {
        match (info.level, info.needs) {
            (Level::Disguised, Needs::Public) => Self::Public,
            (Level::Disguised, _) => Self::Disguised,
            (Level::Pairs, _) => Self::Pairs,
            (Level::Chosen, _) => Self::Chosen,
        }
    }

    /// Number of the level, as `--levels` takes it.
    pub fn number(self) -> u8 {
        match self {
            Self::Disguised | Self::Public => 1,
            Self::Pairs => 2,
            Self::Chosen => 3,
        }
    }

    /// What the adversary has, in words.
    pub fn holds(self) -> &'static str {
        match self {
            Self::Disguised => "the disguised images, the algorithm and its parameters",
            Self::Public => "the same, and public images of a similar kind",
            Self::Pairs => "the same, and some plain images with their disguises under this key",
            Self::Chosen => "the same, and a way to have chosen images disguised under this key",
        }
    }

    /// What the numbers under a curve count.
    pub fn counts(self) -> &'static str {
        match self {
            Self::Disguised | Self::Public => "disguised images",
            Self::Pairs => "known pairs",
            Self::Chosen => "chosen images",
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
