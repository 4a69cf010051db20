//! `apply` and `remove`: whole data sets through a key, journalled and resumable.

use crate::{
    Batch, Control, Depth, Error, Fit, Format, Manifest, Meta, Plan, Reading, Result, Scale, Source, Stored,
    durable, fit, formats,
    journal::{Header, Journal},
    manifest::{self, parse_salt, print_salt},
    pipeline,
};
use rayon::prelude::*;
use serde_json::json;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Instant,
};
use visard_core::{Affine, Disguise, Dtype, Key, Pixels, PixelsRef, Salt, Samples, Shape, Storage};

/// Folder inside an output folder (or suffix of an output file) that holds a run's journal.
const WORK: &str = ".visard-journal";
const JOURNAL_VERSION: u32 = 1;

/// What to disguise, or to restore.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The data set to read.
    pub input: &'a Path,
    /// The data set to write.
    pub output: &'a Path,
    /// The key.
    pub key: &'a Key,
    /// How inputs are read.
    pub reading: Reading,
    /// Format of the output; that of the input where `None`.
    pub format: Option<&'static Format>,
    /// How reals are stored; 8 bits in image formats and floats elsewhere where `None`.
    pub depth: Option<Depth>,
    /// What to do with images of another size than the key's.
    pub fit: Fit,
    /// Name and version of the program, for the manifest.
    pub program: &'a str,
    /// A salt to use instead of a fresh one. Reusing a salt for other images reuses their masks,
    /// so this is for repeating a run, not for users.
    pub salt: Option<Salt>,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Report {
    /// Name of the output's format.
    pub format: &'static str,
    /// Images in the output, per split.
    pub written: Vec<(String, u64)>,
    /// Images that an interrupted run had already written.
    pub resumed: u64,
    /// Whether the output was already complete, so that nothing was done.
    pub already_complete: bool,
    /// Whether an interrupted run was started over because its input has changed.
    pub started_over: bool,
    /// Inputs left out because they could not be read, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
    /// Quantisation that was used, if any.
    pub scale: Option<Scale>,
    /// Shape of the output images, where it is one.
    pub shape: Option<Shape>,
    /// Seconds of the whole run.
    pub seconds: f64,
    /// Seconds spent in the scheme itself.
    pub transforming: f64,
}

impl Report {
    /// Images in the output.
    pub fn images(&self) -> u64 {
        self.written.iter().map(|(_, count)| count).sum()
    }
}

/// Disguises a data set under a key. Goes on by itself where an earlier run stopped.
pub fn apply(request: Request<'_>, control: Control<'_>) -> Result<Report> {
    let input_format = formats::detect(request.input)?;
    if let Some(manifest) = Manifest::find(request.input)? {
        return Err(Error::Usage(format!(
            "{} is already disguised, with the key {}; give the plain data set",
            request.input.display(),
            manifest.fingerprint
        )));
    }
    let source = (input_format.open)(request.input, request.reading)?;
    let format = request.format.unwrap_or(input_format);
    let depth = choose_depth(&request, format)?;
    if source.meta().depth != Depth::U8 {
        let problem = "holds pixels of another type than bytes; convert them to 8 bits first";
        return Err(Error::input(request.input, problem));
    }
    Run {
        request,
        control,
        format,
        depth,
        manifest: None,
        scale: None,
    }
    .go(source)
}

/// Takes the disguise off a data set again. Goes on by itself where an earlier run stopped.
pub fn remove(request: Request<'_>, control: Control<'_>) -> Result<Report> {
    let Some(manifest) = Manifest::find(request.input)? else {
        let problem = "has no visard.json, so it is not a disguised data set (or not whole yet)";
        return Err(Error::input(request.input, problem));
    };
    manifest.check_key(request.input, request.key)?;
    let input_format = formats::find(&manifest.format)?;
    let reading = Reading {
        disguised: true,
        ..request.reading
    };
    let source = (input_format.open)(request.input, reading)?;
    check_counts(request.input, &manifest, source.meta())?;
    let scale = manifest.scale;
    Run {
        format: request.format.unwrap_or(input_format),
        depth: Depth::U8,
        manifest: Some(manifest),
        request,
        control,
        scale,
    }
    .go(source)
}

