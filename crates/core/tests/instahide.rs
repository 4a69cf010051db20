//! InstaHide: the authors' answers with their soft labels, and what the paper says about
//! coefficients, partners and signs.

#[path = "instahide/explicit.rs"]
mod explicit;
mod support;

use std::collections::BTreeMap;
use support::{Album, floats, images, integers, json, list, material, params, text, vectors};
use visard_core::{Disguise, Error, Key, MasterSecret, Material, Pixels, Salt, SampleId, Samples, Shape};

const SCHEME: &str = "instahide";
const SALT: Salt = Salt([5; 16]);

fn try_key(set: &[(&str, &str)], shape: Shape, material: Option<Material>) -> Result<Key, Error> {
    let params: BTreeMap<String, String> = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Key::new(SCHEME, &params, Some(shape), MasterSecret::new([9; 32]), material)
}

fn disguise(set: &[(&str, &str)], shape: Shape) -> Box<dyn Disguise> {
    try_key(set, shape, None).unwrap().disguise(shape).unwrap()
}

fn apply(disguise: &dyn Disguise, samples: Samples<'_>, plain: &[u8], encodings: usize) -> Vec<f32> {
    let mut out = Pixels::zeros(
        disguise.output().dtype,
        samples.ids.len() * encodings * disguise.output().shape.len(),
    );
    disguise.apply(samples, plain, out.view_mut()).unwrap();
    match out {
        Pixels::F32(values) => values,
        Pixels::U8(_) => panic!("blends are floats"),
    }
}

fn with<'a>(ids: &'a [SampleId], album: &'a Album) -> Samples<'a> {
    Samples {
        gallery: Some(album),
        ..Samples::new(SALT, ids)
    }
}

/// Black images but for one white pixel each: the magnitude of pixel p of a blend, less what black
/// gives, is the weight of private image p.
fn pixels_of_identity(count: usize) -> Album {
    let mut private = vec![0; count * count];
    (0..count).for_each(|i| private[i * count + i] = 255);
    Album {
        len: count,
        private,
        public: vec![0; 3 * count],
        labels: (0..count as u32).collect(),
    }
}

/// The soft labels of all images of [`pixels_of_identity`]: row i holds the weights of the images
/// in the blend of image i, whose classes are their numbers.
fn weights_of(disguise: &dyn Disguise, samples: Samples<'_>, album: &Album, encodings: usize) -> Vec<f32> {
    let mut weights = vec![0.0; album.labels.len() * encodings * album.labels.len()];
    disguise
        .soft_labels(samples, &album.labels, album.labels.len(), &mut weights)
        .unwrap();
    weights
}

#[test]
fn the_authors_pixels_and_soft_labels_come_out() {
    let index = json("index.json");
    let cases: Vec<_> = list(&index)
        .iter()
        .filter(|case| text(&case["scheme"]) == SCHEME)
        .collect();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let stem = format!("{SCHEME}/{}", text(&case["case"]));
        let file = |part: &str| vectors().join(format!("{stem}.{part}.npz"));
        let ([count, height, width, channels], Pixels::U8(plain)) = images(&file("in")) else {
            panic!("{stem}: plain images must be bytes");
        };
        let (_, Pixels::F32(expected)) = images(&file("out")) else {
            panic!("{stem}: blends must be floats");
        };
        let shape = Shape::new(height, width, channels);
        let classes = integers(&file("labels"), "y").unwrap();
        let album = Album {
            len: shape.len(),
            private: plain.clone(),
            labels: classes
                .into_iter()
                .map(|class| class.try_into().unwrap())
                .collect(),
            ..Album::default()
        };
        let secret = MasterSecret::new([1; 32]);
        let arrays = material(&file("material"));
        let key = Key::new(
            SCHEME,
            &params(&case["params"]),
            Some(shape),
            secret,
            Some(arrays),
        )
        .unwrap();
        let disguise = key.disguise(shape).unwrap();
        let ids = SampleId::numbered("train", 0, count);
        let found = apply(&*disguise, with(&ids, &album), &plain, 1);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-5, "{stem}: {found} {expected}");
        }
        let expected = floats(&file("labels"), "labels").unwrap();
        let mut weights = vec![9.0; expected.len()];
        disguise
            .soft_labels(with(&ids, &album), &album.labels, 10, &mut weights)
            .unwrap();
        for (found, expected) in weights.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-6, "{stem}: {found} {expected}");
        }
        // A later batch takes the arrays of its own images.
        let last = Samples {
            first: count as u64 - 1,
            ..with(&ids[count - 1..], &album)
        };
        let alone = apply(&*disguise, last, &plain[(count - 1) * shape.len()..], 1);
        assert_eq!(alone, found[(count - 1) * shape.len()..], "{stem}");
        let beyond = Samples {
            first: 1,
            ..with(&ids, &album)
        };
        let mut out = vec![0.0; plain.len()];
        let refused = disguise.apply(beyond, &plain, visard_core::PixelsMut::F32(&mut out));
        assert!(matches!(refused, Err(Error::Material { .. })), "{stem}");
    }
}

