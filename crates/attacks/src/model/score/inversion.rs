//! How like their classes the pictures are that were taken out of a model (ATTACKS, section 8.2).

use crate::{
    Error, Evidence, Result,
    metrics::{self, Spread},
    model::classes::named,
};
use serde::{Deserialize, Serialize};
use visard_core::Shape;
use visard_data::Stored;
use visard_learn::{Examples, Model, wilson};

/// Least standard deviation of the mean contrast, lest pictures that are all the same find anything
/// remarkable.
const FLOOR: f64 = 1e-6;

/// The picture of one class beside the images of that class. Correlations are Pearson's over all values, and
/// 0 where one side does not vary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassPicture {
    /// The class.
    pub class: u32,
    /// Images of the class.
    pub n: u64,
    /// Correlation of the picture with the mean image of the class.
    pub correlation: f64,
    /// Null: the largest correlation with the mean image of another class. What all classes have in common
    /// makes both large.
    pub correlation_other: f64,
    /// Correlation of the contrasts: of the picture less the mean of all pictures with the mean image of the
    /// class less the mean of all mean images.
    pub contrast: f64,
    /// Null: the largest correlation with the contrast of another class.
    pub contrast_other: f64,
    /// Structural similarity of the picture, confined to 0..=255, to the mean image; none for sides below 7
    /// pixels.
    pub ssim: Option<f64>,
    /// Place of the class among all by the correlation of contrasts, 1 for the nearest; of equals the last.
    pub rank: u64,
    /// The class that the examiner names for the picture, confined to 0..=255.
    pub examined: Option<u32>,
}

/// Pictures of classes, judged. Classes without images are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InversionScore {
    /// Figures of each class.
    pub classes: Vec<ClassPicture>,
    /// Median of the correlations.
    pub correlation: f64,
    /// Median of the correlations of contrasts.
    pub contrast: f64,
    /// Mean of the correlations of contrasts.
    pub contrast_mean: f64,
    /// The same over all ways to give the pictures to the classes: what pictures give that tell nothing.
    pub contrast_null: f64,
    /// Its standard deviation over these ways.
    pub contrast_deviation: f64,
    /// Share of pictures whose class is the nearest.
    pub rank_one: f64,
    /// 95% Wilson interval of that share.
    pub rank_one_interval: (f64, f64),
    /// Share of pictures that the examiner takes for their class.
    pub examiner: Option<f64>,
    /// 95% Wilson interval of that share.
    pub examiner_interval: Option<(f64, f64)>,
    /// What guessing gives: one of the classes that have images.
    pub chance: f64,
}

impl InversionScore {
    /// The mean correlation of contrasts beside what pictures give that tell nothing of their classes.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            what: "mean correlation of inverted pictures with their classes, contrasts alone".into(),
            value: self.contrast_mean,
            null: self.contrast_null,
            deviation: self.contrast_deviation,
        }
    }
}

/// Judges a picture for each class, grey levels (H, W, C) one after the other, by plain labelled images of
/// the same shape, and if there is one by a network that was trained on plain images.
///
/// # Errors
/// If there are no whole pictures or a value is no number, images have no labels or labels beyond the
/// pictures, or the examiner takes other images or knows another number of classes.
pub fn inversion(pictures: &[f32], truth: &Examples, examiner: Option<&Model>) -> Result<InversionScore> {
    let (shape, len) = (truth.shape, truth.shape.check()?.len());
    let classes = pictures.len() / len;
    check(pictures, truth, classes)?;
    let answers = examiner
        .map(|model| examine(pictures, shape, model))
        .transpose()?;
    let counts = count(truth, classes);
    let judged: Vec<usize> = (0..classes).filter(|class| counts[*class] > 0).collect();
    let means = means(truth, &counts, &judged);
    let drawn: Vec<Vec<f64>> = judged
        .iter()
        .map(|class| {
            pictures[class * len..][..len]
                .iter()
                .map(|v| f64::from(*v))
                .collect()
        })
        .collect();
    let whole = correlations(&drawn, &means);
    let apart = correlations(&contrasts(&drawn), &contrasts(&means));
    let of_class = |(at, class): (usize, &usize)| ClassPicture {
        class: *class as u32,
        n: counts[*class],
        correlation: whole[at][at],
        correlation_other: largest_other(&whole[at], at),
        contrast: apart[at][at],
        contrast_other: largest_other(&apart[at], at),
        ssim: metrics::ssim(shape, &bytes(&means[at]), &bytes(&drawn[at])),
        rank: apart[at].iter().filter(|other| **other >= apart[at][at]).count() as u64,
        examined: answers.as_ref().map(|answers| answers[*class]),
    };
    let of_classes: Vec<ClassPicture> = judged.iter().enumerate().map(of_class).collect();
    let n = judged.len() as u64;
    let share = |right: u64| (right as f64 / n as f64, wilson(right, n));
    let nearest = of_classes.iter().filter(|c| c.rank == 1).count() as u64;
    let named = of_classes.iter().filter(|c| c.examined == Some(c.class)).count() as u64;
    let (rank_one, rank_one_interval) = share(nearest);
    let (examiner, examiner_interval) = answers.map(|_| share(named)).unzip();
    let (null, deviation) = exchanged(&apart);
    Ok(InversionScore {
        correlation: median(of_classes.iter().map(|c| c.correlation)),
        contrast: median(of_classes.iter().map(|c| c.contrast)),
        contrast_mean: of_classes.iter().map(|c| c.contrast).sum::<f64>() / n as f64,
        contrast_null: null,
        contrast_deviation: deviation,
        rank_one,
        rank_one_interval,
        examiner,
        examiner_interval,
        chance: 1.0 / n as f64,
        classes: of_classes,
    })
}

