//! The order of the tokens of each image: the position embedding dominates, so tokens of one place
//! are alike in all images.

use super::{
    Tokens, aligned_material, distances, hungarian,
    metric::{self, whitened},
    tokens,
};
use crate::{AttackInfo, Budget, Error, Level, Needs, Outcome, Result, Verdict};
use rayon::prelude::*;
use visard_core::params::{Kind, ParamSpec};

const NAME: &str = "neuracrypt-order";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "NeuraCrypt, order of the patches",
    paper: "Carlini et al.: NeuraCrypt is not private, arXiv 2108.07256 (first stage)",
    summary: "matches the tokens of every image to those of the first, then to their mean, in the metric that \
              tells places apart best, which undoes the order of the patches of each image but for one order that \
              all have in common",
    level: Level::Disguised,
    applies: &["neuracrypt"],
    needs: Needs::Nothing,
    params: &[ParamSpec {
        name: "rounds",
        help: "most times that tokens are matched to the mean",
        kind: Kind::Int { min: 1, max: 100 },
        default: "10",
    }],
    helpers: None,
    trains: false,
    run: |exposure, params, budget, _, progress| {
        let values = exposure.disguised.to_floats();
        let tokens = tokens(NAME, exposure, &values)?;
        if tokens.images() < 2 {
            return Err(Error::Exposure(
                "two images are needed at least, to compare their tokens".into(),
            ));
        }
        if let Some(why) = budget.lacks(bytes(tokens), "the costs of all places") {
            return Ok(Outcome::inconclusive(why));
        }
        progress(0.0, "matching tokens");
        let aligned = align(tokens, params.int("rounds") as usize, budget)?;
        let mut outcome = Outcome::nothing();
        outcome.figures.insert("moved_last", aligned.moved);
        outcome.figures.insert("separation", aligned.separation);
        aligned_material(&mut outcome, &aligned.orders)?;
        if budget.is_spent() {
            outcome.verdict = Verdict::Inconclusive("the orders may not have come to rest".into());
        }
        Ok(outcome)
    },
};

/// Bytes that putting tokens in order takes, about.
pub(super) fn bytes(tokens: Tokens<'_>) -> u64 {
    let [images, places] = [tokens.images(), tokens.places].map(|n| n as u64);
    let costs = 40 * places * places * rayon::current_num_threads() as u64;
    let turned = 4 * tokens.values.len() as u64 + metric::bytes(tokens.width);
    costs + 16 * images * places + 12 * (places * tokens.width as u64) + turned
}

/// Tokens in a common order.
#[derive(Clone, Debug)]
pub struct Aligned {
    /// For each image and row the place of that token, in the order of the first image.
    pub orders: Vec<Vec<usize>>,
    /// Share of the tokens that the last round moved.
    pub moved: f64,
    /// Mean squared distance of a token from the mean of its place, over that from the mean of the next
    /// best place: near 1 where places are not told apart.
    pub separation: f64,
}

/// Separation below which places are told apart without doubt.
const CLEAR: f64 = 0.3;

/// Ridges of the metrics that are tried.
const RIDGES: [f64; 3] = [1e-1, 1e-2, 1e-3];

/// Finds the places of all tokens: by the first image, then by the mean of each place until nothing moves,
/// `rounds` times at most. What patches show may hide their places, so metrics in which it counts less are
/// tried until places are clear; the one that tells them apart best decides.
///
/// # Errors
/// If the tokens are no whole number of images.
pub fn align(tokens: Tokens<'_>, rounds: usize, budget: &Budget) -> Result<Aligned> {
    tokens.check()?;
    let mut best = settle(tokens, rounds, budget);
    let try_metric = |best: &mut Aligned, within: bool, ridge: f64| {
        if best.separation < CLEAR || tokens.places < 2 || budget.is_spent() {
            return false;
        }
        let orders = within.then(|| best.orders.clone());
        let Some(values) = whitened(tokens, orders.as_deref(), ridge) else {
            return false;
        };
        let turned = Tokens {
            values: &values,
            ..tokens
        };
        let found = settle(turned, rounds, budget);
        let better = found.separation < best.separation;
        if better {
            *best = found;
        }
        better
    };
    for ridge in RIDGES {
        try_metric(&mut best, false, ridge);
    }
    for ridge in RIDGES {
        // As long as the places found make a metric in which they are clearer still.
        let mut left = 4;
        while left > 0 && try_metric(&mut best, true, ridge) {
            left -= 1;
        }
    }
    best.orders = in_first(best.orders);
    Ok(best)
}

