//! The committed documents show the committed records.

use super::*;
use crate::{
    ROOT,
    record::{
        Measured,
        tests::{cell, record},
    },
};
use std::fs;

#[test]
fn the_documents_show_the_records() {
    let root = Path::new(ROOT);
    for (name, bytes) in files(root).unwrap() {
        let committed = fs::read(root.join(&name)).unwrap_or_default();
        let same = match name.ends_with(".png") {
            // The same picture, whatever the encoder of the day makes of it.
            true => pixels(&committed) == pixels(&bytes),
            false => committed == bytes,
        };
        assert!(
            same,
            "{name} is stale: cargo run --release -p study-models -- --render"
        );
    }
}

fn pixels(png: &[u8]) -> Option<image::RgbImage> {
    image::load_from_memory(png).ok().map(|image| image.to_rgb8())
}

#[test]
fn every_section_has_its_record() {
    for section in sections::ALL {
        let place = record::place(Path::new(ROOT), section.name);
        assert!(place.is_file(), "{} was never measured", section.name);
    }
}

fn shown(cells: Vec<record::Cell>) -> Shown {
    let section = sections::ALL[0];
    let Work::Cells(plan) = section.work else {
        panic!("the first section has cells");
    };
    Shown {
        section,
        plan: plan(),
        record: record(cells),
    }
}

/// One attack on RMT, with figures of every adversary.
fn broken() -> Vec<record::Cell> {
    vec![
        cell("plain", Column::Control, "lira", 0.70),
        cell("rmt", Column::Foreign, "lira", 0.50),
        cell("rmt", Column::Outsider, "lira", 0.51),
        cell("rmt", Column::Key, "lira", 0.69),
        cell("rmt", Column::Chain, "lira", 0.68),
    ]
}

#[test]
fn findings_say_where_the_claim_holds() {
    let shown = shown(broken());
    let text = findings::told([&shown].into_iter());
    let (_, broken) = text
        .split_once("Where it holds only while the key is unbroken")
        .unwrap();
    let bullet = broken.lines().find(|line| line.starts_with("- ")).unwrap();
    for part in [
        "Fashion-MNIST",
        "membership",
        "RMT, blocks of 4",
        "0.510",
        "0.680",
        "0.700",
        "lira",
    ] {
        assert!(bullet.contains(part), "{part}: {bullet}");
    }
    assert!(!text.contains("### Where it fails"), "{text}");
    let mut leaking = self::broken();
    leaking[2] = cell("rmt", Column::Outsider, "lira", 0.66);
    let shown = self::shown(leaking);
    assert!(findings::told([&shown].into_iter()).contains("### Where it fails"));
}

#[test]
fn a_section_shows_every_figure_and_failure() {
    let mut cells = broken();
    cells[3].result = Measured::Failed("it | broke".into());
    let shown = shown(cells);
    let mut files = Files::new();
    let text = section(&shown, Path::new("/nowhere"), &mut files).unwrap();
    for part in [
        "`a command`",
        "0.700",
        "0.510",
        "holds only while",
        "it / broke",
        "roc-fashion-mnist-rmt.svg",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(files.len(), 1);
    // Every row of a table has as many cells as its head.
    let tables = text.split("\n\n").filter(|part| part.starts_with("| "));
    let mut seen = 0;
    for table in tables {
        let widths: Vec<usize> = table.lines().map(|line| line.matches(" | ").count()).collect();
        assert!(widths.windows(2).all(|w| w[0] == w[1]), "{table}");
        seen += 1;
    }
    assert!(seen >= 2, "{text}");
}
