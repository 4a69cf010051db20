//! Records as Markdown.

use crate::record::{Bound, Cell, Figure, Record, Table};

/// A section in Markdown.
pub fn section(record: &Record) -> String {
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
