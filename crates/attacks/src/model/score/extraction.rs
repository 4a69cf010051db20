//! How well a copy of a model stands for it (ATTACKS, section 8.4).

use crate::{Error, Result, learning, model::classes::named};
use serde::{Deserialize, Serialize};
use visard_learn::{Examples, Model, wilson};

/// The answers of a copy beside those of the model, on one set of pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fidelity {
    /// Name of the set.
    pub name: String,
    /// Pictures.
    pub n: u64,
    /// Share of pictures for which both name the same class.
    pub agreement: f64,
    /// 95% Wilson interval of that share.
    pub interval: (f64, f64),
    /// Agreement of answers that are as frequent as these and have nothing to do with each other.
    pub chance: f64,
    /// Share of pictures that the copy names rightly; none without labels.
    pub student_accuracy: Option<f64>,
    /// Share of pictures that the model names rightly; none without labels.
    pub victim_accuracy: Option<f64>,
}

/// Compares a copy with the model on each of these sets, whose pictures are in the form that both take.
///
/// # Errors
/// If the two know different numbers of classes, a set is empty or its images do not fit.
pub fn extraction(student: &Model, victim: &Model, sets: &[(&str, &Examples)]) -> Result<Vec<Fidelity>> {
    let (classes, known) = (victim.info().classes.len(), student.info().classes.len());
    if classes != known {
        return Err(Error::Exposure(format!(
            "the copy knows {known} classes and the model {classes}; they cannot be compared"
        )));
    }
    let judge = |(name, images): &(&str, &Examples)| {
        if images.is_labelled() {
            images.check_labels(classes)?;
        }
        let answers = |model: &Model| -> Result<Vec<u32>> {
            Ok(named(&model.log_probabilities(images, learning::BATCH)?, classes))
        };
        let (copied, told) = (answers(student)?, answers(victim)?);
        if told.is_empty() {
            return Err(Error::Exposure(format!("there are no pictures in {name}")));
        }
        Ok(compare(name, &copied, &told, &learning::labels(images), classes))
    };
    sets.iter().map(judge).collect()
}

fn compare(name: &str, copied: &[u32], told: &[u32], labels: &[u32], classes: usize) -> Fidelity {
    let n = told.len() as u64;
    let same = |a: &[u32], b: &[u32]| a.iter().zip(b).filter(|(a, b)| a == b).count() as u64;
    let share = |part: u64| part as f64 / n as f64;
    let frequent = |answers: &[u32], class: usize| {
        share(answers.iter().filter(|answer| **answer as usize == class).count() as u64)
    };
    let right = |answers: &[u32]| (!labels.is_empty()).then(|| share(same(answers, labels)));
    let agreeing = same(copied, told);
    Fidelity {
        name: name.into(),
        n,
        agreement: share(agreeing),
        interval: wilson(agreeing, n),
        chance: (0..classes)
            .map(|class| frequent(copied, class) * frequent(told, class))
            .sum(),
        student_accuracy: right(copied),
        victim_accuracy: right(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by hand.
    #[test]
    fn shares_are_those_of_the_answers() {
        let found = compare("some", &[0, 1, 1, 2], &[0, 1, 2, 2], &[0, 0, 2, 2], 3);
        assert_eq!((found.n, found.agreement), (4, 0.75));
        assert_eq!(found.interval, wilson(3, 4));
        assert_eq!(
            (found.student_accuracy, found.victim_accuracy),
            (Some(0.5), Some(0.75))
        );
        // 1/4 * 1/4 + 1/2 * 1/4 + 1/4 * 1/2.
        assert!((found.chance - 0.3125).abs() < 1e-12);
        assert_eq!(compare("none", &[1], &[1], &[], 3).student_accuracy, None);
        assert_eq!(compare("one", &[1, 1], &[1, 1], &[], 3).chance, 1.0);
    }
}
