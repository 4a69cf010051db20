//! The joint that every format fits: [`Source`] -> [`Batch`] -> [`Sink`].

use crate::{Error, Jpeg, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use visard_core::{Affine, SampleId, Shape};

/// How pixel values lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Bytes.
    U8,
    /// 16-bit unsigned integers.
    U16,
    /// 32-bit floats.
    F32,
}

impl std::fmt::Display for Depth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U8 => "8",
            Self::U16 => "16",
            Self::F32 => "float",
        })
    }
}

/// Pixel values as stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Bytes.
    U8(Vec<u8>),
    /// 16-bit unsigned integers.
    U16(Vec<u16>),
    /// 32-bit floats.
    F32(Vec<f32>),
}

impl Stored {
    /// No values of the given depth.
    pub fn empty(depth: Depth) -> Self {
        match depth {
            Depth::U8 => Self::U8(Vec::new()),
            Depth::U16 => Self::U16(Vec::new()),
            Depth::F32 => Self::F32(Vec::new()),
        }
    }

    /// Depth of the values.
    pub fn depth(&self) -> Depth {
        match self {
            Self::U8(_) => Depth::U8,
            Self::U16(_) => Depth::U16,
            Self::F32(_) => Depth::F32,
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::F32(v) => v.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One part of a data set, for instance `train`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Name as the format gives it: `train`, `t10k`, `test`, `data`, ...
    pub name: String,
    /// Number of samples.
    pub count: u64,
}

/// What a data set holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Its parts, in the order in which they are read and written.
    pub splits: Vec<Split>,
    /// Class names in the order of their numbers; empty where the format has none.
    pub classes: Vec<String>,
    /// Whether samples carry labels.
    pub labelled: bool,
    /// Weights in a row of soft labels; `None` where labels are class numbers.
    #[serde(default)]
    pub soft: Option<usize>,
    /// Shape of all images, where the format knows it without reading them.
    pub shape: Option<Shape>,
    /// How the pixels are stored.
    pub depth: Depth,
    /// What the format's writer needs to write the same layout again (names of files, compression).
    pub layout: serde_json::Value,
    /// A digest of what tells this input from another: names, sizes and times of its files.
    pub signature: String,
}

impl Meta {
    /// Samples in all splits.
    pub fn total(&self) -> u64 {
        self.splits.iter().map(|s| s.count).sum()
    }
}

/// Samples of one split and one shape, images one after the other, each (H, W, C).
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Number of the split within [`Meta::splits`].
    pub split: usize,
    /// Place of the first sample within its split.
    pub first: u64,
    /// Shape of each image.
    pub shape: Shape,
    /// Identities, one per image.
    pub ids: Vec<SampleId>,
    /// Paths of the samples relative to the data set, `/`-separated, for formats whose samples have
    /// names (folders); empty for those that number them.
    pub names: Vec<PathBuf>,
    /// Class numbers, one per image; empty where unlabelled or soft.
    pub labels: Vec<u32>,
    /// Soft labels, a row of [`Meta::soft`] weights per image; empty where there are none.
    pub soft: Vec<f32>,
    /// The pixels.
    pub pixels: Stored,
}

impl Batch {
    /// A batch without samples, to be filled by [`Source::read`].
    pub fn new(depth: Depth) -> Self {
        Self {
            split: 0,
            first: 0,
            shape: Shape::new(1, 1, 1),
            ids: Vec::new(),
            names: Vec::new(),
            labels: Vec::new(),
            soft: Vec::new(),
            pixels: Stored::empty(depth),
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Appends samples that follow these.
    ///
    /// # Errors
    /// If they are of another shape or type.
    pub(crate) fn append(&mut self, mut more: Self) -> Result<()> {
        let mixed =
            || Error::Usage("images of different shapes or types cannot be disguised together".into());
        if self.shape != more.shape {
            return Err(mixed());
        }
        match (&mut self.pixels, &mut more.pixels) {
            (Stored::U8(all), Stored::U8(new)) => all.append(new),
            (Stored::U16(all), Stored::U16(new)) => all.append(new),
            (Stored::F32(all), Stored::F32(new)) => all.append(new),
            _ => return Err(mixed()),
        }
        self.ids.append(&mut more.ids);
        self.names.append(&mut more.names);
        self.labels.append(&mut more.labels);
        self.soft.append(&mut more.soft);
        Ok(())
    }
}

/// Bounds that every decoder keeps to, checked before memory is taken.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Values (height * width * channels) of one image.
    pub image_values: u64,
    /// Bytes of one compressed image file.
    pub file_bytes: u64,
    /// Samples of one data set.
    pub samples: u64,
    /// Bytes of the images that are held in memory for schemes that mix images.
    pub gallery_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            image_values: 1 << 28,
            file_bytes: 1 << 30,
            samples: 1 << 32,
            gallery_bytes: 8 << 30,
        }
    }
}

