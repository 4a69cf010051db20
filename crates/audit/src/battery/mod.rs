//! Running every attack that applies, with more and more images.

mod attack;
mod clock;
mod levels;
mod options;
mod played;
mod stage;

use crate::{
    Error, Oracle, Result, Subjects,
    examined::Examiner,
    judge::THRESHOLDS,
    record::{Audit, DataRecord, SCHEMA},
};
use played::Played;
use std::{collections::VecDeque, sync::atomic::Ordering, time::Instant};
use visard_attacks::attacks;

pub(crate) use attack::{Run, Watch};
pub(crate) use clock::Clock;
pub use options::{Options, Progress, Report, Show, Training};
pub(crate) use stage::{Play, Stage, defaults};

/// What training the examiner weighs beside a run of an attack that trains nothing.
const EXAMINER: usize = 4;

/// Audits a disguise without training anything: as [`run_with`].
///
/// # Errors
/// If the images do not fit the disguise, or the audit is stopped.
pub fn run(
    oracle: &dyn Oracle,
    stranger: &dyn Oracle,
    subjects: &Subjects,
    show: Show<'_>,
    options: &Options,
    watch: Watch<'_>,
) -> Result<Report> {
    run_with(
        &Training::default(),
        oracle,
        stranger,
        subjects,
        show,
        options,
        watch,
    )
}

/// Audits a disguise, and models that are trained on disguised images where `training` asks for that.
///
/// `stranger` disguises under another key of the same scheme: for the nulls, for the pictures that are shown, and
/// for adversaries of a model who have no key but their own.
///
/// # Errors
/// If the images do not fit the disguise, or the audit is stopped.
pub fn run_with(
    training: &Training,
    oracle: &dyn Oracle,
    stranger: &dyn Oracle,
    subjects: &Subjects,
    show: Show<'_>,
    options: &Options,
    watch: Watch<'_>,
) -> Result<Report> {
    let started = Instant::now();
    let other = match show {
        Show::Instead(images) => Some(Stage::new(stranger, images)?),
        _ => None,
    };
    let mut played = Played {
        stage: Stage::new(oracle, subjects)?,
        stranger,
        show,
        other,
        watch,
        attacked: Vec::new(),
        not_run: Vec::new(),
        examples: Vec::new(),
        recovered: Vec::new(),
    };
    let target = oracle.target()?;
    let plays: Vec<Play> = attacks::ALL
        .iter()
        .filter(|info| info.applies.is_empty() || info.applies.contains(&target.name()))
        .filter(|info| training.attacks || !info.trains)
        .map(|info| Play::weakest(info))
        .filter(|play| options.access.contains(&play.access))
        .collect();
    let models = training
        .models
        .as_ref()
        .filter(|_| options.access.iter().any(|access| access.is_on_model()));
    let weight = plays
        .iter()
        .map(|play| played.weight(*play, options))
        .sum::<usize>()
        + if training.attacks { EXAMINER } else { 0 }
        + models.map_or(0, |settings| settings.weight(played.other.is_some()));
    let mut clock = Clock::new(options, weight);
    if training.attacks {
        played.stage.examiner = Examiner::train(subjects, &clock.next(EXAMINER));
    }
    let mut queue: VecDeque<Play> = plays.into();
    while let Some(play) = queue.pop_front() {
        queue.extend(played.play(play, &mut clock)?);
    }
    let model = match models {
        Some(settings) => played.model(settings, &mut clock)?,
        None => None,
    };
    if options.stop.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    let audit = Audit {
        kind: "audit".into(),
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").into(),
        scheme: target.name().into(),
        params: target.scheme.params().texts(),
        shape: subjects.shape(),
        fingerprint: options.fingerprint.clone(),
        data: data_record(&played.stage),
        seed: options.seed,
        time: options.time.map(|time| time.as_secs_f64()),
        memory: options.memory,
        thresholds: THRESHOLDS,
        levels: levels::levels(&options.access, &played.attacked, model.as_ref()),
        attacks: played.attacked,
        not_run: played.not_run,
        trained: training.attacks,
        model,
        seconds: started.elapsed().as_secs_f64(),
        command: options.command.clone(),
    };
    Ok(Report {
        audit,
        examples: played.examples,
    })
}

fn data_record(stage: &Stage<'_>) -> DataRecord {
    let subjects = stage.subjects;
    let public = subjects.public.as_ref();
    DataRecord {
        name: subjects.name.clone(),
        attacked: subjects.attacked.len(),
        judged: stage.judge.images(),
        known: subjects.known.len(),
        public: public.map_or(0, |public| public.images.len()),
        public_from: public.map(|public| public.from.clone()),
    }
}
