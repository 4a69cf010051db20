//! Which slot of a disguised block is which value of a plain one, by their statistics.

use super::correlate::{Reader, Survey};
use crate::{Budget, Error, Result};
use faer::{MatRef, Side};
use pathfinding::{kuhn_munkres::kuhn_munkres_min, matrix::Matrix};

/// Statistics of m slots, their signs set so that all go along with the brightness of the block, or all
/// against it.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// Correlations inside a block, to the right, below: (m, m), row-major.
    matrices: [Vec<f64>; 3],
    /// Mean level, 0 to 1.
    mean: Vec<f64>,
    /// Shares of values up to each sixteenth of the range.
    levels: Vec<[f64; 16]>,
    /// Whether a slot was complemented.
    pub(super) flip: Vec<bool>,
}

/// The slots found.
#[derive(Clone, Debug)]
pub(super) struct Match {
    /// Reference slot of each slot.
    pub(super) at: Vec<usize>,
    /// Mean squared difference of the correlations and the levels.
    pub(super) cost: f64,
    /// Share of the references' squared correlations that the found order does not explain.
    pub(super) misfit: f64,
}

impl Profile {
    /// The profile of the picked slots; with `signed`, slots that go against the others are complemented.
    pub(super) fn new(
        reader: &Reader,
        images: &[u8],
        survey: &Survey,
        picks: &[usize],
        top: f64,
        signed: bool,
    ) -> Result<Self> {
        let m = picks.len();
        let mut profile = Self {
            matrices: reader.correlations(images, survey, picks),
            mean: picks.iter().map(|j| survey.mean[*j] / top).collect(),
            levels: picks.iter().map(|j| survey.levels[*j]).collect(),
            flip: vec![false; m],
        };
        if signed {
            profile.align()?;
        }
        Ok(profile)
    }

    fn len(&self) -> usize {
        self.mean.len()
    }

    /// Complements the slots with the rarer sign in the leading eigenvector.
    fn align(&mut self) -> Result<()> {
        let m = self.len();
        for (i, rare) in minority(&self.matrices[0], m)?.into_iter().enumerate() {
            if rare {
                self.turn(i);
            }
        }
        for matrix in &mut self.matrices {
            for (i, row) in matrix.chunks_exact_mut(m).enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    if self.flip[i] != self.flip[j] {
                        *value = -*value;
                    }
                }
            }
        }
        Ok(())
    }

    fn turn(&mut self, i: usize) {
        self.flip[i] = !self.flip[i];
        self.mean[i] = 1.0 - self.mean[i];
        self.levels[i] = turned_levels(&self.levels[i]);
    }

    /// The same with all slots complemented: the correlations stay.
    pub(super) fn turned(&self) -> Self {
        let mut other = self.clone();
        (0..other.len()).for_each(|i| other.turn(i));
        other
    }

    /// Mean squared difference of the levels of slot `i` from those of slot `j` of `other`.
    fn level_cost(&self, i: usize, other: &Self, j: usize) -> f64 {
        level_cost(&self.levels[i], &other.levels[j])
    }

    /// Mean squared difference of the levels if the slots stay where they are.
    pub(super) fn level_distance(&self, other: &Self) -> f64 {
        let costs = (0..self.len()).map(|i| self.level_cost(i, other, i));
        costs.sum::<f64>() / self.len() as f64
    }

    /// What assignments compare: how much more goes to the right than to the left, and down than up;
    /// the correlations with the same slot; level; tie to the others.
    fn features(&self) -> Vec<[f64; 6]> {
        let m = self.len();
        let slope =
            |matrix: &[f64], i: usize| -> f64 { (0..m).map(|j| matrix[i * m + j] - matrix[j * m + i]).sum() };
        let [inside, right, down] = &self.matrices;
        (0..m)
            .map(|i| {
                [
                    slope(right, i),
                    slope(down, i),
                    right[i * m + i],
                    down[i * m + i],
                    self.mean[i],
                    inside[i * m..][..m].iter().sum(),
                ]
            })
            .collect()
    }

    /// A first assignment by features, the cheapest in sum.
    fn first(&self, reference: &Self) -> Vec<usize> {
        const WEIGHTS: [f64; 6] = [3.0, 3.0, 1.0, 1.0, 1.0, 1.0];
        let (own, other, m) = (self.features(), reference.features(), self.len());
        let scale: [f64; 6] = std::array::from_fn(|f| {
            let mean = other.iter().map(|row| row[f]).sum::<f64>() / m as f64;
            let variance = other.iter().map(|row| (row[f] - mean).powi(2)).sum::<f64>() / m as f64;
            WEIGHTS[f] / variance.max(1e-12)
        });
        let cost = |i: usize, j: usize| -> f64 {
            let terms = (0..6).map(|f| (own[i][f] - other[j][f]).powi(2) * scale[f]);
            terms.sum()
        };
        cheapest(m, cost)
    }
}

