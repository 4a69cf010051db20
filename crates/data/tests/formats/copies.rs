//! `apply` with several copies of the training images, in every format.

use crate::sets::{
    All, Sample, cifar10, cifar100, disguised, folder, idx_set, noise, npy, npz, open, png, put, read_all,
    rgb, tree,
};
use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use visard_core::{Array, Key, MasterSecret, Material, Salt, Shape, Values};
use visard_data::{
    Augmentation, Control, Copies, Error, Fit, Manifest, Progress, Reading, Report, Request, Result, Stored,
    apply, formats, remove, verify,
};

const CHANGES: &[Augmentation] = &[Augmentation::Shift(2), Augmentation::Flip];

fn key(scheme: &str, set: &[(&str, &str)], shape: Option<Shape>) -> Key {
    let params: BTreeMap<_, _> = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Key::new(scheme, &params, shape, MasterSecret::new([3; 32]), None).unwrap()
}

/// A key that draws a mask for each image and gives every byte back.
fn masks(shape: Shape) -> Key {
    key("skk", &[("image_key", "true")], Some(shape))
}

/// A run into `output`.
#[derive(Clone, Copy)]
struct Job<'a> {
    input: &'a Path,
    key: &'a Key,
    copies: Copies<'a>,
    format: Option<&'static str>,
    reading: Reading,
    fit: Fit,
    /// Images after which the run is stopped.
    stop_after: Option<u64>,
}

impl<'a> Job<'a> {
    fn new(input: &'a Path, key: &'a Key, count: u64, augment: &'a [Augmentation]) -> Self {
        Self {
            input,
            key,
            copies: Copies { count, augment },
            format: None,
            reading: Reading::default(),
            fit: Fit::Error,
            stop_after: None,
        }
    }

    fn run(&self, output: &Path, job: fn(Request<'_>, Control<'_>) -> Result<Report>) -> Result<Report> {
        let stop = AtomicBool::new(false);
        let progress =
            |p: Progress| stop.store(self.stop_after.is_some_and(|n| p.done >= n), Ordering::Relaxed);
        let request = Request {
            mixing: Default::default(),
            copies: self.copies,
            input: self.input,
            output,
            key: self.key,
            reading: self.reading,
            format: self.format.map(|name| formats::find(name).unwrap()),
            depth: None,
            jpeg: None,
            fit: self.fit,
            program: "test",
            salt: Some(Salt([9; 16])),
        };
        let control = Control {
            progress: &progress,
            stop: &stop,
            checkpoint: Duration::ZERO,
        };
        job(request, control)
    }
}

/// A data set of each format, its training split first, with the shape of its images.
fn sets(root: &Path) -> Vec<(&'static str, PathBuf, Shape)> {
    let (idx, idx_gz) = (root.join("idx"), root.join("idx-gz"));
    idx_set(&idx, [11, 5], false);
    idx_set(&idx_gz, [11, 5], true);
    let (ten, hundred) = (root.join("cifar10"), root.join("cifar100"));
    cifar10(&ten);
    cifar100(&hundred);
    let numpy = root.join("set.npz");
    let labels: Vec<u8> = (0..6i64).flat_map(|i| (i % 3).to_le_bytes()).collect();
    let images = npy("|u1", "(6, 5, 4, 1)", &noise(1, 120));
    npz(
        &numpy,
        &[
            ("images.npy", images),
            ("labels.npy", npy("<i8", "(6,)", &labels)),
        ],
        true,
    );
    let images = root.join("folder");
    folder(&images);
    let (small, colour) = (Shape::new(5, 4, 1), Shape::new(32, 32, 3));
    vec![
        ("idx", idx, small),
        ("idx", idx_gz, small),
        ("cifar", ten, colour),
        ("cifar", hundred, colour),
        ("npz", numpy, small),
        ("folder", images, Shape::new(5, 6, 3)),
    ]
}

fn read(format: &str, path: &Path) -> All {
    read_all(&mut *open(format, path, disguised()).unwrap(), 7).unwrap()
}

fn bytes(stored: &Stored) -> &[u8] {
    match stored {
        Stored::U8(bytes) => bytes,
        _ => panic!("no bytes"),
    }
}

