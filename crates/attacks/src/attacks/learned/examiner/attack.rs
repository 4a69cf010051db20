//! The first and the third experiment as attacks.

use super::{
    Examiner, Settings,
    labelled::{Labelled, NO_TIME, Rate, answers, fit, lacks, paced, split},
};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Target, Verdict,
    attacks::{linkage::commonest, unfit},
};
use visard_core::params::{Kind, ParamSpec, Params};
use visard_learn::{Examples, Model, TrainConfig, networks, recommend};

/// Experiment 1. Its evidence is the accuracy on the disguised images beside that of the best constant
/// answer.
pub(in crate::attacks) static PLAIN: AttackInfo = AttackInfo {
    name: "examiner",
    title: "Examiner that knows plain images",
    paper: "this project; after the experiments with plain-trained networks of Chen, Gu, Sharma: \
            DisguisedNets, ACM TOIT 2023",
    summary: "trains small networks on labelled public images and has them name the classes of disguised \
              ones, in place of a person who looks at them",
    level: Level::Disguised,
    applies: &[],
    needs: Needs::Public,
    params: &[
        ParamSpec {
            name: "network",
            help: "the network that is trained on plain images",
            kind: Kind::Choice(&["cnn", "mlp"]),
            default: "cnn",
        },
        EPOCHS,
        ParamSpec {
            name: "seeds",
            help: "networks that are trained, each from weights of its own; their mean counts",
            kind: Kind::Int { min: 1, max: 20 },
            default: "3",
        },
        ParamSpec {
            name: "images",
            help: "most plain images that are learnt from, and most disguised pictures that are named, drawn \
                   at random",
            kind: MANY,
            default: "4000",
        },
        ParamSpec {
            name: "match_scale",
            help: "whether disguised images are first brought to the mean and the spread of the plain ones",
            kind: Kind::Bool,
            default: "true",
        },
    ],
    helpers: None,
    trains: true,
    run: run_plain,
};

/// Experiment 3. It gives figures and no evidence: every disguise that networks can learn from allows it, by
/// intent.
pub(in crate::attacks) static DISGUISED: AttackInfo = AttackInfo {
    name: "examiner-disguised",
    title: "Examiner that knows disguised images",
    paper: "this project; what every utility experiment on disguised images measures",
    summary: "trains a network on some of the labelled disguised images and has it name the others: the use \
              of a disguise, and by intent what its holder can do with new images; figures only, no break",
    level: Level::Disguised,
    applies: &[],
    needs: Needs::Nothing,
    params: &[
        NETWORK,
        EPOCHS,
        ParamSpec {
            name: "images",
            help: "most pictures that are used, two thirds to learn from, drawn at random",
            kind: MANY,
            default: "6000",
        },
    ],
    helpers: None,
    trains: true,
    run: run_disguised,
};

const MANY: Kind = Kind::Int {
    min: 12,
    max: 1_000_000,
};

/// The network for disguised images.
pub(in crate::attacks::learned) const NETWORK: ParamSpec = ParamSpec {
    name: "network",
    help: "the network, with what its scheme recommends before it; auto: cnn where the scheme leaves values \
           where they are (skk, instahide), else mlp, which does not mind where they are",
    kind: Kind::Choice(&["auto", "mlp", "cnn"]),
    default: "auto",
};

/// Passes over the training images.
pub(in crate::attacks::learned) const EPOCHS: ParamSpec = ParamSpec {
    name: "epochs",
    help: "passes over the training images, more where they are so few that these are less than 150 steps",
    kind: Kind::Int { min: 1, max: 1000 },
    default: "6",
};

/// The configuration for a scheme's disguised images that [`NETWORK`] asks for.
fn for_scheme(name: &str, target: &Target) -> Result<TrainConfig> {
    let network = match (name, target.name()) {
        ("auto", "skk" | "instahide") => "cnn",
        ("auto", _) => "mlp",
        (name, _) => name,
    };
    let none = Default::default();
    let info = networks::find(network)?;
    let recommended = recommend(info, target.scheme.info(), target.scheme.params());
    Ok(recommended.config(network, &none, None, &none)?)
}

