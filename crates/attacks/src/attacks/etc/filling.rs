//! The second half of an assembly: everything that is left is laid into the gaps of the largest part.

use super::{
    assembly::{Assembly, widened},
    costs::SIDES,
    layout::{Layout, Place},
    state::{Pose, State},
};
use crate::Budget;
use std::collections::BTreeMap;

/// What a further neighbour counts when the next block is chosen.
const NEIGHBOUR: f32 = 0.5;

/// What is best for a cell: score, block, state.
type Best = (f32, usize, State);

impl Assembly<'_> {
    /// Lays the other parts, then the single blocks, beside the largest part until the board is full.
    /// Returns the largest part, which is the whole board then, and whether the budget sufficed; without it
    /// blocks are laid as they come.
    pub(super) fn fill(&mut self, budget: &Budget) -> (usize, bool) {
        let parts = self.parts.iter().enumerate();
        let mut order: Vec<(usize, usize)> = parts
            .filter_map(|(at, part)| Some((part.as_ref()?.members.len(), at)))
            .collect();
        order.sort_unstable_by_key(|(size, at)| (std::cmp::Reverse(*size), *at));
        let main = order[0].1;
        for (_, part) in order[1..].iter().filter(|(size, _)| *size > 1) {
            if !budget.is_spent() {
                self.insert(main, *part);
            }
        }
        let complete = self.fill_singles(main, budget);
        (main, complete)
    }

    /// Lays a part where most speaks for it, if anything does.
    fn insert(&mut self, main: usize, part: usize) {
        let Some([top, bottom, left, right]) = self.parts[main].as_ref().map(|p| p.bounds) else {
            return;
        };
        let Some(members) = self.parts[part].as_ref().map(|p| p.members.clone()) else {
            return;
        };
        let reach = self.size.0.max(self.size.1);
        let mut best: Option<(f32, Vec<_>)> = None;
        for pose in (0..8).map(Pose) {
            for row in bottom - reach + 1..top + reach {
                for column in right - reach + 1..left + reach {
                    let anchor = members[0];
                    let state = State {
                        pose,
                        ..State::default()
                    };
                    let to = ((row, column), self.at[anchor].1.then(state));
                    let mut laid: Vec<_> = self.carried(&members, anchor, to).collect();
                    let Some((evidence, colour)) =
                        self.parts[main].as_ref().and_then(|m| self.weigh(m, &laid))
                    else {
                        continue;
                    };
                    if evidence < best.as_ref().map_or(0.0, |best| best.0) {
                        laid.iter_mut().for_each(|(_, at)| at.1 = at.1.then(colour));
                        best = Some((evidence, laid));
                    }
                }
            }
        }
        if let Some((_, laid)) = best {
            self.merge(main, part, laid);
        }
    }

    /// Lays single blocks, the cell with the most neighbours and the best block first.
    pub(super) fn fill_singles(&mut self, main: usize, budget: &Budget) -> bool {
        let mut left: Vec<bool> = self.part.iter().map(|part| *part != main).collect();
        let mut cells: BTreeMap<(i32, i32), Option<Best>> = BTreeMap::new();
        let placed: Vec<_> = (0..left.len()).filter(|p| !left[*p]).collect();
        placed
            .iter()
            .for_each(|piece| self.open_around(main, *piece, &mut cells));
        let mut hurried = false;
        while left.contains(&true) {
            hurried |= budget.is_spent();
            let Some(bounds) = self.parts[main].as_ref().map(|p| p.bounds) else {
                break;
            };
            cells.retain(|cell, _| self.fits(widened(bounds, *cell)));
            let mut chosen: Option<((i32, i32), Best)> = None;
            for (cell, best) in &mut cells {
                if best.is_none_or(|best| !left[best.1]) {
                    *best = self.best_for(main, *cell, &left, hurried);
                }
                if let Some(best) = best.filter(|best| chosen.is_none_or(|c| best.0 < c.1.0)) {
                    chosen = Some((*cell, best));
                }
                if hurried && chosen.is_some() {
                    break;
                }
            }
            // Not reached: a part smaller than the board has a free cell beside it.
            let Some((cell, (_, piece, state))) = chosen else {
                break;
            };
            // A part that found no place as a whole is taken apart.
            self.merge(main, self.part[piece], vec![(piece, (cell, state))]);
            left[piece] = false;
            cells.remove(&cell);
            self.open_around(main, piece, &mut cells);
        }
        !hurried
    }

    /// Opens the free cells around a block; what was best for them has to be found again.
    fn open_around(&self, main: usize, piece: usize, cells: &mut BTreeMap<(i32, i32), Option<Best>>) {
        let (row, column) = self.at[piece].0;
        for (down, right) in SIDES {
            let cell = (row + down, column + right);
            if self.parts[main]
                .as_ref()
                .is_some_and(|p| !p.cells.contains_key(&cell))
            {
                cells.insert(cell, None);
            }
        }
    }

    /// The block that fits best into a cell; the first that is left, if there is no time.
    fn best_for(&self, main: usize, cell: (i32, i32), left: &[bool], hurried: bool) -> Option<Best> {
        let base = self.parts[main].as_ref()?;
        let neighbours = SIDES
            .iter()
            .filter(|(down, right)| base.cells.contains_key(&(cell.0 + down, cell.1 + right)))
            .count();
        let mut best: Option<Best> = None;
        for piece in (0..left.len()).filter(|piece| left[*piece]) {
            if hurried {
                return Some((0.0, piece, State::default()));
            }
            for pose in (0..8).map(Pose) {
                let state = State {
                    pose,
                    ..State::default()
                };
                let Some((evidence, colour)) = self.weigh(base, &[(piece, (cell, state))]) else {
                    continue;
                };
                let score = evidence - NEIGHBOUR * neighbours as f32;
                if best.is_none_or(|best| score < best.0) {
                    best = Some((score, piece, state.then(colour)));
                }
            }
        }
        best
    }

    /// The layout of the full board, turned so that it has the board's sides.
    pub(super) fn layout(&self, main: usize) -> Layout {
        let bounds = self.parts[main].as_ref().map_or([0; 4], |part| part.bounds);
        let [top, bottom, left, right] = bounds;
        let place = |(at, state): &((i32, i32), State)| Place {
            row: (at.0 - top) as usize,
            column: (at.1 - left) as usize,
            state: *state,
        };
        let layout = Layout {
            rows: (bottom - top + 1) as usize,
            columns: (right - left + 1) as usize,
            places: self.at.iter().map(place).collect(),
        };
        if (layout.rows as i32, layout.columns as i32) == self.size {
            return layout;
        }
        layout.changed(State {
            pose: Pose::QUARTER,
            ..State::default()
        })
    }
}
