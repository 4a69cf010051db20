//! `rmt-pca`: the matrices from the disguised images and unrelated public ones (ATTACKS, 4.4).

use super::{
    Model,
    algebra::{Singular, add_product, eigen, outer, row_times, scaled_identity, trace},
    blocks::Blocks,
    expected::match_expected,
    solve::{self, DENOISE, Position, Reader},
    unfit,
};
use crate::{AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Set, Verdict};
use faer::Mat;
use rayon::prelude::*;
use visard_core::params::{Kind, ParamSpec, Params};

/// A component whose mean exceeds this share of its deviation has the sign of its mean.
const CLEAR_MEAN: f64 = 0.15;
/// Rounds over all positions that settle signs, and then that refine matrices.
const ROUNDS: usize = 12;
/// Images whose rows are held at once.
const STRIDE: usize = 64;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "rmt-pca",
    title: "Principal component attack on RMT",
    paper: "known for rotations in data mining (Giannella, Liu, Kargupta: Breaching Euclidean \
            distance-preserving data perturbation); the seams by this project",
    summary: "turns the principal axes of disguised rows onto those of public images of a similar kind; \
              needs no pair, and matches the block order by expectations if blocks were moved",
    level: Level::Disguised,
    applies: &["rmt"],
    needs: Needs::Public,
    params: &[
        ParamSpec {
            name: "images",
            help: "disguised images, and public ones, that the statistics are taken from, at most",
            kind: Kind::Int {
                min: 2,
                max: 1_000_000,
            },
            default: "5000",
        },
        ParamSpec {
            name: "seams",
            help: "settle signs and refine matrices by how rows go on in the neighbouring blocks of \
                   public images",
            kind: Kind::Bool,
            default: "true",
        },
        DENOISE,
    ],
    helpers: None,
    trains: false,
    run: |exposure, params, budget, _, progress| run(exposure, params, budget, progress),
};

/// Second moments across seams: of rows that go on in a neighbour.
struct Seam {
    /// Position that the rows are in.
    from: usize,
    /// Position that they go on in.
    to: usize,
    /// Mean of x_from' x_to.
    moment: Mat<f64>,
}

/// Moments of the rows of all positions, by source position.
struct Moments {
    /// Mean of x' x over all rows, noise taken off.
    second: Vec<Mat<f64>>,
    /// Mean of each row, the rows of a block as columns.
    means: Vec<Mat<f64>>,
    seams: Vec<Seam>,
}

impl Moments {
    /// Mean over the rows of a position.
    fn centre(&self, source: usize) -> Vec<f64> {
        let means = &self.means[source];
        let sum = |i: usize| (0..means.ncols()).map(|row| means[(i, row)]).sum::<f64>();
        (0..means.nrows())
            .map(|i| sum(i) / means.ncols() as f64)
            .collect()
    }

    /// Covariance of the rows of a position about [`Self::centre`].
    fn covariance(&self, source: usize) -> Mat<f64> {
        let centre = self.centre(source);
        &self.second[source] - outer(&centre, &centre)
    }

