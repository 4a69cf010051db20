//! Linkage: telling which disguised images show the same, without undoing anything (ATTACKS, section 7.2).
//!
//! A disguise that keeps distances lets whoever holds it search, group and label disguised images as well as
//! plain ones. What plain images give in the same space is the figure to compare with: [`measure`] takes them
//! too.

use crate::{
    AttackInfo, Budget, Error, Evidence, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set,
    Verdict, attacks::learned::pick,
};
use rayon::prelude::*;
use visard_core::{
    Pixels,
    params::{Kind, ParamSpec, Params},
};

pub(super) static INFO: AttackInfo = AttackInfo {
    name: "linkage",
    title: "Linkage by nearest neighbours",
    paper: "this project; that distances survive is noted in many papers on distance-preserving perturbation",
    summary: "compares disguised images by distance: finds the class of an image by its nearest neighbour \
              and tells pairs of one class from others; compare with the same figures of plain images",
    level: Level::Disguised,
    applies: &[],
    needs: Needs::Nothing,
    params: &[ParamSpec {
        name: "images",
        help: "most images that are compared with each other, drawn at random; time grows with the square",
        kind: Kind::Int {
            min: 2,
            max: 1_000_000,
        },
        default: "5000",
    }],
    helpers: None,
    trains: false,
    run,
};

/// What distances are taken between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Values as they are.
    Values,
    /// The low and the high nibble of each byte, which schemes on nibbles only move and complement.
    Nibbles,
}

/// How well distances tell classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Links {
    /// For each image that was asked for, in order, the place of its nearest other image, the first of
    /// equally near ones. Shorter than the set if the budget ran out.
    pub nearest: Vec<usize>,
    /// Share of images whose nearest other image has the same label.
    pub accuracy: f64,
    /// Chance that two images of one class are nearer than two of different classes, ties counting half;
    /// none if one of the kinds does not occur.
    pub auc: Option<f64>,
    /// Equal error rate of that decision, where as many of the ones as of the others are taken wrongly.
    pub eer: Option<f64>,
}

impl Links {
    /// Why they are not whole, where fewer than all of the images were compared.
    pub(super) fn unfinished(&self, images: usize) -> Option<Verdict> {
        let compared = self.nearest.len();
        (compared < images)
            .then(|| Verdict::Inconclusive(format!("{compared} of {images} images were compared with all")))
    }
}

/// Bins for distances: 1/65,536 of the largest possible distance each.
const BINS: usize = 1 << 16;
/// Queries between two looks at the budget, and for one thread at a time.
const WAVE: usize = 1024;
const ROWS: usize = 32;
/// Values of images that are compared with all rows of a thread while they are in its cache.
const TILE: usize = 1 << 17;

/// Compares all images of a labelled set with each other: nearest neighbours, leaving the image itself out,
/// and the decision whether two images are of one class. Distances between bytes are exact.
///
/// # Errors
/// If there are no labels, fewer than two images, or nibbles are asked for of floats.
pub fn measure(set: &Set, space: Space, budget: &Budget, progress: Progress<'_>) -> Result<Links> {
    let labels = set.labels();
    if labels.len() < 2 {
        return Err(Error::Exposure(
            "linkage needs at least two disguised images with labels".into(),
        ));
    }
    let nibbles;
    match (set.pixels(), space) {
        (Pixels::U8(bytes), Space::Values) => {
            let scale = 255.0 * (set.shape().len() as f64).sqrt();
            Ok(compare(
                bytes,
                set.shape().len(),
                labels,
                scale,
                bytes_apart,
                budget,
                progress,
            ))
        }
        (Pixels::U8(bytes), Space::Nibbles) => {
            if !budget.allows(2 * bytes.len() as u64) {
                return Err(Error::Exposure(
                    "the memory budget does not hold the images as nibbles".into(),
                ));
            }
            let dim = 2 * set.shape().len();
            nibbles = bytes.iter().flat_map(|v| [v & 15, v >> 4]).collect::<Vec<u8>>();
            let scale = 15.0 * (dim as f64).sqrt();
            Ok(compare(
                &nibbles,
                dim,
                labels,
                scale,
                bytes_apart,
                budget,
                progress,
            ))
        }
        (Pixels::F32(floats), Space::Values) => {
            let dim = set.shape().len();
            // No two images are further apart than twice the longest distance from the first.
            let longest = floats
                .chunks_exact(dim)
                .map(|image| floats_apart(image, &floats[..dim]))
                .fold(0.0, f64::max);
            let scale = 2.0 * longest.sqrt();
            Ok(compare(
                floats,
                dim,
                labels,
                scale,
                floats_apart,
                budget,
                progress,
            ))
        }
        (Pixels::F32(_), Space::Nibbles) => Err(Error::Exposure("floats have no nibbles".into())),
    }
}

