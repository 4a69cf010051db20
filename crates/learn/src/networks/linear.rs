//! Softmax regression: one linear layer.

use super::{Meets, NetworkInfo, boxed};
use crate::{Architecture, Network, OptimizerKind, Result, Rng};
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use visard_core::{Shape, params::Params};

pub(super) static INFO: NetworkInfo = NetworkInfo {
    name: "linear",
    title: "softmax regression",
    paper: "Cox: The regression analysis of binary sequences, J. Royal Statistical Society B 1958",
    summary: "one linear layer from all pixels to the classes, nothing hidden; what more a network learns is \
              measured against it",
    suits: "a yardstick: what is affine under one key (rmt without noise, skk, etc) is to it no other than \
            plain images",
    meets: Meets::Everything,
    params: &[],
    epochs: 12,
    batch: 128,
    lr: 0.01,
    optimizer: OptimizerKind::Sgd,
    build,
};

#[derive(Module, Debug)]
struct Regression {
    head: Linear,
}

fn build(_: &Params, shape: Shape, classes: usize, device: &Device) -> Result<Box<dyn Network>> {
    Ok(boxed(Regression {
        head: LinearConfig::new(shape.len(), classes).init(device),
    }))
}

impl Architecture for Regression {
    fn logits(&self, images: Tensor<4>, _: Option<&mut Rng>) -> Tensor<2> {
        self.head.forward(images.flatten(1, 3))
    }

    fn embedding(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        Some(images.flatten(1, 3))
    }
}

#[cfg(test)]
mod tests {
    use crate::networks;
    use burn::tensor::{Device, Tensor};
    use visard_core::Shape;

    /// There is nothing but the affine map: two weights and a bias for each class, worked out by hand.
    #[test]
    fn logits_are_an_affine_map_of_the_image() {
        let info = networks::find("linear").unwrap();
        let build = || info.build(&Default::default(), Shape::new(1, 2, 1), 2, 0, &Device::flex());
        let mut network = build().unwrap();
        let mut state = network.state();
        assert_eq!(state.keys().collect::<Vec<_>>(), ["head.bias", "head.weight"]);
        state.get_mut("head.weight").unwrap().values = vec![1.0, 2.0, -3.0, 0.5];
        state.get_mut("head.bias").unwrap().values = vec![0.25, -1.0];
        network.restore(&state).unwrap();
        let images = Tensor::<4>::from_floats([[[[1.0, 2.0]]], [[[0.0, -1.0]]]], &Device::flex());
        let logits = network
            .logits(images, None)
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        assert_eq!(logits, [5.25, -3.0, -1.75, -1.5]);
    }
}