/// What to do with an alpha channel that is not fully opaque.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alpha {
    /// Refuse the image.
    #[default]
    Error,
    /// Drop the channel, keep the colours as they are.
    Drop,
}

/// How inputs are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Bounds.
    pub limits: Limits,
    /// What to do with alpha.
    pub alpha: Alpha,
    /// Whether 16-bit plain images may be narrowed to their upper 8 bits.
    pub narrow: bool,
    /// Whether classes without images are accepted.
    pub allow_empty: bool,
    /// Whether unreadable images are left out (and listed) instead of ending the run.
    pub skip_bad: bool,
    /// Whether 16-bit images are data to be kept as they are (disguised sets) rather than plain.
    pub disguised: bool,
    /// Whether plain images may be floats in 0..=1.
    pub floats: bool,
}

/// Reads a data set from its first sample to its last.
pub trait Source: Send {
    /// What the data set holds.
    fn meta(&self) -> &Meta;

    /// Goes to sample `sample` of split `split`.
    fn seek(&mut self, split: usize, sample: u64) -> Result<()>;

    /// Replaces `batch` by up to `max` following samples of the current split, all of one shape.
    /// Leaves it empty at the end of the split. Storage in `batch` is reused.
    fn read(&mut self, batch: &mut Batch, max: usize) -> Result<()>;

    /// Refuses copies of the samples of a split if one could not be told from another sample.
    fn check_copies(&self, _split: usize, _copies: u64) -> Result<()> {
        Ok(())
    }

    /// Makes samples that this source has read, and whose [`Batch::first`] was moved to the place of
    /// their copy, copy number `copy` (from 2 on) of themselves: with the identities, and the names where
    /// there are some, that reading the output again will find.
    fn name_copies(&self, batch: &mut Batch, _copy: u64) {
        let split = &self.meta().splits[batch.split].name;
        batch.ids = SampleId::numbered(split, batch.first, batch.len());
    }

    /// Inputs left out so far because they could not be read, with the reason.
    fn skipped(&self) -> &[(PathBuf, String)] {
        &[]
    }
}

/// A finished output file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path relative to the data set's folder, `/`-separated.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// BLAKE3 of the contents, hexadecimal.
    pub blake3: String,
}

/// What a sink is to write.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The output folder (exists) or file (parent exists).
    pub root: PathBuf,
    /// Splits, classes and layout of what is written.
    pub meta: Meta,
    /// How values are stored.
    pub depth: Depth,
    /// Whether the pixels are noise to a compressor, so that compressing them costs time for nothing.
    pub noise: bool,
    /// Whether the values are matrices (tokens x width) rather than pictures.
    pub tokens: bool,
    /// Settings of the JPEG encoder, for formats that can store JPEG; without loss where `None`.
    pub jpeg: Option<Jpeg>,
    /// Times that the training split stands in what is written, one copy behind the other; its count in
    /// `meta` is that of all copies, `meta.layout` that of one.
    pub copies: u64,
    /// Where an earlier run stopped: what its last checkpoint returned.
    pub resume: Option<serde_json::Value>,
}

/// Writes a data set, batch after batch in the order of the source.
///
/// Nothing unfinished ever stands under a final name: container files grow under
/// `NAME.partial` and are renamed by [`Sink::finish`]; single images are written to a temporary
/// name and renamed. Bytes depend on the samples alone, not on batch sizes or interruptions.
pub trait Sink: Send {
    /// Appends a batch.
    fn write(&mut self, batch: &Batch) -> Result<()>;

    /// Makes everything written so far durable and returns what [`Plan::resume`] needs to go on
    /// from here; `None` where the format can only start over.
    fn checkpoint(&mut self) -> Result<Option<serde_json::Value>>;

    /// Completes the data set durably and lists its files.
    fn finish(self: Box<Self>) -> Result<Vec<FileRecord>>;
}

/// The registry entry of a format.
#[derive(Debug)]
pub struct Format {
    /// Name on the command line.
    pub name: &'static str,
    /// What it is, and its files.
    pub title: &'static str,
    /// Whether what lies at the path is of this format, told by content.
    pub detect: fn(&Path) -> bool,
    /// Opens it for reading.
    pub open: fn(&Path, Reading) -> Result<Box<dyn Source>>,
    /// Starts, or goes on, writing it.
    pub create: fn(Plan) -> Result<Box<dyn Sink>>,
    /// Whether the data set is a folder (or else a single file).
    pub is_folder: bool,
    /// Whether it can hold soft labels.
    pub soft_labels: bool,
    /// Depths it can store; the first is how reals are stored where nobody asks: 8 bits in image
    /// formats, since every loader opens them, floats where floats are at home.
    pub depths: &'static [Depth],
    /// Whether it can store images as JPEG.
    pub jpeg: bool,
    /// Why images of this shape, depth and these classes cannot be stored, if so.
    pub refuses: fn(&Meta, Shape, Depth) -> Option<String>,
}

/// Affine scale of quantised pixels; part of the manifest where [`Depth`] is not float.
pub type Scale = Affine;