/// Finds the places in one metric.
fn settle(tokens: Tokens<'_>, rounds: usize, budget: &Budget) -> Aligned {
    let (places, width, images) = (tokens.places, tokens.width, tokens.images());
    let mut reference = tokens.image(0).to_vec();
    let mut orders: Vec<Vec<usize>> = vec![(0..places).collect(); images];
    let (mut moved, mut separation) = (1.0, 1.0);
    for round in 0..=rounds {
        if round > 0 && (moved == 0.0 || budget.is_spent()) {
            break;
        }
        let next: Vec<(Vec<usize>, f64)> = (0..images)
            .into_par_iter()
            .map(|image| {
                let costs = distances(tokens.image(image), &reference, width);
                let order = hungarian(&costs, places, places);
                let ratio = ratio(&costs, &order);
                (order, ratio)
            })
            .collect();
        separation = next.iter().map(|(_, ratio)| ratio).sum::<f64>() / images as f64;
        let next: Vec<Vec<usize>> = next.into_iter().map(|(order, _)| order).collect();
        let changed = orders
            .iter()
            .zip(&next)
            .map(|(old, new)| old.iter().zip(new).filter(|(a, b)| a != b).count());
        moved = changed.sum::<usize>() as f64 / (images * places) as f64;
        orders = next;
        reference = mean(tokens, &orders);
    }
    Aligned {
        orders,
        moved,
        separation,
    }
}

/// Distances from the own place over those from the next best one, summed.
fn ratio(costs: &[f64], order: &[usize]) -> f64 {
    let (mut own, mut other) = (0.0, f64::MIN_POSITIVE);
    for (row, place) in costs.chunks(order.len()).zip(order) {
        let others = row.iter().enumerate().filter(|(at, _)| at != place);
        own += row[*place];
        other += others.map(|(_, cost)| *cost).fold(f64::INFINITY, f64::min);
    }
    own / other
}

/// Orders so that the first image's rows are in their places.
fn in_first(orders: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    let mut rows = vec![0; orders[0].len()];
    orders[0]
        .iter()
        .enumerate()
        .for_each(|(row, place)| rows[*place] = row);
    orders
        .iter()
        .map(|order| order.iter().map(|place| rows[*place]).collect())
        .collect()
}

/// The mean token of each place.
fn mean(tokens: Tokens<'_>, orders: &[Vec<usize>]) -> Vec<f32> {
    let mut sums = vec![0f64; tokens.places * tokens.width];
    for (image, order) in orders.iter().enumerate() {
        for (token, place) in tokens.image(image).chunks(tokens.width).zip(order) {
            let sums = &mut sums[place * tokens.width..][..tokens.width];
            sums.iter_mut()
                .zip(token)
                .for_each(|(sum, value)| *sum += f64::from(*value));
        }
    }
    sums.iter()
        .map(|sum| (sum / orders.len() as f64) as f32)
        .collect()
}

/// The tokens of all images, each in its place.
pub fn ordered(tokens: Tokens<'_>, orders: &[Vec<usize>]) -> Vec<f32> {
    let mut placed = vec![0f32; tokens.values.len()];
    let size = tokens.places * tokens.width;
    for ((image, order), placed) in orders.iter().enumerate().zip(placed.chunks_mut(size)) {
        for (token, place) in tokens.image(image).chunks(tokens.width).zip(order) {
            placed[place * tokens.width..][..tokens.width].copy_from_slice(token);
        }
    }
    placed
}