/// The assignment of `m` things to as many places with the least sum of costs, which are not negative.
pub(super) fn cheapest(m: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    // Whole numbers, bounded so that sums of thousands of them stay in range.
    let costs = Matrix::from_fn(m, m, |(i, j)| (cost(i, j).min(1e9) * 1e6) as i64);
    kuhn_munkres_min(&costs).1
}

/// Shares of values up to each level once all values are complemented.
pub(super) fn turned_levels(levels: &[f64; 16]) -> [f64; 16] {
    std::array::from_fn(|level| {
        if level == 15 {
            1.0
        } else {
            1.0 - levels[14 - level]
        }
    })
}

/// Mean squared difference of two distributions of levels.
pub(super) fn level_cost(one: &[f64; 16], other: &[f64; 16]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 16.0
}

/// Which entries of the leading eigenvector of a symmetric (m, m) matrix have the rarer sign.
pub(super) fn minority(matrix: &[f64], m: usize) -> Result<Vec<bool>> {
    let eigen = MatRef::from_row_major_slice(matrix, m, m)
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| Error::Exposure("the correlations of the images are no numbers".into()))?;
    let negative: Vec<bool> = (0..m).map(|i| eigen.U()[(i, m - 1)] < 0.0).collect();
    let rarer = 2 * negative.iter().filter(|n| **n).count() <= m;
    Ok(negative.iter().map(|n| *n == rarer).collect())
}

/// Finds the order under which `own` looks like `reference`, whose slots are values in the order (row,
/// column, channel): an assignment by features, then pairwise swaps, from every order of the channels.
pub(super) fn assign(own: &Profile, reference: &Profile, channels: usize, budget: &Budget) -> Match {
    let m = own.len();
    let places = (0..m).flat_map(|i| (0..m).map(move |j| (i, j)));
    let levels: Vec<f64> = places
        .map(|(i, j)| 3.0 * m as f64 * own.level_cost(i, reference, j))
        .collect();
    let (ours, theirs) = (
        own.matrices.each_ref().map(Vec::as_slice),
        reference.matrices.each_ref().map(Vec::as_slice),
    );
    let descend = |start: Vec<usize>| descend(&ours, &theirs, &levels, start, budget);
    let mut best: Option<Match> = None;
    let mut found = descend(own.first(reference));
    loop {
        let better = best.as_ref().is_none_or(|b| found.cost < b.cost - 1e-12);
        if !better {
            break;
        }
        let base = found.at.clone();
        best = Some(found);
        if channels > 4 || budget.is_spent() {
            break;
        }
        // Correlations hardly tell colours apart, so that the descent may keep them exchanged.
        let orders = orders(channels);
        let tries = orders.iter().skip(1).map(|order| {
            let moved = base.iter().map(|at| at - at % channels + order[at % channels]);
            descend(moved.collect())
        });
        let Some(next) = tries.min_by(|a, b| a.cost.total_cmp(&b.cost)) else {
            break;
        };
        found = next;
    }
    best.unwrap_or_else(|| Match {
        at: (0..own.len()).collect(),
        cost: f64::INFINITY,
        misfit: 1.0,
    })
}

