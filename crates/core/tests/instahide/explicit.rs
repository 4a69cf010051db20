//! Coefficients, partners, signs and statistics that are given instead of drawn.

use super::{Album, apply, disguise, try_key, with};
use std::collections::BTreeMap;
use visard_core::{Array, Error, Material, Pixels, SampleId, Shape, Values};

/// An array to put in or, if `None`, to leave out.
type Change<'a> = (&'a str, Option<(Vec<usize>, Values)>);

/// Draws for one image of two grey pixels and its statistics, with changes.
fn given(changes: &[Change<'_>]) -> Material {
    let mut arrays = BTreeMap::from([
        ("lams", (vec![1, 2], Values::F64(vec![0.75, 0.25]))),
        ("idx", (vec![1, 1], Values::I64(vec![1]))),
        ("sign", (vec![1, 1, 2, 1], Values::I64(vec![1, -1]))),
        ("mean", (vec![1], Values::F64(vec![0.5]))),
        ("std", (vec![1], Values::F64(vec![0.25]))),
    ]);
    for (name, change) in changes {
        match change {
            Some(array) => arrays.insert(name, array.clone()),
            None => arrays.remove(name),
        };
    }
    let mut material = Material::new();
    for (name, (shape, values)) in arrays {
        material.insert(name, Array { shape, values }).unwrap();
    }
    material
}

#[test]
fn explicit_draws_are_used_as_they_are() {
    let shape = Shape::new(1, 2, 1);
    let album = Album {
        len: 2,
        private: vec![255, 0, 0, 255],
        labels: vec![0, 1],
        ..Album::default()
    };
    let ids = SampleId::numbered("train", 0, 1);
    let run = |changes: &[Change<'_>]| {
        let disguise = try_key(&[], shape, Some(given(changes)))
            .unwrap()
            .disguise(shape)
            .unwrap();
        let out = apply(&*disguise, with(&ids, &album), &[255, 0], 1);
        let (low, high) = disguise.output().range;
        assert!(out.iter().all(|value| (low..=high).contains(value)));
        let mut weights = vec![0.0; 2];
        disguise
            .soft_labels(with(&ids, &album), &[0], 2, &mut weights)
            .unwrap();
        (out, weights)
    };
    let near = |(out, weights): (Vec<f32>, Vec<f32>), wanted: [f32; 2], labels: [f32; 2]| {
        assert!(
            out.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5),
            "{out:?}"
        );
        assert_eq!(weights, labels);
    };
    near(run(&[]), [1.0, 1.0], [0.75, 0.25]);
    // Coefficients that do not sum to 1 widen the range.
    let heavy = ("lams", Some((vec![1, 2], Values::F64(vec![3.0, -2.0]))));
    near(run(&[heavy]), [6.0 - -4.0, -(-6.0 + -4.0)], [3.0, -2.0]);
    // The partner is the public image, normalised by its own statistics.
    let public = [
        ("pub", Some((vec![2, 1, 2, 1], Values::U8(vec![9, 9, 0, 255])))),
        ("inside", Some((vec![1], Values::I64(vec![1])))),
        ("pub_mean", Some((vec![1], Values::F64(vec![0.0])))),
        ("pub_std", Some((vec![1], Values::F64(vec![0.5])))),
    ];
    near(run(&public), [1.5, 1.0], [0.75, 0.0]);
}

#[test]
fn wrong_material_is_refused() {
    let shape = Shape::new(1, 2, 1);
    let reals = |values: &[f64]| Some((vec![1, values.len()], Values::F64(values.to_vec())));
    for (name, array) in [
        ("lams", None),
        ("idx", None),
        ("sign", None),
        ("lams", reals(&[0.5, 1e300])),
        ("idx", Some((vec![1, 1], Values::I64(vec![-1])))),
        ("idx", Some((vec![2, 1], Values::I64(vec![0, 1])))),
        ("sign", Some((vec![1, 1, 2, 1], Values::I64(vec![1, 0])))),
        ("sign", Some((vec![1, 2, 2, 1], Values::I64(vec![1; 4])))),
        ("std", Some((vec![1], Values::F64(vec![0.0])))),
        ("std", Some((vec![1], Values::F64(vec![1e-300])))),
        ("std", Some((vec![3], Values::F64(vec![0.5; 3])))),
        ("inside", Some((vec![], Values::I64(vec![3])))),
        ("inside", Some((vec![1], Values::I64(vec![0])))),
        ("pub", Some((vec![0, 1, 2, 1], Values::U8(vec![])))),
        ("pub", Some((vec![1, 1, 3, 1], Values::U8(vec![0; 3])))),
    ] {
        let error = try_key(&[], shape, Some(given(&[(name, array)]))).unwrap_err();
        assert!(
            matches!(&error, Error::Material { array, .. } if array == name),
            "{name}: {error}"
        );
    }
    let error = try_key(&[("encodings", "2")], shape, Some(given(&[]))).unwrap_err();
    assert!(
        matches!(&error, Error::Parameter { name, .. } if name == "encodings"),
        "{error}"
    );
    // A partner that is not there shows when the gallery is known.
    let far = given(&[("idx", Some((vec![1, 1], Values::I64(vec![7]))))]);
    let disguise = try_key(&[], shape, Some(far)).unwrap().disguise(shape).unwrap();
    let album = Album {
        len: 2,
        private: vec![0; 4],
        ..Album::default()
    };
    let ids = SampleId::numbered("train", 0, 1);
    let mut out = Pixels::zeros(visard_core::Dtype::F32, 2);
    let error = disguise.apply(with(&ids, &album), &[0; 2], out.view_mut());
    assert!(matches!(error, Err(Error::Material { array, .. }) if array == "idx"));
}

#[test]
fn statistics_alone_leave_everything_else_drawn() {
    let shape = Shape::new(1, 2, 1);
    let ids = SampleId::numbered("train", 0, 1);
    let album = Album {
        len: 2,
        private: vec![40, 200, 7, 90],
        ..Album::default()
    };
    let only = given(&[("lams", None), ("idx", None), ("sign", None)]);
    let scaled = try_key(&[], shape, Some(only)).unwrap().disguise(shape).unwrap();
    let half = disguise(&[("norm", "half")], shape);
    let scaled = apply(&*scaled, with(&ids, &album), &[40, 200], 1);
    let half = apply(&*half, with(&ids, &album), &[40, 200], 1);
    assert!(scaled.iter().zip(half).all(|(a, b)| (a - 2.0 * b).abs() < 1e-5));
}
