//! Random multidimensional transformation (RMT) of DisguisedNets: every block of every channel is
//! multiplied from the right by a secret matrix of its position, the blocks are shuffled, and noise
//! may be added.
//!
//! Chen, Gu, Sharma: "DisguisedNets: Secure Image Outsourcing for Confidential Model Training in
//! Clouds", ACM TOIT 2023, doi 10.1145/3609506.

use crate::{
    Error, Grid, Material, Removal, SchemeInfo, Shape, Shuffle, Storage, Stronger, matrix,
    params::{Kind, ParamSpec, Params},
    pixels::{Dtype, Output, PixelsMut, PixelsRef, SampleId, Samples, sized},
    schedule::{ImageStreams, Schedule},
    scheme::{Disguise, Scheme},
    simd::{self, Four},
};
use rayon::prelude::*;
use zeroize::Zeroize;

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "rmt",
    title: "Random multidimensional transformation (DisguisedNets)",
    paper: "Chen, Gu, Sharma: DisguisedNets, ACM TOIT 2023, doi 10.1145/3609506",
    summary: "multiplies each block by a secret matrix of its position, shuffles the blocks, adds noise",
    broken_by: "one known pair per position solves its matrix by least squares when there is no noise, a few when \
                there is; without any pair, row norms and distances between images survive the rotation, and with public \
                images of the same kind the covariances of rows and of neighbouring blocks give matrices and block order \
                (visard attack rmt-pca)",
    stronger: &[
        Stronger {
            param: "noise",
            value: "100",
            effect: "hides detail of less than about 30 grey levels even from whoever knows the matrices; outlines and flat areas remain",
        },
        Stronger {
            param: "noise",
            value: "25",
            effect: "puts a floor of about 31 dB under what comes back",
        },
    ],
    networks: "mlp, or resnet18 with --front block; cnn with --front block does on images as plain as \
               Fashion-MNIST (86.6 % against 89.9 % plain), not on colourful scenes (docs/learning)",
    front: "block",
    params: &[
        ParamSpec {
            name: "block",
            help: "side of a block in pixels",
            kind: Kind::Int { min: 1, max: 256 },
            default: "4",
        },
        ParamSpec {
            name: "matrix",
            help: "orthogonal: uniformly distributed rotations and reflections; projection: uniform entries in \
                   [0, 1), which amplify errors when removed",
            kind: Kind::Choice(&["orthogonal", "projection"]),
            default: "orthogonal",
        },
        ParamSpec {
            name: "condition",
            help: "largest Frobenius condition number of a projection matrix; worse ones are drawn again",
            kind: Kind::Float { min: 1.0, max: 1e6 },
            default: "1000",
        },
        ParamSpec {
            name: "noise",
            help: "width N of the uniform noise [0, N) in grey levels, fresh for each pixel and image; 0 is none",
            kind: Kind::Float { min: 0.0, max: 255.0 },
            default: "0",
        },
        ParamSpec {
            name: "noise_stage",
            help: "after: noise is added to the shuffled blocks; before: to the pixels, before the matrix",
            kind: Kind::Choice(&["after", "before"]),
            default: "after",
        },
        ParamSpec {
            name: "shuffle",
            help: "move the blocks by one secret permutation for the whole data set",
            kind: Kind::Bool,
            default: "true",
        },
    ],
    material: &["R", "block_perm", "noise"],
    storage: Storage::Float,
    hides: "shapes and textures; brightness and energy of each row of a block remain",
    removal: Removal::Exact,
    per_image: "with noise",
    build: |params| {
        Ok(Box::new(Rmt {
            params: params.clone(),
        }))
    },
    infer: |material, params| {
        if let Some([_, side, _]) = material.get("R").map(|r| &r.shape[..]) {
            params.entry("block".into()).or_insert_with(|| side.to_string());
        }
    },
};

/// A matrix and its inverse.
type MatrixPair = (Vec<f64>, Vec<f64>);

#[derive(Debug)]
struct Rmt {
    params: Params,
}

