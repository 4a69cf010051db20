//! In which form images reach a model, and shadow models.

use super::part::Held;
use crate::{
    commands::train::disguise_of,
    failure::{Mismatch, Usage},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use visard_attacks::{Rng, metrics, model::Forms};
use visard_core::{Dtype, Key, Pixels, Salt, SampleId, Samples, Shape};
use visard_data::{Batch, Depth, Fit, Gallery, Scale, Stored};
use visard_learn::{Examples, ModelInfo, Soft};

/// Which images the key is for that plain images are disguised with before they are used.
pub(super) enum Disguising {
    /// None: images are used as they are.
    Nothing,
    /// Those that are sent: the adversary has the key, or one that an attack recovered.
    Sent(Key),
    /// Those that shadow models learn from: an outsider without the key makes one of its own.
    Shadows(Key),
}

/// How images are sent.
pub(super) struct Sender<'a> {
    /// The model that they are sent to.
    pub(super) model: &'a ModelInfo,
    /// What is disguised first.
    pub(super) disguising: Disguising,
    /// What a mixing scheme blends in.
    pub(super) gallery: Option<Gallery>,
}

impl Sender<'_> {
    /// The key, if there is one.
    pub(super) fn key(&self) -> Option<&Key> {
        match &self.disguising {
            Disguising::Nothing => None,
            Disguising::Sent(key) | Disguising::Shadows(key) => Some(key),
        }
    }

    /// Both forms of the pictures. What schemes draw for each image comes from `rng`.
    ///
    /// # Errors
    /// If the images are disguised already, or do not fit the key.
    pub(super) fn forms(&self, held: &Held, rng: &mut Rng) -> anyhow::Result<Forms> {
        let Some(key) = self.key() else {
            return Ok(Forms::same(held.images.clone()));
        };
        if held.manifest.is_some() {
            return Err(Usage(format!(
                "{}: is disguised already; a key is for plain images",
                held.path.display()
            ))
            .into());
        }
        let disguised = self.disguise(key, held, rng)?;
        let plain = held.images.clone();
        Ok(match self.disguising {
            Disguising::Shadows(_) => Forms {
                train: disguised,
                query: plain,
            },
            // A model of plain images has shadows of plain images, whatever is sent to them.
            _ if self.model.disguise.is_empty() => Forms {
                train: plain,
                query: disguised,
            },
            _ => Forms::same(disguised),
        })
    }

    /// What a copy of the model remembers of the disguise of the pictures that it learned from.
    pub(super) fn disguise_of(&self, held: &Held) -> BTreeMap<String, Value> {
        match (&self.disguising, &held.manifest) {
            (Disguising::Sent(key), _) => {
                let (depth, scale) = self.storage(key);
                let of = |name: &str, value: Value| (name.to_string(), value);
                BTreeMap::from([
                    of("scheme", json!(key.scheme().info().name)),
                    of("params", json!(key.scheme().params())),
                    of("fingerprint", json!(key.fingerprint().to_string())),
                    of("depth", json!(depth)),
                    of("scale", json!(scale)),
                ])
            }
            (_, Some(manifest)) => disguise_of(manifest),
            _ => BTreeMap::new(),
        }
    }

    fn disguise(&self, key: &Key, held: &Held, rng: &mut Rng) -> anyhow::Result<Examples> {
        let plain = &held.images;
        let size = |shape: Shape| (shape.height, shape.width);
        if let Some(shape) = key.shape().filter(|shape| size(*shape) != size(plain.shape)) {
            return Err(Mismatch(format!(
                "{}: holds images of {}, the key is for {shape}",
                held.path.display(),
                plain.shape
            ))
            .into());
        }
        let (salt, (depth, scale)) = (salt(rng), self.storage(key));
        let batch = Batch {
            ids: held.ids.clone(),
            shape: plain.shape,
            labels: plain.labels.clone(),
            pixels: plain.pixels.clone(),
            ..Batch::new(plain.pixels.depth())
        };
        let gallery = self.gallery.as_ref();
        let made = visard_data::disguise_batch(key, salt, Fit::Error, (depth, scale), gallery, batch)?;
        let scale = scale.filter(|_| !matches!(made.pixels, Stored::F32(_)));
        let examples = Examples::new(made.shape, made.pixels, scale, made.labels)?;
        let examples = examples.with_encodings(key.scheme().encodings())?;
        if !key.scheme().mixes() {
            return Ok(examples);
        }
        let classes = self.model.classes.len();
        let mut weights = vec![0.0; examples.len() * classes];
        let samples = Samples {
            gallery: gallery.map(|gallery| gallery as &dyn visard_core::Gallery),
            ..Samples::new(salt, &held.ids)
        };
        let disguise = key.disguise(key.shape().unwrap_or(plain.shape))?;
        disguise.soft_labels(samples, &plain.labels, classes, &mut weights)?;
        Ok(examples.with_soft(Some(Soft { classes, weights }))?)
    }

    /// How the model's training images were stored, where the key is of their scheme; else exactly.
    fn storage(&self, key: &Key) -> (Depth, Option<Scale>) {
        let field = |name: &str| self.model.disguise.get(name).cloned().unwrap_or_default();
        let scheme = key.scheme();
        let same = field("scheme") == json!(scheme.info().name) && field("params") == json!(scheme.params());
        let scale = serde_json::from_value::<Option<Scale>>(field("scale")).unwrap_or_default();
        let depth = serde_json::from_value::<Option<Depth>>(field("depth")).unwrap_or_default();
        match (depth, scale) {
            (Some(depth), Some(scale)) if same => (depth, Some(scale)),
            _ => (Depth::F32, None),
        }
    }
}

