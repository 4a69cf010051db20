//! Running every attack that applies, with more and more images.

use crate::{
    Access, Error, Evidence, Oracle, Result, Subjects, Verdict,
    judge::{self, Judge, Null, THRESHOLDS},
    record::{Attacked, Audit, DataRecord, LevelRecord, NotRun, Point, SCHEMA, WrongKey},
    show::{self, Example},
};
use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use visard_attacks::{AttackInfo, Budget, Exposure, Pairs, Rng, Set, Verdict as Reached, attacks};
use visard_core::params::Params;

/// Numbers of disguised images that attacks of level 1 are run with, below that of all.
const CIPHERTEXTS: [usize; 2] = [20, 100];

/// Times the even share of the time that is left which a run may take.
const GENEROUS: u32 = 3;

/// What is played, and what it may cost.
#[derive(Clone, Debug)]
pub struct Options {
    /// Adversaries to play.
    pub access: Vec<Access>,
    /// Numbers of known pairs for level 2, ascending.
    pub pairs: Vec<usize>,
    /// Time for the whole; `None` for no bound.
    pub time: Option<Duration>,
    /// Bytes of working storage for each attack.
    pub memory: u64,
    /// Seed of the attacks.
    pub seed: u64,
    /// Set from outside to stop.
    pub stop: &'static AtomicBool,
    /// Fingerprint of the key, for the record.
    pub fingerprint: String,
    /// The command that repeats the audit, for the record.
    pub command: String,
}

/// How far the audit is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Name of the attack that runs.
    pub attack: &'a str,
    /// Share of the whole that is done, 0 to 1.
    pub share: f64,
    /// What the attack is doing.
    pub doing: &'a str,
}

/// What an audit found, and pictures to show.
#[derive(Debug)]
pub struct Report {
    /// The record.
    pub audit: Audit,
    /// Pictures of attacks that make them.
    pub examples: Vec<Example>,
}

/// An attack in the hands of an adversary, who may hold more than it needs.
#[derive(Clone, Copy)]
pub(crate) struct Play {
    pub(crate) info: &'static AttackInfo,
    pub(crate) access: Access,
}

impl Play {
    /// The attack in the hands of the weakest adversary who can run it.
    fn weakest(info: &'static AttackInfo) -> Self {
        Self {
            info,
            access: Access::of(info),
        }
    }
}

/// Who plays, and on what.
pub(crate) struct Stage<'a> {
    pub(crate) oracle: &'a dyn Oracle,
    pub(crate) subjects: &'a Subjects,
    pub(crate) judge: Judge,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(oracle: &'a dyn Oracle, subjects: &'a Subjects) -> Result<Self> {
        Ok(Self {
            oracle,
            subjects,
            judge: Judge::new(&subjects.attacked)?,
        })
    }

    /// What an attack holds at one of its points; pairs and answers are of `other`'s key where that is given.
    fn exposure(&self, play: Play, count: usize, other: Option<&dyn Oracle>) -> Result<Exposure> {
        let (access, subjects) = (play.access, self.subjects);
        let target = self.oracle.target()?;
        let attacked = match access {
            Access::Disguised | Access::Public => subjects.attacked.first(count),
            Access::Pairs | Access::Chosen => subjects.attacked.clone(),
        };
        let disguised = self.oracle.disguise(&attacked, "train", 0)?;
        let mut exposure = Exposure::new(target, disguised)?;
        let source = other.unwrap_or(self.oracle);
        if access >= Access::Public
            && let Some(public) = &subjects.public
        {
            exposure = exposure.with_public(public.images.clone())?;
        }
        if access == Access::Pairs {
            let plain = subjects.known.first(count);
            let disguised = source.disguise(&plain, "train", subjects.attacked.len() as u64)?;
            exposure = exposure.with_pairs(Pairs::new(plain, disguised)?)?;
        }
        if access == Access::Chosen {
            let helpers = helpers(play.info, &exposure)?;
            let answers = source.disguise(&helpers, "chosen", 0)?;
            exposure = exposure.with_chosen(Pairs::new(helpers, answers)?)?;
        }
        Ok(exposure)
    }

    /// Numbers of images that an attack is run with.
    fn counts(&self, access: Access, pairs: &[usize]) -> Vec<usize> {
        let (all, known) = (self.subjects.attacked.len(), self.subjects.known.len());
        match access {
            Access::Disguised | Access::Public => {
                let fewer = CIPHERTEXTS.into_iter().filter(|count| *count < all);
                fewer.chain([all]).collect()
            }
            Access::Pairs => {
                let mut counts: Vec<usize> = pairs.iter().map(|count| (*count).min(known)).collect();
                counts.dedup();
                counts.retain(|count| *count > 0);
                counts
            }
            Access::Chosen => vec![0],
        }
    }
}

