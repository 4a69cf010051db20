//! Images and labels as stored, turned into tensors batch by batch.

use crate::{Augment, Error, Result, Rng, Soft};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use visard_core::{Affine, Shape};
use visard_data::Stored;

/// Images with their labels, kept as they are stored; floats are made batch by batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    /// Shape of every image.
    pub shape: Shape,
    /// Values of N images one after the other, each (H, W, C).
    pub pixels: Stored,
    /// What the codes of quantised pixels stand for; `None` where values are grey levels.
    pub scale: Option<Affine>,
    /// N class numbers from 0, or none where the images are only to be predicted.
    pub labels: Vec<u32>,
    /// N rows of class weights, where images are mixtures. Training learns from these even where
    /// there are `labels`; evaluations judge by them only where there are no `labels`.
    pub soft: Option<Soft>,
    /// How many consecutive images are encodings of one picture, from 1; N is a multiple of it.
    /// Training takes each as an image of its own; evaluation and prediction give one answer for
    /// all, from the mean of their probabilities.
    pub encodings: usize,
}

/// Mean and standard deviation of the training images, one per channel, in units of 255 grey levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel; 1 where all values are the same.
    pub std: Vec<f32>,
}

impl Examples {
    /// Examples that have passed [`Examples::check`], each the only encoding of its picture.
    pub fn new(shape: Shape, pixels: Stored, scale: Option<Affine>, labels: Vec<u32>) -> Result<Self> {
        let examples = Self {
            shape,
            pixels,
            scale,
            labels,
            soft: None,
            encodings: 1,
        };
        examples.check()?;
        Ok(examples)
    }

    /// The same images with class weights to learn from, or without.
    pub fn with_soft(mut self, soft: Option<Soft>) -> Result<Self> {
        self.soft = soft;
        self.check_rows()?;
        Ok(self)
    }

    /// The same images, of which `encodings` at a time are encodings of one picture.
    pub fn with_encodings(mut self, encodings: usize) -> Result<Self> {
        self.encodings = encodings;
        self.check_rows()?;
        Ok(self)
    }

    /// Number of images, every encoding counted.
    pub fn len(&self) -> usize {
        self.pixels.len() / self.shape.len().max(1)
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is something to learn from and to judge answers by.
    pub fn is_labelled(&self) -> bool {
        !self.labels.is_empty() || self.soft.is_some()
    }

    /// Refuses part images, a number of labels or rows of soft labels other than that of the images
    /// (or none), soft labels that are negative, encodings of one picture that are too few or differ
    /// in their label, scaled floats and values that are not finite.
    pub fn check(&self) -> Result<()> {
        let bad = |problem: String| Err(Error::Examples(problem));
        let size = self.shape.check()?.len();
        let values = self.pixels.len();
        if !values.is_multiple_of(size) {
            return bad(format!(
                "{values} values are no whole number of images of {}",
                self.shape
            ));
        }
        self.check_rows()?;
        if let Some(Affine { low, step, .. }) = self.scale
            && !(low.is_finite() && step.is_finite())
        {
            return bad(format!("the scale ({low}, {step}) is not finite"));
        }
        let Stored::F32(floats) = &self.pixels else {
            return Ok(());
        };
        if self.scale.is_some() {
            return bad("float pixels are grey levels and take no scale".into());
        }
        match floats.iter().position(|v| !v.is_finite()) {
            Some(at) => bad(format!("image {} holds a value that is not finite", at / size)),
            None => Ok(()),
        }
    }

    /// The examples at places `range`, copied; places beyond the end are left out. A range that
    /// parts encodings of one picture gives examples that fail [`Examples::check`].
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let values = start * self.shape.len()..end * self.shape.len();
        Self {
            shape: self.shape,
            pixels: match &self.pixels {
                Stored::U8(v) => Stored::U8(v[values].to_vec()),
                Stored::U16(v) => Stored::U16(v[values].to_vec()),
                Stored::F32(v) => Stored::F32(v[values].to_vec()),
            },
            scale: self.scale,
            labels: self
                .labels
                .get(start..end)
                .map(<[u32]>::to_vec)
                .unwrap_or_default(),
            soft: self.soft.as_ref().map(|soft| soft.slice(start..end)),
            encodings: self.encodings,
        }
    }

