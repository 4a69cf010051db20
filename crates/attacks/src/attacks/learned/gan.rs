//! `gan` and `gan-paired`: a painter against a critic (ATTACKS, 7.4).
//!
//! `gan` has no pairs: the painter turns disguised images into what the critic cannot tell from public ones.
//! A picture that looks right may show something else than the image did; whether it does is for the judge of
//! the recovered images to say, who asks which plain image each one is nearest to. `gan-paired` has pairs: it
//! corrects stage 1 as `itn` does, and is drawn to the truth as well (Isola, Zhu, Zhou, Efros: Image-to-image
//! translation with conditional adversarial networks, CVPR 2017); its critic sees the disguised image beside
//! the picture.
//!
//! As published: Adam at 2e-4 with a first decay of 0.5, batches of 64 where there are enough images, and the
//! critic's first two layers. Not as published: the hinge loss, normalised kernels in the whole critic, no
//! normalisation in the painter, and a learning rate that falls to 0.

use super::{
    FEWEST,
    duel::{Duel, Won},
    fit::{self, Course, Deck},
    guess::Shown,
    paired::{FIRST, PLANES, SIDE, WIDTH, decibels, domain, prepare, small},
    planes::Planes,
    public,
    unet::Painter,
    view::View,
};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Verdict,
    attacks::{span, unfit},
};
use std::borrow::Cow;
use visard_core::params::{Kind, ParamSpec, Params};

const UNPAIRED: &str = "gan";
const PAIRED: &str = "gan-paired";

const NETWORK: ParamSpec = ParamSpec {
    name: "network",
    help: "the painter: a U-Net; or blocks: the published network, each 4 x 4 pixels on their own",
    kind: Kind::Choice(&["unet", "blocks"]),
    default: "unet",
};

const STEPS: ParamSpec = ParamSpec {
    help: "steps of each side; 0: four passes over the images, at most 300 steps, which is little: the \
           attack is at its best with thousands",
    ..fit::STEPS
};

const RATE: ParamSpec = ParamSpec {
    name: "lr",
    help: "learning rate of both sides",
    kind: Kind::Float { min: 1e-6, max: 0.1 },
    default: "0.0002",
};

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: UNPAIRED,
    title: "Adversarial network without pairs",
    paper: "arXiv 2010.06198; ito-hiroki/learnable_encryption_robustness (code)",
    summary: "trains a network to turn disguised images into pictures that another one cannot tell from \
              public images; they may look right and be wrong",
    level: Level::Disguised,
    applies: span::APPLIES,
    needs: Needs::Public,
    params: &[NETWORK, PLANES, STEPS, RATE, WIDTH],
    helpers: None,
    trains: true,
    run: unpaired,
};

pub(in crate::attacks) static PAIRED_INFO: AttackInfo = AttackInfo {
    name: PAIRED,
    title: "Adversarial network with pairs",
    paper: "Isola, Zhu, Zhou, Efros: Image-to-image translation with conditional adversarial networks, CVPR \
            2017",
    summary: "corrects the pictures of affine combinations of known pairs by a network that is drawn to the \
              truth and to what another one takes for real; they may look better than they are",
    level: Level::Pairs,
    applies: span::APPLIES,
    needs: Needs::Pairs,
    params: &[
        FIRST,
        NETWORK,
        PLANES,
        STEPS,
        RATE,
        ParamSpec {
            name: "l1",
            help: "weight of the mean absolute error, of pictures from -1 to 1, beside the critic's word",
            kind: Kind::Float { min: 0.0, max: 1e6 },
            default: "100",
        },
        WIDTH,
    ],
    helpers: None,
    trains: true,
    run: paired,
};

/// Four passes, at most 300 steps of at most 64 images.
fn course(asked: i64, examples: usize) -> Course {
    Course::new(asked, examples, 4, 64, 300)
}

/// Figures of a duel; whether it came to its end.
fn tell(outcome: &mut Outcome, won: &Won, course: Course) -> bool {
    let losses = [("critic_loss", won.critic), ("generator_loss", won.painter)];
    outcome.figures.insert("steps", won.steps as f64);
    outcome
        .figures
        .extend(losses.into_iter().filter_map(|(name, loss)| Some((name, loss?))));
    if won.steps < course.steps {
        let why = format!("the time was up after {} of {} steps", won.steps, course.steps);
        outcome.verdict = Verdict::Inconclusive(why);
    }
    won.steps == course.steps
}

