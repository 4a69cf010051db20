//! One attack: its runs with more and more images, and what came of them.

use super::{Clock, Play, Progress, Stage, defaults};
use crate::{
    Access, Error, Evidence, Result, Verdict,
    judge::{self, Null, THRESHOLDS},
    oracle::Oracle,
    record::{Attacked, NotRun, Point, WrongKey, finite, inconclusive},
};
use std::{sync::atomic::Ordering, time::Instant};
use visard_attacks::{Exposure, Rng, Set};
use visard_core::Material;

/// One run of an attack, with its pictures.
pub(crate) struct Run {
    pub(crate) point: Point,
    pub(crate) exposure: Exposure,
    pub(crate) turned: Option<Set>,
    pub(crate) material: Material,
}

pub(crate) type Watch<'a> = &'a (dyn Fn(Progress<'_>) + Sync);

/// Runs an attack once and judges it.
pub(crate) fn once(
    stage: &Stage<'_>,
    play: Play,
    count: usize,
    null: Null,
    clock: &mut Clock<'_>,
    watch: Watch<'_>,
) -> Result<Run> {
    let share = clock.share();
    let budget = clock.next(play.weight());
    let (info, exposure) = (play.info, stage.exposure(play, count, None)?);
    let told = |_: f64, doing: &str| {
        watch(Progress {
            attack: info.name,
            share,
            doing,
        });
    };
    told(0.0, "");
    let started = Instant::now();
    let outcome = (info.run)(
        &exposure,
        &defaults(info)?,
        &budget,
        &mut Rng::new(clock.options.seed),
        &told,
    )?;
    let seconds = started.elapsed().as_secs_f64();
    let evidence: Vec<Evidence> = outcome
        .evidence
        .iter()
        .map(|evidence| Evidence {
            what: evidence.what.clone(),
            value: evidence.value,
            null: evidence.null,
            deviations: evidence.deviations(),
        })
        .collect();
    let judged = match &outcome.reconstructions {
        Some(guess) if !guess.is_empty() => Some(stage.judge.pictures(&outcome, guess, null)?),
        _ => None,
    };
    let (mut pictures, turned) = judged.map_or((None, None), |judged| {
        (Some(judged.pictures), Some(judged.turned))
    });
    if let (Some(pictures), Some(turned), Some(examiner)) = (&mut pictures, &turned, &stage.examiner) {
        pictures.examined = examiner.examine(turned, stage.judge.truth()).ok();
    }
    let (verdict, because) = judge::verdict(pictures.as_ref(), &evidence, &THRESHOLDS);
    let point = Point {
        count: exposure
            .chosen
            .as_ref()
            .map_or(count, |chosen| chosen.plain.len()),
        seconds,
        inconclusive: inconclusive(outcome.verdict),
        verdict,
        because,
        figures: finite(&outcome.figures),
        evidence,
        pictures,
    };
    Ok(Run {
        point,
        exposure,
        turned,
        material: outcome.material,
    })
}

/// What the attack makes of pairs or answers under another key.
fn wrong_key(
    stage: &Stage<'_>,
    stranger: &dyn Oracle,
    play: Play,
    count: usize,
    clock: &mut Clock<'_>,
) -> Result<WrongKey> {
    let budget = clock.next(play.weight());
    let (info, exposure) = (play.info, stage.exposure(play, count, Some(stranger))?);
    let nothing = |why: String| WrongKey {
        refused: Some(why),
        ssim: None,
        edges: None,
    };
    let mut rng = Rng::new(clock.options.seed);
    let outcome = match (info.run)(&exposure, &defaults(info)?, &budget, &mut rng, &|_, _| {}) {
        Ok(outcome) => outcome,
        Err(error) => return Ok(nothing(error.to_string())),
    };
    let Some(guess) = outcome.reconstructions.as_ref().filter(|guess| !guess.is_empty()) else {
        return Ok(nothing("it made no pictures".into()));
    };
    let quality = stage.judge.quality(&outcome, guess)?;
    Ok(WrongKey {
        refused: None,
        ssim: quality.ssim.map(|spread| spread.median),
        edges: quality.edges.map(|spread| spread.median),
    })
}

/// Everything about one attack.
pub(crate) struct Tried {
    pub(crate) attacked: Attacked,
    /// The number of images at which it first reached its verdict, where it makes pictures.
    pub(crate) best: Option<(usize, Run)>,
    /// What it recovered of the key in runs that broke the disguise, with their numbers of images.
    pub(crate) materials: Vec<(usize, Material)>,
}

/// Runs one attack at all of its points, or says why it cannot be run.
pub(crate) fn attack(
    stage: &Stage<'_>,
    stranger: &dyn Oracle,
    play: Play,
    clock: &mut Clock<'_>,
    watch: Watch<'_>,
) -> Result<Result<Tried, NotRun>> {
    let Play { info, access } = play;
    let not_run = |why: String| NotRun {
        name: info.name.into(),
        access,
        why,
    };
    let counts = stage.counts(play, &clock.options.pairs);
    let skipped = |clock: &mut Clock<'_>, why: String| {
        clock.skip(counts.len() * play.weight());
        Ok(Err(not_run(why)))
    };
    if access == Access::Public && stage.subjects.public.is_none() {
        return skipped(
            clock,
            "there are no public images; give some with --public".into(),
        );
    }
    let Some(most) = counts.last() else {
        return skipped(
            clock,
            "there are no images left to be known pairs; give it more images".into(),
        );
    };
    let started = Instant::now();
    let (mut points, mut best, mut failed) = (Vec::new(), None::<(usize, Run)>, None);
    let mut materials = Vec::new();
    let null = match access {
        Access::Disguised | Access::Public => None,
        _ => wrong_key(stage, stranger, play, *most, clock).ok(),
    };
    let known = null.as_ref().map_or(Null::default(), |null| Null {
        ssim: null.ssim,
        edges: null.edges,
    });
    for count in &counts {
        if clock.options.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        match once(stage, play, *count, known, clock, watch) {
            Ok(run) => {
                points.push(run.point.clone());
                if run.point.verdict == Verdict::Broken && run.material.iter().next().is_some() {
                    materials.push((*count, run.material.clone()));
                }
                // The first of equally bad ones: what is enough for the adversary. Where nothing comes back, the last.
                let nothing = run.point.verdict == Verdict::NotBroken;
                if best.as_ref().is_none_or(|(_, best)| {
                    run.point.verdict > best.point.verdict
                        || (nothing && best.point.verdict == Verdict::NotBroken)
                }) {
                    best = Some((*count, run));
                }
            }
            Err(error) => failed = Some(error),
        }
    }
    let Some((count, run)) = best else {
        let why = failed.map_or("no run of it came to an end".into(), |error| error.to_string());
        return Ok(Err(not_run(why)));
    };
    let attacked = Attacked {
        name: info.name.into(),
        title: info.title.into(),
        summary: info.summary.into(),
        paper: info.paper.into(),
        access,
        verdict: run.point.verdict,
        because: run.point.because.clone(),
        points,
        wrong_key: null,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok(Ok(Tried {
        attacked,
        best: run.turned.is_some().then_some((count, run)),
        materials,
    }))
}
