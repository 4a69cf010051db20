//! Where the blocks of a disguised image belong, and how right that is.

use super::{
    frame::Frame,
    state::{Moves, Pose, State, code_array, orders},
};
use crate::{Result, Set, Target};
use rayon::prelude::*;
use visard_core::{Array, Material, Values};

/// Where a block of a disguised image belongs in the plain one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Row of blocks.
    pub row: usize,
    /// Column of blocks.
    pub column: usize,
    /// The change that takes the disguise off the block.
    pub state: State,
}

/// The places of all blocks of a disguised image: what a key of etc or etc-gray amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of blocks.
    pub rows: usize,
    /// Columns of blocks.
    pub columns: usize,
    /// The place of each disguised block, each place once.
    pub places: Vec<Place>,
}

/// How much of a layout is right, up to one pose, polarity and order of channels of the whole image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// D_c: share of the blocks that are in the right place and state.
    pub direct: f64,
    /// N_c: share of the pairs of neighbours that are neighbours in the right way.
    pub neighbour: f64,
    /// L_c: share of the blocks in the largest part that is right in itself.
    pub largest: f64,
}

impl Layout {
    /// The layout that explicit material of etc or etc-gray stands for; missing codes stand for no change.
    ///
    /// # Errors
    /// If the target is of another scheme, or an array does not fit it.
    pub fn from_material(target: &Target, material: &Material) -> Result<Self> {
        let frame = Frame::new("etc-jigsaw", target)?;
        let count = frame.pieces();
        let codes = |name: &str, none: i64| -> Result<Vec<i64>> {
            Ok(material
                .integers(name, &[count])?
                .unwrap_or_else(|| vec![none; count]))
        };
        let (rotate, flip) = (codes("rotate", 3)?, codes("flip", 2)?);
        let (negaposi, channel) = (codes("negaposi", 1)?, codes("channel", 0)?);
        let order = material.permutation("block_perm", count)?;
        let colour = |p: usize| if frame.orders() == 1 { 0 } else { channel[p] };
        let (rows, columns) = frame.size();
        let place = |p: usize| Place {
            row: p / columns,
            column: p % columns,
            state: State::from_codes(rotate[p], flip[p], negaposi[p], colour(p)).inverse(),
        };
        let places = order.unwrap_or_else(|| (0..count).collect()).into_iter();
        Ok(Self {
            rows,
            columns,
            places: places.map(place).collect(),
        })
    }

    /// The explicit material that it stands for: `block_perm`, `rotate`, `flip`, `negaposi` and, for
    /// images of three channels, `channel`.
    pub fn material(&self, channels: usize) -> Result<Material> {
        let count = self.places.len();
        let mut order = Vec::with_capacity(count);
        let mut codes = [3u8, 2, 1, 0].map(|none| vec![none; count]);
        for place in &self.places {
            let position = place.row * self.columns + place.column;
            order.push(position as i64);
            for (all, code) in codes.iter_mut().zip(place.state.inverse().codes()) {
                all[position] = code;
            }
        }
        let mut material = Material::new();
        let values = Values::I64(order);
        material.insert(
            "block_perm",
            Array {
                shape: vec![count],
                values,
            },
        )?;
        let [rotate, flip, negaposi, channel] = codes.map(code_array);
        material.insert("rotate", rotate)?;
        material.insert("flip", flip)?;
        material.insert("negaposi", negaposi)?;
        if orders(channels) > 1 {
            material.insert("channel", channel)?;
        }
        Ok(material)
    }

    /// The plain images of disguised ones.
    pub(super) fn restore(&self, frame: &Frame, disguised: &Set) -> Result<Set> {
        let moves = Moves::new(frame.side(), frame.channels());
        let mut plain = vec![0; disguised.len() * frame.plain().len()];
        let images = disguised.as_bytes()?.par_chunks_exact(disguised.shape().len());
        plain
            .par_chunks_exact_mut(frame.plain().len())
            .zip(images)
            .for_each(|(plain, image)| {
                let blocks = frame.cut(image);
                let (mut joined, mut block) = (vec![0; image.len()], Vec::new());
                for (place, source) in self.places.iter().zip(blocks.chunks_exact(frame.bytes())) {
                    block.clear();
                    block.extend(moves.changed(place.state, source));
                    frame.paste(place.row * self.columns + place.column, &block, &mut joined);
                }
                frame.split(&joined, plain);
            });
        Set::new(
            frame.plain(),
            visard_core::Pixels::U8(plain),
            disguised.labels().to_vec(),
        )
    }

