//! Labelled images as what an adversary trains on and is judged by.

use crate::{Budget, Error, Exposure, Result, Rng, Set, learning};
use serde::Serialize;
use visard_core::Shape;
use visard_learn::{Examples, Model, TrainConfig, argmax, wilson};

/// Fewest pictures that a network is trained and judged on.
pub(crate) const FEWEST: usize = 12;
/// Steps of a training at least: few images are gone through more often.
const STEPS: usize = 150;
/// Why an attack has nothing that was given too little time.
pub(crate) const NO_TIME: &str = "no network was trained to its end within the budget";

/// Images with a class each; those of one picture stand one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Labelled {
    /// The images. Their labels are places among `names`.
    pub(crate) examples: Examples,
    /// The labels that the class numbers stand for, ascending.
    pub(crate) names: Vec<u32>,
    /// Images that are made of each picture.
    pub(crate) each: usize,
}

impl Labelled {
    /// The images of a set, called `what` in errors. Of soft labels the class with the largest weight counts,
    /// the first of equals, and training may learn from all weights.
    ///
    /// # Errors
    /// If there are no labels, a soft label names no class, or the images are no whole number of pictures.
    pub(crate) fn new(set: &Set, each: usize, what: &str) -> Result<Self> {
        let labels = match set.soft() {
            Some((classes, rows)) => largest(classes, rows)?,
            None => set.labels().to_vec(),
        };
        if labels.is_empty() {
            return Err(Error::Exposure(format!(
                "{what} need labels here, one for each image"
            )));
        }
        let each = each.max(1);
        if !labels.len().is_multiple_of(each) {
            return Err(Error::Exposure(format!(
                "{} {what} are not {each} of each picture; keep those of one picture together",
                labels.len()
            )));
        }
        let names = match set.soft() {
            Some((classes, _)) => (0..classes as u32).collect(),
            None => distinct(&labels),
        };
        let number = |label: &u32| names.partition_point(|name| name < label) as u32;
        let mut examples = learning::examples(set)?;
        examples.labels = labels.iter().map(number).collect();
        Ok(Self {
            examples,
            names,
            each,
        })
    }

    /// The disguised images of at most `most` pictures, drawn at random.
    ///
    /// # Errors
    /// Those of [`Labelled::new`] and [`Labelled::check`].
    pub(crate) fn disguised(exposure: &Exposure, most: usize, rng: &mut Rng) -> Result<Self> {
        const WHAT: &str = "disguised images";
        let each = exposure.target.scheme.encodings();
        let some = Self::new(&exposure.disguised, each, WHAT)?.draw(most, rng);
        some.check(WHAT)?;
        Ok(some)
    }

    /// Number of pictures.
    pub(crate) fn pictures(&self) -> usize {
        self.examples.len() / self.each
    }

    /// Class of each picture, that of its first image.
    pub(crate) fn classes(&self) -> Vec<u32> {
        self.examples.labels.iter().step_by(self.each).copied().collect()
    }

    /// Places of all images of these pictures.
    pub(crate) fn rows(&self, pictures: &[usize]) -> Vec<usize> {
        let of = |picture: &usize| picture * self.each..(picture + 1) * self.each;
        pictures.iter().flat_map(of).collect()
    }

    /// These pictures.
    pub(crate) fn pick(&self, pictures: &[usize]) -> Self {
        Self {
            examples: learning::pick(&self.examples, &self.rows(pictures)),
            names: self.names.clone(),
            each: self.each,
        }
    }

    /// At most `most` pictures at random, in their order.
    pub(crate) fn draw(self, most: usize, rng: &mut Rng) -> Self {
        if self.pictures() <= most {
            return self;
        }
        let mut pictures = rng.permutation(self.pictures());
        pictures.truncate(most);
        pictures.sort_unstable();
        self.pick(&pictures)
    }

    /// Refuses what no network learns classes from.
    ///
    /// # Errors
    /// If there are too few pictures, or all are of one class.
    pub(crate) fn check(&self, what: &str) -> Result<()> {
        let (pictures, classes) = (self.pictures(), distinct(&self.examples.labels).len());
        if pictures >= FEWEST && classes >= 2 {
            return Ok(());
        }
        Err(Error::Exposure(format!(
            "a network learns from at least {FEWEST} {what} of two classes; there are {pictures} of {classes}"
        )))
    }
}

/// The different ones among labels, ascending.
pub(crate) fn distinct(labels: &[u32]) -> Vec<u32> {
    let mut names = labels.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}

/// Class with the largest weight in each row.
fn largest(classes: usize, rows: &[f32]) -> Result<Vec<u32>> {
    let class = |row: &[f32]| {
        let best = argmax(row);
        (row[best] > 0.0).then_some(best as u32).ok_or_else(|| {
            Error::Exposure("a soft label without any weight names no class; leave such images out".into())
        })
    };
    rows.chunks_exact(classes).map(class).collect()
}

/// Places in two parts, every `parts`-th of each class in the second, drawn at random; both ascending.
pub(crate) fn split(classes: &[u32], parts: usize, rng: &mut Rng) -> (Vec<usize>, Vec<usize>) {
    let mut order = rng.permutation(classes.len());
    order.sort_by_key(|place| classes[*place]);
    let turns = order.into_iter().enumerate();
    let (second, first): (Vec<_>, Vec<_>) = turns.partition(|(turn, _)| turn % parts == parts - 1);
    let places = |part: Vec<(usize, usize)>| {
        let mut places: Vec<usize> = part.into_iter().map(|(_, place)| place).collect();
        places.sort_unstable();
        places
    };
    (places(first), places(second))
}