/// All orders of so many things, the identity first.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![vec![]];
    for _ in 0..count {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                let free: Vec<usize> = (0..count).filter(|i| !order.contains(i)).collect();
                free.into_iter().map(move |next| {
                    let mut longer = order.clone();
                    longer.push(next);
                    longer
                })
            })
            .collect();
    }
    orders
}

/// Each matrix and its transpose with rows and columns in the order `at`.
fn gathered(matrices: &[&[f64]], m: usize, at: &[usize]) -> Vec<Vec<f64>> {
    let gather = |matrix: &[f64], turn: bool| -> Vec<f64> {
        let places = at.iter().flat_map(|i| at.iter().map(move |j| (*i, *j)));
        places
            .map(|(i, j)| matrix[if turn { j * m + i } else { i * m + j }])
            .collect()
    };
    let both = |matrix: &&[f64]| [gather(matrix, false), gather(matrix, true)];
    matrices.iter().flat_map(both).collect()
}

/// Swaps pairs of slots as long as that brings the (m, m) matrices closer, counting `linear[i * m + j]` for
/// slot `i` at `j` besides.
pub(super) fn descend(
    own: &[&[f64]],
    reference: &[&[f64]],
    linear: &[f64],
    mut at: Vec<usize>,
    budget: &Budget,
) -> Match {
    let m = at.len();
    let ours = gathered(own, m, &(0..m).collect::<Vec<_>>());
    let mut theirs = gathered(reference, m, &at);
    let gain = |theirs: &[Vec<f64>], at: &[usize], a: usize, b: usize| -> f64 {
        // The sum of squared differences changes by minus twice the change of the sum of products.
        let mut products = 0.0;
        for (ours, theirs) in ours.iter().zip(theirs) {
            let (oa, ob) = (&ours[a * m..][..m], &ours[b * m..][..m]);
            let (ta, tb) = (&theirs[a * m..][..m], &theirs[b * m..][..m]);
            let mut sum = 0.0;
            for k in 0..m {
                sum += (oa[k] - ob[k]) * (tb[k] - ta[k]);
            }
            // The four corners, which the sum over other slots counts wrongly; each once in two rows.
            sum -= (oa[a] - ob[a]) * (tb[a] - ta[a]) + (oa[b] - ob[b]) * (tb[b] - ta[b]);
            let corners = oa[a] * (tb[b] - ta[a])
                + ob[b] * (ta[a] - tb[b])
                + oa[b] * (tb[a] - ta[b])
                + ob[a] * (ta[b] - tb[a]);
            products += sum + 0.5 * corners;
        }
        let (u, v) = (at[a], at[b]);
        2.0 * products + linear[a * m + u] + linear[b * m + v] - linear[a * m + v] - linear[b * m + u]
    };
    let mut moved = true;
    while moved && !budget.is_spent() {
        moved = false;
        for a in 0..m {
            for b in a + 1..m {
                if gain(&theirs, &at, a, b) > 1e-9 {
                    at.swap(a, b);
                    theirs.iter_mut().for_each(|matrix| swap(matrix, m, a, b));
                    moved = true;
                }
            }
            if budget.is_spent() {
                break;
            }
        }
    }
    let pairs = ours.iter().zip(&theirs).flat_map(|(o, t)| o.iter().zip(t));
    let (mut differences, mut squares) = (0.0, 0.0);
    for (o, t) in pairs {
        differences += 0.5 * (o - t).powi(2);
        squares += 0.5 * t * t;
    }
    let fixed: f64 = at.iter().enumerate().map(|(i, j)| linear[i * m + j]).sum();
    Match {
        cost: (differences + fixed) / (own.len() * m * m) as f64,
        misfit: differences / f64::max(squares, 1e-12),
        at,
    }
}

fn swap(matrix: &mut [f64], m: usize, a: usize, b: usize) {
    for k in 0..m {
        matrix.swap(a * m + k, b * m + k);
    }
    for row in matrix.chunks_exact_mut(m) {
        row.swap(a, b);
    }
}
