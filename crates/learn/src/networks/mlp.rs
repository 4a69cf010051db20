//! A multi-layer perceptron: every pixel meets every unit, so the places of pixels do not matter.

use super::{Meets, NetworkInfo, boxed, drop_units};
use crate::{Architecture, Network, OptimizerKind, Result, Rng};
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::relu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

pub(super) static INFO: NetworkInfo = NetworkInfo {
    name: "mlp",
    title: "multi-layer perceptron",
    paper: "Rumelhart, Hinton, Williams: Learning representations by back-propagating errors, Nature 1986",
    summary: "two hidden layers with ReLU; blind to where pixels are, quick to train",
    suits: "every scheme whose dataset key is fixed, rmt above all; plain images up to a point",
    meets: Meets::Everything,
    params: &[
        ParamSpec {
            name: "hidden1",
            help: "units of the first hidden layer",
            kind: Kind::Int { min: 1, max: 8192 },
            default: "1024",
        },
        ParamSpec {
            name: "hidden2",
            help: "units of the second hidden layer",
            kind: Kind::Int { min: 1, max: 8192 },
            default: "256",
        },
        ParamSpec {
            name: "batch_norm",
            help: "whether the hidden layers are batch-normalised",
            kind: Kind::Bool,
            default: "true",
        },
        ParamSpec {
            name: "dropout",
            help: "share of hidden units that are dropped at random while training",
            kind: Kind::Float { min: 0.0, max: 0.95 },
            default: "0.4",
        },
    ],
    epochs: 12,
    batch: 128,
    lr: 0.05,
    optimizer: OptimizerKind::Sgd,
    build,
};

#[derive(Module, Debug)]
struct Mlp {
    fc1: Linear,
    bn1: Option<BatchNorm>,
    fc2: Linear,
    bn2: Option<BatchNorm>,
    head: Linear,
    dropout: f64,
}

fn build(params: &Params, shape: Shape, classes: usize, device: &Device) -> Result<Box<dyn Network>> {
    let (first, second) = (params.int("hidden1") as usize, params.int("hidden2") as usize);
    let norm = |units| {
        params
            .bool("batch_norm")
            .then(|| BatchNormConfig::new(units).init(device))
    };
    let linear = |from, to| LinearConfig::new(from, to).init(device);
    Ok(boxed(Mlp {
        fc1: linear(shape.len(), first),
        bn1: norm(first),
        fc2: linear(first, second),
        bn2: norm(second),
        head: linear(second, classes),
        dropout: params.float("dropout"),
    }))
}

impl Mlp {
    fn hidden(&self, x: Tensor<2>, norm: &Option<BatchNorm>, noise: Option<&mut Rng>) -> Tensor<2> {
        let x = relu(match norm {
            Some(norm) => norm.forward(x),
            None => x,
        });
        drop_units(x, self.dropout, noise)
    }

    fn features(&self, images: Tensor<4>, mut noise: Option<&mut Rng>) -> Tensor<2> {
        let x = self.fc1.forward(images.flatten(1, 3));
        let x = self.hidden(x, &self.bn1, noise.as_deref_mut());
        self.hidden(self.fc2.forward(x), &self.bn2, noise)
    }
}

impl Architecture for Mlp {
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2> {
        self.head.forward(self.features(images, noise))
    }

    fn embedding(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        Some(self.features(images, None))
    }
}
