//! Encodings of the adversary's own: what the scheme makes of public images, with what is in each known.

use super::super::{Blend, View};
use crate::{Rng, Target};
use rayon::prelude::*;
use visard_core::Shape;

/// Redraws of the coefficients of one encoding; then those that break the bounds least are taken.
const REDRAWS: usize = 200;

/// The law that coefficients follow: magnitudes of normals to the power k over their sum, drawn again until the
/// bounds are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Law {
    /// Images in a blend, two or more.
    pub(super) k: usize,
    /// Of them, private ones, which come first.
    pub(super) inside: usize,
    /// Largest coefficient.
    largest: f64,
    /// Smallest sum of the first two, where public images are blended in.
    first_two: f64,
}

impl Law {
    /// The law of that scheme.
    pub(super) fn of(view: &View, target: &Target) -> Self {
        let params = target.scheme.params();
        Self {
            k: view.k,
            inside: view.inside,
            largest: view.largest,
            first_two: if params.bool("cross") {
                params.float("c2")
            } else {
                0.0
            },
        }
    }

    /// Coefficients of one encoding, of sum 1.
    pub(super) fn draw(&self, rng: &mut Rng) -> Vec<f64> {
        let (mut best, mut least) = (Vec::new(), f64::INFINITY);
        for _ in 0..REDRAWS {
            let powers: Vec<f64> = (0..self.k)
                .map(|_| normal(rng).abs().powi(self.k as i32))
                .collect();
            let total = powers.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            let weights: Vec<f64> = powers.iter().map(|power| power / total).collect();
            let highest = weights.iter().copied().fold(0.0, f64::max);
            let two: f64 = weights.iter().take(2).sum();
            let broken = (highest - self.largest).max(0.0) + (self.first_two - two).max(0.0);
            if broken < least {
                (best, least) = (weights, broken);
            }
            if broken == 0.0 {
                break;
            }
        }
        best
    }
}

/// A standard normal.
fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos()
}

/// Makes encodings of public images.
#[derive(Debug)]
pub(super) struct Imitator {
    law: Law,
    shape: Shape,
    /// Grey levels of all public images, one after the other.
    grey: Vec<f32>,
    /// For private and for public images, how a grey level of each channel is normalised: factor and offset.
    norms: [Vec<[f32; 2]>; 2],
}

/// Encodings without their signs, and what is in them.
#[derive(Debug)]
pub(super) struct Imitated {
    /// Magnitudes, one encoding after the other.
    pub(super) magnitudes: Vec<f32>,
    /// For each encoding the images in the place of private ones, by their place among those that were chosen.
    pub(super) blends: Vec<Blend>,
}

impl Imitator {
    /// From grey levels of images in the shape of the encodings.
    pub(super) fn new(law: Law, view: &View, grey: Vec<f32>) -> Self {
        let norms = [&view.norms[0], &view.norms[1]].map(|norm| {
            let each = (0..view.shape.channels).map(|channel| {
                let [black, white] = [0.0, 255.0].map(|byte| norm.value(byte, channel));
                [((white - black) / 255.0) as f32, black as f32]
            });
            each.collect()
        });
        Self {
            law,
            shape: view.shape,
            grey,
            norms,
        }
    }

    /// Number of public images.
    pub(super) fn images(&self) -> usize {
        self.grey.len() / self.shape.len()
    }

    /// `count` encodings in which the images `chosen` play the private ones, each as often the first.
    pub(super) fn encode(&self, chosen: &[usize], count: usize, rng: &mut Rng) -> Imitated {
        let mut first = Vec::with_capacity(count + chosen.len());
        while first.len() < count && !chosen.is_empty() {
            first.extend(rng.permutation(chosen.len()));
        }
        first.truncate(count);
        let seeds: Vec<u64> = first.iter().map(|_| rng.next_u64()).collect();
        let mut magnitudes = vec![0f32; first.len() * self.shape.len()];
        let blends = magnitudes
            .par_chunks_mut(self.shape.len())
            .zip(&first)
            .zip(&seeds)
            .map(|((row, own), seed)| self.encode_one(chosen, *own, row, &mut Rng::new(*seed)))
            .collect();
        Imitated { magnitudes, blends }
    }

