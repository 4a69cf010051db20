//! Block-wise negative/positive transformation (NP): in every block the same secret places, about
//! half of them, are inverted.
//!
//! Maung and Kiya: "Block-wise Image Transformation with Secret Key for Adversarially Robust
//! Defense", IEEE TIFS 2021, arXiv 2010.00801.

use super::{half_mask, half_mask_bits};
use crate::{
    Error, Grid, Material, Removal, SchemeInfo, Shape, Storage,
    bytes::{ByteDisguise, ByteWork, byte_output},
    params::{Kind, ParamSpec, Params},
    pixels::Output,
    schedule::Schedule,
    scheme::{Disguise, Scheme, Tolerates},
    simd::permute,
};
use zeroize::Zeroizing;

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "negpos",
    title: "Block-wise negative/positive transformation (NP)",
    paper: "Maung, Kiya: Block-wise Image Transformation with Secret Key for Adversarially Robust Defense, \
            IEEE TIFS 2021, arXiv 2010.00801",
    summary: "inverts (255 - v) about half of the values of each block, the same places in all blocks",
    broken_by: "one known pair gives the mask; without any pair, neighbouring values of smooth areas tell which of \
                them are inverted, and folding v and 255 - v together shows the outlines without any work. It was \
                made against adversarial examples, not for privacy",
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
    material: &["mask"],
    storage: Storage::Lossless,
    hides: "colours and fine details; outlines remain",
    removal: Removal::Exact,
    per_image: "none",
    build: |params| {
        Ok(Box::new(NegPos {
            params: params.clone(),
        }))
    },
    infer: |_, _| {},
};

#[derive(Debug)]
struct NegPos {
    params: Params,
}

impl NegPos {
    fn block(&self) -> usize {
        self.params.int("block") as usize
    }

    fn grid(&self, image: Shape) -> Grid {
        Grid::new(image, self.block())
    }
}

impl Scheme for NegPos {
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
        Some(half_mask_bits(self.block() * self.block() * image.channels))
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
        let mask = half_mask(&grid, schedule, "negpos-key", material)?;
        Ok(Box::new(ByteDisguise::new(grid, Negate::new(&grid, &mask))))
    }
}

/// Inverts the same places of every block.
struct Negate {
    /// For each byte of one or several rows of blocks: what it is XORed with.
    mask: Zeroizing<Vec<u8>>,
}

/// Length that masks are continued to, so that long loops run over them.
const LONG: usize = 4096;

impl Negate {
    fn new(grid: &Grid, mask: &[bool]) -> Self {
        let line = grid.block() * grid.padded().row();
        let mut bytes = Zeroizing::new(Vec::with_capacity(line * (LONG / line).max(1)));
        for _ in 0..(LONG / line).max(1) {
            for row in mask.chunks_exact(grid.block_row()) {
                for _ in 0..grid.columns() {
                    bytes.extend(row.iter().map(|negate| if *negate { 255 } else { 0 }));
                }
            }
        }
        Self { mask: bytes }
    }
}

impl ByteWork for Negate {
    // Images are whole rows of blocks, so the mask goes on from one to the next.
    fn apply(&self, plain: &[u8], disguised: &mut [u8]) {
        permute::xor(&self.mask, plain, disguised);
    }

    fn remove(&self, disguised: &[u8], plain: &mut [u8]) {
        permute::xor(&self.mask, disguised, plain);
    }
}
