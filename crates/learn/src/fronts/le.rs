//! Madono's port of Tanaka's adaptation network, which is not the same.

use super::{BLOCK, Built, Features, Front, FrontInfo, grid, spread};
use burn::module::Module;
use burn::nn::{
    BatchNorm, BatchNormConfig,
    conv::{Conv2d, Conv2dConfig},
};
use burn::tensor::{Tensor, activation::leaky_relu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec},
};

pub(super) static INFO: FrontInfo = FrontInfo {
    name: "le",
    title: "Madono's LE adaptation network",
    paper: "Madono, Tanaka, Onishi, Ogawa: Block-wise scrambled image recognition using adaptation network, \
            AAAI WS 2020, and its code",
    summary: "one convolution over whole blocks, batch normalisation with statistics of each block position, leaky \
              ReLU; the features of each block are spread over its pixels",
    suits: "tanaka, and other schemes with one key for all blocks",
    params: &[
        BLOCK,
        ParamSpec {
            name: "features",
            help: "channels of each pixel that the network behind it sees (16 in the paper, for blocks of 4)",
            kind: Kind::Int { min: 1, max: 256 },
            default: "16",
        },
    ],
    build: |params, shape, device| {
        grid(params, shape)?;
        let (block, features) = (params.int("block") as usize, params.int("features") as usize);
        let channels = features * block * block;
        let front = Le {
            conv: Conv2dConfig::new([shape.channels, channels], [block, block])
                .with_stride([block, block])
                .with_bias(false)
                .init(device),
            bn: BatchNormConfig::new(channels).init(device),
            block,
        };
        Ok(Built::new(front, Shape::new(shape.height, shape.width, features)))
    },
};

#[derive(Module, Debug)]
struct Le {
    conv: Conv2d,
    bn: BatchNorm,
    block: usize,
}

impl Front for Le {
    fn features(&self, images: Tensor<4>) -> Features {
        let x = self.conv.forward(images);
        let [count, channels, rows, columns] = x.dims();
        // The code handles one block after the other, so each has statistics of its own while training,
        // and the running statistics follow them one by one.
        let flat = x.reshape([count, channels, rows * columns]);
        let one = |at| {
            self.bn
                .forward(flat.clone().slice([0..count, 0..channels, at..at + 1]))
        };
        let x = Tensor::cat((0..rows * columns).map(one).collect(), 2);
        let x = leaky_relu(x.reshape([count, channels, rows, columns]), 0.1);
        spread(x, self.block).into()
    }
}
