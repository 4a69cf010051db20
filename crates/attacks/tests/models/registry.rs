//! The registry of attacks on models is complete, and every attack keeps its contract on every input.

use crate::{recipe, templates, trained};
use std::{collections::BTreeSet, sync::Mutex, time::Duration};
use visard_attacks::{
    Budget, Error, Result, Rng, Verdict, attacks, learning,
    model::{self, Aim, Forms, Found, ModelAttackInfo, ModelExposure, ModelOutcome, Reach, Victim},
};
use visard_core::{
    Shape,
    params::{Kind, Params},
};
use visard_data::Stored;
use visard_learn::{Model, TrainConfig};

const SHAPE: Shape = Shape::new(4, 4, 1);
const CLASSES: usize = 3;

/// A small model and what an adversary has of it.
struct Stage {
    recipe: TrainConfig,
    model: Model,
    candidates: Forms,
    own: Forms,
}

impl Stage {
    fn new() -> Self {
        let small = [("hidden1", "16"), ("hidden2", "8")];
        let recipe = recipe("mlp", &small, 2, 8, 0.05);
        let data = templates(SHAPE, CLASSES as u32, 24, 60, 1);
        let fresh = templates(SHAPE, CLASSES as u32, 12, 60, 2);
        let seen = data.slice(0..12);
        Self {
            model: trained(&recipe, &data, CLASSES),
            recipe,
            candidates: Forms::same(learning::join(&seen, &fresh).unwrap()),
            own: Forms::same(templates(SHAPE, CLASSES as u32, 48, 60, 3)),
        }
    }

    fn exposure(&self) -> ModelExposure<'_> {
        ModelExposure {
            victim: Victim::open(&self.model),
            recipe: &self.recipe,
            trained_on: 24,
            candidates: self.candidates.clone(),
            own: self.own.clone(),
        }
    }
}

/// Runs an attack with its defaults; shares of the work that it tells must be shares.
fn attack(info: &ModelAttackInfo, exposure: &ModelExposure<'_>, budget: &Budget) -> Result<ModelOutcome> {
    let params = Params::resolve(info.params, &Default::default()).unwrap();
    let odd = Mutex::new(None);
    let progress = |share: f64, doing: &str| {
        if !(0.0..=1.0 + 1e-9).contains(&share) || doing.is_empty() {
            *odd.lock().unwrap() = Some((share, doing.to_string()));
        }
    };
    let outcome = (info.run)(exposure, &params, budget, &mut Rng::new(3), &progress);
    let odd = odd.into_inner().unwrap();
    assert!(odd.is_none(), "{}: progress of {odd:?}", info.name);
    outcome
}

/// What was found, in numbers that can be compared.
fn numbers(found: &Found) -> Vec<f64> {
    match found {
        Found::Nothing => Vec::new(),
        Found::Members(scores) => scores.clone(),
        Found::Answers(answers) => answers.iter().map(|class| f64::from(*class)).collect(),
        Found::Classes(pictures) => pictures.iter().map(|v| f64::from(*v)).collect(),
        Found::Students(students) => {
            let tensors = students
                .iter()
                .flat_map(|student| student.model.state().into_values());
            tensors.flat_map(|tensor| tensor.values).map(f64::from).collect()
        }
    }
}

/// Refuses figures and evidence that are no numbers.
fn sound(info: &ModelAttackInfo, outcome: &ModelOutcome) {
    for (name, figure) in &outcome.figures {
        assert!(figure.is_finite(), "{}: {name} is {figure}", info.name);
    }
    for evidence in &outcome.evidence {
        let all = [evidence.value, evidence.null, evidence.deviation];
        assert!(
            all.iter().all(|v| v.is_finite()) && evidence.deviation >= 0.0,
            "{}: {evidence:?}",
            info.name
        );
    }
    if let Verdict::Inconclusive(why) = &outcome.verdict {
        assert!(why.len() > 10, "{}: {why:?}", info.name);
    }
}

#[test]
fn entries_are_complete_and_names_are_unique() {
    let mut names: BTreeSet<&str> = attacks::ALL.iter().map(|info| info.name).collect();
    assert!(!model::ALL.is_empty());
    for info in model::ALL {
        assert!(names.insert(info.name), "{} is registered twice", info.name);
        for text in [info.title, info.paper, info.summary] {
            assert!(text.len() > 10, "{}: {text:?}", info.name);
        }
        for param in info.params {
            assert!(param.help.len() > 10, "{}: {}", info.name, param.name);
            if let Kind::Choice(words) = param.kind {
                assert!(words.contains(&param.default), "{}: {}", info.name, param.name);
            }
        }
        assert!(
            Params::resolve(info.params, &Default::default()).is_ok(),
            "{}",
            info.name
        );
        assert_eq!(model::find(info.name).unwrap().name, info.name);
    }
    assert!(matches!(model::find("nonsense"), Err(Error::Unknown(_))));
    for aim in [Aim::Membership, Aim::Classes, Aim::Inversion, Aim::Extraction] {
        assert!(model::ALL.iter().any(|info| info.aim == aim), "{aim:?}");
    }
}

