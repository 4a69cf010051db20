//! Images that need a decision of the user, and images that are broken.

use crate::support::Bench;
use std::{fs, path::PathBuf};

/// A class folder with one good image and one of the given bytes.
fn with_image(bench: &Bench, name: &str, bytes: &[u8]) -> PathBuf {
    bench.folder("in", 3);
    let place = bench.path("in").join("class0");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join(name), bytes).unwrap();
    bench.key("k", "--scheme aes --shape 28x28x1");
    place.join(name)
}

fn encoded(format: image::ImageFormat, image: &image::DynamicImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(image: image::DynamicImage) -> Vec<u8> {
    encoded(image::ImageFormat::Png, &image)
}

#[track_caller]
fn refused(name: &str, bytes: &[u8], code: i32, parts: &[&str]) {
    let bench = Bench::new();
    with_image(&bench, name, bytes);
    let before = crate::support::contents(&bench.path("in"));
    let parts = [&[name][..], parts].concat();
    bench.run("apply -k @k @in @out").fails(code, &parts);
    assert_eq!(crate::support::contents(&bench.path("in")), before);
    assert!(
        !bench.path("out/visard.json").exists(),
        "a refused run left a manifest"
    );
}

#[test]
fn truncated_and_corrupt_images() {
    let good = png(image::GrayImage::from_fn(28, 28, |x, y| image::Luma([(x * y) as u8])).into());
    refused("cut.png", &good[..good.len() / 2], 10, &[]);
    let mut bent = good.clone();
    let middle = bent.len() / 2;
    bent[middle] ^= 0xFF;
    refused("bent.png", &bent, 10, &[]);
    refused("empty.png", b"", 10, &["empty"]);
    refused("text.png", b"this is no picture", 10, &[]);
    let jpeg = encoded(image::ImageFormat::Jpeg, &image::GrayImage::new(28, 28).into());
    refused("cut.jpg", &jpeg[..jpeg.len() / 2], 10, &[]);
}

#[test]
fn a_header_that_claims_too_much() {
    let mut huge = png(image::GrayImage::new(28, 28).into());
    huge[16..20].copy_from_slice(&65_535u32.to_be_bytes());
    huge[20..24].copy_from_slice(&65_535u32.to_be_bytes());
    let sum = crc(&huge[12..29]);
    huge[29..33].copy_from_slice(&sum.to_be_bytes());
    refused("huge.png", &huge, 15, &["65535"]);
}

/// CRC-32 as PNG uses it.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn alpha_and_sixteen_bits_need_a_word_from_the_user() {
    let clear = image::RgbaImage::from_pixel(28, 28, image::Rgba([1, 2, 3, 100]));
    refused("clear.png", &png(clear.into()), 10, &["--alpha"]);
    let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(28, 28, image::Luma([513u16]));
    refused(
        "deep.png",
        &png(image::DynamicImage::ImageLuma16(deep.clone())),
        10,
        &["--narrow"],
    );
    let bench = Bench::new();
    with_image(&bench, "deep.png", &png(image::DynamicImage::ImageLuma16(deep)));
    bench.run("apply -k @k @in @out --narrow").succeeds();
}

#[test]
fn cmyk_is_refused_with_the_way_out() {
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
    encoder
        .encode(&[40; 28 * 28 * 4], 28, 28, jpeg_encoder::ColorType::Cmyk)
        .unwrap();
    refused("print.jpg", &jpeg, 10, &["CMYK", "RGB"]);
}

#[test]
fn a_bad_image_can_be_left_out() {
    let bench = Bench::new();
    with_image(&bench, "bad.png", b"nothing");
    let said = bench.run("apply -k @k @in @out --skip-bad --json");
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("bad.png"));
    bench.run("verify @out").succeeds();
    bench.run("remove -k @k @out @back").succeeds();
}

#[test]
fn no_metadata_reaches_the_output() {
    let bench = Bench::new();
    let place = with_image(&bench, "tagged.png", b"");
    let file = fs::File::create(place).unwrap();
    let mut encoder = png_encoder(file);
    encoder
        .add_text_chunk("patient".into(), "CANARY-4711".into())
        .unwrap();
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&[9; 784])
        .unwrap();
    bench.run("apply -k @k @in @out").succeeds();
    for (name, bytes) in crate::support::contents(&bench.path("out")) {
        let found = bytes.windows(11).any(|w| w == b"CANARY-4711");
        assert!(!found, "{name} holds the text of its original");
    }
}

fn png_encoder(file: fs::File) -> png::Encoder<'static, fs::File> {
    let mut encoder = png::Encoder::new(file, 28, 28);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
}

#[test]
fn sizes_other_than_the_keys() {
    let bench = Bench::new();
    let other = image::GrayImage::from_pixel(20, 30, image::Luma([5]));
    with_image(&bench, "other.png", &png(other.into()));
    bench
        .run("apply -k @k @in @out")
        .fails(10, &["other.png", "30x20x1", "--fit"]);
    bench.run("apply -k @k @in @out --fit resize").succeeds();
    bench.run("apply -k @k @in @cropped --fit crop").succeeds();
}
