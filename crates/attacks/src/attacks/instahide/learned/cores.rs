//! Clusters by their cores, and every encoding assigned to the clusters that explain it together.
//!
//! Runs of the greedy search begin with encodings of one image and go on with those of images that look alike. So
//! here their beginnings alone are compared, by how alike they are: two halves of one cluster are as alike to
//! each other as each is within itself.

use crate::{
    Budget, Error, Result, Rng,
    attacks::instahide::{
        clusters::{Wanted, members_of, recurring, runs},
        labels::Labels,
        similarity::Similarity,
        transport,
    },
};
use faer::{Mat, Side, linalg::solvers::Llt, prelude::Solve};
use rayon::prelude::*;

/// Parts of a run that count as its core, one after the other: a half, a quarter, an eighth.
const SHARES: [usize; 3] = [2, 4, 8];

/// Cores are of one cluster if they are so much as alike to each other as within themselves.
const SAME: f64 = 0.7;

/// Ridge of the joint explanation, in units of the mean similarity within clusters.
const RIDGE: f64 = 0.3;

/// Times that all encodings are assigned, each time to the surest quarter of what was assigned before.
const ROUNDS: usize = 3;
const SUREST: usize = 4;

/// Cost of a cluster whose class has no weight in the label of an encoding: more than a cluster can explain.
pub(super) const WRONG_CLASS: f32 = 4.0;

/// Clusters of encodings that share an image, each as the encodings of its core, where alike images make runs
/// overlap; fewer than are wanted where no more are found.
///
/// # Errors
/// If there are no images or fewer encodings than two.
pub fn cores(
    similarity: &Similarity,
    wanted: Wanted,
    budget: &Budget,
    rng: &mut Rng,
) -> Result<Vec<Vec<usize>>> {
    let runs = runs(similarity, wanted, budget, rng)?;
    let size = wanted.size(similarity.count());
    let base = base(similarity);
    let mut kept: Vec<(Vec<usize>, f64)> = Vec::new();
    for share in SHARES {
        let core = (size / share).max(2);
        for (members, within) in ranked(similarity, &runs, core) {
            if kept.len() == wanted.images || budget.is_spent() {
                break;
            }
            let apart = |(other, inner): &(Vec<usize>, f64)| {
                between(similarity, &members, other) - base < SAME * (within.min(*inner) - base)
            };
            if kept.par_iter().all(apart) {
                kept.push((members, within));
            }
        }
    }
    Ok(kept.into_iter().map(|(members, _)| members).collect())
}

/// The mean over all pairs that no label parts.
fn base(similarity: &Similarity) -> f64 {
    let each = (0..similarity.count()).into_par_iter().map(|own| {
        let others = similarity.row(own)[..own].iter().filter(|value| **value > -1.0);
        others.fold((0.0, 0.0), |(sum, number), value| {
            (sum + f64::from(*value), number + 1.0)
        })
    });
    let sums: Vec<(f64, f64)> = each.collect();
    let (sum, number) = sums.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    sum / f64::max(number, 1.0)
}

/// The mean similarity of the members of two cores, of an encoding to itself left out.
fn between(similarity: &Similarity, a: &[usize], b: &[usize]) -> f64 {
    let (mut sum, mut number) = (0.0, 0usize);
    for own in a {
        let row = similarity.row(*own);
        for other in b.iter().filter(|other| *other != own) {
            sum += f64::from(row[*other]);
            number += 1;
        }
    }
    sum / number.max(1) as f64
}

