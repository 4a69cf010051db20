//! From a study file to cells.

mod attacks;
mod check;
mod networks;
mod schemes;

use crate::{
    Dataset, Definition, Disguise, Error, PLAIN, Result, Task,
    text::{DatasetText, NameList, SchemeText, Source, StudyText},
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};
use toml::Spanned;

/// Longest study file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Most cells of a study.
const CELLS: usize = 100_000;

/// A study: what is to be measured, cell by cell.
#[derive(Clone, Debug)]
pub struct Study {
    /// Name, which its files have.
    pub name: String,
    /// Title of its tables.
    pub title: String,
    /// The file that it was read from.
    pub file: PathBuf,
    /// The claims that stand beside its figures, if any are.
    pub claims: Option<PathBuf>,
    /// What is measured, data set by data set, no cell twice.
    pub cells: Vec<Definition>,
}

impl Study {
    /// Reads a study file.
    ///
    /// # Errors
    /// [`Error::Input`] if it cannot be read, [`Error::Study`] with the line if it is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text))
            .map_err(|error| Error::input(path, error))?;
        if text.len() as u64 > LONGEST {
            return Err(Error::input(
                path,
                format!("is longer than {LONGEST} bytes, so it is no study"),
            ));
        }
        Self::parse(path, &text)
    }

    /// The study in a text; `path` is what errors call it, and what its claims are relative to.
    ///
    /// # Errors
    /// [`Error::Study`] with the line if it is wrong.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let source = Source { path, text };
        let written = source.read()?;
        Planner {
            source,
            text: &written,
        }
        .study()
    }
}

struct Planner<'a> {
    source: Source<'a>,
    text: &'a StudyText,
}

/// A disguise and the entry that asks for it.
type Variant<'a> = (&'a SchemeText, Disguise);

impl<'a> Planner<'a> {
    fn study(&self) -> Result<Study> {
        let text = self.text;
        self.check()?;
        let seeds = match &text.seeds {
            None => vec![0],
            Some(seeds) if seeds.get_ref().is_empty() => {
                return Err(self
                    .source
                    .fail(seeds.span().start, "seeds is empty: write seeds = [0]"));
            }
            Some(seeds) => seeds.get_ref().clone(),
        };
        let mut variants = Vec::new();
        for scheme in &text.scheme {
            variants.extend(
                self.variants(scheme)?
                    .into_iter()
                    .map(|variant| (scheme, variant)),
            );
        }
        let mut cells = Vec::new();
        for dataset in &text.dataset {
            let images = self.dataset(dataset)?;
            let tasks = [
                self.lessons(dataset, &variants)?,
                self.audits(dataset, &variants)?,
            ]
            .concat();
            for (scheme, task) in tasks {
                cells.extend(
                    seeds
                        .iter()
                        .map(|seed| cell(&text.name, &images, &scheme, &task, *seed)),
                );
            }
        }
        let mut seen = BTreeSet::new();
        cells.retain(|cell| seen.insert(cell.digest()));
        if cells.is_empty() || cells.len() > CELLS {
            let problem = format!("makes {} cells; a study has 1 to {CELLS}", cells.len());
            return Err(self.source.fail(0, problem));
        }
        let folder = self.source.path.parent().unwrap_or(Path::new(""));
        Ok(Study {
            name: text.name.get_ref().clone(),
            title: text.title.clone().unwrap_or_else(|| text.name.get_ref().clone()),
            file: self.source.path.into(),
            claims: text.claims.as_ref().map(|claims| folder.join(claims)),
            cells,
        })
    }

    fn dataset(&self, text: &DatasetText) -> Result<Dataset> {
        let count = |count: &Option<Spanned<usize>>| match count {
            Some(count) if *count.get_ref() == 0 => {
                let problem = "must be at least 1; leave it out for all images";
                Err(self.source.fail(count.span().start, problem))
            }
            count => Ok(count.as_ref().map(|count| *count.get_ref())),
        };
        let name = text.name.get_ref();
        Ok(Dataset {
            name: name.clone(),
            path: text.path.clone().unwrap_or_else(|| name.clone()),
            train: count(&text.train)?,
            test: count(&text.test)?,
        })
    }

    /// Every scheme with every network that may go with it.
    fn lessons(&self, dataset: &DatasetText, variants: &[Variant<'a>]) -> Result<Vec<(Disguise, Task)>> {
        let mut tasks = Vec::new();
        for (scheme, disguise) in variants
            .iter()
            .filter(|(s, _)| allows(&s.datasets, [dataset.name.get_ref()]))
        {
            for network in &self.text.network {
                if !allows(&network.datasets, [dataset.name.get_ref()])
                    || !allows(&network.schemes, called(&scheme.name, &scheme.label))
                    || !allows(&scheme.networks, called(&network.name, &network.label))
                {
                    continue;
                }
                let configs = self.configs(network, disguise)?;
                tasks.extend(
                    configs
                        .into_iter()
                        .map(|config| (disguise.clone(), Task::Train(config))),
                );
            }
        }
        Ok(tasks)
    }

    /// Every disguise with every attack that may go with it.
    fn audits(&self, dataset: &DatasetText, variants: &[Variant<'a>]) -> Result<Vec<(Disguise, Task)>> {
        let mut tasks = Vec::new();
        for attack in &self.text.attack {
            let task = self.audit(attack)?;
            let attacked = variants.iter().filter(|(scheme, disguise)| {
                disguise.name != PLAIN
                    && allows(&scheme.datasets, [dataset.name.get_ref()])
                    && allows(&attack.datasets, [dataset.name.get_ref()])
                    && allows(&attack.schemes, called(&scheme.name, &scheme.label))
            });
            tasks.extend(attacked.map(|(_, disguise)| (disguise.of_training(), task.clone())));
        }
        Ok(tasks)
    }
}

fn cell(study: &Spanned<String>, dataset: &Dataset, scheme: &Disguise, task: &Task, seed: u64) -> Definition {
    let mut task = task.clone();
    if let Task::Train(config) = &mut task {
        config.seed = seed;
    }
    Definition {
        study: study.get_ref().clone(),
        dataset: dataset.clone(),
        scheme: scheme.clone(),
        task,
        seed,
    }
}

/// What an entry may be called.
fn called<'a>(name: &'a Spanned<String>, label: &'a Option<String>) -> impl IntoIterator<Item = &'a String> {
    [Some(name.get_ref()), label.as_ref()].into_iter().flatten()
}

/// Whether a restriction, if there is one, names the entry.
fn allows<'a>(given: &NameList, names: impl IntoIterator<Item = &'a String>) -> bool {
    let Some(given) = given else {
        return true;
    };
    names
        .into_iter()
        .any(|name| given.iter().any(|one| one.get_ref() == name))
}
