//! The manifest of a disguised data set: everything that a reader needs besides the key, and
//! nothing that helps without it.

use crate::{Augmentation, Depth, Error, FileRecord, Jpeg, Result, Scale, Split, durable};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};
use visard_core::{Key, Salt, Shape, params::Params};

/// Name of the manifest inside a data set's folder.
pub const MANIFEST: &str = "visard.json";

/// Version of the manifest that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// Manifests are small; a longer file is none.
const MAX_BYTES: u64 = 64 << 20;

/// What `visard.json` holds (SPEC.md 9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this layout.
    pub version: u32,
    /// Program and version that wrote it.
    pub program: String,
    /// Name of the scheme.
    pub scheme: String,
    /// Public parameters of the scheme.
    pub params: Params,
    /// Fingerprint of the key.
    pub fingerprint: String,
    /// The run's salt, 32 hexadecimal digits.
    pub salt: String,
    /// Name of the format.
    pub format: String,
    /// Shape of the images before disguising; absent where it varies.
    pub plain_shape: Option<Shape>,
    /// Shape of the images after disguising; absent where it varies.
    pub shape: Option<Shape>,
    /// How values are stored.
    pub depth: Depth,
    /// What stored integers stand for, where reals were quantised.
    pub scale: Option<Scale>,
    /// Settings of the JPEG encoder, where images are stored with its loss.
    #[serde(default)]
    pub jpeg: Option<Jpeg>,
    /// Times that each image of the training split was written, one copy behind the other; each counts as
    /// a sample in `splits`.
    #[serde(default = "single", skip_serializing_if = "is_single")]
    pub copies: u64,
    /// Random changes of all copies but the first, made before they were disguised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub augment: Vec<Augmentation>,
    /// Parts of the data set.
    pub splits: Vec<Split>,
    /// Class names, where the format has them.
    pub classes: Vec<String>,
    /// Whether samples are known by their places (SPEC.md 4.2) because the format differs from that of
    /// the plain data.
    #[serde(default)]
    pub renumbered: bool,
    /// Inputs left out because they could not be read.
    pub skipped: u64,
    /// The files and their hashes.
    pub files: Vec<FileRecord>,
}

/// What [`Manifest::copies`] is where it is absent.
fn single() -> u64 {
    1
}

fn is_single(copies: &u64) -> bool {
    *copies == single()
}

impl Manifest {
    /// Where the manifest of the data set at `path` lies: inside a folder, beside a file.
    pub fn place(path: &Path, is_folder: bool) -> PathBuf {
        if is_folder {
            return path.join(MANIFEST);
        }
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".");
        name.push(MANIFEST);
        path.with_file_name(name)
    }

    /// The manifest of the data set at `path`, or `None` if there is none.
    ///
    /// # Errors
    /// If there is one that is unreadable, malformed, or of a later version.
    pub fn find(path: &Path) -> Result<Option<Self>> {
        let place = Self::place(path, path.is_dir());
        match File::open(&place) {
            Ok(file) => Self::read(&place, file).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::input(&place, error)),
        }
    }

    fn read(place: &Path, file: File) -> Result<Self> {
        let mut text = String::new();
        let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
        read.map_err(|error| Error::input(place, error))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(Error::limit(
                place,
                format!("is longer than {MAX_BYTES} bytes, so it is no manifest"),
            ));
        }
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let versioned: Versioned = serde_json::from_str(&text)
            .map_err(|error| Error::input(place, format!("is no visard manifest: {error}")))?;
        if versioned.version != VERSION {
            let problem = format!(
                "is a manifest of version {}, this program reads version {VERSION}; use the program that wrote it",
                versioned.version
            );
            return Err(Error::Foreign {
                path: place.into(),
                problem,
            });
        }
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| Error::input(place, format!("is a damaged visard manifest: {error}")))?;
        manifest
            .salt()
            .map(|_| manifest)
            .ok_or_else(|| Error::input(place, "is damaged: the salt is not 32 hexadecimal digits"))
    }

    /// Writes the manifest durably under its final name.
    pub(crate) fn write(&self, place: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| Error::Usage(error.to_string()))?;
        text.push('\n');
        durable::write_file(place, text.as_bytes())
    }

    /// The salt, if it is well-formed.
    pub fn salt(&self) -> Option<Salt> {
        parse_salt(&self.salt)
    }

    /// Refuses a key that did not make this data set.
    pub fn check_key(&self, path: &Path, key: &Key) -> Result<()> {
        let own = key.fingerprint().to_string();
        if own == self.fingerprint {
            return Ok(());
        }
        Err(Error::WrongKey {
            path: path.into(),
            problem: format!(
                "was disguised with the key {}, this is the key {own}",
                self.fingerprint
            ),
        })
    }
}

/// Reads 32 hexadecimal digits.
pub(crate) fn parse_salt(text: &str) -> Option<Salt> {
    text.parse()
        .ok()
        .map(|visard_core::Fingerprint(bytes)| Salt(bytes))
}

/// Prints 32 hexadecimal digits.
pub(crate) fn print_salt(salt: Salt) -> String {
    visard_core::Fingerprint(salt.0).to_string()
}
