//! Neighbours as a graph: states are passed on along the most trusted edges of each image.

use super::{
    Keys, Layout, each_image,
    grid::Grid,
    prior::Prior,
    states::{ORDERS, State},
};
use crate::{
    AttackInfo, Budget, Exposure, Level, Needs, Outcome, Result, Rng, Set, Verdict,
    attack::Progress,
    score::{Ambiguity, Choose},
};
use visard_core::params::{Kind, ParamSpec, Params};

const NAME: &str = "skk-graph";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "tree of the most trusted neighbours",
    paper: "this project, after Chang and Li, arXiv 2004.13263",
    summary: "finds for all neighbours in an image the one of 48 states that makes them most alike, passes \
              states on along the tree of the clearest cases, and turns the whole picture to what looks \
              most like one",
    level: Level::Disguised,
    applies: &["skk"],
    needs: Needs::Nothing,
    params: &[ParamSpec {
        name: "rank",
        help: "show the picture that looks like one the most (0), or the next (1), ... of the states that \
               the whole picture can be turned to; the last is shown where there are fewer",
        kind: Kind::Int { min: 0, max: 47 },
        default: "0",
    }],
    helpers: None,
    trains: false,
    run,
};

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let layout = Layout::of(NAME, &exposure.target, Keys::Any)?;
    let disguised = super::images(NAME, exposure, 1)?;
    let count = exposure.disguised.len();
    // Edges, tree and states of a worker come to about 100 bytes a pixel.
    let working = rayon::current_num_threads() * layout.pixels() * 100;
    if !budget.allows((disguised.len() + working) as u64) {
        return Ok(Outcome {
            verdict: Verdict::Inconclusive(format!("{count} images do not fit into the memory allowed")),
            ..Outcome::nothing()
        });
    }
    let public = exposure.public.as_ref().map(Set::as_bytes).transpose()?;
    let prior = Prior::new(layout, public);
    let rank = (params.int("rank") as usize).min(layout.states() - 1);
    let told = |share: f64| progress(share, "growing trees of neighbours");
    let guesses = each_image(layout, disguised, budget, &told, |_, from, to| {
        let states = if layout.exchanges {
            grow(layout, from)
        } else {
            fold(layout, from)
        };
        turn(layout, &states, State::default(), from, to);
        let whole = prior.rank(to)[rank];
        turn(layout, &states, whole, from, to);
    });
    let done = guesses.len() / layout.shape.len();
    let mut outcome = Outcome::pictures(Set::bytes(layout.shape, guesses)?);
    outcome.figures.extend([
        ("images", done as f64),
        ("states", layout.states() as f64),
        ("rank", rank as f64),
    ]);
    if done < count {
        outcome.verdict = Verdict::Inconclusive(format!("{done} of {count} images were rebuilt in time"));
    }
    Ok(outcome.up_to(Ambiguity::COLORS, Choose::Each))
}

/// Takes the disguise off an image and turns it as a whole.
fn turn(layout: Layout, states: &[State], whole: State, from: &[u8], to: &mut [u8]) {
    let channels = layout.channels();
    let pixels = from.chunks_exact(channels).zip(to.chunks_exact_mut(channels));
    for ((from, to), state) in pixels.zip(states) {
        whole.after(*state).undo(from, to);
    }
}

/// Without a colour step two values of one channel are most alike on the same side of mid-grey, along
/// whatever path: nothing is left to grow, every value goes to the dark side.
fn fold(layout: Layout, image: &[u8]) -> Vec<State> {
    let pixels = image.chunks_exact(layout.channels());
    let negated = |pixel: &[u8]| {
        let values = pixel.iter().enumerate();
        values.fold(0, |bits, (c, v)| bits | u16::from(*v > 127) << c)
    };
    pixels
        .map(|pixel| State {
            order: 0,
            negated: negated(pixel),
        })
        .collect()
}

/// States of the pixels of an image of three channels, up to one that all have in common.
fn grow(layout: Layout, image: &[u8]) -> Vec<State> {
    let grid = Grid {
        height: layout.shape.height,
        width: layout.shape.width,
    };
    let pixel = |place: usize| &image[3 * place..3 * place + 3];
    let (labels, trust): (Vec<State>, Vec<f32>) = (0..grid.edges())
        .map(|edge| {
            let (from, to) = grid.ends(edge);
            label(pixel(from), pixel(to))
        })
        .unzip();
    let mut states = vec![State::default(); layout.pixels()];
    for step in grid.tree(&trust) {
        let label = labels[step.edge];
        let label = if step.from < step.to {
            label
        } else {
            label.inverse()
        };
        states[step.to] = states[step.from].after(label);
    }
    states
}

/// The state that takes `to` nearest to `from` in the sum of absolute differences, and how much
/// farther the next one takes it, in relation.
fn label(from: &[u8], to: &[u8]) -> (State, f32) {
    // Costs of taking a value for another, kept and negated.
    let mut costs = [[[0; 2]; 3]; 3];
    for (row, from) in costs.iter_mut().zip(from) {
        for (cost, to) in row.iter_mut().zip(to) {
            *cost = [from.abs_diff(*to), from.abs_diff(255 - to)].map(i32::from);
        }
    }
    let (mut best, mut second) = ((i32::MAX, State::default()), i32::MAX);
    for (number, order) in ORDERS.iter().enumerate() {
        let mut state = State {
            order: number as u8,
            negated: 0,
        };
        let (mut cost, mut change) = (0, i32::MAX);
        for (c, place) in order.iter().enumerate() {
            let [kept, negated] = costs[c][*place];
            state.negated |= u16::from(negated < kept) << c;
            cost += kept.min(negated);
            change = change.min((kept - negated).abs());
        }
        // The next best state has another order, or one sign changed.
        if cost < best.0 {
            second = best.0.min(cost + change);
            best = (cost, state);
        } else {
            second = second.min(cost);
        }
    }
    let trust = (second - best.0) as f32 / (best.0 + 4) as f32;
    (best.1, trust)
}
