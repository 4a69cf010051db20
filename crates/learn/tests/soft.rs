//! Learning from class weights: the same as from class numbers where they say the same, exact when
//! stopped, and enough to name pure pictures after having seen mixtures alone.

mod common;

use common::{classes, config, patterns};
use std::ops::ControlFlow;
use visard_core::Shape;
use visard_data::Stored;
use visard_learn::{Error, Examples, Model, Rng, Run, Soft, TrainConfig, train};

const SHAPE: Shape = Shape::new(8, 8, 1);

fn learn(config: &TrainConfig, data: &Examples) -> Model {
    train(config, data, None, &classes(3), Run::default()).unwrap()
}

/// The same images with all weight, `weight`, on the class of the label.
fn one_hot(data: &Examples, weight: f32) -> Examples {
    let row = |label: u32| (0..3).map(move |c| if c == label { weight } else { 0.0 });
    let weights = data.labels.iter().copied().flat_map(row).collect();
    let mut soft = data.clone();
    soft.labels.clear();
    soft.with_soft(Some(Soft { classes: 3, weights })).unwrap()
}

/// Mixtures of two of the three pictures, `share` of each row's weight being told.
fn mixtures(count: u32, share: f32, seed: u64) -> Examples {
    let (first, second) = (
        patterns(SHAPE, 3, count, seed),
        patterns(SHAPE, 3, count, seed + 1),
    );
    let (Stored::U8(a), Stored::U8(b)) = (&first.pixels, &second.pixels) else {
        panic!("patterns are bytes");
    };
    let mut rng = Rng::new(seed, "mixtures", 0);
    // Pictures of every class meet those of every other.
    let partners: Vec<usize> = (0..count as usize).map(|_| rng.below(count as usize)).collect();
    let (mut pixels, mut weights) = (Vec::new(), Vec::new());
    for (image, partner) in partners.iter().enumerate() {
        let own = 0.35 + 0.3 * rng.unit();
        let size = SHAPE.len();
        let (a, b) = (&a[image * size..][..size], &b[partner * size..][..size]);
        pixels.extend(
            a.iter()
                .zip(b)
                .map(|(a, b)| own * f32::from(*a) + (1.0 - own) * f32::from(*b)),
        );
        let mut row = [0.0; 3];
        row[first.labels[image] as usize] += share * own;
        row[second.labels[*partner] as usize] += share * (1.0 - own);
        weights.extend(row);
    }
    let plain = Examples::new(SHAPE, Stored::F32(pixels), None, vec![]).unwrap();
    plain.with_soft(Some(Soft { classes: 3, weights })).unwrap()
}

#[test]
fn one_hot_rows_train_the_same_weights_as_class_numbers() {
    let data = patterns(SHAPE, 3, 60, 1);
    for network in ["cnn", "mlp"] {
        let config = config(network, &[("dropout", "0.3")]);
        let (hard, soft) = (learn(&config, &data), learn(&config, &one_hot(&data, 1.0)));
        assert!(hard.state() == soft.state(), "{network}: weights differ");
        let figures = |m: &Model| -> Vec<_> {
            let history = m.info().history.iter();
            history.map(|e| (e.train_loss, e.train_accuracy)).collect()
        };
        assert_eq!(figures(&hard), figures(&soft), "{network}");
    }
}

/// Rows of half the weight have half the gradient, so twice the rate makes up for it exactly; were
/// they renormalised, it would not.
#[test]
fn rows_that_sum_to_less_than_one_are_not_renormalised() {
    let data = patterns(SHAPE, 3, 60, 1);
    let mut config = config("mlp", &[]);
    (config.weight_decay, config.lr) = (0.0, 0.02);
    let whole = learn(&config, &one_hot(&data, 1.0));
    config.lr *= 2.0;
    let half = learn(&config, &one_hot(&data, 0.5));
    assert!(whole.state() == half.state());
    let loss = |m: &Model| m.info().history[0].train_loss;
    assert!((loss(&half) - loss(&whole) / 2.0).abs() < 1e-4 * loss(&whole));
}

#[test]
fn pure_pictures_are_named_after_learning_from_mixtures_alone() {
    let unseen = patterns(SHAPE, 3, 60, 9);
    for (network, share) in [("cnn", 1.0), ("mlp", 1.0), ("mlp", 0.6)] {
        let data = mixtures(240, share, 1);
        let model = learn(&config(network, &[]), &data);
        let result = model.evaluate(&unseen, 32).unwrap();
        assert!(result.accuracy > 0.9, "{network} {share}: {result:?}");
        let record = model.info().history.last().unwrap();
        assert!(record.train_accuracy > 0.6, "{network} {share}: {record:?}");
        // The answers to mixtures follow the weights: the mean distance of the probabilities from
        // the (renormalised) row is far below that of an even answer.
        let (answers, soft) = (model.predict(&data).unwrap(), data.soft.as_ref().unwrap());
        let (mut distance, mut even) = (0.0, 0.0);
        for (answer, row) in answers.iter().zip(soft.weights.chunks_exact(3)) {
            for (class, probability) in &answer.top {
                let weight = row[*class as usize] / share;
                distance += (probability - weight).abs();
                even += (1.0 / 3.0 - weight).abs();
            }
        }
        assert!(distance < 0.3 * even, "{network} {share}: {distance} of {even}");
    }
}

