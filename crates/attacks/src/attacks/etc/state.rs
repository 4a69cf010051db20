//! What can happen to a block: the group of eight poses, two polarities and six orders of channels.

use visard_core::{Array, Values};

/// Source channel of each target channel, numbered as the codes of the schemes are (SPEC 6.8-2).
pub(super) const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1], [2, 0, 1], [1, 2, 0]];

/// Number of orders that blocks of so many channels can have.
pub(super) const fn orders(channels: usize) -> usize {
    if channels == 3 { ORDERS.len() } else { 1 }
}

/// One of the eight ways to lay a square.
///
/// Bit 4: rows and columns exchanged; then bit 2: rows, bit 1: columns counted from the other end.
/// As a signed permutation matrix M on places counted from the centre: out(x) = in(M x).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pose(pub u8);

impl Pose {
    /// A quarter turn counter-clockwise.
    pub(super) const QUARTER: Self = Self(5);

    const fn bits(self) -> (bool, bool, bool) {
        (self.0 & 4 != 0, self.0 & 2 != 0, self.0 & 1 != 0)
    }

    const fn from_bits(transposed: bool, rows: bool, columns: bool) -> Self {
        Self(4 * transposed as u8 + 2 * rows as u8 + columns as u8)
    }

    /// This first, `next` afterwards.
    pub(super) const fn then(self, next: Self) -> Self {
        let ((t, r, c), (u, mut s, mut d)) = (self.bits(), next.bits());
        if t {
            (s, d) = (d, s);
        }
        Self::from_bits(t ^ u, r ^ s, c ^ d)
    }

    /// The pose that takes this one back.
    pub(super) const fn inverse(self) -> Self {
        let (t, r, c) = self.bits();
        if t { Self::from_bits(t, c, r) } else { self }
    }

    /// Source (row, column) of target (row, column) in a square of this side.
    pub(super) const fn source(self, side: usize, row: usize, column: usize) -> (usize, usize) {
        let (t, r, c) = self.bits();
        let (row, column) = if t { (column, row) } else { (row, column) };
        (
            if r { side - 1 - row } else { row },
            if c { side - 1 - column } else { column },
        )
    }

    /// M d: the direction (row, column) before the change of what points to `d` after it.
    pub(super) const fn before(self, d: (i32, i32)) -> (i32, i32) {
        let (t, r, c) = self.bits();
        let (row, column) = if t { (d.1, d.0) } else { d };
        (if r { -row } else { row }, if c { -column } else { column })
    }

    /// The direction after the change of what pointed to `d` before it.
    pub(super) const fn after(self, d: (i32, i32)) -> (i32, i32) {
        self.inverse().before(d)
    }

    /// Whether rows become columns.
    pub(super) const fn transposes(self) -> bool {
        self.0 & 4 != 0
    }
}

/// A change of a block: pose, order of the channels and polarity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    pub(super) pose: Pose,
    /// Place in [`ORDERS`].
    pub(super) order: u8,
    /// Whether each value v becomes 255 - v.
    pub(super) negative: bool,
}

impl State {
    /// The change of that number, 0 to 16 * `orders` - 1: pose, then order, then polarity.
    pub(super) const fn of(number: usize, orders: usize) -> Self {
        Self {
            pose: Pose((number / (2 * orders)) as u8),
            order: (number / 2 % orders) as u8,
            negative: number % 2 == 1,
        }
    }

    /// Its number.
    pub(super) const fn number(self, orders: usize) -> usize {
        (self.pose.0 as usize * orders + self.order as usize) * 2 + self.negative as usize
    }

