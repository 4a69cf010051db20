//! Writing IDX, plain or as gzip members of a fixed number of samples.
//!
//! A member holds a number of samples that follows from the image's size alone, so the bytes do
//! not depend on batches, and a run that was stopped goes on at a member's border.

use super::{Layout, Pair};
use crate::{
    Batch, Depth, Error, FileRecord, Plan, Result, Sink,
    formats::files::{self, Endian, Growing, State},
};
use flate2::{Compression, GzBuilder};
use rayon::prelude::*;
use std::{io::Write, path::Path};
use visard_core::Shape;

/// Samples of one gzip member at most.
const MEMBER_SAMPLES: usize = 4096;
/// Bytes of pixels of one gzip member, unless one image is larger.
const MEMBER_BYTES: usize = 4 << 20;
/// Bytes that are compressed on trial to see whether a member is worth it.
const TRIAL: usize = 1 << 16;

/// One output file.
#[derive(Debug)]
struct Out {
    file: Growing,
    gz: bool,
    /// Whether samples wait for a full member: in a split with a compressed file, for both files.
    buffered: bool,
    noise: bool,
    /// The header, until it is written with the first samples.
    head: Vec<u8>,
    /// Samples that do not fill a member yet.
    pending: Vec<u8>,
}

impl Out {
    fn open(path: &Path, gz: bool, buffered: bool, noise: bool, durable: Option<u64>) -> Result<Self> {
        Ok(Self {
            file: Growing::open(path, durable)?,
            gz,
            buffered,
            noise,
            head: Vec::new(),
            pending: Vec::new(),
        })
    }

    /// Sets the header, unless the file has one from an earlier run.
    fn start(&mut self, depth: Depth, dims: &[u32]) {
        if self.file.len() > 0 {
            return;
        }
        let code = if depth == Depth::F32 { 0x0D } else { 0x08 };
        self.head = vec![0, 0, code, dims.len() as u8];
        self.head.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
    }

    /// Appends samples; `member` is the number of bytes of a full member.
    fn push(&mut self, bytes: &[u8], member: usize) -> Result<()> {
        if !self.buffered {
            let head = std::mem::take(&mut self.head);
            self.file.append(&head)?;
            return self.file.append(bytes);
        }
        self.pending.extend_from_slice(bytes);
        let full = self.pending.len() / member * member;
        self.release(full, member)
    }

    /// Writes the first `len` pending bytes, member by member.
    fn release(&mut self, len: usize, member: usize) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let (noise, head) = (self.noise, std::mem::take(&mut self.head));
        if !self.gz {
            self.file.append(&head)?;
            self.file.append(&self.pending[..len])?;
            self.pending.drain(..len);
            return Ok(());
        }
        let members: Vec<_> = self.pending[..len]
            .par_chunks(member)
            .enumerate()
            .map(|(i, chunk)| gzip(if i == 0 { &head } else { &[] }, chunk, noise))
            .collect();
        for compressed in members {
            self.file.append(&compressed)?;
        }
        self.pending.drain(..len);
        Ok(())
    }

    /// Writes what does not fill a member, and the header of a file without samples.
    fn flush(&mut self, member: usize) -> Result<()> {
        self.release(self.pending.len(), member)?;
        let head = std::mem::take(&mut self.head);
        match (head.is_empty(), self.gz) {
            (true, _) => Ok(()),
            (false, true) => self.file.append(&gzip(&head, &[], false)),
            (false, false) => self.file.append(&head),
        }
    }
}

/// One gzip member without name and time.
fn gzip(head: &[u8], data: &[u8], noise: bool) -> Vec<u8> {
    let level = if !noise {
        6
    } else if member(&[], &data[..data.len().min(TRIAL)], 1).len() < data.len().min(TRIAL) / 50 * 49 {
        1
    } else {
        0
    };
    member(head, data, level)
}

