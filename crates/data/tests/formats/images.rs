//! Image files: kinds of pixels, corrupt files, and files that are none.

use crate::sets::*;
use png::{BitDepth, ColorType};
use proptest::prelude::*;
use std::path::Path;
use visard_core::Shape;
use visard_data::{
    Alpha, Error, Limits, Reading, Stored,
    decode::{Image, decode},
};

fn take(bytes: &[u8], reading: Reading) -> Result<Image, Error> {
    decode(Path::new("x.png"), bytes, &reading)
}

fn refused(bytes: &[u8], words: &str) {
    let error = take(bytes, Reading::default()).unwrap_err();
    assert!(matches!(error, Error::Input { .. }), "{error:?}");
    assert!(error.to_string().starts_with("x.png: "));
    assert!(error.to_string().contains(words), "{words:?} in {error}");
}

fn bytes(image: &Image) -> &[u8] {
    match &image.pixels {
        Stored::U8(v) => v,
        other => panic!("{other:?}"),
    }
}

/// A chunk with its checksum, for files that the encoder would not write.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    [
        &(data.len() as u32).to_be_bytes(),
        &kind[..],
        data,
        &crc.sum().to_be_bytes(),
    ]
    .concat()
}

fn header(width: u32, height: u32) -> Vec<u8> {
    let ihdr = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &ihdr)[..]].concat()
}

#[test]
fn kinds_of_png_pixels() {
    let grey = take(
        &png(3, 2, ColorType::Grayscale, BitDepth::Eight, &[1, 2, 3, 4, 5, 6]),
        Reading::default(),
    )
    .unwrap();
    assert_eq!(
        (grey.shape, bytes(&grey)),
        (Shape::new(2, 3, 1), &[1, 2, 3, 4, 5, 6][..])
    );
    let one_bit = take(
        &png(3, 1, ColorType::Grayscale, BitDepth::One, &[0b1010_0000]),
        Reading::default(),
    )
    .unwrap();
    assert_eq!(bytes(&one_bit), [255, 0, 255]);

    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 2, 1);
    encoder.set_color(ColorType::Indexed);
    encoder.set_palette(vec![9, 8, 7, 6, 5, 4]);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1, 0]).unwrap();
    writer.finish().unwrap();
    let palette = take(&file, Reading::default()).unwrap();
    assert_eq!(
        (palette.shape.channels, bytes(&palette)),
        (3, &[6, 5, 4, 9, 8, 7][..])
    );
}

#[test]
fn alpha_is_dropped_only_where_it_says_nothing_or_when_told() {
    let opaque = png(
        2,
        1,
        ColorType::Rgba,
        BitDepth::Eight,
        &[1, 2, 3, 255, 4, 5, 6, 255],
    );
    assert_eq!(
        bytes(&take(&opaque, Reading::default()).unwrap()),
        [1, 2, 3, 4, 5, 6]
    );
    let glass = png(
        2,
        1,
        ColorType::GrayscaleAlpha,
        BitDepth::Eight,
        &[1, 255, 4, 254],
    );
    refused(&glass, "--alpha drop");
    let drop = Reading {
        alpha: Alpha::Drop,
        ..Reading::default()
    };
    assert_eq!(bytes(&take(&glass, drop).unwrap()), [1, 4]);
    let kept = take(&glass, disguised()).unwrap();
    assert_eq!((kept.shape.channels, bytes(&kept)), (2, &[1, 255, 4, 254][..]));
}

#[test]
fn sixteen_bits_are_refused_narrowed_or_kept() {
    let deep = png(
        2,
        1,
        ColorType::Grayscale,
        BitDepth::Sixteen,
        &[0x12, 0x34, 0xFF, 0x00],
    );
    refused(&deep, "--narrow");
    let narrow = Reading {
        narrow: true,
        ..Reading::default()
    };
    assert_eq!(bytes(&take(&deep, narrow).unwrap()), [0x12, 0xFF]);
    assert_eq!(
        take(&deep, disguised()).unwrap().pixels,
        Stored::U16(vec![0x1234, 0xFF00])
    );
}

#[test]
fn a_png_cut_anywhere_or_with_a_wrong_checksum_is_refused() {
    let good = rgb(1, 9, 7);
    assert!(take(&good, Reading::default()).is_ok());
    for len in (0..good.len()).step_by(7) {
        assert!(
            matches!(take(&good[..len], Reading::default()), Err(Error::Input { .. })),
            "{len}"
        );
    }
    for at in (8..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        assert!(take(&bad, Reading::default()).is_err(), "byte {at}");
    }
}

#[test]
fn a_jpeg_cut_anywhere_is_refused() {
    for progressive in [false, true] {
        let mut good = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut good, 90);
        encoder.set_progressive(progressive);
        encoder
            .encode(&noise(2, 40 * 30 * 3), 40, 30, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        let image = take(&good, Reading::default()).unwrap();
        assert_eq!(image.shape, Shape::new(30, 40, 3));
        for len in (0..good.len() - 2).step_by(37) {
            assert!(
                matches!(take(&good[..len], Reading::default()), Err(Error::Input { .. })),
                "{len}"
            );
        }
        for at in (2..good.len()).step_by(37) {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            let _ = take(&bad, Reading::default());
        }
    }
}

