//! Encodings with the truth about them.

use crate::{
    disguised::{Given, correlation, texts},
    sets::slice,
};
use visard_attacks::{Exposure, Rng, Set, Target, attacks::instahide::Blend};
use visard_core::{
    Array, Gallery, Key, MasterSecret, Material, Pixels, PixelsMut, Salt, SampleId, Samples, Shape, Values,
};

/// Shape of the images.
pub(super) const SHAPE: Shape = Shape::new(32, 32, 1);
const LEN: usize = SHAPE.len();

/// Private and public images; every private one is a class of its own, so that soft labels are the coefficients.
pub(super) struct Images {
    pub(super) private: Vec<u8>,
    pub(super) public: Vec<u8>,
}

impl Images {
    /// The first images as private ones, those from the thousandth on as public ones.
    pub(super) fn of(green: &Set, private: usize, public: usize) -> anyhow::Result<Self> {
        Ok(Self {
            private: green.first(private).as_bytes()?.to_vec(),
            public: slice(green, 1000, public)?.as_bytes()?.to_vec(),
        })
    }

    /// The mean correlation of guesses with the private images; 0 for a flat guess.
    pub(super) fn likeness(&self, found: &[f32]) -> anyhow::Result<f64> {
        let mut sum = 0.0;
        for (guess, truth) in found.chunks_exact(LEN).zip(self.private.chunks_exact(LEN)) {
            let guess = Set::new(SHAPE, Pixels::F32(guess.to_vec()), Vec::new())?;
            let found = correlation(&guess, &Set::bytes(SHAPE, truth.to_vec())?);
            sum += if found.is_finite() { found } else { 0.0 };
        }
        Ok(sum / self.len() as f64)
    }
}

impl Gallery for Images {
    fn len(&self) -> usize {
        self.private.len() / LEN
    }
    fn image(&self, place: usize) -> &[u8] {
        &self.private[place * LEN..][..LEN]
    }
    fn label(&self, place: usize) -> Option<u32> {
        Some(place as u32)
    }
    fn public_len(&self) -> usize {
        self.public.len() / LEN
    }
    fn public_image(&self, place: usize) -> &[u8] {
        &self.public[place * LEN..][..LEN]
    }
}

/// Encodings and what is in them.
pub(super) struct Encodings {
    pub(super) values: Vec<f32>,
    /// Private images of each encoding.
    pub(super) blends: Vec<Blend>,
    /// Public ones, where they are known.
    pub(super) planted: Vec<Blend>,
}

impl Encodings {
    pub(super) fn magnitudes(&self) -> Vec<f32> {
        self.values.iter().map(|value| value.abs()).collect()
    }

    /// Whether two encodings share a private image.
    pub(super) fn share(&self, a: usize, b: usize) -> bool {
        let held = |image: usize| self.blends[b].iter().any(|(other, _)| *other == image);
        self.blends[a].iter().any(|(image, _)| held(*image))
    }

    pub(super) fn exposure(&self, given: Given<'_>) -> anyhow::Result<Exposure> {
        let target = Target::new("instahide", &texts(given), SHAPE)?;
        let disguised = Set::new(SHAPE, Pixels::F32(self.values.clone()), Vec::new())?;
        Ok(Exposure::new(target, disguised)?)
    }
}

/// Encodings of the scheme, and the private images in each.
pub(crate) fn blended(
    images: &impl Gallery,
    shape: Shape,
    given: Given<'_>,
    seed: u8,
) -> anyhow::Result<(Vec<f32>, Vec<Blend>)> {
    let secret = MasterSecret::new([seed; 32]);
    let key = Key::new("instahide", &texts(given), None, secret, None)?;
    let disguise = key.disguise(shape)?;
    let ids = SampleId::numbered("train", 0, images.len());
    let samples = Samples {
        gallery: Some(images),
        ..Samples::new(Salt([seed; 16]), &ids)
    };
    let private: Vec<u8> = (0..images.len()).flat_map(|i| images.image(i).to_vec()).collect();
    let count = images.len() * key.scheme().encodings();
    let mut values = vec![0f32; count * shape.len()];
    disguise.apply(samples, &private, PixelsMut::F32(&mut values))?;
    let labels: Vec<u32> = (0..images.len() as u32).collect();
    let mut weights = vec![0f32; count * images.len()];
    disguise.soft_labels(samples, &labels, images.len(), &mut weights)?;
    let blend = |row: &[f32]| -> Blend {
        let parts = row.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        parts.map(|(image, weight)| (image, f64::from(*weight))).collect()
    };
    Ok((values, weights.chunks(images.len()).map(blend).collect()))
}

