//! Pictures as they are trained on and asked about, under a key.

use anyhow::ensure;
use study_attacks::disguised::{Given, texts};
use visard_attacks::{Set, learning, metrics::to_byte};
use visard_core::{
    Dtype, Gallery, Key, MasterSecret, Material, Pixels, PixelsRef, Salt, SampleId, Samples, Shape,
};
use visard_learn::Examples;

/// Salt of every run; what is drawn for each image differs by key, split and number.
const SALT: Salt = Salt([9; 16]);

/// What pictures are disguised for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// To train a model: blends have their soft labels.
    Train,
    /// To ask a model: what is drawn for each image is drawn anew.
    Query,
}

/// A key with what it takes to use it.
#[derive(Debug)]
pub(crate) struct Cloak {
    key: Key,
    /// The same key without noise, to read what a model gives away: a picture that was climbed to along
    /// gradients has none of the noise that was drawn for some image.
    reader: Key,
    /// Mean of the noise in grey levels.
    lift: f32,
}

impl Cloak {
    /// The key of that number, or the one of the material that an attack recovered.
    ///
    /// # Errors
    /// If the material makes no key, or the scheme does not take the shape.
    pub(crate) fn new(
        (scheme, given): (&str, Given<'_>),
        shape: Shape,
        number: u64,
        material: Option<&Material>,
    ) -> anyhow::Result<Self> {
        let make = |params| {
            let mut secret = [11; 32];
            secret[..8].copy_from_slice(&number.to_le_bytes());
            let secret = MasterSecret::new(secret);
            Key::new(scheme, &params, Some(shape), secret, material.cloned())
        };
        let (params, mut quiet) = (texts(given), texts(given));
        let noise = quiet.remove("noise");
        let width: f32 = noise.map_or(Ok(0.0), |width| width.parse())?;
        Ok(Self {
            key: make(params)?,
            reader: make(quiet)?,
            lift: width / 2.0,
        })
    }

    /// Whether encodings are blends, which whoever has other pictures can make without any secret.
    pub(crate) fn blends(&self) -> bool {
        self.key.scheme().mixes()
    }

    /// Pictures disguised, as a set; encodings of one picture stand together. Blends, which are normalised,
    /// are given in grey levels, so that plain pictures are of the same scale.
    fn disguised(&self, plain: &Set, partners: &Set, to: Use, classes: usize) -> anyhow::Result<Set> {
        let (scheme, disguise) = (self.key.scheme(), self.key.disguise(plain.shape())?);
        let (each, output) = (scheme.encodings(), disguise.output());
        let (name, split) = match to {
            Use::Train => ("train", 0),
            Use::Query => ("query", 1),
        };
        let ids = SampleId::numbered(name, 0, plain.len());
        let gallery = Partners::of(partners)?;
        let samples = Samples {
            split,
            gallery: Some(&gallery),
            ..Samples::new(SALT, &ids)
        };
        let mut pixels = Pixels::zeros(output.dtype, plain.len() * each * output.shape.len());
        disguise.apply(samples, plain.as_bytes()?, pixels.view_mut())?;
        if let (true, Pixels::F32(values)) = (scheme.mixes(), &mut pixels) {
            values
                .iter_mut()
                .for_each(|value| *value = 127.5 * (*value + 1.0));
        }
        let labels = plain.labels().iter().flat_map(|label| vec![*label; each]);
        let set = Set::new(output.shape, pixels, labels.collect())?;
        if to == Use::Query || !scheme.mixes() {
            return Ok(set);
        }
        let mut weights = vec![0.0; plain.len() * each * classes];
        disguise.soft_labels(samples, plain.labels(), classes, &mut weights)?;
        Ok(set.with_soft(classes, weights)?)
    }

    /// Pictures disguised, as networks take them; blends are with `partners`.
    pub(crate) fn wear(
        &self,
        plain: &Set,
        partners: &Set,
        to: Use,
        classes: usize,
    ) -> anyhow::Result<Examples> {
        let set = self.disguised(plain, partners, to, classes)?;
        Ok(learning::examples(&set)?.with_encodings(self.key.scheme().encodings())?)
    }

    /// Pictures disguised for training, as an attack on the images has them.
    pub(crate) fn seen(&self, plain: &Set) -> anyhow::Result<Set> {
        self.disguised(plain, plain, Use::Train, 1)
    }

    /// Takes the disguise off pictures in grey levels (H, W, C), which were never plain; blends stay as
    /// they are.
    pub(crate) fn read(&self, shape: Shape, pixels: &[f32]) -> anyhow::Result<Vec<f32>> {
        if self.blends() {
            return Ok(pixels.to_vec());
        }
        let disguise = self.reader.disguise(shape)?;
        let output = disguise.output();
        let count = pixels.len() / output.shape.len().max(1);
        let ids = SampleId::numbered("read", 0, count);
        let mut plain = vec![0; count * shape.len()];
        let samples = Samples::new(SALT, &ids);
        match output.dtype {
            Dtype::F32 => {
                let values: Vec<f32> = pixels.iter().map(|value| value - self.lift).collect();
                disguise.remove(samples, PixelsRef::F32(&values), &mut plain)?;
            }
            Dtype::U8 => {
                let bytes: Vec<u8> = pixels.iter().map(|value| to_byte(*value)).collect();
                disguise.remove(samples, PixelsRef::U8(&bytes), &mut plain)?;
            }
        }
        Ok(plain.into_iter().map(f32::from).collect())
    }
}

/// Pictures that others are blended with.
struct Partners<'a> {
    pixels: &'a [u8],
    labels: &'a [u32],
    len: usize,
}

