//! Tanaka's adaptation network, as in his own code.

use super::{BLOCK, Built, Features, Front, FrontInfo, grid};
use burn::module::Module;
use burn::nn::{
    BatchNorm, BatchNormConfig,
    conv::{Conv2d, Conv2dConfig},
};
use burn::tensor::{Tensor, activation::relu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec},
};

pub(super) static INFO: FrontInfo = FrontInfo {
    name: "tanaka",
    title: "Tanaka's adaptation network",
    paper: "Tanaka: Learnable image encryption, IEEE ICCE-TW 2018, arXiv 1804.00490, and its code",
    summary: "batch normalisation before each of a convolution over whole blocks and two of 1x1, then the features \
              of each block are spread over its pixels",
    suits: "tanaka, and other schemes with one key for all blocks (shf, negpos, ffx)",
    params: &[
        BLOCK,
        ParamSpec {
            name: "hidden",
            help: "channels of the first two convolutions",
            kind: Kind::Int { min: 1, max: 2048 },
            default: "48",
        },
        ParamSpec {
            name: "features",
            help: "channels of each pixel that the network behind it sees (32 in the paper)",
            kind: Kind::Int { min: 1, max: 256 },
            default: "32",
        },
    ],
    build: |params, shape, device| {
        grid(params, shape)?;
        let int = |name| params.int(name) as usize;
        let (block, hidden, features) = (int("block"), int("hidden"), int("features"));
        let norm = |channels| BatchNormConfig::new(channels).init(device);
        let conv = |from, to, side| {
            Conv2dConfig::new([from, to], [side, side])
                .with_stride([side, side])
                .init(device)
        };
        let front = Tanaka {
            bn1: norm(shape.channels),
            conv1: conv(shape.channels, hidden, block),
            bn2: norm(hidden),
            conv2: conv(hidden, hidden, 1),
            bn3: norm(hidden),
            conv3: conv(hidden, features * block * block, 1),
            block,
        };
        Ok(Built::new(front, Shape::new(shape.height, shape.width, features)))
    },
};

#[derive(Module, Debug)]
struct Tanaka {
    bn1: BatchNorm,
    conv1: Conv2d,
    bn2: BatchNorm,
    conv2: Conv2d,
    bn3: BatchNorm,
    conv3: Conv2d,
    block: usize,
}

impl Front for Tanaka {
    fn features(&self, images: Tensor<4>) -> Features {
        let x = relu(self.conv1.forward(self.bn1.forward(images)));
        let x = relu(self.conv2.forward(self.bn2.forward(x)));
        let x = self.conv3.forward(self.bn3.forward(x));
        // His depth-to-space takes channels in the order (row, column, channel).
        let [count, channels, rows, columns] = x.dims();
        let (b, features) = (self.block, channels / (self.block * self.block));
        x.reshape([count, b, b, features, rows, columns])
            .permute([0, 3, 4, 1, 5, 2])
            .reshape([count, features, rows * b, columns * b])
            .into()
    }
}
