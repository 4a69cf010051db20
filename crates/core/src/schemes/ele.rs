//! Extended learnable image encryption: every block position has a nibble key of its own, and the
//! blocks are moved by one secret order.
//!
//! Madono, Tanaka, Onishi, Ogawa: "Block-wise scrambled image recognition using adaptation network",
//! AAAI 2020 workshop, arXiv 2001.07761.

use super::nibbles::{self, Flips, NibbleKey, NibbleWork};
use crate::{
    Error, Material, Removal, SchemeInfo, Shape, Shuffle, Storage,
    bytes::byte_output,
    params::{Kind, ParamSpec, Params},
    pixels::Output,
    schedule::Schedule,
    scheme::{Disguise, Scheme},
    schemes::log2_factorial,
};

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "ele",
    title: "Extended learnable image encryption (ELE)",
    paper: "Madono, Tanaka, Onishi, Ogawa: Block-wise scrambled image recognition using adaptation \
            network, AAAI 2020 workshop, arXiv 2001.07761",
    summary: "splits each block into nibbles, moves and complements them under a key for every block \
              position, and shuffles the blocks",
    broken_by: "two chosen images give every key and the block order; known pairs solve place by place, \
                about 75 % of the nibbles with 5 pairs of 32x32 pixels and nearly all with 20; all images \
                share the keys, so a few hundred disguised images alone show which blocks are neighbours, and with \
                public images of the same kind the upper nibbles (visard attack ele-layout)",
    stronger: &[],
    networks: "cnn with --front block learns, at a clear loss (the authors report 67.1 % without and 83.1 % \
               with a layer of its own for each block, against 96.7 % plain, on CIFAR-10); mlp does not \
               mind the moves",
    front: "position",
    params: &[
        nibbles::BLOCK,
        nibbles::FLIPS,
        ParamSpec {
            name: "shuffle",
            help: "move the blocks by one secret permutation for the whole data set",
            kind: Kind::Bool,
            default: "true",
        },
    ],
    material: &["perm", "flip", "block_perm"],
    storage: Storage::Lossless,
    hides: "detail within blocks and where they lie; not that blocks at one place are equal in two images",
    removal: Removal::Exact,
    per_image: "none",
    build: |params| {
        Ok(Box::new(Ele {
            params: params.clone(),
        }))
    },
    infer: |_, _| {},
};

#[derive(Debug)]
struct Ele {
    params: Params,
}

impl Scheme for Ele {
    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        byte_output(&nibbles::grid(&self.params, image.check()?))
    }

    fn needs_shape(&self) -> bool {
        true
    }

    fn key_bits(&self, image: Shape) -> Option<f64> {
        let positions = nibbles::grid(&self.params, image).positions();
        let order = if self.params.bool("shuffle") {
            log2_factorial(positions)
        } else {
            0.0
        };
        Some(positions as f64 * nibbles::key_bits(&self.params, image) + order)
    }

    fn advice(&self, image: Shape) -> Vec<String> {
        super::padding_advice(image, self.params.int("block") as usize)
    }

    fn prepare(
        &self,
        image: Shape,
        schedule: &Schedule,
        material: Option<&Material>,
    ) -> Result<Box<dyn Disguise>, Error> {
        let (grid, flips) = (nibbles::grid(&self.params, image), Flips::of(&self.params));
        let (positions, slots) = (grid.positions(), nibbles::slots(&grid));
        let explicit = material
            .map(|m| NibbleKey::explicit(m, &[positions], slots, flips))
            .transpose()?
            .flatten();
        let keys = explicit.unwrap_or_else(|| {
            let draw = |i: u64| NibbleKey::draw(&mut schedule.stream("ele-key", &[i]), slots, flips);
            (0..positions as u64).map(draw).collect()
        });
        let shuffle = Shuffle::prepare(schedule, material, positions, self.params.bool("shuffle"))?;
        Ok(Box::new(NibbleWork::disguise(grid, &keys, &shuffle)))
    }
}
