//! Tiny images and studies for the tests.

#![allow(dead_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};
use visard_learn::DeviceKind;
use visard_study::{Event, Options, Study, Summary};

/// Side of the images.
pub(crate) const SIDE: usize = 8;

/// Writes IDX files of dark images (class 0) and bright ones (class 1).
pub(crate) fn images(folder: &Path, train: usize, test: usize) {
    fs::create_dir_all(folder).unwrap();
    for (split, count) in [("train", train), ("t10k", test)] {
        let head = |kind: u8, sides: &[usize]| {
            let mut bytes = vec![0, 0, 8, kind];
            bytes.extend(sides.iter().flat_map(|side| (*side as u32).to_be_bytes()));
            bytes
        };
        let mut pixels = head(3, &[count, SIDE, SIDE]);
        let mut labels = head(1, &[count]);
        for image in 0..count {
            let class = image % 2;
            let pixel = |i: usize| (class * 120 + (image * 31 + i * 17 + i * i % 7) % 90) as u8;
            pixels.extend((0..SIDE * SIDE).map(pixel));
            labels.push(class as u8);
        }
        fs::write(folder.join(format!("{split}-images-idx3-ubyte")), pixels).unwrap();
        fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// A folder with images, and one for results.
pub(crate) struct Bench {
    _root: tempfile::TempDir,
    pub(crate) sets: PathBuf,
    pub(crate) output: PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (sets, output) = (root.path().join("sets"), root.path().join("results"));
        images(&sets.join("tiny"), 96, 40);
        Self {
            _root: root,
            sets,
            output,
        }
    }

    /// How a study is run here.
    pub(crate) fn options<'a>(
        &'a self,
        stop: &'static AtomicBool,
        watch: &'a (dyn Fn(Event<'_>) + Sync),
    ) -> Options<'a> {
        Options {
            sets: &self.sets,
            output: &self.output,
            only: None,
            retry: false,
            device: DeviceKind::Cpu,
            stop,
            watch,
        }
    }

    /// Runs a study to its end.
    pub(crate) fn run(&self, study: &Study) -> Summary {
        static GO: AtomicBool = AtomicBool::new(false);
        study.run(&self.options(&GO, &|_| {})).unwrap()
    }

    /// The records of a study by the names of their files.
    pub(crate) fn records(&self, study: &Study) -> Vec<PathBuf> {
        let entries = fs::read_dir(study.records(&self.output)).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

/// The study in a text.
pub(crate) fn study(text: &str) -> Study {
    Study::parse(Path::new("study.toml"), text).unwrap()
}

/// What is wrong with a study, as the user reads it.
pub(crate) fn complaint(text: &str) -> String {
    Study::parse(Path::new("study.toml"), text)
        .unwrap_err()
        .to_string()
}