    /// Likewise, in which `many` of the images `chosen`, drawn at random, play the private ones.
    pub(super) fn encode_some(&self, chosen: &[usize], many: usize, count: usize, rng: &mut Rng) -> Imitated {
        let order = rng.permutation(chosen.len()).into_iter().take(many);
        let players: Vec<usize> = order.map(|place| chosen[place]).collect();
        self.encode(&players, count, rng)
    }

    fn encode_one(&self, chosen: &[usize], own: usize, row: &mut [f32], rng: &mut Rng) -> Blend {
        let mut blend = Blend::new();
        for (slot, weight) in self.law.draw(rng).into_iter().enumerate() {
            if slot >= self.law.inside {
                self.add(row, rng.below(self.images()), weight, 1);
                continue;
            }
            let place = if slot == 0 { own } else { rng.below(chosen.len()) };
            self.add(row, chosen[place], weight, 0);
            match blend.iter_mut().find(|(other, _)| *other == place) {
                Some((_, sum)) => *sum += weight,
                None => blend.push((place, weight)),
            }
        }
        row.iter_mut().for_each(|value| *value = value.abs());
        blend
    }

    /// Adds an image, normalised as a private one (0) or a public one (1).
    fn add(&self, row: &mut [f32], image: usize, weight: f64, kind: usize) {
        let (len, channels, weight) = (self.shape.len(), self.shape.channels, weight as f32);
        let grey = self.grey[image * len..][..len].chunks_exact(channels);
        for (sums, grey) in row.chunks_exact_mut(channels).zip(grey) {
            for ((sum, grey), [factor, offset]) in sums.iter_mut().zip(grey).zip(&self.norms[kind]) {
                *sum += weight * (grey * factor + offset);
            }
        }
    }
}

impl Imitated {
    /// How much each pair of encodings has in common: products of the coefficients of shared images, each row of
    /// sum 1 unless it has next to nothing in common with any; 0 for an encoding with itself.
    pub(super) fn common(&self, chosen: usize) -> Vec<f32> {
        let count = self.blends.len();
        let mut weights = vec![0f64; count * chosen];
        for (row, blend) in weights.chunks_mut(chosen.max(1)).zip(&self.blends) {
            blend.iter().for_each(|(place, weight)| row[*place] += weight);
        }
        let mut common = vec![0f32; count * count];
        for (own, row) in common.chunks_mut(count.max(1)).enumerate() {
            for (other, value) in row.iter_mut().enumerate().filter(|(other, _)| *other != own) {
                let held = |place: &usize| weights[other * chosen + place];
                *value = self.blends[own]
                    .iter()
                    .map(|(place, w)| w * held(place))
                    .sum::<f64>() as f32;
            }
            let sum = row.iter().sum::<f32>().max(LEAST_COMMON);
            row.iter_mut().for_each(|value| *value /= sum);
        }
        common
    }

    /// Whether two encodings share an image.
    pub(super) fn share(&self, a: usize, b: usize) -> bool {
        let held = |place: usize| self.blends[b].iter().any(|(other, _)| *other == place);
        self.blends[a].iter().any(|(place, _)| held(*place))
    }
}

