//! Pictures to show: the best and the median of what an attack brought back.

use crate::{
    Access, Cell, Result,
    battery::{Play, Run, Stage, defaults},
};
use visard_attacks::{Budget, Rng, Set, attacks, metrics};
use visard_core::Shape;

/// What a picture is an example of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The best of all.
    Best,
    /// The one in the middle.
    Median,
    /// A class, by its number.
    Class(u32),
}

/// A recovered image beside what it was recovered from, and the original.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it is an example of.
    pub role: Role,
    /// The original, (H, W, C); of a class the mean of its images.
    pub plain: Vec<u8>,
    /// The disguised image as a picture, where it is one.
    pub disguised: Option<Vec<u8>>,
    /// What came back.
    pub recovered: Vec<u8>,
}

/// Examples of one attack.
#[derive(Clone, Debug)]
pub struct Example {
    /// Name of the attack.
    pub attack: String,
    /// What the adversary held.
    pub access: Access,
    /// The cell, where a model was attacked.
    pub cell: Option<Cell>,
    /// Images that it had ([`Access::counts`]).
    pub count: usize,
    /// Shape of the pictures.
    pub shape: Shape,
    /// Name of the set that they are of.
    pub of: String,
    /// The pictures.
    pub pictures: Vec<Picture>,
}

/// The examples of a run that made pictures.
pub(crate) fn example(stage: &Stage<'_>, play: Play, run: &Run) -> Result<Example> {
    let (shape, truth) = (stage.subjects.shape(), stage.judge.truth().as_bytes()?);
    let empty = Set::bytes(shape, Vec::new())?;
    let turned = run.turned.as_ref().unwrap_or(&empty);
    let recovered = metrics::to_bytes(turned);
    let seen = look(run)?;
    let image = |set: &[u8], i: usize| set[i * shape.len()..][..shape.len()].to_vec();
    let order = order(shape, truth, &recovered);
    let mut places = Vec::new();
    places.extend(order.first().map(|place| (Role::Best, *place)));
    places.extend(
        order
            .get(order.len() / 2)
            .filter(|_| order.len() > 1)
            .map(|place| (Role::Median, *place)),
    );
    let pictures = places.into_iter().map(|(role, i)| Picture {
        role,
        plain: image(truth, i),
        disguised: seen
            .as_ref()
            .and_then(|seen| seen.as_bytes().ok())
            .filter(|seen| seen.len() >= (i + 1) * shape.len())
            .map(|seen| image(seen, i)),
        recovered: image(&recovered, i),
    });
    Ok(Example {
        attack: play.info.name.into(),
        access: play.access,
        cell: None,
        count: run.point.count,
        shape,
        of: stage.subjects.name.clone(),
        pictures: pictures.collect(),
    })
}

/// The disguised images as pictures, where they are any.
fn look(run: &Run) -> Result<Option<Set>> {
    let info = attacks::find("look")?;
    let outcome = (info.run)(
        &run.exposure,
        &defaults(info)?,
        &Budget::generous(),
        &mut Rng::new(0),
        &|_, _| {},
    );
    Ok(outcome.ok().and_then(|outcome| outcome.reconstructions))
}

/// Places of the pictures, the best first: by edges, and where there are none by squared error.
fn order(shape: Shape, truth: &[u8], recovered: &[u8]) -> Vec<usize> {
    let each = truth
        .chunks_exact(shape.len())
        .zip(recovered.chunks_exact(shape.len()));
    let mut scored: Vec<(f64, f64, usize)> = each
        .enumerate()
        .map(|(i, (t, g))| {
            let edges = metrics::edge_correlation(shape, t, g).unwrap_or(-1.0);
            (edges, metrics::psnr(t, g), i)
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    scored.into_iter().map(|scored| scored.2).collect()
}