/// Squared distance; exact.
fn bytes_apart(a: &[u8], b: &[u8]) -> f64 {
    crate::metrics::squared_error(a, b) as f64
}

/// Squared distance.
fn floats_apart(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut total = 0.0;
    // Separate sums can be added up side by side, and short runs keep what f32 rounds away small.
    for (a, b) in a.chunks(1024).zip(b.chunks(1024)) {
        let mut sums = [0f32; LANES];
        let (a, rest_a) = a.as_chunks::<LANES>();
        let (b, rest_b) = b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                let d = a[lane] - b[lane];
                sums[lane] += d * d;
            }
        }
        let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        total += sums.iter().map(|s| f64::from(*s)).sum::<f64>();
        total += rest_a.iter().zip(rest_b).map(square).sum::<f64>();
    }
    total
}

/// Distances of pairs of one class and of pairs of two, counted in bins.
struct Counts {
    same: Vec<u64>,
    other: Vec<u64>,
}

impl Counts {
    fn new() -> Self {
        Self {
            same: vec![0; BINS],
            other: vec![0; BINS],
        }
    }

    fn merge(mut self, other: Self) -> Self {
        let add = |(a, b): (&mut u64, &u64)| *a += b;
        self.same.iter_mut().zip(&other.same).for_each(add);
        self.other.iter_mut().zip(&other.other).for_each(add);
        self
    }

    /// AUC and EER of the decision "of one class if not further apart than a bound".
    fn rates(&self) -> Option<(f64, f64)> {
        let (same, other) = (
            self.same.iter().sum::<u64>() as f64,
            self.other.iter().sum::<u64>() as f64,
        );
        if same == 0.0 || other == 0.0 {
            return None;
        }
        let (mut hits, mut alarms, mut area) = (0.0, 0.0, 0.0);
        let mut eer = None;
        for (s, o) in self.same.iter().zip(&self.other) {
            let (rise, run) = (*s as f64 / same, *o as f64 / other);
            area += run * (hits + rise / 2.0);
            // Along this piece of the curve misses fall by `rise` and false alarms grow by `run`.
            let gap = 1.0 - hits - alarms;
            if eer.is_none() && gap <= rise + run {
                let share = if rise + run > 0.0 { gap / (rise + run) } else { 0.0 };
                eer = Some(alarms + share * run);
            }
            hits += rise;
            alarms += run;
        }
        Some((area, eer.unwrap_or(alarms)))
    }
}

