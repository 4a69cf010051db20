//! The network itself: tokens go through its steps in groups, in parallel over the groups.
//!
//! All that is done to a token, but for the statistics of a batch, depends on that token alone. So
//! tokens are put in their final order at the very start, and each group works in its part of the
//! output, with one buffer of a worker beside it.

use super::Sizes;
use crate::{
    Shape,
    simd::{self, Dense},
};
use rayon::prelude::*;
use zeroize::Zeroize;

/// Most tokens of a group. Every group reads all weights once, so the more, the less is read.
const GROUP: usize = 256;

/// Features whose statistics one task finds.
const FEATURES: usize = 64;

/// What batch normalisation adds to a variance.
const EPSILON: f64 = 1e-5;

/// A value of a plain image.
pub(super) trait Pixel: Copy + Send + Sync {
    /// The value in 0..=1.
    fn value(self) -> f32;
}

impl Pixel for u8 {
    fn value(self) -> f32 {
        f32::from(self) * (1.0 / 255.0)
    }
}

impl Pixel for f32 {
    fn value(self) -> f32 {
        self
    }
}

/// Batch normalisation with its statistics in place: x * scale + shift for each feature.
pub(super) struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Drop for Norm {
    fn drop(&mut self) {
        self.scale.zeroize();
        self.shift.zeroize();
    }
}

impl Norm {
    /// From the mean and the biased variance of each feature.
    pub(super) fn new(mean: &[f64], variance: &[f64]) -> Self {
        let spread = || variance.iter().map(|v| (v + EPSILON).sqrt());
        Self {
            scale: spread().map(|spread| (1.0 / spread) as f32).collect(),
            shift: mean
                .iter()
                .zip(spread())
                .map(|(mean, spread)| (-mean / spread) as f32)
                .collect(),
        }
    }

    /// From the tokens at `places` of `tokens`, added up in that order.
    fn measure(tokens: &[f32], width: usize, places: &[u32]) -> Self {
        let (mut mean, mut variance) = (vec![0.0; width], vec![0.0; width]);
        mean.par_chunks_mut(FEATURES)
            .zip(variance.par_chunks_mut(FEATURES))
            .enumerate()
            .for_each(|(number, (mean, variance))| {
                simd::moments(tokens, width, places, number * FEATURES, mean, variance);
            });
        Self::new(&mean, &variance)
    }
}

/// The weights of a key.
pub(super) struct Network {
    sizes: Sizes,
    patch: Dense,
    layers: Vec<Dense>,
    /// Codes of the positions, (tokens, width).
    places: Vec<f32>,
    mix: Dense,
}

impl Drop for Network {
    fn drop(&mut self) {
        self.places.zeroize();
    }
}

/// Images, and the patch that each token of their output is made of.
#[derive(Clone, Copy)]
struct Images<'a, T> {
    shape: Shape,
    values: &'a [T],
    orders: &'a [u32],
}

impl Network {
    /// A network of these layers; `places` holds a code for every position.
    pub(super) const fn new(
        sizes: Sizes,
        patch: Dense,
        layers: Vec<Dense>,
        places: Vec<f32>,
        mix: Dense,
    ) -> Self {
        Self {
            sizes,
            patch,
            layers,
            places,
            mix,
        }
    }

    /// The lengths that it was made for.
    pub(super) const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Encodes images of `shape` (the plain or the padded one) with fixed statistics: token `i` of an
    /// image is made of patch `orders[i]`.
    pub(super) fn encode<T: Pixel>(
        &self,
        shape: Shape,
        values: &[T],
        norms: &[Norm],
        orders: &[u32],
        out: &mut [f32],
    ) {
        let images = Images {
            shape,
            values,
            orders,
        };
        self.groups(out, |first, tokens, buffer| {
            for step in 0..self.layers.len() + 2 {
                self.step(step, norms, images, first, tokens, buffer);
            }
        });
    }

    /// Encodes images with the statistics of these very images.
    pub(super) fn encode_batch<T: Pixel>(&self, shape: Shape, values: &[T], orders: &[u32], out: &mut [f32]) {
        let norms = self.norms(shape, values, orders, out);
        let images = Images {
            shape,
            values,
            orders,
        };
        self.groups(out, |first, tokens, buffer| {
            self.step(self.layers.len() + 1, &norms, images, first, tokens, buffer);
        });
    }

