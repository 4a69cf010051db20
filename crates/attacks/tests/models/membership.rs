//! Attacks on membership tell a memorising model's pictures, and nothing of a model that saw none of them.

use crate::support::{Given, texts};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use visard_attacks::{
    Budget, Error, Result, Rng, Verdict, learning,
    model::{self, Aim, Forms, Found, ModelExposure, ModelOutcome, Victim, score},
};
use visard_core::{Shape, params::Params};
use visard_data::Stored;
use visard_learn::{Examples, Model, TrainConfig};

const SHAPE: Shape = Shape::new(8, 8, 1);
const ATTACKS: [&str; 5] = ["mia-loss", "mia-shadow", "lira", "lira-offline", "rmia"];

/// Waves in random directions under noise, with labels that have nothing to do with them.
fn random_labels(count: usize, classes: usize, seed: u64) -> Examples {
    let mut rng = Rng::new(seed);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (across, down, phase) = (18.0 * rng.unit(), 18.0 * rng.unit(), 6.0 * rng.unit());
        for place in 0..SHAPE.len() {
            let (y, x) = ((place / 8) as f64 / 8.0, (place % 8) as f64 / 8.0);
            let wave = 0.5 + 0.5 * (across * x + down * y + phase).sin();
            pixels.push((128.0 * wave + 127.0 * rng.unit()) as u8);
        }
        labels.push(rng.below(classes) as u32);
    }
    Examples::new(SHAPE, Stored::U8(pixels), None, labels).unwrap()
}

/// One random picture for each of five classes under more or less noise, so that some are easy to name and
/// some are not; a fifth of the labels are drawn at random.
fn noisy_labels(count: usize, seed: u64) -> Examples {
    let mut rng = Rng::new(seed);
    let patterns: Vec<f64> = (0..5 * SHAPE.len()).map(|_| rng.unit()).collect();
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for i in 0..count {
        let (class, strength) = (i % 5, rng.unit());
        for pattern in &patterns[class * SHAPE.len()..][..SHAPE.len()] {
            pixels.push((255.0 * (strength * pattern + (1.0 - strength) * rng.unit())) as u8);
        }
        let drawn = rng.unit() < 0.2;
        labels.push(if drawn { rng.below(5) } else { class } as u32);
    }
    Examples::new(SHAPE, Stored::U8(pixels), None, labels).unwrap()
}

fn recipe(epochs: usize, batch: usize, lr: f64) -> TrainConfig {
    let small = [
        ("hidden1", "64"),
        ("hidden2", "32"),
        ("batch_norm", "false"),
        ("dropout", "0"),
    ];
    TrainConfig {
        seed: 99,
        ..crate::recipe("mlp", &small, epochs, batch, lr)
    }
}

/// A model, what it was trained on among what is asked about, and what the adversary has besides.
struct Stage {
    recipe: TrainConfig,
    model: Model,
    trained_on: usize,
    candidates: Examples,
    members: Vec<bool>,
    own: Examples,
}

impl Stage {
    /// Of all pictures the first `members` and `others` are the candidates, the next `own` the adversary's,
    /// and the model is trained on the members and on what is left at the end.
    fn new(all: &Examples, (members, others, own): (usize, usize, usize), recipe: TrainConfig) -> Self {
        let candidates = members + others;
        let trained: Vec<usize> = (0..members).chain(candidates + own..all.len()).collect();
        let classes = 1 + all.labels.iter().max().copied().unwrap_or(0) as usize;
        Self {
            model: crate::trained(&recipe, &learning::pick(all, &trained), classes),
            recipe,
            trained_on: trained.len(),
            candidates: all.slice(0..candidates),
            members: (0..candidates).map(|place| place < members).collect(),
            own: all.slice(candidates..candidates + own),
        }
    }

    fn exposure(&self) -> ModelExposure<'_> {
        ModelExposure {
            victim: Victim::answering(&self.model),
            recipe: &self.recipe,
            trained_on: self.trained_on,
            candidates: Forms::same(self.candidates.clone()),
            own: Forms::same(self.own.clone()),
        }
    }

    fn scores(&self, name: &str, given: Given<'_>) -> Vec<f64> {
        let outcome = run(name, given, &self.exposure(), &Budget::generous(), 1).unwrap();
        assert_eq!(outcome.verdict, Verdict::Complete, "{name}");
        assert!(
            outcome.figures.values().all(|v| v.is_finite()),
            "{name}: {:?}",
            outcome.figures
        );
        members(outcome)
    }

    fn score(&self, name: &str, given: Given<'_>) -> score::MembershipScore {
        score::membership(&self.scores(name, given), &self.members).unwrap()
    }
}

