//! One image file to pixels: PNG, JPEG, BMP, TIFF and WebP, told by content.
//!
//! Headers are checked against the limits before memory is taken. Nothing is converted on the
//! quiet: transparency, 16 bits, CMYK, floats and animations are refused with the way out.
//! Colour profiles and EXIF rotation are ignored, as torchvision's `ImageFolder` does, and no
//! metadata is kept.

mod jpeg;
mod other;
mod png;

use crate::{Alpha, Error, Reading, Result, Stored, formats::files};
use image::ImageFormat;
use std::{
    fs::File,
    io::Read,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};
use visard_core::Shape;

/// A decoded image.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Height, width and channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    pub shape: Shape,
    /// Values (H, W, C), bytes or 16 bits.
    pub pixels: Stored,
}

/// What went wrong inside a decoder, before the file's name is known.
#[derive(Debug)]
enum Fault {
    /// The file is corrupt or of a kind that is not taken.
    Bad(String),
    /// The file is over a limit.
    Limit(String),
}

impl Fault {
    fn bad(what: impl ToString) -> Self {
        Self::Bad(what.to_string())
    }
}

/// Reads and decodes an image file. It must be a regular file: links are not followed, and a FIFO
/// or device does not hang.
///
/// # Errors
/// [`Error::Input`] for what cannot be read or is not taken as it is, [`Error::Limit`] for files
/// and images over the limits.
pub fn load(path: &Path, reading: &Reading) -> Result<Image> {
    let bytes = read_file(path, reading.limits.file_bytes)?;
    decode(path, &bytes, reading)
}

fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let fail = |e| Error::input(path, e);
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    }
    let file = options.open(path).map_err(fail)?;
    let meta = file.metadata().map_err(fail)?;
    if !meta.is_file() {
        return Err(Error::input(path, "not a regular file"));
    }
    if meta.len() > limit {
        let problem = format!("{} bytes; the limit is {limit} bytes per image file", meta.len());
        return Err(Error::limit(path, problem));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    file.take(limit).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

/// Decodes an image file's bytes; `path` only names it in errors.
///
/// # Errors
/// As [`load`]. A decoder that panics counts as a corrupt file.
pub fn decode(path: &Path, bytes: &[u8], reading: &Reading) -> Result<Image> {
    let outcome = catch_unwind(AssertUnwindSafe(|| by_kind(bytes, reading)));
    match outcome {
        Ok(Ok(image)) => Ok(image),
        Ok(Err(Fault::Bad(problem))) => Err(Error::input(path, problem)),
        Ok(Err(Fault::Limit(problem))) => Err(Error::limit(path, problem)),
        Err(_) => Err(Error::input(path, "corrupt: the decoder gave up on it")),
    }
}

fn by_kind(bytes: &[u8], reading: &Reading) -> Result<Image, Fault> {
    if bytes.is_empty() {
        return Err(Fault::bad("the file is empty"));
    }
    let image = match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => png::decode(bytes, reading)?,
        Ok(ImageFormat::Jpeg) => jpeg::decode(bytes, reading)?,
        Ok(ImageFormat::Bmp) => other::bmp(bytes, reading)?,
        Ok(ImageFormat::Tiff) => other::tiff(bytes, reading)?,
        Ok(ImageFormat::WebP) => other::webp(bytes, reading)?,
        Ok(kind) => return Err(Fault::Bad(format!("{kind:?} images are not taken; {CONVERT}"))),
        Err(_) => return Err(Fault::Bad(format!("not an image of a known kind; {CONVERT}"))),
    };
    settle(image, reading)
}

const CONVERT: &str = "convert it to PNG first, or take it away";

/// Refuses shapes over the limit; called on headers, before memory is taken.
fn checked(width: u32, height: u32, channels: usize, reading: &Reading) -> Result<Shape, Fault> {
    let limit = reading.limits.image_values;
    let sides = [u64::from(height), u64::from(width), channels as u64];
    files::check_shape(Path::new(""), sides, limit).map_err(|error| match error {
        Error::Limit { problem, .. } => Fault::Limit(problem),
        Error::Input { problem, .. } => Fault::Bad(problem),
        other => Fault::bad(other),
    })
}

/// Brings a decoded image to what the reader asked for: no alpha, 8 bits, unless it is disguised data.
fn settle(image: Image, reading: &Reading) -> Result<Image, Fault> {
    if reading.disguised {
        return Ok(image);
    }
    let Image { mut shape, pixels } = image;
    let (pixels, channels) = match pixels {
        Stored::U8(v) => {
            let (v, channels) = without_alpha(v, shape.channels, u8::MAX, reading.alpha)?;
            (v, channels)
        }
        Stored::U16(v) if reading.narrow => {
            let (v, channels) = without_alpha(v, shape.channels, u16::MAX, reading.alpha)?;
            (v.into_iter().map(|x| (x >> 8) as u8).collect(), channels)
        }
        Stored::U16(_) => {
            return Err(Fault::bad(
                "16 bits per channel; run with --narrow to keep the upper 8, or convert it first",
            ));
        }
        Stored::F32(_) => {
            return Err(Fault::bad(
                "float images are not taken; convert it to 8 bits first",
            ));
        }
    };
    shape.channels = channels;
    Ok(Image {
        shape,
        pixels: Stored::U8(pixels),
    })
}

/// Takes an alpha channel away if it is opaque everywhere or may be dropped.
fn without_alpha<T: Copy + PartialEq>(
    mut values: Vec<T>,
    channels: usize,
    opaque: T,
    alpha: Alpha,
) -> Result<(Vec<T>, usize), Fault> {
    if !matches!(channels, 2 | 4) {
        return Ok((values, channels));
    }
    let colours = channels - 1;
    if alpha == Alpha::Error && values.chunks_exact(channels).any(|p| p[colours] != opaque) {
        return Err(Fault::bad(
            "partly transparent; run with --alpha drop to keep the colours alone, or flatten it first",
        ));
    }
    let pixels = values.len() / channels;
    for i in 0..pixels {
        values.copy_within(i * channels..i * channels + colours, i * colours);
    }
    values.truncate(pixels * colours);
    Ok((values, colours))
}
