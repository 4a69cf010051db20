//! The private images themselves: the order of the encodings names one image of each, magnitudes or
//! images recovered so far name its partners, and recovery takes the blends apart.

use super::{
    Blend, View,
    coefficients::{dot, refit},
    labels::Classes,
    recovery::{Options, Problem, Recovered, recover},
    similarity::standardised,
    transport,
};
use crate::{
    AttackInfo, Budget, Exposure, Level, Needs, Outcome, Result, Verdict,
    score::{Ambiguity, Choose},
};
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

const NAME: &str = "instahide-recovery";

/// How to break the symmetry between images and their negatives.
pub(super) const START: ParamSpec = ParamSpec {
    name: "start",
    help: "first guess of all images, as the magnitudes do not tell a set of images from their negatives: \
           darker or brighter than the mean that images were normalised by, or the mean of the public ones",
    kind: Kind::Choice(&["dark", "bright", "public"]),
    default: "dark",
};

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "InstaHide, recovery of the private images",
    paper: "Carlini et al., IEEE S&P 2021, arXiv 2011.05315, with alternating least squares and with the \
            order of the encodings (this project)",
    summary: "takes one image of each encoding from the order in which encodings are written, finds its \
              partners by alternating assignment and recovery, and solves for all private images; soft \
              labels, where they are given, bound the partners and give the coefficients",
    level: Level::Disguised,
    applies: &["instahide"],
    needs: Needs::Nothing,
    params: &[
        ParamSpec {
            name: "rounds",
            help: "times that partners are assigned and images recovered",
            kind: Kind::Int { min: 1, max: 50 },
            default: "6",
        },
        START,
    ],
    helpers: None,
    trains: false,
    run,
};

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    _: &mut crate::Rng,
    progress: crate::Progress<'_>,
) -> Result<Outcome> {
    let view = View::read(NAME, exposure)?;
    if view.k > 1 {
        view.check_encodings(NAME, &exposure.target)?;
    }
    view.check_samples()?;
    if let Some(why) = budget.lacks(view.bytes(), "the tables of partners") {
        return Ok(Outcome::inconclusive(why));
    }
    let rounds = params.int("rounds") as usize;
    let start = view.start(params.text("start"), exposure.public.as_ref());
    let resolved = resolve(
        &view,
        State::first(&view, start, budget)?,
        rounds,
        None,
        budget,
        progress,
    )?;
    let mut outcome = Outcome::pictures(view.norms[0].pictures(view.shape, &resolved.recovered.images)?);
    let figures = &mut outcome.figures;
    figures.insert("images", view.samples as f64);
    figures.insert("encodings_an_image", (view.each * view.inside) as f64);
    figures.insert("rounds", resolved.rounds as f64);
    figures.insert("residual", resolved.recovered.residual);
    figures.insert("partners_changed_last", resolved.changed);
    view.tell_labels(&mut outcome);
    if !resolved.recovered.complete || budget.is_spent() {
        outcome.verdict = Verdict::Inconclusive(format!(
            "round {} of {rounds}, unexplained {:.3} of the magnitudes",
            resolved.rounds, resolved.recovered.residual
        ));
    }
    Ok(outcome.up_to(Ambiguity::NEGATIVE, Choose::Once))
}

/// Where the rounds stand: blends and what recovery starts from.
pub(super) struct State {
    pub(super) blends: Vec<Blend>,
    pub(super) start: Vec<f32>,
}

/// What came of the rounds.
pub(super) struct Resolved {
    pub(super) recovered: Recovered,
    pub(super) blends: Vec<Blend>,
    pub(super) rounds: usize,
    /// Share of the partners that the last round changed.
    pub(super) changed: f64,
}

impl State {
    /// Partners by the magnitudes alone, all coefficients alike.
    pub(super) fn first(view: &View, start: Vec<f32>, budget: &Budget) -> Result<Self> {
        let len = view.shape.len();
        let (encodings, templates) = (&view.magnitudes, view.templates());
        let sets = partners(
            view,
            &standardised(encodings, len),
            &standardised(&templates, len),
            budget,
        )?;
        let one = 1.0 / view.k as f64;
        let blend = |set: &Vec<usize>| set.iter().map(|image| (*image, one)).collect();
        let blends = match view.labels() {
            Some((labels, classes)) => classes.split(&labels, &sets),
            None => sets.iter().map(blend).collect(),
        };
        Ok(Self { blends, start })
    }

