//! From logits to classes, figures and their uncertainty.

use crate::{Error, Examples, ModelInfo, Network, Result};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// How many classes a [`Prediction`] lists.
const TOP: usize = 5;

/// How well a model named labelled images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Number of images.
    pub n: u64,
    /// Images named rightly.
    pub correct: u64,
    /// Their share, from 0 to 1.
    pub accuracy: f64,
    /// 95% Wilson interval of the share.
    pub interval: (f64, f64),
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Number of images by true class (row) and answered class (column).
    pub confusion: Vec<Vec<u64>>,
}

/// A model's answer for one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Number of the likeliest class.
    pub class: u32,
    /// Probability the model gives it.
    pub probability: f32,
    /// Up to five likeliest classes with their probabilities, likeliest first.
    pub top: Vec<(u32, f32)>,
}

/// The 95% Wilson score interval for a share of `correct` out of `n`; (0, 1) where `n` is 0.
pub fn wilson(correct: u64, n: u64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    const Z: f64 = 1.959_963_984_540_054;
    let (n, share) = (n as f64, correct as f64 / n as f64);
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (
        ((centre - spread) / scale).max(0.0),
        ((centre + spread) / scale).min(1.0),
    )
}

/// Place of the largest value, the first of equals.
pub(crate) fn argmax(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// Cross-entropy of one image's logits, in nats; not finite where the logits are not.
pub(crate) fn cross_entropy(logits: &[f32], label: u32) -> f64 {
    let top = f64::from(logits[argmax(logits)]);
    let sum: f64 = logits.iter().map(|l| (f64::from(*l) - top).exp()).sum();
    top + sum.ln() - f64::from(logits[label as usize])
}

impl Prediction {
    /// The answer that one image's logits stand for.
    pub(crate) fn of(logits: &[f32]) -> Self {
        let top = logits[argmax(logits)];
        let sum: f32 = logits.iter().map(|l| (l - top).exp()).sum();
        let probability = |i: &u32| (*i, (logits[*i as usize] - top).exp() / sum);
        let mut classes: Vec<u32> = (0..logits.len() as u32).collect();
        classes.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
        let top: Vec<(u32, f32)> = classes.iter().take(TOP).map(probability).collect();
        let (class, probability) = top[0];
        Self {
            class,
            probability,
            top,
        }
    }
}

/// Logits of all images; `each` sees the logits of every batch with the place of its first image.
pub(crate) fn logits(
    network: &dyn Network,
    info: &ModelInfo,
    examples: &Examples,
    batch: usize,
    each: &mut dyn FnMut(usize, &[f32]),
) -> Result<Vec<f32>> {
    examples.check()?;
    if examples.shape != info.shape {
        let problem = format!("the network was trained on images of {}", info.shape);
        return Err(Error::shape(examples.shape, problem));
    }
    let mut all = Vec::with_capacity(examples.len() * info.classes.len());
    let places: Vec<usize> = (0..examples.len()).collect();
    for places in places.chunks(batch.max(1)) {
        let images = examples.batch(places, &info.normalisation, None, &Device::flex());
        let logits = network.logits(images, None).into_data();
        let logits = logits
            .as_slice::<f32>()
            .map_err(|e| Error::Examples(format!("{e:?}")))?;
        each(places[0], logits);
        all.extend_from_slice(logits);
    }
    Ok(all)
}

pub(crate) fn evaluate(
    network: &dyn Network,
    info: &ModelInfo,
    examples: &Examples,
    batch: usize,
) -> Result<Evaluation> {
    let classes = info.classes.len();
    examples.check_labels(classes)?;
    let logits = logits(network, info, examples, batch, &mut |_, _| {})?;
    let mut confusion = vec![vec![0; classes]; classes];
    let mut loss = 0.0;
    for (logits, label) in logits.chunks_exact(classes).zip(&examples.labels) {
        confusion[*label as usize][argmax(logits)] += 1;
        loss += cross_entropy(logits, *label);
    }
    let n = examples.len() as u64;
    let correct = (0..classes).map(|c| confusion[c][c]).sum();
    let share = |value: f64| if n == 0 { 0.0 } else { value / n as f64 };
    Ok(Evaluation {
        n,
        correct,
        accuracy: share(correct as f64),
        interval: wilson(correct, n),
        loss: share(loss),
        confusion,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference: statsmodels' proportion_confint(method="wilson") gives the same to 1e-6.
    #[test]
    fn wilson_intervals_match_the_formula() {
        let near = |(a, b): (f64, f64), (c, d): (f64, f64)| (a - c).abs() < 1e-4 && (b - d).abs() < 1e-4;
        assert!(near(wilson(5, 10), (0.2366, 0.7634)));
        assert!(near(wilson(90, 100), (0.8256, 0.9448)));
        assert!(near(wilson(0, 10), (0.0, 0.2775)));
        assert!(near(wilson(10, 10), (0.7225, 1.0)));
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn answers_are_sorted_and_sum_to_one() {
        let answer = Prediction::of(&[1.0, 3.0, 2.0]);
        assert_eq!(answer.class, 1);
        assert_eq!(answer.top.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 2, 0]);
        assert!((answer.top.iter().map(|t| t.1).sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((answer.probability - 0.66524).abs() < 1e-4);
        // Large logits must not overflow.
        assert!((Prediction::of(&[1000.0, 999.0]).probability - 0.731_058_6).abs() < 1e-5);
    }

    #[test]
    fn cross_entropy_is_the_negative_log_probability() {
        assert!((cross_entropy(&[1.0, 3.0, 2.0], 1) - 0.407_606).abs() < 1e-5);
        assert!((cross_entropy(&[1000.0, 0.0], 1) - 1000.0).abs() < 1e-5);
        assert!(!cross_entropy(&[f32::NAN, 0.0], 1).is_finite());
    }
}
