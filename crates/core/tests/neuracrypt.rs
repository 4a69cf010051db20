//! NeuraCrypt against its definition, written down once more in plain loops, and what is particular
//! to it: statistics of a batch, float images, explicit networks, and its speed.

#[path = "neuracrypt/definition.rs"]
mod definition;
mod support;

use definition::{Layer, Norm, Plain, value};
use std::{collections::BTreeMap, time::Instant};
use support::{images, material, vectors};
use visard_core::{
    Array, Disguise, Error, Grid, Key, MasterSecret, Material, Pixels, Salt, SampleId, Samples, Shape,
    Values, schedule::Schedule,
};

const SALT: Salt = Salt([9; 16]);

fn key(shape: Shape, set: &[(&str, &str)], material: Option<Material>) -> Result<Key, Error> {
    let params: BTreeMap<String, String> = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Key::new(
        "neuracrypt",
        &params,
        Some(shape),
        MasterSecret::new([3; 32]),
        material,
    )
}

fn samples(ids: &[SampleId], first: u64) -> Samples<'_> {
    Samples {
        first,
        ..Samples::new(SALT, ids)
    }
}

/// Tokens of whole images, as floats.
fn apply(disguise: &dyn Disguise, samples: Samples<'_>, plain: &[u8]) -> Vec<f32> {
    let mut out = Pixels::zeros(
        disguise.output().dtype,
        samples.ids.len() * disguise.output().shape.len(),
    );
    disguise.apply(samples, plain, out.view_mut()).unwrap();
    floats(out)
}

