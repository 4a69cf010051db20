//! Chosen plaintext on ele: two helper images give every key and the order of the blocks.

use super::{
    blocks::{self, Blocks},
    ele_keys,
    helper::{digit, names},
    series::{distinct, nibbles_over_images},
};
use crate::{AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Target};
use visard_core::params::Params;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "ele-helper",
    title: "Helper images against ele",
    paper: "this project, after Chang, Li, arXiv 2004.13263",
    summary: "has two images disguised that number the nibbles of every block with a choice of numbers which \
              names the block, and reads all keys and the order of the blocks off them",
    level: Level::Chosen,
    applies: &["ele"],
    needs: Needs::Helpers,
    params: &[],
    helpers: Some(helpers),
    trains: false,
    run,
};

/// `n` over `k`, no more than `u64::MAX`.
fn choose(n: u64, k: u64) -> u64 {
    let mut result: u128 = 1;
    for i in 0..k.min(n.saturating_sub(k)) {
        result = result * u128::from(n - i) / u128::from(i + 1);
        if result > u128::from(u64::MAX) {
            return u64::MAX;
        }
    }
    if k > n { 0 } else { result as u64 }
}

/// The set of `k` numbers with this place in the colexicographic order, the largest first.
fn subset(mut rank: u64, k: u64, below: u64) -> Vec<u64> {
    let mut top = below;
    let mut members = Vec::with_capacity(k as usize);
    for size in (1..=k).rev() {
        // Sets whose largest member is `m` come after the `choose(m, size)` sets of smaller ones.
        top = (size - 1..top)
            .rfind(|m| choose(*m, size) <= rank)
            .unwrap_or(size - 1);
        rank -= choose(top, size);
        members.push(top);
    }
    members
}

/// Fewest images that name all nibbles of a block and the block: for each count of different nibbles
/// there must be as many sets of names as blocks.
fn needed(blocks: &Blocks) -> u32 {
    let positions = blocks.positions() as u64;
    let enough = |k: u32| {
        (0..blocks.positions()).all(|position| {
            let slots = 2 * blocks.shown(position).1 as u64;
            names(k) >= slots && choose(names(k), slots) >= positions
        })
    };
    (1..16).find(|k| enough(*k)).unwrap_or(16)
}

fn helpers(target: &Target, _: &Params) -> Result<Set> {
    blocks::check(&INFO, target)?;
    let blocks = Blocks::of(target);
    let (digits, padded) = (needed(&blocks), blocks.grid().padded().len());
    let mut pixels = vec![0; digits as usize * padded];
    for position in 0..blocks.positions() {
        let (numbers, count) = blocks.shown(position);
        let origin = blocks.grid().origin(position);
        // A set is named by what it leaves out, or by itself if that is less.
        let (all, used) = (names(digits), 2 * count as u64);
        let members: Vec<u64> = if used <= all - used {
            subset(position as u64, used, all)
        } else {
            let out = subset(position as u64, all - used, all);
            (0..all).filter(|name| !out.contains(name)).collect()
        };
        for t in 0..digits {
            let block = &mut pixels[t as usize * padded + origin..];
            for (j, number) in numbers.iter().enumerate() {
                let (low, high) = (members[*number], members[count + number]);
                block[blocks.offset(j)] = digit(low, t, digits) | digit(high, t, digits) << 4;
            }
        }
    }
    blocks.pictures(&pixels, |from, to| to.copy_from_slice(from))
}

fn run(exposure: &Exposure, _: &Params, _: &Budget, _: &mut Rng, progress: Progress<'_>) -> Result<Outcome> {
    let target = &exposure.target;
    blocks::check(&INFO, target)?;
    let chosen = blocks::chosen(INFO.name, exposure)?;
    let blocks = Blocks::of(target);
    let slots = 2 * blocks.values();
    let words = nibbles_over_images(&blocks, &blocks.padded(&chosen.plain)?);
    for (position, row) in words.chunks_exact(slots).enumerate() {
        let (told, all) = (distinct(row), 2 * blocks.shown(position).1);
        if told < all {
            return Err(Error::Exposure(format!(
                "the helper images tell only {told} of {all} nibbles of block {position} apart; {} images are needed",
                needed(&blocks)
            )));
        }
    }
    let found = ele_keys::solve(target, chosen)?;
    if found.keys.is_none() || found.single_blocks < blocks.positions() {
        return Err(Error::Exposure(format!(
            "of {} blocks the helper images name {}: these are no images disguised with one key, or no helper images \
             of {}",
            blocks.positions(),
            found.single_blocks,
            INFO.name
        )));
    }
    progress(0.5, "opening the images");
    let mut outcome = ele_keys::outcome(target, &found, &exposure.disguised)?;
    outcome.figures.insert("helper_images", chosen.plain.len() as f64);
    Ok(outcome)
}
