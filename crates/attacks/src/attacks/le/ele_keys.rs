//! The keys of ele from pairs of plain and disguised images, chosen or known.

use super::{
    blocks::{Blocks, NibbleKey, nibble_material},
    series::{Series, Word, join, nibbles_over_images},
};
use crate::{Outcome, Pairs, Result, Set, Target, attack::CONTRADICTION};
use std::collections::HashMap;

/// What pairs say about the keys and the order of the blocks.
#[derive(Debug)]
pub(super) struct Found {
    /// Keys by source position and the order of the blocks, if every block found its own.
    pub(super) keys: Option<(Vec<NibbleKey>, Vec<usize>)>,
    /// Disguised blocks with exactly one plain block.
    pub(super) single_blocks: usize,
    /// Disguised blocks without a plain one.
    pub(super) empty_blocks: usize,
    /// Nibbles with exactly one candidate in the whole image.
    pub(super) single: usize,
    /// Nibbles with exactly one candidate once the block is known.
    pub(super) single_in_block: usize,
    /// Nibbles without a candidate in the whole image.
    pub(super) empty: usize,
}

/// Solves for the keys. Disguised blocks are the plain blocks with the same words, in any order: that
/// alone names most blocks, and a nibble is then looked for in its own block only.
pub(super) fn solve(target: &Target, pairs: &Pairs) -> Result<Found> {
    let blocks = Blocks::of(target);
    let slots = 2 * blocks.values();
    let plain = nibbles_over_images(&blocks, &blocks.padded(&pairs.plain)?);
    let disguised = nibbles_over_images(&blocks, pairs.disguised.as_bytes()?);
    let whole = join(&plain, &disguised);
    let mut found = Found {
        keys: None,
        single_blocks: 0,
        empty_blocks: 0,
        single: whole.single,
        single_in_block: 0,
        empty: whole.empty,
    };
    let moved = target.scheme.params().bool("shuffle");
    let order = order(&plain, &disguised, slots, moved, &mut found);
    let mut keys: Vec<Option<NibbleKey>> = vec![None; blocks.positions()];
    for (row, source) in disguised.chunks_exact(slots).zip(&order) {
        let Some(source) = *source else { continue };
        let inside = join(&plain[source * slots..][..slots], row);
        found.single_in_block += inside.single;
        keys[source] = inside.permutation().map(|perm| NibbleKey {
            perm,
            flip: inside.flip,
        });
    }
    let (keys, order): (Option<Vec<_>>, Option<Vec<_>>) =
        (keys.into_iter().collect(), order.into_iter().collect());
    found.keys = keys.zip(order);
    Ok(found)
}

/// The words of a block in order, whatever the order of its nibbles.
fn sorted(row: &[Series]) -> Vec<Word> {
    let mut words: Vec<Word> = row.iter().map(Series::word).collect();
    words.sort_unstable();
    words
}

fn order(
    plain: &[Series],
    disguised: &[Series],
    slots: usize,
    moved: bool,
    found: &mut Found,
) -> Vec<Option<usize>> {
    if !moved {
        found.single_blocks = plain.len() / slots;
        return (0..plain.len() / slots).map(Some).collect();
    }
    let mut parts: HashMap<Vec<Word>, (Vec<usize>, usize)> = HashMap::new();
    for (source, row) in plain.chunks_exact(slots).enumerate() {
        parts.entry(sorted(row)).or_default().0.push(source);
    }
    let mut take = |row: &[Series]| {
        let (sources, used) = parts.get_mut(&sorted(row))?;
        found.single_blocks += usize::from(sources.len() == 1);
        *used += 1;
        sources.get(*used - 1).copied()
    };
    let order: Vec<_> = disguised.chunks_exact(slots).map(&mut take).collect();
    found.empty_blocks = order.iter().filter(|source| source.is_none()).count();
    order
}

/// Pictures, material and figures of what was found.
pub(super) fn outcome(target: &Target, found: &Found, disguised: &Set) -> Result<Outcome> {
    let blocks = Blocks::of(target);
    let slots = (2 * blocks.values() * blocks.positions()) as f64;
    let mut outcome = match &found.keys {
        Some((keys, order)) => open(&blocks, keys, order, disguised)?,
        None => Outcome::inconclusive(CONTRADICTION),
    };
    outcome.figures.extend([
        ("slots", slots),
        ("slots_with_one_candidate", found.single as f64),
        (
            "slots_with_one_candidate_in_their_block",
            found.single_in_block as f64,
        ),
        ("slots_without_candidate", found.empty as f64),
        ("blocks", blocks.positions() as f64),
        ("blocks_with_one_candidate", found.single_blocks as f64),
        ("blocks_without_candidate", found.empty_blocks as f64),
    ]);
    Ok(outcome)
}

/// Pictures and material of keys by source position and an order of the blocks.
pub(super) fn open(blocks: &Blocks, keys: &[NibbleKey], order: &[usize], disguised: &Set) -> Result<Outcome> {
    let (offsets, grid) = (blocks.offsets(), blocks.grid());
    let pictures = blocks.pictures(disguised.as_bytes()?, |image, plain| {
        for (position, source) in order.iter().enumerate() {
            let (from, to) = (grid.origin(position), grid.origin(*source));
            keys[*source].open(&offsets, &image[from..], &mut plain[to..]);
        }
    })?;
    Ok(Outcome {
        material: nibble_material(keys, Some(order))?,
        ..Outcome::pictures(pictures)
    })
}