#[test]
fn stopped_runs_on_soft_labels_end_with_the_same_weights() {
    let data = mixtures(60, 0.8, 1);
    let mut config = config("mlp", &[("dropout", "0.3"), ("hidden1", "32"), ("hidden2", "16")]);
    config.epochs = 4;
    let straight = train(&config, &data, Some(&data), &classes(3), Run::default()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let mut stop = |p: &visard_learn::Progress| match p.epoch {
        3 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let run = Run {
        checkpoint: Some(&path),
        progress: Some(&mut stop),
        ..Run::default()
    };
    let stopped = train(&config, &data, Some(&data), &classes(3), run);
    assert!(
        matches!(stopped, Err(Error::Interrupted { epochs: 2 })),
        "{stopped:?}"
    );
    let go = |data: &Examples| {
        let run = Run {
            checkpoint: Some(&path),
            ..Run::default()
        };
        train(&config, data, Some(data), &classes(3), run)
    };
    // Other weights on the same images make another run.
    let mut other = data.clone();
    other.soft.as_mut().unwrap().weights[0] += 0.125;
    assert!(matches!(go(&other), Err(Error::Foreign { .. })));
    let resumed = go(&data).unwrap();
    assert!(straight.state() == resumed.state());
    let figures = |m: &Model| -> Vec<_> {
        let history = m.info().history.iter();
        history
            .map(|e| (e.train_loss, e.train_accuracy, e.val_accuracy))
            .collect()
    };
    assert_eq!(figures(&straight), figures(&resumed));
}

#[test]
fn averaged_encodings_are_named_better_than_single_ones() {
    let model = learn(&config("mlp", &[]), &patterns(SHAPE, 3, 96, 1));
    // Five encodings of each picture, drowned in noise of their own.
    let clean = patterns(SHAPE, 3, 60, 2);
    let Stored::U8(values) = &clean.pixels else {
        panic!("patterns are bytes");
    };
    let mut rng = Rng::new(0, "drowned", 0);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (image, label) in values.chunks_exact(SHAPE.len()).zip(&clean.labels) {
        for _ in 0..5 {
            pixels.extend(image.iter().map(|v| f32::from(*v) + 1200.0 * (rng.unit() - 0.5)));
            labels.push(*label);
        }
    }
    let single = Examples::new(SHAPE, Stored::F32(pixels), None, labels).unwrap();
    let several = single.clone().with_encodings(5).unwrap();
    let (alone, together) = (
        model.evaluate(&single, 64).unwrap(),
        model.evaluate(&several, 64).unwrap(),
    );
    assert_eq!((alone.n, together.n), (300, 60));
    assert!(
        together.accuracy > alone.accuracy + 0.05,
        "{} {}",
        alone.accuracy,
        together.accuracy
    );
    let answers = model.predict(&several).unwrap();
    let right = answers.iter().zip(&clean.labels).filter(|(a, l)| a.class == **l);
    assert_eq!(right.count() as u64, together.correct);
    assert_eq!(model.logits(&several, 64).unwrap().len(), 900);
}

#[test]
fn soft_labels_that_do_not_fit_are_refused_before_training() {
    let config = config("mlp", &[]);
    let sound = mixtures(12, 1.0, 1);
    let refused = |data: &Examples, validation: Option<&Examples>, count| {
        let result = train(&config, data, validation, &classes(count), Run::default());
        assert!(matches!(result, Err(Error::Examples(_))), "{result:?}");
    };
    refused(&sound, None, 4);
    refused(&sound, None, 2);
    let mut bad = sound.clone();
    bad.soft.as_mut().unwrap().weights[7] = f32::NAN;
    refused(&bad, None, 3);
    refused(&sound, Some(&bad), 3);
    bad.soft.as_mut().unwrap().weights[7] = -0.1;
    refused(&bad, None, 3);
    bad.soft.as_mut().unwrap().weights.truncate(33);
    refused(&bad, None, 3);
    bad.soft = None;
    refused(&bad, None, 3);
    // Nothing can be right about a validation image without weight.
    let mut weightless = sound.clone();
    weightless.soft.as_mut().unwrap().weights[..3].fill(0.0);
    refused(&sound, Some(&weightless), 3);
    train(&config, &weightless, None, &classes(3), Run::default()).unwrap();
    let mut parted = sound.clone();
    parted.encodings = 5;
    refused(&parted, None, 3);
    refused(&sound, Some(&parted), 3);
}
