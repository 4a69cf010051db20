//! Attacks that train networks (ATTACKS, section 7).

mod critic;
mod duel;
pub(super) mod embedding;
pub mod examiner;
mod fit;
pub(super) mod gan;
mod guess;
pub(super) mod itn;
pub(super) mod other_keys;
mod paired;
mod planes;
mod unet;
mod view;

use crate::{Error, Exposure, Result, Set, Target};
use visard_core::Pixels;

/// Fewer images than this teach a network nothing.
const FEWEST: usize = 8;

fn unfit(attack: &'static str, target: &Target, problem: impl Into<String>) -> Error {
    Error::Unfit {
        attack,
        target: target.describe(),
        problem: problem.into(),
    }
}

/// The images at these places, in this order, with their class numbers.
fn pick(set: &Set, places: &[usize]) -> Result<Set> {
    fn gather<T: Copy>(values: &[T], places: &[usize], len: usize) -> Vec<T> {
        places
            .iter()
            .flat_map(|p| &values[p * len..][..len])
            .copied()
            .collect()
    }
    let len = set.shape().len();
    let pixels = match set.pixels() {
        Pixels::U8(v) => Pixels::U8(gather(v, places, len)),
        Pixels::F32(v) => Pixels::F32(gather(v, places, len)),
    };
    let labels = match set.labels() {
        [] => Vec::new(),
        labels => gather(labels, places, 1),
    };
    Set::new(set.shape(), pixels, labels)
}

/// Public images of the shape of the plain ones, enough to learn from.
fn public<'a>(attack: &'static str, exposure: &'a Exposure) -> Result<&'a Set> {
    let plain = exposure.target.plain;
    let problem = match &exposure.public {
        Some(public) if public.shape() != plain => format!("these are of {}", public.shape()),
        Some(public) if public.len() < FEWEST => format!("there are {}", public.len()),
        Some(public) => return Ok(public),
        None => "there are none".into(),
    };
    Err(Error::Exposure(format!(
        "{attack} needs {FEWEST} or more public images of {plain}, the shape of the plain ones; {problem}"
    )))
}