fn helpers(info: &AttackInfo, exposure: &Exposure) -> Result<Set> {
    let make = info
        .helpers
        .ok_or_else(|| Error::Subjects(format!("{} chooses no images", info.name)))?;
    Ok(make(&exposure.target, &defaults(info)?)?)
}

fn defaults(info: &AttackInfo) -> Result<Params> {
    Ok(Params::resolve(info.params, &Default::default())?)
}

/// Shares the time that is left among the runs that are left.
pub(crate) struct Clock<'a> {
    options: &'a Options,
    deadline: Option<Instant>,
    left: usize,
    total: usize,
}

impl<'a> Clock<'a> {
    fn new(options: &'a Options, runs: usize) -> Self {
        Self {
            options,
            deadline: options.time.and_then(|time| Instant::now().checked_add(time)),
            left: runs.max(1),
            total: runs.max(1),
        }
    }

    /// The budget of the next run.
    fn next(&mut self) -> Budget {
        let left = self.left.max(1) as u32;
        self.left = self.left.saturating_sub(1);
        let remaining = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let share = remaining.map(|time| (time * GENEROUS / left).min(time));
        Budget::stoppable(share, self.options.memory, self.options.stop)
    }

    fn share(&self) -> f64 {
        1.0 - self.left as f64 / self.total as f64
    }
}

