//! Block-wise transformation by format-preserving encryption (FFX): in every block the same secret
//! places, about half of them, are replaced through a secret table of three-digit numbers, and all
//! values are divided by the largest entry of the table.
//!
//! Maung and Kiya: "Block-wise Image Transformation with Secret Key for Adversarially Robust
//! Defense", IEEE TIFS 2021, arXiv 2010.00801.

use super::{half_mask, half_mask_bits};
use crate::{
    Error, Grid, Material, Removal, SchemeInfo, Shape, Storage,
    params::{Kind, ParamSpec, Params},
    pixels::{Dtype, Output, PixelsMut, PixelsRef, Samples, sized},
    schedule::Schedule,
    scheme::{Disguise, Scheme, Tolerates},
    simd::permute as simd,
};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "ffx",
    title: "Block-wise format-preserving encryption (FFX)",
    paper: "Maung, Kiya: Block-wise Image Transformation with Secret Key for Adversarially Robust Defense, \
            IEEE TIFS 2021, arXiv 2010.00801",
    summary: "replaces about half of the values of each block, the same places in all blocks, by three-digit \
              numbers of a secret table, and scales all values to 0..=1",
    broken_by: "one known pair gives the mask and the table entries of its values; without any pair, the other half \
                of the values shows the picture, darker. It was made against adversarial examples, not for privacy",
    stronger: &[],
    networks: "cnn with --front block, whose first layer sees whole blocks; the authors trained ResNets without any \
               adaptation and report 92.3% on CIFAR-10 with block 4, against 95.5% in the plain",
    front: "block",
    params: &[ParamSpec {
        name: "block",
        help: "side of a block in pixels",
        kind: Kind::Int { min: 2, max: 32 },
        default: "4",
    }],
    material: &["mask", "lut"],
    storage: Storage::Float,
    hides: "colours and fine details; the picture remains in half of the values",
    removal: Removal::Exact,
    per_image: "none",
    build: |params| {
        Ok(Box::new(Ffx {
            params: params.clone(),
        }))
    },
    infer: |_, _| {},
};

/// Codes that the derived table takes its entries from: the three-digit numbers.
const CODES: usize = 1000;

#[derive(Debug)]
struct Ffx {
    params: Params,
}

impl Ffx {
    fn block(&self) -> usize {
        self.params.int("block") as usize
    }

    fn grid(&self, image: Shape) -> Grid {
        Grid::new(image, self.block())
    }
}

impl Scheme for Ffx {
    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        Ok(Output {
            shape: self.grid(image.check()?).padded().check()?,
            dtype: Dtype::F32,
            // The entries differ, so the largest of them is at least 255.
            range: (0.0, 1.0),
        })
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
        let table: f64 = (CODES - 255..=CODES).map(|n| (n as f64).log2()).sum();
        Some(table + half_mask_bits(self.block() * self.block() * image.channels))
    }

    fn advice(&self, image: Shape) -> Vec<String> {
        let mut advice = super::padding_advice(image, self.block());
        advice.push(
            "in 8-bit images about four codes fall together, so the disguise comes off exactly only from floats \
             or 16-bit images"
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
        let grid = self.grid(image);
        let output = self.output(image)?;
        let mask = half_mask(&grid, schedule, "ffx-mask", material)?;
        let codes = codes(schedule, material)?;
        Ok(Box::new(Prepared::new(grid, output, &mask, &codes)))
    }
}

/// The code of each byte: explicit ones, or else the derived ones.
fn codes(schedule: &Schedule, material: Option<&Material>) -> Result<Zeroizing<Vec<u16>>, Error> {
    let explicit = material
        .map(|m| m.integers("lut", &[256]))
        .transpose()?
        .flatten()
        .map(Zeroizing::new);
    let Some(explicit) = explicit else {
        let order = Zeroizing::new(schedule.stream("ffx-lut", &[]).permutation(CODES));
        return Ok(Zeroizing::new(
            order[..256].iter().map(|code| *code as u16).collect(),
        ));
    };
    let codes: Result<Vec<u16>, _> = explicit.iter().map(|code| u16::try_from(*code)).collect();
    let codes = codes.map_err(|_| Error::material("lut", "must hold whole numbers from 0 to 65535"))?;
    let codes = Zeroizing::new(codes);
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        let problem = "two bytes have the same code, so they could not be told apart again";
        return Err(Error::material("lut", problem));
    }
    Ok(codes)
}