/// Over all blends, every image has k coefficients of which one is its own: each partner slot uses it once.
#[test]
fn every_image_is_used_once_per_partner_slot() {
    let (count, k) = (97, 4);
    let album = pixels_of_identity(count);
    let shape = Shape::new(1, count, 1);
    let disguise = disguise(&[("norm", "half"), ("k", "4"), ("c1", "1")], shape);
    let ids = SampleId::numbered("train", 0, count);
    let weights = weights_of(&*disguise, with(&ids, &album), &album, 1);
    let mut fixed = 0;
    let mut used = vec![0; count];
    for (i, row) in weights.chunks_exact(count).enumerate() {
        let members = row.iter().filter(|weight| **weight > 0.0).count();
        assert!(row[i] > 0.0 && members <= k);
        // An image that is its own partner, or twice the same partner, leaves fewer members.
        fixed += k - members;
        for (used, weight) in used.iter_mut().zip(row) {
            *used += i32::from(*weight > 0.0);
        }
    }
    assert!(
        fixed < 25,
        "{fixed} coinciding partners are too many for permutations"
    );
    let total: i32 = used.iter().sum();
    assert_eq!(total, (count * k - fixed) as i32);
    assert!(used.iter().all(|used| *used <= k as i32));
    assert!(used.iter().filter(|used| **used == k as i32).count() > count / 2);
}

#[test]
fn blends_are_the_weighted_sums_that_the_labels_tell() {
    let count = 60;
    let album = pixels_of_identity(count);
    let shape = Shape::new(1, count, 1);
    for (set, encodings) in [
        (&[("norm", "half")][..], 1),
        (&[("norm", "half"), ("k", "7"), ("encodings", "3")], 3),
        (&[("norm", "half"), ("k", "6"), ("cross", "true")], 1),
    ] {
        let disguise = disguise(set, shape);
        let ids = SampleId::numbered("train", 0, count);
        let samples = with(&ids, &album);
        let blends = apply(&*disguise, samples, &album.private, encodings);
        let weights = weights_of(&*disguise, samples, &album, encodings);
        for (blend, weight) in blends.iter().zip(&weights) {
            // White is 1 and black is -1 here, and all coefficients sum to 1.
            assert!((blend.abs() - (2.0 * weight - 1.0).abs()).abs() < 1e-5);
        }
    }
}

#[test]
fn coefficients_keep_their_bounds() {
    let count = 400;
    let album = pixels_of_identity(count);
    let shape = Shape::new(1, count, 1);
    let ids = SampleId::numbered("train", 0, count);
    for (set, largest) in [
        (vec![], 0.65f32),
        (vec![("k", "2"), ("c1", "0.55")], 0.55),
        (vec![("k", "3"), ("c1", "0.4")], 0.4),
    ] {
        let disguise = disguise(&set, shape);
        let weights = weights_of(&*disguise, with(&ids, &album), &album, 1);
        let mut near = 0f32;
        for row in weights.chunks_exact(count) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            // The labels add the coefficients of a partner that coincides with the image or another one.
            let members = row.iter().filter(|weight| **weight > 0.0).count();
            let k = set
                .iter()
                .find(|(name, _)| *name == "k")
                .map_or(4, |(_, k)| k.parse().unwrap());
            if members == k {
                let top = row.iter().copied().fold(0.0, f32::max);
                assert!(top <= largest + 1e-6, "{set:?}: {top}");
                near = near.max(top);
            }
        }
        assert!(near > 0.9 * largest, "{set:?}: {near} never comes near the bound");
    }
    // Two private images: their labels sum to the first two coefficients.
    for (set, least) in [
        (vec![("k", "6"), ("cross", "true")], 0.3f32),
        (vec![("k", "6"), ("cross", "true"), ("c2", "0.7")], 0.7),
    ] {
        let disguise = disguise(&set, shape);
        let weights = weights_of(&*disguise, with(&ids, &album), &album, 1);
        let sums: Vec<f32> = weights.chunks_exact(count).map(|row| row.iter().sum()).collect();
        assert!(sums.iter().all(|sum| (least - 1e-6..=1.0).contains(sum)));
        assert!(sums.iter().any(|sum| *sum < least + 0.1) && sums.iter().any(|sum| *sum > 0.9));
    }
}

