//! Whole schemes against `vectors/`: the authors' own outputs under explicit material, and the
//! second implementation's outputs under a secret.

mod support;

use serde_json::Value as Json;
use std::path::Path;
use support::{Numbers, array, hex_array, images, json, list, material, params, text, vectors};
use visard_core::{
    Disguise, Gallery, Key, MasterSecret, Pixels, Removal, Salt, SampleId, Samples, Scheme, Shape, schemes,
};

/// Plain and disguised images of a case, and what a mixing scheme needs besides.
struct Answer {
    plain: Pixels,
    shape: Shape,
    disguised: Pixels,
    output: Shape,
    count: usize,
    public: Vec<u8>,
    labels: Vec<u32>,
    soft: Option<(usize, Vec<f32>)>,
}

impl Answer {
    fn read(stem: &str) -> Self {
        let file = |part: &str| vectors().join(format!("{stem}.{part}.npz"));
        let ([count, height, width, channels], plain) = images(&file("in"));
        let ([found, rows, columns, depth], disguised) = images(&file("out"));
        assert_eq!(found % count, 0, "{stem}");
        let mut answer = Self {
            plain,
            shape: Shape::new(height, width, channels),
            disguised,
            output: Shape::new(rows, columns, depth),
            count,
            public: Vec::new(),
            labels: Vec::new(),
            soft: None,
        };
        if let Some((shape, Numbers::U8(public))) = array(&file("in"), "public") {
            assert_eq!(shape[1..], [height, width, channels], "{stem}");
            answer.public = public;
        }
        // Reference cases hold the labels beside the images, authors' cases in a file of their own.
        let labels = file("labels");
        if labels.exists() {
            answer.labels(array(&labels, "y"), array(&labels, "labels"));
        } else {
            answer.labels(array(&file("in"), "labels"), array(&file("out"), "soft_labels"));
        }
        answer
    }

    fn labels(&mut self, classes: Option<(Vec<usize>, Numbers)>, soft: Option<(Vec<usize>, Numbers)>) {
        if let (Some((_, Numbers::I64(labels))), Some((shape, Numbers::F32(soft)))) = (classes, soft) {
            self.labels = labels.into_iter().map(|y| y as u32).collect();
            self.soft = Some((shape[1], soft));
        }
    }

    /// Applies and removes, and compares with `same`.
    fn check(
        &self,
        name: &str,
        scheme: &dyn Scheme,
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
        let gallery: Option<&dyn Gallery> = scheme.mixes().then_some(self as &dyn Gallery);
        let samples = Samples { gallery, ..samples };
        let outputs = self.count * scheme.encodings();
        let mut found = Pixels::zeros(output.dtype, outputs * output.shape.len());
        match &self.plain {
            Pixels::U8(plain) => disguise.apply(samples, plain, found.view_mut()).unwrap(),
            Pixels::F32(plain) => disguise.apply_floats(samples, plain, found.view_mut()).unwrap(),
        }
        let (found_values, expected) = (floats(&found), floats(&self.disguised));
        assert_eq!(found_values.len(), expected.len(), "{name}");
        for (place, (found, expected)) in found_values.into_iter().zip(expected).enumerate() {
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
        if let Some((classes, expected)) = &self.soft {
            let mut weights = vec![0.0; outputs * classes];
            disguise
                .soft_labels(samples, &self.labels, *classes, &mut weights)
                .unwrap();
            assert_eq!(weights.len(), expected.len(), "{name}");
            let all_same = weights.iter().zip(expected).all(|(a, b)| same(*a, *b));
            assert!(all_same, "{name}: soft labels {weights:?}, expected {expected:?}");
        }
        let mut back = vec![0; self.count * self.shape.len()];
        let removed = disguise.remove(samples, found.view(), &mut back);
        match (scheme.removal(), &self.plain) {
            (Removal::Never(_), _) => assert!(removed.is_err(), "{name}: removed what cannot be removed"),
            (Removal::Exact, Pixels::U8(plain)) => {
                removed.unwrap();
                assert!(
                    back == *plain,
                    "{name}: removing does not give the plain images back"
                );
            }
            (Removal::Close(levels), Pixels::U8(plain)) => {
                removed.unwrap();
                let worst = back.iter().zip(plain).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(
                    worst <= Some(levels),
                    "{name}: removing is off by {worst:?} levels"
                );
            }
            _ => removed.unwrap(),
        }
    }
}

impl Gallery for Answer {
    fn len(&self) -> usize {
        self.count
    }

    fn image(&self, place: usize) -> &[u8] {
        match &self.plain {
            Pixels::U8(plain) => &plain[place * self.shape.len()..][..self.shape.len()],
            Pixels::F32(_) => panic!("galleries hold bytes"),
        }
    }

    fn label(&self, place: usize) -> Option<u32> {
        self.labels.get(place).copied()
    }

    fn public_len(&self) -> usize {
        self.public.len() / self.shape.len()
    }

    fn public_image(&self, place: usize) -> &[u8] {
        &self.public[place * self.shape.len()..][..self.shape.len()]
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
            let same = |a: f32, b: f32| (a - b).abs() <= tolerance;
            answer.check(&stem, key.scheme(), &*disguise, samples, same);
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
        let same = |a: f32, b: f32| a.to_bits() == b.to_bits();
        answer.check(&stem, key.scheme(), &*disguise, samples, same);
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
        // Mixing schemes have soft labels beside their cases.
        let labels = list(&index)
            .iter()
            .map(|case| format!("{}.labels.npz", stem(prefix, case)));
        named.extend(labels.filter(|name| vectors().join(name).exists()));
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
