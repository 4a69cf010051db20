//! What repeats under the AES disguise, without any pair (ATTACKS, 5.2):
//!
//!     cargo run --release -p study-attacks -- SETS aes-repeats
//!
//! Measures how much of a set repeats and how well a map of it shows edges, and reproduces that a constant image
//! is one run, and that nothing repeats in random bytes.

use super::{
    Section,
    aes::{Case, ONE_KEY, cases, share},
};
use crate::{
    disguised::{Given, attack, disguise, exposure, key, pictures},
    record::{Cell, Table, figure},
    sets::{Sets, noise},
};
use visard_attacks::{Outcome, Set, metrics};
use visard_core::Shape;

pub(crate) static INFO: Section = Section {
    name: "aes-repeats",
    title: "AES in ECB mode: equal blocks",
    run,
};

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let cases = cases(sets)?;
    Ok(vec![repeats(&cases)?, extremes(&cases)?])
}

/// How often runs repeat, and how well the map of it shows edges.
fn equality(given: Given<'_>, set: &Set, count_in: &str) -> anyhow::Result<(Outcome, f64)> {
    let disguised = disguise(&key("aes", given, set.shape(), 1)?, set, "train", 0)?;
    let outcome = attack(
        "aes-equality",
        &exposure("aes", given, set.shape(), disguised)?,
        &[("count_in", count_in)],
    )?;
    let (size, map) = (set.shape().len(), pictures(&outcome)?.as_bytes()?);
    let images = set.as_bytes()?.chunks_exact(size).zip(map.chunks_exact(size));
    let edges: Vec<f64> = images
        .filter_map(|(plain, map)| metrics::edge_correlation(set.shape(), plain, map))
        .collect();
    Ok((outcome, edges.iter().sum::<f64>() / edges.len() as f64))
}

fn repeats(cases: &[Case]) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Equal blocks without any pair, 4,000 images",
        &[
            "set, block, ciphers",
            "repeated in the image",
            "repeated in the set",
            "commonest",
            "edge correlation of the map, counted in the set / in the image",
        ],
    );
    for case in cases {
        for (block, per_position) in [("4", "false"), ("4", "true"), ("2", "false"), ("1", "false")] {
            let given = [
                ("block", block),
                ("per_position", per_position),
                ("shuffle", "false"),
            ];
            let (outcome, edges) = equality(&given, &case.set, "set")?;
            let (_, own_edges) = equality(&given, &case.set, "image")?;
            let of = |name: &str| figure(share(&outcome, name), 3);
            let ciphers = if per_position == "true" {
                "one for each position"
            } else {
                "one"
            };
            table.row(
                format!("{}, {block} x {block}, {ciphers}", case.name),
                [
                    of("repeated_in_image").into(),
                    of("repeated_in_set").into(),
                    of("commonest_share").into(),
                    Cell::of([figure(edges, 2), figure(own_edges, 2)]),
                ],
            );
        }
    }
    Ok(table.note(
        "Edge correlation is the mean over the images where it exists. A map of one grey has no edges and is not \
         counted.",
    ))
}

fn extremes(cases: &[Case]) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Equal blocks where there are only such, or none",
        &[
            "disguised images",
            "distinct runs",
            "repeated in the image",
            "repeated in the set",
        ],
    );
    let shape = Shape::new(16, 16, 1);
    let flat = Set::bytes(shape, vec![77; shape.len()])?;
    let outcome = equality(ONE_KEY, &flat, "set")?.0;
    let of = |outcome: &Outcome, name: &str| figure(share(outcome, name), 3);
    table.row(
        "one constant image, one cipher",
        [
            figure(share(&outcome, "distinct_runs"), 0).about(1.0, 0.0).into(),
            of(&outcome, "repeated_in_image").about(1.0, 0.0).into(),
            of(&outcome, "repeated_in_set").about(1.0, 0.0).into(),
        ],
    );
    let unrepeated = |outcome: &Outcome| -> [Cell; 3] {
        [
            figure(share(outcome, "distinct_runs"), 0).into(),
            of(outcome, "repeated_in_image").about(0.0, 0.0).into(),
            of(outcome, "repeated_in_set").about(0.0, 0.0).into(),
        ]
    };
    let outcome = equality(ONE_KEY, &noise(shape, 20, 1)?, "set")?.0;
    table.row("20 random images, one cipher", unrepeated(&outcome));
    // A stream cipher with a fresh start for each image, or fresh initial values, gives random bytes.
    let set = &cases[1].set;
    let bytes = noise(set.shape(), 500, 2)?;
    let outcome = attack(
        "aes-equality",
        &exposure("aes", ONE_KEY, set.shape(), bytes)?,
        &[],
    )?;
    table.row(
        "500 images of random bytes, as fresh initial values give",
        unrepeated(&outcome),
    );
    Ok(table)
}