    /// Everything turned, inverted and with its channels exchanged.
    #[must_use]
    pub fn changed(&self, by: State) -> Self {
        let place = |p: &Place| {
            let (row, column) = moved(by.pose, (self.rows, self.columns), (p.row, p.column));
            let state = p.state.then(by);
            Place { row, column, state }
        };
        let (mut rows, mut columns) = (self.rows, self.columns);
        if by.pose.transposes() {
            (rows, columns) = (columns, rows);
        }
        Self {
            rows,
            columns,
            places: self.places.iter().map(place).collect(),
        }
    }

    /// How right this layout is, judged by pictures: states that make the same of a block in all of
    /// these disguised images count as the same, as they do where a block is flat.
    ///
    /// # Errors
    /// If the target is of another scheme.
    pub fn score_pictures(&self, truth: &Self, target: &Target, disguised: &Set) -> Result<Scores> {
        let frame = Frame::new("etc-jigsaw", target)?;
        let moves = Moves::new(frame.side(), frame.channels());
        let images: Vec<Vec<u8>> = disguised
            .as_bytes()?
            .chunks_exact(disguised.shape().len())
            .map(|image| frame.cut(image))
            .collect();
        let same = |piece: usize, a: State, b: State| {
            a == b
                || images.iter().all(|image| {
                    let block = &image[piece * frame.bytes()..][..frame.bytes()];
                    moves.changed(a, block).eq(moves.changed(b, block))
                })
        };
        Ok(self.score(truth, frame.channels(), &same))
    }

    /// How right this layout is. `same(block, a, b)` says whether the states `a` and `b` make the same
    /// of a disguised block; `|_, a, b| a == b` is the strictest.
    pub fn score(&self, truth: &Self, channels: usize, same: &dyn Fn(usize, State, State) -> bool) -> Scores {
        let mut scores = Scores::default();
        let count = truth.places.len();
        let mut at = vec![0; count];
        for (piece, place) in truth.places.iter().enumerate() {
            at[place.row * truth.columns + place.column] = piece;
        }
        let right = |position: usize| {
            let inside = position % truth.columns + 1 < truth.columns;
            inside.then(|| (at[position], at[position + 1]))
        };
        let below = |position: usize| {
            let other = at.get(position + truth.columns)?;
            Some((at[position], *other))
        };
        let pairs: Vec<_> = (0..count).flat_map(|p| [right(p), below(p)]).flatten().collect();
        let mut found = vec![false; pairs.len()];
        for by in (0..16 * orders(channels)).map(|n| State::of(n, orders(channels))) {
            let changed = self.changed(by);
            let fits = (changed.rows, changed.columns) == (truth.rows, truth.columns);
            let state = |p: usize| same(p, changed.places[p].state, truth.places[p].state);
            let ok: Vec<bool> = (0..count).map(state).collect();
            let place = |layout: &Self, p: usize| (layout.places[p].row, layout.places[p].column);
            let direct = (0..count).filter(|p| ok[*p] && fits && place(&changed, *p) == place(truth, *p));
            scores.direct = scores.direct.max(direct.count() as f64 / count as f64);
            let offset = |layout: &Self, a: usize, b: usize| {
                let (a, b) = (place(layout, a), place(layout, b));
                (b.0 as isize - a.0 as isize, b.1 as isize - a.1 as isize)
            };
            let mut parts: Vec<usize> = (0..count).collect();
            for ((a, b), found) in pairs.iter().copied().zip(&mut found) {
                if ok[a] && ok[b] && offset(&changed, a, b) == offset(truth, a, b) {
                    *found = true;
                    let (a, b) = (root(&mut parts, a), root(&mut parts, b));
                    parts[a] = b;
                }
            }
            let mut sizes = vec![0usize; count];
            (0..count).for_each(|p| sizes[root(&mut parts, p)] += 1);
            let largest = sizes.into_iter().max().unwrap_or(0);
            scores.largest = scores.largest.max(largest as f64 / count as f64);
        }
        let neighbours = found.iter().filter(|f| **f).count();
        scores.neighbour = neighbours as f64 / pairs.len().max(1) as f64;
        scores
    }
}

/// Where a place of a board of that size comes to lie.
fn moved(pose: Pose, (rows, columns): (usize, usize), (row, column): (usize, usize)) -> (usize, usize) {
    let place = pose.after((row as i32, column as i32));
    let end = pose.after((rows as i32 - 1, columns as i32 - 1));
    (
        (place.0 - end.0.min(0)) as usize,
        (place.1 - end.1.min(0)) as usize,
    )
}

fn root(parts: &mut [usize], mut of: usize) -> usize {
    while parts[of] != of {
        parts[of] = parts[parts[of]];
        of = parts[of];
    }
    of
}
