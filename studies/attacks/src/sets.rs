//! The image sets.

use anyhow::Context;
use flate2::read::GzDecoder;
use image::imageops::{FilterType, crop_imm, resize};
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};
use visard_attacks::{Rng, Set};
use visard_core::{Pixels, Shape};

/// The training or the test part of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The training part.
    Train,
    /// The test part.
    Test,
}

/// The folder of the image sets.
#[derive(Debug)]
pub struct Sets {
    folder: PathBuf,
}

impl Sets {
    /// The sets in a folder.
    ///
    /// # Errors
    /// If one of them is not there.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        for name in ["fashion-mnist", "mnist-5k", "fashion-m", "photos"] {
            let place = folder.join(name);
            place
                .read_dir()
                .with_context(|| format!("{}: the image sets have this folder", place.display()))?;
        }
        Ok(Self {
            folder: folder.into(),
        })
    }

    /// The first images of Fashion-MNIST, 28x28x1, with labels.
    ///
    /// # Errors
    /// If there are fewer, or they cannot be read.
    pub fn fashion_mnist(&self, part: Part, count: usize) -> anyhow::Result<Set> {
        idx(&self.folder.join("fashion-mnist"), part, count)
    }

    /// The first images of MNIST-5k, 28x28x1, with labels.
    ///
    /// # Errors
    /// If there are fewer, or they cannot be read.
    pub fn mnist(&self, part: Part, count: usize) -> anyhow::Result<Set> {
        idx(&self.folder.join("mnist-5k"), part, count)
    }

    /// The first images of Fashion-M, 32x32x3, with labels.
    ///
    /// # Errors
    /// If there are fewer, or they cannot be read.
    pub fn fashion_m(&self, part: Part, count: usize) -> anyhow::Result<Set> {
        let shape = Shape::new(32, 32, 3);
        let (mut pixels, mut labels) = (Vec::with_capacity(count * shape.len()), Vec::new());
        let files: Vec<String> = match part {
            Part::Train => (1..=5).map(|i| format!("data_batch_{i}.bin")).collect(),
            Part::Test => vec!["test_batch.bin".into()],
        };
        for file in files {
            if labels.len() == count {
                break;
            }
            let bytes = fs::read(self.folder.join("fashion-m").join(&file)).with_context(|| file)?;
            for record in bytes.chunks_exact(1 + shape.len()).take(count - labels.len()) {
                labels.push(u32::from(record[0]));
                pixels.extend((0..shape.len()).map(|i| record[1 + i % 3 * 1024 + i / 3]));
            }
        }
        anyhow::ensure!(
            labels.len() == count,
            "fashion-m holds {} images, not {count}",
            labels.len()
        );
        Ok(Set::new(shape, Pixels::U8(pixels), labels)?)
    }

    /// The green channel of the first images of Fashion-M, 32x32x1.
    ///
    /// # Errors
    /// If there are fewer, or they cannot be read.
    pub fn fashion_m_green(&self, part: Part, count: usize) -> anyhow::Result<Set> {
        let set = self.fashion_m(part, count)?;
        let green = set.as_bytes()?.iter().skip(1).step_by(3).copied().collect();
        Ok(Set::new(
            Shape::new(32, 32, 1),
            Pixels::U8(green),
            set.labels().to_vec(),
        )?)
    }

    /// The photographs by name, in the order of their names.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn photos(&self) -> anyhow::Result<Vec<(String, image::RgbImage)>> {
        let mut photos = Vec::new();
        for entry in self.folder.join("photos").read_dir()? {
            let path = entry?.path();
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let photo = image::open(&path).with_context(|| format!("{}", path.display()))?;
            photos.push((name, photo.to_rgb8()));
        }
        photos.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(photos)
    }

    /// The faces (class 1) and as many other pictures (class 0), 25x25x1, in turn.
    ///
    /// # Errors
    /// If they are not there, or of other sizes.
    pub fn faces(&self) -> anyhow::Result<Set> {
        let shape = Shape::new(25, 25, 1);
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for index in 0.. {
            let place = |kind: &str| self.folder.join(format!("faces/{kind}/{index:03}.png"));
            let (other, face) = (place("other"), place("face"));
            if index > 0 && !(other.exists() && face.exists()) {
                break;
            }
            for (label, path) in [(0, other), (1, face)] {
                let image = image::open(&path).with_context(|| format!("{}", path.display()))?;
                let grey = image.to_luma8().into_raw();
                anyhow::ensure!(
                    grey.len() == shape.len(),
                    "{}: it is not 25 x 25 pixels",
                    path.display()
                );
                pixels.extend(grey);
                labels.push(label);
            }
        }
        Ok(Set::new(shape, Pixels::U8(pixels), labels)?)
    }
}

