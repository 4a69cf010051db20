//! The verdict on what an attack on a model found.

use super::record::{Classes, Extraction, Inversion, Membership, Told};
use crate::{Thresholds, Verdict};

/// The verdict, and why. A figure leaks that is further above its null than chance explains; a disguise is broken
/// where pictures show what classes look like.
pub(super) fn verdict(told: &Told, thresholds: &Thresholds) -> (Verdict, String) {
    match told {
        Told::Membership(found) => membership(found, thresholds),
        Told::Classes(found) => classes(found, thresholds),
        Told::Inversion(found) => inversion(found, thresholds),
        Told::Extraction(found) => extraction(found, thresholds),
    }
}

/// Whether a figure is so far above its null.
fn beyond(value: f64, null: f64, deviation: f64, thresholds: &Thresholds) -> bool {
    value - null >= thresholds.leaks_deviations * deviation && value > null
}

fn leaks_if(leaks: bool) -> Verdict {
    if leaks { Verdict::Leaks } else { Verdict::NotBroken }
}

fn membership(found: &Membership, thresholds: &Thresholds) -> (Verdict, String) {
    let leaks = beyond(found.auc, 0.5, found.deviation, thresholds);
    let what = match leaks {
        true => "images that were trained on are told from others",
        false => "images that were trained on are not told from others",
    };
    let figures = format!("AUC {:.3}, by chance 0.500 ± {:.3}", found.auc, found.deviation);
    (leaks_if(leaks), format!("{what}: {figures}"))
}

fn classes(found: &Classes, thresholds: &Thresholds) -> (Verdict, String) {
    let leaks = beyond(found.information, found.null, found.deviation, thresholds);
    let what = match leaks {
        true => "the answers tell the class",
        false => "the answers tell nothing of the class",
    };
    let figures = format!(
        "{:.3} bits, by chance {:.3} ± {:.3}",
        found.information, found.null, found.deviation
    );
    (leaks_if(leaks), format!("{what}: {figures}"))
}

fn inversion(found: &Inversion, thresholds: &Thresholds) -> (Verdict, String) {
    let classes = found.classes;
    if classes > 0 && found.recognised as f64 >= thresholds.broken_classes * classes as f64 {
        let why = format!(
            "{} of {classes} classes can be recognised in pictures made from the weights",
            found.recognised
        );
        return (Verdict::Broken, why);
    }
    let leaks = found.deviations >= thresholds.leaks_deviations;
    let why = format!(
        "{} of {classes} pictures made from the weights are most alike to their own class; chance gives 1",
        found.nearest
    );
    (leaks_if(leaks), why)
}

fn extraction(found: &Extraction, thresholds: &Thresholds) -> (Verdict, String) {
    let faithful = found
        .at_home()
        .find(|copy| copy.agreement >= thresholds.leaks_fidelity && copy.interval.0 > copy.null);
    let Some(told) = faithful.or_else(|| found.best()) else {
        return (Verdict::NotBroken, "no copy was made".into());
    };
    let what = match faithful.is_some() {
        true => "the model can be copied",
        false => "no faithful copy came of it",
    };
    let why = format!(
        "{what}: after {} queries a copy answers {:.0} % of the images as the model does; always the same answer {:.0} %",
        told.queries,
        100.0 * told.agreement,
        100.0 * told.null
    );
    (leaks_if(faithful.is_some()), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{judge::THRESHOLDS, model::record::Fidelity};

    fn of(told: Told) -> Verdict {
        verdict(&told, &THRESHOLDS).0
    }

    #[test]
    fn membership_and_classes_leak_from_five_deviations_on() {
        let membership = |auc| {
            Told::Membership(Membership {
                auc,
                deviation: 0.02,
                balanced_accuracy: 0.5,
                rates: Vec::new(),
                roc: Vec::new(),
            })
        };
        assert_eq!(of(membership(0.59)), Verdict::NotBroken);
        assert_eq!(of(membership(0.61)), Verdict::Leaks);
        // Below chance nothing leaks: nobody knows that it is to be turned round.
        assert_eq!(of(membership(0.3)), Verdict::NotBroken);
        let classes = |information| {
            Told::Classes(Classes {
                information,
                null: 0.2,
                deviation: 0.01,
                accuracy: 0.1,
                renamed: 0.1,
                chance: 0.1,
                each: Vec::new(),
            })
        };
        assert_eq!(of(classes(0.24)), Verdict::NotBroken);
        assert_eq!(of(classes(0.26)), Verdict::Leaks);
    }

    #[test]
    fn classes_that_can_be_recognised_are_broken() {
        let inversion = |recognised, deviations| {
            Told::Inversion(Inversion {
                classes: 10,
                nearest: recognised,
                deviations,
                recognised,
                contrast: 0.4,
                ssim: None,
                restored: false,
            })
        };
        assert_eq!(of(inversion(5, 3.0)), Verdict::Broken);
        assert_eq!(of(inversion(4, 3.0)), Verdict::NotBroken);
        assert_eq!(of(inversion(4, 5.5)), Verdict::Leaks);
    }

    #[test]
    fn copies_count_at_home_and_above_the_same_answer_for_all() {
        let copies = |at_home, agreement: f64, null| {
            Told::Extraction(Extraction {
                copies: vec![Fidelity {
                    queries: 100,
                    at_home,
                    images: 200,
                    agreement,
                    interval: (agreement - 0.03, agreement + 0.03),
                    null,
                    accuracy: 0.8,
                    of_model: 0.85,
                }],
            })
        };
        assert_eq!(of(copies(true, 0.93, 0.2)), Verdict::Leaks);
        assert_eq!(of(copies(false, 0.93, 0.2)), Verdict::NotBroken);
        assert_eq!(of(copies(true, 0.8, 0.2)), Verdict::NotBroken);
        assert_eq!(of(copies(true, 0.93, 0.92)), Verdict::NotBroken);
        assert_eq!(
            of(Told::Extraction(Extraction { copies: Vec::new() })),
            Verdict::NotBroken
        );
    }
}