fn member(head: &[u8], data: &[u8], level: u32) -> Vec<u8> {
    let room = Vec::with_capacity(data.len() / 2 + 64);
    let mut encoder = GzBuilder::new().mtime(0).write(room, Compression::new(level));
    // Writing to memory cannot fail.
    let _ = encoder.write_all(head);
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}

/// The files of one split.
#[derive(Debug)]
struct Track {
    images: Out,
    labels: Option<Out>,
    pair: Pair,
    count: u64,
    written: u64,
    /// Whether its last member is written.
    flushed: bool,
}

/// Writes IDX files.
#[derive(Debug)]
pub(super) struct IdxSink {
    plan: Plan,
    shape: Option<Shape>,
    tracks: Vec<Track>,
    scratch: Vec<u8>,
}

impl IdxSink {
    pub(super) fn create(plan: Plan) -> Result<Self> {
        let pairs = pairs(&plan);
        let labelled = plan.meta.labelled;
        let per_split = if labelled { 2 } else { 1 };
        let state = State::of(&plan, pairs.len() * per_split)?;
        let mut tracks = Vec::new();
        for (i, (pair, split)) in pairs.into_iter().zip(&plan.meta.splits).enumerate() {
            if split.count > u64::from(u32::MAX) {
                let problem = format!("split {} has more samples than IDX can count", split.name);
                return Err(Error::Usage(problem));
            }
            let durable = |file: usize| state.as_ref().map(|s| s.files[i * per_split + file]);
            let images = plan.root.join(&pair.images);
            let buffered = pair.images_gz || pair.labels_gz;
            let labels = match &pair.labels {
                Some(name) => {
                    let path = plan.root.join(name);
                    Some(Out::open(&path, pair.labels_gz, buffered, false, durable(1))?)
                }
                None => None,
            };
            let written = state.as_ref().map_or(0, |s| s.done[i]);
            tracks.push(Track {
                images: Out::open(&images, pair.images_gz, buffered, plan.noise, durable(0))?,
                labels,
                pair,
                count: split.count,
                written,
                flushed: written == split.count && written > 0,
            });
        }
        Ok(Self {
            plan,
            shape: None,
            tracks,
            scratch: Vec::new(),
        })
    }

    /// Bytes of one label.
    fn label_bytes(&self) -> usize {
        self.plan.meta.soft.map_or(1, |classes| 4 * classes)
    }

    /// Samples of one gzip member.
    fn per_member(&self, shape: Shape) -> usize {
        let image = shape.len() * files::width(self.plan.depth);
        (MEMBER_BYTES / image).clamp(1, MEMBER_SAMPLES)
    }
}

/// The files to write: those of the input, or MNIST's names where the input is of another format.
fn pairs(plan: &Plan) -> Vec<Pair> {
    let mut pairs = hard_pairs(plan);
    if plan.meta.soft.is_some() {
        for labels in pairs.iter_mut().filter_map(|pair| pair.labels.as_mut()) {
            *labels = labels.replace(super::HARD_LABELS, super::SOFT_LABELS);
        }
    }
    pairs
}

/// The files to write if labels are class numbers.
fn hard_pairs(plan: &Plan) -> Vec<Pair> {
    let known: Option<Layout> = serde_json::from_value(plan.meta.layout.clone()).ok();
    let splits = &plan.meta.splits;
    match known {
        Some(layout)
            if layout.idx.len() == splits.len()
                && layout
                    .idx
                    .iter()
                    .all(|p| safe(p) && p.labels.is_some() == plan.meta.labelled) =>
        {
            layout.idx
        }
        _ => splits
            .iter()
            .map(|s| Pair {
                images: format!("{}-images-idx3-ubyte", s.name),
                labels: plan
                    .meta
                    .labelled
                    .then(|| format!("{}-labels-idx1-ubyte", s.name)),
                images_gz: false,
                labels_gz: false,
                dims: 3,
            })
            .collect(),
    }
}

/// Whether the names stay below the output, whatever a manifest says.
fn safe(pair: &Pair) -> bool {
    let below = |name: &String| {
        Path::new(name)
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)))
    };
    below(&pair.images) && pair.labels.iter().all(below)
}

