//! The block order from expectations over unrelated plain images of a similar kind (ATTACKS, 4.4).

use super::{
    Model,
    algebra::add_product,
    blocks::Blocks,
    order::{Matching, assign},
};
use crate::Budget;
use faer::Mat;
use rayon::prelude::*;

/// Rounds of matching with the links between positions.
const ROUNDS: usize = 12;

/// What is expected at each position, whatever orthogonal matrix it has.
struct Expected {
    /// Products of the rows of a block, mean over images, for each position.
    tables: Vec<Mat<f64>>,
    /// Correlations between the lengths of blocks, position by position.
    links: Mat<f64>,
}

impl Expected {
    fn of(model: &Model, blocks: &Blocks<'_>, images: usize, noise: f64) -> Self {
        let (side, rows, images) = (model.side, model.rows(), blocks.len().min(images));
        let found: Vec<(Mat<f64>, Vec<f64>)> = (0..model.positions())
            .into_par_iter()
            .map(|position| {
                let mut table = Mat::zeros(rows, rows);
                let (mut block, mut lengths) = (vec![0.0; rows * side], Vec::with_capacity(images));
                for image in 0..images {
                    blocks.rows(image, position, &mut block);
                    let turned = Mat::from_fn(rows, side, |row, k| block[row * side + k]);
                    add_product(&mut table, &turned, &turned);
                    lengths.push(block.iter().map(|v| v * v).sum::<f64>().sqrt());
                }
                let mut table = table * faer::Scale(1.0 / images.max(1) as f64);
                (0..rows).for_each(|i| table[(i, i)] -= noise);
                (table, standardised(lengths))
            })
            .collect();
        let series = Mat::from_fn(images, found.len(), |image, position| found[position].1[image]);
        Self {
            links: series.transpose() * &series,
            tables: found.into_iter().map(|(table, _)| table).collect(),
        }
    }
}

/// Mean 0 and sum of squares 1; zeros if all are equal.
fn standardised(mut values: Vec<f64>) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter_mut().for_each(|v| *v -= mean);
    let length = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    values
        .iter_mut()
        .for_each(|v| *v = if length > 1e-9 { *v / length } else { 0.0 });
    values
}

/// The order by which expected products of rows, and correlations with the other positions, agree best
/// between `public` and `disguised` images.
pub(super) fn match_expected(
    model: &Model,
    public: &Blocks<'_>,
    disguised: &Blocks<'_>,
    images: usize,
    budget: &Budget,
) -> Matching {
    let x = Expected::of(model, public, images, 0.0);
    let y = Expected::of(model, disguised, images, model.side as f64 * model.variance());
    let count = model.positions();
    let own = Mat::from_fn(count, count, |source, target| {
        let (a, b) = (&x.tables[source], &y.tables[target]);
        // Sampling errors grow with the products themselves.
        (a - b).squared_norm_l2() / (a.norm_l2() * b.norm_l2()).max(1.0)
    });
    let own = per_mean(own);
    let mut matching = assign(&own);
    for _ in 0..ROUNDS {
        if budget.is_spent() {
            break;
        }
        let placed = Mat::from_fn(count, count, |k, source| x.links[(source, matching.order[k])]);
        let mut linked = Mat::zeros(count, count);
        super::order::add_distances(&mut linked, &placed, &y.links);
        let next = assign(&(&own + per_mean(linked)));
        let settled = next.order == matching.order;
        matching = next;
        if settled {
            break;
        }
    }
    matching
}

/// Divides by the mean of all entries.
fn per_mean(cost: Mat<f64>) -> Mat<f64> {
    let mean = cost.sum() / (cost.nrows() * cost.ncols()).max(1) as f64;
    if mean > 0.0 {
        cost * faer::Scale(1.0 / mean)
    } else {
        cost
    }
}
