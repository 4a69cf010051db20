//! The order of the tokens of each image: the position embedding dominates, so tokens of one place
//! are alike in all images.

use super::{Tokens, distances, hungarian, tokens};
use crate::{AttackInfo, Budget, Error, Level, Needs, Outcome, Result, Verdict};
use rayon::prelude::*;
use visard_core::{
    Array, Values,
    params::{Kind, ParamSpec},
};

const NAME: &str = "neuracrypt-order";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "NeuraCrypt, order of the patches",
    paper: "Carlini et al.: NeuraCrypt is not private, arXiv 2108.07256 (first stage)",
    summary: "matches the tokens of every image to those of the first, then to their mean, which undoes the \
              order of the patches of each image but for one order that all have in common",
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
    run: |exposure, params, budget, _, progress| {
        let values = exposure.disguised.to_floats();
        let tokens = tokens(NAME, exposure, &values)?;
        if tokens.images() < 2 {
            return Err(Error::Exposure(
                "two images are needed at least, to compare their tokens".into(),
            ));
        }
        progress(0.0, "matching tokens");
        let aligned = align(tokens, params.int("rounds") as usize, budget)?;
        let mut outcome = Outcome::nothing();
        outcome.figures.insert("moved_last", aligned.moved);
        outcome.figures.insert("separation", aligned.separation);
        let orders = aligned
            .orders
            .iter()
            .flatten()
            .map(|place| *place as i64)
            .collect();
        let array = Array {
            shape: vec![tokens.images(), tokens.places],
            values: Values::I64(orders),
        };
        outcome.material.insert("patch_perm", array)?;
        if budget.is_spent() {
            outcome.verdict = Verdict::Inconclusive("the orders may not have come to rest".into());
        }
        Ok(outcome)
    },
};

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

/// Finds the places of all tokens: by the first image, then by the mean of each place until nothing
/// moves, `rounds` times at most.
///
/// # Errors
/// If the tokens are no whole number of images.
pub fn align(tokens: Tokens<'_>, rounds: usize, budget: &Budget) -> Result<Aligned> {
    tokens.check()?;
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
                let order = hungarian(&costs, places);
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
    Ok(Aligned {
        orders: in_first(orders),
        moved,
        separation,
    })
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
