//! Folders of images stored as JPEG, and JPEG files that the decoder would get wrong.

use crate::sets::*;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use visard_core::Shape;
use visard_data::{
    Depth, Error, Jpeg, Plan, Reading, Stored, Subsampling,
    decode::{Image, decode},
    formats,
};

const SIDE: u32 = 32;

/// Soft colours, so that JPEG keeps them.
fn soft(seed: u8, channels: usize) -> Vec<u8> {
    let side = SIDE as usize;
    let value = |i: usize| {
        let (pixel, channel) = (i / channels, i % channels);
        let place = 3 * (pixel / side) + 2 * (pixel % side) + pixel * pixel % 9;
        ((20 * usize::from(seed) + place + 30 * channel) / 2) as u8
    };
    (0..side * side * channels).map(value).collect()
}

/// Two splits and two classes of images with so many channels.
fn plain(root: &Path, channels: usize) {
    let colour = if channels == 1 {
        png::ColorType::Grayscale
    } else {
        png::ColorType::Rgb
    };
    for (i, name) in [
        "train/cat/a.png",
        "train/cat/deep/b.png",
        "train/dog/c.d.png",
        "test/cat/a.png",
        "test/dog/x.png",
    ]
    .into_iter()
    .enumerate()
    {
        let bytes = png(SIDE, SIDE, colour, png::BitDepth::Eight, &soft(i as u8, channels));
        put(root.join(name), &bytes);
    }
}

/// Writes the folder `from` to `to` as JPEG, in batches; goes on once where it stopped after `stop`.
fn store(from: &Path, to: &Path, jpeg: Jpeg, batch: usize, stop: u64) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut source = open("folder", from, Reading::default()).unwrap();
    let meta = source.meta().clone();
    let create = formats::find("folder").unwrap().create;
    let plan = Plan {
        jpeg: Some(jpeg),
        ..plan(to, &meta, Depth::U8)
    };
    fs::create_dir_all(to).unwrap();
    let mut sink = create(plan.clone()).unwrap();
    copy(&mut *source, &mut *sink, &[0, 0], batch, stop);
    let state = sink.checkpoint().unwrap();
    drop(sink);
    let done: Vec<u64> = serde_json::from_value(state.as_ref().unwrap()["done"].clone()).unwrap();
    let mut sink = create(Plan {
        resume: state,
        ..plan
    })
    .unwrap();
    copy(&mut *source, &mut *sink, &done, batch, u64::MAX);
    sink.finish().unwrap();
    tree(to)
}

fn settings(quality: u8, subsampling: Option<Subsampling>) -> Jpeg {
    Jpeg { quality, subsampling }
}

#[test]
fn a_folder_of_jpeg_files_is_read_back_under_the_same_identities() {
    let dir = tempfile::tempdir().unwrap();
    for (channels, subsampling) in [
        (1, None),
        (3, Some(Subsampling::Full)),
        (3, Some(Subsampling::Quarter)),
    ] {
        let tag = format!("{channels}{subsampling:?}");
        let (from, to) = (
            dir.path().join(format!("plain{tag}")),
            dir.path().join(format!("out{tag}")),
        );
        plain(&from, channels);
        let whole = store(&from, &to, settings(95, subsampling), 100, 0);
        let names: Vec<_> = whole
            .keys()
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            names,
            [
                "test/cat/a.jpg",
                "test/dog/x.jpg",
                "train/cat/a.jpg",
                "train/cat/deep/b.jpg",
                "train/dog/c.d.jpg",
                "visard.b3"
            ]
        );
        let sums = String::from_utf8(whole[Path::new("visard.b3")].clone()).unwrap();
        for line in sums.lines() {
            let (hash, name) = formats::folder::sums::parse(line).unwrap();
            assert_eq!(hash, blake3::hash(&whole[Path::new(&name)]));
        }
        assert_eq!(sums.lines().count(), 5);
        let read = |path: &Path| {
            let mut source = open("folder", path, disguised()).unwrap();
            read_all(&mut *source, 4).unwrap()
        };
        let (before, after) = (read(&from), read(&to));
        for ((name, plain), (other, stored)) in before.splits.iter().zip(&after.splits) {
            assert_eq!((name, plain.len()), (other, stored.len()));
            for (plain, stored) in plain.iter().zip(stored) {
                assert_eq!((plain.0, plain.1, plain.2), (stored.0, stored.1, stored.2));
                let (Stored::U8(plain), Stored::U8(stored)) = (&plain.3, &stored.3) else {
                    panic!("not bytes")
                };
                let worst = plain
                    .iter()
                    .zip(stored)
                    .map(|(a, b)| a.abs_diff(*b))
                    .max()
                    .unwrap();
                assert!((1..40).contains(&worst), "{tag}: lossy but close, {worst}");
            }
        }
        for (batch, stop) in [(1, 2), (2, 3), (100, 4)] {
            let again = dir.path().join(format!("again{tag}{batch}"));
            assert!(store(&from, &again, settings(95, subsampling), batch, stop) == whole);
        }
        let coarse = dir.path().join(format!("coarse{tag}"));
        let coarse = store(&from, &coarse, settings(20, subsampling), 100, 0);
        let size = |files: &BTreeMap<PathBuf, Vec<u8>>| files.values().map(Vec::len).sum::<usize>();
        assert!(size(&coarse) < size(&whole));
    }
}

