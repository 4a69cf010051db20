//! Folders: what is listed, in which order, and what is refused.

use crate::sets::*;
use std::{fs, path::Path};
use visard_core::Shape;
use visard_data::{Batch, Depth, Error, Reading, formats, formats::folder::sums};

fn skipping() -> Reading {
    Reading {
        skip_bad: true,
        ..Reading::default()
    }
}

fn names(root: &Path, reading: Reading) -> Vec<String> {
    let mut source = open("folder", root, reading).unwrap();
    let mut batch = Batch::new(Depth::U8);
    let mut names = Vec::new();
    for split in 0..source.meta().splits.len() {
        source.seek(split, 0).unwrap();
        loop {
            source.read(&mut batch, 2).unwrap();
            if batch.is_empty() {
                break;
            }
            names.extend(batch.names.iter().map(|n| n.to_str().unwrap().to_owned()));
        }
    }
    names
}

fn refused(root: &Path, words: &[&str]) {
    let error = error("folder", root, Reading::default());
    assert!(matches!(error, Error::Input { .. }), "{error:?}");
    words
        .iter()
        .for_each(|w| assert!(error.to_string().contains(w), "{w:?} in {error}"));
}

#[test]
fn files_come_in_the_order_of_their_names_bytes() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    let expected = [
        "train/cat/a.png",
        "train/cat/b.png",
        "train/cat/deep/z.png",
        "train/dog/1.png",
        "train/dog/10.png",
        "train/dog/2.png",
        "test/cat/a.png",
        "test/dog/a.png",
    ];
    assert_eq!(names(dir.path(), Reading::default()), expected);
    let source = open("folder", dir.path(), Reading::default()).unwrap();
    assert_eq!(source.meta().classes, ["cat", "dog"]);
    let before = source.meta().signature.clone();
    put(dir.path().join("train/cat/b.png"), &rgb(77, 6, 5));
    assert_ne!(
        open("folder", dir.path(), Reading::default())
            .unwrap()
            .meta()
            .signature,
        before
    );
}

#[test]
fn other_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "a/1.png",
        "a/.hidden.png",
        ".git/x.png",
        "a/.ipynb_checkpoints/1.png",
        "__MACOSX/a/1.png",
    ] {
        put(dir.path().join(name), &rgb(1, 3, 3));
    }
    for name in [
        "a/.DS_Store",
        "a/notes.txt",
        "visard.json",
        "visard.b3",
        "a/Thumbs.db",
    ] {
        put(dir.path().join(name), b"text");
    }
    put(dir.path().join("a/LOUD.PNG"), &rgb(2, 3, 3));
    assert_eq!(names(dir.path(), Reading::default()), ["a/1.png", "a/LOUD.PNG"]);
}

#[test]
fn flat_folders_have_no_labels() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path().join("b.png"), &rgb(1, 3, 3));
    put(dir.path().join("a.png"), &rgb(2, 3, 3));
    let source = open("folder", dir.path(), Reading::default()).unwrap();
    assert!(!source.meta().labelled && source.meta().classes.is_empty());
    assert_eq!(source.meta().splits[0].name, "data");
    assert_eq!(names(dir.path(), Reading::default()), ["a.png", "b.png"]);
}

#[test]
fn empty_classes_keep_their_number_only_when_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("in");
    put(root.join("b/1.png"), &rgb(1, 3, 3));
    fs::create_dir(root.join("a")).unwrap();
    refused(&root, &["a", "--allow-empty"]);
    let reading = Reading {
        allow_empty: true,
        ..Reading::default()
    };
    let mut source = open("folder", &root, reading).unwrap();
    let mut batch = Batch::new(Depth::U8);
    source.read(&mut batch, 9).unwrap();
    assert_eq!(
        (batch.labels, &source.meta().classes[..]),
        (vec![1], &["a".to_owned(), "b".into()][..])
    );
    let to = dir.path().join("out");
    (formats::find("folder").unwrap().create)(plan(&to, source.meta(), Depth::U8)).unwrap();
    assert!(to.join("a").is_dir());
}

#[test]
fn outputs_of_one_name_are_found_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let twins = dir.path().join("twins");
    put(twins.join("a/x.png"), &rgb(1, 3, 3));
    put(twins.join("a/x.bmp"), &rgb(1, 3, 3));
    refused(&twins, &["a/x.", "same name"]);
    let cases = dir.path().join("cases");
    put(cases.join("a/x.png"), &rgb(1, 3, 3));
    put(cases.join("a/X.png"), &rgb(1, 3, 3));
    if fs::read_dir(cases.join("a")).unwrap().count() == 2 {
        refused(&cases, &["same name"]);
        put(dir.path().join("classes/a/1.png"), &rgb(1, 3, 3));
        put(dir.path().join("classes/A/2.png"), &rgb(1, 3, 3));
        refused(&dir.path().join("classes"), &["case alone"]);
    }
}

#[test]
fn images_in_the_wrong_place_or_of_another_kind_are_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let loose = dir.path().join("loose");
    put(loose.join("a/x.png"), &rgb(1, 3, 3));
    put(loose.join("y.png"), &rgb(1, 3, 3));
    refused(&loose, &["y.png", "beside the folders"]);
    let gif = dir.path().join("gif");
    put(gif.join("a/x.png"), &rgb(1, 3, 3));
    put(gif.join("a/y.gif"), b"GIF89a");
    refused(&gif, &["y.gif", "convert"]);
    let source = open("folder", &gif, skipping()).unwrap();
    assert_eq!(source.skipped().len(), 1);
    let mixed = dir.path().join("mixed");
    put(mixed.join("train/a/x.png"), &rgb(1, 3, 3));
    put(mixed.join("other/a/x.png"), &rgb(1, 3, 3));
    refused(&mixed, &["other", "no split"]);
}

