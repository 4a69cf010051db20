//! Where the regression attack on RMT ends (ATTACKS, 4.1):
//!
//!     cargo run --release -p study-attacks -- SETS rmt-limits
//!
//! Measures how much depends on which pairs are known, matrices that are not orthogonal, and the time it takes.
//! Reproduces the formula of its noise floor, that one random pair gives the matrices, and that a scheme with
//! fresh matrices for every image gives it nothing.

use super::{
    Section,
    rmt::{
        COUNTS, Choice, EXACT, FASHION, GREEN, Grey, HEADS, Halves, NEAR, READINGS, db, from, known, spread,
    },
};
use crate::{
    disguised::{Given, attack, disguise, exposure, key, median, pairs, pictures, psnr},
    record::{Cell, Table, figure},
    sets::{Sets, noise, slice},
};
use anyhow::Context;
use std::time::Instant;
use visard_attacks::{Exposure, Outcome, Pairs, Set, metrics};
use visard_core::{Grid, Pixels, Shape, matrix};

pub(crate) static INFO: Section = Section {
    name: "rmt-limits",
    title: "RMT: what bounds the regression",
    run,
};

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let grey = Grey::of(sets)?;
    Ok(vec![
        choices(&grey)?,
        general(&grey)?,
        floor(&grey)?,
        matrices()?,
        decoys(&grey)?,
        time(&grey)?,
    ])
}

/// How much depends on which pairs are known where blocks are blank.
fn choices(grey: &Grey) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Fashion-MNIST, b = 4, N = 0: PSNR over 150 choices of the pairs",
        &[
            "estimator, K",
            "least",
            "lower quartile",
            "median",
            "upper quartile",
            "most",
        ],
    );
    let given = [("noise", "0"), ("shuffle", "false")];
    for count in [1, 2, 5] {
        for (name, reading) in ["least squares", "Procrustes"].into_iter().zip(READINGS) {
            let mut found = Vec::new();
            for draw in 0..150 {
                let set = grey.named(FASHION);
                let exposed = from(set, &given, count, draw * 50, 1)?;
                found.push(psnr(
                    &set.test,
                    pictures(&attack("rmt-regression", &exposed, reading)?)?,
                )?);
            }
            found.sort_by(f64::total_cmp);
            table.row(
                format!("{name}, {count}"),
                [0, 37, 75, 112, 149].map(|i| db(found[i]).into()),
            );
        }
    }
    Ok(table)
}

/// The same with matrices that are not orthogonal.
fn general(grey: &Grey) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Regression, matrix=projection: least squares / least squares and denoised",
        &HEADS,
    );
    for (name, block, noise) in [
        (GREEN, "4", "0"),
        (GREEN, "4", "25"),
        (GREEN, "4", "100"),
        (FASHION, "4", "0"),
        (FASHION, "4", "25"),
    ] {
        let given = [
            ("block", block),
            ("noise", noise),
            ("shuffle", "false"),
            ("matrix", "projection"),
        ];
        let mut cells = Vec::new();
        for count in COUNTS {
            let found = spread(
                grey.named(name),
                &given,
                count,
                Choice::Others,
                &[&[("denoise", "false")], &[]],
            )?;
            cells.push(Cell::of(found.into_iter().map(|v| db(median(v)))));
        }
        table.row(format!("{name}, {block}, {noise}"), cells);
    }
    Ok(table.note(
        "Median PSNR over nine keys and choices of pairs; nothing was expected of it. Such matrices are not \
         orthogonal, so their inverse enlarges the noise, and Procrustes does not fit them.",
    ))
}

/// The matrices of a key, by the streams that SPEC.md 6.1 names.
fn true_matrices(given: Given<'_>, shape: Shape, side: usize, secret: u8) -> anyhow::Result<Vec<f64>> {
    let key = key("rmt", given, shape, secret)?;
    let positions = Grid::new(shape, side).positions() as u64;
    let matrices =
        (0..positions).flat_map(|i| matrix::haar(&mut key.schedule().stream("rmt-matrix", &[i]), side));
    Ok(matrices.collect())
}

