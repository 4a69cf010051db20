//! Disguised sets for the tests of the attacks on RMT and AES.

#![allow(dead_code)]

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};
use visard_attacks::{Budget, Exposure, Outcome, Pairs, Result, Rng, Set, Target, attacks, metrics};
use visard_core::{Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape, params::Params};

pub(crate) fn texts(params: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = |(k, v): &(&str, &str)| (k.to_string(), v.to_string());
    params.iter().map(own).collect()
}

pub(crate) fn key(scheme: &str, params: &[(&str, &str)], shape: Shape, secret: u8) -> Key {
    let secret = MasterSecret::new([secret; 32]);
    Key::new(scheme, &texts(params), Some(shape), secret, None).expect("a key")
}

/// Disguises images, which are numbered from `first` in their set.
pub(crate) fn disguise(key: &Key, plain: &Set, first: u64) -> Set {
    let disguise = key.disguise(plain.shape()).expect("a disguise");
    let ids = SampleId::numbered("train", first, plain.len());
    let output = disguise.output();
    let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
    disguise
        .apply(
            Samples::new(Salt([7; 16]), &ids),
            plain.as_bytes().expect("bytes"),
            pixels.view_mut(),
        )
        .expect("disguised images");
    Set::new(output.shape, pixels, Vec::new()).expect("a set")
}

/// Disguises every image under a key of its own.
pub(crate) fn disguise_afresh(scheme: &str, params: &[(&str, &str)], plain: &Set) -> Set {
    let sets: Vec<Set> = (0..plain.len())
        .map(|i| {
            let key = key(scheme, params, plain.shape(), 100 + (i % 150) as u8);
            disguise(&key, &part(plain, i, 1), i as u64)
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

/// `count` images of bytes from image `first` on.
pub(crate) fn part(set: &Set, first: usize, count: usize) -> Set {
    let size = set.shape().len();
    let pixels = &set.as_bytes().expect("bytes")[first * size..(first + count) * size];
    Set::bytes(set.shape(), pixels.to_vec()).expect("a set")
}

/// Images of random bytes.
pub(crate) fn noise(shape: Shape, count: usize, seed: u64) -> Set {
    let mut rng = Rng::new(seed);
    let pixels = (0..count * shape.len()).map(|_| rng.below(256) as u8).collect();
    Set::bytes(shape, pixels).expect("a set")
}

/// Images of an IDX file, gzipped.
pub(crate) fn idx(path: &Path, count: usize) -> Set {
    let mut bytes = Vec::new();
    let file = File::open(path).expect("an IDX file");
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .expect("gzip");
    let side =
        |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
    let shape = Shape::new(side(8), side(12), 1);
    let count = count.min(side(4));
    Set::bytes(shape, bytes[16..16 + count * shape.len()].to_vec()).expect("a set")
}

pub(crate) fn exposure(scheme: &str, params: &[(&str, &str)], plain: Shape, disguised: Set) -> Exposure {
    let target = Target::new(scheme, &texts(params), plain).expect("a target");
    Exposure::new(target, disguised).expect("an exposure")
}

pub(crate) fn pairs(plain: &Set, disguised: &Set, count: usize) -> Pairs {
    Pairs::new(plain.first(count), disguised.first(count)).expect("pairs")
}

pub(crate) fn attack(name: &str, exposure: &Exposure, params: &[(&str, &str)]) -> Result<Outcome> {
    let info = attacks::find(name)?;
    let params = Params::resolve(info.params, &texts(params))?;
    (info.run)(
        exposure,
        &params,
        &Budget::generous(),
        &mut Rng::new(1),
        &|_, _| {},
    )
}

pub(crate) fn pictures(outcome: &Outcome) -> &Set {
    outcome.reconstructions.as_ref().expect("pictures")
}

/// PSNR in dB over all values of all images.
pub(crate) fn psnr(a: &Set, b: &Set) -> f64 {
    metrics::psnr(a.as_bytes().expect("bytes"), b.as_bytes().expect("bytes"))
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
