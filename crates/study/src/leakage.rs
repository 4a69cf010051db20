//! How much of a disguise's images comes back, from records of audits.

use crate::{Definition, Disguise, Error, Outcome, Result};
use std::path::Path;
use visard_audit::{Access, Audit, Verdict, judge};

/// What the figure is, in words, for axes and heads.
pub const LEAKAGE: &str = "best skill of the attacks on disguised and public images (level 1)";

/// What came back of a disguise.
#[derive(Clone, Debug, PartialEq)]
pub struct Leakage {
    /// Name of the scheme.
    pub scheme: String,
    /// Its parameters as texts.
    params: std::collections::BTreeMap<String, String>,
    /// Name of the images that were attacked.
    pub dataset: String,
    /// Images that were attacked.
    pub attacked: usize,
    /// The best skill of a median picture, and the attack that reached it; none where no attack makes pictures.
    pub best: Option<(f64, String)>,
    /// The verdict against each adversary that was played.
    pub verdicts: Vec<(Access, Verdict)>,
}

impl Leakage {
    /// What an audit found.
    pub(crate) fn of(audit: &Audit) -> Self {
        let cheap = audit
            .attacks
            .iter()
            .filter(|attack| attack.access <= Access::Public);
        let skills = cheap.flat_map(|attack| {
            let pictures = attack.points.iter().filter_map(|point| point.pictures.as_ref());
            pictures.filter_map(|pictures| Some((judge::skill(pictures)?.0, attack.name.clone())))
        });
        Self {
            scheme: audit.scheme.clone(),
            params: audit.params.clone(),
            dataset: audit.data.name.clone(),
            attacked: audit.data.attacked,
            best: skills.max_by(|a, b| a.0.total_cmp(&b.0)),
            verdicts: audit
                .levels
                .iter()
                .map(|level| (level.access, level.verdict))
                .collect(),
        }
    }

    /// The best skill, not below that of knowing nothing.
    pub fn figure(&self) -> Option<f64> {
        self.best.as_ref().map(|(skill, _)| skill.clamp(0.0, 1.0))
    }

    /// Whether it is of this disguise, on whatever images.
    pub(crate) fn is_of(&self, scheme: &Disguise) -> bool {
        self.scheme == scheme.name && self.params == scheme.params.texts()
    }

    /// The one of a disguise: on the same images where there is such, or else on others.
    pub(crate) fn find<'a>(all: &'a [Self], dataset: &str, scheme: &Disguise) -> Option<&'a Self> {
        let own = || all.iter().filter(|one| one.is_of(scheme));
        own().find(|one| one.dataset == dataset).or_else(|| own().next())
    }

    /// What a cell of a study found, if it is an audit.
    pub(crate) fn of_cell((cell, outcome): (&Definition, &Outcome)) -> Option<Self> {
        match outcome {
            Outcome::Audited { audit } => Some(Self {
                dataset: cell.dataset.name.clone(),
                ..Self::of(audit)
            }),
            _ => None,
        }
    }

    /// What the records of audits in a folder found, in the order of the files' names.
    ///
    /// # Errors
    /// If the folder or a record in it cannot be read.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let entries = std::fs::read_dir(folder).map_err(|error| Error::input(folder, error))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| Error::input(folder, error))?.path();
            if path.extension().is_some_and(|end| end == "json") {
                files.push(path);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(Error::input(
                folder,
                "holds no records of audits (.json); `visard audit` writes them",
            ));
        }
        files
            .iter()
            .map(|path| Ok(Self::of(&Audit::read(path)?)))
            .collect()
    }
}
