//! A similarity that is learned: a small network turns the magnitudes of an encoding into a row of length 1, and
//! encodings that share a private image learn to have rows of large product.
//!
//! A network that looks at two encodings at once, as in the paper, has to see all pairs; this one sees every
//! encoding once. It is trained contrastively (van den Oord, Li, Vinyals: Representation learning with contrastive
//! predictive coding, arXiv 1807.03748) on imitated encodings, where pairs count by how much they have in common.

use super::imitation::{Imitated, Imitator};
use crate::{
    Budget, Progress, Result, Rng,
    attacks::{instahide::similarity::Similarity, learned::mean_and_deviation},
    learning::BATCH,
};
use burn::{
    module::Module,
    nn::{
        LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{
        Device, Tensor,
        activation::{log_softmax, relu},
    },
};
use visard_core::Shape;
use visard_learn::{
    Architecture, Network,
    custom::{self, Fit, Fitter},
};

/// Channels of the first layer.
const FEATURES: usize = 16;

/// What products of rows are multiplied by before their exponentials are compared.
pub(super) const SHARPNESS: f32 = 12.0;

/// Learning rate of AdamW.
const RATE: f64 = 4e-3;

/// Encodings of a step for each image that plays a private one there.
const EACH: usize = 4;

/// One convolution, normalised and rectified, and one linear layer. With a few minutes of training, deeper ones
/// were no better.
#[derive(Module, Debug)]
struct Embedder {
    conv: Conv2d,
    norm: LayerNorm,
    head: Linear,
}

impl Embedder {
    fn new(shape: Shape, width: usize, device: &Device) -> Self {
        let values = FEATURES * shape.height.div_ceil(2) * shape.width.div_ceil(2);
        Self {
            conv: halving(shape.channels, FEATURES, 5, device),
            norm: LayerNormConfig::new(values).init(device),
            head: LinearConfig::new(values, width).init(device),
        }
    }
}

/// A convolution that halves both sides, rounded up; `side` is odd.
pub(super) fn halving(from: usize, to: usize, side: usize, device: &Device) -> Conv2d {
    let pad = side / 2;
    Conv2dConfig::new([from, to], [side, side])
        .with_stride([2, 2])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .init(device)
}

impl Architecture for Embedder {
    fn logits(&self, images: Tensor<4>, _: Option<&mut visard_learn::Rng>) -> Tensor<2> {
        let seen = self.norm.forward(self.conv.forward(images).flatten::<2>(1, 3));
        let rows = self.head.forward(relu(seen));
        let length = (rows.clone().powi_scalar(2).sum_dim(1) + 1e-12).sqrt();
        rows / length
    }
}

/// How magnitudes come to networks: with mean 0 and deviation 1 over all that are attacked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    shape: Shape,
    mean: f32,
    factor: f32,
}

impl Scale {
    pub(super) fn of(shape: Shape, magnitudes: &[f32]) -> Self {
        let (mean, deviation) = mean_and_deviation(magnitudes);
        Self {
            shape,
            mean: mean as f32,
            factor: (1.0 / deviation.max(1e-6)) as f32,
        }
    }

    /// Shape of an encoding.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Encodings, each the rows of that number of magnitudes, as a tensor (N, channels x rows, H, W): where several
    /// rows are named, their channels follow each other.
    pub(super) fn tensor<const ROWS: usize>(
        &self,
        magnitudes: &[f32],
        rows: &[[usize; ROWS]],
        device: &Device,
    ) -> Tensor<4> {
        let (len, channels) = (self.shape.len(), self.shape.channels);
        let area = len / channels;
        let mut values = vec![0f32; rows.len() * ROWS * len];
        let all = rows.iter().flatten();
        for (row, out) in all.zip(values.chunks_exact_mut(len)) {
            for (i, value) in magnitudes[row * len..][..len].iter().enumerate() {
                out[i % channels * area + i / channels] = (value - self.mean) * self.factor;
            }
        }
        let sides = [rows.len(), ROWS * channels, self.shape.height, self.shape.width];
        custom::tensor(values, sides, device)
    }
}

/// How a network is trained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// Steps.
    pub(super) steps: usize,
    /// Encodings in a step.
    pub(super) batch: usize,
    /// Values of a row.
    pub(super) width: usize,
}

/// A trained network.
#[derive(Debug)]
pub(super) struct Embedding {
    network: Box<dyn Network>,
    scale: Scale,
    width: usize,
}

