//! Which disguised image is which plain one: a random network keeps near what is near, so distances
//! between images, and moments of their tokens, tell images apart without any training. What is matched by
//! them trains a linear decoder, which matches the rest.

use super::{
    Tokens, aligned_material, contrast,
    decode::Decoder,
    distances,
    features::{self, Features, match_features, places_of},
    geometry::{agree, follow, geometry, match_squares, moment_geometry, profiles, ranks},
    hungarian, order, tokens,
};
use crate::{AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Result, Set, Verdict};
use faer::Mat;
use rayon::prelude::*;
use visard_core::{
    Grid,
    params::{Kind, ParamSpec},
};

pub use super::geometry::moments;

const NAME: &str = "neuracrypt-matching";

/// Most steps of one assignment, disguised images squared times public ones: it cannot be interrupted.
const STEPS: u64 = 1_000_000_000;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "NeuraCrypt, matching of images",
    paper: "Carlini et al., arXiv 2108.07256 (moments, matching); distances and a linear decoder for training \
            (this project)",
    summary: "matches disguised images to a public set that holds the same images in any order, and others, by \
              moments, by the distances between images, and by a linear decoder of what is matched so far, which \
              gives the order of the patches away too; a trained copy of the encoder, the last stage of the paper, \
              is left out",
    level: Level::Disguised,
    applies: &["neuracrypt"],
    needs: Needs::Public,
    params: &[
        ParamSpec {
            name: "rounds",
            help: "most times that images are matched again in each stage, by their distances to matched ones and \
                   by what is decoded",
            kind: Kind::Int { min: 0, max: 200 },
            default: "30",
        },
        ParamSpec {
            name: "metric",
            help: "what first matchings are made by: moments and distances; or also what networks learned of the \
                   moments under random encoders, which takes longer",
            kind: Kind::Choice(&["moments", "learned"]),
            default: "moments",
        },
    ],
    helpers: None,
    trains: false,
    run: |exposure, params, budget, rng, progress| {
        let values = exposure.disguised.to_floats();
        let tokens = tokens(NAME, exposure, &values)?;
        let public = public(exposure, tokens.images())?;
        if let Some(why) = budget.lacks(bytes(tokens, public), "tokens and the distances of all images") {
            return Ok(Outcome::inconclusive(why));
        }
        let images = tokens.images() as u64;
        if images.pow(2).saturating_mul(public.len() as u64) > STEPS {
            let why = format!(
                "assigning {images} images to {} takes too long; give fewer",
                public.len()
            );
            return Ok(Outcome::inconclusive(why));
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
        let plain = Tokens {
            values: &patches,
            places: tokens.places,
            width: patches.len() / (public.len() * tokens.places),
        };
        let learned = match params.text("metric") {
            "learned" => {
                let told = |share: f64, doing: &str| progress(0.3 + 0.3 * share, doing);
                let found = contrast::learned(exposure, public, tokens, plain, budget, rng, &told)?;
                let Some(found) = found else {
                    let why = "the time was up before the metric was learned";
                    return Ok(Outcome::inconclusive(why));
                };
                Some((found.images, found.own))
            }
            _ => None,
        };
        let (more, own) = learned.unzip();
        let matched = match_from(placed, plain, more, rounds, budget)?;
        let (bytes, len) = (public.as_bytes()?, public.shape().len());
        let pictures = matched
            .images
            .iter()
            .flat_map(|image| &bytes[image * len..][..len]);
        let mut outcome = Outcome::pictures(Set::bytes(public.shape(), pictures.copied().collect())?);
        outcome.figures.insert("agreement", matched.agreement);
        outcome.figures.insert("decoded", matched.decoded);
        outcome.figures.insert("separation", aligned.separation);
        outcome.figures.extend(own.map(|own| ("auc_own", own)));
        let own = |orders: &Vec<usize>| orders.iter().map(|place| matched.places[*place]).collect();
        let orders: Vec<Vec<usize>> = aligned.orders.iter().map(own).collect();
        aligned_material(&mut outcome, &orders)?;
        if budget.is_spent() {
            outcome.verdict = Verdict::Inconclusive("the matching may not have come to rest".into());
        }
        Ok(outcome)
    },
};

/// The public images, at least as many as disguised ones.
fn public(exposure: &Exposure, images: usize) -> Result<&Set> {
    let plain = exposure.target.plain;
    let lacking = |problem: String| Error::Exposure(format!("{NAME} {problem}"));
    let public = exposure.public.as_ref().ok_or_else(|| {
        lacking(format!(
            "needs public images of {plain}, the disguised ones among them"
        ))
    })?;
    if public.shape() != plain {
        let found = public.shape();
        return Err(lacking(format!(
            "needs public images of {plain}, these are of {found}"
        )));
    }
    if images < 2 || public.len() < images {
        return Err(lacking(format!(
            "compares images with each other: it needs two disguised ones at least and as many public ones; {images} \
             and {} were given",
            public.len()
        )));
    }
    Ok(public)
}

