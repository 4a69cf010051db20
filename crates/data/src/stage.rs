//! The transformation of a run: batches through a key, with fitting and quantisation.

use crate::{Batch, Depth, Error, Fit, Gallery, Result, Scale, Stored, augment::Augmenter, fit};
use rayon::prelude::*;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};
use visard_core::{Disguise, Dtype, Key, Pixels, PixelsMut, PixelsRef, Salt, SampleId, Samples, Shape};

/// The transformation of one run: prepared disguises by shape, and scratch room.
pub(crate) struct Stage<'a> {
    key: &'a Key,
    restore: bool,
    salt: Salt,
    scale: Option<Scale>,
    depth: Depth,
    fit: Fit,
    plain_shape: Option<Shape>,
    root: &'a Path,
    /// Number of the next image of each split, where images are known by their places.
    numbers: Option<Vec<u64>>,
    prepared: HashMap<Shape, Box<dyn Disguise>>,
    reals: Pixels,
    mix: Mix<'a>,
    augmenter: Option<Augmenter>,
}

/// What a mixing scheme needs besides the images of a batch.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mix<'a> {
    /// Where partners come from.
    pub(crate) gallery: Option<&'a Gallery>,
    /// Classes of the soft labels to make; labels stay class numbers where `None`.
    pub(crate) soft: Option<usize>,
    /// The split whose labels are mixed; those of others stay their own.
    pub(crate) training: usize,
}

/// Disguises a batch in memory, stored as a data set of that depth and scale would be.
///
/// # Errors
/// If the images do not have the key's shape and `fit` does not say what to do about it, or the
/// scheme mixes images and there is no `gallery`.
pub fn disguise_batch(
    key: &Key,
    salt: Salt,
    fit: Fit,
    (depth, scale): (Depth, Option<Scale>),
    gallery: Option<&Gallery>,
    mut batch: Batch,
) -> Result<Batch> {
    let mut stage = Stage::apply_with(key, salt, fit, (depth, scale), Path::new("image"));
    stage.mix.gallery = gallery;
    let mut out = Batch::new(depth);
    stage.transform(&mut batch, &mut out)?;
    Ok(out)
}

impl<'a> Stage<'a> {
    /// A stage that disguises; `root` names the data set in errors.
    pub(crate) fn apply_with(
        key: &'a Key,
        salt: Salt,
        fit: Fit,
        (depth, scale): (Depth, Option<Scale>),
        root: &'a Path,
    ) -> Self {
        Self {
            key,
            restore: false,
            salt,
            scale,
            depth,
            fit,
            plain_shape: None,
            root,
            numbers: None,
            prepared: HashMap::new(),
            reals: Pixels::F32(Vec::new()),
            mix: Mix::default(),
            augmenter: None,
        }
    }

    /// Gives a mixing scheme what it needs.
    pub(crate) fn mix(&mut self, mix: Mix<'a>) {
        self.mix = mix;
    }

    /// Changes the copies among the images before they are disguised.
    pub(crate) fn augment(&mut self, augmenter: Augmenter) {
        self.augmenter = Some(augmenter);
    }

    /// A stage that restores what was stored with `scale` to images of `plain_shape` (their own
    /// shape where it varies).
    pub(crate) fn remove_with(
        key: &'a Key,
        salt: Salt,
        scale: Option<Scale>,
        plain_shape: Option<Shape>,
        root: &'a Path,
    ) -> Self {
        Self {
            restore: true,
            plain_shape,
            ..Self::apply_with(key, salt, Fit::Error, (Depth::U8, scale), root)
        }
    }

    /// Gives images identities by their places, `next` being the first of each split: for outputs
    /// in another format than their input, whose reader cannot know the input's names.
    pub(crate) fn renumber(&mut self, next: &[u64]) {
        self.numbers = Some(next.to_vec());
    }