fn check_counts(path: &Path, manifest: &Manifest, meta: &Meta) -> Result<()> {
    if manifest.splits == meta.splits {
        return Ok(());
    }
    let list = |splits: &[crate::Split]| {
        let parts: Vec<_> = splits.iter().map(|s| format!("{} {}", s.name, s.count)).collect();
        parts.join(", ")
    };
    Err(Error::Verification {
        path: path.into(),
        problem: format!(
            "holds {}, but its manifest says {}",
            list(&meta.splits),
            list(&manifest.splits)
        ),
    })
}

/// Storage of the output: what was asked for, if the scheme and the format allow it.
fn choose_depth(request: &Request<'_>, format: &Format) -> Result<Depth> {
    let reals = request.key.scheme().info().storage == Storage::Float;
    let name = request.key.scheme().info().name;
    let depth = match (request.depth, reals) {
        (None, false) | (Some(Depth::U8), _) => Depth::U8,
        (None, true) => format.depths[0],
        (Some(depth), true) => depth,
        (Some(_), false) => {
            return Err(Error::Usage(format!(
                "{name} writes bytes: --depth is 8 or left out"
            )));
        }
    };
    if format.depths.contains(&depth) {
        return Ok(depth);
    }
    let known: Vec<_> = format.depths.iter().map(|d| d.to_string()).collect();
    Err(Error::Usage(format!(
        "{} cannot store --depth {depth}, it stores {}; choose another depth or --format npz",
        format.name,
        known.join(", ")
    )))
}

/// One run with everything decided.
struct Run<'a> {
    request: Request<'a>,
    control: Control<'a>,
    format: &'static Format,
    depth: Depth,
    /// The input's manifest when restoring.
    manifest: Option<Manifest>,
    /// Quantisation of the input when restoring.
    scale: Option<Scale>,
}

