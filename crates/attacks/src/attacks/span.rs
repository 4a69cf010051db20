//! Affine combinations of known disguised images (this project's own).
//!
//! Let a disguise be affine in the plain values, perhaps after a known step from point to point such as
//! splitting bytes into nibbles. Then a new disguised image that is an affine combination of known ones hides
//! the same combination of their plain images, whatever the key is. The attack fits the combination in the
//! disguised domain and carries it over; no scheme is named in it, only which values go together.
//!
//! The fit is a ridge regression with intercept. How good the carried-over images are is estimated from the
//! pairs alone, by leaving each known piece out in turn, which also chooses the ridge: for a disguise that is
//! not affine it ends near the mean image, and the attack says so.
//! Pieces of one image resemble each other, so that the estimate is too high where few images have many
//! pieces each.

mod layout;
mod ridge;

use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Target, Verdict,
    attacks::unfit, metrics,
};
use faer::Mat;
use layout::{Layout, Scope};
use pathfinding::{kuhn_munkres::kuhn_munkres_min, matrix::Matrix};
use rayon::prelude::*;
use ridge::{RIDGES, Regression};
use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};
use visard_core::{
    Array, Pixels, Values,
    params::{Kind, ParamSpec, Params},
};

/// Schemes that make one disguised image of each plain one, of it alone, whose values keep their places up to
/// blocks.
pub(super) const APPLIES: &[&str] = &[
    "rmt", "aes", "tanaka", "ele", "skk", "etc", "etc-gray", "shf", "negpos", "ffx",
];

pub(super) static INFO: AttackInfo = AttackInfo {
    name: "span",
    title: "Affine combinations of known pairs",
    paper: "this project",
    summary: "writes each disguised image as an affine combination of known disguised ones, as a whole \
              or piece by piece, and carries the combination over to their plain images; reads every affine \
              disguise",
    level: Level::Pairs,
    applies: APPLIES,
    needs: Needs::Pairs,
    params: &[
        ParamSpec {
            name: "domain",
            help: "what is affine: the values, the nibbles or the bits of the disguised bytes; auto: \
                   nibbles for schemes on nibbles, else values",
            kind: Kind::Choice(&["auto", "values", "nibbles", "bits"]),
            default: "auto",
        },
        ParamSpec {
            name: "scope",
            help: "what is combined: the image as a whole; each position, that is the smallest piece that \
                   the scheme transforms on its own, with the order of the blocks found where they are \
                   moved; shared: as position, all positions having one key; auto: the finest that the \
                   scheme allows",
            kind: Kind::Choice(&["auto", "image", "position", "shared"]),
            default: "auto",
        },
        ParamSpec {
            name: "ridge",
            help: "penalty on large coefficients in units of the mean variance along the axes of the pairs; \
                   0: chosen for each fit by leaving out each known piece in turn",
            kind: Kind::Float { min: 0.0, max: 1e6 },
            default: "0",
        },
    ],
    helpers: None,
    trains: false,
    run,
};

/// Ridges for finding the order of blocks, where many fits are compared.
const ORDER_RIDGES: [f64; 2] = [1e-5, 1e-1];

/// The step from point to point that is taken before the combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    Values,
    Nibbles,
    Bits,
}

impl Domain {
    /// The domain of that word, for an attack on these disguised images.
    ///
    /// # Errors
    /// If floats are to have nibbles or bits.
    pub(super) fn of(attack: &'static str, target: &Target, word: &str, floats: bool) -> Result<Self> {
        match (word, floats) {
            ("values", _) | ("auto", true) => Ok(Self::Values),
            ("nibbles", false) => Ok(Self::Nibbles),
            ("bits", false) => Ok(Self::Bits),
            ("auto", false) if matches!(target.name(), "tanaka" | "ele") => Ok(Self::Nibbles),
            ("auto", false) => Ok(Self::Values),
            _ => Err(unfit(
                attack,
                target,
                "floats have no nibbles and bits, only values",
            )),
        }
    }

