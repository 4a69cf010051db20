//! What the order of the encodings says, once everything else is done: encodings of one sample follow each other.

use crate::{Budget, Error, Evidence, Result, Rng, attacks::instahide::transport};

/// Random orders that evidence is compared with.
const ORDERS: usize = 40;

/// For each sample, of `each` encodings in a row, the cluster that most of its encodings are in; no cluster stands for
/// more samples than it must.
///
/// # Errors
/// If there are no clusters.
pub(super) fn of_samples(
    sets: &[Vec<usize>],
    each: usize,
    clusters: usize,
    budget: &Budget,
) -> Result<Vec<usize>> {
    if clusters == 0 {
        return Err(Error::Exposure(
            "no clusters were found that samples could show".into(),
        ));
    }
    let samples = sets.len() / each.max(1);
    let mut costs = vec![0f32; samples * clusters];
    for (encoding, set) in sets.iter().enumerate() {
        set.iter()
            .for_each(|cluster| costs[encoding / each * clusters + cluster] -= 1.0);
    }
    let most = samples.div_ceil(clusters);
    let found = transport::assign(&costs, clusters, 1, most, budget)?;
    let own = |set: &Vec<usize>| set.first().copied();
    Ok(match found {
        Some(sets) => sets.iter().filter_map(own).collect(),
        None => costs.chunks(clusters).map(least).collect(),
    })
}

/// The place of the least value.
fn least(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, i| if values[i] < values[best] { i } else { best })
}

/// That encodings of one sample have a cluster in common more often than in a random order; `None` if every sample
/// has one encoding, or every order gives the same.
pub(super) fn together(sets: &[Vec<usize>], each: usize, rng: &mut Rng) -> Option<Evidence> {
    if each < 2 || sets.len() <= each {
        return None;
    }
    let own: Vec<usize> = (0..sets.len()).collect();
    let value = share(sets, &own, each);
    let random: Vec<f64> = (0..ORDERS)
        .map(|_| share(sets, &rng.permutation(sets.len()), each))
        .collect();
    let null = random.iter().sum::<f64>() / ORDERS as f64;
    let square = random.iter().map(|share| (share - null).powi(2)).sum::<f64>();
    let deviation = (square / (ORDERS - 1) as f64).sqrt();
    (deviation > 0.0).then(|| Evidence {
        what:
            "share of the pairs of encodings of one sample that were put in one cluster, which the shuffled \
               encodings do not tell"
                .into(),
        value,
        null,
        deviation,
    })
}

/// Share of the pairs of encodings, in that order and `each` of them a sample, that have a cluster in common.
fn share(sets: &[Vec<usize>], order: &[usize], each: usize) -> f64 {
    let (mut common, mut pairs) = (0usize, 0usize);
    for sample in order.chunks(each) {
        for (i, a) in sample.iter().enumerate() {
            for b in &sample[..i] {
                pairs += 1;
                common += usize::from(sets[*a].iter().any(|cluster| sets[*b].contains(cluster)));
            }
        }
    }
    common as f64 / pairs.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_show_the_cluster_of_most_of_their_encodings() {
        let sets = [[2, 0], [2, 1], [0, 1], [0, 2], [1, 2], [1, 0]].map(|set| set.to_vec());
        let budget = Budget::generous();
        assert_eq!(of_samples(&sets, 2, 3, &budget).unwrap(), [2, 0, 1]);
        // One cluster too few: two samples share one.
        let sets = [[0], [0], [1], [1], [0], [0]].map(|set| set.to_vec());
        assert_eq!(of_samples(&sets, 2, 2, &budget).unwrap(), [0, 1, 0]);
        let spent = Budget::new(Some(std::time::Duration::ZERO), 0);
        assert_eq!(of_samples(&sets, 2, 2, &spent).unwrap(), [0, 1, 0]);
        assert!(of_samples(&sets, 2, 0, &budget).is_err());
    }

    #[test]
    fn what_belongs_together_stands_out_and_chance_does_not() {
        let mut rng = Rng::new(9);
        let right: Vec<Vec<usize>> = (0..120).map(|i| vec![i / 10, 12 + rng.below(12)]).collect();
        let told = together(&right, 10, &mut rng).unwrap();
        assert!(told.value == 1.0 && told.deviations() > 10.0, "{told:?}");
        let chance: Vec<Vec<usize>> = (0..120).map(|_| vec![rng.below(12)]).collect();
        let told = together(&chance, 10, &mut rng).unwrap();
        assert!(told.deviations().abs() < 4.0, "{told:?}");
        assert!(together(&chance, 1, &mut rng).is_none());
        assert!(together(&vec![vec![0]; 20], 10, &mut rng).is_none());
    }
}