impl Rmt {
    fn block(&self) -> usize {
        self.params.int("block") as usize
    }

    fn noise(&self) -> Option<Noise> {
        let width = self.params.float("noise") as f32;
        let stage = if self.params.text("noise_stage") == "before" {
            Stage::Before
        } else {
            Stage::After
        };
        (width > 0.0).then_some(Noise { width, stage })
    }

    /// Matrices of all positions and their inverses, row-major, one after the other.
    fn matrices(
        &self,
        schedule: &Schedule,
        material: Option<&Material>,
        positions: usize,
    ) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let side = self.block();
        let explicit = material
            .map(|m| m.reals("R", &[positions, side, side]))
            .transpose()?
            .flatten();
        let pairs: Result<Vec<MatrixPair>, Error> = match &explicit {
            Some(all) => all
                .par_chunks_exact(side * side)
                .enumerate()
                .map(|(i, forward)| match matrix::inverse(forward, side) {
                    Some(back) => Ok((forward.to_vec(), back)),
                    None => Err(Error::material(
                        "R",
                        format!("the matrix of position {i} has no inverse"),
                    )),
                })
                .collect(),
            None => (0..positions as u64)
                .into_par_iter()
                .map(|i| {
                    let mut stream = schedule.stream("rmt-matrix", &[i]);
                    if self.params.text("matrix") == "projection" {
                        return matrix::projection(&mut stream, side, self.params.float("condition"));
                    }
                    let forward = matrix::haar(&mut stream, side);
                    let back = matrix::transpose(&forward, side);
                    Ok((forward, back))
                })
                .collect(),
        };
        let pairs = pairs?;
        Ok((
            pairs
                .iter()
                .flat_map(|(forward, _)| forward.iter().copied())
                .collect(),
            pairs.iter().flat_map(|(_, back)| back.iter().copied()).collect(),
        ))
    }

    /// Bounds of all values, from public parameters alone: a unit column's entries sum to at most
    /// sqrt(b), a projection's to less than b.
    fn range(&self) -> (f32, f32) {
        let side = self.block() as f32;
        let (before, after) = match self.noise() {
            Some(Noise {
                width,
                stage: Stage::Before,
            }) => (width, 0.0),
            Some(Noise {
                width,
                stage: Stage::After,
            }) => (0.0, width),
            None => (0.0, 0.0),
        };
        let top = 255.0 + before;
        match self.params.text("matrix") {
            "projection" => (0.0, top * side + after),
            _ => (-top * side.sqrt(), top * side.sqrt() + after),
        }
    }
}

impl Scheme for Rmt {
    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        Ok(Output {
            shape: Grid::new(image.check()?, self.block()).padded().check()?,
            dtype: Dtype::F32,
            range: self.range(),
        })
    }

    fn needs_shape(&self) -> bool {
        true
    }

    fn key_bits(&self, _image: Shape) -> Option<f64> {
        None
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
        let grid = Grid::new(image, self.block());
        let (forward, back) = self.matrices(schedule, material, grid.positions())?;
        let shuffle = Shuffle::prepare(schedule, material, grid.positions(), self.params.bool("shuffle"))?;
        let fixed = material
            .map(|m| FixedNoise::read(m, grid.padded()))
            .transpose()?
            .flatten();
        let mut output = self.output(image)?;
        let top = match self.noise() {
            Some(Noise {
                width,
                stage: Stage::Before,
            }) if fixed.is_none() => 255.0 + f64::from(width),
            _ => 255.0,
        };
        widen(&mut output.range, &forward, self.block(), top, fixed.as_ref());
        let order: Vec<usize> = shuffle.order().iter().map(|i| *i as usize).collect();
        let straight: Vec<usize> = (0..order.len()).collect();
        let inverse: Vec<usize> = shuffle.inverse().order().iter().map(|i| *i as usize).collect();
        Ok(Box::new(Prepared {
            forward: Mixer::new(&grid, &order, &order, &forward),
            back: Mixer::new(&grid, &inverse, &straight, &back),
            noise: if fixed.is_some() { None } else { self.noise() },
            schedule: schedule.clone(),
            fixed,
            output,
            grid,
        }))
    }
}

