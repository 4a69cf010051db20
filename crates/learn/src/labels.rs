//! Labels: class numbers or weights per class, checked, and turned into losses.

use crate::{
    ClassWeights, Error, Examples, Result, TrainConfig,
    evaluation::{argmax, cross_entropy, soft_cross_entropy},
};
use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use std::ops::Range;

/// A weight per class for each of N images, as mixing schemes give them: the weight of a class is
/// the share of the image that comes from pictures of that class.
///
/// Rows are taken as they are. Those of InstaHide (Huang, Song, Li, Arora, ICML 2020) sum to less
/// than 1 where public images without a class are mixed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Soft {
    /// Number of classes, which is the length of a row.
    pub classes: usize,
    /// N rows one after the other, each of `classes` finite weights from 0.
    pub weights: Vec<f32>,
}

impl Soft {
    /// Refuses what is no whole set of rows for `images` images, and weights that are none.
    pub(crate) fn check(&self, images: usize) -> Result<()> {
        let Self { classes, weights } = self;
        if *classes == 0 || images.checked_mul(*classes) != Some(weights.len()) {
            return Err(Error::Examples(format!(
                "{} soft labels were given for {images} images; one for each of {classes} classes is needed",
                weights.len()
            )));
        }
        match weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            Some(at) => Err(Error::Examples(format!(
                "image {} has the weight {} for class {}; weights are finite and at least 0",
                at / classes,
                weights[at],
                at % classes
            ))),
            None => Ok(()),
        }
    }

    /// The weights of image `place`.
    pub(crate) fn row(&self, place: usize) -> &[f32] {
        &self.weights[place * self.classes..(place + 1) * self.classes]
    }

    /// The class with the largest weight in the row of image `place`, the first of equals; none where
    /// no class has any.
    pub(crate) fn class(&self, place: usize) -> Option<u32> {
        let row = self.row(place);
        let best = argmax(row);
        (row[best] > 0.0).then_some(best as u32)
    }

    /// The rows of the images in `range`.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        Self {
            classes: self.classes,
            weights: self.weights[range.start * self.classes..range.end * self.classes].to_vec(),
        }
    }

    /// The rows of the images at `places`.
    fn gather(&self, places: &[usize]) -> Self {
        Self {
            classes: self.classes,
            weights: places.iter().flat_map(|p| self.row(*p)).copied().collect(),
        }
    }
}

impl Examples {
    /// Refuses labels and encodings that do not fit the number of images or one another.
    pub(crate) fn check_rows(&self) -> Result<()> {
        let (images, labels, encodings) = (self.len(), self.labels.len(), self.encodings);
        let bad = |problem: String| Err(Error::Examples(problem));
        if labels != 0 && labels != images {
            return bad(format!("{labels} labels were given for {images} images"));
        }
        if let Some(soft) = &self.soft {
            soft.check(images)?;
        }
        if encodings == 0 || !images.is_multiple_of(encodings) {
            return bad(format!(
                "{images} images are not {encodings} encodings each of a number of pictures; \
                 keep all encodings of a picture together, at least 1"
            ));
        }
        let mut pictures = self.labels.chunks_exact(encodings);
        match pictures.position(|labels| labels.iter().any(|l| *l != labels[0])) {
            Some(at) => bad(format!(
                "images {} to {} are encodings of one picture, but their labels differ",
                at * encodings,
                (at + 1) * encodings - 1
            )),
            None => Ok(()),
        }
    }

    /// Refuses missing labels, labels that name none of `classes` classes and soft labels for
    /// another number of classes.
    pub fn check_labels(&self, classes: usize) -> Result<()> {
        self.check_rows()?;
        if let Some(soft) = self.soft.as_ref().filter(|s| s.classes != classes) {
            return Err(Error::Examples(format!(
                "soft labels weigh {} classes where there are {classes}; use those that belong to these classes",
                soft.classes
            )));
        }
        if !self.is_labelled() && !self.is_empty() {
            return Err(Error::Examples(
                "labels are needed here, but the images have none".into(),
            ));
        }
        match self.labels.iter().position(|l| *l as usize >= classes) {
            Some(index) => Err(Error::Label {
                index,
                label: self.labels[index],
                classes,
            }),
            None => Ok(()),
        }
    }

