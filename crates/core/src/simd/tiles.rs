//! Moving square tiles of one-channel images while turning, mirroring and inverting them.

use super::AVX2;
#[cfg(target_arch = "x86_64")]
use super::VBMI;
use zeroize::Zeroize;

/// Where a tile comes from and what happens to it on the way.
#[derive(Clone, Copy, Debug, PartialEq, Zeroize)]
pub(crate) struct Tile {
    /// Place of the source tile's first value within its image.
    pub(crate) source: u32,
    /// How the tile is turned.
    pub(crate) pose: Pose,
    /// 255 where values are inverted, else 0.
    pub(crate) mask: u8,
}

/// One of the eight poses of a square: it is transposed first, then turned upside down, then mirrored,
/// each where asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Zeroize)]
pub(crate) struct Pose {
    /// Rows become columns.
    pub(crate) transposed: bool,
    /// The result is upside down.
    pub(crate) rows: bool,
    /// The result is mirrored left to right.
    pub(crate) columns: bool,
}

impl Pose {
    /// The place within a source tile of side `side` of the value at (row, column).
    #[inline(always)]
    pub(crate) const fn source(self, side: usize, row: usize, column: usize) -> (usize, usize) {
        let row = if self.rows { side - 1 - row } else { row };
        let column = if self.columns { side - 1 - column } else { column };
        if self.transposed {
            (column, row)
        } else {
            (row, column)
        }
    }

    /// The pose that undoes this one.
    pub(crate) const fn inverse(self) -> Self {
        if self.transposed {
            Self {
                transposed: true,
                rows: self.columns,
                columns: self.rows,
            }
        } else {
            self
        }
    }

    /// Number of the pose, 0 to 7.
    #[inline(always)]
    const fn index(self) -> usize {
        self.transposed as usize | (self.rows as usize) << 1 | (self.columns as usize) << 2
    }
}

/// Makes an image, whose rows are `stride` values and whose tiles are 8x8, of its source tiles in the
/// order of their target positions, row by row.
pub(crate) fn move_tiles8(tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
    dispatch_wide!(
        wide::move_tiles8,
        avx2::move_tiles8,
        portable::move_tiles8,
        (tiles, stride, from, to)
    )
}

/// As [`move_tiles8`] for tiles of 4x4.
pub(crate) fn move_tiles4(tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
    dispatch!(
        avx2::move_tiles4,
        portable::move_tiles4,
        (tiles, stride, from, to)
    )
}

/// As [`move_tiles8`] for tiles of any side that `stride` is a multiple of.
pub(crate) fn move_tiles(side: usize, tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
    portable::move_tiles(side, tiles, stride, from, to);
}

mod portable {
    use super::Tile;

    pub(super) fn move_tiles4(tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
        move_tiles(4, tiles, stride, from, to);
    }

    pub(super) fn move_tiles8(tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
        move_tiles(8, tiles, stride, from, to);
    }

    pub(super) fn move_tiles(side: usize, tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
        let lines = to.chunks_exact_mut(side * stride);
        for (tiles, rows) in tiles.chunks_exact(stride / side).zip(lines) {
            for (r, row) in rows.chunks_exact_mut(stride).enumerate() {
                for (tile, room) in tiles.iter().zip(row.chunks_exact_mut(side)) {
                    move_row(side, tile, r, stride, from, room);
                }
            }
        }
    }

    /// Row `r` of the moved tile: a row or a column of its source, forwards or backwards.
    #[inline(always)]
    fn move_row(side: usize, tile: &Tile, r: usize, stride: usize, from: &[u8], to: &mut [u8]) {
        // The end that comes first in memory is at column 0, or at the last one if mirrored.
        let low = if tile.pose.columns { side - 1 } else { 0 };
        let (row, column) = tile.pose.source(side, r, low);
        let line = &from[tile.source as usize + row * stride + column..];
        let mask = tile.mask;
        let copy = |(t, f): (&mut u8, &u8)| *t = f ^ mask;
        match (tile.pose.transposed, tile.pose.columns) {
            (false, false) => to.iter_mut().zip(line).for_each(copy),
            (false, true) => to.iter_mut().rev().zip(line).for_each(copy),
            (true, false) => to.iter_mut().zip(line.iter().step_by(stride)).for_each(copy),
            (true, true) => to
                .iter_mut()
                .rev()
                .zip(line.iter().step_by(stride))
                .for_each(copy),
        }
    }
}

