//! The network of the paper that looks at two encodings at once, here to look again at those that a learned
//! similarity finds alike.

use super::{
    embedding::{Embedding, SHARPNESS, Scale, halving},
    imitation::Imitator,
};
use crate::{Budget, Progress, Result, Rng, attacks::instahide::similarity::Similarity, learning::BATCH};
use burn::{
    module::Module,
    nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig, conv::Conv2d},
    tensor::{
        Device, Tensor,
        activation::{log_sigmoid, relu},
    },
};
use rayon::prelude::*;
use visard_core::Shape;
use visard_learn::{
    Architecture, Network,
    custom::{self, Fit, Fitter},
};

/// Channels of both convolutions, and units of the layer behind them.
const FEATURES: usize = 32;
const UNITS: usize = 64;

/// Learning rate of AdamW.
const RATE: f64 = 2e-3;

/// Neighbours of an encoding of which training takes one.
const NEAR: usize = 16;

/// Encodings of a step for each image that plays a private one there.
const EACH: usize = 5;

/// From the channels of two encodings to how much likelier it is that they share an image than it seemed.
#[derive(Module, Debug)]
struct Pair {
    conv1: Conv2d,
    norm1: LayerNorm,
    conv2: Conv2d,
    norm2: LayerNorm,
    hidden: Linear,
    head: Linear,
}

impl Pair {
    fn new(shape: Shape, device: &Device) -> Self {
        let half = [shape.height.div_ceil(2), shape.width.div_ceil(2)];
        let quarter = half.map(|side| side.div_ceil(2));
        let norm = |sides: [usize; 2]| LayerNormConfig::new(FEATURES * sides[0] * sides[1]).init(device);
        Self {
            conv1: halving(2 * shape.channels, FEATURES, 5, device),
            norm1: norm(half),
            conv2: halving(FEATURES, FEATURES, 3, device),
            norm2: norm(quarter),
            hidden: LinearConfig::new(FEATURES * quarter[0] * quarter[1], UNITS).init(device),
            head: LinearConfig::new(UNITS, 1).init(device),
        }
    }
}

impl Architecture for Pair {
    fn logits(&self, images: Tensor<4>, _: Option<&mut visard_learn::Rng>) -> Tensor<2> {
        let x = self.conv1.forward(images);
        let sides = x.dims();
        let x = relu(self.norm1.forward(x.flatten::<2>(1, 3))).reshape(sides);
        let x = self.conv2.forward(x).flatten::<2>(1, 3);
        let x = self.hidden.forward(relu(self.norm2.forward(x)));
        self.head.forward(relu(x))
    }
}

/// A trained network, which corrects a similarity.
#[derive(Debug)]
pub(super) struct Pairs {
    network: Box<dyn Network>,
    scale: Scale,
}

impl Pairs {
    /// Trains `steps` steps on neighbours among imitated encodings; `None` if the time is up before the last.
    pub(super) fn train(
        imitator: &Imitator,
        chosen: &[usize],
        embedding: &Embedding,
        (steps, batch): (usize, usize),
        budget: &Budget,
        rng: &mut Rng,
        progress: Progress<'_>,
    ) -> Result<Option<Self>> {
        let device = custom::training_device();
        let scale = embedding.scale();
        let network = custom::wrap(Pair::new(scale.shape(), &device));
        let settings = Fit {
            lr: RATE,
            steps,
            seed: rng.next_u64(),
            ..Fit::default()
        };
        let mut fitter = Fitter::new(network, settings)?;
        let many = (batch / EACH).clamp(2, chosen.len().max(2));
        for step in 0..steps {
            progress(step as f64 / steps as f64, "learning to look at pairs");
            let made = imitator.encode_some(chosen, many, batch, rng);
            let Some(similarity) = embedding.similarity(&made.magnitudes, budget) else {
                return Ok(None);
            };
            let near = neighbours(&similarity, NEAR);
            let pairs: Vec<[usize; 2]> = (near.iter().enumerate())
                .filter(|(_, near)| !near.is_empty())
                .map(|(own, near)| [own, near[rng.below(near.len())]])
                .collect();
            let known: Vec<f32> = pairs
                .iter()
                .map(|[a, b]| similarity.row(*a)[*b] * SHARPNESS)
                .collect();
            // 1 where an image is shared, and -1 where none is.
            let truth = pairs
                .iter()
                .map(|[a, b]| if made.share(*a, *b) { 1.0 } else { -1.0 });
            let truth: Vec<f32> = truth.collect();
            let [known, truth] = [known, truth].map(|v| custom::tensor(v, [pairs.len(), 1], &device));
            let images = scale.tensor(&made.magnitudes, &pairs, &device);
            let odds = fitter.network().logits(images, None) + known;
            fitter.descend(-log_sigmoid(odds * truth).mean());
        }
        Ok(Some(Self {
            network: fitter.network().inference(),
            scale,
        }))
    }

    /// Corrects the similarity of each encoding to its `count` nearest; gives it unchanged where the time is up.
    pub(super) fn correct(
        &self,
        mut similarity: Similarity,
        magnitudes: &[f32],
        count: usize,
        budget: &Budget,
        progress: Progress<'_>,
    ) -> Similarity {
        let near = neighbours(&similarity, count);
        let both = |(own, near): (usize, &Vec<usize>)| -> Vec<[usize; 2]> {
            near.iter()
                .map(|other| [own.min(*other), own.max(*other)])
                .collect()
        };
        let mut pairs: Vec<[usize; 2]> = near.iter().enumerate().flat_map(both).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut corrections = Vec::with_capacity(pairs.len());
        for block in pairs.chunks(BATCH) {
            if budget.is_spent() {
                return similarity;
            }
            progress(corrections.len() as f64 / pairs.len() as f64, "looking at pairs");
            let images = self.scale.tensor(magnitudes, block, &custom::device());
            corrections.extend(custom::values(self.network.logits(images, None)));
        }
        for ([a, b], correction) in pairs.iter().zip(corrections) {
            similarity.raise(*a, *b, correction / SHARPNESS);
        }
        similarity
    }
}

/// The `count` encodings that each is most alike to, itself not among them.
fn neighbours(similarity: &Similarity, count: usize) -> Vec<Vec<usize>> {
    let near = |own: usize| {
        let row = similarity.row(own);
        let mut order: Vec<usize> = (0..row.len()).filter(|other| *other != own).collect();
        let count = count.min(order.len());
        if count > 0 && count < order.len() {
            order.select_nth_unstable_by(count - 1, |a, b| row[*b].total_cmp(&row[*a]).then(a.cmp(b)));
        }
        order.truncate(count);
        // In an order that does not depend on how they were selected.
        order.sort_unstable();
        order
    };
    (0..similarity.count()).into_par_iter().map(near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_named() {
        let values = [
            [1.0, 0.3, 0.9, 0.1],
            [0.3, 1.0, 0.5, 0.2],
            [0.9, 0.5, 1.0, 0.6],
            [0.1, 0.2, 0.6, 1.0],
        ];
        let similarity = Similarity::new(4, values.concat()).unwrap();
        assert_eq!(neighbours(&similarity, 1), [vec![2], vec![2], vec![0], vec![2]]);
        assert_eq!(neighbours(&similarity, 2)[3], [1, 2]);
        assert_eq!(neighbours(&similarity, 9)[0], [1, 2, 3]);
        assert!(neighbours(&similarity, 0)[0].is_empty());
    }
}
