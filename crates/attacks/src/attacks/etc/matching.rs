//! Which known plain block became which disguised one: exactly, by canonical forms, or nearly.

use super::{
    frame::Frame,
    layout::{Layout, Place},
    state::{Moves, State},
};
use crate::Budget;
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use pathfinding::{kuhn_munkres::kuhn_munkres_min, matrix::Matrix};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A layout from known pairs, and how certain it is.
pub(super) struct Match {
    /// The layout.
    pub layout: Layout,
    /// Blocks whose partner is exactly theirs.
    pub exact: usize,
    /// Blocks whose place and state nothing else fits.
    pub determined: usize,
    /// Logarithm to base 2 of the number of keys that fit the pairs as well.
    pub bits_left: f64,
    /// Root of the mean square by which partners differ, in grey levels.
    pub distance: f64,
    /// Share of the variance of the disguised blocks, each about its own mean, that their partners explain.
    pub explained: f64,
}

/// Blocks of several images side by side: the blocks of one position change together.
pub(super) struct Blocks<'a> {
    frame: &'a Frame,
    images: Vec<Vec<u8>>,
}

impl<'a> Blocks<'a> {
    /// The blocks of joined images.
    pub(super) fn new<I: AsRef<[u8]> + Sync>(frame: &'a Frame, images: &[I]) -> Self {
        let cut = |image: &I| frame.cut(image.as_ref());
        Self {
            frame,
            images: images.par_iter().map(cut).collect(),
        }
    }

    fn block(&self, position: usize) -> impl Iterator<Item = &[u8]> {
        let bytes = self.frame.bytes();
        self.images.iter().map(move |i| &i[position * bytes..][..bytes])
    }

    fn values(&self) -> usize {
        self.images.len() * self.frame.bytes()
    }

    /// The lexicographic minimum over all states, a state that leads to it, and how many do.
    fn canonical(&self, moves: &Moves, position: usize) -> (Vec<u8>, State, usize) {
        let orders = self.frame.orders();
        let mut left: Vec<(State, &[u32], u8)> = (0..16 * orders)
            .map(|n| State::of(n, orders))
            .map(|s| (s, moves.table(s), if s.negative { 255 } else { 0 }))
            .collect();
        let mut form = Vec::with_capacity(self.values());
        for block in self.block(position) {
            for at in 0..block.len() {
                let value = |(_, table, mask): &(State, &[u32], u8)| block[table[at] as usize] ^ mask;
                let least = left.iter().map(value).min().unwrap_or(0);
                if left.len() > 1 {
                    left.retain(|state| value(state) == least);
                }
                form.push(least);
            }
        }
        (form, left[0].0, left.len())
    }

    fn canonical_all(&self, moves: &Moves) -> Vec<(Vec<u8>, State, usize)> {
        let all = (0..self.frame.pieces()).into_par_iter();
        all.map(|p| self.canonical(moves, p)).collect()
    }

    /// Whether no two blocks are alike up to a state, and, on request, none is like itself.
    pub(super) fn all_differ(&self, asymmetric: bool) -> bool {
        let moves = Moves::new(self.frame.side(), self.frame.channels());
        let mut forms = self.canonical_all(&moves);
        forms.sort_unstable();
        let symmetric = forms.iter().any(|form| form.2 > 1);
        !(asymmetric && symmetric) && forms.windows(2).all(|two| two[0].0 != two[1].0)
    }

    /// The disguised blocks that are exactly plain ones up to a state; `None` where a block has no
    /// partner.
    pub(super) fn match_exactly(plain: &Self, disguised: &Self) -> Option<Match> {
        let frame = plain.frame;
        let moves = Moves::new(frame.side(), frame.channels());
        let mut groups: BTreeMap<(Vec<u8>, usize), Group> = BTreeMap::new();
        // Blocks that are never moved have partners at their own position only.
        let key = |form, position| (form, if frame.moved { 0 } else { position });
        for (position, (form, state, alike)) in plain.canonical_all(&moves).into_iter().enumerate() {
            let group = groups.entry(key(form, position)).or_default();
            group.plain.push((position, state));
            group.alike = alike;
        }
        for (position, (form, state, _)) in disguised.canonical_all(&moves).into_iter().enumerate() {
            let group = groups.get_mut(&key(form, position))?;
            group.disguised.push((position, state));
        }
        let mut places = vec![Place::default(); frame.pieces()];
        let (mut determined, mut bits_left) = (0, 0.0);
        let columns = frame.size().1;
        for Group {
            plain,
            disguised,
            alike,
        } in groups.values()
        {
            if plain.len() != disguised.len() {
                return None;
            }
            for ((position, from), (piece, to)) in plain.iter().zip(disguised) {
                places[*piece] = Place {
                    row: position / columns,
                    column: position % columns,
                    state: to.then(from.inverse()),
                };
                bits_left += (*alike as f64).log2();
            }
            bits_left += (1..=plain.len()).map(|k| (k as f64).log2()).sum::<f64>();
            determined += usize::from(plain.len() == 1 && *alike == 1);
        }
        Some(Match {
            layout: Layout {
                rows: frame.size().0,
                columns,
                places,
            },
            exact: frame.pieces(),
            determined,
            bits_left,
            distance: 0.0,
            explained: 1.0,
        })
    }