    /// Partners and coefficients again, by the images recovered with the blends at hand. Tells the share
    /// of the partners that changed too.
    pub(super) fn next(
        view: &View,
        known: Option<&[f32]>,
        blends: &[Blend],
        images: Vec<f32>,
        budget: &Budget,
    ) -> Result<(Self, f64)> {
        let fitted = fitted(view, blends, &images, known);
        let signed = targets(&problem(view, &fitted, known), &images);
        let sets = partners(view, &signed, &images, budget)?;
        let merged = merge(view.k, &fitted, &sets);
        let fresh = |(old, new): (&Blend, &Vec<usize>)| {
            let held = |image: &&usize| !old.iter().any(|(other, _)| other == *image);
            new.iter().filter(held).count()
        };
        let places = (view.count() * (view.inside - 1)).max(1);
        let changed = blends.iter().zip(&sets).map(fresh).sum::<usize>() as f64 / places as f64;
        let blends = self::fitted(view, &merged, &images, known);
        Ok((
            Self {
                blends,
                start: images,
            },
            changed,
        ))
    }
}

/// The coefficients that explain the magnitudes best, and agree with the labels where there are any.
fn fitted(view: &View, blends: &[Blend], images: &[f32], known: Option<&[f32]>) -> Vec<Blend> {
    let whole = view.inside == view.k;
    let found = refit(&problem(view, blends, known), images, view.largest, whole);
    match view.labels() {
        Some((labels, classes)) => classes.rescale(&labels, &found),
        None => found,
    }
}

fn problem<'a>(view: &'a View, blends: &'a [Blend], known: Option<&'a [f32]>) -> Problem<'a> {
    Problem {
        shape: view.shape,
        images: view.samples,
        magnitudes: &view.magnitudes,
        blends,
        known,
    }
}

/// Alternates recovery with partners and coefficients. `known` is what else is known to be in each
/// encoding.
pub(super) fn resolve(
    view: &View,
    mut state: State,
    rounds: usize,
    known: Option<&[f32]>,
    budget: &Budget,
    progress: crate::Progress<'_>,
) -> Result<Resolved> {
    let (mut done, mut changed) = (0, 1.0);
    loop {
        progress(done as f64 / rounds as f64, "recovery");
        let options = options(view.shape, state.start, done + 1 >= rounds);
        let recovered = recover(&problem(view, &state.blends, known), &options, budget)?;
        done += 1;
        if done >= rounds || budget.is_spent() || view.k == 1 {
            return Ok(Resolved {
                recovered,
                blends: state.blends,
                rounds: done,
                changed: if view.inside == 1 { 0.0 } else { changed },
            });
        }
        // What was recovered is a better start than any constant.
        (state, changed) = State::next(view, known, &state.blends, recovered.images, budget)?;
    }
}

/// How images are recovered in a round; the last one takes its time.
pub(super) fn options(shape: Shape, start: Vec<f32>, last: bool) -> Options {
    Options {
        start,
        // Coefficients are uncertain, and some images are in the wrong blend.
        ridge: 1e-3,
        restarts: if last { 24 } else { 4 },
        ..Options::constant(shape, 0.0)
    }
}

/// Blends of the next sets; images that stay keep their coefficients, and others have their share of `k`.
pub(super) fn merge(k: usize, blends: &[Blend], sets: &[Vec<usize>]) -> Vec<Blend> {
    let fresh = 1.0 / k as f64;
    let merged = blends.iter().zip(sets).map(|(blend, set)| {
        let kept = |image: usize| {
            blend
                .iter()
                .find(|(other, _)| *other == image)
                .map(|(_, value)| *value)
        };
        set.iter()
            .map(|image| (*image, kept(*image).unwrap_or(fresh)))
            .collect()
    });
    merged.collect()
}

