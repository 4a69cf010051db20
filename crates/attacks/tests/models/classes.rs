//! What answers tell of classes.

use crate::{recipe, run, templates, trained};
use visard_attacks::{
    Rng, Verdict,
    model::{Forms, Found, ModelExposure, Victim, score},
};
use visard_core::Shape;

const CLASSES: u32 = 10;

/// Classes in turn.
fn truth(count: u32) -> Vec<u32> {
    (0..count).map(|i| i % CLASSES).collect()
}

fn random(count: u32, seed: u64) -> Vec<u32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.below(CLASSES as usize) as u32).collect()
}

#[test]
fn a_plain_model_tells_the_classes_of_plain_pictures() {
    let shape = Shape::new(8, 8, 1);
    let recipe = recipe("linear", &[], 12, 32, 0.05);
    let model = trained(&recipe, &templates(shape, CLASSES, 300, 30, 1), CLASSES as usize);
    let candidates = templates(shape, CLASSES, 200, 30, 2);
    let exposure = ModelExposure {
        victim: Victim::answering(&model),
        recipe: &recipe,
        trained_on: 300,
        candidates: Forms::same(candidates.clone()),
        own: Forms::same(templates(shape, CLASSES, 20, 30, 3)),
    };
    let outcome = run("class-membership", &exposure, &[]).unwrap();
    assert_eq!(
        (&outcome.verdict, exposure.victim.asked()),
        (&Verdict::Complete, 200)
    );
    let evidence = &outcome.evidence[0];
    assert!(evidence.deviations() > 20.0, "{evidence:?}");
    let Found::Answers(answers) = outcome.found else {
        panic!("no answers");
    };
    let leak = score::classes(&answers, &candidates.labels, CLASSES as usize).unwrap();
    // All there is to know of ten equally frequent classes are log2 10 = 3.32 bits.
    assert!(leak.mutual_information > 3.2 && leak.accuracy > 0.98, "{leak:?}");
    assert!(
        leak.bijection > 0.98 && leak.classes.iter().all(|c| c.entropy < 0.3),
        "{leak:?}"
    );
    assert_eq!(evidence.value, leak.mutual_information);
}

#[test]
fn a_random_labeller_tells_nothing() {
    let leak = score::classes(&random(2000, 7), &truth(2000), CLASSES as usize).unwrap();
    assert!(leak.mutual_information < 2.0 * leak.bias, "{leak:?}");
    assert!(leak.evidence().deviations().abs() < 4.0, "{leak:?}");
    // The bias is what exchanged labels give on average: their mean has a standard error of a hundredth of
    // it.
    assert!((leak.null / leak.bias - 1.0).abs() < 0.06, "{leak:?}");
    // The standard deviation of a share of 0.1 of 2000 is 0.0067.
    assert!((leak.bijection - 0.1).abs() < 0.035, "{leak:?}");
    assert!(leak.classes.iter().all(|c| c.normalised_entropy > 0.95));
}

#[test]
fn consistent_wrong_answers_tell_as_much_as_right_ones() {
    let truth = truth(500);
    let shifted: Vec<u32> = truth.iter().map(|class| (class + 1) % CLASSES).collect();
    let leak = score::classes(&shifted, &truth, CLASSES as usize).unwrap();
    assert_eq!((leak.accuracy, leak.bijection, leak.chance), (0.0, 1.0, 0.1));
    assert!((leak.mutual_information - 10f64.log2()).abs() < 1e-9);
    let answered: Vec<u32> = leak.classes.iter().map(|c| c.commonest).collect();
    assert_eq!(answered, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    assert!(leak.classes.iter().all(|c| c.entropy == 0.0 && c.share == 1.0));
    let right = score::classes(&truth, &truth, CLASSES as usize).unwrap();
    assert_eq!(right.mutual_information, leak.mutual_information);
}

/// Of 40 random answers in 10 classes a map chosen on the same pictures makes about a third right.
#[test]
fn the_best_map_does_not_flatter_itself() {
    let (mut right, mut pictures) = (0.0, 0.0);
    for seed in 0..20 {
        let leak = score::classes(&random(40, seed), &truth(40), CLASSES as usize).unwrap();
        right += leak.bijection * 40.0;
        pictures += 40.0;
    }
    // The standard deviation of a share of 0.1 of 800 is 0.0106.
    let share = right / pictures;
    assert!((share - 0.1).abs() < 0.045, "{share}");
}
