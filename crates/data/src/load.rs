//! Whole splits in memory, for training and prediction.

use crate::{Batch, Error, Fit, Format, Manifest, Meta, Reading, Result, Scale, Stored, formats};
use std::path::Path;
use visard_core::{SampleId, Shape};

/// One split in memory.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Name of the split.
    pub name: String,
    /// Shape of its images.
    pub shape: Shape,
    /// Identities, one per image.
    pub ids: Vec<SampleId>,
    /// Class numbers, one per image; empty where unlabelled or soft.
    pub labels: Vec<u32>,
    /// Soft labels: the number of classes, and a row of so many weights per image.
    pub soft: Option<(usize, Vec<f32>)>,
    /// All pixels, images one after the other.
    pub pixels: Stored,
}

/// A data set that was opened, plain or disguised.
pub struct Opened {
    /// Its format.
    pub format: &'static Format,
    /// What it holds.
    pub meta: Meta,
    /// Its manifest, if it is disguised.
    pub manifest: Option<Manifest>,
    source: Box<dyn crate::Source>,
}

impl Opened {
    /// Opens the data set at `path`.
    pub fn open(path: &Path, reading: Reading) -> Result<Self> {
        let manifest = Manifest::find(path)?;
        let format = match &manifest {
            Some(manifest) => formats::find(&manifest.format)?,
            None => formats::detect(path)?,
        };
        let disguised = manifest.is_some();
        let source = (format.open)(path, Reading { disguised, ..reading })?;
        Ok(Self {
            format,
            meta: source.meta().clone(),
            manifest,
            source,
        })
    }

    /// Quantisation of the stored values, if any.
    pub fn scale(&self) -> Option<Scale> {
        self.manifest.as_ref().and_then(|m| m.scale)
    }

    /// Number of the split that models learn from: `train` or the first.
    pub fn training_split(&self) -> usize {
        training_split(&self.meta)
    }

    /// Number of the split that models are tested on, if there is one beside the training split.
    pub fn test_split(&self) -> Option<usize> {
        let names = ["test", "t10k", "val", "valid", "validation"];
        names
            .iter()
            .find_map(|name| self.meta.splits.iter().position(|s| s.name == *name))
    }

    /// Consecutive images that are encodings of one plain image: 1 unless the scheme makes several.
    pub fn encodings(&self) -> Result<usize> {
        let Some(manifest) = &self.manifest else {
            return Ok(1);
        };
        let info = visard_core::schemes::find(&manifest.scheme)?;
        Ok((info.build)(&manifest.params)?.encodings())
    }

    /// Calls `each` with every batch of a split.
    pub fn each(&mut self, split: usize, mut each: impl FnMut(&mut Batch) -> Result<()>) -> Result<()> {
        self.source.seek(split, 0)?;
        let mut batch = Batch::new(self.meta.depth);
        loop {
            self.source.read(&mut batch, 4096)?;
            if batch.is_empty() {
                return Ok(());
            }
            each(&mut batch)?;
        }
    }

    /// Reads a split whole, at most `limit` images of it.
    pub fn load(&mut self, path: &Path, split: usize, limit: usize) -> Result<Loaded> {
        let name = self.meta.splits[split].name.clone();
        self.source.seek(split, 0)?;
        let mut batch = Batch::new(self.meta.depth);
        let mut whole: Option<Loaded> = None;
        loop {
            let held = whole.as_ref().map_or(0, |w| w.ids.len());
            self.source.read(&mut batch, (limit - held).min(4096))?;
            if batch.is_empty() {
                break;
            }
            match &mut whole {
                None => whole = Some(self.first(&name, &batch)),
                Some(whole) => whole.append(path, &batch)?,
            }
            if whole.as_ref().is_some_and(|w| w.ids.len() >= limit) {
                break;
            }
        }
        whole.ok_or_else(|| Error::input(path, format!("holds no images in {name}")))
    }

    /// Reads the samples of a split at these places, which must ascend, and brings them to a shape where one is
    /// given. Places that the split does not have are left out.
    ///
    /// # Errors
    /// If images are unreadable, of several shapes, or `fit` does not say how to bring them to the shape.
    pub fn pick(
        &mut self,
        path: &Path,
        split: usize,
        places: &[u64],
        to: Option<(Shape, Fit)>,
    ) -> Result<Loaded> {
        let name = self.meta.splits[split].name.clone();
        let mut batch = Batch::new(self.meta.depth);
        let mut whole: Option<Loaded> = None;
        for run in places.chunk_by(|a, b| *b == *a + 1) {
            self.source.seek(split, run[0])?;
            let mut left = run.len();
            while left > 0 {
                self.source.read(&mut batch, left)?;
                if batch.is_empty() {
                    break;
                }
                left -= batch.len().min(left);
                if let Some((shape, fit)) = to {
                    crate::fit::fit(&mut batch, shape, fit, path)?;
                }
                match &mut whole {
                    None => whole = Some(self.first(&name, &batch)),
                    Some(whole) => whole.append(path, &batch)?,
                }
            }
        }
        whole.ok_or_else(|| Error::input(path, format!("holds no images in {name}")))
    }

    /// What a batch begins.
    fn first(&self, name: &str, batch: &Batch) -> Loaded {
        Loaded {
            name: name.into(),
            shape: batch.shape,
            ids: batch.ids.clone(),
            labels: batch.labels.clone(),
            soft: self.meta.soft.map(|classes| (classes, batch.soft.clone())),
            pixels: batch.pixels.clone(),
        }
    }
}

/// Number of the split that models learn from: `train` or the first.
pub(crate) fn training_split(meta: &Meta) -> usize {
    let names = ["train", "data"];
    let found = meta.splits.iter().position(|s| names.contains(&s.name.as_str()));
    found.unwrap_or(0)
}

impl Loaded {
    fn append(&mut self, path: &Path, batch: &Batch) -> Result<()> {
        if batch.shape != self.shape {
            let problem = format!(
                "holds images of {} and of {}: networks take one shape (a key for one shape and --fit make it one)",
                self.shape, batch.shape
            );
            return Err(Error::input(path, problem));
        }
        self.ids.extend_from_slice(&batch.ids);
        self.labels.extend_from_slice(&batch.labels);
        if let Some((_, rows)) = &mut self.soft {
            rows.extend_from_slice(&batch.soft);
        }
        match (&mut self.pixels, &batch.pixels) {
            (Stored::U8(all), Stored::U8(more)) => all.extend_from_slice(more),
            (Stored::U16(all), Stored::U16(more)) => all.extend_from_slice(more),
            (Stored::F32(all), Stored::F32(more)) => all.extend_from_slice(more),
            _ => return Err(Error::input(path, "mixes pixels of different types")),
        }
        Ok(())
    }
}