/// Encodings of the scheme.
pub(super) fn encode(images: &Images, given: Given<'_>, seed: u8) -> anyhow::Result<Encodings> {
    let (values, blends) = blended(images, SHAPE, given, seed)?;
    Ok(Encodings {
        values,
        blends,
        planted: Vec::new(),
    })
}

/// A standard normal.
pub(super) fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos()
}

/// Coefficients: magnitudes of normals, to that power, over their sum; drawn again until they are `allowed`.
fn coefficients(k: usize, power: i32, allowed: impl Fn(&[f64]) -> bool, rng: &mut Rng) -> Vec<f64> {
    loop {
        let powers: Vec<f64> = (0..k).map(|_| normal(rng).abs().powi(power)).collect();
        let total: f64 = powers.iter().sum();
        let weights: Vec<f64> = powers.iter().map(|power| power / total).collect();
        if weights.iter().all(|weight| *weight <= 0.65) && allowed(&weights) {
            return weights;
        }
    }
}

/// The first image of a blend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// The sample that the encoding is of, so that all images are in at least so many.
    Own,
    /// Any image.
    Free,
}

/// Blends as ATTACKS 0.2 has them: coefficients are magnitudes of normals over their sum, pixels go from -1 to 1,
/// and the other images of a blend are drawn freely. Signs are left out, as they are dropped at once.
pub(super) fn even(images: &Images, k: usize, each: usize, draw: Draw, rng: &mut Rng) -> Encodings {
    let (mut values, mut blends) = (Vec::new(), Vec::new());
    for i in 0..images.len() * each {
        let weights = coefficients(k, 1, |_| true, rng);
        let first = if draw == Draw::Own {
            i / each
        } else {
            rng.below(images.len())
        };
        let mut blend: Blend = vec![(first, weights[0])];
        while blend.len() < k {
            let other = rng.below(images.len());
            if blend.iter().all(|(image, _)| *image != other) {
                blend.push((other, weights[blend.len()]));
            }
        }
        let mut sum = vec![0f64; LEN];
        for (image, weight) in &blend {
            for (sum, byte) in sum.iter_mut().zip(images.image(*image)) {
                *sum += weight * (f64::from(*byte) / 127.5 - 1.0);
            }
        }
        values.extend(sum.into_iter().map(|value| value as f32));
        blends.push(blend);
    }
    Encodings {
        values,
        blends,
        planted: Vec::new(),
    }
}

/// Encodings of the scheme under draws of our own, which tell the public images too: `each` of every sample, two
/// private images and k - 2 public ones.
pub(super) fn with_public(
    images: &Images,
    k: usize,
    each: usize,
    rng: &mut Rng,
) -> anyhow::Result<Encodings> {
    let count = images.len() * each;
    let (mut lams, mut idx) = (Vec::new(), vec![0i64; (k - 1) * count]);
    let (mut blends, mut planted) = (Vec::new(), Vec::new());
    for i in 0..count {
        let weights = coefficients(k, k as i32, |weights| weights[0] + weights[1] >= 0.3, rng);
        for slot in 1..k {
            let bound = if slot == 1 {
                images.len()
            } else {
                images.public_len()
            };
            idx[(slot - 1) * count + i] = rng.below(bound) as i64;
        }
        let of = |slot: usize| (idx[(slot - 1) * count + i] as usize, weights[slot]);
        blends.push(vec![(i / each, weights[0]), of(1)]);
        planted.push((2..k).map(of).collect::<Blend>());
        lams.extend(weights);
    }
    let sign: Vec<i64> = (0..count * LEN).map(|_| 2 * rng.below(2) as i64 - 1).collect();
    let mut material = Material::new();
    let mut add = |name: &str, shape: Vec<usize>, values| material.insert(name, Array { shape, values });
    add("lams", vec![count, k], Values::F64(lams))?;
    add("idx", vec![k - 1, count], Values::I64(idx))?;
    add(
        "sign",
        vec![count, SHAPE.height, SHAPE.width, SHAPE.channels],
        Values::I64(sign),
    )?;
    add("inside", vec![1], Values::I64(vec![2]))?;
    let k = k.to_string();
    let given = [("cross", "true"), ("k", k.as_str())];
    let key = Key::new(
        "instahide",
        &texts(&given),
        None,
        MasterSecret::new([1; 32]),
        Some(material),
    )?;
    let ids = SampleId::numbered("train", 0, count);
    let samples = Samples {
        gallery: Some(images),
        ..Samples::new(Salt([1; 16]), &ids)
    };
    let plain: Vec<u8> = (0..count).flat_map(|i| images.image(i / each).to_vec()).collect();
    let mut values = vec![0f32; count * LEN];
    key.disguise(SHAPE)?
        .apply(samples, &plain, PixelsMut::F32(&mut values))?;
    Ok(Encodings {
        values,
        blends,
        planted,
    })
}
