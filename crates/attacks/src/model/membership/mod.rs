//! Membership inference: was the model trained on a picture (ATTACKS, section 8.1)?
//!
//! Every attack gives each candidate a number, the larger the more likely the model was trained on it; how
//! well these tell is for [`score::membership`](super::score::membership) to say, which knows the truth. What
//! is looked at is the [`margin`] of the picture's label in the answer of the model, and in the answers of
//! shadow models that the adversary trains itself, by the victim's recipe, on pictures that it knows.

mod lira;
mod logistic;
mod normals;
mod rmia;
mod shadows;
mod shokri;
mod yeom;

pub(super) use lira::{OFFLINE as LIRA_OFFLINE, ONLINE as LIRA};
pub(super) use rmia::INFO as RMIA;
pub(super) use shokri::INFO as SHADOW;
pub(super) use yeom::INFO as LOSS;

use super::{Found, ModelExposure, ModelOutcome};
use crate::{Budget, Error, Result, Verdict, learning};
use std::borrow::Cow;
use visard_core::params::{Kind, ParamSpec};
use visard_data::Stored;
use visard_learn::{Examples, Model};

/// Pictures that are asked about between two looks at the budget.
const CHUNK: usize = 4 * learning::BATCH;
/// Margins beyond this many nats count as this many: no f32 logit of a useful network is so large.
const LIMIT: f64 = 1e9;

const MIRROR: ParamSpec = ParamSpec {
    name: "mirror",
    help: "whether models are also asked about the mirror image of each picture, and the mean of the margins \
           is taken; for models that were trained on mirrored pictures too",
    kind: Kind::Bool,
    default: "false",
};

/// The parameter that says how many shadow models are trained.
const fn shadows(default: &'static str) -> ParamSpec {
    ParamSpec {
        name: "shadows",
        help: "number of shadow models, each trained as the model was",
        kind: Kind::Int { min: 2, max: 256 },
        default,
    }
}

/// Logarithm of the probability of a label less that of all other classes together, in nats. It is computed
/// from the probabilities of the others, so that it stays exact where that of the label is almost 1.
///
/// `row` holds the logarithms of the probabilities of all classes. There is no margin if the label is beyond
/// them, if there is a single class, or if a value is NaN.
fn margin(row: &[f32], label: usize) -> Option<f64> {
    let own = f64::from(*row.get(label)?);
    let others = || row.iter().enumerate().filter(|(class, _)| *class != label);
    if row.len() < 2 || row.iter().any(|v| v.is_nan()) {
        return None;
    }
    let top = others()
        .map(|(_, v)| f64::from(*v))
        .fold(f64::NEG_INFINITY, f64::max);
    if own.is_infinite() || top.is_infinite() {
        return Some(if own > top { LIMIT } else { -LIMIT });
    }
    let sum: f64 = others().map(|(_, v)| (f64::from(*v) - top).exp()).sum();
    Some((own - top - sum.ln()).clamp(-LIMIT, LIMIT))
}

/// Logarithm of the probability that belongs to a margin, which is minus the cross-entropy.
fn log_probability(margin: f64) -> f64 {
    match margin >= 0.0 {
        true => -(-margin).exp().ln_1p(),
        false => margin - margin.exp().ln_1p(),
    }
}

/// Asks a model: logarithms of its probabilities, a row for each picture.
type Ask<'a> = &'a dyn Fn(&Examples) -> Result<Vec<f32>>;

/// Pictures with their labels as they are put to models.
struct Questions<'a> {
    views: Vec<Cow<'a, Examples>>,
    labels: Vec<u32>,
    classes: usize,
}

impl<'a> Questions<'a> {
    fn new(pictures: &'a Examples, classes: usize, mirror: bool) -> Self {
        let mut views = vec![Cow::Borrowed(pictures)];
        if mirror {
            views.push(Cow::Owned(mirrored(pictures)));
        }
        Self {
            views,
            labels: learning::labels(pictures),
            classes,
        }
    }

    fn len(&self) -> usize {
        self.labels.len()
    }

    /// The answers about the pictures as they are; none if the budget is spent before.
    fn rows(&self, ask: Ask<'_>, budget: &Budget) -> Result<Option<Vec<f32>>> {
        rows(&self.views[0], ask, budget)
    }

    /// The margin of each picture, the mean over its views; none if the budget is spent before.
    fn margins(&self, ask: Ask<'_>, budget: &Budget) -> Result<Option<Vec<f64>>> {
        let mut means = vec![0.0; self.len()];
        for view in &self.views {
            let Some(rows) = rows(view, ask, budget)? else {
                return Ok(None);
            };
            for ((mean, row), label) in means
                .iter_mut()
                .zip(rows.chunks_exact(self.classes))
                .zip(&self.labels)
            {
                let margin = margin(row, *label as usize).ok_or_else(no_number)?;
                *mean += margin / self.views.len() as f64;
            }
        }
        Ok(Some(means))
    }
}

fn rows(images: &Examples, ask: Ask<'_>, budget: &Budget) -> Result<Option<Vec<f32>>> {
    let mut all = Vec::new();
    let step = CHUNK * images.encodings.max(1);
    for start in (0..images.len()).step_by(step) {
        if budget.is_spent() {
            return Ok(None);
        }
        all.extend(ask(&images.slice(start..start + step))?);
    }
    Ok(Some(all))
}

/// How a shadow model is asked.
fn answers(model: &Model) -> impl Fn(&Examples) -> Result<Vec<f32>> + '_ {
    |images| Ok(model.log_probabilities(images, learning::BATCH)?)
}