    /// Numbers that a value becomes.
    pub(super) fn planes(self) -> usize {
        match self {
            Self::Values => 1,
            Self::Nibbles => 2,
            Self::Bits => 8,
        }
    }

    /// Number `plane` of a value.
    pub(super) fn number(self, value: f32, plane: usize) -> f64 {
        match self {
            Self::Values => f64::from(value),
            Self::Nibbles => f64::from(value as u8 >> (4 * plane) & 15),
            Self::Bits => f64::from(value as u8 >> plane & 1),
        }
    }
}

/// All pieces of a group in images `range`, one a row; columns are their numbers.
fn rows(set: &Set, range: Range<usize>, pieces: &[Vec<u32>], domain: Domain) -> Mat<f64> {
    let (each, planes, len) = (pieces.len(), domain.planes(), set.shape().len());
    Mat::from_fn(range.len() * each, pieces[0].len() * planes, |row, column| {
        let place = pieces[row % each][column / planes] as usize;
        let place = (range.start + row / each) * len + place;
        let value = match set.pixels() {
            Pixels::U8(v) => f32::from(v[place]),
            Pixels::F32(v) => v[place],
        };
        domain.number(value, column % planes)
    })
}

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let target = &exposure.target;
    if !INFO.applies.contains(&target.name()) {
        return Err(unfit(
            INFO.name,
            target,
            "it needs one disguised image for each plain one, made of it alone, and values that keep their places",
        ));
    }
    let few = || Error::Exposure("span needs known pairs, with at least two pieces of each kind".into());
    let pairs = exposure.pairs.as_ref().ok_or_else(few)?;
    let floats = matches!(exposure.disguised.pixels(), Pixels::F32(_));
    let domain = Domain::of(INFO.name, target, params.text("domain"), floats)?;
    let scope = Scope::parse(params.text("scope"));
    let output = target.scheme.output(target.plain)?.shape;
    let layout = Layout::new(target.name(), target.scheme.params(), target.plain, output, scope)
        .map_err(|problem| unfit(INFO.name, target, problem))?;
    let ridge = params.float("ridge");
    let job = Job {
        plain: &pairs.plain,
        known: &pairs.disguised,
        disguised: &exposure.disguised,
        ridges: if ridge > 0.0 { vec![ridge] } else { RIDGES.to_vec() },
        domain,
        layout,
        budget,
    };
    if job.samples() < 2 {
        return Err(few());
    }
    if let Some(why) = budget.lacks(job.bytes(), "the pairs in this scope") {
        return Ok(Outcome::inconclusive(why));
    }
    let mut outcome = Outcome::nothing();
    let order = match job.layout.moved {
        true => job.order(progress)?,
        false => Some((0..job.layout.inputs.len()).collect()),
    };
    let Some(order) = order else {
        outcome.verdict = Verdict::Inconclusive("the order of the blocks was not found in time".into());
        return Ok(outcome);
    };
    job.carry_over(&order, progress, &mut outcome)?;
    if job.layout.moved {
        let places = order.iter().map(|i| *i as i64).collect();
        let array = Array {
            shape: vec![order.len()],
            values: Values::I64(places),
        };
        outcome.material.insert("block_perm", array)?;
    }
    Ok(outcome)
}

/// What came out of one group of pieces.
struct Piece {
    /// Guesses: images x pieces x values.
    guess: Vec<u8>,
    /// Squares of what the fit leaves of the disguised values, and of what there was to fit.
    left: f64,
    all: f64,
    /// Squared error of pairs that were left out, and number of values.
    missed: f64,
    values: usize,
    ridge: f64,
    samples: usize,
}

struct Job<'a> {
    plain: &'a Set,
    known: &'a Set,
    disguised: &'a Set,
    /// Ridges to choose from.
    ridges: Vec<f64>,
    domain: Domain,
    layout: Layout,
    budget: &'a Budget,
}