fn check(pictures: &[f32], truth: &Examples, classes: usize) -> Result<()> {
    let bad = |problem: String| Err(Error::Exposure(problem));
    if classes == 0 || pictures.len() != classes * truth.shape.len() {
        return bad(format!(
            "{} values are no whole pictures of {}",
            pictures.len(),
            truth.shape
        ));
    }
    if pictures.iter().any(|v| !v.is_finite()) {
        return bad("the pictures hold values that are no numbers".into());
    }
    truth.check()?;
    truth.check_labels(classes)?;
    if truth.labels.is_empty() {
        return bad("pictures of classes are judged by images with labels; there are none".into());
    }
    Ok(())
}

fn examine(pictures: &[f32], shape: Shape, examiner: &Model) -> Result<Vec<u32>> {
    let (classes, known) = (pictures.len() / shape.len(), examiner.info().classes.len());
    if known != classes {
        return Err(Error::Exposure(format!(
            "the examiner knows {known} classes, there are pictures of {classes}"
        )));
    }
    let shown = pictures.iter().map(|v| v.clamp(0.0, 255.0)).collect();
    let shown = Examples::new(shape, Stored::F32(shown), None, Vec::new())?;
    let rows = examiner.log_probabilities(&shown, crate::learning::BATCH)?;
    Ok(named(&rows, classes))
}

fn count(truth: &Examples, classes: usize) -> Vec<u64> {
    let mut counts = vec![0; classes];
    truth.labels.iter().for_each(|class| counts[*class as usize] += 1);
    counts
}

/// The mean image of each judged class.
fn means(truth: &Examples, counts: &[u64], judged: &[usize]) -> Vec<Vec<f64>> {
    let mut sums = vec![Vec::new(); counts.len()];
    for class in judged {
        sums[*class] = vec![0f64; truth.shape.len()];
    }
    let len = truth.shape.len();
    for (place, class) in truth.labels.iter().enumerate() {
        let mut sum = sums[*class as usize].iter_mut();
        truth.levels(place * len..(place + 1) * len, |level| {
            if let Some(sum) = sum.next() {
                *sum += f64::from(level);
            }
        });
    }
    let mean = |class: &usize| {
        sums[*class]
            .iter()
            .map(|sum| sum / counts[*class] as f64)
            .collect()
    };
    judged.iter().map(mean).collect()
}

/// Each less the mean of all.
fn contrasts(images: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let count = images.len() as f64;
    let mean = |place: usize| images.iter().map(|image| image[place]).sum::<f64>() / count;
    let mean: Vec<f64> = (0..images.first().map_or(0, Vec::len)).map(mean).collect();
    let less = |image: &Vec<f64>| image.iter().zip(&mean).map(|(v, m)| v - m).collect();
    images.iter().map(less).collect()
}

/// Correlation of each picture (row) with each mean image (column).
fn correlations(pictures: &[Vec<f64>], means: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let one = |picture: &Vec<f64>, mean: &Vec<f64>| metrics::correlation(picture, mean).unwrap_or(0.0);
    pictures
        .iter()
        .map(|picture| means.iter().map(|mean| one(picture, mean)).collect())
        .collect()
}

/// The largest but for that at `own`; 0 where there is no other.
fn largest_other(row: &[f64], own: usize) -> f64 {
    let others = (0..row.len()).filter(|at| *at != own).map(|at| row[at]);
    others.reduce(f64::max).unwrap_or(0.0)
}

