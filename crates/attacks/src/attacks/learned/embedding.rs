//! Linkage by embeddings: telling which disguised images show the same by what a network makes of them
//! (ATTACKS, section 7.2).
//!
//! A classifier is trained on some of the labelled disguised images, and what its last layer is fed with is
//! compared by cosine. Classes that it was trained on it can tell apart by intent, so linkage is judged on
//! classes that it never saw as well: there it shows whether a stranger's images can be recognised under the
//! disguise.

mod null;

use super::examiner::{
    EPOCHS, NETWORK,
    labelled::{Labelled, distinct, lacks, split},
    learn,
};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Verdict,
    attacks::linkage::{Links, Space, commonest, measure},
    learning,
};
use null::Null;
use visard_core::{
    Pixels, Shape,
    params::{Kind, ParamSpec, Params},
};
use visard_data::Stored;
use visard_learn::{Examples, Model};

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "linkage-embedding",
    title: "Linkage by embeddings of a network",
    paper: "this project; verification by embeddings of a classifier follows Taigman, Yang, Ranzato, Wolf: \
            DeepFace, CVPR 2014",
    summary: "trains a network to name some classes of disguised images, then compares images by what its \
              last layer is fed with, also of classes that it never saw, beside their plain distance",
    level: Level::Disguised,
    applies: &[],
    needs: Needs::Nothing,
    params: &[
        NETWORK,
        EPOCHS,
        ParamSpec {
            name: "held_out",
            help: "share of the classes that are left out of training and judged as strangers, at least two \
                   of them; 0, or fewer than four classes: none",
            kind: Kind::Float { min: 0.0, max: 0.9 },
            default: "0.34",
        },
        ParamSpec {
            name: "images",
            help: "most pictures that are used, drawn at random; time grows with the square",
            kind: Kind::Int {
                min: 12,
                max: 100_000,
            },
            default: "3000",
        },
    ],
    helpers: None,
    trains: true,
    run,
};

/// Which pictures are for what.
#[derive(Debug)]
struct Parts {
    /// To be learnt from.
    train: Vec<usize>,
    /// Others of the same classes.
    seen: Vec<usize>,
    /// All of the other classes.
    new: Vec<usize>,
    /// The other classes.
    strangers: Vec<u32>,
}

impl Parts {
    fn draw(classes: &[u32], share: f64, rng: &mut Rng) -> Self {
        let names = distinct(classes);
        let count = match names.len() {
            // Two at least on either side: one class alone has no pairs of two.
            4.. if share > 0.0 => ((share * names.len() as f64) as usize).clamp(2, names.len() - 2),
            _ => 0,
        };
        let order = rng.permutation(names.len());
        let mut strangers: Vec<u32> = order.iter().take(count).map(|place| names[*place]).collect();
        strangers.sort_unstable();
        let is_new = |picture: &usize| strangers.binary_search(&classes[*picture]).is_ok();
        let (new, known): (Vec<usize>, Vec<usize>) = (0..classes.len()).partition(is_new);
        let of_known: Vec<u32> = known.iter().map(|picture| classes[*picture]).collect();
        let (train, seen) = split(&of_known, 2, rng);
        let back = |places: Vec<usize>| places.into_iter().map(|place| known[place]).collect();
        Self {
            train: back(train),
            seen: back(seen),
            new,
            strangers,
        }
    }
}

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let all = Labelled::disguised(exposure, params.int("images") as usize, rng)?;
    let parts = Parts::draw(&all.classes(), params.float("held_out"), rng);
    let compared = all.each * parts.new.len().max(parts.seen.len());
    let why = lacks(budget, exposure.disguised.shape(), all.examples.len())
        .or_else(|| budget.lacks(null::bytes(compared), "distances of the images that are compared"));
    if let Some(why) = why {
        return Ok(Outcome::inconclusive(why));
    }
    let (train, classes) = lessons(&all, &parts)?;
    progress(0.02, "training on disguised images");
    let model = match learn(&exposure.target, params, &train, classes, budget, rng)? {
        Ok(model) => model,
        Err(why) => return Ok(Outcome::inconclusive(why)),
    };
    let mut outcome = Outcome::nothing();
    outcome.figures.insert("trained_on", train.len() as f64);
    outcome
        .figures
        .insert("classes_new", parts.strangers.len() as f64);
    progress(0.6, "comparing images of the classes that were learnt");
    let seen = all.pick(&parts.seen).examples;
    let embedded = embed(&model, &seen)?;
    outcome.figures.insert("features", embedded.features as f64);
    let links = measure(&embedded.set, Space::Values, budget, &|_, _| {})?;
    let names = ["accuracy_seen", "auc_seen", "eer_seen", "chance_seen"];
    report(&mut outcome, &links, &seen.labels, names);
    if parts.new.len() < 2 {
        return Ok(outcome);
    }
    progress(0.7, "comparing images of classes that were not learnt");
    let new = all.pick(&parts.new).examples;
    let names = ["accuracy_raw_new", "auc_raw_new", "eer_raw_new", "chance_new"];
    let raw = measure(&as_set(&new)?, Space::Values, budget, &|_, _| {})?;
    report(&mut outcome, &raw, &new.labels, names);
    let embedded = embed(&model, &new)?;
    let links = measure(&embedded.set, Space::Values, budget, &|_, _| {})?;
    let names = ["accuracy_new", "auc_new", "eer_new", "chance_new"];
    report(&mut outcome, &links, &new.labels, names);
    progress(0.85, "comparing images with labels at random");
    let null = Null::draw(&embedded.set, all.each, budget, rng);
    match (links.auc, null) {
        (Some(auc), Some(null)) if outcome.verdict == Verdict::Complete => {
            let what = "chance that two images of one unseen class are nearer than two of different ones";
            outcome.evidence.push(null.evidence(what, auc));
        }
        (Some(_), None) => {
            let why = "the budget was spent before the figures were compared with chance";
            outcome.verdict = Verdict::Inconclusive(why.into());
        }
        _ => {}
    }
    Ok(outcome)
}

