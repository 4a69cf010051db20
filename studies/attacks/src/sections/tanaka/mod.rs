//! Learnable image encryption (`tanaka`), and the byte schemes of blocks (`shf`, `negpos`, `ffx`) that the same
//! attacks break (ATTACKS, sections 2.1 to 2.4).
//!
//!     cargo run --release -p study-attacks -- SETS tanaka
//!
//! Helper blocks, known pairs, and the statistics of nibbles and bytes in disguised images alone.

mod bytes;
mod chosen;
mod known;
mod statistics;

use super::Section;
use crate::{
    disguised::integers,
    record::Table,
    sets::{Part, Sets, halves, patches},
};
use visard_attacks::{Outcome, Set};
use visard_core::{Key, Shape};

pub(crate) static INFO: Section = Section {
    name: "tanaka",
    title: "Learnable image encryption (tanaka) and the byte schemes of blocks",
    run,
};

/// What Fashion-M and the photo patches have.
const COLOR: Shape = Shape::new(32, 32, 3);

/// Images under attack and public ones.
struct Sources {
    fashion: Set,
    fashion_reference: Set,
    photos: Set,
    photo_reference: Set,
}

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let (ours, theirs) = halves(&sets.photos()?);
    let sources = Sources {
        fashion: sets.fashion_m(Part::Train, 3000)?,
        fashion_reference: sets.fashion_m(Part::Test, 2000)?,
        photos: patches(&ours, 480, 32, 3000, 5)?,
        photo_reference: patches(&theirs, 480, 32, 2000, 6)?,
    };
    let mut tables = vec![chosen::table()?];
    tables.extend(known::tables(&sources)?);
    tables.extend(statistics::tables(sets, &sources)?);
    tables.extend(bytes::tables(&sources)?);
    Ok(tables)
}

impl Sources {
    /// Target and reference of the rows of 2.4.
    fn pairs(&self) -> [(&'static str, &Set, &Set); 3] {
        [
            ("Fashion-M / Fashion-M", &self.fashion, &self.fashion_reference),
            ("Fashion-M / photographs", &self.fashion, &self.photo_reference),
            (
                "photo patches / other photographs",
                &self.photos,
                &self.photo_reference,
            ),
        ]
    }
}

/// Where the nibbles of a block come from, and which are complemented.
struct NibbleKey {
    perm: Vec<usize>,
    flip: Vec<bool>,
}

impl NibbleKey {
    /// The one key of tanaka, flips=independent.
    fn of(key: &Key, slots: usize) -> Self {
        let mut stream = key.schedule().stream("tanaka-key", &[]);
        Self {
            perm: stream.permutation(slots),
            flip: stream.bits(slots),
        }
    }

    /// What an attack recovered of each nibble: its source, and whether it is complemented. Empty if nothing.
    fn found(outcome: &Outcome, slots: usize) -> anyhow::Result<Vec<(usize, bool)>> {
        let perm = integers(outcome, "perm", &[slots])?;
        let flip = integers(outcome, "flip", &[slots])?;
        let both = perm.into_iter().zip(flip);
        Ok(both.map(|(from, flip)| (from as usize, flip == 1)).collect())
    }

    /// Share of the nibbles whose place and sign were recovered.
    fn share(&self, outcome: &Outcome) -> anyhow::Result<f64> {
        let found = Self::found(outcome, self.perm.len())?;
        let truth = self.perm.iter().copied().zip(self.flip.iter().copied());
        let right = found.iter().zip(truth).filter(|(found, truth)| *found == truth);
        Ok(right.count() as f64 / self.perm.len() as f64)
    }
}

/// The least of several values.
fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
