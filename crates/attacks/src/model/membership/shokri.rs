//! Shadow models whose answers teach a classifier what members look like.

use super::{
    Questions, answers, check, log_probability,
    logistic::Logistic,
    margin, no_number, outcome, shadows,
    shadows::{Design, lacking, train_each},
    unasked,
};
use crate::{
    Budget, Progress, Result, Rng, Verdict,
    model::{Aim, ModelAttackInfo, ModelExposure, ModelOutcome, Reach},
};
use visard_core::params::Params;

/// Most of a picture's probabilities that are looked at, the largest first.
const TOP: usize = 10;
/// Logarithms of probabilities below this count as this, lest a few set the scale.
const LEAST: f64 = -100.0;
/// Records of either kind that a class needs for each weight of a classifier of its own.
const ENOUGH: usize = 10;

pub(crate) static INFO: ModelAttackInfo = ModelAttackInfo {
    name: "mia-shadow",
    title: "Membership by a classifier of answers, taught by shadow models",
    paper: "Shokri, Stronati, Song, Shmatikov: Membership Inference Attacks Against Machine Learning Models, \
            S&P 2017",
    summary: "trains shadow models on pictures of its own, and for each class a logistic regression that \
              tells their answers about pictures that they were trained on from those about others",
    aim: Aim::Membership,
    reach: Reach::Answers,
    params: &[shadows("8")],
    run,
};

/// What a classifier sees of each answer: the largest logarithms of probabilities, largest first, and that of
/// the label.
fn features(rows: &[f32], classes: usize, labels: &[u32]) -> Result<Vec<f64>> {
    let top = classes.min(TOP);
    let mut all = Vec::with_capacity(labels.len() * (top + 1));
    for (row, label) in rows.chunks_exact(classes).zip(labels) {
        let own = margin(row, *label as usize).ok_or_else(no_number)?;
        let mut sorted = row.to_vec();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        all.extend(sorted[..top].iter().map(|v| f64::from(*v).max(LEAST)));
        all.push(log_probability(own).max(LEAST));
    }
    Ok(all)
}

/// Records of what shadow models answered.
struct Records {
    width: usize,
    values: Vec<f64>,
    labels: Vec<u32>,
    inside: Vec<bool>,
}

impl Records {
    /// A classifier of the records that `keep` says, by their labels; none if a kind has fewer than `least`.
    fn classifier(&self, keep: impl Fn(u32) -> bool, least: usize) -> Option<Logistic> {
        let kept: Vec<usize> = (0..self.labels.len()).filter(|i| keep(self.labels[*i])).collect();
        let inside: Vec<bool> = kept.iter().map(|i| self.inside[*i]).collect();
        let members = inside.iter().filter(|is| **is).count();
        if members.min(inside.len() - members) < least {
            return None;
        }
        let values = kept
            .iter()
            .flat_map(|i| &self.values[i * self.width..][..self.width]);
        let values: Vec<f64> = values.copied().collect();
        Some(Logistic::fit(&values, self.width, &inside))
    }
}

fn run(
    exposure: &ModelExposure<'_>,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<ModelOutcome> {
    check(exposure)?;
    let (own, wanted) = (&exposure.own, params.int("shadows") as usize);
    let (victim, classes) = (&exposure.victim, exposure.victim.classes());
    let width = classes.min(TOP) + 1;
    // The records of a class, standardised, stand beside all.
    let values = 3 * wanted * own.len() * (width + 1) + exposure.candidates.len() * (width + classes);
    if let Some(why) = lacking(&[&own.train], values, budget) {
        return Ok(ModelOutcome::inconclusive(why));
    }
    let design = Design::halves(own.len(), exposure.trained_on, wanted, rng)?;
    let candidates = Questions::new(&exposure.candidates.query, classes, false);
    let Some(rows) = candidates.rows(&|images| victim.ask(images), budget)? else {
        return Ok(unasked());
    };
    let asked = features(&rows, classes, &candidates.labels)?;
    let questions = Questions::new(&own.query, classes, false);
    let mut records = Records {
        width,
        values: Vec::new(),
        labels: Vec::new(),
        inside: Vec::new(),
    };
    let trained = train_each(
        exposure,
        (&own.train, &design),
        budget,
        rng,
        progress,
        |shadow, model| {
            let Some(rows) = questions.rows(&answers(model), budget)? else {
                return Ok(None);
            };
            records
                .values
                .extend(features(&rows, classes, &questions.labels)?);
            records.labels.extend(&questions.labels);
            records.inside.extend(design.row(shadow));
            Ok(Some(()))
        },
    )?;
    let Some(common) = records.classifier(|_| true, 1) else {
        return Ok(outcome(None, trained, wanted));
    };
    // Without time the common classifier has to do for the classes that are left.
    let own_classifier = |class: u32| match budget.is_spent() {
        true => None,
        false => records.classifier(|label| label == class, ENOUGH * (width + 1)),
    };
    let each: Vec<Option<Logistic>> = (0..classes as u32).map(own_classifier).collect();
    let score = |(record, label): (&[f64], &u32)| {
        let classifier = each.get(*label as usize).and_then(Option::as_ref);
        classifier.unwrap_or(&common).log_odds(record)
    };
    let scores = asked
        .chunks_exact(width)
        .zip(&candidates.labels)
        .map(score)
        .collect();
    let mut outcome = outcome(Some(scores), trained, wanted);
    if trained == wanted && budget.is_spent() {
        let why = "the time was up while classifiers learnt; some classes may share one";
        outcome.verdict = Verdict::Inconclusive(why.into());
    }
    outcome.figures.insert("pictures_per_shadow", design.size());
    outcome.figures.insert("records", records.labels.len() as f64);
    let classifiers = each.iter().filter(|classifier| classifier.is_some()).count();
    outcome.figures.insert("classes_of_their_own", classifiers as f64);
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_sorted_and_the_label_comes_last() {
        let rows = [0.25f32.ln(), 0.5f32.ln(), 0.25f32.ln()];
        let found = features(&rows, 3, &[0]).unwrap();
        let expected = [0.5f64.ln(), 0.25f64.ln(), 0.25f64.ln(), 0.25f64.ln()];
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
            "{found:?}"
        );
        assert_eq!(features(&[0.0, -500.0], 2, &[1]).unwrap(), [0.0, LEAST, LEAST]);
        assert!(features(&[f32::NAN, 0.0], 2, &[0]).is_err());
    }

    /// In class 0 members have large values, in class 1 small ones; class 2 has too few records.
    #[test]
    fn classes_have_classifiers_of_their_own_where_there_are_enough_records() {
        let mut records = Records {
            width: 1,
            values: Vec::new(),
            labels: Vec::new(),
            inside: Vec::new(),
        };
        for i in 0..200 {
            let (label, inside) = (i % 2, i % 4 < 2);
            records
                .values
                .push(f64::from(u8::from(inside == (label == 0))) + 0.001 * f64::from(i));
            records.labels.push(label);
            records.inside.push(inside);
        }
        records.values.extend([0.0, 1.0]);
        records.labels.extend([2, 2]);
        records.inside.extend([true, false]);
        let of = |class: u32| records.classifier(|label| label == class, 20);
        let (first, second) = (of(0).unwrap(), of(1).unwrap());
        assert!(first.log_odds(&[1.1]) > 0.0 && first.log_odds(&[0.1]) < 0.0);
        assert!(second.log_odds(&[1.1]) < 0.0 && second.log_odds(&[0.1]) > 0.0);
        assert!(of(2).is_none() && records.classifier(|label| label == 2, 1).is_some());
    }
}
