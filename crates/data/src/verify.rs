//! Checks a disguised data set against its manifest, without any key.

use crate::{Error, Manifest, Result, formats::folder::sums};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Component, Path, PathBuf},
};

/// What `verify` found in order.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The manifest.
    pub manifest: Manifest,
    /// Files whose hashes were checked.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Longest line of a list of hashes: 64 digits, two spaces, a path.
const MAX_LINE: usize = 8192;

/// Checks presence, length and BLAKE3 of every file.
///
/// # Errors
/// [`Error::Verification`] names the first file that is missing or differs.
pub fn verify(path: &Path) -> Result<Verified> {
    let Some(manifest) = Manifest::find(path)? else {
        std::fs::metadata(path).map_err(|error| Error::input(path, error))?;
        return Err(differs(
            path,
            "has no visard.json: it is no disguised data set, or its run has not finished",
        ));
    };
    let root = if path.is_dir() {
        path
    } else {
        crate::durable::parent(path)
    };
    let (mut files, mut bytes) = (0, 0);
    for record in &manifest.files {
        let place = inside(root, &record.path)?;
        let length = std::fs::metadata(&place)
            .map_err(|error| differs(&place, &error.to_string()))?
            .len();
        if length != record.bytes {
            return Err(differs(
                &place,
                &format!("has {length} bytes, the manifest says {}", record.bytes),
            ));
        }
        check_hash(&place, &record.blake3)?;
        files += 1;
        bytes += length;
        if record.path == sums::NAME {
            let (more, length) = check_list(root, &place)?;
            files += more;
            bytes += length;
        }
    }
    Ok(Verified {
        manifest,
        files,
        bytes,
    })
}

fn check_list(root: &Path, list: &Path) -> Result<(u64, u64)> {
    let file = File::open(list).map_err(|error| Error::input(list, error))?;
    let (mut files, mut bytes) = (0, 0);
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| Error::input(list, error))?;
        let (hash, name) = sums::parse(&line)
            .filter(|_| line.len() <= MAX_LINE)
            .ok_or_else(|| differs(list, "holds a line that is no hash and name"))?;
        let place = inside(root, &name)?;
        check_hash(&place, hash.to_hex().as_str())?;
        files += 1;
        bytes += std::fs::metadata(&place).map_or(0, |m| m.len());
    }
    Ok((files, bytes))
}

fn check_hash(place: &Path, expected: &str) -> Result<()> {
    let mut hasher = blake3::Hasher::new();
    let file = File::open(place).map_err(|error| differs(place, &error.to_string()))?;
    hasher
        .update_reader(file)
        .map_err(|error| Error::input(place, error))?;
    if hasher.finalize().to_hex().as_str() == expected {
        return Ok(());
    }
    Err(differs(
        place,
        "was changed or damaged after it was written; disguise the data set again",
    ))
}

/// The file `name` below `root`; names that lead elsewhere are refused.
fn inside(root: &Path, name: &str) -> Result<PathBuf> {
    let relative = Path::new(name);
    if relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return Ok(root.join(relative));
    }
    Err(differs(
        root,
        &format!("lists the file {name:?}, which lies outside the data set"),
    ))
}

fn differs(path: &Path, problem: &str) -> Error {
    Error::Verification {
        path: path.into(),
        problem: problem.into(),
    }
}
