//! What tells a patch of an image without any training: how far it is from the same patch of all other
//! images, in ranks. With these, images are matched once places are, and places once images are.

use super::{
    Tokens, distances,
    geometry::{match_squares, profiles_beside, quantile, ranks, ranks_beside},
    hungarian,
};
use crate::{Budget, Rng};
use rayon::prelude::*;

/// Quantiles of the distances of a patch.
const EACH: usize = 8;

/// Places up to which all their orders are tried; of more, so many orders at random.
const TRIED: usize = 4;
const RANDOM: usize = 12;

/// Matchings that are given, the cheapest first.
const GIVEN: usize = 8;

/// Of twice as many images or more, each is compared with so many to twice as many of them, which tells
/// quantiles as well and takes far less time than comparing all with all.
pub(super) const BESIDE: usize = 256;

/// Features of a set of images.
pub(super) struct Features {
    images: usize,
    places: usize,
    /// Images x places x quantiles.
    values: Vec<f32>,
    /// How the distances at each place are distributed, in units of their mean: places x quantiles.
    shapes: Vec<f32>,
}

impl Features {
    pub(super) fn of(tokens: Tokens<'_>) -> Self {
        let (images, places, width) = (tokens.images(), tokens.places, tokens.width);
        let step = (images / BESIDE).max(1);
        let columns = images.div_ceil(step);
        let each: Vec<(Vec<f32>, Vec<f32>)> = (0..places)
            .into_par_iter()
            .map(|place| {
                let rows = (0..images).flat_map(|image| &tokens.image(image)[place * width..][..width]);
                let rows: Vec<f32> = rows.copied().collect();
                let beside: Vec<f32> = rows.chunks(width).step_by(step).flatten().copied().collect();
                let apart = distances(&rows, &beside, width);
                let ranks = ranks_beside(&apart, columns, step);
                let profile = profiles_beside(&ranks, columns, step, EACH);
                (profile, shape(apart, columns, step))
            })
            .collect();
        let mut values = vec![0f32; images * places * EACH];
        for (place, (profile, _)) in each.iter().enumerate() {
            for (image, quantiles) in profile.chunks(EACH).enumerate() {
                values[(image * places + place) * EACH..][..EACH].copy_from_slice(quantiles);
            }
        }
        Self {
            images,
            places,
            values,
            shapes: each.into_iter().flat_map(|(_, shape)| shape).collect(),
        }
    }

    /// Features of one place over some images.
    fn place(&self, place: usize, images: &[usize]) -> Vec<f32> {
        let of = |image: &usize| &self.values[(image * self.places + place) * EACH..][..EACH];
        images.iter().flat_map(of).copied().collect()
    }

    /// How little places go together: one less the correlation of the mean features, places x places.
    fn apart(&self) -> Vec<f64> {
        let all: Vec<usize> = (0..self.images).collect();
        let series: Vec<Vec<f64>> = (0..self.places)
            .map(|place| {
                let means = self.place(place, &all);
                let mut series: Vec<f64> = means
                    .chunks(EACH)
                    .map(|row| row.iter().map(|v| f64::from(*v)).sum())
                    .collect();
                let mean = series.iter().sum::<f64>() / series.len() as f64;
                series.iter_mut().for_each(|v| *v -= mean);
                let length = series.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-9);
                series.iter_mut().for_each(|v| *v /= length);
                series
            })
            .collect();
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let pairs = series.iter().flat_map(|a| series.iter().map(move |b| (a, b)));
        pairs.map(|(a, b)| 1.0 - product(a, b)).collect()
    }

    /// The shapes, each quantile by its rank among the places.
    fn ranked_shapes(&self) -> Vec<f32> {
        let mut ranked = self.shapes.clone();
        for k in 0..EACH {
            let column: Vec<f32> = self.shapes.iter().skip(k).step_by(EACH).copied().collect();
            for (place, own) in column.iter().enumerate() {
                let below = column.iter().filter(|v| *v < own).count();
                let equal = column.iter().filter(|v| *v == own).count();
                ranked[place * EACH + k] = (below as f32 + equal as f32 / 2.0) / self.places as f32;
            }
        }
        ranked
    }
}

