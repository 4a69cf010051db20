//! `aes-codebook`: every block seen in a known pair is read wherever it comes again (ATTACKS, 5.1).

use super::{Frame, Run, fill::fill, image_of, order};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Pairs, Progress, Result, Set, Verdict,
    attack::CONTRADICTION,
};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use visard_core::{
    Array, Values,
    params::{Kind, ParamSpec, Params},
};

/// Bytes that an entry of the book takes, about.
const ENTRY: u64 = 96;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "aes-codebook",
    title: "Code book for the AES disguise",
    paper: "known of the electronic code book mode",
    summary: "reads every run of 16 bytes that occurs in a known pair; moved blocks are matched first \
              by which runs are equal",
    level: Level::Pairs,
    applies: &["aes"],
    needs: Needs::Pairs,
    params: &[ParamSpec {
        name: "fill",
        help: "what unread pixels become: pairs: their mean over the blocks of the pairs that occur \
               there once; neighbours: the mean of what was read around them",
        kind: Kind::Choice(&["pairs", "neighbours"]),
        default: "pairs",
    }],
    helpers: None,
    trains: false,
    run: |exposure, params, budget, _, progress| run(exposure, params, budget, progress),
};

/// Blocks whose mean says something.
const FEW: u64 = 4;

/// Plain runs with the number of times they were seen, by the cipher, or the disguised position where
/// each has its own, and the disguised run.
type Book = HashMap<(u32, Run), (Run, u32)>;

/// What was read of one image.
struct Read {
    picture: Vec<u8>,
    found: u64,
    textured: u64,
}

fn run(exposure: &Exposure, params: &Params, budget: &Budget, progress: Progress<'_>) -> Result<Outcome> {
    let frame = Frame::of("aes-codebook", &exposure.target)?;
    let pairs = exposure
        .pairs
        .as_ref()
        .filter(|pairs| !pairs.plain.is_empty())
        .ok_or_else(|| Error::Exposure("aes-codebook needs a known pair at least".into()))?;
    let entries = (pairs.plain.len() * frame.image_runs()) as u64;
    let pixels = (exposure.disguised.len() * frame.small.image().len()) as u64;
    let mut figures = std::collections::BTreeMap::new();
    if !budget.allows(entries * ENTRY * 2 + pixels) {
        let mut outcome = Outcome::nothing();
        let why = format!("a book of {entries} runs does not fit the memory allowed");
        outcome.verdict = Verdict::Inconclusive(why);
        return Ok(outcome);
    }
    let order = if frame.shuffled {
        progress(0.0, "block order");
        let matched = order::match_order(&frame, pairs)?;
        figures.insert("tied_positions", matched.tied as f64);
        matched.order
    } else {
        (0..frame.positions()).map(Some).collect()
    };
    let placed = order.iter().flatten().count();
    figures.insert("matched_positions", placed as f64 / order.len() as f64);
    progress(0.3, "code book");
    let (book, used, contradictions) = make_book(&frame, pairs, &order, budget)?;
    figures.insert("contradictions", contradictions as f64);
    figures.insert("pairs", used as f64);
    figures.insert("entries", book.len() as f64);
    // Free bytes of a run: a small block is enlarged and leaves few values to know.
    figures.insert("free_bytes", 16.0 / (frame.scale * frame.scale) as f64);
    let known: HashSet<&[u8]> = (0..pairs.disguised.len())
        .map(|i| image_of(&pairs.disguised, i))
        .collect::<Result<_>>()?;
    progress(0.6, "pictures");
    let usual = match params.text("fill") {
        "pairs" => usual(&frame, pairs, used, &book, &order)?,
        _ => vec![None; frame.small.padded().len()],
    };
    let read: Result<Vec<Option<(bool, Read)>>> = (0..exposure.disguised.len())
        .into_par_iter()
        .map(|index| {
            if budget.is_spent() {
                return Ok(None);
            }
            let image = image_of(&exposure.disguised, index)?;
            Ok(Some((
                known.contains(image),
                read_image(&frame, &book, &order, &usual, image),
            )))
        })
        .collect();
    let mut picture = Vec::with_capacity(pixels as usize);
    let (mut images, mut unknown, mut found, mut textured) = (0, 0u64, 0, 0);
    for read in read? {
        let Some((is_known, read)) = read else {
            picture.resize(picture.len() + frame.small.image().len(), 128);
            continue;
        };
        images += 1;
        picture.extend(read.picture);
        if !is_known {
            unknown += 1;
            found += read.found;
            textured += read.textured;
        }
    }
    let runs = (unknown * frame.image_runs() as u64).max(1) as f64;
    figures.insert("unknown_images", unknown as f64);
    figures.insert("coverage", found as f64 / runs);
    figures.insert("textured_coverage", textured as f64 / runs);
    let labels = exposure.disguised.labels().to_vec();
    let picture = Set::new(frame.small.image(), visard_core::Pixels::U8(picture), labels)?;
    let mut outcome = Outcome::pictures(picture);
    if frame.shuffled && placed == order.len() {
        let array = Array {
            shape: vec![order.len()],
            values: Values::I64(order.iter().flatten().map(|i| *i as i64).collect()),
        };
        outcome.material.insert("block_perm", array)?;
    }
    outcome.figures = figures;
    if contradictions > 0 {
        outcome.verdict = Verdict::Inconclusive(CONTRADICTION.into());
    }
    if images < exposure.disguised.len() || used < pairs.plain.len() {
        let why = format!("{used} of {} pairs, {images} images read", pairs.plain.len());
        outcome.verdict = Verdict::Inconclusive(why);
    }
    Ok(outcome)
}