impl Run<'_> {
    fn go(mut self, mut source: Box<dyn Source>) -> Result<Report> {
        let started = Instant::now();
        let place = Manifest::place(self.request.output, self.format.is_folder);
        check_paths(self.request.input, self.request.output)?;
        if let Some(report) = self.already_complete(&place, source.meta(), started)? {
            return Ok(report);
        }
        let shape = self.output_shape(source.meta())?;
        self.refuse_unstorable(source.meta(), shape)?;
        let opened = self.open_journal(source.meta())?;
        let salt = parse_salt(&opened.header.salt)
            .ok_or_else(|| Error::input(&self.work(), "holds no salt; delete the output to start anew"))?;
        let mut journal = opened.journal;
        let start = pipeline::done_of(opened.state.as_ref(), source.meta().splits.len())
            .ok_or_else(|| Error::input(&self.work(), "is damaged; delete the output to start anew"))?;
        let mut meta = source.meta().clone();
        meta.depth = self.depth;
        meta.shape = shape;
        let mut sink = (self.format.create)(Plan {
            root: self.request.output.into(),
            meta: meta.clone(),
            depth: self.depth,
            noise: self.manifest.is_none(),
            resume: opened.state.clone(),
        })?;
        let resumed = start.iter().sum();
        let mut stage = Stage::new(&self, salt);
        let flow = pipeline::run(
            &mut *source,
            &mut |batch, out| stage.transform(batch, out),
            &mut *sink,
            &mut journal,
            start,
            self.control,
        )?;
        let files = sink.finish()?;
        for (split, written) in meta.splits.iter_mut().zip(&flow.written) {
            split.count = *written;
        }
        if self.manifest.is_none() {
            self.describe(&meta, salt, flow.skipped.len(), files)
                .write(&place)?;
        }
        journal.close()?;
        Ok(Report {
            format: self.format.name,
            written: meta.splits.iter().map(|s| (s.name.clone(), s.count)).collect(),
            resumed,
            already_complete: false,
            started_over: opened.input_changed,
            skipped: flow.skipped,
            scale: self.scale.take(),
            shape,
            seconds: started.elapsed().as_secs_f64(),
            transforming: flow.transforming,
        })
    }

    /// Shape of the output images where it is known before reading.
    fn output_shape(&mut self, meta: &Meta) -> Result<Option<Shape>> {
        let key = self.request.key;
        if let Some(manifest) = &self.manifest {
            return Ok(manifest.plain_shape);
        }
        let varies = self.request.fit == Fit::Error;
        let Some(plain) = key.shape().or(meta.shape) else {
            return Ok(None);
        };
        if let Some(own) = meta.shape.filter(|own| varies && *own != plain) {
            let problem = format!(
                "holds images of {own}, the key is for {plain}: say --fit resize, crop or pad, or make a key for {own}"
            );
            return Err(Error::input(self.request.input, problem));
        }
        let output = key.disguise(plain)?.output();
        if self.depth != Depth::F32 && output.dtype == Dtype::F32 {
            let max = if self.depth == Depth::U8 { 255 } else { 65_535 };
            self.scale = Some(Affine::cover(output.range, max));
        }
        Ok(Some(output.shape))
    }

    fn refuse_unstorable(&self, meta: &Meta, shape: Option<Shape>) -> Result<()> {
        let problem = shape.and_then(|shape| (self.format.refuses)(meta, shape, self.depth));
        problem.map_or(Ok(()), |problem| {
            Err(Error::Usage(format!("{}: {problem}", self.format.name)))
        })
    }

    fn work(&self) -> PathBuf {
        if self.format.is_folder {
            return self.request.output.join(WORK);
        }
        let mut name = self.request.output.file_name().unwrap_or_default().to_os_string();
        name.push(WORK);
        self.request.output.with_file_name(name)
    }

    fn open_journal(&self, meta: &Meta) -> Result<crate::journal::Opened> {
        let (output, work) = (self.request.output, self.work());
        if !work.exists() {
            refuse_occupied(output, self.format.is_folder)?;
        }
        let folder = if self.format.is_folder {
            output
        } else {
            durable::parent(output)
        };
        std::fs::create_dir_all(folder).map_err(|error| Error::output(folder, error))?;
        let salt = match self.request.salt {
            Some(salt) => salt,
            None => fresh_salt()?,
        };
        Journal::open(&work, self.header(meta, salt))
    }

    fn header(&self, meta: &Meta, salt: Salt) -> Header {
        let salt = match &self.manifest {
            Some(manifest) => manifest.salt.clone(),
            None => print_salt(salt),
        };
        Header {
            version: JOURNAL_VERSION,
            program: self.request.program.into(),
            job: if self.manifest.is_some() {
                "remove"
            } else {
                "apply"
            }
            .into(),
            fingerprint: self.request.key.fingerprint().to_string(),
            format: self.format.name.into(),
            options: json!({ "depth": self.depth, "fit": format!("{:?}", self.request.fit) }),
            input: meta.signature.clone(),
            salt,
        }
    }

    fn already_complete(&self, place: &Path, meta: &Meta, started: Instant) -> Result<Option<Report>> {
        if self.manifest.is_some() || !place.exists() {
            return Ok(None);
        }
        let foreign = |problem: String| {
            Err(Error::Foreign {
                path: self.request.output.into(),
                problem: format!("{problem}; choose another output or delete this one"),
            })
        };
        let Some(manifest) = Manifest::find(self.request.output)? else {
            return Ok(None);
        };
        let own = self.request.key.fingerprint().to_string();
        if manifest.fingerprint != own {
            return foreign(format!(
                "was disguised with the key {}, this is the key {own}",
                manifest.fingerprint
            ));
        }
        if manifest.format != self.format.name || manifest.depth != self.depth {
            return foreign(format!(
                "is a finished {} data set of another format or depth",
                manifest.format
            ));
        }
        let counts = |splits: &[crate::Split]| {
            splits
                .iter()
                .map(|s| (s.name.clone(), s.count))
                .collect::<Vec<_>>()
        };
        if manifest.skipped == 0 && counts(&manifest.splits) != counts(&meta.splits) {
            return foreign("is a finished data set with other images".into());
        }
        Ok(Some(Report {
            format: self.format.name,
            written: counts(&manifest.splits),
            resumed: 0,
            already_complete: true,
            started_over: false,
            skipped: Vec::new(),
            scale: manifest.scale,
            shape: manifest.shape,
            seconds: started.elapsed().as_secs_f64(),
            transforming: 0.0,
        }))
    }

    fn describe(&self, meta: &Meta, salt: Salt, skipped: usize, files: Vec<crate::FileRecord>) -> Manifest {
        let key = self.request.key;
        Manifest {
            version: manifest::VERSION,
            program: self.request.program.into(),
            scheme: key.scheme().info().name.into(),
            params: key.scheme().params().clone(),
            fingerprint: key.fingerprint().to_string(),
            salt: print_salt(salt),
            format: self.format.name.into(),
            plain_shape: key.shape(),
            shape: meta.shape,
            depth: self.depth,
            scale: self.scale,
            splits: meta.splits.clone(),
            classes: meta.classes.clone(),
            skipped: skipped as u64,
            files,
        }
    }
}