    /// The true class of each picture, once for all of its encodings: its label or, without labels,
    /// the class with the largest weight in the row of its first encoding.
    ///
    /// # Errors
    /// Those of [`Examples::check_labels`], and rows that give no class any weight.
    pub(crate) fn truths(&self, classes: usize) -> Result<Vec<u32>> {
        self.check_labels(classes)?;
        let firsts = (0..self.len()).step_by(self.encodings);
        let Some(soft) = self.soft.as_ref().filter(|_| self.labels.is_empty()) else {
            return Ok(firsts.map(|place| self.labels[place]).collect());
        };
        let class = |place| {
            let none = || format!("image {place} has no weight on any class, so no answer would be right");
            soft.class(place).ok_or_else(|| Error::Examples(none()))
        };
        firsts.map(class).collect()
    }
}

/// How labels count in the loss.
#[derive(Debug)]
pub(crate) struct Weighing {
    /// Share of each label that is spread evenly over all classes.
    smoothing: f32,
    /// A weight for each class, where they differ.
    classes: Option<Vec<f32>>,
}

impl Weighing {
    /// What the configuration says, for these images of so many classes.
    ///
    /// # Errors
    /// [`Error::Setting`] for class weights with soft labels, or for another number of classes.
    pub(crate) fn new(config: &TrainConfig, data: &Examples, classes: usize) -> Result<Self> {
        let refuse = |problem: String| {
            Err(Error::Setting {
                name: "class_weights",
                problem,
            })
        };
        let weights = match &config.class_weights {
            ClassWeights::None => None,
            _ if data.soft.is_some() => {
                return refuse(
                    "cannot be used with soft labels, whose images belong to several classes".into(),
                );
            }
            ClassWeights::Given(weights) if weights.len() != classes => {
                return refuse(format!("{} were given for {classes} classes", weights.len()));
            }
            ClassWeights::Given(weights) => Some(weights.clone()),
            ClassWeights::Balanced => {
                let mut counts = vec![0u32; classes];
                data.labels.iter().for_each(|l| counts[*l as usize] += 1);
                let fair = data.labels.len() as f32 / classes as f32;
                Some(counts.iter().map(|n| fair / (*n).max(1) as f32).collect())
            }
        };
        Ok(Self {
            smoothing: config.label_smoothing as f32,
            classes: weights,
        })
    }

    #[cfg(test)]
    fn even() -> Self {
        Self {
            smoothing: 0.0,
            classes: None,
        }
    }

    fn is_even(&self) -> bool {
        self.smoothing == 0.0 && self.classes.is_none()
    }

    /// Rows of weights for the classes, and what the sum of all losses is to be divided by.
    fn rows(&self, targets: &Targets, classes: usize) -> (Vec<f32>, f32) {
        let mut rows = match targets {
            Targets::Soft(soft) => soft.weights.clone(),
            Targets::Hard(labels) => {
                let mut rows = vec![0.0; labels.len() * classes];
                for (place, label) in labels.iter().enumerate() {
                    rows[place * classes + *label as usize] = 1.0;
                }
                rows
            }
        };
        for row in rows.chunks_exact_mut(classes) {
            let even = self.smoothing * row.iter().sum::<f32>() / classes as f32;
            row.iter_mut()
                .for_each(|w| *w = (1.0 - self.smoothing) * *w + even);
        }
        let (Some(weights), Targets::Hard(labels)) = (&self.classes, targets) else {
            return (rows, targets.len() as f32);
        };
        // As PyTorch's cross-entropy: each class's term has its weight, and the mean is weighted.
        for row in rows.chunks_exact_mut(classes) {
            row.iter_mut()
                .zip(weights)
                .for_each(|(value, weight)| *value *= weight);
        }
        let all: f32 = labels.iter().map(|l| weights[*l as usize]).sum();
        (rows, all.max(f32::MIN_POSITIVE))
    }
}

