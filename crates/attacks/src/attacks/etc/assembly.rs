//! Puts blocks together from the costs of their joints.
//!
//! As in Kruskal's algorithm, the most certain joints are made first, and what is joined stays rigid:
//! a part is a set of blocks with places and states relative to each other. How much speaks for laying
//! two parts against each other is added up over all joints that this makes. What is left over when no
//! more parts fit together fills the gaps of the largest part.

use super::{
    costs::{Costs, SIDES, join, side_of},
    layout::Layout,
    state::{Pose, State},
};
use crate::Budget;
use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap},
};

/// Partners of a side that are considered for joining parts.
const CANDIDATES: usize = 12;

/// The most that one bad joint counts against many good ones.
const WORST: f32 = 1.5;

/// Below which doubt joints of one solution are kept for the next one; the first is made from nothing.
const ROUNDS: [f32; 6] = [0.0, -0.05, -0.2, -0.4, -0.1, -0.3];

/// What a joint counts that cannot be.
const RULED_OUT: f32 = 16.0;

/// Place (row, column) and state of a block within its part.
pub(super) type At = ((i32, i32), State);

/// Blocks in places and states relative to each other.
pub(super) struct Part {
    pub(super) members: Vec<usize>,
    pub(super) cells: HashMap<(i32, i32), usize>,
    /// Least and greatest row and column.
    pub(super) bounds: [i32; 4],
}

/// A puzzle on its way to be solved.
pub(super) struct Assembly<'a> {
    costs: &'a Costs,
    rivals: Rivals,
    pub(super) size: (i32, i32),
    /// Least and greatest row and column that blocks may be laid in, where that is settled.
    pub(super) window: Option<[i32; 4]>,
    pub(super) at: Vec<At>,
    pub(super) part: Vec<usize>,
    pub(super) parts: Vec<Option<Part>>,
}

/// The best partner of each side, and what the best other block would cost there.
struct Rivals {
    best: Vec<(f32, usize)>,
    second: Vec<f32>,
}

impl Rivals {
    fn new(costs: &Costs) -> Self {
        let (mut best, mut second) = (Vec::new(), Vec::new());
        for side in 0..4 * costs.pieces {
            let mut two = [(f32::INFINITY, usize::MAX); 2];
            for b in (0..costs.pieces).filter(|b| *b != side / 4) {
                let all = costs.of(side / 4, side % 4, b).iter();
                let cost = all.copied().fold(f32::INFINITY, f32::min);
                if cost < two[0].0 {
                    two = [(cost, b), two[0]];
                } else if cost < two[1].0 {
                    two[1] = (cost, b);
                }
            }
            best.push(two[0]);
            second.push(two[1].0);
        }
        Self { best, second }
    }

    /// What any block but b costs at that side at least.
    fn without(&self, a: usize, e: usize, b: usize) -> f32 {
        let (cost, partner) = self.best[4 * a + e];
        if partner == b {
            self.second[4 * a + e]
        } else {
            cost
        }
    }
}

/// A joint that parts may be joined by, most certain first.
struct Candidate {
    evidence: f32,
    a: usize,
    e: usize,
    b: usize,
    pose: u8,
}

