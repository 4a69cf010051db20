//! Throughput of the schemes: measured, kept as records, and rendered into the document.

use crate::document::{Table, cell, number};
use serde_json::Value;
use std::{fmt::Write as _, fs, path::Path};

/// The schemes beside the limits of the machine.
pub(crate) const TABLE: Table = Table {
    records: "docs/records/schemes.json",
    mark: "schemes",
    render,
};

/// Measures, writes the records and renders them.
pub(crate) fn measure(root: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(root.join("docs/records"))?;
    let path = root.join(TABLE.records).to_string_lossy().into_owned();
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
    TABLE.place(root)
}

fn render(records: &[Value]) -> anyhow::Result<String> {
    let mut table = String::from(
        "| images | threads | scheme | images/s | MB/s | limit | limit MB/s | ratio | asked |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for record in records {
        writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            cell(record, "shape"),
            cell(record, "threads"),
            cell(record, "scheme"),
            cell(record, "images_per_s"),
            cell(record, "mb_per_s"),
            cell(record, "limit"),
            cell(record, "limit_mb_per_s"),
            number(record, "ratio", 2)?,
            cell(record, "asked")
        )?;
    }
    Ok(table)
}
