//! One suite that every registered scheme passes: purity, round trip, independence of order and
//! threads, key separation, and statistics that a disguise without effect would fail.

use proptest::prelude::*;
use std::collections::BTreeMap;
use visard_core::{
    Disguise, Key, MasterSecret, Pixels, Removal, Salt, SampleId, Samples, Shape, params::Kind, schemes,
};

const SALT: Salt = Salt([5; 16]);

fn key(scheme: &str, set: &[(&str, &str)], shape: Shape, secret: u8) -> Key {
    let params = set
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect::<BTreeMap<_, _>>();
    Key::new(
        scheme,
        &params,
        Some(shape),
        MasterSecret::new([secret; 32]),
        None,
    )
    .unwrap()
}

fn image(shape: Shape, count: usize) -> Vec<u8> {
    (0..shape.len() * count)
        .map(|i| ((i * i) >> 3).wrapping_add(i * 7) as u8)
        .collect()
}

fn apply(disguise: &dyn Disguise, ids: &[SampleId], plain: &[u8]) -> Pixels {
    let output = disguise.output();
    let mut out = Pixels::zeros(output.dtype, output.shape.len() * ids.len());
    let samples = Samples::new(SALT, ids);
    disguise.apply(samples, plain, out.view_mut()).unwrap();
    out
}

fn remove(disguise: &dyn Disguise, ids: &[SampleId], disguised: &Pixels) -> Vec<u8> {
    let mut plain = vec![0; disguise.input().len() * ids.len()];
    let samples = Samples::new(SALT, ids);
    disguise.remove(samples, disguised.view(), &mut plain).unwrap();
    plain
}

/// Values of image `index` in batch order, as floats.
fn nth(pixels: &Pixels, len: usize, index: usize) -> Vec<f32> {
    match pixels {
        Pixels::U8(v) => v[index * len..][..len].iter().map(|x| f32::from(*x)).collect(),
        Pixels::F32(v) => v[index * len..][..len].to_vec(),
    }
}

/// Parameter settings to try: the defaults, and both ends and all words of every parameter.
fn settings(info: &visard_core::SchemeInfo) -> Vec<Vec<(&'static str, String)>> {
    let mut all = vec![vec![]];
    for spec in info.params {
        let values = match spec.kind {
            Kind::Int { min, max } => vec![min, max.min(min + 7), 5, 8]
                .into_iter()
                .map(|v| v.to_string())
                .collect(),
            Kind::Float { min, max } => vec![min.max(500.0).min(max).to_string(), max.to_string()],
            Kind::Bool => vec!["true".into(), "false".into()],
            Kind::Choice(words) => words.iter().map(|w| w.to_string()).collect::<Vec<_>>(),
        };
        all.extend(values.into_iter().map(|v| vec![(spec.name, v)]));
    }
    all
}

fn for_all(mut check: impl FnMut(&'static str, &[(&str, &str)], Shape)) {
    for info in schemes::ALL {
        for setting in settings(info) {
            let set: Vec<(&str, &str)> = setting.iter().map(|(k, v)| (*k, v.as_str())).collect();
            for shape in [
                Shape::new(8, 12, 1),
                Shape::new(16, 8, 3),
                Shape::new(5, 7, 2),
                Shape::new(9, 6, 3),
            ] {
                check(info.name, &set, shape);
            }
        }
    }
}

#[test]
fn what_is_applied_can_be_removed() {
    for_all(|scheme, set, shape| {
        if schemes::find(scheme).unwrap().removal != Removal::Exact {
            return;
        }
        let disguise = key(scheme, set, shape, 1).disguise(shape).unwrap();
        let (ids, plain) = (SampleId::numbered("t", 0, 3), image(shape, 3));
        let back = remove(&*disguise, &ids, &apply(&*disguise, &ids, &plain));
        assert_eq!(back, plain, "{scheme} {set:?} {shape}");
    });
}

#[test]
fn a_sample_does_not_depend_on_its_batch_order_or_threads() {
    for_all(|scheme, set, shape| {
        let disguise = key(scheme, set, shape, 1).disguise(shape).unwrap();
        let len = disguise.output().shape.len();
        let count = 70;
        let (ids, plain) = (SampleId::numbered("t", 0, count), image(shape, count));
        let whole = apply(&*disguise, &ids, &plain);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| apply(&*disguise, &ids, &plain)), whole);
        for index in [0, 37, 69] {
            let alone = apply(
                &*disguise,
                &ids[index..=index],
                &plain[index * shape.len()..][..shape.len()],
            );
            assert_eq!(
                nth(&alone, len, 0),
                nth(&whole, len, index),
                "{scheme} {set:?} {shape}"
            );
        }
    });
}

