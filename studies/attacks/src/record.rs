//! Measured tables, as they are kept.

use anyhow::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use visard_attacks::metrics::number;

/// What one section measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// Name of the section.
    pub section: String,
    /// Its heading.
    pub title: String,
    /// What measures it again.
    pub command: String,
    /// Version of the program that measured it.
    pub version: String,
    /// Seconds that it took.
    pub seconds: f64,
    /// What was measured.
    pub tables: Vec<Table>,
}

impl Record {
    /// What the section `name` of the study in `package` measured.
    pub fn new(package: &str, name: &str, title: &str, tables: Vec<Table>, taken: Duration) -> Self {
        Self {
            section: name.into(),
            title: title.into(),
            command: command(package, name),
            version: env!("CARGO_PKG_VERSION").into(),
            seconds: taken.as_secs_f64().round(),
            tables,
        }
    }
}

/// What measures the section `name` of the study in `package` again.
pub fn command(package: &str, name: &str) -> String {
    format!("cargo run --release -p {package} -- SETS {name}")
}

/// The record in a file; none where there is no such file.
///
/// # Errors
/// If it cannot be read, or holds something else.
pub fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let name = || format!("{}", path.display());
    let text = fs::read_to_string(path).with_context(name)?;
    Ok(Some(serde_json::from_str(&text).with_context(name)?))
}

/// Writes a file by way of a second one, so that an end at any time leaves the old file or the new one, and its
/// folder where that is missing.
///
/// # Errors
/// If they cannot be written.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let name = || format!("{}", path.display());
    fs::create_dir_all(path.parent().with_context(name)?).with_context(name)?;
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes).with_context(name)?;
    fs::rename(&partial, path).with_context(name)
}

/// Where the record of a section of the attacks lies.
pub fn place(root: &Path, section: &str) -> PathBuf {
    root.join(format!("docs/records/attacks/{section}.json"))
}

/// A table of figures: the first columns name a row, the others hold its figures.
#[derive(Debug, Serialize, Deserialize)]
pub struct Table {
    /// Heading.
    pub title: String,
    /// Headings of the columns.
    pub columns: Vec<String>,
    /// Cells of each row, one a column.
    pub rows: Vec<Vec<Cell>>,
    /// What a reader must know: how it was measured, why figures differ from what was expected.
    pub notes: Vec<String>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: &str, columns: &[&str]) -> Self {
        Self {
            title: title.into(),
            columns: columns.iter().map(|c| (*c).into()).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a row: its name in the first column, then its cells.
    ///
    /// # Panics
    /// If there is not a cell for every column.
    pub fn row(&mut self, name: impl Into<String>, cells: impl IntoIterator<Item = Cell>) {
        let row: Vec<Cell> = [Cell::text(name)].into_iter().chain(cells).collect();
        assert_eq!(
            row.len(),
            self.columns.len(),
            "a cell for every column of {}",
            self.title
        );
        self.rows.push(row);
    }

    /// The same with one more note.
    pub fn note(mut self, note: &str) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// A cell: figures, or words.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// Figures side by side.
    Figures(Vec<Figure>),
    /// Words.
    Text(String),
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Several figures side by side.
    pub fn of(figures: impl IntoIterator<Item = Figure>) -> Self {
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
pub struct Figure {
    /// The figure.
    #[serde(with = "number")]
    pub value: f64,
    /// Decimals that are shown.
    pub decimals: usize,
    /// What was expected, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
}

/// What was expected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Expected {
    /// The figure that was expected.
    #[serde(with = "number")]
    pub value: f64,
    /// How the measured one is to compare with it.
    pub bound: Bound,
}

/// How a figure is to compare with what was expected.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Equal up to so much.
    Within(f64),
    /// At least that.
    AtLeast,
    /// At most that.
    AtMost,
}

/// A figure with so many decimals; infinite ones are shown as exact.
pub fn figure(value: f64, decimals: usize) -> Figure {
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
    pub fn about(self, value: f64, tolerance: f64) -> Self {
        self.expect(value, Bound::Within(tolerance))
    }

    /// Expected to be `value` or more.
    pub fn at_least(self, value: f64) -> Self {
        self.expect(value, Bound::AtLeast)
    }

    /// Expected to be `value` or less.
    pub fn at_most(self, value: f64) -> Self {
        self.expect(value, Bound::AtMost)
    }

    /// Whether it is as expected; none if nothing was.
    pub fn met(&self) -> Option<bool> {
        let Expected { value, bound } = self.expected.as_ref()?;
        Some(match bound {
            // Equal infinities have no difference.
            Bound::Within(tolerance) => self.value == *value || (self.value - value).abs() <= *tolerance,
            Bound::AtLeast => self.value >= *value,
            Bound::AtMost => self.value <= *value,
        })
    }
}