/// One run of an attack, with its pictures.
pub(crate) struct Run {
    pub(crate) point: Point,
    pub(crate) exposure: Exposure,
    pub(crate) turned: Option<Set>,
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
    let budget = clock.next();
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
    let (pictures, turned) = judged.map_or((None, None), |judged| {
        (Some(judged.pictures), Some(judged.turned))
    });
    let (verdict, because) = judge::verdict(pictures.as_ref(), &evidence, &THRESHOLDS);
    let point = Point {
        count: exposure
            .chosen
            .as_ref()
            .map_or(count, |chosen| chosen.plain.len()),
        seconds,
        inconclusive: match &outcome.verdict {
            Reached::Complete => None,
            Reached::Inconclusive(why) => Some(why.clone()),
        },
        verdict,
        because,
        // What is no number has no place in a record.
        figures: outcome
            .figures
            .iter()
            .filter(|(_, value)| value.is_finite())
            .map(|(name, value)| ((*name).to_string(), *value))
            .collect(),
        evidence,
        pictures,
    };
    Ok(Run {
        point,
        exposure,
        turned,
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
    let budget = clock.next();
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

/// Everything about one attack; the number of images at which it first reached its verdict, where it makes
/// pictures.
struct Tried {
    attacked: Attacked,
    best: Option<(usize, Run)>,
}

/// Runs one attack at all of its points, or says why it cannot be run.
fn attack(
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
    let counts = stage.counts(access, &clock.options.pairs);
    let skipped = |clock: &mut Clock<'_>, why: String| {
        clock.left = clock.left.saturating_sub(counts.len());
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
    let null = match access {
        Access::Disguised | Access::Public => None,
        Access::Pairs | Access::Chosen => wrong_key(stage, stranger, play, *most, clock).ok(),
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
    }))
}

/// Whose pictures are shown.
#[derive(Clone, Copy)]
pub enum Show<'a> {
    /// None.
    Nothing,
    /// The owner's own, with their originals: whoever has the page then has pairs.
    Originals,
    /// Other images under another key of the same scheme, so that the page gives nothing away.
    Instead(&'a Subjects),
}

/// Audits a disguise.
///
/// `stranger` disguises under another key of the same scheme, for the nulls and for the pictures that are shown.
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
    let started = Instant::now();
    let stage = Stage::new(oracle, subjects)?;
    let target = oracle.target()?;
    let other = match show {
        Show::Instead(images) => Some(Stage::new(stranger, images)?),
        _ => None,
    };
    let played: Vec<Play> = attacks::ALL
        .iter()
        .filter(|info| info.applies.is_empty() || info.applies.contains(&target.name()))
        .map(|info| Play::weakest(info))
        .filter(|play| options.access.contains(&play.access))
        .collect();
    let shown = usize::from(other.is_some());
    let runs = |play: &Play| {
        let null = usize::from(play.access >= Access::Pairs);
        stage.counts(play.access, &options.pairs).len() + null + shown
    };
    let mut clock = Clock::new(options, played.iter().map(runs).sum());
    let (mut attacked, mut not_run, mut examples) = (Vec::new(), Vec::new(), Vec::new());
    let mut plays: VecDeque<Play> = played.into();
    while let Some(play) = plays.pop_front() {
        let tried = match attack(&stage, stranger, play, &mut clock, watch)? {
            Ok(tried) => tried,
            Err(why) => {
                clock.left = clock.left.saturating_sub(shown);
                not_run.push(why);
                continue;
            }
        };
        let before = attacked
            .iter()
            .find(|known: &&Attacked| known.name == play.info.name);
        if before.is_some_and(|known| known.verdict >= tried.attacked.verdict) {
            continue;
        }
        // What needs no public images may do better with them.
        let more = Play {
            access: Access::Public,
            ..play
        };
        if play.access == Access::Disguised
            && tried.attacked.verdict < Verdict::Broken
            && options.access.contains(&Access::Public)
            && subjects.public.is_some()
        {
            plays.push_back(more);
        }
        attacked.push(tried.attacked);
        let example = match (tried.best, &show, &other) {
            (Some((_, run)), Show::Originals, _) => Some(show::example(&stage, play, &run)?),
            (Some((count, _)), _, Some(other)) => {
                let known = other.subjects.known.len();
                let count = if play.access == Access::Pairs {
                    count.min(known)
                } else {
                    count
                };
                let run = once(other, play, count, Null::default(), &mut clock, watch);
                run.ok().map(|run| show::example(other, play, &run)).transpose()?
            }
            _ => {
                clock.left = clock.left.saturating_sub(shown);
                None
            }
        };
        examples.extend(example);
    }
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
        data: data_record(&stage),
        seed: options.seed,
        time: options.time.map(|time| time.as_secs_f64()),
        memory: options.memory,
        thresholds: THRESHOLDS,
        levels: levels(&options.access, &attacked),
        attacks: attacked,
        not_run,
        seconds: started.elapsed().as_secs_f64(),
        command: options.command.clone(),
    };
    Ok(Report { audit, examples })
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

/// A verdict for each adversary: the worst of all attacks that it, or a weaker one, can run.
fn levels(access: &[Access], attacked: &[Attacked]) -> Vec<LevelRecord> {
    let level = |access: &Access| {
        let can: Vec<&Attacked> = attacked
            .iter()
            .filter(|attack| attack.access <= *access)
            .collect();
        let verdict: Verdict = can.iter().map(|attack| attack.verdict).max().unwrap_or_default();
        let names = |wanted: &dyn Fn(&Attacked) -> bool| {
            let found = can.iter().filter(|attack| wanted(attack));
            found.map(|attack| attack.name.clone()).collect::<Vec<_>>()
        };
        LevelRecord {
            access: *access,
            verdict,
            by: names(&|attack| verdict > Verdict::NotBroken && attack.verdict == verdict),
            inconclusive: names(&|attack| {
                attack
                    .points
                    .last()
                    .is_some_and(|point| point.inconclusive.is_some())
            }),
        }
    };
    access.iter().map(level).collect()
}