#[test]
fn the_same_key_gives_the_same_and_another_key_another_disguise() {
    for_all(|scheme, set, shape| {
        let (ids, plain) = (SampleId::numbered("t", 0, 1), image(shape, 1));
        let make = |secret: u8| {
            apply(
                &*key(scheme, set, shape, secret).disguise(shape).unwrap(),
                &ids,
                &plain,
            )
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2), "{scheme} {set:?} {shape}");
    });
}

#[test]
fn a_wrong_key_does_not_give_the_image_back() {
    for info in schemes::ALL {
        let shape = Shape::new(28, 28, 1);
        let (ids, plain) = (SampleId::numbered("t", 0, 1), image(shape, 1));
        let disguised = apply(
            &*key(info.name, &[], shape, 1).disguise(shape).unwrap(),
            &ids,
            &plain,
        );
        let wrong = remove(
            &*key(info.name, &[], shape, 2).disguise(shape).unwrap(),
            &ids,
            &disguised,
        );
        let same = wrong.iter().zip(&plain).filter(|(a, b)| a == b).count();
        assert!(
            same < plain.len() / 10,
            "{}: {same} of {} pixels came back",
            info.name,
            plain.len()
        );
    }
}

#[test]
fn the_range_holds_and_quantised_storage_keeps_its_stated_error() {
    for_all(|scheme, set, shape| {
        let disguise = key(scheme, set, shape, 3).disguise(shape).unwrap();
        let extremes: Vec<u8> = (0..shape.len() * 4)
            .map(|i| if i % 3 == 0 { 0 } else { 255 })
            .collect();
        let (low, high) = disguise.output().range;
        for plain in [image(shape, 4), extremes] {
            let out = apply(&*disguise, &SampleId::numbered("t", 0, 4), &plain);
            let affine = visard_core::Affine::cover((low, high), 65_535);
            for index in 0..4 {
                for value in nth(&out, disguise.output().shape.len(), index) {
                    assert!(
                        (low..=high).contains(&value),
                        "{scheme} {set:?}: {value} is outside {low}..{high}"
                    );
                    assert!(
                        f64::from(affine.decode(affine.encode(value)) - value).abs()
                            <= affine.max_error() * 1.01 + 1e-3
                    );
                }
            }
        }
    });
}

#[test]
fn wrong_buffers_and_shapes_are_refused() {
    for info in schemes::ALL {
        let shape = Shape::new(8, 8, 1);
        let key = key(info.name, &[], shape, 1);
        assert!(key.disguise(Shape::new(8, 8, 3)).is_err());
        let disguise = key.disguise(shape).unwrap();
        let ids = SampleId::numbered("t", 0, 1);
        let samples = Samples::new(SALT, &ids);
        let mut out = Pixels::zeros(disguise.output().dtype, 64);
        assert!(disguise.apply(samples, &[0; 63], out.view_mut()).is_err());
        out.resize(63);
        assert!(disguise.apply(samples, &[0; 64], out.view_mut()).is_err());
        assert!(disguise.remove(samples, out.view(), &mut [0; 64]).is_err());
    }
}

#[test]
fn registry_entries_are_complete() {
    for info in schemes::ALL {
        for text in [
            info.title,
            info.paper,
            info.summary,
            info.broken_by,
            info.networks,
        ] {
            assert!(text.len() > 10, "{}: {text:?}", info.name);
        }
        assert!(info.params.iter().all(|p| p.help.len() > 10));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_size_block_and_image_round_trips(
        (height, width, channels) in (1usize..24, 1usize..24, 1usize..5),
        block in 1usize..12,
        secret: [u8; 32],
        seed: u64,
        which in 0..schemes::ALL.len(),
    ) {
        let info = schemes::ALL[which];
        prop_assume!(info.removal == Removal::Exact);
        let shape = Shape::new(height, width, channels);
        let params = BTreeMap::from([("block".to_string(), block.to_string())]);
        let key = Key::new(info.name, &params, Some(shape), MasterSecret::new(secret), None).unwrap();
        let disguise = key.disguise(shape).unwrap();
        let plain: Vec<u8> = (0..shape.len() as u64).map(|i| (seed.wrapping_mul(i + 1) >> 29) as u8).collect();
        let ids = [SampleId::of("x")];
        prop_assert_eq!(remove(&*disguise, &ids, &apply(&*disguise, &ids, &plain)), plain);
    }
}
