//! Rate and distortion of disguised images stored as JPEG, beside those of the plain images: what
//! papers on encryption-then-compression plot (Chuman et al., IEEE TIFS 2019).

use crate::document::{Table, cell, number};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};
use visard_core::{Key, MasterSecret, Pixels, PixelsRef, Salt, SampleId, Samples, Shape};
use visard_data::{Jpeg, Reading, Stored, Subsampling, decode};

const QUALITIES: [u8; 6] = [50, 70, 80, 85, 90, 95];

/// What is stored, and how.
struct Case {
    /// Scheme and its parameters; plain images where `None`.
    scheme: Option<(&'static str, &'static [(&'static str, &'static str)])>,
    /// Subsampling of the JPEG files; none where the disguised images are grey.
    subsampling: Option<Subsampling>,
    /// Subsampling of the plain files to compare with.
    plain: Subsampling,
}

const FULL: Subsampling = Subsampling::Full;
const QUARTER: Subsampling = Subsampling::Quarter;

const CASES: [Case; 7] = [
    Case {
        scheme: None,
        subsampling: Some(FULL),
        plain: FULL,
    },
    Case {
        scheme: None,
        subsampling: Some(QUARTER),
        plain: QUARTER,
    },
    Case {
        scheme: Some(("etc", &[("block", "8")])),
        subsampling: Some(FULL),
        plain: FULL,
    },
    Case {
        scheme: Some(("etc", &[("block", "16")])),
        subsampling: Some(FULL),
        plain: FULL,
    },
    Case {
        scheme: Some(("etc", &[("block", "16")])),
        subsampling: Some(QUARTER),
        plain: QUARTER,
    },
    Case {
        scheme: Some(("etc-gray", &[("block", "8"), ("subsampling", "444")])),
        subsampling: None,
        plain: FULL,
    },
    Case {
        scheme: Some(("etc-gray", &[("block", "8"), ("subsampling", "420")])),
        subsampling: None,
        plain: QUARTER,
    },
];

/// An RGB image.
struct Photo {
    name: String,
    shape: Shape,
    pixels: Vec<u8>,
}

/// Means over the images.
#[derive(Clone, Copy)]
struct Point {
    /// Bits of the file per pixel of the plain image, headers included.
    rate: f64,
    /// Peak signal-to-noise ratio in dB of what the owner gets back, over R, G and B.
    psnr: f64,
}

/// Measures all cases on the photographs in `folder` (the bundled ones where `None`), prints a table
/// and writes `docs/records/jpeg.json`.
pub(crate) fn study(folder: Option<&Path>) -> anyhow::Result<()> {
    let root = Path::new(crate::ROOT);
    let bundled = root.join("data/photos");
    let folder = folder.unwrap_or(&bundled);
    let photos = photos(folder)?;
    let mut records = Vec::new();
    for case in &CASES {
        for quality in QUALITIES {
            let point = case.measure(&photos, quality)?;
            let twin = Case {
                scheme: None,
                subsampling: Some(case.plain),
                plain: case.plain,
            };
            let plain = twin.measure(&photos, quality)?;
            records.push(case.record(folder, photos.len(), quality, point, plain));
        }
    }
    print!("{}", render(&records)?);
    let place = root.join(TABLE.records);
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    fs::create_dir_all(root.join("docs/records"))?;
    fs::write(&place, format!("[\n{}\n]\n", lines.join(",\n")))
        .with_context(|| format!("{}", place.display()))?;
    TABLE.place(root)
}

/// The rate and the distortion of each case, beside the plain images at the same quality.
pub(crate) const TABLE: Table = Table {
    records: "docs/records/jpeg.json",
    mark: "jpeg",
    render,
};

fn render(records: &[Value]) -> anyhow::Result<String> {
    let mut table = String::from(
        "| images | JPEG | quality | bit/pixel | PSNR, dB | plain bit/pixel | plain PSNR, dB |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for record in records {
        let params: String = record["params"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!(" {name}={}", value.as_str().unwrap_or_default()))
            .collect();
        writeln!(
            table,
            "| {}{params} | {} | {} | {} | {} | {} | {} |",
            cell(record, "scheme"),
            record["subsampling"].as_str().unwrap_or("grey"),
            cell(record, "quality"),
            number(record, "bpp", 3)?,
            number(record, "psnr_db", 2)?,
            number(record, "plain_bpp", 3)?,
            number(record, "plain_psnr_db", 2)?
        )?;
    }
    Ok(table)
}

