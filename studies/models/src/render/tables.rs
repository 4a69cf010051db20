//! The tables of a section.

use super::{
    Shown,
    findings::{AIMS, attacks, disguises, words},
    reasons,
};
use crate::{
    plan::{Case, Column},
    record::{Detail, Found, Measured, Trained},
    verdict::Row,
};
use visard_attacks::model::Aim;

/// Heading, command and sizes.
pub(super) fn head(shown: &Shown) -> String {
    let (record, sizes) = (&shown.record, &shown.record.sizes);
    let seconds: f64 = record.cells.iter().map(|cell| cell.seconds).sum();
    let mut text = format!(
        "\n## {}\n\n`{}`, {seconds:.0} s, {} cells. A model is trained on {} pictures; {} others are in question with \
         them; the adversary has {} of its own and recovers keys from {} pairs.",
        record.title,
        record.command,
        record.cells.len(),
        sizes.members,
        sizes.others,
        sizes.own,
        sizes.pairs,
    );
    if sizes.repeats > 1 {
        text += &format!(
            " There are {} models of each kind, each with its own split and keys, whose scores are judged together.",
            sizes.repeats
        );
    }
    if sizes.inversions > sizes.repeats && disguises(&shown.plan).next().is_some() {
        text += &format!(
            " Pictures are taken out of {} models of each kind.",
            sizes.inversions
        );
    }
    text + "\n"
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A row of a table; what would end a cell is taken out.
fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells
        .into_iter()
        .map(|cell| cell.replace('|', "/").replace('\n', " "))
        .collect();
    format!("| {} |\n", cells.join(" | "))
}

pub(super) fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return String::new();
    }
    let mut text = "\n".to_string();
    text += &line(heads.iter().map(|head| head.to_string()));
    text += &line(vec!["---".to_string(); heads.len()]);
    rows.for_each(|row| text += &line(row));
    text
}

/// The models that are attacked.
pub(super) fn models(shown: &Shown) -> String {
    let rows = shown.plan.cases.iter().filter_map(|case| {
        let of_case = |victim: &&Trained| victim.case == case.name;
        let victims: Vec<&Trained> = shown.record.victims.iter().filter(of_case).collect();
        let first = victims.first()?;
        let mean = |of: fn(&Trained) -> f64| {
            percent(victims.iter().map(|victim| of(victim)).sum::<f64>() / victims.len() as f64)
        };
        Some(vec![
            case.title.to_string(),
            first.network.clone(),
            first.members.to_string(),
            victims.len().to_string(),
            mean(|victim| victim.members_accuracy),
            mean(|victim| victim.test_accuracy),
            mean(|victim| victim.plain_accuracy),
            recovered(shown, case),
        ])
    });
    let heads = [
        "trained on",
        "network",
        "pictures",
        "models",
        "names of these",
        "test pictures, as trained",
        "test pictures, plain",
        "the recovered key undoes disguises to",
    ];
    let text = table(&heads, rows);
    match text.is_empty() {
        true => text,
        false => format!("\n### Models\n{text}"),
    }
}

/// How good the recovered key of a case is, or why there is none.
fn recovered(shown: &Shown, case: &Case) -> String {
    let mut chains = (shown.record.cells.iter())
        .filter(|cell| cell.case == case.name && cell.column == Column::Chain)
        .filter_map(|cell| match &cell.result {
            Measured::Found(found) => Some(
                found
                    .key_psnr
                    .map_or("the plain images".into(), |psnr| format!("{psnr:.1} dB")),
            ),
            Measured::Empty(why) => Some(why.clone()),
            Measured::Failed(_) => None,
        });
    chains.next().unwrap_or_else(|| "-".into())
}

/// Figures of all cells, for each aim.
pub(super) fn figures(shown: &Shown) -> String {
    let mut text = String::new();
    for aim in AIMS {
        let main = if shown.plan.compares() {
            compared(shown, aim)
        } else {
            String::new()
        };
        let more = details(shown, aim);
        if !(main.is_empty() && more.is_empty()) {
            let (name, what) = words(aim);
            let heading: String = name[..1].to_uppercase() + &name[1..];
            text += &format!("\n### {heading}: {what}\n");
            if !main.is_empty() {
                text += &main;
                text += "\nIn parentheses stands by how many standard deviations a figure is above what it is where \
                         nothing is told.\n";
            }
            text += &more;
        }
    }
    text + &reasons::told(shown)
}

