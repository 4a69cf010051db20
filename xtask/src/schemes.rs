//! `docs/schemes.md` and its contact sheets, made from the registry and the bundled photographs.

use anyhow::{Context, bail};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::BufWriter,
    path::Path,
};
use visard_core::{
    Affine, Gallery, Key, MasterSecret, Pixels, Removal, Salt, SampleId, Samples, SchemeInfo, Shape, Storage,
    params::{Kind, ParamSpec, Params},
    schemes,
};

/// Shape of the photographs on the sheets.
const SHAPE: Shape = Shape::new(96, 96, 3);
/// White pixels between images.
const GAP: usize = 4;
/// Most settings of one scheme on its sheet.
const MOST: usize = 4;

/// Writes `docs/schemes.md` and `docs/schemes/NAME.png`.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    let photos = photographs(&root.join("data/photos"))?;
    let folder = root.join("docs/schemes");
    fs::create_dir_all(&folder)?;
    for info in schemes::ALL {
        let lines = settings(info)
            .iter()
            .map(|set| disguised(info, set, &photos))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let plain = photos.iter().map(|p| (SHAPE, p.clone())).collect();
        let all: Vec<Vec<Picture>> = std::iter::once(plain).chain(lines).collect();
        save(&folder.join(format!("{}.png", info.name)), &all)?;
    }
    fs::write(root.join("docs/schemes.md"), document()?)?;
    Ok(())
}

/// The document, without its pictures.
pub(crate) fn document() -> anyhow::Result<String> {
    let mut text = String::from(
        "# The schemes\n\nMade by `cargo xtask schemes` from the registry; do not edit. Every sheet shows three \
         photographs (96x96) plain in its first line, then under the settings named below it, as whoever trains on \
         them sees them. \"Hidden from the eye\" is no claim of security: read what breaks each, and THREATS.md.\n\n\
         | scheme | hides | output | storage | key space | removable | fresh for each image |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for info in schemes::ALL {
        writeln!(
            text,
            "| [{0}](#{0}) | {1} | {2} | {3} | {4} | {5} | {6} |",
            info.name,
            info.hides,
            output(info)?,
            info.storage,
            key_space(info)?,
            info.removal,
            info.per_image
        )?;
    }
    writeln!(
        text,
        "\nOutput and key space at the default parameters for images of {SHAPE}; the key space is no measure of attacks \
         that do not search it."
    )?;
    for info in schemes::ALL {
        section(&mut text, info)?;
    }
    Ok(text)
}

fn section(text: &mut String, info: &SchemeInfo) -> anyhow::Result<()> {
    let removal = match info.removal {
        Removal::Never(reason) => format!("no: {reason}"),
        other => other.to_string(),
    };
    writeln!(
        text,
        "\n## {0}\n\n**{1}**: {2}.\n\n![{0} on three photographs](schemes/{0}.png)\n",
        info.name, info.title, info.summary
    )?;
    writeln!(text, "Lines: plain; {}.\n", captions(info).join("; "))?;
    writeln!(text, "- Paper: {}", info.paper)?;
    writeln!(
        text,
        "- Storage: {}; removable by the owner: {removal}",
        info.storage
    )?;
    writeln!(text, "- Networks: {}", info.networks)?;
    writeln!(text, "- What is known to break it: {}\n", info.broken_by)?;
    writeln!(
        text,
        "| parameter | default | values | meaning |\n| --- | --- | --- | --- |"
    )?;
    for spec in info.params {
        let ParamSpec {
            name,
            default,
            kind,
            help,
        } = spec;
        writeln!(text, "| `{name}` | {default} | {kind} | {help} |")?;
    }
    writeln!(text, "\nExplicit material: `{}`.", info.material.join("`, `"))?;
    Ok(())
}

fn build(info: &SchemeInfo, set: &BTreeMap<String, String>) -> anyhow::Result<Box<dyn visard_core::Scheme>> {
    Ok((info.build)(&Params::resolve(info.params, set)?)?)
}

fn output(info: &SchemeInfo) -> anyhow::Result<String> {
    let output = build(info, &BTreeMap::new())?.output(SHAPE)?;
    Ok(format!("{} {}", output.dtype, output.shape))
}

fn key_space(info: &SchemeInfo) -> anyhow::Result<String> {
    let bits = build(info, &BTreeMap::new())?.key_bits(SHAPE);
    Ok(bits.map_or_else(|| "continuous".into(), |bits| format!("{bits:.0} bits")))
}

/// The defaults, and some parameters changed one at a time.
fn settings(info: &SchemeInfo) -> Vec<BTreeMap<String, String>> {
    let mut all = vec![BTreeMap::new()];
    for spec in info.params {
        let other = match spec.kind {
            Kind::Bool => (spec.default != "true").to_string(),
            Kind::Choice(words) => words
                .iter()
                .find(|w| **w != spec.default)
                .unwrap_or(&"")
                .to_string(),
            Kind::Int { min, max } => {
                let default: i64 = spec.default.parse().unwrap_or(min);
                (default * 4).clamp(min, max).to_string()
            }
            Kind::Float { min, max } => {
                let default: f64 = spec.default.parse().unwrap_or(min);
                (if default > 0.0 { default } else { max }).to_string()
            }
        };
        let set = BTreeMap::from([(spec.name.to_string(), other.clone())]);
        let usable =
            other != spec.default && build(info, &set).is_ok_and(|s| s.encodings() == 1 && s.together() == 1);
        if usable && all.len() < MOST {
            all.push(set);
        }
    }
    all
}

