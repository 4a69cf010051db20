//! Attacks on the AES disguise: equal runs of 16 bytes give equal ciphertexts.

pub(in crate::attacks) mod codebook;
pub(in crate::attacks) mod equality;
mod fill;
mod order;

use crate::{Error, Result, Set, Target};
use visard_core::{Grid, Shape};

/// Bytes that are encrypted together.
type Run = [u8; 16];

/// What is public about an AES disguise (SPEC.md, 6.2).
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Blocks of the plain image.
    small: Grid,
    /// The same blocks in the enlarged, disguised image.
    large: Grid,
    /// How often each pixel is repeated along both axes.
    scale: usize,
    /// Whether each position has a key of its own.
    per_position: bool,
    /// Whether the blocks are moved.
    shuffled: bool,
}

impl Frame {
    fn of(attack: &'static str, target: &Target) -> Result<Self> {
        if target.name() != "aes" {
            return Err(Error::Unfit {
                attack,
                target: target.describe(),
                problem: "it compares the 16-byte runs of aes".into(),
            });
        }
        let params = target.scheme.params();
        let small = Grid::new(target.plain, params.int("block") as usize);
        let scale = match small.block() % 4 {
            0 => 1,
            2 => 2,
            _ => 4,
        };
        let padded = small.padded();
        let large = Shape::new(padded.height * scale, padded.width * scale, padded.channels);
        Ok(Self {
            small,
            large: Grid::new(large, small.block() * scale),
            scale,
            per_position: params.bool("per_position"),
            shuffled: params.bool("shuffle"),
        })
    }

    fn positions(&self) -> usize {
        self.small.positions()
    }

    /// Runs of a block, those of all channels together.
    fn runs(&self) -> usize {
        self.large.block() * self.large.block() / 16 * self.channels()
    }

    /// Runs of an image.
    fn image_runs(&self) -> usize {
        self.runs() * self.positions()
    }

    fn channels(&self) -> usize {
        self.small.padded().channels
    }

    /// Cipher that serves a position: its own, or the one of all.
    fn cipher(&self, position: usize) -> u32 {
        if self.per_position { position as u32 } else { 0 }
    }

    /// The run of a block, and the place in it, that pixel (y, x) of a channel starts.
    fn place(&self, channel: usize, y: usize, x: usize) -> (usize, usize) {
        let side = self.large.block();
        let byte = (y * side + x) * self.scale;
        (channel * side * side / 16 + byte / 16, byte % 16)
    }

    /// Of value `i` of the block at a position, channels fastest: where it is in a padded image, its run
    /// and its place in the run.
    fn pixel(&self, position: usize, i: usize) -> (usize, usize, usize) {
        let (channel, pixel, side) = (i % self.channels(), i / self.channels(), self.small.block());
        let (y, x) = (pixel / side, pixel % side);
        let at = self.small.origin(position) + y * self.small.padded().row() + x * self.channels() + channel;
        let (run, byte) = self.place(channel, y, x);
        (at, run, byte)
    }

    /// The runs of a disguised image, position after position, channel after channel.
    fn disguised_runs(&self, image: &[u8]) -> Vec<Run> {
        let side = self.large.block();
        self.collect(|position, channel, byte| {
            let (y, x) = (byte / side, byte % side);
            image[self.large.origin(position) + y * self.large.padded().row() + x * self.channels() + channel]
        })
    }

    /// The runs of a plain image before they are encrypted.
    fn plain_runs(&self, image: &[u8]) -> Vec<Run> {
        let (side, shape, columns) = (self.large.block(), self.small.image(), self.small.columns());
        self.collect(|position, channel, byte| {
            let y = position / columns * self.small.block() + byte / side / self.scale;
            let x = position % columns * self.small.block() + byte % side / self.scale;
            image[y.min(shape.height - 1) * shape.row() + x.min(shape.width - 1) * shape.channels + channel]
        })
    }

    fn collect(&self, byte_at: impl Fn(usize, usize, usize) -> u8) -> Vec<Run> {
        let each = self.runs() / self.channels();
        (0..self.image_runs())
            .map(|i| {
                let (position, channel, run) = (i / self.runs(), i / each % self.channels(), i % each);
                std::array::from_fn(|k| byte_at(position, channel, run * 16 + k))
            })
            .collect()
    }
}

/// The bytes of one image of a set.
fn image_of(set: &Set, index: usize) -> Result<&[u8]> {
    let size = set.shape().len();
    Ok(&set.as_bytes()?[index * size..][..size])
}
