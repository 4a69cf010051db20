//! What the test programs of attacks share: bundled images, disguised sets, and runs of attacks.

// No program takes all of it.
#![allow(dead_code)]

pub(crate) mod blends;

use std::{collections::BTreeMap, fs::File, io::Read, ops::Range, path::PathBuf};
use visard_attacks::{Budget, Exposure, Outcome, Result, Rng, Set, Target, attacks, metrics};
use visard_core::{Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape, params::Params};

/// Parameters and their values.
pub(crate) type Given<'a> = &'a [(&'a str, &'a str)];

pub(crate) fn texts(given: Given<'_>) -> BTreeMap<String, String> {
    let text = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    given.iter().map(text).collect()
}

fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../data")
        .join(path)
}

/// The first `len` bytes behind the header of a bundled file of Fashion-MNIST.
pub(crate) fn idx(name: &str, header: usize, len: usize) -> Vec<u8> {
    let file = File::open(data("fashion-mnist-12k").join(name)).unwrap();
    let mut bytes = vec![0; header + len];
    flate2::read::GzDecoder::new(file).read_exact(&mut bytes).unwrap();
    bytes.split_off(header)
}

/// The first garments of the part `train` or `t10k`, 28x28x1.
pub(crate) fn garments(part: &str, count: usize) -> Set {
    let shape = Shape::new(28, 28, 1);
    let pixels = idx(&format!("{part}-images-idx3-ubyte.gz"), 16, count * shape.len());
    Set::bytes(shape, pixels).unwrap()
}

/// A bundled photograph.
pub(crate) fn photo(name: &str) -> image::RgbImage {
    image::open(data(&format!("photos/{name}.png")))
        .unwrap()
        .into_rgb8()
}

/// The bundled photographs.
pub(crate) fn photos() -> [image::RgbImage; 3] {
    ["astronaut", "chelsea", "coffee"].map(photo)
}

/// Patches of the bundled photographs at random places.
pub(crate) fn patches(count: usize, side: usize) -> Set {
    let photos = photos();
    let mut rng = Rng::new(1);
    let mut pixels = Vec::new();
    for _ in 0..count {
        let photo = &photos[rng.below(photos.len())];
        let left = rng.below(photo.width() as usize - side);
        let top = rng.below(photo.height() as usize - side);
        for i in 0..side * side {
            let pixel = photo.get_pixel((left + i % side) as u32, (top + i / side) as u32);
            pixels.extend(pixel.0);
        }
    }
    Set::bytes(Shape::new(side, side, 3), pixels).unwrap()
}

/// Pixels of smooth textures, each its own.
pub(crate) fn textures(shape: Shape, count: usize, seed: u64) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(count * shape.len());
    for image in 0..count as u64 {
        let mut rng = Rng::new(seed + 1000 * image);
        let waves: Vec<[f64; 4]> = (0..4).map(|_| std::array::from_fn(|_| rng.unit())).collect();
        for i in 0..shape.len() {
            let (row, column) = (i / shape.row(), i % shape.row() / shape.channels);
            let (y, x, c) = (row as f64, column as f64, (i % shape.channels) as f64);
            let wave = |[a, b, phase, power]: &[f64; 4]| {
                90.0 * power * ((a - 0.5) * y + (b - 0.5) * x + 6.3 * phase + 0.4 * c).sin()
            };
            let value = 110.0 + waves.iter().map(wave).sum::<f64>() + 6.0 * rng.unit();
            pixels.push(value.clamp(0.0, 255.0) as u8);
        }
    }
    pixels
}

/// Images of random bytes.
pub(crate) fn noise(shape: Shape, count: usize, seed: u64) -> Set {
    let mut rng = Rng::new(seed);
    let pixels = (0..count * shape.len()).map(|_| rng.below(256) as u8).collect();
    Set::bytes(shape, pixels).unwrap()
}

/// A standard normal.
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos()
}

/// The images of bytes of a range, with their classes.
pub(crate) fn part(set: &Set, range: Range<usize>) -> Set {
    let len = set.shape().len();
    let pixels = set.as_bytes().unwrap()[range.start * len..range.end * len].to_vec();
    let labels = set.labels().get(range).map(<[u32]>::to_vec).unwrap_or_default();
    Set::new(set.shape(), Pixels::U8(pixels), labels).unwrap()
}

/// The images of bytes at these places, in this order.
pub(crate) fn pick(set: &Set, places: &[usize]) -> Set {
    let (bytes, len) = (set.as_bytes().unwrap(), set.shape().len());
    let pixels = places.iter().flat_map(|i| &bytes[i * len..][..len]).copied();
    Set::bytes(set.shape(), pixels.collect()).unwrap()
}

/// The key of a scheme; `secret` tells keys apart.
pub(crate) fn key(scheme: &str, given: Given<'_>, shape: Shape, secret: u8) -> Key {
    let secret = MasterSecret::new([secret; 32]);
    Key::new(scheme, &texts(given), Some(shape), secret, None).unwrap()
}

/// Images of bytes under a key, in a run with that salt, numbered from `first` on.
pub(crate) fn disguise(key: &Key, plain: &Set, salt: u8, first: u64) -> Set {
    let disguise = key.disguise(plain.shape()).unwrap();
    let ids = SampleId::numbered("train", first, plain.len());
    let output = disguise.output();
    let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
    let samples = Samples::new(Salt([salt; 16]), &ids);
    disguise
        .apply(samples, plain.as_bytes().unwrap(), pixels.view_mut())
        .unwrap();
    Set::new(output.shape, pixels, plain.labels().to_vec()).unwrap()
}

/// Disguised images and what is public about their disguise.
pub(crate) fn exposure(scheme: &str, given: Given<'_>, plain: Shape, disguised: Set) -> Exposure {
    Exposure::new(Target::new(scheme, &texts(given), plain).unwrap(), disguised).unwrap()
}

/// Runs an attack with the randomness of that seed.
pub(crate) fn run(
    name: &str,
    exposure: &Exposure,
    given: Given<'_>,
    budget: &Budget,
    seed: u64,
) -> Result<Outcome> {
    let info = attacks::find(name)?;
    let params = Params::resolve(info.params, &texts(given))?;
    (info.run)(exposure, &params, budget, &mut Rng::new(seed), &|_, _| {})
}

/// Runs an attack without a bound on time.
pub(crate) fn attack(name: &str, exposure: &Exposure, given: Given<'_>) -> Result<Outcome> {
    run(name, exposure, given, &Budget::generous(), 1)
}

/// PSNR in dB over all values of all images.
pub(crate) fn psnr(truth: &Set, guess: &Set) -> f64 {
    metrics::psnr(truth.as_bytes().unwrap(), guess.as_bytes().unwrap())
}

/// Share of the images that were found as they are, each in its own place.
pub(crate) fn matched(found: &Set, plain: &Set) -> f64 {
    let len = plain.shape().len();
    let (found, bytes) = (found.as_bytes().unwrap(), plain.as_bytes().unwrap());
    let pairs = found.chunks(len).zip(bytes.chunks(len));
    pairs.filter(|(a, b)| a == b).count() as f64 / plain.len() as f64
}
