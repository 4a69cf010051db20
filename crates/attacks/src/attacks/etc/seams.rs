//! Costs of joints from how values and gradients go on across them.
//!
//! Mahalanobis gradient compatibility: Gallagher, "Jigsaw Puzzles with Pieces of Unknown Orientation",
//! CVPR 2012; with a regularised covariance and the absolute difference beside it, since polarity and
//! order of the channels are unknown here too.

use super::{
    costs::Costs,
    frame::Frame,
    state::{ORDERS, orders},
};
use crate::Budget;
use faer::{
    Mat, Side,
    linalg::solvers::{DenseSolveCore, Llt},
};
use rayon::prelude::*;

/// What is needed of one side of a block. Values are counted from the middle grey, so that a negative
/// is a change of sign. Arrays of values are (channel, place along the side).
struct Strip {
    edge: Vec<f32>,
    reversed: Vec<f32>,
    /// Inverse covariance of the gradients times the values that are expected beyond the side.
    expected: Vec<f32>,
    /// The inverse covariance (channels, channels).
    weight: Vec<f32>,
    /// Sum over the side of products of values (channels, channels).
    square: Vec<f32>,
    /// Part of the cost that does not depend on the other block.
    constant: f32,
}

impl Strip {
    /// From edge values and the values one row further inside, and the regularisation.
    fn new(edge: Vec<f32>, inner: &[f32], channels: usize, lambda: f64) -> Self {
        let side = edge.len() / channels;
        let channel = |v: &[f32], c: usize| v[c * side..(c + 1) * side].to_vec();
        let gradient: Vec<f32> = edge.iter().zip(inner).map(|(e, i)| e - i).collect();
        let mean: Vec<f32> = (0..channels)
            .map(|c| channel(&gradient, c).iter().sum::<f32>() / side as f32)
            .collect();
        // Besides the gradients, 3 + 2 * channels small ones that no side rules out: nothing, all
        // channels by one level, each channel by one level.
        let samples = (side + 2 + 2 * channels) as f64;
        let weight = Mat::from_fn(channels, channels, |i, j| {
            let sum: f64 = (0..side)
                .map(|k| {
                    f64::from(gradient[i * side + k] - mean[i]) * f64::from(gradient[j * side + k] - mean[j])
                })
                .sum();
            let diagonal = if i == j { 2.0 / samples + lambda } else { 0.0 };
            (sum + 2.0) / samples + diagonal
        });
        let weight = match Llt::new(weight.as_ref(), Side::Lower) {
            Ok(factor) => factor.inverse(),
            // Not reached: the diagonal is at least lambda.
            Err(_) => Mat::identity(channels, channels),
        };
        let weight: Vec<f32> = (0..channels * channels)
            .map(|at| weight[(at / channels, at % channels)] as f32)
            .collect();
        let beyond: Vec<f32> = (0..edge.len()).map(|at| edge[at] + mean[at / side]).collect();
        let mut expected = vec![0f32; edge.len()];
        let (mut constant, mut square) = (0.0, Vec::with_capacity(channels * channels));
        for i in 0..channels {
            for j in 0..channels {
                let w = weight[i * channels + j];
                for k in 0..side {
                    expected[i * side + k] += w * beyond[j * side + k];
                }
                square.push(dot(&edge[i * side..][..side], &edge[j * side..][..side]));
            }
        }
        constant += dot(&expected, &beyond);
        let reversed = edge
            .chunks_exact(side)
            .flat_map(|c| c.iter().rev().copied())
            .collect();
        Self {
            edge,
            reversed,
            expected,
            weight,
            square,
            constant,
        }
    }
}

