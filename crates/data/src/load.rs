//! Whole splits in memory, for training and prediction.

use crate::{Batch, Error, Format, Manifest, Meta, Reading, Result, Scale, Stored, formats};
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
    /// Class numbers, one per image; empty where unlabelled.
    pub labels: Vec<u32>,
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
        let names = ["train", "data"];
        self.meta
            .splits
            .iter()
            .position(|s| names.contains(&s.name.as_str()))
            .unwrap_or(0)
    }

    /// Number of the split that models are tested on, if there is one beside the training split.
    pub fn test_split(&self) -> Option<usize> {
        let names = ["test", "t10k", "val", "valid", "validation"];
        names
            .iter()
            .find_map(|name| self.meta.splits.iter().position(|s| s.name == *name))
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
                None => {
                    whole = Some(Loaded {
                        name: name.clone(),
                        shape: batch.shape,
                        ids: batch.ids.clone(),
                        labels: batch.labels.clone(),
                        pixels: batch.pixels.clone(),
                    });
                }
                Some(whole) => whole.append(path, &batch)?,
            }
            if whole.as_ref().is_some_and(|w| w.ids.len() >= limit) {
                break;
            }
        }
        whole.ok_or_else(|| Error::input(path, format!("holds no images in {name}")))
    }
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
        match (&mut self.pixels, &batch.pixels) {
            (Stored::U8(all), Stored::U8(more)) => all.extend_from_slice(more),
            (Stored::U16(all), Stored::U16(more)) => all.extend_from_slice(more),
            (Stored::F32(all), Stored::F32(more)) => all.extend_from_slice(more),
            _ => return Err(Error::input(path, "mixes pixels of different types")),
        }
        Ok(())
    }
}
