//! One attack in one cell.

use super::{
    Cell, ModelSettings,
    judged::{Judged, judge},
    record::CellRecord,
    verdict::verdict,
    world::{Opened, World},
};
use crate::{
    Result, Verdict,
    battery::{Clock, Progress, Watch},
    judge::THRESHOLDS,
    record::{finite, inconclusive},
};
use std::{collections::BTreeMap, time::Instant};
use visard_attacks::{
    Rng,
    model::{Aim, ModelAttackInfo},
};

/// What came of an attack in a cell, with pictures of classes where it makes some.
pub(super) struct Ran {
    pub(super) record: CellRecord,
    pub(super) pictures: Option<Vec<f32>>,
}

/// Runs an attack in a cell and judges it.
pub(super) fn run(
    info: &ModelAttackInfo,
    cell: Cell,
    opened: &Opened<'_>,
    world: &World<'_>,
    settings: &ModelSettings,
    clock: &mut Clock<'_>,
    watch: Watch<'_>,
) -> Result<Ran> {
    let share = clock.share();
    let budget = clock.next(settings.weight_of(info));
    let told = |_: f64, doing: &str| {
        watch(Progress {
            attack: info.name,
            share,
            doing,
        });
    };
    told(0.0, cell.who());
    let exposure = match info.aim {
        Aim::Membership => &opened.membership,
        _ => &opened.others,
    };
    let params = settings.resolve(info, opened.source.is_some())?;
    let started = Instant::now();
    let outcome = (info.run)(
        exposure,
        &params,
        &budget,
        &mut Rng::new(clock.options.seed),
        &told,
    );
    let seconds = started.elapsed().as_secs_f64();
    let judged = outcome.map_err(crate::Error::from).and_then(|outcome| {
        let judged = judge(&outcome.found, cell, opened, world, &THRESHOLDS)?;
        Ok((outcome, judged))
    });
    let (outcome, Judged { told, pictures }) = match judged {
        Ok(judged) => judged,
        // One attack that does not work says nothing of the others.
        Err(error) => {
            let why = format!("it could not be run: {error}");
            return Ok(Ran {
                record: CellRecord {
                    cell,
                    verdict: Verdict::NotBroken,
                    because: why.clone(),
                    inconclusive: Some(why),
                    figures: BTreeMap::new(),
                    told: None,
                    seconds,
                },
                pictures: None,
            });
        }
    };
    let (verdict, because) = match &told {
        Some(told) => verdict(told, &THRESHOLDS),
        None => (Verdict::NotBroken, "it found nothing that could be judged".into()),
    };
    let record = CellRecord {
        cell,
        verdict,
        because,
        inconclusive: inconclusive(outcome.verdict),
        figures: finite(&outcome.figures),
        told,
        seconds,
    };
    Ok(Ran { record, pictures })
}
