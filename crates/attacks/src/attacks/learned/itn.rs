//! `itn`: affine combinations of known pairs, then a U-Net that corrects them (ATTACKS, 7.3).
//!
//! A network that shares its weights over all places cannot undo keys that differ from place to place, such
//! as those of ELE, EtC, SKK or RMT. That is left to stage 1, a ridge regression for each position of what a
//! scheme transforms on its own, on nibbles where a scheme works on nibbles. The network sees stage 1's
//! picture and the disguised image, and learns what is left. It is kept only if it comes nearer to pairs that
//! neither stage saw.
//!
//! The published code puts a sigmoid on an output that was bounded to -1 to 1 before, so that it cannot paint
//! anything darker than mid-grey. Here nothing bounds what is painted while it is trained.

use super::{
    fit::{Course, STEPS, fit},
    paired::{FIRST, Lesson, PLANES, WIDTH, decibels, prepare},
};
use crate::{
    AttackInfo, Budget, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Verdict, attacks::span,
};
use visard_core::params::{Kind, ParamSpec, Params};

const NAME: &str = "itn";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "Inverse transformation network",
    paper: "ito-hiroki/learnable_encryption_robustness (code); the ridge regression first by this project",
    summary: "reads the images by affine combinations of known pairs, and trains a U-Net to correct them, \
              which is kept if it comes nearer to pairs that were kept back",
    level: Level::Pairs,
    applies: span::APPLIES,
    needs: Needs::Pairs,
    params: &[
        FIRST,
        ParamSpec {
            name: "network",
            help: "what corrects stage 1: a U-Net; blocks: the published network, each 4 x 4 pixels on their \
                   own; none",
            kind: Kind::Choice(&["unet", "blocks", "none"]),
            default: "unet",
        },
        PLANES,
        ParamSpec {
            help: "steps of training; 0: 20 passes over the pairs, at most 20,000 steps",
            ..STEPS
        },
        WIDTH,
    ],
    helpers: None,
    trains: true,
    run,
};

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let course = |asked, examples| Course::new(asked, examples, 20, 32, 20_000);
    let (mut outcome, lesson) = prepare(NAME, exposure, params, course, (budget, rng), progress)?;
    outcome.figures.insert("unet_helps", 0.0);
    let Some(lesson) = lesson else {
        return Ok(outcome);
    };
    let Lesson {
        view,
        train,
        held,
        attacked,
        ..
    } = &lesson;
    let plan = view.plan();
    let told = |share: f64, doing: &str| progress(0.4 + 0.5 * share, doing);
    let fitted = fit(
        (&plan, lesson.painter),
        lesson.course,
        train.0.len(),
        &mut |places, device| {
            let rows: Vec<_> = places.iter().map(|place| (&train.1, *place)).collect();
            (view.show(&rows, device), view.truth(&train.0, places, device))
        },
        (budget, rng),
        &told,
    )?;
    fitted.tell(&mut outcome);
    let late = |outcome: &mut Outcome| {
        outcome.verdict = Verdict::Inconclusive(format!(
            "the time was up after {} of {} steps of training; these pictures are those of stage 1",
            fitted.steps, lesson.course.steps
        ));
    };
    if fitted.steps < lesson.course.steps {
        late(&mut outcome);
        return Ok(outcome);
    }
    let told = |share: f64, doing: &str| progress(0.9 + 0.1 * share, doing);
    let network = fitted.network.as_ref();
    let Some(painted) = view.paint(network, &held.1, Some(budget), &told)? else {
        late(&mut outcome);
        return Ok(outcome);
    };
    let after = lesson.after(&painted);
    outcome.figures.insert("held_out_psnr_unet", decibels(after));
    // Without stage 1 the network is the attack.
    let alone = params.text("first") == "none";
    if after < lesson.before {
        outcome.figures.insert("unet_helps", 1.0);
    }
    if alone || after < lesson.before {
        match view.paint(network, attacked, Some(budget), &told)? {
            Some(pictures) => outcome.reconstructions = Some(pictures),
            None => late(&mut outcome),
        }
    }
    Ok(outcome)
}
