//! The images that mixing schemes blend into others, held in memory.

use crate::{Batch, Error, Fit, Opened, Reading, Result, Stored, fit};
use std::path::Path;
use visard_core::Shape;

/// Private images with their labels, and public ones, all of one shape.
#[derive(Default)]
pub struct Gallery {
    len: usize,
    private: Vec<u8>,
    labels: Vec<u32>,
    public: Vec<u8>,
    signature: String,
}

impl Gallery {
    /// Loads the training split of the data set `private`, and all of `public`'s where given, as
    /// images of `shape`.
    ///
    /// # Errors
    /// If a data set is unreadable, disguised, of another shape that `fit` does not mend, or beyond
    /// `reading.limits.gallery_bytes`.
    pub fn load(
        private: &Path,
        public: Option<&Path>,
        shape: Shape,
        fit: Fit,
        reading: Reading,
    ) -> Result<Self> {
        let mut gallery = Self {
            len: shape.len(),
            ..Self::default()
        };
        (gallery.private, gallery.labels) = read(private, shape, fit, reading, &mut gallery.signature)?;
        if let Some(public) = public {
            gallery.public = read(public, shape, fit, reading, &mut gallery.signature)?.0;
        }
        Ok(gallery)
    }

    /// Tells the data sets from others, as [`crate::Meta::signature`] does.
    pub(crate) fn signature(&self) -> &str {
        &self.signature
    }

    /// Highest class number of a private image.
    pub fn highest_label(&self) -> Option<u32> {
        self.labels.iter().copied().max()
    }
}

impl visard_core::Gallery for Gallery {
    fn len(&self) -> usize {
        self.private.len() / self.len.max(1)
    }

    fn image(&self, place: usize) -> &[u8] {
        &self.private[place * self.len..][..self.len]
    }

    fn label(&self, place: usize) -> Option<u32> {
        self.labels.get(place).copied()
    }

    fn public_len(&self) -> usize {
        self.public.len() / self.len.max(1)
    }

    fn public_image(&self, place: usize) -> &[u8] {
        &self.public[place * self.len..][..self.len]
    }
}

/// Pixels and labels of a plain data set's training split.
fn read(
    path: &Path,
    shape: Shape,
    fit: Fit,
    reading: Reading,
    signature: &mut String,
) -> Result<(Vec<u8>, Vec<u32>)> {
    let mut data = Opened::open(path, reading)?;
    signature.push_str(&data.meta.signature);
    if data.manifest.is_some() {
        return Err(Error::Usage(format!(
            "{} is disguised; images to mix with must be plain",
            path.display()
        )));
    }
    let split = data.training_split();
    let count = data.meta.splits[split].count;
    let bytes = count.saturating_mul(shape.len() as u64);
    if bytes > reading.limits.gallery_bytes {
        let problem = format!(
            "{count} images of {shape} take {bytes} bytes of memory, more than the {} allowed: mixing schemes hold \
             all images; raise --max-gallery-bytes or disguise it in parts",
            reading.limits.gallery_bytes
        );
        return Err(Error::limit(path, problem));
    }
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    data.each(split, |batch: &mut Batch| {
        fit::fit(batch, shape, fit, path)?;
        match &batch.pixels {
            Stored::U8(bytes) => pixels.extend_from_slice(bytes),
            _ => return Err(Error::input(path, "holds pixels that are no bytes")),
        }
        labels.extend_from_slice(&batch.labels);
        Ok(())
    })?;
    Ok((pixels, labels))
}
