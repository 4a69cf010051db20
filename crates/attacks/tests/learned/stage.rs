//! Images, keys and runs of the attacks that learn to paint.

use crate::support::{self, Given, texts};
use visard_attacks::{Budget, Exposure, Outcome, Pairs, Result, Rng, Set, attacks, score::quality};
use visard_core::{Array, Key, MasterSecret, Material, Shape, Values, params::Params};

/// Smooth textures, each its own.
pub(crate) fn textures(shape: Shape, count: usize, seed: u64) -> Set {
    Set::bytes(shape, support::textures(shape, count, seed)).unwrap()
}

/// A scheme with one key for images of a shape.
pub(crate) struct Stage<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) given: Given<'a>,
    pub(crate) shape: Shape,
    /// For `negpos`: the bits of its mask, where it is no secret one.
    pub(crate) mask: Option<u8>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(scheme: &'a str, given: Given<'a>, shape: Shape) -> Self {
        Self {
            scheme,
            given,
            shape,
            mask: None,
        }
    }

    /// `negpos` that inverts everything or nothing.
    pub(crate) fn uniform(shape: Shape, mask: u8) -> Self {
        Self {
            mask: Some(mask),
            ..Self::new("negpos", &[], shape)
        }
    }

    /// The images under the key; they are numbered from `first`.
    pub(crate) fn disguise(&self, plain: &Set, first: u64) -> Set {
        let material = self.mask.map(|bit| {
            let mut material = Material::new();
            let count = 16 * self.shape.channels;
            let mask = Array {
                shape: vec![count],
                values: Values::U8(vec![bit; count]),
            };
            material.insert("mask", mask).unwrap();
            material
        });
        let secret = MasterSecret::new([9; 32]);
        let key = Key::new(
            self.scheme,
            &texts(self.given),
            Some(self.shape),
            secret,
            material,
        );
        support::disguise(&key.unwrap(), plain, 7, first)
    }

    pub(crate) fn exposure(&self, attacked: &Set) -> Exposure {
        support::exposure(self.scheme, self.given, self.shape, self.disguise(attacked, 0))
    }

    /// With pairs of these plain images as well.
    pub(crate) fn paired(&self, attacked: &Set, known: &Set) -> Exposure {
        let pairs = Pairs::new(known.clone(), self.disguise(known, 10_000)).unwrap();
        self.exposure(attacked).with_pairs(pairs).unwrap()
    }
}

pub(crate) fn run(name: &str, exposure: &Exposure, given: Given<'_>) -> Result<Outcome> {
    run_within(name, exposure, given, &Budget::generous(), &|_, _| {})
}

pub(crate) fn run_within(
    name: &str,
    exposure: &Exposure,
    given: Given<'_>,
    budget: &Budget,
    progress: &(dyn Fn(f64, &str) + Sync),
) -> Result<Outcome> {
    let info = attacks::find(name).unwrap();
    let params = Params::resolve(info.params, &texts(given)).unwrap();
    (info.run)(exposure, &params, budget, &mut Rng::new(3), progress)
}

/// PSNR in dB over all values of all images.
pub(crate) fn psnr(truth: &Set, outcome: &Outcome) -> f64 {
    let guess = outcome.reconstructions.as_ref().unwrap();
    quality(truth, guess).unwrap().pooled_psnr
}

/// That of the mean of the known images, taken place by place.
pub(crate) fn mean_psnr(truth: &Set, known: &Set) -> f64 {
    let (len, count) = (known.shape().len(), known.len());
    let bytes = known.as_bytes().unwrap();
    let mean = |i: usize| {
        let sum: f64 = (0..count).map(|image| f64::from(bytes[image * len + i])).sum();
        (sum / count as f64).round() as u8
    };
    let mean: Vec<u8> = (0..len).map(mean).collect();
    let guess = Set::bytes(known.shape(), mean.repeat(truth.len())).unwrap();
    quality(truth, &guess).unwrap().pooled_psnr
}
