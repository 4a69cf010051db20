//! AES pixel encryption of DisguisedNets: each channel of each block is cut into 16-byte chunks,
//! each encrypted alone with AES-128 (ECB), then the blocks are shuffled.
//!
//! Chen, Gu, Sharma: "DisguisedNets: Secure Image Outsourcing for Confidential Model Training in
//! Clouds", ACM TOIT 2023, doi 10.1145/3609506.

use crate::{
    Error, Grid, Material, Removal, SchemeInfo, Shape, Shuffle, Storage, Stronger,
    params::{Kind, ParamSpec, Params},
    pixels::{Dtype, Output, PixelsMut, PixelsRef, Samples, sized},
    schedule::Schedule,
    scheme::{Disguise, Scheme},
    schemes::log2_factorial,
    simd::{self, Block},
};
use aes::{
    Aes128,
    cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use rayon::prelude::*;

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "aes",
    title: "AES pixel encryption (DisguisedNets)",
    paper: "Chen, Gu, Sharma: DisguisedNets, ACM TOIT 2023, doi 10.1145/3609506",
    summary: "encrypts the bytes of each block and channel with AES-128, block by block, and shuffles the blocks",
    broken_by: "equal blocks stay equal (everywhere with one cipher, at one position otherwise), so flat areas \
                and repeated patches show without any key; a code book from known pairs reads every block seen before",
    stronger: &[
        Stronger {
            param: "per_position",
            value: "true",
            effect: "equal blocks show only at the same place of different images",
        },
        Stronger {
            param: "shuffle",
            value: "true",
            effect: "moves the blocks, so that repeats do not show where in the picture they are",
        },
    ],
    networks: "cnn with --front block, --set dropout=0.4 and --weight-decay 0.003: it can only learn from blocks that repeat, \
               so expect a large loss of accuracy",
    front: "block",
    params: &[
        ParamSpec {
            name: "block",
            help: "side of a block in pixels; a block that is no whole number of 16-byte chunks is enlarged by \
                   repeating pixels, and the image with it",
            kind: Kind::Int { min: 1, max: 256 },
            default: "4",
        },
        ParamSpec {
            name: "per_position",
            help: "an AES key of its own for every block position, instead of one for the whole data set",
            kind: Kind::Bool,
            default: "true",
        },
        ParamSpec {
            name: "shuffle",
            help: "move the blocks by one secret permutation for the whole data set",
            kind: Kind::Bool,
            default: "true",
        },
    ],
    material: &["key", "keys", "block_perm"],
    storage: Storage::Lossless,
    hides: "all but which blocks are equal",
    removal: Removal::Exact,
    per_image: "none",
    build: |params| {
        Ok(Box::new(Aes {
            params: params.clone(),
        }))
    },
    infer: |material, params| {
        for (array, value) in [("key", "false"), ("keys", "true")] {
            if material.get(array).is_some() {
                params
                    .entry("per_position".into())
                    .or_insert_with(|| value.into());
            }
        }
    },
};

#[derive(Debug)]
struct Aes {
    params: Params,
}

impl Aes {
    fn block(&self) -> usize {
        self.params.int("block") as usize
    }

    /// How often each pixel is repeated along both axes, so that a block is whole chunks.
    fn scale(&self) -> usize {
        match self.block() % 4 {
            0 => 1,
            2 => 2,
            _ => 4,
        }
    }

    fn grids(&self, image: Shape) -> (Grid, Grid) {
        let (small, scale) = (Grid::new(image, self.block()), self.scale());
        let padded = small.padded();
        let large = Shape::new(padded.height * scale, padded.width * scale, padded.channels);
        (small, Grid::new(large, self.block() * scale))
    }

    fn ciphers(
        &self,
        schedule: &Schedule,
        material: Option<&Material>,
        positions: usize,
    ) -> Result<Vec<Aes128>, Error> {
        let per_position = self.params.bool("per_position");
        let (wanted, other, shape) = match per_position {
            true => ("keys", "key", vec![positions, 16]),
            false => ("key", "keys", vec![16]),
        };
        if material.is_some_and(|m| m.get(other).is_some()) {
            let problem = format!("contradicts per_position={per_position}, which takes {wanted}");
            return Err(Error::material(other, problem));
        }
        let explicit = material.map(|m| m.bytes(wanted, &shape)).transpose()?.flatten();
        let count = if per_position { positions } else { 1 };
        Ok(match explicit {
            Some(bytes) => bytes
                .as_chunks::<16>()
                .0
                .iter()
                .map(|key| Aes128::new(&Array(*key)))
                .collect(),
            None => (0..count as u64)
                .map(|i| Aes128::new(&Array(*schedule.derive::<16>("aes-key", &[i]))))
                .collect(),
        })
    }
}

