//! Work that moves bytes within and between the tiles of an image: every target tile is made of the
//! bytes of one source tile in a secret order, all of them XORed with one byte.

use crate::{
    Grid,
    bytes::ByteWork,
    simd::permute::{self, Lanes, Tile, Tiling, Wide},
};
use zeroize::Zeroize;

/// Such work, and its inverse.
pub(crate) struct Rearrange {
    forward: Plan,
    back: Plan,
}

impl Rearrange {
    /// The work that makes tile `i` of `grid` from tile number `tiles[i].source`; that number is a
    /// position of the grid here, and must be there once. `tables` give the source byte of each
    /// target byte, both numbered within the tile in (row, column, channel) order; each must be a
    /// permutation.
    pub(crate) fn new(grid: &Grid, tiles: &[Tile], tables: &[Vec<u16>]) -> Self {
        let tiling = Tiling {
            stride: grid.padded().row(),
            side: grid.block(),
            width: grid.block_row(),
        };
        Self::of_tiling(tiling, tiles, tables)
    }

    /// The work that rearranges every tile of `grid` alike and moves none.
    pub(crate) fn within(grid: &Grid, table: &[u16]) -> Self {
        let width = grid.block_row();
        // Narrow tiles are taken together with their neighbours, so that vectors are filled.
        let room = if grid.block() == 4 && width <= 16 {
            16
        } else {
            (512 / table.len()).min(96 / width) * width
        };
        let together = (1..=room / width)
            .rev()
            .find(|n| grid.columns().is_multiple_of(*n))
            .unwrap_or(1);
        let tiling = Tiling {
            stride: grid.padded().row(),
            side: grid.block(),
            width: together * width,
        };
        let mut joined = vec![0; table.len() * together];
        for (to, from) in table.iter().enumerate() {
            let at = |place: usize, tile: usize| place / width * tiling.width + tile * width + place % width;
            for tile in 0..together {
                joined[at(to, tile)] = at(usize::from(*from), tile) as u16;
            }
        }
        let tiles: Vec<Tile> = (0..grid.positions() / together)
            .map(|source| Tile {
                source,
                table: 0,
                mask: 0,
            })
            .collect();
        let work = Self::of_tiling(tiling, &tiles, std::slice::from_ref(&joined));
        joined.zeroize();
        work
    }

    fn of_tiling(tiling: Tiling, tiles: &[Tile], tables: &[Vec<u16>]) -> Self {
        let mut back = tiles.to_vec();
        for (to, tile) in tiles.iter().enumerate() {
            back[tile.source] = Tile { source: to, ..*tile };
        }
        let mut inverses: Vec<Vec<u16>> = tables.iter().map(|table| inverse(table)).collect();
        let work = Self {
            forward: Plan::new(tiling, tiles, tables),
            back: Plan::new(tiling, &back, &inverses),
        };
        back.zeroize();
        inverses.zeroize();
        work
    }
}

impl ByteWork for Rearrange {
    fn apply(&self, plain: &[u8], disguised: &mut [u8]) {
        self.forward.run(plain, disguised);
    }

    fn remove(&self, disguised: &[u8], plain: &mut [u8]) {
        self.back.run(disguised, plain);
    }
}

fn inverse(table: &[u16]) -> Vec<u16> {
    let mut inverse = vec![0; table.len()];
    for (to, from) in table.iter().enumerate() {
        inverse[usize::from(*from)] = to as u16;
    }
    inverse
}

/// One direction of the work.
struct Plan {
    tiling: Tiling,
    tiles: Vec<Tile>,
    tables: Tables,
}

enum Tables {
    /// Of tiles of four rows of 4, 8, 12 or 16 bytes.
    Lanes(Vec<Lanes>),
    Wide(Vec<Wide>),
}

impl Drop for Plan {
    fn drop(&mut self) {
        self.tiles.zeroize();
        if let Tables::Lanes(tables) = &mut self.tables {
            tables.zeroize();
        }
    }
}

