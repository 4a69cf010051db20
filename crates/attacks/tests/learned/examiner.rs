//! The examiner's three experiments, and linkage by embeddings.

use crate::support::{self, Given, disguise, key};
use std::time::Duration;
use visard_attacks::{
    Budget, Error, Exposure, Outcome, Result, Rng, Set, Verdict,
    attacks::learned::examiner::{Examiner, Settings},
};
use visard_core::{Pixels, Shape};

const SHAPE: Shape = Shape::new(16, 16, 1);

/// Images of classes in turn: the pattern of the class, moved by up to a pixel, of its own contrast, under
/// noise.
fn scenes(classes: usize, count: usize, seed: u64) -> Set {
    // The same patterns whatever the seed is.
    let mut rng = Rng::new(77);
    let patterns: Vec<[[f64; 4]; 3]> = (0..classes)
        .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| rng.unit())))
        .collect();
    let mut rng = Rng::new(1000 + seed);
    let mut pixels = Vec::new();
    for image in 0..count {
        let (down, right) = (rng.below(3) as f64, rng.below(3) as f64);
        let contrast = 0.8 + 0.4 * rng.unit();
        for i in 0..SHAPE.len() {
            let (y, x) = ((i / 16) as f64 + down, (i % 16) as f64 + right);
            let wave = |[a, b, phase, power]: &[f64; 4]| {
                (0.4 + power) * ((1.2 * a - 0.6) * y + (1.2 * b - 0.6) * x + 6.3 * phase).sin()
            };
            let pattern: f64 = patterns[image % classes].iter().map(wave).sum();
            let value = 120.0 + 40.0 * contrast * pattern + 40.0 * (rng.unit() - 0.5);
            pixels.push(value.clamp(0.0, 255.0) as u8);
        }
    }
    labelled(pixels, classes)
}

fn noise(classes: usize, count: usize) -> Set {
    let mut rng = Rng::new(5);
    labelled(
        (0..count * SHAPE.len()).map(|_| rng.below(256) as u8).collect(),
        classes,
    )
}

fn labelled(pixels: Vec<u8>, classes: usize) -> Set {
    let labels = (0..pixels.len() / SHAPE.len())
        .map(|i| (i % classes) as u32)
        .collect();
    Set::new(SHAPE, Pixels::U8(pixels), labels).unwrap()
}

/// The set under one key of the scheme.
fn disguised(plain: &Set, scheme: &str, given: Given<'_>) -> Exposure {
    let set = disguise(&key(scheme, given, SHAPE, 3), plain, 7, 0);
    support::exposure(scheme, given, SHAPE, set)
}

fn run(name: &str, exposure: &Exposure, given: Given<'_>, budget: &Budget) -> Result<Outcome> {
    support::run(name, exposure, given, budget, 3)
}

fn ample() -> Budget {
    Budget::generous()
}

fn settings() -> Settings {
    Settings {
        seeds: 2,
        ..Settings::default()
    }
}

