//! Disguised sets for the tests of the attacks on RMT and AES.

use crate::support::{self, Given, garments, key, part};
use visard_attacks::{Outcome, Pairs, Set};
use visard_core::{Key, Pixels};

/// The first garments.
pub(crate) fn fashion(count: usize) -> Set {
    garments("train", count)
}

/// Disguises images, which are numbered from `first` in their set.
pub(crate) fn disguise(key: &Key, plain: &Set, first: u64) -> Set {
    support::disguise(key, plain, 7, first)
}

/// Disguises every image under a key of its own.
pub(crate) fn disguise_afresh(scheme: &str, params: Given<'_>, plain: &Set) -> Set {
    let sets: Vec<Set> = (0..plain.len())
        .map(|i| {
            let key = key(scheme, params, plain.shape(), 100 + (i % 150) as u8);
            disguise(&key, &part(plain, i..i + 1), i as u64)
        })
        .collect();
    let (mut bytes, mut floats) = (Vec::new(), Vec::new());
    for set in &sets {
        match set.pixels() {
            Pixels::U8(v) => bytes.extend(v),
            Pixels::F32(v) => floats.extend(v),
        }
    }
    let pixels = if floats.is_empty() {
        Pixels::U8(bytes)
    } else {
        Pixels::F32(floats)
    };
    Set::new(sets[0].shape(), pixels, Vec::new()).expect("a set")
}

pub(crate) fn pairs(plain: &Set, disguised: &Set, count: usize) -> Pairs {
    Pairs::new(plain.first(count), disguised.first(count)).expect("pairs")
}

pub(crate) fn pictures(outcome: &Outcome) -> &Set {
    outcome.reconstructions.as_ref().expect("pictures")
}

/// Correlation over all values of all images.
pub(crate) fn correlation(a: &Set, b: &Set) -> f64 {
    let (a, b) = (a.to_floats(), b.to_floats());
    let mean = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(&a), mean(&b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(&b) {
        let (x, y) = (f64::from(*x) - ma, f64::from(*y) - mb);
        (ab, aa, bb) = (ab + x * y, aa + x * x, bb + y * y);
    }
    ab / (aa * bb).sqrt()
}
