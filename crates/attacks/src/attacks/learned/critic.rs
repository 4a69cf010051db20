//! The network that tells painted pictures from real ones.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::{
    Device, Tensor, activation::leaky_relu, activation::relu, module::conv2d, ops::ConvOptions,
};
use visard_learn::{Architecture, Network, Rng, custom};

/// Channels of its layers, those of the published critic.
const FEATURES: [usize; 2] = [64, 128];
/// Rounds of the power method for the largest singular value.
const ROUNDS: usize = 5;

/// Two convolutions of 4 x 4 pixels that halve the picture, and one that judges each place of what is left.
/// All are divided by their largest singular value (Miyato, Kataoka, Koyama, Yoshida: Spectral normalization
/// for generative adversarial networks, ICLR 2018), which keeps the critic from becoming arbitrarily steep;
/// the published critic does so with its second layer alone.
#[derive(Module, Debug)]
struct Critic {
    first: Conv2d,
    second: Conv2d,
    head: Conv2d,
}

/// A critic of pictures with so many channels, which gives a number for each of its places, (N, places).
pub(super) fn critic(channels: usize, device: &Device) -> Box<dyn Network> {
    let conv = |channels, side: usize| {
        // Strides and padding are those of `judge`.
        Conv2dConfig::new(channels, [side, side]).init(device)
    };
    custom::wrap(Critic {
        first: conv([channels, FEATURES[0]], 4),
        second: conv(FEATURES, 4),
        head: conv([FEATURES[1], 1], 3),
    })
}

/// Bytes that training takes, about, with so many pictures of so many pixels in a batch.
pub(super) fn bytes(batch: usize, area: usize) -> u64 {
    // Two halvings; real and painted pictures, values and gradients.
    let maps = FEATURES[0] / 4 + FEATURES[1] / 16;
    let weights = 16 * FEATURES[0] * (FEATURES[1] + 16);
    4 * (6 * batch * area * maps + 4 * weights) as u64
}

/// The kernels divided by the largest singular value of the matrix (out, all others).
fn normalised(kernels: Tensor<4>) -> Tensor<4> {
    let (count, device) = (kernels.dims()[0], kernels.device());
    let matrix: Tensor<2> = kernels.clone().flatten(1, 3);
    let fixed = matrix.clone().detach();
    let turned = fixed.clone().transpose();
    let unit = |v: Tensor<2>| {
        let length = v.clone().powi_scalar(2).sum().sqrt().clamp_min(1e-12);
        v / length.reshape([1, 1])
    };
    let mut left = unit(Tensor::ones([count, 1], &device));
    let mut right = unit(turned.clone().matmul(left));
    for _ in 0..ROUNDS {
        left = unit(fixed.clone().matmul(right));
        right = unit(turned.clone().matmul(left));
    }
    left = unit(fixed.matmul(right.clone()));
    // The vectors are constants; the gradient runs through the matrix alone.
    let largest = left.transpose().matmul(matrix.matmul(right)).clamp_min(1e-12);
    kernels / largest.reshape([1, 1, 1, 1])
}

/// A convolution with normalised kernels.
fn judge(layer: &Conv2d, x: Tensor<4>, stride: usize) -> Tensor<4> {
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    let options = ConvOptions::new([stride, stride], [1, 1], [1, 1], 1);
    conv2d(x, normalised(layer.weight.val()), bias, options)
}

impl Architecture for Critic {
    fn logits(&self, images: Tensor<4>, _: Option<&mut Rng>) -> Tensor<2> {
        let x = leaky_relu(judge(&self.first, images, 2), 0.2);
        let x = leaky_relu(judge(&self.second, x, 2), 0.2);
        judge(&self.head, x, 1).flatten(1, 3)
    }
}

/// What the critic loses: real pictures should be above 1 and painted ones below -1.
pub(super) fn hinge(real: Tensor<2>, painted: Tensor<2>) -> Tensor<1> {
    relu(-real + 1.0).mean() + relu(painted + 1.0).mean()
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_learn::custom::{Fit, Fitter, device, tensor, training_device, values};

    #[test]
    fn the_largest_singular_value_becomes_one() {
        // Rows (3, 4, 0, 0) and (0, 0, 1, 0): singular values 5 and 1.
        let kernels = vec![3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let found = values(normalised(tensor(kernels.clone(), [2, 1, 2, 2], &device())));
        for (found, kernel) in found.iter().zip(kernels) {
            assert!((found - kernel / 5.0).abs() < 1e-4, "{found} {kernel}");
        }
    }

    #[test]
    fn losses_are_those_of_the_hinge() {
        let row = |v: Vec<f32>| {
            let count = v.len();
            tensor(v, [1, count], &device())
        };
        // (0 + 0.5 + 2) / 3 and (0 + 1.5) / 2.
        let loss = values(hinge(row(vec![2.0, 0.5, -1.0]), row(vec![-3.0, 0.5])));
        assert!((loss[0] - (2.5 / 3.0 + 0.75)).abs() < 1e-6, "{loss:?}");
    }

    #[test]
    fn a_critic_learns_to_tell_stripes_from_grey() {
        let device = training_device();
        let fit = Fit {
            lr: 2e-3,
            steps: 40,
            beta: 0.5,
            ..Fit::default()
        };
        let mut fitter = Fitter::new(critic(1, &device), fit).unwrap();
        let picture = |stripes: f32| {
            let value = |i: usize| if i.is_multiple_of(2) { stripes } else { -stripes };
            tensor((0..4 * 35).map(value).collect(), [4, 1, 5, 7], &device)
        };
        let mut losses = Vec::new();
        for _ in 0..40 {
            let critic = fitter.network();
            let loss = hinge(
                critic.logits(picture(1.0), None),
                critic.logits(picture(0.1), None),
            );
            losses.push(fitter.descend(loss));
        }
        assert!(losses[39] < 0.7 * losses[0], "{losses:?}");
    }
}