impl Track {
    /// Sets the headers, once the shape is known.
    fn start(&mut self, depth: Depth, shape: Shape, soft: Option<usize>) {
        let count = self.count as u32;
        let side = |value: usize| value as u32;
        let mut dims = vec![count, side(shape.height), side(shape.width)];
        if self.pair.dims == 4 || shape.channels != 1 {
            dims.push(side(shape.channels));
        }
        self.images.start(depth, &dims);
        if let Some(labels) = &mut self.labels {
            match soft {
                Some(classes) => labels.start(Depth::F32, &[count, side(classes)]),
                None => labels.start(Depth::U8, &[count]),
            }
        }
    }

    /// Completes the last members.
    fn flush(&mut self, image: usize, label: usize, per_member: usize) -> Result<()> {
        if !self.flushed {
            self.images.flush(image * per_member)?;
            if let Some(labels) = &mut self.labels {
                labels.flush(label * per_member)?;
            }
            self.flushed = true;
        }
        Ok(())
    }
}

impl Sink for IdxSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        files::check_batch(batch, &self.plan, self.shape)?;
        let shape = *self.shape.insert(batch.shape);
        let (per_member, label, soft) = (self.per_member(shape), self.label_bytes(), self.plan.meta.soft);
        let track = &mut self.tracks[batch.split];
        let end = batch.first + batch.len() as u64;
        if batch.first != track.written || end > track.count {
            let problem = format!(
                "{}: sample {} is out of turn",
                self.plan.root.display(),
                batch.first
            );
            return Err(Error::Usage(problem));
        }
        track.start(self.plan.depth, shape, soft);
        let image = shape.len() * files::width(self.plan.depth);
        let bytes = files::bytes_of(&batch.pixels, Endian::Big, &mut self.scratch);
        track.images.push(bytes, image * per_member)?;
        if let Some(labels) = &mut track.labels {
            let bytes: Vec<u8> = match soft {
                Some(_) => batch.soft.iter().flat_map(|w| w.to_be_bytes()).collect(),
                None => batch
                    .labels
                    .iter()
                    .map(|&l| files::label_byte(l, &self.plan.root))
                    .collect::<Result<_>>()?,
            };
            labels.push(&bytes, label * per_member)?;
        }
        track.written = end;
        if end == track.count {
            track.flush(image, label, per_member)?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Option<serde_json::Value>> {
        let per_member = self.shape.map_or(1, |s| self.per_member(s)) as u64;
        let mut state = State {
            done: Vec::new(),
            files: Vec::new(),
        };
        for track in &mut self.tracks {
            let whole = track.flushed || !track.images.buffered;
            let done = if whole {
                track.written
            } else {
                track.written / per_member * per_member
            };
            state.done.push(done);
            for out in std::iter::once(&mut track.images).chain(&mut track.labels) {
                out.file.sync()?;
                state.files.push(out.file.len());
            }
        }
        Ok(Some(state.value()))
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<FileRecord>> {
        let shape = self.shape.or(self.plan.meta.shape).unwrap_or(Shape::new(1, 1, 1));
        let (per_member, label, soft) = (self.per_member(shape), self.label_bytes(), self.plan.meta.soft);
        let image = shape.len() * files::width(self.plan.depth);
        let mut records = Vec::new();
        for track in &mut self.tracks {
            if track.written != track.count {
                let problem = format!(
                    "{}: {} samples expected, {} written",
                    track.pair.images, track.count, track.written
                );
                return Err(Error::Usage(problem));
            }
            track.start(self.plan.depth, shape, soft);
            track.flush(image, label, per_member)?;
        }
        for track in self.tracks {
            records.push(track.images.file.finish(&self.plan.root)?);
            if let Some(labels) = track.labels {
                records.push(labels.file.finish(&self.plan.root)?);
            }
        }
        Ok(records)
    }
}
