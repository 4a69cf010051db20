//! The networks that paint: a small U-Net, and the block network of the published attack.

use burn::module::{Module, Param};
use burn::nn::{
    PaddingConfig2d,
    conv::{Conv2d, Conv2dConfig},
};
use burn::tensor::{Device, Tensor, activation::relu};
use visard_learn::{Architecture, Network, Rng, custom};

/// Channels of the published block network, before and after the blocks are spread over their pixels.
const BLOCK_FEATURES: usize = 48;
const BLOCK_PLANES: usize = 32;
/// Side of its blocks.
const BLOCK: usize = 4;

/// Which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Painter {
    /// Ronneberger, Fischer, Brox: U-Net, MICCAI 2015, in small: two halvings, widths w, 2w, 4w. It keeps to
    /// a grid of 4 x 4 pixels, so that it can learn what a key does to each place of a block.
    UNet {
        /// Channels at full size.
        width: usize,
    },
    /// Block by block, 4 x 4 pixels each, as published for LE, ELE and EtC (ATTACKS, 7.3).
    Blocks,
}

impl Painter {
    /// The painter of that word.
    pub(super) fn of(word: &str, width: i64) -> Self {
        match word {
            "blocks" => Self::Blocks,
            _ => Self::UNet {
                width: width.max(1) as usize,
            },
        }
    }
}

/// What a network takes and paints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Channels that go in.
    pub(super) inputs: usize,
    /// Channels of a picture.
    pub(super) outputs: usize,
    /// Sides of what goes in, multiples of 4.
    pub(super) canvas: [usize; 2],
    /// Rows of a picture, at the top of the canvas.
    pub(super) rows: usize,
    /// Its columns, at the left.
    pub(super) columns: usize,
    /// Whether the first channels that go in are a guess of the picture, which is to be corrected.
    pub(super) guessed: bool,
}

impl Plan {
    /// The network on a device, its weights meaningless.
    pub(super) fn build(&self, painter: Painter, device: &Device) -> Box<dyn Network> {
        let end = End {
            gain: self
                .guessed
                .then(|| Param::from_tensor(Tensor::zeros([self.outputs], device))),
            outputs: self.outputs,
            rows: self.rows,
            columns: self.columns,
        };
        match painter {
            Painter::UNet { width } => custom::wrap(UNet::new(self, width, end, device)),
            Painter::Blocks => custom::wrap(Blocks::new(self, end, device)),
        }
    }

    /// Bytes that training takes, about, with so many images in a batch.
    pub(super) fn bytes(&self, painter: Painter, batch: usize) -> u64 {
        let area = (self.canvas[0] * self.canvas[1]) as u64;
        let (maps, weights) = match painter {
            Painter::UNet { width } => (10 * width, 9 * width * (40 * width + self.inputs)),
            Painter::Blocks => (80, 16 * BLOCK_FEATURES * (BLOCK_PLANES + self.inputs)),
        };
        // Values and gradients; and four numbers a weight.
        4 * (3 * batch as u64 * area * (maps + self.inputs) as u64 + 4 * weights as u64)
    }
}

/// A convolution with as many rows and columns out as in, or a `1 / stride` of them.
fn conv([from, to]: [usize; 2], side: usize, stride: usize, device: &Device) -> Conv2d {
    let pad = (side - stride) / 2;
    Conv2dConfig::new([from, to], [side, side])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .init(device)
}

/// (N, C * s * s, H, W) to (N, C, H * s, W * s): the channels of a place become its pixels.
fn spread(x: Tensor<4>, side: usize) -> Tensor<4> {
    let [count, channels, height, width] = x.dims();
    let channels = channels / (side * side);
    x.reshape([count, channels, side, side, height, width])
        .permute([0, 1, 4, 2, 5, 3])
        .reshape([count, channels, height * side, width * side])
}

/// From the last feature maps to the picture in a row.
#[derive(Module, Debug)]
struct End {
    /// What the correction of a guess is multiplied by, for each channel: 0 at first, so that training starts
    /// at the guess.
    gain: Option<Param<Tensor<1>>>,
    outputs: usize,
    rows: usize,
    columns: usize,
}

impl End {
    fn picture(&self, images: Tensor<4>, painted: Tensor<4>) -> Tensor<2> {
        let painted = match &self.gain {
            Some(gain) => {
                let gain = gain.val().reshape([1, self.outputs, 1, 1]);
                images.narrow(1, 0, self.outputs) + painted * gain
            }
            None => painted,
        };
        painted
            .narrow(2, 0, self.rows)
            .narrow(3, 0, self.columns)
            .flatten(1, 3)
    }
}

#[derive(Module, Debug)]
struct UNet {
    enter: Conv2d,
    down1: Conv2d,
    deep1: Conv2d,
    down2: Conv2d,
    deep2: Conv2d,
    up1: Conv2d,
    join1: Conv2d,
    up2: Conv2d,
    join2: Conv2d,
    head: Conv2d,
    end: End,
}

