//! The keys of the byte schemes (shf, negpos, ffx) from pairs of plain and disguised images.

use super::{
    blocks::{Blocks, insert, insert_order},
    series::{bytes_over_blocks, distinct, join},
};
use crate::{Error, Outcome, Pairs, Result, Set, Target, Verdict, attack::CONTRADICTION};
use std::collections::BTreeMap;
use visard_core::{Material, Values};

/// Finds the key from the pairs and opens the disguised images.
pub(super) fn solve(target: &Target, pairs: &Pairs, disguised: &Set) -> Result<Outcome> {
    let blocks = Blocks::of(target);
    let plain = blocks.padded(&pairs.plain)?;
    match target.name() {
        "shf" => shf(&blocks, &plain, pairs, disguised),
        "negpos" => negpos(&blocks, &plain, pairs, disguised),
        _ => ffx(&blocks, &plain, pairs, disguised),
    }
}

/// Whether the pairs tell all that a key says: all values of a block apart, for shf.
pub(super) fn tells_apart(target: &Target, pairs: &Pairs) -> Result<(usize, usize)> {
    let blocks = Blocks::of(target);
    let series = bytes_over_blocks(&blocks, &blocks.padded(&pairs.plain)?);
    Ok((distinct(&series), blocks.shown(0).1))
}

fn shf(blocks: &Blocks, plain: &[u8], pairs: &Pairs, disguised: &Set) -> Result<Outcome> {
    let answers = bytes_over_blocks(blocks, pairs.disguised.as_bytes()?);
    let found = join(&bytes_over_blocks(blocks, plain), &answers);
    let mut outcome = match found.permutation() {
        Some(perm) => open_order(blocks, &perm, disguised)?,
        None => Outcome::inconclusive(CONTRADICTION),
    };
    outcome.figures.extend([
        ("places", blocks.values() as f64),
        ("places_with_one_candidate", found.single as f64),
        ("places_without_candidate", found.empty as f64),
    ]);
    Ok(outcome)
}

/// Pictures and material of an order of the values of a block: out[j] = in[perm[j]].
pub(super) fn open_order(blocks: &Blocks, perm: &[usize], disguised: &Set) -> Result<Outcome> {
    let offsets = blocks.offsets();
    let pictures = blocks.pictures(disguised.as_bytes()?, |image, plain| {
        for origin in (0..blocks.positions()).map(|p| blocks.grid().origin(p)) {
            for (j, from) in perm.iter().enumerate() {
                plain[origin + offsets[*from]] = image[origin + offsets[j]];
            }
        }
    })?;
    let mut material = Material::new();
    insert_order(&mut material, "perm", perm)?;
    Ok(Outcome {
        material,
        ..Outcome::pictures(pictures)
    })
}

/// Calls `each` with every place of a block and the index of its value, for every block of the images.
fn at_places(blocks: &Blocks, len: usize, mut each: impl FnMut(usize, usize)) {
    let (offsets, padded) = (blocks.offsets(), blocks.grid().padded().len());
    for image in (0..len).step_by(padded) {
        for position in 0..blocks.positions() {
            let origin = image + blocks.grid().origin(position);
            for (place, offset) in offsets.iter().enumerate() {
                each(place, origin + offset);
            }
        }
    }
}

fn negpos(blocks: &Blocks, plain: &[u8], pairs: &Pairs, disguised: &Set) -> Result<Outcome> {
    let answers = pairs.disguised.as_bytes()?;
    let mut possible = vec![[true; 2]; blocks.values()];
    at_places(blocks, plain.len(), |place, i| {
        possible[place][0] &= plain[i] == answers[i];
        possible[place][1] &= plain[i] == 255 - answers[i];
    });
    let empty = possible.iter().filter(|p| **p == [false; 2]).count();
    let mut outcome = if empty == 0 {
        // A value is never its own complement, so exactly one of the two is left.
        let mask: Vec<bool> = possible.iter().map(|p| p[1]).collect();
        open_mask(blocks, &mask, disguised)?
    } else {
        Outcome::inconclusive(CONTRADICTION)
    };
    outcome.figures.extend([
        ("places", blocks.values() as f64),
        ("places_without_candidate", empty as f64),
    ]);
    Ok(outcome)
}

/// Pictures and material of a mask of inverted values.
pub(super) fn open_mask(blocks: &Blocks, mask: &[bool], disguised: &Set) -> Result<Outcome> {
    let pictures = blocks.pictures(disguised.as_bytes()?, |image, plain| {
        at_places(blocks, image.len(), |place, i| {
            plain[i] = if mask[place] { 255 - image[i] } else { image[i] };
        });
    })?;
    let mut material = Material::new();
    insert(&mut material, "mask", vec![mask.len()], bits(mask))?;
    Ok(Outcome {
        material,
        ..Outcome::pictures(pictures)
    })
}

fn bits(mask: &[bool]) -> Values {
    Values::U8(mask.iter().map(|b| u8::from(*b)).collect())
}

/// Largest entry of a table that a value `byte / largest` betrays, if it is one.
fn largest(byte: u8, found: f32) -> Option<u16> {
    let top = (f32::from(byte) / found).round();
    let whole = byte > 0 && found > 0.0 && (1.0..=65_535.0).contains(&top);
    (whole && f32::from(byte) / top == found).then_some(top as u16)
}

