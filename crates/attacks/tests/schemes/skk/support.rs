//! Sets of images, disguises and scores.

pub(super) use crate::support::{Given, exposure};
use crate::support::{garments, key, photos, run, texts};
use visard_attacks::{Budget, Exposure, Outcome, Pairs, Result, Rng, Set};
use visard_core::{Key, MasterSecret, PixelsRef, Salt, SampleId, Samples, Shape};

pub(super) const COLOR: Shape = Shape::new(32, 32, 3);
pub(super) const GREY: Shape = Shape::new(28, 28, 1);
pub(super) const NO_COLOR_STEP: &[(&str, &str)] = &[("color", "false")];
pub(super) const OWN_KEYS: &[(&str, &str)] = &[("image_key", "true")];

/// Disguises images under the key of that secret.
pub(super) fn disguise(scheme: &str, given: Given<'_>, secret: u8, plain: &Set) -> Set {
    let made = crate::support::disguise(&key(scheme, given, plain.shape(), secret), plain, 9, 0);
    assert!(made.as_bytes().is_ok());
    made
}

pub(super) fn attack_with(
    name: &str,
    given: Given<'_>,
    exposure: &Exposure,
    budget: Budget,
) -> Result<Outcome> {
    run(name, exposure, given, &budget, 1)
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

/// Patches of 32x32x3 at random places of the bundled photographs.
pub(super) fn patches(count: usize) -> Set {
    let photos = photos();
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
    let photo = crate::support::photo(name);
    let shape = Shape::new(photo.height() as usize, photo.width() as usize, 3);
    Set::bytes(shape, photo.into_raw()).unwrap()
}

pub(super) fn fashion(count: usize) -> Set {
    garments("t10k", count)
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
