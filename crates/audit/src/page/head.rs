//! The head of the page: what was audited, the verdicts, what can be done, and how verdicts are made.

use super::{badge, names, scroll};
use crate::{Audit, LevelRecord, Verdict, advice::Advice};
use maud::{Markup, html};
use visard_core::schemes;

pub(super) fn head(audit: &Audit) -> Markup {
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

pub(super) fn verdicts(audit: &Audit) -> Markup {
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
                                td { (verdict(level)) }
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
                "Each adversary can also do what the ones before can; those of a model (M) are a ladder of their own."
            }
        }
    }
}

fn verdict(level: &LevelRecord) -> Markup {
    html! {
        @match &level.not_reached {
            Some(why) => { "not reached: " (why) },
            None => (badge(level.verdict)),
        }
    }
}

pub(super) fn warning() -> Markup {
    html! {
        aside.warning {
            p {
                strong { "This page holds plain images and their disguises under the audited key. " }
                "Whoever has it has pairs, as an adversary of level 2 does: keep it as you keep the images."
            }
        }
    }
}

pub(super) fn can_do(advice: &[Advice]) -> Markup {
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

pub(super) fn thresholds(audit: &Audit) -> Markup {
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
                li {
                    strong { "leaks" } " too: pictures that a network that knows only plain images names, "
                    (limits.leaks_deviations) " standard deviations above chance and at least "
                    (100.0 * limits.leaks_examined) " % of the way to plain images, where such a network was trained"
                }
                @if audit.model.is_some() {
                    li {
                        strong { "broken" } ", of a model: at least " (100.0 * limits.broken_classes) " % of the classes "
                        "can be recognised in pictures made from its weights: nearest to their own class, and correlated "
                        "above " (limits.recognised_contrast) " with what sets it apart"
                    }
                    li {
                        strong { "leaks" } ", of a model: membership, classes or such pictures "
                        (limits.leaks_deviations) " standard deviations above chance, or a copy that answers "
                        (100.0 * limits.leaks_fidelity) " % of disguised images as the model does, more than the same "
                        "answer for all would"
                    }
                }
            }
            p { "PSNR is shown for comparison with other work; no verdict rests on it." }
        }
    }
}
