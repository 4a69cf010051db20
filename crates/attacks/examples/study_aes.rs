//! Measures the figures of ATTACKS, section 5, on the sets in a folder:
//! `cargo run --release --example study_aes -- SETS`.

mod rmt_aes;

use rmt_aes::{attack, cifar, disguise, exposure, idx, key, pairs, part, pictures, psnr};
use std::path::Path;
use visard_attacks::Set;

const READ: usize = 500;

/// Share of the 4 x 4 blocks that are not constant.
fn textured_share(set: &Set) -> f64 {
    let (shape, pixels) = (set.shape(), set.as_bytes().expect("bytes"));
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
    textured as f64 / all as f64
}

fn main() {
    let folder = std::env::args().nth(1).expect("the folder of the sets");
    let folder = Path::new(&folder);
    let sets = [
        (
            "MNIST-5k",
            idx(&folder.join("mnist-5k/train-images-idx3-ubyte.gz"), 4000),
            ["0.62, ", "0.65, 0.08"],
        ),
        (
            "Fashion-MNIST",
            idx(&folder.join("fashion-mnist/train-images-idx3-ubyte.gz"), 4000),
            ["0.31, ", "0.34, 0.05"],
        ),
        (
            "Fashion-M green",
            cifar(&folder.join("fashion-m/data_batch_1.bin"), 4000, true),
            ["0.000, ", "0.009, "],
        ),
    ];
    println!("5.1 Coverage, of blocks that are not constant alone (ATTACKS); PSNR in dB\n");
    println!("| set, block, keys, moved | K=1 | 2500 | placed at 2500 |\n|---|---|---|---|");
    for (name, set, expected) in &sets {
        for (block, per_position, shuffle) in [
            ("4", "false", "false"),
            ("4", "true", "false"),
            ("4", "false", "true"),
            ("4", "true", "true"),
            ("2", "false", "false"),
            ("1", "false", "false"),
        ] {
            let params = [
                ("block", block),
                ("per_position", per_position),
                ("shuffle", shuffle),
            ];
            let key = key("aes", &params, set.shape(), 1);
            let truth = part(set, set.len() - READ, READ);
            let shown = disguise(&key, &truth, 0);
            let disguised = disguise(&key, &set.first(2500), 0);
            let mut cells = Vec::new();
            for (count, expected) in [1, 2500].into_iter().zip(expected) {
                let exposed = exposure("aes", &params, set.shape(), shown.clone())
                    .with_pairs(pairs(&set.first(count), &disguised.first(count), count))
                    .expect("pairs that fit");
                let outcome = attack("aes-codebook", &exposed, &[]).expect("an outcome");
                let f = |name: &str| outcome.figures[name];
                let textured = if block == "4" {
                    format!("{:.3}", f("textured_coverage") / textured_share(&truth))
                } else {
                    "-".into()
                };
                let expected = if (block, per_position, shuffle) == ("4", "false", "false") {
                    expected
                } else {
                    ""
                };
                let quality = psnr(pictures(&outcome), &truth);
                cells.push(format!(
                    "{:.3}, {textured} ({expected}); {quality:.1}",
                    f("coverage")
                ));
                if count == 2500 {
                    cells.push(format!("{:.2}", f("matched_positions")));
                }
            }
            println!(
                "| {name}, {block}, {per_position}, {shuffle} | {} |",
                cells.join(" | ")
            );
        }
    }
    println!("\n5.2 Repeated blocks, 4 x 4, one key\n");
    println!("| set | in the image | in the set of 4,000 | commonest |\n|---|---|---|---|");
    for (name, set, _) in &sets {
        let params = [("block", "4"), ("per_position", "false")];
        let shown = disguise(&key("aes", &params, set.shape(), 1), set, 0);
        let outcome =
            attack("aes-equality", &exposure("aes", &params, set.shape(), shown), &[]).expect("an outcome");
        let f = |name: &str| outcome.figures[name];
        let (own, all, top) = (f("repeated_in_image"), f("repeated_in_set"), f("commonest_share"));
        println!("| {name} | {own:.3} | {all:.3} | {top:.3} |");
    }
}
