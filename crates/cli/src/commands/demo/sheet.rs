//! The contact sheet: plain images above their disguises.

use crate::picture;
use anyhow::Context;
use std::{collections::BTreeMap, path::Path};
use visard_core::{Affine, Dtype, Key, Shape};
use visard_data::{Batch, Depth, Fit, Opened, Reading, Stored};

/// Images of the data set that are shown.
const COLUMNS: usize = 12;
/// How much the small images are enlarged.
const ZOOM: usize = 2;
/// White pixels between images.
const GAP: usize = 4;

/// An RGB picture that images are put on.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![255; width * height * 3],
        }
    }

    fn put(&mut self, (left, top): (usize, usize), shape: Shape, image: &[u8], zoom: usize) {
        for row in 0..shape.height * zoom {
            for column in 0..shape.width * zoom {
                let source = (row / zoom * shape.width + column / zoom) * shape.channels;
                let target = ((top + row) * self.width + left + column) * 3;
                for channel in 0..3 {
                    self.pixels[target + channel] = image[source + channel.min(shape.channels - 1)];
                }
            }
        }
    }
}

/// Writes the sheet: the first images of the data set and the photographs, a line plain and a line
/// for each key's scheme.
pub(super) fn write(path: &Path, keys: &[&Key], plain: &Path, photos: &Path) -> anyhow::Result<()> {
    let small = first_images(plain)?;
    let photos = photographs(photos)?;
    let line = GAP + small.shape.height * ZOOM;
    let tall = GAP
        + photos
            .iter()
            .map(|p| p.shape.height)
            .max()
            .unwrap_or(0)
            .next_multiple_of(4);
    let lines = keys.len() + 1;
    let wide = photos
        .iter()
        .map(|p| GAP + p.shape.width.next_multiple_of(4))
        .sum::<usize>();
    let width = GAP + (COLUMNS * (small.shape.width * ZOOM + GAP)).max(wide);
    let mut canvas = Canvas::new(width, GAP + lines * (line + tall));
    for index in 0..lines {
        let key = index.checked_sub(1).map(|i| keys[i]);
        let (shape, pixels) = shown(key, &small)?;
        for (column, image) in pixels.chunks_exact(shape.len()).enumerate() {
            let left = GAP + column * (shape.width * ZOOM + GAP);
            canvas.put((left, GAP + index * line), shape, image, ZOOM);
        }
        let mut left = GAP;
        for photo in &photos {
            let (shape, pixels) = shown(key, photo)?;
            canvas.put((left, GAP + lines * line + index * tall), shape, &pixels, 1);
            left += shape.width + GAP;
        }
    }
    let shape = Shape::new(canvas.height, canvas.width, 3);
    picture::save(path, shape, &canvas.pixels)
}

/// The images as the cloud sees them under the key's scheme, or as they are.
fn shown(key: Option<&Key>, plain: &Batch) -> anyhow::Result<(Shape, Vec<u8>)> {
    let batch = match key {
        None => plain.clone(),
        Some(key) => {
            let params: BTreeMap<String, String> = key.scheme().params().texts();
            let name = key.scheme().info().name;
            let fresh = Key::new(
                name,
                &params,
                Some(plain.shape),
                visard_keys::generate_secret()?,
                None,
            )?;
            let output = fresh.disguise(plain.shape)?.output();
            let scale = (output.dtype == Dtype::F32).then(|| Affine::cover(output.range, 255));
            let salt = visard_keys::fresh_salt()?;
            visard_data::disguise_batch(&fresh, salt, Fit::Error, (Depth::U8, scale), None, plain.clone())?
        }
    };
    match batch.pixels {
        Stored::U8(pixels) => Ok((batch.shape, pixels)),
        _ => anyhow::bail!("the pictures are not bytes"),
    }
}

fn first_images(plain: &Path) -> anyhow::Result<Batch> {
    let mut data = Opened::open(plain, Reading::default())?;
    let split = data.test_split().unwrap_or(0);
    let loaded = data.load(plain, split, COLUMNS)?;
    Ok(Batch {
        ids: loaded.ids,
        shape: loaded.shape,
        pixels: loaded.pixels,
        ..Batch::new(Depth::U8)
    })
}

fn photographs(folder: &Path) -> anyhow::Result<Vec<Batch>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| crate::commands::predict::read_image(path, &Reading::default()))
        .collect()
}