/// Bytes that a matching takes, about.
fn bytes(tokens: Tokens<'_>, public: &Set) -> u64 {
    let [images, plain] = [tokens.images(), public.len()].map(|n| n as u64);
    let squares = images * images + plain * plain + images * plain;
    let linear = tokens.values.len() as u64 + plain * public.shape().len() as u64;
    let threads = rayon::current_num_threads() as u64;
    let beside = plain.min(2 * features::BESIDE as u64);
    order::bytes(tokens) + 40 * squares + 32 * threads * plain * beside + 120 * linear
}

/// Matchings that decoders go on with.
const STARTS: usize = 5;

/// Patches of plain images as tokens, in the order of the places (SPEC 6.13-1).
pub(super) fn patches(set: &Set, side: usize) -> Result<Vec<f32>> {
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

/// A matching of disguised with plain images.
#[derive(Clone, Debug)]
pub struct Matched {
    /// For each disguised image the plain one, no two the same.
    pub images: Vec<usize>,
    /// For each place of the tokens the patch that it shows.
    pub places: Vec<usize>,
    /// Correlation of the distances between disguised images with those between the plain ones that they
    /// are matched to.
    pub agreement: f64,
    /// Share of the variance of the matched images that a decoder trained on all others explains: near 0
    /// for a matching that is none.
    pub decoded: f64,
}

/// Matches images whose tokens are in a common order to plain ones, of which there may be more: by the
/// moments and the distances of whole images, and by the distances of patches. Both are gone on with, by what
/// a decoder of the matched images makes of each, and the one whose decoder explains more is taken.
///
/// # Errors
/// If there are fewer plain images than disguised ones, or fewer than two.
pub fn match_images(
    disguised: Tokens<'_>,
    plain: Tokens<'_>,
    rounds: usize,
    budget: &Budget,
) -> Result<Matched> {
    match_from(disguised, plain, None, rounds, budget)
}

/// As [`match_images`], where one more matching may be at hand to start from.
fn match_from(
    disguised: Tokens<'_>,
    plain: Tokens<'_>,
    more: Option<Vec<usize>>,
    rounds: usize,
    budget: &Budget,
) -> Result<Matched> {
    disguised.check()?;
    plain.check()?;
    let (images, all) = (disguised.images(), plain.images());
    if all < images || images < 2 || disguised.places != plain.places {
        return Err(Error::Exposure(format!(
            "{images} disguised images of {} tokens cannot be matched to {all} plain ones of {} patches",
            disguised.places, plain.places
        )));
    }
    let secret = ranks(&geometry(disguised), images);
    let open = ranks(&geometry(plain), all);
    let costs = moment_costs(disguised, plain);
    let squares = [&secret[..], &open[..]];
    let (first, _) = match_squares(squares, [images, all], costs, rounds, budget);
    let features = [disguised, plain].map(Features::of);
    let placed = |images: Vec<usize>| {
        let places = places_of(&features[0], &features[1], &images);
        (images, places)
    };
    let mut starts = vec![placed(first.clone())];
    if let Some(found) = more {
        let followed = follow(squares, found.clone(), rounds, budget).0;
        starts.extend([placed(found), placed(followed)]);
    }
    for found in match_features(&features[0], &features[1], &first, rounds, budget) {
        let followed = follow(squares, found.0.clone(), rounds, budget).0;
        starts.extend([found, placed(followed)]);
    }
    let decoders = Decoders::new(disguised, budget);
    let matched = decoders.and_then(|decoders| decoders.best(starts, plain, rounds, budget));
    let mut matched = matched.unwrap_or_else(|| Matched {
        images: first,
        places: (0..disguised.places).collect(),
        agreement: 0.0,
        decoded: 0.0,
    });
    matched.agreement = agree(&secret, &open, &matched.images, all);
    Ok(matched)
}

/// Costs of matching by the distances between moments.
fn moment_costs(disguised: Tokens<'_>, plain: Tokens<'_>) -> Vec<f64> {
    let (images, all) = (disguised.images(), plain.images());
    let count = images.min(64);
    let profile =
        |tokens: Tokens<'_>, images: usize| profiles(&ranks(&moment_geometry(tokens), images), images, count);
    distances(&profile(disguised, images), &profile(plain, all), count)
}

/// Values of the plain images that disguised ones are matched to, images x values; of one patch, or of all.
fn targets(plain: Tokens<'_>, images: &[usize], patch: Option<usize>) -> Mat<f64> {
    let (from, width) = match patch {
        Some(patch) => (patch * plain.width, plain.width),
        None => (0, plain.places * plain.width),
    };
    Mat::from_fn(images.len(), width, |i, j| {
        f64::from(plain.image(images[i])[from + j])
    })
}

/// Squared distances of the rows from their mean.
fn variance(rows: &Mat<f64>) -> f64 {
    let count = rows.nrows().max(1) as f64;
    let column = |j: usize| {
        let values = rows.col_as_slice(j);
        let mean = values.iter().sum::<f64>() / count;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
    };
    (0..rows.ncols()).map(column).sum()
}

/// Decoders of whole images and of each place.
struct Decoders {
    whole: Decoder,
    each: Vec<Decoder>,
}

impl Decoders {
    /// `None` if there are too few images, or the time is up.
    fn new(tokens: Tokens<'_>, budget: &Budget) -> Option<Self> {
        let (images, width) = (tokens.images(), tokens.width);
        let part = |from: usize, width: usize| {
            let rows = Mat::from_fn(images, width, |i, j| f64::from(tokens.image(i)[from + j]));
            Decoder::new(rows).filter(|_| !budget.is_spent())
        };
        if images < 3 || budget.is_spent() {
            return None;
        }
        let each = (0..tokens.places).into_par_iter();
        Some(Self {
            whole: part(0, tokens.places * width)?,
            each: each
                .map(|place| part(place * width, width))
                .collect::<Option<_>>()?,
        })
    }

    /// The best of what comes of these matchings: those that decoders explain best at once are gone on with.
    fn best(
        &self,
        starts: Vec<(Vec<usize>, Vec<usize>)>,
        plain: Tokens<'_>,
        rounds: usize,
        budget: &Budget,
    ) -> Option<Matched> {
        let mut scored: Vec<Matched> = starts
            .into_iter()
            .map(|(images, places)| {
                let decoded = self.by_place(&places, plain, &images).1;
                Matched {
                    images,
                    places,
                    agreement: 0.0,
                    decoded,
                }
            })
            .collect();
        scored.sort_by(|a, b| b.decoded.total_cmp(&a.decoded));
        scored.dedup_by(|a, b| a.images == b.images);
        scored.truncate(STARTS);
        for matched in &mut scored {
            self.improve(matched, plain, rounds, budget);
        }
        scored.into_iter().max_by(|a, b| a.decoded.total_cmp(&b.decoded))
    }

    /// Rounds with the decoder of whole images, then with one for each place.
    fn improve(&self, matched: &mut Matched, plain: Tokens<'_>, rounds: usize, budget: &Budget) {
        improve(matched, plain, rounds, budget, |current| {
            let targets = targets(plain, current, None);
            let found = self.whole.predict(targets.as_ref());
            let explained = 1.0 - found.error / variance(&targets).max(f64::MIN_POSITIVE);
            (found.values, explained)
        });
        for _ in 0..2 {
            let places = places(&self.each, plain, &matched.images);
            improve(matched, plain, rounds, budget, |current| {
                self.by_place(&places, plain, current)
            });
            matched.places = places;
        }
    }

    /// What the decoders of all places make of every image, and the share of the variance that it explains.
    fn by_place(&self, places: &[usize], plain: Tokens<'_>, current: &[usize]) -> (Mat<f64>, f64) {
        let parts: Vec<(Mat<f64>, f64, f64)> = places
            .par_iter()
            .zip(&self.each)
            .map(|(patch, decoder)| {
                let targets = targets(plain, current, Some(*patch));
                let found = decoder.predict(targets.as_ref());
                (found.values, found.error, variance(&targets))
            })
            .collect();
        let mut values = Mat::zeros(current.len(), plain.places * plain.width);
        let (mut error, mut total) = (0.0, f64::MIN_POSITIVE);
        for (patch, (found, missed, spread)) in places.iter().zip(parts) {
            values
                .subcols_mut(patch * plain.width, plain.width)
                .copy_from(found);
            (error, total) = (error + missed, total + spread);
        }
        (values, 1.0 - error / total)
    }
}

/// Matches images to what a decoder of the matching at hand predicts for them, as long as that explains
/// more.
fn improve(
    matched: &mut Matched,
    plain: Tokens<'_>,
    rounds: usize,
    budget: &Budget,
    predict: impl Fn(&[usize]) -> (Mat<f64>, f64),
) {
    let (images, all, size) = (matched.images.len(), plain.images(), plain.places * plain.width);
    let mut current = matched.images.clone();
    let mut best: Option<f64> = None;
    for _ in 0..=rounds {
        let (values, explained) = predict(&current);
        if best.is_none_or(|best| explained > best) {
            best = Some(explained);
            (matched.images, matched.decoded) = (current.clone(), explained);
        }
        if budget.is_spent() {
            return;
        }
        let rows: Vec<f32> = (0..images * size)
            .map(|i| values[(i / size, i % size)] as f32)
            .collect();
        let next = hungarian(&distances(&rows, plain.values, size), images, all);
        if next == current {
            return;
        }
        current = next;
    }
}

/// The patch of each place: those that its tokens predict best, each once.
fn places(each: &[Decoder], plain: Tokens<'_>, images: &[usize]) -> Vec<usize> {
    let all: Vec<Mat<f64>> = (0..plain.places)
        .map(|patch| targets(plain, images, Some(patch)))
        .collect();
    let costs: Vec<f64> = each
        .par_iter()
        .flat_map_iter(|decoder| {
            all.iter()
                .map(move |targets| (decoder.error(targets.as_ref()) / variance(targets).max(1e-9)).min(1e3))
        })
        .collect();
    hungarian(&costs, plain.places, plain.places)
}