/// Refuses outputs that hold something already.
fn refuse_occupied(output: &Path, is_folder: bool) -> Result<()> {
    let foreign = |problem: &str| {
        Err(Error::Foreign {
            path: output.into(),
            problem: problem.into(),
        })
    };
    match std::fs::read_dir(output) {
        Ok(mut entries) if is_folder => match entries.next() {
            Some(_) => foreign("holds files that this run did not write; choose an empty or new folder"),
            None => Ok(()),
        },
        Ok(_) => foreign("is a folder; name a file"),
        Err(_) if output.exists() => foreign("exists already; choose another name or delete it"),
        Err(_) => Ok(()),
    }
}

/// Refuses an input inside the output and an output inside the input.
fn check_paths(input: &Path, output: &Path) -> Result<()> {
    let (from, to) = (real(input)?, real(output)?);
    let problem = if from == to {
        "input and output are the same"
    } else if to.starts_with(&from) && from.is_dir() {
        "the output lies inside the input"
    } else if from.starts_with(&to) {
        "the input lies inside the output"
    } else {
        return Ok(());
    };
    Err(Error::Usage(format!(
        "{problem} ({} and {}); choose an output elsewhere",
        input.display(),
        output.display()
    )))
}

/// The path without links, also where its last parts do not exist yet.
fn real(path: &Path) -> Result<PathBuf> {
    let mut missing = Vec::new();
    let mut there = std::path::absolute(path).map_err(|error| Error::input(path, error))?;
    loop {
        if let Ok(known) = there.canonicalize() {
            return Ok(missing.iter().rev().fold(known, |path, part| path.join(part)));
        }
        match (
            there.file_name().map(ToOwned::to_owned),
            there.parent().map(Path::to_path_buf),
        ) {
            (Some(name), Some(parent)) => {
                missing.push(name);
                there = parent;
            }
            _ => return Ok(there),
        }
    }
}

fn fresh_salt() -> Result<Salt> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::Usage(format!(
            "the system's random generator failed ({error}); nothing was written"
        ))
    })?;
    Ok(Salt(bytes))
}

/// The transformation of one run: prepared disguises by shape, and scratch room.
struct Stage<'a> {
    key: &'a Key,
    restore: bool,
    salt: Salt,
    scale: Option<Scale>,
    depth: Depth,
    fit: Fit,
    plain_shape: Option<Shape>,
    root: &'a Path,
    prepared: HashMap<Shape, Box<dyn Disguise>>,
    reals: Pixels,
}

