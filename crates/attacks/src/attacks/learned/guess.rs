//! First guesses of pictures, which networks only have to correct.

use crate::{
    Budget, Error, Outcome, Pairs, Progress, Result, Rng, Set, Target,
    attacks::span::{self, Domain},
};
use std::{borrow::Cow, collections::BTreeMap};
use visard_core::{Shape, params::Params};

/// Disguised images with a first guess of each.
#[derive(Clone, Debug)]
pub(super) struct Shown<'a> {
    /// The disguised images.
    pub(super) disguised: Cow<'a, Set>,
    /// Grey levels (H, W, C) of the plain shape for each image, where anything is guessed.
    pub(super) guess: Option<Vec<f32>>,
}

/// The attack `span` on `disguised` with these pairs: stage 1 of a paired attack.
///
/// # Errors
/// Those of `span`, in the name of `attack`.
pub(super) fn by_span(
    attack: &'static str,
    target: &Target,
    pairs: Pairs,
    disguised: Set,
    domain: Domain,
    budget: &Budget,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let word = match domain {
        Domain::Values => "values",
        Domain::Nibbles => "nibbles",
        Domain::Bits => "bits",
    };
    let given = BTreeMap::from([("domain".to_string(), word.to_string())]);
    let params = Params::resolve(span::INFO.params, &given)?;
    let same = Target::new(target.name(), &target.scheme.params().texts(), target.plain)?;
    let exposure = crate::Exposure::new(same, disguised)?.with_pairs(pairs)?;
    // It draws nothing at random.
    (span::INFO.run)(&exposure, &params, budget, &mut Rng::new(0), progress).map_err(|error| match error {
        Error::Unfit { target, problem, .. } => Error::Unfit {
            attack,
            target,
            problem,
        },
        other => other,
    })
}

/// The best guess of a value from the disguised one at its place, one line for each channel: exact for no
/// disguise and for a negative, the mean colour for a good one.
#[derive(Debug)]
pub(super) struct Lines {
    plain: Shape,
    /// Slope and offset of each channel, in grey levels.
    lines: Vec<(f64, f64)>,
}

impl Lines {
    /// Fits to plain images and their disguised forms, under one key or several.
    pub(super) fn fit(known: &Set, disguised: &[&Set]) -> Self {
        let (plain, truth) = (known.shape(), known.to_floats());
        let mut sums = vec![[0f64; 5]; plain.channels];
        for disguised in disguised {
            let seen = disguised.to_floats();
            for image in 0..known.len() {
                for i in 0..plain.len() {
                    let y = f64::from(truth[image * plain.len() + i]);
                    // What does not lie at the same place is not looked at.
                    let place = place(plain, disguised.shape(), i);
                    let x = place.map_or(0.0, |p| f64::from(seen[image * disguised.shape().len() + p]));
                    let sum = &mut sums[i % plain.channels];
                    for (sum, term) in sum.iter_mut().zip([1.0, x, y, x * x, x * y]) {
                        *sum += term;
                    }
                }
            }
        }
        let line = |[count, x, y, xx, xy]: [f64; 5]| {
            let count = count.max(1.0);
            let (mean_x, mean_y) = (x / count, y / count);
            let variance = xx / count - mean_x * mean_x;
            let slope = match variance > 1e-9 * (1.0 + mean_x * mean_x) {
                true => (xy / count - mean_x * mean_y) / variance,
                false => 0.0,
            };
            (slope, mean_y - slope * mean_x)
        };
        Self {
            plain,
            lines: sums.into_iter().map(line).collect(),
        }
    }

    /// Guesses in grey levels, (H, W, C) one after the other.
    pub(super) fn apply(&self, disguised: &Set) -> Vec<f32> {
        let (plain, shape, seen) = (self.plain, disguised.shape(), disguised.to_floats());
        let places: Vec<Option<usize>> = (0..plain.len()).map(|i| place(plain, shape, i)).collect();
        let value = |image: usize, i: usize| {
            let (slope, offset) = self.lines[i % plain.channels];
            let x = places[i].map_or(0.0, |p| f64::from(seen[image * shape.len() + p]));
            (slope * x + offset) as f32
        };
        (0..disguised.len())
            .flat_map(|image| (0..plain.len()).map(move |i| (image, i)))
            .map(|(image, i)| value(image, i))
            .collect()
    }

    /// Disguised images with their guesses.
    pub(super) fn show<'a>(&self, disguised: &'a Set) -> Shown<'a> {
        Shown {
            guess: Some(self.apply(disguised)),
            disguised: Cow::Borrowed(disguised),
        }
    }
}

/// The place in a disguised image that value `i` of the plain one would have if nothing had moved; none where
/// its planes lie side by side.
fn place(plain: Shape, disguised: Shape, i: usize) -> Option<usize> {
    let covers = disguised.height >= plain.height && disguised.width >= plain.width;
    let alike = covers && plain.channels == disguised.channels;
    alike.then(|| i / plain.row() * disguised.row() + i % plain.row())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_undo_negatives_and_end_at_the_mean_of_what_is_unrelated() {
        let (plain, padded) = (Shape::new(3, 5, 2), Shape::new(4, 8, 2));
        let mut rng = Rng::new(1);
        let truth: Vec<u8> = (0..40 * plain.len()).map(|_| rng.next_u64() as u8).collect();
        let mut seen: Vec<u8> = (0..40 * padded.len()).map(|_| rng.next_u64() as u8).collect();
        for (image, values) in truth.chunks(plain.len()).enumerate() {
            for i in (0..plain.len()).step_by(2) {
                // The first channel is inverted, the second is noise.
                seen[image * padded.len() + i / 10 * 16 + i % 10] = 255 - values[i];
            }
        }
        let (truth, seen) = (
            Set::bytes(plain, truth).unwrap(),
            Set::bytes(padded, seen).unwrap(),
        );
        let guess = Lines::fit(&truth, &[&seen]).apply(&seen);
        let bytes = truth.as_bytes().unwrap();
        let mean = |channel: usize| {
            let values = bytes.iter().skip(channel).step_by(2).map(|v| f32::from(*v));
            values.sum::<f32>() / (bytes.len() / 2) as f32
        };
        for (i, value) in guess.iter().enumerate() {
            match i % 2 {
                0 => assert!((value - f32::from(bytes[i])).abs() < 1e-2, "{i}"),
                // 600 samples: the slope is within 4 / sqrt 600 of 0.
                _ => assert!((value - mean(1)).abs() < 128.0 * 0.17, "{i}: {value}"),
            }
        }
    }
}