    /// Leads images up to the last hidden layer, before its normalisation, and gives the statistics
    /// of every hidden layer.
    pub(super) fn norms<T: Pixel>(
        &self,
        shape: Shape,
        values: &[T],
        orders: &[u32],
        out: &mut [f32],
    ) -> Vec<Norm> {
        let images = Images {
            shape,
            values,
            orders,
        };
        let mut norms = Vec::with_capacity(self.layers.len());
        // Place of each patch in the output: sums run over the patches as they lie in the images.
        let mut places = vec![0; orders.len()];
        for (number, order) in orders.chunks_exact(self.sizes.tokens()).enumerate() {
            let first = number * order.len();
            for (place, patch) in (first as u32..).zip(order) {
                places[first + *patch as usize] = place;
            }
        }
        for step in 0..=self.layers.len() {
            self.groups(out, |first, tokens, buffer| {
                self.step(step, &norms, images, first, tokens, buffer);
            });
            if step > 0 {
                norms.push(Norm::measure(out, self.sizes.width, &places));
            }
        }
        places.zeroize();
        norms
    }

    /// Calls `work` with the number of a group's first token, its part of `out` and a buffer.
    fn groups(&self, out: &mut [f32], work: impl Fn(usize, &mut [f32], &mut Vec<f32>) + Sync) {
        let (width, threads) = (self.sizes.width, rayon::current_num_threads());
        let count = out.len() / width;
        let groups = count.div_ceil(GROUP).next_multiple_of(threads).max(1);
        let group = count.div_ceil(groups).next_multiple_of(8).max(8);
        out.par_chunks_mut(group * width)
            .enumerate()
            .for_each_init(Vec::new, |buffer, (number, tokens)| {
                work(number * group, tokens, buffer);
            });
    }

    /// One step of a group: patches to tokens (0), a hidden layer (1..=depth), or the last layer.
    fn step<T: Pixel>(
        &self,
        step: usize,
        norms: &[Norm],
        images: Images<'_, T>,
        first: usize,
        tokens: &mut [f32],
        buffer: &mut Vec<f32>,
    ) {
        let width = self.sizes.width;
        let layer = match step {
            0 => &self.patch,
            _ => self.layers.get(step - 1).unwrap_or(&self.mix),
        };
        let stride = Dense::stride(layer.inputs());
        buffer.resize(tokens.len() / width * stride, 0.0);
        let norm = step.checked_sub(2).map(|layer| &norms[layer]);
        let norm = norm.map(|norm| (&norm.scale[..], &norm.shift[..]));
        for (row, (token, room)) in tokens
            .chunks_exact(width)
            .zip(buffer.chunks_exact_mut(stride))
            .enumerate()
        {
            let patch = images.orders[first + row] as usize;
            if step == 0 {
                let len = images.shape.len();
                let image = &images.values[(first + row) / self.sizes.tokens() * len..][..len];
                self.unfold(images.shape, image, patch, room);
                continue;
            }
            let place = (step > self.layers.len()).then(|| &self.places[patch * width..][..width]);
            simd::activate(token, norm, place, &mut room[..width]);
        }
        layer.apply(buffer, stride, tokens);
    }

    /// The values of a patch, channel by channel, row by row; what lies outside the image repeats its
    /// last row and column.
    fn unfold<T: Pixel>(&self, shape: Shape, image: &[T], patch: usize, values: &mut [f32]) {
        let (side, columns, channels) = (self.sizes.grid.block(), self.sizes.grid.columns(), shape.channels);
        let (top, left) = (patch / columns * side, patch % columns * side);
        let inside = side.min(shape.width - left);
        for row in 0..side {
            let line = &image[(top + row).min(shape.height - 1) * shape.row()..][..shape.row()];
            let pixels = &line[left * channels..][..inside * channels];
            for channel in 0..channels {
                let room = &mut values[(channel * side + row) * side..][..side];
                for (room, pixel) in room.iter_mut().zip(pixels.chunks_exact(channels)) {
                    *room = pixel[channel].value();
                }
                let last = room[inside - 1];
                room[inside..].fill(last);
            }
        }
    }
}
