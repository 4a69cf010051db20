//! The loss alone: a model is surer of what it was trained on.

use super::{Questions, check, log_probability, unasked};
use crate::{
    Budget, Progress, Result, Rng,
    model::{Aim, Found, ModelAttackInfo, ModelExposure, ModelOutcome, Reach},
};
use visard_core::params::Params;

pub(crate) static INFO: ModelAttackInfo = ModelAttackInfo {
    name: "mia-loss",
    title: "Membership by the loss",
    paper: "Yeom, Giacomelli, Fredrikson, Jha: Privacy Risk in Machine Learning, CSF 2018",
    summary: "takes the pictures with the least cross-entropy for those that the model was trained on; \
              trains nothing",
    aim: Aim::Membership,
    reach: Reach::Answers,
    params: &[],
    run,
};

/// The paper's threshold, the mean loss in training, is not for the adversary to see: the score tries all.
/// The mean loss of the adversary's own pictures, in nats, stands beside that of the candidates.
fn run(
    exposure: &ModelExposure<'_>,
    _: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<ModelOutcome> {
    check(exposure)?;
    let (victim, classes) = (&exposure.victim, exposure.victim.classes());
    let mut losses = Vec::new();
    for (done, forms) in [&exposure.candidates, &exposure.own].into_iter().enumerate() {
        progress(done as f64 / 2.0, "asking the model");
        let questions = Questions::new(&forms.query, classes, false);
        let Some(margins) = questions.margins(&|images| victim.ask(images), budget)? else {
            return Ok(unasked());
        };
        losses.push(margins.iter().map(|m| -log_probability(*m)).collect::<Vec<_>>());
    }
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let scores = losses[0].iter().map(|loss| -loss).collect();
    let mut outcome = ModelOutcome::found(Found::Members(scores));
    outcome.figures.insert("mean_loss", mean(&losses[0]));
    outcome.figures.insert("mean_loss_own", mean(&losses[1]));
    Ok(outcome)
}
