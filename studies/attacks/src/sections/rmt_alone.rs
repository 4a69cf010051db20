//! What disguised images alone show of RMT (ATTACKS, 4.3 and 4.4):
//!
//!     cargo run --release -p study-attacks -- SETS rmt-alone
//!
//! Reproduces the pictures that the lengths of rows make, and the principal component attack with unrelated
//! public images, which must fail on white rows.

use super::{
    Section,
    rmt::{FASHION, GREEN, Grey, NEAR, db, range},
    rmt_limits::{afresh, matrix_error, mean_image},
    rmt_order::placed,
};
use crate::{
    disguised::{Given, attack, correlation, disguise, exposure, key, median, pictures, psnr},
    record::{Cell, Figure, Table, figure},
    sets::{Part, Sets, slice},
};
use anyhow::Context;
use visard_attacks::{Exposure, Rng, Set};
use visard_core::Shape;

pub(crate) static INFO: Section = Section {
    name: "rmt-alone",
    title: "RMT: disguised images alone, and with public ones",
    run,
};

/// Public images.
const PUBLIC: usize = 4000;
/// Keys, each with other ciphertexts.
const DRAWS: usize = 3;
/// What a correlation may differ by.
const NEAR_CORRELATION: f64 = 0.02;

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let grey = Grey::of(sets)?;
    Ok(vec![
        row_norms(&grey)?,
        invariance(&grey)?,
        components(sets)?,
        synthetic()?,
        fresh(&grey)?,
    ])
}

/// Set, side, and what is expected of the correlation and the PSNR without noise.
type Norms = (&'static str, &'static str, f64, Option<f64>);

const NORMS: [Norms; 8] = [
    (FASHION, "2", 0.96, Some(19.6)),
    (FASHION, "4", 0.90, Some(16.1)),
    (FASHION, "7", 0.81, None),
    (FASHION, "14", 0.59, None),
    (GREEN, "2", 0.96, Some(23.4)),
    (GREEN, "4", 0.90, Some(20.0)),
    (GREEN, "8", 0.83, Some(17.7)),
    (GREEN, "16", 0.67, None),
];

fn row_norms(grey: &Grey) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Row norms: correlation with the plain images / PSNR",
        &[
            "set, b",
            "N=0",
            "correlation of 500 images at a time, least / most",
            "N=25",
            "N=0, blocks moved",
        ],
    );
    for (name, block, correlated, quality) in NORMS {
        let set = &grey.named(name).train;
        let read = |noise: &str, shuffle: &str| -> anyhow::Result<(Set, [Figure; 2])> {
            let given = [("block", block), ("noise", noise), ("shuffle", shuffle)];
            let disguised = disguise(&key("rmt", &given, set.shape(), 1)?, set, "train", 0)?;
            let mut outcome = attack(
                "rmt-row-norms",
                &exposure("rmt", &given, set.shape(), disguised)?,
                &[],
            )?;
            let found = outcome.reconstructions.take().context("no pictures")?;
            let figures = [figure(correlation(&found, set), 2), db(psnr(set, &found)?)];
            Ok((found, figures))
        };
        let (found, [alike, apart]) = read("0", "false")?;
        let mut parts = Vec::new();
        for first in (0..set.len()).step_by(500) {
            parts.push(correlation(&slice(&found, first, 500)?, &slice(set, first, 500)?));
        }
        parts.sort_by(f64::total_cmp);
        let apart = quality.map_or(apart.clone(), |quality| apart.about(quality, NEAR));
        table.row(
            format!("{name}, {block}"),
            [
                Cell::of([alike.about(correlated, NEAR_CORRELATION), apart]),
                Cell::of([parts[0], parts[parts.len() - 1]].map(|part| figure(part, 2))),
                Cell::of(read("25", "false")?.1),
                Cell::of(read("0", "true")?.1),
            ],
        );
    }
    Ok(table.note(
        "8,000 images. Tolerances: 0.02 of a correlation, 0.5 dB. The larger a block, the more its correlation depends \
         on the images: at b = 16 of Fashion-M the expected one is that of a few hundred images, and lies within what \
         500 at a time give; that of 8,000 is the better estimate.",
    ))
}

fn invariance(grey: &Grey) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Largest relative change of a row's length, no noise",
        &["set, b", "change"],
    );
    for (name, side) in [(FASHION, 4), (FASHION, 7), (GREEN, 4), (GREEN, 8)] {
        let set = grey.named(name).train.first(1000);
        let text = side.to_string();
        let given = [("block", text.as_str()), ("shuffle", "false")];
        let disguised = disguise(&key("rmt", &given, set.shape(), 1)?, &set, "train", 0)?;
        // One channel: the rows of blocks are runs of the rows of images.
        let (plain, disguised) = (set.to_floats(), disguised.to_floats());
        let length = |row: &[f32]| row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let change = |(x, y): (&[f32], &[f32])| (length(x) - length(y)).abs() / length(x).max(1.0);
        let rows = plain.chunks_exact(side).zip(disguised.chunks_exact(side));
        table.row(
            format!("{name}, {side}"),
            [figure(rows.map(change).fold(0.0, f64::max), 8)
                .at_most(1e-4)
                .into()],
        );
    }
    Ok(table)
}

