//! What the container formats share: bounded reading into reused storage, durable growing files,
//! and digests that tell one input from another.

use crate::{Batch, Depth, Error, FileRecord, Plan, Result, Stored, durable};
use bytemuck::Pod;
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};
use visard_core::Shape;

/// Bytes by which storage grows ahead of what has really been read.
const STEP: usize = 8 << 20;

/// Bytes of pixels that one batch holds at most, unless a single image is larger.
const BATCH_BYTES: usize = 256 << 20;

/// Whether multi-byte values lie with their upper byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Big,
    Little,
}

impl Endian {
    fn is_native(self) -> bool {
        (self == Self::Big) == cfg!(target_endian = "big")
    }
}

/// Bytes of one value.
pub(crate) fn width(depth: Depth) -> usize {
    match depth {
        Depth::U8 => 1,
        Depth::U16 => 2,
        Depth::F32 => 4,
    }
}

/// How many of `wanted` images go into one batch.
pub(crate) fn batch_of(wanted: usize, left: u64, image_bytes: usize) -> usize {
    let fitting = (BATCH_BYTES / image_bytes.max(1)).max(1);
    wanted
        .min(fitting)
        .min(usize::try_from(left).unwrap_or(usize::MAX))
}

/// Reads exactly `values` values into `out`, whose storage is reused. Memory grows with what is
/// really there, never with what a header claims.
pub(crate) fn read_values(
    from: &mut impl Read,
    out: &mut Stored,
    depth: Depth,
    values: usize,
    endian: Endian,
) -> io::Result<()> {
    if out.depth() != depth {
        *out = Stored::empty(depth);
    }
    match out {
        Stored::U8(v) => fill(from, v, values),
        Stored::U16(v) => {
            fill(from, v, values)?;
            if !endian.is_native() {
                v.iter_mut().for_each(|x| *x = x.swap_bytes());
            }
            Ok(())
        }
        Stored::F32(v) => {
            fill(from, v, values)?;
            if !endian.is_native() {
                v.iter_mut()
                    .for_each(|x| *x = f32::from_bits(x.to_bits().swap_bytes()));
            }
            Ok(())
        }
    }
}

/// Reads exactly `len` values into `out`, growing it by steps.
pub(crate) fn fill<T: Pod>(from: &mut impl Read, out: &mut Vec<T>, len: usize) -> io::Result<()> {
    out.truncate(len);
    from.read_exact(bytemuck::cast_slice_mut(out))?;
    while out.len() < len {
        let start = out.len();
        let end = len.min(start + STEP / size_of::<T>());
        out.resize(end, T::zeroed());
        from.read_exact(bytemuck::cast_slice_mut(&mut out[start..]))?;
    }
    Ok(())
}

/// The bytes of `values` in the given order; `scratch` is used where they must be turned.
pub(crate) fn bytes_of<'a>(values: &'a Stored, endian: Endian, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    match values {
        Stored::U8(v) => v,
        Stored::U16(v) if endian.is_native() => bytemuck::cast_slice(v),
        Stored::F32(v) if endian.is_native() => bytemuck::cast_slice(v),
        Stored::U16(v) => {
            scratch.clear();
            scratch.extend(v.iter().flat_map(|x| x.swap_bytes().to_ne_bytes()));
            scratch
        }
        Stored::F32(v) => {
            scratch.clear();
            scratch.extend(v.iter().flat_map(|x| x.to_bits().swap_bytes().to_ne_bytes()));
            scratch
        }
    }
}

/// Refuses a batch that does not keep the contract or does not fit the plan.
pub(crate) fn check_batch(batch: &Batch, plan: &Plan, shape: Option<Shape>) -> Result<()> {
    let refuse = |what: String| Err(Error::Usage(format!("{}: {what}", plan.root.display())));
    if batch.split >= plan.meta.splits.len() {
        return refuse(format!("there is no split {}", batch.split));
    }
    if batch.pixels.depth() != plan.depth {
        return refuse(format!(
            "the output stores {:?}, the batch holds {:?}",
            plan.depth,
            batch.pixels.depth()
        ));
    }
    if batch.pixels.len() != batch.len() * batch.shape.len() {
        return refuse("the batch's pixels do not fit its shape".into());
    }
    let (hard, soft) = match (plan.meta.labelled, plan.meta.soft) {
        (false, _) => (0, 0),
        (true, None) => (batch.len(), 0),
        (true, Some(classes)) => (0, batch.len() * classes),
    };
    if (batch.labels.len(), batch.soft.len()) != (hard, soft) {
        return refuse("the batch's labels do not fit its images".into());
    }
    match shape {
        Some(shape) if shape != batch.shape => refuse(format!(
            "images of {shape} and of {} cannot stand in one file; resize them, or write a folder",
            batch.shape
        )),
        _ => Ok(()),
    }
}

