//! A folder of images as torchvision's `ImageFolder` reads it: `CLASS/x.png`, with splits
//! `train/CLASS/x.png`, or without classes `x.png`.
//!
//! Reading and decoding run in parallel; batches hold images of one shape and without gaps in
//! their numbering, so an image of another shape, or one left out, starts a new batch. A sample's
//! identity is its relative path without the extension, since disguised images are all PNG or all JPEG.

mod list;
pub mod sums;
mod write;

use crate::{Batch, Depth, Error, Format, Meta, Reading, Result, Source, Stored, decode};
use list::Listing;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};
use visard_core::{SampleId, Shape};

/// Values after which a batch of large images is closed early.
const BATCH_VALUES: usize = 1 << 26;
/// Files that are decoded ahead at a time, per thread.
const AHEAD: usize = 8;

/// The registry entry.
pub(super) static FORMAT: Format = Format {
    name: "folder",
    title: "a folder of images (CLASS/x.png, train/CLASS/x.png or x.png)",
    detect: |path| path.is_dir() && list::has_images(path),
    open: |path, reading| Ok(Box::new(Folder::open(path, reading)?)),
    create: |plan| Ok(Box::new(write::FolderSink::create(plan)?)),
    is_folder: true,
    soft_labels: false,
    depths: &[Depth::U8, Depth::U16],
    jpeg: true,
    refuses,
};

fn refuses(meta: &Meta, shape: Shape, depth: Depth) -> Option<String> {
    if serde_json::from_value::<Layout>(meta.layout.clone()).is_err() {
        return Some("images without names cannot be written to a folder; keep the input's format".into());
    }
    if depth == Depth::F32 {
        return Some("PNG holds no floats; store 8 or 16 bits, or write .npz".into());
    }
    let fits = (1..=4).contains(&shape.channels);
    (!fits).then(|| {
        format!(
            "PNG holds 1 to 4 channels, not {}; write .npz instead",
            shape.channels
        )
    })
}

/// What the writer needs of a folder.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Layout {
    folder: Parts,
}

/// Whether the folder has splits.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Parts {
    splits: bool,
}

/// A relative path without the extension of an image file.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, end)) if list::is_image_extension(end) => stem,
        _ => name,
    }
}

/// Reads a folder of images.
struct Folder {
    root: PathBuf,
    reading: Reading,
    listing: Listing,
    meta: Meta,
    split: usize,
    /// Place within the split of the next file to be decoded.
    next: u64,
    /// Decoded images that no batch has taken yet, with their places.
    queue: VecDeque<(u64, Result<decode::Image>)>,
    skipped: Vec<(PathBuf, String)>,
}

impl Folder {
    fn open(root: &Path, reading: Reading) -> Result<Self> {
        let mut listing = Listing::of(root, &reading)?;
        let layout = Layout {
            folder: Parts {
                splits: listing.has_splits,
            },
        };
        let meta = Meta {
            splits: listing.splits(),
            classes: std::mem::take(&mut listing.classes),
            labelled: listing.labelled,
            soft: None,
            shape: None,
            depth: Depth::U8,
            layout: serde_json::to_value(layout).map_err(|e| Error::input(root, e))?,
            signature: listing.signature(root)?,
        };
        let mut folder = Self {
            root: root.into(),
            reading,
            skipped: std::mem::take(&mut listing.skipped),
            listing,
            meta,
            split: 0,
            next: 0,
            queue: VecDeque::new(),
        };
        folder.meta.depth = folder.peek()?;
        Ok(folder)
    }

    /// Depth of the images: plain ones are bytes, disguised ones what the first of them has.
    fn peek(&self) -> Result<Depth> {
        if !self.reading.disguised {
            return Ok(Depth::U8);
        }
        for i in 0..self.listing.len() {
            match decode::load(&self.root.join(self.listing.name(i)), &self.reading) {
                Ok(image) => return Ok(image.pixels.depth()),
                Err(error) if !self.reading.skip_bad => return Err(error),
                Err(_) => {}
            }
        }
        Ok(Depth::U8)
    }

    /// Number within the listing of a place in the current split.
    fn index(&self, place: u64) -> usize {
        self.listing.start(self.split) + place as usize
    }

