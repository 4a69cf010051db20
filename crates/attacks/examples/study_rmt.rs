//! Measures the tables of ATTACKS, section 4, on the sets in a folder:
//! `cargo run --release --example study_rmt -- SETS [TABLE]`.

mod rmt_aes;

use rmt_aes::{attack, cifar, correlation, disguise, exposure, idx, key, pairs, part, pictures, psnr};
use std::{path::Path, time::Instant};
use visard_attacks::{Outcome, Set};

const READ: usize = 500;
const SECRETS: u8 = 9;

struct Sets {
    fashion: Set,
    green: Set,
}

fn db(value: f64) -> String {
    if value.is_infinite() {
        "exact".into()
    } else {
        format!("{value:.1}")
    }
}

fn params<'a>(block: &'a str, noise: &'a str, shuffle: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("block", block), ("noise", noise), ("shuffle", shuffle)]
}

/// Pairs of the first images, the last `read` to be read, and what is read from `count` pairs.
fn known(
    set: &Set,
    params: &[(&str, &str)],
    count: usize,
    read: usize,
    secret: u8,
) -> (visard_attacks::Exposure, Set) {
    let key = key("rmt", params, set.shape(), secret);
    let truth = part(set, set.len() - read, read);
    let start = (usize::from(secret) * 1000) % (set.len() - read - count + 1);
    let plain = part(set, start, count);
    let disguised = disguise(&key, &plain, 0);
    let shown = disguise(&key, &truth, 1_000_000);
    let exposed = exposure("rmt", params, set.shape(), shown)
        .with_pairs(pairs(&plain, &disguised, count))
        .expect("pairs that fit");
    (exposed, truth)
}

fn regression(sets: &Sets) {
    println!(
        "\n4.1 Regression: median PSNR in dB over 9 keys and choices of pairs, least squares / \
         Procrustes / Procrustes and denoised (ATTACKS)\n"
    );
    println!("| set, b, N | K=1 | 2 | 5 | 20 | 100 | 1000 |\n|---|---|---|---|---|---|---|");
    let counts = [1, 2, 5, 20, 100, 1000];
    for (name, set, block, noise, expected) in [
        (
            "Fashion-M green",
            &sets.green,
            "4",
            "0",
            ["31/exact", "exact", "exact", "exact", "exact", "exact"],
        ),
        (
            "Fashion-M green",
            &sets.green,
            "4",
            "25",
            [
                "14.7/22.4",
                "18.4/26.1",
                "28.2/30.5",
                "30.7/31.0",
                "31.0/31.1",
                "31.1",
            ],
        ),
        (
            "Fashion-M green",
            &sets.green,
            "8",
            "25",
            ["13.8/22.8", "15.5/26.0", "28.2/30.3", "30.6/30.9", "31.0", "31.1"],
        ),
        (
            "Fashion-M green",
            &sets.green,
            "8",
            "100",
            [
                "10.3/15.4",
                "10.0/16.6",
                "11.5/18.1",
                "14.4/19.2",
                "19.1/19.3",
                "19.3",
            ],
        ),
        (
            "Fashion-M green",
            &sets.green,
            "32",
            "100",
            [
                "8.2/15.8",
                "8.6/16.8",
                "11.9/18.5",
                "18.5/19.2",
                "19.2/19.3",
                "19.3",
            ],
        ),
        (
            "Fashion-MNIST",
            &sets.fashion,
            "4",
            "0",
            [
                "15.4/15.6",
                "30.7/29.2",
                "31.5/30.8",
                "39.0/41.2",
                "89/exact",
                "exact",
            ],
        ),
        (
            "Fashion-MNIST",
            &sets.fashion,
            "4",
            "25",
            [
                "12.1/15.0",
                "16.7/22.0",
                "23.0/26.2",
                "29.9/31.7",
                "31.7/32.3",
                "32.2/32.3",
            ],
        ),
        (
            "Fashion-MNIST",
            &sets.fashion,
            "7",
            "100",
            [
                "11.3/12.4",
                "11.4/16.4",
                "11.5/18.5",
                "18.0/20.4",
                "19.3/20.5",
                "20.5/20.6",
            ],
        ),
    ] {
        print!("| {name}, {block}, {noise} |");
        let params = params(block, noise, "false");
        for (count, expected) in counts.iter().zip(expected) {
            let mut found = [const { Vec::new() }; 3];
            for secret in 1..=SECRETS {
                let (exposed, truth) = known(set, &params, *count, READ, secret);
                let settings: [&[(&str, &str)]; 3] = [
                    &[("estimator", "least-squares"), ("denoise", "false")],
                    &[("denoise", "false")],
                    &[],
                ];
                for (values, setting) in found.iter_mut().zip(settings) {
                    let outcome = attack("rmt-regression", &exposed, setting).expect("an outcome");
                    values.push(psnr(pictures(&outcome), &truth));
                }
            }
            let median = |mut values: Vec<f64>| {
                values.sort_by(f64::total_cmp);
                db(values[values.len() / 2])
            };
            print!(" {} ({expected}) |", found.map(median).join(" / "));
        }
        println!();
    }
    let (exposed, _) = known(&sets.green, &params("4", "25", "false"), 1000, READ, 1);
    let start = Instant::now();
    attack("rmt-regression", &exposed, &[]).expect("an outcome");
    println!(
        "\nRegression from 1,000 pairs, {READ} images read: {:.3} s",
        start.elapsed().as_secs_f64()
    );
}

