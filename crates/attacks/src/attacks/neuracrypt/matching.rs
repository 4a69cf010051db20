//! Which disguised image is which plain one: a random network keeps near what is near, so distances
//! between images, and moments of their tokens, tell images apart without any training.

use super::{Tokens, distances, hungarian, order, tokens};
use crate::{AttackInfo, Budget, Error, Level, Needs, Outcome, Result, Set, Verdict};
use rayon::prelude::*;
use visard_core::{
    Grid,
    params::{Kind, ParamSpec},
};

const NAME: &str = "neuracrypt-matching";

/// Moments of a token or patch: the mean and 14 central ones.
const MOMENTS: usize = 15;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "NeuraCrypt, matching of images",
    paper: "Carlini et al., arXiv 2108.07256 (moments, matching); distances for training (this project)",
    summary: "matches disguised images to a public set that holds the same images in any order, by moments \
              and by the distances between images",
    level: Level::Disguised,
    applies: &["neuracrypt"],
    needs: Needs::Public,
    params: &[ParamSpec {
        name: "rounds",
        help: "most times that images are matched again by their distances to matched ones",
        kind: Kind::Int { min: 0, max: 200 },
        default: "30",
    }],
    helpers: None,
    run: |exposure, params, budget, _, progress| {
        let values = exposure.disguised.to_floats();
        let tokens = tokens(NAME, exposure, &values)?;
        let public = exposure
            .public
            .as_ref()
            .filter(|public| (public.shape(), public.len()) == (exposure.target.plain, tokens.images()));
        let Some(public) = public else {
            return Err(Error::Exposure(format!(
                "as many public images of {} as disguised ones are needed: {}",
                exposure.target.plain,
                tokens.images()
            )));
        };
        let images = tokens.images() as u64;
        if !budget.allows(64 * images * images) {
            return Err(Error::Exposure(
                "the distances of so many images are more than the memory allows".into(),
            ));
        }
        progress(0.0, "order of the tokens");
        let aligned = order::align(tokens, 10, budget)?;
        let placed = order::ordered(tokens, &aligned.orders);
        let patches = patches(public, exposure.target.scheme.params().int("patch") as usize)?;
        progress(0.3, "matching images");
        let rounds = params.int("rounds") as usize;
        let placed = Tokens {
            values: &placed,
            ..tokens
        };
        let width = patches.len() / (tokens.images() * tokens.places);
        let plain = Tokens {
            values: &patches,
            places: tokens.places,
            width,
        };
        let matched = match_images(placed, plain, rounds, budget)?;
        let (bytes, len) = (public.as_bytes()?, public.shape().len());
        let pictures = matched
            .images
            .iter()
            .flat_map(|image| &bytes[image * len..][..len]);
        let mut outcome = Outcome::pictures(Set::bytes(public.shape(), pictures.copied().collect())?);
        outcome.figures.insert("agreement", matched.agreement);
        outcome.figures.insert("separation", aligned.separation);
        if budget.is_spent() {
            outcome.verdict = Verdict::Inconclusive("the matching may not have come to rest".into());
        }
        Ok(outcome)
    },
};

/// Patches of plain images as tokens, in the order of the places (SPEC 6.13-1).
fn patches(set: &Set, side: usize) -> Result<Vec<f32>> {
    let grid = Grid::new(set.shape(), side.max(1));
    let mut padded = vec![0f32; grid.padded().len()];
    let mut patches = Vec::with_capacity(set.len() * padded.len());
    for image in set.to_floats().chunks(set.shape().len()) {
        grid.pad(image, &mut padded, |value| value);
        for position in 0..grid.positions() {
            let rows = (0..side).map(|row| grid.origin(position) + row * grid.padded().row());
            patches.extend(rows.flat_map(|start| padded[start..start + grid.block_row()].iter().copied()));
        }
    }
    Ok(patches)
}

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

/// A matching of disguised with plain images.
#[derive(Clone, Debug)]
pub struct Matched {
    /// For each disguised image the plain one.
    pub images: Vec<usize>,
    /// Correlation of the distances between disguised images with those between the plain ones that they
    /// are matched to.
    pub agreement: f64,
}

/// Matches images whose tokens are in a common order to as many plain ones. First by the moments and by
/// the sorted distances to all others, then by the distances to the images matched so far.
///
/// # Errors
/// If the numbers of images differ.
pub fn match_images(
    disguised: Tokens<'_>,
    plain: Tokens<'_>,
    rounds: usize,
    budget: &Budget,
) -> Result<Matched> {
    disguised.check()?;
    plain.check()?;
    let images = disguised.images();
    if plain.images() != images || images < 2 {
        return Err(Error::Exposure(format!(
            "{images} disguised images cannot be matched to {} plain ones",
            plain.images()
        )));
    }
    let both = [disguised, plain];
    let [secret, open] = both.map(|tokens| ranks(&geometry(tokens), images));
    let [secret_moments, open_moments] = both.map(|tokens| ranks(&moment_geometry(tokens), images));
    let profiles = |near: &[f32]| {
        let mut rows = near.to_vec();
        rows.par_chunks_mut(images)
            .for_each(|row| row.sort_unstable_by(f32::total_cmp));
        rows
    };
    let mut costs = distances(&profiles(&secret), &profiles(&open), images);
    let moments = distances(&profiles(&secret_moments), &profiles(&open_moments), images);
    costs
        .iter_mut()
        .zip(moments)
        .for_each(|(cost, other)| *cost += other);
    let mut best = hungarian(&costs, images);
    let mut agreement = agree(&secret, &open, &best);
    let mut current = best.clone();
    for _ in 0..rounds {
        if budget.is_spent() {
            break;
        }
        let seen: Vec<f32> = open
            .par_chunks(images)
            .flat_map_iter(|row| current.iter().map(|image| row[*image]))
            .collect();
        let next = hungarian(&distances(&secret, &seen, images), images);
        if next == current {
            break;
        }
        current = next;
        let reached = agree(&secret, &open, &current);
        if reached > agreement {
            (best, agreement) = (current.clone(), reached);
        }
    }
    Ok(Matched {
        images: best,
        agreement,
    })
}

/// Squared distances between all images.
fn geometry(tokens: Tokens<'_>) -> Vec<f64> {
    let size = tokens.places * tokens.width;
    tokens
        .values
        .par_chunks(size)
        .flat_map_iter(|image| distances(image, tokens.values, size))
        .collect()
}

/// Squared distances between the moments of all images, each moment scaled to a deviation of 1.
fn moment_geometry(tokens: Tokens<'_>) -> Vec<f64> {
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
fn ranks(distances: &[f64], images: usize) -> Vec<f32> {
    let mut order: Vec<usize> = (0..distances.len())
        .filter(|i| i / images != i % images)
        .collect();
    order.par_sort_unstable_by(|a, b| distances[*a].total_cmp(&distances[*b]).then(a.cmp(b)));
    let mut ranks = vec![0f32; distances.len()];
    for (rank, place) in order.iter().enumerate() {
        ranks[*place] = rank as f32 / order.len() as f32;
    }
    ranks
}

/// The correlation of the distances under a matching.
fn agree(secret: &[f32], open: &[f32], matching: &[usize]) -> f64 {
    let images = matching.len();
    let mut product = 0.0;
    let mut squares = 0.0;
    for a in 0..images {
        for b in (0..images).filter(|b| *b != a) {
            let x = f64::from(secret[a * images + b]) - 0.5;
            let y = f64::from(open[matching[a] * images + matching[b]]) - 0.5;
            product += x * y;
            squares += x * x;
        }
    }
    product / squares.max(f64::MIN_POSITIVE)
}