/// What mirroring and moving by up to 2 pixels can make of an image.
fn changes(image: &[u8], shape: Shape) -> HashSet<Vec<u8>> {
    let mut all = HashSet::new();
    for flip in [false, true] {
        for (down, right) in (-2..=2).flat_map(|y| (-2..=2).map(move |x| (y, x))) {
            let mut changed = Vec::new();
            for y in 0..shape.height as i64 {
                for x in 0..shape.width as i64 {
                    let y = (y - down).clamp(0, shape.height as i64 - 1) as usize;
                    let x = (x - right).clamp(0, shape.width as i64 - 1) as usize;
                    let x = if flip { shape.width - 1 - x } else { x };
                    let place = (y * shape.width + x) * shape.channels;
                    changed.extend_from_slice(&image[place..place + shape.channels]);
                }
            }
            all.insert(changed);
        }
    }
    all
}

/// The training samples copy by copy, each in the order of the first. Samples of a folder are read
/// by their names, those of others by their places.
fn by_copy<'a>(
    format: &str,
    once: &'a [Sample],
    all: &'a [Sample],
    names: &[String],
) -> Vec<Vec<&'a Sample>> {
    let copies = all.len() / once.len();
    let named = |copy: usize, name: &String| {
        let name = match copy {
            0 => name.clone(),
            _ => format!("{name}.{}", copy + 1),
        };
        let id = visard_core::SampleId::of(&name);
        all.iter().find(|sample| sample.0 == id).unwrap()
    };
    (0..copies)
        .map(|copy| match format {
            "folder" => names.iter().map(|name| named(copy, name)).collect(),
            _ => all[copy * once.len()..][..once.len()].iter().collect(),
        })
        .collect()
}

const NAMES: [&str; 6] = [
    "train/cat/a",
    "train/cat/b",
    "train/cat/deep/z",
    "train/dog/1",
    "train/dog/10",
    "train/dog/2",
];

#[test]
fn copies_follow_the_plain_disguise_in_every_format() {
    let bench = tempfile::tempdir().unwrap();
    let names = NAMES.map(str::to_owned);
    for (i, (format, input, shape)) in sets(bench.path()).into_iter().enumerate() {
        let out = |name: &str| bench.path().join(format!("{name}{i}.npz"));
        let key = masks(shape);
        let plain = read(format, &input);
        Job::new(&input, &key, 1, &[]).run(&out("once"), apply).unwrap();
        let report = Job::new(&input, &key, 3, CHANGES)
            .run(&out("thrice"), apply)
            .unwrap();
        verify(&out("thrice")).unwrap();
        Job::new(&out("thrice"), &key, 1, &[])
            .run(&out("back"), remove)
            .unwrap();
        let (once, thrice, back) = (
            read(format, &out("once")),
            read(format, &out("thrice")),
            read(format, &out("back")),
        );
        assert_eq!(
            thrice.splits[1..],
            once.splits[1..],
            "{format}: test images are as without copies"
        );
        assert_eq!(back.splits[1..], plain.splits[1..]);
        let (plain, once) = (&plain.splits[0].1, &once.splits[0].1);
        assert_eq!(report.written[0].1, 3 * once.len() as u64);
        assert_eq!(thrice.splits[0].1.len(), 3 * once.len());
        let disguises = by_copy(format, once, &thrice.splits[0].1, &names);
        assert!(
            disguises[0].iter().copied().eq(once),
            "{format}: the first copy is the plain disguise"
        );
        let restored = by_copy(format, once, &back.splits[0].1, &names);
        let mut changed = 0;
        for (i, plain) in plain.iter().enumerate() {
            let possible = changes(bytes(&plain.3), shape);
            for copy in 0..3 {
                assert_eq!(disguises[copy][i].1, plain.1, "{format}: labels are repeated");
                let image = bytes(&restored[copy][i].3);
                assert!(possible.contains(image), "{format}: image {i} of copy {copy}");
                changed += usize::from(image != bytes(&plain.3));
            }
            assert_eq!(restored[0][i].3, plain.3);
        }
        // Two of three copies are changed, but for the few that draw no change.
        assert!(
            changed * 3 > plain.len() * 5,
            "{format}: {changed} of {}",
            3 * plain.len()
        );
    }
}