/// What a problem with the exposure says.
fn problem<T: std::fmt::Debug>(found: Result<T>) -> String {
    match found {
        Err(Error::Exposure(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn recovered_originals_are_named_like_plain_images_and_noise_by_chance() {
    let examiner = Examiner::train(&scenes(5, 300, 1), &settings(), &ample())
        .unwrap()
        .unwrap();
    assert!(examiner.knows() && examiner.networks() == 2);
    assert!(examiner.plain().iter().all(|rate| rate.of == 60));
    let count = 150;
    // A perfect recovery of images that the networks were not trained on.
    let same = examiner.examine(&scenes(5, count, 2)).unwrap();
    assert!(same.plain > 0.8, "{same:?}");
    let pooled = (same.accuracy * count as f64 + same.plain * 60.0) / (count as f64 + 60.0);
    let error = (pooled * (1.0 - pooled) * (1.0 / count as f64 + 1.0 / 60.0)).sqrt();
    assert!(
        (same.accuracy - same.plain).abs() < 3.0 * error + 1.0 / 60.0,
        "{same:?}"
    );
    assert!(
        same.normalised.unwrap() > 0.8 && same.deviations > 8.0,
        "{same:?}"
    );
    for rate in &same.networks {
        assert!(rate.interval.0 < rate.accuracy && rate.accuracy <= rate.interval.1 && rate.of == 150);
    }
    let blind = examiner.examine(&noise(5, count)).unwrap();
    let error = (0.2 * 0.8 / count as f64).sqrt();
    assert_eq!((blind.chance, blind.majority, blind.left_out), (0.2, 0.2, 0));
    assert!((blind.accuracy - 0.2).abs() < 3.0 * error, "{blind:?}");
    assert!(
        blind.deviations < 3.0 && blind.evidence().deviations() < 3.0,
        "{blind:?}"
    );

    // Another scale hides nothing from who takes it back, and all from a network that knows bytes.
    let faint: Vec<f32> = scenes(5, count, 2)
        .to_floats()
        .iter()
        .map(|v| (v - 100.0) / 500.0)
        .collect();
    let labels = scenes(5, count, 2).labels().to_vec();
    let faint = Set::new(SHAPE, Pixels::F32(faint), labels).unwrap();
    let matched = examiner.examine(&faint).unwrap();
    assert!(
        (matched.accuracy - same.accuracy).abs() < 0.02,
        "{matched:?} {same:?}"
    );
    let fixed = Settings {
        match_scale: false,
        seeds: 1,
        ..settings()
    };
    let fixed = Examiner::train(&scenes(5, 300, 1), &fixed, &ample())
        .unwrap()
        .unwrap();
    let lost = fixed.examine(&faint).unwrap();
    assert!(lost.accuracy < 0.5 && lost.plain > 0.8, "{lost:?}");
}

#[test]
fn labels_are_matched_by_name_and_unknown_ones_left_out() {
    let renamed = |set: Set, names: &[u32]| {
        let labels = set.labels().iter().map(|label| names[*label as usize]).collect();
        Set::new(set.shape(), set.pixels().clone(), labels).unwrap()
    };
    let plain = renamed(scenes(3, 150, 1), &[7, 30, 4]);
    let one = Settings {
        seeds: 1,
        ..settings()
    };
    let examiner = Examiner::train(&plain, &one, &ample()).unwrap().unwrap();
    let found = examiner
        .examine(&renamed(scenes(3, 60, 2), &[7, 30, 99]))
        .unwrap();
    assert_eq!(
        (found.left_out, found.networks[0].of, found.majority),
        (20, 40, 0.5)
    );
    assert!(found.accuracy > 0.7, "{found:?}");
    let strange = problem(examiner.examine(&renamed(scenes(3, 60, 2), &[1, 2, 3])));
    assert!(strange.contains("class"), "{strange}");
}

#[test]
fn bad_images_are_refused() {
    let few = Settings {
        seeds: 1,
        epochs: 1,
        ..settings()
    };
    let train = |set: &Set, settings: &Settings| Examiner::train(set, settings, &ample());
    let plain = scenes(2, 40, 1);
    let bare = Set::bytes(SHAPE, plain.as_bytes().unwrap().to_vec()).unwrap();
    assert!(problem(train(&bare, &few)).contains("labels"));
    assert!(problem(train(&plain.first(11), &few)).contains("12"));
    assert!(problem(train(&scenes(1, 40, 1), &few)).contains("two classes"));
    assert!(
        problem(train(
            &plain,
            &Settings {
                seeds: 0,
                ..few.clone()
            }
        ))
        .contains("seeds")
    );
    let unknown = Settings {
        network: "none".into(),
        ..few.clone()
    };
    assert!(matches!(train(&plain, &unknown), Err(Error::Learning(_))));

    let examiner = train(&plain, &few).unwrap().unwrap();
    assert!(problem(examiner.examine(&bare)).contains("labels"));
    let wide = Set::new(Shape::new(16, 8, 1), plain.pixels().clone(), vec![0; 80]).unwrap();
    assert!(problem(examiner.examine(&wide)).contains("16x8"));
    let mut values = plain.to_floats();
    values[70] = f32::NAN;
    let odd = Set::new(SHAPE, Pixels::F32(values), plain.labels().to_vec()).unwrap();
    assert!(matches!(examiner.examine(&odd), Err(Error::Learning(_))));
}

#[test]
fn a_spent_budget_trains_nothing() {
    let spent = || Budget::new(Some(Duration::ZERO), 8 << 30);
    let plain = scenes(2, 40, 1);
    assert!(Examiner::train(&plain, &settings(), &spent()).unwrap().is_none());
    let exposure = disguised(&plain, "shf", &[]).with_public(plain.clone()).unwrap();
    for name in ["examiner", "examiner-disguised", "linkage-embedding"] {
        for budget in [spent(), Budget::new(None, 1 << 12)] {
            let outcome = run(name, &exposure, &[], &budget).unwrap();
            assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)), "{name}");
            assert!(
                outcome.figures.is_empty() && outcome.evidence.is_empty(),
                "{name}"
            );
        }
    }
}

#[test]
fn the_examiner_sees_through_small_blocks_and_not_through_aes() {
    let (public, plain) = (scenes(5, 300, 1), scenes(5, 100, 2));
    let given: Given<'_> = &[("seeds", "1")];
    let examine = |scheme: &str, settings: Given<'_>| {
        let exposure = disguised(&plain, scheme, settings)
            .with_public(public.clone())
            .unwrap();
        let outcome = run("examiner", &exposure, given, &ample()).unwrap();
        assert_eq!(outcome.verdict, Verdict::Complete, "{scheme}");
        assert!(outcome.figures["plain_accuracy"] > 0.8 && outcome.figures["chance"] == 0.2);
        assert_eq!((outcome.figures["images"], outcome.evidence.len()), (100.0, 1));
        (outcome.figures["accuracy"], outcome.evidence[0].deviations())
    };
    // The picture in steps of two pixels remains.
    let (accuracy, deviations) = examine("shf", &[("block", "2")]);
    assert!(accuracy > 0.5 && deviations > 5.0, "{accuracy} {deviations}");
    let (accuracy, deviations) = examine("aes", &[]);
    assert!(
        (accuracy - 0.2).abs() < 3.0 * 0.04 && deviations < 3.0,
        "{accuracy} {deviations}"
    );

    // Without labels there is nothing to learn or to judge by.
    let bare = Set::bytes(SHAPE, public.as_bytes().unwrap().to_vec()).unwrap();
    let exposure = disguised(&plain, "shf", &[]).with_public(bare).unwrap();
    assert!(problem(run("examiner", &exposure, given, &ample())).contains("labels"));
    assert!(problem(run("examiner", &disguised(&plain, "shf", &[]), given, &ample())).contains("public"));
    let large = Set::new(Shape::new(8, 8, 1), public.pixels().clone(), vec![0; 1200]).unwrap();
    let exposure = disguised(&plain, "shf", &[]).with_public(large).unwrap();
    assert!(problem(run("examiner", &exposure, given, &ample())).contains("8x8"));
}

