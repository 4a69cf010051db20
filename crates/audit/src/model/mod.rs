//! Level M: what a model that was trained on disguised images gives away.
//!
//! Half of the attacked images train two models, one as they are and one disguised; the other half are images that
//! none was trained on, and the adversary has images of its own. Every attack is played in [`Cell`]s. The verdict
//! against an outsider rests on what can be done without the key, that against whoever recovered a key on the
//! chain: an attack on images first, then the attack on the model with the recovered key.

mod cell;
mod judged;
mod people;
mod pictures;
mod record;
mod recovered;
mod run;
mod settings;
mod verdict;
mod victims;
mod world;

use crate::{
    Error, Oracle, Result,
    battery::{Clock, Progress, Stage, Watch},
    show::Example,
};
use people::People;
use run::run;
use std::{sync::atomic::Ordering, time::Instant};
use victims::Victims;
use visard_attacks::{
    Budget, Rng,
    model::{Aim, ModelAttackInfo},
};
use world::World;

pub use cell::Cell;
pub use record::{
    CellRecord, ClassAnswers, Classes, Extraction, Fidelity, Inversion, Membership, ModelAttacked,
    ModelRecord, Rate, RecoveredKey, Told, Trained,
};
pub(crate) use recovered::{Candidate, Recovered};
pub use settings::ModelSettings;

/// What training both models weighs beside a run of an attack that trains nothing.
const VICTIMS: usize = 4;

/// What level M found.
pub(crate) struct Played {
    pub(crate) record: ModelRecord,
    /// Pictures of the owner's classes.
    pub(crate) examples: Vec<Example>,
}

