//! States of a whole picture that an attack cannot know, and the choice of the best one.

use crate::metrics;
use rayon::prelude::*;
use serde::Serialize;
use visard_core::Shape;

/// Kinds of states that guesses may differ in from the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ambiguity {
    /// All values may be inverted together.
    pub negative: bool,
    /// The channels may be in any order and each may be inverted: 48 states for three channels. Images with
    /// another number of channels only have a negative.
    pub colors: bool,
    /// The picture may be turned and mirrored: 8 poses, 4 where it is not square.
    pub poses: bool,
}

/// How often the best state is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Choose {
    /// Once for the whole set: what a look at one image decides.
    #[default]
    Once,
    /// For each image.
    Each,
}

/// One state: what has to be done to a guess. The picture is turned first, then its channels are exchanged,
/// then inverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// Sum of 1 if the rows, 2 if the columns are reversed, 4 if the picture is transposed after that.
    pub pose: u8,
    /// Which channel of the guess each of the first three channels is taken from.
    pub order: [u8; 3],
    /// Bit c is 1 if channel c is inverted.
    pub inverted: u16,
}

const ORDERS: [[u8; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

impl Ambiguity {
    /// A negative of the whole picture.
    pub const NEGATIVE: Self = Self {
        negative: true,
        colors: false,
        poses: false,
    };
    /// Order and inversion of the channels.
    pub const COLORS: Self = Self {
        negative: true,
        colors: true,
        poses: false,
    };
    /// Channels and poses.
    pub const ALL: Self = Self {
        negative: true,
        colors: true,
        poses: true,
    };

    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// All states for images of this shape; the first changes nothing.
    pub fn states(self, shape: Shape) -> Vec<State> {
        let poses = match (self.poses, shape.height == shape.width) {
            (false, _) => 1,
            (true, false) => 4,
            (true, true) => 8,
        };
        let all = ((1u32 << shape.channels) - 1) as u16;
        let (orders, inversions): (&[[u8; 3]], Vec<u16>) = match (self.colors, shape.channels) {
            (true, 3) => (&ORDERS, (0..8).collect()),
            (false, _) if !self.negative => (&ORDERS[..1], vec![0]),
            _ => (&ORDERS[..1], vec![0, all]),
        };
        let mut states = Vec::with_capacity(poses * orders.len() * inversions.len());
        for pose in 0..poses as u8 {
            for order in orders {
                states.extend(inversions.iter().map(|i| State {
                    pose,
                    order: *order,
                    inverted: *i,
                }));
            }
        }
        states
    }
}

impl State {
    /// The guess in this state; the shape must be kept by the pose.
    pub fn apply(&self, shape: Shape, image: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(image.len());
        for row in 0..shape.height {
            for column in 0..shape.width {
                let start = self.source(shape, row, column) * shape.channels;
                for channel in 0..shape.channels {
                    let value = image[start + self.channel(channel)];
                    out.push(if self.inverted >> channel & 1 == 1 {
                        255 - value
                    } else {
                        value
                    });
                }
            }
        }
        out
    }

    /// The pixel of the guess that is seen at a place.
    fn source(&self, shape: Shape, row: usize, column: usize) -> usize {
        let (row, column) = if self.pose & 4 == 4 {
            (column, row)
        } else {
            (row, column)
        };
        let row = if self.pose & 1 == 1 {
            shape.height - 1 - row
        } else {
            row
        };
        let column = if self.pose & 2 == 2 {
            shape.width - 1 - column
        } else {
            column
        };
        row * shape.width + column
    }

    fn channel(&self, channel: usize) -> usize {
        self.order.get(channel).map_or(channel, |from| usize::from(*from))
    }
}

/// The states that were chosen.
pub(super) enum Choice {
    Once(State),
    Each(Vec<State>),
}

impl Choice {
    pub(super) fn of(&self, image: usize) -> State {
        match self {
            Self::Once(state) => *state,
            Self::Each(states) => states[image],
        }
    }
}

/// The states with the least squared error; the first of equally good ones.
pub(super) fn choose(shape: Shape, truth: &[u8], guess: &[u8], states: &[State], choose: Choose) -> Choice {
    let len = shape.len();
    let tables = truth
        .par_chunks_exact(len)
        .zip(guess.par_chunks_exact(len))
        .map(|(t, g)| errors(shape, t, g, states));
    let best = |errors: &[u64]| {
        let place = (0..states.len()).min_by_key(|i| errors[*i]).unwrap_or(0);
        states[place]
    };
    match choose {
        Choose::Each => Choice::Each(tables.map(|errors| best(&errors)).collect()),
        Choose::Once => {
            let add = |mut a: Vec<u64>, b: Vec<u64>| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                a
            };
            Choice::Once(best(&tables.reduce(|| vec![0; states.len()], add)))
        }
    }
}

/// Squared error of an image for each state. The error of a channel against a channel of the guess is found
/// once for each pose and sign, however many states share it.
fn errors(shape: Shape, truth: &[u8], guess: &[u8], states: &[State]) -> Vec<u64> {
    let channels = shape.channels;
    let split = |image: &[u8]| -> Vec<Vec<u8>> {
        let plane = |c| image.iter().skip(c).step_by(channels).copied().collect();
        (0..channels).map(plane).collect()
    };
    let truth = split(truth);
    let negatives: Vec<Vec<u8>> = truth
        .iter()
        .map(|p| p.iter().map(|v| 255 - v).collect())
        .collect();
    let mut found = vec![None; 8 * channels * channels * 2];
    let mut planes = (u8::MAX, Vec::new());
    let mut total = |state: &State| {
        if planes.0 != state.pose {
            let pose = State {
                order: ORDERS[0],
                inverted: 0,
                ..*state
            };
            planes = (state.pose, split(&pose.apply(shape, guess)));
        }
        let one = |channel: usize| {
            let (from, inverted) = (state.channel(channel), usize::from(state.inverted >> channel & 1));
            let place = ((usize::from(state.pose) * channels + channel) * channels + from) * 2 + inverted;
            *found[place].get_or_insert_with(|| {
                let truth = if inverted == 1 { &negatives } else { &truth };
                metrics::squared_error(&truth[channel], &planes.1[from])
            })
        };
        (0..channels).map(one).sum()
    };
    states.iter().map(&mut total).collect()
}
