//! JPEG, baseline and progressive, grey and colour.

use super::{Fault, Image, checked};
use crate::{Reading, Stored};
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

pub(super) fn decode(bytes: &[u8], reading: &Reading) -> Result<Image, Fault> {
    if !ends_properly(bytes) {
        return Err(Fault::bad("corrupt JPEG: the file ends too early"));
    }
    if misread(bytes) == Some(true) {
        return Err(Fault::bad(
            "a JPEG of a rare kind (colours in separate scans, or less than half of them kept) that would be decoded \
             to wrong colours; save it anew as an ordinary JPEG or as PNG",
        ));
    }
    // Strict, or else missing data would be made up as grey.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let corrupt = |e| Fault::Bad(format!("corrupt or unknown JPEG: {e}"));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(corrupt)?;
    let (Some(info), Some(colour)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err(Fault::bad("corrupt JPEG: no header"));
    };
    let (channels, out) = match (info.components, colour) {
        (1, _) => (1, ColorSpace::Luma),
        (3, ColorSpace::YCbCr | ColorSpace::RGB) => (3, ColorSpace::RGB),
        (4, _) => {
            return Err(Fault::bad(
                "a CMYK or YCCK JPEG; its colours depend on the printer, convert it to RGB first",
            ));
        }
        (n, other) => {
            return Err(Fault::Bad(format!(
                "a JPEG of {n} components ({other:?}) is not taken"
            )));
        }
    };
    let shape = checked(u32::from(info.width), u32::from(info.height), channels, reading)?;
    decoder.set_options(options.jpeg_set_out_colorspace(out));
    let mut values = vec![0; shape.len()];
    decoder.decode_into(&mut values).map_err(corrupt)?;
    Ok(Image {
        shape,
        pixels: Stored::U8(values),
    })
}

/// Whether the end-of-image marker is there; padding and appended data may follow it.
fn ends_properly(bytes: &[u8]) -> bool {
    bytes.windows(2).rev().any(|pair| pair == [0xFF, 0xD9])
}

/// Whether the decoder would read this file wrongly without a word: a sequential one whose components
/// come in separate scans (zune-image issue 419), or with a sampling factor above 2 and odd sides.
/// `None` where the headers are not to be made sense of, so that the decoder says it.
fn misread(bytes: &[u8]) -> Option<bool> {
    let mut at = 2;
    let mut frame: Option<(u8, u8)> = None;
    loop {
        while *bytes.get(at)? != 0xFF {
            at += 1;
        }
        while *bytes.get(at)? == 0xFF {
            at += 1;
        }
        let (marker, body) = (bytes[at], bytes.get(at + 3..)?);
        match marker {
            // Number of components and the greatest sampling factor.
            0xC0 | 0xC1 => {
                let &count = body.get(5)?;
                let factors = body.get(6..)?.chunks_exact(3).take(usize::from(count));
                let most = factors.map(|c| (c[1] >> 4).max(c[1] & 15)).max()?;
                frame = Some((count, most));
            }
            0xC2 => return Some(false),
            0xDA => {
                let (components, most) = frame?;
                let apart = *body.first()? < components;
                return Some(apart || components > 1 && most > 2);
            }
            _ => {}
        }
        at += 1 + usize::from(u16::from_be_bytes([*bytes.get(at + 1)?, *bytes.get(at + 2)?]));
    }
}
