//! Chosen plaintext on tanaka: two or three helper blocks give the whole key.

use super::{
    blocks::{self, Blocks, NibbleKey},
    series::{distinct, join, nibbles_over_blocks},
};
use crate::{AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Target};
use visard_core::params::Params;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "le-helper",
    title: "Helper blocks against tanaka",
    paper: "the idea: Chang, Li: Attacks on image encryption schemes for privacy-preserving deep neural \
            networks, arXiv 2004.13263; in nibbles with the fewest blocks: this project",
    summary: "has one image disguised whose blocks give every nibble a number, and reads the key off it",
    level: Level::Chosen,
    applies: &["tanaka"],
    needs: Needs::Helpers,
    params: &[],
    helpers: Some(helpers),
    trains: false,
    run,
};

/// Fewest base-16 digits whose words, complements counted once, name `slots` slots: two for 24 to 128.
pub(super) fn digits(slots: usize) -> u32 {
    (1..).find(|k| names(*k) >= slots as u64).unwrap_or(1)
}

/// How many slots words of so many digits can name: a word and its complement are one name.
pub(super) fn names(digits: u32) -> u64 {
    16u64.saturating_pow(digits) / 2
}

/// Digit `t` of a name, the first being the most significant and below 8.
pub(super) fn digit(name: u64, t: u32, digits: u32) -> u8 {
    (name >> (4 * (digits - 1 - t)) & 15) as u8
}

fn helpers(target: &Target, _: &Params) -> Result<Set> {
    blocks::check(&INFO, target)?;
    let blocks = Blocks::of(target);
    let places = blocks.fullest();
    let (numbers, count) = blocks.shown(places[0]);
    let needed = digits(2 * count);
    let images = (needed as usize).div_ceil(places.len());
    let padded = blocks.grid().padded().len();
    let mut pixels = vec![0; images * padded];
    for t in 0..needed {
        let (whole, place) = (t as usize / places.len(), places[t as usize % places.len()]);
        let block = &mut pixels[whole * padded + blocks.grid().origin(place)..];
        for (j, number) in numbers.iter().enumerate() {
            let (low, high) = (*number as u64, (count + number) as u64);
            block[blocks.offset(j)] = digit(low, t, needed) | digit(high, t, needed) << 4;
        }
    }
    blocks.pictures(&pixels, |from, to| to.copy_from_slice(from))
}

fn run(exposure: &Exposure, _: &Params, _: &Budget, _: &mut Rng, progress: Progress<'_>) -> Result<Outcome> {
    blocks::check(&INFO, &exposure.target)?;
    let chosen = blocks::chosen(INFO.name, exposure)?;
    let blocks = Blocks::of(&exposure.target);
    let plain = nibbles_over_blocks(&blocks, &blocks.padded(&chosen.plain)?);
    let disguised = nibbles_over_blocks(&blocks, chosen.disguised.as_bytes()?);
    let (slots, told) = (2 * blocks.shown(0).1, distinct(&plain));
    if told < slots {
        return Err(Error::Exposure(format!(
            "the helper images tell only {told} of {slots} nibbles apart; {} blocks are needed",
            digits(slots)
        )));
    }
    let found = join(&plain, &disguised);
    let Some(perm) = found.permutation() else {
        return Err(Error::Exposure(format!(
            "{} disguised nibbles show none of the helper words: these are no images disguised with one key",
            found.from.iter().filter(|f| f.is_none()).count()
        )));
    };
    progress(0.5, "opening the images");
    let key = NibbleKey {
        perm,
        flip: found.flip,
    };
    let mut outcome = open(&blocks, &key, &exposure.disguised)?;
    let images = chosen.plain.len() as f64;
    outcome.figures.extend([
        ("slots", 2.0 * blocks.values() as f64),
        ("helper_images", images),
        ("helper_blocks", f64::from(digits(slots))),
    ]);
    Ok(outcome)
}

/// Pictures and material of one key for all blocks.
pub(super) fn open(blocks: &Blocks, key: &NibbleKey, disguised: &Set) -> Result<Outcome> {
    let (offsets, grid) = (blocks.offsets(), blocks.grid());
    let pictures = blocks.pictures(disguised.as_bytes()?, |image, plain| {
        for position in 0..grid.positions() {
            let origin = grid.origin(position);
            key.open(&offsets, &image[origin..], &mut plain[origin..]);
        }
    })?;
    Ok(Outcome {
        material: blocks::nibble_material(std::slice::from_ref(key), None)?,
        ..Outcome::pictures(pictures)
    })
}