/// Share of values of which the signs agree.
fn agreement(a: &[f32], b: &[f32]) -> f64 {
    let same = a
        .iter()
        .zip(b)
        .filter(|(a, b)| a.is_sign_negative() == b.is_sign_negative());
    same.count() as f64 / a.len() as f64
}

#[test]
fn signs_are_fair_and_fresh_for_each_image_encoding_and_salt() {
    let shape = Shape::new(64, 64, 1);
    let disguise = disguise(&[("k", "1"), ("encodings", "2"), ("norm", "half")], shape);
    // White images, so that every sign of the output is a drawn one.
    let plain = vec![255; 2 * shape.len()];
    let ids = SampleId::numbered("train", 0, 2);
    let first = apply(&*disguise, Samples::new(SALT, &ids), &plain, 2);
    let second = apply(&*disguise, Samples::new(Salt([6; 16]), &ids), &plain, 2);
    let masks: Vec<&[f32]> = [&first, &second]
        .iter()
        .flat_map(|out| out.chunks_exact(shape.len()))
        .collect();
    assert_eq!(masks.len(), 8);
    for (i, mask) in masks.iter().enumerate() {
        assert!(mask.iter().all(|value| value.abs() == 1.0));
        // 4,096 fair coins: 0.0078 is one standard deviation.
        let negative = mask.iter().filter(|value| **value < 0.0).count() as f64 / 4096.0;
        assert!((negative - 0.5).abs() < 0.04, "{negative}");
        let neighbours = agreement(&mask[1..], &mask[..4095]);
        assert!((neighbours - 0.5).abs() < 0.04, "{neighbours}");
        for other in &masks[..i] {
            let same = agreement(mask, other);
            assert!((same - 0.5).abs() < 0.04, "{same}");
        }
    }
}

#[test]
fn encodings_follow_each_other_and_keep_their_numbers() {
    let count = 20;
    let album = pixels_of_identity(count);
    let shape = Shape::new(1, count, 1);
    let ids = SampleId::numbered("train", 0, count);
    let samples = with(&ids, &album);
    let make = |encodings: &str| disguise(&[("encodings", encodings)], shape);
    let (one, three) = (make("1"), make("3"));
    let single = apply(&*one, samples, &album.private, 1);
    let triple = apply(&*three, samples, &album.private, 3);
    let labels = weights_of(&*one, samples, &album, 1);
    let triple_labels = weights_of(&*three, samples, &album, 3);
    for i in 0..count {
        let of = |values: &[f32], at: usize| values[at * count..][..count].to_vec();
        assert_eq!(of(&single, i), of(&triple, 3 * i));
        assert_eq!(of(&labels, i), of(&triple_labels, 3 * i));
        let magnitudes = |at| of(&triple, at).into_iter().map(f32::abs).collect::<Vec<_>>();
        assert_ne!(magnitudes(3 * i), magnitudes(3 * i + 1));
        assert_ne!(magnitudes(3 * i + 1), magnitudes(3 * i + 2));
        // Every encoding is one of sample i.
        assert!((0..3).all(|e| of(&triple_labels, 3 * i + e)[i] > 0.0));
    }
}

