//! What audits found, for people.

use super::files;
use crate::talk::{Talk, table};
use std::{path::Path, process::ExitCode};
use visard_audit::{Audit, Verdict};

/// The verdicts for people.
pub(super) fn told(audit: &Audit, page: &Path) -> String {
    let rows: Vec<Vec<String>> = audit
        .levels
        .iter()
        .map(|level| {
            vec![
                level.access.to_string(),
                match &level.not_reached {
                    Some(_) => "not reached".into(),
                    None => level.verdict.to_string(),
                },
                if level.by.is_empty() {
                    "-".into()
                } else {
                    level.by.join(", ")
                },
            ]
        })
        .collect();
    let mut text = table(&["level", "verdict", "by"], &rows);
    for one in &audit.not_run {
        text += &format!("not run: {}: {}\n", one.name, one.why);
    }
    for level in &audit.levels {
        if let Some(why) = &level.not_reached {
            text += &format!("not reached: level {}: {why}\n", level.access);
        }
    }
    for attack in &audit.attacks {
        if let Some(why) = attack.points.last().and_then(|point| point.inconclusive.as_ref()) {
            text += &format!("inconclusive: {}: {why}\n", attack.name);
        }
    }
    let models = audit.model.iter().flat_map(|model| &model.attacks);
    for attack in models.clone() {
        for record in &attack.cells {
            if let Some(why) = &record.inconclusive {
                text += &format!("inconclusive: {} ({}): {why}\n", attack.name, record.cell.who());
            }
        }
    }
    text + &format!(
        "{} attacks in {:.0} s; the report is {}",
        audit.attacks.len() + models.count(),
        audit.seconds,
        page.display()
    )
}

/// Two records side by side.
pub(super) fn compare(a: &Path, b: &Path, output: Option<&Path>, talk: &Talk) -> anyhow::Result<ExitCode> {
    let comparison = visard_audit::compare::compare(&Audit::read(a)?, &Audit::read(b)?);
    if let Some(page) = output {
        files::write_new(page, visard_audit::page::compared(&comparison).as_bytes(), false)?;
    }
    let cell = |verdict: Option<Verdict>, skill: Option<f64>| {
        let verdict = verdict.map_or("not run".to_string(), |verdict| verdict.to_string());
        skill.map_or(verdict.clone(), |skill| format!("{verdict} ({skill:.2})"))
    };
    let levels = comparison
        .levels
        .iter()
        .map(|row| (format!("level {}", row.of), row.verdicts, row.skills));
    let attacks = comparison
        .attacks
        .iter()
        .map(|row| (row.of.clone(), row.verdicts, row.skills));
    let rows: Vec<Vec<String>> = levels
        .chain(attacks)
        .map(|(of, v, s)| vec![of, cell(v[0], s[0]), cell(v[1], s[1])])
        .collect();
    let mut text = table(&["", &comparison.subjects[0], &comparison.subjects[1]], &rows);
    for caveat in &comparison.caveats {
        text += &format!("not quite comparable: {caveat}\n");
    }
    talk.result("comparison", text, serde_json::to_value(&comparison)?)?;
    Ok(ExitCode::SUCCESS)
}
