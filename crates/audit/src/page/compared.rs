//! Two audits side by side, as a page.

use super::{badge, frame, scroll};
use crate::{Verdict, compare::Comparison};
use maud::{Markup, html};

/// The page of a comparison.
pub fn compared(comparison: &Comparison) -> String {
    let [a, b] = &comparison.subjects;
    let head = |first: &str| {
        html! { thead { tr { th scope="col" { (first) } th scope="col" { (a) } th scope="col" { (b) } } } }
    };
    frame(
        "Two audits",
        html! {
            header { p.over { "visard audit" } h1 { "Two audits side by side" } }
            @if !comparison.caveats.is_empty() {
                aside.warning { p { strong { "Not quite comparable: " } (comparison.caveats.join("; ")) "." } }
            }
            h2 { "By level" }
            (scroll("By level", html! {
                table { (head("Level"))
                    tbody { @for row in &comparison.levels {
                        tr { th scope="row" { (row.of) } @for verdict in row.verdicts { td { (cell(verdict, None)) } } }
                    } }
                }
            }))
            h2 { "By attack" }
            p.small { "In parentheses the best skill: the share of the way from the null to a perfect copy." }
            (scroll("By attack", html! {
                table { (head("Attack"))
                    tbody { @for row in &comparison.attacks {
                        tr {
                            th scope="row" { (row.of) }
                            @for (verdict, skill) in row.verdicts.iter().zip(row.skills) { td { (cell(*verdict, skill)) } }
                        }
                    } }
                }
            }))
        },
    )
}

fn cell(verdict: Option<Verdict>, skill: Option<f64>) -> Markup {
    html! {
        @match verdict {
            None => "not run",
            Some(verdict) => {
                (badge(verdict))
                @if let Some(skill) = skill { " (" (format!("{skill:.2}")) ")" }
            }
        }
    }
}
