//! The states of a pixel: what takes the disguise off it.

use super::{Layout, synchronise::Group};
use crate::Result;
use rayon::prelude::*;
use visard_core::{Array, Material, Values};

/// The orders of three values in the numbering of the scheme (SPEC.md, 6.7-2).
pub(super) const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Number of the order that undoes another.
const INVERSE: [u8; 6] = [0, 1, 2, 4, 3, 5];

/// `TWICE[a][b]`: number of the order that takes value `ORDERS[b][ORDERS[a][c]]` to c.
const TWICE: [[u8; 6]; 6] = twice();

/// The group of the orders of three values.
pub(super) const COLORS: Group<6> = Group {
    after: TWICE,
    inverse: INVERSE,
};

const fn twice() -> [[u8; 6]; 6] {
    let mut table = [[0; 6]; 6];
    let mut pair = 0;
    while pair < 36 {
        let (a, b) = (&ORDERS[pair / 6], &ORDERS[pair % 6]);
        let (first, second) = (b[a[0]], b[a[1]]);
        // The first value names two orders, the second tells which.
        let later = second > 3 - first - second;
        table[pair / 6][pair % 6] = (2 * first + later as usize) as u8;
        pair += 1;
    }
    table
}

/// Value c of the plain pixel is value `ORDERS[order][c]` of the disguised one, taken from 255 if bit
/// c of `negated` is set. With another number of channels than 3, or without a colour step, `order`
/// is 0. The states form the group of signed permutations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) order: u8,
    pub(super) negated: u16,
}

impl State {
    /// The state of that number, below [`Layout::states`].
    pub(super) fn number(layout: Layout, number: usize) -> Self {
        Self {
            order: (number >> layout.channels()) as u8,
            negated: (number & ((1 << layout.channels()) - 1)) as u16,
        }
    }

    /// Place in the disguised pixel of plain value c, and what it is to be combined with (xor).
    #[inline]
    pub(super) fn source(self, c: usize) -> (usize, u8) {
        let place = if self.order == 0 {
            c
        } else {
            ORDERS[usize::from(self.order)][c]
        };
        (place, if self.negated >> c & 1 == 1 { 255 } else { 0 })
    }

    /// First `inner`, then `self`.
    pub(super) fn after(self, inner: Self) -> Self {
        let negated = if self.order == 0 {
            inner.negated
        } else {
            let order = &ORDERS[usize::from(self.order)];
            (0..3).fold(0, |bits, c| bits | (inner.negated >> order[c] & 1) << c)
        };
        Self {
            order: TWICE[usize::from(self.order)][usize::from(inner.order)],
            negated: self.negated ^ negated,
        }
    }

    /// The state that undoes this one.
    pub(super) fn inverse(self) -> Self {
        let order = Self {
            order: INVERSE[usize::from(self.order)],
            negated: 0,
        };
        // The signs move to where the values go back to.
        let moved = order.after(Self {
            order: 0,
            negated: self.negated,
        });
        Self {
            order: order.order,
            negated: moved.negated,
        }
    }

    /// Takes the disguise off a pixel.
    #[inline]
    pub(super) fn undo(self, from: &[u8], to: &mut [u8]) {
        for (c, to) in to.iter_mut().enumerate() {
            let (place, mask) = self.source(c);
            *to = from[place] ^ mask;
        }
    }
}

/// Takes the disguise off images that share the states of their pixels.
pub(super) fn undo(layout: Layout, states: &[State], disguised: &[u8]) -> Vec<u8> {
    let channels = layout.channels();
    let sources: Vec<(u32, u8)> = states
        .iter()
        .enumerate()
        .flat_map(|(pixel, state)| {
            (0..channels).map(move |c| {
                let (place, mask) = state.source(c);
                ((pixel * channels + place) as u32, mask)
            })
        })
        .collect();
    let len = layout.shape.len();
    let mut plain = vec![0; disguised.len()];
    plain
        .par_chunks_exact_mut(len)
        .zip(disguised.par_chunks_exact(len))
        .with_min_len((1 << 16) / len)
        .for_each(|(to, from)| {
            for (to, (place, mask)) in to.iter_mut().zip(&sources) {
                *to = from[*place as usize] ^ mask;
            }
        });
    plain
}

/// The states as explicit material: `neg_mask` (H, W, C) of 0 and 1 and, where colours change places,
/// `color_perm` (H, W) of 0 to 5.
pub(super) fn material(layout: Layout, states: &[State]) -> Result<Material> {
    let shape = layout.shape;
    let masks = states
        .iter()
        .flat_map(|state| (0..shape.channels).map(|c| (state.negated >> c & 1) as u8))
        .collect();
    let mut material = Material::new();
    material.insert(
        "neg_mask",
        Array {
            shape: vec![shape.height, shape.width, shape.channels],
            values: Values::U8(masks),
        },
    )?;
    if layout.exchanges {
        let orders = states
            .iter()
            .map(|state| i64::from(INVERSE[usize::from(state.order)]))
            .collect();
        material.insert(
            "color_perm",
            Array {
                shape: vec![shape.height, shape.width],
                values: Values::I64(orders),
            },
        )?;
    }
    Ok(material)
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::Shape;

    #[test]
    fn states_are_a_group_that_acts_on_pixels() {
        let layout = Layout {
            shape: Shape::new(1, 1, 3),
            exchanges: true,
        };
        let apply = |state: State, from: [u8; 3]| {
            let mut to = [0; 3];
            state.undo(&from, &mut to);
            to
        };
        let pixel = [10, 60, 200];
        for a in (0..48).map(|n| State::number(layout, n)) {
            assert_eq!(a.after(a.inverse()), State::default());
            assert_eq!(a.inverse().after(a), State::default());
            for b in (0..48).map(|n| State::number(layout, n)) {
                assert_eq!(apply(a, apply(b, pixel)), apply(a.after(b), pixel));
            }
        }
    }

    #[test]
    fn many_channels_have_signs_only() {
        let layout = Layout {
            shape: Shape::new(1, 1, 16),
            exchanges: false,
        };
        let state = State::number(layout, 0x8001);
        let plain = undo(layout, &[state], &[7; 16]);
        assert_eq!((plain[0], plain[1], plain[15]), (248, 7, 248));
        assert_eq!(state.inverse(), state);
        assert_eq!(state.after(state), State::default());
    }
}
