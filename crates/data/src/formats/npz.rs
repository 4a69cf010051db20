//! NumPy files: `.npz` with the arrays `images` and, optionally, `labels`, or `.npy` with images.
//!
//! Images are (N, H, W, C). An array of three dimensions is one image (H, W, C) if its last side
//! is 1, 3 or 4, and grey images (N, H, W) otherwise. Labels are whole numbers (N,). Arrays are
//! streamed; nothing is unpickled.

mod header;
mod write;

use super::files::{self, Endian};
use crate::{Batch, Depth, Error, Format, Meta, Reading, Result, Source, Split};
use flate2::{Crc, read::DeflateDecoder};
use header::Header;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Take},
    path::{Path, PathBuf},
};
use visard_core::{SampleId, Shape};
use zip::{CompressionMethod, ZipArchive};

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
    depths: &[Depth::F32, Depth::U16, Depth::U8],
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

/// Names of the `.npy` entries of an archive.
fn arrays_in(path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).map_err(|e| Error::input(path, e))?;
    let archive = ZipArchive::new(BufReader::new(file)).map_err(|e| Error::input(path, e))?;
    let names = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()));
    Ok(names.filter(|name| name.ends_with(".npy")).collect())
}

/// Where the bytes of an array lie in its file.
#[derive(Clone, Debug)]
struct Place {
    start: u64,
    stored: u64,
    deflated: bool,
    size: u64,
    crc: Option<u32>,
}

/// The place of an archive's entry; `None` if there is none of that name.
fn entry(path: &Path, name: &str) -> Result<Option<Place>> {
    let fail = |e: &dyn std::fmt::Display| Error::input(path, format!("{name}: {e}"));
    let file = File::open(path).map_err(|e| fail(&e))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| fail(&e))?;
    let Some(index) = archive.index_for_name(name) else {
        return Ok(None);
    };
    let entry = archive.by_index_raw(index).map_err(|e| fail(&e))?;
    if entry.encrypted() {
        return Err(fail(&"is encrypted; save it without"));
    }
    let deflated = match entry.compression() {
        CompressionMethod::Stored => false,
        CompressionMethod::Deflated => true,
        other => return Err(fail(&format!("{other} compression is not what NumPy writes"))),
    };
    let start = entry
        .data_start()
        .ok_or_else(|| fail(&"its data cannot be found"))?;
    Ok(Some(Place {
        start,
        stored: entry.compressed_size(),
        deflated,
        size: entry.size(),
        crc: Some(entry.crc32()),
    }))
}

/// An array's bytes being read.
#[derive(Debug)]
enum Bytes {
    Plain(Take<File>),
    Deflated(Box<DeflateDecoder<BufReader<Take<File>>>>),
}

impl Read for Bytes {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buf),
            Self::Deflated(decoder) => decoder.read(buf),
        }
    }
}

/// An array that is streamed.
#[derive(Debug)]
struct Array {
    path: PathBuf,
    name: &'static str,
    place: Place,
    header: Header,
    /// Bytes of one item along the first axis.
    unit: u64,
    count: u64,
    open: Option<Open>,
}

/// An array's open file: the item it stands at, and the checksum as long as nothing was left out.
#[derive(Debug)]
struct Open {
    bytes: Bytes,
    at: u64,
    crc: Option<Crc>,
}

/// Feeds a checksum with what is read.
struct Summed<'a> {
    bytes: &'a mut Bytes,
    crc: Option<&'a mut Crc>,
}

impl Read for Summed<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read(buf)?;
        if let Some(crc) = &mut self.crc {
            crc.update(&buf[..n]);
        }
        Ok(n)
    }
}

impl Array {
    /// Opens an array and reads its header.
    fn open(path: &Path, name: &'static str, place: Place) -> Result<Self> {
        let mut array = Self {
            path: path.into(),
            name,
            place,
            header: Header {
                descr: String::new(),
                shape: Vec::new(),
                bytes: 0,
            },
            unit: 0,
            count: 0,
            open: None,
        };
        let mut bytes = array.bytes(0).map_err(|e| array.fail(&e))?;
        array.header = Header::read(&mut bytes).map_err(|e| array.fail(&e))?;
        Ok(array)
    }

    fn fail(&self, problem: &dyn std::fmt::Display) -> Error {
        Error::input(&self.path, format!("{}: {problem}", self.name))
    }