/// Quantiles of the distances between different images, over their mean.
fn shape(apart: Vec<f64>, columns: usize, step: usize) -> Vec<f32> {
    let others = apart
        .iter()
        .enumerate()
        .filter(|(i, _)| i / columns != i % columns * step);
    let mut sorted: Vec<f32> = others.map(|(_, d)| *d as f32).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let mean = sorted.iter().map(|d| f64::from(*d)).sum::<f64>() / sorted.len().max(1) as f64;
    let scale = (1.0 / mean.max(1e-30)) as f32;
    (0..EACH)
        .map(|k| quantile(&sorted, k, EACH + 1) * scale)
        .collect()
}

/// All orders of so few places.
fn orders(places: usize) -> Vec<Vec<usize>> {
    if places == 0 {
        return vec![Vec::new()];
    }
    let longer = |order: Vec<usize>| {
        (0..places).map(move |at| {
            let mut order = order.clone();
            order.insert(at.min(order.len()), places - 1);
            order
        })
    };
    orders(places - 1).into_iter().flat_map(longer).collect()
}

/// Matches images and places in turn, from several orders of the places and from `images` matched otherwise.
/// Gives the images and the patches of the places of the matchings that cost least.
pub(super) fn match_features(
    secret: &Features,
    open: &Features,
    images: &[usize],
    rounds: usize,
    budget: &Budget,
) -> Vec<(Vec<usize>, Vec<usize>)> {
    let places = secret.places;
    let shapes = distances(&secret.ranked_shapes(), &open.ranked_shapes(), EACH);
    let mut starts = vec![
        places_of(secret, open, images),
        hungarian(&shapes, places, places),
    ];
    if places > 2 {
        let both = [secret, open].map(|features| ranks(&features.apart(), places));
        starts.push(match_squares([&both[0], &both[1]], [places; 2], shapes, rounds, budget).0);
    }
    if places <= TRIED {
        starts.extend(orders(places));
    } else {
        let mut rng = Rng::new(places as u64);
        starts.extend((0..RANDOM).map(|_| rng.permutation(places)));
    }
    let settled = |mut places: Vec<usize>| {
        let mut best: Option<(f64, Vec<usize>, Vec<usize>)> = None;
        for _ in 0..=rounds {
            let (cost, images) = images_of(secret, open, &places);
            if best.as_ref().is_some_and(|best| cost >= best.0) || budget.is_spent() {
                break;
            }
            places = places_of(secret, open, &images);
            best = Some((cost, images, places.clone()));
        }
        best
    };
    let mut found: Vec<_> = starts.into_par_iter().filter_map(settled).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.dedup_by(|a, b| a.1 == b.1);
    let given = found.into_iter().take(GIVEN);
    given.map(|(_, images, places)| (images, places)).collect()
}

/// The image of each disguised one, given the patch of each place; and what that costs.
fn images_of(secret: &Features, open: &Features, places: &[usize]) -> (f64, Vec<usize>) {
    let size = secret.places * EACH;
    let mut moved = vec![0f32; secret.values.len()];
    for (from, to) in secret.values.chunks(size).zip(moved.chunks_mut(size)) {
        for (values, patch) in from.chunks(EACH).zip(places) {
            to[patch * EACH..][..EACH].copy_from_slice(values);
        }
    }
    let costs = distances(&moved, &open.values, size);
    let images = hungarian(&costs, secret.images, open.images);
    let total = images
        .iter()
        .enumerate()
        .map(|(i, j)| costs[i * open.images + j])
        .sum();
    (total, images)
}

/// The patch of each place, given the image of each disguised one.
pub(super) fn places_of(secret: &Features, open: &Features, images: &[usize]) -> Vec<usize> {
    let all: Vec<usize> = (0..secret.images).collect();
    let of = |features: &Features, images: &[usize]| -> Vec<f32> {
        let places = 0..features.places;
        places.flat_map(|place| features.place(place, images)).collect()
    };
    let width = secret.images * EACH;
    let costs = distances(&of(secret, &all), &of(open, images), width);
    hungarian(&costs, secret.places, secret.places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_orders_are_tried() {
        let mut all = orders(4);
        assert!(all.iter().all(|order| order.iter().sum::<usize>() == 6));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 24);
    }
}
