//! Edges of blocks over many images of one key: neighbours, and the pictures put together from them.

use super::puzzle::{Change, Photos, Puzzle, SMALL, mean, patches};
use crate::{
    disguised::{median, pictures as pictures_of},
    record::{Cell, Figure, Table, figure},
    sets::{Part, Sets, slice},
};
use visard_attacks::{
    Rng, Set,
    attacks::etc::neighbour_scores,
    score::{Ambiguity, Options, score},
};

/// Side of a block.
const BLOCK: usize = 4;

/// Draws of images and keys.
const DRAWS: usize = 5;

/// Blocks of an image.
const BLOCKS: f64 = 64.0;

/// Images that pictures are judged by.
const JUDGED: usize = 50;

/// What ATTACKS 3.3 says of a number of images: shares of best partners and of top-degree partners.
type Expected = (usize, Option<f64>, Option<f64>);

const PATCHES: [Expected; 6] = [
    (5, None, None),
    (10, None, None),
    (20, Some(1.0), Some(0.87)),
    (50, None, None),
    (100, Some(1.0), Some(1.0)),
    (1000, Some(1.0), Some(1.0)),
];

const FASHION_M: [Expected; 6] = [
    (5, None, None),
    (10, None, None),
    (20, Some(0.91), Some(0.68)),
    (50, None, None),
    (100, Some(1.0), Some(0.85)),
    (1000, None, Some(0.90)),
];

/// One of several draws of that many images.
fn drawn(sets: &Sets, photos: &Photos, name: &str, count: usize, draw: usize) -> anyhow::Result<Set> {
    match name {
        "Fashion-M" => slice(&sets.fashion_m(Part::Train, DRAWS * 1000)?, draw * 1000, count),
        _ => Ok(patches(photos, 1000, 50 + draw as u64)?.first(count)),
    }
}

/// Shares of blocks whose best partner is a neighbour, and of neighbours among the best partners, as many as a
/// block has.
fn partners(puzzle: &Puzzle) -> anyhow::Result<[f64; 2]> {
    let values = neighbour_scores(&puzzle.exposure, usize::MAX)?;
    let places = &puzzle.truth.places;
    let near = |a: usize, b: usize| {
        places[a].row.abs_diff(places[b].row) + places[a].column.abs_diff(places[b].column) == 1
    };
    let (mut first, mut among, mut all) = (0, 0, 0);
    for (a, row) in values.chunks_exact(places.len()).enumerate() {
        let mut order: Vec<usize> = (0..places.len()).filter(|b| *b != a).collect();
        order.sort_by(|x, y| row[*y].total_cmp(&row[*x]));
        let degree = order.iter().filter(|b| near(a, **b)).count();
        first += usize::from(near(a, order[0]));
        among += order[..degree].iter().filter(|b| near(a, **b)).count();
        all += degree;
    }
    Ok([first as f64 / places.len() as f64, among as f64 / all as f64])
}

/// The median of several draws, with the least and the greatest.
fn spread(values: Vec<f64>, expected: Option<f64>) -> Cell {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = figure(median(values), 2);
    let middle = match expected {
        Some(expected) => middle.about(expected, 0.05),
        None => middle,
    };
    Cell::of([middle, figure(least, 2), figure(most, 2)])
}

/// Neighbours (ATTACKS 3.3).
pub(super) fn neighbours(sets: &Sets, photos: &Photos) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Edge correlation: 64 blocks of 4x4 in 32x32x3, one key, all 96 states",
        &[
            "images",
            "N",
            "best partner is a neighbour",
            "neighbours among the best partners",
        ],
    );
    for (name, rows) in [("photo patches", PATCHES), ("Fashion-M", FASHION_M)] {
        for (count, first, among) in rows {
            let found = over_draws(|draw, rng| {
                let plain = drawn(sets, photos, name, count, draw)?;
                partners(&Puzzle::new("etc", BLOCK, &plain, Change::All, rng)?)
            })?;
            let cells = [
                figure(count as f64, 0).into(),
                column(&found, 0, first),
                column(&found, 1, among),
            ];
            table.row(name, cells);
        }
    }
    let fresh = over_draws(|draw, rng| {
        let plain = drawn(sets, photos, "photo patches", 100, draw)?;
        partners(&Puzzle::of_fresh_keys(BLOCK, &plain, rng)?)
    })?;
    let chance = Some(2.0 / (BLOCKS - 1.0));
    let cells = [
        figure(100.0, 0).into(),
        column(&fresh, 0, chance),
        column(&fresh, 1, None),
    ];
    table.row("null: photo patches, a key for each image", cells);
    Ok(table
        .note("Median / least / greatest of 5 draws of images and keys. Tolerance 0.05, on the median.")
        .note(
            "Fashion-M at N = 20 was expected from one draw; the draws here go from 0.91 to 1.00, so that the expected \
             0.91 is their least, and the median is the better figure.",
        )
        .note("A block has 3.5 neighbours among 63 others on average: chance is 0.056 in both columns."))
}

