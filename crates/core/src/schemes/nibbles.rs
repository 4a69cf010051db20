//! What the nibble schemes share: their keys, parameters and work.
//!
//! A block of d = b * b * C bytes, in the order (row, column, channel), is a row of 2d nibbles: the
//! low ones of all bytes, then the high ones. A key permutes them and complements some.

use crate::{
    Error, Grid, Material, Shape, Shuffle,
    bytes::{ByteDisguise, ByteWork},
    params::{Kind, ParamSpec, Params},
    schedule::Stream,
    schemes::log2_factorial,
    simd::{self, NibbleKeys, NibblePlan},
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub(super) const BLOCK: ParamSpec = ParamSpec {
    name: "block",
    help: "side of a block in pixels",
    kind: Kind::Int { min: 2, max: 16 },
    default: "4",
};

pub(super) const FLIPS: ParamSpec = ParamSpec {
    name: "flips",
    help: "independent: which nibbles are complemented is drawn apart, as the paper counts the key; \
           tanaka: it follows from the permutation, as in the authors' program",
    kind: Kind::Choice(&["independent", "tanaka"]),
    default: "independent",
};

/// The grid over an image, by the parameter `block`.
pub(super) fn grid(params: &Params, image: Shape) -> Grid {
    Grid::new(image, params.int("block") as usize)
}

/// Nibbles in a block.
pub(super) fn slots(grid: &Grid) -> usize {
    2 * grid.block() * grid.block_row()
}

/// Size of the space of one key in bits.
pub(super) fn key_bits(params: &Params, image: Shape) -> f64 {
    let slots = slots(&grid(params, image));
    match Flips::of(params) {
        Flips::Independent => log2_factorial(slots) + slots as f64,
        Flips::Tanaka => log2_factorial(slots),
    }
}

/// Where the complements come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flips {
    /// Fair bits of their own.
    Independent,
    /// The permutation.
    Tanaka,
}

impl Flips {
    pub(super) fn of(params: &Params) -> Self {
        match params.text("flips") {
            "tanaka" => Self::Tanaka,
            _ => Self::Independent,
        }
    }
}

/// The key of a block: output nibble `j` is input nibble `perm[j]`, complemented if `flip[j]`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct NibbleKey {
    perm: Vec<usize>,
    flip: Vec<bool>,
}

impl NibbleKey {
    /// Draws a permutation and, where they are independent, the complements after it.
    pub(super) fn draw(stream: &mut Stream, slots: usize, flips: Flips) -> Self {
        let perm = stream.permutation(slots);
        let flip = match flips {
            Flips::Independent => stream.bits(slots),
            Flips::Tanaka => implied_flips(&perm),
        };
        Self { perm, flip }
    }

    /// Takes `count` keys from the arrays `perm` and `flip`, whose last dimension are the nibbles of
    /// a block; `None` if neither is given. Without `flip` the complements must follow from `perm`.
    pub(super) fn explicit(
        material: &Material,
        outer: &[usize],
        slots: usize,
        flips: Flips,
    ) -> Result<Option<Vec<Self>>, Error> {
        let shape: Vec<usize> = outer.iter().copied().chain([slots]).collect();
        let perms = material.integers("perm", &shape)?.map(Zeroizing::new);
        let masks = material.integers("flip", &shape)?.map(Zeroizing::new);
        let Some(perms) = perms else {
            return match masks {
                None => Ok(None),
                Some(_) => Err(Error::material("flip", "means nothing without perm; give both")),
            };
        };
        if masks.is_none() && flips == Flips::Independent {
            let problem = format!("is needed beside perm, of shape {shape:?}; or set flips=tanaka");
            return Err(Error::material("flip", problem));
        }
        let keys = perms.chunks_exact(slots).enumerate().map(|(i, perm)| {
            let perm = permutation(i, perm)?;
            let implied = implied_flips(&perm);
            let Some(masks) = &masks else {
                return Ok(Self { perm, flip: implied });
            };
            let flip = bits(&masks[i * slots..][..slots])?;
            let contradicts = flips == Flips::Tanaka && flip != implied;
            let key = Self { perm, flip };
            if contradicts {
                let problem = format!(
                    "key {i} does not follow from its permutation, as flips=tanaka says; leave flip out, \
                     or set flips=independent"
                );
                return Err(Error::material("flip", problem));
            }
            Ok(key)
        });
        keys.collect::<Result<_, _>>().map(Some)
    }

