//! Plays the adversaries of a plan, and keeps every cell as soon as it is measured.

use super::{Order, Section};
use crate::{
    measure,
    plan::Plan,
    record::{self, Cell, Measured, Record},
    scene::Stage,
    split::Images,
};

pub(super) fn run(section: &Section, plan: Plan, order: &Order<'_>) -> anyhow::Result<()> {
    let plan = if order.quick { plan.quick() } else { plan };
    let images = Images::of(order.sets, &plan)?;
    let mut record = Record {
        section: section.name.into(),
        title: section.title.into(),
        command: section.command(),
        version: env!("CARGO_PKG_VERSION").into(),
        sizes: plan.sizes,
        classes: images.classes(),
        victims: Vec::new(),
        cells: Vec::new(),
    };
    if let Some(old) = Record::read(order.root, section.name)?.filter(|_| !order.again) {
        match old.sizes == record.sizes {
            true => (record.victims, record.cells) = (old.victims, old.cells),
            false => println!("{}: the record is of other sizes and is made anew", section.name),
        }
    }
    let stage = Stage::new(&plan, &images);
    let pictures = record::pictures(order.root, section.name);
    for case in &plan.cases {
        for column in case.columns() {
            if !plan.columns.contains(&column) {
                continue;
            }
            for attack in &plan.attacks {
                let known = record.cell(case.name, column, attack.name);
                if known.is_some_and(|cell| cell.given == attack.settings(column)) {
                    continue;
                }
                let cell = measure::cell(&stage, case, column, attack, &pictures)?;
                println!("{}: {}", section.name, told(&cell));
                record.put(cell);
                for repeat in 0..plan.sizes.repeats {
                    // Trained already, unless the cell failed before.
                    if let Ok(scene) = stage.scene(case, repeat) {
                        record.note(&scene.trained);
                    }
                }
                record.write(order.root)?;
            }
        }
    }
    Ok(())
}

/// A cell in a line.
fn told(cell: &Cell) -> String {
    let result = match &cell.result {
        Measured::Found(found) => format!(
            "{:.4}, {:.4} +- {:.4} where nothing is told",
            found.value, found.null, found.deviation
        ),
        Measured::Empty(why) => format!("nothing: {why}"),
        Measured::Failed(why) => format!("failed: {why}"),
    };
    format!(
        "{}, {}, {}: {result} ({:.0} s)",
        cell.case,
        cell.attack,
        cell.column.title(),
        cell.seconds
    )
}
