//! One attack on images: verdict, pictures, curve, figures.

use super::{badge, chart, percent, picture, scroll};
use crate::{Attacked, Examined, Example, Measure, Point, Report, Result, WrongKey, judge};
use maud::{Markup, html};

pub(super) fn shown_note(report: &Report, originals: bool) -> Markup {
    let mut images = report.examples.iter().filter(|example| example.cell.is_none());
    let of = images.next().map(|example| example.of.as_str());
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

pub(super) fn section(attack: &Attacked, id: &str, example: Option<&Example>) -> Result<Markup> {
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
    let figures = attack.points.iter().filter_map(|point| point.pictures.as_ref());
    let examined = figures.clone().any(|pictures| pictures.examined.is_some());
    let mut columns = Vec::new();
    if pictures {
        columns.extend([
            "SSIM (null)",
            "edges (null)",
            "point to their original",
            "exact",
            "PSNR",
        ]);
    }
    if examined {
        columns.push("named by a network (chance, plain images)");
    }
    html! {
        (scroll(&format!("Figures of {}", attack.name), html! {
            table {
                thead { tr {
                    th scope="col" { (attack.access.counts()) }
                    @for column in &columns { th scope="col" { (column) } }
                    th scope="col" { "verdict" } th scope="col" { "seconds" }
                } }
                tbody { @for point in &attack.points { (row(point, pictures, examined)) } }
            }
        }))
        @for (count, why) in attack.points.iter().filter_map(|p| Some((p.count, p.inconclusive.as_ref()?))) {
            p.small { "Inconclusive with " (count) ": " (why) "." }
        }
        @if let Some(point) = attack.points.last() { (own_figures(point)) }
    }
}

fn row(point: &Point, pictures: bool, examined: bool) -> Markup {
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
                td { (figures.map_or("-".into(), |p| percent(p.exact))) }
                td { (figures.map_or("-".into(), |p| decibels(p.psnr))) }
            }
            @if examined { td { (named(figures.and_then(|p| p.examined.as_ref()))) } }
            td { (point.verdict.short()) } td { (format!("{:.2}", point.seconds)) }
        }
    }
}

fn named(examined: Option<&Examined>) -> String {
    examined.map_or("-".into(), |found| {
        format!(
            "{} ({}, {})",
            percent(found.accuracy),
            percent(found.chance),
            percent(found.plain)
        )
    })
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

fn wrong_key(wrong: &WrongKey) -> Markup {
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

/// The better skill of a run, for curves and tables.
pub(super) fn skill_of(point: &Point) -> Option<f64> {
    point
        .pictures
        .as_ref()
        .and_then(judge::skill)
        .map(|(skill, _)| skill)
}
