//! Throughput of the schemes: measured, kept as records, and rendered into the document.

use anyhow::{Context, bail};
use serde_json::Value;
use std::{fmt::Write as _, fs, path::Path};

const RECORDS: &str = "docs/records/schemes.json";
const DOCUMENT: &str = "docs/performance.md";
/// Between these lines stands the table.
const MARKS: [&str; 2] = ["<!-- schemes: begin -->\n", "<!-- schemes: end -->\n"];

/// Measures, writes the records and renders them.
pub(crate) fn measure(root: &Path) -> anyhow::Result<()> {
    let records = root.join(RECORDS);
    fs::create_dir_all(root.join("docs/records"))?;
    let path = records.to_string_lossy().into_owned();
    let arguments = [
        "bench",
        "-p",
        "visard-core",
        "--bench",
        "schemes",
        "--",
        "--json",
        &path,
    ];
    crate::run("bench", &arguments, &[])?;
    let document = root.join(DOCUMENT);
    let text = fs::read_to_string(&document).with_context(|| DOCUMENT)?;
    fs::write(document, rendered(&text, &fs::read_to_string(records)?)?)?;
    Ok(())
}

/// The document with the table of these records.
fn rendered(document: &str, records: &str) -> anyhow::Result<String> {
    let records: Vec<Value> = serde_json::from_str(records)?;
    let mut table = String::from(
        "| images | threads | scheme | images/s | MB/s | limit | limit MB/s | ratio | asked |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for record in &records {
        let text = |field: &str| match &record[field] {
            Value::String(text) => text.clone(),
            Value::Null => "-".into(),
            other => other.to_string().trim_end_matches(".0").to_string(),
        };
        let ratio = record["ratio"].as_f64().context("a record has no ratio")?;
        writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {ratio:.2} | {} |",
            text("shape"),
            text("threads"),
            text("scheme"),
            text("images_per_s"),
            text("mb_per_s"),
            text("limit"),
            text("limit_mb_per_s"),
            text("asked")
        )?;
    }
    let parts = document
        .split_once(MARKS[0])
        .and_then(|(head, rest)| Some((head, rest.split_once(MARKS[1])?.1)));
    let Some((head, tail)) = parts else {
        bail!("{DOCUMENT} lacks the marks of the table");
    };
    Ok(format!("{head}{}{table}{}{tail}", MARKS[0], MARKS[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_shows_the_records() {
        let read = |name: &str| fs::read_to_string(Path::new(crate::ROOT).join(name)).unwrap();
        let document = read(DOCUMENT);
        assert!(
            rendered(&document, &read(RECORDS)).unwrap() == document,
            "{DOCUMENT} does not show {RECORDS}"
        );
    }
}
