//! A plain deep convolutional network for small images.

use super::{Meets, NetworkInfo, boxed, drop_units, resnet::convolution};
use crate::{Architecture, Network, OptimizerKind, Result, Rng};
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, conv::Conv2d, pool::MaxPool2dConfig};
use burn::tensor::{Device, Tensor, activation::relu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

/// Configuration D of the paper, batch-normalised, with one hidden linear layer instead of two.
pub(super) static INFO: NetworkInfo = NetworkInfo {
    name: "vgg16",
    title: "VGG network of 16 layers",
    paper: "Simonyan, Zisserman: Very deep convolutional networks for large-scale image recognition, ICLR \
            2015",
    summary: "thirteen 3x3 convolutions with batch normalisation in five stages, a hidden and a last linear \
              layer",
    suits: "plain images and pixel-wise schemes; small widths on slow machines",
    meets: Meets::Pixels,
    params: &[
        ParamSpec {
            name: "width",
            help: "channels of the first stage; the others have 2, 4, 8 and 8 times as many",
            kind: Kind::Int { min: 1, max: 512 },
            default: "64",
        },
        ParamSpec {
            name: "hidden",
            help: "units of the hidden linear layer",
            kind: Kind::Int { min: 1, max: 8192 },
            default: "512",
        },
        ParamSpec {
            name: "dropout",
            help: "share of hidden units that are dropped at random while training",
            kind: Kind::Float { min: 0.0, max: 0.95 },
            default: "0.5",
        },
    ],
    epochs: 10,
    batch: 128,
    lr: 0.05,
    optimizer: OptimizerKind::Sgd,
    build,
};

/// Convolutions of each stage, and its channels in multiples of the width.
const STAGES: [(usize, usize); 5] = [(2, 1), (2, 2), (3, 4), (3, 8), (3, 8)];

/// A convolution, normalised and rectified.
#[derive(Module, Debug)]
struct Layer {
    conv: Conv2d,
    bn: BatchNorm,
}

/// The names of the tensors (`stages.0.1.conv.weight`) are this program's own: torchvision counts
/// rectifiers and poolings too, which have no tensors.
#[derive(Module, Debug)]
struct Vgg {
    /// The maximum over 2x2 pixels follows each stage.
    stages: Vec<Vec<Layer>>,
    hidden: Linear,
    head: Linear,
    dropout: f64,
}

/// The window over which the maximum is taken; a side of one pixel cannot be halved.
fn window(sides: [usize; 2]) -> [usize; 2] {
    sides.map(|side| side.min(2))
}

fn build(params: &Params, shape: Shape, classes: usize, device: &Device) -> Result<Box<dyn Network>> {
    let (width, hidden) = (params.int("width") as usize, params.int("hidden") as usize);
    let (mut channels, mut sides) = (shape.channels, [shape.height, shape.width]);
    let mut stages = Vec::new();
    for (count, multiple) in STAGES {
        let mut layers = Vec::new();
        for _ in 0..count {
            layers.push(Layer {
                conv: convolution([channels, multiple * width], 3, 1, device),
                bn: BatchNormConfig::new(multiple * width).init(device),
            });
            channels = multiple * width;
        }
        stages.push(layers);
        let [rows, columns] = window(sides);
        sides = [sides[0] / rows, sides[1] / columns];
    }
    Ok(boxed(Vgg {
        stages,
        hidden: LinearConfig::new(channels * sides[0] * sides[1], hidden).init(device),
        head: LinearConfig::new(hidden, classes).init(device),
        dropout: params.float("dropout"),
    }))
}

impl Vgg {
    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = images;
        for layers in &self.stages {
            for layer in layers {
                x = relu(layer.bn.forward(layer.conv.forward(x)));
            }
            let [_, _, height, width] = x.dims();
            let window = window([height, width]);
            if window != [1, 1] {
                x = MaxPool2dConfig::new(window)
                    .with_strides(window)
                    .init()
                    .forward(x);
            }
        }
        relu(self.hidden.forward(x.flatten::<2>(1, 3)))
    }
}

impl Architecture for Vgg {
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2> {
        self.head
            .forward(drop_units(self.features(images), self.dropout, noise))
    }

    fn embedding(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        Some(self.features(images))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks;

    fn network(given: &[(&str, &str)], shape: Shape) -> Box<dyn Network> {
        let info = networks::find("vgg16").unwrap();
        let given = (given.iter())
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let params = Params::resolve(info.params, &given).unwrap();
        info.build(&params, shape, 10, 0, &Device::flex()).unwrap()
    }

    #[test]
    fn images_of_every_shape_get_logits() {
        for shape in [(28, 28, 1), (33, 40, 3), (7, 7, 16), (5, 1, 2), (1, 1, 1)] {
            let shape = Shape::new(shape.0, shape.1, shape.2);
            let network = network(&[("width", "4"), ("hidden", "8")], shape);
            let images = Tensor::zeros([2, shape.channels, shape.height, shape.width], &Device::flex());
            assert_eq!(network.logits(images, None).dims(), [2, 10], "{shape}");
        }
    }

    /// torchvision's vgg16_bn has 14 723 136 parameters in `features`, 4224 of them the biases of its
    /// convolutions, which are left out here.
    #[test]
    fn the_convolutions_are_the_papers() {
        let state = network(&[], Shape::new(32, 32, 3)).state();
        let trained = |name: &str| name.starts_with("stages.") && !name.contains(".running_");
        let count: usize = (state.iter())
            .filter(|(name, _)| trained(name.as_str()))
            .map(|(_, values)| values.values.len())
            .sum();
        assert_eq!(count, 14_723_136 - 4224);
        assert_eq!(state["hidden.weight"].shape, [512, 512]);
    }
}