/// One row of the table of the principal component attack.
struct Case {
    set: &'static str,
    block: &'static str,
    noise: &'static str,
    count: usize,
    psnr: Option<f64>,
    correlation: Option<f64>,
}

const fn case(
    set: &'static str,
    block: &'static str,
    noise: &'static str,
    count: usize,
    psnr: Option<f64>,
    correlation: Option<f64>,
) -> Case {
    Case {
        set,
        block,
        noise,
        count,
        psnr,
        correlation,
    }
}

const CASES: [Case; 8] = [
    case(FASHION, "4", "0", 200, Some(22.1), None),
    case(FASHION, "4", "0", 4000, Some(25.5), Some(0.99)),
    case(FASHION, "4", "25", 4000, Some(24.7), None),
    case(FASHION, "7", "0", 4000, Some(28.4), None),
    case(FASHION, "14", "0", 4000, Some(19.4), None),
    case(GREEN, "4", "0", 200, Some(18.0), Some(0.85)),
    case(GREEN, "4", "0", 4000, Some(21.1), Some(0.93)),
    case(GREEN, "8", "0", 4000, Some(20.5), None),
];

/// What axes alone, axes and seams, and axes and seams of moved blocks give; the last with the share of
/// positions that are right.
struct Opened {
    alone: [f64; 2],
    seams: [f64; 2],
    moved: [f64; 2],
}

fn components(sets: &Sets) -> anyhow::Result<Table> {
    let count = PUBLIC + DRAWS * PUBLIC;
    let fashion = sets.fashion_mnist(Part::Train, count)?;
    let green = sets.fashion_m_green(Part::Train, count)?;
    let mut table = Table::new(
        "Principal components, 4,000 public images: PSNR / correlation",
        &[
            "set, b, N, ciphertexts",
            "axes and moments",
            "with seams",
            "with seams, blocks moved: PSNR / share of positions",
        ],
    );
    let mut ranges = Vec::new();
    for case in &CASES {
        let set = if case.set == FASHION { &fashion } else { &green };
        let mut opened = Vec::new();
        for draw in 0..DRAWS {
            let truth = slice(set, PUBLIC + draw * case.count, case.count)?;
            opened.push(open(set, &truth, case, 1 + draw as u8)?);
        }
        let middle = |of: &dyn Fn(&Opened) -> f64| median(opened.iter().map(of).collect());
        let alone: Vec<f64> = opened.iter().map(|o| o.alone[0]).collect();
        let row = format!("{}, {}, {}, {}", case.set, case.block, case.noise, case.count);
        ranges.push(format!("{row}: {}", range(&alone)));
        let quality = db(middle(&|o| o.alone[0]));
        let alike = figure(middle(&|o| o.alone[1]), 2);
        table.row(
            row,
            [
                Cell::of([
                    case.psnr
                        .map_or(quality.clone(), |expected| quality.about(expected, NEAR)),
                    case.correlation
                        .map_or(alike.clone(), |expected| alike.about(expected, NEAR_CORRELATION)),
                ]),
                Cell::of([db(middle(&|o| o.seams[0])), figure(middle(&|o| o.seams[1]), 2)]),
                Cell::of([db(middle(&|o| o.moved[0])), figure(middle(&|o| o.moved[1]), 2)]),
            ],
        );
    }
    Ok(table
        .note(
            "Medians over three keys, each with other ciphertexts. Tolerances: 0.5 dB, 0.02 of a correlation. The axes \
             alone leave signs to the means and third moments of components; one wrong sign at one position costs \
             much, so that PSNR changes by several dB between draws, and with it the expected figures, which are of \
             one run each.",
        )
        .note(
            "The expected figures took the axes of second moments. The attack takes those of the covariance about the \
             mean, which are further apart: on the same three draws of Fashion-MNIST, b = 4, 4,000 ciphertexts, the \
             former gave 25.8, 26.7 and 29.6 dB without noise and 25.1, 27.1 and 28.7 dB with N = 25, the latter 31.1 to \
             31.3 and 28.7 to 28.8 dB. It was better at b = 7 as well (26.5 to 28.2 against 22.8 to 24.9 dB). With seams, \
             which are the default, signs hardly matter any more.",
        )
        .note(&format!("Axes and moments over the three draws: {}.", ranges.join("; "))))
}