    /// Decodes up to `max` following files.
    fn decode_ahead(&mut self, max: usize) {
        let left = self.meta.splits[self.split].count - self.next;
        let some = max.clamp(1, AHEAD * rayon::current_num_threads());
        let n = some.min(usize::try_from(left).unwrap_or(usize::MAX));
        let first = self.index(self.next);
        let images: Vec<_> = (first..first + n)
            .into_par_iter()
            .map(|i| decode::load(&self.root.join(self.listing.name(i)), &self.reading))
            .collect();
        self.queue.extend((self.next..).zip(images));
        self.next += n as u64;
    }

    /// Adds an image to the batch if it fits; gives it back if it does not.
    fn add(&self, batch: &mut Batch, place: u64, image: decode::Image) -> Option<decode::Image> {
        if batch.is_empty() {
            batch.first = place;
            batch.shape = image.shape;
            if batch.pixels.depth() != image.pixels.depth() {
                batch.pixels = Stored::empty(image.pixels.depth());
            }
        } else if batch.shape != image.shape || place != batch.first + batch.len() as u64 {
            return Some(image);
        }
        match (&mut batch.pixels, &image.pixels) {
            (Stored::U8(to), Stored::U8(from)) => to.extend_from_slice(from),
            (Stored::U16(to), Stored::U16(from)) => to.extend_from_slice(from),
            _ => return Some(image),
        }
        let i = self.index(place);
        let name = self.listing.name(i);
        batch.ids.push(SampleId::of(stem(name)));
        batch.names.push(name.into());
        if self.meta.labelled {
            batch.labels.push(self.listing.labels[i]);
        }
        None
    }
}

impl Source for Folder {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn seek(&mut self, split: usize, sample: u64) -> Result<()> {
        match self.meta.splits.get(split) {
            Some(s) if sample <= s.count => {
                (self.split, self.next) = (split, sample);
                self.queue.clear();
                Ok(())
            }
            _ => Err(Error::Usage(format!(
                "there is no sample {sample} in split {split}"
            ))),
        }
    }

    fn read(&mut self, batch: &mut Batch, max: usize) -> Result<()> {
        batch.split = self.split;
        batch.first = self.next;
        batch.ids.clear();
        batch.names.clear();
        batch.labels.clear();
        batch.soft.clear();
        match &mut batch.pixels {
            Stored::U8(v) => v.clear(),
            Stored::U16(v) => v.clear(),
            Stored::F32(v) => v.clear(),
        }
        while batch.len() < max && batch.pixels.len() < BATCH_VALUES {
            if self.queue.is_empty() && self.next < self.meta.splits[self.split].count {
                self.decode_ahead(max - batch.len());
            }
            let Some((place, outcome)) = self.queue.pop_front() else {
                break;
            };
            match outcome {
                Ok(image) => {
                    if let Some(image) = self.add(batch, place, image) {
                        self.queue.push_front((place, Ok(image)));
                        break;
                    }
                }
                Err(error) if self.reading.skip_bad => {
                    let name = self.listing.name(self.index(place)).into();
                    self.skipped.push((name, reason(error)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn check_copies(&self, split: usize, copies: u64) -> Result<()> {
        let first = self.listing.start(split);
        let last = first + self.meta.splits[split].count as usize;
        match self.listing.copy_twin(first..last, copies) {
            None => Ok(()),
            Some((a, b)) => {
                let problem = format!("has the name that a copy of {a} would get; rename one of them");
                Err(Error::input(&self.root.join(b), problem))
            }
        }
    }

    fn name_copies(&self, batch: &mut Batch, copy: u64) {
        for (name, id) in batch.names.iter_mut().zip(&mut batch.ids) {
            let copied = copy_name(&name.to_string_lossy(), copy);
            (*id, *name) = (SampleId::of(stem(&copied)), copied.into());
        }
    }

    fn skipped(&self) -> &[(PathBuf, String)] {
        &self.skipped
    }
}

/// Name of copy number `copy`, from 2 on: `CLASS/x.2.png` beside `CLASS/x.png`.
fn copy_name(name: &str, copy: u64) -> String {
    let stem = stem(name);
    format!("{stem}.{copy}{}", &name[stem.len()..])
}

/// What is wrong with a file, without its name.
fn reason(error: Error) -> String {
    match error {
        Error::Input { problem, .. } | Error::Limit { problem, .. } => problem,
        other => other.to_string(),
    }
}
