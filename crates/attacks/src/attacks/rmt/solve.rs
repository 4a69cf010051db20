//! The matrices from pairs whose positions are known, and the pictures that they give (ATTACKS, 4.1).

use super::{
    Model,
    algebra::{Singular, eigen, outer, row_times, scaled_identity, symmetric_inverse},
    blocks::Blocks,
    moments::{PairSums, mean_row},
};
use crate::{Budget, Outcome, Progress, Result, Set, Verdict, attack::CONTRADICTION};
use faer::Mat;
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use visard_core::{
    Array, Material, Values,
    params::{Kind, ParamSpec, Params},
};

/// Standard deviation in grey levels of a block's brightness about the mean of all blocks, about.
const SPREAD: f64 = 50.0;
/// Images whose rows give the mean disguised row of a position.
const MEAN_IMAGES: usize = 2000;
/// Singular values below this share of the largest one come from rounding.
const ROUNDING: f64 = 1e-10;

/// Parameters of every attack that solves matrices from pairs.
pub(super) const ESTIMATOR: ParamSpec = ParamSpec {
    name: "estimator",
    help: "least-squares for any matrix; procrustes: the nearest orthogonal one; auto: by the scheme's \
           matrix",
    kind: Kind::Choice(&["auto", "least-squares", "procrustes"]),
    default: "auto",
};
/// See [`ESTIMATOR`].
pub(super) const INTERCEPT: ParamSpec = ParamSpec {
    name: "intercept",
    help: "what is added to all rows: public: the mean of the noise that the scheme states; fitted: \
           from the pairs",
    kind: Kind::Choice(&["public", "fitted"]),
    default: "public",
};
/// See [`ESTIMATOR`].
pub(super) const DENOISE: ParamSpec = ParamSpec {
    name: "denoise",
    help: "read rows by the Wiener filter of rows in the pairs instead of by the inverse matrix; only \
           with noise",
    kind: Kind::Bool,
    default: "true",
};

/// Unexplained share of the disguised rows above which pairs contradict each other.
const CONTRADICTED: f64 = 0.3;

/// How matrices are estimated and used.
#[derive(Clone, Copy)]
pub(super) struct Options {
    procrustes: bool,
    fitted: bool,
    denoise: bool,
}

impl Options {
    pub(super) fn of(model: &Model, params: &Params) -> Self {
        Self {
            procrustes: match params.text("estimator") {
                "procrustes" => true,
                "least-squares" => false,
                _ => model.orthogonal,
            },
            fitted: params.text("intercept") == "fitted",
            denoise: params.bool("denoise") && model.width > 0.0,
        }
    }
}

/// How a row y of a target position is read: x = y * `factor` + `offset`, in grey levels.
pub(super) struct Reader {
    /// b x b, row-major.
    factor: Vec<f32>,
    /// b values.
    offset: Vec<f32>,
}

impl Reader {
    /// From a factor and an offset for rows with the means of [`Model`] taken off.
    pub(super) fn new(model: &Model, factor: &Mat<f64>, offset: &[f64]) -> Self {
        let side = model.side;
        let moved = row_times(&vec![model.disguised_shift(); side], factor);
        let offset = offset
            .iter()
            .zip(moved)
            .map(|(o, m)| (o + m - model.plain_shift()) as f32);
        Self {
            factor: (0..side * side)
                .map(|i| factor[(i / side, i % side)] as f32)
                .collect(),
            offset: offset.collect(),
        }
    }
}

/// What was found about one target position.
pub(super) struct Position {
    /// The matrix R, b x b.
    pub(super) matrix: Mat<f64>,
    /// How rows are read.
    pub(super) reader: Reader,
    /// Directions of b in which the pairs, or the mean of the disguised images, tell the matrix.
    pub(super) determined: usize,
    /// Of the disguised rows in the pairs, the squares that the matrix leaves and all squares about their
    /// mean; zeros without pairs.
    pub(super) left: [f64; 2],
}

/// Pooled statistics of plain rows, which stand in where a position was seen too rarely.
struct Prior {
    mean: Vec<f64>,
    covariance: Mat<f64>,
    /// Rows that they weigh as much as.
    weight: f64,
}

