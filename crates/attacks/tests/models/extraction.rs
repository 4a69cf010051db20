//! Copies of models.

use crate::{recipe, run, run_within, templates, trained};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use visard_attacks::{
    Budget, Error, Rng, Verdict,
    model::{Forms, Found, ModelExposure, ModelOutcome, Student, Victim, score},
};
use visard_core::Shape;
use visard_data::Stored;
use visard_learn::{Examples, Model, TrainConfig};

const SHAPE: Shape = Shape::new(2, 3, 1);
const CLASSES: usize = 3;
/// 10 (d + 1) C queries are enough for softmax regression on d values.
const QUERIES: usize = 10 * (SHAPE.len() + 1) * CLASSES;
const GIVEN: [(&str, &str); 2] = [("queries", "210"), ("first", "21")];

/// Images of random values; their labels are all the same, so that nothing can be learned from them.
fn noise(count: usize, seed: u64) -> Examples {
    let mut rng = Rng::new(seed);
    let pixels = (0..count * SHAPE.len()).map(|_| rng.below(256) as u8).collect();
    Examples::new(SHAPE, Stored::U8(pixels), None, vec![0; count]).unwrap()
}

fn exposure<'a>(model: &'a Model, recipe: &'a TrainConfig, own: Examples) -> ModelExposure<'a> {
    ModelExposure {
        victim: Victim::answering(model),
        recipe,
        trained_on: 120,
        candidates: Forms::same(noise(4, 1)),
        own: Forms::same(own),
    }
}

fn students(outcome: ModelOutcome) -> Vec<Student> {
    match outcome.found {
        Found::Students(students) => students,
        other => panic!("{other:?}"),
    }
}

#[test]
fn softmax_regression_is_copied_by_few_queries() {
    assert_eq!(QUERIES, 210);
    let recipe = recipe("linear", &[], 20, 16, 0.05);
    let model = trained(&recipe, &templates(SHAPE, CLASSES as u32, 120, 40, 1), CLASSES);
    let test = noise(600, 99);
    for name in ["extraction", "extraction-adaptive"] {
        let exposure = exposure(&model, &recipe, noise(600, 50));
        let outcome = run(name, &exposure, &GIVEN).unwrap();
        assert_eq!(
            (&outcome.verdict, exposure.victim.asked()),
            (&Verdict::Complete, QUERIES)
        );
        assert!(
            outcome.figures["agreement_on_queries"] > 0.9,
            "{name}: {:?}",
            outcome.figures
        );
        let students = students(outcome);
        assert_eq!(
            students.iter().map(|s| s.queries).collect::<Vec<_>>(),
            [21, QUERIES]
        );
        let judged = score::extraction(&students[1].model, &model, &[("noise", &test)]).unwrap();
        let found = &judged[0];
        assert!(
            found.agreement > 0.95 && found.interval.0 > 0.92,
            "{name}: {found:?}"
        );
        // Answers are spread over the classes, so that agreement is no matter of course.
        assert!(found.chance < 0.5 && found.n == 600, "{name}: {found:?}");
    }
}

/// A model that was trained on something else names something else.
#[test]
fn an_unrelated_model_is_no_copy() {
    let recipe = recipe("linear", &[], 20, 16, 0.05);
    let data = templates(SHAPE, CLASSES as u32, 120, 40, 1);
    let model = trained(&recipe, &data, CLASSES);
    let labels = data.labels.iter().map(|class| (class + 1) % 3).collect();
    let other = trained(
        &recipe,
        &Examples {
            labels,
            ..data.clone()
        },
        CLASSES,
    );
    let judged = score::extraction(&other, &model, &[("own", &data), ("same", &data)]).unwrap();
    assert!(judged[0].agreement < 0.1, "{judged:?}");
    assert!(judged[0].victim_accuracy.unwrap() > 0.9 && judged[0].student_accuracy.unwrap() < 0.1);
    let same = score::extraction(&model, &model, &[("own", &data)]).unwrap();
    assert_eq!(same[0].agreement, 1.0);
}

#[test]
fn what_cannot_be_compared_or_copied_is_refused() {
    let recipe = recipe("linear", &[], 1, 16, 0.05);
    let data = templates(SHAPE, CLASSES as u32, 12, 40, 1);
    let (model, other) = (
        trained(&recipe, &data, CLASSES),
        trained(&recipe, &data, CLASSES + 1),
    );
    let wide = templates(Shape::new(3, 3, 1), 3, 12, 40, 1);
    let mut beyond = data.clone();
    beyond.labels[0] = 3;
    for (student, set) in [
        (&other, &data),
        (&model, &data.slice(0..0)),
        (&model, &wide),
        (&model, &beyond),
    ] {
        assert!(score::extraction(student, &model, &[("set", set)]).is_err());
    }
    let mut unlabelled = data.clone();
    unlabelled.labels.clear();
    let judged = score::extraction(&model, &model, &[("set", &unlabelled)]).unwrap();
    assert_eq!((judged[0].agreement, judged[0].student_accuracy), (1.0, None));
    let one = run("extraction", &exposure(&model, &recipe, noise(1, 2)), &[]);
    assert!(matches!(one, Err(Error::Exposure(_))), "{one:?}");
}

/// Two encodings of each picture are two images to ask about, and one answer.
#[test]
fn encodings_of_a_picture_share_its_answer() {
    let recipe = recipe("linear", &[], 4, 16, 0.05);
    let model = trained(&recipe, &templates(SHAPE, CLASSES as u32, 30, 40, 1), CLASSES);
    let own = noise(60, 4).with_encodings(2).unwrap();
    for name in ["extraction", "extraction-adaptive"] {
        let mut exposure = exposure(&model, &recipe, own.clone());
        exposure.candidates = Forms::same(own.clone());
        let given = [
            ("queries", "40"),
            ("first", "40"),
            ("steps", "20"),
            ("student", "linear"),
        ];
        let students = students(run(name, &exposure, &given).unwrap());
        assert_eq!(students.iter().map(|s| s.queries).collect::<Vec<_>>(), [40]);
        assert_eq!(exposure.victim.asked(), 40, "{name}");
    }
}

#[test]
fn copies_that_were_made_are_there_when_the_time_runs_out() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let recipe = recipe("linear", &[], 4, 16, 0.05);
    let model = trained(&recipe, &templates(SHAPE, CLASSES as u32, 30, 40, 1), CLASSES);
    let budget = Budget::stoppable(Some(Duration::from_secs(3600)), 1 << 30, &STOP);
    let stop = |share: f64, _: &str| STOP.store(share >= 0.5, Ordering::Relaxed);
    let exposure = exposure(&model, &recipe, noise(300, 5));
    let outcome = run_within("extraction", &exposure, &GIVEN, &budget, &stop).unwrap();
    assert!(
        matches!(&outcome.verdict, Verdict::Inconclusive(why) if why.contains("1 of 2")),
        "{outcome:?}"
    );
    assert_eq!(
        students(outcome).iter().map(|s| s.queries).collect::<Vec<_>>(),
        [21]
    );
}
