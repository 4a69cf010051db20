//! What a class looks like to the model: gradients followed from a picture to one that it takes for the class
//! (ATTACKS, section 8.2).
//!
//! For a model of disguised images the pictures are disguised too; with a recovered key the disguise is taken
//! off them as off any other image.

mod descent;
mod grey;
mod priors;
mod span;

use super::{Aim, Found, ModelAttackInfo, ModelExposure, ModelOutcome, Reach};
use crate::{Budget, Progress, Result, Rng, Verdict, metrics::mean_row};
use descent::{Descent, Objective, Pace, Rule};
use priors::{Priors, gaussian};
use span::Span;
use visard_core::params::{Kind, ParamSpec, Params};
use visard_learn::Differentiable;

/// Own images that the mean and the principal components are taken from, at most.
const OWN: usize = 1000;

const ALPHA: ParamSpec = ParamSpec {
    name: "alpha",
    help: "most steps; ART has 10000",
    kind: Kind::Int {
        min: 1,
        max: 1_000_000,
    },
    default: "1000",
};
const GAMMA: ParamSpec = ParamSpec {
    name: "gamma",
    help: "a class is done when the model gives it a probability of 1 less this; ART has 0.01",
    kind: Kind::Float { min: 0.0, max: 1.0 },
    default: "0.01",
};
const fn beta(default: &'static str) -> ParamSpec {
    ParamSpec {
        name: "beta",
        help: "a class is done when its cost is no better than the worst of so many before; ART has 100",
        kind: Kind::Int {
            min: 1,
            max: 1_000_000,
        },
        default,
    }
}
const fn objective(default: &'static str) -> ParamSpec {
    ParamSpec {
        name: "objective",
        help: "what is made large: the probability of the class, as published, or its logit, \
               log p - log (1 - p), whose slope does not vanish where the model is sure",
        kind: Kind::Choice(&["probability", "logit"]),
        default,
    }
}
const fn start(default: &'static str) -> ParamSpec {
    ParamSpec {
        name: "start",
        help: "the picture to begin with: grey, the mean grey level of the training images; zero, grey level \
               0, as published; own, the mean of the own images",
        kind: Kind::Choice(&["grey", "zero", "own"]),
        default,
    }
}

/// MI-FACE as published.
pub(super) static FACE: ModelAttackInfo = ModelAttackInfo {
    name: "mi-face",
    title: "Model inversion (MI-FACE)",
    paper: "Fredrikson, Jha, Ristenpart: Model inversion attacks that exploit confidence information, CCS \
            2015; defaults after IBM's Adversarial Robustness Toolbox (ART)",
    summary: "follows the gradient of the model's probability of a class from a grey picture to one that the \
              model takes for that class",
    aim: Aim::Inversion,
    reach: Reach::Weights,
    params: &[
        ALPHA,
        beta("100"),
        GAMMA,
        ParamSpec {
            name: "lr",
            help: "learning rate for pictures in units of 255 grey levels",
            kind: Kind::Float { min: 1e-9, max: 1e9 },
            default: "0.1",
        },
        objective("probability"),
        start("grey"),
    ],
    run: |exposure, params, budget, rng, progress| {
        let none = |_: &mut Priors, _: &[f32]| -> Result<()> { Ok(()) };
        let rate = Pace::Rate(params.float("lr"));
        run(exposure, params, rate, &none, budget, rng, progress)
    },
};

