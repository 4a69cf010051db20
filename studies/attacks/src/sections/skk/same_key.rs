//! One key for all images: the helper image (1.3) and known pairs (1.4).

use super::{COLOR, ONE_KEY, exposure, guess, same};
use crate::{
    disguised::{attack, disguise, median, numbered_key, pairs, pictures, psnr, with_helpers},
    record::{Cell, Table, figure},
    sets::{Part, Photo, Sets, halves, noise, patches, slice},
};
use visard_attacks::{Exposure, Set, metrics};
use visard_core::{Key, Shape};

pub(super) fn tables(sets: &Sets, photos: &[Photo]) -> anyhow::Result<Vec<Table>> {
    let (ours, _) = halves(photos);
    let shots = patches(&ours, 480, 32, 1000, 7)?;
    let clothes = sets.fashion_m(Part::Test, 1000)?;
    Ok(vec![
        helper()?,
        wrong_helper(&shots)?,
        known(&[("photo patches", &shots), ("Fashion-M", &clothes)])?,
    ])
}

fn under(key: &Key, plain: &Set) -> anyhow::Result<Exposure> {
    exposure(ONE_KEY, disguise(key, plain, "train", 0)?)
}

fn helper() -> anyhow::Result<Table> {
    const KEYS: u64 = 1000;
    let mut table = Table::new(
        "Helper image (1.3): keys out of 1,000 under which every byte of random images comes back",
        &["images", "queries", "keys"],
    );
    for shape in [COLOR, Shape::new(28, 28, 1), Shape::new(9, 7, 3)] {
        let mut right = 0;
        for number in 0..KEYS {
            let plain = noise(shape, 1, number)?;
            let key = numbered_key("skk", ONE_KEY, shape, number)?;
            let skk = with_helpers("skk-helper", &key, under(&key, &plain)?)?;
            right += u32::from(guess("skk-helper", &[], &skk)? == plain.as_bytes()?);
        }
        let right = figure(f64::from(right), 0).about(KEYS as f64, 0.0);
        table.row(shape.to_string(), [figure(1.0, 0).into(), right.into()]);
    }
    Ok(table.note("Tolerance 0."))
}

fn wrong_helper(shots: &Set) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "The helper of another key (1.3): 200 photo patches",
        &["pictures", "PSNR", "edge correlation, median", "exact pixels, %"],
    );
    let plain = shots.first(200);
    let (truth, shape) = (plain.as_bytes()?, plain.shape());
    let key = |number| numbered_key("skk", ONE_KEY, shape, number);
    let skk = || under(&key(1)?, &plain);
    let judge = |guess: &[u8]| {
        let images = truth
            .chunks_exact(shape.len())
            .zip(guess.chunks_exact(shape.len()));
        let edges = images.filter_map(|(a, b)| metrics::edge_correlation(shape, a, b));
        (
            metrics::psnr(truth, guess),
            median(edges.collect()),
            100.0 * same(3, truth, guess),
        )
    };
    let folded = judge(&guess("skk-leading-bit", &[], &skk()?)?);
    let right = judge(&guess(
        "skk-helper",
        &[],
        &with_helpers("skk-helper", &key(1)?, skk()?)?,
    )?);
    let wrong = judge(&guess(
        "skk-helper",
        &[],
        &with_helpers("skk-helper", &key(2)?, skk()?)?,
    )?);
    let disguised = judge(skk()?.disguised.as_bytes()?);
    let plain_row = |(psnr, edges, pixels): (f64, f64, f64)| -> [Cell; 3] {
        [figure(psnr, 1), figure(edges, 2), figure(pixels, 1)].map(Cell::from)
    };
    table.row("disguised", plain_row(disguised));
    table.row("leading bits", plain_row(folded));
    let exact = figure(right.2, 1).about(100.0, 0.0);
    table.row(
        "helper of the key",
        [figure(right.0, 1).into(), figure(right.1, 2).into(), exact.into()],
    );
    let (edges, pixels) = (
        figure(wrong.1, 2).at_most(folded.1),
        figure(wrong.2, 1).at_most(folded.2),
    );
    table.row(
        "helper of another key",
        [figure(wrong.0, 1).into(), edges.into(), pixels.into()],
    );
    Ok(table.note(
        "What the leading bits give is the bound for a wrong key in edges and pixels. PSNR is no such bound: folding \
         makes bright pictures dark, which costs more than random values do.",
    ))
}

