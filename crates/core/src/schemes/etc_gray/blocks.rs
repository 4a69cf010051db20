//! The block step: each block of a grey image is rotated, inverted or kept, and flipped, then moved.

use crate::{
    Error, Grid, Material, Shuffle,
    schedule::Schedule,
    simd::{self, Pose, Tile},
};
use zeroize::{Zeroize, Zeroizing};

/// What happens to a block before it is moved.
#[derive(Clone, Copy, Zeroize)]
struct State {
    pose: Pose,
    inverted: bool,
}

impl State {
    /// The state of three codes: `rotate` 0, 1, 2 turns by 90, 180, 270 degrees counter-clockwise, 3
    /// does not; `flip` 0 reverses the rows, 1 the columns, 2 neither; `negaposi` 0 inverts, 1 does not.
    fn of(rotate: u8, flip: u8, negaposi: u8) -> Self {
        let (transposed, rows, columns) = match rotate {
            0 => (true, true, false),
            1 => (false, true, true),
            2 => (true, false, true),
            _ => (false, false, false),
        };
        Self {
            pose: Pose {
                transposed,
                rows: rows ^ (flip == 0),
                columns: columns ^ (flip == 1),
            },
            inverted: negaposi == 0,
        }
    }
}

/// Prepared block step of grey images.
pub(super) struct Blocks {
    /// Side of the tiles that are moved: the block's, or 8 or 4 where that divides it.
    side: usize,
    stride: usize,
    forward: Zeroizing<Vec<Tile>>,
    backward: Zeroizing<Vec<Tile>>,
}

impl Blocks {
    /// Takes the states of the blocks and their order from explicit material, or derives them.
    pub(super) fn prepare(
        grid: &Grid,
        schedule: &Schedule,
        material: Option<&Material>,
        shuffle: bool,
    ) -> Result<Self, Error> {
        let positions = grid.positions();
        let states = match material.map(|m| explicit(m, positions)).transpose()?.flatten() {
            Some(states) => states,
            None => derived(schedule, positions),
        };
        let order = Shuffle::prepare(schedule, material, positions, shuffle)?;
        Ok(Self::new(grid, &states, &order))
    }

    fn new(grid: &Grid, states: &[State], order: &Shuffle) -> Self {
        let back = order.inverse();
        let forward = tiles(grid, |to| {
            let from = order.order()[to] as usize;
            (from, states[from])
        });
        let backward = tiles(grid, |to| {
            let state = State {
                pose: states[to].pose.inverse(),
                ..states[to]
            };
            (back.order()[to] as usize, state)
        });
        Self {
            side: tile_side(grid),
            stride: grid.padded().row(),
            forward,
            backward,
        }
    }

    /// Transforms and moves the blocks of one image.
    pub(super) fn apply(&self, from: &[u8], to: &mut [u8]) {
        self.go(&self.forward, from, to);
    }

    /// Moves the blocks back and undoes what was done to them.
    pub(super) fn remove(&self, from: &[u8], to: &mut [u8]) {
        self.go(&self.backward, from, to);
    }

    fn go(&self, tiles: &[Tile], from: &[u8], to: &mut [u8]) {
        match self.side {
            4 => simd::move_tiles4(tiles, self.stride, from, to),
            8 => simd::move_tiles8(tiles, self.stride, from, to),
            side => simd::move_tiles(side, tiles, self.stride, from, to),
        }
    }
}

fn derived(schedule: &Schedule, positions: usize) -> Zeroizing<Vec<State>> {
    let mut stream = schedule.stream("etc-blocks", &[]);
    let mut draw = |bound| stream.below(bound) as u8;
    let states = (0..positions).map(|_| {
        let (rotate, flip, negaposi) = (draw(4), 2 * draw(2), draw(2));
        State::of(rotate, flip, negaposi)
    });
    Zeroizing::new(states.collect())
}