struct Prepared {
    grid: Grid,
    output: Output,
    /// For each value of a row of blocks: 256 where it is replaced, otherwise 0.
    places: Zeroizing<Vec<u16>>,
    /// What each byte becomes where it is kept, then where it is replaced.
    values: Zeroizing<[f32; 512]>,
    /// The byte with the nearest entry, for each code.
    nearest: Box<[u8; 65_536]>,
    /// The largest entry.
    top: u16,
}

/// Values that one task works on.
const GROUP: usize = 16 * 1024;

impl Prepared {
    fn new(grid: Grid, output: Output, mask: &[bool], codes: &[u16]) -> Self {
        let top = codes.iter().copied().max().unwrap_or(0);
        let mut values = Zeroizing::new([0.0; 512]);
        for (byte, code) in codes.iter().enumerate() {
            values[byte] = byte as f32 / f32::from(top);
            values[256 + byte] = f32::from(*code) / f32::from(top);
        }
        let mut places = Zeroizing::new(Vec::with_capacity(grid.block() * grid.padded().row()));
        for row in mask.chunks_exact(grid.block_row()) {
            for _ in 0..grid.columns() {
                places.extend(row.iter().map(|replaced| if *replaced { 256 } else { 0 }));
            }
        }
        Self {
            grid,
            output,
            places,
            values,
            nearest: nearest(codes),
            top,
        }
    }

    fn group(&self) -> usize {
        (GROUP / self.grid.padded().len()).max(1)
    }

    /// Disguises whole padded images.
    fn forward(&self, plain: &[u8], disguised: &mut [f32]) {
        let lines = plain.chunks_exact(self.places.len());
        for (from, to) in lines.zip(disguised.chunks_exact_mut(self.places.len())) {
            for ((to, from), place) in to.iter_mut().zip(from).zip(self.places.iter()) {
                *to = self.values[usize::from((place & 256) | u16::from(*from))];
            }
        }
    }

    /// Restores whole padded images.
    fn back(&self, disguised: &[f32], plain: &mut [u8]) {
        let mut codes = [0u16; 256];
        let lines = disguised.chunks_exact(self.places.len());
        for (from, to) in lines.zip(plain.chunks_exact_mut(self.places.len())) {
            let places = self.places.chunks(codes.len());
            for ((from, to), places) in from.chunks(256).zip(to.chunks_mut(256)).zip(places) {
                simd::codes(from, f32::from(self.top), &mut codes);
                for (to, code) in to.iter_mut().zip(codes) {
                    *to = self.nearest[usize::from(code)];
                }
                // No branch, for the places are random, and apart, for this loop suits vectors.
                for ((to, code), place) in to.iter_mut().zip(codes).zip(places) {
                    let replaced = ((place >> 8) as u8).wrapping_neg();
                    let kept = code.min(255) as u8;
                    *to = kept ^ (replaced & (kept ^ *to));
                }
            }
        }
    }
}

/// For each of all codes: the byte with the nearest entry, the lower of two that are equally near.
fn nearest(codes: &[u16]) -> Box<[u8; 65_536]> {
    let mut entries: Zeroizing<Vec<(u16, u8)>> = Zeroizing::new(
        codes
            .iter()
            .zip(0..=255)
            .map(|(code, byte)| (*code, byte))
            .collect(),
    );
    entries.sort_unstable();
    let mut bytes = Box::new([0; 65_536]);
    let mut at = 0;
    for (code, byte) in (0..=u16::MAX).zip(bytes.iter_mut()) {
        while at + 1 < entries.len() && entries[at + 1].0.abs_diff(code) < entries[at].0.abs_diff(code) {
            at += 1;
        }
        *byte = entries[at].1;
    }
    bytes
}

impl Disguise for Prepared {
    fn input(&self) -> Shape {
        self.grid.image()
    }

    fn output(&self) -> Output {
        self.output
    }

