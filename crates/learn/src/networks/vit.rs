//! A small vision transformer.

use super::{Meets, NetworkInfo, boxed, convmixer::grid, drop_units};
use crate::{Architecture, Error, Network, OptimizerKind, Result, Rng};
use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{
    Device, Tensor,
    activation::{gelu, softmax},
};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

/// Vision transformer with a class token and normalisation before each part. Its learning rate is
/// one for AdamW, as in the paper; gradient descent needs another.
pub(super) static INFO: NetworkInfo = NetworkInfo {
    name: "vit",
    title: "vision transformer",
    paper: "Dosovitskiy et al.: An image is worth 16x16 words: transformers for image recognition at scale, \
            ICLR 2021",
    summary: "a linear layer turns each patch into a token, self-attention mixes the tokens, a class token \
              answers",
    suits: "block-wise schemes (aes, rmt, tanaka, ele, shf, negpos, ffx) with patch at the scheme's block; \
            plain images where there are many",
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
            help: "features of each token, a multiple of heads",
            kind: Kind::Int { min: 1, max: 2048 },
            default: "96",
        },
        ParamSpec {
            name: "depth",
            help: "number of blocks of attention and perceptron",
            kind: Kind::Int { min: 1, max: 48 },
            default: "4",
        },
        ParamSpec {
            name: "heads",
            help: "number of attentions side by side in each block",
            kind: Kind::Int { min: 1, max: 64 },
            default: "4",
        },
        ParamSpec {
            name: "mlp",
            help: "hidden units of each perceptron, in multiples of width",
            kind: Kind::Int { min: 1, max: 8 },
            default: "2",
        },
        ParamSpec {
            name: "dropout",
            help: "share of the tokens' features that is dropped at random while training, at the beginning \
                   and after each part",
            kind: Kind::Float { min: 0.0, max: 0.95 },
            default: "0",
        },
    ],
    epochs: 10,
    batch: 64,
    lr: 0.001,
    optimizer: OptimizerKind::Adamw,
    build,
};

/// Most patches per image: attention takes memory with their square.
const MAX_PATCHES: usize = 4096;

/// Attention of all tokens to all tokens, several times side by side.
#[derive(Module, Debug)]
struct Attention {
    /// Queries, keys and values of all heads, one after the other.
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

#[derive(Module, Debug)]
struct Vit {
    embed: Linear,
    /// (1, 1, width).
    class_token: Param<Tensor<3>>,
    /// What is added to each token by its place, (1, 1 + patches, width).
    positions: Param<Tensor<3>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
    patch: usize,
    dropout: f64,
}

/// Patches (N, patches, channels * patch * patch) of images (N, C, H, W), row by row.
fn patches(images: Tensor<4>, patch: usize) -> Tensor<3> {
    let [count, channels, height, width] = images.dims();
    let (rows, columns) = (height / patch, width / patch);
    images
        .reshape([count, channels, rows, patch, columns, patch])
        .permute([0, 2, 4, 1, 3, 5])
        .reshape([count, rows * columns, channels * patch * patch])
}

impl Attention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [count, tokens, width] = x.dims();
        let side = width / self.heads;
        let qkv = self.qkv.forward(x);
        let part = |i: usize| {
            let part = qkv.clone().narrow(2, i * width, width);
            // (N, heads, tokens, side).
            part.reshape([count, tokens, self.heads, side]).swap_dims(1, 2)
        };
        let scores = part(0).matmul(part(1).transpose()) / (side as f32).sqrt();
        let mixed = softmax(scores, 3).matmul(part(2));
        let mixed = mixed.swap_dims(1, 2).reshape([count, tokens, width]);
        self.proj.forward(mixed)
    }
}

impl Block {
    fn forward(&self, x: Tensor<3>, dropout: f64, mut noise: Option<&mut Rng>) -> Tensor<3> {
        let y = self.attention.forward(self.norm1.forward(x.clone()));
        let x = x + drop_units(y, dropout, noise.as_deref_mut());
        let y = gelu(self.fc1.forward(self.norm2.forward(x.clone())));
        x + drop_units(self.fc2.forward(y), dropout, noise)
    }
}

fn build(params: &Params, shape: Shape, classes: usize, device: &Device) -> Result<Box<dyn Network>> {
    let int = |name| params.int(name) as usize;
    let (patch, width, heads) = (int("patch"), int("width"), int("heads"));
    let [rows, columns] = grid(shape, patch)?;
    if rows * columns > MAX_PATCHES {
        let problem = format!(
            "{} patches are more than {MAX_PATCHES}; set a larger patch",
            rows * columns
        );
        return Err(Error::shape(shape, problem));
    }
    if !width.is_multiple_of(heads) {
        return Err(Error::Setting {
            name: "heads",
            problem: format!("{heads} do not share {width} features evenly; set heads or width"),
        });
    }
    let linear = |from, to| LinearConfig::new(from, to).init(device);
    let norm = || LayerNormConfig::new(width).init(device);
    let block = |_| Block {
        norm1: norm(),
        attention: Attention {
            qkv: linear(width, 3 * width),
            proj: linear(width, width),
            heads,
        },
        norm2: norm(),
        fc1: linear(width, int("mlp") * width),
        fc2: linear(int("mlp") * width, width),
    };
    Ok(boxed(Vit {
        embed: linear(shape.channels * patch * patch, width),
        class_token: Initializer::Zeros.init([1, 1, width], device),
        positions: Initializer::Zeros.init([1, 1 + rows * columns, width], device),
        blocks: (0..int("depth")).map(block).collect(),
        norm: norm(),
        head: linear(width, classes),
        patch,
        dropout: params.float("dropout"),
    }))
}

