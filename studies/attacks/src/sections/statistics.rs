//! Generic statistics of disguised bytes, sanity and no proof (ATTACKS, 9):
//!
//!     cargo run --release -p study-attacks -- SETS statistics
//!
//! Reproduces that noise passes and plain images fail, the entropies of a constant image and of a ramp, and that
//! the change of one pixel stays where the scheme keeps it.

use super::{Section, linkage::words};
use crate::{
    disguised::{Given, attack, disguise, exposure, key},
    record::{Cell, Figure, Table, figure},
    sets::{Part, Sets, noise},
};
use anyhow::Context;
use std::collections::BTreeMap;
use visard_attacks::{Pairs, Set, Target, attacks, metrics};
use visard_core::{Key, MasterSecret, Shape, params::Params};

pub(crate) static INFO: Section = Section {
    name: "statistics",
    title: "Generic statistics",
    run,
};

const SCHEMES: [(&str, Given<'static>); 10] = [
    ("skk", &[]),
    ("skk", &[("image_key", "true")]),
    ("etc", &[]),
    ("etc-gray", &[]),
    ("shf", &[]),
    ("negpos", &[]),
    ("tanaka", &[]),
    ("ele", &[]),
    ("aes", &[]),
    ("aes", &[("per_position", "false")]),
];

/// Pixels that the change of one pixel reaches.
fn reached(scheme: &str, given: Given<'_>) -> Option<f64> {
    match scheme {
        // Under a fresh key for each image the two images differ everywhere.
        _ if given.contains(&("image_key", "true")) => None,
        // Its images are larger, and a step of one level is lost in rounding some channels.
        "etc-gray" => None,
        // 255 of 256 values of a byte are another one.
        "aes" => Some(16.0 * 255.0 / 256.0),
        _ => Some(1.0),
    }
}

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let (color, grey) = (
        sets.fashion_m(Part::Test, 1000)?,
        sets.fashion_mnist(Part::Test, 1000)?,
    );
    Ok(vec![
        known_values()?,
        values("Fashion-M, 1,000 images", &color)?,
        values("Fashion-MNIST, 1,000 images", &grey)?,
        locality("Fashion-M", &color)?,
        locality("Fashion-MNIST", &grey)?,
    ])
}

fn known_values() -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Known values",
        &["images", "entropy", "chi-square", "NPCR", "UACI"],
    );
    let counted = |bytes: &[u8]| {
        let counts = metrics::counts(bytes.iter().copied());
        (metrics::entropy(&counts), metrics::chi_square(&counts))
    };
    let (entropy, chi) = counted(&[9; 1024]);
    let none = || Cell::text("-");
    table.row(
        "constant",
        [
            figure(entropy, 3).about(0.0, 0.0).into(),
            figure(chi, 1).at_least(293.2).into(),
            none(),
            none(),
        ],
    );
    let ramp: Vec<u8> = (0..1024u32).map(|i| i as u8).collect();
    let (entropy, chi) = counted(&ramp);
    table.row(
        "uniform ramp",
        [
            figure(entropy, 3).about(8.0, 0.0).into(),
            figure(chi, 1).about(0.0, 0.0).into(),
            none(),
            none(),
        ],
    );
    let random = noise(Shape::new(512, 512, 1), 2, 4)?;
    let (a, b) = random.as_bytes()?.split_at(512 * 512);
    let (entropy, chi) = counted(a);
    table.row(
        "random bytes, 512 x 512, against others",
        [
            figure(entropy, 3).about(8.0, 0.002).into(),
            figure(chi, 1).at_most(293.2).into(),
            figure(metrics::npcr(a, b), 5).about(0.99609, 0.0005).into(),
            figure(metrics::uaci(a, b), 5).about(0.33464, 0.001).into(),
        ],
    );
    Ok(table.note(
        "293.2 is the bound of 5 % for 255 degrees of freedom. Tolerances: 0.0005 of NPCR, 0.001 of UACI.",
    ))
}

/// The figures of the statistics attack on images that a scheme is said to have made.
fn figures(
    scheme: &str,
    given: Given<'_>,
    plain: Shape,
    disguised: Set,
) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    Ok(attack("statistics", &exposure(scheme, given, plain, disguised)?, &[])?.figures)
}

const COLUMNS: [&str; 7] = [
    "entropy_0",
    "uniform_images",
    "correlation_horizontal",
    "correlation_vertical",
    "correlation_diagonal",
    "correlation_block_right",
    "equal_neighbours",
];

