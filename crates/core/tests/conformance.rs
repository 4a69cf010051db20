//! One suite that every registered scheme passes: purity, round trip, independence of order and
//! threads, key separation, and statistics that a disguise without effect would fail.

mod support;

use proptest::prelude::*;
use std::{collections::BTreeMap, ops::Deref};
use support::Album;
use visard_core::{
    Disguise, Error, Key, MasterSecret, Pixels, Removal, Salt, SampleId, Samples, Shape, Storage,
    params::Kind, schemes,
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

/// Most images that a test disguises.
const MOST: usize = 70;

/// What mixing schemes blend the test images with: themselves, and their negatives as public images.
fn album(shape: Shape) -> Album {
    let private = image(shape, MOST);
    Album {
        len: shape.len(),
        public: private.iter().rev().map(|value| 255 - value).collect(),
        labels: (0..MOST as u32).map(|place| place % 3).collect(),
        private,
    }
}

/// A key with its disguise prepared.
struct Subject {
    key: Key,
    disguise: Box<dyn Disguise>,
}

impl Deref for Subject {
    type Target = dyn Disguise;

    fn deref(&self) -> &Self::Target {
        &*self.disguise
    }
}

impl Subject {
    fn new(scheme: &str, set: &[(&str, &str)], shape: Shape, secret: u8) -> Self {
        Self::of(key(scheme, set, shape, secret), shape)
    }

    fn of(key: Key, shape: Shape) -> Self {
        let disguise = key.disguise(shape).unwrap();
        Self { key, disguise }
    }

    /// Values that a plain image becomes, all encodings together.
    fn values(&self) -> usize {
        self.output().shape.len() * self.key.scheme().encodings()
    }
}

/// Samples of which the first has place `first` in its split.
fn samples<'a>(first: usize, ids: &'a [SampleId], album: &'a Album) -> Samples<'a> {
    Samples {
        first: first as u64,
        gallery: Some(album),
        ..Samples::new(SALT, ids)
    }
}

fn apply_from(first: usize, disguise: &Subject, ids: &[SampleId], plain: &[u8]) -> Pixels {
    let album = album(disguise.input());
    let mut out = Pixels::zeros(disguise.output().dtype, disguise.values() * ids.len());
    disguise
        .apply(samples(first, ids, &album), plain, out.view_mut())
        .unwrap();
    out
}

fn apply(disguise: &Subject, ids: &[SampleId], plain: &[u8]) -> Pixels {
    apply_from(0, disguise, ids, plain)
}

fn remove(disguise: &Subject, ids: &[SampleId], disguised: &Pixels) -> Result<Vec<u8>, Error> {
    let mut plain = vec![0; disguise.input().len() * ids.len()];
    let album = album(disguise.input());
    disguise.remove(samples(0, ids, &album), disguised.view(), &mut plain)?;
    Ok(plain)
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

/// Whether the scheme takes images of this shape; grey and RGB ones every scheme must take.
fn takes(scheme: &str, set: &[(&str, &str)], shape: Shape) -> bool {
    let params = set
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect::<BTreeMap<_, _>>();
    let made = Key::new(scheme, &params, Some(shape), MasterSecret::new([0; 32]), None);
    assert!(
        made.is_ok() || shape.channels == 2,
        "{scheme} {set:?} {shape}: {made:?}"
    );
    made.is_ok()
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
                if takes(info.name, &set, shape) {
                    check(info.name, &set, shape);
                }
            }
        }
    }
}

#[test]
fn what_is_applied_can_be_removed() {
    for_all(|scheme, set, shape| {
        let disguise = Subject::new(scheme, set, shape, 1);
        let (ids, plain) = (SampleId::numbered("t", 0, 3), image(shape, 3));
        let back = remove(&disguise, &ids, &apply(&disguise, &ids, &plain));
        match disguise.key.scheme().removal() {
            Removal::Exact => assert_eq!(back.unwrap(), plain, "{scheme} {set:?} {shape}"),
            Removal::Close(levels) => {
                let back = back.unwrap();
                let worst = back.iter().zip(&plain).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(worst <= Some(levels), "{scheme} {set:?} {shape}: {worst:?}");
            }
            Removal::Approximate(_) => assert!(back.is_ok(), "{scheme} {set:?} {shape}"),
            Removal::Never(_) => assert!(
                matches!(back, Err(Error::NotInvertible(_))),
                "{scheme} {set:?} {shape}"
            ),
        }
    });
}

#[test]
fn a_sample_does_not_depend_on_its_batch_order_or_threads() {
    for_all(|scheme, set, shape| {
        let disguise = Subject::new(scheme, set, shape, 1);
        let len = disguise.values();
        let (ids, plain) = (SampleId::numbered("t", 0, MOST), image(shape, MOST));
        let whole = apply(&disguise, &ids, &plain);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| apply(&disguise, &ids, &plain)), whole);
        if disguise.key.scheme().together() > 1 {
            return;
        }
        for index in [0, 37, 69] {
            let alone = apply_from(
                index,
                &disguise,
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
        let make = |secret: u8| apply(&Subject::new(scheme, set, shape, secret), &ids, &plain);
        assert_eq!(make(1), make(1));
        // The smallest blocks have few keys, so that two may be the same.
        assert!(
            (2..10).any(|secret| make(secret) != make(1)),
            "{scheme} {set:?} {shape}"
        );
    });
}

