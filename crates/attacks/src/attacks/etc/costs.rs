//! How badly each two blocks fit at each two sides, in every state of one towards the other.

use super::state::{Pose, State, orders};
use rayon::prelude::*;

/// Directions (row, column) of the sides: top, right, bottom, left.
pub(super) const SIDES: [(i32, i32); 4] = [(-1, 0), (0, 1), (1, 0), (0, -1)];

/// Number of the side in that direction.
pub(super) fn side_of(direction: (i32, i32)) -> usize {
    SIDES.iter().position(|side| *side == direction).unwrap_or(0)
}

/// The side of b, and whether it is read backwards, that touches side `e` of a when b has that pose.
///
/// Sides are read from left to right and from top to bottom.
pub(super) fn join(e: usize, pose: Pose) -> (usize, bool) {
    let f = side_of(pose.before(SIDES[(e + 2) % 4]));
    let along = pose.before(if e.is_multiple_of(2) { (0, 1) } else { (1, 0) });
    (f, along.0 + along.1 < 0)
}

/// Costs of joints: 0 at best, infinite where a joint is ruled out.
///
/// For blocks a and b, a side e of a, and the state s that brings b into the state of a, what it costs
/// to lay b at that side.
pub(super) struct Costs {
    /// Number of blocks.
    pub pieces: usize,
    /// Orders of channels.
    pub orders: usize,
    values: Vec<f32>,
}

impl Costs {
    /// Bytes that the costs of so many blocks take.
    pub(super) fn bytes(pieces: usize, channels: usize) -> u64 {
        (pieces as u64).pow(2) * 4 * 16 * orders(channels) as u64 * 4
    }

    /// No costs yet; without `turned`, blocks are only moved, and other states are ruled out.
    pub(super) fn new(pieces: usize, channels: usize, turned: bool) -> Self {
        let orders = orders(channels);
        let states = 16 * orders;
        let mut values = vec![0f32; pieces * pieces * 4 * states];
        for (a, block) in values.chunks_exact_mut(4 * pieces * states).enumerate() {
            for (at, costs) in block.chunks_exact_mut(states).enumerate() {
                let first = usize::from(!turned && at % pieces != a);
                if at % pieces == a || !turned {
                    costs[first..].fill(f32::INFINITY);
                }
            }
        }
        Self {
            pieces,
            orders,
            values,
        }
    }

    /// Costs of laying b, in all states, at side `e` of a.
    pub(super) fn of(&self, a: usize, e: usize, b: usize) -> &[f32] {
        let states = 16 * self.orders;
        &self.values[((a * 4 + e) * self.pieces + b) * states..][..states]
    }

    /// The cost of laying b, in state `s` towards a, at side `e` of a.
    pub(super) fn get(&self, a: usize, e: usize, b: usize, s: State) -> f32 {
        self.of(a, e, b)[s.number(self.orders)]
    }

    /// Adds to the costs: `add(a, (e, b, f, reversed), costs)` adds to those of the joint of side e of a
    /// with side f of b, read backwards or not; they are in the order of [`State::number`] without the
    /// pose. All of one a are asked for by one thread; `prepare` makes it what it needs for that.
    pub(super) fn add<T>(
        &mut self,
        prepare: impl Fn(usize) -> T + Sync,
        add: impl Fn(&mut T, usize, (usize, usize, usize, bool), &mut [f32]) + Sync,
    ) {
        let (pieces, colours) = (self.pieces, 2 * self.orders);
        self.values
            .par_chunks_mut(4 * pieces * 8 * colours)
            .enumerate()
            .for_each(|(a, block)| {
                let mut own = prepare(a);
                for b in (0..pieces).filter(|b| *b != a) {
                    for e in 0..4 {
                        let states = &mut block[(e * pieces + b) * 8 * colours..][..8 * colours];
                        for (pose, costs) in states.chunks_exact_mut(colours).enumerate() {
                            if costs[0].is_finite() {
                                let (f, reversed) = join(e, Pose(pose as u8));
                                add(&mut own, a, (e, b, f, reversed), costs);
                            }
                        }
                    }
                }
            });
    }

    /// Adds the same to all costs, so that equal sides of flat blocks do not count as certain.
    pub(super) fn raise(&mut self, by: f32) {
        self.values.par_iter_mut().for_each(|cost| *cost += by);
    }

    /// For each two blocks the least cost of any joint.
    pub(super) fn least(&self) -> Vec<f32> {
        let pair = |at: usize| {
            let (a, b) = (at / self.pieces, at % self.pieces);
            let all = (0..4).flat_map(|e| self.of(a, e, b));
            all.copied().fold(f32::INFINITY, f32::min)
        };
        (0..self.pieces * self.pieces).into_par_iter().map(pair).collect()
    }
}
