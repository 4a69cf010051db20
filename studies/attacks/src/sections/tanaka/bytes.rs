//! The byte schemes of blocks: shf, negpos, ffx.

use super::{COLOR, Sources, least};
use crate::{
    disguised::{
        attack, disguise, exposure, integers, key, median, numbered_key, pairs, pictures, psnr, with_helpers,
    },
    record::{Cell, Table, figure},
    sets::{noise, slice},
};
use visard_attacks::Set;

const SCHEMES: [&str; 3] = ["shf", "negpos", "ffx"];
/// Values of a block of 4x4x3.
const PLACES: usize = 48;

pub(super) fn tables(sources: &Sources) -> anyhow::Result<Vec<Table>> {
    Ok(vec![chosen()?, known(sources)?, statistics(sources)?])
}

fn chosen() -> anyhow::Result<Table> {
    const KEYS: u64 = 1000;
    let mut table = Table::new(
        "shf, negpos, ffx, helper blocks (2.1): keys out of 1,000 under which random images come back exactly",
        &["scheme", "helper blocks", "helper images", "keys"],
    );
    let plain = noise(COLOR, 1, 3)?;
    for scheme in SCHEMES {
        let (mut right, mut blocks, mut images) = (0u32, 0.0, 0.0);
        for number in 0..KEYS {
            let key = numbered_key(scheme, &[], COLOR, number)?;
            let exposed = exposure(scheme, &[], COLOR, disguise(&key, &plain, "test", 0)?)?;
            let outcome = attack("bytes-helper", &with_helpers("bytes-helper", &key, exposed)?, &[])?;
            right += u32::from(outcome.reconstructions.as_ref() == Some(&plain));
            blocks = outcome.figures["helper_blocks"];
            images = outcome.figures["helper_images"];
        }
        let blocks = figure(blocks, 0);
        let cells = [
            match scheme {
                "shf" => blocks.about(1.0, 0.0),
                _ => blocks,
            },
            figure(images, 0),
            figure(f64::from(right), 0).about(KEYS as f64, 0.0),
        ];
        table.row(scheme, cells.map(Cell::from));
    }
    Ok(table.note(
        "Blocks of 4x4x3, tolerance 0. Whole bytes need one block of 48 different values where Chang and Li used 16; \
         ffx needs every byte at a masked place, which its mask hides until it is asked.",
    ))
}

fn known(sources: &Sources) -> anyhow::Result<Table> {
    const TRIALS: usize = 20;
    let mut table = Table::new(
        "shf, negpos, ffx, known pairs: 20 keys and known images, 100 other images",
        &[
            "scheme",
            "set",
            "pairs",
            "trials without any error",
            "PSNR, median / least",
        ],
    );
    for (scheme, counts) in [
        ("shf", &[1, 2][..]),
        ("negpos", &[1]),
        ("ffx", &[1, 2, 5, 10, 20]),
    ] {
        for (name, set) in [
            ("Fashion-M", &sources.fashion),
            ("photo patches", &sources.photos),
        ] {
            let test = slice(set, 900, 100)?;
            for count in counts {
                let mut quality = Vec::new();
                for trial in 0..TRIALS {
                    let key = numbered_key(scheme, &[], COLOR, trial as u64)?;
                    let known = slice(set, trial * 20, *count)?;
                    let pairs = pairs(&known, &disguise(&key, &known, "train", 0)?, *count)?;
                    let exposed = exposure(scheme, &[], COLOR, disguise(&key, &test, "test", 0)?)?;
                    let outcome = attack("bytes-known", &exposed.with_pairs(pairs)?, &[])?;
                    quality.push(psnr(&test, pictures(&outcome)?)?);
                }
                let exact = quality.iter().filter(|q| **q == f64::INFINITY).count() as f64;
                let cells = [
                    Cell::text(name),
                    figure(*count as f64, 0).into(),
                    figure(exact, 0).into(),
                    Cell::of([figure(median(quality.clone()), 1), figure(least(&quality), 1)]),
                ];
                table.row(scheme, cells);
            }
        }
    }
    Ok(table.note(
        "Nothing was measured before. shf leaves places open that are equal in all known blocks, as in a dark picture; \
         ffx leaves the table entries of bytes that no known image shows at a masked place.",
    ))
}

fn statistics(sources: &Sources) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "shf and negpos, disguised images alone: median of 5 draws (3 of 1,000 images)",
        &[
            "target / reference",
            "images",
            "shf: places right",
            "PSNR",
            "negpos: signs right",
            "PSNR",
        ],
    );
    for (name, set, reference) in sources.pairs() {
        for count in [5, 20, 100, 1000] {
            let mut columns = [(); 4].map(|()| Vec::new());
            for i in 0..if count < 1000 { 5 } else { 3 } {
                let plain = slice(set, i * count, count)?;
                let shf = one("shf", &plain, reference, 1 + i as u8)?;
                let negpos = one("negpos", &plain, reference, 1 + i as u8)?;
                let found = [shf.0, shf.1, negpos.0, negpos.1];
                columns.iter_mut().zip(found).for_each(|(c, v)| c.push(v));
            }
            let cells = columns.into_iter().zip([2, 1, 2, 1]);
            let cells = cells.map(|(values, decimals)| figure(median(values), decimals).into());
            table.row(
                name,
                [Cell::from(figure(count as f64, 0))].into_iter().chain(cells),
            );
        }
    }
    Ok(table.note("Nothing was measured before: the steps are those of 2.4 on whole bytes."))
}

/// Share of the places that are right, and PSNR.
fn one(scheme: &str, plain: &Set, reference: &Set, secret: u8) -> anyhow::Result<(f64, f64)> {
    let key = key(scheme, &[], COLOR, secret)?;
    let exposed = exposure(scheme, &[], COLOR, disguise(&key, plain, "train", 0)?)?;
    let outcome = attack("bytes-statistics", &exposed.with_public(reference.clone())?, &[])?;
    let truth = key
        .schedule()
        .stream(&format!("{scheme}-key"), &[])
        .permutation(PLACES);
    let right = match scheme {
        "shf" => {
            let found = integers(&outcome, "perm", &[PLACES])?;
            found
                .iter()
                .zip(&truth)
                .filter(|(a, b)| **a == **b as i64)
                .count()
        }
        _ => {
            let found = integers(&outcome, "mask", &[PLACES])?;
            let inverted = |place: &usize| 2 * place > PLACES;
            found
                .iter()
                .zip(&truth)
                .filter(|(a, b)| (**a == 1) == inverted(b))
                .count()
        }
    };
    Ok((right as f64 / PLACES as f64, psnr(plain, pictures(&outcome)?)?))
}
