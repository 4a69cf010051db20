//! Tables of what attacks on models found, cell by cell.

use crate::{
    Cell, Classes, Extraction, Membership, ModelAttacked, Told,
    page::{percent, scroll},
};
use maud::{Markup, html};

/// The cells with a finding that `pick` takes, with that finding.
fn found<'a, T>(attack: &'a ModelAttacked, pick: fn(&'a Told) -> Option<&'a T>) -> Vec<(Cell, &'a T)> {
    let told = attack
        .cells
        .iter()
        .filter_map(|record| Some((record.cell, pick(record.told.as_ref()?)?)));
    told.collect()
}

/// True positives at few false ones.
pub(super) fn rates(attack: &ModelAttacked) -> Markup {
    let found: Vec<(Cell, &Membership)> = found(attack, |told| match told {
        Told::Membership(told) => Some(told),
        _ => None,
    });
    html! {
        @if !found.is_empty() {
            (scroll(&format!("Members found by {}", attack.name), html! {
                table {
                    thead { tr {
                        th scope="col" { "Who" } th scope="col" { "balanced accuracy" }
                        th scope="col" { "members found at few false positives (95 % interval)" }
                    } }
                    tbody {
                        @for (cell, told) in &found {
                            tr {
                                th scope="row" { (cell.who()) }
                                td { (format!("{:.3}", told.balanced_accuracy)) }
                                td {
                                    @if told.rates.is_empty() { "too few images to say" }
                                    @for rate in &told.rates {
                                        p {
                                            (format!("{:.1} % at {:.1} % ({:.1} to {:.1} %)", 100.0 * rate.tpr,
                                                     100.0 * rate.fpr, 100.0 * rate.interval.0, 100.0 * rate.interval.1))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}

/// What answers tell of classes; of an outsider class by class.
pub(super) fn answers(attack: &ModelAttacked) -> Markup {
    let found: Vec<(Cell, &Classes)> = found(attack, |told| match told {
        Told::Classes(told) => Some(told),
        _ => None,
    });
    let Some((cell, first)) = found.first() else {
        return html! {};
    };
    html! {
        (scroll(&format!("Answers in {}", attack.name), html! {
            table {
                thead { tr {
                    th scope="col" { "Who" } th scope="col" { "bits (chance)" } th scope="col" { "right answers" }
                    th scope="col" { "after the best renaming" } th scope="col" { "chance" }
                } }
                tbody {
                    @for (cell, told) in &found {
                        tr {
                            th scope="row" { (cell.who()) }
                            td { (format!("{:.3} ({:.3})", told.information, told.null)) }
                            td { (percent(told.accuracy)) } td { (percent(told.renamed)) } td { (percent(told.chance)) }
                        }
                    }
                }
            }
        }))
        details {
            summary { "Class by class: " (cell.who()) }
            (scroll("Answers class by class", html! {
                table {
                    thead { tr {
                        th scope="col" { "class" } th scope="col" { "most frequent answer" }
                        th scope="col" { "entropy, of the largest" } th scope="col" { "Fano factor" }
                    } }
                    tbody {
                        @for (class, one) in first.each.iter().enumerate() {
                            tr {
                                th scope="row" { (class) } td { (one.answered) }
                                td { (format!("{:.2}", one.entropy)) } td { (format!("{:.1}", one.fano)) }
                            }
                        }
                    }
                }
            }))
        }
    }
}

/// Copies with more and more queries.
pub(super) fn copies(attack: &ModelAttacked) -> Markup {
    let found: Vec<(Cell, &Extraction)> = found(attack, |told| match told {
        Told::Extraction(told) => Some(told),
        _ => None,
    });
    let kind = |cell: &Cell, at_home: bool| match cell.is_disguised() == at_home {
        true => "disguised",
        false => "plain",
    };
    html! {
        @if !found.is_empty() {
            (scroll(&format!("Copies by {}", attack.name), html! {
                table {
                    thead { tr {
                        th scope="col" { "Who" } th scope="col" { "queries" } th scope="col" { "judged on" }
                        th scope="col" { "agreement (95 % interval)" } th scope="col" { "always the same answer" }
                        th scope="col" { "right answers of copy, of model" }
                    } }
                    tbody {
                        @for (cell, told) in &found {
                            @for copy in &told.copies {
                                tr {
                                    th scope="row" { (cell.who()) }
                                    td { (copy.queries) }
                                    td { (copy.images) " " (kind(cell, copy.at_home)) }
                                    td {
                                        (percent(copy.agreement)) " (" (percent(copy.interval.0)) " to "
                                        (percent(copy.interval.1)) ")"
                                    }
                                    td { (percent(copy.null)) }
                                    td { (percent(copy.accuracy)) ", " (percent(copy.of_model)) }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}