impl Scheme for Aes {
    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        Ok(Output {
            shape: self.grids(image.check()?).1.padded().check()?,
            dtype: Dtype::U8,
            range: (0.0, 255.0),
        })
    }

    fn needs_shape(&self) -> bool {
        self.params.bool("per_position") || self.params.bool("shuffle")
    }

    fn key_bits(&self, image: Shape) -> Option<f64> {
        let positions = Grid::new(image, self.block()).positions();
        let keys = if self.params.bool("per_position") {
            positions
        } else {
            1
        };
        let order = if self.params.bool("shuffle") {
            log2_factorial(positions)
        } else {
            0.0
        };
        Some(128.0 * keys as f64 + order)
    }

    fn advice(&self, image: Shape) -> Vec<String> {
        let mut advice = super::padding_advice(image, self.block());
        let scale = self.scale();
        if scale > 1 {
            advice.push(format!(
                "a block of {0}x{0} bytes is no whole number of 16-byte chunks: images grow {1}-fold in area; \
                 a block side divisible by 4 avoids that",
                self.block(),
                scale * scale
            ));
        }
        if !self.params.bool("per_position") {
            advice.push(
                "one cipher for all positions: equal blocks look equal anywhere in the data set".into(),
            );
        }
        advice
    }

    fn prepare(
        &self,
        image: Shape,
        schedule: &Schedule,
        material: Option<&Material>,
    ) -> Result<Box<dyn Disguise>, Error> {
        let (small, large) = self.grids(image);
        let ciphers = self.ciphers(schedule, material, large.positions())?;
        let shuffle = Shuffle::prepare(schedule, material, large.positions(), self.params.bool("shuffle"))?;
        let origins: Vec<usize> = (0..large.positions()).map(|i| large.origin(i)).collect();
        Ok(Box::new(Prepared {
            output: self.output(image)?,
            scale: self.scale(),
            inverse: shuffle.inverse(),
            small,
            large,
            origins,
            ciphers,
            shuffle,
        }))
    }
}

/// Blocks that the widest AES units encrypt at once. What does not fill a batch is encrypted
/// block by block, several times slower, so buffers are rounded up to whole batches.
const BATCH: usize = 64;

/// Blocks left empty between positions: a cache line. Without it the blocks of one image fall into a
/// few sets of the processor's cache and drive each other out.
const GAP: usize = 4;

/// Rounds up to whole batches, unless most of a batch would be filler.
fn whole_batches(blocks: usize) -> usize {
    let whole = blocks.next_multiple_of(BATCH);
    if whole <= blocks + blocks / 2 {
        whole
    } else {
        blocks
    }
}

struct Prepared {
    small: Grid,
    large: Grid,
    scale: usize,
    origins: Vec<usize>,
    ciphers: Vec<Aes128>,
    shuffle: Shuffle,
    inverse: Shuffle,
    output: Output,
}

/// Which way the bytes go.
#[derive(Clone, Copy)]
enum Way {
    Encrypt,
    Decrypt,
}

/// Buffers of one worker.
#[derive(Default)]
struct Scratch {
    /// The padded and enlarged images of a group, where they differ from the plain ones.
    padded: Vec<u8>,
    /// AES blocks of a group: position, then image, then channel, then chunk.
    stage: Vec<Block>,
}

impl Prepared {
    /// AES blocks that one channel of one block is made of.
    fn chunks(&self) -> usize {
        self.large.block() * self.large.block() / 16
    }

    /// AES blocks in one position of one image, all channels.
    fn per_image(&self) -> usize {
        self.large.padded().channels * self.chunks()
    }

    /// Images worked on together: few enough to stay in the processor's caches, but enough to
    /// fill batches of blocks with every cipher. Three batches spread the cost of loading its keys.
    fn group(&self) -> usize {
        match self.ciphers.len() {
            1 => (24 * 1024 / self.large.padded().len()).clamp(1, 64),
            positions if positions <= 256 => (3 * BATCH / self.per_image()).max(1),
            _ => (BATCH / self.per_image()).max(1),
        }
    }

