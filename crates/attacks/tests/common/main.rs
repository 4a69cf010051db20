//! Metrics, scores, and the attacks that fit every scheme, on bundled images.

mod measures;
mod span;
mod statistics;
#[path = "../support/mod.rs"]
mod support;

use support::{Given, key};
use visard_attacks::{Budget, Exposure, Outcome, Result, Set};

/// The first images of Fashion-MNIST, 28x28x1, with their classes.
fn garments(count: usize) -> Set {
    let plain = support::garments("train", count);
    let labels = support::idx("train-labels-idx1-ubyte.gz", 8, count);
    Set::new(
        plain.shape(),
        plain.pixels().clone(),
        labels.into_iter().map(u32::from).collect(),
    )
    .unwrap()
}

/// The set disguised under the secret of that number; images are numbered from `first`.
fn disguise(plain: &Set, scheme: &str, given: Given<'_>, secret: u8, first: u64) -> Set {
    support::disguise(&key(scheme, given, plain.shape(), secret), plain, 7, first)
}

fn run(name: &str, exposure: &Exposure, given: Given<'_>) -> Result<Outcome> {
    run_within(name, exposure, given, &Budget::generous())
}

fn run_within(name: &str, exposure: &Exposure, given: Given<'_>, budget: &Budget) -> Result<Outcome> {
    support::run(name, exposure, given, budget, 3)
}