    fn apply(&self, samples: Samples<'_>, plain: &[u8], disguised: PixelsMut<'_>) -> Result<(), Error> {
        let (count, from, to) = (samples.ids.len(), self.input().len(), self.output.shape.len());
        let plain = sized(plain, plain.len(), count * from)?;
        let disguised = disguised.floats(count * to)?;
        let groups = plain
            .par_chunks(from * self.group())
            .zip(disguised.par_chunks_mut(to * self.group()));
        groups.for_each_init(Vec::new, |padded, (plain, disguised)| {
            if self.grid.is_exact() {
                return self.forward(plain, disguised);
            }
            padded.resize(disguised.len(), 0);
            for (plain, padded) in plain.chunks_exact(from).zip(padded.chunks_exact_mut(to)) {
                self.grid.pad(plain, padded, |v| v);
            }
            self.forward(padded, disguised);
        });
        Ok(())
    }

    fn remove(&self, samples: Samples<'_>, disguised: PixelsRef<'_>, plain: &mut [u8]) -> Result<(), Error> {
        let (count, from, to) = (samples.ids.len(), self.output.shape.len(), self.input().len());
        let disguised = disguised.floats(count * from)?;
        let found = plain.len();
        let plain = sized(plain, found, count * to)?;
        let groups = disguised
            .par_chunks(from * self.group())
            .zip(plain.par_chunks_mut(to * self.group()));
        groups.for_each_init(Vec::new, |padded, (disguised, plain)| {
            if self.grid.is_exact() {
                return self.back(disguised, plain);
            }
            padded.resize(disguised.len(), 0);
            self.back(disguised, padded);
            for (padded, plain) in padded.chunks_exact(from).zip(plain.chunks_exact_mut(to)) {
                self.grid.crop(padded, plain, |v| v);
            }
        });
        Ok(())
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        self.top.zeroize();
        self.nearest.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Affine, Array, MasterSecret, Values};

    #[test]
    fn codes_between_entries_go_to_the_nearest() {
        let codes: Vec<u16> = (0..256).map(|i| 10 * i + 3).rev().collect();
        let bytes = nearest(&codes);
        for (code, byte) in [
            (0, 255),
            (3, 255),
            (8, 255),
            (9, 254),
            (13, 254),
            (2553, 0),
            (65_535, 0),
        ] {
            assert_eq!(bytes[code], byte, "{code}");
        }
    }

    #[test]
    fn derived_codes_are_256_different_three_digit_numbers() {
        let schedule = Schedule::new(&MasterSecret::new([3; 32]), "ffx");
        let mut codes = codes(&schedule, None).unwrap();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), 256);
        assert!(codes[255] < 1000);
    }

    #[test]
    fn a_table_that_cannot_be_undone_is_refused() {
        let schedule = Schedule::new(&MasterSecret::new([3; 32]), "ffx");
        let with = |at: usize, code: i64| {
            let mut values: Vec<i64> = (0..256).collect();
            values[at] = code;
            let mut material = Material::new();
            let shape = vec![256];
            let values = Values::I64(values);
            material.insert("lut", Array { shape, values }).unwrap();
            super::codes(&schedule, Some(&material))
        };
        assert!(with(7, 65_535).is_ok());
        for bad in [8, -1, 65_536] {
            assert!(with(7, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sixteen_bit_storage_gives_every_byte_back() {
        let grid = Grid::new(Shape::new(16, 16, 2), 4);
        let schedule = Schedule::new(&MasterSecret::new([9; 32]), "ffx");
        let mask = half_mask(&grid, &schedule, "ffx-mask", None).unwrap();
        let output = Output {
            shape: grid.padded(),
            dtype: Dtype::F32,
            range: (0.0, 1.0),
        };
        let work = Prepared::new(grid, output, &mask, &codes(&schedule, None).unwrap());
        let affine = Affine::cover(output.range, 65_535);
        for turn in 0..32 {
            let plain: Vec<u8> = (0..512).map(|i| (i / 2 + 8 * turn) as u8).collect();
            let (mut disguised, mut back) = (vec![0.0; 512], vec![0; 512]);
            work.forward(&plain, &mut disguised);
            for value in &mut disguised {
                *value = affine.decode(affine.encode(*value));
            }
            work.back(&disguised, &mut back);
            assert_eq!(back, plain);
        }
    }
}
