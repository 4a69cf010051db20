//! NumPy files: `.npz` with the arrays `images` and, optionally, `labels`, or `.npy` with images.
//!
//! Images are (N, H, W, C). An array of three dimensions is one image (H, W, C) if its last side
//! is 1, 3 or 4, and grey images or matrices (N, H, W) otherwise. Labels are whole numbers (N,) or
//! soft, floats (N, classes). Arrays are streamed; nothing is unpickled.

mod array;
mod header;
mod write;

use super::files::{self, Endian};
use crate::{Batch, Depth, Error, Format, Meta, Reading, Result, Source, Split, Stored};
use array::{Array, Place, arrays_in, entry};
use serde::{Deserialize, Serialize};
use std::{fs::File, io::Read, path::Path};
use visard_core::{SampleId, Shape};

/// Name of the only split.
const SPLIT: &str = "data";

/// The registry entry.
pub(super) static FORMAT: Format = Format {
    name: "npz",
    title: "a NumPy .npz with the arrays images and labels, or a .npy of images",
    detect: |path| path.is_file() && is_numpy(path),
    open: |path, reading| Ok(Box::new(Npz::open(path, reading)?)),
    create: |plan| Ok(Box::new(write::NpzSink::create(plan)?)),
    is_folder: false,
    soft_labels: true,
    depths: &[Depth::F32, Depth::U16, Depth::U8],
    jpeg: false,
    refuses,
};

fn refuses(meta: &Meta, _: Shape, _: Depth) -> Option<String> {
    (meta.splits.len() > 1).then(|| "a .npz file has one split; keep the input's format".into())
}

/// What the writer needs of a NumPy input.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Layout {
    npz: Axes,
}

/// Meaning of the axes of the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Axes {
    /// (N, H, W, C)
    Nhwc,
    /// (N, H, W), grey
    Nhw,
    /// (H, W, C), one image
    Hwc,
}

impl Axes {
    /// The meaning of an array's sides; number and sides of its images.
    fn of(shape: &[u64]) -> Option<(Self, u64, [u64; 3])> {
        match *shape {
            [n, h, w, c] => Some((Self::Nhwc, n, [h, w, c])),
            [h, w, c @ (1 | 3 | 4)] => Some((Self::Hwc, 1, [h, w, c])),
            [n, h, w] => Some((Self::Nhw, n, [h, w, 1])),
            _ => None,
        }
    }

    /// Sides of the array to write, with the same meaning where reading it again would find it.
    fn sides(self, count: u64, shape: Shape) -> Vec<u64> {
        let [h, w, c] = [shape.height, shape.width, shape.channels].map(|side| side as u64);
        let wanted = match self {
            Self::Nhwc => vec![count, h, w, c],
            Self::Nhw => vec![count, h, w],
            Self::Hwc => vec![h, w, c],
        };
        match Self::of(&wanted) {
            Some(found) if found == (self, count, [h, w, c]) => wanted,
            _ => vec![count, h, w, c],
        }
    }
}

fn is_numpy(path: &Path) -> bool {
    let mut magic = [0; 6];
    let read = File::open(path).and_then(|mut f| f.read_exact(&mut magic));
    if read.is_err() {
        return false;
    }
    &magic == b"\x93NUMPY"
        || (magic.starts_with(b"PK\x03\x04") && arrays_in(path).is_ok_and(|a| !a.is_empty()))
}

/// Reads NumPy files.
#[derive(Debug)]
struct Npz {
    meta: Meta,
    shape: Shape,
    images: Array,
    /// Whether the images are of double precision.
    wide: bool,
    labels: Option<Array>,
    at: u64,
    scratch: Vec<u8>,
}

impl Npz {
    fn open(path: &Path, reading: Reading) -> Result<Self> {
        let (mut images, labels) = arrays(path)?;
        let Some((axes, count, sides)) = Axes::of(&images.header.shape) else {
            let problem = format!(
                "(N, H, W, C), (N, H, W) or (H, W, C) expected, found {:?}",
                images.header.shape
            );
            return Err(images.fail(&problem));
        };
        // Double precision is only taken where floats are plain images, and narrowed.
        let wide = reading.floats && images.header.float() == Some(8);
        let Some(depth) = images.header.depth().or(wide.then_some(Depth::F32)) else {
            return Err(images.fail(&format!("uint8 expected, found {}", images.header.descr)));
        };
        let floats = reading.floats && depth == Depth::F32;
        if !reading.disguised && depth != Depth::U8 && !floats {
            let problem = format!(
                "plain images must be uint8, found {}; scale and convert them first",
                images.header.descr
            );
            return Err(images.fail(&problem));
        }
        files::check_count(path, count, reading.limits.samples)?;
        let shape = files::check_shape(path, sides, reading.limits.image_values)?;
        let width = if wide { 8 } else { files::width(depth) };
        images.divide(count, (shape.len() * width) as u64)?;
        let labels = labels.map(|labels| check_labels(labels, count)).transpose()?;
        let layout = serde_json::to_value(Layout { npz: axes }).map_err(|e| Error::input(path, e))?;
        let meta = Meta {
            splits: vec![Split {
                name: SPLIT.into(),
                count,
            }],
            classes: Vec::new(),
            labelled: labels.is_some(),
            soft: labels.as_ref().and_then(soft_classes),
            shape: Some(shape),
            depth,
            layout,
            signature: files::signature(path, &[path.to_path_buf()])?,
        };
        Ok(Self {
            meta,
            shape,
            images,
            wide,
            labels,
            at: 0,
            scratch: Vec::new(),
        })
    }
}

