//! The journal of a run: what it is doing and how much of it is safe on the disk.
//!
//! One line an entry: 16 hexadecimal digits of BLAKE3, a space, JSON. A torn last line (no line
//! end) is what a crash leaves and is ignored; any other damage is refused, never guessed at.

use crate::{Error, Result, durable};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// What a run is: two runs with the same header make the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Version of the journal.
    pub version: u32,
    /// Program and version.
    pub program: String,
    /// `apply` or `remove`.
    pub job: String,
    /// Fingerprint of the key.
    pub fingerprint: String,
    /// Name of the output's format.
    pub format: String,
    /// Options that change what is written.
    pub options: Value,
    /// [`crate::Meta::signature`] of the input.
    pub input: String,
    /// The run's salt.
    pub salt: String,
}

impl Header {
    /// Whether the run refused images of other sizes than the key's.
    fn fits_nothing(&self) -> bool {
        self.options.get("fit").is_some_and(|fit| fit == "Error")
    }

    /// What differs from the run that is asked for now, in words.
    fn difference(&self, asked: &Self) -> Option<&'static str> {
        [
            (
                self.version == asked.version && self.program == asked.program,
                "version of the program",
            ),
            (self.job == asked.job, "command"),
            (self.fingerprint == asked.fingerprint, "key"),
            (self.format == asked.format, "format"),
            (self.options == asked.options, "options"),
        ]
        .into_iter()
        .find_map(|(same, what)| (!same).then_some(what))
    }
}

/// An open, locked journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

/// What a run finds when it opens its journal.
pub(crate) struct Opened {
    /// The journal, locked.
    pub journal: Journal,
    /// The header in force; its salt is the one to use.
    pub header: Header,
    /// State of the last checkpoint of an interrupted run.
    pub state: Option<Value>,
    /// Whether an interrupted run was given up because its input has changed since.
    pub input_changed: bool,
}

impl Journal {
    /// Opens or starts the journal at `path` for the run `asked`.
    ///
    /// # Errors
    /// [`Error::Locked`] if another run holds it, [`Error::Foreign`] if it belongs to a different
    /// run or is damaged.
    pub(crate) fn open(path: &Path, asked: Header) -> Result<Opened> {
        let fail = |error| Error::output(path, error);
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: path.into() }),
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let mut journal = Self {
            path: path.into(),
            file,
        };
        let entries = journal.entries()?;
        let Some((first, rest)) = entries.split_first() else {
            journal.start(&asked)?;
            return Ok(Opened {
                journal,
                header: asked,
                state: None,
                input_changed: false,
            });
        };
        let mut header: Header =
            serde_json::from_value(first.clone()).map_err(|_| journal.foreign("is damaged"))?;
        let state = rest.last().cloned();
        if header.options != asked.options && header.fits_nothing() {
            // What was written so far needed no fitting, so it stays right under any fit.
            header.options["fit"] = asked.options["fit"].clone();
            journal.start(&header)?;
            state.as_ref().map_or(Ok(()), |state| journal.append(state))?;
        }
        if let Some(what) = header.difference(&asked) {
            return Err(journal.foreign(&format!("belongs to an unfinished run with another {what}")));
        }
        // The salt is fresh when the input has changed, so that no mask covers two images.
        let input_changed = header.input != asked.input;
        if input_changed {
            journal.start(&asked)?;
        }
        Ok(Opened {
            journal,
            state: if input_changed { None } else { state },
            header: if input_changed { asked } else { header },
            input_changed,
        })
    }

    fn foreign(&self, problem: &str) -> Error {
        Error::Foreign {
            path: self.path.clone(),
            problem: format!("{problem}; repeat that run to finish it, or delete the output to start anew"),
        }
    }

    fn start(&mut self, header: &Header) -> Result<()> {
        let fail = |error| Error::output(&self.path, error);
        self.file.set_len(0).map_err(fail)?;
        self.file.seek(SeekFrom::Start(0)).map_err(fail)?;
        let value = serde_json::to_value(header).map_err(|error| Error::Usage(error.to_string()))?;
        self.append(&value)?;
        durable::sync_folder(durable::parent(&self.path))
    }

    /// Appends an entry durably.
    pub(crate) fn append(&mut self, entry: &Value) -> Result<()> {
        let json = entry.to_string();
        let line = format!("{} {json}\n", digest(json.as_bytes()));
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data());
        written.map_err(|error| Error::output(&self.path, error))
    }

    /// Reads all whole entries and leaves the file positioned behind them.
    fn entries(&mut self) -> Result<Vec<Value>> {
        let mut text = Vec::new();
        self.file
            .read_to_end(&mut text)
            .map_err(|error| Error::output(&self.path, error))?;
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        let entries = text[..whole]
            .split_inclusive(|b| *b == b'\n')
            .map(|line| parse(&line[..line.len() - 1]).ok_or_else(|| self.foreign("is damaged")))
            .collect::<Result<Vec<_>>>()?;
        let fail = |error| Error::output(&self.path, error);
        self.file.set_len(whole as u64).map_err(fail)?;
        self.file.seek(SeekFrom::Start(whole as u64)).map_err(fail)?;
        Ok(entries)
    }

    /// Deletes the journal that a run left when it was killed after its manifest was written, unless
    /// that run is still there.
    pub(crate) fn clear_finished(path: &Path) {
        let unlocked = File::open(path).is_ok_and(|file| file.try_lock().is_ok());
        if unlocked {
            // The output is whole either way.
            drop(std::fs::remove_file(path));
        }
    }

    /// Deletes the journal of a finished run.
    pub(crate) fn close(self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(|error| Error::output(&self.path, error))
    }
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_string()
}

