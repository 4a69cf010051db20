//! Disguised images stored as JPEG, for schemes that tolerate it.

use crate::support::Bench;
use serde_json::Value;
use std::{fs, path::Path};

const WIDTH: u32 = 176;
const HEIGHT: u32 = 112;
const PHOTOS: [(&str, &str); 3] = [
    ("person", "astronaut"),
    ("animal", "chelsea"),
    ("thing", "coffee"),
];

/// The bundled photographs as a class folder called `in`.
fn photos(bench: &Bench) {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/photos");
    for (class, name) in PHOTOS {
        let folder = bench.path("in").join(class);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(
            bundled.join(format!("{name}.png")),
            folder.join(format!("{name}.png")),
        )
        .unwrap();
    }
}

/// The middle of a plain photograph, as `--fit crop` takes it.
fn middle(bench: &Bench, class: &str, name: &str) -> image::RgbImage {
    let plain = image::open(bench.path("in").join(class).join(format!("{name}.png"))).unwrap();
    let (left, top) = ((plain.width() - WIDTH) / 2, (plain.height() - HEIGHT) / 2);
    plain.crop_imm(left, top, WIDTH, HEIGHT).to_rgb8()
}

/// Peak signal-to-noise ratio in dB.
fn psnr(a: &image::RgbImage, b: &image::RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let squares: f64 = a
        .iter()
        .zip(b.iter())
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares).log10()
}

fn manifest(bench: &Bench, folder: &str) -> Value {
    let text = fs::read_to_string(bench.path(folder).join("visard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Disguises the photographs as JPEG and takes the disguise off again; what comes back must be as
/// close to the plain images as `least` dB, and what lies in between far from them.
fn there_and_back(key: &str, options: &str, subsampling: Value, shape: (u32, u32), least: f64) {
    let bench = Bench::new();
    photos(&bench);
    bench.key("k", &format!("{key} --shape {HEIGHT}x{WIDTH}x3"));
    bench.key("other", &format!("{key} --shape {HEIGHT}x{WIDTH}x3"));
    bench
        .run(&format!("apply -k @k @in @out --fit crop --jpeg 90 {options}"))
        .succeeds();
    assert_eq!(
        manifest(&bench, "out")["jpeg"],
        serde_json::json!({ "quality": 90, "subsampling": subsampling })
    );
    bench.run("verify @out").succeeds();
    let said = bench.run("inspect @out");
    assert!(said.succeeds().out.contains("JPEG of quality 90"), "{}", said.out);
    bench
        .run("remove -k @other @out @stolen")
        .fails(12, &["out", "key"]);
    assert!(!bench.path("stolen").exists());
    bench.run("remove -k @k @out @back").succeeds();
    for (class, name) in PHOTOS {
        let stored = bench.path("out").join(class).join(format!("{name}.jpg"));
        let bytes = fs::read(&stored).unwrap();
        assert_eq!(image::guess_format(&bytes).unwrap(), image::ImageFormat::Jpeg);
        let stored = image::load_from_memory(&bytes).unwrap();
        assert_eq!((stored.width(), stored.height()), shape);
        let plain = middle(&bench, class, name);
        if shape == plain.dimensions() {
            let far = psnr(&plain, &stored.to_rgb8());
            assert!(far < 15.0, "{name}: the disguise is only {far:.1} dB away");
        }
        let back = bench.path("back").join(class).join(format!("{name}.png"));
        assert_eq!(
            image::guess_format(&fs::read(&back).unwrap()).unwrap(),
            image::ImageFormat::Png
        );
        let close = psnr(&plain, &image::open(back).unwrap().to_rgb8());
        assert!(close > least, "{name}: restored to {close:.1} dB only");
    }
    // The same request is met already; another quality, or none, is another data set.
    let again = bench.run(&format!("apply -k @k @in @out --fit crop --jpeg 90 {options}"));
    assert!(again.succeeds().out.contains("complete already"));
    for other in ["--jpeg 80", ""] {
        bench
            .run(&format!("apply -k @k @in @out --fit crop {other}"))
            .fails(13, &["out", "JPEG"]);
    }
}

#[test]
fn etc_with_full_chroma() {
    let size = (WIDTH, HEIGHT);
    there_and_back("--scheme etc --set block=16", "", "4:4:4".into(), size, 33.0);
}

#[test]
fn etc_with_subsampled_chroma() {
    let options = "--jpeg-subsampling 420";
    let size = (WIDTH, HEIGHT);
    // Decoders blend chroma samples across the borders of blocks.
    there_and_back("--scheme etc --set block=16", options, "4:2:0".into(), size, 26.0);
}

#[test]
fn etc_gray() {
    let size = (3 * WIDTH, HEIGHT);
    there_and_back("--scheme etc-gray --set block=8", "", Value::Null, size, 33.0);
}

#[test]
fn requests_that_jpeg_cannot_meet() {
    let bench = Bench::new();
    photos(&bench);
    let shape = format!("--shape {HEIGHT}x{WIDTH}x3");
    for (name, scheme) in [
        ("aes", "aes"),
        ("rmt", "rmt"),
        ("etc4", "etc --set block=4"),
        ("etc8", "etc --set block=8"),
        ("gray", "etc-gray"),
    ] {
        bench.key(name, &format!("--scheme {scheme} {shape}"));
    }
    for (request, parts) in [
        ("-k @aes @in @out --jpeg 90", &["aes", "without loss"][..]),
        ("-k @rmt @in @out --jpeg 90", &["rmt", "without loss"]),
        ("-k @etc4 @in @out --jpeg 90", &["4x4", "block=8"]),
        (
            "-k @etc4 @in @out --jpeg 90 --jpeg-subsampling 420",
            &["4x4", "block=16"],
        ),
        (
            "-k @etc8 @in @out --jpeg 90 --jpeg-subsampling 420",
            &["8x8", "block=16", "--jpeg-subsampling 444"],
        ),
        (
            "-k @gray @in @out --jpeg 90 --jpeg-subsampling 420",
            &["grey", "--jpeg-subsampling"],
        ),
        ("-k @etc8 @in @out --jpeg 0", &["--jpeg"]),
        ("-k @etc8 @in @out --jpeg 101", &["--jpeg"]),
        ("-k @etc8 @in @out --jpeg-subsampling 444", &["--jpeg"]),
        ("-k @etc8 @in @out.npz --jpeg 90 --format npz", &["npz", "JPEG"]),
    ] {
        bench.run(&format!("apply --fit crop {request}")).fails(2, parts);
        assert!(
            !bench.path("out").exists() && !bench.path("out.npz").exists(),
            "{request}"
        );
    }
    bench.idx("idx", 3, 3);
    bench.key("small", "--scheme etc --set block=8 --shape 28x28x1");
    bench
        .run("apply -k @small @idx @out --jpeg 90")
        .fails(2, &["idx", "JPEG"]);
}

#[test]
fn check_says_whether_jpeg_may_be_used() {
    let bench = Bench::new();
    bench.folder("in", 3);
    for (scheme, part) in [
        ("aes", "never recode"),
        ("etc --set block=4", "block=8"),
        ("etc --set block=8", "--jpeg 90"),
        ("etc-gray", "--jpeg 90"),
    ] {
        bench.key("k", &format!("--scheme {scheme} --shape 28x28x1"));
        let said = bench.run("check -k @k @in");
        assert!(said.succeeds().out.contains(part), "{scheme}: {}", said.out);
        fs::remove_file(bench.path("k")).unwrap();
    }
}
