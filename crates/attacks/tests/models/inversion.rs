//! Pictures that are taken out of models.

use crate::{recipe, run, run_within, support::key, templates, trained};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use visard_attacks::{
    Budget, Rng, Verdict,
    model::{
        Forms, Found, ModelExposure, ModelOutcome, Victim,
        score::{self, InversionScore},
    },
};
use visard_core::{Key, Pixels, PixelsRef, Salt, SampleId, Samples, Shape};
use visard_data::Stored;
use visard_learn::{Examples, Model, TrainConfig};

const SHAPE: Shape = Shape::new(12, 12, 1);

/// An adversary that has the weights of a model and these images of its own.
fn exposure<'a>(model: &'a Model, recipe: &'a TrainConfig, own: &Examples) -> ModelExposure<'a> {
    ModelExposure {
        victim: Victim::open(model),
        recipe,
        trained_on: 300,
        candidates: Forms::same(own.slice(0..10)),
        own: Forms::same(own.clone()),
    }
}

fn pictures(outcome: &ModelOutcome) -> &[f32] {
    match &outcome.found {
        Found::Classes(pictures) => pictures,
        other => panic!("{other:?}"),
    }
}

fn judged(outcome: &ModelOutcome, truth: &Examples) -> InversionScore {
    score::inversion(pictures(outcome), truth, None).unwrap()
}

/// One smooth wave for each class in its own direction, each value with noise of up to 60 grey levels.
fn waves(classes: u32, count: u32, seed: u64) -> Examples {
    let wave = |class: u32| {
        let mut rng = Rng::new(1000 + u64::from(class));
        let (down, right, phase) = (rng.unit() - 0.5, rng.unit() - 0.5, 6.3 * rng.unit());
        let value = move |place: usize| {
            let (y, x) = ((place / SHAPE.width) as f64, (place % SHAPE.width) as f64);
            128.0 + 80.0 * (1.2 * down * y + 1.2 * right * x + phase).sin()
        };
        (0..SHAPE.len()).map(value).collect::<Vec<f64>>()
    };
    let waves: Vec<Vec<f64>> = (0..classes).map(wave).collect();
    let mut rng = Rng::new(seed);
    let labels: Vec<u32> = (0..count).map(|i| i % classes).collect();
    let mut pixels = Vec::new();
    for class in &labels {
        let noisy = waves[*class as usize]
            .iter()
            .map(|v| v + 60.0 * (2.0 * rng.unit() - 1.0));
        pixels.extend(noisy.map(|v| v.clamp(0.0, 255.0) as u8));
    }
    Examples::new(SHAPE, Stored::U8(pixels), None, labels).unwrap()
}

#[test]
fn softmax_regression_gives_its_classes_away() {
    let (data, own) = (templates(SHAPE, 10, 300, 30, 1), templates(SHAPE, 10, 200, 30, 2));
    let recipe = recipe("linear", &[], 12, 32, 0.05);
    let model = trained(&recipe, &data, 10);
    let examiner = TrainConfig {
        seed: 5,
        ..recipe.clone()
    };
    let examiner = trained(&examiner, &own, 10);
    for objective in ["probability", "logit"] {
        let found = run(
            "mi-face",
            &exposure(&model, &recipe, &own),
            &[("objective", objective)],
        )
        .unwrap();
        assert_eq!(found.verdict, Verdict::Complete);
        assert!(found.figures["probability"] > 0.98 && found.figures["classes_reached"] == 10.0);
        let score = score::inversion(pictures(&found), &data, Some(&examiner)).unwrap();
        assert!(
            score.contrast > 0.7 && score.rank_one == 1.0,
            "{objective}: {score:?}"
        );
        assert!(score.evidence().deviations() > 5.0, "{objective}: {score:?}");
        assert!(score.examiner.unwrap() > 0.9, "{objective}: {score:?}");
        let (low, high) = pictures(&found)
            .iter()
            .fold((0f32, 0f32), |(a, b), v| (a.min(*v), b.max(*v)));
        assert!(low >= -0.01 && high <= 255.01, "{low} {high}");
    }
}

/// Probabilities near 1 are found in a model that learned nothing, too, but no pictures.
#[test]
fn an_untrained_model_gives_nothing_away() {
    let (data, own) = (templates(SHAPE, 10, 300, 30, 1), templates(SHAPE, 10, 200, 30, 2));
    let recipe = recipe("linear", &[], 1, 300, 1e-9);
    let model = trained(&recipe, &data, 10);
    let found = run("mi-face", &exposure(&model, &recipe, &own), &[]).unwrap();
    assert!(found.figures["probability"] > 0.98, "{:?}", found.figures);
    let score = judged(&found, &data);
    assert!(score.contrast.abs() < 0.2 && score.rank_one <= 0.4, "{score:?}");
    assert!(score.evidence().deviations() < 4.0, "{score:?}");
}

#[test]
fn priors_make_pictures_better() {
    let (data, own) = (waves(6, 240, 1), waves(6, 180, 2));
    let recipe = recipe("linear", &[], 12, 32, 0.01);
    let model = trained(&recipe, &data, 6);
    let exposure = exposure(&model, &recipe, &own);
    let bare = judged(&run("mi-face", &exposure, &[]).unwrap(), &data);
    let outcome = run("mi-prior", &exposure, &[]).unwrap();
    assert_eq!(outcome.figures["components"], 32.0);
    let prior = judged(&outcome, &data);
    assert!(prior.contrast > 0.85 && prior.rank_one == 1.0, "{prior:?}");
    assert!(
        prior.contrast > bare.contrast + 0.05,
        "{} {}",
        prior.contrast,
        bare.contrast
    );
    // Smoothness alone is of use as well.
    let smooth = judged(
        &run("mi-prior", &exposure, &[("components", "0")]).unwrap(),
        &data,
    );
    assert!(
        smooth.contrast > bare.contrast,
        "{} {}",
        smooth.contrast,
        bare.contrast
    );
}

