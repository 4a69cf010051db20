//! The last chapter: what the demo's own disguises give away.

use super::{Cast, SHAPE};
use crate::{
    commands::audit::{audited, files::Files},
    talk::{STOP, Talk, table},
};
use serde_json::json;
use std::{path::Path, time::Duration};
use visard_audit::{Access, Audit, Options, Show, Wanted, bundled};
use visard_core::Key;

/// Images that are attacked, known and public: enough for the story, and quickly done.
const WANTED: Wanted = Wanted {
    attacked: 500,
    known: 100,
    public: 2000,
};

/// Longest time for one audit.
const TIME: Duration = Duration::from_secs(120);

/// Audits one disguise of the demo and writes its page.
pub(super) fn audit(talk: &Talk, cast: &Cast, key: &Key, output: &Path) -> anyhow::Result<Audit> {
    let page = output.join(format!("audit-{}.html", cast.name));
    let files = Files::beside(&page)?;
    let subjects = bundled::subjects(SHAPE, WANTED, 1)?;
    let options = Options {
        access: Access::IMAGES.to_vec(),
        pairs: vec![1, 2, 5, 20, 100],
        time: Some(TIME),
        memory: 2 << 30,
        seed: 0,
        stop: &STOP,
        fingerprint: key.fingerprint().to_string(),
        command: format!("visard audit -k {}.key -o report.html", cast.name),
    };
    let instead = bundled::subjects(SHAPE, WANTED, 2)?;
    let report = audited(key, &subjects, Show::Instead(&instead), &options, talk)?;
    files.write(&report, false)?;
    talk.say(format!(
        "6. {}: attacked by {} attacks in {:.0} s: {}",
        cast.title,
        report.audit.attacks.len(),
        report.audit.seconds,
        page.display()
    ));
    Ok(report.audit)
}

/// Verdicts by disguise and level.
pub(super) fn verdicts(audits: &[Audit]) -> String {
    let mut head = vec!["disguise".to_string()];
    head.extend(Access::IMAGES.map(|access| format!("level {access}")));
    let row = |audit: &Audit| {
        let verdict = |access| {
            audit
                .verdict(access)
                .map_or("not played".into(), |verdict| verdict.to_string())
        };
        [vec![audit.scheme.clone()], Access::IMAGES.map(verdict).to_vec()].concat()
    };
    let rows: Vec<Vec<String>> = audits.iter().map(row).collect();
    table(&head.iter().map(String::as_str).collect::<Vec<_>>(), &rows)
}

/// An audit in the demo's record.
pub(super) fn summary(audit: &Audit) -> serde_json::Value {
    json!({ "scheme": audit.scheme, "levels": audit.levels, "attacks": audit.attacks.len(), "seconds": audit.seconds })
}
