//! Rounds of recovery: images, then coefficients and clusters again by the images.

use super::cores::{Assigned, WRONG_CLASS, costs};
use crate::{
    Budget, Progress, Result,
    attacks::instahide::{
        Blend,
        clusters::members_of,
        coefficients::{dot, refit},
        labels::Labels,
        recovery::{Problem, recover},
        resolve::{merge, options, products, targets},
        transport,
    },
    attacks::learned::mean_and_deviation,
};
use rayon::prelude::*;
use visard_core::Shape;

/// What recovery goes by.
pub(super) struct Scene<'a> {
    pub(super) shape: Shape,
    /// Images in a blend, and private ones of them.
    pub(super) k: usize,
    pub(super) inside: usize,
    /// Largest coefficient.
    pub(super) largest: f64,
    pub(super) magnitudes: &'a [f32],
    pub(super) labels: Option<Labels<'a>>,
    /// Number of images: one for each cluster.
    pub(super) images: usize,
}

/// What came of the rounds.
pub(super) struct Refined {
    /// The images, normalised units, one for each cluster.
    pub(super) images: Vec<f32>,
    /// Clusters of each encoding.
    pub(super) sets: Vec<Vec<usize>>,
    /// Root mean square of what the blends do not explain, over that of the magnitudes.
    pub(super) residual: f64,
    /// Share of the assignments that the last round changed.
    pub(super) changed: f64,
    /// Rounds of recovery.
    pub(super) rounds: usize,
    /// Whether the time sufficed.
    pub(super) complete: bool,
}

impl Scene<'_> {
    /// Alternates recovery, from `start`, with coefficients and clusters.
    pub(super) fn refine(
        &self,
        assigned: Assigned,
        start: Vec<f32>,
        rounds: usize,
        budget: &Budget,
        progress: Progress<'_>,
    ) -> Result<Refined> {
        let Assigned { mut sets, explained } = assigned;
        let mut blends = self.first(&sets);
        let (mut start, mut changed, mut done) = (start, 0.0, 0);
        loop {
            progress(done as f64 / rounds.max(1) as f64, "recovery");
            let options = options(self.shape, start, done + 1 >= rounds);
            let recovered = recover(&self.problem(&blends), &options, budget)?;
            done += 1;
            let spent = !recovered.complete || budget.is_spent();
            if done < rounds && !spent {
                let fitted = self.fitted(&blends, &recovered.images, &sets);
                if let Some(next) = self.again(&explained, &fitted, &recovered.images, &sets, budget)? {
                    changed = fresh(&sets, &next) as f64 / (self.inside * sets.len()).max(1) as f64;
                    let merged = merge(self.k, &fitted, &next);
                    blends = self.fitted(&merged, &recovered.images, &next);
                    sets = next;
                    start = recovered.images;
                    continue;
                }
            }
            return Ok(Refined {
                images: recovered.images,
                sets,
                residual: recovered.residual,
                changed,
                rounds: done,
                complete: done >= rounds && !spent,
            });
        }
    }

    fn problem<'a>(&'a self, blends: &'a [Blend]) -> Problem<'a> {
        Problem {
            shape: self.shape,
            images: self.images,
            magnitudes: self.magnitudes,
            blends,
            known: None,
        }
    }

    /// The first coefficients: those of the labels, or all alike.
    fn first(&self, sets: &[Vec<usize>]) -> Vec<Blend> {
        match self.labels {
            Some(labels) => labels.voted(&members_of(sets, self.images)).split(&labels, sets),
            None => merge(self.k, &vec![Blend::new(); sets.len()], sets),
        }
    }

    /// The coefficients that explain the magnitudes best, and agree with the labels where there are any.
    fn fitted(&self, blends: &[Blend], images: &[f32], sets: &[Vec<usize>]) -> Vec<Blend> {
        let whole = self.inside == self.k;
        let found = refit(&self.problem(blends), images, self.largest, whole);
        match self.labels {
            Some(labels) => labels
                .voted(&members_of(sets, self.images))
                .rescale(&labels, &found),
            None => found,
        }
    }

    /// Clusters again: by what the similarity explains and by what the images do, each in units of its own
    /// deviation. `None` if the time is up.
    fn again(
        &self,
        explained: &[f32],
        blends: &[Blend],
        images: &[f32],
        sets: &[Vec<usize>],
        budget: &Budget,
    ) -> Result<Option<Vec<Vec<usize>>>> {
        let gains = self.gains(blends, images);
        let unit = |values| 1.0 / (mean_and_deviation(values).1 as f32).max(1e-9);
        let [first, second] = [explained, &gains[..]].map(unit);
        // Labels rule out as much as before.
        let scale = 1.0 / (2.0 * WRONG_CLASS);
        let both = explained.iter().zip(&gains);
        let suits: Vec<f32> = both
            .map(|(explained, gain)| scale * (explained * first + gain * second))
            .collect();
        let costs = costs(&suits, self.images, self.labels, &members_of(sets, self.images));
        let most = (sets.len() * self.inside).div_ceil(self.images.max(1));
        transport::assign(&costs, self.images, self.inside, most, budget)
    }

    /// The share of each encoding that each image explains, under the signs of the blends, beside the strongest
    /// image of its blend; row by row.
    fn gains(&self, blends: &[Blend], images: &[f32]) -> Vec<f32> {
        let (len, count) = (self.shape.len(), self.images);
        let targets = targets(&self.problem(blends), images);
        let (with, gram) = (products(&targets, images, len), products(images, images, len));
        let mut gains = vec![0f32; with.len()];
        gains
            .par_chunks_mut(count.max(1))
            .zip(with.par_chunks(count.max(1)))
            .zip(targets.par_chunks(len))
            .zip(blends)
            .for_each(|(((gains, with), target), blend)| {
                let power = |image: usize| gram[image * count + image].max(0.0);
                let strength = |(image, weight): &(usize, f64)| weight * f64::from(power(*image)).sqrt();
                let strongest = blend.iter().max_by(|a, b| strength(a).total_cmp(&strength(b)));
                let total = dot(target, target).max(f64::MIN_POSITIVE) as f32;
                for (image, gain) in gains.iter_mut().enumerate() {
                    let (mut shared, mut left) = (with[image], power(image));
                    if let Some((own, _)) = strongest.filter(|(own, _)| *own != image && power(*own) > 0.0) {
                        let cross = gram[own * count + image];
                        shared -= with[*own] * cross / power(*own);
                        left -= cross * cross / power(*own);
                    }
                    if left > 1e-6 * power(image) {
                        *gain = shared.max(0.0).powi(2) / left / total;
                    }
                }
            });
        gains
    }
}