/// The book of all pairs, or of as many as the time allows, their number, and how many disguised runs stand
/// for a plain one other than before, which no cipher does.
fn make_book(
    frame: &Frame,
    pairs: &Pairs,
    order: &[Option<usize>],
    budget: &Budget,
) -> Result<(Book, usize, usize)> {
    let (mut book, mut contradictions) = (Book::new(), 0);
    for index in 0..pairs.plain.len() {
        if budget.is_spent() {
            return Ok((book, index, contradictions));
        }
        let plain = frame.plain_runs(image_of(&pairs.plain, index)?);
        let disguised = frame.disguised_runs(image_of(&pairs.disguised, index)?);
        for (target, source) in order.iter().enumerate() {
            let Some(source) = source else { continue };
            let of = |position: usize| position * frame.runs()..(position + 1) * frame.runs();
            for (d, p) in disguised[of(target)].iter().zip(&plain[of(*source)]) {
                let entry = book.entry((frame.cipher(target), *d)).or_insert((*p, 0));
                contradictions += usize::from(entry.0 != *p);
                entry.1 += 1;
            }
        }
    }
    Ok((book, pairs.plain.len(), contradictions))
}

/// Mean of each pixel of a padded image over the blocks that the pairs show once: what a block that is
/// not in the book looks like, where they show several.
fn usual(
    frame: &Frame,
    pairs: &Pairs,
    used: usize,
    book: &Book,
    order: &[Option<usize>],
) -> Result<Vec<Option<u8>>> {
    let (grid, channels) = (frame.small, frame.channels());
    let mut sums = vec![(0u64, 0u64); grid.padded().len()];
    for index in 0..used {
        let runs = frame.disguised_runs(image_of(&pairs.disguised, index)?);
        for (target, block) in runs.chunks_exact(frame.runs()).enumerate() {
            let Some(source) = order[target] else { continue };
            let once: Vec<Option<&Run>> = block
                .iter()
                .map(|run| {
                    book.get(&(frame.cipher(target), *run))
                        .filter(|(_, seen)| *seen == 1)
                })
                .map(|entry| entry.map(|(run, _)| run))
                .collect();
            for i in 0..grid.block() * grid.block() * channels {
                let (at, run, byte) = frame.pixel(source, i);
                if let Some(values) = once[run] {
                    sums[at].0 += u64::from(values[byte]);
                    sums[at].1 += 1;
                }
            }
        }
    }
    let mean = |(sum, count): (u64, u64)| (count >= FEW).then(|| ((sum + count / 2) / count) as u8);
    Ok(sums.into_iter().map(mean).collect())
}

fn read_image(
    frame: &Frame,
    book: &Book,
    order: &[Option<usize>],
    usual: &[Option<u8>],
    image: &[u8],
) -> Read {
    let (grid, channels) = (frame.small, frame.channels());
    let mut plane = vec![0u8; grid.padded().len()];
    let mut known = vec![false; plane.len()];
    let (mut found, mut textured) = (0, 0);
    for (target, block) in frame.disguised_runs(image).chunks_exact(frame.runs()).enumerate() {
        let plain: Vec<Option<&Run>> = block
            .iter()
            .map(|run| Some(&book.get(&(frame.cipher(target), *run))?.0))
            .collect();
        for run in plain.iter().flatten() {
            found += 1;
            textured += u64::from(run.iter().any(|byte| *byte != run[0]));
        }
        // A run can be known without its place, under one cipher: then it is counted, but not shown.
        let Some(source) = order[target] else { continue };
        for i in 0..grid.block() * grid.block() * channels {
            let (at, run, byte) = frame.pixel(source, i);
            if let Some(values) = plain[run] {
                (plane[at], known[at]) = (values[byte], true);
            }
        }
    }
    fill(frame, &mut plane, &known, usual);
    let mut picture = vec![0u8; grid.image().len()];
    grid.crop(&plane, &mut picture, |v| v);
    Read {
        picture,
        found,
        textured,
    }
}