#[test]
fn what_is_no_bytes_or_no_colour_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("plain");
    plain(&from, 3);
    let mut source = open("folder", &from, Reading::default()).unwrap();
    let meta = source.meta().clone();
    let create = formats::find("folder").unwrap().create;
    let at = |depth| Plan {
        jpeg: Some(settings(90, None)),
        ..plan_in(dir.path(), &meta, depth)
    };
    let error = create(at(Depth::U16)).err().unwrap();
    assert!(
        matches!(&error, Error::Usage(text) if text.contains("JPEG")),
        "{error}"
    );
    let mut sink = create(at(Depth::U8)).unwrap();
    let mut batch = visard_data::Batch::new(Depth::U8);
    source.read(&mut batch, 1).unwrap();
    batch.shape = Shape::new(SIDE as usize, SIDE as usize / 2 * 3, 2);
    let error = sink.write(&batch).unwrap_err();
    assert!(
        matches!(&error, Error::Usage(text) if text.contains("JPEG")),
        "{error}"
    );
}

fn plan_in(root: &Path, meta: &visard_data::Meta, depth: Depth) -> Plan {
    let to = root.join(format!("to{depth}"));
    fs::create_dir_all(&to).unwrap();
    plan(&to, meta, depth)
}

fn encoded(sides: (u16, u16), factor: SamplingFactor, set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(factor);
    set(&mut encoder);
    let len = usize::from(sides.0) * usize::from(sides.1) * 3;
    let pixels: Vec<u8> = (0..len).map(|i| (i / 7 + 50 * (i % 3)) as u8).collect();
    encoder.encode(&pixels, sides.0, sides.1, ColorType::Rgb).unwrap();
    file
}

/// The same coefficients in one scan and progressive are the same pixels; in a scan for each component
/// they would be other ones.
#[test]
fn layouts_of_scans_never_change_colours_silently() {
    let take =
        |bytes: &[u8]| -> Result<Image, Error> { decode(Path::new("x.jpg"), bytes, &Reading::default()) };
    for factor in [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
    ] {
        for sides in [(32, 48), (23, 37), (16, 9), (100, 75)] {
            let joint = take(&encoded(sides, factor, |_| {})).unwrap();
            let progressive = take(&encoded(sides, factor, |e| e.set_progressive(true))).unwrap();
            assert!(joint == progressive, "{factor:?} {sides:?}");
            let apart = take(&encoded(sides, factor, |e| e.set_optimized_huffman_tables(true))).unwrap_err();
            assert!(matches!(apart, Error::Input { .. }), "{apart}");
            assert!(apart.to_string().contains("separate scans"), "{apart}");
        }
    }
    let thin = take(&encoded((23, 37), SamplingFactor::F_4_1, |_| {})).unwrap_err();
    assert!(thin.to_string().contains("save it anew"), "{thin}");
}
