//! EtC: keys from known and chosen pairs, the jigsaw solver, and the edges of blocks over many images.
//!
//!     cargo run --release -p study-attacks -- SETS etc
//!
//! Measures again what ATTACKS 3.1 to 3.3 expects: an exact key from one pair of random images, N_c above 0.9 on
//! photographs of moved 16x16 blocks, chance on noise, and the edge correlation on photo patches and on Fashion-M,
//! carried on from neighbours to pictures.

mod edges;
mod jigsaw;
mod known;
mod limits;
mod puzzle;

use super::Section;
use crate::{record::Table, sets::Sets};

pub(crate) static INFO: Section = Section {
    name: "etc",
    title: "EtC: blocks put together again",
    run,
};

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let photos = sets.photos()?;
    Ok(vec![
        known::pairs(sets, &photos)?,
        jigsaw::photographs(&photos)?,
        limits::unmoved(&photos)?,
        limits::noise_images()?,
        jigsaw::one_key(&photos)?,
        edges::neighbours(sets, &photos)?,
        edges::pictures(sets, &photos)?,
    ])
}
