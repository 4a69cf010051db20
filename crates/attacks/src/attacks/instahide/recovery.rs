//! Images from the magnitudes of their blends: signs and least squares in turn, without gradients.
//!
//! With Y = sign o (L X) and L known, S = sign(L X) and X = (L'L + eps I)^-1 L' (S o |Y|) are repeated
//! until no sign changes. Every pixel is a problem of its own; pixels that came to rest badly start
//! again from their neighbours, as neighbours are alike in most images.

use super::{Blend, signs};
use crate::{Budget, Error, Result};
use faer::{Mat, MatMut, Side, linalg::solvers::Llt, prelude::Solve};
use rayon::prelude::*;
use visard_core::Shape;

/// Pixels that are solved together.
const TILE: usize = 32;

/// A new solution must have so much of the old residual at most.
const BETTER: f64 = 0.999;

/// Encodings with what is known of how they were blended.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// Shape of an image.
    pub shape: Shape,
    /// Number of unknown images.
    pub images: usize,
    /// Magnitudes of the encodings, normalised units, one encoding after the other.
    pub magnitudes: &'a [f32],
    /// Unknown images in each encoding, with their coefficients.
    pub blends: &'a [Blend],
    /// What else is known to be in each encoding, in the shape of `magnitudes`.
    pub known: Option<&'a [f32]>,
}

/// How a recovery goes about.
#[derive(Clone, Debug)]
pub struct Options {
    /// First guess: one image for all (a constant or a mean image), or one after the other for each.
    pub start: Vec<f32>,
    /// The ridge eps, relative to the mean diagonal of L'L.
    pub ridge: f64,
    /// Most rounds of signs and least squares.
    pub rounds: usize,
    /// How often pixels start again from their neighbours.
    pub restarts: usize,
}

impl Options {
    /// The usual options from a constant image of this value, in normalised units.
    pub fn constant(shape: Shape, value: f32) -> Self {
        Self {
            start: vec![value; shape.len()],
            ridge: 1e-6,
            rounds: 100,
            restarts: 24,
        }
    }
}

/// Recovered images.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The images, normalised units, one after the other.
    pub images: Vec<f32>,
    /// Root mean square of what the blends do not explain, over that of the magnitudes.
    pub residual: f64,
    /// Whether the time sufficed.
    pub complete: bool,
}

/// Recovers the images of a problem.
///
/// # Errors
/// If the parts do not fit each other, or the matrix of the coefficients is too large for the memory.
pub fn recover(problem: &Problem<'_>, options: &Options, budget: &Budget) -> Result<Recovered> {
    problem.check(options)?;
    let (images, len) = (problem.images as u64, problem.shape.len() as u64);
    if !budget.allows(16 * images * images + 16 * images * len) {
        return Err(Error::Exposure(format!(
            "{images} images need a matrix that is larger than the memory allows; take fewer"
        )));
    }
    let solver = Solver::new(problem, options, budget)?;
    let mut field = Field::start(problem, options);
    let mut pixels: Vec<usize> = (0..problem.shape.len()).collect();
    let mut better = solver.improve(&mut field, &pixels, |field, pixel, image| field.at(image, pixel));
    for restart in 0..options.restarts {
        if problem.known.is_none() {
            signs::settle(problem.shape, &mut field.columns, problem.images);
        }
        // Only neighbours of what has become better have something new to start from.
        pixels.clear();
        pixels.extend(better.iter().flat_map(|pixel| around(problem.shape, *pixel)));
        pixels.sort_unstable();
        pixels.dedup();
        if pixels.is_empty() || budget.is_spent() {
            break;
        }
        let neighbours = Neighbours::new(problem.shape, &field, restart);
        better = solver.improve(&mut field, &pixels, |field, pixel, image| {
            neighbours.guess(field, pixel, image)
        });
    }
    if problem.known.is_none() {
        signs::settle(problem.shape, &mut field.columns, problem.images);
    }
    let power: f64 = problem
        .magnitudes
        .par_chunks(1 << 14)
        .map(|part| part.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>())
        .collect::<Vec<_>>()
        .iter()
        .sum();
    Ok(Recovered {
        residual: (field.residuals.iter().sum::<f64>() / power.max(f64::MIN_POSITIVE)).sqrt(),
        images: field.rows(problem.images),
        complete: !budget.is_spent(),
    })
}