/// Plays level M, or says why it cannot be played.
pub(crate) fn play(
    settings: &ModelSettings,
    stage: &Stage<'_>,
    stranger: &dyn Oracle,
    recovered: Option<&Recovered<'_>>,
    clock: &mut Clock<'_>,
    watch: Watch<'_>,
) -> Result<Result<Played, String>> {
    let started = Instant::now();
    let people = match People::of(stage.subjects)? {
        Ok(people) => people,
        Err(why) => return Ok(Err(why)),
    };
    let victims = match trained(settings, &people, stage, clock, watch)? {
        Ok(victims) => victims,
        Err(why) => return Ok(Err(why)),
    };
    let world = World {
        people: &people,
        victims: &victims,
        oracle: stage.oracle,
        stranger,
        recovered: recovered.map(Recovered::oracle),
    };
    let memory = Budget::new(None, clock.options.memory);
    if let Some(why) = memory.lacks(world.bytes(), "the images in all their forms") {
        return Ok(Err(why));
    }
    let infos = settings.played();
    let (attacked, examples) = in_all_cells(&infos, &world, &stage.subjects.name, settings, clock, watch)?;
    let key = recovered.map(|key| RecoveredKey {
        attack: key.from.play.info.name.into(),
        access: key.from.play.access,
        count: key.from.count,
        likeness: key.likeness,
    });
    let info = victims.disguised.model.info();
    let record = ModelRecord {
        network: info.network.clone(),
        params: info.params.texts(),
        epochs: settings.epochs,
        batch: victims.disguised.recipe.batch,
        shadows: settings.shadows,
        classes: people.classes,
        members: people.members.len(),
        others: people.others.len(),
        own: people.own.len(),
        own_from: people.own_from.clone(),
        plain: victims.plain.record.clone(),
        disguised: victims.disguised.record.clone(),
        why_no_key: match &key {
            Some(_) => String::new(),
            None => no_key(clock.options.access.iter().any(|access| !access.is_on_model())),
        },
        key,
        attacks: attacked,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok(Ok(Played { record, examples }))
}

/// Why there is no recovered key.
fn no_key(images_were_attacked: bool) -> String {
    match images_were_attacked {
        true => {
            "no attack on the images recovered a key that disguises other images as the true one does".into()
        }
        false => "no attack on the images was played; give --levels 1,2,3,M".into(),
    }
}

/// Pictures of classes of other images, under another key.
pub(crate) fn show(
    settings: &ModelSettings,
    other: &Stage<'_>,
    recovered: Option<&Recovered<'_>>,
    clock: &mut Clock<'_>,
    watch: Watch<'_>,
) -> Result<Vec<Example>> {
    let Ok(people) = People::of(other.subjects)? else {
        return Ok(Vec::new());
    };
    let Ok(victims) = trained(settings, &people, other, clock, watch)? else {
        return Ok(Vec::new());
    };
    let world = World {
        people: &people,
        victims: &victims,
        oracle: other.oracle,
        // What classes look like is read from the weights; no shadow models are trained.
        stranger: other.oracle,
        recovered: recovered.map(Recovered::oracle),
    };
    let infos = settings.played();
    let infos: Vec<_> = infos
        .into_iter()
        .filter(|info| info.aim == Aim::Inversion)
        .collect();
    let (_, examples) = in_all_cells(&infos, &world, &other.subjects.name, settings, clock, watch)?;
    Ok(examples)
}

/// Trains the models.
fn trained(
    settings: &ModelSettings,
    people: &People,
    stage: &Stage<'_>,
    clock: &mut Clock<'_>,
    watch: Watch<'_>,
) -> Result<Result<Victims, String>> {
    let mut rng = Rng::new(clock.options.seed ^ 0x006d_6f64_656c);
    Victims::train(settings, people, stage.oracle, &mut rng, || {
        watch(Progress {
            attack: "level M",
            share: clock.share(),
            doing: "training the models",
        });
        clock.next(VICTIMS / 2)
    })
}

/// What comes of attacks in all cells, and pictures of the classes of the set of that name.
fn in_all_cells(
    infos: &[&'static ModelAttackInfo],
    world: &World<'_>,
    name: &str,
    settings: &ModelSettings,
    clock: &mut Clock<'_>,
    watch: Watch<'_>,
) -> Result<(Vec<ModelAttacked>, Vec<Example>)> {
    let mut attacked: Vec<ModelAttacked> = Vec::new();
    for info in infos {
        attacked.push(ModelAttacked {
            name: info.name.into(),
            title: info.title.into(),
            summary: info.summary.into(),
            paper: info.paper.into(),
            params: settings.resolve(info, false)?.texts(),
            cells: Vec::new(),
            seconds: 0.0,
        });
    }
    let mut examples = Vec::new();
    for cell in Cell::ALL {
        for (info, ran) in in_cell(cell, infos, world, settings, clock, watch)? {
            if let Some(pixels) = &ran.pictures {
                examples.extend(pictures::example(info, cell, pixels, world.people, name)?);
            }
            if let Some(attack) = attacked.iter_mut().find(|attack| attack.name == info.name) {
                attack.seconds += ran.record.seconds;
                attack.cells.push(ran.record);
            }
        }
    }
    Ok((attacked, examples))
}

/// What comes of all attacks that are for a cell, in their order.
fn in_cell(
    cell: Cell,
    infos: &[&'static ModelAttackInfo],
    world: &World<'_>,
    settings: &ModelSettings,
    clock: &mut Clock<'_>,
    watch: Watch<'_>,
) -> Result<Vec<(&'static ModelAttackInfo, run::Ran)>> {
    let infos: Vec<_> = infos
        .iter()
        .copied()
        .filter(|info| cell.is_for(info.aim))
        .collect();
    let opened = match infos.is_empty() {
        true => None,
        false => world.open(cell)?,
    };
    let Some(opened) = opened else {
        let weight = infos.iter().map(|info| settings.weight_of(info)).sum();
        clock.skip(weight);
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for info in infos {
        if clock.options.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        all.push((info, run(info, cell, &opened, world, settings, clock, watch)?));
    }
    Ok(all)
}