#[test]
fn grey_jpeg_has_one_channel_and_cmyk_is_refused() {
    let encode = |colour, values: usize| {
        let mut file = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut file, 90);
        encoder.encode(&noise(4, values), 16, 16, colour).unwrap();
        file
    };
    let grey = take(&encode(jpeg_encoder::ColorType::Luma, 256), Reading::default()).unwrap();
    assert_eq!(grey.shape, Shape::new(16, 16, 1));
    refused(&encode(jpeg_encoder::ColorType::Cmyk, 1024), "CMYK");
    refused(&encode(jpeg_encoder::ColorType::CmykAsYcck, 1024), "CMYK");
}

#[test]
fn headers_over_the_limit_take_no_memory() {
    for (width, height) in [(65_535, 65_535), (0x7FFF_FFFF, 0x7FFF_FFFF)] {
        let error = take(&header(width, height), Reading::default()).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error:?}");
    }
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
    encoder
        .encode(&noise(4, 256), 16, 16, jpeg_encoder::ColorType::Luma)
        .unwrap();
    let sof = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    jpeg[sof + 5..sof + 9].copy_from_slice(&[0xFF; 4]);
    assert!(matches!(
        take(&jpeg, Reading::default()),
        Err(Error::Limit { .. })
    ));
    let small = Reading {
        limits: Limits {
            image_values: 188,
            ..Limits::default()
        },
        ..Reading::default()
    };
    assert!(matches!(take(&rgb(1, 9, 7), small), Err(Error::Limit { .. })));
    let exact = Reading {
        limits: Limits {
            image_values: 189,
            ..Limits::default()
        },
        ..Reading::default()
    };
    assert!(take(&rgb(1, 9, 7), exact).is_ok());
}

#[test]
fn a_png_that_unpacks_to_more_than_its_size_stays_small() {
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut deflate, &vec![0; 64 << 20]).unwrap();
    let data = deflate.finish().unwrap();
    let bomb = [header(4, 4), chunk(b"IDAT", &data), chunk(b"IEND", &[])].concat();
    if let Ok(image) = take(&bomb, Reading::default()) {
        assert_eq!(bytes(&image).len(), 48);
    }
}

#[test]
fn animations_pages_and_other_kinds_are_refused() {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1]).unwrap();
    writer.write_image_data(&[2]).unwrap();
    writer.finish().unwrap();
    refused(&file, "animated PNG");
    refused(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", "not taken");
    refused(b"", "empty");
    refused(b"no image at all", "not an image");
}

#[test]
fn other_kinds_are_read_by_content() {
    use image::{DynamicImage, ImageFormat, RgbImage};
    let plain = noise(6, 5 * 4 * 3);
    let picture = DynamicImage::ImageRgb8(RgbImage::from_raw(5, 4, plain.clone()).unwrap());
    for kind in [
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Png,
    ] {
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, kind).unwrap();
        let image = take(file.get_ref(), Reading::default()).unwrap();
        assert_eq!(
            (image.shape, bytes(&image)),
            (Shape::new(4, 5, 3), &plain[..]),
            "{kind:?}"
        );
        let whole = file.into_inner();
        for len in 0..whole.len() {
            let _ = take(&whole[..len], Reading::default());
        }
    }
    let mut float = std::io::Cursor::new(Vec::new());
    picture
        .to_rgb32f()
        .write_to(&mut float, ImageFormat::Tiff)
        .unwrap();
    refused(float.get_ref(), "convert it to 8 bits");
}

#[test]
fn a_tiff_of_two_pages_is_refused() {
    use image::{DynamicImage, GrayImage, ImageFormat};
    let mut file = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(GrayImage::new(3, 3))
        .write_to(&mut file, ImageFormat::Tiff)
        .unwrap();
    let mut bytes = file.into_inner();
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(bytes[first..first + 2].try_into().unwrap()));
    bytes[first + 2 + 12 * entries..][..4].copy_from_slice(&(first as u32).to_le_bytes());
    refused(&bytes, "several pages");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_behind_any_magic_never_panic(
        magic in prop::sample::select(vec![
            &b"\x89PNG\r\n\x1a\n"[..], b"\xFF\xD8\xFF\xE0", b"BM", b"II*\0", b"MM\0*", b"RIFF\x20\0\0\0WEBPVP8 ", b"",
        ]),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = take(&[magic, &bytes].concat(), Reading::default());
    }

    #[test]
    fn spoilt_images_never_panic(at in 0usize..600, bit in 0u8..8, seed in 0u8..4) {
        use image::{DynamicImage, ImageFormat, RgbImage};
        let picture = DynamicImage::ImageRgb8(RgbImage::from_raw(9, 8, noise(seed, 216)).unwrap());
        for kind in [ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP, ImageFormat::Jpeg] {
            let mut file = std::io::Cursor::new(Vec::new());
            picture.write_to(&mut file, kind).unwrap();
            let mut file = file.into_inner();
            let at = at % file.len();
            file[at] ^= 1 << bit;
            let small = Limits { image_values: 1 << 20, ..Limits::default() };
            let _ = take(&file, Reading { limits: small, ..Reading::default() });
        }
    }
}
