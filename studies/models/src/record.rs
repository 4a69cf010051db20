//! Measured cells, as they are kept.

use crate::plan::{Column, Sizes};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use study_attacks::record::{read, write};
use visard_attacks::model::score::Rate;

/// What one section measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) section: String,
    pub(crate) title: String,
    pub(crate) command: String,
    pub(crate) version: String,
    /// Sizes of everything; figures of other sizes are not kept beside these.
    pub(crate) sizes: Sizes,
    pub(crate) classes: usize,
    pub(crate) victims: Vec<Trained>,
    pub(crate) cells: Vec<Cell>,
}

/// A model that was attacked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trained {
    pub(crate) case: String,
    /// Number of the repeat, which is also the seed of the split; the model's seed is one more.
    pub(crate) repeat: u64,
    pub(crate) network: String,
    /// Pictures that it was trained on.
    pub(crate) members: usize,
    /// Share of these that it names rightly.
    pub(crate) members_accuracy: f64,
    /// Share of the test pictures that it names rightly, in the form that it was trained for.
    pub(crate) test_accuracy: f64,
    /// Share of the same pictures that it names rightly when they are plain.
    pub(crate) plain_accuracy: f64,
    pub(crate) seconds: f64,
}

/// One attack on one model by one adversary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cell {
    pub(crate) case: String,
    pub(crate) column: Column,
    pub(crate) attack: String,
    /// Settings of the attack that differ from its defaults.
    pub(crate) given: BTreeMap<String, String>,
    pub(crate) seconds: f64,
    pub(crate) result: Measured,
}

/// How a cell ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "what")]
pub(crate) enum Measured {
    /// With figures.
    Found(Found),
    /// There is nothing to measure, for this reason.
    Empty(String),
    /// Not at all, for this reason.
    Failed(String),
}

/// The figure that a cell is judged by, and what else was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    pub(crate) value: f64,
    /// Its expectation where the model tells nothing.
    pub(crate) null: f64,
    /// Its standard deviation there.
    pub(crate) deviation: f64,
    /// Why the attack ended before its end, if it did.
    pub(crate) unfinished: Option<String>,
    /// PSNR in dB of images that the recovered key undoes, where one was recovered.
    pub(crate) key_psnr: Option<f64>,
    pub(crate) detail: Detail,
}

/// What was measured besides, by what the attack is after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Detail {
    Membership(Membership),
    Classes(Classes),
    Inversion(Inversion),
    Extraction(Vec<Step>),
}

/// The figure is the AUC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Membership {
    pub(crate) members: usize,
    pub(crate) others: usize,
    pub(crate) balanced_accuracy: f64,
    pub(crate) rates: Vec<Rate>,
    /// False and true positive rates, thinned.
    pub(crate) roc: Vec<(f64, f64)>,
}

/// The figure is the mutual information in bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Classes {
    pub(crate) pictures: usize,
    pub(crate) accuracy: f64,
    /// Accuracy after the best one-to-one map from answers to classes.
    pub(crate) bijection: f64,
    /// Share of the commonest class.
    pub(crate) chance: f64,
    /// Mean over the classes of the entropy of the answers, of 1.
    pub(crate) entropy: f64,
    /// Mean over the classes of the Fano factor of the answers.
    pub(crate) fano: f64,
}

/// The figure is the mean correlation of pictures with their class means, both less the mean over all
/// classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inversion {
    pub(crate) pictures: usize,
    /// Share of pictures that are more like their own class mean than any other, by the same correlation.
    pub(crate) nearest: f64,
    /// Mean over repeats of the median correlation with the class mean as it is.
    pub(crate) correlation: f64,
    /// Share of pictures that a network for plain images names rightly.
    pub(crate) examiner: f64,
}

/// A copy after so many queries. The figure of the cell is the agreement of the last one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) queries: usize,
    /// Test pictures, in the form that the model was trained for.
    pub(crate) pictures: usize,
    /// Share of them that copy and model name alike.
    pub(crate) agreement: f64,
    /// Share that the copy names rightly.
    pub(crate) accuracy: f64,
    /// Share of the same pictures, when plain, that the copy names rightly.
    pub(crate) plain_accuracy: f64,
}

impl Found {
    /// Standard deviations between the figure and what it is where nothing is told.
    pub(crate) fn deviations(&self) -> f64 {
        (self.value - self.null) / self.deviation.max(f64::MIN_POSITIVE)
    }

    /// Refuses figures that JSON cannot hold.
    pub(crate) fn checked(self) -> anyhow::Result<Self> {
        let figures = [self.value, self.null, self.deviation];
        anyhow::ensure!(
            figures.iter().all(|figure| figure.is_finite()),
            "the figures {figures:?} are no numbers"
        );
        Ok(self)
    }
}

impl Record {
    /// The cell of that place, if it is there.
    pub(crate) fn cell(&self, case: &str, column: Column, attack: &str) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|cell| (cell.case.as_str(), cell.column, cell.attack.as_str()) == (case, column, attack))
    }

    /// The figures of a cell, if it has any.
    pub(crate) fn found(&self, case: &str, column: Column, attack: &str) -> Option<&Found> {
        match &self.cell(case, column, attack)?.result {
            Measured::Found(found) => Some(found),
            Measured::Empty(_) | Measured::Failed(_) => None,
        }
    }

    /// Adds a cell, in place of one that was there.
    pub(crate) fn put(&mut self, cell: Cell) {
        self.cells.retain(|other| {
            (&other.case, other.column, &other.attack) != (&cell.case, cell.column, &cell.attack)
        });
        self.cells.push(cell);
    }

    /// Notes a model once.
    pub(crate) fn note(&mut self, trained: &Trained) {
        let same = |other: &Trained| (&other.case, other.repeat) == (&trained.case, trained.repeat);
        if !self.victims.iter().any(same) {
            self.victims.push(trained.clone());
        }
    }

    /// The record of a section, if there is one.
    pub(crate) fn read(root: &Path, section: &str) -> anyhow::Result<Option<Self>> {
        read(&place(root, section))
    }

    /// Writes it, so that an end at any time leaves the old record or the new one.
    pub(crate) fn write(&self, root: &Path) -> anyhow::Result<()> {
        write(&place(root, &self.section), self.text()?)
    }

    /// The record as JSON, a line for each model and cell.
    fn text(&self) -> anyhow::Result<String> {
        let bare = Self {
            victims: Vec::new(),
            cells: Vec::new(),
            ..self.clone()
        };
        let text = serde_json::to_string_pretty(&bare)? + "\n";
        let text = text.replacen("\"victims\": []", &lines("victims", &self.victims)?, 1);
        Ok(text.replacen("\"cells\": []", &lines("cells", &self.cells)?, 1))
    }
}

/// A field of JSON that holds these, one a line.
fn lines<T: Serialize>(name: &str, items: &[T]) -> anyhow::Result<String> {
    let items: Result<Vec<String>, _> = items.iter().map(serde_json::to_string).collect();
    Ok(format!("\"{name}\": [\n{}\n  ]", items?.join(",\n")))
}

/// Where the record of a section lies.
pub(crate) fn place(root: &Path, section: &str) -> PathBuf {
    root.join(format!("docs/records/models/{section}.json"))
}

/// The folder in which the pictures of a section are kept.
pub(crate) fn pictures(root: &Path, section: &str) -> PathBuf {
    root.join("docs/records/models").join(section)
}

#[cfg(test)]
pub(crate) mod tests;
