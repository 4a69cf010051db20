//! What an attack on a model came to, in words and tables.

use crate::{commands::attack::ended, talk::table};
use serde_json::Value;
use std::path::Path;
use visard_attacks::model::{
    ModelAttackInfo, ModelOutcome,
    score::{ClassLeak, Fidelity, InversionScore, MembershipScore},
};

/// Classes that a table names one by one, at most.
const LINES: usize = 32;

/// Everything that people are told.
pub(super) fn text(
    info: &ModelAttackInfo,
    outcome: &ModelOutcome,
    seconds: f64,
    cell: &Value,
    score: &str,
    output: Option<&Path>,
) -> String {
    let word = |name: &str| cell[name].as_str().unwrap_or("none");
    let mut text = ended(info.name, &outcome.verdict, seconds);
    text += &format!("\n  the model learned from images that are {}", word("trained"));
    if let Some(scheme) = cell["scheme"].as_str() {
        text += &format!(" ({scheme})");
    }
    text += &format!("; images are sent {}", word("sent"));
    if let Some(shadows) = cell["shadows"].as_str() {
        text += &format!("; shadow models learn from images that are {shadows}");
    }
    for (name, value) in &outcome.figures {
        text += &format!("\n  {name}: {value:.4}");
    }
    for evidence in &outcome.evidence {
        text += &format!(
            "\n  {}: {:.4} (if nothing leaks {:.4}, standard deviation {:.4})",
            evidence.what, evidence.value, evidence.null, evidence.deviation
        );
    }
    if !score.is_empty() {
        text += &format!("\n\n{}", score.trim_end());
    }
    match output {
        None => text,
        Some(output) => format!("{text}\n\nresults in {}", output.display()),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn interval((low, high): (f64, f64)) -> String {
    format!("{} to {}", percent(low), percent(high))
}

pub(super) fn membership(score: &MembershipScore) -> String {
    let around = 1.96 * score.auc_deviation;
    let mut rows = vec![
        [
            "AUC".into(),
            format!("{:.4}", score.auc),
            format!("0.5, within {around:.4} of it (95%)"),
        ],
        [
            "balanced accuracy".into(),
            percent(score.balanced_accuracy),
            "50 %".into(),
        ],
    ];
    for rate in &score.rates {
        rows.push([
            format!("found at {} false", percent(rate.fpr)),
            format!("{} ({})", percent(rate.tpr), interval(rate.interval)),
            percent(rate.fpr),
        ]);
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
    format!(
        "{} members, {} others\n{}",
        score.members,
        score.others,
        table(&["figure", "value (95% interval)", "if nothing leaks"], &rows)
    )
}

/// A class by its name, or by its number where it has none.
fn named(names: &[String], class: usize) -> String {
    names.get(class).map_or_else(|| class.to_string(), String::clone)
}

pub(super) fn classes(leak: &ClassLeak, names: &[String]) -> String {
    let rows: Vec<Vec<String>> = leak
        .classes
        .iter()
        .enumerate()
        .take(LINES)
        .map(|(class, answers)| {
            vec![
                named(names, class),
                answers.n.to_string(),
                format!("{:.3}", answers.entropy),
                format!("{:.1}", answers.fano),
                format!(
                    "{} ({})",
                    named(names, answers.commonest as usize),
                    percent(answers.share)
                ),
            ]
        })
        .collect();
    format!(
        "mutual information {:.4} bits (if nothing leaks {:.4}, standard deviation {:.4})\naccuracy {} ({}), after \
         the best one-to-one map {} ({}), by naming one class {}\n\n{}",
        leak.mutual_information,
        leak.null,
        leak.deviation,
        percent(leak.accuracy),
        interval(leak.accuracy_interval),
        percent(leak.bijection),
        interval(leak.bijection_interval),
        percent(leak.chance),
        table(
            &[
                "class",
                "images",
                "entropy, bits",
                "Fano factor",
                "commonest answer"
            ],
            &rows
        )
    )
}

pub(super) fn inversion(scores: &[(&str, InversionScore)], names: &[String]) -> String {
    let mut text = String::new();
    for (form, score) in scores {
        let rows: Vec<Vec<String>> = score
            .classes
            .iter()
            .take(LINES)
            .map(|picture| {
                let maybe = |value: Option<String>| value.unwrap_or_else(|| "-".into());
                vec![
                    named(names, picture.class as usize),
                    format!("{:.3} ({:.3})", picture.correlation, picture.correlation_other),
                    format!("{:.3} ({:.3})", picture.contrast, picture.contrast_other),
                    maybe(picture.ssim.map(|ssim| format!("{ssim:.3}"))),
                    picture.rank.to_string(),
                    maybe(picture.examined.map(|class| named(names, class as usize))),
                ]
            })
            .collect();
        let how = match *form {
            "restored" => "with the disguise taken off",
            _ => "as the model takes them",
        };
        text += &format!(
            "pictures {how}: contrast {:.3} in the mean (if nothing leaks {:.3}, standard deviation {:.3}), class \
             nearest for {} ({}, guessing {})",
            score.contrast_mean,
            score.contrast_null,
            score.contrast_deviation,
            percent(score.rank_one),
            interval(score.rank_one_interval),
            percent(score.chance)
        );
        if let (Some(examiner), Some(range)) = (score.examiner, score.examiner_interval) {
            text += &format!(
                ", named by the examiner {} ({})",
                percent(examiner),
                interval(range)
            );
        }
        let head = [
            "class",
            "correlation (best other)",
            "contrast (best other)",
            "SSIM",
            "rank",
            "examiner",
        ];
        text += &format!("\n{}\n", table(&head, &rows));
    }
    text
}

pub(super) fn extraction(copies: &[(usize, Vec<Fidelity>)]) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "-".into(), percent);
    let row = |queries: usize, set: &Fidelity| {
        vec![
            queries.to_string(),
            set.name.clone(),
            set.n.to_string(),
            format!("{} ({})", percent(set.agreement), interval(set.interval)),
            percent(set.chance),
            share(set.student_accuracy),
            share(set.victim_accuracy),
        ]
    };
    let rows: Vec<Vec<String>> = copies
        .iter()
        .flat_map(|(queries, sets)| sets.iter().map(|set| row(*queries, set)))
        .collect();
    let head = [
        "queries",
        "images",
        "number",
        "agreement (95% interval)",
        "by chance",
        "copy right",
        "model right",
    ];
    table(&head, &rows)
}
