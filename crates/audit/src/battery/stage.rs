//! Who plays, and on what.

use crate::{Access, Error, Oracle, Result, Subjects, examined::Examiner, judge::Judge};
use visard_attacks::{AttackInfo, Exposure, Pairs, Set};
use visard_core::params::Params;

/// Numbers of disguised images that attacks of level 1 are run with, below that of all.
const CIPHERTEXTS: [usize; 2] = [20, 100];

/// What a run of an attack that trains networks weighs beside one that trains none.
const TRAINING: usize = 8;

/// An attack in the hands of an adversary, who may hold more than it needs.
#[derive(Clone, Copy)]
pub(crate) struct Play {
    pub(crate) info: &'static AttackInfo,
    pub(crate) access: Access,
}

impl Play {
    /// The attack in the hands of the weakest adversary who can run it.
    pub(crate) fn weakest(info: &'static AttackInfo) -> Self {
        Self {
            info,
            access: Access::of(info),
        }
    }

    /// What one of its runs weighs.
    pub(crate) fn weight(self) -> usize {
        if self.info.trains { TRAINING } else { 1 }
    }
}

/// Who plays, and on what.
pub(crate) struct Stage<'a> {
    pub(crate) oracle: &'a dyn Oracle,
    pub(crate) subjects: &'a Subjects,
    pub(crate) judge: Judge,
    /// Names what recovered pictures show, where it was trained.
    pub(crate) examiner: Option<Examiner>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(oracle: &'a dyn Oracle, subjects: &'a Subjects) -> Result<Self> {
        Ok(Self {
            oracle,
            subjects,
            judge: Judge::new(&subjects.attacked)?,
            examiner: None,
        })
    }

    /// What an attack holds at one of its points; pairs and answers are of `other`'s key where that is given.
    ///
    /// # Errors
    /// If the images do not fit the disguise.
    pub(crate) fn exposure(&self, play: Play, count: usize, other: Option<&dyn Oracle>) -> Result<Exposure> {
        let (access, subjects) = (play.access, self.subjects);
        let target = self.oracle.target()?;
        let attacked = match access {
            Access::Disguised | Access::Public => subjects.attacked.first(count),
            _ => subjects.attacked.clone(),
        };
        let disguised = self.oracle.disguise(&attacked, "train", 0)?;
        let mut exposure = Exposure::new(target, disguised)?;
        let source = other.unwrap_or(self.oracle);
        if access >= Access::Public
            && let Some(public) = &subjects.public
        {
            exposure = exposure.with_public(public.images.clone())?;
        }
        if access == Access::Pairs {
            let plain = subjects.known.first(count);
            let disguised = source.disguise(&plain, "train", subjects.attacked.len() as u64)?;
            exposure = exposure.with_pairs(Pairs::new(plain, disguised)?)?;
        }
        if access == Access::Chosen {
            let helpers = helpers(play.info, &exposure)?;
            let answers = source.disguise(&helpers, "chosen", 0)?;
            exposure = exposure.with_chosen(Pairs::new(helpers, answers)?)?;
        }
        Ok(exposure)
    }

    /// Numbers of images that an attack is run with; one that trains networks with the largest alone.
    pub(crate) fn counts(&self, play: Play, pairs: &[usize]) -> Vec<usize> {
        let (all, known) = (self.subjects.attacked.len(), self.subjects.known.len());
        let mut counts: Vec<usize> = match play.access {
            Access::Disguised | Access::Public => {
                let fewer = CIPHERTEXTS.into_iter().filter(|count| *count < all);
                fewer.chain([all]).collect()
            }
            Access::Pairs => {
                let mut counts: Vec<usize> = pairs.iter().map(|count| (*count).min(known)).collect();
                counts.dedup();
                counts.retain(|count| *count > 0);
                counts
            }
            _ => vec![0],
        };
        if play.info.trains {
            counts.drain(..counts.len().saturating_sub(1));
        }
        counts
    }
}

fn helpers(info: &AttackInfo, exposure: &Exposure) -> Result<Set> {
    let make = info
        .helpers
        .ok_or_else(|| Error::Subjects(format!("{} chooses no images", info.name)))?;
    Ok(make(&exposure.target, &defaults(info)?)?)
}

/// The attack's parameters at their defaults.
pub(crate) fn defaults(info: &AttackInfo) -> Result<Params> {
    Ok(Params::resolve(info.params, &Default::default())?)
}
