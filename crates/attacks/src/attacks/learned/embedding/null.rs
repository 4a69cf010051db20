//! What the AUC of pairs is when labels have nothing to do with images.

use crate::{Budget, Evidence, Rng, Set};
use rayon::prelude::*;
use visard_core::Pixels;

/// Labels at random that are tried.
const TRIES: usize = 200;
/// Fewest of them that a deviation is taken from.
const FEWEST: usize = 30;
/// Deviations below this are not told from rounding.
const FINEST: f64 = 1e-4;

/// The AUC of the decision "of one class if near" with the labels of pictures exchanged at random. Pairs of
/// images are no independent tries, and all encodings of a picture keep together, so that nothing but the
/// link between labels and pictures is undone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Null {
    mean: f64,
    deviation: f64,
    /// Third moment about the mean in units of the deviation.
    skew: f64,
}

/// Bytes that [`Null::draw`] takes for so many images.
pub(super) fn bytes(images: usize) -> u64 {
    let pairs = images as u64 * (images as u64).saturating_sub(1) / 2;
    // A distance, a place in their order and a rank for each pair; places are counted in 32 bits.
    if pairs > u64::from(u32::MAX) {
        u64::MAX
    } else {
        12 * pairs
    }
}

impl Null {
    /// `each` images of the set belong to each picture; none if the budget is spent, or there is only one
    /// kind of pair.
    pub(super) fn draw(set: &Set, each: usize, budget: &Budget, rng: &mut Rng) -> Option<Self> {
        let ranks = ranks(set);
        let labels = set.labels();
        let mut found = Vec::with_capacity(TRIES);
        for _ in 0..TRIES {
            if budget.is_spent() {
                break;
            }
            let order = rng.permutation(labels.len() / each);
            let rows = order
                .iter()
                .flat_map(|picture| picture * each..(picture + 1) * each);
            let mixed: Vec<u32> = rows.map(|row| labels[row]).collect();
            found.push(auc(&ranks, &mixed)?);
        }
        if found.len() < FEWEST {
            return None;
        }
        let count = found.len() as f64;
        let mean = found.iter().sum::<f64>() / count;
        let moment = |power: i32| found.iter().map(|v| (v - mean).powi(power)).sum::<f64>() / count;
        let deviation = (moment(2) * count / (count - 1.0)).sqrt();
        Some(Self {
            mean,
            deviation: deviation.max(FINEST),
            skew: if deviation > FINEST {
                moment(3) / deviation.powi(3)
            } else {
                0.0
            },
        })
    }

    /// An AUC beside what it is by chance. Its tail is longer than a normal one, so that the deviation is
    /// stretched until the distance counts as it would for a normal figure that is as unlikely.
    pub(super) fn evidence(&self, what: &str, value: f64) -> Evidence {
        let above = value - self.mean;
        let normal = normal(above / self.deviation, self.skew);
        Evidence {
            what: what.into(),
            value,
            null: self.mean,
            deviation: if above > 0.0 && normal > 0.0 {
                above / normal
            } else {
                self.deviation
            },
        }
    }
}

/// Deviations of a normal figure that are as unlikely as `t` deviations of one with that skew, which is taken
/// for a shifted gamma distribution (Wilson, Hilferty: The distribution of chi-square, PNAS 1931). Never more
/// than `t`.
fn normal(t: f64, skew: f64) -> f64 {
    // A tail that is shorter than a normal one is not made use of.
    if skew < 1e-3 || t <= 0.0 {
        return t;
    }
    let root = (1.0 + skew * t / 2.0).cbrt();
    (6.0 / skew * (root - 1.0 + skew * skew / 36.0)).min(t)
}

/// Rank of the distance of each pair (0, 1), (0, 2), ..., (1, 2), ..., from 1 for the nearest; equal ones
/// share the mean of their ranks.
fn ranks(set: &Set) -> Vec<f32> {
    let values;
    let values: &[f32] = match set.pixels() {
        Pixels::F32(v) => v,
        Pixels::U8(_) => {
            values = set.to_floats();
            &values
        }
    };
    let (len, count) = (set.shape().len(), set.len());
    let image = |i: usize| &values[i * len..][..len];
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let from = |i: usize| (i + 1..count).map(move |j| apart(image(i), image(j)));
    let distances: Vec<f32> = (0..count).into_par_iter().flat_map_iter(from).collect();
    let mut order: Vec<u32> = (0..distances.len() as u32).collect();
    order.sort_unstable_by(|a, b| distances[*a as usize].total_cmp(&distances[*b as usize]));
    let mut ranks = vec![0.0; distances.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| distances[*a as usize] == distances[*b as usize]) {
        let rank = before as f32 + (equal.len() as f32 + 1.0) / 2.0;
        equal.iter().for_each(|pair| ranks[*pair as usize] = rank);
        before += equal.len();
    }
    ranks
}

