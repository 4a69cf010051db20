//! Which block was moved where, from what the secret matrices leave unchanged (ATTACKS, 4.2).

use super::{Model, algebra::eigen, blocks::Blocks};
use faer::Mat;
use pathfinding::{kuhn_munkres::kuhn_munkres_min, matrix::Matrix};
use rayon::prelude::*;
use std::ops::Range;

/// Rows that are multiplied with each other in one table of products, about: more images in a table
/// tell more about a position, and cost more.
const TABLE_ROWS: usize = 32;
/// Multiplications that the comparison of all positions may take, about.
const WORK: f64 = 4e10;
/// Positions up to which every source is fitted to every target.
const FITTED: usize = 1024;
/// Targets that are compared at once.
const PANEL: usize = 32;

/// A guess of the block order.
pub(super) struct Matching {
    /// Source position of each target position.
    pub(super) order: Vec<usize>,
    /// Share of the targets whose source fits better than every other source, and whose source fits no
    /// other target better.
    pub(super) mutual: f64,
    /// Median over the targets of 1 - cost / cost of the best other source: 1 is certain, 0 a guess.
    pub(super) margin: f64,
}

/// The order that makes the sum of costs least; `cost` holds the sources of a target in its column.
pub(super) fn assign(cost: &Mat<f64>) -> Matching {
    let count = cost.nrows();
    let mut top = 0f64;
    for target in 0..count {
        top = cost.col_as_slice(target).iter().fold(top, |m, v| m.max(v.abs()));
    }
    // Whole numbers of 40 bits leave room for the sum over all positions.
    let scale = if top > 0.0 { (1u64 << 40) as f64 / top } else { 1.0 };
    let rows = (0..count).map(|t| cost.col_as_slice(t).iter().map(|v| (v * scale).round() as i64));
    let order = match Matrix::from_rows(rows) {
        Ok(weights) => kuhn_munkres_min(&weights).1,
        Err(_) => (0..count).collect(),
    };
    let mut best_of_source = vec![f64::INFINITY; count];
    for target in 0..count {
        for (best, value) in best_of_source.iter_mut().zip(cost.col_as_slice(target)) {
            *best = best.min(*value);
        }
    }
    let (mut mutual, mut margins) = (0, Vec::with_capacity(count));
    for (target, source) in order.iter().enumerate() {
        let column = cost.col_as_slice(target);
        let others = column.iter().enumerate().filter(|(s, _)| s != source);
        let second = others.fold(f64::INFINITY, |m, (_, v)| m.min(*v));
        let gap = second - column[*source];
        let ties = 1e-9 * top;
        mutual += usize::from(gap > ties && column[*source] <= best_of_source[*source] + ties);
        margins.push(if second.is_finite() && second.abs() > ties {
            (gap / second.abs()).clamp(0.0, 1.0)
        } else {
            0.0
        });
    }
    margins.sort_by(f64::total_cmp);
    Matching {
        order,
        mutual: mutual as f64 / count.max(1) as f64,
        margin: margins.get(count / 2).copied().unwrap_or(0.0),
    }
}

/// Costs of all sources (rows) at all targets (columns) from pairs, over the first `images` of them.
///
/// For orthogonal matrices, a cost is what the best one leaves of a difference; where positions are too
/// many for that, the difference of the inner products of rows, which every one keeps. Other matrices
/// keep the space that the columns span when the rows are stacked.
pub(super) fn costs(model: &Model, plain: &Blocks<'_>, disguised: &Blocks<'_>, images: usize) -> Mat<f64> {
    let images = images.min(plain.len());
    if model.orthogonal && model.positions() <= FITTED {
        by_fit(model, plain, disguised, images)
    } else if model.orthogonal {
        let group = (TABLE_ROWS / model.rows()).max(1);
        let size = (group * model.rows()).pow(2) / 2;
        let work = (model.positions().pow(2) * size) as f64 / group as f64;
        let images = images.min((WORK / work) as usize).max(1);
        by_products(model, plain, disguised, images, group)
    } else {
        let work = ((model.positions() * model.side).pow(2) * model.rows()) as f64;
        by_spaces(
            model,
            plain,
            disguised,
            images.min(((WORK / work) as usize).max(4)),
        )
    }
}

