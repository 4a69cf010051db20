//! Sets of images, disguises and scores.

use flate2::read::GzDecoder;
use std::{collections::BTreeMap, fs::File, io::Read, path::PathBuf};
use visard_attacks::{Budget, Exposure, Outcome, Pairs, Result, Rng, Set, Target, attacks};
use visard_core::{
    Dtype, Key, MasterSecret, PixelsMut, PixelsRef, Salt, SampleId, Samples, Shape, params::Params,
};

pub(super) const COLOR: Shape = Shape::new(32, 32, 3);
pub(super) const GREY: Shape = Shape::new(28, 28, 1);
pub(super) const NO_COLOR_STEP: &[(&str, &str)] = &[("color", "false")];
pub(super) const OWN_KEYS: &[(&str, &str)] = &[("image_key", "true")];

pub(super) type Given<'a> = &'a [(&'a str, &'a str)];

pub(super) fn texts(given: Given<'_>) -> BTreeMap<String, String> {
    given
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect()
}

/// Disguises images under the key of that secret.
pub(super) fn disguise(scheme: &str, given: Given<'_>, secret: u8, plain: &Set) -> Set {
    let secret = MasterSecret::new([secret; 32]);
    let key = Key::new(scheme, &texts(given), Some(plain.shape()), secret, None).unwrap();
    let ids = SampleId::numbered("train", 0, plain.len());
    let prepared = key.disguise(plain.shape()).unwrap();
    let output = prepared.output();
    assert_eq!(output.dtype, Dtype::U8);
    let mut made = vec![0; plain.len() * output.shape.len()];
    let samples = Samples::new(Salt([9; 16]), &ids);
    let to = PixelsMut::U8(&mut made);
    prepared.apply(samples, plain.as_bytes().unwrap(), to).unwrap();
    Set::bytes(output.shape, made).unwrap()
}

pub(super) fn exposure(scheme: &str, given: Given<'_>, plain: Shape, disguised: Set) -> Exposure {
    Exposure::new(Target::new(scheme, &texts(given), plain).unwrap(), disguised).unwrap()
}

pub(super) fn attack_with(
    name: &str,
    given: Given<'_>,
    exposure: &Exposure,
    budget: Budget,
) -> Result<Outcome> {
    let info = attacks::find(name)?;
    let params = Params::resolve(info.params, &texts(given))?;
    (info.run)(exposure, &params, &budget, &mut Rng::new(1), &|_, _| ())
}

pub(super) fn attack(name: &str, given: Given<'_>, exposure: &Exposure) -> Outcome {
    attack_with(name, given, exposure, Budget::generous()).unwrap()
}

pub(super) fn pictures(outcome: &Outcome) -> &[u8] {
    outcome.reconstructions.as_ref().unwrap().as_bytes().unwrap()
}

/// Share of values that are the same.
pub(super) fn same(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}

pub(super) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../data")
        .join(name)
}

/// Patches of 32x32x3 at random places of the bundled photographs.
pub(super) fn patches(count: usize) -> Set {
    let photos: Vec<_> = ["astronaut", "chelsea", "coffee"]
        .iter()
        .map(|name| {
            image::open(data(&format!("photos/{name}.png")))
                .unwrap()
                .to_rgb8()
        })
        .collect();
    let mut rng = Rng::new(5);
    let mut pixels = Vec::new();
    for i in 0..count {
        let photo = &photos[i % photos.len()];
        let x = rng.below(photo.width() as usize - 31) as u32;
        let y = rng.below(photo.height() as usize - 31) as u32;
        pixels.extend(
            image::imageops::crop_imm(photo, x, y, 32, 32)
                .to_image()
                .into_raw(),
        );
    }
    Set::bytes(COLOR, pixels).unwrap()
}

/// A photograph, (H, W, 3).
pub(super) fn photo(name: &str) -> Set {
    let photo = image::open(data(&format!("photos/{name}.png")))
        .unwrap()
        .to_rgb8();
    let shape = Shape::new(photo.height() as usize, photo.width() as usize, 3);
    Set::bytes(shape, photo.into_raw()).unwrap()
}

pub(super) fn fashion(count: usize) -> Set {
    let file = File::open(data("fashion-mnist-12k/t10k-images-idx3-ubyte.gz")).unwrap();
    let mut pixels = vec![0; 16 + count * GREY.len()];
    GzDecoder::new(file).read_exact(&mut pixels).unwrap();
    Set::bytes(GREY, pixels.split_off(16)).unwrap()
}

pub(super) fn noise(shape: Shape, count: usize, seed: u64) -> Set {
    let mut rng = Rng::new(seed);
    let pixels = (0..count * shape.len()).map(|_| rng.next_u64() as u8).collect();
    Set::bytes(shape, pixels).unwrap()
}

/// The images turned to each of the states that whole images can be turned to.
pub(super) fn turned(set: &Set, exchanges: bool) -> Vec<Vec<u8>> {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let channels = set.shape().channels;
    let turn = |state: usize| {
        let place = |c: usize| {
            if exchanges {
                ORDERS[state >> channels][c]
            } else {
                c
            }
        };
        let value = |pixel: &[u8], c: usize| {
            let v = pixel[place(c)];
            if state >> c & 1 == 1 { 255 - v } else { v }
        };
        let pixels = set.as_bytes().unwrap().chunks_exact(channels);
        pixels
            .flat_map(|pixel| (0..channels).map(|c| value(pixel, c)).collect::<Vec<_>>())
            .collect()
    };
    (0..(if exchanges { 6 } else { 1 }) << channels)
        .map(turn)
        .collect()
}

/// Share of values that are right in the best of the states that whole images can be turned to.
pub(super) fn same_but_turned(plain: &Set, exchanges: bool, guess: &[u8]) -> f64 {
    turned(plain, exchanges)
        .iter()
        .map(|turned| same(turned, guess))
        .fold(0.0, f64::max)
}

/// The recovered key, used as explicit material, takes the disguise off.
pub(super) fn removes(outcome: &Outcome, given: Given<'_>, plain: &Set, disguised: &Set) -> bool {
    let material = outcome.material.clone();
    let shape = plain.shape();
    let key = Key::new(
        "skk",
        &texts(given),
        Some(shape),
        MasterSecret::new([0; 32]),
        Some(material),
    )
    .unwrap();
    let ids = SampleId::numbered("train", 0, plain.len());
    let mut back = vec![0; disguised.len() * shape.len()];
    let samples = Samples::new(Salt([0; 16]), &ids);
    let from = PixelsRef::U8(disguised.as_bytes().unwrap());
    key.disguise(shape)
        .unwrap()
        .remove(samples, from, &mut back)
        .unwrap();
    back == plain.as_bytes().unwrap()
}

pub(super) fn with_pairs(given: Given<'_>, secret: u8, known: Set, secret_read: u8, read: &Set) -> Exposure {
    let made = disguise("skk", given, secret, &known);
    exposure(
        "skk",
        given,
        read.shape(),
        disguise("skk", given, secret_read, read),
    )
    .with_pairs(Pairs::new(known, made).unwrap())
    .unwrap()
}
