//! The page: one self-contained HTML file that opens offline, asks nothing of any network, and can be read in
//! grey, on a phone, printed, and aloud.

mod attack;
mod chart;
mod compared;
mod head;
mod models;
mod picture;
mod rest;
mod roc;

use crate::{Attacked, Audit, Report, Result, Verdict, advice, compare, show::Role};
use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

pub use compared::compared;

const STYLE: &str = include_str!("style.css");

/// The page of an audit. `originals` says that the pictures are the owner's own, with their disguises.
///
/// # Errors
/// If a picture or a curve cannot be drawn.
pub fn page(report: &Report, originals: bool) -> Result<String> {
    let audit = &report.audit;
    let mut attacks: Vec<&Attacked> = audit.attacks.iter().collect();
    attacks.sort_by_key(|attack| (attack.access, std::cmp::Reverse(attack.verdict)));
    let title = format!("Audit of {}", compare::describe(audit));
    let anchors: Vec<String> = attacks
        .iter()
        .enumerate()
        .map(|(i, attack)| {
            own_anchor(
                attack,
                attacks[..i].iter().all(|before| before.name != attack.name),
            )
        })
        .collect();
    let sections = attacks
        .iter()
        .zip(&anchors)
        .map(|(attack, anchor)| {
            let example = report
                .examples
                .iter()
                .filter(|example| example.cell.is_none())
                .find(|example| (&example.attack, example.access) == (&attack.name, attack.access));
            attack::section(attack, anchor, example)
        })
        .collect::<Result<Vec<Markup>>>()?;
    let model = audit
        .model
        .as_ref()
        .map(|model| models::section(model, &report.examples, originals))
        .transpose()?;
    Ok(frame(
        &title,
        html! {
            (head::head(audit))
            (head::verdicts(audit))
            @if originals { (head::warning()) }
            (head::can_do(&advice::advice(audit)))
            (head::thresholds(audit))
            (contents(audit, &attacks, &anchors))
            @if !sections.is_empty() || audit.model.is_none() { section aria-labelledby="attacks" {
                h2 id="attacks" { "What each attack brought back" }
                (attack::shown_note(report, originals))
                @for section in &sections { (section) }
            } }
            @if let Some(model) = &model { (model) }
            (rest::not_run(audit))
            (rest::repeat(audit))
        },
    ))
}

/// A whole document around its content.
fn frame(title: &str, content: Markup) -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    );
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
                a.skip href="#main" { "Skip to the findings" }
                main id="main" { (content) }
            }
        }
    }
    .into_string()
}

/// A verdict as a mark that does without colour.
fn badge(verdict: Verdict) -> Markup {
    let (class, sign) = match verdict {
        Verdict::Broken => ("badge broken", "\u{25a0}"),
        Verdict::Leaks => ("badge leaks", "\u{25e7}"),
        Verdict::NotBroken => ("badge stands", "\u{25a1}"),
    };
    html! { span class=(class) { span aria-hidden="true" { (sign) " " } (verdict) } }
}

fn names(names: &[String]) -> Markup {
    html! {
        @if names.is_empty() { "-" }
        @for (i, name) in names.iter().enumerate() {
            @if i > 0 { ", " }
            a href={ "#" (anchor(name)) } { (name) }
        }
    }
}

/// A share in words.
fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// The place of an attack on the page.
fn anchor(name: &str) -> String {
    format!("attack-{name}")
}

/// The place of one of the runs of an attack that was tried by two adversaries: the first has the attack's.
fn own_anchor(attack: &Attacked, first: bool) -> String {
    let more = if first { "" } else { "-public" };
    anchor(&attack.name) + more
}

fn scroll(label: &str, table: Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (table) } }
}

fn contents(audit: &Audit, attacks: &[&Attacked], anchors: &[String]) -> Markup {
    html! {
        nav aria-label="Attacks" {
            ul.contents {
                @for (attack, anchor) in attacks.iter().zip(anchors) {
                    li { a href={ "#" (anchor) } { (attack.name) } " " span.small { (attack.verdict.short()) } }
                }
                @for attack in audit.model.iter().flat_map(|model| &model.attacks) {
                    li { a href={ "#" (anchor(&attack.name)) } { (attack.name) } " " span.small { (models::short(attack)) } }
                }
            }
        }
    }
}

/// Words for a picture's role.
fn role_text(role: Role) -> String {
    match role {
        Role::Best => "best".into(),
        Role::Median => "median".into(),
        Role::Class(class) => format!("class {class}"),
    }
}
