//! `aes-equality`: how often each encrypted run occurs, as pictures (ATTACKS, 5.2).

use super::{Frame, Run, image_of};
use crate::{
    AttackInfo, Budget, Error, Evidence, Exposure, Level, Needs, Outcome, Progress, Result, Set, Verdict,
};
use rayon::prelude::*;
use std::collections::HashMap;
use visard_core::params::{Kind, ParamSpec, Params};

/// Bytes that a counted run takes, about.
const ENTRY: u64 = 64;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "aes-equality",
    title: "Equal blocks of the AES disguise",
    paper: "known of the electronic code book mode",
    summary: "shows how often each encrypted run of 16 bytes occurs: flat areas and repeated patches \
              come out bright; moved blocks stay where they were moved to",
    level: Level::Disguised,
    applies: &["aes"],
    needs: Needs::Nothing,
    params: &[ParamSpec {
        name: "count_in",
        help: "what equal runs are counted in: the whole set, or each image by itself",
        kind: Kind::Choice(&["set", "image"]),
        default: "set",
    }],
    helpers: None,
    trains: false,
    run: |exposure, params, budget, _, progress| run(exposure, params, budget, progress),
};

type Counts = HashMap<(u32, Run), u32>;

fn count(frame: &Frame, runs: &[Run], counts: &mut Counts) {
    for (i, run) in runs.iter().enumerate() {
        *counts.entry((frame.cipher(i / frame.runs()), *run)).or_default() += 1;
    }
}

fn run(exposure: &Exposure, params: &Params, budget: &Budget, progress: Progress<'_>) -> Result<Outcome> {
    let frame = Frame::of("aes-equality", &exposure.target)?;
    let set = &exposure.disguised;
    if set.is_empty() {
        return Err(Error::Exposure(
            "aes-equality needs a disguised image at least".into(),
        ));
    }
    let (runs, size) = (frame.image_runs(), frame.small.image().len());
    if !budget.allows((set.len() * runs) as u64 * ENTRY + (set.len() * size) as u64) {
        let mut outcome = Outcome::nothing();
        let why = format!("the runs of {} images do not fit the memory allowed", set.len());
        outcome.verdict = Verdict::Inconclusive(why);
        return Ok(outcome);
    }
    progress(0.0, "counting");
    let mut all = Counts::new();
    let mut counted = 0;
    while counted < set.len() && !budget.is_spent() {
        count(&frame, &frame.disguised_runs(image_of(set, counted)?), &mut all);
        counted += 1;
    }
    progress(0.5, "pictures");
    let top = all.values().copied().max().unwrap_or(1);
    let in_image = params.text("count_in") == "image";
    let mut pixels = vec![0u8; set.len() * size];
    let repeats: Result<Vec<[usize; 2]>> = pixels
        .par_chunks_exact_mut(size)
        .enumerate()
        .map(|(index, picture)| {
            let mut own = Counts::new();
            let read = frame.disguised_runs(image_of(set, index)?);
            count(&frame, &read, &mut own);
            let key = |i: usize| (frame.cipher(i / frame.runs()), read[i]);
            let of = |counts: &Counts, i: usize| counts.get(&key(i)).copied().unwrap_or(1);
            let top = if in_image {
                own.values().copied().max().unwrap_or(1)
            } else {
                top
            };
            let levels: Vec<u8> = (0..read.len())
                .map(|i| level(if in_image { of(&own, i) } else { of(&all, i) }, top))
                .collect();
            paint(&frame, &levels, picture);
            let repeated = |counts: &Counts| (0..read.len()).filter(|i| of(counts, *i) > 1).count();
            Ok([repeated(&own), repeated(&all)])
        })
        .collect();
    let total = (set.len() * runs) as f64;
    let [own, any] = repeats?
        .into_iter()
        .fold([0, 0], |a, b| [a[0] + b[0], a[1] + b[1]]);
    let labels = set.labels().to_vec();
    let picture = Set::new(frame.small.image(), visard_core::Pixels::U8(pixels), labels)?;
    let mut outcome = Outcome::pictures(picture);
    outcome.figures.insert("distinct_runs", all.len() as f64);
    outcome.figures.insert("repeated_in_image", own as f64 / total);
    outcome.figures.insert("repeated_in_set", any as f64 / total);
    outcome
        .figures
        .insert("commonest_share", f64::from(top) / (counted * runs).max(1) as f64);
    outcome
        .figures
        .insert("disguised_order", f64::from(u8::from(frame.shuffled)));
    // Random runs of 16 bytes do not repeat in any set that fits on a disk.
    outcome.evidence.push(Evidence {
        what: "share of encrypted runs that repeat in the set".into(),
        value: any as f64 / total,
        null: 0.0,
        deviation: 1.0 / total,
    });
    if counted < set.len() {
        let why = format!("runs of {counted} of {} images counted", set.len());
        outcome.verdict = Verdict::Inconclusive(why);
    }
    Ok(outcome)
}

/// Grey level of a count: 0 for runs that occur once, 255 for the commonest, by the logarithm.
fn level(count: u32, top: u32) -> u8 {
    let span = f64::from(top).ln();
    if span > 0.0 {
        (255.0 * f64::from(count).ln() / span).round() as u8
    } else {
        0
    }
}

fn paint(frame: &Frame, levels: &[u8], picture: &mut [u8]) {
    let (shape, grid, channels) = (frame.small.image(), frame.small, frame.channels());
    for (i, value) in picture.iter_mut().enumerate() {
        let (y, x, channel) = (i / shape.row(), i % shape.row() / channels, i % channels);
        let position = y / grid.block() * grid.columns() + x / grid.block();
        let (run, _) = frame.place(channel, y % grid.block(), x % grid.block());
        *value = levels[position * frame.runs() + run];
    }
}
