//! Ciphertext only on ele: the layout of the blocks, and with public images the upper nibbles.

use super::{
    assign::{cheapest, descend, level_cost},
    blocks::{self, Blocks, NibbleKey, insert_order},
    ele_keys,
    layout::{lay_out, poses},
    panel::{Panel, product},
};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Verdict,
    score::{Ambiguity, Choose},
};
use rayon::prelude::*;
use visard_core::params::{Kind, ParamSpec, Params};

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "ele-layout",
    title: "Layout of the blocks of ele",
    paper: "this project; that a layout follows from similarities: Le Roux, Bengio, Lamblin, Joliveau, Kegl, \
            Learning the 2-D topology of images, NIPS 2007",
    summary: "lays the blocks out so that those whose nibbles go together over all images lie beside each other, up to \
              turns and mirrors; public images of the same kind tell the pose and carry it on to the upper nibbles",
    level: Level::Disguised,
    applies: &["ele"],
    needs: Needs::Nothing,
    params: &[ParamSpec {
        name: "images",
        help: "disguised and public images that are read, at most so many of each",
        kind: Kind::Int {
            min: 100,
            max: 1_000_000,
        },
        default: "5000",
    }],
    helpers: None,
    trains: false,
    run,
};

/// Rounds in which the slots of a block are placed by the colours found in the round before.
const ROUNDS: usize = 4;

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let target = &exposure.target;
    blocks::check(&INFO, target)?;
    let blocks = Blocks::of(target);
    let most = params.int("images") as usize;
    let images = exposure.disguised.len().min(most);
    if images < 100 {
        let problem =
            format!("ele-layout needs at least 100 disguised images, better 5000; {images} are given");
        return Err(Error::Exposure(problem));
    }
    let public = exposure
        .public
        .as_ref()
        .filter(|p| p.shape() == target.plain && p.len() >= 100);
    let needed =
        Panel::bytes(&blocks, images) + public.map_or(0, |p| Panel::bytes(&blocks, p.len().min(most)));
    if let Some(why) = budget.lacks(needed, "series of nibbles and tables of blocks") {
        return Ok(Outcome::inconclusive(why));
    }
    progress(0.0, "reading the nibbles");
    let own = Panel::new(&blocks, exposure.disguised.first(images).as_bytes()?, false)?;
    progress(0.2, "comparing the blocks");
    let closeness = own.closeness();
    let (columns, n) = (blocks.grid().columns(), blocks.positions());
    progress(0.5, "laying out the blocks");
    let moved = target.scheme.params().bool("shuffle");
    let mut cells: Vec<usize> = if moved {
        lay_out(&closeness, n / columns, columns, budget, rng)
    } else {
        (0..n).collect()
    };
    let Some(public) = public else {
        let mut outcome = Outcome::nothing();
        insert_order(&mut outcome.material, "block_perm", &inverse(&cells))?;
        return Ok(finish(outcome, images, budget));
    };
    progress(0.6, "comparing with public images");
    let reference = Panel::new(&blocks, &blocks.padded(&public.first(most))?, true)?;
    let theirs = reference.closeness();
    let mut misfit = 0.0;
    if moved {
        let none = vec![0.0; n * n];
        let found = poses(n / columns, columns)
            .into_par_iter()
            .map(|pose| {
                let start = inverse(&pose.iter().map(|cell| cells[*cell]).collect::<Vec<_>>());
                descend(&[&closeness], &[&theirs], &none, start, budget)
            })
            .min_by(|a, b| a.cost.total_cmp(&b.cost));
        if let Some(found) = found {
            misfit = found.misfit;
            cells = inverse(&found.at);
        }
    }
    progress(0.7, "ordering the upper nibbles");
    let (own, rows) = place(own, &reference, &cells, target.plain.channels, budget);
    let (keys, order) = keys(&own, &reference, &cells, &rows);
    let mut outcome = ele_keys::open(&blocks, &keys, &order, &exposure.disguised)?;
    outcome.reconstructions = outcome
        .reconstructions
        .map(|set| {
            let pixels = set.as_bytes()?.iter().map(|v| v & 0xF0 | 8).collect();
            Set::bytes(target.plain, pixels)
        })
        .transpose()?;
    outcome.figures.insert("misfit_of_the_layout", misfit);
    // A mirrored layout goes together as well.
    Ok(finish(outcome, images, budget).up_to(Ambiguity::ALL, Choose::Once))
}