impl Prior {
    fn of(model: &Model, sums: &[PairSums]) -> Self {
        let side = model.side;
        let rows = sums.iter().map(|s| s.rows).sum::<f64>().max(1.0);
        let mean: Vec<f64> = (0..side)
            .map(|i| sums.iter().map(|s| s.plain[i]).sum::<f64>() / rows)
            .collect();
        let mut second = Mat::zeros(side, side);
        sums.iter().for_each(|s| second += &s.gram);
        Self {
            covariance: second * faer::Scale(1.0 / rows) - outer(&mean, &mean),
            mean,
            weight: 4.0 * model.rows() as f64,
        }
    }

    /// Mean row and covariance at a position.
    fn at(&self, sums: &PairSums) -> (Vec<f64>, Mat<f64>) {
        let total = sums.rows + self.weight;
        let mean = (self.mean.iter().zip(&sums.plain)).map(|(m, s)| (m * self.weight + s) / total);
        let own = sums.centred().0;
        let covariance = (own + &self.covariance * faer::Scale(self.weight)) * faer::Scale(1.0 / total);
        (mean.collect(), covariance)
    }
}

/// Solves the matrix of every target position from pairs of images, with `order` the source of each
/// target; `None` where the time was up.
pub(super) fn solve(
    model: &Model,
    (plain, disguised): (&Set, &Set),
    order: &[usize],
    read: &Set,
    options: Options,
    budget: &Budget,
    progress: Progress<'_>,
) -> Vec<Option<Position>> {
    let (plain, disguised) = (Blocks::plain(model, plain), Blocks::disguised(model, disguised));
    let read = Blocks::disguised(model, read);
    let done = AtomicUsize::new(0);
    let sums: Vec<Option<(PairSums, Vec<f64>)>> = order
        .par_iter()
        .enumerate()
        .map(|(target, source)| {
            let share = done.fetch_add(1, Ordering::Relaxed) as f64 / order.len() as f64;
            if budget.is_spent() {
                return None;
            }
            progress(0.8 * share, "sums over the pairs");
            let sums = PairSums::of(model, (&plain, *source), (&disguised, target));
            Some((sums, mean_row(model, &read, target, MEAN_IMAGES)))
        })
        .collect();
    let (kept, means): (Vec<Option<PairSums>>, Vec<Vec<f64>>) = sums
        .into_iter()
        .map(|s| s.map_or((None, Vec::new()), |(s, m)| (Some(s), m)))
        .unzip();
    let complete: Vec<PairSums> = kept.into_iter().flatten().collect();
    if complete.len() < order.len() {
        return order.iter().map(|_| None).collect();
    }
    let prior = Prior::of(model, &complete);
    progress(0.8, "matrices");
    complete
        .par_iter()
        .zip(&means)
        .map(|(sums, mean)| {
            if budget.is_spent() {
                return None;
            }
            position(model, sums, mean, &prior, options)
        })
        .collect()
}

fn position(
    model: &Model,
    sums: &PairSums,
    mean: &[f64],
    prior: &Prior,
    options: Options,
) -> Option<Position> {
    let side = model.side;
    let (gram, cross) = match options.fitted {
        true => sums.centred(),
        false => (sums.gram.clone(), sums.cross.clone()),
    };
    let (matrix, determined, exact_back) = if options.procrustes {
        let level = prior.mean.iter().sum::<f64>() / side as f64;
        let hint = outer(&vec![level; side], mean) * faer::Scale(model.rows() as f64);
        procrustes(&cross, &hint, model.variance())?
    } else {
        // Read by its inverse, a matrix that errs is better too large than too small.
        let ridge = if options.denoise {
            model.variance() * side as f64
        } else {
            0.0
        };
        least_squares(&gram, &cross, ridge)?
    };
    let intercept: Vec<f64> = if options.fitted {
        let expected = row_times(&sums.plain_mean(), &matrix);
        sums.disguised_mean()
            .iter()
            .zip(expected)
            .map(|(y, e)| y - e)
            .collect()
    } else {
        vec![0.0; side]
    };
    let (centre, covariance) = prior.at(sums);
    let factor = match options.denoise {
        false => exact_back,
        true => {
            let second = &covariance + outer(&centre, &centre);
            let added = doubt(model, &matrix, &gram, &second, options.procrustes)?;
            wiener(model, &matrix, &covariance, &added)?
        }
    };
    let expected = row_times(&centre, &matrix);
    let off: Vec<f64> = intercept.iter().zip(&expected).map(|(c, e)| -c - e).collect();
    let offset: Vec<f64> = row_times(&off, &factor)
        .iter()
        .zip(&centre)
        .map(|(o, c)| o + c)
        .collect();
    Some(Position {
        reader: Reader::new(model, &factor, &offset),
        left: sums.left(&matrix, options.fitted, model.row_noise(&matrix)),
        matrix,
        determined,
    })
}

