//! The jigsaw solver on single photographs, and on several images of one key.

use super::puzzle::{Change, Photos, Puzzle, mean, patches};
use crate::{
    disguised::{Given, median},
    record::{Cell, Table, figure},
    sets::square,
};
use visard_attacks::{Rng, Set, attacks::etc::Scores};
use visard_core::Shape;

/// Side of the photographs.
const SIDE: u32 = 256;

/// A photograph of 256x256, in colour or as its brightness.
pub(super) fn photograph(photo: &image::RgbImage, grey: bool) -> anyhow::Result<Set> {
    let side = SIDE as usize;
    let pixels = square(photo, SIDE);
    if !grey {
        return Ok(Set::bytes(Shape::new(side, side, 3), pixels)?);
    }
    let colour = image::RgbImage::from_raw(SIDE, SIDE, pixels).ok_or_else(|| anyhow::anyhow!("a square"))?;
    let grey = image::DynamicImage::ImageRgb8(colour).into_luma8().into_raw();
    Ok(Set::bytes(Shape::new(side, side, 1), grey)?)
}

/// How photographs are cut and disguised, and every how many of them is solved.
struct Cut {
    name: &'static str,
    scheme: &'static str,
    block: usize,
    grey: bool,
    change: Change,
    every: usize,
}

const CUTS: [Cut; 8] = [
    cut("colour", 32, Change::Moved, 1),
    cut("colour", 32, Change::All, 1),
    cut("colour", 16, Change::Moved, 1),
    cut("colour", 16, Change::All, 3),
    cut("grey", 32, Change::All, 1),
    cut("grey", 16, Change::Moved, 1),
    cut("grey", 16, Change::All, 3),
    Cut {
        scheme: "etc-gray",
        grey: false,
        ..cut("Y, Cb, Cr (etc-gray)", 32, Change::All, 3)
    },
];

const fn cut(name: &'static str, block: usize, change: Change, every: usize) -> Cut {
    Cut {
        name,
        scheme: "etc",
        block,
        grey: matches!(name.as_bytes(), b"grey"),
        change,
        every,
    }
}

pub(super) fn states(change: Change) -> Given<'static> {
    match change {
        Change::All => &[],
        _ => &[("states", "moved")],
    }
}

impl Cut {
    fn expects(&self) -> bool {
        self.name == "colour" && self.block == 16 && self.change == Change::Moved
    }

    pub(super) fn states(&self) -> f64 {
        match (self.change, self.name) {
            (Change::All, "colour") => 96.0,
            (Change::All, _) => 16.0,
            _ => 1.0,
        }
    }

    fn solve(&self, photos: &Photos) -> anyhow::Result<Vec<(String, Scores)>> {
        let chosen = photos.iter().step_by(self.every).enumerate();
        chosen
            .map(|(at, (name, photo))| {
                let image = photograph(photo, self.grey)?;
                let mut rng = Rng::new(at as u64);
                let puzzle = Puzzle::new(self.scheme, self.block, &image, self.change, &mut rng)?;
                let scores = puzzle.solve("etc-jigsaw", states(self.change))?.1;
                Ok((name.clone(), scores))
            })
            .collect()
    }
}

/// Single photographs (ATTACKS 3.2).
pub(super) fn photographs(photos: &Photos) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Jigsaw solver, single photographs of 256x256",
        &[
            "planes",
            "block",
            "pieces",
            "states",
            "photographs",
            "D_c",
            "N_c",
            "median N_c",
            "L_c",
            "share with N_c > 0.9",
        ],
    );
    let mut worst = String::new();
    for cut in &CUTS {
        let found = cut.solve(photos)?;
        let scores: Vec<Scores> = found.iter().map(|(_, scores)| *scores).collect();
        let each: Vec<f64> = scores.iter().map(|s| s.neighbour).collect();
        let high = each.iter().filter(|n| **n > 0.9).count() as f64 / each.len() as f64;
        let all = mean(&scores);
        let (mut typical, mut whole) = (figure(median(each), 2), figure(all.neighbour, 2));
        if cut.expects() {
            (typical, whole) = (typical.at_least(0.9), whole.at_least(0.9));
            worst = listed(found);
        }
        let across = SIDE as usize / cut.block;
        let planes = if cut.scheme == "etc-gray" { 3 } else { 1 };
        table.row(
            cut.name,
            [
                figure(cut.block as f64, 0).into(),
                figure((across * across * planes) as f64, 0).into(),
                figure(cut.states(), 0).into(),
                figure(scores.len() as f64, 0).into(),
                figure(all.direct, 2).into(),
                whole.into(),
                typical.into(),
                figure(all.largest, 2).into(),
                Cell::from(figure(high, 2)),
            ],
        );
    }
    Ok(table
        .note("The middle square of each photograph; means over the photographs unless a column says otherwise. D_c: \
               blocks in the right place and state; N_c: pairs of neighbours that are right; L_c: blocks in the \
               largest part that is right. All up to one pose, polarity and order of channels of the whole, and \
               states that make the same of a block count as the same.")
        .note(
            "Grey planes tell sides apart by a third of the values, and etc-gray lays the blocks of Y, Cb and Cr on one \
             board, where the parts of a plane have no neighbours in the others to tell their places by: N_c shows what \
             fits together, D_c what also lies in its place.",
        )
        .note(&format!("Below 0.9 with moved 16x16 blocks in colour: {worst}.")))
}

/// Names with the N_c below 0.9.
fn listed(found: Vec<(String, Scores)>) -> String {
    let low = found.into_iter().filter(|(_, s)| s.neighbour <= 0.9);
    let each: Vec<String> = low
        .map(|(name, s)| format!("{name} {:.2}", s.neighbour))
        .collect();
    if each.is_empty() {
        "none".into()
    } else {
        each.join(", ")
    }
}

pub(super) fn solve_all(runs: impl Iterator<Item = anyhow::Result<Scores>>) -> anyhow::Result<Vec<Scores>> {
    runs.collect()
}

/// Costs summed over several images of one key (ATTACKS 3.2).
pub(super) fn one_key(photos: &Photos) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Jigsaw solver, photo patches of 32x32x3 under one key, 96 states",
        &[
            "block",
            "images",
            "D_c",
            "N_c",
            "L_c",
            "draws of 5 where N_c is below that of its first image",
        ],
    );
    for block in [4, 8] {
        let mut first: Vec<Scores> = Vec::new();
        for count in [1, 10, 100] {
            let found = solve_all((0..5).map(|draw| {
                let plain = patches(photos, 100, 100 + draw)?.first(count);
                let puzzle = Puzzle::new("etc", block, &plain, Change::All, &mut Rng::new(draw))?;
                Ok(puzzle.solve("etc-jigsaw", &[])?.1)
            }))?;
            if count == 1 {
                first.clone_from(&found);
            }
            let lower = found
                .iter()
                .zip(&first)
                .filter(|(now, one)| now.neighbour < one.neighbour);
            let lower = figure(lower.count() as f64, 0);
            let all = mean(&found);
            table.row(
                format!("{block}x{block}"),
                [
                    figure(count as f64, 0),
                    figure(all.direct, 2),
                    figure(all.neighbour, 2),
                    figure(all.largest, 2),
                    if count == 100 { lower.at_most(0.0) } else { lower },
                ]
                .map(Cell::from),
            );
        }
    }
    Ok(table.note(
        "Means over 5 draws of images and keys. Summing over 100 images must lower N_c in none of them.",
    ))
}
