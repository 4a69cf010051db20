//! Judging an attack's guesses with the truth, which attacks themselves never see.
//!
//! A figure says little without its null: the same figure for the disguised images themselves, for the mean
//! image, and for what the attack makes of another key. All of them stand beside the guess's in a [`Score`],
//! and where the attack cannot know a global state, both as they are and after the best state was chosen.

mod ambiguity;

use crate::{
    Result, Set,
    metrics::{self, Spread},
};
use rayon::prelude::*;
use serde::Serialize;
use visard_core::Shape;

use ambiguity::Choice;
pub use ambiguity::{Ambiguity, Choose, State};

/// What is judged besides the guesses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// States that the attack cannot know.
    pub ambiguity: Ambiguity,
    /// Whether the best state is chosen once for the whole set or for each image.
    pub choose: Choose,
    /// The disguised images, in grey levels; left out where they have another shape than the plain ones.
    pub disguised: Option<&'a Set>,
    /// What the attack made of the wrong key: of images that were disguised under another one.
    pub wrong_key: Option<&'a Set>,
}

/// Figures of a set of guesses, each with its spread over the images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Peak signal-to-noise ratio in dB; infinite for exact images.
    pub psnr: Spread,
    /// Structural similarity; none for images smaller than 7x7.
    pub ssim: Option<Spread>,
    /// Edge correlation, over the images where it exists.
    pub edges: Option<Spread>,
    /// Share of exactly right values.
    pub pixels: Spread,
    /// Share of values with the right high nibble.
    pub high_nibbles: Spread,
    /// Share of values with the right low nibble.
    pub low_nibbles: Spread,
    /// Peak signal-to-noise ratio in dB of the mean squared error over all images, as text if infinite.
    #[serde(serialize_with = "metrics::finite_or_text")]
    pub pooled_psnr: f64,
    /// Share of images that are exactly right.
    pub exact: f64,
}

/// Figures of guesses as they are, and modulo the states that the attack cannot know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// As they are.
    pub raw: Quality,
    /// After the state with the least squared error; none if no ambiguity was asked for.
    pub modulo: Option<Quality>,
    /// The state, where one was chosen for the whole set.
    pub state: Option<State>,
}

/// Guesses beside their nulls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Number of images.
    pub images: usize,
    /// Their shape.
    pub shape: Shape,
    /// States that were tried.
    pub ambiguity: Ambiguity,
    /// Whether they were chosen once or for each image.
    pub choose: Choose,
    /// The guesses.
    pub guess: Judged,
    /// Null: the disguised images, where they have the shape of the plain ones.
    pub disguised: Option<Judged>,
    /// Null: for each image the mean of all others; none for a single image.
    pub mean: Option<Judged>,
    /// Null: the guesses under a wrong key.
    pub wrong_key: Option<Judged>,
}

/// Judges guesses of plain images, in the same order; floats are confined to 0..=255 and rounded.
///
/// # Errors
/// If shapes or numbers differ, or there are no images.
pub fn score(truth: &Set, guess: &Set, options: &Options<'_>) -> Result<Score> {
    if truth.is_empty() {
        return Err(crate::Error::Exposure("there are no images to judge".into()));
    }
    let judge = |guess: &Set| judge(truth, guess, options);
    let fits = |set: &&Set| set.shape() == truth.shape();
    Ok(Score {
        images: truth.len(),
        shape: truth.shape(),
        ambiguity: options.ambiguity,
        choose: options.choose,
        guess: judge(guess)?,
        disguised: options.disguised.filter(fits).map(judge).transpose()?,
        mean: mean_of_others(truth)?.as_ref().map(judge).transpose()?,
        wrong_key: options.wrong_key.map(judge).transpose()?,
    })
}

/// The figures of guesses as they are.
///
/// # Errors
/// If shapes or numbers differ, or there are no images.
pub fn quality(truth: &Set, guess: &Set) -> Result<Quality> {
    metrics::same_shape(truth, guess)?;
    let (t, g) = (metrics::to_bytes(truth), metrics::to_bytes(guess));
    figures(truth.shape(), &t, &g)
}

fn judge(truth: &Set, guess: &Set, options: &Options<'_>) -> Result<Judged> {
    let shape = truth.shape();
    metrics::same_shape(truth, guess)?;
    let (t, g) = (metrics::to_bytes(truth), metrics::to_bytes(guess));
    let raw = figures(shape, &t, &g)?;
    let states = options.ambiguity.states(shape);
    if states.len() < 2 {
        return Ok(Judged {
            raw,
            modulo: None,
            state: None,
        });
    }
    let choice = ambiguity::choose(shape, &t, &g, &states, options.choose);
    let turned: Vec<u8> = g
        .par_chunks_exact(shape.len())
        .enumerate()
        .flat_map_iter(|(i, image)| choice.of(i).apply(shape, image))
        .collect();
    Ok(Judged {
        raw,
        modulo: Some(figures(shape, &t, &turned)?),
        state: match choice {
            Choice::Once(state) => Some(state),
            Choice::Each(_) => None,
        },
    })
}

/// Figures of one image.
struct Figures {
    error: u64,
    ssim: Option<f64>,
    edges: Option<f64>,
    pixels: f64,
    nibbles: (f64, f64),
}

fn figures(shape: Shape, truth: &[u8], guess: &[u8]) -> Result<Quality> {
    let len = shape.len();
    let one = |(t, g): (&[u8], &[u8])| Figures {
        error: metrics::squared_error(t, g),
        ssim: metrics::ssim(shape, t, g),
        edges: metrics::edge_correlation(shape, t, g),
        pixels: metrics::pixel_rate(t, g),
        nibbles: metrics::nibble_rates(t, g),
    };
    let all: Vec<Figures> = truth
        .par_chunks_exact(len)
        .zip(guess.par_chunks_exact(len))
        .map(one)
        .collect();
    let of = |pick: &dyn Fn(&Figures) -> f64| {
        Spread::of(all.iter().map(pick))
            .ok_or_else(|| crate::Error::Exposure("there are no images to judge".into()))
    };
    let error: u64 = all.iter().map(|f| f.error).sum();
    Ok(Quality {
        psnr: of(&|f| metrics::psnr_of(f.error as f64 / len as f64))?,
        ssim: Spread::of(all.iter().filter_map(|f| f.ssim)),
        edges: Spread::of(all.iter().filter_map(|f| f.edges)),
        pixels: of(&|f| f.pixels)?,
        high_nibbles: of(&|f| f.nibbles.0)?,
        low_nibbles: of(&|f| f.nibbles.1)?,
        pooled_psnr: metrics::psnr_of(error as f64 / (all.len() * len) as f64),
        exact: all.iter().filter(|f| f.error == 0).count() as f64 / all.len() as f64,
    })
}

/// For each image the mean of all others, so that no image takes part in its own guess.
fn mean_of_others(truth: &Set) -> Result<Option<Set>> {
    let others = truth.len().saturating_sub(1) as u64;
    if others == 0 {
        return Ok(None);
    }
    let bytes = metrics::to_bytes(truth);
    let mut sums = vec![0u64; truth.shape().len()];
    for image in bytes.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(image) {
            *sum += u64::from(*value);
        }
    }
    // Half a unit before the division rounds half up; a mean of bytes is a byte.
    let mean = |(value, sum): (&u8, &u64)| ((2 * (sum - u64::from(*value)) + others) / (2 * others)) as u8;
    let means = bytes
        .par_chunks_exact(sums.len())
        .flat_map_iter(|image| image.iter().zip(&sums).map(mean))
        .collect();
    Set::bytes(truth.shape(), means).map(Some)
}
