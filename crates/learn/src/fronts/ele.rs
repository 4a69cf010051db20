//! Madono's adaptation network for ELE: a layer for every position, and a matrix that mixes positions.

use super::{BLOCK, Built, Features, Front, FrontInfo, blocks, grid, spread};
use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Tensor, activation::leaky_relu};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec},
};

/// Weights of the two regularisers in the published code.
const SPARSITY: f32 = 0.001;
const VARIATION: f32 = 0.1;
/// Rounds of the power method for the largest singular value. The published code makes one in each
/// step and keeps the vectors; here every step begins anew, so it takes some rounds.
const ROUNDS: usize = 6;

pub(super) static INFO: FrontInfo = FrontInfo {
    name: "ele",
    title: "Madono's ELE adaptation network",
    paper: "Madono, Tanaka, Onishi, Ogawa: Block-wise scrambled image recognition using adaptation network, \
            AAAI WS 2020, and its code",
    summary: "every block position has a spectrally normalised layer with batch normalisation and leaky ReLU of its \
              own, a learned matrix mixes the positions, and the features of each block are spread over its pixels; \
              the matrix is drawn towards a permutation and the features towards smoothness",
    suits: "ele and etc, whose blocks have keys of their own and are moved",
    params: &[
        BLOCK,
        ParamSpec {
            name: "features",
            help: "channels of each pixel that the network behind it sees (16 in the paper, for blocks of 4)",
            kind: Kind::Int { min: 1, max: 256 },
            default: "16",
        },
        ParamSpec {
            name: "regularise",
            help: "whether the two regularisers are added to the loss",
            kind: Kind::Bool,
            default: "true",
        },
    ],
    build: |params, shape, device| {
        let [rows, columns] = grid(params, shape)?;
        let (block, features) = (params.int("block") as usize, params.int("features") as usize);
        let (positions, channels) = (rows * columns, features * block * block);
        let front = Ele {
            weight: super::zeros([positions, channels, block * block * shape.channels], device),
            bn: BatchNormConfig::new(positions * channels).init(device),
            mix: super::zeros([positions, positions], device),
            block,
            regularise: params.bool("regularise"),
        };
        Ok(Built::new(front, Shape::new(shape.height, shape.width, features)))
    },
};

#[derive(Module, Debug)]
struct Ele {
    /// (positions, channels, values of a block).
    weight: Param<Tensor<3>>,
    bn: BatchNorm,
    /// (positions after, positions before).
    mix: Param<Tensor<2>>,
    block: usize,
    regularise: bool,
}

/// Matrices (P, m, n) divided by their largest singular values.
fn spectrally_normalised(weight: Tensor<3>) -> Tensor<3> {
    let [positions, m, _] = weight.dims();
    let device = weight.device();
    let fixed = weight.clone().detach();
    let unit = |v: Tensor<3>| {
        let length = v.clone().powi_scalar(2).sum_dim(1).sqrt().clamp_min(1e-12);
        v / length
    };
    let mut left = unit(Tensor::ones([positions, m, 1], &device));
    let mut right = unit(fixed.clone().swap_dims(1, 2).matmul(left.clone()));
    for _ in 0..ROUNDS {
        left = unit(fixed.clone().matmul(right));
        right = unit(fixed.clone().swap_dims(1, 2).matmul(left.clone()));
    }
    // The vectors are constants; the gradient runs through the matrix alone, as in PyTorch's.
    let sigma = left.swap_dims(1, 2).matmul(weight.clone().matmul(right));
    weight / sigma.clamp_min(1e-12)
}

/// Sum over rows and columns of the L1 norm less the L2 norm: 0 for a permutation (times anything).
fn sparsity(mix: Tensor<2>) -> Tensor<1> {
    let lengths = |dim| (mix.clone().powi_scalar(2).sum_dim(dim) + 1e-12).sqrt().sum();
    let sizes = mix.clone().abs().sum() * 2.0;
    sizes - lengths(0) - lengths(1)
}

/// Total variation of the first three channels, as the code has it: the last row and column are left
/// out of both differences.
fn variation(features: Tensor<4>) -> Tensor<1> {
    let [count, channels, height, width] = features.dims();
    let (channels, rows, columns) = (channels.min(3), height.max(2) - 1, width.max(2) - 1);
    let part = |y: usize, x: usize| {
        features.clone().slice([
            0..count,
            0..channels,
            y..(y + rows).min(height),
            x..(x + columns).min(width),
        ])
    };
    let down = (part(usize::from(height > 1), 0) - part(0, 0)).abs().sum();
    let right = (part(0, usize::from(width > 1)) - part(0, 0)).abs().sum();
    // 31 x 32 x 16 for images of 32 x 32 with 16 channels.
    let size = rows * width * features.dims()[1];
    (down + right) / (count * size) as f32
}

impl Front for Ele {
    fn features(&self, images: Tensor<4>) -> Features {
        let [count, _, height, width] = images.dims();
        let (rows, columns) = (height / self.block, width / self.block);
        let weight = spectrally_normalised(self.weight.val());
        let x = blocks(images, self.block).matmul(weight.swap_dims(1, 2));
        let [positions, _, channels] = x.dims();
        let flat = x.swap_dims(0, 1).reshape([count, positions * channels, 1]);
        let x = leaky_relu(self.bn.forward(flat), 0.2);
        let x = x
            .reshape([count, positions, channels])
            .swap_dims(0, 1)
            .reshape([positions, count * channels]);
        let x = self.mix.val().matmul(x).reshape([positions, count, channels]);
        let x = x.permute([1, 2, 0]).reshape([count, channels, rows, columns]);
        let images = spread(x, self.block);
        let penalty = self.regularise.then(|| {
            let mix = sparsity(self.mix.val()) * (SPARSITY / (positions * positions) as f32);
            mix + variation(images.clone()) * VARIATION
        });
        Features { images, penalty }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_largest_singular_value_becomes_one() {
        let device = Device::flex();
        let weight = Tensor::<3>::from_floats(
            [
                [[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]],
                [[0.0, 0.5], [0.0, 0.0], [0.2, 0.0]],
            ],
            &device,
        );
        let values: Vec<f32> = spectrally_normalised(weight).into_data().try_to_vec().unwrap();
        for (found, expected) in
            values
                .iter()
                .zip([1.0, 0.0, 0.0, 1.0 / 3.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.4, 0.0])
        {
            assert!((found - expected).abs() < 1e-3, "{values:?}");
        }
    }

    #[test]
    fn the_regulariser_is_nothing_for_permutations_and_something_for_mixtures() {
        let device = Device::flex();
        let penalty = |rows: [[f32; 2]; 2]| sparsity(Tensor::from_floats(rows, &device)).into_scalar::<f32>();
        assert!(penalty([[0.0, 2.0], [1.0, 0.0]]).abs() < 1e-4);
        // Each row and column: 2 - sqrt 2.
        assert!((penalty([[1.0, 1.0], [1.0, 1.0]]) - 4.0 * (2.0 - 2f32.sqrt())).abs() < 1e-4);
    }

    #[test]
    fn flat_features_have_no_variation() {
        let device = Device::flex();
        assert_eq!(
            variation(Tensor::ones([2, 16, 8, 8], &device)).into_scalar::<f32>(),
            0.0
        );
        let one = Tensor::<1>::from_floats([0.0, 1.0, 0.0, 0.0], &device).reshape([1, 1, 2, 2]);
        // Down 0, right 1, over 1 x 2 x 1.
        assert!((variation(one).into_scalar::<f32>() - 0.5).abs() < 1e-6);
    }
}