/// The states of explicit material; `None` if it holds none of their arrays.
fn explicit(material: &Material, positions: usize) -> Result<Option<Zeroizing<Vec<State>>>, Error> {
    let arrays = [("rotate", 4), ("flip", 3), ("negaposi", 2)];
    if arrays.iter().all(|(name, _)| material.get(name).is_none()) {
        return Ok(None);
    }
    let [rotate, flip, negaposi] = arrays.map(|(name, bound)| -> Result<_, Error> {
        let codes = material
            .bytes(name, &[positions])?
            .ok_or_else(|| Error::material(name, "is missing; rotate, flip and negaposi belong together"))?;
        let codes = Zeroizing::new(codes);
        match codes.iter().find(|code| **code >= bound) {
            Some(code) => {
                let problem = format!("holds the code {code}; it takes 0 to {}", bound - 1);
                Err(Error::material(name, problem))
            }
            None => Ok(codes),
        }
    });
    let (rotate, flip, negaposi) = (rotate?, flip?, negaposi?);
    let codes = rotate.iter().zip(flip.iter()).zip(negaposi.iter());
    let states = codes.map(|((rotate, flip), negaposi)| State::of(*rotate, *flip, *negaposi));
    Ok(Some(Zeroizing::new(states.collect())))
}

fn tile_side(grid: &Grid) -> usize {
    match grid.block() {
        block if block.is_multiple_of(8) => 8,
        block if block.is_multiple_of(4) => 4,
        block => block,
    }
}

/// Cuts blocks into tiles: those of a block take places like the values of a tile. `source` names the
/// source position and the state of each target position.
fn tiles(grid: &Grid, source: impl Fn(usize) -> (usize, State)) -> Zeroizing<Vec<Tile>> {
    let (side, image) = (tile_side(grid), grid.padded());
    let per_block = grid.block() / side;
    let (rows, columns) = (image.height / side, image.width / side);
    let mut tiles = Zeroizing::new(Vec::with_capacity(rows * columns));
    for row in 0..rows {
        for column in 0..columns {
            let (from, state) = source(row / per_block * grid.columns() + column / per_block);
            let (r, c) = state.pose.source(per_block, row % per_block, column % per_block);
            tiles.push(Tile {
                source: (grid.origin(from) + (r * image.width + c) * side) as u32,
                pose: state.pose,
                mask: 255 * u8::from(state.inverted),
            });
        }
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    type Square = Vec<Vec<u8>>;

    fn turned_once(square: &Square) -> Square {
        let side = square.len();
        (0..side)
            .map(|r| (0..side).map(|c| square[c][side - 1 - r]).collect())
            .collect()
    }

    /// A block by the words of the definition, one step after the other.
    fn expected(mut square: Square, rotate: u8, flip: u8, negaposi: u8) -> Square {
        for _ in 0..(rotate + 1) % 4 {
            square = turned_once(&square);
        }
        if negaposi == 0 {
            square.iter_mut().flatten().for_each(|v| *v = 255 - *v);
        }
        match flip {
            0 => square.reverse(),
            1 => square.iter_mut().for_each(|row| row.reverse()),
            _ => {}
        }
        square
    }

    #[test]
    fn all_states_of_all_sides_are_the_definition_and_come_back() {
        for side in (2..=20).chain([24, 64]) {
            let grid = Grid::new(Shape::new(4 * side, 6 * side, 1), side);
            let codes: Vec<[u8; 3]> = (0..24u8).map(|i| [i % 4, i / 4 % 3, i / 12]).collect();
            let states: Vec<State> = codes.iter().map(|[r, f, n]| State::of(*r, *f, *n)).collect();
            let order: Vec<usize> = (0..24).map(|i| (i * 7 + 3) % 24).collect();
            let blocks = Blocks::new(&grid, &states, &Shuffle::new(&order));
            let image: Vec<u8> = (0..grid.padded().len()).map(|i| ((i * i) >> 3) as u8).collect();
            let square = |image: &[u8], position: usize| -> Square {
                let row = |r| &image[grid.origin(position) + r * grid.padded().row()..][..side];
                (0..side).map(|r| row(r).to_vec()).collect()
            };
            let (mut out, mut back) = (vec![0; image.len()], vec![0; image.len()]);
            blocks.apply(&image, &mut out);
            for (to, from) in order.iter().enumerate() {
                let [rotate, flip, negaposi] = codes[*from];
                let wanted = expected(square(&image, *from), rotate, flip, negaposi);
                assert_eq!(square(&out, to), wanted, "side {side}, codes {:?}", codes[*from]);
            }
            blocks.remove(&out, &mut back);
            assert_eq!(back, image, "side {side}");
        }
    }
}
