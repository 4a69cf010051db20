//! Networks in the hands of an adversary: what attacks share that train some.

use crate::{Budget, Error, Result, Set};
use std::ops::ControlFlow;
use visard_core::Pixels;
use visard_data::Stored;
use visard_learn::{Examples, Model, Run, Soft, TrainConfig, train};

/// Images that are computed at a time where nothing is trained.
pub const BATCH: usize = 256;

/// The images of a set with their labels, hard and soft, as networks take them. Floats count as grey levels;
/// as images are standardised before a network sees them, their unit does not matter.
///
/// # Errors
/// If a value is no number.
pub fn examples(set: &Set) -> Result<Examples> {
    let pixels = match set.pixels() {
        Pixels::U8(bytes) => Stored::U8(bytes.clone()),
        Pixels::F32(floats) => Stored::F32(floats.clone()),
    };
    let examples = Examples::new(set.shape(), pixels, None, set.labels().to_vec())?;
    let soft = set.soft().map(|(classes, rows)| Soft {
        classes,
        weights: rows.to_vec(),
    });
    Ok(examples.with_soft(soft)?)
}

/// The examples at these places, in this order; encodings of one picture stay together, as `places` counts
/// pictures.
///
/// # Panics
/// If a place is beyond the end.
pub fn pick(examples: &Examples, places: &[usize]) -> Examples {
    let (len, each) = (examples.shape.len(), examples.encodings);
    let rows: Vec<usize> = places.iter().flat_map(|p| p * each..(p + 1) * each).collect();
    fn gather<T: Copy>(values: &[T], rows: &[usize], len: usize) -> Vec<T> {
        rows.iter()
            .flat_map(|row| &values[row * len..][..len])
            .copied()
            .collect()
    }
    Examples {
        shape: examples.shape,
        pixels: match &examples.pixels {
            Stored::U8(v) => Stored::U8(gather(v, &rows, len)),
            Stored::U16(v) => Stored::U16(gather(v, &rows, len)),
            Stored::F32(v) => Stored::F32(gather(v, &rows, len)),
        },
        scale: examples.scale,
        labels: match examples.labels.is_empty() {
            true => Vec::new(),
            false => gather(&examples.labels, &rows, 1),
        },
        soft: examples.soft.as_ref().map(|soft| Soft {
            classes: soft.classes,
            weights: gather(&soft.weights, &rows, soft.classes),
        }),
        encodings: each,
    }
}

/// The examples of both, one after the other.
///
/// # Errors
/// If they differ in shape, type, scale, encodings or in whether they have labels.
pub fn join(a: &Examples, b: &Examples) -> Result<Examples> {
    let unlike = || Error::Exposure("images of two kinds cannot be put together".into());
    let pixels = match (&a.pixels, &b.pixels) {
        (Stored::U8(a), Stored::U8(b)) => Stored::U8([&a[..], b].concat()),
        (Stored::U16(a), Stored::U16(b)) => Stored::U16([&a[..], b].concat()),
        (Stored::F32(a), Stored::F32(b)) => Stored::F32([&a[..], b].concat()),
        _ => return Err(unlike()),
    };
    let soft = match (&a.soft, &b.soft) {
        (None, None) => None,
        (Some(a), Some(b)) if a.classes == b.classes => Some(Soft {
            classes: a.classes,
            weights: [&a.weights[..], &b.weights].concat(),
        }),
        _ => return Err(unlike()),
    };
    let labelled = a.labels.is_empty() == b.labels.is_empty();
    if (a.shape, a.scale, a.encodings) != (b.shape, b.scale, b.encodings) || !labelled {
        return Err(unlike());
    }
    let labels = [&a.labels[..], &b.labels].concat();
    let both = Examples::new(a.shape, pixels, a.scale, labels)?;
    Ok(both.with_encodings(a.encodings)?.with_soft(soft)?)
}

/// Number of pictures; all encodings of one count once.
pub fn pictures(examples: &Examples) -> usize {
    examples.len() / examples.encodings.max(1)
}

/// Hard labels, one a picture; empty where there are none.
pub fn labels(examples: &Examples) -> Vec<u32> {
    examples
        .labels
        .iter()
        .step_by(examples.encodings.max(1))
        .copied()
        .collect()
}

/// Names for so many classes.
pub fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// Trains a network until its end, or gives none when the budget is spent before.
///
/// # Errors
/// As [`visard_learn::train`].
pub fn fit(config: &TrainConfig, data: &Examples, classes: usize, budget: &Budget) -> Result<Option<Model>> {
    let mut watch = |_: &visard_learn::Progress| match budget.is_spent() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let run = Run {
        progress: Some(&mut watch),
        ..Run::default()
    };
    match train(config, data, None, &names(classes), run) {
        Ok(model) => Ok(Some(model)),
        Err(visard_learn::Error::Interrupted { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::Shape;

    fn encoded() -> Examples {
        let examples = Examples::new(
            Shape::new(1, 2, 1),
            Stored::U8((0..12).collect()),
            None,
            vec![0, 0, 1, 1, 2, 2],
        );
        examples.unwrap().with_encodings(2).unwrap()
    }

    #[test]
    fn encodings_stay_together() {
        let all = encoded();
        assert_eq!((pictures(&all), labels(&all)), (3, vec![0, 1, 2]));
        let some = pick(&all, &[2, 0]);
        assert_eq!(some.pixels, Stored::U8(vec![8, 9, 10, 11, 0, 1, 2, 3]));
        assert_eq!(labels(&some), [2, 0]);
        assert_eq!(join(&pick(&all, &[0]), &pick(&all, &[1, 2])).unwrap(), all);
        let other = all.clone().with_encodings(1).unwrap();
        assert!(join(&all, &other).is_err());
    }

    #[test]
    fn a_spent_budget_ends_a_training() {
        let budget = Budget::new(Some(std::time::Duration::ZERO), 1 << 20);
        let config = TrainConfig::new("mlp", &Default::default()).unwrap();
        assert!(fit(&config, &encoded(), 3, &budget).unwrap().is_none());
    }
}
