//! The record of a cell, versioned, written whole or not at all, and read back with care.

use crate::{Definition, Error, Machine, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};
use visard_attacks::metrics::number;
use visard_audit::Audit;
use visard_core::Shape;
use visard_learn::EpochRecord;

/// Version of the record's schema.
pub const SCHEMA: u32 = 1;

/// What a record says of keys: nothing that such a key disguises is secret.
pub const KEY: &str = "derived from the name of the study and the seed";

const KIND: &str = "study-cell";

/// Largest record that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// What came of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// Always `study-cell`.
    pub kind: String,
    /// Version of the schema: [`SCHEMA`].
    pub schema: u32,
    /// Version of the program.
    pub version: String,
    /// Name of the cell.
    pub cell: String,
    /// Everything that its figures depend on.
    pub definition: Definition,
    /// Where the key is from; none for plain images.
    pub key: Option<String>,
    /// What it was run on.
    pub machine: Machine,
    /// Seconds that it took.
    pub seconds: f64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Outcome {
    /// A network learned.
    Trained(Box<Trained>),
    /// A disguise was attacked.
    Audited {
        /// The record of the audit.
        audit: Box<Audit>,
    },
    /// It could not be done.
    Failed {
        /// Why not.
        reason: String,
    },
}

/// What a network learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// The images.
    pub images: Images,
    /// Test images that were named.
    pub tested: u64,
    /// Of these, those that were named rightly.
    pub correct: u64,
    /// Share of test images that were named rightly.
    pub accuracy: f64,
    /// 95% Wilson interval of that share.
    pub interval: (f64, f64),
    /// Mean cross-entropy over the test images, in nats.
    #[serde(with = "number")]
    pub loss: f64,
    /// For each class the share of its test images that were named rightly; none where there were none.
    pub recall: Vec<Option<f64>>,
    /// How often test images of each class (row) were named as each class (column).
    pub confusion: Vec<Vec<u64>>,
    /// The epochs.
    pub history: Vec<EpochRecord>,
    /// Seconds of training.
    pub training_seconds: f64,
    /// Training images (encodings, where there are several) per second.
    pub images_per_s: f64,
    /// What disguising cost the owner; none for plain images.
    pub disguising: Option<Disguising>,
}

/// The images of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// Training images before disguising.
    pub train: usize,
    /// Test images before disguising.
    pub test: usize,
    /// Encodings of each training image and of each test image.
    pub encodings: (usize, usize),
    /// Shape before disguising.
    pub plain: Shape,
    /// Shape of what the network saw.
    pub shape: Shape,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// BLAKE3 of the plain images and their labels.
    pub digest: String,
}

/// What disguising cost the owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disguising {
    /// Disguised images that were made, training and test.
    pub images: u64,
    /// Seconds of the whole, reading, writing and hashing the files included.
    pub seconds: f64,
    /// Seconds in the scheme itself.
    pub scheme_seconds: f64,
    /// Disguised images per second of the whole.
    pub images_per_s: f64,
    /// Share of the time of one epoch of training that disguising took once for all epochs.
    pub share_of_epoch: f64,
}

impl CellRecord {
    /// A record of this version.
    pub(crate) fn new(definition: &Definition, machine: Machine, seconds: f64, outcome: Outcome) -> Self {
        Self {
            kind: KIND.into(),
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").into(),
            cell: definition.slug(),
            definition: definition.clone(),
            key: definition.scheme.info().map(|_| KEY.into()),
            machine,
            seconds,
            outcome,
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Error::Input`] if the file is unreadable, larger than any record, no record, or of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
            .map_err(|error| Error::input(path, error))?;
        Self::parse(&text).map_err(|problem| Error::input(path, problem))
    }

    /// The record in a text, or what is wrong with it and the mend.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        const MEND: &str = "delete it and run the study again, and its cell is run anew";
        if text.len() as u64 > LARGEST {
            return Err(format!(
                "is larger than any record of a cell ({LARGEST} bytes); {MEND}"
            ));
        }
        let head: Head = serde_json::from_slice(text)
            .map_err(|error| format!("is no record of a cell ({error}); {MEND}"))?;
        if head.kind != KIND {
            return Err(format!(
                "is no record of a cell but of kind {:.40?}; {MEND}",
                head.kind
            ));
        }
        if head.schema != SCHEMA {
            return Err(format!(
                "is a record of version {}, this program reads version {SCHEMA}; {MEND}",
                head.schema
            ));
        }
        let record: Self =
            serde_json::from_slice(text).map_err(|error| format!("is a damaged record ({error}); {MEND}"))?;
        match record.inconsistent() {
            Some(problem) => Err(format!("is a damaged record: {problem}; {MEND}")),
            None => Ok(record),
        }
    }

    /// What tables and pages would stumble over.
    fn inconsistent(&self) -> Option<&'static str> {
        let Outcome::Trained(trained) = &self.outcome else {
            return None;
        };
        let classes = trained.images.classes.len();
        let square =
            trained.confusion.len() == classes && trained.confusion.iter().all(|row| row.len() == classes);
        if !square || trained.recall.len() != classes {
            return Some("its classes do not come out even");
        }
        let (low, high) = trained.interval;
        let shares = [trained.accuracy, low, high];
        let shares = shares.iter().chain(trained.recall.iter().flatten());
        if shares.copied().any(|share| !(0.0..=1.0).contains(&share)) {
            return Some("a share is not between 0 and 1");
        }
        None
    }

    /// Writes the record, replacing one that is there: whole and durable, or not at all.
    ///
    /// # Errors
    /// [`Error::Output`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::output(path, error.into()))?;
        write(path, (text + "\n").as_bytes())
    }
}

/// Writes a file that is either whole and safe on the disk, or not there under its name.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = || -> io::Result<()> {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        if cfg!(unix) {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
    };
    written().map_err(|error| {
        // The error that is reported is the one that made the file useless.
        drop(fs::remove_file(&partial));
        Error::output(path, error)
    })
}

/// What tells a record from other files.
#[derive(Deserialize)]
struct Head {
    kind: String,
    schema: u32,
}