fn compare<T: Sync>(
    values: &[T],
    dim: usize,
    labels: &[u32],
    scale: f64,
    apart: fn(&[T], &[T]) -> f64,
    budget: &Budget,
    progress: Progress<'_>,
) -> Links {
    let count = labels.len();
    let image = |i: usize| &values[i * dim..][..dim];
    let bin = |squared: f64| match scale > 0.0 {
        true => ((squared.sqrt() / scale * BINS as f64) as usize).min(BINS - 1),
        false => 0,
    };
    let tile = (TILE / dim).max(1);
    // Some queries against all images; every pair is counted once, by the later of the two.
    let some = |queries: std::ops::Range<usize>| {
        let mut counts = Counts::new();
        // The first other image, lest values that are no numbers leave none.
        let first = |query| (f64::INFINITY, usize::from(query == 0));
        let mut best: Vec<_> = queries.clone().map(first).collect();
        for start in (0..count).step_by(tile) {
            for (query, best) in queries.clone().zip(&mut best) {
                for other in (start..(start + tile).min(count)).filter(|o| *o != query) {
                    let squared = apart(image(query), image(other));
                    if squared < best.0 {
                        *best = (squared, other);
                    }
                    if other < query {
                        let same = labels[query] == labels[other];
                        let bins = if same { &mut counts.same } else { &mut counts.other };
                        bins[bin(squared)] += 1;
                    }
                }
            }
        }
        (counts, best.into_iter().map(|b| b.1).collect::<Vec<_>>())
    };
    let (mut total, mut nearest) = (Counts::new(), Vec::with_capacity(count));
    for wave in (0..count).step_by(WAVE) {
        if wave > 0 && budget.is_spent() {
            break;
        }
        let end = (wave + WAVE).min(count);
        let starts: Vec<usize> = (wave..end).step_by(ROWS).collect();
        let found: Vec<_> = starts
            .into_par_iter()
            .map(|start| some(start..(start + ROWS).min(end)))
            .collect();
        for (counts, best) in found {
            total = total.merge(counts);
            nearest.extend(best);
        }
        progress(end as f64 / count as f64, "comparing images");
    }
    let right = nearest
        .iter()
        .zip(labels)
        .filter(|(n, label)| labels[**n] == **label)
        .count();
    let rates = total.rates();
    Links {
        accuracy: right as f64 / nearest.len() as f64,
        nearest,
        auc: rates.map(|r| r.0),
        eer: rates.map(|r| r.1),
    }
}

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let set = &exposure.disguised;
    if set.labels().len() < 2 {
        return Err(Error::Exposure(
            "linkage needs at least two disguised images with labels".into(),
        ));
    }
    let drawn = draw(set, params.int("images") as usize, rng)?;
    let set = drawn.as_ref().unwrap_or(set);
    let mut outcome = Outcome::nothing();
    let figures = &mut outcome.figures;
    figures.insert("images", set.len() as f64);
    figures.insert("chance", commonest(set.labels()));
    let nibbles = matches!(exposure.target.name(), "tanaka" | "ele");
    let raw = (Space::Values, "accuracy", "auc", "eer");
    let split = (Space::Nibbles, "accuracy_nibbles", "auc_nibbles", "eer_nibbles");
    let spaces = if nibbles { &[raw, split][..] } else { &[raw] };
    for (done, (space, accuracy, auc, eer)) in spaces.iter().enumerate() {
        if *space == Space::Nibbles {
            let bytes = 2 * (set.len() * set.shape().len()) as u64;
            if let Some(why) = budget.lacks(bytes, "images as nibbles") {
                outcome.verdict = Verdict::Inconclusive(why);
                break;
            }
        }
        let part = |share: f64, what: &str| progress((done as f64 + share) / spaces.len() as f64, what);
        let links = measure(set, *space, budget, &part)?;
        outcome.figures.insert(accuracy, links.accuracy);
        outcome.evidence.push(evidence(&links, set.labels()));
        outcome.figures.extend(links.auc.map(|v| (*auc, v)));
        outcome.figures.extend(links.eer.map(|v| (*eer, v)));
        if let Some(verdict) = links.unfinished(set.len()) {
            outcome.verdict = verdict;
        }
    }
    Ok(outcome)
}

/// What neighbours of one class tell, beside neighbours that were drawn at random.
fn evidence(links: &Links, labels: &[u32]) -> Evidence {
    let asked = links.nearest.len().max(1) as f64;
    let chance = commonest(labels);
    Evidence {
        what: "share of nearest neighbours of the same class".into(),
        value: links.accuracy,
        null: chance,
        // At least that of one image, lest a set of one class find everything remarkable.
        deviation: (chance * (1.0 - chance) / asked).sqrt().max(1.0 / asked),
    }
}

/// Share of the commonest class: what an answer gets that is always the same.
pub(super) fn commonest(labels: &[u32]) -> f64 {
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    let most = sorted
        .chunk_by(|a, b| a == b)
        .map(<[u32]>::len)
        .max()
        .unwrap_or(0);
    most as f64 / labels.len().max(1) as f64
}

/// At most `most` images at random, in their order; none if that is all of them.
fn draw(set: &Set, most: usize, rng: &mut Rng) -> Result<Option<Set>> {
    if set.len() <= most {
        return Ok(None);
    }
    let mut places = rng.permutation(set.len());
    places.truncate(most);
    places.sort_unstable();
    pick(set, &places).map(Some)
}