    /// `place` gives the position in the images of each source position.
    fn of(model: &Model, blocks: &Blocks<'_>, place: &[usize], images: usize, variance: f64) -> Self {
        let (side, rows) = (model.side, model.rows());
        let images = blocks.len().min(images);
        let (second, means) = (0..place.len())
            .into_par_iter()
            .map(|source| {
                let (mut second, mut mean) = (Mat::zeros(side, side), Mat::<f64>::zeros(side, rows));
                for first in (0..images).step_by(STRIDE) {
                    let a = blocks.matrix(place[source], first..(first + STRIDE).min(images));
                    add_product(&mut second, &a, &a);
                    for group in 0..a.ncols() / rows {
                        mean += a.subcols(group * rows, rows);
                    }
                }
                let scale = 1.0 / (images * rows) as f64;
                let second = second * faer::Scale(scale) - scaled_identity(side, variance);
                (second, mean * faer::Scale(1.0 / images as f64))
            })
            .unzip();
        let neighbours: Vec<(usize, usize, bool)> = neighbours(model);
        let seams = neighbours
            .into_par_iter()
            .map(|(from, to, below)| {
                let mut moment = Mat::zeros(side, side);
                let mut count = 0;
                for first in (0..images).step_by(STRIDE) {
                    let range = first..(first + STRIDE).min(images);
                    let a = blocks.matrix(place[from], range.clone());
                    let b = blocks.matrix(place[to], range);
                    if below {
                        // The last rows of the upper blocks and the first ones of the lower.
                        let groups = a.ncols() / side;
                        let upper = Mat::from_fn(side, groups, |i, g| a[(i, g * side + side - 1)]);
                        let lower = Mat::from_fn(side, groups, |i, g| b[(i, g * side)]);
                        add_product(&mut moment, &upper, &lower);
                        count += groups;
                    } else {
                        add_product(&mut moment, &a, &b);
                        count += a.ncols();
                    }
                }
                let moment = moment * faer::Scale(1.0 / count.max(1) as f64);
                Seam { from, to, moment }
            })
            .collect();
        Self { second, means, seams }
    }
}

/// Neighbouring source positions, and whether the second one is below the first.
fn neighbours(model: &Model) -> Vec<(usize, usize, bool)> {
    let columns = model.grid.columns();
    let right = (0..model.positions())
        .filter(|p| (p + 1) % columns != 0)
        .map(|p| (p, p + 1, false));
    let below = (0..model.positions() - columns).map(|p| (p, p + columns, true));
    right.chain(below).collect()
}

/// A guess of a matrix as axes of public and of disguised rows, in the order of their variance.
struct Axes {
    public: Mat<f64>,
    disguised: Mat<f64>,
    signs: Vec<f64>,
    /// Components whose sign the mean does not tell.
    unclear: usize,
    /// Median over neighbouring axes of 1 - smaller / larger second moment.
    gap: f64,
}

impl Axes {
    fn matrix(&self) -> Mat<f64> {
        let turned = Mat::from_fn(self.public.nrows(), self.signs.len(), |i, k| {
            self.public[(i, k)] * self.signs[k]
        });
        turned * self.disguised.transpose()
    }
}

/// Mean, deviation and third central moment of the components of rows along axes.
fn components(blocks: &Blocks<'_>, position: usize, axes: &Mat<f64>, images: usize) -> Vec<[f64; 3]> {
    let mut sums = vec![[0f64; 3]; axes.ncols()];
    let (images, mut count) = (blocks.len().min(images), 0);
    for first in (0..images).step_by(STRIDE) {
        let along = axes.transpose() * blocks.matrix(position, first..(first + STRIDE).min(images));
        count += along.ncols();
        for column in 0..along.ncols() {
            for (sum, z) in sums.iter_mut().zip(along.col_as_slice(column)) {
                sum[0] += z;
                sum[1] += z * z;
                sum[2] += z * z * z;
            }
        }
    }
    let central = |[a, b, c]: [f64; 3]| {
        let (a, b, c) = (a / count as f64, b / count as f64, c / count as f64);
        [a, (b - a * a).max(0.0).sqrt(), c - 3.0 * a * b + 2.0 * a * a * a]
    };
    sums.into_iter().map(central).collect()
}

