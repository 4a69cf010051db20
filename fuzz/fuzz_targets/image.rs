#![no_main]
//! Image files of any bytes give an image or an error, within the limits.

use std::path::Path;
use visard_data::{Limits, Reading, decode::decode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let reading = Reading {
        limits: Limits { image_values: 1 << 22, ..Limits::default() },
        ..Reading::default()
    };
    if let Ok(image) = decode(Path::new("fuzz"), bytes, &reading) {
        assert_eq!(image.pixels.len(), image.shape.len());
    }
});