    /// Fills `out` from `batch`.
    pub(crate) fn transform(&mut self, batch: &mut Batch, out: &mut Batch) -> Result<()> {
        out.split = batch.split;
        out.first = batch.first;
        if let Some(next) = self
            .numbers
            .as_mut()
            .and_then(|numbers| numbers.get_mut(batch.split))
        {
            batch.ids = SampleId::numbered(&format!("#{}", batch.split), *next, batch.len());
            *next += batch.len() as u64;
        }
        let encodings = if self.restore {
            1
        } else {
            self.key.scheme().encodings()
        };
        out.first *= encodings as u64;
        repeat(&batch.ids, encodings, &mut out.ids);
        repeat(&batch.labels, encodings, &mut out.labels);
        repeat(&batch.names, encodings, &mut out.names);
        if encodings > 1 {
            number(&mut out.names, encodings);
        }
        out.soft.clear();
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
            split: batch.split as u64,
            first: batch.first,
            ..Samples::new(salt, &batch.ids)
        }
    }

    fn apply(&mut self, batch: &mut Batch, out: &mut Batch) -> Result<()> {
        if let Some(shape) = self.key.shape() {
            fit::fit(batch, shape, self.fit, self.root)?;
        }
        if let Some(augmenter) = &self.augmenter {
            // Explicit arrays go by place, and a folder is read in the order of its names: copies would find
            // others' entries when they are restored.
            if self.key.material().is_some() && self.numbers.is_none() && !batch.names.is_empty() {
                return Err(Error::Usage(
                    "a key of explicit arrays goes by the places of the images, which copies in a folder do not keep: \
                     leave --copies out, or write --format npz or idx"
                        .into(),
                ));
            }
            augmenter.change(batch, self.root)?;
        }
        let (salt, scale, depth, mix, root) = (self.salt, self.scale, self.depth, self.mix, self.root);
        let mut reals = std::mem::replace(&mut self.reals, Pixels::F32(Vec::new()));
        let disguise = self.disguise(batch.shape)?;
        let output = disguise.output();
        let len = out.ids.len() * output.shape.len();
        out.shape = output.shape;
        let samples = Samples {
            gallery: mix.gallery.map(|gallery| gallery as &dyn visard_core::Gallery),
            ..Self::samples(salt, batch)
        };
        let run = |pixels: PixelsMut<'_>| match &batch.pixels {
            Stored::U8(plain) => Ok(disguise.apply(samples, plain, pixels)?),
            Stored::F32(plain) => Ok(disguise.apply_floats(samples, plain, pixels)?),
            Stored::U16(_) => Err(Error::input(
                root,
                "holds 16-bit pixels; convert them to 8 bits first",
            )),
        };
        if let Some(classes) = mix.soft {
            out.labels.clear();
            out.soft.resize(out.ids.len() * classes, 0.0);
            if batch.split == mix.training {
                disguise.soft_labels(samples, &batch.labels, classes, &mut out.soft)?;
            } else {
                own_labels(batch, classes, root, &mut out.soft)?;
            }
        }
        if output.dtype == Dtype::F32 && depth != Depth::F32 {
            reals.resize(len);
            run(reals.view_mut())?;
            if let (PixelsRef::F32(values), Some(scale)) = (reals.view(), scale) {
                quantise(values, &scale, depth, &mut out.pixels);
            }
            self.reals = reals;
            return Ok(());
        }
        let mut pixels = take(&mut out.pixels, output.dtype);
        pixels.resize(len);
        run(pixels.view_mut())?;
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

/// Every value `times` times, into the room of earlier ones.
fn repeat<T: Clone>(values: &[T], times: usize, out: &mut Vec<T>) {
    out.clear();
    for value in values {
        out.extend(std::iter::repeat_n(value.clone(), times));
    }
}

/// Tells the encodings of one image apart by their names.
fn number(names: &mut [PathBuf], encodings: usize) {
    for (i, name) in names.iter_mut().enumerate() {
        let mut stem = name.file_stem().unwrap_or_default().to_os_string();
        stem.push(format!("-{}", i % encodings));
        if let Some(end) = name.extension() {
            stem.push(".");
            stem.push(end);
        }
        name.set_file_name(stem);
    }
}

/// Soft labels of images whose own class alone counts: all weight on it, for each encoding.
fn own_labels(batch: &Batch, classes: usize, root: &Path, rows: &mut [f32]) -> Result<()> {
    rows.fill(0.0);
    let encodings = rows.len() / classes / batch.len().max(1);
    for (label, rows) in batch
        .labels
        .iter()
        .zip(rows.chunks_exact_mut(encodings * classes))
    {
        let label = *label as usize;
        if label >= classes {
            let problem = format!("holds the class {label}, but there are {classes} classes; say --classes");
            return Err(Error::input(root, problem));
        }
        rows.chunks_exact_mut(classes).for_each(|row| row[label] = 1.0);
    }
    Ok(())
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

/// Values that one task converts.
const CHUNK: usize = 1 << 16;

fn quantise(values: &[f32], scale: &Scale, depth: Depth, out: &mut Stored) {
    let room = std::mem::replace(out, Stored::U8(Vec::new()));
    *out = match (depth, room) {
        (Depth::U16, Stored::U16(codes)) => Stored::U16(encoded(values, codes, |v| scale.encode(v))),
        (Depth::U16, _) => Stored::U16(encoded(values, Vec::new(), |v| scale.encode(v))),
        (_, Stored::U8(codes)) => Stored::U8(encoded(values, codes, |v| scale.encode(v) as u8)),
        (_, _) => Stored::U8(encoded(values, Vec::new(), |v| scale.encode(v) as u8)),
    };
}

/// The codes of all values, in the room of earlier ones.
fn encoded<T: Copy + Default + Send>(
    values: &[f32],
    mut room: Vec<T>,
    encode: impl Fn(f32) -> T + Sync,
) -> Vec<T> {
    room.resize(values.len(), T::default());
    convert(values, &mut room, encode);
    room
}

/// Converts all values, in parallel.
fn convert<A: Copy + Sync, B: Send>(from: &[A], to: &mut [B], convert: impl Fn(A) -> B + Sync) {
    let chunks = to.par_chunks_mut(CHUNK).zip(from.par_chunks(CHUNK));
    chunks.for_each(|(to, from)| {
        to.iter_mut()
            .zip(from)
            .for_each(|(to, from)| *to = convert(*from))
    });
}

fn expand(stored: &Stored, scale: &Scale, reals: &mut Pixels) {
    let visard_core::PixelsMut::F32(values) = reals.view_mut() else {
        return;
    };
    match stored {
        Stored::U8(codes) => convert(codes, values, |code| scale.decode(u16::from(code))),
        Stored::U16(codes) => convert(codes, values, |code| scale.decode(code)),
        Stored::F32(exact) => values.copy_from_slice(exact),
    }
}
