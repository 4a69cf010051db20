//! Attacks on single images (1.1, 1.2).

use super::{COLOR, OWN_KEYS, PE, disguise, exposure, guess, same};
use crate::{
    disguised::{Given, median},
    record::{Cell, Figure, Table, figure},
    sets::square,
};
use std::collections::BTreeMap;
use visard_attacks::{Exposure, Rng, Set, metrics};
use visard_core::Shape;

type Photos = [(String, image::RgbImage)];

/// PSNR, SSIM, edge correlation, share of exact pixels.
type Judged = [f64; 4];

pub(super) fn tables(photos: &Photos) -> anyhow::Result<Vec<Table>> {
    let measured = [96, 32].map(|side| measure(photos, side));
    let [large, small] = measured;
    let measured = [(96, large?), (32, small?)];
    Ok(vec![
        certain(photos)?,
        leading_bit(&measured),
        neighbours(&measured),
    ])
}

fn scaled(photo: &image::RgbImage, side: u32) -> anyhow::Result<Set> {
    let shape = Shape::new(side as usize, side as usize, 3);
    Ok(Set::bytes(shape, square(photo, side))?)
}

/// The parameters that give propagation the true first pixel.
fn seed(first: &[u8]) -> Vec<(&'static str, String)> {
    let names = ["red", "green", "blue"].into_iter();
    let values = names.zip(first.iter().map(u8::to_string));
    [("seed", "value".to_string())]
        .into_iter()
        .chain(values)
        .collect()
}

fn seeded(first: &[u8], exposure: &Exposure) -> anyhow::Result<Vec<u8>> {
    let given = seed(first);
    let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (*name, &**value)).collect();
    guess("skk-propagation", &given, exposure)
}

/// The guess of all states that is nearest to the truth.
fn best(
    name: &str,
    given: Given<'_>,
    counted: &str,
    truth: &[u8],
    skk: &Exposure,
) -> anyhow::Result<Vec<u8>> {
    let mut best = (f64::MIN, Vec::new());
    for state in 0..48 {
        let state = state.to_string();
        let given: Vec<_> = given.iter().copied().chain([(counted, &*state)]).collect();
        let guess = guess(name, &given, skk)?;
        let found = metrics::psnr(truth, &guess);
        if found > best.0 {
            best = (found, guess);
        }
    }
    Ok(best.1)
}

/// What each attack makes of each photograph, by the attack's name.
fn measure(photos: &Photos, side: u32) -> anyhow::Result<BTreeMap<&'static str, Vec<Judged>>> {
    let mut rows: BTreeMap<&str, Vec<Judged>> = BTreeMap::new();
    for (_, photo) in photos {
        let plain = scaled(photo, side)?;
        let (truth, shape) = (plain.as_bytes()?, plain.shape());
        let mut add = |name, guess: &[u8]| {
            rows.entry(name).or_default().push([
                metrics::psnr(truth, guess),
                metrics::ssim(shape, truth, guess).unwrap_or(f64::NAN),
                metrics::edge_correlation(shape, truth, guess).unwrap_or(f64::NAN),
                same(3, truth, guess),
            ]);
        };
        let (made, negated) = (disguise(OWN_KEYS, 5, &plain)?, disguise(PE, 5, &plain)?);
        add("cipher, SKK", made.as_bytes()?);
        add("cipher, PE", negated.as_bytes()?);
        add(
            "fold, PE",
            &guess("skk-leading-bit", &[], &exposure(PE, negated)?)?,
        );
        let skk = exposure(OWN_KEYS, made)?;
        add("fold, SKK", &guess("skk-leading-bit", &[], &skk)?);
        add(
            "fold, grey",
            &guess("skk-leading-bit", &[("grey", "true")], &skk)?,
        );
        add("true", &seeded(&truth[..3], &skk)?);
        for seed in ["grey", "white", "best"] {
            add(seed, &guess("skk-propagation", &[("seed", seed)], &skk)?);
        }
        add(
            "of 48",
            &best("skk-propagation", &[("seed", "state")], "state", truth, &skk)?,
        );
        add("graph", &guess("skk-graph", &[], &skk)?);
        add("graph of 48", &best("skk-graph", &[], "rank", truth, &skk)?);
    }
    Ok(rows)
}

/// Median, least and greatest of one of the figures.
fn spread(values: &[Judged], which: usize, decimals: usize) -> Cell {
    let values: Vec<f64> = values.iter().map(|v| v[which]).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Cell::of([median(values), least, most].map(|v| figure(v, decimals)))
}

