//! The page: one self-contained HTML file without a script.

use crate::{Plot, Result, Results, Table, table::Value};
use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");

/// The page of a study.
///
/// # Errors
/// If a plot cannot be drawn.
pub fn page(results: &Results) -> Result<String> {
    let (tables, plots) = (results.tables(), results.plots()?);
    let (main, rest) = tables.split_at(usize::from(
        tables.first().is_some_and(|table| table.id == "accuracy"),
    ));
    let content = html! {
        (head(results))
        @for table in main { (section(table)) }
        @if !plots.is_empty() {
            section aria-labelledby="plots" {
                h2 id="plots" { "Plots" }
                @for plot in &plots { (figure(plot)) }
            }
        }
        @for table in rest { (section(table)) }
    };
    Ok(frame(&results.title, content))
}

/// A whole document around its content.
fn frame(title: &str, content: Markup) -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                main id="main" { (content) }
            }
        }
    }
    .into_string()
}

fn head(results: &Results) -> Markup {
    html! {
        header {
            p.over { "visard study" }
            h1 { (results.title) }
            dl.facts {
                dt { "Cells" } dd { (results.progress()) }
                @if !results.machines.is_empty() { dt { "Run on" } dd { (results.run_on()) } }
            }
        }
    }
}

/// A table under its head; long ones folded.
fn section(table: &Table) -> Markup {
    const LONG: usize = 60;
    let whole = html! {
        div.scroll role="region" aria-label=(table.title) tabindex="0" { (grid(table)) }
        @for note in &table.notes { p.small { (words(note)) } }
    };
    html! {
        section aria-labelledby=(table.id) {
            h2 id=(table.id) { (table.title) }
            @if table.rows.len() > LONG {
                details { summary { (table.rows.len()) " rows" } (whole) }
            } @else { (whole) }
        }
    }
}

fn grid(table: &Table) -> Markup {
    html! {
        table {
            thead { tr { @for column in &table.columns { th scope="col" { (column) } } } }
            tbody {
                @for row in &table.rows {
                    tr { @for value in row { (cell(value)) } }
                }
            }
        }
    }
}

fn cell(value: &Value) -> Markup {
    html! {
        @if value.is_number() { td.number { (value.shown()) } } @else { td { (value.shown()) } }
    }
}

/// A note with its `code`.
fn words(note: &str) -> Markup {
    html! {
        @for (i, part) in note.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn figure(plot: &Plot) -> Markup {
    html! {
        figure {
            div.chart role="img" aria-label={ (plot.title) ". " (plot.told) } { (PreEscaped(&plot.svg)) }
            figcaption { (plot.title) ". Bars are 95% intervals." }
        }
    }
}