/// Chance that a pair of one class is nearer than a pair of two, from the ranks of all pairs, equal ones
/// counting half; none if one of the kinds does not occur.
fn auc(ranks: &[f32], labels: &[u32]) -> Option<f64> {
    let (mut sum, mut same, mut place) = (0.0, 0.0, 0);
    for (i, label) in labels.iter().enumerate() {
        for other in &labels[i + 1..] {
            if label == other {
                sum += f64::from(ranks[place]);
                same += 1.0;
            }
            place += 1;
        }
    }
    let other = ranks.len() as f64 - same;
    let farther = sum - same * (same + 1.0) / 2.0;
    (same > 0.0 && other > 0.0).then(|| 1.0 - farther / (same * other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::linkage::{Space, measure};
    use visard_core::Shape;

    /// Points on a plane in `classes` clusters, each `apart` from the next.
    fn points(count: usize, classes: usize, apart: f64, seed: u64) -> Set {
        let mut rng = Rng::new(seed);
        let mut values = Vec::new();
        for i in 0..count {
            values.push((rng.unit() + apart * (i % classes) as f64) as f32);
            values.push(rng.unit() as f32);
        }
        let labels = (0..count).map(|i| (i % classes) as u32).collect();
        Set::new(Shape::new(1, 2, 1), Pixels::F32(values), labels).unwrap()
    }

    fn found(set: &Set) -> (f64, Null) {
        let null = Null::draw(set, 1, &Budget::generous(), &mut Rng::new(9)).unwrap();
        (auc(&ranks(set), set.labels()).unwrap(), null)
    }

    #[test]
    fn the_area_is_that_of_the_linkage() {
        for apart in [0.0, 0.4] {
            let set = points(60, 3, apart, 2);
            let links = measure(&set, Space::Values, &Budget::generous(), &|_, _| {}).unwrap();
            let (own, wanted) = (found(&set).0, links.auc.unwrap());
            assert!((own - wanted).abs() < 1e-3, "{own} {wanted}");
        }
        // Where all are equal nothing is nearer.
        let same = Set::new(
            Shape::new(1, 1, 1),
            Pixels::U8(vec![7; 9]),
            vec![0, 1, 2, 0, 1, 2, 0, 1, 2],
        )
        .unwrap();
        assert_eq!(found(&same).0, 0.5);
    }

    #[test]
    fn labels_at_random_are_chance_and_clusters_are_not() {
        for seed in 0..5 {
            let (value, null) = found(&points(80, 4, 0.0, seed));
            let evidence = null.evidence("", value);
            assert!((evidence.null - 0.5).abs() < 0.02, "{null:?}");
            assert!(evidence.deviations().abs() < 4.0, "{value} {null:?}");
        }
        let (value, null) = found(&points(80, 4, 2.0, 1));
        assert!(
            value > 0.95 && null.evidence("", value).deviations() > 5.0,
            "{value} {null:?}"
        );
    }

    /// Two numbers at each place, so that each picture lies near itself, whatever its label says.
    #[test]
    fn encodings_of_a_picture_are_not_taken_for_pictures() {
        let mut rng = Rng::new(4);
        let pictures: Vec<f32> = (0..40).map(|_| rng.unit() as f32).collect();
        let values = pictures.iter().flat_map(|v| [*v; 4]).collect();
        let labels = (0..160).map(|i| i / 4 % 8).collect();
        let set = Set::new(Shape::new(1, 1, 1), Pixels::F32(values), labels).unwrap();
        let value = auc(&ranks(&set), set.labels()).unwrap();
        let of = |each| {
            Null::draw(&set, each, &Budget::generous(), &mut Rng::new(1))
                .unwrap()
                .evidence("", value)
        };
        assert!(of(4).deviations().abs() < 3.5, "{:?}", of(4));
        assert!(of(1).deviations() > of(4).deviations() + 3.0, "{:?}", of(1));
    }

    #[test]
    fn skewed_tails_count_for_what_they_are() {
        // An exponential figure nine deviations above its mean: exp(-10), 3.91 deviations of a normal one.
        assert!((normal(9.0, 2.0) - 3.91).abs() < 0.15);
        // The square of a normal figure, at 2.84 times 2.84: one-sided 0.0045.
        assert!((normal(5.0, 8f64.sqrt()) - 2.61).abs() < 0.05);
        assert_eq!(
            (normal(3.0, 0.0), normal(3.0, -1.0), normal(-2.0, 1.0)),
            (3.0, 3.0, -2.0)
        );
    }

    #[test]
    fn a_spent_budget_gives_no_null() {
        let spent = Budget::new(Some(std::time::Duration::ZERO), 1 << 20);
        assert!(Null::draw(&points(20, 2, 0.0, 1), 1, &spent, &mut Rng::new(1)).is_none());
    }
}