impl<'a> Partners<'a> {
    fn of(set: &'a Set) -> anyhow::Result<Self> {
        ensure!(!set.is_empty(), "there are no partners");
        Ok(Self {
            pixels: set.as_bytes()?,
            labels: set.labels(),
            len: set.shape().len(),
        })
    }
}

impl Gallery for Partners<'_> {
    fn len(&self) -> usize {
        self.pixels.len() / self.len
    }

    fn image(&self, place: usize) -> &[u8] {
        &self.pixels[place * self.len..][..self.len]
    }

    fn label(&self, place: usize) -> Option<u32> {
        self.labels.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AES, Case, INSTAHIDE, rmt};

    const SHAPE: Shape = Shape::new(8, 8, 1);
    const PLAINEST: Case = rmt("rmt", "RMT", &[("block", "4")]);
    const NOISY: Case = rmt("noisy", "RMT", &[("block", "4"), ("noise", "100")]);

    fn set(count: usize) -> Set {
        let pixels = (0..count * SHAPE.len()).map(|i| (i * 37 % 251) as u8).collect();
        Set::new(
            SHAPE,
            Pixels::U8(pixels),
            (0..count as u32).map(|i| i % 2).collect(),
        )
        .unwrap()
    }

    #[test]
    fn what_a_key_disguises_it_reads() {
        let plain = set(3);
        for case in [PLAINEST, AES] {
            let cloak = Cloak::new(case.scheme.unwrap(), SHAPE, 5, None).unwrap();
            let worn = cloak.seen(&plain).unwrap();
            let read = cloak.read(SHAPE, &worn.to_floats()).unwrap();
            assert_eq!(read, plain.to_floats(), "{}", case.name);
            let other = Cloak::new(case.scheme.unwrap(), SHAPE, 6, None).unwrap();
            assert_ne!(other.read(SHAPE, &worn.to_floats()).unwrap(), read);
        }
    }

    #[test]
    fn noise_is_drawn_anew_for_queries_and_its_mean_is_taken_off() {
        let plain = set(200);
        let cloak = Cloak::new(NOISY.scheme.unwrap(), SHAPE, 5, None).unwrap();
        let of = |to| cloak.disguised(&plain, &plain, to, 2).unwrap().to_floats();
        let (train, query) = (of(Use::Train), of(Use::Query));
        assert_ne!(train, query);
        // Means over all pixels of 200 images deviate by far less than a grey level.
        let mean = |v: &[f32]| v.iter().map(|v| f64::from(*v)).sum::<f64>() / v.len() as f64;
        let lifted: Vec<f32> = {
            let quiet = Cloak::new(PLAINEST.scheme.unwrap(), SHAPE, 5, None).unwrap();
            quiet.seen(&plain).unwrap().to_floats()
        };
        assert!((mean(&train) - mean(&lifted) - 50.0).abs() < 1.5);
    }

    #[test]
    fn blends_have_soft_labels_for_training_and_hard_ones_for_both() {
        let (plain, partners) = (set(6), set(4));
        let cloak = Cloak::new(INSTAHIDE.scheme.unwrap(), SHAPE, 5, None).unwrap();
        let train = cloak.wear(&plain, &partners, Use::Train, 2).unwrap();
        let query = cloak.wear(&plain, &partners, Use::Query, 2).unwrap();
        assert_eq!((train.len(), train.encodings, train.labels.len()), (24, 4, 24));
        assert!(train.soft.is_some() && query.soft.is_none());
        assert_eq!(learning::labels(&train), learning::labels(&query));
        assert_eq!(learning::labels(&query), plain.labels());
    }
}