/// Most classes of soft labels.
pub(crate) const MAX_SOFT: u64 = 1 << 20;

/// Soft labels from their bytes, checked to be finite and not negative.
pub(crate) fn soft_rows(bytes: &[u8], endian: Endian, path: &Path, rows: &mut Vec<f32>) -> Result<()> {
    rows.clear();
    rows.extend(bytes.as_chunks::<4>().0.iter().map(|b| match endian {
        Endian::Little => f32::from_le_bytes(*b),
        Endian::Big => f32::from_be_bytes(*b),
    }));
    match rows.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        None => Ok(()),
        Some(weight) => Err(Error::input(
            path,
            format!("soft labels must be numbers from 0 on, found {weight}"),
        )),
    }
}

/// A label as the single byte that IDX and CIFAR files keep.
pub(crate) fn label_byte(label: u32, root: &Path) -> Result<u8> {
    u8::try_from(label).map_err(|_| {
        Error::Usage(format!(
            "{}: class {label} does not fit this format's one byte; write a folder or .npz instead",
            root.display()
        ))
    })
}

/// What a container sink's checkpoint returns.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// Durable samples of each split.
    pub(crate) done: Vec<u64>,
    /// Durable bytes of each file, in the sink's order.
    pub(crate) files: Vec<u64>,
}

impl State {
    /// The state in a plan, checked against the numbers of splits and files; `None` for a fresh start.
    pub(crate) fn of(plan: &Plan, files: usize) -> Result<Option<Self>> {
        let Some(value) = &plan.resume else {
            return Ok(None);
        };
        let state: Self = serde_json::from_value(value.clone()).map_err(|e| unfit(&plan.root, e))?;
        let counts = plan.meta.splits.iter().map(|s| s.count);
        if state.done.len() != plan.meta.splits.len()
            || state.files.len() != files
            || state.done.iter().zip(counts).any(|(&done, count)| done > count)
        {
            return Err(unfit(&plan.root, "other splits or files"));
        }
        Ok(Some(state))
    }

    /// As JSON, for the journal.
    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::json!({ "done": self.done, "files": self.files })
    }
}

fn unfit(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::Foreign {
        path: path.into(),
        problem: format!("what the journal says does not fit ({what}); delete the output and start again"),
    }
}

/// The name under which `path` grows.
pub(crate) fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".partial");
    name.into()
}

/// A file that grows under `NAME.partial`, hashed on the way, and takes its name when complete.
#[derive(Debug)]
pub(crate) struct Growing {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    hasher: blake3::Hasher,
    len: u64,
    dirty: bool,
}