/// |A - B| / |B| of the matrices that an attack found and the true ones.
pub(super) fn matrix_error(
    outcome: &Outcome,
    given: Given<'_>,
    shape: Shape,
    side: usize,
    secret: u8,
) -> anyhow::Result<f64> {
    let positions = Grid::new(shape, side).positions();
    let found = outcome.material.reals("R", &[positions, side, side])?;
    let truth = true_matrices(given, shape, side, secret)?;
    let apart: f64 = found
        .context("no matrices")?
        .iter()
        .zip(&truth)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    Ok((apart / truth.iter().map(|v| v * v).sum::<f64>()).sqrt())
}

/// The levels of a set drawn together, so that noise is not clipped away.
fn faint(set: &Set) -> anyhow::Result<Set> {
    let levels = set.as_bytes()?.iter().map(|v| 64 + v / 2).collect();
    Ok(Set::bytes(set.shape(), levels)?)
}

fn floor(grey: &Grey) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "The noise floor at K=1000: least squares / Procrustes",
        &["N", "formula", "levels 64 to 191", "levels as they are"],
    );
    let green = grey.named(GREEN);
    let faint = Halves {
        train: faint(&green.train)?,
        test: faint(&green.test)?,
    };
    for width in [25, 50, 100, 200] {
        let text = width.to_string();
        let given = [("noise", text.as_str()), ("shuffle", "false")];
        let formula = 10.0 * (12.0 * 255.0f64.powi(2) / f64::from(width * width)).log10();
        let found = |set: &Halves| -> anyhow::Result<[f64; 2]> {
            let exposed = known(set, &given, 1000, Choice::First, 1)?;
            let mut values = [0.0; 2];
            for (value, reading) in values.iter_mut().zip(READINGS) {
                *value = psnr(
                    &set.test,
                    pictures(&attack("rmt-regression", &exposed, reading)?)?,
                )?;
            }
            Ok(values)
        };
        let near = found(&faint)?.map(|v| {
            if width <= 100 {
                db(v).about(formula, 0.3)
            } else {
                db(v)
            }
        });
        let clipped = found(green)?.map(db);
        table.row(
            text.clone(),
            [Cell::of([db(formula)]), Cell::of(near), Cell::of(clipped)],
        );
    }
    Ok(table.note(
        "Fashion-M green, b = 4. The formula is 10 log10(12 * 255^2 / N^2), tolerance 0.3 dB. It counts what the \
         noise adds before values are clipped to 0..255, so it is checked on images whose levels leave room; at \
         N=200 no levels do. Clipping adds up to 1.5 dB to images as they are.",
    ))
}

fn matrices() -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Error of the matrices from one pair of random images, no noise",
        &["estimator", "relative error", "PSNR"],
    );
    let shape = Shape::new(32, 32, 1);
    let set = noise(shape, 6, 1)?;
    let given = [("shuffle", "false")];
    let key = key("rmt", &given, shape, 9)?;
    let truth = slice(&set, 1, 5)?;
    let shown = disguise(&key, &truth, "train", 9)?;
    let known = disguise(&key, &set.first(1), "train", 0)?;
    let exposed = exposure("rmt", &given, shape, shown)?.with_pairs(pairs(&set, &known, 1)?)?;
    for estimator in ["least-squares", "procrustes"] {
        let outcome = attack("rmt-regression", &exposed, &[("estimator", estimator)])?;
        let error = matrix_error(&outcome, &given, shape, 4, 9)?;
        let found = psnr(&truth, pictures(&outcome)?)?;
        table.row(
            estimator,
            [
                figure(error, 9).at_most(1e-6).into(),
                db(found).about(EXACT, 0.0).into(),
            ],
        );
    }
    Ok(table.note("b = 4. The error is |R_hat - R| / |R| over all positions."))
}

