//! Which disguised images show the same, without undoing anything (ATTACKS, 7.2):
//!
//!     cargo run --release -p study-attacks -- SETS linkage
//!
//! Reproduces that the nearest neighbours of SKK, EtC and the other moving and inverting schemes are those of the
//! plain images exactly, of LE and ELE among nibbles, and of RMT without noise up to rounding.

use super::Section;
use crate::{
    disguised::{Given, disguise, key},
    record::{Cell, Figure, Table, figure},
    sets::{Part, Sets},
};
use visard_attacks::{
    Budget, Set,
    attacks::linkage::{Links, Space, measure},
    metrics,
};

pub(crate) static INFO: Section = Section {
    name: "linkage",
    title: "Linkage by nearest neighbours",
    run,
};

/// What is expected of the nearest neighbours.
#[derive(Clone, Copy)]
enum Expected {
    /// Those of the plain images.
    Equal,
    /// Those of the plain images, up to rounding.
    Rounded,
    /// Nothing was.
    Open,
}

use Expected::{Equal, Open, Rounded};
use Space::{Nibbles, Values};

type Row = (&'static str, Given<'static>, Space, Expected);

const ROWS: [Row; 19] = [
    ("skk", &[], Values, Equal),
    ("skk", &[("color", "false")], Values, Equal),
    ("skk", &[("image_key", "true")], Values, Open),
    ("etc", &[], Values, Equal),
    ("etc-gray", &[], Values, Open),
    ("shf", &[], Values, Equal),
    ("negpos", &[], Values, Equal),
    ("ffx", &[], Values, Open),
    ("tanaka", &[], Values, Open),
    ("tanaka", &[], Nibbles, Equal),
    ("ele", &[], Values, Open),
    ("ele", &[], Nibbles, Equal),
    ("rmt", &[], Values, Rounded),
    ("rmt", &[("noise", "25")], Values, Open),
    ("rmt", &[("noise", "100")], Values, Open),
    ("rmt", &[("matrix", "projection")], Values, Open),
    ("aes", &[], Values, Open),
    ("aes", &[("per_position", "false")], Values, Open),
    ("aes", &[("block", "1"), ("per_position", "false")], Values, Open),
];

/// A scheme and its parameters in words.
pub(super) fn words(scheme: &str, given: Given<'_>) -> String {
    let add = |text: String, (name, value): &(&str, &str)| format!("{text} {name}={value}");
    given.iter().fold(scheme.to_string(), add)
}

fn run(sets: &Sets) -> anyhow::Result<Vec<Table>> {
    let (color, grey) = (
        sets.fashion_m(Part::Test, 2000)?,
        sets.fashion_mnist(Part::Test, 4000)?,
    );
    Ok(vec![
        neighbours("Fashion-M, 2,000 images", &color)?,
        neighbours("Fashion-MNIST, 4,000 images", &grey)?,
        noise(&color, &grey)?,
    ])
}

fn links(set: &Set, space: Space) -> anyhow::Result<Links> {
    Ok(measure(set, space, &Budget::generous(), &|_, _| {})?)
}

/// Whether a scheme takes images with that number of channels with these parameters.
fn fits(scheme: &str, given: Given<'_>, plain: &Set) -> bool {
    key(scheme, given, plain.shape(), 11).is_ok_and(|key| key.disguise(plain.shape()).is_ok())
}

fn neighbours(name: &str, plain: &Set) -> anyhow::Result<Table> {
    let mut table = Table::new(
        &format!("{name}, each against all others"),
        &[
            "scheme",
            "distances between",
            "nearest neighbours as of plain images",
            "1-NN accuracy",
            "AUC",
            "EER",
        ],
    );
    let (values, nibbles) = (links(plain, Values)?, links(plain, Nibbles)?);
    let of = |space: Space| match space {
        Values => ("values", &values),
        Nibbles => ("nibbles", &nibbles),
    };
    let rates = |found: &Links| -> [Figure; 3] {
        let value = |v: Option<f64>| v.unwrap_or(f64::NAN);
        [
            figure(found.accuracy, 4),
            figure(value(found.auc), 4),
            figure(value(found.eer), 4),
        ]
    };
    for space in [Values, Nibbles] {
        let (word, own) = of(space);
        let cells = rates(own).map(Cell::from);
        table.row(
            "plain images",
            [Cell::text(word), Cell::text("-")].into_iter().chain(cells),
        );
    }
    for (scheme, given, space, expected) in ROWS {
        if !fits(scheme, given, plain) {
            continue;
        }
        let disguised = disguise(&key(scheme, given, plain.shape(), 11)?, plain, "train", 0)?;
        let (found, (word, own)) = (links(&disguised, space)?, of(space));
        let same = figure(metrics::key_rate(&own.nearest, &found.nearest), 4);
        let (same, accuracy) = match expected {
            Equal => (
                same.about(1.0, 0.0),
                figure(found.accuracy, 4).about(own.accuracy, 0.0),
            ),
            Rounded => (
                same.at_least(0.999),
                figure(found.accuracy, 4).about(own.accuracy, 0.001),
            ),
            Open => (same, figure(found.accuracy, 4)),
        };
        let [_, auc, eer] = rates(&found);
        let cells = [same, accuracy, auc, eer].map(Cell::from);
        table.row(words(scheme, given), [Cell::text(word)].into_iter().chain(cells));
    }
    Ok(table.note(
        "Equal means equal: tolerance 0, and for RMT without noise 0.001, because its values are rounded to 32-bit \
         floats. AUC and EER are of the decision whether two images are of one class, by distance. By chance one \
         in ten is right, and the AUC is 0.5. The scheme etc-gray is not among the equal ones: it turns colours into \
         YCbCr, and fills images up to whole blocks of 8 with copies of their edges, which count as often as they are \
         copied.",
    ))
}

/// Mean squared distance between two images: twice the variance of all values together, of a sample.
fn spread(set: &Set) -> f64 {
    let (size, floats) = (set.shape().len(), set.to_floats());
    let (mut sums, mut squares) = (vec![0.0; size], 0.0);
    for image in floats.chunks_exact(size) {
        for (sum, value) in sums.iter_mut().zip(image) {
            *sum += f64::from(*value);
            squares += f64::from(*value).powi(2);
        }
    }
    let count = set.len() as f64;
    2.0 * (squares - sums.iter().map(|sum| sum * sum).sum::<f64>() / count) / (count - 1.0)
}

fn noise(color: &Set, grey: &Set) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "What the noise of RMT adds to squared distances, over 2 d N^2 / 12",
        &["set", "N=25", "N=100", "N=200"],
    );
    for (name, set) in [("Fashion-M", color), ("Fashion-MNIST", grey)] {
        let plain = spread(set);
        let mut cells = Vec::new();
        for width in [25.0, 100.0, 200.0f64] {
            let text = width.to_string();
            let disguised = disguise(
                &key("rmt", &[("noise", &text)], set.shape(), 11)?,
                set,
                "train",
                0,
            )?;
            let formula = 2.0 * set.shape().len() as f64 * width * width / 12.0;
            cells.push(
                figure((spread(&disguised) - plain) / formula, 3)
                    .about(1.0, if width > 25.0 { 0.02 } else { 0.05 })
                    .into(),
            );
        }
        table.row(name, cells);
    }
    Ok(table.note("The mean over all pairs; tolerance 0.02, and 0.05 at N=25, where what is added is small beside the distances themselves."))
}
