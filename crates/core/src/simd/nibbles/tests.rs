//! Every loop against the definition, one nibble at a time.

use super::*;
use proptest::prelude::*;

/// Images of `rows` x `columns` blocks of `side` x `side` pixels.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    rows: usize,
    columns: usize,
    side: usize,
    channels: usize,
}

impl Geometry {
    fn width(self) -> usize {
        self.side * self.channels
    }

    fn stride(self) -> usize {
        self.columns * self.width()
    }

    fn positions(self) -> usize {
        self.rows * self.columns
    }

    fn origin(self, position: usize) -> usize {
        position / self.columns * self.side * self.stride() + position % self.columns * self.width()
    }

    /// Places of the bytes of a block within its image.
    fn places(self, position: usize) -> Vec<usize> {
        let row = |r: usize| self.origin(position) + r * self.stride();
        (0..self.side)
            .flat_map(|r| row(r)..row(r) + self.width())
            .collect()
    }
}

/// A generator of test values; what it draws need not be good.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn permutation(&mut self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        (1..len).for_each(|i| order.swap(i, self.below(i + 1)));
        order
    }
}

type Key = (Vec<usize>, Vec<bool>);

fn by_definition(geometry: Geometry, order: &[usize], keys: &[Key], image: &[u8]) -> Vec<u8> {
    let mut out = vec![0; image.len()];
    for (position, source) in order.iter().enumerate() {
        let (perm, flip) = &keys[position % keys.len()];
        let block: Vec<u8> = geometry.places(*source).iter().map(|i| image[*i]).collect();
        let nibbles: Vec<u8> = block
            .iter()
            .map(|v| v & 15)
            .chain(block.iter().map(|v| v >> 4))
            .collect();
        let nibble = |j: usize| nibbles[perm[j]] ^ if flip[j] { 15 } else { 0 };
        for (i, place) in geometry.places(position).into_iter().enumerate() {
            out[place] = nibble(i) | nibble(block.len() + i) << 4;
        }
    }
    out
}

type Loop<'a> = (&'a str, &'a dyn Fn(&NibblePlan, &[u8], &mut [u8]));

/// Runs every loop that this processor has and that takes the geometry.
fn check(geometry: Geometry, images: usize, one: bool, seed: u64) -> Result<(), TestCaseError> {
    let mut draws = Draws(seed);
    let (width, stride, side) = (geometry.width(), geometry.stride(), geometry.side);
    let (bytes, len) = (side * width, side * stride * geometry.rows);
    let order = draws.permutation(geometry.positions());
    // The order of an image that is not shuffled takes other branches.
    let order = if one { (0..order.len()).collect() } else { order };
    let count = if one { 1 } else { order.len() };
    let keys: Vec<Key> = (0..count)
        .map(|_| {
            let flip = (0..2 * bytes).map(|_| draws.below(2) == 1).collect();
            (draws.permutation(2 * bytes), flip)
        })
        .collect();
    let mut tables = NibbleKeys::with_capacity(bytes, count);
    keys.iter().for_each(|(perm, flip)| tables.push(perm, flip));
    let plan = NibblePlan {
        sources: order.iter().map(|i| geometry.origin(*i)).collect(),
        len,
        stride,
        side,
        width,
        keys: tables,
    };
    let plain: Vec<u8> = (0..images * len).map(|_| draws.below(256) as u8).collect();
    let expected: Vec<u8> = plain
        .chunks_exact(len)
        .flat_map(|image| by_definition(geometry, &order, &keys, image))
        .collect();
    let mut loops: Vec<Loop<'_>> = vec![("chosen", &permute_nibbles), ("portable", &portable::any)];
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: each is only called after its features were found.
        let shape = (side, width);
        if *AVX2 {
            loops.push(("avx2 any", &|p, f, t| unsafe { avx2::any(p, f, t) }));
            match shape {
                (4, 12) => loops.push(("avx2 rgb4", &|p, f, t| unsafe { avx2::rgb4(p, f, t) })),
                (4, 4) => loops.push(("avx2 gray4", &|p, f, t| unsafe { avx2::gray4(p, f, t) })),
                _ => {}
            }
        }
        if *VBMI {
            loops.push(("wide any", &|p, f, t| unsafe { wide::any(p, f, t) }));
            if shape == (4, 12) {
                loops.push(("wide rgb4", &|p, f, t| unsafe { wide::rgb4(p, f, t) }));
            }
        }
    }
    for (name, run) in loops {
        let mut found = vec![0; plain.len()];
        run(&plan, &plain, &mut found);
        prop_assert!(found == expected, "{} differs for {:?}", name, geometry);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn blocks_of_4x4_pixels(
        (rows, columns) in (1usize..4, 1usize..11),
        channels in prop::sample::select(vec![1usize, 3]),
        images in 1usize..4,
        one: bool,
        seed: u64,
    ) {
        check(Geometry { rows, columns, side: 4, channels }, images, one, seed)?;
    }

    #[test]
    fn blocks_of_other_sizes(
        (rows, columns) in (1usize..4, 1usize..6),
        (side, channels) in (2usize..10, 1usize..7),
        images in 1usize..3,
        one: bool,
        seed: u64,
    ) {
        check(Geometry { rows, columns, side, channels }, images, one, seed)?;
    }
}

#[test]
fn the_largest_block() {
    let geometry = Geometry {
        rows: 1,
        columns: 2,
        side: 16,
        channels: 16,
    };
    for one in [true, false] {
        check(geometry, 2, one, 5).unwrap();
    }
}