#[test]
fn what_is_drawn_for_each_image_is_fresh_for_each_copy() {
    let bench = tempfile::tempdir().unwrap();
    let input = bench.path().join("in");
    idx_set(&input, [9, 2], false);
    let key = masks(Shape::new(5, 4, 1));
    let (out, back) = (bench.path().join("out"), bench.path().join("back"));
    Job::new(&input, &key, 2, &[]).run(&out, apply).unwrap();
    Job::new(&out, &key, 1, &[]).run(&back, remove).unwrap();
    let (disguised, restored) = (read("idx", &out), read("idx", &back));
    let plain = read("idx", &input);
    for i in 0..9 {
        assert_ne!(disguised.splits[0].1[i].3, disguised.splits[0].1[i + 9].3);
        assert_eq!(restored.splits[0].1[i].3, plain.splits[0].1[i].3);
        assert_eq!(restored.splits[0].1[i + 9].3, plain.splits[0].1[i].3);
    }
}

#[test]
fn images_known_by_their_places_have_copies_too() {
    let bench = tempfile::tempdir().unwrap();
    let (input, shape) = (bench.path().join("in"), Shape::new(5, 6, 3));
    for (i, name) in ["cat/a.png", "cat/b.png", "dog/a.png"].into_iter().enumerate() {
        put(input.join(name), &rgb(i as u8, 6, 5));
    }
    let key = masks(shape);
    let (out, back) = (bench.path().join("out.npz"), bench.path().join("back.npz"));
    let job = Job {
        format: Some("npz"),
        ..Job::new(&input, &key, 4, CHANGES)
    };
    job.run(&out, apply).unwrap();
    Job::new(&out, &key, 1, &[]).run(&back, remove).unwrap();
    let (plain, restored) = (read("folder", &input), read("npz", &back));
    assert_eq!(restored.splits[0].1.len(), 12);
    for (i, sample) in restored.splits[0].1.iter().enumerate() {
        let plain = &plain.splits[0].1[i % 3];
        assert_eq!(sample.1, plain.1);
        assert!(changes(bytes(&plain.3), shape).contains(bytes(&sample.3)));
        assert!(i >= 3 || sample.3 == plain.3);
    }
}

#[test]
fn cifar_copies_get_files_of_their_own() {
    let bench = tempfile::tempdir().unwrap();
    let (ten, hundred) = (bench.path().join("ten"), bench.path().join("hundred"));
    cifar10(&ten);
    cifar100(&hundred);
    let key = masks(Shape::new(32, 32, 3));
    let (ten_out, hundred_out) = (bench.path().join("ten-out"), bench.path().join("hundred-out"));
    Job::new(&ten, &key, 3, CHANGES).run(&ten_out, apply).unwrap();
    Job::new(&hundred, &key, 3, CHANGES)
        .run(&hundred_out, apply)
        .unwrap();
    let rows = |file: &str, row: u64| fs::metadata(bench.path().join(file)).map(|m| m.len() / row).ok();
    for (number, count) in [(1, 3), (2, 4), (3, 3), (4, 4), (5, 3), (6, 4)] {
        let file = format!("ten-out/cifar-10-batches-bin/data_batch_{number}.bin");
        assert_eq!(rows(&file, 3073), Some(count), "{file}");
    }
    assert_eq!(rows("ten-out/cifar-10-batches-bin/data_batch_7.bin", 3073), None);
    assert_eq!(rows("ten-out/cifar-10-batches-bin/test_batch.bin", 3073), Some(2));
    assert_eq!(rows("hundred-out/cifar-100-binary/train.bin", 3074), Some(27));
    assert_eq!(rows("hundred-out/cifar-100-binary/test.bin", 3074), Some(3));
    let labels = |file: &str| -> Vec<[u8; 2]> {
        let bytes = fs::read(bench.path().join(file)).unwrap();
        bytes.chunks_exact(3074).map(|row| [row[0], row[1]]).collect()
    };
    let plain = labels("hundred/cifar-100-binary/train.bin");
    assert_eq!(labels("hundred-out/cifar-100-binary/train.bin"), plain.repeat(3));
    let many = Job::new(&ten, &key, 251, &[]).run(&bench.path().join("many"), apply);
    assert!(matches!(many, Err(Error::Usage(_))), "{many:?}");
    assert!(!bench.path().join("many").exists());
}

