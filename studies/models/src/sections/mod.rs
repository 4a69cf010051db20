//! The sections of the study: one file and one line each.

mod controls;
mod faces;
mod fashion;
mod low_fpr;
mod play;

use crate::plan::Plan;
use std::path::Path;
use study_attacks::{record, sets::Sets};

/// The package of the study.
const PACKAGE: &str = "study-models";

/// A section of the document.
pub(crate) struct Section {
    /// Name on the command line and of the record.
    pub(crate) name: &'static str,
    /// Heading.
    pub(crate) title: &'static str,
    /// What is measured.
    pub(crate) work: Work,
}

/// What a section measures.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Adversaries on models, cell by cell.
    Cells(fn() -> Plan),
    /// Each attack where it is known to work, or not to.
    Controls,
}

/// How sections are run.
pub(crate) struct Order<'a> {
    pub(crate) sets: &'a Sets,
    /// Where records and documents are written.
    pub(crate) root: &'a Path,
    /// Everything about ten times smaller.
    pub(crate) quick: bool,
    /// Whether what has its record is measured again.
    pub(crate) again: bool,
}

/// Every section, in the order of the document.
pub(crate) static ALL: &[&Section] = &[&fashion::INFO, &faces::INFO, &low_fpr::INFO, &controls::INFO];

/// The names of all sections.
pub(crate) fn names() -> String {
    ALL.iter().map(|s| s.name).collect::<Vec<_>>().join(" ")
}

impl Section {
    /// The command that measures it again.
    pub(crate) fn command(&self) -> String {
        record::command(PACKAGE, self.name)
    }

    /// Measures what is not in its record yet.
    pub(crate) fn run(&self, order: &Order<'_>) -> anyhow::Result<()> {
        match self.work {
            Work::Cells(plan) => play::run(self, plan(), order),
            Work::Controls => controls::run(self, order),
        }
    }
}