fn floats(pixels: Pixels) -> Vec<f32> {
    match pixels {
        Pixels::F32(values) => values,
        Pixels::U8(_) => panic!("tokens are floats"),
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn photo(shape: Shape, count: usize) -> Vec<u8> {
    (0..shape.len() * count)
        .map(|i| ((i * i) >> 4).wrapping_add(i * 5) as u8)
        .collect()
}

/// Puts tokens in the derived order of each image.
fn ordered(schedule: &Schedule, ids: &[SampleId], positions: usize, tokens: &[Vec<f32>]) -> Vec<f32> {
    let streams = schedule.image_streams("neuracrypt-order", SALT);
    let mut out = Vec::new();
    for (id, tokens) in ids.iter().zip(tokens.chunks_exact(positions)) {
        for patch in streams.sampler(*id, 0).permutation(positions) {
            out.extend_from_slice(&tokens[patch]);
        }
    }
    out
}

#[test]
fn a_secret_gives_the_bits_of_the_definition() {
    for (shape, patch, width, depth) in [
        (Shape::new(8, 12, 3), 4, 33, 2),
        (Shape::new(5, 7, 1), 3, 8, 1),
        (Shape::new(16, 16, 2), 16, 64, 3),
        (Shape::new(3, 2, 1), 1, 5, 0),
        (Shape::new(1, 9, 4), 4, 1, 1),
        (Shape::new(18, 20, 1), 1, 3, 1),
    ] {
        for statistics in ["fixed", "batch"] {
            let [patch_text, width_text, depth_text] = [patch, width, depth].map(|v: usize| v.to_string());
            let set = [
                ("patch", &patch_text[..]),
                ("width", &width_text),
                ("depth", &depth_text),
                ("statistics", statistics),
                ("batch", "3"),
            ];
            let key = key(shape, &set, None).unwrap();
            let (ids, photos) = (SampleId::numbered("train", 0, 7), photo(shape, 7));
            let found = apply(&*key.disguise(shape).unwrap(), samples(&ids, 0), &photos);

            let grid = Grid::new(shape, patch);
            let plain = Plain::derive(&key.schedule(), grid, width, depth as u64);
            let padded = plain.padded(&photos);
            let tokens: Vec<Vec<f32>> = if statistics == "fixed" {
                let mut norms = Vec::new();
                plain.tokens(&plain.calibration(&key.schedule()), &mut norms);
                plain.tokens(&padded, &mut norms)
            } else {
                let batches = padded.chunks(3);
                batches
                    .flat_map(|batch| plain.tokens(batch, &mut Vec::new()))
                    .collect()
            };
            let wanted = ordered(&key.schedule(), &ids, grid.positions(), &tokens);
            assert!(wanted.iter().all(|v| v.is_finite()));
            assert_eq!(bits(&found), bits(&wanted), "{shape} {set:?}");
        }
    }
}

fn tiny() -> (Shape, Vec<f32>, Vec<f32>, Material) {
    let file = |part: &str| vectors().join(format!("neuracrypt/tiny.{part}.npz"));
    let ([_, height, width, channels], plain) = images(&file("in"));
    let (_, tokens) = images(&file("out"));
    let material = material(&file("material"));
    (
        Shape::new(height, width, channels),
        floats(plain),
        floats(tokens),
        material,
    )
}

fn apply_floats(key: &Key, first: u64, plain: &[f32]) -> Result<Vec<f32>, Error> {
    let disguise = key.disguise(key.shape().unwrap()).unwrap();
    let ids = SampleId::numbered("train", 0, plain.len() / disguise.input().len());
    let mut out = vec![0.0; ids.len() * disguise.output().shape.len()];
    let room = visard_core::PixelsMut::F32(&mut out);
    disguise.apply_floats(samples(&ids, first), plain, room)?;
    Ok(out)
}

#[test]
fn explicit_networks_infer_their_parameters_and_normalise_the_batch() {
    let (shape, plain, tokens, material) = tiny();
    let key = key(shape, &[], Some(material)).unwrap();
    assert_eq!(
        key.scheme().params().to_string(),
        "batch=128 depth=2 patch=4 statistics=batch width=6"
    );
    assert_eq!(key.scheme().together(), 128);
    let found = apply_floats(&key, 0, &plain).unwrap();
    for (found, wanted) in found.iter().zip(&tokens) {
        assert!((found - wanted).abs() <= 1e-5, "{found} {wanted}");
    }
    // Alone, an image has other statistics.
    let alone = apply_floats(&key, 0, &plain[..shape.len()]).unwrap();
    let apart = alone.iter().zip(&tokens).map(|(a, b)| (a - b).abs());
    assert!(apart.fold(0.0, f32::max) > 0.01);
    // The second image is the second one wherever the batch starts, and there is no third.
    assert!(apply_floats(&key, 1, &plain[shape.len()..]).is_ok());
    for first in [2, u64::MAX] {
        let refused = apply_floats(&key, first, &plain[..shape.len()]).unwrap_err();
        assert!(
            refused.to_string().contains("patch_perm: holds 2 images"),
            "{refused}"
        );
    }
}

fn reals(shape: &[usize], values: Vec<f64>) -> Array {
    Array {
        shape: shape.to_vec(),
        values: Values::F64(values),
    }
}

/// The arrays of `tiny`, some left out and some added.
fn changed(without: &[&str], with: Vec<(&str, Array)>) -> Material {
    let mut changed = Material::new();
    for (name, array) in tiny().3.iter().filter(|(name, _)| !without.contains(name)) {
        changed.insert(name, array.clone()).unwrap();
    }
    for (name, array) in with {
        changed.insert(name, array).unwrap();
    }
    changed
}

#[test]
fn explicit_statistics_are_taken_as_they_are() {
    let (shape, plain, _, _) = tiny();
    let mean: Vec<f64> = (0..12).map(|i| f64::from(i) / 10.0 - 0.4).collect();
    let variance: Vec<f64> = (0..12).map(|i| f64::from(i) / 7.0).collect();
    let arrays = |name| tiny().3.get(name).unwrap().clone();
    let array = |name| match arrays(name).values {
        Values::F64(v) => v.iter().map(|v| *v as f32).collect::<Vec<f32>>(),
        _ => panic!("{name} holds reals"),
    };
    let lines = array("lin_w").chunks(36).map(Vec::from).collect::<Vec<_>>();
    let biases = array("lin_b").chunks(6).map(Vec::from).collect::<Vec<_>>();
    let definition = Plain {
        grid: Grid::new(shape, 4),
        width: 6,
        patch: Layer(array("conv_w"), array("conv_b")),
        layers: lines.into_iter().zip(biases).map(|(w, b)| Layer(w, b)).collect(),
        places: array("pos"),
        mix: Layer(array("mix_w"), array("mix_b")),
    };
    let norm = |layer: usize| -> Norm {
        let at = layer * 6..layer * 6 + 6;
        let pairs = mean[at.clone()].iter().zip(&variance[at]);
        let spread = |v: &f64| (v + 1e-5).sqrt();
        pairs
            .map(|(m, v)| ((1.0 / spread(v)) as f32, (-m / spread(v)) as f32))
            .unzip()
    };
    let images: Vec<Vec<f32>> = plain.chunks(shape.len()).map(Vec::from).collect();
    let wanted = definition.tokens(&images, &mut vec![norm(0), norm(1)]);

    let order = [2usize, 0, 3, 1];
    let one_order = Array {
        shape: vec![4],
        values: Values::I64(order.iter().map(|i| *i as i64).collect()),
    };
    let given = changed(
        &["patch_perm"],
        vec![
            ("bn_mean", reals(&[2, 6], mean.clone())),
            ("bn_var", reals(&[2, 6], variance.clone())),
            ("patch_perm", one_order),
        ],
    );
    let key = key(shape, &[], Some(given)).unwrap();
    assert_eq!(key.scheme().together(), 1);
    let found = apply_floats(&key, 700, &plain).unwrap();
    let tokens = (0..2).flat_map(|image| order.map(|patch| &wanted[image * 4 + patch]));
    assert_eq!(
        bits(&found),
        bits(&tokens.flatten().copied().collect::<Vec<f32>>())
    );
}

#[test]
fn networks_that_do_not_fit_are_refused_with_the_reason() {
    let shape = tiny().0;
    let zeros = |shape: &[usize]| reals(shape, vec![0.0; shape.iter().product()]);
    let order = |shape: &[usize], places: &[i64]| Array {
        shape: shape.to_vec(),
        values: Values::I64(places.to_vec()),
    };
    type Case = (Material, &'static [(&'static str, &'static str)], &'static str);
    let cases: Vec<Case> = vec![
        (changed(&["pos"], vec![]), &[], "pos: missing; conv_w"),
        (changed(&["patch_perm"], vec![]), &[], "patch_perm: missing"),
        (changed(&["lin_w"], vec![]), &[("depth", "2")], "lin_w: missing"),
        (
            changed(&[], vec![("bn_var", zeros(&[2, 6]))]),
            &[],
            "bn_mean: missing",
        ),
        (
            changed(&[], vec![("bn_mean", zeros(&[2, 6])), ("bn_var", zeros(&[2, 5]))]),
            &[],
            "bn_var: has the shape [2, 5]",
        ),
        (
            changed(
                &[],
                vec![
                    ("bn_mean", zeros(&[2, 6])),
                    ("bn_var", reals(&[2, 6], vec![-1.0; 12])),
                ],
            ),
            &[],
            "below 0",
        ),
        (
            changed(&[], vec![("bn_mean", zeros(&[2, 6])), ("bn_var", zeros(&[2, 6]))]),
            &[("statistics", "batch")],
            "contradicts statistics=batch",
        ),
        (
            changed(&["mix_b"], vec![("mix_b", reals(&[6], vec![1e300; 6]))]),
            &[],
            "too large for a 32-bit float",
        ),
        (
            changed(
                &["patch_perm"],
                vec![("patch_perm", order(&[2, 4], &[0, 1, 2, 3, 0, 1, 2, 2]))],
            ),
            &[],
            "2 is out of range or repeated for image 1",
        ),
        (
            changed(
                &["patch_perm"],
                vec![("patch_perm", order(&[1, 4], &[0, 1, 2, 4]))],
            ),
            &[],
            "4 is out of range or repeated for image 0",
        ),
        (tiny().3, &[("patch", "2")], "conv_w: has the shape"),
    ];
    for (material, set, problem) in cases {
        let error = key(shape, set, Some(material)).unwrap_err().to_string();
        assert!(error.contains(problem), "{error:?} does not say {problem:?}");
    }
    let many = key(Shape::new(300, 300, 1), &[("patch", "1"), ("width", "1")], None);
    assert!(many.unwrap_err().to_string().contains("choose a larger patch"));
}

#[test]
fn floats_are_taken_for_what_bytes_stand_for_and_others_refused() {
    let shape = Shape::new(9, 6, 3);
    let key = key(shape, &[("patch", "4"), ("width", "16")], None).unwrap();
    let photos = photo(shape, 2);
    let from_floats = apply_floats(&key, 0, &photos.iter().map(|v| value(*v)).collect::<Vec<f32>>());
    let ids = SampleId::numbered("train", 0, 2);
    let from_bytes = apply(&*key.disguise(shape).unwrap(), samples(&ids, 0), &photos);
    assert_eq!(bits(&from_floats.unwrap()), bits(&from_bytes));
    for wrong in [-0.1, 1.5, f32::NAN, f32::INFINITY] {
        let mut image = vec![0.5; shape.len()];
        image[70] = wrong;
        let error = apply_floats(&key, 0, &image).unwrap_err().to_string();
        assert!(error.contains("0..=1"), "{error}");
    }
}

#[test]
fn nothing_comes_out_for_nothing_and_nothing_comes_back() {
    let shape = Shape::new(8, 8, 1);
    for statistics in ["fixed", "batch"] {
        let key = key(shape, &[("statistics", statistics), ("width", "8")], None).unwrap();
        let disguise = key.disguise(shape).unwrap();
        assert!(apply(&*disguise, samples(&[], 0), &[]).is_empty());
        let tokens = Pixels::zeros(disguise.output().dtype, 8);
        let ids = [SampleId::of("train/0")];
        let error = disguise.remove(samples(&ids, 0), tokens.view(), &mut [0; 64]);
        assert!(matches!(error, Err(Error::NotInvertible(_))));
    }
}

#[test]
fn every_image_has_its_own_order_and_every_run_another() {
    let shape = Shape::new(16, 16, 1);
    let key = key(shape, &[("patch", "2"), ("width", "4")], None).unwrap();
    let disguise = key.disguise(shape).unwrap();
    let ids = SampleId::numbered("train", 0, 2);
    let same = [photo(shape, 1), photo(shape, 1)].concat();
    let tokens = apply(&*disguise, samples(&ids, 0), &same);
    let other_run = Samples::new(Salt([1; 16]), &ids);
    let sorted = |tokens: &[f32]| {
        let mut tokens: Vec<Vec<u32>> = tokens.chunks_exact(4).map(bits).collect();
        tokens.sort();
        tokens
    };
    let (first, second) = tokens.split_at(tokens.len() / 2);
    let again = &apply(&*disguise, other_run, &same)[..first.len()];
    for other in [second, again] {
        assert_ne!(first, other);
        assert_eq!(sorted(first), sorted(other));
    }
}

/// `cargo test --release -p visard-core --test neuracrypt -- --ignored --nocapture`
#[test]
#[ignore = "prints speeds and takes a minute"]
fn speed() {
    for (shape, set, count) in [
        (Shape::new(32, 32, 3), &[][..], 1024),
        (Shape::new(32, 32, 3), &[("statistics", "batch")][..], 1024),
        (Shape::new(224, 224, 3), &[("width", "2048")][..], 16),
        (
            Shape::new(224, 224, 3),
            &[("width", "2048"), ("statistics", "batch")][..],
            16,
        ),
    ] {
        let start = Instant::now();
        let key = key(shape, set, None).unwrap();
        let made = start.elapsed().as_secs_f64();
        let (width, depth) = (
            key.scheme().params().int("width"),
            key.scheme().params().int("depth"),
        );
        let products = 768 * width + (depth + 1) * width * width;
        let disguise = key.disguise(shape).unwrap();
        let operations = (2 * products) as f64 * (count * disguise.output().shape.height) as f64;
        let (ids, photos) = (SampleId::numbered("train", 0, count), photo(shape, count));
        let mut out = Pixels::zeros(disguise.output().dtype, count * disguise.output().shape.len());
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let mut best = f64::MAX;
            for _ in 0..20 {
                let start = Instant::now();
                pool.install(|| disguise.apply(samples(&ids, 0), &photos, out.view_mut()))
                    .unwrap();
                best = best.min(start.elapsed().as_secs_f64());
            }
            println!(
                "{shape} {set:?}, key in {made:.2} s, {threads} threads: {:.1} GFLOP/s, {:.0} images/s",
                operations / best / 1e9,
                count as f64 / best
            );
        }
    }
}