fn members(outcome: ModelOutcome) -> Vec<f64> {
    match outcome.found {
        Found::Members(scores) => scores,
        found => panic!("{found:?}"),
    }
}

fn run(
    name: &str,
    given: Given<'_>,
    exposure: &ModelExposure<'_>,
    budget: &Budget,
    seed: u64,
) -> Result<ModelOutcome> {
    let info = model::find(name)?;
    assert_eq!(info.aim, Aim::Membership);
    let params = Params::resolve(info.params, &texts(given))?;
    (info.run)(exposure, &params, budget, &mut Rng::new(seed), &|_, _| ())
}

/// A model that knows 500 random labels by heart; 200 of its pictures are among 400 candidates.
fn memorised() -> Stage {
    let all = random_labels(1500, 10, 5);
    let stage = Stage::new(&all, (200, 200, 800), recipe(60, 100, 0.1));
    let trained = learning::pick(&stage.candidates, &(0..200).collect::<Vec<_>>());
    let accuracy = stage.model.evaluate(&trained, 256).unwrap().accuracy;
    assert!(
        accuracy > 0.95,
        "the model did not learn its labels by heart: {accuracy}"
    );
    stage
}

#[test]
fn labels_learnt_by_heart_give_members_away_by_loss_and_likelihood_ratio() {
    let stage = memorised();
    for (name, given) in [("mia-loss", &[][..]), ("lira", &[("shadows", "8")])] {
        let found = stage.score(name, given);
        assert!(found.auc > 0.9, "{name}: {found:?}");
        assert!(found.balanced_accuracy > 0.85, "{name}: {found:?}");
    }
}

#[test]
fn labels_learnt_by_heart_give_members_away_to_models_without_them() {
    let stage = memorised();
    for (name, least) in [("lira-offline", 0.85), ("rmia", 0.9), ("mia-shadow", 0.8)] {
        let found = stage.score(name, &[("shadows", "4")]);
        assert!(found.auc > least, "{name}: {found:?}");
    }
}

/// The candidates that the model was trained on are not told from the others: a training of next to no steps
/// leaves no trace. With 1000 of each the area has a standard deviation of 0.013.
#[test]
fn a_model_that_learnt_nothing_gives_nothing_away() {
    let all = random_labels(2600, 10, 6);
    let stage = Stage::new(&all, (1000, 1000, 600), recipe(1, 200, 1e-6));
    for name in ATTACKS {
        let given = if name == "mia-loss" {
            &[][..]
        } else {
            &[("shadows", "4")]
        };
        let found = stage.score(name, given);
        assert!((found.auc - 0.5).abs() < 0.05, "{name}: {found:?}");
        assert!((found.balanced_accuracy - 0.5).abs() < 0.06, "{name}: {found:?}");
    }
}

/// A model that knows other pictures by heart, and shadow models that know some of the candidates.
#[test]
fn pictures_that_no_model_saw_are_not_told_apart() {
    let all = random_labels(2800, 10, 7);
    let mut stage = Stage::new(&all, (0, 2000, 300), recipe(60, 100, 0.1));
    stage.members = (0..2000).map(|place| place < 1000).collect();
    for (name, given) in [("mia-loss", &[][..]), ("lira", &[("shadows", "4")])] {
        let found = stage.score(name, given);
        assert!((found.auc - 0.5).abs() < 0.05, "{name}: {found:?}");
    }
}

/// The loss takes easy pictures for members, whoever they are. LiRA knows how easy each is.
#[test]
fn at_few_false_positives_lira_finds_more_than_the_loss() {
    let all = noisy_labels(1700, 8);
    let stage = Stage::new(&all, (400, 1000, 100), recipe(30, 60, 0.1));
    let loss = stage.score("mia-loss", &[]);
    let lira = stage.score("lira", &[("shadows", "16")]);
    let at = |found: &score::MembershipScore| found.at(0.01).unwrap().tpr;
    assert!(at(&lira) >= at(&loss) + 0.03, "{} {}", at(&lira), at(&loss));
    assert!(lira.auc > loss.auc, "{} {}", lira.auc, loss.auc);
}

/// A small stage, for what does not depend on how well an attack works.
fn little(pictures: &Examples) -> Stage {
    Stage::new(pictures, (20, 20, 60), recipe(2, 20, 0.1))
}

#[test]
fn runs_repeat_by_their_seed_and_count_their_questions() {
    let stage = little(&random_labels(120, 3, 9));
    for (name, questions) in [
        ("mia-loss", 100),
        ("mia-shadow", 40),
        ("lira", 40),
        ("lira-offline", 40),
        ("rmia", 100),
    ] {
        let exposure = stage.exposure();
        let found = |seed| members(run(name, &[], &exposure, &Budget::generous(), seed).unwrap());
        let first = found(1);
        assert_eq!(exposure.victim.asked(), questions, "{name}");
        assert_eq!((first.len(), &first), (40, &found(1)), "{name}");
        assert_eq!(
            first == found(2),
            name == "mia-loss",
            "{name}: only shadow models depend on the seed"
        );
    }
}

