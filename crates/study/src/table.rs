//! Tables as values, and how they are written: Markdown and CSV. The page makes HTML of the same.

use crate::{Error, Result};

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What its file is called, after the study.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// Heads of the columns.
    pub columns: Vec<String>,
    /// Rows with a value for each column.
    pub rows: Vec<Vec<Value>>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// A value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    None,
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number, shown with so many decimals.
    Number(f64, usize),
    /// A share from 0 to 1, shown in percent with so many decimals.
    Share(f64, usize),
}

impl Value {
    /// Words, or nothing where there are none.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::None
        } else {
            Self::Text(text)
        }
    }

    /// As people read it.
    pub fn shown(&self) -> String {
        match self {
            Self::None => "-".into(),
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(value, decimals) => format!("{value:.decimals$}"),
            Self::Share(share, decimals) => format!("{:.decimals$} %", 100.0 * share),
        }
    }

    /// As programs read it: shares stay shares, with two more decimals than people see.
    pub fn plain(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Share(share, decimals) => format!("{share:.*}", decimals + 4),
            Self::Number(value, decimals) => format!("{value:.*}", decimals + 2),
            other => other.shown(),
        }
    }

    /// Whether it is a number, which tables set to the right.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Count(_) | Self::Number(..) | Self::Share(..))
    }
}

impl Table {
    pub(crate) fn new(id: &str, title: impl Into<String>, columns: &[&str]) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            columns: columns.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Takes columns away that hold nothing in any row.
    pub(crate) fn without_empty_columns(mut self) -> Self {
        let filled: Vec<bool> = (0..self.columns.len())
            .map(|column| self.rows.is_empty() || self.rows.iter().any(|row| row[column] != Value::None))
            .collect();
        let keep = |column: &mut dyn Iterator<Item = bool>| column.next().unwrap_or(true);
        let mut kept = filled.iter().copied();
        self.columns.retain(|_| keep(&mut kept));
        for row in &mut self.rows {
            let mut kept = filled.iter().copied();
            row.retain(|_| keep(&mut kept));
        }
        self
    }

    /// The same with these of its columns alone.
    pub fn only(&self, columns: &[&str]) -> Self {
        let kept = |place: &usize| columns.contains(&self.columns[*place].as_str());
        let places: Vec<usize> = (0..self.columns.len()).filter(kept).collect();
        Self {
            columns: places.iter().map(|place| self.columns[*place].clone()).collect(),
            rows: self
                .rows
                .iter()
                .map(|row| places.iter().map(|place| row[*place].clone()).collect())
                .collect(),
            ..self.clone()
        }
    }

    /// As Markdown, with its title.
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("## {}\n\n", self.title);
        text += &line(self.columns.iter().map(|column| escaped(column)).collect());
        let numbers = |column: usize| self.rows.iter().any(|row| row[column].is_number());
        let rule = |column| {
            if numbers(column) {
                "---:".to_string()
            } else {
                "---".to_string()
            }
        };
        text += &line((0..self.columns.len()).map(rule).collect());
        for row in &self.rows {
            text += &line(row.iter().map(|value| escaped(&value.shown())).collect());
        }
        for note in &self.notes {
            text += &format!("\n{note}\n");
        }
        text
    }

    /// As CSV (RFC 4180), with a head.
    ///
    /// # Errors
    /// Never for tables that fit into memory.
    pub fn csv(&self) -> Result<String> {
        let fail = |error: csv::Error| Error::Show(error.to_string());
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns).map_err(fail)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(Value::plain)).map_err(fail)?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| Error::Show(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| Error::Show(error.to_string()))
    }
}

/// Text that leaves the cells of a Markdown table whole.
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('<', "&lt;");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_table_is_markdown_for_people_and_csv_for_programs() {
        let mut table = Table::new("x", "A table", &["what", "share", "seconds", "nothing"]);
        table.rows.push(vec![
            Value::text("a|b, \"c\""),
            Value::Share(0.12345, 1),
            Value::Number(1.5, 1),
            Value::None,
        ]);
        let table = table.without_empty_columns().note("A note.");
        assert_eq!(table.only(&["seconds", "none"]).rows, [[Value::Number(1.5, 1)]]);
        let expected = "## A table\n\n| what | share | seconds |\n| --- | ---: | ---: |\n\
                        | a\\|b, \"c\" | 12.3 % | 1.5 |\n\nA note.\n";
        assert_eq!(table.markdown(), expected);
        assert_eq!(
            table.csv().unwrap(),
            "what,share,seconds\n\"a|b, \"\"c\"\"\",0.12345,1.500\n"
        );
    }
}