/// Widens the range to what explicit material can reach from pixels of 0 to `top`.
fn widen(range: &mut (f32, f32), matrices: &[f64], side: usize, top: f64, fixed: Option<&FixedNoise>) {
    let (mut low, mut high) = (0f64, 0f64);
    for matrix in matrices.chunks_exact(side * side) {
        for column in 0..side {
            let entries = || matrix.iter().skip(column).step_by(side);
            low = low.min(top * entries().filter(|v| **v < 0.0).sum::<f64>());
            high = high.max(top * entries().filter(|v| **v > 0.0).sum::<f64>());
        }
    }
    let (under, over) = fixed.map_or((0.0, 0.0), |f| {
        f.values
            .iter()
            .fold((0f32, 0f32), |(l, h), v| (l.min(*v), h.max(*v)))
    });
    // A hair of room for the rounding of f32 sums.
    let room = 1e-6 * (high - low) as f32;
    range.0 = range.0.min(low as f32 - room) + under;
    range.1 = range.1.max(high as f32 + room) + over;
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Before,
    After,
}

/// Derived noise.
#[derive(Clone, Copy, Debug)]
struct Noise {
    width: f32,
    stage: Stage,
}

impl Noise {
    /// Adds (`sign` 1) or takes off (`sign` -1) the noise of one image.
    fn add(&self, streams: &ImageStreams, id: SampleId, values: &mut [f32], sign: f32) {
        let width = self.width * sign;
        streams
            .stream(id)
            .with_units(values, |value, unit| *value += unit * width);
    }
}

/// Explicit noise, one image after the other, added last.
struct FixedNoise {
    values: Vec<f32>,
    len: usize,
}

impl FixedNoise {
    fn read(material: &Material, shape: Shape) -> Result<Option<Self>, Error> {
        let Some(images) = material
            .get("noise")
            .map(|array| array.shape.first().copied().unwrap_or(0))
        else {
            return Ok(None);
        };
        let wanted = [images, shape.height, shape.width, shape.channels];
        let values = material.reals("noise", &wanted)?.unwrap_or_default();
        Ok(Some(Self {
            values: values.iter().map(|v| *v as f32).collect(),
            len: shape.len(),
        }))
    }

    fn of(&self, place: u64) -> Option<&[f32]> {
        let start = usize::try_from(place).ok()?.checked_mul(self.len)?;
        self.values.get(start..)?.get(..self.len)
    }

    fn check(&self, samples: &Samples<'_>) -> Result<(), Error> {
        let last = samples.first + samples.ids.len() as u64;
        if samples.ids.is_empty() || self.of(last - 1).is_some() {
            return Ok(());
        }
        let held = self.values.len() / self.len.max(1);
        Err(Error::material(
            "noise",
            format!("holds {held} images, but there are at least {last}"),
        ))
    }
}

/// Multiplies blocks by matrices on their way from source to target positions.
struct Mixer {
    grid: Grid,
    side: usize,
    /// Source origin of each target position.
    sources: Vec<usize>,
    /// Matrix of each target position, row-major.
    matrices: Vec<f32>,
    /// The same for four neighbouring targets of 4x4 blocks, in the layouts of the SIMD loops.
    fours: Vec<[usize; 4]>,
    gray: Vec<Four<16>>,
    rgb: Vec<Four<48>>,
}

impl Drop for Mixer {
    fn drop(&mut self) {
        self.sources.zeroize();
        self.matrices.zeroize();
        self.fours.zeroize();
        self.gray.iter_mut().for_each(|four| four.0.zeroize());
        self.rgb.iter_mut().for_each(|four| four.0.zeroize());
    }
}

/// Values behind a plane that the SIMD loops may read.
const SLACK: usize = 16;

