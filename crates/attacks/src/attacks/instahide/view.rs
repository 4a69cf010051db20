//! What an adversary sees at once in encodings: their magnitudes, and how they were made.

use super::labels::{Classes, Labels};
use crate::{Error, Exposure, Outcome, Result, Set, Target, attacks::unfit, metrics::mean_row};
use rayon::prelude::*;
use visard_core::{Pixels, Shape};

/// Means and deviations of red, green and blue (SPEC 6.4-6).
type Constants = [[f64; 3]; 2];

const CIFAR10: Constants = [[0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]];
const IMAGENET: Constants = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
const HALF: Constants = [[0.5; 3], [0.5; 3]];

/// Mean and deviation of each channel; byte v counts as v / 255.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Norm {
    fn new(constants: Constants, channels: usize) -> Self {
        let [mean, deviation] = constants.map(|values| match channels {
            3 => values.to_vec(),
            _ => vec![values.iter().sum::<f64>() / 3.0; channels],
        });
        Self { mean, deviation }
    }

    /// The normalised value of a byte.
    pub(super) fn value(&self, byte: f64, channel: usize) -> f64 {
        (byte / 255.0 - self.mean[channel]) / self.deviation[channel]
    }

    /// The byte nearest to a normalised value.
    pub(super) fn byte(&self, value: f64, channel: usize) -> u8 {
        (255.0 * (value * self.deviation[channel] + self.mean[channel])).round() as u8
    }

    /// Normalised images as bytes.
    pub(super) fn pictures(&self, shape: Shape, values: &[f32]) -> Result<Set> {
        let channels = shape.channels;
        let bytes = values
            .iter()
            .enumerate()
            .map(|(i, value)| self.byte(f64::from(*value), i % channels));
        Set::bytes(shape, bytes.collect())
    }

    /// Images of bytes, or of floats in grey levels, normalised.
    pub(super) fn normalised(&self, set: &Set) -> Vec<f32> {
        let channels = set.shape().channels;
        let grey = set.to_floats();
        grey.iter()
            .enumerate()
            .map(|(i, value)| self.value(f64::from(*value), i % channels) as f32)
            .collect()
    }
}

/// Encodings of an image below which recovery is hopeless.
const FEWEST: usize = 8;

/// Encodings without their signs.
#[derive(Debug)]
pub(super) struct View {
    /// Shape of an encoding, which is that of an image.
    pub(super) shape: Shape,
    /// Images in a blend.
    pub(super) k: usize,
    /// Of them, private ones.
    pub(super) inside: usize,
    /// Largest coefficient.
    pub(super) largest: f64,
    /// Encodings of each sample, which follow each other.
    pub(super) each: usize,
    /// Private images: one for every `each` encodings.
    pub(super) samples: usize,
    /// Magnitudes, one encoding after the other.
    pub(super) magnitudes: Vec<f32>,
    /// Normalisation of private and of public images.
    pub(super) norms: [Norm; 2],
    /// Soft labels, where they were given, and what they say of the class of each sample.
    soft: Option<(usize, Vec<f32>, Classes)>,
}

impl View {
    /// The view of an exposure of whole samples.
    ///
    /// # Errors
    /// If the disguise is another, or the encodings are no whole number of samples.
    pub(super) fn read(attack: &'static str, exposure: &Exposure) -> Result<Self> {
        let target = &exposure.target;
        if target.name() != "instahide" {
            return Err(unfit(attack, target, "only instahide makes encodings"));
        }
        let params = target.scheme.params();
        let (k, each) = (params.int("k") as usize, target.scheme.encodings());
        let inside = match (params.bool("cross"), params.bool("pair")) {
            (false, _) => k,
            (true, true) => k.min(2),
            (true, false) => k.div_ceil(2),
        };
        let count = exposure.disguised.len();
        if count == 0 || !count.is_multiple_of(each) {
            return Err(Error::Exposure(format!(
                "{count} disguised images are no whole number of samples with {each} encodings each"
            )));
        }
        let Pixels::F32(values) = exposure.disguised.pixels() else {
            return Err(Error::Exposure("encodings are floats, these are bytes".into()));
        };
        let (private, public) = match params.text("norm") {
            "imagenet" => (IMAGENET, IMAGENET),
            "half" => (HALF, HALF),
            _ => (CIFAR10, IMAGENET),
        };
        let shape = exposure.disguised.shape();
        Ok(Self {
            shape,
            k,
            inside,
            largest: if k > 1 { params.float("c1") } else { 1.0 },
            each,
            samples: count / each,
            magnitudes: values.par_iter().map(|value| value.abs()).collect(),
            norms: [private, public].map(|constants| Norm::new(constants, shape.channels)),
            soft: exposure.disguised.soft().map(|(classes, rows)| {
                let told = Labels::new(classes, rows).certain(each);
                (classes, rows.to_vec(), told)
            }),
        })
    }

