//! The sections of the study: one file and one line each.

mod aes;
mod aes_repeats;
mod ele;
mod etc;
mod instahide;
mod instahide_learned;
mod learned;
mod linkage;
mod rmt;
mod rmt_alone;
mod rmt_limits;
mod rmt_order;
mod skk;
mod span;
mod speed;
mod statistics;
mod tanaka;

use crate::{record::Table, sets::Sets};

/// A section of the document.
pub(crate) struct Section {
    /// Name on the command line and of the record.
    pub(crate) name: &'static str,
    /// Heading.
    pub(crate) title: &'static str,
    /// Measures its tables.
    pub(crate) run: fn(&Sets) -> anyhow::Result<Vec<Table>>,
}

/// Every section, in the order of the document.
pub(crate) static ALL: &[&Section] = &[
    &skk::INFO,
    &tanaka::INFO,
    &ele::INFO,
    &etc::INFO,
    &rmt::INFO,
    &rmt_limits::INFO,
    &rmt_order::INFO,
    &rmt_alone::INFO,
    &aes::INFO,
    &aes_repeats::INFO,
    &linkage::INFO,
    &statistics::INFO,
    &span::INFO,
    &learned::INFO,
    &instahide::INFO,
    &instahide_learned::INFO,
    &speed::INFO,
];

/// The names of all sections.
pub(crate) fn names() -> String {
    ALL.iter().map(|s| s.name).collect::<Vec<_>>().join(" ")
}