/// Disguises a batch in memory, stored as a data set of that depth and scale would be.
///
/// # Errors
/// If the images do not have the key's shape and `fit` does not say what to do about it.
pub fn disguise_batch(
    key: &Key,
    salt: Salt,
    fit: Fit,
    (depth, scale): (Depth, Option<Scale>),
    mut batch: Batch,
) -> Result<Batch> {
    let mut stage = Stage {
        key,
        restore: false,
        salt,
        scale,
        depth,
        fit,
        plain_shape: None,
        root: Path::new("image"),
        prepared: HashMap::new(),
        reals: Pixels::F32(Vec::new()),
    };
    let mut out = Batch::new(depth);
    stage.transform(&mut batch, &mut out)?;
    Ok(out)
}

impl<'a> Stage<'a> {
    fn new(run: &Run<'a>, salt: Salt) -> Self {
        Self {
            key: run.request.key,
            restore: run.manifest.is_some(),
            salt,
            scale: run.scale,
            depth: run.depth,
            fit: run.request.fit,
            plain_shape: run.manifest.as_ref().and_then(|m| m.plain_shape),
            root: run.request.input,
            prepared: HashMap::new(),
            reals: Pixels::F32(Vec::new()),
        }
    }

    fn transform(&mut self, batch: &mut Batch, out: &mut Batch) -> Result<()> {
        out.split = batch.split;
        out.first = batch.first;
        out.ids.clone_from(&batch.ids);
        out.names.clone_from(&batch.names);
        out.labels.clone_from(&batch.labels);
        if self.restore {
            self.remove(batch, out)
        } else {
            self.apply(batch, out)
        }
    }

    fn disguise(&mut self, plain: Shape) -> Result<&dyn Disguise> {
        if !self.prepared.contains_key(&plain) {
            let disguise = self.key.disguise(plain)?;
            if self.key.shape().is_none() && disguise.output().shape != plain {
                return Err(Error::Usage(format!(
                    "images of {plain} are no whole blocks, and a key for any shape cannot record their size; make a \
                     key for one shape"
                )));
            }
            self.prepared.insert(plain, disguise);
        }
        Ok(&*self.prepared[&plain])
    }

    fn samples<'b>(salt: Salt, batch: &'b Batch) -> Samples<'b> {
        Samples {
            salt,
            ids: &batch.ids,
            first: batch.first,
        }
    }

    fn apply(&mut self, batch: &mut Batch, out: &mut Batch) -> Result<()> {
        if let Some(shape) = self.key.shape() {
            fit::fit(batch, shape, self.fit, self.root)?;
        }
        let Stored::U8(plain) = &batch.pixels else {
            return Err(Error::input(self.root, "holds pixels that are no bytes"));
        };
        let (salt, scale, depth) = (self.salt, self.scale, self.depth);
        let mut reals = std::mem::replace(&mut self.reals, Pixels::F32(Vec::new()));
        let disguise = self.disguise(batch.shape)?;
        let output = disguise.output();
        let len = batch.len() * output.shape.len();
        out.shape = output.shape;
        let samples = Self::samples(salt, batch);
        if output.dtype == Dtype::F32 && depth != Depth::F32 {
            reals.resize(len);
            disguise.apply(samples, plain, reals.view_mut())?;
            if let (PixelsRef::F32(values), Some(scale)) = (reals.view(), scale) {
                quantise(values, &scale, depth, &mut out.pixels);
            }
            self.reals = reals;
            return Ok(());
        }
        let mut pixels = take(&mut out.pixels, output.dtype);
        pixels.resize(len);
        disguise.apply(samples, plain, pixels.view_mut())?;
        out.pixels = store(pixels);
        Ok(())
    }

    fn remove(&mut self, batch: &mut Batch, out: &mut Batch) -> Result<()> {
        let plain_shape = self.plain_shape.unwrap_or(batch.shape);
        let (salt, scale, root) = (self.salt, self.scale, self.root);
        let mut reals = std::mem::replace(&mut self.reals, Pixels::F32(Vec::new()));
        let disguise = self.disguise(plain_shape)?;
        if disguise.output().shape != batch.shape {
            let problem = format!(
                "holds images of {}, the key makes {}",
                batch.shape,
                disguise.output().shape
            );
            return Err(Error::Verification {
                path: root.into(),
                problem,
            });
        }
        let mut plain = match std::mem::replace(&mut out.pixels, Stored::U8(Vec::new())) {
            Stored::U8(bytes) => bytes,
            _ => Vec::new(),
        };
        plain.resize(batch.len() * plain_shape.len(), 0);
        let samples = Self::samples(salt, batch);
        let view = match (&batch.pixels, scale, disguise.output().dtype) {
            (Stored::U8(bytes), None, Dtype::U8) => PixelsRef::U8(bytes),
            (Stored::F32(values), None, Dtype::F32) => PixelsRef::F32(values),
            (stored, Some(scale), Dtype::F32) => {
                reals.resize(stored.len());
                expand(stored, &scale, &mut reals);
                reals.view()
            }
            _ => {
                return Err(Error::input(
                    root,
                    "stores its pixels in another way than its manifest says",
                ));
            }
        };
        disguise.remove(samples, view, &mut plain)?;
        out.shape = plain_shape;
        out.pixels = Stored::U8(plain);
        self.reals = reals;
        Ok(())
    }
}

