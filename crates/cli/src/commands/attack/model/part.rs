//! Parts of data sets on the command line.

use crate::{
    commands::{eval::split_named, train::examples},
    failure::Usage,
};
use std::{
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
};
use visard_core::SampleId;
use visard_data::{Manifest, Opened, Reading};
use visard_learn::Examples;

/// A data set or a part of it: `DATA`, `DATA@SPLIT`, `DATA@FROM..TO` or `DATA@SPLIT:FROM..TO`, pictures
/// counted from 0 and TO left out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    path: PathBuf,
    split: Option<String>,
    range: Option<Range<u64>>,
}

/// Which split is meant where none is named.
#[derive(Clone, Copy)]
pub(super) enum Usual {
    Training,
    Test,
}

/// A part in memory.
pub(super) struct Held {
    /// Images as they are stored, with their labels.
    pub(super) images: Examples,
    /// Identity of each image.
    pub(super) ids: Vec<SampleId>,
    /// What the data set says of its disguise; none where it is plain.
    pub(super) manifest: Option<Manifest>,
    /// The data set.
    pub(super) path: PathBuf,
    split: usize,
    range: Range<u64>,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = |path: &str| Self {
            path: path.into(),
            split: None,
            range: None,
        };
        // A name may hold an @ of its own.
        let (path, part) = match text.rsplit_once('@') {
            Some((path, part)) if !path.is_empty() && !Path::new(text).exists() => (path, part),
            _ => return Ok(whole(text)),
        };
        let (split, range) = match part.split_once(':') {
            Some((split, range)) => (split, Some(range)),
            None if part.contains("..") => ("", Some(part)),
            None => (part, None),
        };
        let range = range.map(|range| {
            let wrong = || format!("{range:?} is no range: write FROM..TO, for instance 0..2000");
            let (from, to) = range.split_once("..").ok_or_else(wrong)?;
            let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
            let range = number(from)?..number(to)?;
            match range.is_empty() {
                true => Err(wrong()),
                false => Ok(range),
            }
        });
        Ok(Self {
            split: (!split.is_empty()).then(|| split.into()),
            range: range.transpose()?,
            ..whole(path)
        })
    }
}

impl Part {
    /// Reads it.
    ///
    /// # Errors
    /// If the data set is unreadable, or does not have the split or so many pictures.
    pub(super) fn read(&self, reading: Reading, usual: Usual) -> anyhow::Result<Held> {
        let mut data = Opened::open(&self.path, reading)?;
        let split = match (&self.split, usual) {
            (Some(name), _) => split_named(&data, &self.path, name)?,
            (None, Usual::Training) => data.training_split(),
            (None, Usual::Test) => data.test_split().unwrap_or_else(|| data.training_split()),
        };
        let each = data.encodings()? as u64;
        let held = data.meta.splits[split].count / each.max(1);
        let range = self.range.clone().unwrap_or(0..held);
        if range.end > held {
            return Err(Usage(format!(
                "{}: the split {} has {held} pictures; {}..{} goes beyond them",
                self.path.display(),
                data.meta.splits[split].name,
                range.start,
                range.end
            ))
            .into());
        }
        let places: Vec<u64> = (range.start * each..range.end * each).collect();
        let loaded = data.pick(&self.path, split, &places, None)?;
        Ok(Held {
            ids: loaded.ids.clone(),
            images: examples(loaded, &data)?,
            manifest: data.manifest,
            path: self.path.clone(),
            split,
            range,
        })
    }
}

impl Held {
    /// Whether both hold some of the same pictures.
    fn meets(&self, other: &Self) -> bool {
        let place = |held: &Self| std::fs::canonicalize(&held.path).unwrap_or_else(|_| held.path.clone());
        self.split == other.split
            && self.range.start.max(other.range.start) < self.range.end.min(other.range.end)
            && place(self) == place(other)
    }
}

/// Refuses parts that share pictures: what the adversary has of its own must be neither asked about nor
/// judged by.
///
/// # Errors
/// If two of them, each named by its option, meet.
pub(super) fn apart(parts: &[(&str, &Held)]) -> anyhow::Result<()> {
    for (i, (name, held)) in parts.iter().enumerate() {
        if let Some((other, _)) = parts[..i].iter().find(|(_, more)| held.meets(more)) {
            return Err(Usage(format!(
                "{other} and {name} share pictures of {}; take parts that do not, such as DATA@train:0..1000 and \
                 DATA@train:1000..3000",
                held.path.display()
            ))
            .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(path: &str, split: Option<&str>, range: Option<Range<u64>>) -> Part {
        Part {
            path: path.into(),
            split: split.map(String::from),
            range,
        }
    }

    #[test]
    fn parts_are_named_by_split_and_range() {
        for (text, expected) in [
            ("sets/a", part("sets/a", None, None)),
            ("sets/a@test", part("sets/a", Some("test"), None)),
            ("sets/a@5..70", part("sets/a", None, Some(5..70))),
            ("sets/a@train:0..9", part("sets/a", Some("train"), Some(0..9))),
            ("me@home/a@t10k", part("me@home/a", Some("t10k"), None)),
            ("@a", part("@a", None, None)),
        ] {
            assert_eq!(text.parse::<Part>(), Ok(expected), "{text}");
        }
        for text in ["a@train:0-9", "a@9..9", "a@9..3", "a@train:x..9", "a@..9"] {
            let problem = text.parse::<Part>().unwrap_err();
            assert!(problem.contains("FROM..TO"), "{problem}");
        }
        // What is there under that very name is meant as it stands.
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("set@3..4");
        std::fs::create_dir(&odd).unwrap();
        let text = odd.to_str().unwrap();
        assert_eq!(text.parse::<Part>(), Ok(part(text, None, None)));
    }
}
