//! Chosen plaintext on shf, negpos and ffx.

use super::{
    blocks::{self, Blocks},
    byte_keys,
};
use crate::{AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Target};
use visard_core::params::Params;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "bytes-helper",
    title: "Helper blocks against shf, negpos and ffx",
    paper: "this project; for shf after Chang, Li, arXiv 2004.13263, with one block for sixteen",
    summary: "has blocks disguised whose values number the places (shf), show their mask (negpos), or show every byte \
              at a masked place (ffx)",
    level: Level::Chosen,
    applies: &["shf", "negpos", "ffx"],
    needs: Needs::Helpers,
    params: &[],
    helpers: Some(helpers),
    trains: false,
    run,
};

/// Fewest base-256 digits that number `places` places.
fn digits(places: usize) -> u32 {
    (1..)
        .find(|k| 256u64.saturating_pow(*k) >= places as u64)
        .unwrap_or(1)
}

/// Cells of a line of blocks that hold each byte for ffx: one more than there are places that stay
/// unmasked, so that a masked one must be among them; all places of padded blocks.
fn run_length(blocks: &Blocks) -> usize {
    let (values, shown) = (blocks.values(), blocks.shown(0).1);
    if shown < values {
        return shown;
    }
    values - (values - 1) / 2 + 1
}

/// Number of helper blocks.
fn needed(target: &Target, blocks: &Blocks) -> usize {
    let shown = blocks.shown(0).1;
    match target.name() {
        "shf" => digits(shown) as usize,
        "negpos" => 1,
        _ => (256 * run_length(blocks)).div_ceil(shown),
    }
}

fn helpers(target: &Target, _: &Params) -> Result<Set> {
    blocks::check(&INFO, target)?;
    let blocks = Blocks::of(target);
    let places = blocks.fullest();
    let (numbers, shown) = blocks.shown(places[0]);
    let (needed, run) = (needed(target, &blocks), run_length(&blocks));
    let padded = blocks.grid().padded().len();
    let images = needed.div_ceil(places.len());
    let mut pixels = vec![0; images * padded];
    for t in 0..needed {
        let (whole, place) = (t / places.len(), places[t % places.len()]);
        let block = &mut pixels[whole * padded + blocks.grid().origin(place)..];
        for (j, number) in numbers.iter().enumerate() {
            block[blocks.offset(j)] = match target.name() {
                "shf" => (number >> (8 * t) & 255) as u8,
                "negpos" => 0,
                // Runs of each byte follow each other over the line of all blocks.
                _ => ((t * shown + number) / run).min(255) as u8,
            };
        }
    }
    blocks.pictures(&pixels, |from, to| to.copy_from_slice(from))
}

fn run(exposure: &Exposure, _: &Params, _: &Budget, _: &mut Rng, progress: Progress<'_>) -> Result<Outcome> {
    let target = &exposure.target;
    blocks::check(&INFO, target)?;
    let chosen = blocks::chosen(INFO.name, exposure)?;
    if target.name() == "shf" {
        let (told, all) = byte_keys::tells_apart(target, chosen)?;
        if told < all {
            return Err(Error::Exposure(format!(
                "the helper images tell only {told} of {all} places apart"
            )));
        }
    }
    progress(0.1, "reading the key");
    let mut outcome = byte_keys::solve(target, chosen, &exposure.disguised)?;
    if outcome.reconstructions.is_none() {
        return Err(Error::Exposure(
            "the disguised helper images contradict each other: they were not disguised with one key".into(),
        ));
    }
    let blocks = needed(target, &Blocks::of(target));
    outcome.figures.insert("helper_blocks", blocks as f64);
    outcome.figures.insert("helper_images", chosen.plain.len() as f64);
    Ok(outcome)
}