fn open(set: &Set, truth: &Set, case: &Case, secret: u8) -> anyhow::Result<Opened> {
    let side: usize = case.block.parse()?;
    let read = |shuffle: &str, seams: &str| -> anyhow::Result<[f64; 3]> {
        let given = [("block", case.block), ("noise", case.noise), ("shuffle", shuffle)];
        let disguised = disguise(&key("rmt", &given, set.shape(), secret)?, truth, "train", 0)?;
        let exposed = exposure("rmt", &given, set.shape(), disguised)?.with_public(set.first(PUBLIC))?;
        let outcome = attack("rmt-pca", &exposed, &[("seams", seams), ("denoise", "false")])?;
        let found = pictures(&outcome)?;
        let right = match shuffle {
            "true" => placed(&outcome, &given, set.shape(), side, secret)?,
            _ => 1.0,
        };
        Ok([psnr(truth, found)?, correlation(found, truth), right])
    };
    let [alone, seams, moved] = [
        read("false", "false")?,
        read("false", "true")?,
        read("true", "true")?,
    ];
    Ok(Opened {
        alone: [alone[0], alone[1]],
        seams: [seams[0], seams[1]],
        moved: [moved[0], moved[2]],
    })
}

/// Images of one block of 4 x 4 whose rows are about normal, with these deviations along their axes.
fn rows(count: usize, deviations: [f64; 4], seed: u64) -> anyhow::Result<Set> {
    let mut rng = Rng::new(seed);
    let mut normal = move || (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
    // The table of axes is symmetric.
    let axes = [
        [0.5, 0.5, 0.5, 0.5],
        [0.5, 0.5, -0.5, -0.5],
        [0.5, -0.5, 0.5, -0.5],
        [0.5, -0.5, -0.5, 0.5],
    ];
    let mut pixels = Vec::with_capacity(count * 16);
    for _ in 0..4 * count {
        let parts = deviations.map(|deviation| deviation * (normal() + 0.5));
        for row in &axes {
            let value = 128.0 + parts.iter().zip(row).map(|(part, axis)| part * axis).sum::<f64>();
            pixels.push(value.round().clamp(0.0, 255.0) as u8);
        }
    }
    Ok(Set::bytes(Shape::new(4, 4, 1), pixels)?)
}

fn synthetic() -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Principal components of 20,000 synthetic rows: relative error of the matrix, nine keys",
        &["rows", "axes and moments", "with seams"],
    );
    for (name, deviations, white) in [
        ("separate axes, mean not 0", [40.0, 20.0, 10.0, 5.0], false),
        ("white", [20.0; 4], true),
    ] {
        let error = |seams: &str| -> anyhow::Result<f64> {
            let mut errors = Vec::new();
            for secret in 1..=9 {
                let public = rows(5000, deviations, 1)?;
                let plain = rows(5000, deviations, 1 + u64::from(secret))?;
                let disguised = disguise(&key("rmt", &[], plain.shape(), secret)?, &plain, "train", 0)?;
                let exposed = exposure("rmt", &[], plain.shape(), disguised)?.with_public(public)?;
                let outcome = attack("rmt-pca", &exposed, &[("seams", seams)])?;
                errors.push(matrix_error(&outcome, &[], plain.shape(), 4, secret)?);
            }
            // The best that is done on white rows is what must be bad.
            let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
            Ok(if white { least } else { median(errors) })
        };
        let (axes, seams) = (figure(error("false")?, 4), figure(error("true")?, 4));
        let [axes, seams] = match white {
            true => [axes.at_least(0.3), seams.at_least(0.3)],
            false => [axes.at_most(0.01), seams],
        };
        table.row(name, [axes.into(), seams.into()]);
    }
    Ok(table.note(
        "The median; for white rows the smallest error of the nine, where independent orthogonal matrices are about \
         1.4 apart. A single block has no neighbours, so seams cannot help it: refining by mean rows, which is what \
         remains of that step, errs more than the axes of such rows do.",
    ))
}

fn fresh(grey: &Grey) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Null: PSNR with matrices and order of each image's own, 400 images",
        &["set, N", "same key", "keys of their own", "mean image"],
    );
    for (name, noise) in [(FASHION, "0"), (FASHION, "25"), (GREEN, "0"), (GREEN, "25")] {
        let set = &grey.named(name).train;
        let given: Given<'_> = &[("noise", noise)];
        let (public, truth) = (set.first(PUBLIC), slice(set, PUBLIC, 400)?);
        let mean = mean_image(&public, &truth)?;
        let read = |disguised: Set| -> anyhow::Result<f64> {
            let exposed: Exposure =
                exposure("rmt", given, set.shape(), disguised)?.with_public(public.clone())?;
            psnr(&truth, pictures(&attack("rmt-pca", &exposed, &[])?)?)
        };
        let same = read(disguise(&key("rmt", given, set.shape(), 1)?, &truth, "train", 0)?)?;
        let fresh = read(afresh(given, &truth)?)?;
        table.row(
            format!("{name}, {noise}"),
            [
                db(same).into(),
                db(fresh).at_most(mean + NEAR).into(),
                db(mean).into(),
            ],
        );
    }
    Ok(table)
}