impl Mixer {
    /// Target block i is source block `order[i]` times matrix `which[i]`.
    fn new(grid: &Grid, order: &[usize], which: &[usize], matrices: &[f64]) -> Self {
        let side = grid.block();
        let of = |i: usize| &matrices[which[i] * side * side..][..side * side];
        let mut mixer = Self {
            grid: *grid,
            side,
            sources: order.iter().map(|source| grid.origin(*source)).collect(),
            matrices: (0..order.len())
                .flat_map(|i| of(i).iter().map(|v| *v as f32))
                .collect(),
            fours: Vec::new(),
            gray: Vec::new(),
            rgb: Vec::new(),
        };
        let channels = grid.padded().channels;
        if side != 4 || (channels != 1 && channels != 3) {
            return mixer;
        }
        let positions: Vec<usize> = (0..order.len()).collect();
        for line in positions.chunks(grid.columns()) {
            for four in line.chunks(4) {
                // Fillers at the right edge are computed, but not written.
                let four = [0, 1, 2, 3].map(|i| four[i.min(four.len() - 1)]);
                mixer.fours.push(four.map(|i| mixer.sources[i]));
                match channels {
                    1 => mixer.gray.push(expand::<1, 16>(four.map(of))),
                    _ => mixer.rgb.push(expand::<3, 48>(four.map(of))),
                }
            }
        }
        mixer
    }

    /// Mixes one image; `plane` is padded and continues for [`SLACK`] values.
    fn run(&self, plane: &[f32], out: &mut [f32], row: &mut Vec<f32>) {
        let stride = self.grid.padded().row();
        if !self.gray.is_empty() {
            simd::mix4_gray(plane, out, stride, &self.fours, &self.gray);
        } else if !self.rgb.is_empty() {
            simd::mix4_rgb(plane, out, stride, &self.fours, &self.rgb);
        } else {
            for position in 0..self.sources.len() {
                self.mix_block(plane, out, position, row);
            }
        }
    }

    fn mix_block(&self, plane: &[f32], out: &mut [f32], position: usize, row: &mut Vec<f32>) {
        let (side, channels, stride) = (self.side, self.grid.padded().channels, self.grid.padded().row());
        let matrix = &self.matrices[position * side * side..][..side * side];
        let (source, target) = (self.sources[position], self.grid.origin(position));
        row.resize(2 * side, 0.0);
        let (pixels, sums) = row.split_at_mut(side);
        for r in 0..side {
            let from = &plane[source + r * stride..][..side * channels];
            let to = &mut out[target + r * stride..][..side * channels];
            for channel in 0..channels {
                for (pixel, values) in pixels.iter_mut().zip(from.chunks_exact(channels)) {
                    *pixel = values[channel];
                }
                simd::mix_row(pixels, matrix, sums);
                for (sum, values) in sums.iter().zip(to.chunks_exact_mut(channels)) {
                    values[channel] = *sum;
                }
            }
        }
    }
}

/// Lays four 4x4 matrices out so that lane (block, column, channel) holds its factor for pixel k.
fn expand<const C: usize, const LANES: usize>(matrices: [&[f64]; 4]) -> Four<LANES> {
    let mut four = Four([[0.0; LANES]; 4]);
    for (k, line) in four.0.iter_mut().enumerate() {
        for (lane, value) in line.iter_mut().enumerate() {
            *value = matrices[lane / (4 * C)][k * 4 + lane % (4 * C) / C] as f32;
        }
    }
    four
}

struct Prepared {
    grid: Grid,
    forward: Mixer,
    back: Mixer,
    noise: Option<Noise>,
    fixed: Option<FixedNoise>,
    schedule: Schedule,
    output: Output,
}

/// Buffers of one worker.
#[derive(Default)]
struct Scratch {
    plane: Vec<f32>,
    mixed: Vec<f32>,
    row: Vec<f32>,
}

impl Prepared {
    fn noise_at(&self, stage: Stage) -> Option<&Noise> {
        self.noise.as_ref().filter(|noise| noise.stage == stage)
    }