impl Problem<'_> {
    fn check(&self, options: &Options) -> Result<()> {
        let len = self.shape.len();
        let fits = self.magnitudes.len() == self.blends.len() * len
            && self
                .known
                .is_none_or(|known| known.len() == self.magnitudes.len())
            && (options.start.len() == len || options.start.len() == self.images * len);
        if !fits || self.images == 0 || self.blends.is_empty() {
            return Err(Error::Exposure(format!(
                "{} blends, {} magnitudes and a first guess of {} values do not fit {} images of {}",
                self.blends.len(),
                self.magnitudes.len(),
                options.start.len(),
                self.images,
                self.shape
            )));
        }
        let outside = |part: &&(usize, f64)| part.0 >= self.images || !part.1.is_finite();
        match self.blends.iter().flatten().find(outside) {
            None => Ok(()),
            Some((image, coefficient)) => Err(Error::Exposure(format!(
                "a blend names image {image} of {} with coefficient {coefficient}",
                self.images
            ))),
        }
    }
}

/// Guesses of all images, pixel by pixel, and how badly each pixel is explained.
struct Field {
    /// For each pixel its value in each image.
    columns: Vec<f64>,
    images: usize,
    /// Squared residual of each pixel over all encodings.
    residuals: Vec<f64>,
}

impl Field {
    fn start(problem: &Problem<'_>, options: &Options) -> Self {
        let (len, images) = (problem.shape.len(), problem.images);
        let shared = options.start.len() == len;
        let value = |i: usize| {
            let (pixel, image) = (i / images, if shared { 0 } else { i % images });
            f64::from(options.start[image * len + pixel])
        };
        Self {
            columns: (0..len * images).map(value).collect(),
            images,
            residuals: vec![f64::INFINITY; len],
        }
    }

    fn at(&self, image: usize, pixel: usize) -> f64 {
        self.columns[pixel * self.images + image]
    }

    fn rows(&self, images: usize) -> Vec<f32> {
        let len = self.residuals.len();
        (0..images * len)
            .into_par_iter()
            .map(|i| self.at(i / len, i % len) as f32)
            .collect()
    }
}

/// What neighbours each pixel starts again from.
struct Neighbours(Vec<Vec<usize>>);

impl Neighbours {
    /// In even restarts the best explained neighbour, in odd ones the mean of all.
    fn new(shape: Shape, field: &Field, restart: usize) -> Self {
        let better = |a: &usize, b: &usize| field.residuals[*a].total_cmp(&field.residuals[*b]);
        let of = |pixel: usize| match restart % 2 {
            0 => around(shape, pixel).min_by(better).into_iter().collect(),
            _ => around(shape, pixel).collect(),
        };
        Self((0..shape.len()).map(of).collect())
    }

    fn guess(&self, field: &Field, pixel: usize, image: usize) -> f64 {
        let others = &self.0[pixel];
        let sum: f64 = others.iter().map(|other| field.at(image, *other)).sum();
        sum / others.len().max(1) as f64
    }
}

/// Values beside, above and below that at `place`, and of the other channels there.
pub(super) fn around(shape: Shape, place: usize) -> impl Iterator<Item = usize> {
    let (channels, row) = (shape.channels, shape.row());
    let (x, y, z) = (place % row / channels, place / row, place % channels);
    let step = move |inside: bool, by: isize| inside.then(|| place.wrapping_add_signed(by));
    [
        step(x > 0, -(channels as isize)),
        step(x + 1 < shape.width, channels as isize),
        step(y > 0, -(row as isize)),
        step(y + 1 < shape.height, row as isize),
    ]
    .into_iter()
    .flatten()
    .chain(
        (0..channels)
            .filter(move |other| *other != z)
            .map(move |other| place - z + other),
    )
}

struct Solver<'a> {
    problem: &'a Problem<'a>,
    rounds: usize,
    factor: Llt<f64>,
    budget: &'a Budget,
}

impl<'a> Solver<'a> {
    fn new(problem: &'a Problem<'a>, options: &Options, budget: &'a Budget) -> Result<Self> {
        let images = problem.images;
        let mut normal = Mat::<f64>::zeros(images, images);
        for blend in problem.blends {
            for (a, x) in blend {
                for (b, y) in blend {
                    normal[(*a, *b)] += x * y;
                }
            }
        }
        let mean = (0..images).map(|i| normal[(i, i)]).sum::<f64>() / images as f64;
        let ridge = (options.ridge * mean).max(1e-9);
        (0..images).for_each(|i| normal[(i, i)] += ridge);
        let factor = Llt::new(normal.as_ref(), Side::Lower)
            .map_err(|_| Error::Exposure("the coefficients of the blends are not independent".into()))?;
        Ok(Self {
            problem,
            rounds: options.rounds,
            factor,
            budget,
        })
    }