/// Bytes that comparing all positions over so many images takes, about.
pub(super) fn bytes(model: &Model, images: usize) -> u64 {
    let [positions, side, rows] = [model.positions(), model.side, model.rows()].map(|n| n as u64);
    let threads = rayon::current_num_threads() as u64;
    // Costs in several forms, rows or products of both sides, and the panel of each thread.
    let panel = threads * 8 * PANEL as u64 * positions * side * side;
    32 * positions * positions + 32 * images as u64 * rows * side * positions + panel
}

/// Features of every position as the columns of a matrix.
fn columns(positions: usize, of: impl Fn(usize) -> Vec<f64> + Sync + Send) -> Mat<f64> {
    let all: Vec<Vec<f64>> = (0..positions).into_par_iter().map(of).collect();
    let length = all.first().map_or(0, Vec::len);
    Mat::from_fn(length, positions, |i, position| all[position][i])
}

/// Inner products of all pairs of rows, each counted as often as in the square table; `offset` is taken
/// off the squares.
pub(super) fn products(rows: &Mat<f64>, offset: f64) -> Vec<f64> {
    let table = rows.transpose() * rows;
    let mut out = Vec::with_capacity(table.nrows() * (table.nrows() + 1) / 2);
    for i in 0..table.nrows() {
        out.extend((0..i).map(|j| table[(i, j)] * std::f64::consts::SQRT_2));
        out.push(table[(i, i)] - offset);
    }
    out
}

/// The rows of every position over the first `images`, stacked: b columns for each position.
fn stacked(model: &Model, blocks: &Blocks<'_>, images: usize) -> Mat<f64> {
    let all: Vec<Mat<f64>> = (0..model.positions())
        .into_par_iter()
        .map(|position| blocks.matrix(position, 0..images))
        .collect();
    Mat::from_fn(images * model.rows(), model.side * all.len(), |row, i| {
        all[i / model.side][(i % model.side, row)]
    })
}

/// Squared distances between plain rows, turned by the orthogonal matrix that fits best, and disguised
/// ones: the sum of the squares of both, less twice the sum of the singular values of their products.
fn by_fit(model: &Model, plain: &Blocks<'_>, disguised: &Blocks<'_>, images: usize) -> Mat<f64> {
    let (side, positions) = (model.side, model.positions());
    let (x, y) = (stacked(model, plain, images), stacked(model, disguised, images));
    let square = |m: &Mat<f64>, position: usize| m.subcols(position * side, side).squared_norm_l2();
    let xs: Vec<f64> = (0..positions).map(|p| square(&x, p)).collect();
    let found = panels(positions, |range| {
        let crossed = x.transpose() * y.subcols(range.start * side, range.len() * side);
        Mat::from_fn(positions, range.len(), |source, column| {
            let block = crossed.submatrix(source * side, column * side, side, side);
            let fit: f64 = block.singular_values().map_or(0.0, |values| values.iter().sum());
            (xs[source] + square(&y, range.start + column) - 2.0 * fit).max(0.0)
        })
    });
    let mut cost = Mat::zeros(positions, positions);
    for (range, panel) in found {
        cost.subcols_mut(range.start, range.len()).copy_from(panel);
    }
    cost
}

fn by_products(
    model: &Model,
    plain: &Blocks<'_>,
    disguised: &Blocks<'_>,
    images: usize,
    group: usize,
) -> Mat<f64> {
    let positions = model.positions();
    let noise = model.side as f64 * model.variance();
    let mut cost = Mat::zeros(positions, positions);
    for first in (0..images).step_by(group) {
        let range = first..(first + group).min(images);
        let x = columns(positions, |p| products(&plain.matrix(p, range.clone()), 0.0));
        let y = columns(positions, |p| {
            products(&disguised.matrix(p, range.clone()), noise)
        });
        add_distances(&mut cost, &x, &y);
    }
    cost
}

