//! Several copies of the training images, as so many epochs would see them.

use crate::{Augmentation, Batch, Error, Limits, Meta, Result, Source, augment, load};
use std::path::{Path, PathBuf};
use visard_core::{Key, Shape};

/// How many times `apply` writes each training image, and what it changes in the further copies.
///
/// Only the training split (`train`, or else the first) has copies. They follow each other whole: first
/// all images as they are, then all images changed at random, then all images changed otherwise, so that
/// who trains on them takes one copy an epoch. Each copy is disguised as a sample of its own identity, so
/// that schemes with randomness for each image draw it afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies<'a> {
    /// Times that each training image is written, from 1 on.
    pub count: u64,
    /// Random changes of all copies but the first.
    pub augment: &'a [Augmentation],
}

impl Default for Copies<'_> {
    fn default() -> Self {
        Self {
            count: 1,
            augment: &[],
        }
    }
}

impl Copies<'_> {
    /// Whether each image is written once, as without this.
    pub(crate) fn is_single(&self) -> bool {
        self.count == 1
    }

    /// Refuses requests that make no sense whatever the images.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no copy at all, nothing to change, or one kind of change twice.
    pub fn check(&self) -> Result<()> {
        if self.count == 0 {
            return Err(Error::Usage("--copies is 1 or more".into()));
        }
        if self.is_single() && !self.augment.is_empty() {
            return Err(Error::Usage(
                "--augment changes the second and further copies of an image: say --copies 2 or more with it"
                    .into(),
            ));
        }
        augment::ordered(self.augment).map(drop)
    }

    /// Refuses what the key or the shape of the images, where it is known, does not allow.
    pub(crate) fn check_for(&self, key: &Key, shape: Option<Shape>) -> Result<()> {
        self.check()?;
        if self.is_single() {
            return Ok(());
        }
        let (scheme, name) = (key.scheme(), key.scheme().info().name);
        if scheme.mixes() {
            return Err(Error::Usage(format!(
                "{name} blends images, and partners would be copies of each other: leave --copies out; the parameter \
                 encodings makes several outputs of each image (visard keygen --set encodings=N)"
            )));
        }
        if scheme.together() > 1 {
            return Err(Error::Usage(format!(
                "with these parameters {name} disguises {} images together, so copies would change each other: leave \
                 --copies out, or make a key that disguises each image by itself",
                scheme.together()
            )));
        }
        shape.map_or(Ok(()), |shape| augment::check_shape(self.augment, shape))
    }
}

/// A source whose training split comes several times, one copy behind the other.
pub(crate) struct Repeated {
    inner: Box<dyn Source>,
    meta: Meta,
    copies: u64,
    /// The split that is repeated, and its places in the inner source.
    split: usize,
    count: u64,
    /// Where the inner source stands.
    now: usize,
    copy: u64,
}

impl Repeated {
    /// `copies` copies of the training split of `inner`, which was opened from `path`.
    ///
    /// # Errors
    /// If there would be more samples than the limit.
    pub(crate) fn new(inner: Box<dyn Source>, copies: u64, path: &Path, limits: Limits) -> Result<Self> {
        let mut meta = inner.meta().clone();
        let split = load::training_split(&meta);
        let count = meta.splits[split].count;
        let all = count.checked_mul(copies).filter(|all| *all <= limits.samples);
        meta.splits[split].count = all.ok_or_else(|| {
            let problem = format!(
                "{copies} copies of {count} images are more than the {} that a data set may hold",
                limits.samples
            );
            Error::limit(path, problem)
        })?;
        Ok(Self {
            inner,
            meta,
            copies,
            split,
            count,
            now: 0,
            copy: 0,
        })
    }
}

impl Source for Repeated {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn seek(&mut self, split: usize, sample: u64) -> Result<()> {
        (self.now, self.copy) = (split, 0);
        if split != self.split {
            return self.inner.seek(split, sample);
        }
        // The end of the split is the end of its last copy.
        self.copy = sample
            .checked_div(self.count)
            .map_or(0, |copy| copy.min(self.copies - 1));
        self.inner.seek(split, sample - self.copy * self.count)
    }

    fn read(&mut self, batch: &mut Batch, max: usize) -> Result<()> {
        self.inner.read(batch, max)?;
        if self.now != self.split {
            return Ok(());
        }
        // A copy whose last images were left out ends before its last place.
        while batch.is_empty() && self.count > 0 && self.copy + 1 < self.copies {
            self.copy += 1;
            self.inner.seek(self.split, 0)?;
            self.inner.read(batch, max)?;
        }
        if self.copy > 0 {
            batch.first += self.copy * self.count;
            self.inner.name_copies(batch, self.copy + 1);
        }
        Ok(())
    }

    fn skipped(&self) -> &[(PathBuf, String)] {
        self.inner.skipped()
    }
}
