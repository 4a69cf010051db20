//! Round trips, resumption, and bytes that do not depend on batches.

use crate::sets::*;
use std::{fs, path::Path};
use visard_core::{SampleId, Shape};
use visard_data::{Batch, Depth, Error, Meta, Reading, Split, Stored, formats};

/// A data set of each kind below a folder: format and path.
fn every(root: &Path) -> Vec<(&'static str, std::path::PathBuf)> {
    let at = |name: &str| root.join(name);
    idx_set(&at("plain"), [40, 11], false);
    idx_set(&at("nested/FashionMNIST/raw"), [40, 11], true);
    cifar10(&at("c10"));
    cifar100(&at("c100"));
    folder(&at("folder"));
    let images = npy("|u1", "(23, 5, 4, 3)", &noise(1, 23 * 60));
    let labels = npy(
        "<i4",
        "(23,)",
        &(0..23i32).flat_map(i32::to_le_bytes).collect::<Vec<_>>(),
    );
    npz(
        &at("set.npz"),
        &[("images.npy", images.clone()), ("labels.npy", labels)],
        true,
    );
    fs::write(at("set.npy"), images).unwrap();
    vec![
        ("idx", at("plain")),
        ("idx", at("nested")),
        ("cifar", at("c10")),
        ("cifar", at("c100")),
        ("folder", at("folder")),
        ("npz", at("set.npz")),
        ("npz", at("set.npy")),
    ]
}

/// The output for an input, of the same kind.
fn out(root: &Path, name: &str, input: &Path) -> std::path::PathBuf {
    let path = root.join(name);
    if input.is_dir() {
        fs::create_dir_all(&path).unwrap();
        path
    } else {
        path.with_extension(input.extension().unwrap())
    }
}

#[test]
fn every_format_is_detected_and_survives_a_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    for (format, path) in every(dir.path()) {
        assert_eq!(formats::detect(&path).unwrap().name, format);
        let to = out(dir.path(), "round", &path);
        rewrite(format, &path, &to, 3);
        let read = |path: &Path, max| {
            let mut source = open(format, path, disguised()).unwrap();
            (source.meta().clone(), read_all(&mut *source, max).unwrap())
        };
        let (before, after) = (read(&path, 4), read(&to, 1000));
        assert_eq!(before.1, after.1, "{format}");
        assert_eq!(
            (before.0.classes, before.0.layout),
            (after.0.classes, after.0.layout),
            "{format}"
        );
        assert!(
            tree(&to)
                .keys()
                .all(|name| !name.to_string_lossy().contains("partial"))
        );
        if to.is_dir() {
            fs::remove_dir_all(to).unwrap();
        }
    }
}

#[test]
fn bytes_depend_on_the_samples_alone_and_resumption_does_not_show() {
    let dir = tempfile::tempdir().unwrap();
    for (n, (format, path)) in every(dir.path()).into_iter().enumerate() {
        let whole = rewrite(format, &path, &out(dir.path(), &format!("whole{n}"), &path), 1000);
        let single = rewrite(format, &path, &out(dir.path(), &format!("single{n}"), &path), 1);
        assert_eq!(whole, single, "{format}");
        for stop in [0, 1, 5, 8, 45] {
            let to = out(dir.path(), &format!("stop{n}-{stop}"), &path);
            let mut source = open(format, &path, Reading::default()).unwrap();
            let meta = source.meta().clone();
            let create = formats::find(format).unwrap().create;
            let zero = vec![0; meta.splits.len()];
            let mut sink = create(plan(&to, &meta, Depth::U8)).unwrap();
            copy(&mut *source, &mut *sink, &zero, 2, stop);
            let state = sink.checkpoint().unwrap();
            copy(&mut *source, &mut *sink, &place(&meta, stop), 2, 2);
            drop(sink);
            spoil(&to);
            let mut plan = plan(&to, &meta, Depth::U8);
            plan.resume = state.clone();
            let mut sink = create(plan).unwrap();
            copy(&mut *source, &mut *sink, &done(&state, &zero), 3, u64::MAX);
            sink.finish().unwrap();
            assert_eq!(tree(&to), whole, "{format}, stopped after {stop}");
        }
    }
}

