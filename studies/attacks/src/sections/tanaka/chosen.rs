//! Chosen plaintext (2.1, 2.2): helper blocks.

use super::NibbleKey;
use crate::{
    disguised::{attack, disguise, exposure, numbered_key, pairs, with_helpers},
    record::{Cell, Table, figure},
    sets::noise,
};
use visard_attacks::Set;
use visard_core::Shape;

const KEYS: u64 = 1000;

/// Sides, channels and expected helper blocks.
const BLOCKS: [(usize, usize, u32); 10] = [
    (2, 1, 1),
    (2, 3, 2),
    (4, 1, 2),
    (4, 3, 2),
    (7, 1, 2),
    (7, 3, 3),
    (8, 1, 2),
    (8, 3, 3),
    (16, 1, 3),
    (16, 3, 3),
];

pub(super) fn table() -> anyhow::Result<Table> {
    let mut table = Table::new(
        "tanaka, helper blocks (2.2): keys out of 1,000 that come back bit for bit",
        &[
            "block",
            "nibbles",
            "helper blocks",
            "helper images",
            "keys",
            "names with a block less",
            "keys with a block less",
            "and nibbles right, %",
        ],
    );
    for (side, channels, expected) in BLOCKS {
        let found = measure(side, channels, expected)?;
        let slots = 2 * side * side * channels;
        let cells = [
            figure(slots as f64, 0),
            figure(found.blocks, 0).about(f64::from(expected), 0.0),
            figure(found.images, 0).about(1.0, 0.0),
            figure(found.keys, 0).about(KEYS as f64, 0.0),
            figure(16f64.powi(expected as i32 - 1) / 2.0, 0).at_most(slots as f64 - 1.0),
            figure(found.keys_of_less, 0).about(0.0, 0.0),
            figure(100.0 * found.nibbles_of_less, 1),
        ];
        table.row(format!("{side}x{side}x{channels}"), cells.map(Cell::from));
    }
    Ok(table
        .note(
            "Tolerance 0. A block less is what the known-plaintext attack makes of the same helper image without its \
             last block: k blocks give 16^k / 2 names, a word and its complement counting once, and with fewer names \
             than nibbles some nibbles share a name. For 2x2x1 one block is enough and nothing is left without it.",
        )
        .note(
            "Chang and Li used 16 helper images for 48 bytes. Blocks of 28x28 have been counted elsewhere (3 helper \
             blocks); the scheme here takes blocks of at most 16x16.",
        ))
}

struct Found {
    blocks: f64,
    images: f64,
    keys: f64,
    keys_of_less: f64,
    nibbles_of_less: f64,
}

fn measure(side: usize, channels: usize, blocks: u32) -> anyhow::Result<Found> {
    let block = side.to_string();
    let given = [("block", &*block)];
    let slots = 2 * side * side * channels;
    let shape = Shape::new(side, blocks as usize * side, channels);
    let plain = noise(shape, 1, 9)?;
    let mut found = Found {
        blocks: 0.0,
        images: 0.0,
        keys: 0.0,
        keys_of_less: 0.0,
        nibbles_of_less: f64::NAN,
    };
    let mut nibbles = 0.0;
    for number in 0..KEYS {
        let key = numbered_key("tanaka", &given, shape, number)?;
        let truth = NibbleKey::of(&key, slots);
        let exposed = exposure("tanaka", &given, shape, disguise(&key, &plain, "train", 0)?)?;
        let exposed = with_helpers("le-helper", &key, exposed)?;
        let outcome = attack("le-helper", &exposed, &[])?;
        found.blocks = outcome.figures["helper_blocks"];
        found.images = outcome.figures["helper_images"];
        let opened = outcome.reconstructions.as_ref() == Some(&plain);
        found.keys += f64::from(u8::from(opened && truth.share(&outcome)? == 1.0));
        let Some(chosen) = exposed.chosen.as_ref().filter(|_| blocks > 1) else {
            continue;
        };
        let less = without_the_last(&chosen.plain, side)?;
        let key = numbered_key("tanaka", &given, less.shape(), number)?;
        let answer = disguise(&key, &less, "train", 0)?;
        let exposed = exposure("tanaka", &given, less.shape(), answer.clone())?;
        let outcome = attack("le-known", &exposed.with_pairs(pairs(&less, &answer, 1)?)?, &[])?;
        let share = truth.share(&outcome)?;
        found.keys_of_less += f64::from(u8::from(share == 1.0));
        nibbles += share / KEYS as f64;
    }
    if blocks > 1 {
        found.nibbles_of_less = nibbles;
    }
    Ok(found)
}

/// A line of blocks without its last one.
fn without_the_last(helper: &Set, side: usize) -> anyhow::Result<Set> {
    let shape = helper.shape();
    let less = Shape::new(side, shape.width - side, shape.channels);
    let rows = helper.as_bytes()?.chunks_exact(shape.row());
    let pixels = rows.flat_map(|row| &row[..less.row()]).copied();
    Ok(Set::bytes(less, pixels.collect())?)
}