/// Share of the disguised rows in the pairs that the matrices leave, beyond the noise: near 0 for pairs of
/// one key, unless there are too few of them to contradict each other.
pub(super) fn unexplained(found: &[Option<Position>]) -> f64 {
    let sum = |part: usize| found.iter().flatten().map(|p| p.left[part]).sum::<f64>();
    (sum(0) / sum(1).max(1e-9)).clamp(0.0, 1e6)
}

/// Adds that share to the outcome, and says so where it is too large for pairs of one key.
pub(super) fn judge(outcome: &mut Outcome, found: &[Option<Position>]) {
    let share = unexplained(found);
    outcome.figures.insert("unexplained", share);
    if share > CONTRADICTED && outcome.verdict == Verdict::Complete {
        outcome.verdict = Verdict::Inconclusive(CONTRADICTION.into());
    }
}

/// The orthogonal matrix nearest to the sums of a' y, what it is in as directions, and its inverse in them.
///
/// `hint` is what brightness alone tells: it decides what the pairs leave open and weighs as much as the
/// spread of brightness allows against the noise.
fn procrustes(cross: &Mat<f64>, hint: &Mat<f64>, variance: f64) -> Option<(Mat<f64>, usize, Mat<f64>)> {
    let (size, known) = (hint.norm_max(), cross.norm_max());
    let weight = match () {
        () if size == 0.0 => 0.0,
        () if known == 0.0 => 1.0,
        () => (variance / (SPREAD * SPREAD)).max(10.0 * ROUNDING * known / size),
    };
    let found = Singular::of((cross + hint * faer::Scale(weight)).as_ref())?;
    let floor = ROUNDING * found.values.first().copied().unwrap_or(0.0);
    let determined = found.values.iter().filter(|v| **v > floor).count();
    let back = found.join(determined).transpose().to_owned();
    Some((found.join(found.values.len()), determined, back))
}

/// The least-squares matrix in the directions of known rows, with `ridge` for the size of its entries.
fn least_squares(gram: &Mat<f64>, cross: &Mat<f64>, ridge: f64) -> Option<(Mat<f64>, usize, Mat<f64>)> {
    let damped = gram + scaled_identity(gram.nrows(), ridge);
    let (_, determined) = symmetric_inverse(gram, 1e-13)?;
    let (inverse, _) = symmetric_inverse(&damped, 1e-13)?;
    let matrix = inverse * cross;
    let back = Singular::of(matrix.as_ref())?.inverse(1e-9);
    Some((matrix, determined, back))
}

/// Covariance of what an unsure matrix adds to disguised rows of these statistics.
fn doubt(
    model: &Model,
    matrix: &Mat<f64>,
    gram: &Mat<f64>,
    rows: &Mat<f64>,
    turned: bool,
) -> Option<Mat<f64>> {
    let (side, variance) = (model.side, model.variance());
    let (values, axes) = eigen(gram)?;
    let along = axes.transpose() * rows * &axes;
    let ridge = variance * side as f64;
    // Share of a row's square along each axis that the matrix may have turned elsewhere.
    let lost: Vec<f64> = (0..side)
        .map(|k| along[(k, k)] * ridge / (values[k].max(0.0) + ridge))
        .collect();
    if !turned {
        return Some(scaled_identity(side, lost.iter().sum::<f64>() / side as f64));
    }
    // An orthogonal matrix turns it among the axes that it is unsure of.
    let scaled = Mat::from_fn(side, side, |i, k| axes[(i, k)] * lost[k]);
    Some(matrix.transpose() * (scaled * axes.transpose()) * matrix)
}

/// The linear filter that reads rows with the least error, given their covariance and that of what is
/// added to the noise.
pub(super) fn wiener(
    model: &Model,
    matrix: &Mat<f64>,
    covariance: &Mat<f64>,
    added: &Mat<f64>,
) -> Option<Mat<f64>> {
    let signal = matrix.transpose() * covariance;
    let noise = match model.before && !model.orthogonal {
        true => matrix.transpose() * matrix * faer::Scale(model.variance()),
        false => scaled_identity(model.side, model.variance()),
    };
    let (inverse, _) = symmetric_inverse(&(&signal * matrix + noise + added), 1e-13)?;
    Some(inverse * signal)
}