impl Growing {
    /// Starts an empty file; folders on the way are made.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let partial = partial(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| Error::output(folder, e))?;
        }
        let file = File::create(&partial).map_err(|e| Error::output(&partial, e))?;
        Ok(Self {
            path: path.into(),
            partial,
            file,
            hasher: blake3::Hasher::new(),
            len: 0,
            dirty: true,
        })
    }

    /// Goes on with a file of which `len` bytes are durable; what follows them is cut off.
    pub(crate) fn resume(path: &Path, len: u64) -> Result<Self> {
        let partial = partial(path);
        // A run that was stopped while it finished has renamed some of its files already.
        if !partial.exists() && path.exists() {
            fs::rename(path, &partial).map_err(|e| Error::output(path, e))?;
        }
        let mut file = File::options()
            .read(true)
            .write(true)
            .open(&partial)
            .map_err(|e| unfit(&partial, e))?;
        let fail = |e| Error::output(&partial, e);
        let found = file.metadata().map_err(fail)?.len();
        if found < len {
            return Err(unfit(&partial, format!("{len} bytes expected, {found} found")));
        }
        file.set_len(len).map_err(fail)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut file).map_err(fail)?;
        file.seek(SeekFrom::Start(len)).map_err(fail)?;
        Ok(Self {
            path: path.into(),
            partial,
            file,
            hasher,
            len,
            dirty: true,
        })
    }

    /// Starts the file, or goes on with it where a durable length is known.
    pub(crate) fn open(path: &Path, durable: Option<u64>) -> Result<Self> {
        match durable {
            Some(len) => Self::resume(path, len),
            None => Self::create(path),
        }
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Appends bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|e| Error::output(&self.partial, e))?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// Makes all bytes so far durable.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if self.dirty {
            self.file
                .sync_data()
                .map_err(|e| Error::output(&self.partial, e))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Gives the complete file its name, durably; its record names it relative to `root`.
    pub(crate) fn finish(mut self, root: &Path) -> Result<FileRecord> {
        self.dirty = true;
        self.sync()?;
        fs::rename(&self.partial, &self.path).map_err(|e| Error::output(&self.path, e))?;
        durable::sync_folder(durable::parent(&self.path))?;
        Ok(FileRecord {
            path: relative(root, &self.path),
            bytes: self.len,
            blake3: self.hasher.finalize().to_hex().to_string(),
        })
    }
}

/// `path` below `root`, `/`-separated; its file name where it is `root` itself.
fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below
        .components()
        .map(|c| c.as_os_str().to_string_lossy())
        .collect();
    if parts.is_empty() {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    } else {
        parts.join("/")
    }
}

/// Writes a small text file durably: temporary name, fsync, rename.
pub(crate) fn write_text(root: &Path, path: &Path, text: &str) -> Result<FileRecord> {
    let mut file = Growing::create(path)?;
    file.append(text.as_bytes())?;
    file.finish(root)
}

/// A digest over names, sizes and times of files, in the given order.
pub(crate) fn signature(root: &Path, files: &[PathBuf]) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    for path in files {
        let meta = fs::metadata(path).map_err(|e| Error::input(path, e))?;
        sign(&mut hasher, &relative(root, path), &meta);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Adds one file to a signature.
pub(crate) fn sign(hasher: &mut blake3::Hasher, name: &str, meta: &fs::Metadata) {
    let time = meta
        .modified()
        .ok()
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |t| t.as_nanos());
    hasher.update(&(name.len() as u64).to_le_bytes());
    hasher.update(name.as_bytes());
    hasher.update(&meta.len().to_le_bytes());
    hasher.update(&time.to_le_bytes());
}

/// The folders in which a container format is looked for: `root` and `depth` levels below it, in
/// order of their names. Links and hidden folders are left alone.
pub(crate) fn folders(root: &Path, depth: usize) -> Vec<PathBuf> {
    /// More folders than any container layout has; an image folder with 100,000 classes is not one.
    const MANY: usize = 64;
    let mut all = vec![root.to_path_buf()];
    let mut level = all.clone();
    for _ in 0..depth {
        let mut next: Vec<PathBuf> = level.iter().flat_map(|f| sub_folders(f)).collect();
        next.sort();
        next.truncate(MANY);
        all.extend(next.iter().cloned());
        level = next;
    }
    all
}

fn sub_folders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .filter(|e| !e.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|e| e.path())
        .collect()
}

/// Opens a regular file; a FIFO or device is refused instead of waited for.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// Refuses more samples than the limit.
pub(crate) fn check_count(path: &Path, count: u64, limit: u64) -> Result<()> {
    if count > limit {
        return Err(Error::limit(
            path,
            format!("holds {count} samples, the limit is {limit}"),
        ));
    }
    Ok(())
}

/// Refuses images over the limit and shapes that no image has.
pub(crate) fn check_shape(path: &Path, sides: [u64; 3], limit: u64) -> Result<Shape> {
    let values = sides
        .iter()
        .try_fold(1u64, |product, &side| product.checked_mul(side));
    let [height, width, channels] = sides;
    if values.is_none_or(|v| v > limit) {
        return Err(Error::limit(
            path,
            format!("claims images of {height}x{width}x{channels}; the limit is {limit} values per image"),
        ));
    }
    let side = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Shape::new(side(height), side(width), side(channels))
        .check()
        .map_err(|e| Error::input(path, e))
}