    /// Calls `each` with the grey levels of the values `range`, in the order in which they are stored.
    ///
    /// # Panics
    /// If the range ends beyond the values.
    pub fn levels(&self, range: Range<usize>, mut each: impl FnMut(f32)) {
        let code = |v: u16| self.scale.map_or(f32::from(v), |s| s.decode(v));
        match &self.pixels {
            Stored::U8(v) => v[range].iter().for_each(|v| each(code(u16::from(*v)))),
            Stored::U16(v) => v[range].iter().for_each(|v| each(code(*v))),
            Stored::F32(v) => v[range].iter().for_each(|v| each(*v)),
        }
    }

    /// Likewise in units of 255 grey levels.
    fn read(&self, range: Range<usize>, mut each: impl FnMut(f32)) {
        self.levels(range, |level| each(level / 255.0));
    }

    /// Mean and standard deviation of each channel over all images.
    pub fn normalisation(&self) -> Normalisation {
        let channels = self.shape.channels;
        let (mut sums, mut squares) = (vec![0f64; channels], vec![0f64; channels]);
        let mut channel = 0;
        self.read(0..self.pixels.len(), |v| {
            sums[channel] += f64::from(v);
            squares[channel] += f64::from(v) * f64::from(v);
            channel = (channel + 1) % channels;
        });
        let count = (self.pixels.len() / channels).max(1) as f64;
        let deviation = |(sum, square): (&f64, &f64)| {
            let variance = square / count - (sum / count).powi(2);
            if variance > 1e-12 {
                variance.sqrt() as f32
            } else {
                1.0
            }
        };
        Normalisation {
            mean: sums.iter().map(|s| (s / count) as f32).collect(),
            std: sums.iter().zip(&squares).map(deviation).collect(),
        }
    }

    /// The images at `places` as a tensor (N, C, H, W), standardised; shifted and flipped at random
    /// where `augment` and a generator say so.
    pub(crate) fn batch(
        &self,
        places: &[usize],
        normal: &Normalisation,
        augment: Option<(Augment, &mut Rng)>,
        device: &Device,
    ) -> Tensor<4> {
        let Shape {
            height,
            width,
            channels,
        } = self.shape;
        let plane = height * width;
        let mut values = vec![0f32; places.len() * self.shape.len()];
        for (place, image) in places.iter().zip(values.chunks_exact_mut(self.shape.len())) {
            let (mut pixel, mut channel) = (0, 0);
            self.read(place * self.shape.len()..(place + 1) * self.shape.len(), |v| {
                image[channel * plane + pixel] = (v - normal.mean[channel]) / normal.std[channel];
                channel += 1;
                if channel == channels {
                    (channel, pixel) = (0, pixel + 1);
                }
            });
        }
        if let Some((augment, rng)) = augment
            && !augment.is_off()
        {
            for image in values.chunks_exact_mut(self.shape.len()) {
                augment.apply(image, self.shape, rng);
            }
        }
        Tensor::from_data(
            TensorData::new(values, [places.len(), channels, height, width]),
            device,
        )
    }