/// The RGB images directly in a folder, in the order of their names.
fn photos(folder: &Path) -> anyhow::Result<Vec<Photo>> {
    const KINDS: [&str; 7] = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp"];
    let is_image = |path: &PathBuf| {
        let kind = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        kind.is_some_and(|kind| KINDS.contains(&kind.as_str()))
    };
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    paths.retain(is_image);
    paths.sort();
    let mut photos = Vec::new();
    for path in paths {
        let image = decode::load(&path, &Reading::default())?;
        match image.pixels {
            Stored::U8(pixels) if image.shape.channels == 3 => photos.push(Photo {
                name: path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                shape: image.shape,
                pixels,
            }),
            _ => bail!("{}: is no RGB image; the study is on colour", path.display()),
        }
    }
    if photos.is_empty() {
        bail!("{}: holds no images", folder.display());
    }
    Ok(photos)
}

impl Case {
    fn measure(&self, photos: &[Photo], quality: u8) -> anyhow::Result<Point> {
        let (mut rate, mut psnr) = (0.0, 0.0);
        for photo in photos {
            let point = self.measure_one(photo, quality)?;
            rate += point.rate;
            psnr += point.psnr;
        }
        let count = photos.len() as f64;
        Ok(Point {
            rate: rate / count,
            psnr: psnr / count,
        })
    }

    fn measure_one(&self, photo: &Photo, quality: u8) -> anyhow::Result<Point> {
        let jpeg = Jpeg {
            quality,
            subsampling: self.subsampling,
        };
        let (bytes, back) = match self.scheme {
            None => through(jpeg, &photo.pixels, photo.shape)?,
            Some((name, params)) => {
                let params: BTreeMap<_, _> = params
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_string()))
                    .collect();
                // No secret at all, so that the study can be repeated.
                let secret = MasterSecret::new([7; 32]);
                let key = Key::new(name, &params, Some(photo.shape), secret, None)?;
                let disguise = key.disguise(photo.shape)?;
                let ids = [SampleId::of(&photo.name)];
                let samples = Samples::new(Salt([0; 16]), &ids);
                let output = disguise.output();
                let mut disguised = Pixels::zeros(output.dtype, output.shape.len());
                disguise.apply(samples, &photo.pixels, disguised.view_mut())?;
                let PixelsRef::U8(disguised) = disguised.view() else {
                    bail!("{name} makes no bytes, so JPEG cannot hold its output");
                };
                let (bytes, stored) = through(jpeg, disguised, output.shape)?;
                let mut back = vec![0; photo.pixels.len()];
                disguise.remove(samples, PixelsRef::U8(&stored), &mut back)?;
                (bytes, back)
            }
        };
        Ok(Point {
            rate: 8.0 * bytes as f64 / (photo.shape.height * photo.shape.width) as f64,
            psnr: psnr(&photo.pixels, &back),
        })
    }

    fn record(&self, folder: &Path, images: usize, quality: u8, point: Point, plain: Point) -> Value {
        let round = |value: f64| (value * 1e4).round() / 1e4;
        let params: BTreeMap<_, _> = self
            .scheme
            .iter()
            .flat_map(|(_, params)| params.iter().copied())
            .collect();
        json!({
            "scheme": self.scheme.map_or("plain", |(name, _)| name), "params": params,
            "subsampling": self.subsampling, "quality": quality,
            "set": folder.file_name().map(|name| name.to_string_lossy()), "images": images,
            "bpp": round(point.rate), "psnr_db": round(point.psnr),
            "plain_bpp": round(plain.rate), "plain_psnr_db": round(plain.psnr),
            "version": env!("CARGO_PKG_VERSION"),
        })
    }
}

/// Length of the JPEG file of an image in bytes, and the image as it is read from it.
fn through(jpeg: Jpeg, pixels: &[u8], shape: Shape) -> anyhow::Result<(usize, Vec<u8>)> {
    let file = jpeg.encode(pixels, shape)?;
    let reading = Reading {
        disguised: true,
        ..Reading::default()
    };
    match decode::decode(Path::new("study.jpg"), &file, &reading)?.pixels {
        Stored::U8(values) => Ok((file.len(), values)),
        other => bail!("a JPEG of {} bits a value", other.depth()),
    }
}

/// Peak signal-to-noise ratio in dB; two equal images count as if one value differed by 1.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    let error = squares.max(1.0) / a.len() as f64;
    10.0 * (255.0 * 255.0 / error).log10()
}
