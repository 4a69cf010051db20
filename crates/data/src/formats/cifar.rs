//! CIFAR-10 and CIFAR-100 in their binary form: rows of a label (CIFAR-100: coarse, fine) and
//! three planes R, G, B of 32 x 32 bytes, in the folder itself or one level below it.
//!
//! Batches are (H, W, C). The coarse label of CIFAR-100 is a function of the fine one; reading
//! learns that function, writing applies it, and batches carry the fine label alone.

mod write;

use super::files;
use crate::{Batch, Depth, Error, Format, Meta, Reading, Result, Source, Split, Stored};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};
use visard_core::{SampleId, Shape};

const PLANE: usize = 32 * 32;
const IMAGE: usize = 3 * PLANE;
const SHAPE: Shape = Shape::new(32, 32, 3);

/// The registry entry.
pub(super) static FORMAT: Format = Format {
    name: "cifar",
    title: "CIFAR-10 or CIFAR-100 binary files (data_batch_1.bin ..., train.bin)",
    detect: |path| path.is_dir() && find(path).is_some(),
    open: |path, reading| Ok(Box::new(Cifar::open(path, reading)?)),
    create: |plan| Ok(Box::new(write::CifarSink::create(plan)?)),
    is_folder: true,
    soft_labels: false,
    depths: &[Depth::U8],
    jpeg: false,
    refuses,
};

fn refuses(meta: &Meta, shape: Shape, depth: Depth) -> Option<String> {
    if shape != SHAPE || depth != Depth::U8 {
        return Some(format!(
            "CIFAR files hold 32x32x3 bytes, not {shape} {depth:?}; write .npz or a folder instead"
        ));
    }
    if !meta.labelled {
        return Some("CIFAR files need labels; write .npz or a folder instead".into());
    }
    (meta.classes.len() > 256).then(|| "CIFAR labels are one byte; write .npz or a folder instead".into())
}

/// Which of the two layouts of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Ten,
    Hundred,
}

impl Kind {
    /// Label bytes before the pixels.
    fn labels(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    fn row(self) -> usize {
        self.labels() + IMAGE
    }

    fn class_file(self) -> &'static str {
        match self {
            Self::Ten => "batches.meta.txt",
            Self::Hundred => "fine_label_names.txt",
        }
    }
}

const COARSE_FILE: &str = "coarse_label_names.txt";

/// One file and its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rows {
    name: String,
    rows: u64,
}

/// What the writer needs of a CIFAR input.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Layout {
    cifar: Kind,
    /// Folder of the files relative to the data set, empty for the data set itself.
    folder: String,
    /// Files of each split.
    files: Vec<Vec<Rows>>,
    /// Coarse class of each fine one; empty for CIFAR-10.
    coarse: Vec<Option<u8>>,
    /// Names of the coarse classes.
    coarse_names: Vec<String>,
}

/// Where the files are and what they are.
struct Found {
    folder: PathBuf,
    kind: Kind,
    train: Vec<String>,
    test: Vec<String>,
}

fn find(root: &Path) -> Option<Found> {
    files::folders(root, 1)
        .into_iter()
        .find_map(|folder| find_in(&folder))
}

fn find_in(folder: &Path) -> Option<Found> {
    let names: Vec<String> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok())
        .collect();
    let has = |name: &str| names.iter().any(|n| n == name);
    let only = |name: &str| {
        if has(name) {
            vec![name.to_owned()]
        } else {
            Vec::new()
        }
    };
    let mut batches: Vec<(u32, &String)> = names.iter().filter_map(|n| Some((number(n)?, n))).collect();
    batches.sort();
    if !batches.is_empty() || has("test_batch.bin") {
        return Some(Found {
            folder: folder.into(),
            kind: Kind::Ten,
            train: batches.into_iter().map(|(_, n)| n.clone()).collect(),
            test: only("test_batch.bin"),
        });
    }
    let fits = |name| fs::metadata(folder.join(name)).is_ok_and(|m| m.len() > 0 && m.len() % 3074 == 0);
    let sure = has("fine_label_names.txt") || folder.ends_with("cifar-100-binary");
    (has("train.bin") || has("test.bin")).then_some(())?;
    (sure || fits("train.bin") || fits("test.bin")).then(|| Found {
        folder: folder.into(),
        kind: Kind::Hundred,
        train: only("train.bin"),
        test: only("test.bin"),
    })
}

/// Number in the name of a file of CIFAR-10's training images.
fn number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("data_batch_")?.strip_suffix(".bin")?;
    number.parse().ok()
}