#[test]
fn batches_splits_and_salts_choose_partners_by_place() {
    let count = 50;
    let album = pixels_of_identity(count);
    let shape = Shape::new(1, count, 1);
    let disguise = disguise(&[("k", "3"), ("encodings", "2")], shape);
    let ids = SampleId::numbered("train", 0, count);
    let whole = apply(&*disguise, with(&ids, &album), &album.private, 2);
    let mut parts = Vec::new();
    for (first, end) in [(0, 1), (1, 18), (18, 50)] {
        let samples = Samples {
            first: first as u64,
            ..with(&ids[first..end], &album)
        };
        parts.extend(apply(
            &*disguise,
            samples,
            &album.private[first * count..end * count],
            2,
        ));
    }
    assert_eq!(parts, whole);
    let members = |samples: Samples<'_>| -> Vec<bool> {
        let weights = weights_of(&*disguise, samples, &album, 2);
        weights.into_iter().map(|weight| weight > 0.0).collect()
    };
    let here = members(with(&ids, &album));
    let split = Samples {
        split: 1,
        ..with(&ids, &album)
    };
    let salt = Samples {
        salt: Salt([8; 16]),
        ..with(&ids, &album)
    };
    assert_ne!(here, members(split));
    assert_ne!(here, members(salt));
    assert_ne!(members(split), members(salt));
}

#[test]
fn grey_images_of_odd_sizes_are_blended() {
    for shape in [Shape::new(1, 1, 1), Shape::new(28, 28, 1), Shape::new(7, 5, 1)] {
        let private: Vec<u8> = (0..6 * shape.len()).map(|i| (i * 29) as u8).collect();
        let album = Album {
            len: shape.len(),
            private: private.clone(),
            ..Album::default()
        };
        let disguise = disguise(&[], shape);
        let ids = SampleId::numbered("train", 0, 6);
        let out = apply(&*disguise, with(&ids, &album), &private, 1);
        let (low, high) = disguise.output().range;
        assert!(out.iter().all(|value| (low..=high).contains(value)));
        // One less the mean of the three means, over the mean of the three deviations.
        assert!((high - 2.6214).abs() < 1e-3, "{high}");
    }
}

#[test]
fn impossible_bounds_and_galleries_are_refused() {
    let shape = Shape::new(2, 2, 1);
    for (set, name) in [
        (vec![("k", "4"), ("c1", "0.2")], "c1"),
        (
            vec![("k", "4"), ("c1", "0.3"), ("c2", "0.7"), ("cross", "true")],
            "c2",
        ),
        (vec![("k", "4"), ("c2", "1"), ("cross", "true")], "c2"),
    ] {
        let error = try_key(&set, shape, None).unwrap_err();
        assert!(
            matches!(&error, Error::Parameter { name: found, .. } if found == name),
            "{error}"
        );
    }
    assert!(try_key(&[("k", "1"), ("c1", "0.2")], shape, None).is_ok());
    let ids = SampleId::numbered("train", 0, 1);
    let refuse = |set: &[(&str, &str)], album: Option<&Album>, part: &str| {
        let mut samples = Samples::new(SALT, &ids);
        samples.gallery = album.map(|album| album as &dyn visard_core::Gallery);
        let mut out = Pixels::zeros(visard_core::Dtype::F32, 4);
        let error = disguise(set, shape)
            .apply(samples, &[0; 4], out.view_mut())
            .unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    let empty = Album {
        len: 4,
        ..Album::default()
    };
    let private = Album {
        private: vec![0; 8],
        ..empty.clone()
    };
    let wrong = Album {
        len: 3,
        private: vec![0; 6],
        ..Album::default()
    };
    refuse(&[], None, "gallery");
    refuse(&[], Some(&empty), "0 private");
    refuse(&[("cross", "true")], Some(&private), "0 public");
    refuse(&[], Some(&wrong), "3 values");
    let mut weights = [0.0; 2];
    let error = disguise(&[], shape).soft_labels(with(&ids, &private), &[0], 2, &mut weights);
    assert!(error.unwrap_err().to_string().contains("label"));
    let labelled = Album {
        labels: vec![0, 7],
        ..private
    };
    let error = disguise(&[], shape).soft_labels(with(&ids, &labelled), &[9], 2, &mut weights);
    assert!(error.unwrap_err().to_string().contains("class 9"));
}
