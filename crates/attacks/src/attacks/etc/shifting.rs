//! Moves of the board's frame: a row or column of blocks that fit many places, such as sky, may have been laid
//! at the wrong end, so that all others are one place off.

use super::{
    assembly::{Assembly, At, Part, widened},
    costs::SIDES,
    layout::{Layout, Place},
};
use crate::Budget;
use std::collections::HashMap;

/// Rows or columns that change ends together, at most.
const DEEPEST: i32 = 3;

/// Moves of the frame, at most.
const MOVES: usize = 8;

/// What a move must gain.
const GAIN: f32 = 1e-3;

impl Assembly<'_> {
    /// The doubts of all joints of a layout together.
    pub(super) fn judge(mut self, layout: &Layout) -> f32 {
        let at = |place: &Place| ((place.row as i32, place.column as i32), place.state);
        self.at = layout.places.iter().map(at).collect();
        self.total()
    }

    /// The doubts of all joints together.
    pub(super) fn total(&self) -> f32 {
        self.joints().iter().map(|joint| joint.2).sum()
    }

    /// Takes outer rows and columns off one end of the full board and lays their blocks at the other end, as
    /// long as that makes the joints better.
    pub(super) fn shift(&mut self, main: usize, budget: &Budget) {
        let mut total = self.total();
        for _ in 0..MOVES {
            let Some(better) = self.better_shift(main, total, budget) else {
                return;
            };
            total = better;
        }
    }

    /// Makes the first move that is a gain; gives the new total.
    fn better_shift(&mut self, main: usize, total: f32, budget: &Budget) -> Option<f32> {
        let before = self.at.clone();
        for (depth, side) in (1..=DEEPEST).flat_map(|depth| SIDES.map(|side| (depth, side))) {
            let bounds = self.parts[main].as_ref()?.bounds;
            let lengths = (bounds[1] - bounds[0] + 1, bounds[3] - bounds[2] + 1);
            let across = if side.0 == 0 { lengths.1 } else { lengths.0 };
            let full = lengths.0 * lengths.1 == self.at.len() as i32;
            if !full || 2 * depth > across {
                continue;
            }
            if budget.is_spent() {
                return None;
            }
            let (down, right) = (depth * side.0, depth * side.1);
            let window = [
                bounds[0] + down,
                bounds[1] + down,
                bounds[2] + right,
                bounds[3] + right,
            ];
            self.take_off(main, window);
            self.window = Some(window);
            let filled = self.fill_singles(main, budget);
            self.window = None;
            let found = self.total();
            if filled && found < total - GAIN {
                return Some(found);
            }
            self.lay_again(main, &before);
        }
        None
    }

    /// Takes the blocks outside of a window off the main part.
    fn take_off(&mut self, main: usize, window: [i32; 4]) {
        let inside = |at: &At| widened(window, at.0) == window;
        let kept: Vec<usize> = (0..self.at.len())
            .filter(|piece| inside(&self.at[*piece]))
            .collect();
        // Whichever part it is, blocks are taken from it one by one.
        self.part.fill((main + 1) % self.parts.len());
        kept.iter().for_each(|piece| self.part[*piece] = main);
        self.parts[main] = Some(self.part_of(kept));
    }

    /// Lays all blocks as they were.
    fn lay_again(&mut self, main: usize, at: &[At]) {
        self.at.copy_from_slice(at);
        self.part.fill(main);
        self.parts[main] = Some(self.part_of((0..at.len()).collect()));
    }

    /// Blocks where they are, as one part.
    fn part_of(&self, members: Vec<usize>) -> Part {
        let none = [i32::MAX, i32::MIN, i32::MAX, i32::MIN];
        let places = members.iter().map(|piece| self.at[*piece].0);
        Part {
            bounds: places.clone().fold(none, widened),
            cells: places.zip(members.iter().copied()).collect::<HashMap<_, _>>(),
            members,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{costs::Costs, frame::Frame, seams::add_images, state::State};
    use super::*;
    use crate::Target;
    use std::collections::BTreeMap;
    use visard_core::Shape;

    #[test]
    fn a_row_at_the_wrong_end_goes_back() {
        let params = BTreeMap::from([("block".to_string(), "8".to_string())]);
        let target = Target::new("etc", &params, Shape::new(48, 48, 3)).unwrap();
        let frame = Frame::new("etc-jigsaw", &target).unwrap();
        let value = |at: usize| {
            let (row, column) = ((at / 144) as f64, (at / 3 % 48) as f64);
            let (wave, other) = (0.13 * row + 0.31 * column, row * column / 150.0 + (at % 3) as f64);
            (128.0 + 60.0 * wave.sin() + 50.0 * other.sin()) as u8
        };
        let image: Vec<u8> = (0..48 * 48 * 3).map(value).collect();
        let mut costs = Costs::new(frame.pieces(), 3, true);
        add_images(&mut costs, &frame, &[&image], 2.0, &Budget::generous());
        let mut assembly = Assembly::new(&costs, frame.size());
        let truth: Vec<At> = (0..36).map(|p| ((p / 6, p % 6), State::default())).collect();
        let mut off = truth.clone();
        off[..6].iter_mut().for_each(|at| at.0.0 = 6);
        assembly.lay_again(0, &off);
        let before = assembly.total();
        assembly.shift(0, &Budget::generous());
        assert!(assembly.total() < before);
        assert_eq!(assembly.at, truth);
    }
}