fn ffx(blocks: &Blocks, plain: &[u8], pairs: &Pairs, disguised: &Set) -> Result<Outcome> {
    let visard_core::Pixels::F32(answers) = pairs.disguised.pixels() else {
        return Err(Error::Exposure("ffx makes floats, the pairs hold bytes".into()));
    };
    // A place that is kept names the same largest entry with every value that is not 0.
    let mut tops: Vec<Option<Option<u16>>> = vec![None; blocks.values()];
    let mut dark = vec![true; blocks.values()];
    at_places(blocks, plain.len(), |place, i| {
        if plain[i] == 0 {
            dark[place] &= answers[i] == 0.0;
            return;
        }
        let top = largest(plain[i], answers[i]);
        let known = tops[place].get_or_insert(top);
        if *known != top {
            *known = None;
        }
    });
    let mut votes: BTreeMap<u16, usize> = BTreeMap::new();
    for top in tops.iter().flatten().flatten() {
        *votes.entry(*top).or_default() += 1;
    }
    let Some((top, votes)) = votes
        .into_iter()
        .max_by_key(|(top, count)| (*count, u16::MAX - top))
    else {
        return Ok(Outcome::inconclusive(
            "no pair shows a value that is kept and not 0",
        ));
    };
    let mask: Vec<bool> = (0..blocks.values())
        .map(|place| !dark[place] || tops[place].is_some_and(|found| found != Some(top)))
        .collect();
    let mut table = Table::new(top);
    at_places(blocks, plain.len(), |place, i| {
        if mask[place] {
            table.learn(plain[i], answers[i]);
        }
    });
    let mut outcome = Outcome::nothing();
    outcome.figures.extend([
        ("places", blocks.values() as f64),
        ("places_agreeing_on_the_largest_entry", votes as f64),
        ("places_masked", mask.iter().filter(|m| **m).count() as f64),
        ("entries_known", table.codes.len() as f64),
        ("contradictions", table.contradictions as f64),
    ]);
    if table.contradictions > 0 {
        outcome.verdict = Verdict::Inconclusive(CONTRADICTION.into());
        return Ok(outcome);
    }
    let pictures = table.open(blocks, &mask, disguised)?;
    insert(&mut outcome.material, "mask", vec![mask.len()], bits(&mask))?;
    if let Some(lut) = table.entries() {
        insert(&mut outcome.material, "lut", vec![256], Values::I64(lut))?;
    }
    outcome.reconstructions = Some(pictures);
    Ok(outcome)
}

/// The table of ffx, as far as it is known.
struct Table {
    top: u16,
    /// Byte of each code.
    codes: BTreeMap<u16, u8>,
    bytes: [Option<u16>; 256],
    contradictions: usize,
}

impl Table {
    fn new(top: u16) -> Self {
        Self {
            top,
            codes: BTreeMap::new(),
            bytes: [None; 256],
            contradictions: 0,
        }
    }

    fn code(&self, value: f32) -> u16 {
        (value * f32::from(self.top)).round() as u16
    }

    fn learn(&mut self, byte: u8, value: f32) {
        let code = self.code(value);
        let other = self.codes.insert(code, byte).is_some_and(|b| b != byte);
        let others = self.bytes[usize::from(byte)]
            .replace(code)
            .is_some_and(|c| c != code);
        self.contradictions += usize::from(other || others);
    }

    /// The whole table, if every entry is known.
    fn entries(&self) -> Option<Vec<i64>> {
        self.bytes.iter().map(|code| code.map(i64::from)).collect()
    }

    /// Opens images; a code that no pair showed becomes the mean of the kept values that lie around it
    /// in all the images.
    fn open(&self, blocks: &Blocks, mask: &[bool], disguised: &Set) -> Result<Set> {
        let visard_core::Pixels::F32(values) = disguised.pixels() else {
            return Err(Error::Exposure("ffx makes floats, the images hold bytes".into()));
        };
        let near = nearest_kept(blocks, mask);
        let offsets = blocks.offsets();
        let byte = |value: f32| self.code(value).min(255) as u8;
        let mut around: BTreeMap<u16, (f64, f64)> = BTreeMap::new();
        at_places(blocks, values.len(), |place, i| {
            let code = self.code(values[i]);
            if mask[place] && !self.codes.contains_key(&code) {
                let from = i - offsets[place] + near[place].map_or(offsets[place], |kept| offsets[kept]);
                let (sum, count) = around.entry(code).or_default();
                *sum += f64::from(byte(values[from]));
                *count += 1.0;
            }
        });
        let guess = |code: u16| match (self.codes.get(&code), around.get(&code)) {
            (Some(byte), _) => *byte,
            (None, Some((sum, count))) => (sum / count).round() as u8,
            (None, None) => 128,
        };
        blocks.pictures(values, |image, plain| {
            at_places(blocks, image.len(), |place, i| {
                plain[i] = if mask[place] {
                    guess(self.code(image[i]))
                } else {
                    byte(image[i])
                };
            });
        })
    }
}

/// The nearest kept place of the same channel for every place of a block, or of any channel.
fn nearest_kept(blocks: &Blocks, mask: &[bool]) -> Vec<Option<usize>> {
    let (width, channels) = (blocks.grid().block_row(), blocks.grid().padded().channels);
    let at = |place: usize| (place / width, place % width / channels, place % channels);
    (0..mask.len())
        .map(|place| {
            let here = at(place);
            (0..mask.len()).filter(|kept| !mask[*kept]).min_by_key(|kept| {
                let there = at(*kept);
                let far = here.0.abs_diff(there.0).pow(2) + here.1.abs_diff(there.1).pow(2);
                (here.2 != there.2, far)
            })
        })
        .collect()
}
