//! What a study found: its records, gathered for tables, plots and the page.

use crate::{
    CellRecord, Claim, Definition, Disguise, Leakage, Machine, Outcome, PLAIN, Result, State, Study, Task,
    Trained, definition,
};
use std::path::Path;
use visard_learn::TrainConfig;

/// Everything that is known about a study.
#[derive(Debug)]
pub struct Results {
    /// Title of the study.
    pub title: String,
    /// Cells of the study.
    pub cells: usize,
    /// Of these, cells that have their records.
    pub done: usize,
    /// What networks learned, cells that differ in their seeds alone together.
    pub lessons: Vec<Lesson>,
    /// What came back of disguises: what the study attacked, then what other audits found.
    pub leakages: Vec<Leakage>,
    /// Disguises that the study attacked, with their data sets.
    pub attacked: Vec<(String, Disguise)>,
    /// What papers claim.
    pub claims: Vec<Claim>,
    /// Cells that failed, and why.
    pub failed: Vec<(String, String)>,
    /// Machines that it was run on.
    pub machines: Vec<Machine>,
    /// Versions of the program that ran it.
    pub versions: Vec<String>,
    /// Seconds of all cells together.
    pub seconds: f64,
}

/// A network that learned from one kind of images, with one seed or several.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// The cell of the first seed.
    pub cell: Definition,
    /// What came of each seed.
    pub runs: Vec<Trained>,
}

impl Study {
    /// What the records of the study say, and the audits in another folder besides.
    ///
    /// # Errors
    /// If the claims or the audits cannot be read. Records that are damaged are left out; [`Study::states`]
    /// names them.
    pub fn results(&self, output: &Path, audits: Option<&Path>) -> Result<Results> {
        let claims = self
            .claims
            .as_deref()
            .map(Claim::read)
            .transpose()?
            .unwrap_or_default();
        let mut results = Results {
            title: self.title.clone(),
            cells: self.cells.len(),
            done: 0,
            lessons: Vec::new(),
            leakages: Vec::new(),
            attacked: Vec::new(),
            claims,
            failed: Vec::new(),
            machines: Vec::new(),
            versions: Vec::new(),
            seconds: 0.0,
        };
        for (cell, state) in self.states(output) {
            if let State::There(record) = state {
                results.add(cell, *record);
            }
        }
        if let Some(folder) = audits {
            results.leakages.extend(Leakage::read_all(folder)?);
        }
        Ok(results)
    }
}

impl Results {
    fn add(&mut self, cell: &Definition, record: CellRecord) {
        let CellRecord {
            machine,
            version,
            outcome,
            seconds,
            ..
        } = record;
        self.done += 1;
        self.seconds += seconds;
        if !self.machines.contains(&machine) {
            self.machines.push(machine);
        }
        if !self.versions.contains(&version) {
            self.versions.push(version);
        }
        self.leakages.extend(Leakage::of_cell((cell, &outcome)));
        match outcome {
            Outcome::Trained(trained) => match self.lessons.iter_mut().find(|lesson| lesson.is_alike(cell)) {
                Some(lesson) => lesson.runs.push(*trained),
                None => self.lessons.push(Lesson {
                    cell: cell.clone(),
                    runs: vec![*trained],
                }),
            },
            Outcome::Failed { reason } => self.failed.push((cell.slug(), reason)),
            Outcome::Audited { .. } => self
                .attacked
                .push((cell.dataset.name.clone(), cell.scheme.clone())),
        }
    }

    /// Names of the data sets that networks learned from.
    pub(crate) fn datasets(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for lesson in &self.lessons {
            if !names.contains(&lesson.dataset()) {
                names.push(lesson.dataset());
            }
        }
        names
    }

    /// The disguises that networks learned from, each once with each data set.
    pub(crate) fn disguises(&self) -> Vec<(&str, Disguise)> {
        let mut found: Vec<(&str, Disguise)> = Vec::new();
        for lesson in &self.lessons {
            let one = (lesson.dataset(), lesson.cell.scheme.of_training());
            if !found.contains(&one) {
                found.push(one);
            }
        }
        found
    }

    /// The best accuracy of any network on a disguise.
    pub(crate) fn best(&self, dataset: &str, scheme: &Disguise) -> Option<&Lesson> {
        let own = self
            .lessons
            .iter()
            .filter(|lesson| lesson.dataset() == dataset && lesson.cell.scheme.of_training() == *scheme);
        own.max_by(|a, b| a.accuracy().total_cmp(&b.accuracy()))
    }

    /// The leakage of a disguise; plain images are their own copies.
    pub(crate) fn leakage(&self, dataset: &str, scheme: &Disguise) -> Option<f64> {
        match scheme.name.as_str() {
            PLAIN => Some(1.0),
            _ => Leakage::find(&self.leakages, dataset, scheme)?.figure(),
        }
    }
}

impl Lesson {
    /// Whether a cell differs in its seed alone.
    fn is_alike(&self, other: &Definition) -> bool {
        let without = |cell: &Definition| {
            let mut cell = cell.clone();
            cell.seed = 0;
            if let Task::Train(config) = &mut cell.task {
                config.seed = 0;
            }
            cell
        };
        without(&self.cell) == without(other)
    }

    /// Name of the data set.
    pub fn dataset(&self) -> &str {
        &self.cell.dataset.name
    }

    /// Settings of the training. Only cells that train make lessons.
    pub fn config(&self) -> Option<&TrainConfig> {
        self.cell.training()
    }

    /// The network in words.
    pub fn network(&self) -> String {
        self.config()
            .map(definition::network)
            .unwrap_or_default()
            .join(" ")
    }

    /// The front in words.
    pub fn front(&self) -> String {
        self.config().map(definition::front).unwrap_or_default().join(" ")
    }

    fn mean(&self, of: impl Fn(&Trained) -> f64) -> f64 {
        self.runs.iter().map(of).sum::<f64>() / self.runs.len().max(1) as f64
    }

    /// Mean accuracy over the seeds.
    pub fn accuracy(&self) -> f64 {
        self.mean(|run| run.accuracy)
    }

    /// Means of the bounds of the 95% Wilson intervals over the seeds: more seeds make the test images no more.
    pub fn interval(&self) -> (f64, f64) {
        (self.mean(|run| run.interval.0), self.mean(|run| run.interval.1))
    }

    /// Difference between the best and the worst seed; none for one seed.
    pub fn spread(&self) -> Option<f64> {
        let all = || self.runs.iter().map(|run| run.accuracy);
        let (high, low) = (all().fold(0.0, f64::max), all().fold(1.0, f64::min));
        (self.runs.len() > 1).then_some(high - low)
    }

    /// Mean seconds of training.
    pub fn seconds(&self) -> f64 {
        self.mean(|run| run.training_seconds)
    }

    /// Mean training images per second.
    pub fn images_per_s(&self) -> f64 {
        self.mean(|run| run.images_per_s)
    }

    /// Mean seconds of disguising, and their share of an epoch; none for plain images.
    pub fn disguising(&self) -> Option<(f64, f64)> {
        self.runs.first()?.disguising.as_ref()?;
        let of =
            |pick: fn(&crate::Disguising) -> f64| self.mean(|run| run.disguising.as_ref().map_or(0.0, pick));
        Some((of(|d| d.seconds), of(|d| d.share_of_epoch)))
    }
}
