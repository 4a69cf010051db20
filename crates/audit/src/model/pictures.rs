//! Pictures of classes beside the means of the classes.

use super::{
    Cell,
    judged::{means, stretched},
    people::People,
};
use crate::{
    Access, Result,
    show::{Example, Picture, Role},
};
use visard_attacks::{metrics, model::ModelAttackInfo};

/// Most classes that are shown.
const SHOWN: usize = 12;

/// What an attack made of the first classes in a cell; none where it made no picture of a class that has images.
pub(super) fn example(
    info: &ModelAttackInfo,
    cell: Cell,
    pixels: &[f32],
    people: &People,
    of: &str,
) -> Result<Option<Example>> {
    let shape = people.others.shape();
    let means = means(people)?;
    let each = means.iter().zip(pixels.chunks_exact(shape.len())).enumerate();
    let pictures: Vec<Picture> = each
        .filter_map(|(class, (mean, picture))| {
            let mean = mean.as_ref()?;
            Some(Picture {
                role: Role::Class(class as u32),
                plain: mean.iter().map(|v| metrics::to_byte(*v)).collect(),
                disguised: None,
                recovered: stretched(picture),
            })
        })
        .take(SHOWN)
        .collect();
    Ok((!pictures.is_empty()).then(|| Example {
        attack: info.name.into(),
        access: cell.access().unwrap_or(Access::Model),
        cell: Some(cell),
        count: people.members.len(),
        shape,
        of: of.into(),
        pictures,
    }))
}
