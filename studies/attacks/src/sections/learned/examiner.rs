//! The examiner's three experiments, and linkage by embeddings.

use super::SCHEMES;
use crate::{
    disguised::{attack, disguise, exposure, key, pairs, pictures},
    record::{Cell, Figure, Table, figure},
    sections::linkage::words,
    sets::slice,
};
use anyhow::Context;
use visard_attacks::{
    Budget, Outcome, Set,
    attacks::learned::examiner::{Examiner, Settings},
    metrics,
};

/// Known pairs of the attack whose pictures are examined.
const PAIRS: usize = 50;

/// Images that are looked at.
const SHOWN: usize = 500;

/// A share as per cent.
fn percent(share: f64) -> Figure {
    figure(100.0 * share, 1)
}

fn told(outcome: &Outcome, name: &str) -> Cell {
    outcome
        .figures
        .get(name)
        .map_or(Cell::text("-"), |share| percent(*share).into())
}

/// Recovered pictures as bytes, with the classes of what they are to show.
fn recovered(outcome: &Outcome, labels: &[u32]) -> anyhow::Result<Set> {
    let found = pictures(outcome)?;
    let bytes = metrics::to_bytes(found).into_owned();
    Ok(Set::new(
        found.shape(),
        visard_core::Pixels::U8(bytes),
        labels.to_vec(),
    )?)
}

pub(super) fn three(images: &Set) -> anyhow::Result<Table> {
    let columns = [
        "scheme",
        "trained on plain, shown disguised",
        "trained on plain, shown recovered pictures",
        "trained on disguised, shown disguised",
    ];
    let mut table = Table::new(
        "Fashion-MNIST: images named rightly by the examiner, per cent",
        &columns,
    );
    let (shape, shown) = (images.shape(), slice(images, 0, SHOWN)?);
    let known = slice(images, SHOWN, PAIRS)?;
    let own = slice(images, 1000, 3000)?;
    let budget = Budget::generous();
    let examiner = Examiner::train(&own, &Settings::default(), &budget)?.context("it was not stopped")?;
    let plain = examiner.examine(&shown)?;
    table.row(
        "plain images",
        [
            percent(plain.accuracy).about(100.0 * plain.plain, 5.0).into(),
            Cell::text("-"),
            Cell::text("-"),
        ],
    );
    for (scheme, given) in SCHEMES {
        let key = key(scheme, given, shape, 21)?;
        let disguised = disguise(&key, &shown, "test", 0)?;
        let target = exposure(scheme, given, shape, disguised.clone())?;
        let first = examiner.examine(&disguised)?;
        let both = target.with_pairs(pairs(&known, &disguise(&key, &known, "train", 0)?, PAIRS)?)?;
        let second = examiner.examine(&recovered(&attack("span", &both, &[])?, shown.labels())?)?;
        let most = disguise(&key, &own, "train", 1000)?;
        let third = attack("examiner-disguised", &exposure(scheme, given, shape, most)?, &[])?;
        table.row(
            words(scheme, given),
            [
                percent(first.accuracy).into(),
                percent(second.accuracy).into(),
                told(&third, "accuracy"),
            ],
        );
    }
    Ok(table
        .note(
            "Three questions, three columns: does the disguise leave anything to recognise, does an attack bring it \
             back (`span` with 50 known pairs), and can others be named by whoever has labelled disguised images, \
             which is what disguises are for. 500 images are shown, of 10 classes, so that chance is 10 and its \
             standard error 1.3; three networks, a cnn of 3,000 plain images each.",
        )
        .note(
            "The third column is of a network that its attack picks (mlp, for skk a cnn), trained on 2,000 disguised \
             images and shown 1,000 others.",
        ))
}

pub(super) fn strangers(images: &Set) -> anyhow::Result<Table> {
    let columns = [
        "scheme",
        "AUC, classes of the training",
        "AUC, other classes",
        "AUC of distances, other classes",
        "nearest of the same class, other classes",
    ];
    let mut table = Table::new(
        "Fashion-MNIST: linkage by what a network makes of disguised images",
        &columns,
    );
    let shown = slice(images, 0, 2000)?;
    for (scheme, given) in SCHEMES {
        let key = key(scheme, given, shown.shape(), 22)?;
        let disguised = disguise(&key, &shown, "train", 0)?;
        let outcome = attack(
            "linkage-embedding",
            &exposure(scheme, given, shown.shape(), disguised)?,
            &[],
        )?;
        let names = ["auc_seen", "auc_new", "auc_raw_new", "accuracy_new"];
        table.row(words(scheme, given), names.map(|name| told(&outcome, name)));
    }
    Ok(table.note(
        "Per cent. A network is trained on 2,000 disguised images less those of a third of the classes; cosines of \
         what its last layer is fed with tell whether two images are of one class. 50 is chance for an AUC.",
    ))
}
