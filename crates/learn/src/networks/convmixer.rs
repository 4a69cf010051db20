//! A network that mixes patches by convolutions alone.

use super::{Meets, NetworkInfo, boxed, resnet::average};
use crate::{Architecture, Error, Network, OptimizerKind, Result, Rng};
use burn::module::Module;
use burn::nn::{
    BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d,
    conv::{Conv2d, Conv2dConfig},
};
use burn::tensor::{Device, Tensor, activation::gelu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

/// ConvMixer. Its learning rate is one for AdamW, with which it was published.
pub(super) static INFO: NetworkInfo = NetworkInfo {
    name: "convmixer",
    title: "convolutional mixer of patches",
    paper: "Trockman, Kolter: Patches are all you need?, arXiv:2201.09792, 2022",
    summary: "features of each patch, mixed by depthwise convolutions over patches and 1x1 convolutions over \
              channels",
    suits: "block-wise schemes (aes, rmt, tanaka, shf, negpos, ffx) with patch at the scheme's block; plain \
            images",
    meets: Meets::Patches,
    params: &[
        ParamSpec {
            name: "patch",
            help: "side of the patches in pixels; a scheme's block suits its images",
            kind: Kind::Int { min: 1, max: 64 },
            default: "4",
        },
        ParamSpec {
            name: "width",
            help: "features of each patch",
            kind: Kind::Int { min: 1, max: 2048 },
            default: "128",
        },
        ParamSpec {
            name: "depth",
            help: "number of mixing blocks",
            kind: Kind::Int { min: 1, max: 64 },
            default: "8",
        },
        ParamSpec {
            name: "kernel",
            help: "side of the depthwise convolutions in patches",
            kind: Kind::Int { min: 1, max: 15 },
            default: "5",
        },
    ],
    epochs: 10,
    batch: 64,
    lr: 0.001,
    optimizer: OptimizerKind::Adamw,
    build,
};

/// Mixes first places, then channels. The convolutions have biases, for GELU stands between them
/// and the normalisation.
#[derive(Module, Debug)]
struct Mixer {
    depthwise: Conv2d,
    bn1: BatchNorm,
    pointwise: Conv2d,
    bn2: BatchNorm,
}

#[derive(Module, Debug)]
struct ConvMixer {
    embed: Conv2d,
    bn: BatchNorm,
    blocks: Vec<Mixer>,
    head: Linear,
}

/// Rows and columns of patches in an image; parts of patches are refused.
pub(super) fn grid(shape: Shape, patch: usize) -> Result<[usize; 2]> {
    if !shape.height.is_multiple_of(patch) || !shape.width.is_multiple_of(patch) {
        let problem = format!("whole patches of {patch} x {patch} pixels are needed; set patch to fit");
        return Err(Error::shape(shape, problem));
    }
    Ok([shape.height / patch, shape.width / patch])
}

fn build(params: &Params, shape: Shape, classes: usize, device: &Device) -> Result<Box<dyn Network>> {
    let int = |name| params.int(name) as usize;
    let (patch, width, kernel) = (int("patch"), int("width"), int("kernel"));
    grid(shape, patch)?;
    let norm = || BatchNormConfig::new(width).init(device);
    let embed = Conv2dConfig::new([shape.channels, width], [patch, patch]).with_stride([patch, patch]);
    let depthwise = Conv2dConfig::new([width, width], [kernel, kernel])
        .with_groups(width)
        .with_padding(PaddingConfig2d::Same);
    let pointwise = Conv2dConfig::new([width, width], [1, 1]);
    let mixer = |_| Mixer {
        depthwise: depthwise.init(device),
        bn1: norm(),
        pointwise: pointwise.init(device),
        bn2: norm(),
    };
    Ok(boxed(ConvMixer {
        embed: embed.init(device),
        bn: norm(),
        blocks: (0..int("depth")).map(mixer).collect(),
        head: LinearConfig::new(width, classes).init(device),
    }))
}

impl ConvMixer {
    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.bn.forward(gelu(self.embed.forward(images)));
        for block in &self.blocks {
            let mixed = block.bn1.forward(gelu(block.depthwise.forward(x.clone())));
            x = block.bn2.forward(gelu(block.pointwise.forward(x + mixed)));
        }
        average(x)
    }
}

impl Architecture for ConvMixer {
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
        let info = networks::find("convmixer").unwrap();
        let given = (given.iter())
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let params = Params::resolve(info.params, &given).unwrap();
        info.build(&params, shape, 10, 0, &Device::flex())
    }

    #[test]
    fn whole_patches_get_logits() {
        for (shape, patch, kernel) in [
            ((28, 28, 1), "4", "5"),
            ((32, 16, 3), "8", "4"),
            ((7, 7, 16), "1", "3"),
            ((1, 1, 1), "1", "5"),
        ] {
            let shape = Shape::new(shape.0, shape.1, shape.2);
            let given = [
                ("patch", patch),
                ("kernel", kernel),
                ("width", "8"),
                ("depth", "2"),
            ];
            let network = network(&given, shape).unwrap();
            let images = Tensor::zeros([2, shape.channels, shape.height, shape.width], &Device::flex());
            assert_eq!(network.logits(images, None).dims(), [2, 10], "{shape}");
        }
    }

    #[test]
    fn part_patches_are_refused() {
        for shape in [Shape::new(10, 8, 1), Shape::new(8, 10, 1), Shape::new(2, 2, 1)] {
            let refused = network(&[("patch", "4")], shape);
            assert!(matches!(refused, Err(Error::Shape { .. })), "{shape}");
        }
    }

    /// ConvMixer-256/8 with kernel 5 and patch 2 for CIFAR-10.
    #[test]
    fn there_are_as_many_weights_as_the_formula_says() {
        let given = [("width", "256"), ("patch", "2")];
        let state = network(&given, Shape::new(32, 32, 3)).unwrap().state();
        let count: usize = (state.iter())
            .filter(|(name, _)| !name.contains("running_"))
            .map(|(_, values)| values.values.len())
            .sum();
        assert_eq!(count, 594_186);
    }
}
