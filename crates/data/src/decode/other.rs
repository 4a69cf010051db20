//! BMP, TIFF and WebP.

use super::{Fault, Image, checked};
use crate::{Reading, Stored};
use image::{
    ColorType, ExtendedColorType, ImageDecoder, ImageError, Limits,
    codecs::{bmp::BmpDecoder, tiff::TiffDecoder, webp::WebPDecoder},
};
use std::io::Cursor;

/// Bytes that a decoder may take besides the pixels.
const ROOM: u64 = 64 << 20;

pub(super) fn bmp(bytes: &[u8], reading: &Reading) -> Result<Image, Fault> {
    read(BmpDecoder::new(Cursor::new(bytes)).map_err(fault)?, reading)
}

pub(super) fn webp(bytes: &[u8], reading: &Reading) -> Result<Image, Fault> {
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(fault)?;
    if decoder.has_animation() {
        return Err(Fault::bad("animated WebP; take one frame of it"));
    }
    read(decoder, reading)
}

pub(super) fn tiff(bytes: &[u8], reading: &Reading) -> Result<Image, Fault> {
    if has_more_pages(bytes).unwrap_or(false) {
        return Err(Fault::bad("a TIFF of several pages; take one of them"));
    }
    read(TiffDecoder::new(Cursor::new(bytes)).map_err(fault)?, reading)
}

/// Whether the first directory of a TIFF names a second one; `None` where it cannot be read.
fn has_more_pages(bytes: &[u8]) -> Option<bool> {
    let big_endian = bytes.first()? == &b'M';
    let number = |at: u64, len: usize| -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let digits = bytes.get(at..at.checked_add(len)?)?;
        let join = |n: u64, &b: &u8| n << 8 | u64::from(b);
        Some(if big_endian {
            digits.iter().fold(0, join)
        } else {
            digits.iter().rev().fold(0, join)
        })
    };
    let next = match number(2, 2)? {
        42 => {
            let first = number(4, 4)?;
            let entries = number(first, 2)?;
            number(first + 2 + 12 * entries, 4)?
        }
        43 => {
            let first = number(8, 8)?;
            let entries = number(first, 8)?;
            let end = entries.checked_mul(20)?.checked_add(8)?.checked_add(first)?;
            number(end, 8)?
        }
        _ => return None,
    };
    Some(next != 0)
}

fn read(mut decoder: impl ImageDecoder, reading: &Reading) -> Result<Image, Fault> {
    let original = decoder.original_color_type();
    if matches!(original, ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16) {
        return Err(Fault::bad(
            "CMYK; its colours depend on the printer, convert it to RGB first",
        ));
    }
    let (channels, sixteen) = match decoder.color_type() {
        ColorType::L8 => (1, false),
        ColorType::La8 => (2, false),
        ColorType::Rgb8 => (3, false),
        ColorType::Rgba8 => (4, false),
        ColorType::L16 => (1, true),
        ColorType::La16 => (2, true),
        ColorType::Rgb16 => (3, true),
        ColorType::Rgba16 => (4, true),
        other => {
            return Err(Fault::Bad(format!(
                "{other:?} pixels are not taken; convert it to 8 bits first"
            )));
        }
    };
    let (width, height) = decoder.dimensions();
    let shape = checked(width, height, channels, reading)?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some((shape.len() as u64).saturating_mul(8).saturating_add(ROOM));
    decoder.set_limits(limits).map_err(fault)?;
    let pixels = if sixteen {
        let mut values = vec![0u16; shape.len()];
        decoder
            .read_image(bytemuck::cast_slice_mut(&mut values))
            .map_err(fault)?;
        Stored::U16(values)
    } else {
        let mut values = vec![0u8; shape.len()];
        decoder.read_image(&mut values).map_err(fault)?;
        Stored::U8(values)
    };
    Ok(Image { shape, pixels })
}

fn fault(error: ImageError) -> Fault {
    match error {
        ImageError::Limits(e) => Fault::Limit(e.to_string()),
        other => Fault::Bad(format!("corrupt or unknown: {other}")),
    }
}