#[test]
fn disguised_images_of_another_shape_are_no_pictures() {
    let plain = scenes(2, 24, 1);
    let given: Given<'_> = &[("patch", "4"), ("width", "32")];
    let exposure = disguised(&plain, "neuracrypt", given).with_public(plain).unwrap();
    let found = run("examiner", &exposure, &[], &ample());
    assert!(
        matches!(
            found,
            Err(Error::Unfit {
                attack: "examiner",
                ..
            })
        ),
        "{found:?}"
    );
    // What was learnt from such images is another matter.
    let found = run("examiner-disguised", &exposure, &[], &ample()).unwrap();
    assert_eq!((found.verdict, found.figures["images"]), (Verdict::Complete, 8.0));
}

#[test]
fn what_a_network_learnt_from_shuffled_images_it_finds_in_others() {
    let name = |set: &Set, network: &str| {
        let exposure = disguised(set, "shf", &[]);
        let outcome = run("examiner-disguised", &exposure, &[("network", network)], &ample()).unwrap();
        // By intent, and so no evidence of a break.
        assert!(outcome.evidence.is_empty() && outcome.verdict == Verdict::Complete);
        assert_eq!(
            (outcome.figures["images"], outcome.figures["trained_on"]),
            (100.0, 200.0)
        );
        assert_eq!(outcome.figures["chance"], 0.2);
        outcome.figures["accuracy"]
    };
    // Five standard errors above chance.
    let bound = 0.2 + 5.0 * 0.04;
    for network in ["auto", "mlp"] {
        let accuracy = name(&scenes(5, 300, 1), network);
        assert!(accuracy > bound, "{network}: {accuracy}");
    }
    let accuracy = name(&noise(5, 300), "auto");
    assert!((accuracy - 0.2).abs() < 3.0 * 0.04, "{accuracy}");
    let few = disguised(&scenes(5, 11, 1), "shf", &[]);
    assert!(problem(run("examiner-disguised", &few, &[], &ample())).contains("12"));
}

