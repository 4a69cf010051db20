//! Reading records of audits back, with bounds.

use crate::{Audit, Error, LevelRecord, ModelRecord, Point, Result, SCHEMA, model::Told};
use serde::Deserialize;
use std::{fs::File, io::Read, path::Path};

/// Oldest version of the schema that is read.
const OLDEST: u32 = 1;

/// Largest record that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// Most entries of a list, and most characters of a text, in a record that is read.
const MOST: usize = 4096;

/// What tells a record from other files.
#[derive(Deserialize)]
struct Head {
    kind: String,
    schema: u32,
}

impl Audit {
    /// Reads a record.
    ///
    /// # Errors
    /// If the file is unreadable, larger than any record, no record, or of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |problem: String| Error::Record {
            path: path.into(),
            problem,
        };
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
            .map_err(|error| fail(error.to_string()))?;
        Self::parse(&text).map_err(fail)
    }

    /// The record in a text, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        const MEND: &str = "`visard audit` writes such records beside its page";
        if text.len() as u64 > LARGEST {
            return Err(format!(
                "is larger than any record of an audit ({LARGEST} bytes); {MEND}"
            ));
        }
        let head: Head = serde_json::from_slice(text)
            .map_err(|error| format!("is no record of an audit ({error}); {MEND}"))?;
        if head.kind != "audit" {
            return Err(format!(
                "is no record of an audit but of kind {:.40?}; {MEND}",
                head.kind
            ));
        }
        if !(OLDEST..=SCHEMA).contains(&head.schema) {
            return Err(format!(
                "is a record of version {}, this program reads versions {OLDEST} to {SCHEMA}: repeat the audit",
                head.schema
            ));
        }
        let audit: Self = serde_json::from_slice(text)
            .map_err(|error| format!("is a damaged record ({error}): repeat the audit"))?;
        audit.bounded()?;
        Ok(audit)
    }

    /// Refuses lists and texts that no audit writes.
    fn bounded(&self) -> Result<(), String> {
        let lists = [
            self.lists(),
            self.model.as_ref().map(lists_of).unwrap_or_default(),
        ]
        .concat();
        if lists.into_iter().any(|len| len > MOST) {
            return Err(format!(
                "is a damaged record: a list has more than {MOST} entries"
            ));
        }
        let own = self.texts();
        let of_model = self.model.as_ref().map(texts_of).unwrap_or_default();
        if own.iter().chain(&of_model).any(|text| text.len() > MOST) {
            return Err(format!(
                "is a damaged record: a text has more than {MOST} characters"
            ));
        }
        self.shape.check().map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Lengths of all lists but those of the model.
    fn lists(&self) -> Vec<usize> {
        let mut all = vec![
            self.levels.len(),
            self.attacks.len(),
            self.not_run.len(),
            self.params.len(),
        ];
        for attack in &self.attacks {
            all.push(attack.points.len());
            let inner = |point: &Point| [point.figures.len(), point.evidence.len()];
            all.extend(attack.points.iter().flat_map(inner));
        }
        let named = |level: &LevelRecord| level.by.len() + level.inconclusive.len();
        all.extend(self.levels.iter().map(named));
        all
    }

    /// Texts that are shown, but those of the model.
    fn texts(&self) -> Vec<&String> {
        let mut all = vec![
            &self.version,
            &self.scheme,
            &self.fingerprint,
            &self.data.name,
            &self.command,
        ];
        all.extend(self.levels.iter().filter_map(|level| level.not_reached.as_ref()));
        for attack in &self.attacks {
            all.extend([
                &attack.name,
                &attack.title,
                &attack.summary,
                &attack.paper,
                &attack.because,
            ]);
        }
        all
    }
}

/// Lengths of all lists of a model's part.
fn lists_of(model: &ModelRecord) -> Vec<usize> {
    let mut all = vec![model.params.len(), model.attacks.len()];
    for attack in &model.attacks {
        all.extend([attack.params.len(), attack.cells.len()]);
        for cell in &attack.cells {
            all.push(cell.figures.len());
            match &cell.told {
                Some(Told::Membership(told)) => all.extend([told.rates.len(), told.roc.len()]),
                Some(Told::Classes(told)) => all.push(told.each.len()),
                Some(Told::Extraction(told)) => all.push(told.copies.len()),
                Some(Told::Inversion(_)) | None => {}
            }
        }
    }
    all
}

/// Texts of a model's part.
fn texts_of(model: &ModelRecord) -> Vec<&String> {
    let mut all = vec![
        &model.network,
        &model.own_from,
        &model.why_no_key,
        &model.plain.front,
        &model.disguised.front,
    ];
    all.extend(model.key.as_ref().map(|key| &key.attack));
    for attack in &model.attacks {
        all.extend([&attack.name, &attack.title, &attack.summary, &attack.paper]);
        for cell in &attack.cells {
            all.push(&cell.because);
            all.extend(cell.inconclusive.as_ref());
        }
    }
    all
}