/// Share of the targets whose source is right.
fn placed(outcome: &Outcome, set: &Set, params: &[(&str, &str)], secret: u8) -> f64 {
    let count = outcome.material.get("block_perm").map_or(0, |a| a.values.len());
    let found = outcome
        .material
        .permutation("block_perm", count)
        .expect("an order")
        .expect("an order");
    let truth = true_order(set, params, secret);
    found.iter().zip(&truth).filter(|(a, b)| a == b).count() as f64 / count as f64
}

/// The block order of a key, by the stream that SPEC.md 5.4 names.
fn true_order(set: &Set, params: &[(&str, &str)], secret: u8) -> Vec<usize> {
    let key = key("rmt", params, set.shape(), secret);
    let side: usize = params[0].1.parse().expect("a block side");
    let count = visard_core::Grid::new(set.shape(), side).positions();
    key.schedule().stream("block-permutation", &[]).permutation(count)
}

fn matching(sets: &Sets) {
    println!("\n4.2 Share of positions matched, b = 4 (ATTACKS); PSNR of the pictures in dB\n");
    println!("| set, matrix, N | K=1 | 5 | 50 |\n|---|---|---|---|");
    for (name, set, matrix, noise, expected) in [
        (
            "Fashion-M green",
            &sets.green,
            "orthogonal",
            "0",
            ["1.00", "", ""],
        ),
        (
            "Fashion-M green",
            &sets.green,
            "orthogonal",
            "25",
            ["0.91", "1.00", ""],
        ),
        (
            "Fashion-M green",
            &sets.green,
            "orthogonal",
            "100",
            ["0.47", "1.00", ""],
        ),
        (
            "Fashion-MNIST",
            &sets.fashion,
            "orthogonal",
            "0",
            ["0.86", "1.00", ""],
        ),
        (
            "Fashion-MNIST",
            &sets.fashion,
            "orthogonal",
            "100",
            ["0.45", "0.94", "1.00"],
        ),
        ("Fashion-M green", &sets.green, "projection", "0", ["", "", ""]),
        ("Fashion-M green", &sets.green, "projection", "25", ["", "", ""]),
        ("Fashion-MNIST", &sets.fashion, "projection", "0", ["", "", ""]),
    ] {
        print!("| {name}, {matrix}, {noise} |");
        let params = vec![("block", "4"), ("noise", noise), ("matrix", matrix)];
        for (count, expected) in [1, 5, 50].into_iter().zip(expected) {
            let (mut share, mut quality) = (0.0, 0.0);
            for secret in 1..=SECRETS {
                let (exposed, truth) = known(set, &params, count, READ, secret);
                let Ok(outcome) = attack("rmt-matching", &exposed, &[]) else {
                    continue;
                };
                share += placed(&outcome, set, &params, secret) / f64::from(SECRETS);
                quality += psnr(pictures(&outcome), &truth) / f64::from(SECRETS);
            }
            print!(" {share:.2} ({expected}); {} |", db(quality));
        }
        println!();
    }
}