/// The images under a key of each one's own.
pub(super) fn afresh(given: Given<'_>, plain: &Set) -> anyhow::Result<Set> {
    let mut floats = Vec::with_capacity(plain.len() * plain.shape().len());
    for index in 0..plain.len() {
        let key = key("rmt", given, plain.shape(), 100 + (index % 150) as u8)?;
        floats.extend(disguise(&key, &slice(plain, index, 1)?, "train", index as u64)?.to_floats());
    }
    Ok(Set::new(plain.shape(), Pixels::F32(floats), Vec::new())?)
}

/// PSNR when every image is guessed to be the mean of others.
pub(super) fn mean_image(others: &Set, truth: &Set) -> anyhow::Result<f64> {
    let size = others.shape().len();
    let mut sums = vec![0u64; size];
    for image in others.as_bytes()?.chunks_exact(size) {
        sums.iter_mut()
            .zip(image)
            .for_each(|(sum, v)| *sum += u64::from(*v));
    }
    let count = others.len() as u64;
    let mean: Vec<u8> = sums.iter().map(|sum| ((sum + count / 2) / count) as u8).collect();
    Ok(metrics::psnr(truth.as_bytes()?, &mean.repeat(truth.len())))
}

fn decoys(grey: &Grey) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Nulls: what 100 pairs give when there is nothing to find",
        &[
            "set, N",
            "same matrices",
            "fresh matrices for each image",
            "pairs that do not belong together",
            "mean image",
        ],
    );
    for (name, width) in [(GREEN, "0"), (GREEN, "25"), (FASHION, "0"), (FASHION, "25")] {
        let given = [("noise", width), ("shuffle", "false")];
        let set = grey.named(name);
        let (shape, plain) = (set.train.shape(), set.train.first(100));
        let mean = mean_image(&plain, &set.test)?;
        let good = known(set, &given, 100, Choice::First, 1)?;
        let fresh = exposure("rmt", &given, shape, afresh(&given, &set.test)?)?
            .with_pairs(Pairs::new(plain.clone(), afresh(&given, &plain)?)?)?;
        let key = key("rmt", &given, shape, 1)?;
        let others = disguise(&key, &slice(&set.train, 200, 100)?, "train", 0)?;
        let wrong =
            exposure("rmt", &given, shape, good.disguised.clone())?.with_pairs(Pairs::new(plain, others)?)?;
        let read = |exposed: &Exposure| psnr(&set.test, pictures(&attack("rmt-regression", exposed, &[])?)?);
        table.row(
            format!("{name}, {width}"),
            [
                db(read(&good)?).into(),
                db(read(&fresh)?).at_most(mean + NEAR).into(),
                db(read(&wrong)?).into(),
                db(mean).into(),
            ],
        );
    }
    Ok(table.note(
        "b = 4, 100 pairs. Fresh matrices are to stay below the mean of the known images, up to 0.5 dB. Pairs that do \
         not belong together are no such null: the mean rows of both sides at a position do belong together, and \
         Procrustes turns the one onto the other, so that brightness comes through. No pair is needed for that.",
    ))
}

fn time(grey: &Grey) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Time of the regression, 1,000 pairs, 500 images read",
        &["set, b, N", "seconds"],
    );
    for (name, block) in [(GREEN, "4"), (GREEN, "32"), (FASHION, "7")] {
        let given = [("block", block), ("noise", "25"), ("shuffle", "false")];
        let exposed = known(grey.named(name), &given, 1000, Choice::First, 1)?;
        let start = Instant::now();
        attack("rmt-regression", &exposed, &[])?;
        table.row(
            format!("{name}, {block}, 25"),
            [figure(start.elapsed().as_secs_f64(), 2).into()],
        );
    }
    Ok(table.note("Procrustes and denoised, with all cores of the machine that measured it (two)."))
}