fn known(sources: &[(&str, &Set)]) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Known pairs (1.4): 800 held-out images, mean over 5 keys and other pairs",
        &[
            "set",
            "pairs",
            "pixels decided, %",
            "states left per pixel",
            "the pairs' own pixels right, %",
            "held-out pixels right, %",
            "PSNR",
        ],
    );
    for (name, all) in sources {
        let held_out = slice(all, 200, 800)?;
        let mut last = 0.0;
        for count in [1, 2, 3, 5, 10, 30] {
            let found = solve(all, &held_out, count)?;
            let [decided, left, own, pixels, quality] = found;
            let pixels_figure = match count {
                30 => figure(pixels, 2).about(100.0, 0.1),
                _ => figure(pixels, 2).at_least(last),
            };
            let decided_figure = figure(decided, 1);
            let cells = [
                Cell::from(figure(count as f64, 0)),
                match count {
                    3 => decided_figure.at_least(95.0).into(),
                    _ => decided_figure.into(),
                },
                figure(left, 2).into(),
                figure(own, 2).about(100.0, 0.0).into(),
                pixels_figure.into(),
                figure(quality, 1).into(),
            ];
            table.row(*name, cells);
            last = pixels;
        }
    }
    let noise = noise(COLOR, 200, 2)?;
    let [decided, left, own, pixels, _] = solve(&noise, &noise.first(100), 1)?;
    table.row(
        "noise",
        [
            Cell::from(figure(1.0, 0)),
            figure(decided, 1).about(97.7, 0.2).into(),
            figure(left, 2).into(),
            figure(own, 2).about(100.0, 0.0).into(),
            figure(pixels, 2).into(),
            Cell::text(""),
        ],
    );
    Ok(table.note(
        "Expected: the pairs themselves exactly; more of the held-out pixels with every pair, and all in the end \
         (0.1); nearly all pixels decided by 3 real images (at least 95 %); 97.7 % by one image of noise, of the \
         formula (0.2). Grey pixels never decide their order, and need not.",
    ))
}

/// Means over keys of: decided pixels in percent, states left, the pairs' pixels right, held-out pixels right,
/// PSNR.
fn solve(all: &Set, held_out: &Set, count: usize) -> anyhow::Result<[f64; 5]> {
    const KEYS: usize = 5;
    let mut sums = [0.0; 5];
    for number in 0..KEYS {
        let key = numbered_key("skk", ONE_KEY, all.shape(), number as u64)?;
        let plain = slice(all, 40 * number, count)?;
        let disguised = disguise(&key, &plain, "train", 0)?;
        let open = |images: &Set| -> anyhow::Result<_> {
            let skk = under(&key, images)?.with_pairs(pairs(&plain, &disguised, count)?)?;
            attack("skk-known", &skk, &[])
        };
        let (outcome, own) = (open(held_out)?, open(&plain)?);
        let right = |truth: &Set, guess: &Set| -> anyhow::Result<f64> {
            Ok(100.0 * same(truth.shape().channels, truth.as_bytes()?, guess.as_bytes()?))
        };
        let pictures_found = pictures(&outcome)?;
        let pixels = (all.shape().height * all.shape().width) as f64;
        let found = [
            100.0 * outcome.figures["decided_pixels"] / pixels,
            outcome.figures["mean_candidates"],
            right(&plain, pictures(&own)?)?,
            right(held_out, pictures_found)?,
            psnr(held_out, pictures_found)?,
        ];
        for (sum, value) in sums.iter_mut().zip(found) {
            *sum += value / KEYS as f64;
        }
    }
    Ok(sums)
}
