//! Disguised sets, exposures and attacks, in few words.

use anyhow::Context;
use std::collections::BTreeMap;
use visard_attacks::{Budget, Exposure, Outcome, Pairs, Rng, Set, Target, attacks, metrics};
use visard_core::{Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape, params::Params};

/// Parameters and their values.
pub type Given<'a> = &'a [(&'a str, &'a str)];

/// Parameters as texts that own themselves.
pub fn texts(given: Given<'_>) -> BTreeMap<String, String> {
    let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    given.iter().map(own).collect()
}

/// The key of a scheme; `secret` tells keys apart.
///
/// # Errors
/// If the scheme does not take the parameters or the shape.
pub fn key(scheme: &str, given: Given<'_>, shape: Shape, secret: u8) -> anyhow::Result<Key> {
    let secret = MasterSecret::new([secret; 32]);
    Ok(Key::new(scheme, &texts(given), Some(shape), secret, None)?)
}

/// The key of that number, where more than 256 are wanted.
///
/// # Errors
/// If the scheme does not take the parameters or the shape.
pub fn numbered_key(scheme: &str, given: Given<'_>, shape: Shape, number: u64) -> anyhow::Result<Key> {
    let mut secret = [7; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    Ok(Key::new(
        scheme,
        &texts(given),
        Some(shape),
        MasterSecret::new(secret),
        None,
    )?)
}

/// The helper images of an attack, under their key, for what it is to open.
///
/// # Errors
/// If there is no such attack, or it has no helper images.
pub fn with_helpers(attack: &str, key: &Key, exposure: Exposure) -> anyhow::Result<Exposure> {
    let info = attacks::find(attack)?;
    let make = info
        .helpers
        .with_context(|| format!("{attack} has no helper images"))?;
    let plain = make(&exposure.target, &Params::resolve(info.params, &BTreeMap::new())?)?;
    let disguised = disguise(key, &plain, "train", 0)?;
    Ok(exposure.with_chosen(Pairs::new(plain, disguised)?)?)
}

/// Disguises images of bytes, which are numbered from `first` on in a split of that name.
///
/// # Errors
/// If the key is not for their shape, or the scheme mixes and so needs a gallery.
pub fn disguise(key: &Key, plain: &Set, split: &str, first: u64) -> anyhow::Result<Set> {
    let disguise = key.disguise(plain.shape())?;
    let ids = SampleId::numbered(split, first, plain.len());
    let output = disguise.output();
    let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
    let samples = Samples::new(Salt([9; 16]), &ids);
    disguise.apply(samples, plain.as_bytes()?, pixels.view_mut())?;
    Ok(Set::new(output.shape, pixels, plain.labels().to_vec())?)
}

/// Disguised images and what is public about their disguise.
///
/// # Errors
/// If the images are not what the scheme makes.
pub fn exposure(scheme: &str, given: Given<'_>, plain: Shape, disguised: Set) -> anyhow::Result<Exposure> {
    Ok(Exposure::new(
        Target::new(scheme, &texts(given), plain)?,
        disguised,
    )?)
}

/// The first `count` images with their disguises.
///
/// # Errors
/// If one side has fewer.
pub fn pairs(plain: &Set, disguised: &Set, count: usize) -> anyhow::Result<Pairs> {
    Ok(Pairs::new(plain.first(count), disguised.first(count))?)
}

/// Runs an attack without a bound on time.
///
/// # Errors
/// If there is no such attack, or it cannot be run on this.
pub fn attack(name: &str, exposure: &Exposure, given: Given<'_>) -> anyhow::Result<Outcome> {
    let info = attacks::find(name)?;
    let params = Params::resolve(info.params, &texts(given))?;
    let outcome = (info.run)(
        exposure,
        &params,
        &Budget::generous(),
        &mut Rng::new(1),
        &|_, _| {},
    );
    outcome.with_context(|| name.to_string())
}

/// The pictures of an outcome.
///
/// # Errors
/// If it has none.
pub fn pictures(outcome: &Outcome) -> anyhow::Result<&Set> {
    outcome
        .reconstructions
        .as_ref()
        .context("the attack made no pictures")
}

/// An array of whole numbers of what an attack recovered; empty if it did not.
///
/// # Errors
/// If it has another shape, or holds reals.
pub fn integers(outcome: &Outcome, name: &str, shape: &[usize]) -> anyhow::Result<Vec<i64>> {
    Ok(outcome.material.integers(name, shape)?.unwrap_or_default())
}

/// PSNR in dB over all values of all images.
pub fn psnr(truth: &Set, guess: &Set) -> anyhow::Result<f64> {
    Ok(metrics::psnr(
        &metrics::to_bytes(truth),
        &metrics::to_bytes(guess),
    ))
}

/// The middle of several values; no number if there are none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Correlation over all values of all images.
pub fn correlation(a: &Set, b: &Set) -> f64 {
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