/// The first `core` encodings of the runs that recur, with the similarity within, the largest first.
fn ranked(similarity: &Similarity, runs: &[Vec<usize>], core: usize) -> Vec<(Vec<usize>, f64)> {
    let mut found: Vec<(Vec<usize>, f64)> = recurring(runs, core, similarity.count())
        .into_par_iter()
        .map(|(run, _)| {
            let members = &runs[run][..core];
            (members.to_vec(), between(similarity, members, members))
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found
}

/// Encodings with the clusters that they were assigned to.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// For each encoding its clusters.
    pub sets: Vec<Vec<usize>>,
    /// For each encoding and each cluster, row by row, how much of the encoding the cluster explains.
    pub(super) explained: Vec<f32>,
}

/// Assigns every encoding to `each` of the clusters, none of which takes more than its share: to those that
/// explain together how alike it is to their members. Where there are labels, clusters are avoided whose class
/// a label does not hold. `None` if the time is up.
///
/// # Errors
/// If there are fewer clusters than `each`.
pub fn assign(
    similarity: &Similarity,
    cores: &[Vec<usize>],
    each: usize,
    labels: Option<Labels<'_>>,
    budget: &Budget,
) -> Result<Option<Assigned>> {
    let (count, clusters) = (similarity.count(), cores.len());
    if clusters < each.max(1) {
        let problem = format!("{clusters} clusters are fewer than the {each} that each encoding is in");
        return Err(Error::Exposure(problem));
    }
    let most = (count * each).div_ceil(clusters.max(1));
    let (mut sure, mut members) = (cores.to_vec(), cores.to_vec());
    let mut assigned = None;
    for _ in 0..ROUNDS {
        let explained = explained(similarity, &sure);
        let costs = costs(&explained, clusters, labels, &members);
        let Some(sets) = transport::assign(&costs, clusters, each, most, budget)? else {
            return Ok(None);
        };
        members = members_of(&sets, clusters);
        sure = members
            .iter()
            .enumerate()
            .map(|(cluster, members)| {
                let mut order = members.clone();
                let cost = |encoding: usize| costs[encoding * clusters + cluster];
                order.sort_by(|a, b| cost(*a).total_cmp(&cost(*b)).then(a.cmp(b)));
                order.truncate((order.len() / SUREST).max(2));
                order
            })
            .collect();
        assigned = Some(Assigned { sets, explained });
    }
    Ok(assigned)
}

/// What it costs to put each encoding in each cluster: the less, the better the cluster suits it, and more where
/// the label has nothing of the class that most `members` have.
pub(super) fn costs(
    suits: &[f32],
    clusters: usize,
    labels: Option<Labels<'_>>,
    members: &[Vec<usize>],
) -> Vec<f32> {
    let classes = labels.map(|labels| (labels, labels.voted(members)));
    let cost = |(i, suits): (usize, &f32)| match &classes {
        Some((labels, classes)) if !classes.allow(labels, i / clusters, i % clusters) => WRONG_CLASS - suits,
        _ => -suits,
    };
    suits.iter().enumerate().map(cost).collect()
}

/// How much of each encoding each cluster explains, if all do so together: the coefficients of a ridge
/// regression, which needs nothing but similarities.
fn explained(similarity: &Similarity, cores: &[Vec<usize>]) -> Vec<f32> {
    let (count, clusters) = (similarity.count(), cores.len());
    let near: Vec<f32> = (0..count)
        .into_par_iter()
        .flat_map_iter(|own| {
            cores
                .iter()
                .map(move |core| between(similarity, &[own], core) as f32)
        })
        .collect();
    let mut gram = Mat::<f64>::from_fn(clusters, clusters, |a, b| {
        let sum: f64 = cores[a]
            .iter()
            .map(|own| f64::from(near[own * clusters + b]))
            .sum();
        sum / cores[a].len().max(1) as f64
    });
    let mean = (0..clusters).map(|i| gram[(i, i)]).sum::<f64>() / clusters.max(1) as f64;
    for a in 0..clusters {
        for b in 0..a {
            let middle = (gram[(a, b)] + gram[(b, a)]) / 2.0;
            (gram[(a, b)], gram[(b, a)]) = (middle, middle);
        }
        gram[(a, a)] += (RIDGE * mean).max(1e-9);
    }
    // Similarities that are no products of rows may make no positive matrix; then each cluster stands alone.
    let Ok(factor) = Llt::new(gram.as_ref(), Side::Lower) else {
        return near;
    };
    let mut inverse = Mat::<f64>::identity(clusters, clusters);
    factor.solve_in_place(inverse.as_mut());
    near.par_chunks(clusters.max(1))
        .flat_map_iter(|row| {
            let inverse = &inverse;
            (0..clusters).map(move |to| {
                let parts = row.iter().enumerate();
                parts
                    .map(|(from, value)| f64::from(*value) * inverse[(from, to)])
                    .sum::<f64>() as f32
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products of rows of encodings of two images each, where images 2i and 2i + 1 look alike; and what is in
    /// each encoding.
    fn alike(images: usize, count: usize) -> (Similarity, Vec<[usize; 2]>) {
        let mut rng = Rng::new(5);
        let width = 64;
        let mut row = |scale: f64| -> Vec<f64> { (0..width).map(|_| scale * (rng.unit() - 0.5)).collect() };
        let kinds: Vec<Vec<f64>> = (0..images.div_ceil(2)).map(|_| row(1.0)).collect();
        let rows: Vec<Vec<f64>> = (0..images)
            .map(|image| {
                kinds[image / 2]
                    .iter()
                    .zip(row(1.0))
                    .map(|(a, b)| a + b)
                    .collect()
            })
            .collect();
        let noise: Vec<Vec<f64>> = (0..count).map(|_| row(1.0)).collect();
        let mut rng = Rng::new(6);
        let sets: Vec<[usize; 2]> = (0..count)
            .map(|i| [i % images, (i + 1 + rng.below(images - 1)) % images])
            .collect();
        let values: Vec<f32> = sets
            .iter()
            .zip(&noise)
            .flat_map(|([a, b], noise)| {
                let sum = (0..width)
                    .map(|i| rows[*a][i] + rows[*b][i] + noise[i])
                    .collect::<Vec<f64>>();
                let length = sum.iter().map(|v| v * v).sum::<f64>().sqrt();
                sum.into_iter().map(move |v| (v / length) as f32)
            })
            .collect();
        (
            Similarity::products(&values, width, &Budget::generous()).unwrap(),
            sets,
        )
    }

    #[test]
    fn images_that_look_alike_are_told_apart() {
        let (images, count) = (12, 360);
        let (similarity, truth) = alike(images, count);
        let wanted = Wanted {
            images,
            each: 2,
            seeds: 600,
        };
        let budget = Budget::generous();
        let found = cores(&similarity, wanted, &budget, &mut Rng::new(2)).unwrap();
        let name = |members: &[usize]| {
            let mut counts = vec![0; images];
            members
                .iter()
                .for_each(|e| truth[*e].iter().for_each(|image| counts[*image] += 1));
            (0..images).max_by_key(|image| counts[*image]).unwrap()
        };
        let assigned = assign(&similarity, &found, 2, None, &budget).unwrap().unwrap();
        let members = members_of(&assigned.sets, found.len());
        let mut names: Vec<usize> = members.iter().map(|members| name(members)).collect();
        let own = &names;
        let held = |set: &[usize], image: usize| set.iter().any(|cluster| own[*cluster] == image);
        let each = assigned.sets.iter().zip(&truth);
        let right: usize = each
            .map(|(set, truth)| truth.iter().filter(|image| held(set, **image)).count())
            .sum();
        let right = right as f64 / (2 * count) as f64;
        names.sort_unstable();
        names.dedup();
        println!("{} cores, {} images, {right:.3} right", found.len(), names.len());
        // Two clusters of twelve at random are right in a sixth.
        assert!(names.len() >= 9 && right > 0.65);
    }

    #[test]
    fn labels_keep_encodings_out_of_clusters_of_other_classes() {
        let rows = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        let labels = Labels::new(2, &rows);
        let members = [vec![0, 1], vec![2, 3]];
        let costs = costs(
            &[0.1, 0.9, 0.6, 0.5, 0.2, 0.3, 0.9, 0.1],
            2,
            Some(labels),
            &members,
        );
        let sets = transport::assign(&costs, 2, 1, 2, &Budget::generous())
            .unwrap()
            .unwrap();
        assert_eq!(sets, [[0], [0], [1], [1]]);
        assert_eq!(members_of(&sets, 2), members);
    }

    #[test]
    fn too_few_clusters_are_refused() {
        let (similarity, _) = alike(4, 20);
        assert!(assign(&similarity, &[vec![0, 4]], 2, None, &Budget::generous()).is_err());
        assert!(assign(&similarity, &[], 2, None, &Budget::generous()).is_err());
    }
}
