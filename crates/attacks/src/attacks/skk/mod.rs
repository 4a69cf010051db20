//! Attacks on pixel-based encryption (`skk`; ATTACKS, section 1): every value v of a pixel is v or
//! 255 - v, and its three values may be in another order.

pub(super) mod graph;
mod grid;
pub(super) mod helper;
pub(super) mod known;
pub(super) mod leading_bit;
mod prior;
pub(super) mod propagation;
mod states;
pub(super) mod statistical;
mod synchronise;

use crate::{Budget, Error, Exposure, Result, Set, Target};
use rayon::prelude::*;
use visard_core::Shape;

/// What an attack on pixel-based encryption works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// Shape of plain and disguised images.
    shape: Shape,
    /// Whether the three values of a pixel change places.
    exchanges: bool,
}

/// Which key modes an attack is for.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    /// One key for all images.
    Same,
    /// Whatever it is.
    Any,
}

impl Layout {
    /// The layout of a target that the attack of that name is for.
    fn of(attack: &'static str, target: &Target, keys: Keys) -> Result<Self> {
        let unfit = |problem: &str| Error::Unfit {
            attack,
            target: target.describe(),
            problem: problem.into(),
        };
        if target.name() != "skk" {
            return Err(unfit("it is for pixel-based encryption (skk)"));
        }
        let params = target.scheme.params();
        if keys == Keys::Same && params.bool("image_key") {
            return Err(unfit("it needs one key for all images (image_key=false)"));
        }
        Ok(Self {
            shape: target.plain,
            exchanges: params.bool("color") && target.plain.channels == 3,
        })
    }

    fn pixels(&self) -> usize {
        self.shape.height * self.shape.width
    }

    fn channels(&self) -> usize {
        self.shape.channels
    }

    /// States that a pixel can be in, which is also how many a whole image can be turned to.
    fn states(&self) -> usize {
        (if self.exchanges { 6 } else { 1 }) << self.channels()
    }
}

/// The disguised images as bytes, at least `least` of them.
fn images<'a>(attack: &str, exposure: &'a Exposure, least: usize) -> Result<&'a [u8]> {
    let found = exposure.disguised.len();
    if found < least {
        return Err(Error::Exposure(format!(
            "{attack} needs at least {least} disguised image{}, {found} were given",
            if least == 1 { "" } else { "s" }
        )));
    }
    exposure.disguised.as_bytes()
}

/// The pairs' images as bytes, checked to be there.
fn bytes_of<'a>(attack: &str, what: &str, set: Option<&'a Set>) -> Result<&'a [u8]> {
    match set {
        Some(set) if !set.is_empty() => set.as_bytes(),
        _ => Err(Error::Exposure(format!("{attack} needs {what}"))),
    }
}

/// Images that are worked on between two looks at the clock.
const BATCH: usize = 64;

/// Rebuilds image by image with `work` until the budget is spent; what comes out may hold fewer
/// images than went in. `work` gets the image's number, its disguised bytes and room for the guess.
fn each_image(
    layout: Layout,
    disguised: &[u8],
    budget: &Budget,
    progress: &dyn Fn(f64),
    work: impl Fn(usize, &[u8], &mut [u8]) + Sync,
) -> Vec<u8> {
    let len = layout.shape.len();
    let mut guesses = vec![0; disguised.len()];
    for (batch, from) in disguised.chunks(BATCH * len).enumerate() {
        let at = batch * BATCH * len;
        if budget.is_spent() {
            guesses.truncate(at);
            break;
        }
        progress(at as f64 / disguised.len() as f64);
        let to = guesses[at..at + from.len()].par_chunks_exact_mut(len);
        to.zip(from.par_chunks_exact(len))
            .enumerate()
            .for_each(|(i, (to, from))| work(batch * BATCH + i, from, to));
    }
    guesses
}
