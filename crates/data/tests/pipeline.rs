//! `apply` and `remove` as a library: stopped and resumed runs, threads, noise, wrong requests.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use visard_core::{Key, MasterSecret, Salt, Shape};
use visard_data::{
    Control, Depth, Error, Fit, Progress, Reading, Report, Request, Result, apply, remove, verify,
};

const SHAPE: Shape = Shape::new(12, 9, 1);

fn key(scheme: &str, set: &[(&str, &str)]) -> Key {
    let params: BTreeMap<_, _> = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Key::new(scheme, &params, Some(SHAPE), MasterSecret::new([3; 32]), None).unwrap()
}

/// An IDX data set of `count` training and 30 test images.
fn plain(root: &Path, count: usize) -> PathBuf {
    let folder = root.join("plain");
    fs::create_dir_all(&folder).unwrap();
    for (split, count) in [("train", count), ("t10k", 30)] {
        let mut images = vec![0, 0, 8, 3];
        for side in [count, SHAPE.height, SHAPE.width] {
            images.extend((side as u32).to_be_bytes());
        }
        images.extend((0..count * SHAPE.len()).map(|i| (i * i / 7) as u8));
        fs::write(folder.join(format!("{split}-images-idx3-ubyte")), images).unwrap();
        let mut labels = vec![0, 0, 8, 1];
        labels.extend((count as u32).to_be_bytes());
        labels.extend((0..count).map(|i| (i % 10) as u8));
        fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), labels).unwrap();
    }
    folder
}

struct Job<'a> {
    input: &'a Path,
    output: &'a Path,
    key: &'a Key,
    depth: Option<Depth>,
    /// Images after which the run is stopped.
    stop_after: Option<u64>,
}

impl Job<'_> {
    fn run(&self, job: fn(Request<'_>, Control<'_>) -> Result<Report>) -> Result<Report> {
        let stop = AtomicBool::new(false);
        let progress =
            |p: Progress| stop.store(self.stop_after.is_some_and(|n| p.done >= n), Ordering::Relaxed);
        let request = Request {
            mixing: Default::default(),
            copies: Default::default(),
            input: self.input,
            output: self.output,
            key: self.key,
            reading: Reading::default(),
            format: None,
            depth: self.depth,
            jpeg: None,
            fit: Fit::Error,
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

fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().into(), fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bytes_noise_included() {
    let bench = tempfile::tempdir().unwrap();
    let input = plain(bench.path(), 60_000);
    let key = key("rmt", &[("noise", "25")]);
    let job = |name: &str, stop_after| {
        let output = bench.path().join(name);
        let job = Job {
            input: &input,
            output: &output,
            key: &key,
            depth: Some(Depth::F32),
            stop_after,
        };
        job.run(apply)
    };
    assert_eq!(job("whole", None).unwrap().resumed, 0);
    assert!(matches!(job("parts", Some(1)), Err(Error::Interrupted)));
    let report = job("parts", None).unwrap();
    assert!(report.resumed > 0 && report.images() == 60_030);
    assert!(files(&bench.path().join("parts")) == files(&bench.path().join("whole")));
    verify(&bench.path().join("parts")).unwrap();
    let back = bench.path().join("back");
    let whole = bench.path().join("whole");
    let restore = Job {
        input: &whole,
        output: &back,
        key: &key,
        depth: None,
        stop_after: None,
    };
    restore.run(remove).unwrap();
    assert!(files(&back) == files(&input));
}

#[test]
fn an_input_that_changed_is_not_mixed_with_what_was_written() {
    let bench = tempfile::tempdir().unwrap();
    let input = plain(bench.path(), 60_000);
    let key = key("aes", &[]);
    let output = bench.path().join("out");
    let mut job = Job {
        input: &input,
        output: &output,
        key: &key,
        depth: None,
        stop_after: Some(1),
    };
    assert!(matches!(job.run(apply), Err(Error::Interrupted)));
    let images = input.join("train-images-idx3-ubyte");
    let mut bytes = fs::read(&images).unwrap();
    bytes[20] ^= 255;
    fs::write(&images, bytes).unwrap();
    job.stop_after = None;
    let report = job.run(apply).unwrap();
    assert!(report.started_over && report.resumed == 0);
    let back = bench.path().join("back");
    let restore = Job {
        input: &output,
        output: &back,
        ..job
    };
    restore.run(remove).unwrap();
    assert!(files(&back) == files(&input));
}

#[test]
fn an_unfinished_output_belongs_to_its_key() {
    let bench = tempfile::tempdir().unwrap();
    let input = plain(bench.path(), 60_000);
    let (one, two) = (key("aes", &[]), key("aes", &[("shuffle", "false")]));
    let output = bench.path().join("out");
    let mut job = Job {
        input: &input,
        output: &output,
        key: &one,
        depth: None,
        stop_after: Some(1),
    };
    assert!(matches!(job.run(apply), Err(Error::Interrupted)));
    job.key = &two;
    job.stop_after = None;
    assert!(matches!(job.run(apply), Err(Error::Foreign { .. })));
    job.key = &one;
    assert!(job.run(apply).unwrap().resumed > 0);
}

#[test]
fn stored_depths_restore_as_exactly_as_they_say() {
    let bench = tempfile::tempdir().unwrap();
    let input = plain(bench.path(), 200);
    let key = key("rmt", &[("block", "3")]);
    for (depth, exact) in [(Depth::U8, false), (Depth::F32, true)] {
        let (output, back) = (
            bench.path().join(format!("out{depth}")),
            bench.path().join(format!("back{depth}")),
        );
        let mut job = Job {
            input: &input,
            output: &output,
            key: &key,
            depth: Some(depth),
            stop_after: None,
        };
        let scale = job.run(apply).unwrap().scale;
        assert_eq!(scale.is_some(), !exact);
        job.input = &output;
        job.output = &back;
        job.depth = None;
        job.run(remove).unwrap();
        let (back, plain) = (files(&back), files(&input));
        assert_eq!(back == plain, exact, "{depth}");
        let name = Path::new("train-images-idx3-ubyte");
        let worst = back[name]
            .iter()
            .zip(&plain[name])
            .map(|(a, b)| a.abs_diff(*b))
            .max()
            .unwrap();
        // Each value is a sum of 3 products with unit-length columns.
        assert!(f64::from(worst) <= scale.map_or(0.0, |s| s.max_error() * 3f64.sqrt() + 1.0));
    }
}