#[test]
fn strangers_are_told_apart_by_what_a_network_learnt_of_others() {
    let exposure = disguised(&scenes(9, 216, 1), "shf", &[]);
    let outcome = run("linkage-embedding", &exposure, &[], &ample()).unwrap();
    let figure = |name: &str| outcome.figures[name];
    assert_eq!(outcome.verdict, Verdict::Complete);
    // Three of nine classes; the second hidden layer of the mlp.
    assert_eq!(
        (figure("classes_new"), figure("trained_on"), figure("features")),
        (3.0, 72.0, 256.0)
    );
    assert!(
        figure("auc_new") > 0.6 && figure("auc_seen") > 0.6,
        "{:?}",
        outcome.figures
    );
    assert!(
        figure("accuracy_new") > figure("chance_new") && figure("auc_raw_new") > 0.6,
        "{:?}",
        outcome.figures
    );
    let evidence = &outcome.evidence[0];
    assert!(
        (evidence.null - 0.5).abs() < 0.03 && evidence.deviations() > 3.0,
        "{evidence:?}"
    );

    // Of what hides everything, strangers are as near to each other as to anybody.
    let hidden = disguised(&scenes(9, 216, 1), "aes", &[]);
    let outcome = run("linkage-embedding", &hidden, &[], &ample()).unwrap();
    assert!(
        outcome.evidence[0].deviations().abs() < 4.0,
        "{:?}",
        outcome.evidence
    );
    assert!(
        (outcome.figures["auc_new"] - 0.5).abs() < 0.1,
        "{:?}",
        outcome.figures
    );
}

#[test]
fn linkage_of_few_classes_has_no_strangers() {
    let exposure = disguised(&scenes(3, 60, 1), "shf", &[]);
    for given in [&[][..], &[("network", "cnn"), ("epochs", "1")]] {
        let outcome = run("linkage-embedding", &exposure, given, &ample()).unwrap();
        assert_eq!((outcome.figures["classes_new"], outcome.evidence.len()), (0.0, 0));
        assert!(outcome.figures.contains_key("auc_seen") && !outcome.figures.contains_key("auc_new"));
    }
    let bare = Set::bytes(SHAPE, exposure.disguised.as_bytes().unwrap().to_vec()).unwrap();
    let bare = support::exposure("shf", &[], SHAPE, bare);
    assert!(problem(run("linkage-embedding", &bare, &[], &ample())).contains("labels"));
    let few = disguised(&scenes(3, 11, 1), "shf", &[]);
    assert!(problem(run("linkage-embedding", &few, &[], &ample())).contains("12"));
}
