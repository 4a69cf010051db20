//! `class-membership`: which class the model names for pictures of each class (ATTACKS, section 8.3).

use super::{Aim, Found, ModelAttackInfo, ModelExposure, ModelOutcome, Reach, score};
use crate::{Budget, Progress, Result, learning};
use visard_learn::{Examples, argmax};

pub(super) static INFO: ModelAttackInfo = ModelAttackInfo {
    name: "class-membership",
    title: "Class membership by the model's answers",
    paper: "the output distribution test of DisguisedNets (Chen, Gu, Sharma, ACM TOIT 2023); mutual \
            information and the best one-to-one map by this project",
    summary: "asks the model about pictures of each class; answers that gather in one class, be it a wrong \
              one, tell classes apart",
    aim: Aim::Classes,
    reach: Reach::Answers,
    params: &[],
    run: |exposure, _, budget, _, progress| run(exposure, budget, progress),
};

/// The class with the largest value of each row, the first of equals.
pub(super) fn named(rows: &[f32], classes: usize) -> Vec<u32> {
    let rows = rows.chunks_exact(classes.max(1));
    rows.map(|row| argmax(row) as u32).collect()
}

/// Bytes that asking about some images at a time takes, the network's own not counted.
pub(super) fn asking(images: &Examples, classes: usize) -> u64 {
    let at_once = images.len().min(learning::BATCH * images.encodings.max(1));
    8 * (at_once * (images.shape.len() + classes)) as u64
}

fn run(exposure: &ModelExposure<'_>, budget: &Budget, progress: Progress<'_>) -> Result<ModelOutcome> {
    exposure.check()?;
    let (victim, images) = (&exposure.victim, &exposure.candidates.query);
    let (classes, count) = (victim.classes(), exposure.candidates.len());
    // Beside the question, the answers and the tables of the figures.
    let tables = 8 * (count * classes + 3 * classes * classes) as u64;
    if let Some(why) = budget.lacks(asking(images, classes) + tables, "pictures and answers") {
        return Ok(ModelOutcome::inconclusive(why));
    }
    let mut rows = Vec::with_capacity(count * classes);
    for first in (0..count).step_by(learning::BATCH) {
        if budget.is_spent() {
            let why = format!("the time ran out after {first} of {count} pictures were asked about");
            return Ok(ModelOutcome::inconclusive(why));
        }
        let places: Vec<usize> = (first..count.min(first + learning::BATCH)).collect();
        rows.extend(victim.ask(&learning::pick(images, &places))?);
        progress((first + places.len()) as f64 / count as f64, "asking the model");
    }
    let answers = named(&rows, classes);
    let surest = |row: &[f32]| f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max).exp());
    let confidence = rows.chunks_exact(classes).map(surest).sum::<f64>() / count as f64;
    let leak = score::classes(&answers, &learning::labels(images), classes)?;
    let mut outcome = ModelOutcome::found(Found::Answers(answers));
    outcome.figures.insert("pictures", count as f64);
    outcome.figures.insert("confidence", confidence);
    outcome.figures.insert("classes_named", leak.named as f64);
    outcome.evidence.push(leak.evidence());
    Ok(outcome)
}