#[test]
fn mirror_images_of_mirror_images_tell_nothing_new() {
    let mut pictures = random_labels(120, 3, 10);
    let Stored::U8(pixels) = &mut pictures.pixels else {
        panic!("these are bytes");
    };
    for name in ["lira", "lira-offline", "rmia"] {
        let stage = little(&random_labels(120, 3, 10));
        let with = |mirror| stage.scores(name, &[("shadows", "2"), ("mirror", mirror)]);
        assert_ne!(with("true"), with("false"), "{name}");
    }
    for row in pixels.chunks_exact_mut(8) {
        (0..4).for_each(|x| row[7 - x] = row[x]);
    }
    let stage = little(&pictures);
    for name in ["lira", "lira-offline", "rmia"] {
        let with = |mirror| stage.scores(name, &[("shadows", "2"), ("mirror", mirror)]);
        assert_eq!(with("true"), with("false"), "{name}");
    }
}

#[test]
fn deviations_of_each_picture_are_its_own_where_that_is_asked_for() {
    let stage = little(&random_labels(120, 3, 11));
    for name in ["lira", "lira-offline"] {
        let with = |variance| stage.scores(name, &[("shadows", "6"), ("variance", variance)]);
        assert_eq!(with("auto"), with("pooled"), "{name}: 6 shadow models are few");
        assert_ne!(with("own"), with("pooled"), "{name}");
    }
}

#[test]
fn spent_budgets_end_attacks_with_what_was_reached() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let stage = little(&random_labels(120, 3, 12));
    let exposure = stage.exposure();
    for name in ATTACKS {
        let outcome = run(
            name,
            &[],
            &exposure,
            &Budget::new(Some(Duration::ZERO), 1 << 30),
            1,
        )
        .unwrap();
        assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)), "{name}");
        assert!(matches!(outcome.found, Found::Nothing), "{name}");
        if name == "mia-loss" {
            continue;
        }
        let outcome = run(name, &[], &exposure, &Budget::new(None, 100), 1).unwrap();
        assert!(
            matches!(outcome.verdict, Verdict::Inconclusive(_)),
            "{name} has room in 100 bytes"
        );
        // Stopped after the second of four shadow models.
        STOP.store(false, Ordering::Relaxed);
        let info = model::find(name).unwrap();
        let params = Params::resolve(info.params, &texts(&[("shadows", "4")])).unwrap();
        let watch = |share: f64, _: &str| STOP.store(share >= 0.5, Ordering::Relaxed);
        let budget = Budget::stoppable(None, 1 << 30, &STOP);
        let outcome = (info.run)(&exposure, &params, &budget, &mut Rng::new(1), &watch).unwrap();
        assert!(
            matches!(&outcome.verdict, Verdict::Inconclusive(why) if why.contains("2 of 4")),
            "{name}"
        );
        assert_eq!(outcome.figures["shadows"], 2.0, "{name}");
        let scores = members(outcome);
        assert!(
            scores.len() == 40 && scores.iter().all(|score| score.is_finite()),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_attacked_is_refused() {
    let stage = little(&random_labels(120, 3, 13));
    let refused = |name: &str, exposure: &ModelExposure<'_>| {
        let found = run(name, &[], exposure, &Budget::generous(), 1);
        assert!(matches!(found, Err(Error::Exposure(_))), "{name}: {found:?}");
    };
    for name in &ATTACKS[1..] {
        // Networks trained on images of another shape cannot be asked the same.
        let mut exposure = stage.exposure();
        for forms in [&mut exposure.candidates, &mut exposure.own] {
            forms.train.shape = Shape::new(4, 16, 1);
        }
        refused(name, &exposure);
    }
    for name in ["mia-shadow", "lira-offline", "rmia"] {
        let mut exposure = stage.exposure();
        exposure.own = exposure.own.pick(&[0, 1, 2]);
        refused(name, &exposure);
        exposure = stage.exposure();
        exposure.trained_on = 1;
        refused(name, &exposure);
    }
    // Candidates and own pictures of two kinds make no pool.
    let mut exposure = stage.exposure();
    exposure.own.train.pixels = Stored::F32(vec![1.0; exposure.own.train.pixels.len()]);
    refused("lira", &exposure);
    let unknown = run(
        "lira",
        &[("shadows", "1")],
        &stage.exposure(),
        &Budget::generous(),
        1,
    );
    assert!(matches!(unknown, Err(Error::Core(_))));
}
