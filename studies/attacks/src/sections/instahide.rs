//! InstaHide: recovery of the private images, and the stages before it, each judged by itself.
//!
//!     cargo run --release -p study-attacks -- SETS instahide
//!
//! Measures again what ATTACKS 6.1 and 6.2 expects: how alike the recovered images are to the originals where an
//! oracle names the images in each encoding, the similarity of magnitudes, the assignment under a better similarity,
//! and the ranks of known public images.

pub(super) mod encodings;
mod public;
mod recovery;
mod stages;

use super::Section;
use crate::{
    record::Table,
    sets::{Part, Sets},
};

pub(crate) static INFO: Section = Section {
    name: "instahide",
    title: "InstaHide: private images from their blends",
    run,
};

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let green = sets.fashion_m_green(Part::Train, 9000)?;
    Ok(vec![
        recovery::even(&green)?,
        recovery::draws(&green)?,
        recovery::scheme(&green)?,
        recovery::alone(&green)?,
        stages::assignment()?,
        public::ranks(&green)?,
        public::attacks(&green)?,
    ])
}