    /// This first, `next` afterwards.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self {
            pose: self.pose.then(next.pose),
            order: AFTER[self.order as usize][next.order as usize],
            negative: self.negative ^ next.negative,
        }
    }

    /// The change that takes this one back.
    #[must_use]
    pub fn inverse(self) -> Self {
        let back = |order: &u8| AFTER[self.order as usize][*order as usize] == 0;
        Self {
            pose: self.pose.inverse(),
            order: (0..6).find(|order| back(order)).unwrap_or(0),
            negative: self.negative,
        }
    }

    /// The change that these codes stand for (SPEC 6.8-2).
    pub(super) fn from_codes(rotate: i64, flip: i64, negaposi: i64, channel: i64) -> Self {
        let turned = (0..(rotate + 1).rem_euclid(4)).fold(Pose(0), |pose, _| pose.then(Pose::QUARTER));
        Self {
            pose: match flip {
                0 => turned.then(Pose(2)),
                1 => turned.then(Pose(1)),
                _ => turned,
            },
            order: channel.rem_euclid(6) as u8,
            negative: negaposi == 0,
        }
    }

    /// The codes `rotate`, `flip` (0 or 2), `negaposi` and `channel` that stand for it.
    pub(super) fn codes(self) -> [u8; 4] {
        for (rotate, flip) in (0..4).flat_map(|rotate| [(rotate, 0), (rotate, 2)]) {
            if Self::from_codes(rotate, flip, 1, 0).pose == self.pose {
                return [rotate as u8, flip as u8, u8::from(!self.negative), self.order];
            }
        }
        unreachable!("turns with and without reversal are all poses")
    }
}

/// The order that stands for first one order, then another.
const AFTER: [[u8; 6]; 6] = {
    let mut table = [[0; 6]; 6];
    let mut first = 0;
    while first < 6 {
        let mut next = 0;
        while next < 6 {
            let (a, b) = (ORDERS[first], ORDERS[next]);
            let mut both = 0;
            while ORDERS[both][0] != a[b[0]] || ORDERS[both][1] != a[b[1]] {
                both += 1;
            }
            table[first][next] = both as u8;
            next += 1;
        }
        first += 1;
    }
    table
};

/// The moves of bytes that the states make in blocks of one size.
pub(super) struct Moves {
    orders: usize,
    tables: Vec<Vec<u32>>,
}

impl Moves {
    /// For blocks of `side` x `side` pixels.
    pub(super) fn new(side: usize, channels: usize) -> Self {
        let orders = orders(channels);
        let table = |number: usize| {
            let (pose, order) = (Pose((number / orders) as u8), number % orders);
            let mut table = Vec::with_capacity(side * side * channels);
            for row in 0..side {
                for column in 0..side {
                    let (r, c) = pose.source(side, row, column);
                    let from = (r * side + c) * channels;
                    let channel = |c: usize| if channels == 3 { ORDERS[order][c] } else { c };
                    table.extend((0..channels).map(|c| (from + channel(c)) as u32));
                }
            }
            table
        };
        Self {
            orders,
            tables: (0..8 * orders).map(table).collect(),
        }
    }

    /// Source byte of each byte of a block.
    pub(super) fn table(&self, state: State) -> &[u32] {
        &self.tables[state.pose.0 as usize * self.orders + state.order as usize % self.orders]
    }

    /// The bytes of the changed block.
    pub(super) fn changed<'a>(&'a self, state: State, block: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
        let mask = if state.negative { 255 } else { 0 };
        self.table(state)
            .iter()
            .map(move |from| block[*from as usize] ^ mask)
    }
}

/// A flat array of codes.
pub(super) fn code_array(codes: Vec<u8>) -> Array {
    Array {
        shape: vec![codes.len()],
        values: Values::U8(codes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_a_group_that_acts_as_it_multiplies() {
        let moves = Moves::new(3, 3);
        let block: Vec<u8> = (0..27).map(|i| i * 7).collect();
        let act = |state, block: &[u8]| moves.changed(state, block).collect::<Vec<u8>>();
        for a in (0..96).map(|n| State::of(n, 6)) {
            assert_eq!(a.then(a.inverse()), State::default());
            assert_eq!(State::of(a.number(6), 6), a);
            let [rotate, flip, negaposi, channel] = a.codes().map(i64::from);
            assert_eq!(State::from_codes(rotate, flip, negaposi, channel), a);
            for b in (0..96).map(|n| State::of(n, 6)) {
                assert_eq!(act(b, &act(a, &block)), act(a.then(b), &block));
            }
        }
    }

    #[test]
    fn directions_follow_the_pixels() {
        for pose in (0..8).map(Pose) {
            let (row, column) = pose.source(3, 0, 1);
            assert_eq!(pose.before((-1, 0)), (row as i32 - 1, column as i32 - 1));
            assert_eq!(pose.after(pose.before((0, 1))), (0, 1));
        }
    }
}
