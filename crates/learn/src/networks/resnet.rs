//! Residual networks whose tensors carry the names of torchvision's.

use super::{Build, Meets, NetworkInfo, boxed, drop_units};
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

/// Two residual blocks per stage.
pub(super) static RESNET18: NetworkInfo = info(
    "resnet18",
    "residual network of 18 layers",
    "a convolution, eight residual blocks of two 3x3 convolutions and one linear layer, named as \
     torchvision's",
    |params, shape, classes, device| build([2, 2, 2, 2], params, shape, classes, device),
);

/// Three, four, six and three residual blocks per stage.
pub(super) static RESNET34: NetworkInfo = info(
    "resnet34",
    "residual network of 34 layers",
    "a convolution, sixteen residual blocks of two 3x3 convolutions and one linear layer, named as \
     torchvision's",
    |params, shape, classes, device| build([3, 4, 6, 3], params, shape, classes, device),
);

const fn info(name: &'static str, title: &'static str, summary: &'static str, build: Build) -> NetworkInfo {
    NetworkInfo {
        name,
        title,
        paper: "He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016",
        summary,
        suits: "plain images and pixel-wise schemes with stem=cifar, large images with stem=imagenet; small \
                widths on slow machines",
        meets: Meets::Pixels,
        params: PARAMS,
        epochs: 10,
        batch: 128,
        lr: 0.05,
        optimizer: OptimizerKind::Sgd,
        build,
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "stem",
        help: "cifar: begin with a 3x3 convolution that keeps the size; imagenet: begin with a 7x7 \
               convolution and a pooling that quarter it",
        kind: Kind::Choice(&["cifar", "imagenet"]),
        default: "cifar",
    },
    ParamSpec {
        name: "width",
        help: "channels of the first stage; each of the three others has twice as many as the one before",
        kind: Kind::Int { min: 1, max: 512 },
        default: "64",
    },
    ParamSpec {
        name: "dropout",
        help: "share of the last layer's inputs that are dropped at random while training",
        kind: Kind::Float { min: 0.0, max: 0.95 },
        default: "0",
    },
];

/// Two convolutions whose result is added to what they were given.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    /// Brings the input to the shape of the result where that differs.
    downsample: Option<(Conv2d, BatchNorm)>,
}

#[derive(Module, Debug)]
struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    fc: Linear,
    /// Whether the maximum over 3x3 pixels is taken after the first convolution.
    pooled: bool,
    dropout: f64,
}

/// A square convolution that keeps the size but for its stride. It has no bias, for the batch
/// normalisation beside it has one.
pub(super) fn convolution(channels: [usize; 2], side: usize, stride: usize, device: &Device) -> Conv2d {
    let padding = side / 2;
    Conv2dConfig::new(channels, [side, side])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_bias(false)
        .init(device)
}

/// The mean of each channel over all pixels.
pub(super) fn average(x: Tensor<4>) -> Tensor<2> {
    x.flatten::<3>(2, 3).mean_dim(2).flatten::<2>(1, 2)
}

fn norm(channels: usize, device: &Device) -> BatchNorm {
    BatchNormConfig::new(channels).init(device)
}

impl Block {
    fn new([from, to]: [usize; 2], stride: usize, device: &Device) -> Self {
        let downsample = (from != to || stride != 1)
            .then(|| (convolution([from, to], 1, stride, device), norm(to, device)));
        Self {
            conv1: convolution([from, to], 3, stride, device),
            bn1: norm(to, device),
            conv2: convolution([to, to], 3, 1, device),
            bn2: norm(to, device),
            downsample,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = relu(self.bn1.forward(self.conv1.forward(x.clone())));
        let y = self.bn2.forward(self.conv2.forward(y));
        let shortcut = match &self.downsample {
            Some((conv, bn)) => bn.forward(conv.forward(x)),
            None => x,
        };
        relu(y + shortcut)
    }
}

/// `blocks` residual blocks; the first changes the channels and, by its stride, the size.
fn stage(blocks: usize, [from, to]: [usize; 2], stride: usize, device: &Device) -> Vec<Block> {
    let block = |i| match i {
        0 => Block::new([from, to], stride, device),
        _ => Block::new([to, to], 1, device),
    };
    (0..blocks).map(block).collect()
}

fn build(
    blocks: [usize; 4],
    params: &Params,
    shape: Shape,
    classes: usize,
    device: &Device,
) -> Result<Box<dyn Network>> {
    let width = params.int("width") as usize;
    let pooled = params.text("stem") == "imagenet";
    let (side, stride) = if pooled { (7, 2) } else { (3, 1) };
    Ok(boxed(ResNet {
        conv1: convolution([shape.channels, width], side, stride, device),
        bn1: norm(width, device),
        layer1: stage(blocks[0], [width, width], 1, device),
        layer2: stage(blocks[1], [width, 2 * width], 2, device),
        layer3: stage(blocks[2], [2 * width, 4 * width], 2, device),
        layer4: stage(blocks[3], [4 * width, 8 * width], 2, device),
        fc: LinearConfig::new(8 * width, classes).init(device),
        pooled,
        dropout: params.float("dropout"),
    }))
}

impl ResNet {
    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = relu(self.bn1.forward(self.conv1.forward(images)));
        if self.pooled {
            let pool = MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
            x = pool.init().forward(x);
        }
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        for block in stages.into_iter().flatten() {
            x = block.forward(x);
        }
        average(x)
    }
}