fn captions(info: &SchemeInfo) -> Vec<String> {
    let name = |set: BTreeMap<String, String>| match set.into_iter().next() {
        None => "the defaults".to_string(),
        Some((name, value)) => format!("`{name}={value}`"),
    };
    settings(info).into_iter().map(name).collect()
}

/// An 8-bit picture of one or three channels.
type Picture = (Shape, Vec<u8>);

/// The photographs as the cloud sees them. The secret is an example, so that the sheets do not change.
fn disguised(
    info: &SchemeInfo,
    set: &BTreeMap<String, String>,
    photos: &[Vec<u8>],
) -> anyhow::Result<Vec<Picture>> {
    let key = Key::new(info.name, set, Some(SHAPE), MasterSecret::new([7; 32]), None)?;
    let disguise = key.disguise(SHAPE)?;
    let output = disguise.output();
    let ids: Vec<SampleId> = (0..photos.len())
        .map(|i| SampleId::of(&format!("photo {i}")))
        .collect();
    let own = Photos(photos);
    let samples = Samples {
        gallery: Some(&own),
        ..Samples::new(Salt([7; 16]), &ids)
    };
    let mut out = Pixels::zeros(output.dtype, photos.len() * output.shape.len());
    disguise.apply(samples, &photos.concat(), out.view_mut())?;
    let bytes = match out {
        Pixels::U8(bytes) => bytes,
        Pixels::F32(values) => {
            let range = if info.storage == Storage::Tokens {
                let fold = |start, f: fn(f32, f32) -> f32| values.iter().copied().fold(start, f);
                (fold(f32::MAX, f32::min), fold(f32::MIN, f32::max))
            } else {
                output.range
            };
            let scale = Affine::cover(range, 255);
            values.iter().map(|v| scale.encode(*v) as u8).collect()
        }
    };
    Ok(bytes
        .chunks_exact(output.shape.len())
        .map(|image| (output.shape, image.to_vec()))
        .collect())
}

struct Photos<'a>(&'a [Vec<u8>]);

impl Gallery for Photos<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn image(&self, place: usize) -> &[u8] {
        &self.0[place]
    }

    fn label(&self, _place: usize) -> Option<u32> {
        None
    }

    fn public_len(&self) -> usize {
        self.0.len()
    }

    fn public_image(&self, place: usize) -> &[u8] {
        &self.0[place]
    }
}

/// The middle squares of the photographs, scaled to [`SHAPE`].
fn photographs(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("{}", folder.display()))?
        .filter_map(|e| e.ok().map(|e| e.path()))
        .collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| -> anyhow::Result<Vec<u8>> {
        let image = image::open(path)
            .with_context(|| format!("{}", path.display()))?
            .to_rgb8();
        let side = image.width().min(image.height());
        let (left, top) = ((image.width() - side) / 2, (image.height() - side) / 2);
        let square = image::imageops::crop_imm(&image, left, top, side, side).to_image();
        let (width, height) = (SHAPE.width as u32, SHAPE.height as u32);
        let filter = image::imageops::FilterType::Triangle;
        Ok(image::imageops::resize(&square, width, height, filter).into_raw())
    };
    let photos = paths.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    if photos.is_empty() {
        bail!("{} holds no photographs", folder.display());
    }
    Ok(photos)
}

/// Writes lines of pictures as one PNG.
fn save(path: &Path, lines: &[Vec<Picture>]) -> anyhow::Result<()> {
    let width = GAP
        + lines
            .iter()
            .map(|l| l.iter().map(|(s, _)| s.width + GAP).sum::<usize>())
            .max()
            .unwrap_or(0);
    let height = GAP
        + lines
            .iter()
            .map(|l| GAP + l.iter().map(|(s, _)| s.height).max().unwrap_or(0))
            .sum::<usize>();
    let mut canvas = image::RgbImage::from_pixel(width as u32, height as u32, image::Rgb([255; 3]));
    let mut top = GAP;
    for line in lines {
        let mut left = GAP;
        for (shape, pixels) in line {
            for (i, pixel) in pixels.chunks_exact(shape.channels).enumerate() {
                let colour = [0, 1, 2].map(|c: usize| pixel[c.min(shape.channels - 1)]);
                let (row, column) = (i / shape.width, i % shape.width);
                canvas.put_pixel((left + column) as u32, (top + row) as u32, image::Rgb(colour));
            }
            left += shape.width + GAP;
        }
        top += GAP + line.iter().map(|(s, _)| s.height).max().unwrap_or(0);
    }
    let file = BufWriter::new(File::create(path).with_context(|| format!("{}", path.display()))?);
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        file,
        image::codecs::png::CompressionType::Best,
        image::codecs::png::FilterType::Adaptive,
    );
    canvas.write_with_encoder(encoder)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_says_what_the_registry_says() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let committed = fs::read_to_string(root.join("docs/schemes.md")).unwrap();
        assert!(
            committed == document().unwrap(),
            "docs/schemes.md is not what `cargo xtask schemes` writes: run it and commit the result"
        );
        for info in schemes::ALL {
            let sheet = root.join(format!("docs/schemes/{}.png", info.name));
            assert!(
                sheet.is_file(),
                "{} is missing: run cargo xtask schemes",
                sheet.display()
            );
        }
    }
}
