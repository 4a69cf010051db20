//! What disguises the owner's images for the audit.

use crate::{Error, Result};
use visard_attacks::{Set, Target, metrics};
use visard_core::{Dtype, Gallery, Key, Pixels, Salt, SampleId, Samples, Shape};

/// Disguises plain images as the owner would.
pub trait Oracle: Sync {
    /// What is public about the disguise.
    ///
    /// # Errors
    /// If the scheme cannot take the images' shape.
    fn target(&self) -> Result<Target>;

    /// The disguised form of plain images of bytes, which are numbered from `first` on in a split of that
    /// name. Images that a scheme blends in are taken from the same images.
    ///
    /// # Errors
    /// If the images do not fit.
    fn disguise(&self, plain: &Set, split: &str, first: u64) -> Result<Set>;

    /// Takes the disguise off images, bytes or floats in the units of the disguise, as if they were numbered so;
    /// none where that cannot be done.
    ///
    /// # Errors
    /// If the images do not have the shape of disguised ones.
    fn restore(&self, _disguised: &Set, _split: &str, _first: u64) -> Result<Option<Set>> {
        Ok(None)
    }
}

/// An opened key, for images of one shape, in one run.
#[derive(Debug)]
pub struct KeyOracle<'a> {
    key: &'a Key,
    shape: Shape,
    salt: Salt,
    public: Option<&'a Set>,
}

impl<'a> KeyOracle<'a> {
    /// The oracle of a key; `public` holds the images that a scheme may blend in beside private ones.
    pub fn new(key: &'a Key, shape: Shape, salt: Salt, public: Option<&'a Set>) -> Self {
        Self {
            key,
            shape,
            salt,
            public,
        }
    }
}

impl Oracle for KeyOracle<'_> {
    fn target(&self) -> Result<Target> {
        let scheme = self.key.scheme();
        Ok(Target::new(
            scheme.info().name,
            &scheme.params().texts(),
            self.shape,
        )?)
    }

    fn disguise(&self, plain: &Set, split: &str, first: u64) -> Result<Set> {
        let scheme = self.key.scheme();
        let disguise = self.key.disguise(plain.shape())?;
        let (output, count) = (disguise.output(), plain.len());
        let ids = SampleId::numbered(split, first, count);
        let images = Images {
            len: plain.shape().len(),
            private: plain.as_bytes()?,
            labels: plain.labels(),
            public: self.public.map_or(Ok(&[][..]), Set::as_bytes)?,
        };
        let samples = Samples {
            gallery: scheme.mixes().then_some(&images as &dyn Gallery),
            split: number(split),
            ..Samples::new(self.salt, &ids)
        };
        let made = count * scheme.encodings();
        let mut pixels = Pixels::zeros(output.dtype, made * output.shape.len());
        disguise.apply(samples, plain.as_bytes()?, pixels.view_mut())?;
        if !scheme.mixes() {
            return Ok(Set::new(output.shape, pixels, plain.labels().to_vec())?);
        }
        let set = Set::new(output.shape, pixels, Vec::new())?;
        let Some(highest) = plain.labels().iter().max() else {
            return Ok(set);
        };
        let classes = *highest as usize + 1;
        let mut rows = vec![0.0; made * classes];
        disguise.soft_labels(samples, plain.labels(), classes, &mut rows)?;
        Ok(set.with_soft(classes, rows)?)
    }

    fn restore(&self, disguised: &Set, split: &str, first: u64) -> Result<Option<Set>> {
        let disguise = self.key.disguise(self.shape)?;
        let (output, count) = (disguise.output(), disguised.len());
        if output.shape != disguised.shape() {
            return Err(Error::Subjects(format!(
                "images of {} are no disguised ones, those are {}",
                disguised.shape(),
                output.shape
            )));
        }
        let pixels = match output.dtype {
            Dtype::U8 => Pixels::U8(metrics::to_bytes(disguised).into_owned()),
            Dtype::F32 => Pixels::F32(disguised.to_floats()),
        };
        let ids = SampleId::numbered(split, first, count);
        let samples = Samples {
            split: number(split),
            ..Samples::new(self.salt, &ids)
        };
        let mut plain = vec![0; count * self.shape.len()];
        match disguise.remove(samples, pixels.view(), &mut plain) {
            Ok(()) => Ok(Some(Set::bytes(self.shape, plain)?)),
            Err(_) => Ok(None),
        }
    }
}

/// Number of a split: images that a model is asked with get other partners than those that it was trained on, and
/// shadow models are trained on others again.
fn number(split: &str) -> u64 {
    match split {
        "train" => 0,
        _ if split.starts_with("shadow-") => 2,
        _ => 1,
    }
}

/// Images to blend in.
struct Images<'a> {
    len: usize,
    private: &'a [u8],
    labels: &'a [u32],
    public: &'a [u8],
}

impl Gallery for Images<'_> {
    fn len(&self) -> usize {
        self.private.len() / self.len
    }

    fn image(&self, place: usize) -> &[u8] {
        &self.private[place * self.len..][..self.len]
    }

    fn label(&self, place: usize) -> Option<u32> {
        self.labels.get(place).copied()
    }

    fn public_len(&self) -> usize {
        self.public.len() / self.len
    }

    fn public_image(&self, place: usize) -> &[u8] {
        &self.public[place * self.len..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_model_is_asked_with_the_partners_of_its_training() {
        assert_ne!(number("train"), number("query-members"));
        assert_ne!(number("shadow-own"), number("query-own"));
        assert_ne!(number("shadow-members"), number("train"));
    }
}