#[test]
fn bad_images_end_the_run_or_are_left_out_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..10 {
        put(dir.path().join(format!("a/{i}.png")), &rgb(i, 4, 4));
    }
    put(dir.path().join("a/4.png"), b"\x89PNG\r\n\x1a\nrubbish");
    put(dir.path().join("a/7.png"), b"text");
    refused(dir.path(), &["4.png", "corrupt"]);
    let mut source = open("folder", dir.path(), skipping()).unwrap();
    let mut batch = Batch::new(Depth::U8);
    let mut ranges = Vec::new();
    loop {
        source.read(&mut batch, 100).unwrap();
        if batch.is_empty() {
            break;
        }
        ranges.push((batch.first, batch.len()));
    }
    assert_eq!(ranges, [(0, 4), (5, 2), (8, 2)]);
    let skipped: Vec<_> = source
        .skipped()
        .iter()
        .map(|(p, _)| p.to_str().unwrap())
        .collect();
    assert_eq!(skipped, ["a/4.png", "a/7.png"]);
}

#[test]
fn a_batch_holds_one_shape() {
    let dir = tempfile::tempdir().unwrap();
    for (i, (w, h)) in [(4, 4), (4, 4), (5, 4), (4, 4)].into_iter().enumerate() {
        put(dir.path().join(format!("{i}.png")), &rgb(i as u8, w, h));
    }
    let all = read_all(&mut *open("folder", dir.path(), Reading::default()).unwrap(), 100).unwrap();
    let shapes: Vec<_> = all.splits[0].1.iter().map(|s| s.2).collect();
    assert_eq!(
        shapes,
        [(4, 4), (4, 4), (4, 5), (4, 4)].map(|(h, w)| Shape::new(h, w, 3))
    );
}

#[test]
fn sums_name_every_image_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("in"), dir.path().join("out"));
    folder(&from);
    put(from.join("train/cat/c.bmp"), &rgb(1, 6, 5));
    fs::create_dir(&to).unwrap();
    let written = rewrite("folder", &from, &to, 3);
    let text = String::from_utf8(written[Path::new(sums::NAME)].clone()).unwrap();
    let lines: Vec<_> = text.lines().map(|line| sums::parse(line).unwrap()).collect();
    assert_eq!(lines.len(), written.len() - 1);
    assert!(lines.iter().any(|(_, name)| name == "train/cat/c.png"));
    for (hash, name) in lines {
        assert_eq!(hash, blake3::hash(&written[Path::new(&name)]));
    }
}

#[test]
fn no_metadata_reaches_the_output() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("in"), dir.path().join("out"));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 2, 2);
    encoder.add_text_chunk("Patient".into(), "CANARY".into()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1, 2, 3, 4]).unwrap();
    writer.finish().unwrap();
    assert!(file.windows(6).any(|w| w == b"CANARY"));
    put(from.join("a/x.png"), &file);
    fs::create_dir(&to).unwrap();
    let written = rewrite("folder", &from, &to, 1);
    assert!(
        written
            .values()
            .all(|bytes| !bytes.windows(6).any(|w| w == b"CANARY"))
    );
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::{ffi::OsStrExt, fs::symlink};

    #[test]
    fn links_fifos_and_odd_names_are_refused_and_nothing_hangs() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let root = dir.path().join(name);
            put(root.join("a/good.png"), &rgb(1, 3, 3));
            root
        };
        let link = at("link");
        symlink(link.join("a/good.png"), link.join("a/link.png")).unwrap();
        refused(&link, &["link.png", "symbolic link"]);
        assert_eq!(names(&link, skipping()), ["a/good.png"]);
        let looped = at("loop");
        symlink(&looped, looped.join("b")).unwrap();
        refused(&looped, &["symbolic link"]);

        let fifo = at("fifo");
        let made = std::process::Command::new("mkfifo")
            .arg(fifo.join("a/x.png"))
            .status()
            .unwrap();
        assert!(made.success());
        refused(&fifo, &["x.png", "not a regular file"]);
        assert!(visard_data::decode::load(&fifo.join("a/x.png"), &Reading::default()).is_err());

        let odd = at("odd");
        let name = std::ffi::OsStr::from_bytes(b"a/\xFF.png");
        if fs::write(odd.join(name), rgb(1, 3, 3)).is_ok() {
            refused(&odd, &["UTF-8"]);
        }
    }

    #[test]
    fn a_fifo_in_place_of_a_container_does_not_hang() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["train-images-idx3-ubyte", "data_batch_1.bin", "a.npz"] {
            let path = dir.path().join(name);
            assert!(
                std::process::Command::new("mkfifo")
                    .arg(&path)
                    .status()
                    .unwrap()
                    .success()
            );
        }
        for format in ["idx", "cifar"] {
            assert!(matches!(
                error(format, dir.path(), Reading::default()),
                Error::Input { .. }
            ));
        }
        assert!(matches!(
            error("npz", &dir.path().join("a.npz"), Reading::default()),
            Error::Input { .. }
        ));
    }
}
