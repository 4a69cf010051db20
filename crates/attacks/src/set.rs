//! Images in memory, as an adversary has them.

use crate::{Error, Result};
use visard_core::{Pixels, Shape};

/// Images of one shape, one after the other, each (H, W, C), with class numbers or soft labels where known.
///
/// Disguised images of schemes of reals are floats in the scheme's own units; all others are bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    shape: Shape,
    pixels: Pixels,
    labels: Vec<u32>,
    soft: Option<(usize, Vec<f32>)>,
}

impl Set {
    /// A set of images.
    ///
    /// # Errors
    /// If the pixels are no whole number of images, or the labels are neither none nor one an image.
    pub fn new(shape: Shape, pixels: Pixels, labels: Vec<u32>) -> Result<Self> {
        let values = match &pixels {
            Pixels::U8(v) => v.len(),
            Pixels::F32(v) => v.len(),
        };
        if !values.is_multiple_of(shape.check()?.len()) {
            let problem = format!("{values} values are no whole number of images of {shape}");
            return Err(Error::Exposure(problem));
        }
        let count = values / shape.len();
        if !labels.is_empty() && labels.len() != count {
            let problem = format!("{} labels were given for {count} images", labels.len());
            return Err(Error::Exposure(problem));
        }
        Ok(Self {
            shape,
            pixels,
            labels,
            soft: None,
        })
    }

    /// The set with soft labels: for each image a row of weights, one for each of `classes` classes.
    ///
    /// # Errors
    /// If there are no classes, not as many rows as images, or weights that are no numbers from 0 on.
    pub fn with_soft(mut self, classes: usize, rows: Vec<f32>) -> Result<Self> {
        let count = self.len();
        if classes == 0 || count.checked_mul(classes) != Some(rows.len()) {
            return Err(Error::Exposure(format!(
                "{} weights are no soft labels of {count} images in {classes} classes: one row is needed for each \
                 image",
                rows.len()
            )));
        }
        if let Some(weight) = rows.iter().find(|w| !w.is_finite() || **w < 0.0) {
            let problem = format!("soft labels must be numbers from 0 on, {weight} is none");
            return Err(Error::Exposure(problem));
        }
        self.soft = Some((classes, rows));
        Ok(self)
    }

    /// A set of bytes without labels.
    pub fn bytes(shape: Shape, pixels: Vec<u8>) -> Result<Self> {
        Self::new(shape, Pixels::U8(pixels), Vec::new())
    }

    /// Shape of every image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        match &self.pixels {
            Pixels::U8(v) => v.len() / self.shape.len(),
            Pixels::F32(v) => v.len() / self.shape.len(),
        }
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All pixels.
    pub fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// Class numbers, one an image, or none.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Soft labels, if there are any: the number of classes, and a row of so many weights for each image.
    pub fn soft(&self) -> Option<(usize, &[f32])> {
        self.soft.as_ref().map(|(classes, rows)| (*classes, &rows[..]))
    }

    /// The pixels as bytes.
    ///
    /// # Errors
    /// If they are floats.
    pub fn as_bytes(&self) -> Result<&[u8]> {
        match &self.pixels {
            Pixels::U8(v) => Ok(v),
            Pixels::F32(_) => Err(Error::Exposure(
                "images of bytes are needed here, these hold floats".into(),
            )),
        }
    }

    /// The pixels as floats, whatever they are stored as.
    pub fn to_floats(&self) -> Vec<f32> {
        match &self.pixels {
            Pixels::U8(v) => v.iter().map(|b| f32::from(*b)).collect(),
            Pixels::F32(v) => v.clone(),
        }
    }

    /// The first `count` images.
    pub fn first(&self, count: usize) -> Self {
        let count = count.min(self.len());
        let values = count * self.shape.len();
        Self {
            shape: self.shape,
            pixels: match &self.pixels {
                Pixels::U8(v) => Pixels::U8(v[..values].to_vec()),
                Pixels::F32(v) => Pixels::F32(v[..values].to_vec()),
            },
            labels: self.labels.get(..count).map(<[u32]>::to_vec).unwrap_or_default(),
            soft: self
                .soft
                .as_ref()
                .map(|(classes, rows)| (*classes, rows[..count * classes].to_vec())),
        }
    }
}
