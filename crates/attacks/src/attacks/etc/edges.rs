//! Neighbours from how the edges of blocks vary together over images under one key.

use super::{
    costs::Costs,
    frame::Frame,
    jigsaw::{assemble, check, finish, lacking, out_of_time},
    state::{ORDERS, orders},
};
use crate::{
    AttackInfo, Budget, Exposure, Level, Needs, Outcome, Progress, Result, Rng,
    score::{Ambiguity, Choose},
};
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;
use visard_core::params::{Kind, ParamSpec, Params};

const NAME: &str = "etc-edges";

pub(in super::super) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "Edge correlation of EtC",
    paper: "this project",
    summary: "finds neighbours, and their poses, polarities and orders of channels towards each other, from how the \
              edges of blocks vary together over many images under one key, and puts the pictures together",
    level: Level::Disguised,
    applies: &["etc", "etc-gray"],
    needs: Needs::Nothing,
    params: &[ParamSpec {
        name: "images",
        help: "images that are used; 100 suffice for natural ones",
        kind: Kind::Int {
            min: 4,
            max: 1_000_000,
        },
        default: "2000",
    }],
    helpers: None,
    trains: false,
    run: |exposure, params, budget, _: &mut Rng, progress| run(exposure, params, budget, progress),
};

fn run(exposure: &Exposure, params: &Params, budget: &Budget, progress: Progress<'_>) -> Result<Outcome> {
    let frame = Frame::new(NAME, &exposure.target)?;
    check(NAME, exposure, &frame, 4)?;
    let mut outcome = Outcome::nothing();
    outcome.figures.insert("blocks", frame.pieces() as f64);
    let images = (params.int("images") as usize).min(exposure.disguised.len());
    outcome.figures.insert("images", images as f64);
    let own = (4 * frame.channels() * frame.side()) as u64;
    let threads = rayon::current_num_threads() as u64;
    // The series along the sides, and each thread's rows of the correlation matrix.
    let tables = 4 * frame.pieces() as u64 * own * (images as u64 + own * threads);
    if let Some(why) = lacking(&frame, budget, tables) {
        outcome.verdict = why;
        return Ok(outcome);
    }
    progress(0.0, "correlating the edges of blocks");
    let costs = correlate(&frame, exposure, images)?;
    let certain = margin(&costs);
    outcome.figures.insert("margin", certain);
    progress(0.7, "putting the blocks together");
    let (layout, complete) = assemble(&costs, &frame, budget);
    if !complete {
        outcome.verdict = out_of_time();
    }
    finish(&mut outcome, &layout, &frame, &exposure.disguised)?;
    progress(1.0, "done");
    Ok(outcome.up_to(Ambiguity::ALL, Choose::Once))
}

/// For each two blocks (blocks, blocks) of the disguised images, how well their best sides vary
/// together in the best state: up to 1. The diagonal is 0.
///
/// # Errors
/// If the exposure does not fit the attack.
pub fn neighbour_scores(exposure: &Exposure, images: usize) -> Result<Vec<f32>> {
    let frame = Frame::new(NAME, &exposure.target)?;
    check(NAME, exposure, &frame, 4)?;
    let costs = correlate(&frame, exposure, images.min(exposure.disguised.len()))?;
    let score = |cost: f32| if cost.is_finite() { 1.0 - cost } else { 0.0 };
    Ok(costs.least().into_iter().map(score).collect())
}

/// Median over the blocks of how much better the best partner is than the second best.
fn margin(costs: &Costs) -> f64 {
    let least = costs.least();
    let mut margins: Vec<f32> = least
        .chunks_exact(costs.pieces)
        .map(|row| {
            let mut row = row.to_vec();
            row.sort_unstable_by(f32::total_cmp);
            // With two blocks there is no second best partner.
            let second = row.get(1).filter(|cost| cost.is_finite());
            second.map_or(0.0, |second| second - row[0])
        })
        .collect();
    margins.sort_unstable_by(f32::total_cmp);
    f64::from(margins[margins.len() / 2])
}

/// Most values of a tile of the correlation matrix along each of its sides.
const TILE: usize = 1024;

/// One less the mean correlation along the sides, as costs.
fn correlate(frame: &Frame, exposure: &Exposure, images: usize) -> Result<Costs> {
    let (pieces, channels, side) = (frame.pieces(), frame.channels(), frame.side());
    let series = series(frame, &exposure.disguised.first(images))?;
    // Values of one block's four sides: (side, channel, place).
    let own = 4 * channels * side;
    let group = (TILE / own).max(1);
    let mut costs = Costs::new(pieces, channels, true);
    let rows = |first: usize, count: usize| {
        let values = &series[first * own * images..(first + count) * own * images];
        MatRef::from_row_major_slice(values, count * own, images)
    };
    costs.add(
        |a| {
            // The rows of the correlation matrix that belong to a, a tile of columns at a time.
            let mut products = vec![0f32; own * pieces * own];
            for first in (0..pieces).step_by(group) {
                let count = group.min(pieces - first);
                let tile = &mut products[first * own * own..(first + count) * own * own];
                matmul(
                    MatMut::from_column_major_slice_mut(tile, own, count * own),
                    Accum::Replace,
                    rows(a, 1),
                    rows(first, count).transpose(),
                    1.0,
                    Par::Seq,
                );
            }
            products
        },
        |products, _, (e, b, f, reversed), costs| {
            let mean = |i: usize, j: usize| -> f32 {
                let at = |k: usize| {
                    let other = if reversed { side - 1 - k } else { k };
                    let column = b * own + (f * channels + j) * side + other;
                    products[column * own + (e * channels + i) * side + k]
                };
                (0..side).map(at).sum::<f32>() / (side * channels) as f32
            };
            let mut means = [[0f32; 3]; 3];
            if channels == 3 {
                (0..9).for_each(|at| means[at / 3][at % 3] = mean(at / 3, at % 3));
            }
            for order in 0..orders(channels) {
                let score: f32 = match channels {
                    3 => (0..3).map(|c| means[c][ORDERS[order][c]]).sum(),
                    _ => (0..channels).map(|c| mean(c, c)).sum(),
                };
                costs[2 * order] += 1.0 - score;
                costs[2 * order + 1] += 1.0 + score;
            }
        },
    );
    Ok(costs)
}

/// The values of all sides (block, side, channel, place along it, image), each series over the images
/// of mean 0 and length 1; 0 where it does not vary.
fn series(frame: &Frame, disguised: &crate::Set) -> Result<Vec<f32>> {
    let (channels, side, shape) = (frame.channels(), frame.side(), disguised.shape());
    let images: Vec<Vec<u8>> = disguised
        .as_bytes()?
        .par_chunks_exact(shape.len())
        .map(|image| frame.cut(image))
        .collect();
    let mut series = vec![0f32; frame.pieces() * 4 * channels * side * images.len()];
    series
        .par_chunks_exact_mut(images.len())
        .enumerate()
        .for_each(|(at, values)| {
            let (k, rest) = (at % side, at / side);
            let (channel, e, piece) = (rest % channels, rest / channels % 4, rest / channels / 4);
            let (row, column) = [(0, k), (k, side - 1), (side - 1, k), (k, 0)][e];
            let place = piece * frame.bytes() + (row * side + column) * channels + channel;
            for (value, image) in values.iter_mut().zip(&images) {
                *value = f32::from(image[place]);
            }
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            values.iter_mut().for_each(|v| *v -= mean);
            let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
            let scale = if length > 1e-3 { 1.0 / length } else { 0.0 };
            values.iter_mut().for_each(|v| *v *= scale);
        });
    Ok(series)
}