/// A salt that `rng` draws: what is disguised here leaves no trace but in answers, and runs can be repeated.
fn salt(rng: &mut Rng) -> Salt {
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&rng.next_u64().to_le_bytes());
    salt[8..].copy_from_slice(&rng.next_u64().to_le_bytes());
    Salt(salt)
}

/// Takes the disguise of `key` off pictures of `shape`, grey levels one after the other. What values the
/// scheme cannot make are confined to bytes where it makes bytes.
///
/// # Errors
/// If the key makes images of another shape, or its disguise does not come off.
pub(super) fn restore(key: &Key, shape: Shape, pictures: &[f32]) -> anyhow::Result<(Shape, Vec<f32>)> {
    let plain = key.shape().unwrap_or(shape);
    let disguise = key.disguise(plain)?;
    let output = disguise.output();
    if output.shape != shape {
        return Err(Mismatch(format!(
            "--remove-with: the key makes images of {}, the model takes {shape}",
            output.shape
        ))
        .into());
    }
    let count = pictures.len() / shape.len();
    let disguised = match output.dtype {
        Dtype::U8 => Pixels::U8(pictures.iter().map(|v| metrics::to_byte(*v)).collect()),
        Dtype::F32 => Pixels::F32(pictures.to_vec()),
    };
    let ids = SampleId::numbered("inverted", 0, count);
    let mut bytes = vec![0; count * plain.len()];
    disguise.remove(Samples::new(Salt([0; 16]), &ids), disguised.view(), &mut bytes)?;
    Ok((plain, bytes.into_iter().map(f32::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::MasterSecret;

    #[test]
    fn a_disguise_comes_off_pictures_of_its_own_shape_alone() {
        for (scheme, within) in [("aes", 0.0), ("rmt", 1.0)] {
            let shape = Shape::new(8, 8, 1);
            let set = BTreeMap::from([("block".to_string(), "4".to_string())]);
            let key = Key::new(scheme, &set, Some(shape), MasterSecret::new([7; 32]), None).unwrap();
            let disguise = key.disguise(shape).unwrap();
            let plain: Vec<u8> = (0..2 * 64).map(|v| (v * 37 % 251) as u8).collect();
            let ids = SampleId::numbered("train", 0, 2);
            let mut made = Pixels::zeros(disguise.output().dtype, 2 * 64);
            let samples = Samples::new(Salt([0; 16]), &ids);
            disguise.apply(samples, &plain, made.view_mut()).unwrap();
            let grey: Vec<f32> = match made {
                Pixels::U8(bytes) => bytes.into_iter().map(f32::from).collect(),
                Pixels::F32(values) => values,
            };
            let (back, restored) = restore(&key, shape, &grey).unwrap();
            let farthest = restored
                .iter()
                .zip(&plain)
                .map(|(a, b)| (a - f32::from(*b)).abs())
                .fold(0.0, f32::max);
            assert_eq!(back, shape);
            assert!(farthest <= within, "{scheme}: {farthest}");
            assert!(restore(&key, Shape::new(4, 16, 1), &grey).is_err());
        }
    }
}