/// The pictures that the readers of all target positions give; mid-grey where there is none.
pub(super) fn pictures(
    model: &Model,
    order: &[usize],
    found: &[Option<Position>],
    read: &Set,
) -> Result<Set> {
    let readers: Vec<Option<&Reader>> = found.iter().map(|p| p.as_ref().map(|p| &p.reader)).collect();
    paint(model, order, read, |target, rows, out| {
        let Some(reader) = readers[target] else {
            return out.fill(128.0);
        };
        for (y, x) in rows
            .chunks_exact(model.side)
            .zip(out.chunks_exact_mut(model.side))
        {
            x.copy_from_slice(&reader.offset);
            for (value, factors) in y.iter().zip(reader.factor.chunks_exact(model.side)) {
                for (sum, factor) in x.iter_mut().zip(factors) {
                    *sum += *value as f32 * factor;
                }
            }
        }
    })
}

/// Pictures whose source blocks are computed from the rows of the disguised ones, in parallel; `paint`
/// gets a target position, its rows as they were disguised, and room for the plain rows.
pub(super) fn paint(
    model: &Model,
    order: &[usize],
    read: &Set,
    block: impl Fn(usize, &[f64], &mut [f32]) + Sync,
) -> Result<Set> {
    let (grid, side, channels) = (model.grid, model.side, model.channels);
    let (image, padded) = (grid.image(), grid.padded());
    let raw = Model { width: 0.0, ..*model };
    let blocks = Blocks::disguised(&raw, read);
    let mut pixels = vec![0u8; read.len() * image.len()];
    pixels
        .par_chunks_exact_mut(image.len())
        .enumerate()
        .for_each_init(
            || {
                (
                    vec![0f64; side * side * channels],
                    vec![0f32; side * side * channels],
                    vec![0u8; padded.len()],
                )
            },
            |(rows, found, plane), (index, out)| {
                for (target, source) in order.iter().enumerate() {
                    blocks.rows(index, target, rows);
                    block(target, rows, found);
                    let origin = grid.origin(*source);
                    for (i, value) in found.iter().enumerate() {
                        let (channel, y, x) = (i / (side * side), i / side % side, i % side);
                        plane[origin + y * padded.row() + x * channels + channel] = (value + 0.5) as u8;
                    }
                }
                grid.crop(plane, out, |v| v);
            },
        );
    Set::new(image, visard_core::Pixels::U8(pixels), read.labels().to_vec())
}

/// R by source position where all matrices were found, and the block order where it was looked for.
pub(super) fn material(model: &Model, order: &[usize], found: &[Option<Position>]) -> Result<Material> {
    let (side, positions) = (model.side, model.positions());
    let mut material = Material::new();
    let mut values = vec![0.0; positions * side * side];
    for (source, position) in order.iter().zip(found) {
        let Some(position) = position else {
            return Ok(material);
        };
        for (i, value) in values[source * side * side..][..side * side]
            .iter_mut()
            .enumerate()
        {
            *value = position.matrix[(i / side, i % side)];
        }
    }
    let array = Array {
        shape: vec![positions, side, side],
        values: Values::F64(values),
    };
    material.insert("R", array)?;
    if model.shuffled {
        let array = Array {
            shape: vec![positions],
            values: Values::I64(order.iter().map(|i| *i as i64).collect()),
        };
        material.insert("block_perm", array)?;
    }
    Ok(material)
}

/// Pictures, material and figures together.
pub(super) fn outcome(
    model: &Model,
    order: &[usize],
    found: &[Option<Position>],
    read: &Set,
) -> Result<Outcome> {
    let mut outcome = Outcome::pictures(pictures(model, order, found, read)?);
    outcome.material = material(model, order, found)?;
    let solved = found.iter().flatten().count();
    let directions: usize = found.iter().flatten().map(|p| p.determined).sum();
    let all = (model.positions() * model.side) as f64;
    outcome
        .figures
        .insert("determined_share", directions as f64 / all);
    if model.width > 0.0 {
        // What stays in the pictures when the inverse of the exact orthogonal matrix is used.
        let floor = 10.0 * (255.0 * 255.0 / model.variance()).log10();
        outcome.figures.insert("noise_floor_db", floor);
    }
    if solved < found.len() {
        let reached = format!("matrices of {solved} of {} positions", found.len());
        outcome.verdict = Verdict::Inconclusive(reached);
    }
    Ok(outcome)
}
