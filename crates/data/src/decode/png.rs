//! PNG, with every checksum checked.

use super::{Fault, Image, checked};
use crate::{Reading, Stored};
use png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits, Transformations};
use std::io::Cursor;

/// Bytes that the decoder may take besides the pixels.
const ROOM: usize = 64 << 20;

pub(super) fn decode(bytes: &[u8], reading: &Reading) -> Result<Image, Fault> {
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    let bytes = usize::try_from(reading.limits.image_values).unwrap_or(usize::MAX);
    decoder.set_limits(Limits {
        bytes: bytes.saturating_mul(2).saturating_add(ROOM),
    });
    // Palettes to RGB, 1, 2 and 4 bits to 8, transparent colours to alpha.
    decoder.set_transformations(Transformations::EXPAND);
    // Before the rest is read; transparent colours can add a channel, so it is checked again.
    let header = decoder.read_header_info().map_err(fault)?;
    let least = header.color_type.samples();
    checked(header.width, header.height, least, reading)?;
    let mut reader = decoder.read_info().map_err(fault)?;
    if reader.info().animation_control.is_some() {
        return Err(Fault::bad("animated PNG; take one frame of it"));
    }
    let (width, height) = reader.info().size();
    let (colour, depth) = reader.output_color_type();
    let channels = match colour {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(Fault::bad("its palette is missing")),
    };
    let shape = checked(width, height, channels, reading)?;
    let pixels = if depth == BitDepth::Sixteen {
        let mut values = vec![0u16; shape.len()];
        reader
            .next_frame(bytemuck::cast_slice_mut(&mut values))
            .map_err(fault)?;
        values.iter_mut().for_each(|v| *v = u16::from_be(*v));
        Stored::U16(values)
    } else {
        let mut values = vec![0u8; shape.len()];
        reader.next_frame(&mut values).map_err(fault)?;
        Stored::U8(values)
    };
    reader.finish().map_err(fault)?;
    Ok(Image { shape, pixels })
}

fn fault(error: png::DecodingError) -> Fault {
    match error {
        png::DecodingError::LimitsExceeded => Fault::Limit("needs more memory than the limits allow".into()),
        other => Fault::Bad(format!("corrupt PNG: {other}")),
    }
}
