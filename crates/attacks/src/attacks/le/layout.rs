//! The layout of blocks on the grid by how closely they go together.

use super::assign::cheapest;
use crate::{Budget, Rng};
use faer::{Mat, Side};
use rayon::prelude::*;

/// Cells beside each cell of a grid.
fn beside(rows: usize, columns: usize) -> Vec<Vec<usize>> {
    let cell = |r: usize, c: usize| r * columns + c;
    let around = |r: usize, c: usize| {
        let mut cells = Vec::new();
        if r > 0 {
            cells.push(cell(r - 1, c));
        }
        if r + 1 < rows {
            cells.push(cell(r + 1, c));
        }
        if c > 0 {
            cells.push(cell(r, c - 1));
        }
        if c + 1 < columns {
            cells.push(cell(r, c + 1));
        }
        cells
    };
    (0..rows)
        .flat_map(|r| (0..columns).map(move |c| (r, c)))
        .map(|(r, c)| around(r, c))
        .collect()
}

/// Angles at which an unrolled layout is laid on the grid.
const ANGLES: usize = 8;

/// Points in the plane for blocks with these ties: multidimensional scaling of the lengths of shortest paths.
fn unroll(weight: &[f64], n: usize) -> Option<Vec<(f64, f64)>> {
    let mut length: Vec<f64> = weight.iter().map(|w| 1.0 / (w + 1e-3)).collect();
    for k in 0..n {
        let by: Vec<f64> = length[k * n..][..n].to_vec();
        for row in length.chunks_exact_mut(n) {
            let first = row[k];
            row.iter_mut()
                .zip(&by)
                .for_each(|(l, second)| *l = l.min(first + second));
        }
    }
    (0..n).for_each(|i| length[i * n + i] = 0.0);
    let squares: Vec<f64> = length.iter().map(|l| l * l).collect();
    let means: Vec<f64> = squares
        .chunks_exact(n)
        .map(|row| row.iter().sum::<f64>() / n as f64)
        .collect();
    let mean = means.iter().sum::<f64>() / n as f64;
    let centred = Mat::from_fn(n, n, |i, j| {
        -0.5 * (squares[i * n + j] - means[i] - means[j] + mean)
    });
    let eigen = centred.self_adjoint_eigen(Side::Lower).ok()?;
    let axis = |back: usize| -> Vec<f64> {
        let scale = eigen.S()[n - back].max(0.0).sqrt();
        (0..n).map(|i| eigen.U()[(i, n - back)] * scale).collect()
    };
    (n > 2).then(|| axis(1).into_iter().zip(axis(2)).collect())
}

/// Block of each cell: points turned by a share of a right angle, spread over the grid and laid down.
fn gridded(points: &[(f64, f64)], rows: usize, columns: usize, angle: usize) -> Vec<usize> {
    let (sin, cos) = (angle as f64 / ANGLES as f64 * std::f64::consts::FRAC_PI_2).sin_cos();
    let turned: Vec<(f64, f64)> = points
        .iter()
        .map(|(x, y)| (cos * x - sin * y, sin * x + cos * y))
        .collect();
    let spread = |values: Vec<f64>, cells: usize| -> Vec<f64> {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scale = (cells - 1) as f64 / (high - low).max(1e-12);
        values.iter().map(|v| (v - low) * scale).collect()
    };
    let across = spread(turned.iter().map(|p| p.0).collect(), columns);
    let down = spread(turned.iter().map(|p| p.1).collect(), rows);
    cheapest(points.len(), |cell, block| {
        let (r, c) = ((cell / columns) as f64, (cell % columns) as f64);
        (r - down[block]).powi(2) + (c - across[block]).powi(2)
    })
}

/// Lays the blocks out on the grid so that close ones lie beside each other: block of each cell. Simulated
/// annealing from several starts; mirrored and turned layouts are equally good.
pub(super) fn lay_out(
    closeness: &[f64],
    rows: usize,
    columns: usize,
    budget: &Budget,
    rng: &mut Rng,
) -> Vec<usize> {
    let (n, beside) = (rows * columns, beside(rows, columns));
    // Ranks, because some parts of the images are smoother than others: a block has about four neighbours.
    let rank = |i: usize, j: usize| -> f64 {
        let row = &closeness[i * n..][..n];
        let closer = row.iter().filter(|other| **other > row[j]).count();
        (-(closer as f64) / 4.0).exp()
    };
    let pairs = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
    let weight: Vec<f64> = pairs.map(|(i, j)| rank(i, j) + rank(j, i)).collect();
    // Half of the starts are unrolled from the graph of neighbours, at angles that its two equal axes leave
    // open; they need no more than to settle.
    let unrolled = unroll(&weight, n);
    let starts: Vec<(u64, usize)> = (0..2 * ANGLES).map(|start| (rng.next_u64(), start)).collect();
    let layouts: Vec<(f64, Vec<usize>)> = starts
        .into_par_iter()
        .map(|(seed, start)| {
            let mut rng = Rng::new(seed);
            let (cells, heat) = match &unrolled {
                Some(points) if start < ANGLES => (gridded(points, rows, columns, start), 0.4),
                _ => (rng.permutation(n), 1.0),
            };
            anneal(&weight, &beside, cells, heat, columns, budget, &mut rng)
        })
        .collect();
    let best = layouts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(|| (0..n).collect(), |(_, cells)| cells)
}