    /// Says how the array divides into items, and checks its size.
    fn divide(&mut self, count: u64, unit: u64) -> Result<()> {
        (self.count, self.unit) = (count, unit);
        let expected = count
            .checked_mul(unit)
            .and_then(|b| b.checked_add(self.header.bytes));
        if expected == Some(self.place.size) {
            return Ok(());
        }
        let expected = expected.map_or("more than any file's".into(), |b| b.to_string());
        let problem = format!(
            "{expected} bytes expected by its shape, {} found",
            self.place.size
        );
        Err(self.fail(&problem))
    }

    /// The bytes from `skip` on; compressed ones can only start at 0.
    fn bytes(&self, skip: u64) -> io::Result<Bytes> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.place.start.saturating_add(skip)))?;
        let bytes = file.take(self.place.stored.saturating_sub(skip));
        Ok(if self.place.deflated {
            let bytes = BufReader::with_capacity(1 << 18, bytes);
            Bytes::Deflated(Box::new(DeflateDecoder::new(bytes)))
        } else {
            Bytes::Plain(bytes)
        })
    }

    /// Opens the array at an item.
    fn open_at(&self, item: u64) -> io::Result<Open> {
        let skip = self.header.bytes + item * self.unit;
        if !self.place.deflated && item > 0 {
            return Ok(Open {
                bytes: self.bytes(skip)?,
                at: item,
                crc: None,
            });
        }
        let (mut bytes, mut crc) = (self.bytes(0)?, Crc::new());
        let mut summed = Summed {
            bytes: &mut bytes,
            crc: Some(&mut crc),
        };
        let passed = io::copy(&mut (&mut summed).take(skip), &mut io::sink())?;
        if passed < skip {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Open {
            bytes,
            at: item,
            crc: Some(crc),
        })
    }

    /// Passes items `item .. item + n` to `read`; at the end the checksum is compared.
    fn take(&mut self, item: u64, n: usize, read: impl FnOnce(&mut Summed) -> io::Result<()>) -> Result<()> {
        let mut open = match self.open.take() {
            Some(open) if open.at == item => open,
            _ => self.open_at(item).map_err(|e| self.fail(&e))?,
        };
        let mut summed = Summed {
            bytes: &mut open.bytes,
            crc: open.crc.as_mut(),
        };
        read(&mut summed).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.fail(&"the data ends too early"),
            _ => self.fail(&e),
        })?;
        open.at = item + n as u64;
        if open.at == self.count
            && let (Some(crc), Some(expected)) = (&open.crc, self.place.crc)
            && crc.sum() != expected
        {
            return Err(self.fail(&"corrupt: its checksum does not fit"));
        }
        self.open = Some(open);
        Ok(())
    }
}

/// Reads NumPy files.
#[derive(Debug)]
struct Npz {
    meta: Meta,
    shape: Shape,
    images: Array,
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
        let Some(depth) = images.header.depth() else {
            return Err(images.fail(&format!("uint8 expected, found {}", images.header.descr)));
        };
        if !reading.disguised && depth != Depth::U8 {
            let problem = format!(
                "plain images must be uint8, found {}; scale and convert them first",
                images.header.descr
            );
            return Err(images.fail(&problem));
        }
        files::check_count(path, count, reading.limits.samples)?;
        let shape = files::check_shape(path, sides, reading.limits.image_values)?;
        images.divide(count, (shape.len() * files::width(depth)) as u64)?;
        let labels = labels.map(|labels| check_labels(labels, count)).transpose()?;
        let layout = serde_json::to_value(Layout { npz: axes }).map_err(|e| Error::input(path, e))?;
        let meta = Meta {
            splits: vec![Split {
                name: SPLIT.into(),
                count,
            }],
            classes: Vec::new(),
            labelled: labels.is_some(),
            shape: Some(shape),
            depth,
            layout,
            signature: files::signature(path, &[path.to_path_buf()])?,
        };
        Ok(Self {
            meta,
            shape,
            images,
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

/// Checks that there is one whole number per image.
fn check_labels(mut labels: Array, count: u64) -> Result<Array> {
    let Some((_, width)) = labels.header.integer() else {
        return Err(labels.fail(&format!("whole numbers expected, found {}", labels.header.descr)));
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
        batch.ids = SampleId::numbered(SPLIT, self.at, n);
        self.images.take(self.at, n, |from| {
            files::read_values(from, &mut batch.pixels, depth, n * shape.len(), Endian::Little)
        })?;
        if let Some(labels) = &mut self.labels {
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
