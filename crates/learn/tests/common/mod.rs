//! Synthetic images that a network can tell apart.

// Not every test file uses everything.
#![allow(dead_code)]

use std::collections::BTreeMap;
use visard_core::Shape;
use visard_data::Stored;
use visard_learn::{Examples, Rng, TrainConfig};

/// `count` noisy copies of one random picture per class, classes in turn. The pictures depend on
/// shape and class alone, the noise on `seed`.
pub(crate) fn patterns(shape: Shape, classes: u32, count: u32, seed: u64) -> Examples {
    let picture = |class: u32| {
        let mut rng = Rng::new(0, "picture", u64::from(class));
        (0..shape.len()).map(|_| rng.below(200)).collect::<Vec<_>>()
    };
    let mut noise = Rng::new(seed, "noise of the patterns", 0);
    let mut pixels = Vec::new();
    let labels: Vec<u32> = (0..count).map(|i| i % classes).collect();
    for class in &labels {
        pixels.extend(picture(*class).into_iter().map(|v| (v + noise.below(30)) as u8));
    }
    Examples::new(shape, Stored::U8(pixels), None, labels).unwrap()
}

/// Names for `count` classes.
pub(crate) fn classes(count: usize) -> Vec<String> {
    (0..count).map(|c| format!("class {c}")).collect()
}

/// Settings that make a network small enough for a test.
pub(crate) fn small(network: &str) -> &'static [(&'static str, &'static str)] {
    match network {
        "cnn" => &[("width1", "8"), ("width2", "8"), ("width3", "16")],
        "mlp" => &[("hidden1", "64"), ("hidden2", "32")],
        "resnet18" | "resnet34" => &[("width", "4")],
        "vgg16" => &[("width", "8"), ("hidden", "32"), ("dropout", "0")],
        "densenet" => &[("depth", "16"), ("growth", "6")],
        "convmixer" => &[("width", "16"), ("depth", "2"), ("kernel", "3")],
        "vit" => &[("width", "16"), ("depth", "2"), ("heads", "2")],
        _ => &[],
    }
}

/// Settings as the configuration takes them.
pub(crate) fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect()
}

/// A short training with small batches.
pub(crate) fn config(network: &str, params: &[(&str, &str)]) -> TrainConfig {
    let mut config = TrainConfig::new(network, &settings(params)).unwrap();
    (config.epochs, config.batch) = (6, 16);
    config
}
