//! Keys of EtC from known and chosen pairs.

use super::puzzle::{Photos, SMALL, noise, patches, under};
use crate::{
    disguised::{Given, attack, pairs as paired, pictures, psnr, texts},
    record::{Cell, Table, figure},
    sets::{Part, Sets, slice},
};
use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use visard_attacks::{Exposure, Outcome, Pairs, Rng, Set, Target, attacks};
use visard_core::{Shape, params::Params};

/// A scheme with its parameters, the pairs, and the images that are attacked with them.
struct Case<'a> {
    scheme: &'a str,
    given: Given<'a>,
    known: Set,
    images: Set,
}

impl Case<'_> {
    /// The attacked images under the case's key.
    fn exposure(&self) -> anyhow::Result<Exposure> {
        let target = Target::new(self.scheme, &texts(self.given), self.images.shape())?;
        let disguised = under(self.scheme, self.given, &self.images, None)?;
        Ok(Exposure::new(target, disguised)?)
    }

    fn known_pairs(&self) -> anyhow::Result<Pairs> {
        let disguised = under(self.scheme, self.given, &self.known, None)?;
        paired(&self.known, &disguised, self.known.len())
    }

    fn attack(&self) -> anyhow::Result<Outcome> {
        attack(
            "etc-known",
            &self.exposure()?.with_pairs(self.known_pairs()?)?,
            &[],
        )
    }

    /// Share of the values of other images that the found key disguises as the key does.
    fn as_the_key(&self, outcome: &Outcome) -> anyhow::Result<f64> {
        let truth = under(self.scheme, self.given, &self.images, None)?;
        let again = under(self.scheme, self.given, &self.images, Some(&outcome.material))?;
        let alike = truth
            .as_bytes()?
            .iter()
            .zip(again.as_bytes()?)
            .filter(|(a, b)| a == b);
        Ok(alike.count() as f64 / truth.as_bytes()?.len() as f64)
    }

    /// The cells of a row; `exact` where the key must be exact.
    fn cells(&self, outcome: &Outcome, exact: bool) -> anyhow::Result<[Cell; 4]> {
        let share = figure(self.as_the_key(outcome)?, 4);
        let quality = figure(psnr(&self.images, pictures(outcome)?)?, 1);
        let bits = outcome.figures.get("key_bits_left").copied().unwrap_or(f64::NAN);
        Ok([
            figure(self.known.len() as f64, 0).into(),
            if exact { share.at_least(1.0) } else { share }.into(),
            quality.into(),
            figure(bits, 0).into(),
        ])
    }
}

/// Known and chosen pairs (ATTACKS 3.1).
pub(super) fn pairs(sets: &Sets, photos: &Photos) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Keys from pairs",
        &[
            "images, blocks",
            "pairs",
            "disguises other images as the key does",
            "PSNR of other images",
            "key bits left",
        ],
    );
    random_pairs(&mut table, photos)?;
    real_pairs(&mut table, sets, photos)?;
    chosen(&mut table, photos)?;
    let wrong = wrong_pairs(sets)?;
    table.row("null: pairs of other images, near match", wrong);
    table.row(
        "one photo patch of 96x96, 8x8, pair and images stored as JPEG of quality 90",
        through_jpeg(photos)?,
    );
    Ok(table
        .note("Other images are 20 that are not among the pairs. The exact key is expected on random images \
               from one pair, and from one chosen image; a share of 1 is exact, and no tolerance is given.")
        .note("Photographs and garments have flat and symmetric blocks, whose places and states one pair leaves open; \
               pictures of the known pair are exact all the same, and more pairs leave fewer keys.")
        .note("etc-gray goes through integer YCbCr, so that an exact key gives pictures that differ by rounding."))
}

