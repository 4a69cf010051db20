//! Attacks that train networks (ATTACKS, section 7).

mod critic;
mod duel;
pub(super) mod embedding;
pub mod examiner;
mod fit;
pub(super) mod gan;
mod guess;
pub(super) mod itn;
pub(super) mod other_keys;
mod paired;
mod planes;
mod unet;
mod view;

use crate::{Error, Exposure, Result, Rng, Set, Target, metrics};
use visard_core::{Key, MasterSecret, Pixels, Salt, SampleId, Samples};

/// Fewer images than this teach a network nothing.
const FEWEST: usize = 8;

/// The images at these places, in this order, with their class numbers.
pub(super) fn pick(set: &Set, places: &[usize]) -> Result<Set> {
    fn gather<T: Copy>(values: &[T], places: &[usize], len: usize) -> Vec<T> {
        places
            .iter()
            .flat_map(|p| &values[p * len..][..len])
            .copied()
            .collect()
    }
    let len = set.shape().len();
    let pixels = match set.pixels() {
        Pixels::U8(v) => Pixels::U8(gather(v, places, len)),
        Pixels::F32(v) => Pixels::F32(gather(v, places, len)),
    };
    let labels = match set.labels() {
        [] => Vec::new(),
        labels => gather(labels, places, 1),
    };
    Set::new(set.shape(), pixels, labels)
}

/// Public images of the shape of the plain ones, `fewest` or more, to learn from. `alike` names what else has
/// that shape.
///
/// # Errors
/// If there are none, fewer, or others.
pub(super) fn public<'a>(
    attack: &'static str,
    exposure: &'a Exposure,
    fewest: usize,
    alike: &str,
) -> Result<&'a Set> {
    let plain = exposure.target.plain;
    let problem = match &exposure.public {
        Some(public) if public.shape() != plain => format!("these are of {}", public.shape()),
        Some(public) if public.len() < fewest => format!("there are {}", public.len()),
        Some(public) => return Ok(public),
        None => "there are none".into(),
    };
    Err(Error::Exposure(format!(
        "{attack} needs {fewest} or more public images of {plain}, the shape of the {alike}; {problem}"
    )))
}

/// The images disguised under a key that is just drawn.
pub(super) fn disguise(target: &Target, plain: &Set, rng: &mut Rng) -> Result<Set> {
    let (mut secret, mut salt) = ([0; 32], [0; 16]);
    for bytes in secret.chunks_exact_mut(8).chain(salt.chunks_exact_mut(8)) {
        bytes.copy_from_slice(&rng.next_u64().to_le_bytes());
    }
    let key = Key::new(
        target.name(),
        &target.scheme.params().texts(),
        Some(target.plain),
        MasterSecret::new(secret),
        None,
    )?;
    let disguise = key.disguise(target.plain)?;
    let output = disguise.output();
    let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
    let ids = SampleId::numbered("public", 0, plain.len());
    disguise.apply(
        Samples::new(Salt(salt), &ids),
        &metrics::to_bytes(plain),
        pixels.view_mut(),
    )?;
    Set::new(output.shape, pixels, Vec::new())
}

/// Mean and standard deviation of values; both 0 of none.
pub(super) fn mean_and_deviation(values: &[f32]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let square = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>();
    (mean, (square / count).sqrt())
}