    fn apply_one(
        &self,
        scratch: &mut Scratch,
        streams: &ImageStreams,
        sample: (SampleId, u64),
        plain: &[u8],
        out: &mut [f32],
    ) {
        let len = self.grid.padded().len();
        scratch.plane.resize(len + SLACK, 0.0);
        let plane = &mut scratch.plane[..len];
        if self.grid.is_exact() {
            simd::to_f32(plain, plane);
        } else {
            self.grid.pad(plain, plane, f32::from);
        }
        if let Some(noise) = self.noise_at(Stage::Before) {
            noise.add(streams, sample.0, plane, 1.0);
        }
        self.forward.run(&scratch.plane, out, &mut scratch.row);
        if let Some(noise) = self.noise_at(Stage::After) {
            noise.add(streams, sample.0, out, 1.0);
        }
        if let Some(fixed) = self.fixed.as_ref().and_then(|f| f.of(sample.1)) {
            out.iter_mut()
                .zip(fixed)
                .for_each(|(value, noise)| *value += noise);
        }
    }

    fn remove_one(
        &self,
        scratch: &mut Scratch,
        streams: &ImageStreams,
        sample: (SampleId, u64),
        disguised: &[f32],
        plain: &mut [u8],
    ) {
        let len = self.grid.padded().len();
        scratch.plane.resize(len + SLACK, 0.0);
        scratch.mixed.resize(len, 0.0);
        let plane = &mut scratch.plane[..len];
        plane.copy_from_slice(disguised);
        if let Some(fixed) = self.fixed.as_ref().and_then(|f| f.of(sample.1)) {
            plane
                .iter_mut()
                .zip(fixed)
                .for_each(|(value, noise)| *value -= noise);
        }
        if let Some(noise) = self.noise_at(Stage::After) {
            noise.add(streams, sample.0, plane, -1.0);
        }
        self.back
            .run(&scratch.plane, &mut scratch.mixed, &mut scratch.row);
        if let Some(noise) = self.noise_at(Stage::Before) {
            noise.add(streams, sample.0, &mut scratch.mixed, -1.0);
        }
        if self.grid.is_exact() {
            simd::to_u8(&scratch.mixed, plain);
        } else {
            self.grid.crop(&scratch.mixed, plain, |v| (v + 0.5) as u8);
        }
    }

    fn streams(&self, samples: &Samples<'_>) -> ImageStreams {
        self.schedule.image_streams("rmt-noise", samples.salt)
    }
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
        self.fixed.as_ref().map_or(Ok(()), |f| f.check(&samples))?;
        let streams = self.streams(&samples);
        let images = plain
            .par_chunks_exact(from)
            .zip(disguised.par_chunks_exact_mut(to));
        images.zip(samples.ids).enumerate().with_min_len(8).for_each_init(
            Scratch::default,
            |scratch, (i, ((plain, out), id))| {
                self.apply_one(scratch, &streams, (*id, samples.first + i as u64), plain, out);
            },
        );
        Ok(())
    }

    fn remove(&self, samples: Samples<'_>, disguised: PixelsRef<'_>, plain: &mut [u8]) -> Result<(), Error> {
        let (count, from, to) = (samples.ids.len(), self.output.shape.len(), self.input().len());
        let disguised = disguised.floats(count * from)?;
        let found = plain.len();
        let plain = sized(plain, found, count * to)?;
        self.fixed.as_ref().map_or(Ok(()), |f| f.check(&samples))?;
        let streams = self.streams(&samples);
        let images = disguised
            .par_chunks_exact(from)
            .zip(plain.par_chunks_exact_mut(to));
        images.zip(samples.ids).enumerate().with_min_len(8).for_each_init(
            Scratch::default,
            |scratch, (i, ((disguised, plain), id))| {
                self.remove_one(
                    scratch,
                    &streams,
                    (*id, samples.first + i as u64),
                    disguised,
                    plain,
                );
            },
        );
        Ok(())
    }
}
