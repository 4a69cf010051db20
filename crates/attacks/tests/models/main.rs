//! Attacks on trained models do what they say, and say nothing where there is nothing.

mod classes;
mod extraction;
mod inversion;
mod membership;
mod registry;
#[path = "../support/mod.rs"]
mod support;

use support::{Given, texts};
use visard_attacks::{
    Budget, Result, Rng, learning,
    model::{self, ModelExposure, ModelOutcome},
};
use visard_core::{Shape, params::Params};
use visard_data::Stored;
use visard_learn::{Examples, Model, TrainConfig};

/// Copies of one random picture for each class, each value with its own noise of up to `noise` grey levels,
/// the classes in turn. The pictures depend on shape and class alone, the noise on `seed`.
fn templates(shape: Shape, classes: u32, count: u32, noise: usize, seed: u64) -> Examples {
    let picture = |class: u32| {
        let mut rng = Rng::new(1000 + u64::from(class));
        (0..shape.len()).map(|_| 40 + rng.below(176)).collect::<Vec<_>>()
    };
    let pictures: Vec<Vec<usize>> = (0..classes).map(picture).collect();
    let mut rng = Rng::new(seed);
    let labels: Vec<u32> = (0..count).map(|i| i % classes).collect();
    let mut pixels = Vec::new();
    for class in &labels {
        for value in &pictures[*class as usize] {
            let noisy = (value + rng.below(2 * noise + 1)).saturating_sub(noise);
            pixels.push(noisy.min(255) as u8);
        }
    }
    Examples::new(shape, Stored::U8(pixels), None, labels).unwrap()
}

/// A trained model of so many classes.
fn trained(config: &TrainConfig, data: &Examples, classes: usize) -> Model {
    learning::fit(config, data, classes, &Budget::generous())
        .unwrap()
        .unwrap()
}

/// Settings of a training without dropout, whose weights are drawn from seed 0.
fn recipe(network: &str, given: Given<'_>, epochs: usize, batch: usize, lr: f64) -> TrainConfig {
    let mut config = TrainConfig::new(network, &texts(given)).unwrap();
    (config.epochs, config.batch, config.lr) = (epochs, batch, lr);
    config
}

fn run(name: &str, exposure: &ModelExposure<'_>, given: Given<'_>) -> Result<ModelOutcome> {
    run_within(name, exposure, given, &Budget::generous(), &|_, _| {})
}

fn run_within(
    name: &str,
    exposure: &ModelExposure<'_>,
    given: Given<'_>,
    budget: &Budget,
    progress: &(dyn Fn(f64, &str) + Sync),
) -> Result<ModelOutcome> {
    let info = model::find(name).unwrap();
    let params = Params::resolve(info.params, &texts(given)).unwrap();
    (info.run)(exposure, &params, budget, &mut Rng::new(3), progress)
}
