//! Writing a folder of PNG or JPEG files and their sums.

use super::{Layout, stem, sums};
use crate::{
    Batch, Depth, Error, FileRecord, Jpeg, Plan, Result, Sink, Stored,
    formats::files::{self, Endian, Growing, State},
};
use rayon::prelude::*;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Component, Path},
};

/// Writes PNG files, or JPEG files where the plan says so.
#[derive(Debug)]
pub(super) struct FolderSink {
    plan: Plan,
    sums: Growing,
    done: Vec<u64>,
}

impl FolderSink {
    pub(super) fn create(plan: Plan) -> Result<Self> {
        if plan.jpeg.is_some() && plan.depth != Depth::U8 {
            return Err(Error::Usage(format!("JPEG holds 8 bits, not {}", plan.depth)));
        }
        let state = State::of(&plan, 1)?;
        let sums = Growing::open(&plan.root.join(sums::NAME), state.as_ref().map(|s| s.files[0]))?;
        make_folders(&plan)?;
        let done = state.map_or_else(|| vec![0; plan.meta.splits.len()], |s| s.done);
        Ok(Self { plan, sums, done })
    }
}

/// Makes the folders of all classes, those without images included.
fn make_folders(plan: &Plan) -> Result<()> {
    let layout: Option<Layout> = serde_json::from_value(plan.meta.layout.clone()).ok();
    let has_splits = layout.is_some_and(|l| l.folder.splits);
    for split in &plan.meta.splits {
        let top = if has_splits {
            plan.root.join(plain(&split.name)?)
        } else {
            plan.root.clone()
        };
        fs::create_dir_all(&top).map_err(|e| Error::output(&top, e))?;
        if !plan.meta.labelled {
            continue;
        }
        for class in &plan.meta.classes {
            let folder = top.join(plain(class)?);
            fs::create_dir_all(&folder).map_err(|e| Error::output(&folder, e))?;
        }
    }
    Ok(())
}

/// The name, if it leads nowhere else.
fn plain(name: &str) -> Result<&str> {
    let parts = Path::new(name).components().collect::<Vec<_>>();
    match parts[..] {
        [Component::Normal(_)] => Ok(name),
        _ => Err(Error::Usage(format!("{name:?} cannot be the name of a folder"))),
    }
}

/// Output path of an image: its own, with another extension, `/`-separated.
fn target(name: &Path, extension: &str) -> Result<String> {
    let refuse = || Error::Usage(format!("{} cannot be the name of an image", name.display()));
    let mut parts = Vec::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(refuse)?),
            _ => return Err(refuse()),
        }
    }
    if parts.is_empty() {
        return Err(refuse());
    }
    Ok(format!("{}.{extension}", stem(&parts.join("/"))))
}

/// A JPEG file of image `i` of a batch.
fn encode_jpeg(batch: &Batch, i: usize, jpeg: Jpeg) -> Result<Vec<u8>> {
    match &batch.pixels {
        Stored::U8(v) => jpeg.encode(&v[i * batch.shape.len()..][..batch.shape.len()], batch.shape),
        other => Err(Error::Usage(format!("JPEG holds 8 bits, not {}", other.depth()))),
    }
}

/// A PNG file of image `i` of a batch.
fn encode_png(batch: &Batch, i: usize, noise: bool) -> Result<Vec<u8>, png::EncodingError> {
    let shape = batch.shape;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, shape.width as u32, shape.height as u32);
    encoder.set_color(match shape.channels {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    });
    if batch.pixels.depth() == Depth::U16 {
        encoder.set_depth(png::BitDepth::Sixteen);
    }
    if noise {
        encoder.set_compression(png::Compression::NoCompression);
        encoder.set_filter(png::Filter::NoFilter);
    } else {
        encoder.set_compression(png::Compression::Fast);
    }
    let mut writer = encoder.write_header()?;
    let range = i * shape.len()..(i + 1) * shape.len();
    match &batch.pixels {
        Stored::U8(v) => writer.write_image_data(&v[range])?,
        Stored::U16(v) => {
            let image = Stored::U16(v[range].to_vec());
            writer.write_image_data(files::bytes_of(&image, Endian::Big, &mut Vec::new()))?;
        }
        Stored::F32(_) => return Err(io::Error::other("PNG holds no floats").into()),
    }
    writer.finish()?;
    Ok(bytes)
}

/// Writes a file under a short temporary name beside it, then renames it.
fn put(path: &Path, temporary: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = folder.join(temporary);
    let mut file = match File::create(&temporary) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            File::create(&temporary)?
        }
        other => other?,
    };
    file.write_all(bytes)?;
    // Elsewhere the checkpoint makes all files durable at once.
    if cfg!(not(target_os = "linux")) {
        file.sync_all()?;
    }
    drop(file);
    fs::rename(&temporary, path)
}

/// Makes everything below `root` durable.
fn sync_all(root: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let fail = |e| Error::output(root, e);
        let folder = File::open(root).map_err(fail)?;
        rustix::fs::syncfs(folder).map_err(|e| fail(e.into()))?;
    }
    let _ = root;
    Ok(())
}

impl FolderSink {
    /// Encodes and writes image `i`; returns its line for the sums.
    fn put_image(&self, batch: &Batch, i: usize) -> Result<String> {
        let jpeg = self.plan.jpeg;
        let name = target(&batch.names[i], if jpeg.is_some() { "jpg" } else { "png" })?;
        let path = self.plan.root.join(&name);
        let bytes = match jpeg {
            Some(jpeg) => encode_jpeg(batch, i, jpeg)?,
            None => encode_png(batch, i, self.plan.noise)
                .map_err(|e| Error::output(&path, io::Error::other(e)))?,
        };
        // Depends on the sample alone, so that a run that goes on overwrites what was left behind.
        let temporary = format!(".visard-{}-{}.partial", batch.split, batch.first + i as u64);
        put(&path, &temporary, &bytes).map_err(|e| Error::output(&path, e))?;
        Ok(sums::line(&blake3::hash(&bytes), &name))
    }
}

impl Sink for FolderSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        files::check_batch(batch, &self.plan, None)?;
        if batch.names.len() != batch.len() || !(1..=4).contains(&batch.shape.channels) {
            let root = self.plan.root.display();
            return Err(Error::Usage(format!(
                "{root}: images without names, or of more than 4 channels"
            )));
        }
        if batch.first < self.done[batch.split] {
            let root = self.plan.root.display();
            return Err(Error::Usage(format!(
                "{root}: sample {} is out of turn",
                batch.first
            )));
        }
        let lines: Vec<String> = (0..batch.len())
            .into_par_iter()
            .map(|i| self.put_image(batch, i))
            .collect::<Result<_>>()?;
        self.sums.append(lines.concat().as_bytes())?;
        self.done[batch.split] = batch.first + batch.len() as u64;
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Option<serde_json::Value>> {
        sync_all(&self.plan.root)?;
        self.sums.sync()?;
        let state = State {
            done: self.done.clone(),
            files: vec![self.sums.len()],
        };
        Ok(Some(state.value()))
    }

    fn finish(self: Box<Self>) -> Result<Vec<FileRecord>> {
        sync_all(&self.plan.root)?;
        let record = self.sums.finish(&self.plan.root)?;
        Ok(vec![record])
    }
}