/// Every disguise and attack with its word and the figures of all adversaries.
fn compared(shown: &Shown, aim: Aim) -> String {
    let (plan, record) = (&shown.plan, &shown.record);
    let show = |found: Option<&Found>| {
        found.map_or("-".into(), |f| format!("{:.3} ({:.1})", f.value, f.deviations()))
    };
    let rows = disguises(plan).flat_map(|(case, control)| {
        attacks(plan, aim).filter_map(move |attack| {
            let row = Row::of(record, case, control.name, attack);
            let all = [row.control, row.foreign, row.outsider, row.key, row.chain];
            all.iter().any(Option::is_some).then(|| {
                let null = all.iter().flatten().next().map_or(f64::NAN, |found| found.null);
                let head = [
                    case.title.to_string(),
                    format!("`{attack}`"),
                    row.word().text().to_string(),
                    format!("{null:.3}"),
                ];
                head.into_iter().chain(all.map(show)).collect()
            })
        })
    });
    let heads: Vec<&str> = ["disguise", "attack", "the claim", "nothing told"]
        .into_iter()
        .chain(Column::ALL.map(Column::title))
        .collect();
    table(&heads, rows)
}

/// The cells of an aim that have figures, in the order of the plan.
fn cells(shown: &Shown, aim: Aim) -> impl Iterator<Item = (&Case, &'static str, Column, &Found)> {
    let record = &shown.record;
    shown.plan.cases.iter().flat_map(move |case| {
        attacks(&shown.plan, aim)
            .flat_map(|attack| Column::ALL.map(|column| (attack, column)))
            .filter_map(move |(attack, column)| {
                let found = record.found(case.name, column, attack)?;
                Some((case, attack, column, found))
            })
    })
}

/// What else was measured.
fn details(shown: &Shown, aim: Aim) -> String {
    let heads: &[&str] = match aim {
        Aim::Membership => &[
            "AUC",
            "balanced accuracy",
            "found at 0.1 % false positives",
            "at 1 %",
            "at 10 %",
        ],
        Aim::Classes => &[
            "pictures",
            "accuracy",
            "after the best one-to-one map",
            "commonest class",
            "entropy, of 1",
            "Fano factor",
        ],
        Aim::Inversion => &[
            "pictures",
            "nearest to their own class",
            "correlation with it",
            "named rightly by a plain network",
        ],
        Aim::Extraction => &[
            "queries: agreement",
            "accuracy of the last copy, as trained",
            "on plain pictures",
        ],
    };
    let rows = cells(shown, aim).flat_map(|(case, attack, column, found)| {
        let head = [
            case.title.to_string(),
            format!("`{attack}`"),
            column.title().to_string(),
        ];
        let row = detail(found);
        (!row.is_empty()).then(|| head.into_iter().chain(row).collect())
    });
    let heads: Vec<&str> = ["images", "attack", "adversary"]
        .into_iter()
        .chain(heads.iter().copied())
        .collect();
    table(&heads, rows)
}

fn detail(found: &Found) -> Vec<String> {
    match &found.detail {
        Detail::Membership(figures) => {
            let rate = |fpr: f64| {
                let rate = figures.rates.iter().find(|rate| (rate.fpr - fpr).abs() < 1e-9);
                rate.map_or("-".into(), |rate| {
                    let (low, high) = rate.interval;
                    format!(
                        "{:.2} % ({:.2} to {:.2})",
                        100.0 * rate.tpr,
                        100.0 * low,
                        100.0 * high
                    )
                })
            };
            let auc = format!("{:.3}", found.value);
            let balanced = format!("{:.3}", figures.balanced_accuracy);
            vec![auc, balanced, rate(0.001), rate(0.01), rate(0.1)]
        }
        Detail::Classes(figures) => vec![
            figures.pictures.to_string(),
            percent(figures.accuracy),
            percent(figures.bijection),
            percent(figures.chance),
            format!("{:.3}", figures.entropy),
            format!("{:.1}", figures.fano),
        ],
        Detail::Inversion(figures) => vec![
            figures.pictures.to_string(),
            percent(figures.nearest),
            format!("{:.2}", figures.correlation),
            percent(figures.examiner),
        ],
        Detail::Extraction(steps) => steps.last().map_or_else(Vec::new, |last| {
            let all: Vec<String> = steps
                .iter()
                .map(|step| format!("{}: {}", step.queries, percent(step.agreement)))
                .collect();
            vec![
                all.join(", "),
                percent(last.accuracy),
                percent(last.plain_accuracy),
            ]
        }),
    }
}
