//! Block-wise shuffling (SHF): the values of every block are moved by one secret permutation, the
//! same in all blocks of all images.
//!
//! Maung and Kiya: "Block-wise Image Transformation with Secret Key for Adversarially Robust
//! Defense", IEEE TIFS 2021, arXiv 2010.00801.

use crate::{
    Error, Grid, Material, Removal, SchemeInfo, Shape, Storage,
    bytes::{ByteDisguise, byte_output},
    params::{Kind, ParamSpec, Params},
    pixels::Output,
    rearrange::Rearrange,
    schedule::Schedule,
    scheme::{Disguise, Scheme, Tolerates},
    schemes::log2_factorial,
};
use zeroize::{Zeroize, Zeroizing};

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "shf",
    title: "Block-wise shuffling (SHF)",
    paper: "Maung, Kiya: Block-wise Image Transformation with Secret Key for Adversarially Robust Defense, \
            IEEE TIFS 2021, arXiv 2010.00801",
    summary: "shuffles the values within each block, all channels together, in one order for all blocks",
    broken_by: "a chosen image whose block holds different values gives the whole order, and a few known pairs do \
                too; without any pair, the correlations between the places of a block order them like neighbours, \
                for every block is another sample. It was made against adversarial examples, not for privacy",
    stronger: &[],
    networks: "cnn with --front block, whose first layer sees whole blocks; the authors trained ResNets without any \
               adaptation",
    front: "block",
    params: &[ParamSpec {
        name: "block",
        help: "side of a block in pixels",
        kind: Kind::Int { min: 2, max: 32 },
        default: "4",
    }],
    material: &["perm"],
    storage: Storage::Lossless,
    hides: "details smaller than a block; the picture in steps of a block remains",
    removal: Removal::Exact,
    per_image: "none",
    build: |params| {
        Ok(Box::new(Shf {
            params: params.clone(),
        }))
    },
    infer: |_, _| {},
};

#[derive(Debug)]
struct Shf {
    params: Params,
}

impl Shf {
    fn block(&self) -> usize {
        self.params.int("block") as usize
    }

    fn grid(&self, image: Shape) -> Grid {
        Grid::new(image, self.block())
    }
}

impl Scheme for Shf {
    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        byte_output(&self.grid(image.check()?))
    }

    fn tolerates(&self) -> Tolerates {
        // One key for all blocks, which stay where they are.
        Tolerates {
            flips: false,
            shifts: self.params.int("block") as usize,
        }
    }

    fn needs_shape(&self) -> bool {
        false
    }

    fn key_bits(&self, image: Shape) -> Option<f64> {
        Some(log2_factorial(self.block() * self.block() * image.channels))
    }

    fn advice(&self, image: Shape) -> Vec<String> {
        super::padding_advice(image, self.block())
    }

    fn prepare(
        &self,
        image: Shape,
        schedule: &Schedule,
        material: Option<&Material>,
    ) -> Result<Box<dyn Disguise>, Error> {
        let grid = self.grid(image);
        let values = self.block() * grid.block_row();
        let explicit = material.map(|m| m.permutation("perm", values)).transpose()?;
        let mut order = explicit
            .flatten()
            .unwrap_or_else(|| schedule.stream("shf-key", &[]).permutation(values));
        // A block has at most 32 * 32 * 16 values.
        let table = Zeroizing::new(order.iter().map(|from| *from as u16).collect::<Vec<_>>());
        order.zeroize();
        Ok(Box::new(ByteDisguise::new(
            grid,
            Rearrange::within(&grid, &table),
        )))
    }
}
