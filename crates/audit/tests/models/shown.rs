//! How it is recorded and shown.

use crate::{
    audited,
    common::{GREY, key, subjects},
    model, open, random, training,
};
use proptest::prelude::*;
use std::sync::OnceLock;
use visard_audit::{Audit, Cell, ModelAttacked, Report, Role, Show, Verdict, compare::compare, page, table};

#[test]
fn the_page_shows_models_and_escapes_names() {
    let page = page::page(open(), true).unwrap();
    for part in [
        "What the model gives away",
        "id=\"attack-mia-loss\"",
        "True against false positives of mia-loss: outsider area",
        "Answers in class-membership",
        "Copies by extraction",
        "mean of the images of class",
        "not reached: no attack on the images was played",
        "can be recognised in pictures made from its weights",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<script"));
    let pictures = open()
        .examples
        .iter()
        .filter(|example| example.attack == "mi-face");
    let cells: Vec<Option<Cell>> = pictures.clone().map(|example| example.cell).collect();
    assert_eq!(
        cells,
        [Some(Cell::Outsider), Some(Cell::Holder), Some(Cell::Control)]
    );
    for example in pictures {
        assert!(
            example
                .pictures
                .iter()
                .all(|picture| matches!(picture.role, Role::Class(_)))
        );
        assert_eq!(example.pictures[0].recovered.len(), GREY.len());
    }
}

/// The pictures of a page without originals are of models of other images under another key.
#[test]
fn pictures_are_of_other_images_unless_originals_are_asked_for() {
    let (images, instead) = (random(GREY), subjects(GREY, 200));
    let owner = key("rmt", &[], GREY, 3, None);
    let report = audited(
        &owner,
        &images,
        &[],
        &training(&["mi-face"]),
        Show::Instead(&instead),
    );
    assert!(!report.examples.is_empty());
    assert!(report.examples.iter().all(|example| example.of == instead.name));
    assert!(
        page::page(&report, false)
            .unwrap()
            .contains("so that this page gives nothing of yours away")
    );
}

#[test]
fn records_of_models_are_read_as_they_were_written() {
    let text = serde_json::to_string(&open().audit).unwrap();
    let read = Audit::parse(text.as_bytes()).unwrap();
    let (written, model) = (model(open()), read.model.as_ref().unwrap());
    assert_eq!(model.attacks.len(), written.attacks.len());
    for (a, b) in model.attacks.iter().zip(&written.attacks) {
        let cells = |attack: &ModelAttacked| {
            attack
                .cells
                .iter()
                .map(|c| (c.cell, c.verdict))
                .collect::<Vec<_>>()
        };
        assert_eq!((&a.name, cells(a)), (&b.name, cells(b)));
    }
    let cells: usize = written.attacks.iter().map(|attack| attack.cells.len()).sum();
    assert_eq!(table::csv(&read).unwrap().lines().count(), cells + 1);
    let rows = compare(&read, &open().audit).attacks;
    assert!(
        rows.iter()
            .any(|row| row.of == "mia-loss (M)" && row.verdicts[0] == Some(Verdict::Leaks))
    );
    let long = text.replacen(
        "\"because\":\"",
        &format!("\"because\":\"{}", "x".repeat(5000)),
        1,
    );
    assert!(
        Audit::parse(long.as_bytes())
            .unwrap_err()
            .contains("4096 characters")
    );
    let many = format!("\"roc\":[{}[0.5,0.5],", "[0.1,0.1],".repeat(5000));
    let many = text.replacen("\"roc\":[", &many, 1);
    assert!(
        Audit::parse(many.as_bytes())
            .unwrap_err()
            .contains("4096 entries")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damaged_records_of_models_give_errors_and_no_crash(at in 0usize..200_000, byte: u8) {
        static TEXT: OnceLock<String> = OnceLock::new();
        let mut bytes = TEXT
            .get_or_init(|| serde_json::to_string(&open().audit).unwrap())
            .clone()
            .into_bytes();
        let len = bytes.len();
        bytes[at % len] = byte;
        if let Ok(audit) = Audit::parse(&bytes) {
            let table = table::csv(&audit);
            let page = page::page(&Report { audit, examples: Vec::new() }, false);
            prop_assert!(page.is_ok() && table.is_ok());
        }
    }
}