#[test]
fn attacks_find_what_they_are_after_and_again_the_same() {
    let stage = Stage::new();
    for info in model::ALL {
        let find = || attack(info, &stage.exposure(), &Budget::generous()).unwrap();
        let (outcome, again) = (find(), find());
        assert_eq!(outcome.verdict, Verdict::Complete, "{}", info.name);
        sound(info, &outcome);
        match (info.aim, &outcome.found) {
            (Aim::Membership, Found::Members(scores)) => assert_eq!(scores.len(), stage.candidates.len()),
            (Aim::Classes, Found::Answers(answers)) => {
                assert_eq!(answers.len(), stage.candidates.len());
                assert!(answers.iter().all(|class| (*class as usize) < CLASSES));
            }
            (Aim::Inversion, Found::Classes(pictures)) => assert_eq!(pictures.len(), CLASSES * SHAPE.len()),
            (Aim::Extraction, Found::Students(students)) => {
                assert!(!students.is_empty(), "{}", info.name);
                assert!(students.windows(2).all(|pair| pair[0].queries < pair[1].queries));
            }
            (_, found) => panic!("{}: {found:?}", info.name),
        }
        let found = numbers(&outcome.found);
        assert!(found.iter().all(|v| v.is_finite()), "{}: {found:?}", info.name);
        assert_eq!(found, numbers(&again.found), "{}", info.name);
        assert_eq!(outcome.figures, again.figures, "{}", info.name);
    }
}

#[test]
fn without_time_attacks_end_at_once_and_say_so() {
    let stage = Stage::new();
    for info in model::ALL {
        let budget = Budget::new(Some(Duration::ZERO), 8 << 30);
        let outcome = attack(info, &stage.exposure(), &budget).unwrap();
        assert!(
            matches!(outcome.verdict, Verdict::Inconclusive(_)),
            "{}: {outcome:?}",
            info.name
        );
        sound(info, &outcome);
    }
}

#[test]
fn without_memory_attacks_say_so_or_need_none() {
    let stage = Stage::new();
    for info in model::ALL {
        let outcome = attack(info, &stage.exposure(), &Budget::new(None, 1)).unwrap();
        sound(info, &outcome);
    }
}

#[test]
fn weights_are_needed_where_an_attack_says_so() {
    let stage = Stage::new();
    for info in model::ALL {
        let exposure = ModelExposure {
            victim: Victim::answering(&stage.model),
            ..stage.exposure()
        };
        let found = attack(info, &exposure, &Budget::generous());
        match info.reach {
            Reach::Answers => assert!(found.is_ok(), "{}: {found:?}", info.name),
            Reach::Weights => assert!(
                matches!(found, Err(Error::Exposure(_))),
                "{}: {found:?}",
                info.name
            ),
        }
    }
}

/// What is wrong with pictures, and a change that makes it so.
type Spoil = (&'static str, fn(&mut Forms));

/// The same pictures with something wrong about them.
fn spoilt() -> Vec<Spoil> {
    vec![
        ("labels are missing", |forms| forms.query.labels.clear()),
        ("labels are missing in training", |forms| {
            forms.train.labels.clear()
        }),
        ("a label is no class", |forms| {
            forms.query.labels[1] = CLASSES as u32;
            forms.train.labels[1] = CLASSES as u32;
        }),
        ("one form is shorter", |forms| {
            forms.train = forms.train.slice(0..9)
        }),
        ("the forms differ in a label", |forms| forms.train.labels[0] = 1),
        ("there are none", |forms| *forms = forms.pick(&[])),
        ("the shape is another", |forms| {
            *forms = Forms::same(templates(Shape::new(4, 5, 1), CLASSES as u32, 12, 30, 1));
        }),
        ("there is one label less", |forms| forms.query.labels.truncate(11)),
        ("a value is no number", |forms| {
            forms.query.pixels = Stored::F32(vec![f32::NAN; forms.query.pixels.len()]);
        }),
    ]
}

#[test]
fn what_is_wrong_with_an_exposure_is_an_error() {
    let stage = Stage::new();
    for info in model::ALL {
        for (what, spoil) in spoilt() {
            for own in [false, true] {
                let mut exposure = stage.exposure();
                spoil(if own {
                    &mut exposure.own
                } else {
                    &mut exposure.candidates
                });
                let found = attack(info, &exposure, &Budget::generous());
                let refused = matches!(&found, Err(Error::Exposure(_) | Error::Learning(_)));
                assert!(refused, "{}, own {own}: {what}: {found:?}", info.name);
                assert_eq!(exposure.victim.asked(), 0, "{}: {what}", info.name);
            }
        }
    }
}
