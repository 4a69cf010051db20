//! The part of the record that is about models.

use super::Cell;
use crate::{Access, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What attacks on trained models found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Name of the network.
    pub network: String,
    /// Its parameters as texts.
    pub params: BTreeMap<String, String>,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images of a step.
    pub batch: usize,
    /// Shadow models of the attacks that train the most.
    pub shadows: usize,
    /// Number of classes.
    pub classes: usize,
    /// Images that each model was trained on.
    pub members: usize,
    /// Images of the same kind that none was trained on.
    pub others: usize,
    /// Labelled images of the adversary's own.
    pub own: usize,
    /// Where these are from.
    pub own_from: String,
    /// The model of plain images, the control.
    pub plain: Trained,
    /// The model of disguised images.
    pub disguised: Trained,
    /// The recovered key, if there is one.
    pub key: Option<RecoveredKey>,
    /// Why there is none, empty if there is.
    pub why_no_key: String,
    /// What was run.
    pub attacks: Vec<ModelAttacked>,
    /// Seconds that it took, with the training of the models.
    pub seconds: f64,
}

/// A model under attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Name of the front before the network; `none` for none.
    pub front: String,
    /// Share of its own training images that it names rightly.
    pub train_accuracy: f64,
    /// Share of the others, in the form that it was trained on.
    pub test_accuracy: f64,
    /// Share of the others that are of the most frequent class.
    pub chance: f64,
    /// Seconds that its training took.
    pub seconds: f64,
}

/// A key that an attack on the images recovered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveredKey {
    /// Name of the attack.
    pub attack: String,
    /// What it needed.
    pub access: Access,
    /// With how many images ([`Access::counts`]).
    pub count: usize,
    /// Median correlation of images disguised under it with the same images disguised under the true key.
    pub likeness: f64,
}

/// One attack on models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelAttacked {
    /// Name in the registry.
    pub name: String,
    /// Name in words.
    pub title: String,
    /// What it does.
    pub summary: String,
    /// Where it was published.
    pub paper: String,
    /// Its parameters as texts, for plain queries.
    pub params: BTreeMap<String, String>,
    /// What came of it in each cell.
    pub cells: Vec<CellRecord>,
    /// Seconds in all cells.
    pub seconds: f64,
}

impl ModelAttacked {
    /// The worst verdict of the cells that an adversary's verdict rests on, if there is one.
    pub fn verdict(&self, access: Access) -> Option<Verdict> {
        let of = self
            .cells
            .iter()
            .filter(|cell| cell.cell.access() == Some(access));
        of.map(|cell| cell.verdict).max()
    }

    /// What came of it in a cell.
    pub fn cell(&self, cell: Cell) -> Option<&CellRecord> {
        self.cells.iter().find(|record| record.cell == cell)
    }
}

/// An attack in one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// The cell.
    pub cell: Cell,
    /// What came of it.
    pub verdict: Verdict,
    /// Why.
    pub because: String,
    /// Why it is inconclusive, if it is.
    pub inconclusive: Option<String>,
    /// Figures that the attack knows itself.
    pub figures: BTreeMap<String, f64>,
    /// What its findings are worth, if it found anything that can be judged.
    pub told: Option<Told>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// What findings are worth, beside what they would be worth if nothing leaked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Told {
    /// Who was trained on.
    Membership(Membership),
    /// Which class an image is of.
    Classes(Classes),
    /// What classes look like.
    Inversion(Inversion),
    /// Copies of the model.
    Extraction(Extraction),
}

/// How well images that were trained on are told from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// Area under the curve of true against false positives; 0.5 by chance.
    pub auc: f64,
    /// Its standard deviation by chance.
    pub deviation: f64,
    /// Mean of the shares of members and others that are told rightly, at a threshold chosen on other images.
    pub balanced_accuracy: f64,
    /// True positives at few false ones, where there are enough others to say.
    pub rates: Vec<Rate>,
    /// The curve: pairs of false and true positives, ascending.
    pub roc: Vec<(f64, f64)>,
}

/// True positives at a share of false ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Share of others that are taken for members.
    pub fpr: f64,
    /// Share of members that are found.
    pub tpr: f64,
    /// Its 95% Wilson interval.
    pub interval: (f64, f64),
}

/// What the model's answers say of the classes of images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classes {
    /// Information of the answer on the class, in bits.
    pub information: f64,
    /// Its mean where answers are dealt out at random.
    pub null: f64,
    /// Its standard deviation then.
    pub deviation: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Share of right answers after the best one-to-one renaming of the answers, chosen on other images.
    pub renamed: f64,
    /// Share of the most frequent class.
    pub chance: f64,
    /// Each class on its own.
    pub each: Vec<ClassAnswers>,
}

/// The answers to images of one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAnswers {
    /// Their entropy as a share of the largest possible, 0 to 1.
    pub entropy: f64,
    /// Fano factor of the counts of answers: variance by mean.
    pub fano: f64,
    /// The most frequent answer.
    pub answered: u32,
}

/// What pictures of classes are worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inversion {
    /// Number of classes.
    pub classes: usize,
    /// Pictures that are most alike to the mean of their own class, by what sets classes apart.
    pub nearest: usize,
    /// Standard deviations of a normal figure that are as unlikely by chance.
    pub deviations: f64,
    /// Of these, pictures that correlate with it enough to be recognised.
    pub recognised: usize,
    /// Median correlation of a picture with what sets its class's mean apart from the mean of all.
    pub contrast: f64,
    /// Median structural similarity to the mean of the class; none for images below 7x7.
    pub ssim: Option<f64>,
    /// Whether the disguise was taken off the pictures first.
    pub restored: bool,
}

/// Copies of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extraction {
    /// Each copy on each kind of images, with more and more queries.
    pub copies: Vec<Fidelity>,
}

impl Extraction {
    /// Copies judged on images of the kind that the model was trained on.
    pub(crate) fn at_home(&self) -> impl Iterator<Item = &Fidelity> {
        self.copies.iter().filter(|copy| copy.at_home)
    }

    /// Of these the one that agrees best with the model.
    pub(crate) fn best(&self) -> Option<&Fidelity> {
        self.at_home().max_by(|a, b| a.agreement.total_cmp(&b.agreement))
    }
}

/// How faithfully a copy answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fidelity {
    /// Images that the model was asked about for the copy.
    pub queries: usize,
    /// Whether it is judged on images of the kind that the model was trained on, which verdicts rest on.
    pub at_home: bool,
    /// Images that it is judged by.
    pub images: usize,
    /// Share of them that copy and model give the same class.
    pub agreement: f64,
    /// Its 95% Wilson interval.
    pub interval: (f64, f64),
    /// The agreement of a copy that always gives the model's most frequent answer.
    pub null: f64,
    /// Share that the copy names rightly.
    pub accuracy: f64,
    /// Share that the model names rightly.
    pub of_model: f64,
}