/// The rows of a tile.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn rows<const SIDE: usize>(from: &[u8], at: usize, stride: usize) -> [[u8; SIDE]; SIDE] {
    let len = (SIDE - 1) * stride + SIDE;
    let rows: &[u8] = match from.get(at..).and_then(|rest| rest.get(..len)) {
        Some(rows) => rows,
        None => super::outside(at),
    };
    std::array::from_fn(|r| *super::window(rows, r * stride))
}

/// Calls `compute` for each tile, and puts the rows that it returns in their places.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn each<const SIDE: usize>(
    tiles: &[Tile],
    stride: usize,
    to: &mut [u8],
    compute: impl Fn(&Tile) -> [[u8; SIDE]; SIDE],
) {
    let lines = to.chunks_exact_mut(SIDE * stride);
    for (tiles, lines) in tiles.chunks_exact(stride / SIDE).zip(lines) {
        for (i, tile) in tiles.iter().enumerate() {
            let tile = compute(tile);
            for (r, row) in tile.iter().enumerate() {
                lines[r * stride + SIDE * i..][..SIDE].copy_from_slice(row);
            }
        }
    }
}

/// Source of each value of a tile of `side * side` = `LEN` values, in each pose.
#[cfg(target_arch = "x86_64")]
const fn controls<const LEN: usize>(side: usize) -> [[u8; LEN]; 8] {
    let mut table = [[0; LEN]; 8];
    let mut index = 0;
    while index < 8 {
        let pose = Pose {
            transposed: index & 1 != 0,
            rows: index & 2 != 0,
            columns: index & 4 != 0,
        };
        let mut i = 0;
        while i < LEN {
            let (row, column) = pose.source(side, i / side, i % side);
            table[pose.index()][i] = (side * row + column) as u8;
            i += 1;
        }
        index += 1;
    }
    table
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Tile, controls, each, rows};
    use bytemuck::must_cast;
    use std::arch::x86_64::*;

    static CONTROLS: [[u8; 16]; 8] = controls(4);

    #[target_feature(enable = "avx2")]
    pub(super) fn move_tiles4(tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
        each::<4>(tiles, stride, to, |tile| {
            let rows: [[u8; 4]; 4] = rows(from, tile.source as usize, stride);
            let turned = _mm_shuffle_epi8(must_cast(rows), must_cast(CONTROLS[tile.pose.index()]));
            must_cast(_mm_xor_si128(turned, _mm_set1_epi8(tile.mask as i8)))
        });
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn move_tiles8(tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
        let straight = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ));
        each::<8>(tiles, stride, to, |tile| {
            let plain = rows::<8>(from, tile.source as usize, stride);
            let turned = transposed(plain);
            let plain: [__m256i; 2] = must_cast(plain);
            let choice = _mm256_set1_epi8(-i8::from(tile.pose.transposed));
            // Exchanging place p with 7 - p is an exclusive or with 7.
            let control = _mm256_set1_epi8(7 * i8::from(tile.pose.columns));
            let control = _mm256_xor_si256(straight, control);
            let mask = _mm256_set1_epi8(tile.mask as i8);
            let halves: [__m256i; 2] = std::array::from_fn(|i| {
                let rows = _mm256_blendv_epi8(plain[i], turned[i], choice);
                _mm256_xor_si256(_mm256_shuffle_epi8(rows, control), mask)
            });
            let rows: [[u8; 8]; 8] = must_cast(halves);
            let flip = 7 * usize::from(tile.pose.rows);
            std::array::from_fn(|r| rows[r ^ flip])
        });
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn transposed(rows: [[u8; 8]; 8]) -> [__m256i; 2] {
        let rows: [__m256i; 2] = must_cast(rows);
        // Rows 0 1 | 2 3 and 4 5 | 6 7; two bytes of a column, then four, then eight come together.
        let zip = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15,
        ));
        let [a, b] = rows.map(|rows| _mm256_shuffle_epi8(rows, zip));
        // Rows 0 1 | 4 5 and 2 3 | 6 7.
        let (upper, lower) = (
            _mm256_permute2x128_si256::<0x20>(a, b),
            _mm256_permute2x128_si256::<0x31>(a, b),
        );
        // Columns 0 to 3 and 4 to 7 of rows 0 1 2 3 | 4 5 6 7.
        let (left, right) = (
            _mm256_unpacklo_epi16(upper, lower),
            _mm256_unpackhi_epi16(upper, lower),
        );
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        [
            _mm256_permutevar8x32_epi32(left, order),
            _mm256_permutevar8x32_epi32(right, order),
        ]
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{Tile, controls, each, rows};
    use bytemuck::must_cast;
    use std::arch::x86_64::*;

    static CONTROLS: [[u8; 64]; 8] = controls(8);

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn move_tiles8(tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
        let join = |[low, high]: [__m256i; 2]| _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
        each::<8>(tiles, stride, to, |tile| {
            let rows = join(must_cast(rows::<8>(from, tile.source as usize, stride)));
            let control = join(must_cast(CONTROLS[tile.pose.index()]));
            let turned = _mm512_permutexvar_epi8(control, rows);
            let turned = _mm512_xor_si512(turned, _mm512_set1_epi8(tile.mask as i8));
            must_cast([
                _mm512_castsi512_si256(turned),
                _mm512_extracti64x4_epi64::<1>(turned),
            ])
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Move = fn(&[Tile], usize, &[u8], &mut [u8]);

    fn avx2_move_tiles8(tiles: &[Tile], stride: usize, from: &[u8], to: &mut [u8]) {
        dispatch!(
            avx2::move_tiles8,
            portable::move_tiles8,
            (tiles, stride, from, to)
        )
    }

    fn pose() -> impl Strategy<Value = Pose> {
        any::<[bool; 3]>().prop_map(|[transposed, rows, columns]| Pose {
            transposed,
            rows,
            columns,
        })
    }

    proptest! {
        #[test]
        fn every_path_moves_tiles_value_by_value(
            (rows, columns, small) in (1usize..4, 1usize..6, 2usize..20),
            choices in proptest::collection::vec((any::<prop::sample::Index>(), pose(), any::<bool>()), 15),
            seed: u32,
        ) {
            for side in [8, 4, small] {
                let stride = columns * side;
                let image: Vec<u8> = (0..rows * side * stride)
                    .map(|i| (seed.wrapping_mul(i as u32 + 1) >> 19) as u8).collect();
                let place = |i: usize| i / columns * side * stride + i % columns * side;
                let tiles: Vec<Tile> = choices[..rows * columns].iter().map(|(from, pose, inverted)| Tile {
                    source: place(from.index(rows * columns)) as u32,
                    pose: *pose,
                    mask: 255 * u8::from(*inverted),
                }).collect();
                let mut expected = vec![0; image.len()];
                for (i, tile) in tiles.iter().enumerate() {
                    for r in 0..side {
                        for c in 0..side {
                            let (row, column) = tile.pose.source(side, r, c);
                            expected[place(i) + r * stride + c] =
                                image[tile.source as usize + row * stride + column] ^ tile.mask;
                        }
                    }
                }
                let mut out = vec![0; image.len()];
                move_tiles(side, &tiles, stride, &image, &mut out);
                prop_assert_eq!(&out, &expected);
                let paths: &[Move] = match side {
                    8 => &[move_tiles8, avx2_move_tiles8, portable::move_tiles8],
                    4 => &[move_tiles4, portable::move_tiles4],
                    _ => &[],
                };
                for path in paths {
                    out.fill(1);
                    path(&tiles, stride, &image, &mut out);
                    prop_assert_eq!(&out, &expected);
                }
            }
        }

        #[test]
        fn the_inverse_pose_leads_back(pose in pose(), side in 1usize..9, r in 0usize..9, c in 0usize..9) {
            let (r, c) = (r % side, c % side);
            let (row, column) = pose.inverse().source(side, r, c);
            prop_assert_eq!(pose.source(side, row, column), (r, c));
        }
    }
}