    /// Refuses blends where each image is in too few encodings.
    ///
    /// # Errors
    /// If there are too few to tell the images apart.
    pub(super) fn check_encodings(&self, attack: &'static str, target: &Target) -> Result<()> {
        let each = self.each * self.inside;
        if each >= FEWEST {
            return Ok(());
        }
        let problem = format!(
            "each image is in {each} encodings, and fewer than {FEWEST} do not tell the images apart; \
             encodings={} or more would",
            FEWEST.div_ceil(self.inside)
        );
        Err(unfit(attack, target, problem))
    }

    /// Refuses blends of more private images than there are.
    ///
    /// # Errors
    /// If there are fewer samples than private images in a blend.
    pub(super) fn check_samples(&self) -> Result<()> {
        if self.inside <= self.samples {
            return Ok(());
        }
        Err(Error::Exposure(format!(
            "blends of {} private images need as many samples, {} are here",
            self.inside, self.samples
        )))
    }

    /// Soft labels of the encodings and classes of the samples, where the exposure has them.
    pub(super) fn labels(&self) -> Option<(Labels<'_>, &Classes)> {
        let (classes, rows, told) = self.soft.as_ref()?;
        Some((Labels::new(*classes, rows), told))
    }

    /// Bytes that assigning partners and recovering images take, about.
    pub(super) fn bytes(&self) -> u64 {
        let [count, samples, len] = [self.count(), self.samples, self.shape.len()].map(|n| n as u64);
        let tables = rayon::current_num_threads().min(self.each) as u64;
        16 * count * len + 4 * count * samples + (20 + 32 * tables) * samples * samples + 16 * samples * len
    }

    /// Adds to the figures what the labels tell, where there are any.
    pub(super) fn tell_labels(&self, outcome: &mut Outcome) {
        if let Some((_, classes)) = self.labels() {
            let share = classes.contradicted as f64 / self.samples as f64;
            outcome.figures.insert("labels_contradicted", share);
        }
    }

    /// Number of encodings.
    pub(super) fn count(&self) -> usize {
        self.samples * self.each
    }

    /// The first guess of that name for all private images; a public one needs public images of the same
    /// shape and is a dark one without them.
    pub(super) fn start(&self, name: &str, public: Option<&Set>) -> Vec<f32> {
        let len = self.shape.len();
        match (name, public.filter(|public| public.shape() == self.shape)) {
            ("public", Some(public)) => mean_row(&self.norms[0].normalised(public), len),
            ("bright", _) => vec![1.0; len],
            _ => vec![-1.0; len],
        }
    }

    /// Magnitudes of the encodings of each sample, averaged: one row a sample.
    pub(super) fn templates(&self) -> Vec<f32> {
        let len = self.shape.len();
        let mut means = vec![0.0; self.samples * len];
        let rows = means.par_chunks_mut(len);
        rows.zip(self.magnitudes.par_chunks(len * self.each))
            .for_each(|(mean, rows)| {
                for row in rows.chunks(len) {
                    mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                mean.iter_mut().for_each(|sum| *sum /= self.each as f32);
            });
        means
    }
}
