//! Training as a whole: networks learn, runs repeat and resume exactly, bad input is refused.

mod common;

use common::{classes, config, patterns, settings, small};
use std::ops::ControlFlow;
use visard_core::Shape;
use visard_data::Stored;
use visard_learn::{
    ClassWeights, DeviceKind, Error, Examples, OptimizerKind, Run, Schedule, State, TrainConfig, fronts,
    networks, train,
};

fn weights(config: &TrainConfig, data: &Examples) -> State {
    train(config, data, None, &classes(3), Run::default())
        .unwrap()
        .state()
}

#[test]
fn every_network_learns_images_of_every_shape() {
    for info in networks::ALL {
        for shape in [(28, 28, 1), (32, 32, 3), (5, 7, 2), (1, 1, 3)] {
            let shape = Shape::new(shape.0, shape.1, shape.2);
            let (data, unseen) = (patterns(shape, 3, 96, 1), patterns(shape, 3, 60, 2));
            let mut settings = small(info.name).to_vec();
            let cuts = info.params.iter().any(|p| p.name == "patch");
            if cuts && !shape.height.is_multiple_of(4) {
                settings.push(("patch", "1"));
            }
            let mut config = config(info.name, &settings);
            if config.optimizer == OptimizerKind::Adamw {
                (config.epochs, config.lr) = (12, 0.01);
            }
            let model = train(&config, &data, None, &classes(3), Run::default()).unwrap();
            let result = model.evaluate(&unseen, 32).unwrap();
            assert!(result.accuracy > 0.9, "{} {shape}: {result:?}", info.name);
            assert!(result.interval.0 < result.accuracy && result.accuracy <= result.interval.1 + 1e-12);
            let row_sums: Vec<u64> = result.confusion.iter().map(|row| row.iter().sum()).collect();
            assert_eq!(row_sums, [20, 20, 20]);
        }
    }
}

#[test]
fn every_front_learns_before_a_network_and_refuses_part_blocks() {
    for info in fronts::ALL {
        for network in ["cnn", "resnet18"] {
            let config = config(network, small(network));
            let config = config.with_front(info.name, &Default::default()).unwrap();
            let data = patterns(Shape::new(12, 8, 3), 3, 96, 1);
            let model = train(&config, &data, None, &classes(3), Run::default()).unwrap();
            let accuracy = model.evaluate(&data, 100).unwrap().accuracy;
            assert!(accuracy > 0.9, "{} {network}: {accuracy}", info.name);
            let odd = patterns(Shape::new(10, 8, 3), 3, 6, 1);
            if info.params.iter().any(|p| p.name == "block") {
                let refused = train(&config, &odd, None, &classes(3), Run::default());
                assert!(matches!(refused, Err(Error::Shape { .. })), "{refused:?}");
            }
        }
    }
}

/// Every optimiser and schedule learns, and what limits the steps does not keep them from it.
#[test]
fn every_way_of_training_learns() {
    let (data, unseen) = (
        patterns(Shape::new(8, 8, 1), 3, 96, 1),
        patterns(Shape::new(8, 8, 1), 3, 60, 2),
    );
    for optimizer in [OptimizerKind::Sgd, OptimizerKind::Adamw] {
        for schedule in [
            Schedule::Cosine,
            Schedule::Constant,
            Schedule::Step,
            Schedule::OneCycle,
        ] {
            let mut config = config("cnn", small("cnn"));
            (config.optimizer, config.schedule) = (optimizer, schedule);
            config.lr = if optimizer == OptimizerKind::Sgd {
                0.05
            } else {
                0.01
            };
            (config.label_smoothing, config.clip) = (0.1, Some(1.0));
            config.class_weights = ClassWeights::Balanced;
            let model = train(&config, &data, None, &classes(3), Run::default()).unwrap();
            let accuracy = model.evaluate(&unseen, 32).unwrap().accuracy;
            assert!(accuracy > 0.9, "{optimizer:?} {schedule:?}: {accuracy}");
        }
    }
}

