//! Audits of every scheme, by the program as a user runs it, as records and as `docs/audit.md`.

use anyhow::{Context, bail};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use visard_audit::{Access, Audit, Verdict, judge};
use visard_core::schemes;

const DOCUMENT: &str = "docs/audit.md";
const RECORDS: &str = "docs/records/audit";
const VERDICTS: &str = "crates/audit/records/verdicts.json";
/// Seconds for each audit; most need a minute at the most.
const TIME: &str = "240";
const EXAMPLE: &str = "docs/audit-example.html";

/// An audit: name of its record, scheme, settings, data set, shape.
struct Case {
    name: String,
    scheme: &'static str,
    set: &'static [&'static str],
    data: &'static str,
    shape: &'static str,
}

/// Every scheme at its defaults on Fashion-M, then settings and sets that the papers care for.
fn cases() -> Vec<Case> {
    const MORE: [(&str, &[&str], &str, &str); 6] = [
        ("rmt", &["noise=25"], "fashion-m", "32x32x3"),
        ("rmt", &["noise=100"], "fashion-m", "32x32x3"),
        ("skk", &["image_key=true"], "fashion-m", "32x32x3"),
        ("instahide", &["encodings=10"], "fashion-m", "32x32x3"),
        ("rmt", &[], "fashion-mnist", "28x28x1"),
        ("aes", &[], "fashion-mnist", "28x28x1"),
    ];
    let case = |scheme: &'static str, set: &'static [&'static str], data: &'static str, shape| Case {
        name: [&[scheme], set, &[data]].concat().join("-").replace('=', "-"),
        scheme,
        set,
        data,
        shape,
    };
    let defaults = schemes::ALL
        .iter()
        .map(|info| case(info.name, &[], "fashion-m", "32x32x3"));
    let more = MORE
        .iter()
        .map(|(scheme, set, data, shape)| case(scheme, set, data, shape));
    defaults.chain(more).collect()
}

/// Runs the audits, or those whose record's name is given, and renders the document.
pub(crate) fn measure(root: &Path, sets: &Path, only: &[String]) -> anyhow::Result<()> {
    let status = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["build", "--release", "--workspace", "--quiet"])
        .current_dir(root)
        .status()?;
    if !status.success() {
        bail!("the program does not build");
    }
    let visard = root.join("target/release/visard");
    let work = tempfile::tempdir()?;
    fs::create_dir_all(root.join(RECORDS))?;
    for case in cases() {
        if !only.is_empty() && !only.contains(&case.name) {
            continue;
        }
        let (key, page) = (work.path().join("key"), work.path().join("report.html"));
        let mut keygen = Command::new(&visard);
        keygen.args(["-q", "keygen", "--scheme", case.scheme, "--shape", case.shape]);
        keygen.args(["--insecure-plaintext-key", "-o"]).arg(&key);
        for set in case.set {
            keygen.args(["--set", set]);
        }
        run(&mut keygen)?;
        let mut audit = Command::new(&visard);
        audit
            .args(["-q", "audit", "--time", TIME, "-k"])
            .arg(&key)
            .arg(sets.join(case.data))
            .arg("-o")
            .arg(&page)
            .args(fewer(case.scheme));
        run(&mut audit)?;
        fs::copy(page.with_extension("json"), record(root, &case))?;
        if case.name == "tanaka-fashion-m" {
            fs::copy(&page, root.join(EXAMPLE))?;
        }
        for file in [
            key,
            page.clone(),
            page.with_extension("json"),
            page.with_extension("csv"),
        ] {
            fs::remove_file(file)?;
        }
        println!("{}", case.name);
    }
    render(root)
}

