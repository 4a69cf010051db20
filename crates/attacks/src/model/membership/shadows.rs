//! Shadow models: trained as the victim was, on pictures of which the adversary knows who was in.

use super::{ModelExposure, Questions, answers};
use crate::{Budget, Error, Progress, Result, Rng, learning};
use visard_data::Stored;
use visard_learn::{Examples, Model, TrainConfig};

/// Draws until no shadow model is left without pictures.
const DRAWS: usize = 64;

/// Which pictures each shadow model is trained on.
pub(super) struct Design {
    pictures: usize,
    /// Shadow by shadow, a truth value for each picture.
    inside: Vec<bool>,
}

impl Design {
    /// Each picture in exactly as many of the `count` models as any other, half of them, drawn anew for each
    /// picture. Where half of the pictures are more than the victim was trained on, the share is `trained_on`
    /// / `pictures`, rounded to whole models and at least one, so that the models see about as many pictures
    /// as the victim.
    pub(super) fn balanced(pictures: usize, trained_on: usize, count: usize, rng: &mut Rng) -> Result<Self> {
        let share = (trained_on as f64 / pictures.max(1) as f64).min(0.5);
        let times = ((share * count as f64).round() as usize).clamp(1, (count / 2).max(1));
        for _ in 0..DRAWS {
            let mut inside = vec![false; pictures * count];
            for picture in 0..pictures {
                for shadow in &rng.permutation(count)[..times] {
                    inside[shadow * pictures + picture] = true;
                }
            }
            let design = Self { pictures, inside };
            if (0..count).all(|shadow| design.members(shadow).len() >= 2) {
                return Ok(design);
            }
        }
        Err(too_few(pictures, count))
    }

    /// Each model on pictures of its own draw: half of all, or `trained_on` if these are fewer.
    pub(super) fn halves(pictures: usize, trained_on: usize, count: usize, rng: &mut Rng) -> Result<Self> {
        let size = (pictures / 2).min(trained_on);
        if size < 2 {
            return Err(too_few(pictures, count));
        }
        let mut inside = vec![false; pictures * count];
        for row in inside.chunks_exact_mut(pictures) {
            for picture in &rng.permutation(pictures)[..size] {
                row[*picture] = true;
            }
        }
        Ok(Self { pictures, inside })
    }

    /// Number of models.
    pub(super) fn count(&self) -> usize {
        self.inside.len() / self.pictures
    }

    /// For each picture whether the model is trained on it.
    pub(super) fn row(&self, shadow: usize) -> &[bool] {
        &self.inside[shadow * self.pictures..][..self.pictures]
    }

    /// Places of the pictures that the model is trained on.
    fn members(&self, shadow: usize) -> Vec<usize> {
        let row = self.row(shadow);
        (0..self.pictures).filter(|picture| row[*picture]).collect()
    }

    /// Mean number of pictures that a model is trained on.
    pub(super) fn size(&self) -> f64 {
        self.inside.iter().filter(|inside| **inside).count() as f64 / self.count() as f64
    }
}

fn too_few(pictures: usize, count: usize) -> Error {
    Error::Exposure(format!(
        "{pictures} pictures, or what the model was trained on, are too few for {count} shadow models of at \
         least two; give more pictures or train fewer models"
    ))
}

/// Trains the models one after the other, by the victim's recipe and each with a seed of its own, and hands
/// each to `see` with its number. Ends before the last if the budget is spent, or if `see` has nothing to say
/// because it is; gives the number of models that were seen to the end.
///
/// `pool` holds the pictures of the design as networks are trained on them.
pub(super) fn train_each(
    exposure: &ModelExposure<'_>,
    (pool, design): (&Examples, &Design),
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
    mut see: impl FnMut(usize, &Model) -> Result<Option<()>>,
) -> Result<usize> {
    if pool.shape != exposure.victim.shape() {
        return Err(Error::Exposure(format!(
            "shadow models would be trained on images of {}, but the model takes {}",
            pool.shape,
            exposure.victim.shape()
        )));
    }
    let count = design.count();
    for shadow in 0..count {
        progress(shadow as f64 / count as f64, "training shadow models");
        if budget.is_spent() {
            return Ok(shadow);
        }
        // There are no pictures to stop early by: shadow models are trained to the end.
        let config = TrainConfig {
            seed: rng.next_u64(),
            patience: None,
            ..exposure.recipe.clone()
        };
        let data = learning::pick(pool, &design.members(shadow));
        let Some(model) = learning::fit(&config, &data, exposure.victim.classes(), budget)? else {
            return Ok(shadow);
        };
        if see(shadow, &model)?.is_none() {
            return Ok(shadow);
        }
    }
    Ok(count)
}

/// Adds what a model answers about pictures to the margins that earlier models gave.
pub(super) fn note(
    model: &Model,
    questions: &Questions<'_>,
    margins: &mut Vec<f64>,
    budget: &Budget,
) -> Result<Option<()>> {
    Ok(questions
        .margins(&answers(model), budget)?
        .map(|new| margins.extend(new)))
}

/// Why the working storage does not do for a pool of pictures, half of it once more, and `values` numbers, if
/// it does not.
pub(super) fn lacking(pool: &[&Examples], values: usize, budget: &Budget) -> Option<String> {
    let pixels: u64 = pool.iter().map(|examples| weight(examples)).sum();
    budget.lacks(
        pixels * 3 / 2 + 8 * values as u64,
        "shadow models and their answers",
    )
}

/// Bytes that examples take.
fn weight(examples: &Examples) -> u64 {
    let each = match examples.pixels {
        Stored::U8(_) => 1,
        Stored::U16(_) => 2,
        Stored::F32(_) => 4,
    };
    let soft = examples.soft.as_ref().map_or(0, |soft| soft.weights.len());
    (each * examples.pixels.len() + 4 * soft) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_in_half_of_the_models() {
        let mut rng = Rng::new(3);
        let design = Design::balanced(400, 1000, 16, &mut rng).unwrap();
        assert_eq!((design.count(), design.size()), (16, 200.0));
        let times = |picture: usize| (0..16).filter(|s| design.row(*s)[picture]).count();
        assert!((0..400).all(|picture| times(picture) == 8));
        // Two models share 8 * 7 of 16 * 15 pictures: 93 with a deviation of 8.5.
        let both = |a, b| {
            let rows = design.row(a).iter().zip(design.row(b));
            rows.filter(|(a, b)| **a && **b).count()
        };
        assert!((60..140).contains(&both(0, 1)) && (60..140).contains(&both(7, 15)));
    }

    #[test]
    fn models_are_about_as_large_as_the_victim() {
        let mut rng = Rng::new(4);
        // A quarter of 16 models: 100 of 400 pictures.
        let design = Design::balanced(400, 100, 16, &mut rng).unwrap();
        assert_eq!(design.size(), 100.0);
        let halves = Design::halves(400, 100, 5, &mut rng).unwrap();
        assert!((0..5).all(|shadow| halves.members(shadow).len() == 100));
        assert_ne!(halves.members(0), halves.members(1));
        assert_eq!(Design::halves(400, 1000, 5, &mut rng).unwrap().size(), 200.0);
    }

    #[test]
    fn too_few_pictures_are_refused() {
        let mut rng = Rng::new(5);
        for (pictures, trained_on) in [(1, 9), (3, 9), (400, 1)] {
            assert!(Design::halves(pictures, trained_on, 4, &mut rng).is_err());
        }
        assert!(Design::balanced(2, 9, 16, &mut rng).is_err());
        assert!(Design::balanced(16, 9, 16, &mut rng).is_ok());
    }
}