/// An encoding that has less than this in common with all others teaches less than others do.
const LEAST_COMMON: f32 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Exposure, Set};
    use std::collections::BTreeMap;
    use visard_core::{Gallery, Key, MasterSecret, Pixels, PixelsMut, Salt, SampleId, Samples};

    const SHAPE: Shape = Shape::new(6, 5, 3);

    struct Images(Vec<u8>);

    impl Gallery for Images {
        fn len(&self) -> usize {
            self.0.len() / SHAPE.len()
        }
        fn image(&self, place: usize) -> &[u8] {
            &self.0[place * SHAPE.len()..][..SHAPE.len()]
        }
        fn label(&self, place: usize) -> Option<u32> {
            Some(place as u32)
        }
        fn public_len(&self) -> usize {
            self.len()
        }
        fn public_image(&self, place: usize) -> &[u8] {
            self.image(place)
        }
    }

    /// Encodings of the scheme itself, and the coefficients of the private images in each.
    fn scheme(images: &Images, given: &BTreeMap<String, String>) -> (Vec<f32>, Vec<f32>) {
        let key = Key::new("instahide", given, None, MasterSecret::new([8; 32]), None).unwrap();
        let ids = SampleId::numbered("train", 0, images.len());
        let samples = Samples {
            gallery: Some(images),
            ..Samples::new(Salt([2; 16]), &ids)
        };
        let count = images.len() * key.scheme().encodings();
        let (mut values, mut weights) = (vec![0f32; count * SHAPE.len()], vec![0f32; count * images.len()]);
        let disguise = key.disguise(SHAPE).unwrap();
        disguise
            .apply(samples, &images.0, PixelsMut::F32(&mut values))
            .unwrap();
        let labels: Vec<u32> = (0..images.len() as u32).collect();
        disguise
            .soft_labels(samples, &labels, images.len(), &mut weights)
            .unwrap();
        (values, weights)
    }

    #[test]
    fn imitations_are_distributed_like_encodings_of_the_scheme() {
        let mut rng = Rng::new(4);
        let images = Images((0..20 * SHAPE.len()).map(|_| rng.below(256) as u8).collect());
        for (k, cross) in [("2", "false"), ("4", "false"), ("4", "true"), ("6", "true")] {
            let given: BTreeMap<String, String> = [("k", k), ("cross", cross), ("encodings", "60")]
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .into();
            let (values, weights) = scheme(&images, &given);
            let target = Target::new("instahide", &given, SHAPE).unwrap();
            let disguised = Set::new(SHAPE, Pixels::F32(values.clone()), Vec::new()).unwrap();
            let exposure = Exposure::new(target, disguised).unwrap();
            let view = View::read("test", &exposure).unwrap();
            let grey = images.0.iter().map(|byte| f32::from(*byte)).collect();
            let imitator = Imitator::new(Law::of(&view, &exposure.target), &view, grey);
            let all: Vec<usize> = (0..images.len()).collect();
            let made = imitator.encode(&all, 1200, &mut rng);
            // 1,200 encodings of 90 values each; blends of few images are far from normal.
            let mean = |v: &mut dyn Iterator<Item = f64>| {
                let (sum, count) = v.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
                sum / count
            };
            for power in [1, 2] {
                let of = |v: &[f32]| mean(&mut v.iter().map(|x| f64::from(x.abs()).powi(power)));
                let (wanted, found) = (of(&values), of(&made.magnitudes));
                assert!(
                    (found / wanted - 1.0).abs() < 0.05,
                    "k={k} {cross}: {found} {wanted}"
                );
            }
            // What is private makes up as much of a blend, and its squares too.
            let wanted = mean(&mut weights.chunks(20).map(|row| f64::from(row.iter().sum::<f32>())));
            let found = mean(&mut made.blends.iter().map(|b| b.iter().map(|(_, w)| w).sum::<f64>()));
            assert!((found - wanted).abs() < 0.03, "k={k} {cross}: {found} {wanted}");
            let wanted = mean(
                &mut weights
                    .chunks(20)
                    .map(|row| f64::from(row.iter().map(|w| w * w).sum::<f32>())),
            );
            let found = mean(
                &mut made
                    .blends
                    .iter()
                    .map(|b| b.iter().map(|(_, w)| w * w).sum::<f64>()),
            );
            assert!((found - wanted).abs() < 0.03, "k={k} {cross}: {found} {wanted}");
        }
    }

    #[test]
    fn bounds_that_are_hardly_kept_are_broken_as_little_as_can_be() {
        let law = Law {
            k: 4,
            inside: 4,
            largest: 0.26,
            first_two: 0.0,
        };
        let weights = law.draw(&mut Rng::new(1));
        assert_eq!(weights.len(), 4);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(weights.iter().all(|weight| *weight < 0.45), "{weights:?}");
    }

    #[test]
    fn what_encodings_have_in_common_is_the_product_of_coefficients() {
        let made = Imitated {
            magnitudes: Vec::new(),
            blends: vec![vec![(0, 0.5), (1, 0.3)], vec![(1, 0.4)], vec![(2, 0.6)]],
        };
        let common = made.common(3);
        assert_eq!(&common[..3], &[0.0, 1.0, 0.0]);
        assert_eq!(&common[3..6], &[1.0, 0.0, 0.0]);
        assert_eq!(&common[6..], &[0.0; 3]);
        assert!(made.share(0, 1) && !made.share(0, 2) && made.share(2, 2));
    }
}