    /// A digest of everything the examples hold.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{} {:?} {:?}", self.shape, self.scale, self.pixels.depth()).as_bytes());
        match &self.pixels {
            Stored::U8(v) => drop(hasher.update(v)),
            Stored::U16(v) => v.chunks(4096).for_each(|part| {
                hasher.update(&bytes(part, |v| v.to_le_bytes()));
            }),
            Stored::F32(v) => v.chunks(4096).for_each(|part| {
                hasher.update(&bytes(part, |v| v.to_le_bytes()));
            }),
        };
        hasher.update(&bytes(&self.labels, |l| l.to_le_bytes()));
        // Checkpoints of runs without these keep their digest.
        if let Some(soft) = &self.soft {
            hasher.update(format!("soft labels {} {}", self.labels.len(), soft.classes).as_bytes());
            hasher.update(&bytes(&soft.weights, |w| w.to_le_bytes()));
        }
        if self.encodings != 1 {
            hasher.update(format!("encodings {}", self.encodings).as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// The values as bytes, one after the other.
fn bytes<T: Copy, const N: usize>(values: &[T], of: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|v| of(*v)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::new(2, 3, 2);

    fn examples(pixels: Stored, scale: Option<Affine>) -> Examples {
        let labels = (0..pixels.len() as u32 / 12).collect();
        Examples::new(SHAPE, pixels, scale, labels).unwrap()
    }

    #[test]
    fn contradictions_are_refused() {
        let bytes = |n| Stored::U8(vec![1; n]);
        assert!(Examples::new(SHAPE, bytes(25), None, vec![]).is_err());
        assert!(Examples::new(SHAPE, bytes(24), None, vec![0]).is_err());
        assert!(Examples::new(SHAPE, bytes(24), None, vec![]).is_ok());
        assert!(Examples::new(Shape::new(0, 1, 1), bytes(1), None, vec![]).is_err());
        assert!(Examples::new(SHAPE, Stored::F32(vec![f32::NAN; 12]), None, vec![]).is_err());
        let scale = Affine::cover((0.0, 1.0), 255);
        assert!(Examples::new(SHAPE, Stored::F32(vec![0.0; 12]), Some(scale), vec![]).is_err());
        let one = Examples::new(SHAPE, bytes(24), None, vec![0, 7]).unwrap();
        assert!(matches!(
            one.check_labels(7),
            Err(Error::Label {
                index: 1,
                label: 7,
                ..
            })
        ));
        assert!(one.check_labels(8).is_ok());
    }

    #[test]
    fn batches_are_channels_first_standardised_and_in_the_asked_order() {
        let one = examples(Stored::U8((0..24).collect()), None);
        let normal = one.normalisation();
        assert!((normal.mean[0] * 255.0 - 11.0).abs() < 1e-4 && (normal.mean[1] * 255.0 - 12.0).abs() < 1e-4);
        let tensor = one.batch(&[1, 0], &normal, None, &Device::flex());
        assert_eq!(tensor.dims(), [2, 2, 2, 3]);
        let values = tensor.into_data().try_to_vec::<f32>().unwrap();
        // Channel 1 of image 1 begins with value 13.
        let expected = (13.0 / 255.0 - normal.mean[1]) / normal.std[1];
        assert!((values[6] - expected).abs() < 1e-5);
        let mean: f32 = values.iter().sum::<f32>() / 24.0;
        let square: f32 = values.iter().map(|v| v * v).sum::<f32>() / 24.0;
        assert!(mean.abs() < 1e-5 && (square - 1.0).abs() < 1e-4);
    }

    #[test]
    fn codes_stand_for_grey_levels_beyond_0_to_255() {
        let scale = Affine {
            low: -100.0,
            step: 0.5,
            max: 65_535,
        };
        let coded = examples(Stored::U16((0..24).map(|v| v * 100).collect()), Some(scale));
        let plain = examples(
            Stored::F32((0..24).map(|v| v as f32 * 50.0 - 100.0).collect()),
            None,
        );
        let (a, b) = (coded.normalisation(), plain.normalisation());
        assert_eq!(a, b);
        let tensor = |e: &Examples| e.batch(&[0, 1], &a, None, &Device::flex()).into_data();
        assert_eq!(tensor(&coded), tensor(&plain));
        assert_ne!(coded.digest(), plain.digest());
    }

    #[test]
    fn constant_channels_do_not_divide_by_zero() {
        let normal = examples(Stored::U8(vec![9; 24]), None).normalisation();
        assert_eq!(normal.std, [1.0, 1.0]);
    }

    #[test]
    fn slices_keep_images_and_labels_together() {
        let one = examples(Stored::U8((0..36).collect()), None);
        let part = one.slice(1..9);
        assert_eq!((part.len(), &part.labels[..]), (2, &[1, 2][..]));
        assert_eq!(part.pixels, Stored::U8((12..36).collect()));
        assert!(one.slice(5..9).is_empty());
    }

    #[test]
    fn digests_tell_every_part_apart() {
        let mut seen = std::collections::BTreeSet::new();
        let mut fresh = |e: &Examples| assert!(seen.insert(e.digest()), "{e:?}");
        let weights = vec![0.3, 0.5, 0.6, 0.1, 0.0, 1.0, 0.2, 0.2];
        let plain = Examples::new(SHAPE, Stored::U8((0..48).collect()), None, vec![]).unwrap();
        let mixtures = plain.with_soft(Some(Soft { classes: 2, weights })).unwrap();
        fresh(&mixtures);
        fresh(&mixtures.clone().with_soft(None).unwrap());
        fresh(&mixtures.clone().with_encodings(2).unwrap());
        let mut other = mixtures.clone();
        other.soft.as_mut().unwrap().weights[7] = 0.25;
        fresh(&other);
        other.soft.as_mut().unwrap().classes = 4;
        fresh(&other);
        other.labels = vec![0; 4];
        fresh(&other);
    }
}
