//! One column of features for each block, the same for all positions.

use super::{BLOCK, Built, Features, Front, FrontInfo, grid};
use burn::module::Module;
use burn::nn::{
    BatchNorm, BatchNormConfig, PaddingConfig2d,
    conv::{Conv2d, Conv2dConfig},
};
use burn::tensor::{Tensor, activation::relu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec},
};

pub(super) static INFO: FrontInfo = FrontInfo {
    name: "block",
    title: "one convolution over whole blocks",
    paper: "the first layer of Tanaka: Learnable image encryption, IEEE ICCE-TW 2018, without the layers after it",
    summary: "a convolution as large as a block that steps from block to block, batch normalisation and ReLU; \
              the network behind it sees one point for each block",
    suits: "schemes with blocks whose pixels are mixed: rmt, aes, tanaka, shf, negpos, ffx, etc",
    params: &[
        BLOCK,
        ParamSpec {
            name: "features",
            help: "features of each block",
            kind: Kind::Int { min: 1, max: 2048 },
            default: "64",
        },
    ],
    build: |params, shape, device| {
        let [height, width] = grid(params, shape)?;
        let features = params.int("features") as usize;
        let block = params.int("block") as usize;
        let front = Block {
            conv: Conv2dConfig::new([shape.channels, features], [block, block])
                .with_stride([block, block])
                .with_padding(PaddingConfig2d::Valid)
                // The normalisation that follows has a bias of its own.
                .with_bias(false)
                .init(device),
            bn: BatchNormConfig::new(features).init(device),
        };
        Ok(Built::new(front, Shape::new(height, width, features)))
    },
};

#[derive(Module, Debug)]
struct Block {
    conv: Conv2d,
    bn: BatchNorm,
}

impl Front for Block {
    fn features(&self, images: Tensor<4>) -> Features {
        relu(self.bn.forward(self.conv.forward(images))).into()
    }
}
