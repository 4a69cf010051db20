//! Images, keys and runs of the attacks that learn to paint.

use std::collections::BTreeMap;
use visard_attacks::{Budget, Exposure, Outcome, Pairs, Result, Rng, Set, Target, attacks, score::quality};
use visard_core::{
    Array, Key, MasterSecret, Material, Pixels, Salt, SampleId, Samples, Shape, Values, params::Params,
};

pub(crate) type Given<'a> = &'a [(&'a str, &'a str)];

fn texts(given: Given<'_>) -> BTreeMap<String, String> {
    let text = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    given.iter().map(text).collect()
}

/// Smooth textures, each its own.
pub(crate) fn textures(shape: Shape, count: usize, seed: u64) -> Set {
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
    Set::bytes(shape, pixels).unwrap()
}

/// Patches of the bundled photographs at random places.
pub(crate) fn patches(count: usize, side: usize) -> Set {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/photos");
    let photos = ["astronaut.png", "chelsea.png", "coffee.png"]
        .map(|name| image::open(folder.join(name)).unwrap().into_rgb8());
    let mut rng = Rng::new(1);
    let mut pixels = Vec::new();
    for _ in 0..count {
        let photo = &photos[rng.below(photos.len())];
        let left = rng.below(photo.width() as usize - side);
        let top = rng.below(photo.height() as usize - side);
        for i in 0..side * side {
            pixels.extend(
                photo
                    .get_pixel((left + i % side) as u32, (top + i / side) as u32)
                    .0,
            );
        }
    }
    Set::bytes(Shape::new(side, side, 3), pixels).unwrap()
}

pub(crate) fn part(set: &Set, range: std::ops::Range<usize>) -> Set {
    let len = set.shape().len();
    let bytes = set.as_bytes().unwrap()[range.start * len..range.end * len].to_vec();
    Set::bytes(set.shape(), bytes).unwrap()
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
        let disguise = key.unwrap().disguise(self.shape).unwrap();
        let output = disguise.output();
        let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
        let ids = SampleId::numbered("train", first, plain.len());
        let samples = Samples::new(Salt([7; 16]), &ids);
        disguise
            .apply(samples, plain.as_bytes().unwrap(), pixels.view_mut())
            .unwrap();
        Set::new(output.shape, pixels, Vec::new()).unwrap()
    }

    pub(crate) fn exposure(&self, attacked: &Set) -> Exposure {
        let target = Target::new(self.scheme, &texts(self.given), self.shape).unwrap();
        Exposure::new(target, self.disguise(attacked, 0)).unwrap()
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