/// The configuration for so many images and passes: small batches where there are few images, at a lower
/// rate.
pub(crate) fn paced(mut config: TrainConfig, images: usize, epochs: usize, seed: u64) -> TrainConfig {
    let usual = config.batch.max(8);
    config.batch = (images / 12).clamp(8, usual);
    config.lr *= (config.batch as f64 / usual as f64).sqrt();
    config.epochs = epochs.max(STEPS.div_ceil(images.div_ceil(config.batch).max(1)));
    config.seed = seed;
    config
}

/// Trains a network, or says why there is none.
///
/// # Errors
/// If the network cannot take such images.
pub(crate) fn fit(
    config: &TrainConfig,
    data: &Examples,
    classes: usize,
    budget: &Budget,
) -> Result<std::result::Result<Model, String>> {
    match learning::fit(config, data, classes, budget) {
        Ok(model) => Ok(model.ok_or_else(|| NO_TIME.into())),
        Err(Error::Learning(visard_learn::Error::Diverged { what, .. })) => {
            Ok(Err(format!("the training of a network diverged: {what}")))
        }
        Err(error) => Err(error),
    }
}

/// Why the budget does not hold the training of a small network and so many images of a shape, if it does
/// not.
pub(crate) fn lacks(budget: &Budget, shape: Shape, images: usize) -> Option<String> {
    // The first layer of an mlp takes 16 KiB for each value; the layers of a cnn 64 KiB for each pixel of a
    // batch.
    let network = (16 << 10) * shape.len().max(4 * shape.height * shape.width);
    // Images are held as they are and once more as floats.
    let images = 8 * images * shape.len();
    budget.lacks(
        (network + images) as u64,
        "images and the network that learns from them",
    )
}

/// The class that a model names for each image.
pub(crate) fn answers(model: &Model, examples: &Examples) -> Result<Vec<u32>> {
    let logits = model.logits(examples, learning::BATCH)?;
    let rows = logits.chunks_exact(model.info().classes.len().max(1));
    Ok(rows.map(|row| argmax(row) as u32).collect())
}

/// How many images were named rightly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Images named rightly.
    pub right: u64,
    /// Images that were to be named.
    pub of: u64,
    /// Their share, 0 to 1.
    pub accuracy: f64,
    /// 95% Wilson interval of the share.
    pub interval: (f64, f64),
}

impl Rate {
    /// The rate of these answers.
    pub(crate) fn of(answers: &[u32], truth: &[u32]) -> Self {
        let right = answers.iter().zip(truth).filter(|(a, t)| a == t).count() as u64;
        let of = truth.len() as u64;
        Self {
            right,
            of,
            accuracy: right as f64 / of.max(1) as f64,
            interval: wilson(right, of),
        }
    }

    /// Mean of the shares; 0 of none.
    pub(crate) fn mean(rates: &[Self]) -> f64 {
        rates.iter().map(|rate| rate.accuracy).sum::<f64>() / rates.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::Pixels;

    #[test]
    fn classes_are_numbered_without_gaps_and_pictures_stay_together() {
        let pixels = Pixels::U8((0..12).collect());
        let set = Set::new(Shape::new(1, 2, 1), pixels, vec![9, 9, 4, 4, 70, 70]).unwrap();
        let all = Labelled::new(&set, 2, "images").unwrap();
        assert_eq!(
            (all.names.clone(), all.classes()),
            (vec![4, 9, 70], vec![1, 0, 2])
        );
        let some = all.pick(&[2, 0]);
        assert_eq!(
            some.examples.pixels,
            visard_data::Stored::U8(vec![8, 9, 10, 11, 0, 1, 2, 3])
        );
        assert_eq!(some.examples.labels, [2, 2, 1, 1]);
        assert!(Labelled::new(&set, 4, "images").is_err());
        assert!(all.check("images").is_err());
    }

    #[test]
    fn soft_labels_count_for_their_largest_weight() {
        let set = Set::bytes(Shape::new(1, 1, 1), vec![1, 2]).unwrap();
        let soft = |rows: [f32; 6]| set.clone().with_soft(3, rows.to_vec()).unwrap();
        let found = Labelled::new(&soft([0.1, 0.2, 0.7, 0.5, 0.5, 0.0]), 1, "images").unwrap();
        assert_eq!((found.examples.labels, found.names), (vec![2, 0], vec![0, 1, 2]));
        assert!(Labelled::new(&soft([0.0, 0.0, 0.0, 0.5, 0.5, 0.0]), 1, "images").is_err());
    }

    #[test]
    fn parts_hold_their_share_of_each_class() {
        let classes: Vec<u32> = (0..90).map(|i| i % 3).collect();
        let (first, second) = split(&classes, 5, &mut Rng::new(1));
        assert_eq!((first.len(), second.len()), (72, 18));
        for class in 0..3 {
            assert_eq!(second.iter().filter(|p| classes[**p] == class).count(), 6);
        }
        let mut both = [first, second].concat();
        both.sort_unstable();
        assert_eq!(both, (0..90).collect::<Vec<_>>());
    }

    #[test]
    fn few_images_are_gone_through_more_often() {
        let config = || TrainConfig::new("cnn", &Default::default()).unwrap();
        let (few, many) = (paced(config(), 24, 3, 7), paced(config(), 60_000, 3, 7));
        assert_eq!((few.batch, few.epochs, few.seed), (8, 50, 7));
        assert_eq!(
            (many.batch, many.epochs, many.lr),
            (config().batch, 3, config().lr)
        );
        assert!(few.lr < many.lr);
    }
}
