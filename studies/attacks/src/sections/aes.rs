//! What known pairs bring back of the AES disguise (ATTACKS, 5.1):
//!
//!     cargo run --release -p study-attacks -- SETS aes
//!
//! Reproduces the coverage of the code book, what small blocks do to it, and a planted block that is read wherever
//! it comes again.

use super::Section;
use crate::{
    disguised::{Given, attack, disguise, exposure, key, median, pairs, pictures, psnr},
    record::{Cell, Figure, Table, figure},
    sets::{Part, Sets, noise, slice},
};
use visard_attacks::{Outcome, Set};
use visard_core::Shape;

pub(crate) static INFO: Section = Section {
    name: "aes",
    title: "AES in ECB mode: code book",
    run,
};

/// Images that are read.
const READ: usize = 500;
/// Most known pairs.
const PAIRS: usize = 2500;
/// Choices of the single known pair.
const CHOICES: usize = 25;
/// What a share may differ by.
const NEAR: f64 = 0.01;

/// A set, and the coverage expected of one pair and of 2,500, the latter of blocks that are not constant too.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) set: Set,
    one: f64,
    many: f64,
    textured: Option<f64>,
}

pub(super) fn cases(sets: &Sets) -> anyhow::Result<[Case; 3]> {
    Ok([
        Case {
            name: "MNIST-5k",
            set: sets.mnist(Part::Train, 4000)?,
            one: 0.62,
            many: 0.65,
            textured: Some(0.08),
        },
        Case {
            name: "Fashion-MNIST",
            set: sets.fashion_mnist(Part::Train, 4000)?,
            one: 0.31,
            many: 0.34,
            textured: Some(0.05),
        },
        Case {
            name: "Fashion-M green",
            set: sets.fashion_m_green(Part::Train, 4000)?,
            one: 0.0,
            many: 0.009,
            textured: None,
        },
    ])
}

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let cases = cases(sets)?;
    Ok(vec![coverage(&cases)?, keys(&cases)?, small(&cases)?, planted()?])
}

/// Share of the 4 x 4 blocks that are not constant.
fn textured_share(set: &Set) -> anyhow::Result<f64> {
    let (shape, pixels) = (set.shape(), set.as_bytes()?);
    let (mut textured, mut all) = (0, 0);
    for image in pixels.chunks_exact(shape.len()) {
        for y in (0..shape.height).step_by(4) {
            for x in (0..shape.width).step_by(4) {
                let at = |i: usize| image[(y + i / 4) * shape.row() + x + i % 4];
                textured += usize::from((0..16).any(|i| at(i) != at(0)));
                all += 1;
            }
        }
    }
    Ok(textured as f64 / all as f64)
}

/// What the code book of `count` pairs from image `first` on reads of the last images.
fn read(set: &Set, given: Given<'_>, first: usize, count: usize) -> anyhow::Result<(Outcome, Set)> {
    let key = key("aes", given, set.shape(), 1)?;
    let truth = slice(set, set.len() - READ, READ)?;
    let plain = slice(set, first, count)?;
    let known = disguise(&key, &plain, "train", first as u64)?;
    let shown = disguise(&key, &truth, "train", 1_000_000)?;
    let exposed = exposure("aes", given, set.shape(), shown)?.with_pairs(pairs(&plain, &known, count)?)?;
    Ok((attack("aes-codebook", &exposed, &[])?, truth))
}

pub(super) fn share(outcome: &Outcome, name: &str) -> f64 {
    outcome.figures.get(name).copied().unwrap_or(f64::NAN)
}

pub(super) const ONE_KEY: Given<'static> = &[("per_position", "false"), ("shuffle", "false")];

fn coverage(cases: &[Case]) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Code book, blocks of 4 x 4, one cipher: share of the blocks of other images that are read",
        &[
            "set",
            "K=1",
            "K=2500",
            "K=2500, of blocks that are not constant",
            "K=2500, PSNR",
            "known images, PSNR",
        ],
    );
    let mut ranges = Vec::new();
    for case in cases {
        let mut ones = Vec::new();
        for choice in 0..CHOICES {
            ones.push(share(&read(&case.set, ONE_KEY, choice * 100, 1)?.0, "coverage"));
        }
        let least = ones.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ones.iter().copied().fold(0.0, f64::max);
        ranges.push(format!("{} {least:.3} to {most:.3}", case.name));
        let (outcome, truth) = read(&case.set, ONE_KEY, 0, PAIRS)?;
        let textured = figure(share(&outcome, "textured_coverage") / textured_share(&truth)?, 3);
        table.row(
            case.name,
            [
                figure(median(ones), 3).about(case.one, NEAR).into(),
                figure(share(&outcome, "coverage"), 3)
                    .about(case.many, NEAR)
                    .into(),
                case.textured
                    .map_or(textured.clone(), |share| textured.about(share, NEAR))
                    .into(),
                figure(psnr(&truth, pictures(&outcome)?)?, 1).into(),
                figure(itself(&case.set)?, 1).about(f64::INFINITY, 0.0).into(),
            ],
        );
    }
    Ok(table.note(&format!(
        "500 images read. K=1 is the median over {CHOICES} choices of the known image: {}. Tolerance 0.01.",
        ranges.join(", ")
    )))
}

