//! Learnable image encryption: the nibbles of every block are moved and partly complemented under
//! one key for all blocks of all images; the blocks stay where they are.
//!
//! Tanaka: "Learnable image encryption", IEEE ICCE-TW 2018, arXiv 1804.00490.

use super::nibbles::{self, Flips, NibbleKey, NibbleWork};
use crate::{
    Error, Material, Removal, SchemeInfo, Shape, Shuffle, Storage,
    bytes::byte_output,
    params::Params,
    pixels::Output,
    schedule::Schedule,
    scheme::{Disguise, Scheme, Tolerates},
};

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "tanaka",
    title: "Learnable image encryption (LE)",
    paper: "Tanaka: Learnable image encryption, IEEE ICCE-TW 2018, arXiv 1804.00490",
    summary: "splits each block into nibbles, moves these by one secret permutation for all blocks and \
              complements some of them",
    broken_by: "one chosen image of two or three blocks gives the whole key, and so does about one known \
                pair of 32x32 pixels; 20 to 100 disguised images alone give the upper nibbles (34.8 dB) to \
                an attacker who knows the statistics of such images",
    stronger: &[],
    networks: "cnn with --front block and the scheme's block: one convolution over whole blocks suits all of \
               them, so little accuracy is lost (the ELE authors report 94.9 % against 96.7 % on \
               CIFAR-10)",
    front: "block",
    params: &[nibbles::BLOCK, nibbles::FLIPS],
    material: &["perm", "flip"],
    storage: Storage::Lossless,
    hides: "detail within blocks; not which blocks are equal, nor where they lie",
    removal: Removal::Exact,
    per_image: "none",
    build: |params| {
        Ok(Box::new(Tanaka {
            params: params.clone(),
        }))
    },
    infer: |_, _| {},
};

#[derive(Debug)]
struct Tanaka {
    params: Params,
}

impl Scheme for Tanaka {
    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        byte_output(&nibbles::grid(&self.params, image.check()?))
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
        Some(nibbles::key_bits(&self.params, image))
    }

    fn advice(&self, image: Shape) -> Vec<String> {
        let mut advice = super::padding_advice(image, self.params.int("block") as usize);
        advice.push(
            "one key for all blocks: equal blocks look equal anywhere in the data set, and outlines show \
             at the scale of blocks"
                .into(),
        );
        advice
    }

    fn prepare(
        &self,
        image: Shape,
        schedule: &Schedule,
        material: Option<&Material>,
    ) -> Result<Box<dyn Disguise>, Error> {
        let (grid, flips) = (nibbles::grid(&self.params, image), Flips::of(&self.params));
        let slots = nibbles::slots(&grid);
        let explicit = material
            .map(|m| NibbleKey::explicit(m, &[], slots, flips))
            .transpose()?
            .flatten();
        let keys = explicit.unwrap_or_else(|| {
            let mut stream = schedule.stream("tanaka-key", &[]);
            vec![NibbleKey::draw(&mut stream, slots, flips)]
        });
        let unmoved = Shuffle::new(&(0..grid.positions()).collect::<Vec<_>>());
        Ok(Box::new(NibbleWork::disguise(grid, &keys, &unmoved)))
    }
}
