//! Known plaintext: at every pixel, the states that agree with all known pairs.

use super::{Keys, Layout, bytes_of, states};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Result, Rng, Set, Verdict, attack::Progress,
};
use rayon::prelude::*;
use states::State;
use visard_core::params::Params;

const NAME: &str = "skk-known";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "known pairs under the same key",
    paper: "this project, after Chang and Li, arXiv 2004.13263",
    summary: "keeps at every pixel those of the 48 states that turn every known disguised image into its \
              plain one; a pair decides a pixel unless two of its values, or one and the negative of \
              another, are equal",
    level: Level::Pairs,
    applies: &["skk"],
    needs: Needs::Pairs,
    params: &[],
    helpers: None,
    trains: false,
    run,
};

/// What is left at a pixel.
struct Candidates {
    /// The first state that agrees with all pairs.
    state: State,
    /// How many agree.
    left: usize,
}

fn run(
    exposure: &Exposure,
    _: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let layout = Layout::of(NAME, &exposure.target, Keys::Same)?;
    let missing = "at least one known pair";
    let pairs = exposure.pairs.as_ref();
    let plain = bytes_of(NAME, missing, pairs.map(|pairs| &pairs.plain))?;
    let made = bytes_of(NAME, missing, pairs.map(|pairs| &pairs.disguised))?;
    let disguised = super::images(NAME, exposure, 0)?;
    progress(0.0, "testing the states of every pixel");
    let found: Vec<Candidates> = (0..layout.pixels())
        .into_par_iter()
        .with_min_len(256)
        .map(|pixel| candidates(layout, pixel, plain, made))
        .collect();
    let contradicted = found.iter().filter(|c| c.left == 0).count();
    if contradicted > 0 {
        return Err(Error::Exposure(format!(
            "no key makes the disguised images of these pairs: {contradicted} of {} pixels contradict each \
             other; are the pairs in order, stored without loss and of one key?",
            layout.pixels()
        )));
    }
    let states: Vec<State> = found.iter().map(|c| c.state).collect();
    let count = |keep: fn(usize) -> bool| found.iter().filter(|c| keep(c.left)).count() as f64;
    let total: usize = found.iter().map(|c| c.left).sum();
    let mut outcome = Outcome {
        material: states::material(layout, &states)?,
        ..Outcome::nothing()
    };
    let pairs = (plain.len() / layout.shape.len()) as f64;
    outcome.figures.extend([
        ("pairs", pairs),
        ("decided_pixels", count(|left| left == 1)),
        ("residual_pixels", count(|left| left > 1)),
        // Colours equal in all pairs leave their order open, which matters only where they differ.
        ("residual_of_2", count(|left| left == 2)),
        ("residual_of_more", count(|left| left > 2)),
        ("mean_candidates", total as f64 / found.len() as f64),
    ]);
    if budget.allows(disguised.len() as u64) {
        let plain = states::undo(layout, &states, disguised);
        outcome.reconstructions = Some(Set::bytes(layout.shape, plain)?);
    } else {
        outcome.verdict =
            Verdict::Inconclusive("the key is found, the images do not fit into the memory".into());
    }
    Ok(outcome)
}

/// The states of a pixel that agree with all pairs. Which orders agree, and which signs with each, is
/// seen channel by channel, so that nothing is tried twice.
fn candidates(layout: Layout, pixel: usize, plain: &[u8], made: &[u8]) -> Candidates {
    let (channels, len) = (layout.channels(), layout.shape.len());
    let at = pixel * channels;
    // Bit 0: plain value c is the disguised value of that place, bit 1: it is its negative.
    let agree = |c: usize, place: usize| {
        let pairs = plain.chunks_exact(len).zip(made.chunks_exact(len));
        pairs.fold(3u8, |bits, (plain, made)| {
            let (x, y) = (plain[at + c], made[at + place]);
            bits & (u8::from(x == y) | u8::from(x == 255 - y) << 1)
        })
    };
    let mut table = [[0u8; 3]; 3];
    if layout.exchanges {
        for (c, row) in table.iter_mut().enumerate() {
            for (place, bits) in row.iter_mut().enumerate() {
                *bits = agree(c, place);
            }
        }
    }
    let mut found = Candidates {
        state: State::default(),
        left: 0,
    };
    for order in 0..if layout.exchanges { 6 } else { 1 } {
        let mut state = State { order, negated: 0 };
        let mut ways = 1;
        for c in 0..channels {
            let bits = if layout.exchanges {
                table[c][state.source(c).0]
            } else {
                agree(c, c)
            };
            // No byte is its own negative, so that at most one bit is left.
            ways *= usize::from(bits != 0);
            state.negated |= u16::from(bits == 2) << c;
        }
        if found.left == 0 && ways > 0 {
            found.state = state;
        }
        found.left += ways;
    }
    found
}
