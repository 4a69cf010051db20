//! Writing `.npz` (stored, fixed times, so that bytes depend on the arrays alone) and `.npy`.

use super::{
    Axes, Layout,
    header::{Header, descr},
};
use crate::{
    Batch, Error, FileRecord, Plan, Result, Sink,
    formats::files::{self, Endian},
};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};
use visard_core::Shape;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// What the arrays go into.
enum Out {
    Npz(Box<ZipWriter<BufWriter<File>>>),
    Npy(BufWriter<File>),
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Npz(zip) => zip.write(bytes),
            Self::Npy(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Npz(zip) => zip.flush(),
            Self::Npy(file) => file.flush(),
        }
    }
}

/// Writes NumPy files; a run that was stopped starts over.
pub(super) struct NpzSink {
    plan: Plan,
    axes: Axes,
    partial: PathBuf,
    out: Out,
    shape: Option<Shape>,
    written: u64,
    labels: Vec<u32>,
    soft: Vec<f32>,
    scratch: Vec<u8>,
}

impl NpzSink {
    pub(super) fn create(plan: Plan) -> Result<Self> {
        let npy = plan
            .root
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("npy"));
        if npy && plan.meta.labelled {
            let problem = "a .npy file holds images alone; call the output .npz to keep the labels";
            return Err(Error::Usage(problem.into()));
        }
        if plan.meta.splits.len() != 1 {
            return Err(Error::Usage(
                "a .npz file has one split; keep the input's format".into(),
            ));
        }
        let layout: Option<Layout> = serde_json::from_value(plan.meta.layout.clone()).ok();
        let partial = files::partial(&plan.root);
        let file = File::create(&partial).map_err(|e| Error::output(&partial, e))?;
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(Self {
            axes: match layout {
                _ if plan.tokens => Axes::Nhw,
                Some(layout) => layout.npz,
                None => Axes::Nhwc,
            },
            out: if npy {
                Out::Npy(file)
            } else {
                Out::Npz(Box::new(ZipWriter::new(file)))
            },
            partial,
            plan,
            shape: None,
            written: 0,
            labels: Vec::new(),
            soft: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Starts the array `name`.
    fn start(&mut self, name: &str, kind: &str, shape: &[u64], width: usize) -> Result<()> {
        let header = Header::write(kind, shape);
        let bytes = shape.iter().product::<u64>() * width as u64 + header.len() as u64;
        let started = match &mut self.out {
            Out::Npy(_) => Ok(()),
            Out::Npz(zip) => {
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Stored)
                    .last_modified_time(DateTime::default())
                    .unix_permissions(0o644)
                    .large_file(bytes >= u64::from(u32::MAX));
                zip.start_file(format!("{name}.npy"), options)
                    .map_err(io::Error::from)
            }
        };
        started
            .and_then(|()| self.out.write_all(&header))
            .map_err(|e| Error::output(&self.partial, e))
    }

    fn start_images(&mut self, shape: Shape) -> Result<()> {
        let depth = self.plan.depth;
        let sides = self.axes.sides(self.plan.meta.splits[0].count, shape);
        self.start("images", descr(depth), &sides, files::width(depth))?;
        self.shape = Some(shape);
        Ok(())
    }

    fn write_labels(&mut self) -> Result<()> {
        let (labels, soft) = (std::mem::take(&mut self.labels), std::mem::take(&mut self.soft));
        let bytes: Vec<u8> = match self.plan.meta.soft {
            Some(classes) => {
                self.start("labels", "<f4", &[self.written, classes as u64], 4)?;
                soft.iter().flat_map(|w| w.to_le_bytes()).collect()
            }
            None => {
                self.start("labels", "<i8", &[labels.len() as u64], 8)?;
                labels.iter().flat_map(|&l| i64::from(l).to_le_bytes()).collect()
            }
        };
        self.out
            .write_all(&bytes)
            .map_err(|e| Error::output(&self.partial, e))
    }
}

impl Sink for NpzSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        files::check_batch(batch, &self.plan, self.shape)?;
        let root = self.plan.root.display();
        if batch.first != self.written || batch.first + batch.len() as u64 > self.plan.meta.splits[0].count {
            return Err(Error::Usage(format!(
                "{root}: sample {} is out of turn",
                batch.first
            )));
        }
        if self.shape.is_none() {
            self.start_images(batch.shape)?;
        }
        let bytes = files::bytes_of(&batch.pixels, Endian::Little, &mut self.scratch);
        self.out
            .write_all(bytes)
            .map_err(|e| Error::output(&self.partial, e))?;
        self.labels.extend_from_slice(&batch.labels);
        self.soft.extend_from_slice(&batch.soft);
        self.written += batch.len() as u64;
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Option<serde_json::Value>> {
        Ok(None)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<FileRecord>> {
        let count = self.plan.meta.splits[0].count;
        if self.written != count {
            let problem = format!(
                "{}: {count} samples expected, {} written",
                self.plan.root.display(),
                self.written
            );
            return Err(Error::Usage(problem));
        }
        if self.shape.is_none() {
            self.start_images(self.plan.meta.shape.unwrap_or(Shape::new(1, 1, 1)))?;
        }
        if self.plan.meta.labelled {
            self.write_labels()?;
        }
        let Self {
            plan, partial, out, ..
        } = *self;
        close(out).map_err(|e| Error::output(&partial, e))?;
        let (bytes, blake3) = hash(&partial).map_err(|e| Error::output(&partial, e))?;
        fs::rename(&partial, &plan.root).map_err(|e| Error::output(&plan.root, e))?;
        crate::durable::sync_folder(crate::durable::parent(&plan.root))?;
        let name = plan.root.file_name().unwrap_or_default();
        Ok(vec![FileRecord {
            path: name.to_string_lossy().into_owned(),
            bytes,
            blake3,
        }])
    }
}

/// Completes the file durably.
fn close(out: Out) -> io::Result<()> {
    let buffered = match out {
        Out::Npy(file) => file,
        Out::Npz(zip) => zip.finish()?,
    };
    buffered.into_inner().map_err(|e| e.into_error())?.sync_all()
}

/// Length and digest; an archive's start is written last, so it cannot be hashed on the way.
fn hash(path: &Path) -> io::Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}