/// Fewer images for schemes whose attacks take a time that grows too fast with them.
fn fewer(scheme: &str) -> &'static [&'static str] {
    match scheme {
        "neuracrypt" => &["--sample", "24"],
        _ => &[],
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn record(root: &Path, case: &Case) -> PathBuf {
    root.join(RECORDS).join(format!("{}.json", case.name))
}

/// Writes the document and the verdicts that the audit's advice knows.
pub(crate) fn render(root: &Path) -> anyhow::Result<()> {
    let audits = read(root)?;
    fs::write(root.join(DOCUMENT), document(&audits)?)?;
    fs::write(root.join(VERDICTS), verdicts(&audits)?)?;
    Ok(())
}

fn read(root: &Path) -> anyhow::Result<Vec<(Case, Audit)>> {
    let one = |case: Case| {
        let path = record(root, &case);
        let audit = Audit::read(&path).with_context(|| format!("cargo xtask audits SETS {}", case.name))?;
        Ok((case, audit))
    };
    cases()
        .into_iter()
        .filter(|case| record(root, case).is_file())
        .map(one)
        .collect()
}

fn document(audits: &[(Case, Audit)]) -> anyhow::Result<String> {
    let mut text = String::from(
        "# What the audit says of every scheme\n\n\
         `cargo xtask audits SETS` runs `visard audit` on each scheme and renders this page from the records in \
         `docs/records/audit/`; SETS is the folder of the image sets. Each audit attacks 1,000 images (neuracrypt: 24 of a set cut to its first 200, as its matching takes long) with up to 100 \
         known pairs and up to 4,000 other images of the same set as public ones. A level includes those before it. \
         \"Not broken\" means: not by these attacks at these budgets. [One of the reports](audit-example.html) is \
         here as an example (Tanaka's scheme).\n\n\
         Under each verdict stands the attack that reached it with the best pictures, and the smallest number of \
         disguised images, pairs or chosen images with which it did.\n\n",
    );
    let heads: Vec<String> = Access::IMAGES
        .iter()
        .map(|access| format!("level {access}"))
        .collect();
    writeln!(text, "| scheme | images | {} | seconds |", heads.join(" | "))?;
    writeln!(text, "| --- | --- |{}", " --- |".repeat(heads.len() + 1))?;
    for (case, audit) in audits {
        let cells: Vec<String> = Access::IMAGES.iter().map(|access| cell(audit, *access)).collect();
        let scheme = [&[case.scheme], case.set].concat().join(" ");
        writeln!(
            text,
            "| `{scheme}` | {} | {} | {:.0} |",
            case.data,
            cells.join(" | "),
            audit.seconds
        )?;
    }
    text += "\n## What each attack took\n\nSeconds of all its runs and of judging them, 2 cores.\n";
    for (case, audit) in audits {
        let mut attacks: Vec<_> = audit.attacks.iter().collect();
        attacks.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        let parts: Vec<String> = attacks
            .iter()
            .map(|a| format!("{} {:.1}", a.name, a.seconds))
            .collect();
        write!(text, "\n- `{}`: {}", case.name, parts.join(", "))?;
        let unfinished: Vec<&str> = attacks
            .iter()
            .filter(|a| a.points.last().is_some_and(|point| point.inconclusive.is_some()))
            .map(|a| a.name.as_str())
            .collect();
        if !unfinished.is_empty() {
            write!(text, "; inconclusive: {}", unfinished.join(", "))?;
        }
        for skipped in &audit.not_run {
            write!(text, "; {} was not run: {}", skipped.name, skipped.why)?;
        }
    }
    Ok(text + "\n")
}

/// A verdict, and the attack behind it.
fn cell(audit: &Audit, access: Access) -> String {
    let Some(level) = audit.levels.iter().find(|level| level.access == access) else {
        return "not played".into();
    };
    let short = match level.verdict {
        Verdict::NotBroken => level.verdict.short().to_string(),
        worse => format!("**{}**", worse.short()),
    };
    let behind = audit
        .attacks
        .iter()
        .filter(|attack| level.by.contains(&attack.name))
        .filter_map(|attack| {
            let point = attack
                .points
                .iter()
                .find(|point| point.verdict == level.verdict)?;
            let skill = point
                .pictures
                .as_ref()
                .and_then(judge::skill)
                .map_or(0.0, |skill| skill.0);
            Some((skill, attack, point))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    behind.map_or(short.clone(), |(_, attack, point)| {
        format!("{short}: {} ({})", attack.name, point.count)
    })
}

/// Verdicts of the schemes at their defaults.
fn verdicts(audits: &[(Case, Audit)]) -> anyhow::Result<String> {
    let defaults = audits
        .iter()
        .filter(|(case, _)| case.set.is_empty() && case.data == "fashion-m");
    let records: Vec<serde_json::Value> = defaults
        .map(|(case, audit)| {
            let levels: BTreeMap<String, &Verdict> = audit
                .levels
                .iter()
                .filter_map(|level| {
                    let name = serde_json::to_value(level.access).ok()?;
                    Some((name.as_str()?.to_string(), &level.verdict))
                })
                .collect();
            serde_json::json!({ "scheme": case.scheme, "data": "Fashion-M", "levels": levels })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&records)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_and_the_verdicts_show_the_records() {
        let root = Path::new(crate::ROOT);
        let audits = read(root).unwrap();
        assert!(audits.len() >= schemes::ALL.len(), "cargo xtask audits SETS");
        let text = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        assert!(
            document(&audits).unwrap() == text(DOCUMENT),
            "{DOCUMENT} is stale"
        );
        assert!(
            verdicts(&audits).unwrap() == text(VERDICTS),
            "{VERDICTS} is stale"
        );
    }
}