type Measured = [(u32, BTreeMap<&'static str, Vec<Judged>>); 2];

/// PSNR, SSIM and edge correlation.
fn published([psnr, ssim, edges]: [f64; 3]) -> Cell {
    Cell::of([figure(psnr, 1), figure(ssim, 2), figure(edges, 2)])
}

fn leading_bit(measured: &Measured) -> Table {
    let mut table = Table::new(
        "Leading bits, one image (1.1): photographs, median / least / greatest",
        &[
            "image",
            "PSNR",
            "SSIM",
            "edge correlation",
            "another image: PSNR / SSIM / edges",
        ],
    );
    let nothing = [f64::NAN; 3];
    let others = [
        [[f64::NAN, f64::NAN, -0.06], [5.9, 0.28, 0.88], [6.3, 0.15, 0.56]],
        [nothing, [10.1, 0.32, 0.79], [10.3, 0.25, 0.67]],
    ];
    for ((side, rows), [cipher, pe, skk]) in measured.iter().zip(others) {
        for (name, title, other) in [
            ("cipher, PE", "PE, disguised", cipher),
            ("fold, PE", "PE, folded", pe),
            ("cipher, SKK", "SKK, disguised", nothing),
            ("fold, SKK", "SKK, folded", skk),
            ("fold, grey", "SKK, folded, grey", nothing),
        ] {
            let values = &rows[name];
            let cells = [(0, 1), (1, 2), (2, 2)].map(|(which, decimals)| spread(values, which, decimals));
            let cells = cells.into_iter().chain([published(other)]);
            table.row(format!("{title}, {side}x{side}"), cells);
        }
    }
    table.note(
        "How dark a picture is decides the PSNR of its folded form, so these figures belong to one image each. The \
         images measured before, a bird of 96x96 and a horse of 32x32 (last column), are not to be had; the \
         photographs, the middle square of each scaled to the same size, stand for them without an expectation. \
         Both of the others lie inside the range of the photographs where they can be compared.",
    )
}

fn neighbours(measured: &Measured) -> Table {
    let mut table = Table::new(
        "Neighbours, one image (1.2): photographs, SKK, median / least / greatest",
        &[
            "attack",
            "exact pixels, %",
            "PSNR",
            "SSIM",
            "edge correlation",
            "edges clearer than folded",
            "another image: exact pixels, %, or SSIM / edges",
        ],
    );
    let percents = |values: &[f64]| Cell::of(values.iter().map(|v| figure(*v, 0)));
    let pair = |ssim, edges| Cell::of([figure(ssim, 2), figure(edges, 2)]);
    for (side, rows) in measured {
        let large = *side == 96;
        let other = |seed: &[f64], tree: Cell| match large {
            true => (percents(seed), tree),
            false => (percents(&[7.0, 8.0]), pair(0.25, 0.49)),
        };
        let (wrong, tree) = other(&[5.0, 6.0], pair(0.31, 0.72));
        let (right, _) = other(&[12.0], Cell::text(""));
        for (name, title, other) in [
            ("true", "propagation, true seed", right),
            ("grey", "propagation, grey seed", wrong.clone()),
            ("white", "propagation, white seed", wrong),
            ("best", "propagation, seed by prior", Cell::text("")),
            ("of 48", "propagation, best of 48", Cell::text("")),
            ("graph", "tree, turned by prior", Cell::text("")),
            ("graph of 48", "tree, best of 48", tree),
        ] {
            let values = &rows[name];
            let clearer = values.iter().zip(&rows["fold, SKK"]);
            let clearer = clearer.filter(|(a, b)| a[2] > b[2]).count() as f64;
            let exact: Vec<Judged> = values.iter().map(|v| [100.0 * v[3]; 4]).collect();
            let cells = [
                spread(&exact, 0, 1),
                spread(values, 0, 1),
                spread(values, 1, 2),
                spread(values, 2, 2),
                Cell::from(figure(clearer, 0)),
                other,
            ];
            table.row(format!("{title}, {side}x{side}"), cells);
        }
    }
    table
        .note(
            "As above, the bird and the horse (last column) are other images, so nothing is expected of the \
             photographs. The best of 48 is chosen by its PSNR, which an attacker cannot know.",
        )
        .note(&format!(
            "The column before the last counts, of {} photographs, those whose edges are clearer than the folded \
             picture's: what neighbours gain over leading bits depends on the image.",
            measured[0].1["true"].len()
        ))
}

/// Statements about any image.
fn certain(photos: &Photos) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "What holds for any image and key (1.1, 1.2): share of values or pixels",
        &["statement", "share"],
    );
    let one = |share: f64| Cell::from(figure(share, 4).about(1.0, 0.0));
    let mut shares = BTreeMap::<&str, Vec<f64>>::new();
    for (i, (_, photo)) in photos.iter().enumerate() {
        for side in [96, 32] {
            folded(&scaled(photo, side)?, 2 * i as u8 + 1, &mut shares)?;
        }
    }
    let mut rng = Rng::new(3);
    for secret in 0..100 {
        let colour: Vec<u8> = (0..3).map(|_| rng.below(256) as u8).collect();
        let plain = Set::bytes(COLOR, colour.repeat(COLOR.len() / 3))?;
        let skk = exposure(OWN_KEYS, disguise(OWN_KEYS, secret, &plain)?)?;
        let share = same(3, plain.as_bytes()?, &seeded(&colour, &skk)?);
        shares.entry("flat").or_default().push(share);
    }
    let mean = |name: &str| shares[name].iter().sum::<f64>() / shares[name].len() as f64;
    for (name, statement) in [
        ("pe", "PE: folded is min(v, 255 - v) of the plain image"),
        ("skk", "SKK: the same up to the order of colours in each pixel"),
        ("again", "folding again changes nothing"),
        ("key", "PE: folded does not depend on the key"),
        (
            "flat",
            "propagation, one colour, true seed, 100 colours and keys: exact",
        ),
        (
            "dark",
            "propagation, PE, photographs in grey levels 0 to 63, true seed: exact",
        ),
        ("seed", "propagation, PE: depends on the key by the seed alone"),
    ] {
        table.row(statement, [one(mean(name))]);
    }
    let ties: Figure = figure(mean("ties"), 4);
    table.row(
        "propagation, SKK: pixels that are the same under another key",
        [ties.into()],
    );
    Ok(table
        .note("Tolerance 0: these are statements of algebra.")
        .note(
            "With a colour step, propagation depends on the key beyond its seed: orders of equal distance to the \
             reference are decided by the last one in a fixed list, and the list is of the places in the disguised \
             pixel. One tie turns the pixels below it as well, so few pixels stay the same.",
        ))
}