/// The magnitudes with the signs of the model, less what is known.
pub(super) fn targets(problem: &Problem<'_>, images: &[f32]) -> Vec<f32> {
    let len = problem.shape.len();
    let mut signed = vec![0.0; problem.magnitudes.len()];
    signed
        .par_chunks_mut(len)
        .enumerate()
        .for_each(|(number, signed)| {
            let known = problem.known.map(|known| &known[number * len..][..len]);
            if let Some(known) = known {
                signed.copy_from_slice(known);
            }
            for (image, coefficient) in &problem.blends[number] {
                for (sum, value) in signed.iter_mut().zip(&images[image * len..][..len]) {
                    *sum += *coefficient as f32 * value;
                }
            }
            for (i, (value, magnitude)) in signed
                .iter_mut()
                .zip(&problem.magnitudes[number * len..])
                .enumerate()
            {
                *value = magnitude.copysign(*value) - known.map_or(0.0, |known| known[i]);
            }
        });
    signed
}

/// The products of all rows with all images, both of `len` values.
pub(super) fn products(rows: &[f32], images: &[f32], len: usize) -> Vec<f32> {
    let count = images.len() / len;
    let mut products = vec![0f32; rows.len() / len * count];
    products
        .par_chunks_mut(64 * count)
        .zip(rows.par_chunks(64 * len))
        .for_each(|(block, rows)| {
            matmul(
                MatMut::from_row_major_slice_mut(block, rows.len() / len, count),
                Accum::Replace,
                MatRef::from_row_major_slice(rows, rows.len() / len, len),
                MatRef::from_row_major_slice(images, count, len).transpose(),
                1.0,
                Par::Seq,
            );
        });
    products
}

/// Cost of a partner whose class has no weight in the label: more than any two partners explain.
const WRONG_CLASS: f32 = 8.0;

/// For every encoding its own sample and the partners that explain the targets best, of classes that its
/// label holds. In every encoding number, each image is partner as often as there are further private slots.
fn partners(view: &View, targets: &[f32], images: &[f32], budget: &Budget) -> Result<Vec<Vec<usize>>> {
    let (len, samples, each) = (view.shape.len(), view.samples, view.inside - 1);
    if each == 0 {
        return Ok((0..view.count())
            .map(|encoding| vec![encoding / view.each])
            .collect());
    }
    let (with, gram) = (products(targets, images, len), products(images, images, len));
    let labels = view.labels();
    // What is left of an encoding without its own image, explained by another without that image.
    let cost = |number: usize, own: usize, other: usize| {
        let cross = gram[own * samples + other];
        let power = gram[own * samples + own].max(f32::MIN_POSITIVE);
        let left = gram[other * samples + other] - cross * cross / power;
        let target = &targets[number * len..][..len];
        let total = dot(target, target).max(f64::MIN_POSITIVE) as f32;
        let row = &with[number * samples..][..samples];
        let shared = (row[other] - row[own] * cross / power).max(0.0);
        let wrong = |(labels, classes): &(_, &Classes)| !classes.allow(labels, number, other);
        if own != other && labels.as_ref().is_some_and(wrong) {
            WRONG_CLASS
        } else if own == other || left <= 1e-6 * power {
            0.0
        } else {
            -shared * shared / left / total
        }
    };
    let sets: Vec<Vec<Vec<usize>>> = (0..view.each)
        .into_par_iter()
        .map(|e| {
            let costs: Vec<f32> = (0..samples * samples)
                .map(|i| cost(i / samples * view.each + e, i / samples, i % samples))
                .collect();
            let sets = transport::assign(&costs, samples, each, each, budget)?;
            Ok(sets.unwrap_or_else(|| vec![Vec::new(); samples]))
        })
        .collect::<Result<_>>()?;
    let full = |i: usize| {
        let (own, e) = (i / view.each, i % view.each);
        let others = sets[e][own].iter().copied().filter(|other| *other != own);
        std::iter::once(own).chain(others).collect()
    };
    Ok((0..view.count()).map(full).collect())
}
