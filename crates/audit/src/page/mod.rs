//! The page: one self-contained HTML file that opens offline, asks nothing of any network, and can be read in
//! grey, on a phone, printed, and aloud.

mod chart;
mod compared;
mod picture;

use crate::{
    Access, Attacked, Audit, Measure, Point, Report, Result, Verdict,
    advice::{self, Advice},
    compare, judge,
    show::{Example, Role},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use visard_core::schemes;

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
                .find(|example| (&example.attack, example.access) == (&attack.name, attack.access));
            section(attack, anchor, example)
        })
        .collect::<Result<Vec<Markup>>>()?;
    Ok(frame(
        &title,
        html! {
            (head(audit))
            (verdicts(audit))
            @if originals { (warning()) }
            (can_do(&advice::advice(audit)))
            (thresholds(audit))
            (contents(&attacks, &anchors))
            section aria-labelledby="attacks" {
                h2 id="attacks" { "What each attack brought back" }
                (shown_note(report, originals))
                @for section in &sections { (section) }
            }
            (not_run(audit))
            (repeat(audit))
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

fn head(audit: &Audit) -> Markup {
    let info = schemes::find(&audit.scheme).ok();
    let params: Vec<String> = audit
        .params
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    html! {
        header {
            p.over { "visard audit" }
            h1 { "What " code { (audit.scheme) } " gives away" }
            @if let Some(info) = info { p { (info.title) "." } }
            dl.facts {
                dt { "Parameters" } dd { (if params.is_empty() { "none".into() } else { params.join(" ") }) }
                dt { "Key" } dd { code { (audit.fingerprint) } }
                dt { "Images" }
                dd {
                    (audit.data.attacked) " attacked of " (audit.data.name) ", " (audit.shape)
                    "; " (audit.data.known) " known to level 2"
                }
                @if let Some(from) = &audit.data.public_from {
                    dt { "Public images" } dd { (audit.data.public) ", " (from) }
                }
            }
        }
    }
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

fn verdicts(audit: &Audit) -> Markup {
    html! {
        section aria-labelledby="verdicts" {
            h2 id="verdicts" { "Verdicts" }
            (scroll("Verdicts by adversary", html! {
                table {
                    thead { tr {
                        th scope="col" { "Level" } th scope="col" { "The adversary has" }
                        th scope="col" { "Verdict" } th scope="col" { "By" }
                    } }
                    tbody {
                        @for level in &audit.levels {
                            tr {
                                th scope="row" { (level.access) }
                                td { (level.access.holds()) }
                                td { (badge(level.verdict)) }
                                td {
                                    (names(&level.by))
                                    @if !level.inconclusive.is_empty() {
                                        p.small { "Out of time or memory: " (names(&level.inconclusive)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }))
            p.small {
                @for verdict in [Verdict::Broken, Verdict::Leaks, Verdict::NotBroken] {
                    strong { (verdict) } ": " (verdict.meaning()) ". "
                }
                "Each adversary can also do what the ones before can."
            }
        }
    }
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

fn warning() -> Markup {
    html! {
        aside.warning {
            p {
                strong { "This page holds plain images and their disguises under the audited key. " }
                "Whoever has it has pairs, as an adversary of level 2 does: keep it as you keep the images."
            }
        }
    }
}

fn can_do(advice: &[Advice]) -> Markup {
    html! {
        section aria-labelledby="do" {
            h2 id="do" { "What you can do" }
            (scroll("What you can do", html! {
                table {
                    thead { tr { th scope="col" { "Do" } th scope="col" { "Effect" } th scope="col" { "Cost in accuracy" } } }
                    tbody {
                        @for one in advice {
                            tr { th scope="row" { (one.what) } td { (one.effect) } td { (one.cost) } }
                        }
                    }
                }
            }))
        }
    }
}

fn thresholds(audit: &Audit) -> Markup {
    let limits = &audit.thresholds;
    html! {
        details {
            summary { "How the verdicts are made" }
            p {
                "Each figure stands beside its null: the best of what comes without knowing anything of an image, that is "
                "the mean of the other images, recovered pictures of other images (the 95th percentile), and what the "
                "attack makes of pairs under another key. The skill of an attack is the share of the way from there to a "
                "perfect copy, of structural similarity or of edges, for the median of " (audit.data.judged) " pictures."
            }
            ul {
                li {
                    strong { "broken" } ": a skill of " (limits.broken_skill) " at least, or "
                    (100.0 * limits.broken_exact) " % of the images exactly right"
                }
                li {
                    strong { "leaks" } ": a skill of " (limits.leaks_skill) " at least, or recovered pictures that point to "
                    "their own original, or another figure, " (limits.leaks_deviations) " standard deviations above chance"
                }
            }
            p { "PSNR is shown for comparison with other work; no verdict rests on it." }
        }
    }
}

fn contents(attacks: &[&Attacked], anchors: &[String]) -> Markup {
    html! {
        nav aria-label="Attacks" {
            ul.contents {
                @for (attack, anchor) in attacks.iter().zip(anchors) {
                    li { a href={ "#" (anchor) } { (attack.name) } " " span.small { (attack.verdict.short()) } }
                }
            }
        }
    }
}

fn shown_note(report: &Report, originals: bool) -> Markup {
    let of = report.examples.first().map(|example| example.of.as_str());
    html! {
        @match of {
            Some(of) if !originals => p {
                "The pictures show the same attacks on " (of) " under another key of the same scheme, so that this page "
                "gives nothing of yours away; all figures are of your images. "
                code { "--include-originals" } " shows yours."
            },
            _ => {}
        }
    }
}

fn section(attack: &Attacked, id: &str, example: Option<&Example>) -> Result<Markup> {
    let curve = chart::curve(attack)?;
    let pictures = example.map(picture::figures).transpose()?;
    Ok(html! {
        article aria-labelledby=(id) {
            h3 id=(id) { (attack.title) " " code { (attack.name) } }
            p { (badge(attack.verdict)) " " (attack.because) "." }
            p { strong { "Level " (attack.access) } ", with " (attack.access.holds()) ". It " (attack.summary) "." }
            @if let Some(pictures) = pictures { (pictures) }
            @if let Some(curve) = curve { (curve) }
            (points(attack))
            @if let Some(wrong) = &attack.wrong_key { (wrong_key(wrong)) }
            p.small { "Paper: " (attack.paper) ". It took " (format!("{:.1}", attack.seconds)) " s in all." }
        }
    })
}

fn points(attack: &Attacked) -> Markup {
    let pictures = attack.points.iter().any(|point| point.pictures.is_some());
    let columns = if pictures {
        &[
            "SSIM (null)",
            "edges (null)",
            "point to their original",
            "exact",
            "PSNR",
        ][..]
    } else {
        &[]
    };
    html! {
        (scroll(&format!("Figures of {}", attack.name), html! {
            table {
                thead { tr {
                    th scope="col" { (attack.access.counts()) }
                    @for column in columns { th scope="col" { (column) } }
                    th scope="col" { "verdict" } th scope="col" { "seconds" }
                } }
                tbody { @for point in &attack.points { (row(point, pictures)) } }
            }
        }))
        @for (count, why) in attack.points.iter().filter_map(|p| Some((p.count, p.inconclusive.as_ref()?))) {
            p.small { "Inconclusive with " (count) ": " (why) "." }
        }
        @if let Some(point) = attack.points.last() { (own_figures(point)) }
    }
}

fn row(point: &Point, pictures: bool) -> Markup {
    let figures = point.pictures.as_ref();
    let measure = |measure: Option<&Measure>| {
        measure.map_or("-".into(), |m| format!("{:.2} ({:.2})", m.median, m.null))
    };
    html! {
        tr {
            th scope="row" { (point.count) }
            @if pictures {
                td { (measure(figures.and_then(|p| p.ssim.as_ref()))) }
                td { (measure(figures.and_then(|p| p.edges.as_ref()))) }
                td { (figures.map_or("-".into(), |p| format!("{} of {} among {}", p.identified.hits, p.identified.of, p.identified.candidates))) }
                td { (figures.map_or("-".into(), |p| format!("{:.0} %", 100.0 * p.exact))) }
                td { (figures.map_or("-".into(), |p| decibels(p.psnr))) }
            }
            td { (point.verdict.short()) } td { (format!("{:.2}", point.seconds)) }
        }
    }
}

fn decibels(psnr: f64) -> String {
    if psnr.is_finite() {
        format!("{psnr:.1} dB")
    } else {
        "exact".into()
    }
}

/// Evidence and the attack's own figures of its largest run.
fn own_figures(point: &Point) -> Markup {
    html! {
        @for evidence in &point.evidence {
            p { (evidence.what) ": " (format!("{:.3}", evidence.value)) ", by chance " (format!("{:.3}", evidence.null)) "." }
        }
        @if !point.figures.is_empty() {
            details {
                summary { "Figures that the attack knows itself" }
                ul { @for (name, value) in &point.figures { li { code { (name) } " " (format!("{value:.4}")) } } }
            }
        }
    }
}

fn wrong_key(wrong: &crate::WrongKey) -> Markup {
    let figure = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
    html! {
        p.small {
            "With pairs of another key: "
            @match &wrong.refused {
                Some(why) => { "nothing (" (why) ")." },
                None => { "SSIM " (figure(wrong.ssim)) ", edges " (figure(wrong.edges)) "." },
            }
        }
    }
}

fn not_run(audit: &Audit) -> Markup {
    html! {
        section aria-labelledby="not-run" {
            h2 id="not-run" { "What was not run" }
            @if audit.not_run.is_empty() { p { "Every attack in visard that applies was run." } }
            @else {
                ul { @for one in &audit.not_run { li { code { (one.name) } " (level " (one.access) "): " (one.why) } } }
            }
            @let played: Vec<Access> = audit.levels.iter().map(|level| level.access).collect();
            @if played.len() < Access::ALL.len() {
                p { "Levels that were not played: "
                    (Access::ALL.iter().filter(|a| !played.contains(a)).map(ToString::to_string).collect::<Vec<_>>().join(", ")) "." }
            }
            p { "Attacks that train networks, and attacks on a trained model, are not part of this audit." }
        }
    }
}

fn repeat(audit: &Audit) -> Markup {
    let time = audit.time.map_or("without a bound on time".into(), |time| {
        format!("in at most {time:.0} s")
    });
    html! {
        section aria-labelledby="repeat" {
            h2 id="repeat" { "To repeat it" }
            p { code { (audit.command) } }
            p.small {
                "visard " (audit.version) ", seed " (audit.seed) ", " (time) ", " (audit.memory >> 20)
                " MiB for each attack; it took " (format!("{:.0}", audit.seconds)) " s. Salts and the other key are drawn "
                "afresh each time, so figures move a little."
            }
        }
    }
}

/// Words for a picture's role.
fn role_text(role: Role) -> &'static str {
    match role {
        Role::Best => "best",
        Role::Median => "median",
    }
}

/// The better skill of a run, for curves and tables.
fn skill_of(point: &Point) -> Option<f64> {
    point
        .pictures
        .as_ref()
        .and_then(judge::skill)
        .map(|(skill, _)| skill)
}