/// Images of two sizes that take turns, so that each is a batch of its own.
fn turns(root: &Path, count: u32) {
    for i in 0..count {
        let class = if i % 3 == 0 { "cat" } else { "dog" };
        put(
            root.join(format!("train/{class}/{i:03}.png")),
            &rgb(i as u8, 6 + i % 2, 5),
        );
        put(
            root.join(format!("test/{class}/{i:03}.png")),
            &rgb(100 + i as u8, 6, 5),
        );
    }
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bytes_in_any_copy() {
    let bench = tempfile::tempdir().unwrap();
    let (plain, zipped, images) = (
        bench.path().join("idx"),
        bench.path().join("gz"),
        bench.path().join("folder"),
    );
    idx_set(&plain, [9000, 20], false);
    idx_set(&zipped, [9000, 20], true);
    turns(&images, 20);
    let (small, colour) = (masks(Shape::new(5, 4, 1)), masks(Shape::new(5, 6, 3)));
    for (input, key, stops) in [
        (&plain, &small, [1, 9001, 20_000]),
        (&zipped, &small, [1, 9001, 20_000]),
        (&images, &colour, [1, 23, 45]),
    ] {
        let name = input.file_name().unwrap().to_str().unwrap();
        let job = Job {
            fit: Fit::Crop,
            ..Job::new(input, key, 3, CHANGES)
        };
        let whole = bench.path().join(format!("{name}-whole"));
        job.run(&whole, apply).unwrap();
        let whole = tree(&whole);
        for stop in stops {
            let output = bench.path().join(format!("{name}-{stop}"));
            let stopped = Job {
                stop_after: Some(stop),
                ..job
            };
            assert!(matches!(stopped.run(&output, apply), Err(Error::Interrupted)));
            let other = Job::new(input, key, 3, &CHANGES[..1]);
            assert!(matches!(
                Job {
                    fit: Fit::Crop,
                    ..other
                }
                .run(&output, apply),
                Err(Error::Foreign { .. })
            ));
            assert!(job.run(&output, apply).unwrap().resumed >= stop);
            assert!(tree(&output) == whole, "{name} stopped after {stop}");
            verify(&output).unwrap();
        }
    }
}

#[test]
fn the_manifest_records_copies_and_nothing_where_there_are_none() {
    let bench = tempfile::tempdir().unwrap();
    let input = bench.path().join("in");
    idx_set(&input, [9, 2], false);
    let key = masks(Shape::new(5, 4, 1));
    let (once, twice) = (bench.path().join("once"), bench.path().join("twice"));
    Job::new(&input, &key, 1, &[]).run(&once, apply).unwrap();
    Job::new(&input, &key, 2, CHANGES).run(&twice, apply).unwrap();
    let text = fs::read_to_string(once.join("visard.json")).unwrap();
    assert!(!text.contains("copies") && !text.contains("augment"));
    assert_eq!(Manifest::find(&once).unwrap().unwrap().copies, 1);
    let manifest = Manifest::find(&twice).unwrap().unwrap();
    assert_eq!((manifest.copies, manifest.augment.len()), (2, 2));
    let text = fs::read_to_string(twice.join("visard.json")).unwrap();
    assert!(text.contains(r#""copies": 2"#) && text.contains(r#""shift=2""#) && text.contains(r#""flip""#));
    // The order of the request does not count; the request does.
    let turned = [CHANGES[1], CHANGES[0]];
    assert!(
        Job::new(&input, &key, 2, &turned)
            .run(&twice, apply)
            .unwrap()
            .already_complete
    );
    for (count, augment) in [(1, &[][..]), (3, CHANGES), (2, &CHANGES[..1])] {
        let again = Job::new(&input, &key, count, augment).run(&twice, apply);
        assert!(matches!(again, Err(Error::Foreign { .. })), "{again:?}");
    }
}

#[test]
fn inputs_left_out_are_left_out_of_every_copy_and_counted_once() {
    let bench = tempfile::tempdir().unwrap();
    let (input, shape) = (bench.path().join("in"), Shape::new(5, 6, 3));
    for (i, name) in ["cat/a.png", "cat/b.png", "dog/a.png"].into_iter().enumerate() {
        put(input.join(name), &rgb(i as u8, 6, 5));
    }
    for bad in ["cat/aa.png", "dog/z.png"] {
        put(input.join(bad), b"no image");
    }
    let key = masks(shape);
    let (out, back) = (bench.path().join("out"), bench.path().join("back"));
    let mut job = Job::new(&input, &key, 3, CHANGES);
    job.reading.skip_bad = true;
    let report = job.run(&out, apply).unwrap();
    assert_eq!((report.images(), report.skipped.len()), (9, 2));
    assert_eq!(Manifest::find(&out).unwrap().unwrap().skipped, 2);
    verify(&out).unwrap();
    Job::new(&out, &key, 1, &[]).run(&back, remove).unwrap();
    assert_eq!(read("folder", &back).splits[0].1.len(), 9);
    assert!(out.join("cat/b.3.png").is_file() && out.join("dog/a.2.png").is_file());
}

#[test]
fn requests_that_make_no_sense_are_refused_and_leave_nothing() {
    let bench = tempfile::tempdir().unwrap();
    let (input, images, out) = (
        bench.path().join("in"),
        bench.path().join("images"),
        bench.path().join("out"),
    );
    idx_set(&input, [9, 2], false);
    for name in ["cat/a.png", "dog/b.png"] {
        put(images.join(name), &rgb(1, 6, 5));
    }
    let shape = Shape::new(5, 4, 1);
    let key = |scheme, set: &[(&str, &str)]| key(scheme, set, Some(shape));
    let masks = masks(shape);
    let refused = |job: Job<'_>, part: &str| {
        let outcome = job.run(&out, apply);
        let Err(Error::Usage(text)) = &outcome else {
            panic!("{outcome:?}");
        };
        assert!(text.contains(part), "{part:?} is not in {text:?}");
        assert!(!out.exists(), "{part}");
    };
    refused(Job::new(&input, &masks, 1, CHANGES), "--copies");
    refused(Job::new(&input, &masks, 0, &[]), "1 or more");
    refused(Job::new(&input, &masks, 2, &[Augmentation::Shift(4)]), "below 4");
    refused(
        Job::new(&input, &masks, 2, &[Augmentation::Flip, Augmentation::Flip]),
        "one kind",
    );
    refused(Job::new(&input, &key("instahide", &[]), 2, CHANGES), "encodings");
    let batch = key("neuracrypt", &[("statistics", "batch"), ("patch", "4")]);
    refused(Job::new(&input, &batch, 2, CHANGES), "together");
    // A key for any shape learns the shape from the images.
    let squares = bench.path().join("squares");
    put(squares.join("cat/a.png"), &rgb(1, 8, 8));
    let any = self::key("aes", &[("per_position", "false"), ("shuffle", "false")], None);
    refused(Job::new(&squares, &any, 2, &[Augmentation::Shift(8)]), "cat/a");
    Job::new(&squares, &any, 2, &[Augmentation::Shift(7)])
        .run(&bench.path().join("squares-out"), apply)
        .unwrap();

    // Arrays with an entry for each image go by places, which a folder of copies does not keep.
    let mut material = Material::new();
    let perm = Array {
        shape: vec![16],
        values: Values::I64((0..16).collect()),
    };
    material.insert("perm", perm).unwrap();
    let set = BTreeMap::from([("block".to_owned(), "4".to_owned())]);
    let secret = MasterSecret::new([3; 32]);
    let grey = Shape::new(8, 8, 1);
    let explicit = Key::new("shf", &set, Some(grey), secret, Some(material)).unwrap();
    let greys = bench.path().join("greys");
    let image = png(
        8,
        8,
        png::ColorType::Grayscale,
        png::BitDepth::Eight,
        &noise(1, 64),
    );
    put(greys.join("cat/a.png"), &image);
    refused(Job::new(&greys, &explicit, 2, &[]), "explicit arrays");

    let mut limited = Job::new(&input, &masks, 100, &[]);
    limited.reading.limits.samples = 500;
    assert!(matches!(limited.run(&out, apply), Err(Error::Limit { .. })));
    put(images.join("cat/A.2.png"), &rgb(2, 6, 5));
    let colour = self::masks(Shape::new(5, 6, 3));
    let twins = Job::new(&images, &colour, 2, &[]).run(&out, apply);
    assert!(
        matches!(&twins, Err(Error::Input { path, .. }) if path.ends_with("cat/A.2.png")),
        "{twins:?}"
    );
    assert!(!out.exists());
    Job::new(&images, &colour, 1, &[]).run(&out, apply).unwrap();
    let back = Job::new(&out, &colour, 2, &[]).run(&bench.path().join("back"), remove);
    assert!(matches!(back, Err(Error::Usage(_))));
}