impl Vit {
    fn features(&self, images: Tensor<4>, mut noise: Option<&mut Rng>) -> Tensor<2> {
        let tokens = self.embed.forward(patches(images, self.patch));
        let [count, _, width] = tokens.dims();
        let class = self.class_token.val().expand([count, 1, width]);
        let x = Tensor::cat(vec![class, tokens], 1) + self.positions.val();
        let mut x = drop_units(x, self.dropout, noise.as_deref_mut());
        for block in &self.blocks {
            x = block.forward(x, self.dropout, noise.as_deref_mut());
        }
        let class = self.norm.forward(x.narrow(1, 0, 1));
        class.flatten::<2>(1, 2)
    }
}

impl Architecture for Vit {
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2> {
        self.head.forward(self.features(images, noise))
    }

    fn embedding(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        Some(self.features(images, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks;
    use burn::tensor::TensorData;

    fn network(given: &[(&str, &str)], shape: Shape) -> Result<Box<dyn Network>> {
        let info = networks::find("vit").unwrap();
        let given = (given.iter())
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let params = Params::resolve(info.params, &given).unwrap();
        info.build(&params, shape, 10, 0, &Device::flex())
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec::<f32>().unwrap()
    }

    #[test]
    fn whole_patches_get_logits() {
        for (shape, patch) in [
            ((28, 28, 1), "4"),
            ((32, 16, 3), "8"),
            ((7, 7, 16), "1"),
            ((1, 1, 1), "1"),
        ] {
            let shape = Shape::new(shape.0, shape.1, shape.2);
            let given = [("patch", patch), ("width", "8"), ("depth", "2")];
            let network = network(&given, shape).unwrap();
            let images = Tensor::zeros([2, shape.channels, shape.height, shape.width], &Device::flex());
            assert_eq!(network.logits(images, None).dims(), [2, 10], "{shape}");
        }
    }

    #[test]
    fn part_patches_too_many_patches_and_odd_heads_are_refused() {
        for shape in [Shape::new(10, 8, 1), Shape::new(8, 10, 1), Shape::new(2, 2, 1)] {
            let refused = network(&[("patch", "4")], shape);
            assert!(matches!(refused, Err(Error::Shape { .. })), "{shape}");
        }
        let refused = network(&[("patch", "1")], Shape::new(65, 64, 1));
        assert!(matches!(refused, Err(Error::Shape { .. })));
        let refused = network(&[("heads", "5")], Shape::new(8, 8, 1));
        assert!(matches!(refused, Err(Error::Setting { name: "heads", .. })));
    }

    #[test]
    fn patches_lie_row_by_row_with_their_channels_one_after_the_other() {
        // One image of 2 channels and 2 x 4 pixels, numbered in the order of the tensor.
        let numbers: Vec<f32> = (0..16).map(|v| v as f32).collect();
        let numbers = TensorData::new(numbers, [1, 2, 2, 4]);
        let tokens = patches(Tensor::from_data(numbers, &Device::flex()), 2);
        assert_eq!(tokens.dims(), [1, 2, 8]);
        let wanted = [0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15];
        assert_eq!(values(tokens), wanted.map(|v| v as f32));
    }

    /// Two heads of two features each, worked out from the definition.
    #[test]
    fn attention_follows_the_formula() {
        let device = Device::flex();
        let (tokens, heads, side) = (3usize, 2usize, 2usize);
        let width = heads * side;
        let attention = Attention {
            qkv: LinearConfig::new(width, 3 * width).init(&device),
            proj: LinearConfig::new(width, width).init(&device),
            heads,
        };
        let x: Vec<f32> = (0..tokens * width).map(|i| (i as f32 * 0.7).sin()).collect();
        let x = Tensor::<3>::from_data(TensorData::new(x, [1, tokens, width]), &device);
        let qkv = values(attention.qkv.forward(x.clone()));
        let at = |part: usize, token: usize, feature: usize| qkv[(token * 3 + part) * width + feature];
        let mut mixed = vec![0.0f32; tokens * width];
        for head in 0..heads {
            let features = head * side..(head + 1) * side;
            for t in 0..tokens {
                let score = |s: usize| -> f32 { features.clone().map(|f| at(0, t, f) * at(1, s, f)).sum() };
                let weights: Vec<f32> = (0..tokens)
                    .map(|s| (score(s) / (side as f32).sqrt()).exp())
                    .collect();
                let sum: f32 = weights.iter().sum();
                for f in features.clone() {
                    mixed[t * width + f] = (0..tokens).map(|s| weights[s] / sum * at(2, s, f)).sum();
                }
            }
        }
        let mixed = Tensor::<3>::from_data(TensorData::new(mixed, [1, tokens, width]), &device);
        let wanted = values(attention.proj.forward(mixed));
        for (found, wanted) in values(attention.forward(x)).iter().zip(&wanted) {
            assert!((found - wanted).abs() < 1e-5, "{found} {wanted}");
        }
    }

    /// Positions begin small beside the tokens, so that the patches are seen from the start.
    #[test]
    fn positions_begin_small_and_different() {
        let state = network(&[], Shape::new(28, 28, 1)).unwrap().state();
        let positions = &state["positions"];
        assert_eq!(positions.shape, [1, 50, 96]);
        let largest = positions.values.iter().fold(0.0f32, |a, v| a.max(v.abs()));
        assert!(largest > 0.01 && largest < 0.05, "{largest}");
        assert_eq!(state["class_token"].shape, [1, 1, 96]);
    }
}
