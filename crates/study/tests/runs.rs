//! Real studies on tiny images: what is kept, what is run again, what is left alone.

mod common;

use common::{Bench, study};
use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};
use visard_study::{CellRecord, Error, Event, Outcome, State, Trained};

const TWO: &str = r#"
name = "two"
[[dataset]]
name = "tiny"
train = 64
test = 32
[[scheme]]
name = "plain"
[[scheme]]
name = "rmt"
[[network]]
name = "mlp"
front = "none"
set.hidden1 = 16
set.hidden2 = 16
epochs = 6
batch = 16
"#;

fn trained(record: &CellRecord) -> &Trained {
    match &record.outcome {
        Outcome::Trained(trained) => trained,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_study_is_measured_once_and_only_what_is_missing_is_measured_again() {
    let (bench, study) = (Bench::new(), study(TWO));
    let summary = bench.run(&study);
    assert_eq!((summary.run, summary.there), (2, 0));
    let files = bench.records(&study);
    // Nothing of the work is left beside the records.
    assert_eq!(files.len(), 2, "{files:?}");
    let (plain, rmt) = (
        CellRecord::read(&files[0]).unwrap(),
        CellRecord::read(&files[1]).unwrap(),
    );
    assert_eq!(
        (plain.definition.scheme.name.as_str(), plain.key.as_deref()),
        ("plain", None)
    );
    assert!(rmt.key.as_ref().is_some_and(|key| key.contains("derived")));
    for record in [&plain, &rmt] {
        let trained = trained(record);
        assert!(trained.accuracy > 0.9, "{trained:?}");
        assert_eq!(
            (trained.images.train, trained.images.test, trained.tested),
            (64, 32, 32)
        );
        assert_eq!((trained.history.len(), trained.recall.len()), (6, 2));
        assert!(record.machine.threads > 0 && record.seconds > 0.0);
    }
    assert!(trained(&plain).disguising.is_none());
    let cost = trained(&rmt).disguising.as_ref().unwrap();
    assert!(cost.images == 96 && cost.seconds >= cost.scheme_seconds && cost.share_of_epoch > 0.0);

    let before = fs::metadata(&files[0]).unwrap().modified().unwrap();
    fs::remove_file(&files[1]).unwrap();
    let summary = bench.run(&study);
    assert_eq!((summary.run, summary.there), (1, 1));
    assert_eq!(fs::metadata(&files[0]).unwrap().modified().unwrap(), before);
    // Keys and salts are derived, so the figures are the same.
    let again = CellRecord::read(&files[1]).unwrap();
    assert_eq!(trained(&again).confusion, trained(&rmt).confusion);
    assert_eq!(trained(&again).loss, trained(&rmt).loss);
    assert_eq!(bench.run(&study).run, 0);
}

#[test]
fn an_interrupted_cell_goes_on_from_its_checkpoint_and_ends_the_same() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let (bench, study) = (Bench::new(), study(TWO));
    let watch = |event: Event<'_>| {
        if let Event::Goes { doing, .. } = event
            && doing.starts_with("epoch 4/")
        {
            STOP.store(true, Ordering::Relaxed);
        }
    };
    let stopped = study.run(&bench.options(&STOP, &watch));
    assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
    let epochs = std::sync::Mutex::new(Vec::new());
    let watch = |event: Event<'_>| {
        if let Event::Goes { doing, .. } = event {
            epochs.lock().unwrap().push(doing.to_string());
        }
    };
    STOP.store(false, Ordering::Relaxed);
    assert_eq!(study.run(&bench.options(&STOP, &watch)).unwrap().run, 2);
    let first = epochs
        .lock()
        .unwrap()
        .iter()
        .find(|doing| doing.starts_with("epoch"))
        .cloned()
        .unwrap();
    assert!(first.starts_with("epoch 4/"), "{first}");
    let straight = Bench::new();
    straight.run(&study);
    for (a, b) in bench.records(&study).iter().zip(straight.records(&study)) {
        let (a, b) = (CellRecord::read(a).unwrap(), CellRecord::read(&b).unwrap());
        assert_eq!(trained(&a).loss, trained(&b).loss);
        assert_eq!(trained(&a).history.len(), 6);
    }
}

#[test]
fn a_damaged_record_is_named_and_left_until_it_is_deleted() {
    let (bench, study) = (Bench::new(), study(TWO));
    bench.run(&study);
    let files = bench.records(&study);
    let whole = fs::read(&files[0]).unwrap();
    for damage in [
        &whole[..whole.len() / 2],
        b"",
        b"{}",
        b"{\"kind\": \"audit\", \"schema\": 1}",
    ] {
        fs::write(&files[0], damage).unwrap();
        let summary = bench.run(&study);
        assert_eq!((summary.run, summary.there, summary.damaged.len()), (0, 1, 1));
        let (path, problem) = &summary.damaged[0];
        assert_eq!(path, &files[0]);
        assert!(problem.contains("delete it"), "{problem}");
        assert_eq!(fs::read(&files[0]).unwrap(), damage);
    }
    // A record of another cell is none of this one.
    fs::copy(&files[1], &files[0]).unwrap();
    assert!(bench.run(&study).damaged[0].1.contains("another cell"));
    let version = String::from_utf8(whole.clone())
        .unwrap()
        .replace("\"schema\": 1", "\"schema\": 99");
    fs::write(&files[0], version).unwrap();
    assert!(bench.run(&study).damaged[0].1.contains("version 99"));
    fs::remove_file(&files[0]).unwrap();
    assert_eq!(bench.run(&study).run, 1);
    assert!(
        study
            .states(&bench.output)
            .iter()
            .all(|(_, state)| matches!(state, State::There(_)))
    );
}

