//! The images of a study: the first ones of a data set, written as IDX for the pipeline that owners use.

use crate::{Dataset, Error, Result, record::Images};
use std::{
    fs,
    path::{Path, PathBuf},
};
use visard_core::Shape;
use visard_data::{Batch, Depth, Loaded, Meta, Opened, Plan, Reading, Split, Stored, formats};
use visard_learn::{Examples, Soft};

/// Names of the splits, as IDX has them.
const SPLITS: [&str; 2] = ["train", "test"];

/// The plain images of some cells.
pub(crate) struct Plain {
    folder: PathBuf,
    train: Loaded,
    test: Loaded,
    classes: Vec<String>,
    digest: String,
}

/// Which plain images a data set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Both,
    Train,
    Test,
}

impl Plain {
    /// The first images of a data set below `sets`; what is written goes into `folder`.
    pub(crate) fn read(dataset: &Dataset, sets: &Path, folder: PathBuf) -> Result<Self> {
        let path = sets.join(&dataset.path);
        let mut data = open(&path)?;
        let splits = (data.training_split(), data.test_split());
        let (train, Some(test)) = splits else {
            let problem = "has no test split: a study trains on one part and tests on another";
            return Err(Error::input(&path, problem));
        };
        let train = data.load(&path, train, dataset.train.unwrap_or(usize::MAX))?;
        let test = data.load(&path, test, dataset.test.unwrap_or(usize::MAX))?;
        if train.labels.is_empty() || test.labels.is_empty() {
            return Err(Error::input(&path, "has no labels to learn from"));
        }
        if train.shape != test.shape {
            let problem = format!(
                "has training images of {} and test images of {}",
                train.shape, test.shape
            );
            return Err(Error::input(&path, problem));
        }
        let highest = train
            .labels
            .iter()
            .chain(&test.labels)
            .max()
            .copied()
            .unwrap_or(0);
        if highest > 255 {
            let problem =
                format!("has the label {highest}; a study takes up to 256 classes, numbered from 0");
            return Err(Error::input(&path, problem));
        }
        let named = data.meta.classes.len() > highest as usize;
        let classes = match named {
            true => data.meta.classes.clone(),
            false => (0..=highest).map(|label| label.to_string()).collect(),
        };
        let digest = digest(&train, &test);
        let plain = Self {
            folder,
            train,
            test,
            classes,
            digest,
        };
        plain.bytes()?;
        Ok(plain)
    }

    /// Names of the classes.
    pub(crate) fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Shape of the images.
    pub(crate) fn shape(&self) -> Shape {
        self.train.shape
    }

    /// Training images with their labels.
    pub(crate) fn training(&self) -> Result<(&[u8], &[u32])> {
        Ok((self.bytes()?, &self.train.labels))
    }

    fn bytes(&self) -> Result<&[u8]> {
        match (&self.train.pixels, &self.test.pixels) {
            (Stored::U8(train), Stored::U8(_)) => Ok(train),
            _ => Err(Error::input(
                &self.folder,
                "holds no 8-bit images; a study takes those",
            )),
        }
    }

    /// What a record says of the images; `shape` and `encodings` are those of what the network sees.
    pub(crate) fn images(&self, shape: Shape, encodings: (usize, usize)) -> Images {
        Images {
            train: self.train.ids.len(),
            test: self.test.ids.len(),
            encodings,
            plain: self.train.shape,
            shape,
            classes: self.classes.clone(),
            digest: self.digest.clone(),
        }
    }

    /// Training and test images as they are.
    pub(crate) fn examples(&self) -> Result<(Examples, Examples)> {
        let of = |loaded: &Loaded| examples(loaded.clone(), None, 1);
        Ok((of(&self.train)?, of(&self.test)?))
    }

    /// A data set of a part of the images, written where it is not there yet.
    pub(crate) fn folder(&self, part: Part) -> Result<PathBuf> {
        let (name, parts): (&str, &[&Loaded]) = match part {
            Part::Both => ("both", &[&self.train, &self.test]),
            Part::Train => ("train", &[&self.train]),
            Part::Test => ("test", &[&self.test]),
        };
        let folder = self.folder.join(name);
        if folder.exists() {
            return Ok(folder);
        }
        fs::create_dir_all(&folder).map_err(|error| Error::output(&folder, error))?;
        let names = if part == Part::Test {
            &SPLITS[1..]
        } else {
            &SPLITS[..]
        };
        self.write(&folder, parts, names)?;
        Ok(folder)
    }

    fn write(&self, folder: &Path, parts: &[&Loaded], names: &[&str]) -> Result<()> {
        let split = |(part, name): (&&Loaded, &&str)| Split {
            name: (*name).into(),
            count: part.ids.len() as u64,
        };
        let plan = Plan {
            root: folder.into(),
            meta: Meta {
                splits: parts.iter().zip(names).map(split).collect(),
                classes: Vec::new(),
                labelled: true,
                soft: None,
                shape: Some(self.shape()),
                depth: Depth::U8,
                layout: serde_json::Value::Null,
                signature: String::new(),
            },
            depth: Depth::U8,
            noise: false,
            tokens: false,
            jpeg: None,
            copies: 1,
            resume: None,
        };
        let mut sink = (formats::find("idx")?.create)(plan)?;
        for (split, part) in parts.iter().enumerate() {
            sink.write(&Batch {
                split,
                shape: part.shape,
                ids: part.ids.clone(),
                labels: part.labels.clone(),
                pixels: part.pixels.clone(),
                ..Batch::new(Depth::U8)
            })?;
        }
        sink.finish()?;
        Ok(())
    }
}

/// A plain data set.
pub(crate) fn open(path: &Path) -> Result<Opened> {
    if !path.exists() {
        let problem =
            "there is no such data set: --sets names the folder of the data sets, `path` the place in it";
        return Err(Error::input(path, problem));
    }
    let data = Opened::open(path, Reading::default())?;
    match data.manifest {
        Some(_) => Err(Error::input(
            path,
            "is disguised already: a study needs the plain images",
        )),
        None => Ok(data),
    }
}

/// A split of a data set as examples; `encodings` of each picture follow each other.
///
/// # Errors
/// If pixels, labels and encodings do not come out even.
pub fn examples(loaded: Loaded, scale: Option<visard_data::Scale>, encodings: usize) -> Result<Examples> {
    let soft = loaded.soft.map(|(classes, weights)| Soft { classes, weights });
    let examples = Examples::new(loaded.shape, loaded.pixels, scale, loaded.labels)?;
    Ok(examples.with_soft(soft)?.with_encodings(encodings)?)
}

fn digest(train: &Loaded, test: &Loaded) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [train, test] {
        hasher.update(format!("{} {}", part.shape, part.labels.len()).as_bytes());
        for label in &part.labels {
            hasher.update(&label.to_le_bytes());
        }
        if let Stored::U8(bytes) = &part.pixels {
            hasher.update(bytes);
        }
    }
    hasher.finalize().to_hex().to_string()
}