fn axes(
    (public, x, source): (&Blocks<'_>, &Moments, usize),
    (disguised, y, target): (&Blocks<'_>, &Moments, usize),
    images: usize,
) -> Option<Axes> {
    let (values, ux) = eigen(&x.covariance(source))?;
    let (_, uy) = eigen(&y.covariance(source))?;
    let (a, b) = (
        components(public, source, &ux, images),
        components(disguised, target, &uy, images),
    );
    let mut unclear = 0;
    let signs = a.iter().zip(&b).map(|(a, b)| {
        let clear = a[0].abs() > CLEAR_MEAN * a[1];
        unclear += usize::from(!clear);
        let same = if clear { a[0] * b[0] } else { a[2] * b[2] };
        if same < 0.0 { -1.0 } else { 1.0 }
    });
    let signs = signs.collect();
    let mut gaps: Vec<f64> = values
        .windows(2)
        .filter(|pair| pair[0] > 0.0)
        .map(|pair| 1.0 - (pair[1] / pair[0]).max(0.0))
        .collect();
    gaps.sort_by(f64::total_cmp);
    Some(Axes {
        gap: gaps.get(gaps.len() / 2).copied().unwrap_or(1.0),
        public: ux,
        disguised: uy,
        signs,
        unclear,
    })
}

/// The matrices in turn, made to agree with the means of rows and with the neighbours across seams.
struct Seams<'a> {
    x: &'a Moments,
    y: &'a Moments,
    /// Seams of each position.
    of: Vec<Vec<usize>>,
}

impl<'a> Seams<'a> {
    fn new(x: &'a Moments, y: &'a Moments) -> Self {
        let mut of = vec![Vec::new(); x.second.len()];
        for (i, seam) in x.seams.iter().enumerate() {
            of[seam.from].push(i);
            of[seam.to].push(i);
        }
        Self { x, y, of }
    }

    /// What speaks for a matrix R of this position, as the trace of R' times the result.
    fn wanted(&self, position: usize, matrices: &[Mat<f64>]) -> Mat<f64> {
        let (a, b) = (&self.x.means[position], &self.y.means[position]);
        let weight = trace(&self.x.second[position]).max(0.0) / a.ncols() as f64;
        let mut wanted = a * b.transpose() * faer::Scale(weight);
        for seam in &self.of[position] {
            let (x, y) = (&self.x.seams[*seam], &self.y.seams[*seam]);
            wanted += if x.from == position {
                &x.moment * &matrices[x.to] * y.moment.transpose()
            } else {
                x.moment.transpose() * &matrices[x.from] * &y.moment
            };
        }
        wanted
    }

    fn settle_signs(&self, axes: &mut [Axes], matrices: &mut [Mat<f64>], budget: &Budget) {
        for _ in 0..ROUNDS {
            let mut changed = false;
            for position in 0..axes.len() {
                let wanted = self.wanted(position, matrices);
                let own = &mut axes[position];
                let along = own.public.transpose() * wanted * &own.disguised;
                for k in 0..own.signs.len() {
                    let sign = if along[(k, k)] < 0.0 { -1.0 } else { 1.0 };
                    changed |= sign != own.signs[k];
                    own.signs[k] = sign;
                }
                matrices[position] = own.matrix();
            }
            if !changed || budget.is_spent() {
                return;
            }
        }
    }

    fn refine(&self, matrices: &mut [Mat<f64>], budget: &Budget) {
        for _ in 0..ROUNDS {
            for position in 0..matrices.len() {
                let (x, y) = (&self.x.second[position], &self.y.second[position]);
                let own = x * &matrices[position] * y * faer::Scale(2.0);
                if let Some(found) = Singular::of((own + self.wanted(position, matrices)).as_ref()) {
                    matrices[position] = found.join(found.values.len());
                }
            }
            if budget.is_spent() {
                return;
            }
        }
    }
}

fn public(exposure: &Exposure) -> Result<&Set> {
    let public = exposure
        .public
        .as_ref()
        .ok_or_else(|| Error::Exposure("rmt-pca needs public images of a similar kind".into()))?;
    if public.shape() != exposure.target.plain {
        return Err(Error::Exposure(format!(
            "rmt-pca compares positions: its public images must be {} like the plain ones, not {}",
            exposure.target.plain,
            public.shape()
        )));
    }
    if public.len() < 2 || exposure.disguised.len() < 2 {
        return Err(Error::Exposure(
            "rmt-pca needs several public and several disguised images".into(),
        ));
    }
    Ok(public)
}

fn run(exposure: &Exposure, params: &Params, budget: &Budget, progress: Progress<'_>) -> Result<Outcome> {
    let model = Model::of("rmt-pca", &exposure.target)?;
    if !model.orthogonal {
        let problem = "its matrices are not orthogonal, so second moments leave them open up to a rotation";
        return Err(unfit("rmt-pca", &exposure.target, problem.into()));
    }
    let plain = Blocks::plain(&model, public(exposure)?);
    let read = Blocks::disguised(&model, &exposure.disguised);
    let images = params.int("images") as usize;
    let count = model.positions();
    let (side, rows) = (model.side as u64, model.rows() as u64);
    let bytes = count as u64 * (24 * count as u64 + 80 * side * side + 8 * rows * rows + 16 * images as u64);
    let pictures = (exposure.disguised.len() * model.grid.image().len()) as u64;
    if let Some(why) = budget.lacks(bytes + pictures, "the moments of all positions and the pictures") {
        return Ok(Outcome::inconclusive(why));
    }
    let mut figures = std::collections::BTreeMap::new();
    let mut order = model.straight();
    if model.shuffled {
        progress(0.0, "block order");
        let matching = match_expected(&model, &plain, &read, images, budget);
        figures.insert("matched_mutually", matching.mutual);
        figures.insert("match_margin", matching.margin);
        order = matching.order;
    }
    let mut place = vec![0; count];
    order
        .iter()
        .enumerate()
        .for_each(|(target, source)| place[*source] = target);
    progress(0.3, "moments");
    let x = Moments::of(&model, &plain, &model.straight(), images, 0.0);
    let y = Moments::of(&model, &read, &place, images, model.variance());
    let axes: Option<Vec<Axes>> = (0..count)
        .into_par_iter()
        .map(|source| match budget.is_spent() {
            true => None,
            false => axes((&plain, &x, source), (&read, &y, place[source]), images),
        })
        .collect();
    let Some(mut axes) = axes else {
        let mut outcome = Outcome::nothing();
        outcome.verdict = Verdict::Inconclusive("moments, but no axes of all positions".into());
        return Ok(outcome);
    };
    figures.insert("axis_gap", axes.iter().map(|a| a.gap).sum::<f64>() / count as f64);
    let unclear = axes.iter().map(|a| a.unclear).sum::<usize>() as f64;
    figures.insert("unclear_signs", unclear / (count * model.side) as f64);
    let mut matrices: Vec<Mat<f64>> = axes.iter().map(Axes::matrix).collect();
    if params.bool("seams") {
        progress(0.6, "seams");
        let seams = Seams::new(&x, &y);
        seams.settle_signs(&mut axes, &mut matrices, budget);
        seams.refine(&mut matrices, budget);
    }
    progress(0.8, "pictures");
    let found: Vec<Option<Position>> = order
        .par_iter()
        .map(|source| position(&model, &matrices[*source], &x, *source, params.bool("denoise")))
        .collect();
    let mut outcome = solve::outcome(&model, &order, &found, &exposure.disguised)?;
    outcome.figures.remove("determined_share");
    outcome.figures.append(&mut figures);
    if budget.is_spent() {
        outcome.verdict = Verdict::Inconclusive("matrices, with fewer rounds over the seams".into());
    }
    Ok(outcome)
}

/// How rows are read with this matrix, given the rows of public images.
fn position(model: &Model, matrix: &Mat<f64>, x: &Moments, source: usize, denoise: bool) -> Option<Position> {
    let (centre, covariance) = (x.centre(source), x.covariance(source));
    let reader = match denoise && model.width > 0.0 {
        true => {
            let factor = solve::wiener(model, matrix, &covariance, &Mat::zeros(model.side, model.side))?;
            let expected = row_times(&row_times(&centre, matrix), &factor);
            let offset: Vec<f64> = centre.iter().zip(expected).map(|(c, e)| c - e).collect();
            Reader::new(model, &factor, &offset)
        }
        false => Reader::new(model, &matrix.transpose().to_owned(), &vec![0.0; model.side]),
    };
    Some(Position {
        matrix: matrix.clone(),
        reader,
        determined: model.side,
        left: [0.0; 2],
    })
}
