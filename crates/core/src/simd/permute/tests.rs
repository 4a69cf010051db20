//! Every path that this processor has, against the definition byte by byte.

use super::*;
use proptest::prelude::*;

/// Tiles of an image of 3 x `columns` tiles, in an order, with tables and masks, from `seed`.
struct Case {
    tiling: Tiling,
    tiles: Vec<Tile>,
    tables: Vec<Vec<u16>>,
    image: Vec<u8>,
}

fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed | 1;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

impl Case {
    fn new(side: usize, width: usize, columns: usize, seed: u64) -> Self {
        let mut random = numbers(seed);
        let tiling = Tiling {
            stride: width * columns,
            side,
            width,
        };
        let count = 3 * columns;
        let mut order: Vec<usize> = (0..count).collect();
        let tables = (0..3)
            .map(|_| {
                let mut table: Vec<u16> = (0..tiling.len() as u16).collect();
                (0..table.len()).for_each(|i| table.swap(i, random(tiling.len())));
                table
            })
            .collect();
        (0..count).for_each(|i| order.swap(i, random(count)));
        let tiles = order
            .iter()
            .map(|from| Tile {
                source: tiling.origin(*from),
                table: random(3) as u16,
                mask: random(256) as u8,
            })
            .collect();
        let image = (0..count * tiling.len()).map(|_| random(256) as u8).collect();
        Self {
            tiling,
            tiles,
            tables,
            image,
        }
    }

    /// The definition.
    fn expected(&self) -> Vec<u8> {
        let Tiling { stride, width, .. } = self.tiling;
        let mut to = vec![0; self.image.len()];
        for (position, tile) in self.tiles.iter().enumerate() {
            for (place, from) in self.tables[usize::from(tile.table)].iter().enumerate() {
                let at = |place: usize| place / width * stride + place % width;
                to[self.tiling.origin(position) + at(place)] =
                    self.image[tile.source + at(usize::from(*from))] ^ tile.mask;
            }
        }
        to
    }

    fn run(&self, work: impl FnOnce(&[u8], &mut [u8])) -> Vec<u8> {
        let mut to = vec![0; self.image.len()];
        work(&self.image, &mut to);
        to
    }

    fn lanes<const W: usize>(&self) {
        let tables: Vec<Lanes> = self.tables.iter().map(|t| Lanes::new(t, W)).collect();
        let (stride, expected) = (self.tiling.stride, self.expected());
        let found = self.run(|from, to| lanes::<W>(stride, &self.tiles, &tables, from, to));
        assert!(found == expected, "dispatched, width {W}");
        let found = self.run(|from, to| portable::lanes::<W>(stride, &self.tiles, &tables, from, to));
        assert!(found == expected, "portable, width {W}");
        #[cfg(target_arch = "x86_64")]
        if *AVX2 {
            // SAFETY: the processor has AVX2.
            let found =
                self.run(|from, to| unsafe { avx2::lanes::<W>(stride, &self.tiles, &tables, from, to) });
            assert!(found == expected, "AVX2, width {W}");
        }
    }

    fn wide(&self) {
        let tables: Vec<Wide> = self.tables.iter().map(|t| Wide::new(t, &self.tiling)).collect();
        let expected = self.expected();
        let found = self.run(|from, to| wide(&self.tiling, &self.tiles, &tables, from, to));
        assert!(found == expected, "dispatched, {:?}", self.tiling);
        let found = self.run(|from, to| portable::wide(&self.tiling, &self.tiles, &tables, from, to));
        assert!(found == expected, "portable, {:?}", self.tiling);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tiles_of_four_rows_move_alike_on_all_paths(columns in 1usize..7, seed: u64) {
        Case::new(4, 4, columns, seed).lanes::<4>();
        Case::new(4, 8, columns, seed).lanes::<8>();
        Case::new(4, 12, columns, seed).lanes::<12>();
        Case::new(4, 16, columns, seed).lanes::<16>();
    }

    #[test]
    fn tiles_of_any_geometry_move_alike_on_all_paths(
        (side, width, columns) in (1usize..20, 1usize..60, 1usize..5),
        known in 0usize..7,
        seed: u64,
    ) {
        Case::new(side, width, columns, seed).wide();
        Case::new(side, [8, 16, 24, 32, 48, 96, 96][known], columns, seed).wide();
    }

    #[test]
    fn masks_repeat_alike_on_all_paths(mask in proptest::collection::vec(any::<u8>(), 1..200), seed: u64) {
        let mut random = numbers(seed);
        let from: Vec<u8> = (0..random(900)).map(|_| random(256) as u8).collect();
        let expected: Vec<u8> = from.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
        let mut to = vec![0; from.len()];
        xor(&mask, &from, &mut to);
        prop_assert_eq!(&to, &expected);
        to.fill(0);
        portable::xor(&mask, &from, &mut to);
        prop_assert_eq!(&to, &expected);
        #[cfg(target_arch = "x86_64")]
        if *AVX2 {
            to.fill(0);
            // SAFETY: the processor has AVX2.
            unsafe { avx2::xor(&mask, &from, &mut to) };
            prop_assert_eq!(&to, &expected);
        }
    }
}

#[test]
fn codes_are_rounded_half_up_on_all_paths() {
    let mut values: Vec<f32> = [-1.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e9].into();
    for i in 0..=65_536 {
        let half = i as f32 + 0.5;
        values.extend([i as f32, half.next_down(), half, half.next_up()]);
    }
    let (mut found, mut plain) = (vec![9; values.len()], vec![9; values.len()]);
    codes(&values, 1.0, &mut found);
    portable::codes(&values, 1.0, &mut plain);
    for ((value, found), plain) in values.iter().zip(found).zip(plain) {
        let expected = (value + 0.5).floor().clamp(0.0, 65_535.0) as u16;
        assert_eq!((found, plain), (expected, expected), "{value}");
    }
}

/// The largest tiles go another way.
#[test]
fn tiles_beyond_the_vectors_move_too() {
    for (side, width) in [(32, 96), (32, 97), (32, 512)] {
        Case::new(side, width, 2, 11).wide();
    }
}