impl Embedding {
    /// Trains on imitations in which the images `chosen` play the private ones; `None` if the time is up before
    /// the last step.
    pub(super) fn train(
        imitator: &Imitator,
        chosen: &[usize],
        scale: Scale,
        course: Course,
        budget: &Budget,
        rng: &mut Rng,
        progress: Progress<'_>,
    ) -> Result<Option<Self>> {
        let device = custom::training_device();
        let network = custom::wrap(Embedder::new(scale.shape, course.width, &device));
        let settings = Fit {
            lr: RATE,
            steps: course.steps,
            seed: rng.next_u64(),
            ..Fit::default()
        };
        let mut fitter = Fitter::new(network, settings)?;
        let many = (course.batch / EACH).clamp(2, chosen.len().max(2));
        let numbers: Vec<[usize; 1]> = (0..course.batch).map(|i| [i]).collect();
        let apart = apart(course.batch, &device);
        for step in 0..course.steps {
            if budget.is_spent() {
                return Ok(None);
            }
            progress(step as f64 / course.steps as f64, "learning a similarity");
            let made = imitator.encode_some(chosen, many, course.batch, rng);
            let images = scale.tensor(&made.magnitudes, &numbers, &device);
            let common = made.common(many);
            let common = custom::tensor(common, [course.batch; 2], &device);
            let rows = fitter.network().logits(images, None);
            let products = rows.clone().matmul(rows.transpose()) * SHARPNESS + apart.clone();
            let loss = (log_softmax(products, 1) * common).sum() * (-1.0 / course.batch as f32);
            fitter.descend(loss);
        }
        Ok(Some(Self {
            network: fitter.network().inference(),
            scale,
            width: course.width,
        }))
    }

    /// Rows of `width` values of length 1, one for each encoding; `None` if the time is up.
    pub(super) fn rows(&self, magnitudes: &[f32], budget: &Budget) -> Option<Vec<f32>> {
        let count = magnitudes.len() / self.scale.shape.len();
        let mut rows = Vec::with_capacity(count * self.width);
        for first in (0..count).step_by(BATCH) {
            if budget.is_spent() {
                return None;
            }
            let numbers: Vec<[usize; 1]> = (first..count.min(first + BATCH)).map(|i| [i]).collect();
            let images = self.scale.tensor(magnitudes, &numbers, &custom::device());
            rows.extend(custom::values(self.network.logits(images, None)));
        }
        Some(rows)
    }

    /// The products of all pairs of rows; `None` if time or memory do not suffice.
    pub(super) fn similarity(&self, magnitudes: &[f32], budget: &Budget) -> Option<Similarity> {
        Similarity::products(&self.rows(magnitudes, budget)?, self.width, budget)
    }

    /// How magnitudes come to the network.
    pub(super) fn scale(&self) -> Scale {
        self.scale
    }
}

/// What keeps encodings from being compared with themselves, to be added to products.
fn apart(count: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0f32; count * count];
    values.iter_mut().step_by(count + 1).for_each(|own| *own = -1e9);
    custom::tensor(values, [count; 2], device)
}

/// Areas under the curve of telling the pairs of imitated encodings that share an image, by a similarity and by
/// the correlation of magnitudes; `None` if the time is up.
pub(super) fn areas(
    made: &Imitated,
    similarity: &Similarity,
    len: usize,
    budget: &Budget,
) -> Option<[f64; 2]> {
    let plain = Similarity::of(&made.magnitudes, len, budget)?;
    let share = |a: usize, b: usize| made.share(a, b);
    Some([similarity.auc(share), plain.auc(share)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_encodings_follow_each_other() {
        let shape = Shape::new(1, 2, 2);
        let magnitudes = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let scale = Scale::of(shape, &magnitudes);
        let tensor = scale.tensor(&magnitudes, &[[1, 0]], &custom::device());
        assert_eq!(tensor.dims(), [1, 4, 1, 2]);
        let values = custom::values(tensor.flatten::<2>(1, 3));
        let deviation = (magnitudes.iter().map(|v| (v - 3.5f32).powi(2)).sum::<f32>() / 8.0).sqrt();
        for (found, wanted) in values.iter().zip([4.0, 6.0, 5.0, 7.0, 0.0, 2.0, 1.0, 3.0]) {
            assert!((found - (wanted - 3.5) / deviation).abs() < 1e-5);
        }
        // Encodings that are all alike have no deviation to divide by.
        let flat = Scale::of(shape, &[2.0; 8]).tensor(&[2.0; 4], &[[0]], &custom::device());
        assert!(custom::values(flat.flatten::<2>(1, 3)).iter().all(|v| *v == 0.0));
    }

    #[test]
    fn rows_have_length_one_whatever_the_sides() {
        for shape in [Shape::new(1, 1, 1), Shape::new(5, 7, 3), Shape::new(16, 16, 1)] {
            let device = custom::training_device();
            let network = custom::wrap(Embedder::new(shape, 9, &device));
            let embedding = Embedding {
                network: Fitter::new(network, Fit::default())
                    .unwrap()
                    .network()
                    .inference(),
                scale: Scale::of(shape, &[0.0, 1.0]),
                width: 9,
            };
            let mut rng = Rng::new(1);
            let magnitudes: Vec<f32> = (0..3 * shape.len()).map(|_| rng.unit() as f32).collect();
            let rows = embedding.rows(&magnitudes, &Budget::generous()).unwrap();
            assert_eq!(rows.len(), 27);
            for row in rows.chunks(9) {
                let length = row.iter().map(|v| v * v).sum::<f32>();
                // A row of nothing but zeros has no direction.
                assert!((length - 1.0).abs() < 1e-3 || length == 0.0, "{shape}: {length}");
            }
        }
    }
}