/// Samples of each split among the first `total`.
fn place(meta: &Meta, mut total: u64) -> Vec<u64> {
    let take = |split: &Split| {
        let n = total.min(split.count);
        total -= n;
        n
    };
    meta.splits.iter().map(take).collect()
}

fn done(state: &Option<serde_json::Value>, zero: &[u64]) -> Vec<u64> {
    match state {
        Some(state) => serde_json::from_value(state["done"].clone()).unwrap(),
        None => zero.to_vec(),
    }
}

/// Appends rubbish to all unfinished files, as a crash may leave it.
fn spoil(root: &Path) {
    for entry in walkdir::WalkDir::new(root.parent().unwrap())
        .into_iter()
        .flatten()
    {
        if entry.path().extension().is_some_and(|e| e == "partial") && entry.path().starts_with(root) {
            let mut bytes = fs::read(entry.path()).unwrap();
            bytes.extend(b"rubbish");
            fs::write(entry.path(), bytes).unwrap();
        }
    }
}

#[test]
fn a_partial_file_shorter_than_the_journal_says_is_foreign() {
    let dir = tempfile::tempdir().unwrap();
    for (format, path) in every(dir.path()).into_iter().filter(|(f, _)| *f != "npz") {
        let to = out(dir.path(), "short", &path);
        let mut source = open(format, &path, Reading::default()).unwrap();
        let mut plan = plan(&to, source.meta(), Depth::U8);
        let create = formats::find(format).unwrap().create;
        let mut sink = create(plan.clone()).unwrap();
        let zero = vec![0; plan.meta.splits.len()];
        copy(&mut *source, &mut *sink, &zero, 100, u64::MAX);
        plan.resume = sink.checkpoint().unwrap();
        drop(sink);
        for entry in walkdir::WalkDir::new(&to).into_iter().flatten() {
            if entry.path().extension().is_some_and(|e| e == "partial") {
                fs::write(entry.path(), b"").unwrap();
            }
        }
        assert!(
            matches!(create(plan.clone()), Err(Error::Foreign { .. })),
            "{format}"
        );
        plan.resume = Some(serde_json::json!({ "done": "all" }));
        assert!(matches!(create(plan), Err(Error::Foreign { .. })), "{format}");
        fs::remove_dir_all(to).unwrap();
    }
}

#[test]
fn gz_members_do_not_depend_on_batches_or_interruptions() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("in");
    idx_set(&from, [9_000, 4_096], true);
    let rewritten = |size: usize| {
        let to = dir.path().join(format!("out{size}"));
        fs::create_dir(&to).unwrap();
        rewrite("idx", &from, &to, size)
    };
    let whole = rewritten(5_000);
    assert_eq!(whole, rewritten(1));
    assert_eq!(whole, rewritten(100));

    let to = dir.path().join("stopped");
    fs::create_dir(&to).unwrap();
    let mut source = open("idx", &from, Reading::default()).unwrap();
    let mut plan = plan(&to, source.meta(), Depth::U8);
    let create = formats::find("idx").unwrap().create;
    let mut sink = create(plan.clone()).unwrap();
    copy(&mut *source, &mut *sink, &[0, 0], 70, 5_000);
    plan.resume = sink.checkpoint().unwrap();
    drop(sink);
    assert_eq!(done(&plan.resume, &[]), [4096, 0]);
    let resume = done(&plan.resume, &[]);
    let mut sink = create(plan).unwrap();
    copy(&mut *source, &mut *sink, &resume, 333, u64::MAX);
    sink.finish().unwrap();
    assert_eq!(tree(&to), whole);
}

#[test]
fn noise_is_stored_in_gz_and_png_without_growing_much() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("in");
    idx_set(&from, [9_000, 1], true);
    let to = dir.path().join("out");
    fs::create_dir(&to).unwrap();
    let mut source = open("idx", &from, Reading::default()).unwrap();
    let mut plan = plan(&to, source.meta(), Depth::U8);
    plan.noise = true;
    let mut sink = (formats::find("idx").unwrap().create)(plan).unwrap();
    copy(&mut *source, &mut *sink, &[0, 0], 1_000, u64::MAX);
    sink.finish().unwrap();
    let len = fs::metadata(to.join("train-images-idx3-ubyte.gz")).unwrap().len();
    assert!((180_000..181_000).contains(&len), "{len}");
    let mut again = open("idx", &to, Reading::default()).unwrap();
    assert_eq!(
        read_all(&mut *again, 999).unwrap(),
        read_all(&mut *source, 999).unwrap()
    );
}

