//! Every attack where it is known to work, and where there is nothing to find (ATTACKS, section 8, "right
//! when").

mod leaks;
mod membership;
mod softmax;

use super::{Order, PACKAGE, Section, Work};
use crate::record::place;
use std::time::{Duration, Instant};
use study_attacks::{
    disguised::{Given, texts},
    record::{Record, Table, read, write},
    sets::Sets,
};
use visard_attacks::{
    Budget, Rng,
    model::{self, Forms, Found, ModelExposure, Victim},
};
use visard_core::params::Params;
use visard_learn::{Examples, TrainConfig};

pub(super) static INFO: Section = Section {
    name: "controls",
    title: "Controls: each attack where it must work, and where it must not",
    work: Work::Controls,
};

/// What a control is measured with.
struct Lab<'a> {
    sets: &'a Sets,
    quick: bool,
}

impl Lab<'_> {
    /// A number of pictures or epochs, or a tenth of it in a quick run.
    fn size(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(2) } else { full }
    }
}

/// A table with its title, by which the record knows it.
struct Control {
    title: &'static str,
    run: fn(&Lab<'_>, Table) -> anyhow::Result<Table>,
    columns: &'static [&'static str],
}

/// Every control, in the order of the document.
const ALL: &[Control] = &[
    membership::MEMORISED,
    membership::NOTHING,
    membership::OVERFITTED,
    leaks::CLASSES,
    softmax::INVERSION,
    softmax::EXTRACTION,
];

pub(super) fn run(section: &Section, order: &Order<'_>) -> anyhow::Result<()> {
    let path = place(order.root, section.name);
    let old: Option<Record> = if order.again { None } else { read(&path)? };
    let (mut tables, mut seconds) = old.map_or((Vec::new(), 0.0), |old| (old.tables, old.seconds));
    let lab = Lab {
        sets: order.sets,
        quick: order.quick,
    };
    for control in ALL {
        if tables.iter().any(|table: &Table| table.title == control.title) {
            continue;
        }
        let started = Instant::now();
        let table = (control.run)(&lab, Table::new(control.title, control.columns))?;
        seconds += started.elapsed().as_secs_f64();
        println!("{}: {}", section.name, control.title);
        tables.push(table);
        // The order of the document, whichever was measured first.
        tables.sort_by_key(|table| ALL.iter().position(|control| control.title == table.title));
        let taken = Duration::from_secs_f64(seconds);
        let record = Record::new(PACKAGE, section.name, section.title, tables, taken);
        write(&path, serde_json::to_string_pretty(&record)? + "\n")?;
        tables = record.tables;
    }
    Ok(())
}

/// An adversary with pictures in question and pictures of its own, in the form in which they are sent.
fn exposed<'a>(
    victim: Victim<'a>,
    recipe: &'a TrainConfig,
    trained_on: usize,
    asked: Examples,
    own: Examples,
) -> ModelExposure<'a> {
    ModelExposure {
        victim,
        recipe,
        trained_on,
        candidates: Forms::same(asked),
        own: Forms::same(own),
    }
}

/// Runs an attack on models to its end.
fn attack(name: &str, exposure: &ModelExposure<'_>, given: Given<'_>) -> anyhow::Result<Found> {
    let info = model::find(name)?;
    let params = Params::resolve(info.params, &texts(given))?;
    let mut rng = Rng::new(1);
    Ok((info.run)(exposure, &params, &Budget::generous(), &mut rng, &|_, _| {})?.found)
}
