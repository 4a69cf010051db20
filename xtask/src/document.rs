//! Tables in `docs/performance.md`, rendered from the records of `docs/records/`.

use anyhow::{Context, bail};
use serde_json::Value;
use std::{fs, path::Path};

const DOCUMENT: &str = "docs/performance.md";

/// Records, the mark of their place in the document, and how they become a table.
pub(crate) struct Table {
    pub(crate) records: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) render: fn(&[Value]) -> anyhow::Result<String>,
}

impl Table {
    /// Puts the table of the committed records into the document.
    pub(crate) fn place(&self, root: &Path) -> anyhow::Result<()> {
        let document = root.join(DOCUMENT);
        let text = fs::read_to_string(&document).with_context(|| DOCUMENT)?;
        fs::write(document, self.placed(&text, root)?)?;
        Ok(())
    }

    /// The document with the table.
    fn placed(&self, document: &str, root: &Path) -> anyhow::Result<String> {
        let records = fs::read_to_string(root.join(self.records)).with_context(|| self.records)?;
        let table = (self.render)(&serde_json::from_str::<Vec<Value>>(&records)?)?;
        let begin = format!("<!-- {}: begin -->\n", self.mark);
        let end = format!("<!-- {}: end -->\n", self.mark);
        let parts = document
            .split_once(&begin)
            .and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
        let Some((head, tail)) = parts else {
            bail!("{DOCUMENT} lacks the marks of the table {}", self.mark);
        };
        Ok(format!("{head}{begin}{table}{end}{tail}"))
    }
}

/// A field of a record as it stands in a table.
pub(crate) fn cell(record: &Value, field: &str) -> String {
    match &record[field] {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string().trim_end_matches(".0").to_string(),
    }
}

/// A number of a record with so many decimals.
pub(crate) fn number(record: &Value, field: &str, decimals: usize) -> anyhow::Result<String> {
    let value = record[field]
        .as_f64()
        .with_context(|| format!("a record has no {field}"))?;
    Ok(format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_shows_the_records() {
        let root = Path::new(crate::ROOT);
        let document = fs::read_to_string(root.join(DOCUMENT)).unwrap();
        for table in [crate::bench::TABLE, crate::jpeg::TABLE, crate::training::TABLE] {
            let placed = table.placed(&document, root).unwrap();
            assert!(placed == document, "{DOCUMENT} does not show {}", table.records);
        }
    }
}
