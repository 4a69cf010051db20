//! IDX, the format of MNIST and its successors: `NAME-images-idx3-ubyte` beside
//! `NAME-labels-idx1-ubyte`, each plain or gzip (told by content), in the folder itself or up to
//! two levels below it (`FashionMNIST/raw/...`).
//!
//! Images have three dimensions (N, H, W) or four (N, H, W, C), of bytes (type 0x08) or big-endian
//! 32-bit floats (0x0D). Where a file stands both plain and compressed, as loaders leave it, the
//! plain one is taken.

mod column;
mod write;

use super::files::{self, Endian};
use crate::{Batch, Depth, Error, Format, Meta, Reading, Result, Source, Split};
use column::Column;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use visard_core::{SampleId, Shape};

/// The registry entry.
pub(super) static FORMAT: Format = Format {
    name: "idx",
    title: "IDX files as MNIST's (NAME-images-idx3-ubyte, plain or .gz)",
    detect: |path| path.is_dir() && !images_below(path).is_empty(),
    open: |path, reading| Ok(Box::new(Idx::open(path, reading)?)),
    create: |plan| Ok(Box::new(write::IdxSink::create(plan)?)),
    is_folder: true,
    soft_labels: true,
    depths: &[Depth::U8, Depth::F32],
    jpeg: false,
    refuses,
};

fn refuses(meta: &Meta, _: Shape, depth: Depth) -> Option<String> {
    if depth == Depth::U16 {
        return Some("IDX has no unsigned 16-bit type; store 8 bits or floats, or write .npz".into());
    }
    if meta.classes.len() > 256 {
        return Some("IDX labels are one byte; more than 256 classes need a folder or .npz".into());
    }
    None
}

/// End of the name of a file of class numbers.
const HARD_LABELS: &str = "-labels-idx1-ubyte";
/// End of the name of a file of soft labels (N, classes).
const SOFT_LABELS: &str = "-labels-idx2-float";

/// One split's files, as the manifest keeps them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pair {
    /// Images, relative to the data set.
    images: String,
    /// Labels, if there are any.
    labels: Option<String>,
    /// Whether the images are compressed.
    images_gz: bool,
    /// Whether the labels are compressed.
    labels_gz: bool,
    /// Dimensions of the images: 3 or 4.
    dims: u8,
}

/// What the writer needs of an IDX input.
#[derive(Debug, Serialize, Deserialize)]
struct Layout {
    idx: Vec<Pair>,
}

/// An image file by its name: split, and the name of its labels with and without `.gz`.
fn split_of(name: &str) -> Option<(&str, String)> {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let (split, rest) = plain.split_once("-images-idx")?;
    let dims = rest.strip_suffix("-ubyte")?;
    let named = matches!(dims, "3" | "4") && !split.is_empty();
    named.then(|| (split, format!("{split}-labels-idx1-ubyte")))
}

/// Image files below `root`: relative folder, split, path. Plain ones win over compressed ones.
fn images_below(root: &Path) -> Vec<(PathBuf, String, PathBuf)> {
    let mut found: Vec<(PathBuf, String, PathBuf)> = Vec::new();
    for folder in files::folders(root, 2) {
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|e| e.file_name().into_string().ok())
            .collect();
        // "x" sorts before "x.gz".
        names.sort();
        for name in names {
            let Some((split, _)) = split_of(&name) else {
                continue;
            };
            if !found.iter().any(|(f, s, _)| *f == folder && s == split) {
                found.push((folder.clone(), split.into(), folder.join(&name)));
            }
        }
    }
    found.sort_by(|a, b| (a.1 != "train", &a.1).cmp(&(b.1 != "train", &b.1)));
    found
}

/// Reads IDX files.
#[derive(Debug)]
struct Idx {
    meta: Meta,
    shapes: Vec<Shape>,
    images: Vec<Column>,
    labels: Vec<Column>,
    split: usize,
    at: u64,
    scratch: Vec<u8>,
}

impl Idx {
    fn open(root: &Path, reading: Reading) -> Result<Self> {
        let found = images_below(root);
        if found.is_empty() {
            return Err(Error::input(root, "holds no NAME-images-idx3-ubyte file"));
        }
        let mut idx = Self {
            meta: Meta {
                splits: Vec::new(),
                classes: Vec::new(),
                labelled: false,
                soft: None,
                shape: None,
                depth: Depth::U8,
                layout: serde_json::Value::Null,
                signature: String::new(),
            },
            shapes: Vec::new(),
            images: Vec::new(),
            labels: Vec::new(),
            split: 0,
            at: 0,
            scratch: Vec::new(),
        };
        let mut layout = Layout { idx: Vec::new() };
        for (folder, split, path) in found {
            if idx.meta.splits.iter().any(|s| s.name == split) {
                let problem = format!("several folders hold a split {split:?}; name one of them");
                return Err(Error::input(root, problem));
            }
            let pair = idx.add(root, &folder, split, path, &reading)?;
            layout.idx.push(pair);
        }
        idx.complete(root, &layout)?;
        Ok(idx)
    }