/// The network that [`NETWORK`] asks for, trained on a scheme's disguised images for as long as [`EPOCHS`] says;
/// or why there is none.
///
/// # Errors
/// If the network cannot take such images.
pub(in crate::attacks::learned) fn learn(
    target: &Target,
    params: &Params,
    data: &Examples,
    classes: usize,
    budget: &Budget,
    rng: &mut Rng,
) -> Result<std::result::Result<Model, String>> {
    let config = for_scheme(params.text("network"), target)?;
    let epochs = params.int("epochs") as usize;
    let config = paced(config, data.len(), epochs, rng.next_u64());
    fit(&config, data, classes, budget)
}

fn run_plain(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let (target, shape) = (&exposure.target, exposure.disguised.shape());
    let Some(public) = &exposure.public else {
        return Err(Error::Exposure(
            "the examiner needs labelled public images to learn from".into(),
        ));
    };
    if shape != target.plain {
        let problem = format!("a network that knows plain images cannot be shown disguised ones of {shape}");
        return Err(unfit(PLAIN.name, target, problem));
    }
    if public.shape() != shape {
        return Err(Error::Exposure(format!(
            "the public images are {}, the disguised ones {shape}; bring the public ones to this shape",
            public.shape()
        )));
    }
    let disguised = Labelled::new(&exposure.disguised, target.scheme.encodings(), "disguised images")?;
    let count = disguised.examples.len() + public.len();
    if let Some(why) = lacks(budget, shape, count) {
        return Ok(Outcome::inconclusive(why));
    }
    let settings = Settings {
        network: params.text("network").into(),
        epochs: params.int("epochs") as usize,
        seeds: params.int("seeds") as usize,
        images: params.int("images") as usize,
        match_scale: params.bool("match_scale"),
        seed: rng.next_u64(),
    };
    let disguised = disguised.draw(settings.images, rng);
    let Some(examiner) = Examiner::train_watched(public, &settings, budget, progress)? else {
        return Ok(Outcome::inconclusive(NO_TIME));
    };
    progress(0.99, "naming disguised images");
    let found = examiner.judge(&disguised, budget)?;
    let mut outcome = Outcome::nothing();
    outcome.figures.extend([
        ("accuracy", found.accuracy),
        ("plain_accuracy", found.plain),
        ("chance", found.chance),
        ("majority", found.majority),
        ("networks", found.networks.len() as f64),
        ("images", (disguised.examples.len() - found.left_out) as f64),
    ]);
    outcome
        .figures
        .extend(found.normalised.map(|value| ("normalised", value)));
    outcome.evidence.push(found.evidence());
    let named = found.networks.len();
    if named < settings.seeds {
        let why = format!(
            "{named} of {} networks were trained and asked within the budget",
            settings.seeds
        );
        outcome.verdict = Verdict::Inconclusive(why);
    } else if !examiner.knows() {
        let why = "the networks do not know plain images either: give more, or better ones, or more epochs";
        outcome.verdict = Verdict::Inconclusive(why.into());
    }
    Ok(outcome)
}

fn run_disguised(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let target = &exposure.target;
    let all = Labelled::disguised(exposure, params.int("images") as usize, rng)?;
    if let Some(why) = lacks(budget, exposure.disguised.shape(), all.examples.len()) {
        return Ok(Outcome::inconclusive(why));
    }
    let (train, test) = split(&all.classes(), 3, rng);
    let (train, test) = (all.pick(&train), all.pick(&test));
    progress(0.05, "training on disguised images");
    let model = match learn(target, params, &train.examples, all.names.len(), budget, rng)? {
        Ok(model) => model,
        Err(why) => return Ok(Outcome::inconclusive(why)),
    };
    progress(0.95, "naming disguised images");
    let truth = &test.examples.labels;
    let rate = Rate::of(&answers(&model, &test.examples)?, truth);
    let mut outcome = Outcome::nothing();
    outcome.figures.extend([
        ("accuracy", rate.accuracy),
        ("accuracy_low", rate.interval.0),
        ("accuracy_high", rate.interval.1),
        ("chance", commonest(truth)),
        ("images", rate.of as f64),
        ("trained_on", train.examples.len() as f64),
    ]);
    Ok(outcome)
}