impl Job<'_> {
    fn samples(&self) -> usize {
        self.known.len() * self.layout.inputs[0].len()
    }

    /// Numbers of a piece.
    fn columns(&self) -> usize {
        self.layout.inputs[0][0].len() * self.domain.planes()
    }

    /// Pairs for finding the order of blocks: enough samples to tell a fit from chance; more only cost time.
    fn order_pairs(&self) -> usize {
        let enough = (4 * self.columns()).div_ceil(self.layout.inputs[0].len()).max(8);
        self.known.len().min(enough)
    }

    /// Bytes of working storage, about.
    fn bytes(&self) -> u64 {
        let columns = self.columns();
        let (samples, smaller) = (self.samples(), self.samples().min(columns));
        let targets = self.layout.targets[0][0].len();
        let mut numbers = 3 * samples * (columns + targets) + 4 * smaller * smaller;
        if self.layout.moved {
            let samples = self.order_pairs() * self.layout.inputs[0].len();
            let all = self.layout.targets.len() * targets;
            numbers = numbers.max(samples * (4 * all + 3 * columns + samples));
        }
        let at_once = rayon::current_num_threads().min(self.layout.inputs.len());
        8 * (numbers * at_once) as u64
    }

    /// The first `pairs` pairs of a group, to predict from.
    fn regression(&self, group: usize, pairs: usize) -> Result<Regression> {
        let known = rows(self.known, 0..pairs, &self.layout.inputs[group], self.domain);
        Regression::new(known).map_err(Error::Exposure)
    }

    /// Which plain group belongs to each disguised one: those that it predicts best, each
    /// known piece being left out in turn. `None` if the time is up.
    fn order(&self, progress: Progress<'_>) -> Result<Option<Vec<usize>>> {
        let groups = self.layout.inputs.len();
        let (each, pairs) = (self.layout.inputs[0].len(), self.order_pairs());
        // The same pieces of all target groups side by side.
        let joined: Vec<Vec<u32>> = (0..each)
            .map(|piece| {
                self.layout
                    .targets
                    .iter()
                    .flat_map(|group| &group[piece])
                    .copied()
                    .collect()
            })
            .collect();
        let plain = rows(self.plain, 0..pairs, &joined, Domain::Values);
        let width = plain.ncols() / groups;
        let done = AtomicUsize::new(0);
        let costs: Vec<Option<Vec<f64>>> = (0..groups)
            .into_par_iter()
            .map(|group| {
                if self.budget.is_spent() {
                    return Ok(None);
                }
                let errors = self.regression(group, pairs)?.left_out(&plain, &ORDER_RIDGES);
                let cost = |target: usize| {
                    let best = |errors: &Vec<f64>| errors[target * width..][..width].iter().sum::<f64>();
                    let least = errors.iter().map(best).fold(f64::INFINITY, f64::min);
                    least / (plain.nrows() * width) as f64
                };
                let costs = (0..groups).map(cost).collect();
                let share = (done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / groups as f64;
                progress(share / 2.0, "finding the order of the blocks");
                Ok(Some(costs))
            })
            .collect::<Result<_>>()?;
        let Some(costs) = costs.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        // Logarithms, since an exact fit counts for more than a large misfit elsewhere.
        let weight = |(i, j): (usize, usize)| ((costs[i][j] + 1e-6).ln() * 1e6) as i64;
        Ok(Some(kuhn_munkres_min(&Matrix::from_fn(groups, groups, weight)).1))
    }

    fn carry_over(&self, order: &[usize], progress: Progress<'_>, outcome: &mut Outcome) -> Result<()> {
        let done = AtomicUsize::new(0);
        let groups = order.len();
        let pieces: Vec<Option<Piece>> = (0..groups)
            .into_par_iter()
            .map(|group| {
                if self.budget.is_spent() {
                    return Ok(None);
                }
                let piece = self.piece(group, &self.layout.targets[order[group]])?;
                let share = (done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / groups as f64;
                let before = if self.layout.moved { 0.5 } else { 0.0 };
                progress(before + share * (1.0 - before), "fitting combinations");
                Ok(Some(piece))
            })
            .collect::<Result<_>>()?;
        let shape = self.plain.shape();
        let mut images = mean_image(self.plain).repeat(self.disguised.len());
        for (piece, group) in pieces.iter().zip(order) {
            let Some(piece) = piece else { continue };
            self.layout.write(*group, &piece.guess, &mut images, shape.len());
        }
        let found: Vec<&Piece> = pieces.iter().flatten().collect();
        if found.len() < groups {
            let why = format!("{} of {groups} groups of values were fitted in time", found.len());
            outcome.verdict = Verdict::Inconclusive(why);
        }
        let labels = self.disguised.labels().to_vec();
        outcome.reconstructions = Some(Set::new(shape, Pixels::U8(images), labels)?);
        let sum = |pick: fn(&Piece) -> f64| found.iter().map(|p| pick(p)).sum::<f64>();
        let figures = &mut outcome.figures;
        figures.insert("pairs", self.known.len() as f64);
        figures.insert("groups", groups as f64);
        figures.insert("dimension", self.columns() as f64);
        if let Some(piece) = found.first() {
            figures.insert("samples", piece.samples as f64);
            // What is left of nothing is nothing.
            let all = sum(|p| p.all).max(f64::MIN_POSITIVE);
            figures.insert("residual", (sum(|p| p.left) / all).sqrt());
            let mse = sum(|p| p.missed) / sum(|p| p.values as f64);
            figures.insert("left_out_psnr", metrics::psnr_of(mse.max(1e-9)));
            let mut ridges: Vec<f64> = found.iter().map(|p| p.ridge).collect();
            ridges.sort_by(f64::total_cmp);
            figures.insert("ridge", metrics::percentile(&ridges, 0.5));
        }
        Ok(())
    }

    /// Fits one group and applies it to all disguised images.
    fn piece(&self, group: usize, targets: &[Vec<u32>]) -> Result<Piece> {
        let pairs = self.known.len();
        let regression = self.regression(group, pairs)?;
        let plain = rows(self.plain, 0..pairs, targets, Domain::Values);
        let errors = regression.left_out(&plain, &self.ridges);
        let tried = self
            .ridges
            .iter()
            .zip(errors.iter().map(|e| e.iter().sum::<f64>()));
        let (ridge, missed) = tried
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map_or((1.0, f64::NAN), |(r, e)| (*r, e));
        let fit = regression.fit(&plain, ridge);
        let inputs = &self.layout.inputs[group];
        let mut piece = Piece {
            guess: Vec::with_capacity(self.disguised.len() * inputs.len() * targets[0].len()),
            left: 0.0,
            all: 0.0,
            missed,
            values: plain.nrows() * plain.ncols(),
            ridge,
            samples: self.samples(),
        };
        // Bounded batches, however many images there are.
        let batch = (1usize << 20).div_ceil(inputs.len() * self.columns());
        for start in (0..self.disguised.len()).step_by(batch) {
            let range = start..(start + batch).min(self.disguised.len());
            let (guess, left, all) = fit.apply(&rows(self.disguised, range, inputs, self.domain));
            piece.left += left;
            piece.all += all;
            for row in 0..guess.nrows() {
                let values = (0..guess.ncols()).map(|column| metrics::to_byte(guess[(row, column)] as f32));
                piece.guess.extend(values);
            }
        }
        Ok(piece)
    }
}

/// What is guessed where nothing was fitted.
pub(super) fn mean_image(plain: &Set) -> Vec<u8> {
    let mut sums = vec![0u64; plain.shape().len()];
    for image in metrics::to_bytes(plain).chunks_exact(sums.len()) {
        sums.iter_mut()
            .zip(image)
            .for_each(|(sum, value)| *sum += u64::from(*value));
    }
    let mean = |sum| metrics::to_byte((sum as f64 / plain.len() as f64) as f32);
    sums.into_iter().map(mean).collect()
}
