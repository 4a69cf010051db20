//! What a trained model gives away.

mod tables;

use super::{anchor, badge, percent, picture, roc, scroll};
use crate::{
    Access, Cell, CellRecord, Example, Extraction, ModelAttacked, ModelRecord, Result, Told, Trained,
};
use maud::{Markup, html};

/// The section on models; `originals` says that pictures are of the owner's own classes.
pub(super) fn section(model: &ModelRecord, examples: &[Example], originals: bool) -> Result<Markup> {
    let articles = model
        .attacks
        .iter()
        .map(|attack| article(attack, model, examples))
        .collect::<Result<Vec<Markup>>>()?;
    let shown = examples.iter().find(|example| example.cell.is_some());
    Ok(html! {
        section aria-labelledby="model" {
            h2 id="model" { "What the model gives away" }
            (intro(model))
            (accuracies(model))
            (overview(model))
            (cells(model))
            @if let Some(shown) = shown && !originals {
                p {
                    "Pictures of classes are of models of " (shown.of) " under another key, so that this page gives nothing "
                    "of yours away; all figures are of your images. " code { "--include-originals" } " shows yours."
                }
            }
            @for article in &articles { (article) }
            p.small { "Training and attacks on models took " (format!("{:.0}", model.seconds)) " s." }
        }
    })
}

fn intro(model: &ModelRecord) -> Markup {
    html! {
        p {
            "A model " code { (model.network) } " was trained for " (model.epochs) " epochs on " (model.members)
            " disguised images of " (model.classes) " classes, and another on the same images as they are. "
            (model.others) " images of the same kind were kept aside, and the adversary has " (model.own)
            " labelled ones of their own (" (model.own_from) ")."
        }
        p {
            @match &model.key {
                Some(key) => {
                    "The key was recovered by " a href={ "#" (anchor(&key.attack)) } { (key.attack) } " (level "
                    (key.access) ", with " (key.count) " " (key.access.counts()) "): images disguised under it correlate "
                    (format!("{:.2}", key.likeness)) " with the same images under the true key."
                },
                None => { "No recovered key: " (model.why_no_key) "." },
            }
        }
    }
}

/// What the models learned.
fn accuracies(model: &ModelRecord) -> Markup {
    let row = |name: &str, trained: &Trained| {
        html! {
            tr {
                th scope="row" { (name) } td { (trained.front) } td { (percent(trained.train_accuracy)) }
                td { (percent(trained.test_accuracy)) } td { (percent(trained.chance)) }
            }
        }
    };
    scroll(
        "What the models learned",
        html! {
            table {
                thead { tr {
                    th scope="col" { "Trained on" } th scope="col" { "front" } th scope="col" { "its own images" }
                    th scope="col" { "others" } th scope="col" { "chance" }
                } }
                tbody { (row("disguised images", &model.disguised)) (row("plain images", &model.plain)) }
            }
        },
    )
}

/// Cells that any attack was played in.
fn played(model: &ModelRecord) -> Vec<Cell> {
    let played = |cell: &Cell| model.attacks.iter().any(|attack| attack.cell(*cell).is_some());
    Cell::ALL.into_iter().filter(played).collect()
}

/// Attack by cell.
fn overview(model: &ModelRecord) -> Markup {
    let cells = played(model);
    scroll(
        "Attacks on models by cell",
        html! {
            table {
                thead { tr {
                    th scope="col" { "Attack" } th scope="col" { "figure (chance)" }
                    @for cell in &cells { th scope="col" { (cell.who()) } }
                } }
                tbody {
                    @for attack in &model.attacks {
                        tr {
                            th scope="row" { a href={ "#" (anchor(&attack.name)) } { (attack.name) } }
                            td { (measured(attack)) }
                            @for cell in &cells { td { (brief(attack.cell(*cell))) } }
                        }
                    }
                }
            }
        },
    )
}