/// One batch of images of each depth a format stores, written and read back.
#[test]
fn all_depths_and_channels_survive() {
    let dir = tempfile::tempdir().unwrap();
    for format in formats::ALL.iter().filter(|f| f.name != "cifar") {
        for (&depth, channels) in format.depths.iter().flat_map(|d| [1, 2, 3, 4].map(|c| (d, c))) {
            let shape = Shape::new(3, 5, channels);
            let n = 6;
            let values = noise(3, n * shape.len() * 4);
            let pixels = match depth {
                Depth::U8 => Stored::U8(values[..n * shape.len()].to_vec()),
                Depth::U16 => Stored::U16(
                    values
                        .chunks(4)
                        .map(|b| u16::from_be_bytes([b[0], b[1]]))
                        .collect(),
                ),
                Depth::F32 => Stored::F32(
                    values
                        .chunks(4)
                        .map(|b| f32::from(b[0]) - f32::from(b[1]) / 7.0)
                        .collect(),
                ),
            };
            let name = format!("{}-{depth:?}-{channels}", format.name);
            let is_folder = format.name == "folder";
            let mut path = dir.path().join(name);
            if format.is_folder {
                fs::create_dir(&path).unwrap();
            } else {
                path.set_extension("npz");
            }
            let split = if is_folder { "data" } else { "train" };
            let meta = Meta {
                splits: vec![Split {
                    name: split.into(),
                    count: n as u64,
                }],
                classes: vec!["a".into(), "b".into()],
                labelled: true,
                soft: None,
                shape: Some(shape),
                depth,
                layout: if is_folder {
                    serde_json::json!({"folder": {"splits": false}})
                } else {
                    serde_json::Value::Null
                },
                signature: String::new(),
            };
            assert_eq!((format.refuses)(&meta, shape, depth), None);
            let names = |i: usize| format!("{}/{i}.jpg", if i < 3 { "a" } else { "b" });
            let batch = Batch {
                soft: vec![],
                split: 0,
                first: 0,
                shape,
                ids: SampleId::numbered(split, 0, n),
                names: if is_folder {
                    (0..n).map(|i| names(i).into()).collect()
                } else {
                    Vec::new()
                },
                labels: (0..n).map(|i| u32::from(i >= 3)).collect(),
                pixels,
            };
            let mut sink = (format.create)(plan(&path, &meta, depth)).unwrap();
            sink.write(&batch).unwrap();
            sink.finish().unwrap();
            let mut source = open(format.name, &path, disguised()).unwrap();
            assert_eq!(source.meta().depth, depth);
            let mut back = Batch::new(depth);
            source.read(&mut back, 100).unwrap();
            assert_eq!(
                (&back.pixels, &back.labels, back.shape),
                (&batch.pixels, &batch.labels, shape)
            );
        }
    }
}

#[test]
fn identities_come_from_the_place_or_the_name_without_extension() {
    let dir = tempfile::tempdir().unwrap();
    for (format, path) in every(dir.path()) {
        let all = read_all(&mut *open(format, &path, Reading::default()).unwrap(), 6).unwrap();
        let (split, samples) = &all.splits[0];
        if format == "folder" {
            assert_eq!(samples[0].0, SampleId::of("train/cat/a"));
        } else {
            let expected = SampleId::numbered(split, 0, samples.len());
            assert!(samples.iter().map(|s| s.0).eq(expected));
        }
    }
}

#[test]
fn cifar_pixels_are_interleaved_and_coarse_labels_return() {
    let dir = tempfile::tempdir().unwrap();
    cifar100(&dir.path().join("in"));
    let mut source = open("cifar", &dir.path().join("in"), Reading::default()).unwrap();
    let mut batch = Batch::new(Depth::U8);
    source.read(&mut batch, 2).unwrap();
    let file = fs::read(dir.path().join("in/cifar-100-binary/train.bin")).unwrap();
    assert_eq!(batch.labels, [u32::from(file[1]), u32::from(file[3074 + 1])]);
    let Stored::U8(pixels) = &batch.pixels else {
        panic!()
    };
    assert_eq!(pixels[3 * 40 + 2], file[2 + 2048 + 40]);
    fs::create_dir(dir.path().join("out")).unwrap();
    let written = rewrite("cifar", &dir.path().join("in"), &dir.path().join("out"), 4);
    assert_eq!(written, tree(&dir.path().join("in")));
}

