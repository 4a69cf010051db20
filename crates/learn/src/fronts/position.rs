//! A linear layer of its own for every block position, which can undo any linear disguise.

use super::{BLOCK, Built, Features, Front, FrontInfo, blocks, grid, spread};
use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Tensor, activation::relu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec},
};

pub(super) static INFO: FrontInfo = FrontInfo {
    name: "position",
    title: "a linear layer for every block position",
    paper: "after Madono, Tanaka, Onishi, Ogawa: Block-wise scrambled image recognition using adaptation network, \
            AAAI WS 2020, in a plain linear form",
    summary: "every block position has a matrix of its own, from the values of the block to its features; it can \
              invert rmt, the pixel moves of etc and the inversions of skk (with block=1), and with mix the moves \
              of blocks",
    suits: "schemes with a key of its own for every position: rmt, ele, etc, aes, skk with one key (block=1)",
    params: &[
        BLOCK,
        ParamSpec {
            name: "features",
            help: "features of each block; 0 for as many as it has values",
            kind: Kind::Int { min: 0, max: 4096 },
            default: "64",
        },
        ParamSpec {
            name: "mix",
            help: "whether a learned matrix mixes the positions, which can undo a move of the blocks",
            kind: Kind::Bool,
            default: "false",
        },
        ParamSpec {
            name: "unfold",
            help: "spread the features over the pixels of the block, so that the network behind sees an image \
                   as large as before; features must then be a multiple of block x block",
            kind: Kind::Bool,
            default: "false",
        },
    ],
    build: |params, shape, device| {
        let [rows, columns] = grid(params, shape)?;
        let block = params.int("block") as usize;
        let (area, positions) = (block * block, rows * columns);
        let inputs = area * shape.channels;
        let features = match params.int("features") as usize {
            0 => inputs,
            features => features,
        };
        let unfold = params.bool("unfold");
        if unfold && !features.is_multiple_of(area) {
            let problem = format!("unfold needs features that are a multiple of {area}, not {features}");
            return Err(crate::Error::shape(shape, problem));
        }
        let front = Position {
            weight: super::zeros([positions, features, inputs], device),
            mix: params
                .bool("mix")
                .then(|| super::zeros([positions, positions], device)),
            bn: BatchNormConfig::new(features).init(device),
            block,
            unfold,
        };
        let behind = match unfold {
            true => Shape::new(shape.height, shape.width, features / area),
            false => Shape::new(rows, columns, features),
        };
        Ok(Built::new(front, behind))
    },
};

#[derive(Module, Debug)]
struct Position {
    /// (positions, features, values of a block).
    weight: Param<Tensor<3>>,
    /// (positions after, positions before).
    mix: Option<Param<Tensor<2>>>,
    bn: BatchNorm,
    block: usize,
    unfold: bool,
}

impl Front for Position {
    fn features(&self, images: Tensor<4>) -> Features {
        let [count, _, height, width] = images.dims();
        let (rows, columns) = (height / self.block, width / self.block);
        let x = blocks(images, self.block).matmul(self.weight.val().swap_dims(1, 2));
        let [positions, _, features] = x.dims();
        let x = match &self.mix {
            Some(mix) => mix
                .val()
                .matmul(x.reshape([positions, count * features]))
                .reshape([positions, count, features]),
            None => x,
        };
        let x = x.permute([1, 2, 0]).reshape([count, features, rows, columns]);
        let x = relu(self.bn.forward(x));
        if self.unfold { spread(x, self.block) } else { x }.into()
    }
}