impl UNet {
    fn new(plan: &Plan, w: usize, end: End, device: &Device) -> Self {
        Self {
            enter: conv([plan.inputs, w], 3, 1, device),
            down1: conv([w, 2 * w], 2, 2, device),
            deep1: conv([2 * w, 2 * w], 3, 1, device),
            down2: conv([2 * w, 4 * w], 2, 2, device),
            deep2: conv([4 * w, 4 * w], 3, 1, device),
            up1: conv([4 * w, 8 * w], 1, 1, device),
            join1: conv([4 * w, 2 * w], 3, 1, device),
            up2: conv([2 * w, 4 * w], 1, 1, device),
            join2: conv([2 * w, w], 3, 1, device),
            head: conv([w, plan.outputs], 1, 1, device),
            end,
        }
    }
}

impl Architecture for UNet {
    fn logits(&self, images: Tensor<4>, _: Option<&mut Rng>) -> Tensor<2> {
        let full = relu(self.enter.forward(images.clone()));
        let half = relu(self.down1.forward(full.clone()));
        let half = relu(self.deep1.forward(half));
        let quarter = relu(self.down2.forward(half.clone()));
        let quarter = relu(self.deep2.forward(quarter));
        let up = relu(spread(self.up1.forward(quarter), 2));
        let up = relu(self.join1.forward(Tensor::cat(vec![up, half], 1)));
        let up = relu(spread(self.up2.forward(up), 2));
        let up = relu(self.join2.forward(Tensor::cat(vec![up, full], 1)));
        self.end.picture(images, self.head.forward(up))
    }
}

/// The published network without its batch normalisation, as batches are small here, and without its bounded
/// end: plain values are not confined while it is trained.
#[derive(Module, Debug)]
struct Blocks {
    enter: Conv2d,
    mix: Conv2d,
    leave: Conv2d,
    head: Conv2d,
    end: End,
}

impl Blocks {
    fn new(plan: &Plan, end: End, device: &Device) -> Self {
        Self {
            enter: conv([plan.inputs, BLOCK_FEATURES], BLOCK, BLOCK, device),
            mix: conv([BLOCK_FEATURES, BLOCK_FEATURES], 1, 1, device),
            leave: conv([BLOCK_FEATURES, BLOCK * BLOCK * BLOCK_PLANES], 1, 1, device),
            head: conv([BLOCK_PLANES, plan.outputs], 1, 1, device),
            end,
        }
    }
}

impl Architecture for Blocks {
    fn logits(&self, images: Tensor<4>, _: Option<&mut Rng>) -> Tensor<2> {
        let x = relu(self.enter.forward(images.clone()));
        let x = relu(self.mix.forward(x));
        let x = relu(spread(self.leave.forward(x), BLOCK));
        self.end.picture(images, self.head.forward(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_learn::custom::{Fit, Fitter, tensor, training_device, values};

    fn plan(guessed: bool) -> Plan {
        Plan {
            inputs: 5,
            outputs: 2,
            canvas: [8, 12],
            rows: 7,
            columns: 9,
            guessed,
        }
    }

    /// Values of no pattern in -1 to 1.
    fn images(count: usize) -> Vec<f32> {
        let value = |i: usize| (i * 7919 % 997) as f32 / 498.0 - 1.0;
        (0..count * 5 * 8 * 12).map(value).collect()
    }

    #[test]
    fn pictures_are_cut_and_start_at_the_guess() {
        let device = training_device();
        for painter in [Painter::UNet { width: 4 }, Painter::Blocks] {
            let fresh = |guessed| {
                let network = plan(guessed).build(painter, &device);
                let fitter = Fitter::new(network, Fit::default()).unwrap();
                let images = tensor(images(3), [3, 5, 8, 12], &device);
                let painted = fitter.network().logits(images, None);
                assert_eq!(painted.dims(), [3, 2 * 7 * 9], "{painter:?}");
                values(painted.inner())
            };
            let images = images(3);
            for (i, value) in fresh(true).iter().enumerate() {
                let (image, channel, row, column) = (i / 126, i / 63 % 2, i / 9 % 7, i % 9);
                assert_eq!(
                    *value,
                    images[((image * 5 + channel) * 8 + row) * 12 + column],
                    "{i}"
                );
            }
            let bare = fresh(false);
            assert!(bare.iter().any(|v| (v - bare[0]).abs() > 1e-3), "{painter:?}");
        }
    }

    #[test]
    fn channels_of_a_place_become_its_pixels() {
        let x = tensor(
            (0..8).map(|i| i as f32).collect(),
            [1, 4, 1, 2],
            &custom::device(),
        );
        // Channel 2 a + b of a place is its pixel (a, b).
        assert_eq!(
            values(spread(x, 2).flatten::<1>(0, 3)),
            [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]
        );
    }

    #[test]
    fn blocks_are_painted_one_by_one() {
        let (training, device) = (training_device(), custom::device());
        let plan = plan(false).build(Painter::Blocks, &training);
        let network = Fitter::new(plan, Fit::default()).unwrap().network().inference();
        let painted = |images| values(network.logits(tensor(images, [1, 5, 8, 12], &device), None));
        let before = images(1);
        let mut after = before.clone();
        // Row 5, column 6 of the third channel, which is in the second block of the second row.
        after[2 * 96 + 5 * 12 + 6] += 1.0;
        let mut changed = false;
        for (i, (a, b)) in painted(before).iter().zip(painted(after)).enumerate() {
            let (row, column) = (i / 9 % 7, i % 9);
            changed |= *a != b;
            assert!((row / 4, column / 4) == (1, 1) || *a == b, "{row} {column}");
        }
        assert!(changed);
    }
}
