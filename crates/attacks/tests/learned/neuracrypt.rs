//! NeuraCrypt, matched with the help of networks that learned from other keys.

use crate::support::{self, Given, disguise, garments, key, matched, pick};
use std::time::Duration;
use visard_attacks::{Budget, Exposure, Outcome, Rng, Set, Verdict};
use visard_core::Shape;

const SHAPE: Shape = Shape::new(28, 28, 1);

/// Images under a key of the test, and the same among others as public ones.
fn exposure(plain: &Set, public: Set, given: Given<'_>) -> Exposure {
    let disguised = disguise(&key("neuracrypt", given, SHAPE, 2), plain, 7, 0);
    let exposure = support::exposure("neuracrypt", given, SHAPE, disguised);
    exposure.with_public(public).unwrap()
}

fn run(exposure: &Exposure, metric: &str, budget: &Budget) -> Outcome {
    support::run("neuracrypt-matching", exposure, &[("metric", metric)], budget, 1).unwrap()
}

#[test]
fn a_learned_metric_matches_no_fewer_images() {
    let (count, all) = (50, 90);
    let images = garments("t10k", all);
    let plain = images.first(count);
    let public = pick(&images, &Rng::new(5).permutation(all));
    let exposure = exposure(&plain, public, &[("patch", "7"), ("width", "64")]);
    let [moments, learned] = ["moments", "learned"].map(|metric| {
        let outcome = run(&exposure, metric, &Budget::generous());
        assert_eq!(outcome.verdict, Verdict::Complete);
        outcome
    });
    let [before, after] =
        [&moments, &learned].map(|outcome| matched(outcome.reconstructions.as_ref().unwrap(), &plain));
    let own = learned.figures["auc_own"];
    println!("matched {before:.3}, with the learned metric {after:.3}; under own keys {own:.3}");
    // With nearly as many other public images as private ones neither gets far.
    assert!(after >= before && after > 0.04);
    // Networks that learned nothing would be at 0.5, give or take 0.04.
    assert!(own > 0.65 && !moments.figures.contains_key("auc_own"));
}

#[test]
fn a_metric_takes_few_public_images_and_no_time_that_is_not_there() {
    let images = garments("t10k", 3);
    let given: Given<'_> = &[("patch", "14"), ("width", "16")];
    let small = exposure(&images.first(2), images, given);
    let outcome = run(&small, "learned", &Budget::generous());
    assert!((0.0..=1.0).contains(&outcome.figures["auc_own"]));
    let spent = Budget::new(Some(Duration::ZERO), 8 << 30);
    let outcome = run(&small, "learned", &spent);
    assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)) && outcome.reconstructions.is_none());
}
