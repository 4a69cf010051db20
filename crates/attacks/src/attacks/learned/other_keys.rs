//! `itn-other-keys`: a network that learned to undo other keys than the attacked one (ATTACKS, 7.3).
//!
//! The adversary disguises public images under keys of its own and trains a network to undo all of them at
//! once; what it then reads of the attacked images it reads without their key. Only what looks alike under
//! all keys can be read so: what a scheme leaves in sight, such as the picture in steps of a block, or
//! outlines after folding. A linear map for each position, which undoes one key, is of no use for another, so
//! there is none here. That this attack fails says nothing about attacks on the key itself: then only this
//! architecture finds nothing.

use super::{
    FEWEST, disguise,
    fit::{Course, STEPS, fit},
    guess::{Lines, Shown},
    paired::{PLANES, SIDE, WIDTH, decibels, domain, small},
    pick,
    planes::Planes,
    public,
    unet::Painter,
    view::View,
};
use crate::{
    AttackInfo, Budget, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Verdict,
    attacks::{span, unfit},
    metrics,
};
use visard_core::{
    Dtype,
    params::{Kind, ParamSpec, Params},
};

const NAME: &str = "itn-other-keys";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "Inverse transformation network, other keys",
    paper: "ito-hiroki/learnable_encryption_robustness (code)",
    summary: "trains a network to undo other keys, under which it disguises public images itself, and shows \
              it the attacked images; reads what looks alike under all keys",
    level: Level::Disguised,
    applies: span::APPLIES,
    needs: Needs::Public,
    params: &[
        ParamSpec {
            name: "keys",
            help: "keys of the adversary's own; the last one is kept back to judge by",
            kind: Kind::Int { min: 2, max: 1000 },
            default: "8",
        },
        ParamSpec {
            name: "network",
            help: "a U-Net; or blocks: the published network, each 4 x 4 pixels on their own",
            kind: Kind::Choice(&["unet", "blocks"]),
            default: "unet",
        },
        PLANES,
        ParamSpec {
            help: "steps of training; 0: four passes over the public images, each time under another key, at \
                   most 20,000 steps",
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
    let (target, domain) = (&exposure.target, domain(NAME, exposure, params)?);
    let plain = target.plain;
    if small(plain) {
        let problem = format!("its network needs sides of {SIDE} pixels or more");
        return Err(unfit(NAME, target, problem));
    }
    let public = public(NAME, exposure, FEWEST, "plain ones")?;
    let output = target.scheme.output(plain)?;
    let keys = params.int("keys") as usize;
    let width = if output.dtype == Dtype::F32 { 4 } else { 1 };
    let (made, pictures) = (
        keys * public.len() * output.shape.len(),
        (public.len() + exposure.disguised.len()) * plain.len(),
    );
    // Guesses of all of them are held as floats.
    let guesses = keys * public.len() * plain.len();
    let bytes = (2 * width * made + 8 * pictures + 8 * guesses) as u64;
    if let Some(why) = budget.lacks(bytes, "public images under other keys") {
        return Ok(Outcome::inconclusive(why));
    }
    let order = rng.permutation(public.len());
    let (held, train) = order.split_at((public.len() / 5).max(1));
    let [held_plain, train_plain] = [pick(public, held)?, pick(public, train)?];
    let mut sets = Vec::with_capacity(keys);
    for number in 0..keys {
        if budget.is_spent() {
            let why = format!("the time was up after {number} of {keys} keys");
            return Ok(Outcome::inconclusive(why));
        }
        progress(0.2 * number as f64 / keys as f64, "disguising public images");
        let last = number + 1 == keys;
        sets.push(disguise(
            target,
            if last { &held_plain } else { &train_plain },
            rng,
        )?);
    }
    let Some(held_seen) = sets.pop() else {
        return Ok(Outcome::nothing());
    };
    let seen: Vec<&Set> = sets.iter().collect();
    let lines = Lines::fit(&train_plain, &seen);
    let view = View::new(
        Planes::new(target, domain, output.shape, &seen),
        &train_plain,
        true,
    );
    let own: Vec<Shown<'_>> = sets.iter().map(|set| lines.show(set)).collect();
    let course = Course::new(params.int("steps"), train.len(), 4, 32, 20_000);
    let painter = Painter::of(params.text("network"), params.int("width"));
    let (plan, count) = (view.plan(), train.len());
    if let Some(why) = budget.lacks(
        bytes + plan.bytes(painter, course.batch),
        "the network and its images",
    ) {
        return Ok(Outcome::inconclusive(why));
    }
    let told = |share: f64, doing: &str| progress(0.2 + 0.7 * share, doing);
    let fitted = fit(
        (&plan, painter),
        course,
        count * own.len(),
        &mut |places, device| {
            let rows: Vec<_> = places.iter().map(|p| (&own[p / count], p % count)).collect();
            let images: Vec<usize> = places.iter().map(|p| p % count).collect();
            (
                view.show(&rows, device),
                view.truth(&train_plain, &images, device),
            )
        },
        (budget, rng),
        &told,
    )?;
    let mut outcome = Outcome::nothing();
    outcome.figures.insert("public", public.len() as f64);
    outcome.figures.insert("keys", keys as f64);
    fitted.tell(&mut outcome);
    let whole = fitted.steps == course.steps;
    if !whole {
        let why = format!("the time was up after {} of {} steps", fitted.steps, course.steps);
        outcome.verdict = Verdict::Inconclusive(why);
        if fitted.steps == 0 {
            return Ok(outcome);
        }
    }
    // What was learned in part is shown as well, without another look at a time that is up.
    let left = whole.then_some(budget);
    let told = |share: f64, doing: &str| progress(0.9 + 0.1 * share, doing);
    let network = fitted.network.as_ref();
    if let Some(painted) = view.paint(network, &lines.show(&held_seen), left, &told)? {
        let truth = metrics::to_bytes(&held_plain);
        let psnr = |guess: &[u8]| decibels(metrics::mse(&truth, guess));
        outcome
            .figures
            .insert("held_out_psnr", psnr(&metrics::to_bytes(&painted)));
        let mean = span::mean_image(&train_plain).repeat(held_plain.len());
        outcome.figures.insert("held_out_psnr_mean_image", psnr(&mean));
    }
    let attacked = lines.show(&exposure.disguised);
    view.reconstruct(&mut outcome, network, &attacked, left, &told)?;
    Ok(outcome)
}