/// Mean and standard deviation of the mean over pictures where these are given to the classes at random, one
/// each (Hoeffding: A combinatorial central limit theorem, 1951).
fn exchanged(table: &[Vec<f64>]) -> (f64, f64) {
    let n = table.len() as f64;
    let rows: Vec<f64> = table.iter().map(|row| row.iter().sum::<f64>() / n).collect();
    let columns: Vec<f64> = (0..table.len())
        .map(|at| table.iter().map(|row| row[at]).sum::<f64>() / n)
        .collect();
    let all = rows.iter().sum::<f64>() / n;
    let mut squares = 0.0;
    for (row, mean) in table.iter().zip(&rows) {
        for (value, column) in row.iter().zip(&columns) {
            squares += (value - mean - column + all).powi(2);
        }
    }
    let deviation = (squares / (n - 1.0).max(1.0)).sqrt() / n;
    (all, deviation.max(FLOOR))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    Spread::of(values).map_or(0.0, |spread| spread.median)
}

fn bytes(image: &[f64]) -> Vec<u8> {
    image.iter().map(|v| metrics::to_byte(*v as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    const SHAPE: Shape = Shape::new(8, 8, 1);

    fn noise(rng: &mut Rng, range: f32) -> Vec<f32> {
        (0..SHAPE.len()).map(|_| range * rng.unit() as f32).collect()
    }

    /// A random image for each of `classes`, on top of one that all have in common.
    fn images(classes: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        on(&noise(&mut Rng::new(99), 150.0), classes, 100.0, &mut rng)
    }

    /// An image with so much noise for each of `classes`.
    fn on(image: &[f32], classes: usize, range: f32, rng: &mut Rng) -> Vec<f32> {
        let one = |_| {
            let noise = noise(rng, range);
            image.iter().zip(noise).map(|(v, n)| v + n).collect::<Vec<f32>>()
        };
        (0..classes).flat_map(one).collect()
    }

    fn truth(classes: usize, seed: u64) -> Examples {
        let labels = (0..classes as u32).collect();
        Examples::new(SHAPE, Stored::F32(images(classes, seed)), None, labels).unwrap()
    }

    #[test]
    fn the_class_means_themselves_are_as_near_as_can_be() {
        let score = inversion(&images(10, 1), &truth(10, 1), None).unwrap();
        assert!((score.correlation - 1.0).abs() < 1e-9 && (score.contrast - 1.0).abs() < 1e-9);
        assert_eq!((score.rank_one, score.chance, score.examiner), (1.0, 0.1, None));
        assert!(score.classes.iter().all(|c| c.ssim.unwrap() > 0.999));
        assert!(score.evidence().deviations() > 6.0, "{score:?}");
        // Brightness and contrast are no part of it, but of the structural similarity.
        let dim: Vec<f32> = images(10, 1).iter().map(|v| 20.0 + 0.1 * v).collect();
        let dim = inversion(&dim, &truth(10, 1), None).unwrap();
        assert!((dim.contrast - 1.0).abs() < 1e-6 && dim.rank_one == 1.0);
        assert!(dim.classes.iter().all(|c| c.ssim.unwrap() < 0.9));
    }

    /// Pictures with what all classes have in common and nothing of any: high correlations, no contrast.
    #[test]
    fn what_classes_have_in_common_is_no_leak() {
        let common = noise(&mut Rng::new(99), 150.0);
        let pictures = on(&common, 10, 40.0, &mut Rng::new(5));
        let score = inversion(&pictures, &truth(10, 1), None).unwrap();
        assert!(score.correlation > 0.4, "{score:?}");
        assert!(score.contrast.abs() < 0.3 && score.rank_one <= 0.4, "{score:?}");
        assert!(score.evidence().deviations() < 4.0, "{score:?}");
    }

    #[test]
    fn pictures_that_are_all_the_same_tell_nothing() {
        let score = inversion(&vec![7.0; 4 * SHAPE.len()], &truth(4, 2), None).unwrap();
        assert_eq!(
            (score.contrast, score.rank_one, score.correlation),
            (0.0, 0.0, 0.0)
        );
        assert_eq!(score.evidence().deviations(), 0.0);
        assert!(score.classes.iter().all(|c| c.rank == 4));
    }

    /// Worked out by hand for two classes: only two ways to give pictures to classes.
    #[test]
    fn the_null_is_that_of_all_ways_to_give_pictures_to_classes() {
        let (null, deviation) = exchanged(&[vec![0.9, -0.5], vec![-0.7, 0.3]]);
        // Means over the two ways: 0.6 and -0.6.
        assert!(
            null.abs() < 1e-12 && (deviation - 0.6).abs() < 1e-12,
            "{null} {deviation}"
        );
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let truth = truth(3, 1);
        let mut unlabelled = truth.clone();
        unlabelled.labels.clear();
        let good = images(3, 1);
        let mut broken = good.clone();
        broken[5] = f32::NAN;
        for (pictures, truth) in [
            (&good[..good.len() - 1], &truth),
            (&good[..2 * SHAPE.len()], &truth),
            (&good[..0], &truth),
            (&broken[..], &truth),
            (&good[..], &unlabelled),
        ] {
            assert!(inversion(pictures, truth, None).is_err());
        }
        assert!(inversion(&good, &truth, None).is_ok());
    }
}
