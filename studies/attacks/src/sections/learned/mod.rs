//! What attacks that train networks bring back of images (ATTACKS, 7):
//!
//!     cargo run --release -p study-attacks -- SETS learned
//!
//! The examiner's three experiments, each in a column of its own; inverse networks after a linear first stage;
//! generators against critics; and linkage of classes that no network was trained on.

mod examiner;
mod inverse;

use super::Section;
use crate::{
    disguised::Given,
    record::Table,
    sets::{Part, Sets},
};

pub(crate) static INFO: Section = Section {
    name: "learned",
    title: "Attacks that train networks",
    run,
};

/// Schemes whose disguised images have the shape of plain ones.
const SCHEMES: [(&str, Given<'static>); 9] = [
    ("rmt", &[]),
    ("rmt", &[("noise", "100")]),
    ("aes", &[]),
    ("tanaka", &[]),
    ("ele", &[]),
    ("skk", &[]),
    ("skk", &[("image_key", "true")]),
    ("etc", &[]),
    ("shf", &[]),
];

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let grey = sets.fashion_mnist(Part::Train, 4000)?;
    Ok(vec![
        examiner::three(&grey)?,
        examiner::strangers(&grey)?,
        inverse::linear(&sets.fashion_m(Part::Train, 300)?)?,
        inverse::networks(&grey)?,
    ])
}