#[test]
fn a_wrong_key_does_not_give_the_image_back() {
    for info in schemes::ALL {
        let shape = Shape::new(28, 28, 1);
        let (ids, plain) = (SampleId::numbered("t", 0, 1), image(shape, 1));
        let disguised = apply(&Subject::new(info.name, &[], shape, 1), &ids, &plain);
        let Ok(wrong) = remove(&Subject::new(info.name, &[], shape, 2), &ids, &disguised) else {
            // What the right key cannot do either.
            assert!(matches!(info.removal, Removal::Never(_)), "{}", info.name);
            continue;
        };
        // Single values may come back by chance: half of them where all that a scheme does is to invert.
        let runs = wrong.chunks(16).zip(plain.chunks(16));
        let (same, all) = (runs.clone().filter(|(a, b)| a == b).count(), runs.count());
        assert!(
            same < all / 10,
            "{}: {same} of {all} runs of 16 values came back",
            info.name
        );
    }
}

#[test]
fn the_range_holds_and_quantised_storage_keeps_its_stated_error() {
    for_all(|scheme, set, shape| {
        if schemes::find(scheme).unwrap().storage == Storage::Tokens {
            return;
        }
        let disguise = Subject::new(scheme, set, shape, 3);
        let extremes: Vec<u8> = (0..shape.len() * 4)
            .map(|i| if i % 3 == 0 { 0 } else { 255 })
            .collect();
        let (low, high) = disguise.output().range;
        for plain in [image(shape, 4), extremes] {
            let out = apply(&disguise, &SampleId::numbered("t", 0, 4), &plain);
            let affine = visard_core::Affine::cover((low, high), 65_535);
            for index in 0..4 {
                for value in nth(&out, disguise.values(), index) {
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
        let disguise = Subject::new(info.name, &[], shape, 1);
        assert!(disguise.key.disguise(Shape::new(8, 8, 3)).is_err());
        let ids = SampleId::numbered("t", 0, 1);
        let album = album(shape);
        let samples = samples(0, &ids, &album);
        let values = disguise.values();
        let mut out = Pixels::zeros(disguise.output().dtype, values);
        assert!(disguise.apply(samples, &[0; 64], out.view_mut()).is_ok());
        assert!(disguise.apply(samples, &[0; 63], out.view_mut()).is_err());
        out.resize(values - 1);
        assert!(disguise.apply(samples, &[0; 64], out.view_mut()).is_err());
        assert!(disguise.remove(samples, out.view(), &mut [0; 64]).is_err());
    }
}

#[test]
fn mixing_schemes_ask_for_images_to_mix_with() {
    for info in schemes::ALL {
        let shape = Shape::new(8, 8, 1);
        let disguise = Subject::new(info.name, &[], shape, 1);
        let ids = SampleId::numbered("t", 0, 2);
        let mut out = Pixels::zeros(disguise.output().dtype, disguise.values() * 2);
        let bare = disguise.apply(Samples::new(SALT, &ids), &[0; 128], out.view_mut());
        let (album, mut weights) = (album(shape), vec![0.0; 3 * 2 * disguise.key.scheme().encodings()]);
        let labels = disguise.soft_labels(samples(0, &ids, &album), &[0, 2], 3, &mut weights);
        if disguise.key.scheme().mixes() {
            assert!(bare.unwrap_err().to_string().contains("gallery"), "{}", info.name);
            labels.unwrap();
            for row in weights.chunks_exact(3) {
                let sum: f32 = row.iter().sum();
                assert!(row.iter().all(|weight| *weight >= 0.0), "{}: {row:?}", info.name);
                assert!(sum > 0.0 && sum < 1.001, "{}: {row:?}", info.name);
            }
        } else {
            bare.unwrap();
            assert!(labels.is_err(), "{}", info.name);
        }
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
        let spec = info.params.iter().find(|p| p.name == "block");
        let set = |kind| match kind {
            Kind::Int { min, max } => block.clamp(min as usize, max as usize).to_string(),
            _ => block.to_string(),
        };
        let params = spec.map(|p| ("block".to_string(), set(p.kind))).into_iter().collect();
        let key = Key::new(info.name, &params, Some(shape), MasterSecret::new(secret), None).unwrap();
        let disguise = Subject::of(key, shape);
        let plain: Vec<u8> = (0..shape.len() as u64).map(|i| (seed.wrapping_mul(i + 1) >> 29) as u8).collect();
        let ids = [SampleId::of("x")];
        prop_assert_eq!(remove(&disguise, &ids, &apply(&disguise, &ids, &plain)).unwrap(), plain);
    }
}
