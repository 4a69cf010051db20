//! A densely connected network for small images.

use super::{
    Meets, NetworkInfo, boxed,
    resnet::{average, convolution},
};
use crate::{Architecture, Error, Network, OptimizerKind, Result, Rng};
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, conv::Conv2d, pool::AvgPool2dConfig};
use burn::tensor::{Device, Tensor, activation::relu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

/// DenseNet-BC for images of about 32x32 pixels, as in the paper's experiments with CIFAR.
pub(super) static INFO: NetworkInfo = NetworkInfo {
    name: "densenet",
    title: "densely connected network",
    paper: "Huang, Liu, van der Maaten, Weinberger: Densely connected convolutional networks, CVPR 2017",
    summary: "three blocks in which each convolution sees the features of all before it; few weights, much \
              work",
    suits: "plain images and pixel-wise schemes",
    meets: Meets::Pixels,
    params: &[
        ParamSpec {
            name: "growth",
            help: "channels that each layer adds",
            kind: Kind::Int { min: 1, max: 128 },
            default: "12",
        },
        ParamSpec {
            name: "depth",
            help: "layers with weights: 4 and a multiple of 6 (of 3 where bottleneck=false)",
            kind: Kind::Int { min: 7, max: 250 },
            default: "40",
        },
        ParamSpec {
            name: "compression",
            help: "share of the channels that is kept between blocks",
            kind: Kind::Float { min: 0.1, max: 1.0 },
            default: "0.5",
        },
        ParamSpec {
            name: "bottleneck",
            help: "whether a 1x1 convolution to four times growth goes before each 3x3 convolution",
            kind: Kind::Bool,
            default: "true",
        },
    ],
    epochs: 10,
    batch: 64,
    lr: 0.05,
    optimizer: OptimizerKind::Sgd,
    build,
};

const BLOCKS: usize = 3;

/// Normalises, rectifies and convolves, in this order.
#[derive(Module, Debug)]
struct Unit {
    bn: BatchNorm,
    conv: Conv2d,
}

/// Adds channels to those it is given.
#[derive(Module, Debug)]
struct Layer {
    bottleneck: Option<Unit>,
    unit: Unit,
}

#[derive(Module, Debug)]
struct Block {
    layers: Vec<Layer>,
    /// Keeps some of the channels and half of each side for the next block.
    transition: Option<Unit>,
}

#[derive(Module, Debug)]
struct DenseNet {
    conv: Conv2d,
    blocks: Vec<Block>,
    bn: BatchNorm,
    head: Linear,
}

impl Unit {
    fn new(channels: [usize; 2], side: usize, device: &Device) -> Self {
        Self {
            bn: BatchNormConfig::new(channels[0]).init(device),
            conv: convolution(channels, side, 1, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(relu(self.bn.forward(x)))
    }
}

impl Layer {
    fn new(channels: usize, growth: usize, bottleneck: bool, device: &Device) -> Self {
        // The paper's factor.
        let narrow = 4 * growth;
        let from = if bottleneck { narrow } else { channels };
        Self {
            bottleneck: bottleneck.then(|| Unit::new([channels, narrow], 1, device)),
            unit: Unit::new([from, growth], 3, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let narrowed = match &self.bottleneck {
            Some(bottleneck) => bottleneck.forward(x.clone()),
            None => x.clone(),
        };
        Tensor::cat(vec![x, self.unit.forward(narrowed)], 1)
    }
}

fn build(params: &Params, shape: Shape, classes: usize, device: &Device) -> Result<Box<dyn Network>> {
    let (growth, depth) = (params.int("growth") as usize, params.int("depth") as usize);
    let bottleneck = params.bool("bottleneck");
    // The first convolution, two transitions and the last layer count too.
    let (rest, unit) = (
        depth.saturating_sub(4),
        if bottleneck { 2 * BLOCKS } else { BLOCKS },
    );
    if rest == 0 || !rest.is_multiple_of(unit) {
        let problem = format!("{depth} is not 4 and a multiple of {unit}, as bottleneck={bottleneck} needs");
        return Err(Error::Setting {
            name: "depth",
            problem,
        });
    }
    let mut channels = if bottleneck { 2 * growth } else { 16 };
    let conv = convolution([shape.channels, channels], 3, 1, device);
    let mut blocks = Vec::new();
    for place in 1..=BLOCKS {
        let mut layers = Vec::new();
        for _ in 0..rest / unit {
            layers.push(Layer::new(channels, growth, bottleneck, device));
            channels += growth;
        }
        let kept = (channels as f64 * params.float("compression")) as usize;
        let transition = (place < BLOCKS).then(|| Unit::new([channels, kept.max(1)], 1, device));
        if transition.is_some() {
            channels = kept.max(1);
        }
        blocks.push(Block { layers, transition });
    }
    Ok(boxed(DenseNet {
        conv,
        blocks,
        bn: BatchNormConfig::new(channels).init(device),
        head: LinearConfig::new(channels, classes).init(device),
    }))
}

/// The mean over 2x2 pixels; a side of one pixel cannot be halved.
fn halve(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let window = [height.min(2), width.min(2)];
    match window {
        [1, 1] => x,
        window => AvgPool2dConfig::new(window)
            .with_strides(window)
            .init()
            .forward(x),
    }
}

impl DenseNet {
    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.conv.forward(images);
        for block in &self.blocks {
            for layer in &block.layers {
                x = layer.forward(x);
            }
            if let Some(transition) = &block.transition {
                x = halve(transition.forward(x));
            }
        }
        average(relu(self.bn.forward(x)))
    }
}

impl Architecture for DenseNet {
    fn logits(&self, images: Tensor<4>, _: Option<&mut Rng>) -> Tensor<2> {
        self.head.forward(self.features(images))
    }

    fn embedding(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        Some(self.features(images))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks;

    fn network(given: &[(&str, &str)], shape: Shape) -> Result<Box<dyn Network>> {
        let info = networks::find("densenet").unwrap();
        let given = (given.iter())
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let params = Params::resolve(info.params, &given).unwrap();
        info.build(&params, shape, 10, 0, &Device::flex())
    }

    /// The numbers of weights that are known of DenseNet-BC with growth 12 for CIFAR-10.
    #[test]
    fn there_are_as_many_weights_as_in_the_paper() {
        for (depth, wanted) in [("40", 176_122), ("100", 769_162)] {
            let state = network(&[("depth", depth)], Shape::new(32, 32, 3))
                .unwrap()
                .state();
            let count: usize = (state.iter())
                .filter(|(name, _)| !name.contains("running_"))
                .map(|(_, values)| values.values.len())
                .sum();
            assert_eq!(count, wanted, "depth {depth}");
        }
    }

    #[test]
    fn images_of_every_shape_get_logits() {
        for shape in [(28, 28, 1), (32, 32, 3), (7, 7, 16), (5, 1, 2), (1, 1, 1)] {
            let shape = Shape::new(shape.0, shape.1, shape.2);
            for (depth, bottleneck) in [("10", "true"), ("7", "false")] {
                let given = [("depth", depth), ("bottleneck", bottleneck), ("growth", "4")];
                let network = network(&given, shape).unwrap();
                let images = Tensor::zeros([2, shape.channels, shape.height, shape.width], &Device::flex());
                let dims = network.logits(images, None).dims();
                assert_eq!(dims, [2, 10], "{depth} {shape}");
            }
        }
    }

    #[test]
    fn depths_that_do_not_divide_are_refused() {
        for depth in ["7", "39", "41"] {
            let refused = network(&[("depth", depth)], Shape::new(8, 8, 1));
            assert!(
                matches!(refused, Err(Error::Setting { name: "depth", .. })),
                "{depth}"
            );
        }
    }
}
