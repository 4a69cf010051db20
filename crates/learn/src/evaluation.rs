//! From logits to classes, figures and their uncertainty.

use crate::{Error, Examples, ModelInfo, Network, Result};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How many classes a [`Prediction`] lists.
const TOP: usize = 5;

/// How well a model named labelled images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Number of images; all encodings of a picture count as one.
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

/// How well a model named the images of one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// Images of the class.
    pub n: u64,
    /// Share of them that were named rightly.
    pub recall: f64,
    /// 95% Wilson interval of that share.
    pub interval: (f64, f64),
    /// Share of the images given this name that are of the class; 0 where none was.
    pub precision: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

impl Evaluation {
    /// Figures of each class, from the confusion matrix.
    pub fn classes(&self) -> Vec<ClassFigures> {
        let share = |part: u64, all: u64| if all == 0 { 0.0 } else { part as f64 / all as f64 };
        let class = |c: usize| {
            let right = self.confusion[c][c];
            let (n, named) = (
                self.confusion[c].iter().sum(),
                self.confusion.iter().map(|row| row[c]).sum(),
            );
            ClassFigures {
                n,
                recall: share(right, n),
                interval: wilson(right, n),
                precision: share(right, named),
                f1: share(2 * right, n + named),
            }
        };
        (0..self.confusion.len()).map(class).collect()
    }
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

/// Place of the largest value, the first of equals; 0 where there are no values.
pub fn argmax<T: PartialOrd>(values: &[T]) -> usize {
    (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// Logarithm of the sum of the exponentials; not finite where a value is not.
fn log_sum_exp(values: &[f32]) -> f64 {
    let top = f64::from(values[argmax(values)]);
    let sum: f64 = values.iter().map(|v| (f64::from(*v) - top).exp()).sum();
    top + sum.ln()
}

/// Logarithms of the softmax of one image's logits.
fn log_softmax(logits: &[f32]) -> impl Iterator<Item = f64> {
    let all = log_sum_exp(logits);
    logits.iter().map(move |logit| f64::from(*logit) - all)
}

/// Cross-entropy of one image's logits, in nats; not finite where the logits are not.
pub(crate) fn cross_entropy(logits: &[f32], label: u32) -> f64 {
    log_sum_exp(logits) - f64::from(logits[label as usize])
}

/// Likewise for a weight per class: the sum of each class's cross-entropy times its weight.
pub(crate) fn soft_cross_entropy(logits: &[f32], weights: &[f32]) -> f64 {
    let all = log_sum_exp(logits);
    let part = |(weight, logit): (&f32, &f32)| f64::from(*weight) * (all - f64::from(*logit));
    weights.iter().zip(logits).map(part).sum()
}

/// Logits of pictures from those of their encodings, `classes` values each: the logarithms of the
/// mean over `encodings` consecutive softmax outputs. A picture with one encoding keeps its logits.
fn combine(logits: &[f32], classes: usize, encodings: usize) -> Cow<'_, [f32]> {
    if encodings == 1 {
        return Cow::Borrowed(logits);
    }
    let picture = |rows: &[f32]| {
        let logs: Vec<f64> = rows.chunks_exact(classes).flat_map(log_softmax).collect();
        // The largest of a class's logarithms goes before the sum, so that none underflows to nothing.
        let mean = move |class: usize| {
            let logs = || logs.iter().skip(class).step_by(classes);
            let top = logs().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logs().map(|log| (log - top).exp()).sum();
            (top + (sum / encodings as f64).ln()) as f32
        };
        (0..classes).map(mean)
    };
    logits
        .chunks_exact(classes * encodings)
        .flat_map(picture)
        .collect()
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

/// Logits of all images.
pub(crate) fn logits(
    network: &dyn Network,
    info: &ModelInfo,
    examples: &Examples,
    batch: usize,
) -> Result<Vec<f32>> {
    let of = |images| network.logits(images, None);
    rows(network, info, examples, batch, &of)
}

/// What `of` makes of all images, a row for each.
fn rows(
    network: &dyn Network,
    info: &ModelInfo,
    examples: &Examples,
    batch: usize,
    of: &dyn Fn(Tensor<4>) -> Tensor<2>,
) -> Result<Vec<f32>> {
    examples.check()?;
    if examples.shape != info.shape {
        let problem = format!("the network was trained on images of {}", info.shape);
        return Err(Error::shape(examples.shape, problem));
    }
    let mut all = Vec::with_capacity(examples.len() * info.classes.len());
    let places: Vec<usize> = (0..examples.len()).collect();
    let device = network.device();
    for places in places.chunks(batch.max(1)) {
        let images = examples.batch(places, &info.normalisation, None, &device);
        let rows = of(images).into_data();
        let rows = rows
            .as_slice::<f32>()
            .map_err(|e| Error::Examples(format!("{e:?}")))?;
        all.extend_from_slice(rows);
    }
    Ok(all)
}

/// Logarithms of the softmax outputs, a row for each picture.
pub(crate) fn log_probabilities(
    network: &dyn Network,
    info: &ModelInfo,
    examples: &Examples,
    batch: usize,
) -> Result<Vec<f32>> {
    let classes = info.classes.len();
    let logits = logits(network, info, examples, batch)?;
    let logits = combine(&logits, classes, examples.encodings);
    let logs = logits.chunks_exact(classes).flat_map(log_softmax);
    Ok(logs.map(|log| log as f32).collect())
}

/// What the last layer is fed with, or the logits, a row for each image; and how long a row is.
pub(crate) fn embeddings(
    network: &dyn Network,
    info: &ModelInfo,
    examples: &Examples,
    batch: usize,
) -> Result<(usize, Vec<f32>)> {
    let of = |images: Tensor<4>| {
        let embedding = network.embedding(images.clone());
        embedding.unwrap_or_else(|| network.logits(images, None))
    };
    let all = rows(network, info, examples, batch, &of)?;
    let len = match examples.len() {
        0 => info.classes.len(),
        images => all.len() / images,
    };
    Ok((len, all))
}

pub(crate) fn predict(
    network: &dyn Network,
    info: &ModelInfo,
    examples: &Examples,
    batch: usize,
) -> Result<Vec<Prediction>> {
    let classes = info.classes.len();
    let logits = logits(network, info, examples, batch)?;
    let logits = combine(&logits, classes, examples.encodings);
    Ok(logits.chunks_exact(classes).map(Prediction::of).collect())
}

pub(crate) fn evaluate(
    network: &dyn Network,
    info: &ModelInfo,
    examples: &Examples,
    batch: usize,
) -> Result<Evaluation> {
    let classes = info.classes.len();
    let truths = examples.truths(classes)?;
    let logits = logits(network, info, examples, batch)?;
    let logits = combine(&logits, classes, examples.encodings);
    let mut confusion = vec![vec![0; classes]; classes];
    let mut loss = 0.0;
    for (logits, label) in logits.chunks_exact(classes).zip(&truths) {
        confusion[*label as usize][argmax(logits)] += 1;
        loss += cross_entropy(logits, *label);
    }
    let n = truths.len() as u64;
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
    use crate::{Normalisation, State, TrainConfig, network::Forward, optimizer::Optimizer};
    use burn::tensor::{Device, Gradients};
    use visard_core::Shape;
    use visard_data::Stored;

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

    #[test]
    fn soft_cross_entropy_is_the_weighted_sum() {
        let logits = [1.0, 3.0, 2.0];
        let sum = 0.25 * cross_entropy(&logits, 0) + 0.5 * cross_entropy(&logits, 2);
        assert!((soft_cross_entropy(&logits, &[0.25, 0.0, 0.5]) - sum).abs() < 1e-12);
        assert_eq!(
            soft_cross_entropy(&logits, &[0.0, 1.0, 0.0]),
            cross_entropy(&logits, 1)
        );
    }

    /// Probabilities are averaged: not logits, and not votes.
    #[test]
    fn encodings_are_combined_by_the_mean_of_their_probabilities() {
        let probabilities =
            |logits: &[f32]| -> Vec<f32> { combine(logits, 2, 3).iter().map(|log| log.exp()).collect() };
        // (0.8, 0.2), (0.4, 0.6), (0.9, 0.1), as logits with different offsets.
        let logits = [
            4f32.ln() + 7.0,
            7.0,
            2f32.ln(),
            3f32.ln(),
            9f32.ln() - 90.0,
            -90.0,
        ];
        let mean = probabilities(&logits);
        assert!(
            (mean[0] - 0.7).abs() < 1e-6 && (mean[1] - 0.3).abs() < 1e-6,
            "{mean:?}"
        );
        // The mean of the logits is (20 / 3, 2): class 0.
        let one_loud = probabilities(&[20.0, 0.0, 0.0, 3.0, 0.0, 3.0]);
        assert!(
            (one_loud[0] - (1.0 + 2.0 * 0.047_425_87) / 3.0).abs() < 1e-5,
            "{one_loud:?}"
        );
        // Two of three vote for class 1.
        assert_eq!(argmax(&combine(&[9.0, 0.0, 0.0, 0.5, 0.0, 0.5], 2, 3)), 0);
        // Neither large nor far logits become infinite.
        let far = combine(&[3e38, -3e38, 3e38, -3e38], 2, 2);
        assert!(far[0] == 0.0 && far[1] == f32::NEG_INFINITY, "{far:?}");
        let far = combine(&[1e6, 0.0, 2e6, 0.0], 2, 2);
        assert!(far[0].abs() < 1e-6 && (far[1] + 1e6).abs() < 1.0, "{far:?}");
        // Pictures do not mix.
        let two = combine(&[5.0, 0.0, 5.0, 0.0, 0.0, 5.0, 0.0, 5.0], 2, 2);
        assert_eq!([argmax(&two[..2]), argmax(&two[2..])], [0, 1]);
        // A single encoding keeps its logits to the bit.
        assert!(matches!(combine(&logits, 2, 1), Cow::Borrowed(same) if same == logits));
    }

    /// A network whose logits are the values of the image, so that logits can be made by hand.
    #[derive(Debug)]
    struct Mirror;

    impl Network for Mirror {
        fn forward(&self, images: Tensor<4>, _: Option<&mut crate::Rng>) -> Forward {
            Forward {
                logits: images.flatten(1, 3),
                penalty: None,
            }
        }

        fn square_norm(&self, _: &Gradients) -> f64 {
            0.0
        }

        fn device(&self) -> Device {
            Device::flex()
        }

        fn state(&self) -> State {
            State::new()
        }

        fn restore(&mut self, _: &State) -> Result<(), String> {
            Ok(())
        }

        fn step(&mut self, _: &mut Gradients, _: &mut Optimizer) {}

        fn inference(&self) -> Box<dyn Network> {
            Box::new(Self)
        }

        fn frozen(&self) -> Box<dyn Network> {
            Box::new(Self)
        }

        fn embedding(&self, _: Tensor<4>) -> Option<Tensor<2>> {
            None
        }
    }

    fn mirrored(logits: &[[f32; 3]], labels: &[u32]) -> (ModelInfo, Examples) {
        let shape = Shape::new(1, 3, 1);
        let normal = Normalisation {
            mean: vec![0.0],
            std: vec![1.0 / 255.0],
        };
        let names = ["a", "b", "c"].map(String::from);
        let config = TrainConfig::new("mlp", &Default::default()).unwrap();
        let pixels = Stored::F32(logits.concat());
        let examples = Examples::new(shape, pixels, None, labels.to_vec()).unwrap();
        (ModelInfo::new(&config, shape, &names, normal), examples)
    }

    #[test]
    fn class_figures_follow_from_the_confusion_matrix() {
        let evaluation = Evaluation {
            n: 10,
            correct: 7,
            accuracy: 0.7,
            interval: (0.0, 1.0),
            loss: 1.0,
            confusion: vec![vec![4, 1, 0], vec![2, 3, 0], vec![0, 0, 0]],
        };
        let classes = evaluation.classes();
        assert_eq!((classes[0].n, classes[0].recall), (5, 0.8));
        assert_eq!(classes[0].interval, wilson(4, 5));
        assert!((classes[0].precision - 4.0 / 6.0).abs() < 1e-12);
        assert!((classes[1].f1 - 2.0 * 0.75 * 0.6 / 1.35).abs() < 1e-12);
        assert_eq!(
            (classes[2].recall, classes[2].precision, classes[2].f1),
            (0.0, 0.0, 0.0)
        );
    }

    #[test]
    fn pictures_are_counted_once_and_judged_by_all_their_encodings() {
        let logits = [[5.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 4.0], [3.0, 0.0, 0.0]];
        let (info, one) = mirrored(&logits, &[0, 0, 0, 0]);
        let apart = evaluate(&Mirror, &info, &one, 2).unwrap();
        assert_eq!((apart.n, apart.correct), (4, 2));
        let two = one.with_encodings(2).unwrap();
        // Batches that part a picture change nothing.
        for batch in [1, 2, 3, 100] {
            let together = evaluate(&Mirror, &info, &two, batch).unwrap();
            assert_eq!((together.n, together.correct), (2, 1));
            assert_eq!(together.confusion, [[1, 0, 1], [0, 0, 0], [0, 0, 0]]);
            assert_eq!(together.interval, wilson(1, 2));
            // Probabilities of class 0: (0.986703 + 0.274069) / 2 and (0.017668 + 0.909443) / 2.
            let loss = -(0.630_386f64.ln() + 0.463_556f64.ln()) / 2.0;
            assert!((together.loss - loss).abs() < 1e-5, "{} {loss}", together.loss);
        }
        let answers = predict(&Mirror, &info, &two, 3).unwrap();
        assert_eq!(answers.iter().map(|a| a.class).collect::<Vec<_>>(), [0, 2]);
        assert!((answers[0].probability - 0.630_386).abs() < 1e-5);
        let all: f32 = answers[1].top.iter().map(|t| t.1).sum();
        assert!((all - 1.0).abs() < 1e-6);

        let mut odd = two.clone();
        odd.encodings = 3;
        assert!(matches!(
            predict(&Mirror, &info, &odd, 8),
            Err(Error::Examples(_))
        ));
        assert!(matches!(
            evaluate(&Mirror, &info, &odd, 8),
            Err(Error::Examples(_))
        ));
        odd.encodings = 0;
        assert!(matches!(
            predict(&Mirror, &info, &odd, 8),
            Err(Error::Examples(_))
        ));
        assert!(matches!(
            evaluate(&Mirror, &info, &odd, 8),
            Err(Error::Examples(_))
        ));
    }

    #[test]
    fn soft_labels_alone_are_judged_by_their_heaviest_class() {
        let (info, plain) = mirrored(
            &[[5.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0; 3]],
            &[],
        );
        let weights = vec![0.4, 0.3, 0.1, 0.5, 0.2, 0.0, 0.1, 0.1, 0.2, 0.6, 0.0, 0.0];
        let soft = plain
            .with_soft(Some(crate::Soft { classes: 3, weights }))
            .unwrap();
        let apart = evaluate(&Mirror, &info, &soft, 4).unwrap();
        assert_eq!(apart.confusion, [[2, 1, 0], [0, 0, 0], [0, 0, 1]]);
        let together = evaluate(&Mirror, &info, &soft.with_encodings(2).unwrap(), 4).unwrap();
        assert_eq!(together.confusion, [[1, 0, 0], [0, 0, 0], [0, 0, 1]]);
    }
}