impl Candidate {
    fn key(&self) -> (usize, usize, usize, u8) {
        (self.a, self.e, self.b, self.pose)
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_evidence = other.evidence.total_cmp(&self.evidence);
        by_evidence.then_with(|| other.key().cmp(&self.key()))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

impl<'a> Assembly<'a> {
    /// Every block a part of its own, for a board of so many rows and columns.
    pub(super) fn new(costs: &'a Costs, size: (usize, usize)) -> Self {
        let mut assembly = Self {
            costs,
            rivals: Rivals::new(costs),
            size: (size.0 as i32, size.1 as i32),
            window: None,
            at: vec![Default::default(); costs.pieces],
            part: Vec::new(),
            parts: Vec::new(),
        };
        assembly.take_apart();
        assembly
    }

    /// Makes every block a part of its own, where it is.
    fn take_apart(&mut self) {
        let single = |(piece, at): (usize, &At)| {
            Some(Part {
                members: vec![piece],
                cells: HashMap::from([(at.0, piece)]),
                bounds: widened([i32::MAX, i32::MIN, i32::MAX, i32::MIN], at.0),
            })
        };
        self.part = (0..self.at.len()).collect();
        self.parts = self.at.iter().enumerate().map(single).collect();
    }

    /// The joints that the places of the blocks make, with their doubts: (block, block, doubt).
    pub(super) fn joints(&self) -> Vec<(usize, usize, f32)> {
        let cells: HashMap<_, _> = self.at.iter().enumerate().map(|(p, at)| (at.0, p)).collect();
        let mut joints = Vec::new();
        for (piece, (place, state)) in self.at.iter().enumerate() {
            for direction in [SIDES[1], SIDES[2]] {
                if let Some(other) = cells.get(&(place.0 + direction.0, place.1 + direction.1)) {
                    let e = side_of(state.pose.before(direction));
                    let relative = self.at[*other].1.then(state.inverse());
                    joints.push((piece, *other, self.doubt(piece, e, *other, relative)));
                }
            }
        }
        joints
    }

    /// Solves the puzzle, and again from the parts of the solution that are certain, as long as that
    /// makes it better. Returns the layout and whether the budget sufficed.
    pub(super) fn solve(mut self, budget: &Budget) -> (Layout, bool) {
        let mut best: Option<(f32, Layout)> = None;
        for threshold in ROUNDS {
            if best.is_some() {
                // What is left after breaking all doubtful joints stays together.
                let joints = self.joints();
                self.take_apart();
                for (a, b, doubt) in joints {
                    if doubt < threshold && self.part[a] != self.part[b] {
                        let members = self.parts[self.part[b]].as_ref().map(|p| p.members.clone());
                        let laid = members.unwrap_or_default().into_iter().map(|p| (p, self.at[p]));
                        let laid = laid.collect();
                        self.merge(self.part[a], self.part[b], laid);
                    }
                }
            }
            let joined = self.join_parts(budget);
            let (main, filled) = self.fill(budget);
            if filled {
                self.shift(main, budget);
            }
            let (total, layout) = (self.total(), self.layout(main));
            if best.as_ref().is_none_or(|best| total < best.0) {
                best = Some((total, layout));
            }
            if !(joined && filled) {
                break;
            }
        }
        let complete = !budget.is_spent();
        let layout = match best {
            Some((_, layout)) => layout,
            None => {
                let main = self.fill(budget).0;
                self.layout(main)
            }
        };
        (layout, complete)
    }

    /// Whether so many rows and columns fit on the board, upright or lying, and into the window.
    pub(super) fn fits(&self, bounds: [i32; 4]) -> bool {
        let [top, bottom, left, right] = bounds;
        if let Some([first, last, west, east]) = self.window {
            return top >= first && bottom <= last && left >= west && right <= east;
        }
        let (height, width) = (bottom - top + 1, right - left + 1);
        let (rows, columns) = self.size;
        (height <= rows && width <= columns) || (height <= columns && width <= rows)
    }

    /// How much speaks for a joint: the logarithm of its cost relative to what other blocks would cost
    /// there; negative where it is better than they are.
    fn doubt(&self, a: usize, e: usize, b: usize, s: State) -> f32 {
        let rival = self.rivals.without(a, e, b) * self.rivals.without(b, join(e, s.pose).0, a);
        let cost = self.costs.get(a, e, b, s);
        if cost.is_infinite() {
            return RULED_OUT;
        }
        // 0 / 0 and infinity / infinity: nothing to choose from, so nothing speaks for it.
        let doubt = cost.ln() - 0.5 * rival.ln();
        if doubt.is_nan() {
            0.0
        } else {
            doubt.clamp(-8.0, WORST)
        }
    }

    /// The places and states of the blocks of a part that would put block `b` at `(place, state)`.
    pub(super) fn carried(&self, part: &[usize], b: usize, to: At) -> impl Iterator<Item = (usize, At)> {
        let (from, state) = self.at[b];
        let by = state.inverse().then(to.1);
        part.iter().map(move |piece| {
            let (at, state) = self.at[*piece];
            let offset = by.pose.after((at.0 - from.0, at.1 - from.1));
            (*piece, ((to.0.0 + offset.0, to.0.1 + offset.1), state.then(by)))
        })
    }

    /// The evidence for laying blocks beside a part, and the colour state (order and polarity, applied
    /// to all of them) that most speaks for; `None` if they do not fit.
    pub(super) fn weigh(&self, base: &Part, laid: &[(usize, At)]) -> Option<(f32, State)> {
        let mut bounds = base.bounds;
        for (_, (place, _)) in laid {
            if base.cells.contains_key(place) {
                return None;
            }
            bounds = widened(bounds, *place);
        }
        if !self.fits(bounds) {
            return None;
        }
        let orders = self.costs.orders;
        let mut sums = [0f32; 12];
        for (piece, (place, state)) in laid {
            for direction in SIDES {
                let Some(neighbour) = base.cells.get(&(place.0 - direction.0, place.1 - direction.1)) else {
                    continue;
                };
                let own = self.at[*neighbour].1;
                let e = side_of(own.pose.before(direction));
                for (colour, sum) in sums.iter_mut().enumerate().take(2 * orders) {
                    let relative = state.then(State::of(colour, orders)).then(own.inverse());
                    *sum += self.doubt(*neighbour, e, *piece, relative);
                }
            }
        }
        let best = (0..2 * orders).min_by(|a, b| sums[*a].total_cmp(&sums[*b]))?;
        Some((sums[best], State::of(best, orders)))
    }

    /// Joins the most certain parts, as long as more speaks for it than against it. Returns whether the
    /// budget sufficed.
    pub(super) fn join_parts(&mut self, budget: &Budget) -> bool {
        let mut heap = BinaryHeap::from(self.candidates());
        let mut steps = 0u32;
        while let Some(candidate) = heap.pop() {
            steps += 1;
            if steps.is_multiple_of(256) && budget.is_spent() {
                return false;
            }
            if candidate.evidence >= 0.0 {
                break;
            }
            let Candidate {
                evidence,
                a,
                e,
                b,
                pose,
            } = candidate;
            if self.part[a] == self.part[b] {
                continue;
            }
            let state = State {
                pose: Pose(pose),
                ..State::default()
            };
            // The smaller part moves.
            let size = |piece: usize| {
                self.parts[self.part[piece]]
                    .as_ref()
                    .map_or(0, |p| p.members.len())
            };
            let (a, e, b, state) = if size(b) > size(a) {
                (b, join(e, state.pose).0, a, state.inverse())
            } else {
                (a, e, b, state)
            };
            let Some((found, laid)) = self.lay(a, e, b, state) else {
                continue;
            };
            if found > evidence + 1e-4 {
                heap.push(Candidate {
                    evidence: found,
                    ..candidate
                });
            } else {
                self.merge(self.part[a], self.part[b], laid);
            }
        }
        true
    }

    /// The evidence for laying the part of b beside the part of a so that b is at side e of a in that
    /// pose, in the best colour state, and where its blocks come to lie.
    fn lay(&self, a: usize, e: usize, b: usize, state: State) -> Option<(f32, Vec<(usize, At)>)> {
        let (place, own) = self.at[a];
        let direction = own.pose.after(SIDES[e]);
        let to = ((place.0 + direction.0, place.1 + direction.1), state.then(own));
        let (base, part) = (
            self.parts[self.part[a]].as_ref()?,
            self.parts[self.part[b]].as_ref()?,
        );
        let mut laid: Vec<_> = self.carried(&part.members, b, to).collect();
        let (evidence, colour) = self.weigh(base, &laid)?;
        laid.iter_mut().for_each(|(_, at)| at.1 = at.1.then(colour));
        Some((evidence, laid))
    }

    /// The best joints of each side.
    fn candidates(&self) -> Vec<Candidate> {
        let (orders, mut all) = (self.costs.orders, Vec::new());
        for (a, e) in (0..4 * self.costs.pieces).map(|side| (side / 4, side % 4)) {
            let mut best: Vec<Candidate> = Vec::new();
            for b in (0..self.costs.pieces).filter(|b| *b != a) {
                for (pose, costs) in self.costs.of(a, e, b).chunks_exact(2 * orders).enumerate() {
                    let least = (0..costs.len()).min_by(|x, y| costs[*x].total_cmp(&costs[*y]));
                    let Some(colour) = least.filter(|colour| costs[*colour].is_finite()) else {
                        continue;
                    };
                    let state = State {
                        pose: Pose(pose as u8),
                        ..State::of(colour, orders)
                    };
                    let evidence = self.doubt(a, e, b, state);
                    best.push(Candidate {
                        evidence,
                        a,
                        e,
                        b,
                        pose: pose as u8,
                    });
                }
            }
            best.sort_unstable_by(|x, y| y.cmp(x));
            best.truncate(CANDIDATES);
            all.extend(best);
        }
        all
    }

    /// Moves the blocks of part `from` into part `into`.
    pub(super) fn merge(&mut self, into: usize, from: usize, laid: Vec<(usize, At)>) {
        let Some(mut base) = self.parts[into].take() else {
            return;
        };
        self.parts[from] = None;
        for (piece, at) in laid {
            self.at[piece] = at;
            self.part[piece] = into;
            base.members.push(piece);
            base.cells.insert(at.0, piece);
            base.bounds = widened(base.bounds, at.0);
        }
        self.parts[into] = Some(base);
    }
}

pub(super) fn widened([top, bottom, left, right]: [i32; 4], place: (i32, i32)) -> [i32; 4] {
    [
        top.min(place.0),
        bottom.max(place.0),
        left.min(place.1),
        right.max(place.1),
    ]
}