/// One pair of random bytes in several shapes.
fn random_pairs(table: &mut Table, photos: &Photos) -> anyhow::Result<()> {
    let colour = patches(photos, 20, 1)?;
    let grey: Vec<u8> = colour.as_bytes()?.iter().step_by(3).copied().collect();
    let grey = Set::bytes(Shape::new(32, 32, 1), grey)?;
    let cases: [(&str, &str, Given<'_>, &Set); 4] = [
        ("random, etc 4x4, 32x32x3", "etc", &[("block", "4")], &colour),
        ("random, etc 8x8, 32x32x3", "etc", &[("block", "8")], &colour),
        ("random, etc 4x4, 32x32x1", "etc", &[("block", "4")], &grey),
        (
            "random, etc-gray 8x8, 32x32x3",
            "etc-gray",
            &[("block", "8"), ("subsampling", "444")],
            &colour,
        ),
    ];
    for (name, scheme, given, images) in cases {
        let known = noise(images.shape(), 1, &mut Rng::new(2))?;
        let case = Case {
            scheme,
            given,
            known,
            images: images.clone(),
        };
        table.row(name, case.cells(&case.attack()?, true)?);
    }
    Ok(())
}

/// Pairs of photo patches, and of garments, whose borders are flat.
fn real_pairs(table: &mut Table, sets: &Sets, photos: &Photos) -> anyhow::Result<()> {
    let given: Given<'_> = &[("block", "4")];
    let garments = sets.fashion_mnist(Part::Test, 120)?;
    for (name, all) in [
        ("photo patches, 4x4", patches(photos, 120, 3)?),
        ("Fashion-MNIST, 4x4", garments),
    ] {
        for count in [1, 2, 5, 16] {
            let (known, images) = (all.first(count), slice(&all, 100, 20)?);
            let case = Case {
                scheme: "etc",
                given,
                known,
                images,
            };
            table.row(name, case.cells(&case.attack()?, false)?);
        }
        let known = all.first(1);
        let case = Case {
            scheme: "etc",
            given,
            images: known.clone(),
            known,
        };
        let quality = psnr(&case.images, pictures(&case.attack()?)?)?;
        let exact = figure(quality, 1).about(f64::INFINITY, 0.0);
        let cells = [
            figure(1.0, 0).into(),
            Cell::text("-"),
            exact.into(),
            Cell::text("-"),
        ];
        table.row(format!("{name}, the known image itself"), cells);
    }
    Ok(())
}

/// One image of the adversary's choice.
fn chosen(table: &mut Table, photos: &Photos) -> anyhow::Result<()> {
    let images = patches(photos, 20, 4)?;
    let info = attacks::find("etc-helper")?;
    let params = Params::resolve(info.params, &texts(&[]))?;
    let helpers = info
        .helpers
        .ok_or_else(|| anyhow::anyhow!("it has a helper image"))?;
    for (name, given) in [
        ("chosen, etc 2x2, 32x32x3", [("block", "2")]),
        ("chosen, etc 4x4, 32x32x3", [("block", "4")]),
    ] {
        let known = helpers(&Target::new("etc", &texts(&given), SMALL)?, &params)?;
        let case = Case {
            scheme: "etc",
            given: &given,
            known,
            images: images.clone(),
        };
        let exposure = case.exposure()?.with_chosen(case.known_pairs()?)?;
        table.row(name, case.cells(&attack("etc-helper", &exposure, &[])?, true)?);
    }
    Ok(())
}

/// Disguised images that are not those of the plain ones.
fn wrong_pairs(sets: &Sets) -> anyhow::Result<[Cell; 4]> {
    let all = sets.fashion_mnist(Part::Test, 120)?;
    let (known, images) = (all.first(5), slice(&all, 100, 20)?);
    let case = Case {
        scheme: "etc",
        given: &[("block", "4")],
        known,
        images,
    };
    let other = under(case.scheme, case.given, &slice(&all, 50, 5)?, None)?;
    let exposure = case.exposure()?.with_pairs(paired(&case.known, &other, 5)?)?;
    case.cells(&attack("etc-known", &exposure, &[])?, false)
}

/// Everything that is disguised has been stored with loss.
fn through_jpeg(photos: &Photos) -> anyhow::Result<[Cell; 4]> {
    let all = crate::sets::patches(photos, 480, 96, 21, 5)?;
    let given: Given<'_> = &[("block", "8")];
    let case = Case {
        scheme: "etc",
        given,
        known: all.first(1),
        images: slice(&all, 1, 20)?,
    };
    let stored = |set: &Set| -> anyhow::Result<Set> {
        let mut bytes = Vec::new();
        for image in set.as_bytes()?.chunks_exact(set.shape().len()) {
            let mut file = Vec::new();
            JpegEncoder::new_with_quality(&mut file, 90).encode(image, 96, 96, ExtendedColorType::Rgb8)?;
            bytes.extend(image::load_from_memory(&file)?.to_rgb8().into_raw());
        }
        Ok(Set::bytes(set.shape(), bytes)?)
    };
    let Exposure {
        target, disguised, ..
    } = case.exposure()?;
    let pairs = Pairs::new(case.known.clone(), stored(&case.known_pairs()?.disguised)?)?;
    let exposure = Exposure::new(target, stored(&disguised)?)?.with_pairs(pairs)?;
    case.cells(&attack("etc-known", &exposure, &[])?, false)
}