fn no_number() -> Error {
    Error::Exposure("a model answers with what is no number; was its training cut short?".into())
}

/// The images with left and right exchanged.
fn mirrored(images: &Examples) -> Examples {
    let (width, channels) = (images.shape.width, images.shape.channels);
    fn flip<T: Copy>(values: &[T], width: usize, channels: usize) -> Vec<T> {
        values
            .chunks_exact(width * channels)
            .flat_map(|row| row.chunks_exact(channels).rev().flatten().copied())
            .collect()
    }
    Examples {
        shape: images.shape,
        pixels: match &images.pixels {
            Stored::U8(v) => Stored::U8(flip(v, width, channels)),
            Stored::U16(v) => Stored::U16(flip(v, width, channels)),
            Stored::F32(v) => Stored::F32(flip(v, width, channels)),
        },
        scale: images.scale,
        labels: images.labels.clone(),
        soft: images.soft.clone(),
        encodings: images.encodings,
    }
}

/// Refuses what no attack on membership can use.
fn check(exposure: &ModelExposure<'_>) -> Result<()> {
    exposure.check()?;
    match exposure.victim.classes() {
        0 | 1 => Err(Error::Exposure(
            "membership is inferred from how sure a model is: it needs at least two classes".into(),
        )),
        _ => Ok(()),
    }
}

/// What to say where not even the model's own answers came in time.
fn unasked() -> ModelOutcome {
    ModelOutcome::inconclusive("the time was up before the model had answered; allow more")
}

/// Scores from so many of all shadow models; nothing where `scores` are none.
fn outcome(scores: Option<Vec<f64>>, trained: usize, wanted: usize) -> ModelOutcome {
    let mut outcome = ModelOutcome::found(scores.map_or(Found::Nothing, Found::Members));
    if trained < wanted {
        let why = format!("{trained} of {wanted} shadow models were trained when the time was up");
        outcome.verdict = Verdict::Inconclusive(why);
    }
    outcome.figures.insert("shadows", trained as f64);
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::Shape;

    #[test]
    fn margins_are_exact_at_both_ends_and_refuse_what_is_none() {
        // Probabilities 1/2, 1/4, 1/4: as much for the first class as against it.
        let row = [0.5f32.ln(), 0.25f32.ln(), 0.25f32.ln()];
        assert!(margin(&row, 0).unwrap().abs() < 1e-7);
        assert!((margin(&row, 1).unwrap() - (1f64 / 3.0).ln()).abs() < 1e-7);
        // Minus 0 is what is left in f32 of a probability of 1 less 2 e^-40.
        let sure = [-0.0f32, -40.0, -40.0];
        assert!((margin(&sure, 0).unwrap() - (40.0 - 2f64.ln())).abs() < 1e-9);
        assert!((margin(&sure, 1).unwrap() + 40.0).abs() < 1e-9);
        assert_eq!(margin(&[0.0, f32::NEG_INFINITY], 0), Some(LIMIT));
        assert_eq!(margin(&[0.0, f32::NEG_INFINITY], 1), Some(-LIMIT));
        for (bad, label) in [
            (&row[..], 3),
            (&row[..1], 0),
            (&[f32::NAN, 0.0][..], 1),
            (&[][..], 0),
        ] {
            assert_eq!(margin(bad, label), None);
        }
    }

    #[test]
    fn probabilities_belong_to_margins() {
        for (margin, expected) in [(0.0, 0.5f64.ln()), (3f64.ln(), 0.75f64.ln()), (-700.0, -700.0)] {
            assert!((log_probability(margin) - expected).abs() < 1e-12, "{margin}");
        }
        // Sure answers stay apart: a loss of e^-50 is no loss of 0.
        assert!((log_probability(50.0) / -(-50f64).exp() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn mirrors_exchange_columns_and_keep_channels() {
        let shape = Shape::new(2, 3, 2);
        let images = Examples::new(shape, Stored::U8((0..24).collect()), None, vec![4, 5]).unwrap();
        let mirror = mirrored(&images);
        let Stored::U8(pixels) = &mirror.pixels else {
            panic!("bytes stay bytes");
        };
        assert_eq!(pixels[..12], [4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7]);
        assert_eq!(mirrored(&mirror), images);
    }

    #[test]
    fn views_are_averaged_and_questions_come_in_chunks() {
        let count = CHUNK + 3;
        let shape = Shape::new(1, 2, 1);
        let pixels = (0..2 * count).map(|i| (i % 7) as u8).collect();
        let images = Examples::new(shape, Stored::U8(pixels), None, vec![0; count]).unwrap();
        // The margin of the first class is the left value.
        let ask = |asked: &Examples| -> Result<Vec<f32>> {
            assert!(asked.len() <= CHUNK);
            let Stored::U8(v) = &asked.pixels else {
                panic!("bytes stay bytes");
            };
            Ok(v.chunks(2).flat_map(|p| [f32::from(p[0]), 0.0]).collect())
        };
        let budget = Budget::generous();
        let plain = Questions::new(&images, 2, false)
            .margins(&ask, &budget)
            .unwrap()
            .unwrap();
        let both = Questions::new(&images, 2, true)
            .margins(&ask, &budget)
            .unwrap()
            .unwrap();
        assert_eq!((plain.len(), both.len()), (count, count));
        // The second picture is (2, 3).
        assert_eq!((plain[1], both[1]), (2.0, 2.5));
        let spent = Budget::new(Some(std::time::Duration::ZERO), 1);
        assert!(
            Questions::new(&images, 2, false)
                .margins(&ask, &spent)
                .unwrap()
                .is_none()
        );
    }
}