    /// The assignment of disguised blocks to plain ones with the least sum of squared differences, each
    /// pair in its best state; `None` where the budget does not suffice.
    pub(super) fn match_nearly(plain: &Self, disguised: &Self, budget: &Budget) -> Option<Match> {
        let (frame, count, values) = (plain.frame, plain.frame.pieces(), plain.values());
        let moves = Moves::new(frame.side(), frame.channels());
        if !budget.allows((count * count * 24 + 2 * count * values * 4) as u64) {
            return None;
        }
        let centred = |v: u8| f32::from(v) - 127.5;
        let columns: Vec<f32> = (0..count)
            .flat_map(|p| disguised.block(p).flatten().map(|v| centred(*v)))
            .collect();
        let square = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>();
        let norms: Vec<f32> = columns.chunks_exact(values).map(square).collect();
        let disguised_matrix = MatRef::from_column_major_slice(&columns, values, count);
        let states = 8 * frame.orders();
        // For each plain block, the least squared difference to each disguised one, and the change
        // that leads there from the plain one.
        let rows: Vec<Vec<(f32, State)>> = (0..count)
            .into_par_iter()
            .map(|p| {
                let mut forms = Vec::with_capacity(states * values);
                for number in 0..states {
                    let table = moves.table(State::of(2 * number, frame.orders()));
                    for block in plain.block(p) {
                        forms.extend(table.iter().map(|from| centred(block[*from as usize])));
                    }
                }
                let norm = square(&forms[..values]);
                let mut products = vec![0f32; states * count];
                matmul(
                    MatMut::from_column_major_slice_mut(&mut products, states, count),
                    Accum::Replace,
                    MatRef::from_row_major_slice(&forms, states, values),
                    disguised_matrix,
                    1.0,
                    Par::Seq,
                );
                let best = |(piece, products): (usize, &[f32])| {
                    let (number, product) = products
                        .iter()
                        .enumerate()
                        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()).then(b.0.cmp(&a.0)))
                        .unwrap_or((0, &0.0));
                    let state = State::of(2 * number + usize::from(*product < 0.0), frame.orders());
                    ((norm + norms[piece] - 2.0 * product.abs()).max(0.0), state)
                };
                products.chunks_exact(states).enumerate().map(best).collect()
            })
            .collect();
        if budget.is_spent() {
            return None;
        }
        let partners = if frame.moved {
            assign(&rows)
        } else {
            (0..count).collect()
        };
        // Rounding alone may move every value by a grey level.
        let spread: f64 = columns.chunks_exact(frame.bytes()).map(spread).sum();
        let mut places = vec![Place::default(); count];
        let (mut sum, mut exact, size) = (0.0, 0, frame.size());
        for (position, piece) in partners.into_iter().enumerate() {
            let (distance, state) = rows[position][piece];
            sum += f64::from(distance);
            exact += usize::from(distance < 0.5);
            places[piece] = Place {
                row: position / size.1,
                column: position % size.1,
                state: state.inverse(),
            };
        }
        Some(Match {
            layout: Layout {
                rows: size.0,
                columns: size.1,
                places,
            },
            exact,
            determined: 0,
            bits_left: 0.0,
            distance: (sum / (count * values) as f64).sqrt(),
            explained: (1.0 - sum / spread.max((count * values) as f64)).max(0.0),
        })
    }
}

/// Squared distance of values from their mean.
fn spread(values: &[f32]) -> f64 {
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len().max(1) as f64;
    values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum()
}

/// Plain and disguised blocks of one canonical form: position and the state that leads to the form.
#[derive(Default)]
struct Group {
    plain: Vec<(usize, State)>,
    disguised: Vec<(usize, State)>,
    alike: usize,
}

/// The partner of each row. Rows and columns that are each other's best are taken as they are; the
/// rest, a few flat blocks as a rule, by the assignment of least cost, which takes cubic time.
fn assign(rows: &[Vec<(f32, State)>]) -> Vec<usize> {
    let count = rows.len();
    let best_column = |r: usize| (0..count).min_by(|a, b| rows[r][*a].0.total_cmp(&rows[r][*b].0));
    let best_row = |c: usize| (0..count).min_by(|a, b| rows[*a][c].0.total_cmp(&rows[*b][c].0));
    let columns_best: Vec<Option<usize>> = (0..count).into_par_iter().map(best_row).collect();
    let mut partners: Vec<Option<usize>> = (0..count)
        .into_par_iter()
        .map(|r| best_column(r).filter(|c| columns_best[*c] == Some(r)))
        .collect();
    let mut free = vec![true; count];
    partners.iter().flatten().for_each(|c| free[*c] = false);
    let columns: Vec<usize> = (0..count).filter(|c| free[*c]).collect();
    let open: Vec<usize> = (0..count).filter(|r| partners[*r].is_none()).collect();
    if !open.is_empty() {
        let cost = |(r, c): (usize, usize)| rows[open[r]][columns[c]].0.min(1e12) as i64;
        let costs = Matrix::from_fn(open.len(), columns.len(), cost);
        for (row, column) in kuhn_munkres_min(&costs).1.into_iter().enumerate() {
            partners[open[row]] = Some(columns[column]);
        }
    }
    partners.into_iter().flatten().collect()
}
