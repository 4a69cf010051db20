//! Distances between images, in tokens and in pixels, on a scale that both have in common.

use super::{Tokens, distances, hungarian};
use crate::Budget;
use rayon::prelude::*;

/// Moments of a token or patch: the mean and 14 central ones.
const MOMENTS: usize = 15;

/// Quantiles of its distances to all others that an image is told by at first.
const QUANTILES: usize = 256;

/// Mean and absolute central moments 2 to 15 of the values, each to the root of its number.
pub fn moments(values: &[f32]) -> [f64; MOMENTS] {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let mut moments = [0.0; MOMENTS];
    for value in values {
        let away = f64::from(*value) - mean;
        let mut power = away;
        for moment in &mut moments[1..] {
            power *= away;
            *moment += power;
        }
    }
    for (i, moment) in moments.iter_mut().enumerate().skip(1) {
        *moment = (*moment / count).abs().powf(1.0 / (i + 1) as f64);
    }
    moments[0] = mean;
    moments
}

/// Squared distances between all images.
pub(super) fn geometry(tokens: Tokens<'_>) -> Vec<f64> {
    let size = tokens.places * tokens.width;
    tokens
        .values
        .par_chunks(size)
        .flat_map_iter(|image| distances(image, tokens.values, size))
        .collect()
}

/// Squared distances between the moments of all images, each moment scaled to a deviation of 1.
pub(super) fn moment_geometry(tokens: Tokens<'_>) -> Vec<f64> {
    let size = tokens.places * tokens.width;
    let mut rows: Vec<f32> = tokens
        .values
        .par_chunks(size)
        .flat_map_iter(|image| {
            let each = image
                .chunks(tokens.width)
                .flat_map(moments)
                .map(|value| value as f32);
            each.collect::<Vec<_>>()
        })
        .collect();
    let (columns, images) = (tokens.places * MOMENTS, tokens.images() as f32);
    for column in 0..columns {
        let values = || rows.iter().skip(column).step_by(columns);
        let mean = values().sum::<f32>() / images;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f32>() / images;
        let factor = 1.0 / variance.sqrt().max(1e-12);
        rows.iter_mut()
            .skip(column)
            .step_by(columns)
            .for_each(|value| *value = (*value - mean) * factor);
    }
    rows.par_chunks(columns)
        .flat_map_iter(|row| distances(row, &rows, columns))
        .collect()
}

/// Distances by their rank among all, from 0 to 1, so that units do not matter.
pub(super) fn ranks(distances: &[f64], images: usize) -> Vec<f32> {
    ranks_beside(distances, images, 1)
}

/// As [`ranks`], of distances to every `step`th image alone, `columns` of them.
pub(super) fn ranks_beside(distances: &[f64], columns: usize, step: usize) -> Vec<f32> {
    let mut order: Vec<usize> = (0..distances.len())
        .filter(|i| i / columns != i % columns * step)
        .collect();
    order.par_sort_unstable_by(|a, b| distances[*a].total_cmp(&distances[*b]).then(a.cmp(b)));
    let mut ranks = vec![0f32; distances.len()];
    // Equal distances share the mean of their ranks, whatever order they were met in.
    let mut first = 0;
    for equal in order.chunk_by(|a, b| distances[*a] == distances[*b]) {
        let rank = first as f32 + (equal.len() - 1) as f32 / 2.0;
        equal
            .iter()
            .for_each(|place| ranks[*place] = rank / order.len() as f32);
        first += equal.len();
    }
    ranks
}

/// The distances of each image to all others as `count` quantiles, the least first: what tells an image
/// without knowing any other, in sets of different size.
pub(super) fn profiles(ranks: &[f32], images: usize, count: usize) -> Vec<f32> {
    profiles_beside(ranks, images, 1, count)
}

/// As [`profiles`], of distances to every `step`th image alone, `columns` of them.
pub(super) fn profiles_beside(ranks: &[f32], columns: usize, step: usize, count: usize) -> Vec<f32> {
    ranks
        .par_chunks(columns)
        .enumerate()
        .flat_map_iter(|(own, row)| {
            let mut others: Vec<f32> = row
                .iter()
                .enumerate()
                .filter(|(image, _)| *image * step != own)
                .map(|(_, rank)| *rank)
                .collect();
            others.sort_unstable_by(f32::total_cmp);
            (0..count).map(move |i| quantile(&others, i, count))
        })
        .collect()
}

/// Quantile `i` of `count` of sorted values, between them where it falls between.
pub(super) fn quantile(sorted: &[f32], i: usize, count: usize) -> f32 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let at = i as f32 / (count - 1).max(1) as f32 * last as f32;
    let (below, share) = (at as usize, at.fract());
    let above = (below + 1).min(last);
    let below = below.min(last);
    sorted[below] + share * (sorted[above] - sorted[below])
}

/// Matches the members of a set to those of another, no smaller one by ranks of the distances inside both,
/// first by their quantiles and by `more` costs, then by the distances to what is matched so far; gives the
/// agreement too.
pub(super) fn match_squares(
    [secret, open]: [&[f32]; 2],
    [count, all]: [usize; 2],
    more: Vec<f64>,
    rounds: usize,
    budget: &Budget,
) -> (Vec<usize>, f64) {
    let each = QUANTILES.min(count);
    let own = profiles(secret, count, each);
    let mut costs = distances(&own, &profiles(open, all, each), each);
    costs
        .iter_mut()
        .zip(more)
        .for_each(|(cost, other)| *cost += other);
    let start = hungarian(&costs, count, all);
    follow([secret, open], start, rounds, budget)
}

/// Matches again and again by the distances to what is matched so far; gives the matching of best agreement.
pub(super) fn follow(
    [secret, open]: [&[f32]; 2],
    start: Vec<usize>,
    rounds: usize,
    budget: &Budget,
) -> (Vec<usize>, f64) {
    let count = start.len();
    let all = open.len().isqrt();
    let mut best = start.clone();
    let mut agreement = agree(secret, open, &best, all);
    let mut current = start;
    for _ in 0..rounds {
        if budget.is_spent() {
            break;
        }
        let seen: Vec<f32> = open
            .par_chunks(all)
            .flat_map_iter(|row| current.iter().map(|image| row[*image]))
            .collect();
        let next = hungarian(&distances(secret, &seen, count), count, all);
        if next == current {
            break;
        }
        current = next;
        let reached = agree(secret, open, &current, all);
        if reached > agreement {
            (best, agreement) = (current.clone(), reached);
        }
    }
    (best, agreement)
}

/// The correlation of distances under a matching of the one set's images to the other's.
pub(super) fn agree(secret: &[f32], open: &[f32], matching: &[usize], plain: usize) -> f64 {
    let images = matching.len();
    let (mut count, mut x, mut y) = (0.0, [0.0; 2], [0.0; 2]);
    let mut product = 0.0;
    for a in 0..images {
        for b in (0..images).filter(|b| *b != a) {
            let own = f64::from(secret[a * images + b]);
            let other = f64::from(open[matching[a] * plain + matching[b]]);
            count += 1.0;
            x = [x[0] + own, x[1] + own * own];
            y = [y[0] + other, y[1] + other * other];
            product += own * other;
        }
    }
    let spread = |[sum, squares]: [f64; 2]| (squares - sum * sum / f64::max(count, 1.0)).max(0.0);
    let scale = (spread(x) * spread(y)).sqrt();
    if scale > 1e-12 {
        (product - x[0] * y[0] / count) / scale
    } else {
        0.0
    }
}