fn finish(mut outcome: Outcome, images: usize, budget: &Budget) -> Outcome {
    outcome.figures.insert("images_read", images as f64);
    if budget.is_spent() {
        outcome.verdict = Verdict::Inconclusive("the layout was still improving".into());
    }
    outcome
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    for (i, place) in order.iter().enumerate() {
        inverse[*place] = i;
    }
    inverse
}

/// Finds the plain value of each row of each block; tries both signs.
fn place(
    mut own: Panel,
    reference: &Panel,
    cells: &[usize],
    channels: usize,
    budget: &Budget,
) -> (Panel, Vec<usize>) {
    let (straight, rows) = place_signed(&own, reference, cells, channels, budget);
    own.turn_all();
    let (turned, others) = place_signed(&own, reference, cells, channels, budget);
    if turned < straight {
        return (own, others);
    }
    own.turn_all();
    (own, rows)
}

/// Total cost and, for each row of `own`, the value of the block at its cell.
fn place_signed(
    own: &Panel,
    reference: &Panel,
    cells: &[usize],
    channels: usize,
    budget: &Budget,
) -> (f64, Vec<usize>) {
    let (n, d, images) = (own.positions, own.values, own.images);
    let at = inverse(cells);
    let plain: Vec<usize> = (0..n * d).map(|row| row % d).collect();
    let mut rows = Vec::new();
    let mut cost = 0.0;
    for round in 0..ROUNDS {
        // First the brightness of whole blocks, then their colours as far as they are known.
        let groups = if round == 0 { 1 } else { channels };
        let group = |rows: &[usize]| -> Vec<usize> { rows.iter().map(|v| v % groups).collect() };
        let ours = match round {
            0 => own.sums(&vec![0; n * d], 1),
            _ => own.sums(&group(&rows), groups),
        };
        let theirs = reference.sums(&group(&plain), groups);
        let found: Vec<(f64, Vec<usize>)> = (0..n)
            .into_par_iter()
            .map(|block| {
                let cell = at[block];
                let (mine, other) = (own.block(block), reference.block(cell));
                let features = product(mine, &ours, d, n * groups, images);
                let known = product(other, &theirs, d, n * groups, reference.images);
                let linear = linear(own, reference, (block, cell), &features, &known, (cells, groups));
                let inside = product(mine, mine, d, d, images);
                let model = product(other, other, d, d, reference.images);
                let start = cheapest(d, |i, j| linear[i * d + j]);
                let found = descend(&[&inside], &[&model], &linear, start, budget);
                (found.cost, found.at)
            })
            .collect();
        cost = found.iter().map(|(cost, _)| cost).sum();
        rows = found.into_iter().flat_map(|(_, at)| at).collect();
        if budget.is_spent() {
            break;
        }
    }
    (cost, rows)
}

/// Squared differences of the ties of the rows of a block to all blocks' sums, and of their levels.
fn linear(
    own: &Panel,
    reference: &Panel,
    (block, cell): (usize, usize),
    features: &[f64],
    known: &[f64],
    (cells, groups): (&[usize], usize),
) -> Vec<f64> {
    let (n, d) = (own.positions, own.values);
    let mut linear = vec![0.0; d * d];
    for (i, row) in linear.chunks_exact_mut(d).enumerate() {
        let mine = &features[i * n * groups..][..n * groups];
        for (j, cost) in row.iter_mut().enumerate() {
            let other = &known[j * n * groups..][..n * groups];
            for (place, theirs) in other.chunks_exact(groups).enumerate() {
                let ours = &mine[cells[place] * groups..][..groups];
                *cost += ours.iter().zip(theirs).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            }
            let levels = level_cost(&own.levels[block * d + i], &reference.levels[cell * d + j]);
            *cost += (n * groups) as f64 * levels;
        }
    }
    linear
}

/// Keys by source position and the order of the blocks; lower nibbles are handed out in order.
fn keys(own: &Panel, reference: &Panel, cells: &[usize], rows: &[usize]) -> (Vec<NibbleKey>, Vec<usize>) {
    let d = own.values;
    let key = |cell: usize| {
        let block = cells[cell];
        let mut key = NibbleKey {
            perm: vec![usize::MAX; 2 * d],
            flip: vec![false; 2 * d],
        };
        for i in 0..d {
            let (row, value) = (block * d + i, rows[block * d + i]);
            key.perm[own.slots[row]] = d + value;
            key.flip[own.slots[row]] = own.flip[row] != reference.flip[cell * d + value];
        }
        let free = key.perm.iter_mut().filter(|place| **place == usize::MAX);
        free.zip(0..d).for_each(|(place, low)| *place = low);
        key
    };
    ((0..cells.len()).map(key).collect(), inverse(cells))
}
