//! The end of the page: what was not run, and how to repeat the audit.

use crate::{Access, Audit};
use maud::{Markup, html};

pub(super) fn not_run(audit: &Audit) -> Markup {
    html! {
        section aria-labelledby="not-run" {
            h2 id="not-run" { "What was not run" }
            @if audit.not_run.is_empty() {
                p {
                    "Every attack on images in visard that applies"
                    @if !audit.trained { " and trains no network" } " was run at the levels that were played."
                }
            }
            @else {
                ul { @for one in &audit.not_run { li { code { (one.name) } " (level " (one.access) "): " (one.why) } } }
            }
            @let played: Vec<Access> = audit.levels.iter().map(|level| level.access).collect();
            @if played.len() < Access::ALL.len() {
                p { "Levels that were not played: "
                    (Access::ALL.iter().filter(|a| !played.contains(a)).map(ToString::to_string).collect::<Vec<_>>().join(", ")) "." }
            }
            (untrained(audit))
        }
    }
}

/// What is not played unless it is asked for, as it takes minutes more.
fn untrained(audit: &Audit) -> Markup {
    html! {
        @match (audit.trained, audit.model.is_some()) {
            (false, false) => p {
                "Attacks that train networks, and attacks on a trained model, are not part of this audit: "
                code { "--train" } " and " code { "--levels 1,2,3,M" } " play them."
            },
            (false, true) => p {
                "Attacks on the images that train networks are not part of this audit: " code { "--train" } " plays them."
            },
            (true, false) => p {
                "Attacks on a trained model are not part of this audit: " code { "--levels 1,2,3,M" } " plays them."
            },
            (true, true) => {},
        }
    }
}

pub(super) fn repeat(audit: &Audit) -> Markup {
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
