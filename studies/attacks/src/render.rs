//! `docs/attacks.md`, from the records.

use crate::{
    record::{self, Bound, Cell, Figure, Record, Table},
    sections,
};
use anyhow::Context;
use std::{fs, path::Path};

const DOCUMENT: &str = "docs/attacks.md";

const HEAD: &str = "\
# What the attacks bring back

Every figure below was measured by the code behind `visard attack`, on disguised images alone and what the named
level grants. This page is rendered from the records in `docs/records/attacks/`; each section names the command
that measures it again, SETS being the folder of the image sets.

In parentheses stands what was expected: measured by throw-away scripts before the attacks were written, or
derived by a formula; `>=` and `<=` are bounds. A figure outside its tolerance is marked `!`, and the notes under
its table say why. PSNR is in dB, `exact` where it is infinite.
";

/// Writes the document.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    fs::write(root.join(DOCUMENT), document(root)?).with_context(|| DOCUMENT)
}

fn document(root: &Path) -> anyhow::Result<String> {
    let mut text = HEAD.to_string();
    for section in sections::ALL {
        let place = record::place(root, section.name);
        if !place.exists() {
            continue;
        }
        let record = fs::read_to_string(&place)?;
        let record: Record = serde_json::from_str(&record).with_context(|| format!("{}", place.display()))?;
        text += &self::section(&record);
    }
    Ok(text)
}

/// A section in Markdown.
pub(crate) fn section(record: &Record) -> String {
    let met: Vec<bool> = record.tables.iter().flat_map(met).collect();
    let right = met.iter().filter(|met| **met).count();
    let mut text = format!(
        "\n## {}\n\n`{}`, {:.0} s; {right} of {} figures with an expectation are as expected.\n",
        record.title,
        record.command,
        record.seconds,
        met.len()
    );
    for table in &record.tables {
        text += &self::table(table);
    }
    text
}

fn met(table: &Table) -> Vec<bool> {
    let figures = table.rows.iter().flatten().filter_map(|cell| match cell {
        Cell::Figures(figures) => Some(figures),
        Cell::Text(_) => None,
    });
    figures.flatten().filter_map(Figure::met).collect()
}

fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("\n### {}\n\n", table.title);
    text += &line(table.columns.clone());
    text += &line(vec!["---".into(); table.columns.len()]);
    for row in &table.rows {
        text += &line(row.iter().map(cell).collect());
    }
    for note in &table.notes {
        text += &format!("\n{note}\n");
    }
    text
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Figures(figures) => figures.iter().map(figure).collect::<Vec<_>>().join(" / "),
    }
}

fn figure(figure: &Figure) -> String {
    let number = |value: f64| match value {
        value if value.is_nan() => "-".into(),
        value if value == f64::INFINITY => "exact".into(),
        value => format!("{value:.*}", figure.decimals),
    };
    let found = number(figure.value);
    let Some(expected) = &figure.expected else {
        return found;
    };
    let sign = match expected.bound {
        Bound::Within(_) => "",
        Bound::AtLeast => ">= ",
        Bound::AtMost => "<= ",
    };
    let mark = if figure.met() == Some(false) { "! " } else { "" };
    format!("{found} ({mark}{sign}{})", number(expected.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ROOT;

    #[test]
    fn the_document_shows_the_records() {
        let root = Path::new(ROOT);
        let text = fs::read_to_string(root.join(DOCUMENT)).unwrap();
        assert!(
            document(root).unwrap() == text,
            "{DOCUMENT} is stale: cargo run --release -p study-attacks -- --render"
        );
    }

    #[test]
    fn every_section_has_its_record() {
        for section in sections::ALL {
            let place = record::place(Path::new(ROOT), section.name);
            assert!(place.is_file(), "{} was never measured", section.name);
        }
    }

    #[test]
    fn figures_outside_their_tolerance_are_marked() {
        use crate::record::figure;
        assert_eq!(super::figure(&figure(31.04, 1).about(31.0, 0.3)), "31.0 (31.0)");
        assert_eq!(super::figure(&figure(30.0, 1).about(31.0, 0.3)), "30.0 (! 31.0)");
        let exact = figure(f64::INFINITY, 1).about(f64::INFINITY, 0.0);
        assert_eq!(super::figure(&exact), "exact (exact)");
        assert_eq!(super::figure(&figure(0.97, 2).at_least(0.95)), "0.97 (>= 0.95)");
    }
}