impl Plan {
    fn new(tiling: Tiling, tiles: &[Tile], tables: &[Vec<u16>]) -> Self {
        let placed = |tile: &Tile| Tile {
            source: tiling.origin(tile.source),
            ..*tile
        };
        let tables = match (tiling.side, tiling.width) {
            (4, width @ (4 | 8 | 12 | 16)) => {
                Tables::Lanes(tables.iter().map(|table| Lanes::new(table, width)).collect())
            }
            _ => Tables::Wide(tables.iter().map(|table| Wide::new(table, &tiling)).collect()),
        };
        Self {
            tiling,
            tiles: tiles.iter().map(placed).collect(),
            tables,
        }
    }

    /// Works on whole images.
    fn run(&self, from: &[u8], to: &mut [u8]) {
        let (stride, tiles) = (self.tiling.stride, &self.tiles[..]);
        let tables = match &self.tables {
            Tables::Lanes(tables) => tables,
            Tables::Wide(tables) => return permute::wide(&self.tiling, tiles, tables, from, to),
        };
        let len = tiles.len() * self.tiling.len();
        for (from, to) in from.chunks_exact(len).zip(to.chunks_exact_mut(len)) {
            permute::touch(from);
            match self.tiling.width {
                4 => permute::lanes::<4>(stride, tiles, tables, from, to),
                8 => permute::lanes::<8>(stride, tiles, tables, from, to),
                12 => permute::lanes::<12>(stride, tiles, tables, from, to),
                _ => permute::lanes::<16>(stride, tiles, tables, from, to),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn tiles_are_rearranged_and_put_back() {
        for (block, channels) in [(4, 1), (4, 2), (4, 3), (4, 4), (2, 3), (8, 1), (5, 3)] {
            let grid = Grid::new(Shape::new(3 * block, 6 * block, channels), block);
            let (count, len) = (grid.positions(), block * grid.block_row());
            let tables: Vec<Vec<u16>> = [0, 5]
                .map(|turn| (0..len).map(|i| ((i + turn) % len) as u16).collect())
                .into();
            let tile = |source: usize| Tile {
                source,
                table: (source % 2) as u16,
                mask: (source * 7) as u8,
            };
            let tiles: Vec<Tile> = (0..count).rev().map(tile).collect();
            let work = Rearrange::new(&grid, &tiles, &tables);
            let plain: Vec<u8> = (0..2 * count * len).map(|i| ((i * i) >> 2) as u8).collect();
            let (mut disguised, mut back) = (vec![0; plain.len()], vec![0; plain.len()]);
            work.apply(&plain, &mut disguised);
            let last = grid.origin(count - 1);
            let turned = tables[(count - 1) % 2][0] as usize;
            let from = last + turned / grid.block_row() * grid.padded().row() + turned % grid.block_row();
            assert_eq!(disguised[0], plain[from] ^ ((count - 1) * 7) as u8);
            work.remove(&disguised, &mut back);
            assert_eq!(back, plain, "{block} {channels}");
        }
    }

    #[test]
    fn narrow_blocks_move_alike_alone_and_together() {
        for (columns, channels) in [(4, 1), (7, 1), (6, 1), (2, 2), (3, 2), (3, 3)] {
            let grid = Grid::new(Shape::new(8, 4 * columns, channels), 4);
            let len = 16 * channels;
            let table: Vec<u16> = (0..len).map(|i| (i * 5 % len) as u16).collect();
            let tiles: Vec<Tile> = (0..grid.positions())
                .map(|source| Tile {
                    source,
                    table: 0,
                    mask: 0,
                })
                .collect();
            let plain: Vec<u8> = (0..grid.padded().len()).map(|i| (i * 31) as u8).collect();
            let (mut together, mut alone) = (vec![0; plain.len()], vec![0; plain.len()]);
            Rearrange::within(&grid, &table).apply(&plain, &mut together);
            Rearrange::new(&grid, &tiles, &[table]).apply(&plain, &mut alone);
            assert_eq!(together, alone);
        }
    }
}