/// Room of the wanted type, reused where it is there.
fn take(stored: &mut Stored, dtype: Dtype) -> Pixels {
    match (std::mem::replace(stored, Stored::U8(Vec::new())), dtype) {
        (Stored::U8(v), Dtype::U8) => Pixels::U8(v),
        (Stored::F32(v), Dtype::F32) => Pixels::F32(v),
        (_, dtype) => Pixels::zeros(dtype, 0),
    }
}

fn store(pixels: Pixels) -> Stored {
    match pixels {
        Pixels::U8(v) => Stored::U8(v),
        Pixels::F32(v) => Stored::F32(v),
    }
}

/// Values that one task quantises.
const CHUNK: usize = 1 << 16;

fn quantise(values: &[f32], scale: &Scale, depth: Depth, out: &mut Stored) {
    if depth == Depth::U16 {
        let mut codes = match std::mem::replace(out, Stored::U8(Vec::new())) {
            Stored::U16(codes) => codes,
            _ => Vec::new(),
        };
        codes.resize(values.len(), 0);
        let chunks = codes.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
        chunks.for_each(|(codes, values)| {
            codes
                .iter_mut()
                .zip(values)
                .for_each(|(c, v)| *c = scale.encode(*v))
        });
        *out = Stored::U16(codes);
    } else {
        let mut codes = match std::mem::replace(out, Stored::U8(Vec::new())) {
            Stored::U8(codes) => codes,
            _ => Vec::new(),
        };
        codes.resize(values.len(), 0);
        let chunks = codes.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
        chunks.for_each(|(codes, values)| {
            codes
                .iter_mut()
                .zip(values)
                .for_each(|(c, v)| *c = scale.encode(*v) as u8)
        });
        *out = Stored::U8(codes);
    }
}

fn expand(stored: &Stored, scale: &Scale, reals: &mut Pixels) {
    let visard_core::PixelsMut::F32(values) = reals.view_mut() else {
        return;
    };
    match stored {
        Stored::U8(codes) => values
            .par_chunks_mut(CHUNK)
            .zip(codes.par_chunks(CHUNK))
            .for_each(|(v, c)| {
                v.iter_mut()
                    .zip(c)
                    .for_each(|(v, c)| *v = scale.decode(u16::from(*c)))
            }),
        Stored::U16(codes) => values
            .par_chunks_mut(CHUNK)
            .zip(codes.par_chunks(CHUNK))
            .for_each(|(v, c)| v.iter_mut().zip(c).for_each(|(v, c)| *v = scale.decode(*c))),
        Stored::F32(exact) => values.copy_from_slice(exact),
    }
}
