//! Mean and standard deviation of the channels, and the affine map from bytes to normalised values.

use crate::{
    Error, Material,
    simd::{BlendTile as Tile, TILE},
};
use std::array::from_fn;

/// Mean and standard deviation of red, green and blue, where black is 0 and white is 1.
type Constants = ([f64; 3], [f64; 3]);

const CIFAR10: Constants = ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]);
const IMAGENET: Constants = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
const HALF: Constants = ([0.5; 3], [0.5; 3]);

/// The constants that the parameter `norm` names, for private and for public images.
fn constants(norm: &str) -> (Constants, Constants) {
    match norm {
        "imagenet" => (IMAGENET, IMAGENET),
        "half" => (HALF, HALF),
        _ => (CIFAR10, IMAGENET),
    }
}

/// Mean and standard deviation of each channel; byte v counts as v / 255.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statistics {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Statistics {
    /// The statistics of private and of public images under the parameter `norm`.
    pub(super) fn named(norm: &str, channels: usize) -> (Self, Self) {
        let (private, public) = constants(norm);
        (Self::of(private, channels), Self::of(public, channels))
    }

    /// Images that have not three channels take the mean over the three.
    fn of((mean, std): Constants, channels: usize) -> Self {
        let spread = |values: [f64; 3]| match channels {
            3 => values.to_vec(),
            _ => vec![(values[0] + values[1] + values[2]) / 3.0; channels],
        };
        Self {
            mean: spread(mean),
            std: spread(std),
        }
    }

    /// Takes the arrays `mean` and `std` (of these names in the material) where they are given.
    pub(super) fn replace(&mut self, material: &Material, mean: &str, std: &str) -> Result<(), Error> {
        let channels = self.mean.len();
        if let Some(values) = material.reals(mean, &[channels])? {
            self.mean = values;
        }
        if let Some(values) = material.reals(std, &[channels])? {
            self.std = values;
        }
        if let Some(bad) = self
            .std
            .iter()
            .find(|std| **std <= 0.0 || !((1.0 / **std) as f32).is_finite())
        {
            let problem = format!("{bad} is no standard deviation: it must be above 0, as a share of 255");
            return Err(Error::material(std, problem));
        }
        let mut ratios = self.mean.iter().zip(&self.std);
        if let Some((bad, _)) = ratios.find(|(mean, std)| !((**mean / **std) as f32).is_finite()) {
            return Err(Error::material(mean, format!("{bad} is far outside 0 to 1")));
        }
        Ok(())
    }

    /// Largest magnitude of a normalised byte in any channel.
    pub(super) fn bound(&self) -> f64 {
        let each = self.mean.iter().zip(&self.std);
        each.map(|(mean, std)| mean.abs().max((1.0 - mean).abs()) / std)
            .fold(0.0, f64::max)
    }

    /// Largest magnitude of a term in the sum that gives a normalised value: what rounding is
    /// relative to.
    pub(super) fn terms(&self) -> f64 {
        let each = self.mean.iter().zip(&self.std);
        each.map(|(mean, std)| (1.0 + mean.abs()) / std)
            .fold(0.0, f64::max)
    }

    /// Factors and offsets of the values of an image: a byte v of channel c becomes
    /// v * factor + offset.
    pub(super) fn pattern(&self) -> Pattern {
        let channels = self.mean.len();
        // After so many tiles the channels meet the lanes as at the start.
        let tiles = (1..channels)
            .find(|n| (n * TILE).is_multiple_of(channels))
            .unwrap_or(channels);
        let lay = |value: &dyn Fn(usize) -> f32| {
            (0..tiles)
                .map(|tile| Tile(from_fn(|i| value((tile * TILE + i) % channels))))
                .collect()
        };
        Pattern {
            scale: lay(&|c| (1.0 / (255.0 * self.std[c])) as f32),
            offset: lay(&|c| (-self.mean[c] / self.std[c]) as f32),
        }
    }
}

/// [`Statistics`] laid out over the values of an image, channels fastest.
pub(super) struct Pattern {
    /// Factors, until the pattern of channels repeats.
    pub(super) scale: Vec<Tile>,
    /// Offsets of an image of weight 1.
    pub(super) offset: Vec<Tile>,
}

impl Pattern {
    /// The offsets of images whose weights sum to `weight`.
    pub(super) fn shift(&self, weight: f32, shift: &mut Vec<Tile>) {
        shift.clear();
        let weighted = |tile: &Tile| Tile(tile.0.map(|value| weight * value));
        shift.extend(self.offset.iter().map(weighted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_normalised_by_their_channel() {
        for channels in 1..=16 {
            let (private, public) = Statistics::named("cifar10", channels);
            for statistics in [private, public] {
                let pattern = statistics.pattern();
                let len = pattern.scale.len() * TILE;
                assert_eq!(len % channels, 0);
                for i in 0..len {
                    let (mean, std) = (statistics.mean[i % channels], statistics.std[i % channels]);
                    for byte in [0u8, 1, 128, 255] {
                        let wanted = (f64::from(byte) / 255.0 - mean) / std;
                        let tile = (i / TILE, i % TILE);
                        let found = f64::from(byte) * f64::from(pattern.scale[tile.0].0[tile.1])
                            + f64::from(pattern.offset[tile.0].0[tile.1]);
                        assert!((wanted - found).abs() < 1e-6);
                        assert!(found.abs() <= statistics.bound() * 1.000_001);
                    }
                }
            }
        }
        assert_eq!(Statistics::named("half", 1).0.pattern().scale.len(), 1);
        assert_eq!(Statistics::named("half", 3).0.pattern().scale.len(), 1);
        assert_eq!(Statistics::named("half", 5).0.pattern().scale.len(), 5);
    }

    #[test]
    fn grey_images_take_the_mean_of_the_colours() {
        let (grey, _) = Statistics::named("cifar10", 1);
        assert_eq!(grey.mean, [(0.4914 + 0.4822 + 0.4465) / 3.0]);
        assert_eq!(grey.std, [(0.2023 + 0.1994 + 0.2010) / 3.0]);
    }
}
