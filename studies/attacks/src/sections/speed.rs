//! How long the attacks take.
//!
//!     cargo run --release -p study-attacks -- SETS speed
//!
//! One table of seconds against the goals, which are for two processor cores that do nothing else.

use super::Section;
use crate::{
    disguised::{Given, attack, disguise, exposure, key, pairs},
    record::{Cell, Table, figure},
    sets::{Part, Sets, slice, square},
};
use std::time::Instant;
use visard_attacks::{Exposure, Set};
use visard_core::Shape;

pub(crate) static INFO: Section = Section {
    name: "speed",
    title: "Time that the attacks take",
    run,
};

/// An attack that is timed.
struct Timed {
    what: &'static str,
    attack: &'static str,
    goal: f64,
    exposure: Exposure,
}

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let cores = std::thread::available_parallelism()?;
    let mut table = Table::new("Seconds", &["attack", "on", "seconds", "cores"]);
    for timed in [
        tanaka(sets)?,
        skk(sets)?,
        rmt(sets)?,
        jigsaw(sets, "32", 10.0)?,
        jigsaw(sets, "16", 120.0)?,
    ] {
        let start = Instant::now();
        attack(timed.attack, &timed.exposure, &[])?;
        let seconds = figure(start.elapsed().as_secs_f64(), 2).at_most(timed.goal);
        let cells = [
            Cell::text(timed.what),
            seconds.into(),
            figure(cores.get() as f64, 0).into(),
        ];
        table.row(timed.attack, cells);
    }
    Ok(vec![table.note(
        "One run each, from the disguised images in memory to the pictures; the bounds are the goals.",
    )])
}

/// Images under one derived key.
fn same_key(scheme: &str, given: Given<'_>, plain: &Set) -> anyhow::Result<Exposure> {
    let disguised = disguise(&key(scheme, given, plain.shape(), 5)?, plain, "train", 0)?;
    exposure(scheme, given, plain.shape(), disguised)
}

fn tanaka(sets: &Sets) -> anyhow::Result<Timed> {
    let all = sets.fashion_m(Part::Train, 2000)?;
    let exposure = same_key("tanaka", &[], &all.first(1000))?.with_public(slice(&all, 1000, 1000)?)?;
    Ok(Timed {
        what: "tanaka, 1,000 images of 32x32x3 and 1,000 public ones",
        attack: "le-statistics",
        goal: 30.0,
        exposure,
    })
}

fn skk(sets: &Sets) -> anyhow::Result<Timed> {
    Ok(Timed {
        what: "skk, 1,000 images of 32x32x3 under one key",
        attack: "skk-statistical",
        goal: 20.0,
        exposure: same_key("skk", &[], &sets.fashion_m(Part::Train, 1000)?)?,
    })
}

fn rmt(sets: &Sets) -> anyhow::Result<Timed> {
    let given = [("block", "4"), ("noise", "25"), ("shuffle", "false")];
    let all = sets.fashion_m_green(Part::Train, 2000)?;
    let disguised = disguise(&key("rmt", &given, all.shape(), 5)?, &all, "train", 0)?;
    let known = pairs(&all, &disguised, 1000)?;
    Ok(Timed {
        what: "rmt with noise 25, 4x4, 1,000 pairs and 2,000 images of 32x32x1",
        attack: "rmt-regression",
        goal: 2.0,
        exposure: exposure("rmt", &given, all.shape(), disguised)?.with_pairs(known)?,
    })
}

/// The photograph of the astronaut in blocks of that side, all states unknown.
fn jigsaw(sets: &Sets, block: &'static str, goal: f64) -> anyhow::Result<Timed> {
    let photos = sets.photos()?;
    let photo = photos
        .iter()
        .find(|(name, _)| name == "astronaut")
        .or(photos.first());
    let (_, photo) = photo.ok_or_else(|| anyhow::anyhow!("there are photographs"))?;
    let plain = Set::bytes(Shape::new(256, 256, 3), square(photo, 256))?;
    let what = match block {
        "32" => "etc, one photograph in 64 pieces, 96 states",
        _ => "etc, one photograph in 256 pieces, 96 states",
    };
    Ok(Timed {
        what,
        attack: "etc-jigsaw",
        goal,
        exposure: same_key("etc", &[("block", block)], &plain)?,
    })
}