/// What a batch of images is to be answered with.
#[derive(Debug)]
pub(crate) enum Targets {
    /// One class per image.
    Hard(Vec<u32>),
    /// One row of weights per image.
    Soft(Soft),
}

impl Targets {
    /// Those of the images at `places`: the rows where there are rows, else the class numbers.
    pub(crate) fn of(labels: &[u32], soft: Option<&Soft>, places: &[usize]) -> Self {
        match soft {
            Some(soft) => Self::Soft(soft.gather(places)),
            None => Self::Hard(places.iter().map(|p| labels[*p]).collect()),
        }
    }

    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Hard(labels) => labels.len(),
            Self::Soft(soft) => soft.weights.len() / soft.classes,
        }
    }

    /// Cross-entropy of the logits of image `place` of the batch, in nats, and whether they name its
    /// class (the one with the largest weight).
    pub(crate) fn judge(&self, place: usize, logits: &[f32]) -> (f64, bool) {
        let answer = argmax(logits) as u32;
        match self {
            Self::Hard(labels) => (cross_entropy(logits, labels[place]), answer == labels[place]),
            Self::Soft(soft) => (
                soft_cross_entropy(logits, soft.row(place)),
                soft.class(place) == Some(answer),
            ),
        }
    }

    /// The loss of logits (N, classes): minus the sum of weight times log-softmax, mean over the batch.
    pub(crate) fn loss(&self, logits: Tensor<2>, weighing: &Weighing, device: &Device) -> Tensor<1> {
        let logs = log_softmax(logits, 1);
        match self {
            Self::Hard(labels) if weighing.is_even() => {
                let labels: Vec<i32> = labels.iter().map(|l| *l as i32).collect();
                let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [self.len(), 1]), device);
                logs.gather(1, labels).mean().neg()
            }
            Self::Hard(_) | Self::Soft(_) => {
                let sides = logs.dims();
                let (rows, count) = weighing.rows(self, sides[1]);
                let rows = Tensor::<2>::from_data(TensorData::new(rows, sides), device);
                (logs * rows).sum().neg() / count
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::Shape;
    use visard_data::Stored;

    const SHAPE: Shape = Shape::new(2, 3, 2);

    fn soft(classes: usize, weights: &[f32]) -> Soft {
        let weights = weights.to_vec();
        Soft { classes, weights }
    }

    fn loss(targets: &Targets, logits: &[f32]) -> f32 {
        let device = Device::flex();
        let sides = [targets.len(), logits.len() / targets.len()];
        let logits = Tensor::<2>::from_data(TensorData::new(logits.to_vec(), sides), &device);
        targets
            .loss(logits, &Weighing::even(), &device)
            .into_scalar::<f32>()
    }

    /// The definitions of PyTorch's `cross_entropy` with `label_smoothing` and `weight`.
    #[test]
    fn smoothing_and_class_weights_are_those_of_pytorch() {
        let device = Device::flex();
        let loss = |smoothing, classes: Option<Vec<f32>>| {
            let logits = Tensor::<2>::from_floats([[1.0, 3.0, 2.0], [0.0, 0.0, 1.0]], &device);
            let weighing = Weighing { smoothing, classes };
            Targets::Hard(vec![1, 2])
                .loss(logits, &weighing, &device)
                .into_scalar::<f32>()
        };
        let weights = || Some(vec![1.0, 2.0, 4.0]);
        // By hand: the losses of image 0 are (2.407606, 0.407606, 1.407606), of image 1 (1.551445, 1.551445,
        // 0.551445).
        for (found, expected) in [
            (loss(0.0, weights()), (2.0 * 0.407_606 + 4.0 * 0.551_445) / 6.0),
            (
                loss(0.3, None),
                (0.8 * 0.407_606 + 0.1 * 3.815_212 + 0.8 * 0.551_445 + 0.1 * 3.102_89) / 2.0,
            ),
            (
                loss(0.3, weights()),
                (0.8 * 2.0 * 0.407_606
                    + 0.1 * (2.407_606 + 4.0 * 1.407_606)
                    + 0.8 * 4.0 * 0.551_445
                    + 0.1 * (1.551_445 + 2.0 * 1.551_445))
                    / 6.0,
            ),
        ] {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn rows_of_another_length_and_weights_that_are_none_are_refused() {
        assert!(soft(3, &[0.0; 6]).check(2).is_ok());
        assert!(soft(3, &[0.5, 0.2, 0.0]).check(1).is_ok());
        assert!(soft(3, &[]).check(0).is_ok());
        for (bad, images) in [
            (soft(3, &[0.0; 5]), 2),
            (soft(3, &[0.0; 6]), 3),
            (soft(0, &[]), 1),
            (soft(0, &[]), 0),
            (soft(usize::MAX, &[0.0; 6]), 2),
        ] {
            assert!(matches!(bad.check(images), Err(Error::Examples(_))), "{bad:?}");
        }
        for weight in [f32::NAN, f32::INFINITY, -f32::MIN_POSITIVE] {
            let problem = soft(2, &[0.5, 0.5, 0.5, weight])
                .check(2)
                .unwrap_err()
                .to_string();
            assert!(
                problem.contains("image 1") && problem.contains("class 1"),
                "{problem}"
            );
        }
    }

    #[test]
    fn the_heaviest_class_is_the_first_of_equals_and_none_without_weight() {
        let rows = soft(3, &[0.1, 0.5, 0.4, 0.3, 0.2, 0.3, 0.0, 0.0, 0.0]);
        assert_eq!([0, 1, 2].map(|place| rows.class(place)), [Some(1), Some(0), None]);
        assert_eq!(rows.slice(1..3), soft(3, &[0.3, 0.2, 0.3, 0.0, 0.0, 0.0]));
        assert_eq!(rows.gather(&[2, 0]), soft(3, &[0.0, 0.0, 0.0, 0.1, 0.5, 0.4]));
    }

    /// -log-softmax of (1, 3, 2) is (2.407606, 0.407606, 1.407606).
    #[test]
    fn losses_weigh_every_class_and_are_not_renormalised() {
        let logits = [1.0, 3.0, 2.0, 1.0, 3.0, 2.0];
        let rows = Targets::Soft(soft(3, &[0.2, 0.3, 0.0, 0.0, 0.0, 1.0]));
        let first = 0.2 * 2.407_606 + 0.3 * 0.407_606;
        assert!((loss(&rows, &logits) - (first + 1.407_606) / 2.0).abs() < 1e-5);
        let (entropy, right) = rows.judge(0, &logits[..3]);
        assert!((entropy - f64::from(first)).abs() < 1e-5 && right);
        let (entropy, right) = rows.judge(1, &logits[3..]);
        assert!((entropy - 1.407_606).abs() < 1e-5 && !right);
        // Without weight there is nothing to be right about.
        assert_eq!(
            Targets::Soft(soft(3, &[0.0; 3])).judge(0, &[3.0, 0.0, 0.0]),
            (0.0, false)
        );
    }

    #[test]
    fn rows_with_all_weight_on_one_class_cost_what_the_class_number_costs() {
        let logits = [0.3, -1.7, 2.2, 5.0, 4.9, -80.0];
        let rows = Targets::Soft(soft(3, &[0.0, 1.0, 0.0, 0.0, 0.0, 1.0]));
        let labels = Targets::Hard(vec![1, 2]);
        assert_eq!(loss(&rows, &logits), loss(&labels, &logits));
        for place in 0..2 {
            let logits = &logits[place * 3..place * 3 + 3];
            assert_eq!(rows.judge(place, logits), labels.judge(place, logits));
        }
    }

    #[test]
    fn logits_that_cannot_be_used_show_even_where_no_class_has_weight() {
        let rows = Targets::Soft(soft(2, &[0.0, 0.0]));
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(!rows.judge(0, &[bad, 0.0]).0.is_finite());
        }
    }

    /// Four images with class weights for two classes.
    fn mixtures() -> Examples {
        let weights = vec![0.3, 0.5, 0.6, 0.1, 0.0, 1.0, 0.2, 0.2];
        let plain = Examples::new(SHAPE, Stored::U8((0..48).collect()), None, vec![]).unwrap();
        plain.with_soft(Some(Soft { classes: 2, weights })).unwrap()
    }

    #[test]
    fn soft_labels_go_with_their_images_and_classes() {
        let mixtures = mixtures();
        assert!(mixtures.is_labelled() && !mixtures.clone().with_soft(None).unwrap().is_labelled());
        assert!(mixtures.check_labels(2).is_ok());
        assert!(matches!(mixtures.check_labels(3), Err(Error::Examples(_))));
        let mut short = mixtures.clone();
        short.pixels = Stored::U8(vec![0; 36]);
        assert!(matches!(short.check(), Err(Error::Examples(_))));
        assert!(matches!(short.check_labels(2), Err(Error::Examples(_))));
        // Class numbers beside them are checked too, and are the truth.
        assert_eq!(mixtures.truths(2).unwrap(), [1, 0, 1, 0]);
        let mut both = mixtures.clone();
        both.labels = vec![0, 0, 1, 2];
        assert!(matches!(both.check_labels(2), Err(Error::Label { index: 3, .. })));
        both.labels[3] = 1;
        assert_eq!(both.truths(2).unwrap(), [0, 0, 1, 1]);

        let part = mixtures.slice(1..3);
        assert_eq!(part.soft.as_ref().unwrap().weights, [0.6, 0.1, 0.0, 1.0]);
        part.check().unwrap();
        assert!(mixtures.slice(4..9).soft.unwrap().weights.is_empty());
    }

    #[test]
    fn rows_without_weight_can_be_learned_from_but_judge_nothing() {
        let mut mixtures = mixtures();
        mixtures.soft.as_mut().unwrap().weights[4..6].fill(0.0);
        assert!(mixtures.check_labels(2).is_ok());
        let problem = mixtures.truths(2).unwrap_err().to_string();
        assert!(problem.contains("image 2"), "{problem}");
    }

    #[test]
    fn encodings_come_out_even_and_agree_in_their_label() {
        let mixtures = mixtures();
        let twice = mixtures.clone().with_encodings(2).unwrap();
        assert_eq!((twice.len(), twice.truths(2).unwrap()), (4, vec![1, 1]));
        for encodings in [0, 3, 5] {
            let refused = mixtures.clone().with_encodings(encodings);
            assert!(
                matches!(refused, Err(Error::Examples(_))),
                "{encodings}: {refused:?}"
            );
        }
        assert!(twice.slice(1..4).check().is_err() && twice.slice(2..4).check().is_ok());
        let mut labelled = mixtures.with_soft(None).unwrap();
        labelled.labels = vec![1, 1, 0, 0];
        let labelled = labelled.with_encodings(2).unwrap();
        assert_eq!(labelled.truths(2).unwrap(), [1, 0]);
        let mut mixed = labelled.clone();
        mixed.labels = vec![1, 1, 0, 1];
        let problem = mixed.check().unwrap_err().to_string();
        assert!(problem.contains("images 2 to 3"), "{problem}");
        assert!(labelled.with_encodings(4).is_err());
    }
}
