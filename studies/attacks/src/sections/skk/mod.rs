//! Pixel-based encryption (`skk`), with and without its colour step, under a key for each image and under one
//! key for all (ATTACKS, sections 1.1 to 1.5).
//!
//!     cargo run --release -p study-attacks -- SETS skk
//!
//! One image: the leading-bit attack, propagation and the tree of neighbours, on the photographs. One key: the
//! helper image, known pairs, and the statistics of neighbours in disguised images alone.

mod same_key;
mod single;
mod statistical;

use super::Section;
use crate::{
    disguised::{self, Given},
    record::Table,
    sets::Sets,
};
use visard_attacks::{Exposure, Set};
use visard_core::Shape;

pub(crate) static INFO: Section = Section {
    name: "skk",
    title: "Pixel-based encryption (skk, PE)",
    run,
};

/// What 32x32 photographs and Fashion-M have.
const COLOR: Shape = Shape::new(32, 32, 3);
/// Negation alone under a key for each image.
const PE: Given<'static> = &[("color", "false"), ("image_key", "true")];
/// Negation and exchange under a key for each image.
const OWN_KEYS: Given<'static> = &[("image_key", "true")];
/// Negation and exchange under one key.
const ONE_KEY: Given<'static> = &[];

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let photos = sets.photos()?;
    let mut tables = single::tables(&photos)?;
    tables.extend(same_key::tables(sets, &photos)?);
    tables.extend(statistical::tables(sets, &photos)?);
    Ok(tables)
}

fn disguise(given: Given<'_>, secret: u8, plain: &Set) -> anyhow::Result<Set> {
    let key = disguised::key("skk", given, plain.shape(), secret)?;
    disguised::disguise(&key, plain, "train", 0)
}

fn exposure(given: Given<'_>, disguised: Set) -> anyhow::Result<Exposure> {
    disguised::exposure("skk", given, disguised.shape(), disguised)
}

/// The bytes of the pictures that an attack makes.
fn guess(name: &str, given: Given<'_>, exposure: &Exposure) -> anyhow::Result<Vec<u8>> {
    let outcome = disguised::attack(name, exposure, given)?;
    Ok(disguised::pictures(&outcome)?.as_bytes()?.to_vec())
}

/// An image whose pixels are all turned to the state of that number.
fn turned(channels: usize, exchanges: bool, image: &[u8], state: usize) -> Vec<u8> {
    let order = |c: usize| match exchanges {
        true => ORDERS[state >> channels][c],
        false => c,
    };
    let mut turned = Vec::with_capacity(image.len());
    for pixel in image.chunks_exact(channels) {
        let value = |c: usize| pixel[order(c)] ^ if state >> c & 1 == 1 { 255 } else { 0 };
        turned.extend((0..channels).map(value));
    }
    turned
}

/// Share of the runs of `size` values that are equal.
fn same(size: usize, a: &[u8], b: &[u8]) -> f64 {
    let runs = a.chunks_exact(size).zip(b.chunks_exact(size));
    runs.filter(|(a, b)| a == b).count() as f64 / (a.len() / size) as f64
}

/// Shares of images and of pixels that are exactly right once all images are turned alike, in the best of the
/// states.
fn exact(plain: &Set, guess: &[u8]) -> anyhow::Result<(f64, f64)> {
    let (truth, shape) = (plain.as_bytes()?, plain.shape());
    let exchanges = shape.channels == 3;
    let mut best = (0.0, 0.0);
    for state in 0..(if exchanges { 6 } else { 1 }) << shape.channels {
        let turned = turned(shape.channels, exchanges, truth, state);
        let pixels = same(shape.channels, &turned, guess);
        if pixels > best.1 {
            best = (same(shape.len(), &turned, guess), pixels);
        }
    }
    Ok(best)
}