fn unpaired(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let (target, domain) = (&exposure.target, domain(UNPAIRED, exposure, params)?);
    if small(target.plain) {
        let problem = format!("its networks need sides of {SIDE} pixels or more");
        return Err(unfit(UNPAIRED, target, problem));
    }
    let (public, disguised) = (
        public(UNPAIRED, exposure, FEWEST, "plain ones")?,
        &exposure.disguised,
    );
    if disguised.len() < FEWEST {
        return Err(Error::Exposure(format!(
            "{UNPAIRED} needs {FEWEST} or more disguised images to learn from, there are {}",
            disguised.len()
        )));
    }
    let fewer = disguised.len().min(public.len());
    let pictures = 8 * (disguised.len() + public.len()) as u64 * target.plain.len() as u64;
    if let Some(why) = budget.lacks(pictures, "the pictures") {
        return Ok(Outcome::inconclusive(why));
    }
    let planes = Planes::new(target, domain, disguised.shape(), &[disguised]);
    let view = View::new(planes, public, false);
    let course = course(params.int("steps"), fewer);
    let duel = Duel {
        plan: view.plan(),
        painter: Painter::of(params.text("network"), params.int("width")),
        course,
        rate: params.float("lr"),
        truth: None,
    };
    if let Some(why) = budget.lacks(pictures + duel.bytes(), "the networks and the pictures") {
        return Ok(Outcome::inconclusive(why));
    }
    let shown = Shown {
        disguised: Cow::Borrowed(disguised),
        guess: None,
    };
    let (mut hidden, mut real) = (Deck::new(disguised.len()), Deck::new(public.len()));
    let told = |share: f64, doing: &str| progress(0.9 * share, doing);
    let won = duel.fight(
        &mut |rng, device| {
            let rows: Vec<_> = hidden
                .draw(course.batch, rng)
                .into_iter()
                .map(|place| (&shown, place))
                .collect();
            let places = real.draw(course.batch, rng);
            (view.show(&rows, device), view.truth(public, &places, device))
        },
        (budget, rng),
        &told,
    )?;
    let mut outcome = Outcome::nothing();
    outcome.figures.insert("images", disguised.len() as f64);
    outcome.figures.insert("public", public.len() as f64);
    let whole = tell(&mut outcome, &won, course);
    if won.steps == 0 {
        return Ok(outcome);
    }
    // What was learned in part is shown as well, without another look at a time that is up.
    let left = whole.then_some(budget);
    let told = |share: f64, doing: &str| progress(0.9 + 0.1 * share, doing);
    view.reconstruct(&mut outcome, won.network.as_ref(), &shown, left, &told)?;
    Ok(outcome)
}

fn paired(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let (mut outcome, lesson) = prepare(PAIRED, exposure, params, course, (budget, rng), progress)?;
    let Some(lesson) = lesson else {
        return Ok(outcome);
    };
    let (view, train) = (&lesson.view, &lesson.train);
    let duel = Duel {
        plan: view.plan(),
        painter: lesson.painter,
        course: lesson.course,
        rate: params.float("lr"),
        // Pictures from -1 to 1 are half as many grey levels as 255 in each direction.
        truth: Some(params.float("l1") * f64::from(view.deviation()) / 127.5),
    };
    if let Some(why) = budget.lacks(duel.bytes(), "the networks") {
        outcome.verdict = Verdict::Inconclusive(format!("{why}; these pictures are those of stage 1"));
        return Ok(outcome);
    }
    let mut deck = Deck::new(train.0.len());
    let told = |share: f64, doing: &str| progress(0.4 + 0.5 * share, doing);
    let won = duel.fight(
        &mut |rng, device| {
            let places = deck.draw(duel.course.batch, rng);
            let rows: Vec<_> = places.iter().map(|place| (&train.1, *place)).collect();
            (view.show(&rows, device), view.truth(&train.0, &places, device))
        },
        (budget, rng),
        &told,
    )?;
    if !tell(&mut outcome, &won, duel.course) {
        return Ok(outcome);
    }
    let told = |share: f64, doing: &str| progress(0.9 + 0.1 * share, doing);
    let network = won.network.as_ref();
    if let Some(painted) = view.paint(network, &lesson.held.1, Some(budget), &told)? {
        outcome
            .figures
            .insert("held_out_psnr_gan", decibels(lesson.after(&painted)));
    }
    view.reconstruct(&mut outcome, network, &lesson.attacked, Some(budget), &told)?;
    Ok(outcome)
}
