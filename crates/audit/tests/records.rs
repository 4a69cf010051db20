//! Records and pages: what is written can be read, what is hostile is refused.

mod common;

use common::{GREY, audit, key, subjects};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::OnceLock;
use visard_audit::{Audit, Report, Show, compare::compare, page, table};

/// One audit for all tests, of images with a hostile name.
fn report() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| {
        let mut images = subjects(GREY, 40);
        images.name = "<script>alert(1)</script> & \"co\"".into();
        let instead = subjects(GREY, 40);
        audit(&key("rmt", &[], GREY, 9, None), &images, Show::Instead(&instead))
    })
}

fn text() -> String {
    serde_json::to_string(&report().audit).unwrap()
}

/// Whether two values are the same up to the last bits of their numbers, which parsing may round.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-12 * a.abs()
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[test]
fn records_are_read_as_they_were_written() {
    let read = serde_json::to_value(Audit::parse(text().as_bytes()).unwrap()).unwrap();
    assert!(same(&read, &serde_json::to_value(&report().audit).unwrap()));
}

/// Records of version 1 know nothing of models, trained attacks and adversaries that are not reached.
#[test]
fn records_of_the_version_before_are_read() {
    let mut old = serde_json::to_value(&report().audit).unwrap();
    old["schema"] = 1.into();
    let fields = old.as_object_mut().unwrap();
    assert!(fields.remove("model").is_some() && fields.remove("trained").is_some());
    let limits = fields["thresholds"].as_object_mut().unwrap();
    for name in [
        "leaks_examined",
        "broken_classes",
        "recognised_contrast",
        "leaks_fidelity",
    ] {
        assert!(limits.remove(name).is_some(), "{name}");
    }
    for level in fields["levels"].as_array_mut().unwrap() {
        assert!(level.as_object_mut().unwrap().remove("not_reached").is_some());
    }
    for attack in fields["attacks"].as_array_mut().unwrap() {
        for point in attack["points"].as_array_mut().unwrap() {
            if let Some(pictures) = point["pictures"].as_object_mut() {
                assert!(pictures.remove("examined").is_some());
            }
        }
    }
    let read = Audit::parse(old.to_string().as_bytes()).unwrap();
    assert_eq!(read.thresholds, report().audit.thresholds);
    assert_eq!(read.attacks.len(), report().audit.attacks.len());
    assert!(read.model.is_none() && !read.trained);
    let page = page::page(
        &Report {
            audit: read,
            examples: Vec::new(),
        },
        false,
    );
    assert!(page.unwrap().contains("are not part of this audit"));
}

#[test]
fn records_that_are_none_are_refused_with_the_mend() {
    let text = text();
    for (what, hostile) in [
        ("is no record", "[]".to_string()),
        ("is no record", "{".repeat(1000)),
        ("is no record", "[".repeat(100_000)),
        ("of kind", text.replacen("\"audit\"", "\"cake\"", 1)),
        ("version 3", text.replacen("\"schema\":2", "\"schema\":3", 1)),
        ("version 0", text.replacen("\"schema\":2", "\"schema\":0", 1)),
        ("damaged", text.replacen("\"attacks\"", "\"attacksies\"", 1)),
        ("damaged", text.replacen("\"28x28x1\"", "\"0x28x1\"", 1)),
    ] {
        let problem = Audit::parse(hostile.as_bytes()).err();
        assert!(
            problem
                .as_ref()
                .is_none_or(|p| p.contains(what) || what == "damaged"),
            "{what}: {problem:?}"
        );
        assert!(problem.is_some(), "{what}");
    }
}

#[test]
fn the_table_has_a_row_for_every_run() {
    let runs: usize = report()
        .audit
        .attacks
        .iter()
        .map(|attack| attack.points.len())
        .sum();
    assert_eq!(table::csv(&report().audit).unwrap().lines().count(), runs + 1);
}

#[test]
fn the_page_escapes_names_and_asks_nothing_of_a_network() {
    let page = page::page(report(), false).unwrap();
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;"));
    assert!(page.contains("default-src 'none'"));
    for outside in ["http://", "https://", "url(", "@import"] {
        let found = page
            .match_indices(outside)
            .filter(|(at, _)| !page[*at..].starts_with("http://www.w3.org/"));
        assert_eq!(found.count(), 0, "{outside}");
    }
    assert!(!page.contains("plain images and their disguises under the audited key"));
    assert!(
        page::page(report(), true)
            .unwrap()
            .contains("plain images and their disguises under the audited key")
    );
}

#[test]
fn two_audits_stand_side_by_side() {
    let other = audit(
        &key("rmt", &[("noise", "100")], GREY, 9, None),
        &subjects(GREY, 40),
        Show::Nothing,
    )
    .audit;
    let comparison = compare(&report().audit, &other);
    assert!(
        comparison
            .caveats
            .iter()
            .any(|caveat| caveat.contains("images differ"))
    );
    assert!(
        comparison
            .attacks
            .iter()
            .any(|row| row.of == "rmt-regression" && row.verdicts[1].is_some())
    );
    assert!(page::compared(&comparison).contains("noise=100"));
}

proptest! {
    #[test]
    fn damaged_records_give_errors_and_no_crash(at in 0usize..100_000, byte: u8, cut in 0usize..100_000) {
        let mut bytes = text().into_bytes();
        let len = bytes.len();
        bytes[at % len] = byte;
        bytes.truncate(cut % len + 1);
        if let Ok(audit) = Audit::parse(&bytes) {
            let shown = page::page(&Report { audit, examples: Vec::new() }, false);
            prop_assert!(shown.is_ok());
        }
    }
}