/// The middle square of a photograph, scaled to `side`.
pub fn square(photo: &image::RgbImage, side: u32) -> Vec<u8> {
    let least = photo.width().min(photo.height());
    let (x, y) = ((photo.width() - least) / 2, (photo.height() - least) / 2);
    let middle = crop_imm(photo, x, y, least, least).to_image();
    resize(&middle, side, side, FilterType::Triangle).into_raw()
}

/// A photograph with its name.
pub type Photo = (String, image::RgbImage);

/// Square patches of `side` at random places of photographs, each first scaled to `scaled` pixels a side.
///
/// # Errors
/// If a side is 0.
pub fn patches(
    photos: &[(String, image::RgbImage)],
    scaled: u32,
    side: u32,
    count: usize,
    seed: u64,
) -> anyhow::Result<Set> {
    let mut rng = Rng::new(seed);
    let photos: Vec<image::RgbImage> = photos
        .iter()
        .map(|(_, photo)| {
            let shrunk = f64::from(scaled) / f64::from(photo.width().min(photo.height()));
            let of = |n: u32| ((f64::from(n) * shrunk).round() as u32).max(side);
            resize(photo, of(photo.width()), of(photo.height()), FilterType::Triangle)
        })
        .collect();
    let mut pixels = Vec::with_capacity(count * (side * side * 3) as usize);
    for _ in 0..count {
        let photo = &photos[rng.below(photos.len())];
        let x = rng.below((photo.width() - side + 1) as usize) as u32;
        let y = rng.below((photo.height() - side + 1) as usize) as u32;
        pixels.extend(crop_imm(photo, x, y, side, side).to_image().into_raw());
    }
    Ok(Set::bytes(Shape::new(side as usize, side as usize, 3), pixels)?)
}

/// Every other photograph, and those between, so that both halves hold all kinds.
pub fn halves(photos: &[Photo]) -> (Vec<Photo>, Vec<Photo>) {
    let half = |odd| photos.iter().skip(odd).step_by(2).cloned().collect();
    (half(0), half(1))
}

fn idx(folder: &Path, part: Part, count: usize) -> anyhow::Result<Set> {
    let split = match part {
        Part::Train => "train",
        Part::Test => "t10k",
    };
    let shape = Shape::new(28, 28, 1);
    let read = |name: &str, header: usize, len: usize| -> anyhow::Result<Vec<u8>> {
        let path = folder.join(format!("{split}-{name}-ubyte.gz"));
        let file = File::open(&path).with_context(|| format!("{}", path.display()))?;
        let mut bytes = Vec::new();
        GzDecoder::new(file)
            .take((header + len) as u64)
            .read_to_end(&mut bytes)?;
        anyhow::ensure!(bytes.len() == header + len, "{}: too few images", path.display());
        Ok(bytes.split_off(header))
    };
    let labels = read("labels-idx1", 8, count)?;
    let pixels = read("images-idx3", 16, count * shape.len())?;
    Ok(Set::new(
        shape,
        Pixels::U8(pixels),
        labels.into_iter().map(u32::from).collect(),
    )?)
}

/// `count` images of bytes from image `first` on.
///
/// # Errors
/// If the images hold floats.
///
/// # Panics
/// If there are fewer.
pub fn slice(set: &Set, first: usize, count: usize) -> anyhow::Result<Set> {
    let size = set.shape().len();
    let pixels = set.as_bytes()?[first * size..(first + count) * size].to_vec();
    let labels = set.labels().get(first..first + count).map(<[u32]>::to_vec);
    Ok(Set::new(
        set.shape(),
        Pixels::U8(pixels),
        labels.unwrap_or_default(),
    )?)
}

/// Images of random bytes.
///
/// # Errors
/// If a side is 0.
pub fn noise(shape: Shape, count: usize, seed: u64) -> anyhow::Result<Set> {
    let mut rng = Rng::new(seed);
    let pixels = (0..count * shape.len()).map(|_| rng.below(256) as u8).collect();
    Ok(Set::bytes(shape, pixels)?)
}
