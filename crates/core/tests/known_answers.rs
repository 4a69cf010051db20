//! Whole schemes against `vectors/`: the authors' own outputs under explicit material, and the
//! second implementation's outputs under a secret.

mod support;

use serde_json::Value as Json;
use std::path::Path;
use support::{hex_array, images, json, list, material, params, text, vectors};
use visard_core::{Disguise, Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape, schemes};

/// Plain and disguised images of a case.
struct Answer {
    plain: Vec<u8>,
    shape: Shape,
    disguised: Pixels,
    output: Shape,
    count: usize,
}

impl Answer {
    fn read(stem: &str) -> Self {
        let file = |part: &str| vectors().join(format!("{stem}.{part}.npz"));
        let ([count, height, width, channels], plain) = images(&file("in"));
        let ([found, rows, columns, depth], disguised) = images(&file("out"));
        assert_eq!(count, found, "{stem}");
        let Pixels::U8(plain) = plain else {
            panic!("{stem}: plain images must be bytes");
        };
        Self {
            plain,
            shape: Shape::new(height, width, channels),
            disguised,
            output: Shape::new(rows, columns, depth),
            count,
        }
    }

    /// Applies and removes, and compares with `same`.
    fn check(
        &self,
        name: &str,
        disguise: &dyn Disguise,
        samples: Samples<'_>,
        same: impl Fn(f32, f32) -> bool,
    ) {
        let output = disguise.output();
        assert_eq!(
            (output.shape, output.dtype),
            (self.output, self.disguised.dtype()),
            "{name}"
        );
        let mut found = Pixels::zeros(output.dtype, self.count * output.shape.len());
        disguise.apply(samples, &self.plain, found.view_mut()).unwrap();
        let pairs = floats(&found).into_iter().zip(floats(&self.disguised));
        for (place, (found, expected)) in pairs.enumerate() {
            assert!(
                same(found, expected),
                "{name}: value {place} is {found}, expected {expected}"
            );
            assert!(
                (output.range.0..=output.range.1).contains(&found),
                "{name}: {found} leaves {:?}",
                output.range
            );
        }
        let mut back = vec![0; self.plain.len()];
        disguise.remove(samples, found.view(), &mut back).unwrap();
        assert!(
            back == self.plain,
            "{name}: removing does not give the plain images back"
        );
    }
}

fn floats(pixels: &Pixels) -> Vec<f32> {
    match pixels {
        Pixels::U8(v) => v.iter().map(|b| f32::from(*b)).collect(),
        Pixels::F32(v) => v.clone(),
    }
}

fn stem(prefix: &str, case: &Json) -> String {
    format!("{prefix}{}/{}", text(&case["scheme"]), text(&case["case"]))
}

#[test]
fn explicit_material_gives_the_authors_images() {
    let index = json("index.json");
    assert!(!list(&index).is_empty());
    for case in list(&index) {
        let stem = stem("", case);
        let answer = Answer::read(&stem);
        let tolerance = case["tolerance"].as_f64().unwrap() as f32;
        let arrays = material(&vectors().join(format!("{stem}.material.npz")));
        // The secret must not matter where the material is explicit.
        for secret in [[0; 32], [255; 32]] {
            let key = Key::new(
                text(&case["scheme"]),
                &params(&case["params"]),
                Some(answer.shape),
                MasterSecret::new(secret),
                Some(arrays.clone()),
            )
            .unwrap();
            let ids = SampleId::numbered("train", 0, answer.count);
            let samples = Samples::new(Salt([0; 16]), &ids);
            let disguise = key.disguise(answer.shape).unwrap();
            answer.check(&stem, &*disguise, samples, |a, b| (a - b).abs() <= tolerance);
        }
    }
}

/// Bits must agree, signs of zeros included.
#[test]
fn a_secret_gives_the_reference_images_bit_for_bit() {
    let index = json("derived/index.json");
    assert!(!list(&index).is_empty());
    for case in list(&index) {
        let stem = stem("derived/", case);
        let answer = Answer::read(&stem);
        let shape: Shape = text(&case["shape"]).parse().unwrap();
        assert_eq!(shape, answer.shape, "{stem}");
        let secret = MasterSecret::new(hex_array(&case["secret"]));
        let key = Key::new(
            text(&case["scheme"]),
            &params(&case["params"]),
            Some(shape),
            secret,
            None,
        )
        .unwrap();
        assert_eq!(
            key.fingerprint().to_string(),
            text(&case["fingerprint"]),
            "{stem}"
        );
        let ids: Vec<SampleId> = list(&case["samples"])
            .iter()
            .map(|name| SampleId::of(text(name)))
            .collect();
        let samples = Samples::new(Salt(hex_array(&case["salt"])), &ids);
        let disguise = key.disguise(shape).unwrap();
        answer.check(&stem, &*disguise, samples, |a, b| a.to_bits() == b.to_bits());
    }
}

#[test]
fn every_scheme_has_known_answers_a_paper_and_help() {
    let (authors, derived) = (json("index.json"), json("derived/index.json"));
    let names = |index: &Json, scheme: &str| {
        list(index)
            .iter()
            .filter(|c| text(&c["scheme"]) == scheme)
            .count()
    };
    for info in schemes::ALL {
        assert!(
            names(&authors, info.name) > 0,
            "{} has no case in vectors/index.json",
            info.name
        );
        assert!(
            names(&derived, info.name) > 0,
            "{} has no case in vectors/derived/index.json",
            info.name
        );
        assert!(
            vectors().join(info.name).is_dir(),
            "{} has no folder in vectors/",
            info.name
        );
        for words in [
            info.title,
            info.paper,
            info.summary,
            info.broken_by,
            info.networks,
        ] {
            assert!(
                !words.trim().is_empty(),
                "{} leaves a description empty",
                info.name
            );
        }
        for param in info.params {
            assert!(
                !param.help.trim().is_empty(),
                "{}: {} has no help",
                info.name,
                param.name
            );
        }
    }
}

/// A file that no index names would be an answer that nothing checks.
#[test]
fn every_vector_file_is_named_by_an_index() {
    for (prefix, index, parts) in [
        ("", json("index.json"), &["in", "out", "material"][..]),
        ("derived/", json("derived/index.json"), &["in", "out"][..]),
    ] {
        let mut named: Vec<String> = list(&index)
            .iter()
            .flat_map(|case| {
                parts
                    .iter()
                    .map(move |part| format!("{}.{part}.npz", stem(prefix, case)))
            })
            .collect();
        let mut found: Vec<String> = schemes::ALL
            .iter()
            .flat_map(|info| {
                files(
                    &vectors().join(prefix).join(info.name),
                    &format!("{prefix}{}", info.name),
                )
            })
            .collect();
        named.sort();
        found.sort();
        assert_eq!(found, named);
    }
}

fn files(folder: &Path, name: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries
        .map(|entry| format!("{name}/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect()
}
