//! `docs/models.md` with its plots and pictures, from the records.

mod findings;
mod plot;
mod reasons;
mod sheet;
pub(crate) mod strip;
mod tables;

use crate::{
    plan::{Case, Column, Plan},
    record::{self, Detail, Record},
    sections::{self, Section, Work},
};
use plot::{Bar, Curve};
use std::{collections::BTreeMap, path::Path};
use study_attacks::{markdown, record as measured};

/// The document, below the folder of the project.
pub(crate) const DOCUMENT: &str = "docs/models.md";

const HEAD: &str = "\
# Does disguising protect a model?

The DisguisedNets paper (Chen, Gu, Sharma, ACM TOIT 2023) says that a model of disguised images is protected from
attacks on models. Here every attack on models of this project is played against models of plain images, the
control, and of disguised ones. This page is rendered from the records in `docs/records/models/`; each section names
the command that measures it again, SETS being the folder of the image sets.

Every attack is played by five adversaries. Against the model of plain images: one who sends plain pictures (the
control) and one who sends disguised ones. Against the model of disguised images: an outsider without the key, who
sends plain pictures and trains shadow models on pictures disguised under a key of its own; one who has the owner's
key; and one with the key that an attack on the images recovers from a few known pairs. InstaHide has no such key:
whoever has pictures can make encodings, so that the second of these is an outsider too.

What a figure is where nothing is told, and its deviation there: an AUC is 0.5 with the deviation of ranks at random;
mutual information is that of 200 random exchanges of the classes; the correlation of inverted pictures with their
class means, both less their mean over the classes, is that over all ways to give the pictures to the classes; and
copy and model agree as often as answers that are as frequent and have nothing to do with each other.
";

/// What is to be written, by its place below the folder of the project.
type Files = BTreeMap<String, Vec<u8>>;

/// A section with its plan and its record.
struct Shown {
    section: &'static Section,
    plan: Plan,
    record: Record,
}

/// Writes the document and everything that it shows.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    for (name, bytes) in files(root)? {
        measured::write(&root.join(name), bytes)?;
    }
    Ok(())
}

fn files(root: &Path) -> anyhow::Result<Files> {
    let mut shown = Vec::new();
    for section in sections::ALL {
        let Work::Cells(plan) = section.work else { continue };
        if let Some(record) = Record::read(root, section.name)? {
            shown.push(Shown {
                section,
                plan: plan(),
                record,
            });
        }
    }
    let mut files = Files::new();
    let mut text = HEAD.to_string();
    text += &findings::told(shown.iter().filter(|shown| shown.plan.compares()));
    for shown in &shown {
        text += &self::section(shown, root, &mut files)?;
    }
    text += &controls(root)?;
    files.insert(DOCUMENT.into(), text.into_bytes());
    Ok(files)
}

/// The controls, which are tables already.
fn controls(root: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    for section in sections::ALL {
        let Work::Controls = section.work else { continue };
        let record: Option<measured::Record> = measured::read(&record::place(root, section.name))?;
        text += &record.as_ref().map_or(String::new(), markdown::section);
    }
    Ok(text)
}

fn section(shown: &Shown, root: &Path, files: &mut Files) -> anyhow::Result<String> {
    let (record, name) = (&shown.record, shown.section.name);
    let mut text = tables::head(shown);
    text += &tables::models(shown);
    text += &tables::figures(shown);
    for (curve, title, svg) in curves(shown)? {
        text += &image(
            files,
            &format!("roc-{name}-{curve}.svg"),
            &title,
            svg.into_bytes(),
        );
    }
    if let Some(svg) = information(shown)? {
        let title = format!(
            "Mutual information of class and answer, {}; the line across each bar is what it is where nothing is told",
            record.title
        );
        text += &image(
            files,
            &format!("information-{name}.svg"),
            &title,
            svg.into_bytes(),
        );
    }
    if let Some((rows, png)) = sheet::sheet(shown, root)? {
        let title = format!("Inverted pictures, a column for each class, {}", record.title);
        text += &image(files, &format!("inverted-{name}.png"), &title, png);
        text += &rows;
    }
    Ok(text)
}

/// Puts a file beside the document and shows it there.
fn image(files: &mut Files, name: &str, title: &str, bytes: Vec<u8>) -> String {
    files.insert(format!("docs/models/{name}"), bytes);
    format!("\n![{title}](models/{name})\n\n*{title}.*\n")
}

/// Curves of membership: for each disguise those of its adversaries, or, where these are few, of all attacks.
fn curves(shown: &Shown) -> anyhow::Result<Vec<(String, String, String)>> {
    const SHOWN: &str = "lira";
    let (plan, record) = (&shown.plan, &shown.record);
    let curve = |case: &str, column, attack: &str, name: String| -> Option<Curve> {
        match &record.found(case, column, attack)?.detail {
            Detail::Membership(figures) => Some((name, figures.roc.clone())),
            _ => None,
        }
    };
    // A curve is made of steps of one picture; further to the left it shows nothing.
    let others = record.sizes.others.max(100) as f64 * record.sizes.repeats as f64;
    let least = 10f64.powf(-others.log10().floor());
    let whole = plan.compares();
    let mut plots = Vec::new();
    for case in &plan.cases {
        let control = plan.control(case).unwrap_or(case).name;
        let of = |attack: &str, column: Column, name: String| {
            let from = if column == Column::Control {
                control
            } else {
                case.name
            };
            curve(from, column, attack, name)
        };
        let curves: Vec<Curve> = match (whole, case.scheme) {
            (true, None) => continue,
            (true, Some(_)) => Column::ALL
                .into_iter()
                .filter_map(|column| of(SHOWN, column, column.title().into()))
                .collect(),
            (false, _) => (plan.attacks.iter())
                .flat_map(|attack| case.columns().into_iter().map(move |column| (attack, column)))
                .filter_map(|(attack, column)| of(attack.name, column, attack.name.into()))
                .collect(),
        };
        // The control alone says nothing of a disguise.
        if curves.len() <= usize::from(whole) {
            continue;
        }
        let attack = if whole { "`lira`" } else { "all attacks" };
        let title = format!("Membership, {attack}, {}, {}", case.title, record.title);
        plots.push((case.name.to_string(), title, plot::roc(&curves, least)?));
    }
    Ok(plots)
}

/// Bars of mutual information, a group for each disguise.
fn information(shown: &Shown) -> anyhow::Result<Option<String>> {
    let (plan, record) = (&shown.plan, &shown.record);
    let bar = |case: &str, column| {
        let found = record.found(case, column, "class-membership")?;
        Some(Bar {
            value: found.value,
            null: found.null,
        })
    };
    let disguises = plan.cases.iter().filter(|case| case.scheme.is_some());
    let group = |case: &Case| {
        let control = plan.control(case).unwrap_or(case).name;
        let bars = Column::ALL.map(|column| match column {
            Column::Control => bar(control, column),
            _ => bar(case.name, column),
        });
        (case.name.to_string(), bars.to_vec())
    };
    let groups: Vec<(String, Vec<Option<Bar>>)> = disguises.map(group).collect();
    if groups.iter().all(|(_, bars)| bars.iter().all(Option::is_none)) {
        return Ok(None);
    }
    let names = Column::ALL.map(Column::title);
    let most = (record.classes as f64).log2();
    Ok(Some(plot::bars(&groups, &names, "bits", most)?))
}

#[cfg(test)]
mod tests;
