//! NeuraCrypt, matched with the help of networks that learned from other keys.

use std::{collections::BTreeMap, io::Read, path::PathBuf, time::Duration};
use visard_attacks::{Budget, Exposure, Outcome, Rng, Set, Target, Verdict, attacks};
use visard_core::{Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape, params::Params};

const SHAPE: Shape = Shape::new(28, 28, 1);

type Given<'a> = &'a [(&'a str, &'a str)];

fn texts(given: Given<'_>) -> BTreeMap<String, String> {
    let text = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    given.iter().map(text).collect()
}

/// The first garments.
fn garments(count: usize) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../data/fashion-mnist-12k/t10k-images-idx3-ubyte.gz");
    let mut bytes = vec![0; 16 + SHAPE.len() * count];
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_exact(&mut bytes)
        .unwrap();
    bytes.split_off(16)
}

/// Images under a key of the test, and the same among others as public ones.
fn exposure(plain: &[u8], public: Vec<u8>, given: Given<'_>) -> Exposure {
    let secret = MasterSecret::new([2; 32]);
    let key = Key::new("neuracrypt", &texts(given), Some(SHAPE), secret, None).unwrap();
    let disguise = key.disguise(SHAPE).unwrap();
    let ids = SampleId::numbered("train", 0, plain.len() / SHAPE.len());
    let output = disguise.output();
    let mut pixels = Pixels::zeros(output.dtype, ids.len() * output.shape.len());
    let samples = Samples::new(Salt([7; 16]), &ids);
    disguise.apply(samples, plain, pixels.view_mut()).unwrap();
    let target = Target::new("neuracrypt", &texts(given), SHAPE).unwrap();
    let disguised = Set::new(output.shape, pixels, Vec::new()).unwrap();
    let exposure = Exposure::new(target, disguised).unwrap();
    exposure.with_public(Set::bytes(SHAPE, public).unwrap()).unwrap()
}

fn run(exposure: &Exposure, metric: &str, budget: &Budget) -> Outcome {
    let info = attacks::find("neuracrypt-matching").unwrap();
    let params = Params::resolve(info.params, &texts(&[("metric", metric)])).unwrap();
    (info.run)(exposure, &params, budget, &mut Rng::new(1), &|_, _| {}).unwrap()
}

/// Share of the images that are matched to themselves.
fn matched(outcome: &Outcome, plain: &[u8]) -> f64 {
    let found = outcome.reconstructions.as_ref().unwrap().as_bytes().unwrap();
    let pairs = found.chunks(SHAPE.len()).zip(plain.chunks(SHAPE.len()));
    let right = pairs.filter(|(a, b)| a == b).count();
    right as f64 / (plain.len() / SHAPE.len()) as f64
}

#[test]
fn a_learned_metric_matches_no_fewer_images() {
    let (count, all) = (50, 90);
    let images = garments(all);
    let plain = &images[..count * SHAPE.len()];
    let order = Rng::new(5).permutation(all);
    let public = order
        .iter()
        .flat_map(|i| &images[i * SHAPE.len()..][..SHAPE.len()]);
    let exposure = exposure(
        plain,
        public.copied().collect(),
        &[("patch", "7"), ("width", "64")],
    );
    let [moments, learned] = ["moments", "learned"].map(|metric| {
        let outcome = run(&exposure, metric, &Budget::generous());
        assert_eq!(outcome.verdict, Verdict::Complete);
        outcome
    });
    let [before, after] = [&moments, &learned].map(|outcome| matched(outcome, plain));
    let own = learned.figures["auc_own"];
    println!("matched {before:.3}, with the learned metric {after:.3}; under own keys {own:.3}");
    // With nearly as many other public images as private ones neither gets far.
    assert!(after >= before && after > 0.04);
    // Networks that learned nothing would be at 0.5, give or take 0.04.
    assert!(own > 0.65 && !moments.figures.contains_key("auc_own"));
}

#[test]
fn a_metric_takes_few_public_images_and_no_time_that_is_not_there() {
    let images = garments(3);
    let given: Given<'_> = &[("patch", "14"), ("width", "16")];
    let small = exposure(&images[..2 * SHAPE.len()], images.clone(), given);
    let outcome = run(&small, "learned", &Budget::generous());
    assert!((0.0..=1.0).contains(&outcome.figures["auc_own"]));
    let spent = Budget::new(Some(Duration::ZERO), 8 << 30);
    let outcome = run(&small, "learned", &spent);
    assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)) && outcome.reconstructions.is_none());
}