    /// Adds one split.
    fn add(
        &mut self,
        root: &Path,
        folder: &Path,
        split: String,
        path: PathBuf,
        reading: &Reading,
    ) -> Result<Pair> {
        let name = |path: &Path| {
            let below = path.strip_prefix(root).unwrap_or(path);
            below
                .to_str()
                .map(str::to_owned)
                .ok_or_else(|| Error::input(path, "the name is not UTF-8; rename it"))
        };
        let (images, dims) = Column::open(path)?;
        let sides = match dims[..] {
            [_, h, w] => [h, w, 1],
            [_, h, w, c] => [h, w, c],
            _ => {
                let problem = format!("images need 3 or 4 dimensions, these have {}", dims.len());
                return Err(Error::input(&images.path, problem));
            }
        };
        if !reading.disguised && images.depth != Depth::U8 {
            return Err(Error::input(
                &images.path,
                "plain images must be bytes (IDX type 0x08)",
            ));
        }
        files::check_count(&images.path, images.count, reading.limits.samples)?;
        self.shapes.push(files::check_shape(
            &images.path,
            sides,
            reading.limits.image_values,
        )?);
        images.check_size()?;
        let labels = [HARD_LABELS, SOFT_LABELS]
            .iter()
            .flat_map(|kind| ["", ".gz"].map(|end| folder.join(format!("{split}{kind}{end}"))))
            .find(|path| path.exists())
            .map(|path| labels_for(path, images.count))
            .transpose()?;
        let pair = Pair {
            images: name(&images.path)?,
            labels: labels.as_ref().map(|l| name(&l.path)).transpose()?,
            images_gz: images.gz,
            labels_gz: labels.as_ref().is_some_and(|l| l.gz),
            dims: dims.len() as u8,
        };
        let count = images.count;
        self.meta.splits.push(Split { name: split, count });
        self.images.push(images);
        self.labels.extend(labels);
        Ok(pair)
    }

    /// Checks the splits against each other and completes the description.
    fn complete(&mut self, root: &Path, layout: &Layout) -> Result<()> {
        if !self.labels.is_empty() && self.labels.len() != self.images.len() {
            let bare: Vec<_> = layout.idx.iter().filter(|p| p.labels.is_none()).collect();
            let problem = format!(
                "has no labels file, other splits have; add it or take {} away",
                bare[0].images
            );
            return Err(Error::input(&root.join(&bare[0].images), problem));
        }
        self.meta.depth = self.images[0].depth;
        if let Some(other) = self.images.iter().find(|i| i.depth != self.meta.depth) {
            return Err(Error::input(
                &other.path,
                "its type differs from the other split's",
            ));
        }
        self.meta.labelled = !self.labels.is_empty();
        self.meta.soft = self.labels.first().and_then(Column::weights);
        if let Some(other) = self.labels.iter().find(|l| l.weights() != self.meta.soft) {
            return Err(Error::input(
                &other.path,
                "its labels are of another kind than the other split's",
            ));
        }
        let first = self.shapes[0];
        self.meta.shape = self.shapes.iter().all(|&s| s == first).then_some(first);
        let paths: Vec<_> = self
            .images
            .iter()
            .chain(&self.labels)
            .map(|c| c.path.clone())
            .collect();
        self.meta.signature = files::signature(root, &paths)?;
        self.meta.layout = serde_json::to_value(layout).map_err(|e| Error::input(root, e))?;
        Ok(())
    }
}

/// Opens a labels file: `count` bytes, or `count` rows of floats.
fn labels_for(path: PathBuf, count: u64) -> Result<Column> {
    let (labels, dims) = Column::open(path)?;
    match (dims.len(), labels.depth) {
        (1, Depth::U8) => {}
        (2, Depth::F32) if (1..=files::MAX_SOFT).contains(&dims[1]) => {}
        _ => {
            let problem =
                "labels must be one dimension of bytes, or rows of floats, one weight for each class";
            return Err(Error::input(&labels.path, problem));
        }
    }
    if labels.count != count {
        let problem = format!("{count} labels expected, one per image; found {}", labels.count);
        return Err(Error::input(&labels.path, problem));
    }
    labels.check_size()?;
    Ok(labels)
}

impl Source for Idx {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn seek(&mut self, split: usize, sample: u64) -> Result<()> {
        match self.meta.splits.get(split) {
            Some(s) if sample <= s.count => {
                (self.split, self.at) = (split, sample);
                Ok(())
            }
            _ => Err(Error::Usage(format!(
                "there is no sample {sample} in split {split}"
            ))),
        }
    }

    fn read(&mut self, batch: &mut Batch, max: usize) -> Result<()> {
        let (split, shape, depth) = (self.split, self.shapes[self.split], self.meta.depth);
        let Split { name, count } = &self.meta.splits[split];
        let n = files::batch_of(max, count - self.at, shape.len() * files::width(depth));
        (batch.split, batch.first, batch.shape) = (split, self.at, shape);
        batch.names.clear();
        batch.labels.clear();
        batch.soft.clear();
        batch.ids = SampleId::numbered(name, self.at, n);
        self.images[split].take(self.at, n, |from| {
            files::read_values(from, &mut batch.pixels, depth, n * shape.len(), Endian::Big)
        })?;
        if let Some(labels) = self.labels.get_mut(split) {
            let scratch = &mut self.scratch;
            match self.meta.soft {
                Some(classes) => {
                    let len = n * classes;
                    labels.take(self.at, n, |from| files::fill(from, scratch, 4 * len))?;
                    files::soft_rows(scratch, Endian::Big, &labels.path, &mut batch.soft)?;
                }
                None => {
                    labels.take(self.at, n, |from| files::fill(from, scratch, n))?;
                    batch.labels.extend(scratch.iter().map(|&l| u32::from(l)));
                }
            }
        }
        self.at += n as u64;
        Ok(())
    }
}