/// With a limit near nothing the weights hardly move.
#[test]
fn clipped_gradients_make_short_steps() {
    let data = patterns(Shape::new(8, 8, 1), 3, 48, 1);
    let moved = |clip: Option<f64>| {
        let mut config = config(
            "mlp",
            &[("hidden1", "8"), ("hidden2", "8"), ("batch_norm", "false")],
        );
        (config.epochs, config.momentum, config.weight_decay, config.clip) = (1, 0.0, 0.0, clip);
        let (first, mut still) = (weights(&config, &data), config);
        still.lr = 1e-30;
        let start = weights(&still, &data);
        let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        let squares = |(name, v): (&String, &visard_learn::Values)| -> f64 {
            v.values.iter().zip(&start[name].values).map(square).sum()
        };
        first.iter().map(squares).sum::<f64>().sqrt()
    };
    // Three steps of at most 0.05 times the limit.
    let (free, short) = (moved(None), moved(Some(0.01)));
    assert!(short < 3.0 * 0.05 * 0.01 * 1.001, "{short}");
    assert!(free > 10.0 * short, "{free} {short}");
}

#[test]
fn patience_ends_a_run_and_keeps_the_best_epoch() {
    let data = patterns(Shape::new(6, 6, 1), 3, 48, 1);
    // Labels that cannot be learned: the validation accuracy soon stops rising.
    let mut unseen = patterns(Shape::new(6, 6, 1), 3, 30, 2);
    unseen
        .labels
        .iter_mut()
        .enumerate()
        .for_each(|(i, l)| *l = (i / 3 % 3) as u32);
    let mut config = config("mlp", &[("hidden1", "8"), ("hidden2", "8")]);
    (config.epochs, config.patience) = (60, Some(3));
    let refused = train(&config, &data, None, &classes(3), Run::default());
    assert!(
        matches!(refused, Err(Error::Setting { name: "patience", .. })),
        "{refused:?}"
    );

    let straight = train(&config, &data, Some(&unseen), &classes(3), Run::default()).unwrap();
    let history = &straight.info().history;
    let accuracies: Vec<f64> = history.iter().map(|e| e.val_accuracy.unwrap()).collect();
    let best = accuracies.iter().copied().fold(0.0, f64::max);
    let first = accuracies.iter().position(|a| *a == best).unwrap();
    assert_eq!(accuracies.len(), first + 4, "{accuracies:?}");
    let accuracy = straight.evaluate(&unseen, 32).unwrap().accuracy;
    assert!((accuracy - best).abs() < 1e-5, "{accuracy} {accuracies:?}");

    // A run that was stopped in the epochs of patience ends with the same weights.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let mut stop = |p: &visard_learn::Progress| match p.epoch {
        epoch if epoch == first + 3 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let run = Run {
        checkpoint: Some(&path),
        progress: Some(&mut stop),
        ..Run::default()
    };
    train(&config, &data, Some(&unseen), &classes(3), run).unwrap_err();
    let run = Run {
        checkpoint: Some(&path),
        ..Run::default()
    };
    let resumed = train(&config, &data, Some(&unseen), &classes(3), run).unwrap();
    assert!(straight.state() == resumed.state());
    assert_eq!(resumed.info().history.len(), history.len());
}

#[cfg(not(feature = "gpu"))]
#[test]
fn a_gpu_that_the_program_cannot_use_is_named() {
    let data = patterns(Shape::new(6, 6, 1), 3, 12, 1);
    let run = Run {
        device: DeviceKind::Gpu,
        ..Run::default()
    };
    let refused = train(&config("mlp", &[]), &data, None, &classes(3), run);
    assert!(matches!(refused, Err(Error::NoDevice(_))), "{refused:?}");
}

