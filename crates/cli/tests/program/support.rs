//! Small real data sets in temporary folders, and the program to run on them.

use flate2::read::GzDecoder;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

/// The program, ready for arguments, deaf to the user's environment.
pub(crate) fn visard() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("visard"));
    command
        .env_remove("VISARD_KEY")
        .stdin(std::process::Stdio::null());
    command
}

/// What a run said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    /// Asserts the exit code and that the message holds all the given parts.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in: {}", self.err);
        }
    }

    #[track_caller]
    pub(crate) fn succeeds(&self) -> &Self {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }
}

/// Runs the program with these arguments.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Said {
    visard()
        .args(arguments)
        .output()
        .expect("the program starts")
        .into()
}

/// A folder to work in.
pub(crate) struct Bench {
    pub(crate) root: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Runs a command line; words that start with `@` are paths in this folder.
    pub(crate) fn run(&self, line: &str) -> Said {
        run(self.words(line))
    }

    pub(crate) fn words(&self, line: &str) -> Vec<std::ffi::OsString> {
        let word = |word: &str| match word.strip_prefix('@') {
            Some(name) => self.path(name).into_os_string(),
            None => word.into(),
        };
        line.split_whitespace().map(word).collect()
    }

    /// An unlocked key called `name`.
    pub(crate) fn key(&self, name: &str, rest: &str) {
        let said = self.run(&format!("keygen {rest} --insecure-plaintext-key -o @{name}"));
        said.succeeds();
    }

    /// A labelled IDX data set of the first bundled images, as `name`.
    pub(crate) fn idx(&self, name: &str, train: usize, test: usize) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        for (split, count) in [("train", train), ("t10k", test)] {
            for (kind, size) in [("images-idx3", 28 * 28), ("labels-idx1", 1)] {
                let bytes = bundled(&format!("{split}-{kind}-ubyte.gz"));
                let header = if size == 1 { 8 } else { 16 };
                let held = (bytes.len() - header) / size;
                let mut file = bytes[..header].to_vec();
                file[4..8].copy_from_slice(&(count as u32).to_be_bytes());
                for i in 0..count {
                    file.extend_from_slice(&bytes[header + (i % held) * size..][..size]);
                }
                fs::write(folder.join(format!("{split}-{kind}-ubyte")), file).unwrap();
            }
        }
        folder
    }

    /// A class folder data set of `count` bundled images, as `name`.
    pub(crate) fn folder(&self, name: &str, count: usize) -> PathBuf {
        let images = bundled("train-images-idx3-ubyte.gz");
        let labels = bundled("train-labels-idx1-ubyte.gz");
        let root = self.path(name);
        for i in 0..count {
            let class = root.join(format!("class{}", labels[8 + i]));
            fs::create_dir_all(&class).unwrap();
            let pixels = &images[16 + i * 784..][..784];
            let place = class.join(format!("{i:05}.png"));
            image::save_buffer(place, pixels, 28, 28, image::ColorType::L8).unwrap();
        }
        root
    }
}

/// A decompressed file of the bundled data set.
pub(crate) fn bundled(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../data/fashion-mnist-12k")
        .join(name);
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// Contents of all files below a folder by relative path, without the manifest (its salt is fresh
/// for every run).
pub(crate) fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "visard.json") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                all.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    all
}