/// Members of the new sets that the old ones did not have.
fn fresh(old: &[Vec<usize>], new: &[Vec<usize>]) -> usize {
    let of = |(old, new): (&Vec<usize>, &Vec<usize>)| new.iter().filter(|one| !old.contains(one)).count();
    old.iter().zip(new).map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    /// Magnitudes of blends of two of four images, with the second image of a third of them wrong.
    #[test]
    fn images_put_wrong_assignments_right() {
        let shape = Shape::new(5, 6, 1);
        let mut rng = Rng::new(3);
        let images: Vec<f32> = (0..4 * shape.len()).map(|_| rng.unit() as f32 - 0.8).collect();
        let truth: Vec<Vec<usize>> = (0..24).map(|i| vec![i % 4, (i + 1 + i / 4 % 3) % 4]).collect();
        let image = |number: usize| &images[number * shape.len()..][..shape.len()];
        let magnitudes: Vec<f32> = truth
            .iter()
            .flat_map(|set| {
                let both = image(set[0]).iter().zip(image(set[1]));
                both.map(|(a, b)| (0.55 * a + 0.45 * b).abs())
                    .collect::<Vec<f32>>()
            })
            .collect();
        let scene = Scene {
            shape,
            k: 2,
            inside: 2,
            largest: 0.65,
            magnitudes: &magnitudes,
            labels: None,
            images: 4,
        };
        let mut wrong = truth.clone();
        for (set, truth) in wrong.iter_mut().zip(&truth).take(8) {
            set[1] = (0..4).find(|image| !truth.contains(image)).unwrap();
        }
        let blends = merge(2, &vec![Blend::new(); 24], &wrong);
        let fitted = scene.fitted(&blends, &images, &wrong);
        let none = vec![0f32; 24 * 4];
        let found = scene.again(&none, &fitted, &images, &wrong, &Budget::generous());
        let found = found.unwrap().unwrap();
        let left = fresh(&truth, &found);
        println!("{} wrong assignments, then {left}", fresh(&truth, &wrong));
        assert!(fresh(&truth, &wrong) == 8 && left <= 2, "{found:?}");
    }
}