fn values(name: &str, plain: &Set) -> anyhow::Result<Table> {
    let mut table = Table::new(
        name,
        &[
            "images",
            "entropy",
            "uniform images",
            "correlation right",
            "below",
            "diagonal",
            "one block right",
            "equal neighbours",
        ],
    );
    let shape = plain.shape();
    let cells = |found: &BTreeMap<&str, f64>| {
        COLUMNS.map(|name| figure(found.get(name).copied().unwrap_or(f64::NAN), 3))
    };
    let random = noise(shape, plain.len(), 6)?;
    let [entropy, uniform, right, below, diagonal, block, equal] =
        cells(&figures("aes", &[], shape, random)?);
    let uncorrelated = |figure: Figure| Cell::from(figure.about(0.0, 0.01));
    table.row(
        "random bytes",
        [
            entropy.about(8.0, 0.002).into(),
            uniform.about(0.95f64.powi(shape.channels as i32), 0.03).into(),
            uncorrelated(right),
            uncorrelated(below),
            uncorrelated(diagonal),
            uncorrelated(block),
            equal.about(1.0 / 256.0, 0.001).into(),
        ],
    );
    let [entropy, uniform, right, below, rest @ ..] = cells(&figures("aes", &[], shape, plain.clone())?);
    let failing = [
        entropy,
        uniform.at_most(0.05),
        right.at_least(0.5),
        below.at_least(0.5),
    ];
    table.row("plain images", failing.into_iter().chain(rest).map(Cell::from));
    for (scheme, given) in SCHEMES {
        let Ok(key) = key(scheme, given, shape, 11) else {
            continue;
        };
        let disguised = disguise(&key, plain, "train", 0)?;
        table.row(
            words(scheme, given),
            cells(&figures(scheme, given, shape, disguised)?).map(Cell::from),
        );
    }
    Ok(table.note(
        "Random bytes, as a stream cipher gives them, are to pass and plain images to fail. Uniform images are those \
         whose chi-square stays below the bound of 5 % in every channel: 0.95 of random grey images, 0.95^3 of random \
         colour images. Tolerances: 0.01 of a correlation, \
         0.03 of uniform images.",
    ))
}

/// The key of the scheme whose secret differs in one bit.
fn near_key(scheme: &str, given: Given<'_>, shape: Shape) -> anyhow::Result<Key> {
    let mut secret = [11; 32];
    secret[31] ^= 1;
    let given = crate::disguised::texts(given);
    Ok(Key::new(
        scheme,
        &given,
        Some(shape),
        MasterSecret::new(secret),
        None,
    )?)
}

/// Share of values that differ.
fn differing(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a != b).count() as f64 / a.len() as f64
}

fn locality(name: &str, plain: &Set) -> anyhow::Result<Table> {
    let mut table = Table::new(
        &format!("{name}: change of one pixel, the same image twice, change of one bit of the key"),
        &[
            "scheme",
            "values changed",
            "UACI",
            "repeated",
            "values changed by one bit of the key",
        ],
    );
    let shape = plain.shape();
    let pixels = (shape.height * shape.width) as f64;
    let make = attacks::find("statistics")?
        .helpers
        .context("statistics has helpers")?;
    let helpers = make(&Target::new("aes", &BTreeMap::new(), shape)?, &Params::default())?;
    let size = shape.len();
    for (scheme, given) in SCHEMES {
        let Ok(key) = key(scheme, given, shape, 11) else {
            continue;
        };
        let answers = disguise(&key, &helpers, "chosen", 0)?;
        let other = disguise(&near_key(scheme, given, shape)?, &helpers, "chosen", 0)?;
        let disguised = disguise(&key, &plain.first(2), "train", 0)?;
        let exposed = exposure(scheme, given, shape, disguised)?
            .with_chosen(Pairs::new(helpers.clone(), answers.clone())?)?;
        let found = attack("statistics", &exposed, &[])?.figures;
        let of = |name: &str| found.get(name).copied().unwrap_or(f64::NAN);
        let (changed, repeated) = (figure(of("npcr"), 5), figure(of("repeats"), 3));
        let [changed, repeated] = match reached(scheme, given) {
            Some(reached) => {
                let share = reached / pixels;
                let tolerance = if scheme == "aes" { 0.1 * share } else { 1e-9 };
                [changed.about(share, tolerance), repeated.about(1.0, 0.0)]
            }
            None if scheme == "etc-gray" => [changed.at_most(1.0 / pixels), repeated.about(1.0, 0.0)],
            None => [changed, repeated],
        };
        let apart = differing(&answers.to_floats()[..size], &other.to_floats()[..size]);
        let cells = [changed, figure(of("uaci"), 5), repeated, figure(apart, 3)];
        table.row(words(scheme, given), cells.map(Cell::from));
    }
    table.row("rmt", turned(&helpers)?);
    Ok(table.note(
        "The image is random; one pixel of it changes by one level in each channel. A scheme that moves and inverts \
         values changes one value of each channel, RMT one row of a block, AES one run of 16 bytes, of which 255 in \
         256 become another value (tolerance 10 %).",
    ))
}

/// The same for floats, which the statistics attack does not count: RMT with its row of 4.
fn turned(helpers: &Set) -> anyhow::Result<[Cell; 4]> {
    let shape = helpers.shape();
    let size = shape.len();
    let floats = disguise(&key("rmt", &[], shape, 11)?, helpers, "chosen", 0)?.to_floats();
    let other = disguise(&near_key("rmt", &[], shape)?, helpers, "chosen", 0)?.to_floats();
    let share = 4.0 / (shape.height * shape.width) as f64;
    let repeated = 1.0 - differing(&floats[..size], &floats[2 * size..]);
    Ok([
        figure(differing(&floats[..size], &floats[size..2 * size]), 5)
            .about(share, 1e-9)
            .into(),
        Cell::text("-"),
        figure(repeated, 3).about(1.0, 0.0).into(),
        figure(differing(&floats[..size], &other[..size]), 3).into(),
    ])
}