/// The images and labels of a file.
fn arrays(path: &Path) -> Result<(Array, Option<Array>)> {
    let mut magic = [0; 2];
    let mut file = files::open_regular(path).map_err(|e| Error::input(path, e))?;
    let size = file.metadata().map_err(|e| Error::input(path, e))?.len();
    file.read_exact(&mut magic).map_err(|e| Error::input(path, e))?;
    if &magic != b"PK" {
        let whole = Place {
            start: 0,
            stored: size,
            deflated: false,
            size,
            crc: None,
        };
        return Ok((Array::open(path, "images", whole)?, None));
    }
    let Some(images) = entry(path, "images.npy")? else {
        let found = arrays_in(path)?.join(", ");
        return Err(Error::input(
            path,
            format!("an array called images expected, found: {found}"),
        ));
    };
    let labels = entry(path, "labels.npy")?;
    let labels = labels
        .map(|place| Array::open(path, "labels", place))
        .transpose()?;
    Ok((Array::open(path, "images", images)?, labels))
}

/// Weights in a row of soft labels.
fn soft_classes(labels: &Array) -> Option<usize> {
    match (labels.header.float(), &labels.header.shape[..]) {
        (Some(4), [_, classes]) => usize::try_from(*classes).ok(),
        _ => None,
    }
}

/// Checks that there is one whole number, or one row of weights, per image.
fn check_labels(mut labels: Array, count: u64) -> Result<Array> {
    if let (Some(4), &[rows, classes]) = (labels.header.float(), &labels.header.shape[..]) {
        if rows != count || !(1..=files::MAX_SOFT).contains(&classes) {
            return Err(labels.fail(&format!(
                "soft labels need the shape ({count}, classes), found {:?}",
                labels.header.shape
            )));
        }
        labels.divide(count, 4 * classes)?;
        return Ok(labels);
    }
    let Some((_, width)) = labels.header.integer() else {
        return Err(labels.fail(&format!(
            "whole numbers (N,) or float32 rows (N, classes) expected, found {}",
            labels.header.descr
        )));
    };
    if labels.header.shape != [count] {
        return Err(labels.fail(&format!(
            "shape ({count},) expected, found {:?}",
            labels.header.shape
        )));
    }
    labels.divide(count, width as u64)?;
    Ok(labels)
}

/// A label from its little-endian bytes, if it is one.
fn label(bytes: &[u8], signed: bool) -> Option<u32> {
    let negative = signed && bytes.last().is_some_and(|b| b & 0x80 != 0);
    let value = bytes.iter().rev().fold(0u64, |n, &b| n << 8 | u64::from(b));
    (!negative).then_some(value)?.try_into().ok()
}

impl Source for Npz {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn seek(&mut self, split: usize, sample: u64) -> Result<()> {
        if split > 0 || sample > self.images.count {
            return Err(Error::Usage(format!(
                "there is no sample {sample} in split {split}"
            )));
        }
        self.at = sample;
        Ok(())
    }

    fn read(&mut self, batch: &mut Batch, max: usize) -> Result<()> {
        let (depth, shape) = (self.meta.depth, self.shape);
        let n = files::batch_of(
            max,
            self.images.count - self.at,
            shape.len() * files::width(depth),
        );
        (batch.split, batch.first, batch.shape) = (0, self.at, shape);
        batch.names.clear();
        batch.labels.clear();
        batch.soft.clear();
        batch.ids = SampleId::numbered(SPLIT, self.at, n);
        let (wide, scratch) = (self.wide, &mut self.scratch);
        self.images.take(self.at, n, |from| match wide {
            false => files::read_values(from, &mut batch.pixels, depth, n * shape.len(), Endian::Little),
            true => {
                files::fill(from, scratch, 8 * n * shape.len())?;
                let values = scratch.as_chunks::<8>().0.iter();
                batch.pixels = Stored::F32(values.map(|b| f64::from_le_bytes(*b) as f32).collect());
                Ok(())
            }
        })?;
        if let (Some(labels), Some(classes)) = (&mut self.labels, self.meta.soft) {
            let scratch = &mut self.scratch;
            labels.take(self.at, n, |from| files::fill(from, scratch, 4 * n * classes))?;
            files::soft_rows(scratch, Endian::Little, &labels.path, &mut batch.soft)?;
        } else if let Some(labels) = &mut self.labels {
            let (signed, width) = labels.header.integer().unwrap_or((false, 1));
            let scratch = &mut self.scratch;
            labels.take(self.at, n, |from| files::fill(from, scratch, n * width))?;
            for bytes in scratch.chunks_exact(width) {
                let label = label(bytes, signed);
                batch
                    .labels
                    .push(label.ok_or_else(|| labels.fail(&"class numbers from 0 to 4294967295 expected"))?);
            }
        }
        self.at += n as u64;
        Ok(())
    }
}