fn row_norms(sets: &Sets) {
    println!("\n4.3 Row norms: correlation, PSNR in dB (ATTACKS)\n");
    println!("| set, b | N=0 | N=25 |\n|---|---|---|");
    for (name, set, block, expected) in [
        ("Fashion-MNIST", &sets.fashion, "2", "0.96, 19.6"),
        ("Fashion-MNIST", &sets.fashion, "4", "0.90, 16.1"),
        ("Fashion-MNIST", &sets.fashion, "7", "0.81"),
        ("Fashion-MNIST", &sets.fashion, "14", "0.59"),
        ("Fashion-M green", &sets.green, "2", "0.96, 23.4"),
        ("Fashion-M green", &sets.green, "4", "0.90, 20.0"),
        ("Fashion-M green", &sets.green, "8", "0.83, 17.7"),
        ("Fashion-M green", &sets.green, "16", "0.67"),
    ] {
        let cell = |noise: &str| {
            let params = params(block, noise, "false");
            let disguised = disguise(&key("rmt", &params, set.shape(), 1), set, 0);
            let exposed = exposure("rmt", &params, set.shape(), disguised);
            let outcome = attack("rmt-row-norms", &exposed, &[]).expect("an outcome");
            let found = pictures(&outcome);
            format!("{:.2}, {:.1}", correlation(found, set), psnr(found, set))
        };
        println!(
            "| {name}, {block} | {} ({expected}) | {} |",
            cell("0"),
            cell("25")
        );
    }
}

fn components(sets: &Sets) {
    println!("\n4.4 Principal components, 4,000 public images: PSNR in dB, correlation (ATTACKS)\n");
    println!(
        "| set, b, N, ciphertexts, moved | axes and moments alone | with seams | order |\n|---|---|---|---|"
    );
    for (name, set, block, noise, count, shuffle, expected) in [
        ("Fashion-MNIST", &sets.fashion, "4", "0", 200, "false", "22.1"),
        (
            "Fashion-MNIST",
            &sets.fashion,
            "4",
            "0",
            4000,
            "false",
            "25.5, 0.99",
        ),
        ("Fashion-MNIST", &sets.fashion, "4", "25", 4000, "false", "24.7"),
        ("Fashion-MNIST", &sets.fashion, "7", "0", 4000, "false", "28.4"),
        ("Fashion-MNIST", &sets.fashion, "14", "0", 4000, "false", "19.4"),
        (
            "Fashion-M green",
            &sets.green,
            "4",
            "0",
            200,
            "false",
            "18.0, 0.85",
        ),
        (
            "Fashion-M green",
            &sets.green,
            "4",
            "0",
            4000,
            "false",
            "21.1, 0.93",
        ),
        ("Fashion-M green", &sets.green, "8", "0", 4000, "false", "20.5"),
        ("Fashion-MNIST", &sets.fashion, "4", "0", 4000, "true", ""),
        ("Fashion-MNIST", &sets.fashion, "7", "0", 4000, "true", ""),
        ("Fashion-M green", &sets.green, "4", "0", 4000, "true", ""),
        ("Fashion-M green", &sets.green, "8", "0", 4000, "true", ""),
    ] {
        let params = params(block, noise, shuffle);
        let cell = |seams: &str| {
            let truth = part(set, 4000, count);
            let disguised = disguise(&key("rmt", &params, set.shape(), 1), &truth, 0);
            let exposed = exposure("rmt", &params, set.shape(), disguised)
                .with_public(part(set, 0, 4000))
                .expect("public images");
            let outcome =
                attack("rmt-pca", &exposed, &[("seams", seams), ("denoise", "false")]).expect("an outcome");
            let found = pictures(&outcome);
            let order = if shuffle == "true" {
                placed(&outcome, set, &params, 1)
            } else {
                1.0
            };
            (
                format!("{}, {:.2}", db(psnr(found, &truth)), correlation(found, &truth)),
                order,
            )
        };
        let (alone, _) = cell("false");
        let (seams, order) = cell("true");
        println!(
            "| {name}, {block}, {noise}, {count}, {shuffle} | {alone} ({expected}) | {seams} | {order:.2} |"
        );
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the folder of the sets");
    let table = arguments.next().unwrap_or_default();
    let folder = Path::new(&folder);
    let sets = Sets {
        fashion: idx(&folder.join("fashion-mnist/train-images-idx3-ubyte.gz"), 8000),
        green: cifar(&folder.join("fashion-m/data_batch_1.bin"), 8000, true),
    };
    type Table = fn(&Sets);
    let tables: [(&str, Table); 4] = [
        ("4.1", regression),
        ("4.2", matching),
        ("4.3", row_norms),
        ("4.4", components),
    ];
    for (name, run) in tables {
        if table.is_empty() || table == name {
            run(&sets);
        }
    }
}