/// What the network learns from, classes numbered without gaps, and how many they are. Of several images of
/// one picture, those whose soft label names a class that is held out are left away.
fn lessons(all: &Labelled, parts: &Parts) -> Result<(Examples, usize)> {
    let mut rows = all.rows(&parts.train);
    rows.retain(|row| parts.strangers.binary_search(&all.examples.labels[*row]).is_err());
    let mut train = learning::pick(&all.examples, &rows);
    // The weights of a mixture would tell of the classes that are held out.
    train.soft = None;
    let names = distinct(&train.labels);
    for label in &mut train.labels {
        *label = names.partition_point(|name| name < label) as u32;
    }
    if names.len() < 2 || parts.seen.len() < 2 {
        return Err(Error::Exposure(
            "a network learns to link from images of at least two classes besides those that are held out, \
             some of each; give more images or hold out fewer classes"
                .into(),
        ));
    }
    Ok((train, names.len()))
}

/// Embeddings as images, so that they are compared as images are.
#[derive(Debug)]
struct Embedded {
    set: Set,
    /// Numbers of each embedding; what follows them in an image is 0.
    features: usize,
}

/// Embeddings of length 1: their Euclidean distance grows as the cosine between them falls.
fn embed(model: &Model, examples: &Examples) -> Result<Embedded> {
    let (features, rows) = model.embeddings(examples, learning::BATCH)?;
    // Channels beside each other allow for more numbers than one side of an image does.
    let shape = Shape::new(1, features.div_ceil(Shape::MAX_CHANNELS), Shape::MAX_CHANNELS);
    let mut values = Vec::with_capacity(examples.len() * shape.len());
    for row in rows.chunks_exact(features) {
        let norm = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        // An embedding of nothing but zeros points nowhere.
        let factor = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        values.extend(row.iter().map(|v| (f64::from(*v) * factor) as f32));
        values.resize(values.len() + shape.len() - features, 0.0);
    }
    let set = Set::new(shape, Pixels::F32(values), examples.labels.clone())?;
    Ok(Embedded { set, features })
}

/// Examples as a set, to be compared as they are.
fn as_set(examples: &Examples) -> Result<Set> {
    let pixels = match &examples.pixels {
        Stored::U8(v) => Pixels::U8(v.clone()),
        Stored::U16(v) => Pixels::F32(v.iter().map(|v| f32::from(*v)).collect()),
        Stored::F32(v) => Pixels::F32(v.clone()),
    };
    Set::new(examples.shape, pixels, examples.labels.clone())
}

/// Adds the figures of a comparison under these names: accuracy, AUC, EER, and what guessing gives.
fn report(outcome: &mut Outcome, links: &Links, labels: &[u32], names: [&'static str; 4]) {
    let [accuracy, auc, eer, chance] = names;
    let figures = &mut outcome.figures;
    figures.insert(accuracy, links.accuracy);
    figures.insert(chance, commonest(labels));
    figures.extend(links.auc.map(|value| (auc, value)));
    figures.extend(links.eer.map(|value| (eer, value)));
    if let Some(verdict) = links.unfinished(labels.len()) {
        outcome.verdict = verdict;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_kept_out_of_training() {
        let classes: Vec<u32> = (0..90).map(|i| 2 * (i % 9)).collect();
        let parts = Parts::draw(&classes, 0.34, &mut Rng::new(5));
        assert_eq!(parts.strangers.len(), 3);
        assert_eq!(
            (parts.train.len(), parts.seen.len(), parts.new.len()),
            (30, 30, 30)
        );
        let is_stranger = |picture: &usize| parts.strangers.contains(&classes[*picture]);
        assert!(parts.new.iter().all(is_stranger));
        assert!(!parts.train.iter().chain(&parts.seen).any(is_stranger));
        // Two classes are needed on either side.
        for (count, share, strangers) in [(3, 0.34, 0), (4, 0.01, 2), (4, 0.9, 2), (9, 0.0, 0)] {
            let classes: Vec<u32> = (0..60).map(|i| i % count).collect();
            let parts = Parts::draw(&classes, share, &mut Rng::new(5));
            assert_eq!(parts.strangers.len(), strangers, "{count} {share}");
            assert_eq!(parts.train.len() + parts.seen.len() + parts.new.len(), 60);
        }
    }
}