#[test]
fn npz_keeps_the_meaning_of_its_axes() {
    let dir = tempfile::tempdir().unwrap();
    for (shape, count, image) in [
        ("(6, 5, 7)", 6, Shape::new(5, 7, 1)),
        ("(6, 5, 3)", 1, Shape::new(6, 5, 3)),
        ("(2, 3, 5, 7)", 2, Shape::new(3, 5, 7)),
    ] {
        let path = dir.path().join("a.npy");
        let sides: usize = shape
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|s| s.parse::<usize>().ok())
            .product();
        fs::write(&path, npy("|u1", shape, &noise(5, sides))).unwrap();
        let source = open("npz", &path, Reading::default()).unwrap();
        assert_eq!((source.meta().total(), source.meta().shape), (count, Some(image)));
        let to = dir.path().join("b.npy");
        let written = rewrite("npz", &path, &to, 4);
        let text = String::from_utf8_lossy(written.values().next().unwrap()).into_owned();
        assert!(text.contains(&format!("'shape': {shape}")), "{text}");
    }
    let labelled = Meta {
        labelled: true,
        ..open("npz", &dir.path().join("a.npy"), Reading::default())
            .unwrap()
            .meta()
            .clone()
    };
    let create = formats::find("npz").unwrap().create;
    assert!(matches!(
        create(plan(&dir.path().join("c.npy"), &labelled, Depth::U8)),
        Err(Error::Usage(_))
    ));
}

#[test]
fn labels_that_do_not_fit_a_byte_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    idx_set(&dir.path().join("in"), [3, 1], false);
    let mut source = open("idx", &dir.path().join("in"), Reading::default()).unwrap();
    let mut sink =
        (formats::find("idx").unwrap().create)(plan(dir.path(), source.meta(), Depth::U8)).unwrap();
    let mut batch = Batch::new(Depth::U8);
    source.read(&mut batch, 1).unwrap();
    batch.labels[0] = 256;
    assert!(matches!(sink.write(&batch), Err(Error::Usage(_))));
}

#[test]
fn an_unfinished_set_is_not_finished_and_gaps_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    idx_set(&dir.path().join("in"), [3, 1], false);
    let mut source = open("idx", &dir.path().join("in"), Reading::default()).unwrap();
    let to = dir.path().join("out");
    let mut sink = (formats::find("idx").unwrap().create)(plan(&to, source.meta(), Depth::U8)).unwrap();
    let mut batch = Batch::new(Depth::U8);
    source.seek(0, 1).unwrap();
    source.read(&mut batch, 1).unwrap();
    assert!(matches!(sink.write(&batch), Err(Error::Usage(_))));
    assert!(matches!(sink.finish(), Err(Error::Usage(_))));
    assert!(!to.join("train-images-idx3-ubyte").exists());
}

#[test]
fn a_run_stopped_while_it_finished_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    for (format, path) in every(dir.path()) {
        let to = out(dir.path(), "late", &path);
        let mut source = open(format, &path, Reading::default()).unwrap();
        let mut plan = plan(&to, source.meta(), Depth::U8);
        let create = formats::find(format).unwrap().create;
        let zero = vec![0; plan.meta.splits.len()];
        let mut sink = create(plan.clone()).unwrap();
        copy(&mut *source, &mut *sink, &zero, 4, 6);
        plan.resume = sink.checkpoint().unwrap();
        copy(&mut *source, &mut *sink, &place(&plan.meta, 6), 4, u64::MAX);
        sink.finish().unwrap();
        let whole = tree(&to);
        // The journal never heard of the end, but the files have their names already.
        let resume = done(&plan.resume, &zero);
        let mut sink = create(plan).unwrap();
        copy(&mut *source, &mut *sink, &resume, 3, u64::MAX);
        sink.finish().unwrap();
        assert_eq!(tree(&to), whole, "{format}");
        if to.is_dir() {
            fs::remove_dir_all(to).unwrap();
        }
    }
}