/// What the figure of an attack is.
fn measured(attack: &ModelAttacked) -> &'static str {
    match attack.cells.iter().find_map(|cell| cell.told.as_ref()) {
        Some(Told::Membership(_)) => "area under the curve",
        Some(Told::Classes(_)) => "bits on the class",
        Some(Told::Inversion(_)) => "classes recognised",
        Some(Told::Extraction(_)) => "agreement of the copy",
        None => "-",
    }
}

/// The figure in a cell, and the verdict on it.
fn brief(record: Option<&CellRecord>) -> String {
    let Some(record) = record else {
        return "-".into();
    };
    let figure = match &record.told {
        Some(Told::Membership(told)) => format!("{:.2} (0.50)", told.auc),
        Some(Told::Classes(told)) => format!("{:.2} ({:.2})", told.information, told.null),
        Some(Told::Inversion(told)) => format!("{} of {}", told.recognised, told.classes),
        Some(Told::Extraction(told)) => agreement(told),
        None => "nothing".into(),
    };
    let mark = if record.inconclusive.is_some() {
        ", inconclusive"
    } else {
        ""
    };
    format!("{figure}: {}{mark}", record.verdict.short())
}

/// The best agreement at home.
fn agreement(told: &Extraction) -> String {
    told.best().map_or("no copy".into(), |copy| {
        format!("{:.2} ({:.2})", copy.agreement, copy.null)
    })
}

/// What the cells are.
fn cells(model: &ModelRecord) -> Markup {
    html! {
        details {
            summary { "What the columns are" }
            dl.facts { @for cell in played(model) { dt { (cell.who()) } dd { (cell.what()) } } }
            p {
                "The verdict of level " (Access::Model) " rests on the outsider alone, that of level " (Access::Opened)
                " on the recovered key as well. The true key is the bound of what any recovered key can do, the plain "
                "model what the attack can do where nothing is disguised."
            }
        }
    }
}

/// The verdicts of an attack, for the list of contents.
pub(super) fn short(attack: &ModelAttacked) -> String {
    let of = |access: Access| {
        let verdict = attack.verdict(access)?;
        Some(format!("{}: {}", access, verdict.short()))
    };
    let told: Vec<String> = Access::MODELS.into_iter().filter_map(of).collect();
    told.join(", ")
}

fn article(attack: &ModelAttacked, model: &ModelRecord, examples: &[Example]) -> Result<Markup> {
    let id = anchor(&attack.name);
    let curves = roc::curves(attack, model.others)?;
    let pictures = picture::classes(attack, examples)?;
    Ok(html! {
        article aria-labelledby=(id) {
            h3 id=(id) { (attack.title) " " code { (attack.name) } }
            @for access in Access::MODELS {
                @if let Some(verdict) = attack.verdict(access) { p { (badge(verdict)) " Level " (access) "." } }
            }
            p { "It " (attack.summary) "." }
            (findings(attack))
            @if let Some(curves) = curves { (curves) }
            @if let Some(pictures) = pictures { (pictures) }
            (tables::rates(attack))
            (tables::answers(attack))
            (tables::copies(attack))
            p.small { "Paper: " (attack.paper) ". It took " (format!("{:.1}", attack.seconds)) " s in all." }
        }
    })
}

/// What came of it in each cell.
fn findings(attack: &ModelAttacked) -> Markup {
    scroll(
        &format!("What came of {}", attack.name),
        html! {
            table {
                thead { tr {
                    th scope="col" { "Who" } th scope="col" { "verdict" } th scope="col" { "because" }
                    th scope="col" { "seconds" }
                } }
                tbody {
                    @for record in &attack.cells {
                        tr {
                            th scope="row" { (record.cell.who()) }
                            td { (record.verdict.short()) }
                            td {
                                (record.because)
                                @if let Some(why) = &record.inconclusive { p.small { "Inconclusive: " (why) "." } }
                            }
                            td { (format!("{:.1}", record.seconds)) }
                        }
                    }
                }
            }
        },
    )
}