fn anneal(
    weight: &[f64],
    beside: &[Vec<usize>],
    mut cells: Vec<usize>,
    hottest: f64,
    columns: usize,
    budget: &Budget,
    rng: &mut Rng,
) -> (f64, Vec<usize>) {
    let n = cells.len();
    let tie = |cells: &[usize], cell: usize, block: usize, but: usize| -> f64 {
        let others = beside[cell].iter().filter(|other| **other != but);
        others.map(|other| weight[block * n + cells[*other]]).sum()
    };
    let steps = 12_000 * n;
    for step in 0..steps {
        if step % 65_536 == 0 && budget.is_spent() {
            break;
        }
        let heat = hottest * (0.02 / hottest).powf(step as f64 / steps as f64);
        let (a, b) = (rng.below(n), rng.below(n));
        if a == b {
            continue;
        }
        if step % 8 == 0 {
            let total = |cells: &[usize]| -> f64 {
                let ties = (0..n).map(|cell| tie(cells, cell, cells[cell], n));
                ties.sum::<f64>() / 2.0
            };
            if let Some(other) = rearranged(&cells, (n / columns, columns), rng) {
                let gain = total(&other) - total(&cells);
                if gain >= 0.0 || rng.unit() < (gain / heat).exp() {
                    cells = other;
                }
            }
            continue;
        }
        let (u, v) = (cells[a], cells[b]);
        let gain = tie(&cells, a, v, b) + tie(&cells, b, u, a) - tie(&cells, a, u, b) - tie(&cells, b, v, a);
        if gain >= 0.0 || rng.unit() < (gain / heat).exp() {
            cells.swap(a, b);
        }
    }
    let total = (0..n).map(|cell| tie(&cells, cell, cells[cell], n)).sum::<f64>() / 2.0;
    (total, cells)
}

/// The layout with two equal rectangles exchanged, or one mirrored; these carry parts that are right in
/// themselves to where they belong. `None` if the rectangles overlap.
fn rearranged(cells: &[usize], (rows, columns): (usize, usize), rng: &mut Rng) -> Option<Vec<usize>> {
    let mut corner =
        |height: usize, width: usize| (rng.below(rows - height + 1), rng.below(columns - width + 1));
    let (height, width) = {
        let (h, w) = corner(1, 1);
        (h + 1, w + 1)
    };
    let ((r, c), (s, d)) = (corner(height, width), corner(height, width));
    let way = rng.below(3);
    let mut moved = cells.to_vec();
    for (i, j) in (0..height).flat_map(|i| (0..width).map(move |j| (i, j))) {
        let at = (r + i) * columns + c + j;
        match way {
            0 if r.abs_diff(s) < height && c.abs_diff(d) < width => return None,
            0 => moved.swap(at, (s + i) * columns + d + j),
            1 => moved[at] = cells[(r + height - 1 - i) * columns + c + j],
            _ => moved[at] = cells[(r + i) * columns + c + width - 1 - j],
        }
    }
    Some(moved)
}

/// The cells of the grid in every pose: mirrored, and turned where it is square.
pub(super) fn poses(rows: usize, columns: usize) -> Vec<Vec<usize>> {
    let mut poses = Vec::new();
    for transpose in [false, true] {
        if transpose && rows != columns {
            continue;
        }
        for (down, right) in [(false, false), (false, true), (true, false), (true, true)] {
            let from = |cell: usize| {
                let (mut r, mut c) = (cell / columns, cell % columns);
                if down {
                    r = rows - 1 - r;
                }
                if right {
                    c = columns - 1 - c;
                }
                if transpose {
                    c * columns + r
                } else {
                    r * columns + c
                }
            };
            poses.push((0..rows * columns).map(from).collect());
        }
    }
    poses
}
