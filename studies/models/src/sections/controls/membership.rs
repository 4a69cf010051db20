//! Membership: a model that knows its pictures by heart, one that was not trained on any, an overfitted one.

use super::{Control, Lab, attack, exposed};
use crate::{plan::Net, scene::fit, split::join};
use anyhow::bail;
use study_attacks::{
    disguised::Given,
    record::{Cell, Table, figure},
    sets::{Part, slice},
};
use visard_attacks::{
    Rng, Set, learning,
    model::{Found, Victim, score},
};
use visard_core::Pixels;
use visard_learn::{Model, TrainConfig};

const COLUMNS: &[&str] = &[
    "attack",
    "AUC",
    "balanced accuracy",
    "found at 1 % false positives",
];

pub(super) const MEMORISED: Control = Control {
    title: "500 pictures with random labels, known by heart",
    run: memorised,
    columns: COLUMNS,
};

pub(super) const NOTHING: Control = Control {
    title: "The same model, asked about pictures that it was not trained on",
    run: nothing,
    columns: COLUMNS,
};

pub(super) const OVERFITTED: Control = Control {
    title: "An overfitted cnn, 16 shadow models",
    run: overfitted,
    columns: COLUMNS,
};

const ATTACKS: [(&str, Given<'static>); 5] = [
    ("mia-loss", &[]),
    ("mia-shadow", &[("shadows", "8")]),
    ("lira", &[("shadows", "16")]),
    ("lira-offline", &[("shadows", "16")]),
    ("rmia", &[("shadows", "4")]),
];

/// The share of false positives of the last column.
const LOW: f64 = 0.01;

/// Settings of an attack, or in a quick run few shadow models.
fn settings<'a>(lab: &Lab<'_>, given: Given<'a>) -> Given<'a> {
    match lab.quick && !given.is_empty() {
        true => &[("shadows", "4")],
        false => given,
    }
}

/// A model and the pictures around it.
struct Staged {
    model: Model,
    recipe: TrainConfig,
    members: Set,
    others: Set,
    own: Set,
}

impl Staged {
    fn new(recipe: TrainConfig, all: &Set, counts: [usize; 3]) -> anyhow::Result<Self> {
        let [members, others, own] = counts;
        let set = slice(all, 0, members)?;
        Ok(Self {
            model: fit(&recipe, &learning::examples(&set)?, 10)?,
            recipe,
            members: set,
            others: slice(all, members, others)?,
            own: slice(all, members + others, own)?,
        })
    }

    /// How well an attack tells the first pictures from the second.
    fn score(
        &self,
        (name, given): (&str, Given<'_>),
        first: &Set,
        second: &Set,
    ) -> anyhow::Result<score::MembershipScore> {
        let exposure = exposed(
            Victim::answering(&self.model),
            &self.recipe,
            self.members.len(),
            learning::examples(&join(first, second)?)?,
            learning::examples(&self.own)?,
        );
        let Found::Members(scores) = attack(name, &exposure, given)? else {
            bail!("{name} gave no scores");
        };
        let truth: Vec<bool> = (0..scores.len()).map(|place| place < first.len()).collect();
        Ok(score::membership(&scores, &truth)?)
    }
}

/// Pictures of Fashion-MNIST whose labels say nothing.
fn mislabelled(lab: &Lab<'_>, count: usize) -> anyhow::Result<Set> {
    let set = lab.sets.fashion_mnist(Part::Train, count)?;
    let mut rng = Rng::new(5);
    let labels = (0..count).map(|_| rng.below(10) as u32).collect();
    Ok(Set::new(
        set.shape(),
        Pixels::U8(set.as_bytes()?.to_vec()),
        labels,
    )?)
}

/// The model of random labels; the second number is that of the others and of the adversary's own pictures.
fn by_heart(lab: &Lab<'_>, rest: usize) -> anyhow::Result<Staged> {
    let (members, rest) = (lab.size(500), lab.size(rest));
    let all = mislabelled(lab, members + 2 * rest)?;
    // As many passes in a quick run: fewer pictures make fewer steps.
    Staged::new(Net::Mlp.recipe(80, 1)?, &all, [members, rest, rest])
}

fn row(table: &mut Table, name: &str, score: &score::MembershipScore, auc: Cell, rate: Option<f64>) {
    let found = score.at(LOW).map_or(Cell::text("-"), |found| {
        let shown = figure(found.tpr, 3);
        rate.map_or(shown.clone(), |rate| shown.at_least(rate)).into()
    });
    table.row(name, [auc, figure(score.balanced_accuracy, 3).into(), found]);
}

fn memorised(lab: &Lab<'_>, mut table: Table) -> anyhow::Result<Table> {
    let staged = by_heart(lab, 1000)?;
    let known = staged
        .model
        .evaluate(&learning::examples(&staged.members)?, learning::BATCH)?;
    for (name, given) in ATTACKS {
        let score = staged.score((name, settings(lab, given)), &staged.members, &staged.others)?;
        // What was derived is of the attacks that look at the loss and at likelihoods.
        let least = if name == "mia-shadow" { 0.8 } else { 0.9 };
        row(
            &mut table,
            name,
            &score,
            figure(score.auc, 3).at_least(least).into(),
            None,
        );
    }
    Ok(table.note(&format!(
        "The network names {:.1} % of its own pictures as it was told to. A label that is random can only be known by \
         heart, so every attack must tell.",
        100.0 * known.accuracy
    )))
}

fn nothing(lab: &Lab<'_>, mut table: Table) -> anyhow::Result<Table> {
    let staged = by_heart(lab, 2000)?;
    let size = staged.others.len() / 2;
    let (first, second) = (
        slice(&staged.others, 0, size)?,
        slice(&staged.others, size, size)?,
    );
    let mut deviation = 0.0;
    for (name, given) in ATTACKS {
        let score = staged.score((name, settings(lab, given)), &first, &second)?;
        deviation = score.auc_deviation;
        let auc = figure(score.auc, 3).about(0.5, 3.3 * deviation);
        row(&mut table, name, &score, auc.into(), None);
    }
    Ok(table.note(&format!(
        "Neither half was trained on: an attack that tells them apart would tell something that is not there. The AUC \
         has a standard deviation of {deviation:.3}; the tolerance is 3.3 of these."
    )))
}

fn overfitted(lab: &Lab<'_>, mut table: Table) -> anyhow::Result<Table> {
    let count = lab.size(1000);
    let all = lab.sets.fashion_mnist(Part::Train, 3 * count)?;
    let staged = Staged::new(Net::Cnn.recipe(20, 1)?, &all, [count, count, lab.size(200)])?;
    let shadows = settings(lab, &[("shadows", "16")]);
    let loss = staged.score(("mia-loss", &[]), &staged.members, &staged.others)?;
    let lira = staged.score(("lira", shadows), &staged.members, &staged.others)?;
    let rate = loss.at(LOW).map(|rate| rate.tpr);
    row(&mut table, "mia-loss", &loss, figure(loss.auc, 3).into(), None);
    row(
        &mut table,
        "lira",
        &lira,
        figure(lira.auc, 3).at_least(loss.auc).into(),
        rate,
    );
    let share = |set: &Set| -> anyhow::Result<f64> {
        Ok(100.0
            * staged
                .model
                .evaluate(&learning::examples(set)?, learning::BATCH)?
                .accuracy)
    };
    Ok(table.note(&format!(
        "{count} pictures of Fashion-MNIST with their labels; the network names {:.1} % of them rightly, and {:.1} % of \
         others. LiRA must not find fewer at a low rate than the loss alone.",
        share(&staged.members)?,
        share(&staged.others)?
    )))
}
