//! Looking at the disguised images: the attack that needs no method, and that every other must beat.

use crate::{AttackInfo, Error, Exposure, Level, Needs, Outcome, Result, Set};
use visard_core::Shape;

const NAME: &str = "look";

pub(super) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "Looking at the disguised images",
    paper: "none needed",
    summary: "takes the disguised images for pictures, as anybody would who opens them; reals are \
              stretched from their range to grey levels",
    level: Level::Disguised,
    applies: &[],
    needs: Needs::Nothing,
    params: &[],
    helpers: None,
    trains: false,
    run: |exposure, _, _, _, _| look(exposure).map(Outcome::pictures),
};

/// The disguised images as pictures of the plain ones' shape, without padding; the first of several encodings.
fn look(exposure: &Exposure) -> Result<Set> {
    let (target, disguised) = (&exposure.target, &exposure.disguised);
    let (plain, shape) = (target.plain, disguised.shape());
    let covers = shape.height >= plain.height && shape.width >= plain.width;
    if shape.channels != plain.channels || !covers {
        return Err(Error::Unfit {
            attack: NAME,
            target: target.describe(),
            problem: format!("disguised images of {shape} are no pictures"),
        });
    }
    let (low, high) = target.scheme.output(plain)?.range;
    let level = |value: f32| ((value - low) / (high - low) * 255.0 + 0.5) as u8;
    let each = target.scheme.encodings() * shape.len();
    let values = disguised.to_floats();
    let pixels: Vec<u8> = values
        .chunks_exact(each)
        .flat_map(|image| corner(image, shape, plain))
        .map(level)
        .collect();
    Set::bytes(plain, pixels)
}

/// The upper left part of an image.
fn corner(image: &[f32], shape: Shape, part: Shape) -> impl Iterator<Item = f32> {
    let rows = image.chunks_exact(shape.row()).take(part.height);
    rows.flat_map(move |row| row[..part.row()].iter().copied())
}