fn over_draws<T>(mut run: impl FnMut(usize, &mut Rng) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    (0..DRAWS)
        .map(|draw| run(draw, &mut Rng::new(200 + draw as u64)))
        .collect()
}

fn column(found: &[[f64; 2]], which: usize, expected: Option<f64>) -> Cell {
    spread(found.iter().map(|shares| shares[which]).collect(), expected)
}

/// The assembly carried through to pictures.
pub(super) fn pictures(sets: &Sets, photos: &Photos) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Pictures from edge correlation: 64 blocks of 4x4 in 32x32x3, one key, all 96 states",
        &[
            "images",
            "N",
            "D_c",
            "N_c",
            "L_c",
            "PSNR",
            "draws of 5 with D_c > 0.95",
        ],
    );
    let mut enough = Vec::new();
    for name in ["photo patches", "Fashion-M"] {
        let mut least = None;
        for count in [5, 10, 20, 30, 50, 100, 200, 1000] {
            let (cells, right) = solved(|draw, rng| {
                let plain = drawn(sets, photos, name, count, draw)?;
                Ok((Puzzle::new("etc", BLOCK, &plain, Change::All, rng)?, plain))
            })?;
            least = match right == DRAWS {
                true => least.or(Some(count)),
                false => None,
            };
            table.row(
                name,
                [Cell::from(figure(count as f64, 0))].into_iter().chain(cells),
            );
        }
        enough.push(match least {
            Some(count) => format!("{name}: {count}"),
            None => format!("{name}: more than 1000"),
        });
    }
    let (cells, _) = solved(|draw, rng| {
        let plain = drawn(sets, photos, "photo patches", 100, draw)?;
        Ok((Puzzle::of_fresh_keys(BLOCK, &plain, rng)?, plain))
    })?;
    let cells = [Cell::from(figure(100.0, 0))].into_iter().chain(cells);
    table.row("null: photo patches, a key for each image", cells);
    Ok(table
        .note("Means over 5 draws of images and keys; PSNR is the median over the draws, over the first 50 images at \
               most, after the best pose, order of channels and polarity of the whole set.")
        .note(&format!("Images from which on D_c > 0.95 in every draw: {}.", enough.join("; "))))
}

/// Mean scores and median PSNR over the draws, and how many of them are right.
fn solved(
    mut puzzle: impl FnMut(usize, &mut Rng) -> anyhow::Result<(Puzzle, Set)>,
) -> anyhow::Result<(Vec<Cell>, usize)> {
    let found = over_draws(|draw, rng| {
        let (puzzle, plain) = puzzle(draw, rng)?;
        let (outcome, scores) = puzzle.solve("etc-edges", &[])?;
        Ok((scores, quality(&plain, pictures_of(&outcome)?)?))
    })?;
    let (scores, quality): (Vec<_>, Vec<f64>) = found.into_iter().unzip();
    let right = scores.iter().filter(|s| s.direct > 0.95).count();
    let all = mean(&scores);
    let shares = [all.direct, all.neighbour, all.largest].map(|share| figure(share, 2));
    let rest: [Figure; 2] = [figure(median(quality), 1), figure(right as f64, 0)];
    Ok((shares.into_iter().chain(rest).map(Cell::from).collect(), right))
}

/// PSNR after the best state of the whole set.
fn quality(plain: &Set, found: &Set) -> anyhow::Result<f64> {
    debug_assert_eq!(plain.shape(), SMALL);
    let ambiguity = Ambiguity {
        negative: true,
        colors: true,
        poses: true,
    };
    let options = Options {
        ambiguity,
        ..Options::default()
    };
    let judged = score(&plain.first(JUDGED), &found.first(JUDGED), &options)?.guess;
    Ok(judged.modulo.unwrap_or(judged.raw).pooled_psnr)
}