/// PSNR of images that are among the known ones.
fn itself(set: &Set) -> anyhow::Result<f64> {
    let key = key("aes", ONE_KEY, set.shape(), 1)?;
    let plain = set.first(100);
    let known = disguise(&key, &plain, "train", 0)?;
    let exposed =
        exposure("aes", ONE_KEY, set.shape(), known.clone())?.with_pairs(pairs(&plain, &known, 100)?)?;
    psnr(&plain, pictures(&attack("aes-codebook", &exposed, &[])?)?)
}

fn keys(cases: &[Case]) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Code book with a cipher for each position, and moved blocks: coverage / share of positions placed / PSNR",
        &["set, ciphers, order", "K=1", "K=2500"],
    );
    for case in cases {
        for (per_position, shuffle) in [
            ("false", "false"),
            ("true", "false"),
            ("false", "true"),
            ("true", "true"),
        ] {
            let given = [("per_position", per_position), ("shuffle", shuffle)];
            let cell = |count: usize| -> anyhow::Result<Cell> {
                let (outcome, truth) = read(&case.set, &given, 0, count)?;
                let figures: [Figure; 3] = [
                    figure(share(&outcome, "coverage"), 3),
                    figure(share(&outcome, "matched_positions"), 2),
                    figure(psnr(&truth, pictures(&outcome)?)?, 1),
                ];
                Ok(Cell::of(figures))
            };
            let ciphers = if per_position == "true" {
                "one for each position"
            } else {
                "one"
            };
            let order = if shuffle == "true" { "moved" } else { "kept" };
            table.row(
                format!("{}, {ciphers}, {order}", case.name),
                [cell(1)?, cell(PAIRS)?],
            );
        }
    }
    Ok(table)
}

fn small(cases: &[Case]) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Small blocks, one cipher: coverage / PSNR",
        &[
            "set, block",
            "free bytes",
            "entries at K=2500",
            "K=1",
            "K=10",
            "K=100",
            "K=2500",
        ],
    );
    for case in cases {
        for (block, free) in [("2", 4.0), ("1", 1.0)] {
            let given = [("block", block), ("per_position", "false"), ("shuffle", "false")];
            let (mut cells, mut head) = (Vec::new(), Vec::new());
            for count in [1, 10, 100, PAIRS] {
                let (outcome, truth) = read(&case.set, &given, 0, count)?;
                let covered = figure(share(&outcome, "coverage"), 3);
                let bytes = figure(share(&outcome, "free_bytes"), 0).about(free, 0.0);
                let entries = figure(share(&outcome, "entries"), 0);
                head = vec![
                    bytes.into(),
                    if block == "1" {
                        entries.at_most(256.0)
                    } else {
                        entries
                    }
                    .into(),
                ];
                cells.push(Cell::of([covered, figure(psnr(&truth, pictures(&outcome)?)?, 1)]));
            }
            table.row(
                format!("{}, {block} x {block}", case.name),
                head.into_iter().chain(cells),
            );
        }
    }
    Ok(table.note(
        "A block of 2 x 2 or 1 x 1 is enlarged to 4 x 4 before it is encrypted: 16 bytes that hold 4 free ones, or \
         one. One free byte makes a book of 256 entries.",
    ))
}

/// Random images that hold the same block of 4 x 4 at its own place in each.
fn with_planted(count: usize) -> anyhow::Result<Set> {
    let shape = Shape::new(16, 16, 1);
    let mut pixels = noise(shape, count, 3)?.as_bytes()?.to_vec();
    for (index, image) in pixels.chunks_exact_mut(256).enumerate() {
        (0..16).for_each(|i| image[planted_at(index, i)] = (i * i) as u8);
    }
    Ok(Set::bytes(shape, pixels)?)
}

/// Where pixel `i` of the planted block lies in an image.
fn planted_at(image: usize, i: usize) -> usize {
    let position = image * 5 % 16;
    (position / 4 * 4 + i / 4) * 16 + position % 4 * 4 + i % 4
}

fn planted() -> anyhow::Result<Table> {
    let mut table = Table::new(
        "One block planted in 60 random images, one of them known",
        &["ciphers", "images whose planted block is read", "coverage"],
    );
    let set = with_planted(60)?;
    for (name, per_position, found) in [("one", "false", 59.0), ("one for each position", "true", 3.0)] {
        let given = [("per_position", per_position), ("shuffle", "false")];
        let key = key("aes", &given, set.shape(), 9)?;
        let known = disguise(&key, &set.first(1), "train", 0)?;
        let shown = disguise(&key, &slice(&set, 1, 59)?, "train", 1)?;
        let exposed = exposure("aes", &given, set.shape(), shown)?.with_pairs(pairs(&set, &known, 1)?)?;
        let outcome = attack("aes-codebook", &exposed, &[])?;
        let right = |(index, image): &(usize, &[u8])| {
            (0..16).all(|i| image[planted_at(index + 1, i)] == (i * i) as u8)
        };
        let images = pictures(&outcome)?.as_bytes()?.chunks_exact(256).enumerate();
        table.row(
            name,
            [
                figure(images.filter(right).count() as f64, 0)
                    .about(found, 0.0)
                    .into(),
                figure(share(&outcome, "coverage"), 4)
                    .about(found / 59.0 / 16.0, 1e-9)
                    .into(),
            ],
        );
    }
    Ok(table.note(
        "Under one cipher it is read in all 59 others; with a cipher for each of 16 positions only in the 3 that \
         have it where the known image has it. Everything else is random and stays unread.",
    ))
}
