//! Convolutions of one pixel, for disguises that leave every pixel in its place.

use super::{Built, Features, Front, FrontInfo};
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
    name: "pixel",
    title: "pixel-wise convolutions",
    paper: "Sirichotedumrong, Kinoshita, Kiya: Pixel-based image encryption without key management for \
            privacy-preserving deep neural networks, IEEE Access 2019 (the widths of its layers are ours)",
    summary: "1x1 convolutions with batch normalisation and ReLU, which see one pixel at a time",
    suits: "skk, above all with image_key: two units are enough to fold a pixel that may be inverted",
    params: &[
        ParamSpec {
            name: "layers",
            help: "number of 1x1 convolutions",
            kind: Kind::Int { min: 1, max: 8 },
            default: "2",
        },
        ParamSpec {
            name: "features",
            help: "channels of each",
            kind: Kind::Int { min: 1, max: 1024 },
            default: "32",
        },
    ],
    build: |params, shape, device| {
        let features = params.int("features") as usize;
        let mut from = shape.channels;
        let layers = (0..params.int("layers")).map(|_| {
            let conv = Conv2dConfig::new([from, features], [1, 1]).with_bias(false);
            from = features;
            (conv.init(device), BatchNormConfig::new(features).init(device))
        });
        let front = Pixel {
            layers: layers.collect(),
        };
        Ok(Built::new(front, Shape::new(shape.height, shape.width, features)))
    },
};

#[derive(Module, Debug)]
struct Pixel {
    layers: Vec<(Conv2d, BatchNorm)>,
}

impl Front for Pixel {
    fn features(&self, images: Tensor<4>) -> Features {
        let layer = |x, (conv, bn): &(Conv2d, BatchNorm)| relu(bn.forward(conv.forward(x)));
        self.layers.iter().fold(images, layer).into()
    }
}