#[test]
fn the_seed_determines_everything() {
    let data = patterns(Shape::new(8, 8, 1), 3, 60, 1);
    for (network, params) in [
        ("cnn", &[][..]),
        ("mlp", &[("dropout", "0.5"), ("batch_norm", "true")][..]),
    ] {
        let mut config = config(network, params);
        config.epochs = 2;
        let first = weights(&config, &data);
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let again = one_thread.install(|| weights(&config, &data));
        assert!(
            first == again,
            "{network}: weights differ between runs or numbers of threads"
        );
        config.seed += 1;
        assert!(
            first != weights(&config, &data),
            "{network}: the seed makes no difference"
        );
    }
}

/// Big enough for every kernel to be spread over threads.
#[test]
fn large_batches_are_summed_in_the_same_order_every_time() {
    let data = patterns(Shape::new(28, 28, 1), 3, 256, 1);
    for network in ["cnn", "mlp"] {
        let mut config = config(network, &[]);
        (config.epochs, config.batch) = (1, 128);
        let first = weights(&config, &data);
        assert!(first == weights(&config, &data), "{network}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
        assert!(
            first == pool.install(|| weights(&config, &data)),
            "{network} with five threads"
        );
    }
}

#[test]
fn stopped_runs_end_with_the_same_weights() {
    let data = patterns(Shape::new(8, 8, 1), 3, 60, 1);
    let folder = tempfile::tempdir().unwrap();
    for (network, params) in [
        ("cnn", &[][..]),
        ("mlp", &[("dropout", "0.3"), ("batch_norm", "true")][..]),
    ] {
        let mut config = config(network, params);
        config.epochs = 4;
        config.augment.shift = 1;
        if network == "mlp" {
            config.optimizer = OptimizerKind::Adamw;
            config.lr = 0.001;
            config = config
                .with_front("ele", &settings(&[("block", "4"), ("features", "2")]))
                .unwrap();
        }
        let straight = train(&config, &data, Some(&data), &classes(3), Run::default()).unwrap();

        let path = folder.path().join(network);
        let mut lines = Vec::new();
        let mut stop = |p: &visard_learn::Progress| match p.epoch {
            3 if p.batch > 1 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let run = Run {
            checkpoint: Some(&path),
            metrics: Some(&mut lines),
            progress: Some(&mut stop),
            ..Run::default()
        };
        let stopped = train(&config, &data, Some(&data), &classes(3), run);
        assert!(
            matches!(stopped, Err(Error::Interrupted { epochs: 2 })),
            "{stopped:?}"
        );

        let mut seen = Vec::new();
        let mut watch = |p: &visard_learn::Progress| {
            seen.push(p.epoch);
            ControlFlow::Continue(())
        };
        let run = Run {
            checkpoint: Some(&path),
            metrics: Some(&mut lines),
            progress: Some(&mut watch),
            ..Run::default()
        };
        let resumed = train(&config, &data, Some(&data), &classes(3), run).unwrap();
        assert_eq!((seen.first(), seen.last()), (Some(&3), Some(&4)));
        assert!(
            straight.state() == resumed.state(),
            "{network}: weights differ after resuming"
        );
        let figures = |m: &visard_learn::Model| -> Vec<_> {
            m.info()
                .history
                .iter()
                .map(|e| (e.epoch, e.train_loss, e.lr, e.val_accuracy))
                .collect()
        };
        assert_eq!(figures(&straight), figures(&resumed));

        let metrics = String::from_utf8(lines).unwrap();
        let records: Vec<visard_learn::EpochRecord> = metrics
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(records, resumed.info().history);

        // A finished run has nothing left to do.
        let run = Run {
            checkpoint: Some(&path),
            ..Run::default()
        };
        assert!(
            train(&config, &data, Some(&data), &classes(3), run)
                .unwrap()
                .state()
                == resumed.state()
        );
    }
}

#[test]
fn checkpoints_of_other_runs_and_broken_ones_are_refused() {
    let data = patterns(Shape::new(6, 6, 1), 3, 30, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let mut good = config("mlp", &[("hidden1", "8"), ("hidden2", "8")]);
    good.epochs = 2;
    let go = |config: &TrainConfig, data: &Examples, classes: &[String]| {
        let run = Run {
            checkpoint: Some(&path),
            ..Run::default()
        };
        train(config, data, None, classes, run)
    };
    go(&good, &data, &classes(3)).unwrap();

    let mut other = good.clone();
    other.seed = 9;
    assert!(matches!(
        go(&other, &data, &classes(3)),
        Err(Error::Foreign { .. })
    ));
    let cnn = config("cnn", &[]);
    assert!(matches!(go(&cnn, &data, &classes(3)), Err(Error::Foreign { .. })));
    let shape = patterns(Shape::new(9, 4, 1), 3, 30, 1);
    assert!(matches!(
        go(&good, &shape, &classes(3)),
        Err(Error::Foreign { .. })
    ));
    assert!(matches!(
        go(&good, &data, &classes(4)),
        Err(Error::Foreign { .. })
    ));
    let mut relabelled = data.clone();
    relabelled.labels.rotate_left(1);
    assert!(matches!(
        go(&good, &relabelled, &classes(3)),
        Err(Error::Foreign { .. })
    ));

    let bytes = std::fs::read(&path).unwrap();
    for length in (0..bytes.len())
        .step_by(bytes.len() / 40)
        .chain([bytes.len() - 1])
    {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let broken = go(&good, &data, &classes(3));
        assert!(matches!(broken, Err(Error::Input { .. })), "{length}: {broken:?}");
    }
}

#[test]
fn divergence_stops_the_run_and_keeps_the_last_good_checkpoint() {
    let data = patterns(Shape::new(8, 8, 1), 3, 30, 1);
    let folder = tempfile::tempdir().unwrap();
    for info in networks::ALL {
        let mut config = config(info.name, small(info.name));
        // Normalised layers bear any rate but this.
        config.lr = 1e38;
        config.epochs = 3;
        let path = folder.path().join(info.name);
        let run = Run {
            checkpoint: Some(&path),
            ..Run::default()
        };
        let stopped = train(&config, &data, None, &classes(3), run);
        assert!(
            matches!(stopped, Err(Error::Diverged { .. })),
            "{}: {stopped:?}",
            info.name
        );
        assert!(!path.exists(), "{}: a diverged epoch was saved", info.name);
    }
}

#[test]
fn bad_examples_are_refused_before_training() {
    let shape = Shape::new(4, 4, 1);
    let config = config("mlp", &[]);
    let mut data = patterns(shape, 3, 12, 1);
    let refused = |data: &Examples, validation: Option<&Examples>, classes: &[String]| {
        train(&config, data, validation, classes, Run::default()).unwrap_err()
    };
    data.labels[5] = 3;
    let error = refused(&data, None, &classes(3));
    assert!(
        matches!(
            error,
            Error::Label {
                index: 5,
                label: 3,
                classes: 3
            }
        ),
        "{error}"
    );
    let sound = patterns(shape, 3, 12, 1);
    assert!(matches!(
        refused(&sound, Some(&data), &classes(3)),
        Error::Label { .. }
    ));
    let other = patterns(Shape::new(4, 5, 1), 3, 12, 1);
    assert!(matches!(
        refused(&sound, Some(&other), &classes(3)),
        Error::Shape { .. }
    ));
    assert!(matches!(
        refused(&sound.slice(0..1), None, &classes(3)),
        Error::Examples(_)
    ));
    let unlabelled = Examples::new(shape, Stored::U8(vec![0; 64]), None, vec![]).unwrap();
    assert!(matches!(
        refused(&unlabelled, None, &classes(3)),
        Error::Examples(_)
    ));
    let one = patterns(shape, 1, 12, 1);
    assert!(matches!(refused(&one, None, &classes(1)), Error::Setting { .. }));
}