    /// Solves the pixels from new guesses and keeps what explains the magnitudes better; gives the pixels
    /// that became so.
    fn improve(
        &self,
        field: &mut Field,
        pixels: &[usize],
        guess: impl Fn(&Field, usize, usize) -> f64 + Sync,
    ) -> Vec<usize> {
        let images = self.problem.images;
        let solved: Vec<_> = pixels
            .par_chunks(TILE)
            .map(|tile| {
                let mut x = vec![0.0; images * tile.len()];
                for (image, row) in x.chunks_exact_mut(tile.len()).enumerate() {
                    for (value, pixel) in row.iter_mut().zip(tile) {
                        *value = guess(field, *pixel, image);
                    }
                }
                let residuals = self.solve(tile, &mut x);
                (x, residuals)
            })
            .collect();
        let mut better = Vec::new();
        for (tile, (x, residuals)) in pixels.chunks(TILE).zip(solved) {
            for (column, (pixel, residual)) in tile.iter().zip(residuals).enumerate() {
                if residual < BETTER * field.residuals[*pixel] {
                    better.push(*pixel);
                    field.residuals[*pixel] = residual;
                    for image in 0..images {
                        field.columns[*pixel * images + image] = x[image * tile.len() + column];
                    }
                }
            }
        }
        better
    }

    /// Rounds on one tile; `x` holds an image's pixels side by side. Gives squared residuals.
    fn solve(&self, tile: &[usize], x: &mut [f64]) -> Vec<f64> {
        let (width, len) = (tile.len(), self.problem.shape.len());
        let gather = |from: &[f32]| -> Vec<f64> {
            let rows = from.chunks_exact(len);
            rows.flat_map(|row| tile.iter().map(|pixel| f64::from(row[*pixel])))
                .collect()
        };
        let magnitudes = gather(self.problem.magnitudes);
        let known = self.problem.known.map(gather);
        let mut signed = vec![0.0f64; magnitudes.len()];
        let mut model = vec![0.0; width];
        let mut right = vec![0.0; x.len()];
        for round in 0..self.rounds {
            let mut flips = 0usize;
            right.fill(0.0);
            for (i, blend) in self.problem.blends.iter().enumerate() {
                let here = i * width..(i + 1) * width;
                self.blend(
                    blend,
                    known.as_ref().map(|known| &known[here.clone()]),
                    x,
                    &mut model,
                );
                for ((target, magnitude), model) in signed[here.clone()]
                    .iter_mut()
                    .zip(&magnitudes[here.clone()])
                    .zip(&model)
                {
                    let value = magnitude.copysign(*model);
                    flips += usize::from(value != *target);
                    *target = value;
                }
                let known = known.as_ref().map(|known| &known[here.clone()]);
                for (image, coefficient) in blend {
                    let row = &mut right[image * width..][..width];
                    for (j, (sum, target)) in row.iter_mut().zip(&signed[here.clone()]).enumerate() {
                        *sum += coefficient * (target - known.map_or(0.0, |known| known[j]));
                    }
                }
            }
            if flips == 0 || (round > 0 && self.budget.is_spent()) {
                break;
            }
            x.copy_from_slice(&right);
            let images = self.problem.images;
            self.factor
                .solve_in_place(MatMut::from_row_major_slice_mut(x, images, width));
        }
        let mut residuals = vec![0.0; width];
        for (i, blend) in self.problem.blends.iter().enumerate() {
            let here = i * width..(i + 1) * width;
            self.blend(
                blend,
                known.as_ref().map(|known| &known[here.clone()]),
                x,
                &mut model,
            );
            for ((sum, magnitude), model) in residuals.iter_mut().zip(&magnitudes[here]).zip(&model) {
                *sum += (magnitude - model.abs()).powi(2);
            }
        }
        residuals
    }

    /// What a blend of the guesses `x` looks like.
    fn blend(&self, blend: &Blend, known: Option<&[f64]>, x: &[f64], model: &mut [f64]) {
        match known {
            Some(known) => model.copy_from_slice(known),
            None => model.fill(0.0),
        }
        for (image, coefficient) in blend {
            let row = &x[image * model.len()..][..model.len()];
            for (sum, value) in model.iter_mut().zip(row) {
                *sum += coefficient * value;
            }
        }
    }
}