    /// Distance of the AES blocks of one position from those of the next.
    fn step(&self, images: usize) -> usize {
        match self.ciphers.len() {
            1 => images * self.per_image(),
            _ => whole_batches(images * self.per_image()) + GAP,
        }
    }

    fn is_plain_geometry(&self) -> bool {
        self.scale == 1 && self.small.is_exact()
    }

    /// AES blocks that hold a group of so many images, filler included.
    fn stage_len(&self, images: usize) -> usize {
        let blocks = self.step(images) * self.large.positions();
        if self.ciphers.len() == 1 {
            whole_batches(blocks)
        } else {
            blocks
        }
    }

    /// Cuts the images of a group into AES blocks.
    fn split(&self, images: &[u8], stage: &mut [Block]) {
        let (len, stride) = (self.large.padded().len(), self.large.padded().row());
        let channels = self.large.padded().channels;
        let (per_image, step) = (self.per_image(), self.step(images.len() / len));
        for (index, image) in images.chunks_exact(len).enumerate() {
            let stage = &mut stage[index * per_image..];
            if self.large.block() == 4 && channels == 3 {
                simd::split4_rgb(image, stride, stage, step);
                continue;
            }
            for (i, origin) in self.origins.iter().enumerate() {
                self.split_block(image, *origin, &mut stage[i * step..][..per_image]);
            }
        }
    }

    fn split_block(&self, image: &[u8], origin: usize, blocks: &mut [Block]) {
        let (side, stride, channels) = (
            self.large.block(),
            self.large.padded().row(),
            self.large.padded().channels,
        );
        for (channel, blocks) in blocks.chunks_exact_mut(self.chunks()).enumerate() {
            let bytes = blocks.as_flattened_mut();
            for r in 0..side {
                let row = &image[origin + r * stride + channel..];
                for (c, byte) in bytes[r * side..][..side].iter_mut().enumerate() {
                    *byte = row[c * channels];
                }
            }
        }
    }

    /// Puts AES blocks back into images: block i of an image is made of number `order[i]`.
    fn join(&self, stage: &[Block], order: &Shuffle, images: &mut [u8]) {
        let (len, stride) = (self.large.padded().len(), self.large.padded().row());
        let channels = self.large.padded().channels;
        let (per_image, step) = (self.per_image(), self.step(images.len() / len));
        for (index, image) in images.chunks_exact_mut(len).enumerate() {
            let stage = &stage[index * per_image..];
            if self.large.block() == 4 && channels == 3 {
                simd::join4_rgb(stage, step, order.order(), image, stride);
                continue;
            }
            for (origin, source) in self.origins.iter().zip(order.order()) {
                self.join_block(&stage[*source as usize * step..][..per_image], image, *origin);
            }
        }
    }

    fn join_block(&self, blocks: &[Block], image: &mut [u8], origin: usize) {
        let (side, stride, channels) = (
            self.large.block(),
            self.large.padded().row(),
            self.large.padded().channels,
        );
        for (channel, blocks) in blocks.chunks_exact(self.chunks()).enumerate() {
            let bytes = blocks.as_flattened();
            for r in 0..side {
                let row = &mut image[origin + r * stride + channel..];
                for (c, byte) in bytes[r * side..][..side].iter().enumerate() {
                    row[c * channels] = *byte;
                }
            }
        }
    }

    /// Runs every cipher over the blocks of its source position. A disguised image has source
    /// position `order[i]` at its place i.
    fn crypt(&self, stage: &mut [Block], way: Way) {
        let (share, gap) = match self.ciphers.len() {
            1 => (stage.len(), 0),
            positions => (stage.len() / positions, GAP),
        };
        for (i, blocks) in stage.chunks_exact_mut(share).enumerate() {
            let blocks = Array::cast_slice_from_core_mut(&mut blocks[..share - gap]);
            match way {
                Way::Encrypt => self.ciphers[i].encrypt_blocks(blocks),
                Way::Decrypt if self.ciphers.len() == 1 => self.ciphers[0].decrypt_blocks(blocks),
                Way::Decrypt => self.ciphers[self.shuffle.order()[i] as usize].decrypt_blocks(blocks),
            }
        }
    }

