//! Neighbour propagation as published: every pixel is turned to what is nearest to its neighbour.

use super::{Keys, Layout, each_image, prior::Prior, states::State};
use crate::{
    AttackInfo, Budget, Exposure, Level, Needs, Outcome, Result, Rng, Set, Verdict,
    attack::Progress,
    score::{Ambiguity, Choose},
};
use visard_core::params::{Kind, ParamSpec, Params};

const NAME: &str = "skk-propagation";

const BYTE: Kind = Kind::Int { min: 0, max: 255 };

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "propagation from pixel to pixel",
    paper: "Chang, Li: Attacks on Image Encryption Schemes for Privacy-Preserving Deep Neural Networks, \
            2020, arXiv 2004.13263",
    summary: "guesses the first pixel, then turns each to that of its 48 states that is nearest to the \
              pixel at its left (first row) or above it; errors run down whole columns",
    level: Level::Disguised,
    applies: &["skk"],
    needs: Needs::Nothing,
    params: &[
        ParamSpec {
            name: "seed",
            help: "the guess of the first pixel: grey (128), white (255), a value (red, green, blue), one \
                   of the states that its disguised form can be turned to (state), or all of these states, \
                   with the picture that looks most like one (best)",
            kind: Kind::Choice(&["grey", "white", "value", "state", "best"]),
            default: "grey",
        },
        ParamSpec {
            name: "red",
            help: "first value of the first pixel, with seed=value; the only one for grey images",
            kind: BYTE,
            default: "128",
        },
        ParamSpec {
            name: "green",
            help: "second value of the first pixel, with seed=value",
            kind: BYTE,
            default: "128",
        },
        ParamSpec {
            name: "blue",
            help: "third value of the first pixel, with seed=value; further channels take it as well",
            kind: BYTE,
            default: "128",
        },
        ParamSpec {
            name: "state",
            help: "number of the state of the first pixel, with seed=state: 8 times the number of the order \
                   of colours (RGB, RBG, GRB, GBR, BRG, BGR) plus 1, 2, 4 for a negated red, green, blue",
            kind: Kind::Int { min: 0, max: 47 },
            default: "0",
        },
    ],
    helpers: None,
    trains: false,
    run,
};

/// How the first pixel is guessed.
enum Seed {
    /// This pixel.
    Value(Vec<u8>),
    /// That state of the disguised one.
    State(State),
    /// All states.
    Best(Box<Prior>),
}

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
    if !budget.allows(disguised.len() as u64) {
        return Ok(Outcome {
            verdict: Verdict::Inconclusive(format!("{count} images do not fit into the memory allowed")),
            ..Outcome::nothing()
        });
    }
    let public = exposure.public.as_ref().map(Set::as_bytes).transpose()?;
    let seed = match params.text("seed") {
        "best" => Seed::Best(Box::new(Prior::new(layout, public))),
        "state" => Seed::State(State::number(
            layout,
            params.int("state") as usize % layout.states(),
        )),
        "white" => Seed::Value(vec![255; layout.channels()]),
        "value" => {
            let value = |c: usize| params.int(["red", "green", "blue"][c.min(2)]) as u8;
            Seed::Value((0..layout.channels()).map(value).collect())
        }
        _ => Seed::Value(vec![128; layout.channels()]),
    };
    let told = |share: f64| progress(share, "turning pixels to their neighbours");
    let guesses = each_image(layout, disguised, budget, &told, |_, from, to| match &seed {
        Seed::Value(first) => propagate(layout, first, from, to),
        Seed::State(state) => propagate_state(layout, *state, from, to),
        Seed::Best(prior) => best(layout, prior, from, to),
    });
    let done = guesses.len() / layout.shape.len();
    let mut outcome = Outcome::pictures(Set::bytes(layout.shape, guesses)?);
    outcome.figures.insert("images", done as f64);
    if done < count {
        outcome.verdict = Verdict::Inconclusive(format!("{done} of {count} images were rebuilt in time"));
    }
    Ok(outcome.up_to(Ambiguity::COLORS, Choose::Each))
}

fn propagate_state(layout: Layout, state: State, from: &[u8], to: &mut [u8]) {
    let mut first = vec![0; layout.channels()];
    state.undo(&from[..first.len()], &mut first);
    propagate(layout, &first, from, to);
}

/// The picture, of those of all seed states, that looks most like one. All but ties commutes with
/// turning the whole picture, so one picture is enough to find that state, and it is grown again.
fn best(layout: Layout, prior: &Prior, from: &[u8], to: &mut [u8]) {
    propagate_state(layout, State::default(), from, to);
    propagate_state(layout, prior.rank(to)[0], from, to);
}

/// Rebuilds an image from the guess `first` of its first pixel.
fn propagate(layout: Layout, first: &[u8], from: &[u8], to: &mut [u8]) {
    let channels = layout.channels();
    let row = layout.shape.row();
    to[..channels].copy_from_slice(first);
    for at in (channels..from.len()).step_by(channels) {
        let near = if at < row { at - channels } else { at - row };
        let (before, after) = to.split_at_mut(at);
        let (near, after) = (&before[near..near + channels], &mut after[..channels]);
        let pixel = &from[at..at + channels];
        nearest(layout, near, pixel).undo(pixel, after);
    }
}

/// The state that takes `pixel` nearest to `near` in the sum of absolute differences. The last of
/// equally near orders wins; signs cannot tie, as no byte is its own negative.
fn nearest(layout: Layout, near: &[u8], pixel: &[u8]) -> State {
    let mut best = (u32::MAX, State::default());
    for order in 0..if layout.exchanges { 6 } else { 1 } {
        let mut state = State { order, negated: 0 };
        let mut cost = 0;
        for (c, near) in near.iter().enumerate() {
            let v = pixel[state.source(c).0];
            let (kept, negated) = (v.abs_diff(*near), (255 - v).abs_diff(*near));
            state.negated |= u16::from(negated < kept) << c;
            cost += u32::from(kept.min(negated));
        }
        if cost <= best.0 {
            best = (cost, state);
        }
    }
    best.1
}