/// Adds the squared distances between the columns of `x` (rows) and of `y` (columns).
pub(super) fn add_distances(cost: &mut Mat<f64>, x: &Mat<f64>, y: &Mat<f64>) {
    let square = |m: &Mat<f64>, j: usize| m.col_as_slice(j).iter().map(|v| v * v).sum::<f64>();
    let (xs, ys): (Vec<f64>, Vec<f64>) = (0..x.ncols()).map(|j| (square(x, j), square(y, j))).unzip();
    for (range, panel) in panels(y.ncols(), |range| {
        x.transpose() * y.subcols(range.start, range.len())
    }) {
        for (column, target) in range.enumerate() {
            let out = cost.col_as_slice_mut(target);
            for (source, total) in out.iter_mut().enumerate() {
                *total += (xs[source] + ys[target] - 2.0 * panel[(source, column)]).max(0.0);
            }
        }
    }
}

/// Works on a few targets at once, in parallel.
fn panels<T: Send>(count: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<(Range<usize>, T)> {
    (0..count.div_ceil(PANEL))
        .into_par_iter()
        .map(|i| {
            let range = i * PANEL..((i + 1) * PANEL).min(count);
            (range.clone(), work(range))
        })
        .collect()
}

/// Orthonormal bases of the spaces that the columns of stacked rows span, for every position: the rows
/// of the result, b for each position, unused ones 0, and the dimensions.
fn bases(model: &Model, blocks: &Blocks<'_>, images: usize) -> (Mat<f64>, Vec<f64>) {
    let side = model.side;
    let all: Vec<(Mat<f64>, usize)> = (0..model.positions())
        .into_par_iter()
        .map(|position| {
            let rows = blocks.matrix(position, 0..images);
            let gram = &rows * rows.transpose();
            let Some((values, vectors)) = eigen(&gram) else {
                return (Mat::zeros(side, rows.ncols()), 0);
            };
            let floor = 1e-12 * values[0].max(0.0);
            let kept = values.iter().filter(|v| **v > floor).count();
            let turn = Mat::from_fn(side, side, |k, i| {
                if k < kept {
                    vectors[(i, k)] / values[k].sqrt()
                } else {
                    0.0
                }
            });
            (&turn * &rows, kept)
        })
        .collect();
    let length = images * model.rows();
    let joined = Mat::from_fn(length, side * all.len(), |row, i| {
        all[i / side].0[(i % side, row)]
    });
    (joined, all.iter().map(|(_, kept)| *kept as f64).collect())
}

/// Canonical correlations between the spaces of sources and targets, less what chance gives.
fn by_spaces(model: &Model, plain: &Blocks<'_>, disguised: &Blocks<'_>, images: usize) -> Mat<f64> {
    let (side, positions) = (model.side, model.positions());
    let (x, x_size) = bases(model, plain, images);
    let (y, y_size) = bases(model, disguised, images);
    let rows = (images * model.rows()) as f64;
    let mut cost = Mat::zeros(positions, positions);
    let found = panels(positions, |range| {
        x.transpose() * y.subcols(range.start * side, range.len() * side)
    });
    for (range, panel) in found {
        for (column, target) in range.enumerate() {
            for source in 0..positions {
                let block = panel.submatrix(source * side, column * side, side, side);
                let score = block.squared_norm_l2();
                cost[(source, target)] = if model.width > 0.0 {
                    x_size[source] * y_size[target] / rows - score
                } else {
                    // Without noise the spaces are equal: the distance of their projectors.
                    (x_size[source] + y_size[target] - 2.0 * score).max(0.0)
                };
            }
        }
    }
    cost
}
