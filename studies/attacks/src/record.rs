//! Measured tables, as they are kept.

use crate::sections::Section;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use visard_attacks::metrics::number;

/// What one section measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) section: String,
    pub(crate) title: String,
    pub(crate) command: String,
    pub(crate) version: String,
    pub(crate) seconds: f64,
    pub(crate) tables: Vec<Table>,
}

impl Record {
    pub(crate) fn new(section: &Section, tables: Vec<Table>, taken: Duration) -> Self {
        Self {
            section: section.name.into(),
            title: section.title.into(),
            command: format!("cargo run --release -p study-attacks -- SETS {}", section.name),
            version: env!("CARGO_PKG_VERSION").into(),
            seconds: taken.as_secs_f64().round(),
            tables,
        }
    }
}

/// Where a section's record lies.
pub(crate) fn place(root: &Path, section: &str) -> PathBuf {
    root.join(format!("docs/records/attacks/{section}.json"))
}

/// A table of figures: the first columns name a row, the others hold its figures.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What a reader must know: how it was measured, why figures differ from what was expected.
    pub(crate) notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        Self {
            title: title.into(),
            columns: columns.iter().map(|c| (*c).into()).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a row: its name in the first column, then its cells.
    pub(crate) fn row(&mut self, name: impl Into<String>, cells: impl IntoIterator<Item = Cell>) {
        let row: Vec<Cell> = [Cell::text(name)].into_iter().chain(cells).collect();
        assert_eq!(
            row.len(),
            self.columns.len(),
            "a cell for every column of {}",
            self.title
        );
        self.rows.push(row);
    }

    pub(crate) fn note(mut self, note: &str) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// A cell: figures, or words.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    Figures(Vec<Figure>),
    Text(String),
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Several figures side by side.
    pub(crate) fn of(figures: impl IntoIterator<Item = Figure>) -> Self {
        Self::Figures(figures.into_iter().collect())
    }
}

impl From<Figure> for Cell {
    fn from(figure: Figure) -> Self {
        Self::of([figure])
    }
}

/// A figure, and what was expected of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    #[serde(with = "number")]
    pub(crate) value: f64,
    pub(crate) decimals: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<Expected>,
}

/// What was expected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Expected {
    #[serde(with = "number")]
    pub(crate) value: f64,
    pub(crate) bound: Bound,
}

/// How a figure is to compare with what was expected.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Bound {
    /// Equal up to so much.
    Within(f64),
    /// At least that.
    AtLeast,
    /// At most that.
    AtMost,
}

/// A figure with so many decimals; infinite ones are shown as exact.
pub(crate) fn figure(value: f64, decimals: usize) -> Figure {
    Figure {
        value,
        decimals,
        expected: None,
    }
}

impl Figure {
    fn expect(mut self, value: f64, bound: Bound) -> Self {
        self.expected = Some(Expected { value, bound });
        self
    }

    /// Expected to be `value` up to `tolerance`.
    pub(crate) fn about(self, value: f64, tolerance: f64) -> Self {
        self.expect(value, Bound::Within(tolerance))
    }

    pub(crate) fn at_least(self, value: f64) -> Self {
        self.expect(value, Bound::AtLeast)
    }

    pub(crate) fn at_most(self, value: f64) -> Self {
        self.expect(value, Bound::AtMost)
    }

    /// Whether it is as expected; none if nothing was.
    pub(crate) fn met(&self) -> Option<bool> {
        let Expected { value, bound } = self.expected.as_ref()?;
        Some(match bound {
            // Equal infinities have no difference.
            Bound::Within(tolerance) => self.value == *value || (self.value - value).abs() <= *tolerance,
            Bound::AtLeast => self.value >= *value,
            Bound::AtMost => self.value <= *value,
        })
    }
}