/// Sum of products, in four parts that processors add up at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, more), (b, rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [0f32; 4];
    for (a, b) in a.iter().zip(b) {
        (0..4).for_each(|i| sums[i] += a[i] * b[i]);
    }
    sums.iter().sum::<f32>() + more.iter().zip(rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Sums of absolute differences of a to b and to -b.
fn differences(a: &[f32], b: &[f32]) -> [f32; 2] {
    let ((a, more), (b, rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let (mut to, mut against) = ([0f32; 4], [0f32; 4]);
    for (a, b) in a.iter().zip(b) {
        (0..4).for_each(|i| to[i] += (a[i] - b[i]).abs());
        (0..4).for_each(|i| against[i] += (a[i] + b[i]).abs());
    }
    let tail = |sign: f32| -> f32 { more.iter().zip(rest).map(|(a, b)| (a - sign * b).abs()).sum() };
    [
        to.iter().sum::<f32>() + tail(1.0),
        against.iter().sum::<f32>() + tail(-1.0),
    ]
}

/// All sides of all blocks of an image: top, right, bottom, left of each.
fn strips(frame: &Frame, image: &[u8], lambda: f64) -> Vec<Strip> {
    let (side, channels, blocks) = (frame.side(), frame.channels(), frame.cut(image));
    let line = |block: &[u8], e: usize, depth: usize| -> Vec<f32> {
        let end = side - 1 - depth;
        let place = |k: usize| match e {
            0 => (depth, k),
            1 => (k, end),
            2 => (end, k),
            _ => (k, depth),
        };
        let value = |at: usize| {
            let (row, column) = place(at % side);
            f32::from(block[(row * side + column) * channels + at / side]) - 127.5
        };
        (0..channels * side).map(value).collect()
    };
    blocks
        .par_chunks_exact(frame.bytes())
        .flat_map_iter(|block| {
            (0..4).map(move |e| Strip::new(line(block, e, 0), &line(block, e, 1), channels, lambda))
        })
        .collect()
}

/// Adds the costs of one image's joints; of its first images until the budget is spent. Returns how
/// many images that were.
pub(super) fn add_images(
    costs: &mut Costs,
    frame: &Frame,
    images: &[&[u8]],
    lambda: f64,
    budget: &Budget,
) -> usize {
    for (done, image) in images.iter().enumerate() {
        if done > 0 && budget.is_spent() {
            return done;
        }
        let strips = strips(frame, image, lambda);
        let size = (frame.side(), frame.channels());
        costs.add(
            |_| Sums::new(frame.channels()),
            |sums, a, (e, b, f, reversed), costs| {
                sums.joint(&strips[4 * a + e], &strips[4 * b + f], reversed, size, costs);
            },
        );
    }
    images.len()
}

/// Room for the sums over a joint, each (channel of a, channel of b).
struct Sums {
    forward: Vec<f32>,
    backward: Vec<f32>,
    apart: [Vec<f32>; 2],
}

impl Sums {
    fn new(channels: usize) -> Self {
        let room = vec![0.0; channels * channels];
        Self {
            forward: room.clone(),
            backward: room.clone(),
            apart: [room.clone(), room],
        }
    }

    /// Adds the cost of a joint to those of all colour states of b.
    fn joint(&mut self, a: &Strip, b: &Strip, reversed: bool, size: (usize, usize), costs: &mut [f32]) {
        let (side, channels) = size;
        let (b_edge, a_edge) = if reversed {
            (&b.reversed, &a.reversed)
        } else {
            (&b.edge, &a.edge)
        };
        for i in 0..channels {
            for j in 0..channels {
                // Colours can only be exchanged where there are three channels.
                if channels != 3 && i != j {
                    continue;
                }
                let (at, i, j) = (
                    i * channels + j,
                    i * side..(i + 1) * side,
                    j * side..(j + 1) * side,
                );
                self.forward[at] = dot(&a.expected[i.clone()], &b_edge[j.clone()]);
                self.backward[at] = dot(&b.expected[j.clone()], &a_edge[i.clone()]);
                [self.apart[0][at], self.apart[1][at]] = differences(&a.edge[i], &b_edge[j]);
            }
        }
        let values = (side * channels) as f32;
        for order in 0..orders(channels) {
            let source = |c: usize| if channels == 3 { ORDERS[order][c] } else { c };
            let (mut fixed, mut cross, mut apart) = (a.constant + b.constant, 0.0, [0.0; 2]);
            for i in 0..channels {
                let from = source(i);
                for j in 0..channels {
                    let (own, other) = (i * channels + j, from * channels + source(j));
                    fixed += a.weight[own] * b.square[other] + b.weight[other] * a.square[own];
                }
                let at = i * channels + from;
                cross += self.forward[at] + self.backward[at];
                apart[0] += self.apart[0][at];
                apart[1] += self.apart[1][at];
            }
            for (negative, sign) in [(0, 1.0), (1, -1.0)] {
                let gradient = (fixed - 2.0 * sign * cross).max(0.0) / (2.0 * values);
                costs[2 * order + negative] += combine(gradient, apart[negative] / values);
            }
        }
    }
}

/// One cost from the mean squared deviation from the gradients and the mean absolute difference.
///
/// The logarithm keeps a few values that are far off from outweighing the rest of a side.
fn combine(gradient: f32, difference: f32) -> f32 {
    gradient.ln_1p() + difference / 20.0
}