impl Architecture for ResNet {
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2> {
        self.fc
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
    use std::collections::BTreeSet;

    fn network(name: &str, given: &[(&str, &str)], shape: Shape) -> Box<dyn Network> {
        let info = networks::find(name).unwrap();
        let given = (given.iter())
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let params = Params::resolve(info.params, &given).unwrap();
        info.build(&params, shape, 10, 0, &Device::flex()).unwrap()
    }

    /// The names in `torchvision.models.resnet18().state_dict()` without `num_batches_tracked`.
    fn torchvision(blocks: [usize; 4]) -> BTreeSet<String> {
        let mut names = BTreeSet::from(["fc.weight".to_string(), "fc.bias".to_string()]);
        let mut pair = |conv: String, bn: String| {
            names.insert(format!("{conv}.weight"));
            for part in ["weight", "bias", "running_mean", "running_var"] {
                names.insert(format!("{bn}.{part}"));
            }
        };
        pair("conv1".into(), "bn1".into());
        for (i, count) in blocks.into_iter().enumerate() {
            for j in 0..count {
                let block = format!("layer{}.{j}", i + 1);
                for k in [1, 2] {
                    pair(format!("{block}.conv{k}"), format!("{block}.bn{k}"));
                }
                if i > 0 && j == 0 {
                    pair(format!("{block}.downsample.0"), format!("{block}.downsample.1"));
                }
            }
        }
        names
    }

    #[test]
    fn names_and_shapes_are_torchvisions() {
        let shape = Shape::new(32, 32, 3);
        for (name, blocks, count) in [("resnet18", [2, 2, 2, 2], 102), ("resnet34", [3, 4, 6, 3], 182)] {
            let state = network(name, &[("width", "4")], shape).state();
            let names: BTreeSet<String> = state.into_keys().collect();
            assert_eq!(names.len(), count, "{name}");
            assert_eq!(names, torchvision(blocks), "{name}");
        }
        let state = network("resnet18", &[("stem", "imagenet")], shape).state();
        for (name, sides) in [
            ("conv1.weight", vec![64, 3, 7, 7]),
            ("layer1.1.conv2.weight", vec![64, 64, 3, 3]),
            ("layer2.0.conv1.weight", vec![128, 64, 3, 3]),
            ("layer4.0.downsample.0.weight", vec![512, 256, 1, 1]),
            ("layer4.1.bn2.running_var", vec![512]),
            ("fc.weight", vec![10, 512]),
        ] {
            assert_eq!(state[name].shape, sides, "{name}");
        }
    }

    #[test]
    fn images_of_every_shape_get_logits() {
        for shape in [(28, 28, 1), (32, 32, 3), (7, 7, 16), (5, 1, 2), (1, 1, 1)] {
            let shape = Shape::new(shape.0, shape.1, shape.2);
            for (name, stem) in [
                ("resnet18", "cifar"),
                ("resnet18", "imagenet"),
                ("resnet34", "cifar"),
            ] {
                let network = network(name, &[("stem", stem), ("width", "4")], shape);
                let images = Tensor::zeros([2, shape.channels, shape.height, shape.width], &Device::flex());
                let dims = network.logits(images, None).dims();
                assert_eq!(dims, [2, 10], "{name} {stem} {shape}");
            }
        }
    }
}