    /// Pads an image and repeats its pixels.
    fn enlarge(&self, plain: &[u8], small: &mut Vec<u8>, large: &mut [u8]) {
        let (from, to) = (self.small.padded(), self.large.padded());
        small.resize(from.len(), 0);
        self.small.pad(plain, small, |v| v);
        for row in 0..to.height {
            let source = &small[row / self.scale * from.row()..][..from.row()];
            for (column, pixel) in large[row * to.row()..][..to.row()]
                .chunks_exact_mut(to.channels)
                .enumerate()
            {
                pixel.copy_from_slice(&source[column / self.scale * to.channels..][..to.channels]);
            }
        }
    }

    /// Takes one of each repeated pixel and crops the padding.
    fn shrink(&self, large: &[u8], plain: &mut [u8]) {
        let (from, to) = (self.large.padded(), self.small.image());
        for (row, pixels) in plain.chunks_exact_mut(to.row()).enumerate() {
            let source = &large[row * self.scale * from.row()..];
            for (column, pixel) in pixels.chunks_exact_mut(to.channels).enumerate() {
                pixel.copy_from_slice(&source[column * self.scale * to.channels..][..to.channels]);
            }
        }
    }

    fn apply_group(&self, scratch: &mut Scratch, plain: &[u8], disguised: &mut [u8]) {
        let len = self.large.padded().len();
        scratch
            .stage
            .resize(self.stage_len(disguised.len() / len), [0; 16]);
        if self.is_plain_geometry() {
            self.split(plain, &mut scratch.stage);
        } else {
            scratch.padded.resize(disguised.len(), 0);
            let mut small = Vec::new();
            let images = plain.chunks_exact(self.small.image().len());
            for (image, room) in images.zip(scratch.padded.chunks_exact_mut(len)) {
                self.enlarge(image, &mut small, room);
            }
            self.split(&scratch.padded, &mut scratch.stage);
        }
        self.crypt(&mut scratch.stage, Way::Encrypt);
        self.join(&scratch.stage, &self.shuffle, disguised);
    }

    fn remove_group(&self, scratch: &mut Scratch, disguised: &[u8], plain: &mut [u8]) {
        let len = self.large.padded().len();
        scratch
            .stage
            .resize(self.stage_len(disguised.len() / len), [0; 16]);
        self.split(disguised, &mut scratch.stage);
        self.crypt(&mut scratch.stage, Way::Decrypt);
        if self.is_plain_geometry() {
            self.join(&scratch.stage, &self.inverse, plain);
            return;
        }
        scratch.padded.resize(disguised.len(), 0);
        self.join(&scratch.stage, &self.inverse, &mut scratch.padded);
        let images = scratch.padded.chunks_exact(len);
        for (image, room) in images.zip(plain.chunks_exact_mut(self.small.image().len())) {
            self.shrink(image, room);
        }
    }
}

impl Disguise for Prepared {
    fn input(&self) -> Shape {
        self.small.image()
    }

    fn output(&self) -> Output {
        self.output
    }

    fn apply(&self, samples: Samples<'_>, plain: &[u8], disguised: PixelsMut<'_>) -> Result<(), Error> {
        let (count, from, to) = (samples.ids.len(), self.input().len(), self.output.shape.len());
        let plain = sized(plain, plain.len(), count * from)?;
        let disguised = disguised.bytes(count * to)?;
        let groups = plain
            .par_chunks(from * self.group())
            .zip(disguised.par_chunks_mut(to * self.group()));
        groups.for_each_init(Scratch::default, |scratch, (plain, disguised)| {
            self.apply_group(scratch, plain, disguised);
        });
        Ok(())
    }

    fn remove(&self, samples: Samples<'_>, disguised: PixelsRef<'_>, plain: &mut [u8]) -> Result<(), Error> {
        let (count, from, to) = (samples.ids.len(), self.output.shape.len(), self.input().len());
        let disguised = disguised.bytes(count * from)?;
        let found = plain.len();
        let plain = sized(plain, found, count * to)?;
        let groups = disguised
            .par_chunks(from * self.group())
            .zip(plain.par_chunks_mut(to * self.group()));
        groups.for_each_init(Scratch::default, |scratch, (disguised, plain)| {
            self.remove_group(scratch, disguised, plain);
        });
        Ok(())
    }
}
