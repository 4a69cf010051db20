//! LiRA: is what the model says of a picture more like models that were trained on it, or that were not?

use super::{
    MIRROR, Questions, check,
    normals::{Records, ratios, tails},
    outcome, shadows,
    shadows::{Design, lacking, note, train_each},
    unasked,
};
use crate::{
    Budget, Progress, Result, Rng, learning,
    model::{Aim, ModelAttackInfo, ModelExposure, ModelOutcome, Reach},
};
use visard_core::params::{Kind, ParamSpec, Params};

const PAPER: &str = "Carlini, Chien, Nasr, Song, Terzis, Tramer: Membership Inference Attacks From First \
                     Principles, S&P 2022";
/// Shadow models from which on each picture has a deviation of its own.
const MANY: usize = 64;

const VARIANCE: ParamSpec = ParamSpec {
    name: "variance",
    help: "deviation of margins: one for all pictures, each picture's own, or its own from 64 shadow models \
           on",
    kind: Kind::Choice(&["auto", "pooled", "own"]),
    default: "auto",
};

pub(crate) static ONLINE: ModelAttackInfo = ModelAttackInfo {
    name: "lira",
    title: "Membership by likelihood ratio (LiRA)",
    paper: PAPER,
    summary: "trains shadow models on random halves of the candidates and of pictures of its own; compares \
              what the model says of a candidate with those that were trained on it and with those that were \
              not",
    aim: Aim::Membership,
    reach: Reach::Answers,
    params: &[shadows("16"), VARIANCE, MIRROR],
    run: |exposure, params, budget, rng, progress| run(exposure, params, true, budget, rng, progress),
};

pub(crate) static OFFLINE: ModelAttackInfo = ModelAttackInfo {
    name: "lira-offline",
    title: "Membership by likelihood ratio, shadow models without the candidates (LiRA, offline)",
    paper: PAPER,
    summary: "trains shadow models on pictures of its own alone; asks how far the model is surer of a \
              candidate than models are that were not trained on it",
    aim: Aim::Membership,
    reach: Reach::Answers,
    params: &[shadows("16"), VARIANCE, MIRROR],
    run: |exposure, params, budget, rng, progress| run(exposure, params, false, budget, rng, progress),
};

fn run(
    exposure: &ModelExposure<'_>,
    params: &Params,
    online: bool,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<ModelOutcome> {
    check(exposure)?;
    let (candidates, own) = (&exposure.candidates, &exposure.own);
    let (count, wanted) = (candidates.len(), params.int("shadows") as usize);
    let parts = if online {
        &[&candidates.train, &own.train][..]
    } else {
        &[&own.train]
    };
    if let Some(why) = lacking(parts, (wanted + 1) * count, budget) {
        return Ok(ModelOutcome::inconclusive(why));
    }
    let joined;
    let (pool, design) = if online {
        // The candidates come first in the pool.
        joined = learning::join(&candidates.train, &own.train)?;
        let all = count + own.len();
        (&joined, Design::balanced(all, exposure.trained_on, wanted, rng)?)
    } else {
        (
            &own.train,
            Design::halves(own.len(), exposure.trained_on, wanted, rng)?,
        )
    };
    let (victim, classes) = (&exposure.victim, exposure.victim.classes());
    let questions = Questions::new(&candidates.query, classes, params.bool("mirror"));
    let Some(asked) = questions.margins(&|images| victim.ask(images), budget)? else {
        return Ok(unasked());
    };
    let mut margins = Vec::with_capacity(wanted * count);
    let trained = train_each(exposure, (pool, &design), budget, rng, progress, |_, model| {
        note(model, &questions, &mut margins, budget)
    })?;
    let inside = (0..trained).flat_map(|shadow| match online {
        true => design.row(shadow)[..count].to_vec(),
        false => vec![false; count],
    });
    let records = Records {
        pictures: count,
        inside: inside.collect(),
        margins,
    };
    let each = match params.text("variance") {
        "auto" => trained >= MANY,
        variance => variance == "own",
    };
    let (within, without) = (records.normals(true, each), records.normals(false, each));
    let scores = match (&within, &without) {
        (Some(within), Some(without)) => Some(ratios(&asked, within, without)),
        (None, Some(without)) if !online => Some(tails(&asked, without)),
        _ => None,
    };
    let mut outcome = outcome(scores, trained, wanted);
    outcome.figures.insert("pictures_per_shadow", design.size());
    for (normals, mean, deviation) in [
        (within, "mean_margin_in", "deviation_in"),
        (without, "mean_margin_out", "deviation_out"),
    ] {
        if let Some(normals) = normals {
            outcome.figures.insert(mean, normals.pooled.0);
            outcome.figures.insert(deviation, normals.pooled.1);
        }
    }
    Ok(outcome)
}
