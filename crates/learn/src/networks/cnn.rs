//! A small convolutional network.

use super::{Meets, NetworkInfo, boxed, drop_units};
use crate::{Architecture, Network, OptimizerKind, Result, Rng};
use burn::module::Module;
use burn::nn::{
    BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d,
    conv::{Conv2d, Conv2dConfig},
    pool::MaxPool2dConfig,
};
use burn::tensor::{Device, Tensor, activation::relu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

const WIDTH: Kind = Kind::Int { min: 1, max: 2048 };

pub(super) static INFO: NetworkInfo = NetworkInfo {
    name: "cnn",
    title: "small convolutional network",
    paper: "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, Proc. IEEE 1998",
    summary: "three 3x3 convolutions with batch normalisation, ReLU and pooling, and one linear layer",
    suits: "plain images; disguised ones behind the front of their scheme",
    meets: Meets::Pixels,
    params: &[
        ParamSpec {
            name: "width1",
            help: "channels of the first layer",
            kind: WIDTH,
            default: "24",
        },
        ParamSpec {
            name: "width2",
            help: "channels of the second layer",
            kind: WIDTH,
            default: "48",
        },
        ParamSpec {
            name: "width3",
            help: "channels of the third layer",
            kind: WIDTH,
            default: "96",
        },
        ParamSpec {
            name: "dropout",
            help: "share of the last layer's inputs that are dropped at random while training",
            kind: Kind::Float { min: 0.0, max: 0.95 },
            default: "0.2",
        },
    ],
    epochs: 6,
    batch: 64,
    lr: 0.05,
    optimizer: OptimizerKind::Sgd,
    build,
};

/// A convolution, normalised and rectified.
#[derive(Module, Debug)]
struct Stage {
    conv: Conv2d,
    bn: BatchNorm,
}

#[derive(Module, Debug)]
struct Cnn {
    stage1: Stage,
    stage2: Stage,
    stage3: Stage,
    head: Linear,
    /// Sides of the windows over which the maximum is taken after each stage.
    pools: [[usize; 2]; 3],
    dropout: f64,
}

impl Stage {
    fn new(channels: [usize; 2], device: &Device) -> Self {
        let conv = Conv2dConfig::new(channels, [3, 3])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            // The normalisation that follows has a bias of its own.
            .with_bias(false);
        Self {
            conv: conv.init(device),
            bn: BatchNormConfig::new(channels[1]).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        relu(self.bn.forward(self.conv.forward(x)))
    }
}

fn build(params: &Params, shape: Shape, classes: usize, device: &Device) -> Result<Box<dyn Network>> {
    let int = |name| params.int(name) as usize;
    let widths = [int("width1"), int("width2"), int("width3")];
    let (mut rows, mut columns) = (shape.height, shape.width);
    // Blocks that a front has turned into points are few, and only the last stage halves them.
    let small = rows.max(columns) <= 14;
    let pools = [!small, !small, true].map(|halve| {
        // A side of one pixel cannot be halved.
        let window = [rows, columns].map(|side| if halve && side > 1 { 2 } else { 1 });
        (rows, columns) = (rows / window[0], columns / window[1]);
        window
    });
    let stage = |from, to| Stage::new([from, to], device);
    Ok(boxed(Cnn {
        stage1: stage(shape.channels, widths[0]),
        stage2: stage(widths[0], widths[1]),
        stage3: stage(widths[1], widths[2]),
        head: LinearConfig::new(widths[2] * rows * columns, classes).init(device),
        pools,
        dropout: params.float("dropout"),
    }))
}

fn pool(x: Tensor<4>, window: [usize; 2]) -> Tensor<4> {
    match window {
        [1, 1] => x,
        window => MaxPool2dConfig::new(window)
            .with_strides(window)
            .init()
            .forward(x),
    }
}

impl Cnn {
    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let x = pool(self.stage1.forward(images), self.pools[0]);
        let x = pool(self.stage2.forward(x), self.pools[1]);
        let x = pool(self.stage3.forward(x), self.pools[2]);
        x.flatten(1, 3)
    }
}

impl Architecture for Cnn {
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2> {
        self.head
            .forward(drop_units(self.features(images), self.dropout, noise))
    }

    fn embedding(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        Some(self.features(images))
    }
}