struct Disguise(Key);

impl Disguise {
    /// Noise-free RMT on blocks of 4 pixels.
    fn new() -> Self {
        let given = [("block", "4"), ("noise", "0"), ("shuffle", "true")];
        Self(key("rmt", &given, SHAPE, 9))
    }

    fn apply(&self, plain: &Examples) -> Examples {
        let Stored::U8(bytes) = &plain.pixels else {
            panic!("plain images are bytes");
        };
        let disguise = self.0.disguise(SHAPE).unwrap();
        let output = disguise.output();
        let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
        let ids = SampleId::numbered("train", 0, plain.len());
        let samples = Samples::new(Salt([7; 16]), &ids);
        disguise.apply(samples, bytes, pixels.view_mut()).unwrap();
        let Pixels::F32(floats) = pixels else {
            panic!("RMT makes floats");
        };
        Examples::new(output.shape, Stored::F32(floats), None, plain.labels.clone()).unwrap()
    }

    fn remove(&self, pictures: &[f32]) -> Vec<f32> {
        let disguise = self.0.disguise(SHAPE).unwrap();
        let mut plain = vec![0; pictures.len()];
        let ids = SampleId::numbered("train", 0, pictures.len() / SHAPE.len());
        let samples = Samples::new(Salt([7; 16]), &ids);
        disguise
            .remove(samples, PixelsRef::F32(pictures), &mut plain)
            .unwrap();
        plain.into_iter().map(f32::from).collect()
    }
}

/// A model of disguised images gives away disguised pictures, and with the key plain ones.
#[test]
fn disguised_models_give_their_classes_away_to_whoever_has_the_key() {
    let (data, own) = (templates(SHAPE, 10, 300, 30, 1), templates(SHAPE, 10, 200, 30, 2));
    let disguise = Disguise::new();
    // Decay takes away what the initial weights look like, which is nothing.
    let recipe = TrainConfig {
        weight_decay: 0.05,
        ..recipe("linear", &[], 12, 32, 0.05)
    };
    let model = trained(&recipe, &disguise.apply(&data), 10);
    let exposure = exposure(&model, &recipe, &disguise.apply(&own));
    let found = run("mi-face", &exposure, &[("start", "own")]).unwrap();
    assert!(found.figures["probability"] > 0.98, "{:?}", found.figures);
    let raw = judged(&found, &data);
    assert!(raw.contrast.abs() < 0.3 && raw.rank_one < 0.6, "{raw:?}");
    let plain = disguise.remove(pictures(&found));
    let opened = score::inversion(&plain, &data, None).unwrap();
    assert!(opened.contrast > 0.9 && opened.rank_one == 1.0, "{opened:?}");
    assert!(opened.evidence().deviations() > 5.0, "{opened:?}");
}

#[test]
fn the_rule_ends_the_descent() {
    let own = templates(SHAPE, 10, 100, 30, 2);
    let recipe = recipe("linear", &[], 6, 32, 0.05);
    let model = trained(&recipe, &own, 10);
    let exposure = exposure(&model, &recipe, &own);
    let figures = |given: &[(&str, &str)]| run("mi-face", &exposure, given).unwrap().figures;
    let usual = figures(&[]);
    assert!(usual["steps"] > 3.0 && usual["steps"] < 1000.0, "{usual:?}");
    let easy = figures(&[("gamma", "0.5")]);
    assert!(
        easy["steps"] < usual["steps"] && easy["probability"] >= 0.5,
        "{easy:?}"
    );
    let short = figures(&[("alpha", "2")]);
    assert!(
        short["steps"] == 2.0 && short["probability"] < usual["probability"],
        "{short:?}"
    );
    // So long a step that the cost does not fall: it is over as soon as it may.
    let wild = figures(&[("lr", "1e9"), ("beta", "3"), ("gamma", "0")]);
    assert!(wild["steps"] < 100.0, "{wild:?}");
}

#[test]
fn what_was_reached_is_there_when_the_time_runs_out() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let own = templates(SHAPE, 10, 100, 30, 2);
    let recipe = recipe("linear", &[], 6, 32, 0.05);
    let model = trained(&recipe, &own, 10);
    let budget = Budget::stoppable(Some(Duration::from_secs(3600)), 1 << 30, &STOP);
    let stop = |share: f64, _: &str| STOP.store(share > 0.002, Ordering::Relaxed);
    let exposure = exposure(&model, &recipe, &own);
    let found = run_within("mi-face", &exposure, &[], &budget, &stop).unwrap();
    assert!(
        matches!(&found.verdict, Verdict::Inconclusive(why) if why.contains("time")),
        "{:?}",
        found.verdict
    );
    assert_eq!(pictures(&found).len(), 10 * SHAPE.len());
    assert!(
        found.figures["steps"] >= 3.0 && found.figures["probability"] > 0.1,
        "{:?}",
        found.figures
    );
}
