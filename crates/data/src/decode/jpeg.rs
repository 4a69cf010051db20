//! JPEG, baseline and progressive, grey and colour.

use super::{Fault, Image, checked};
use crate::{Reading, Stored};
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

pub(super) fn decode(bytes: &[u8], reading: &Reading) -> Result<Image, Fault> {
    if !ends_properly(bytes) {
        return Err(Fault::bad("corrupt JPEG: the file ends too early"));
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