#[test]
fn a_cell_that_cannot_be_done_is_a_record_and_the_others_go_on() {
    let bench = Bench::new();
    // Images of 8 x 8 pixels are no whole blocks of 3.
    let text = TWO.replace("\"two\"", "\"fails\"")
        + "[[network]]\nname = \"cnn\"\nfront = \"block\"\nfront_set.block = 3\nschemes = [\"rmt\"]\n";
    let study = study(&text);
    let summary = bench.run(&study);
    assert_eq!((summary.run, summary.failed.len()), (3, 1));
    assert!(
        summary.failed[0].0.contains("rmt.cnn") && summary.failed[0].1.contains("whole blocks"),
        "{summary:?}"
    );
    let failed = bench
        .records(&study)
        .into_iter()
        .map(|path| CellRecord::read(&path).unwrap());
    let failed: Vec<CellRecord> = failed
        .filter(|record| matches!(record.outcome, Outcome::Failed { .. }))
        .collect();
    assert_eq!(failed.len(), 1);
    // It is told again, and tried again only when that is asked for.
    let summary = bench.run(&study);
    assert_eq!((summary.run, summary.there, summary.failed.len()), (0, 2, 1));
    static GO: AtomicBool = AtomicBool::new(false);
    let options = visard_study::Options {
        retry: true,
        ..bench.options(&GO, &|_| {})
    };
    let summary = study.run(&options).unwrap();
    assert_eq!((summary.run, summary.failed.len()), (1, 1));
}

#[test]
fn training_that_diverges_is_a_failure_of_its_cell() {
    let bench = Bench::new();
    let study = study(&(TWO.replace("\"two\"", "\"wild\"") + "lr = 1e30\nwarmup = 0.0\n"));
    let summary = bench.run(&study);
    assert_eq!((summary.run, summary.failed.len()), (2, 2));
    assert!(
        summary.failed.iter().all(|(_, why)| why.contains("diverged")),
        "{summary:?}"
    );
}

#[test]
fn mixed_images_are_tested_on_as_many_encodings_as_the_study_says() {
    let bench = Bench::new();
    let text = TWO.replace(
        "name = \"rmt\"",
        "name = \"instahide\"\nset.k = 2\ntest.encodings = [1, 4]",
    );
    let study = study(&text.replace("\"two\"", "\"mixed\""));
    assert_eq!(bench.run(&study).failed, []);
    let mut encodings: Vec<(usize, usize)> = bench
        .records(&study)
        .iter()
        .map(|path| trained(&CellRecord::read(path).unwrap()).images.encodings)
        .collect();
    encodings.sort_unstable();
    assert_eq!(encodings, [(1, 1), (1, 1), (1, 4)]);
}

#[test]
fn disguises_are_attacked_within_their_time() {
    let bench = Bench::new();
    let text = TWO
        .split("[[network]]")
        .next()
        .unwrap()
        .replace("\"two\"", "\"attacked\"");
    let study = study(
        &(text + "[[attack]]\nkind = \"audit\"\nimages = 24\npublic = 24\nlevels = [\"1\", \"1+public\"]\n"),
    );
    assert_eq!(bench.run(&study).run, 1);
    let results = study.results(&bench.output, None).unwrap();
    assert_eq!(results.leakages.len(), 1);
    assert!(
        results.leakages[0]
            .figure()
            .is_some_and(|leakage| (0.0..=1.0).contains(&leakage))
    );
    let tables = results.tables();
    assert!(tables.iter().any(|table| table.id == "leakage"), "{tables:?}");
}

#[test]
fn only_cells_that_are_asked_for_are_run_and_missing_images_are_told_first() {
    static GO: AtomicBool = AtomicBool::new(false);
    let (bench, study) = (Bench::new(), study(TWO));
    let options = visard_study::Options {
        only: Some("rmt"),
        ..bench.options(&GO, &|_| {})
    };
    assert_eq!(study.run(&options).unwrap().run, 1);
    fs::remove_dir_all(bench.sets.join("tiny")).unwrap();
    let error = study.run(&bench.options(&GO, &|_| {})).unwrap_err().to_string();
    assert!(error.contains("tiny"), "{error}");
}

#[test]
fn two_runs_do_not_write_in_one_place() {
    static GO: AtomicBool = AtomicBool::new(false);
    let (bench, study) = (Bench::new(), study(TWO));
    let other = std::sync::Mutex::new(None);
    let watch = |event: Event<'_>| {
        if let Event::Begins { number: 1, .. } = event {
            *other.lock().unwrap() = Some(study.run(&bench.options(&GO, &|_| {})));
        }
    };
    assert_eq!(study.run(&bench.options(&GO, &watch)).unwrap().run, 2);
    let other = other.into_inner().unwrap().unwrap();
    assert!(other.unwrap_err().to_string().contains("another run"));
}