    /// The key that undoes this one.
    fn inverse(&self) -> Self {
        let (mut perm, mut flip) = (vec![0; self.perm.len()], vec![false; self.flip.len()]);
        for (to, (from, turned)) in self.perm.iter().zip(&self.flip).enumerate() {
            perm[*from] = to;
            flip[*from] = *turned;
        }
        Self { perm, flip }
    }
}

/// The complements of the authors' program: it complements the places whose entry is above half
/// the nibbles, permutes, and complements the same places again.
fn implied_flips(perm: &[usize]) -> Vec<bool> {
    let turned = |j: usize| perm[j] > perm.len() / 2;
    (0..perm.len()).map(|j| turned(j) != turned(perm[j])).collect()
}

fn permutation(key: usize, entries: &[i64]) -> Result<Vec<usize>, Error> {
    let mut seen = vec![false; entries.len()];
    let mut perm = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = usize::try_from(*entry).ok().filter(|p| *p < entries.len());
        match place {
            Some(place) if !std::mem::replace(&mut seen[place], true) => perm.push(place),
            _ => {
                let problem = format!(
                    "key {key} must name each of 0..{} once, but an entry is out of range or repeated",
                    entries.len()
                );
                return Err(Error::material("perm", problem));
            }
        }
    }
    Ok(perm)
}

fn bits(entries: &[i64]) -> Result<Vec<bool>, Error> {
    let bit = |entry: &i64| match entry {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::material(
            "flip",
            "must hold only 0 (keep) and 1 (complement)",
        )),
    };
    entries.iter().map(bit).collect()
}

/// The work of a nibble scheme, both ways.
pub(super) struct NibbleWork {
    forth: NibblePlan,
    back: NibblePlan,
}

impl NibbleWork {
    /// The disguise with one key for all blocks, or with one for each source position, whose blocks
    /// are then moved.
    pub(super) fn disguise(grid: Grid, keys: &[NibbleKey], shuffle: &Shuffle) -> ByteDisguise<Self> {
        let inverse = shuffle.inverse();
        let (mut forth, mut back) = (tables(&grid, keys), tables(&grid, keys));
        let mut push = |forward: &NibbleKey, backward: &NibbleKey| {
            forth.push(&forward.perm, &forward.flip);
            let backward = backward.inverse();
            back.push(&backward.perm, &backward.flip);
        };
        match keys {
            [one] => push(one, one),
            _ => {
                for (key, source) in keys.iter().zip(shuffle.order()) {
                    push(&keys[*source as usize], key);
                }
            }
        }
        let work = Self {
            forth: plan(&grid, forth, shuffle),
            back: plan(&grid, back, &inverse),
        };
        ByteDisguise::new(grid, work)
    }
}

fn tables(grid: &Grid, keys: &[NibbleKey]) -> NibbleKeys {
    NibbleKeys::with_capacity(slots(grid) / 2, keys.len())
}

fn plan(grid: &Grid, keys: NibbleKeys, order: &Shuffle) -> NibblePlan {
    NibblePlan {
        sources: order.order().iter().map(|i| grid.origin(*i as usize)).collect(),
        len: grid.padded().len(),
        stride: grid.padded().row(),
        side: grid.block(),
        width: grid.block_row(),
        keys,
    }
}

impl ByteWork for NibbleWork {
    fn apply(&self, plain: &[u8], disguised: &mut [u8]) {
        simd::permute_nibbles(&self.forth, plain, disguised);
    }

    fn remove(&self, disguised: &[u8], plain: &mut [u8]) {
        simd::permute_nibbles(&self.back, disguised, plain);
    }
}
