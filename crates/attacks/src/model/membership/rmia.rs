//! RMIA: how much likelier a picture is to this model than to others, beside other pictures.

use super::{
    MIRROR, Questions, check, log_probability, outcome, shadows,
    shadows::{Design, lacking, note, train_each},
    unasked,
};
use crate::{
    Budget, Progress, Result, Rng,
    model::{Aim, ModelAttackInfo, ModelExposure, ModelOutcome, Reach},
};
use visard_core::params::{Kind, ParamSpec, Params};

pub(crate) static INFO: ModelAttackInfo = ModelAttackInfo {
    name: "rmia",
    title: "Membership by pairwise likelihood ratios (RMIA, offline)",
    paper: "Zarifzadeh, Liu, Shokri: Low-Cost High-Power Membership Inference Attacks, ICML 2024",
    summary: "compares how much likelier each candidate is to the model than to a few reference models with \
              the same ratio of pictures that the model was not trained on",
    aim: Aim::Membership,
    reach: Reach::Answers,
    params: &[
        shadows("4"),
        ParamSpec {
            name: "a",
            help: "how close the probability by models that were trained on a picture is to that by models \
                   that were not, from 0, always 1, to 1, the same",
            kind: Kind::Float { min: 0.0, max: 1.0 },
            default: "0.3",
        },
        ParamSpec {
            name: "gamma",
            help: "how many times a candidate's ratio must exceed another picture's to count",
            kind: Kind::Float { min: 1e-3, max: 1e3 },
            default: "1",
        },
        MIRROR,
    ],
    run,
};

/// Logarithm of p(x; victim) / P(x), where P(x) is (1 + a) / 2 times the mean probability by models that were
/// not trained on the picture, plus (1 - a) / 2.
fn log_ratio(margin: f64, mean_out: f64, a: f64) -> f64 {
    let prior = (1.0 + a) / 2.0 * mean_out + (1.0 - a) / 2.0;
    log_probability(margin) - prior.max(f64::MIN_POSITIVE).ln()
}

/// For each candidate the share of the population whose ratio it exceeds more than `gamma` times. The share
/// has steps of one in the population; within a step candidates are ordered by their own ratios, by less than
/// a step.
fn dominance(candidates: &[f64], mut population: Vec<f64>, gamma: f64) -> Vec<f64> {
    population.sort_unstable_by(f64::total_cmp);
    let steps = (population.len() + 1) as f64;
    let score = |ratio: &f64| {
        let beaten = population.partition_point(|other| ratio - other > gamma.ln());
        let within = 0.5 + ratio.atan() / std::f64::consts::PI;
        (beaten as f64 + within) / steps
    };
    candidates.iter().map(score).collect()
}

/// Mean probability of each picture by the models that were not trained on it; none where all were.
fn means_out(margins: &[f64], inside: impl Fn(usize, usize) -> bool, pictures: usize) -> Vec<Option<f64>> {
    let mean = |picture: usize| {
        let out = margins.iter().skip(picture).step_by(pictures).enumerate();
        let out = out.filter(|(shadow, _)| !inside(*shadow, picture));
        let (count, sum) = out.fold((0usize, 0.0), |(count, sum), (_, margin)| {
            (count + 1, sum + log_probability(*margin).exp())
        });
        (count > 0).then(|| sum / count as f64)
    };
    (0..pictures).map(mean).collect()
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
    let both = [&exposure.candidates, own];
    let questions = both.map(|forms| Questions::new(&forms.query, classes, params.bool("mirror")));
    let values = (wanted + 1) * questions.iter().map(Questions::len).sum::<usize>();
    if let Some(why) = lacking(&[&own.train], values, budget) {
        return Ok(ModelOutcome::inconclusive(why));
    }
    let design = Design::halves(own.len(), exposure.trained_on, wanted, rng)?;
    let mut asked = Vec::new();
    for questions in &questions {
        match questions.margins(&|images| victim.ask(images), budget)? {
            Some(margins) => asked.push(margins),
            None => return Ok(unasked()),
        }
    }
    let mut margins = [Vec::new(), Vec::new()];
    let trained = train_each(
        exposure,
        (&own.train, &design),
        budget,
        rng,
        progress,
        |_, model| {
            for (questions, margins) in questions.iter().zip(&mut margins) {
                if note(model, questions, margins, budget)?.is_none() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        },
    )?;
    // A model may have answered about the candidates alone when the time was up.
    let [candidates, population] = [0, 1].map(|kind| {
        let pictures = questions[kind].len();
        let inside = |shadow: usize, picture: usize| kind == 1 && design.row(shadow)[picture];
        let means = means_out(&margins[kind][..trained * pictures], inside, pictures);
        let a = params.float("a");
        let ratios = asked[kind]
            .iter()
            .zip(means)
            .filter_map(|(m, mean)| Some(log_ratio(*m, mean?, a)));
        ratios.collect::<Vec<_>>()
    });
    let size = population.len();
    let scores = (trained > 0).then(|| dominance(&candidates, population, params.float("gamma")));
    let mut outcome = outcome(scores, trained, wanted);
    outcome.figures.insert("pictures_per_shadow", design.size());
    outcome.figures.insert("population", size as f64);
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_the_formula() {
        // p = 3/4 by the victim, 1/4 by others: P = 1.3 / 2 / 4 + 0.35 = 0.5125.
        let ratio = log_ratio(3f64.ln(), 0.25, 0.3);
        assert!((ratio - (0.75f64 / 0.5125).ln()).abs() < 1e-12);
        assert!(log_ratio(-1e9, 0.0, 1.0).is_finite());
    }

    #[test]
    fn candidates_are_ordered_by_their_ratios_and_counted_in_steps() {
        let scores = dominance(&[-9.0, 0.4, 0.6, 9.0, 2.0, 2.1], vec![1.0, 0.0, 2.0, 0.5], 1.0);
        let steps: Vec<f64> = scores.iter().map(|s| (s * 5.0).floor()).collect();
        assert_eq!(steps, [0.0, 1.0, 2.0, 4.0, 3.0, 4.0]);
        assert!(scores[4] < scores[5] && scores[5] < scores[3]);
        // Twice as large is ln 2 = 0.69 more.
        let strict = dominance(&[0.4, 0.7], vec![0.0], 2.0);
        assert_eq!(
            strict.iter().map(|s| (s * 2.0).floor()).collect::<Vec<_>>(),
            [0.0, 1.0]
        );
        assert_eq!(dominance(&[0.0], vec![], 1.0), [0.5]);
    }

    #[test]
    fn only_models_without_the_picture_count() {
        let margins = [0.0, 3f64.ln(), 3f64.ln(), 0.0];
        let means = means_out(&margins, |shadow, picture| shadow == picture, 2);
        assert!((means[0].unwrap() - 0.75).abs() < 1e-12 && (means[1].unwrap() - 0.75).abs() < 1e-12);
        assert_eq!(means_out(&margins, |_, picture| picture == 0, 2)[0], None);
    }
}