fn parse(line: &[u8]) -> Option<Value> {
    let (sum, json) = line.split_at_checked(17)?;
    let matches = sum.last() == Some(&b' ') && digest(json).as_bytes() == &sum[..16];
    matches.then(|| serde_json::from_slice(json).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header(key: &str, input: &str, salt: &str) -> Header {
        Header {
            version: 1,
            program: "p".into(),
            job: "apply".into(),
            fingerprint: key.into(),
            format: "idx".into(),
            options: json!({}),
            input: input.into(),
            salt: salt.into(),
        }
    }

    #[test]
    fn a_run_goes_on_where_it_stopped_with_its_own_salt() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut first = Journal::open(&path, header("k", "i", "s1")).unwrap();
        assert!(first.state.is_none());
        first.journal.append(&json!({"done": [1]})).unwrap();
        first.journal.append(&json!({"done": [2]})).unwrap();
        drop(first);
        let again = Journal::open(&path, header("k", "i", "s2")).unwrap();
        assert_eq!(again.state, Some(json!({"done": [2]})));
        assert_eq!(again.header.salt, "s1");
    }

    #[test]
    fn torn_lines_are_dropped_and_damage_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut first = Journal::open(&path, header("k", "i", "s")).unwrap();
        first.journal.append(&json!({"done": [1]})).unwrap();
        drop(first);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(
                Journal::open(&path, header("k", "i", "s")).is_ok(),
                "cut at {cut}"
            );
        }
        for place in (0..whole.len() - 1).step_by(5) {
            let mut bent = whole.clone();
            bent[place] ^= 1;
            std::fs::write(&path, &bent).unwrap();
            let opened = Journal::open(&path, header("k", "i", "s"));
            assert!(matches!(opened, Err(Error::Foreign { .. })), "flipped at {place}");
        }
    }

    #[test]
    fn other_runs_are_refused_and_changed_input_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut first = Journal::open(&path, header("k", "i", "s1")).unwrap();
        first.journal.append(&json!({"done": [1]})).unwrap();
        assert!(matches!(
            Journal::open(&path, header("k", "i", "s")),
            Err(Error::Locked { .. })
        ));
        drop(first);
        assert!(matches!(
            Journal::open(&path, header("other", "i", "s")),
            Err(Error::Foreign { .. })
        ));
        let changed = Journal::open(&path, header("k", "i2", "s2")).unwrap();
        assert!(changed.input_changed && changed.state.is_none());
        assert_eq!(changed.header.salt, "s2");
    }
}