/// Lines of a text file of names; none where there is no file.
fn names_in(path: &Path) -> Result<Vec<String>> {
    /// Longer than any list of 256 names.
    const MOST: u64 = 1 << 20;
    let Ok(file) = File::open(path) else {
        return Ok(Vec::new());
    };
    let mut text = String::new();
    file.take(MOST)
        .read_to_string(&mut text)
        .map_err(|e| Error::input(path, e))?;
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// Planes R, G, B of one image to pixels. Slices of known length, so that no access is checked.
fn interleave(planes: &[u8], pixels: &mut [u8]) {
    let (Some(planes), Some(pixels)) = (planes.first_chunk::<IMAGE>(), pixels.first_chunk_mut::<IMAGE>())
    else {
        return;
    };
    for i in 0..PLANE {
        pixels[3 * i] = planes[i];
        pixels[3 * i + 1] = planes[PLANE + i];
        pixels[3 * i + 2] = planes[2 * PLANE + i];
    }
}

/// Pixels of one image to planes R, G, B.
fn separate(pixels: &[u8], planes: &mut [u8]) {
    let (Some(pixels), Some(planes)) = (pixels.first_chunk::<IMAGE>(), planes.first_chunk_mut::<IMAGE>())
    else {
        return;
    };
    for i in 0..PLANE {
        planes[i] = pixels[3 * i];
        planes[PLANE + i] = pixels[3 * i + 1];
        planes[2 * PLANE + i] = pixels[3 * i + 2];
    }
}

/// Reads CIFAR files.
#[derive(Debug)]
struct Cifar {
    meta: Meta,
    layout: Layout,
    folder: PathBuf,
    split: usize,
    at: u64,
    /// Number of the open file within its split, and the file.
    open: Option<(usize, File)>,
    rows: Vec<u8>,
}

impl Cifar {
    fn open(root: &Path, reading: Reading) -> Result<Self> {
        let Some(Found {
            folder,
            kind,
            train,
            test,
        }) = find(root)
        else {
            return Err(Error::input(root, "holds no data_batch_1.bin and no train.bin"));
        };
        let below = folder.strip_prefix(root).unwrap_or(Path::new(""));
        let Some(below) = below.to_str() else {
            return Err(Error::input(&folder, "the name is not UTF-8; rename it"));
        };
        let mut layout = Layout {
            cifar: kind,
            folder: below.into(),
            files: Vec::new(),
            coarse: Vec::new(),
            coarse_names: names_in(&folder.join(COARSE_FILE))?,
        };
        let (mut splits, mut paths) = (Vec::new(), Vec::new());
        for (name, names) in [("train", train), ("test", test)] {
            if names.is_empty() {
                continue;
            }
            paths.extend(names.iter().map(|n| folder.join(n)));
            let rows: Vec<Rows> = names
                .into_iter()
                .map(|n| rows_of(&folder, n, kind))
                .collect::<Result<_>>()?;
            splits.push(Split {
                name: name.into(),
                count: rows.iter().map(|r| r.rows).sum(),
            });
            layout.files.push(rows);
        }
        files::check_count(root, splits.iter().map(|s| s.count).sum(), reading.limits.samples)?;
        files::check_shape(root, [32, 32, 3], reading.limits.image_values)?;
        let classes = names_in(&folder.join(kind.class_file()))?;
        if kind == Kind::Hundred {
            layout.coarse = coarse_of(&paths)?;
        }
        let meta = Meta {
            splits,
            classes,
            labelled: true,
            soft: None,
            shape: Some(SHAPE),
            depth: Depth::U8,
            layout: serde_json::to_value(&layout).map_err(|e| Error::input(root, e))?,
            signature: files::signature(root, &paths)?,
        };
        Ok(Self {
            meta,
            layout,
            folder,
            split: 0,
            at: 0,
            open: None,
            rows: Vec::new(),
        })
    }

    /// File of the current sample, its first row there, and the rows left.
    fn place(&self) -> Option<(usize, u64, u64)> {
        let mut at = self.at;
        for (i, file) in self.layout.files[self.split].iter().enumerate() {
            if at < file.rows {
                return Some((i, at, file.rows - at));
            }
            at -= file.rows;
        }
        None
    }

    /// Reads `n` rows from `row` of file `file` into `self.rows`.
    fn fetch(&mut self, file: usize, row: u64, n: usize) -> Result<()> {
        let path = self.folder.join(&self.layout.files[self.split][file].name);
        let fail = |e| Error::input(&path, e);
        let mut open = match self.open.take() {
            Some((number, open)) if number == file => open,
            _ => File::open(&path).map_err(fail)?,
        };
        let size = self.layout.cifar.row();
        let to = SeekFrom::Start(row * size as u64);
        open.seek(to).map_err(fail)?;
        files::fill(&mut open, &mut self.rows, n * size).map_err(fail)?;
        self.open = Some((file, open));
        Ok(())
    }
}

/// Checks that a file is whole rows and counts them.
fn rows_of(folder: &Path, name: String, kind: Kind) -> Result<Rows> {
    let path = folder.join(&name);
    let meta = fs::metadata(&path).map_err(|e| Error::input(&path, e))?;
    if !meta.is_file() {
        return Err(Error::input(&path, "not a regular file"));
    }
    let (row, found) = (kind.row() as u64, meta.len());
    if found % row != 0 {
        let problem = format!(
            "rows of {row} bytes expected, found {found} bytes: {} too many",
            found % row
        );
        return Err(Error::input(&path, problem));
    }
    Ok(Rows {
        name,
        rows: found / row,
    })
}

/// Coarse class of each fine class, learnt from all rows.
fn coarse_of(paths: &[PathBuf]) -> Result<Vec<Option<u8>>> {
    let mut coarse = vec![None; 256];
    let mut rows = Vec::new();
    for path in paths {
        let fail = |e| Error::input(path, e);
        let mut file = File::open(path).map_err(fail)?;
        let row = Kind::Hundred.row();
        let mut left = file.metadata().map_err(fail)?.len() / row as u64;
        while left > 0 {
            let n = left.min(1024) as usize;
            files::fill(&mut file, &mut rows, n * row).map_err(fail)?;
            left -= n as u64;
            for labels in rows.chunks_exact(row) {
                let known = coarse[usize::from(labels[1])].get_or_insert(labels[0]);
                if *known != labels[0] {
                    let problem = format!(
                        "fine class {} lies in coarse classes {known} and {}; is this CIFAR-100?",
                        labels[1], labels[0]
                    );
                    return Err(Error::input(path, problem));
                }
            }
        }
    }
    let used = coarse
        .iter()
        .rposition(Option::is_some)
        .map_or(0, |last| last + 1);
    coarse.truncate(used);
    Ok(coarse)
}

impl Source for Cifar {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn seek(&mut self, split: usize, sample: u64) -> Result<()> {
        match self.meta.splits.get(split) {
            Some(s) if sample <= s.count => {
                (self.split, self.at, self.open) = (split, sample, None);
                Ok(())
            }
            _ => Err(Error::Usage(format!(
                "there is no sample {sample} in split {split}"
            ))),
        }
    }

    fn read(&mut self, batch: &mut Batch, max: usize) -> Result<()> {
        (batch.split, batch.first, batch.shape) = (self.split, self.at, SHAPE);
        batch.names.clear();
        batch.labels.clear();
        batch.soft.clear();
        batch.ids.clear();
        if batch.pixels.depth() != Depth::U8 {
            batch.pixels = Stored::empty(Depth::U8);
        }
        let Stored::U8(pixels) = &mut batch.pixels else {
            return Ok(());
        };
        let Some((file, row, left)) = self.place() else {
            pixels.clear();
            return Ok(());
        };
        let n = files::batch_of(max, left, IMAGE);
        self.fetch(file, row, n)?;
        pixels.resize(n * IMAGE, 0);
        let labels = self.layout.cifar.labels();
        let rows = self.rows.par_chunks_exact(self.layout.cifar.row());
        rows.zip(pixels.par_chunks_exact_mut(IMAGE))
            .with_min_len(64)
            .for_each(|(row, image)| interleave(&row[labels..], image));
        for (i, row) in self.rows.chunks_exact(self.layout.cifar.row()).enumerate() {
            let label = row[labels - 1];
            let classes = self.meta.classes.len();
            if classes > 0 && usize::from(label) >= classes {
                let at = self.at + i as u64;
                let name = &self.layout.files[self.split][file].name;
                let problem = format!("sample {at} has class {label}, but only {classes} classes have names");
                return Err(Error::input(&self.folder.join(name), problem));
            }
            batch.labels.push(u32::from(label));
        }
        batch.ids = SampleId::numbered(&self.meta.splits[self.split].name, self.at, n);
        self.at += n as u64;
        Ok(())
    }
}