/// MI-FACE among pictures that are likely by themselves.
pub(super) static PRIOR: ModelAttackInfo = ModelAttackInfo {
    name: "mi-prior",
    title: "Model inversion with priors",
    paper: "after Fredrikson, Jha, Ristenpart, CCS 2015; total variation after Mahendran, Vedaldi: \
            Understanding deep image representations by inverting them, CVPR 2015; principal components by \
            this project",
    summary: "does as mi-face does, but begins with the mean of the adversary's own pictures, stays among \
              combinations of their principal components, and prefers smooth pictures",
    aim: Aim::Inversion,
    reach: Reach::Weights,
    params: &[
        ALPHA,
        beta("50"),
        GAMMA,
        ParamSpec {
            name: "lr",
            help: "length of a step, root mean square, in standard deviations of the grey levels",
            kind: Kind::Float { min: 1e-9, max: 1e3 },
            default: "0.02",
        },
        objective("logit"),
        start("own"),
        ParamSpec {
            name: "components",
            help: "principal components of the own images that pictures are made of; 0 for any picture",
            kind: Kind::Int { min: 0, max: 1000 },
            default: "32",
        },
        ParamSpec {
            name: "tv",
            help: "weight of the total variation, per value, of standardised pictures; 0 where neighbours \
                   are not alike, as in most disguised images",
            kind: Kind::Float { min: 0.0, max: 1e6 },
            default: "1",
        },
        ParamSpec {
            name: "l2",
            help: "weight of the mean squared distance from the first picture, standardised",
            kind: Kind::Float { min: 0.0, max: 1e6 },
            default: "0.1",
        },
        ParamSpec {
            name: "smooth",
            help: "steps after which pictures are smoothed, again and again; 0 for never, as with tv=0",
            kind: Kind::Int {
                min: 0,
                max: 1_000_000,
            },
            default: "100",
        },
        ParamSpec {
            name: "sigma",
            help: "standard deviation of that smoothing in pixels",
            kind: Kind::Float { min: 0.0, max: 64.0 },
            default: "0.5",
        },
    ],
    run: |exposure, params, budget, rng, progress| {
        let length = Pace::Length(params.float("lr"));
        let prior = |priors: &mut Priors, own: &[f32]| -> Result<()> {
            priors.variation = params.float("tv");
            priors.distance = params.float("l2");
            // Smoothing, too, is for pictures whose neighbours are alike.
            priors.every = match priors.variation > 0.0 {
                true => params.int("smooth") as usize,
                false => 0,
            };
            priors.kernel = gaussian(params.float("sigma"));
            let components = params.int("components") as usize;
            if components > 0 {
                priors.span = Some(Span::new(own, priors.shape.len(), components)?);
            }
            Ok(())
        };
        run(exposure, params, length, &prior, budget, rng, progress)
    },
};

/// Sets priors, given own pictures, standardised, one after the other.
type Prior<'a> = &'a dyn Fn(&mut Priors, &[f32]) -> Result<()>;

fn run(
    exposure: &ModelExposure<'_>,
    params: &Params,
    pace: Pace,
    prior: Prior<'_>,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<ModelOutcome> {
    exposure.check()?;
    let model = exposure.victim.gradients()?;
    let (shape, images) = (exposure.victim.shape(), &exposure.own.query);
    let some = images.len().min(OWN);
    let bytes = descent::memory(exposure.victim.classes(), shape.len()) + span::memory(some, shape.len());
    if let Some(why) = budget.lacks(bytes, "the pictures and the own images") {
        return Ok(ModelOutcome::inconclusive(why));
    }
    if budget.is_spent() {
        return Ok(ModelOutcome::inconclusive(
            "the time was over before the first step",
        ));
    }
    let mut places = rng.permutation(images.len());
    places.truncate(some);
    let own = model.standardise(&grey::levels(images, &places));
    let start = first_picture(&model, params.text("start"), &own);
    let mut priors = Priors::none(shape);
    prior(&mut priors, &own)?;
    priors.centre.clone_from(&start);
    let descent = Descent {
        model: &model,
        rule: Rule {
            alpha: params.int("alpha") as usize,
            beta: params.int("beta") as usize,
            gamma: params.float("gamma"),
            pace,
            objective: match params.text("objective") {
                "logit" => Objective::Logit,
                _ => Objective::Probability,
            },
        },
        priors: &priors,
        start: &start,
        range: grey::range(images),
    };
    let found = descent.run(budget, progress);
    let classes = found.probabilities.len() as f64;
    let reached = |p: &&f64| 1.0 - **p <= descent.rule.gamma;
    let mut outcome = ModelOutcome::found(Found::Classes(model.pixels(&found.pictures)));
    let figures = &mut outcome.figures;
    figures.insert("probability", found.probabilities.iter().sum::<f64>() / classes);
    figures.insert("steps", found.steps.iter().sum::<usize>() as f64 / classes);
    let done = found.probabilities.iter().filter(reached).count();
    figures.insert("classes_reached", done as f64);
    if let Some(span) = &priors.span {
        figures.insert("components", span.len() as f64);
    }
    if let Some(why) = found.why {
        outcome.verdict = Verdict::Inconclusive(why);
    }
    Ok(outcome)
}

/// The picture that all classes begin with, standardised.
fn first_picture(model: &Differentiable, name: &str, own: &[f32]) -> Vec<f32> {
    let len = model.info().shape.len();
    match name {
        "own" => mean_row(own, len),
        "zero" => model.standardise(&vec![0.0; len]),
        _ => vec![0.0; len],
    }
}