fn folded(plain: &Set, secret: u8, shares: &mut BTreeMap<&'static str, Vec<f64>>) -> anyhow::Result<()> {
    let truth = plain.as_bytes()?;
    let fold: Vec<u8> = truth.iter().map(|v| *v.min(&(255 - v))).collect();
    let under = |given: Given<'_>, secret: u8| -> anyhow::Result<Exposure> {
        exposure(given, disguise(given, secret, plain)?)
    };
    let mut add = |name, share| shares.entry(name).or_default().push(share);
    let (pe, skk) = (under(PE, secret)?, under(OWN_KEYS, secret)?);
    let (other_pe, other_skk) = (under(PE, secret + 1)?, under(OWN_KEYS, secret + 1)?);
    let found = guess("skk-leading-bit", &[], &pe)?;
    add("pe", same(1, &fold, &found));
    add("key", same(1, &found, &guess("skk-leading-bit", &[], &other_pe)?));
    let again = exposure(PE, Set::bytes(plain.shape(), found.clone())?)?;
    add("again", same(1, &found, &guess("skk-leading-bit", &[], &again)?));
    let sorted = |pixels: &[u8]| -> Vec<u8> {
        let mut pixels = pixels.to_vec();
        pixels.chunks_exact_mut(3).for_each(<[u8]>::sort_unstable);
        pixels
    };
    let found = guess("skk-leading-bit", &[], &skk)?;
    add("skk", same(3, &sorted(&fold), &sorted(&found)));
    let first = &truth[..3];
    add("seed", same(3, &seeded(first, &pe)?, &seeded(first, &other_pe)?));
    add(
        "ties",
        same(3, &seeded(first, &skk)?, &seeded(first, &other_skk)?),
    );
    let dark = Set::bytes(plain.shape(), truth.iter().map(|v| v / 4).collect())?;
    let pe = exposure(PE, disguise(PE, secret, &dark)?)?;
    let first = dark.as_bytes()?[..3].to_vec();
    add("dark", same(3, dark.as_bytes()?, &seeded(&first, &pe)?));
    Ok(())
}
