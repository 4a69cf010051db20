//! Encodings that share a private image: clusters grown greedily in a similarity, then every encoding
//! assigned to as many of them as it has private images.

use super::{View, labels::Labels, similarity::Similarity, transport};
use crate::{AttackInfo, Budget, Error, Level, Needs, Outcome, Result, Rng, Verdict};
use rayon::prelude::*;
use visard_core::params::{Kind, ParamSpec};

const NAME: &str = "instahide-clusters";

/// The first step of a run goes to one of so many best ones.
const FIRST: usize = 11;

/// Times that a cluster must be found to be believed.
const RECUR: usize = 3;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "InstaHide, clusters of encodings",
    paper: "Carlini et al., IEEE S&P 2021, arXiv 2011.05315 (clusters and assignment)",
    summary: "grows clusters of encodings with alike magnitudes, one for each private image, and assigns \
              every encoding to its images by min-cost flow, without using the order of the encodings; soft \
              labels, where they are given, part encodings that have no class in common",
    level: Level::Disguised,
    applies: &["instahide"],
    needs: Needs::Nothing,
    params: &[ParamSpec {
        name: "seeds",
        help: "runs of the greedy search, each from another encoding",
        kind: Kind::Int { min: 1, max: 100_000 },
        default: "2000",
    }],
    helpers: None,
    trains: false,
    run: |exposure, params, budget, rng, progress| {
        let view = View::read(NAME, exposure)?;
        if view.count() < 2 {
            return Err(Error::Exposure(format!(
                "{NAME} needs two encodings at least, to compare them"
            )));
        }
        let wanted = Wanted {
            images: view.samples,
            each: view.inside.min(view.samples),
            seeds: params.int("seeds") as usize,
        };
        let bytes = 4 * view.magnitudes.len() as u64 + wanted.bytes(view.count());
        if let Some(why) = budget.lacks(bytes, "similarities and clusters") {
            return Ok(Outcome::inconclusive(why));
        }
        let mut outcome = Outcome::nothing();
        progress(0.0, "similarity of all pairs");
        let Some(mut similarity) = Similarity::of(&view.magnitudes, view.shape.len(), budget) else {
            return Ok(Outcome::inconclusive(
                "the time was up before all pairs were compared",
            ));
        };
        let labels = view.labels().map(|(labels, _)| labels);
        if let Some(labels) = &labels {
            similarity.heed(labels);
        }
        progress(0.3, "clusters");
        let found = clusters(&similarity, wanted, budget, rng)?;
        outcome.figures.insert("clusters", found.len() as f64);
        outcome.figures.insert("images", view.samples as f64);
        view.tell_labels(&mut outcome);
        progress(0.8, "assignment");
        if found.len() < view.samples {
            outcome.verdict =
                Verdict::Inconclusive(format!("{} of {} clusters were found", found.len(), view.samples));
            return Ok(outcome);
        }
        let Some(sets) = assignment_by(&similarity, &found, wanted.each, labels, budget)? else {
            outcome.verdict = Verdict::Inconclusive("the clusters were found, not the assignment".into());
            return Ok(outcome);
        };
        // Encodings of one sample follow each other, so its cluster must be in the sets of all of them.
        let mut kept = 0;
        for sets in sets.chunks(view.each) {
            let shared = |cluster: usize| sets.iter().filter(|set| set.contains(&cluster)).count();
            kept += (0..found.len()).map(shared).max().unwrap_or(0);
        }
        outcome
            .figures
            .insert("same_sample_together", kept as f64 / view.count() as f64);
        Ok(outcome)
    },
};

/// What clusters to look for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Private images, each a cluster.
    pub images: usize,
    /// Private images in each encoding.
    pub each: usize,
    /// Runs of the greedy search.
    pub seeds: usize,
}

impl Wanted {
    /// Encodings that a cluster has on average.
    pub(super) fn size(&self, count: usize) -> usize {
        (count * self.each / self.images).clamp(1, count)
    }

    /// Bytes that the similarities, the runs and the assignment of so many encodings take, about.
    pub(super) fn bytes(&self, count: usize) -> u64 {
        let [images, seeds, size] = [self.images, self.seeds, self.size(count)].map(|n| n as u64);
        let count = count as u64;
        let runs = seeds * (16 * size + count / 8 + 64);
        4 * count * count + runs + 4 * count * images + 16 * images * images
    }
}

/// Clusters that share an image, the most coherent first, each as the encodings of its core. From
/// each seed the encoding of largest summed similarity is added again and again; kept is what recurs
/// and overlaps earlier clusters by less than half. First the first half of the runs counts, then
/// the first quarter.
///
/// # Errors
/// If there are no images or fewer encodings than two.
pub fn clusters(
    similarity: &Similarity,
    wanted: Wanted,
    budget: &Budget,
    rng: &mut Rng,
) -> Result<Vec<Vec<usize>>> {
    let runs = runs(similarity, wanted, budget, rng)?;
    let size = wanted.size(similarity.count());
    let mut kept = Vec::new();
    for share in [2, 4] {
        keep(similarity, &runs, (size / share).max(1), wanted.images, &mut kept);
    }
    Ok(kept.into_iter().map(|kept| kept.core).collect())
}

/// Greedy runs from many seeds, each as large as a cluster; fewer of them if the time is up.
///
/// # Errors
/// If there are no images or fewer encodings than two.
pub(super) fn runs(
    similarity: &Similarity,
    wanted: Wanted,
    budget: &Budget,
    rng: &mut Rng,
) -> Result<Vec<Vec<usize>>> {
    let count = similarity.count();
    if wanted.images == 0 || wanted.each == 0 || count < 2 {
        return Err(Error::Exposure(format!(
            "{count} encodings of {} images have no clusters",
            wanted.images
        )));
    }
    let size = wanted.size(count);
    let order = rng.permutation(count);
    let seeds: Vec<(usize, u64)> = (0..wanted.seeds)
        .map(|i| (order[i % count], rng.next_u64()))
        .collect();
    Ok(seeds
        .into_par_iter()
        .filter(|_| !budget.is_spent())
        .map(|(seed, random)| grow(similarity, seed, size, &mut Rng::new(random)))
        .collect())
}

/// One greedy run: `size` encodings in the order in which they were added.
fn grow(similarity: &Similarity, seed: usize, size: usize, rng: &mut Rng) -> Vec<usize> {
    let mut sums = similarity.row(seed).to_vec();
    sums[seed] = f32::NEG_INFINITY;
    let mut run = vec![seed];
    while run.len() < size {
        let next = match run.len() {
            1 => {
                let mut order: Vec<usize> = (0..sums.len()).collect();
                let best = FIRST.min(sums.len() - 1);
                order.select_nth_unstable_by(best - 1, |a, b| sums[*b].total_cmp(&sums[*a]));
                order.truncate(best);
                order.sort_unstable();
                order[rng.below(best)]
            }
            _ => (0..sums.len()).fold(0, |best, i| if sums[i] > sums[best] { i } else { best }),
        };
        run.push(next);
        sums.iter_mut()
            .zip(similarity.row(next))
            .for_each(|(sum, value)| *sum += value);
        sums[next] = f32::NEG_INFINITY;
    }
    run
}

/// A set of encodings, one bit each.
type Bits = Vec<u64>;

/// Encodings as a set, out of `count` in all.
fn bits(members: &[usize], count: usize) -> Bits {
    let mut bits = vec![0u64; count.div_ceil(64)];
    members.iter().for_each(|i| bits[i / 64] |= 1 << (i % 64));
    bits
}

/// How many encodings two sets have in common.
fn overlap(a: &Bits, b: &Bits) -> usize {
    a.iter().zip(b).map(|(a, b)| (a & b).count_ones() as usize).sum()
}

/// The runs whose first `core` encodings recur, by their numbers, and these encodings out of `count` in all.
pub(super) fn recurring(runs: &[Vec<usize>], core: usize, count: usize) -> Vec<(usize, Bits)> {
    let cores: Vec<(usize, Bits)> = runs
        .iter()
        .enumerate()
        .filter_map(|(i, run)| Some((i, bits(run.get(..core)?, count))))
        .collect();
    let recurs = |(_, own): &&(usize, Bits)| {
        let alike = cores.iter().filter(|(_, other)| 2 * overlap(own, other) > core);
        alike.count() >= RECUR
    };
    cores.par_iter().filter(recurs).cloned().collect()
}

/// A cluster that is kept, as bits too: its core, and the whole run that it is the beginning of.
struct Kept {
    core: Vec<usize>,
    bits: [Bits; 2],
}

/// Keeps the cores of `core` encodings that recur and are new. Of few encodings of one image, two cores may be
/// different halves; the runs that go on from them are not.
fn keep(similarity: &Similarity, runs: &[Vec<usize>], core: usize, images: usize, kept: &mut Vec<Kept>) {
    let count = similarity.count();
    let within = |members: &[usize]| -> f32 {
        let each = members
            .iter()
            .map(|a| members.iter().map(|b| similarity.row(*a)[*b]).sum::<f32>());
        each.sum()
    };
    let mut candidates: Vec<(f32, usize, Bits)> = recurring(runs, core, count)
        .into_par_iter()
        .map(|(i, own)| (within(&runs[i][..core]), i, own))
        .collect();
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, i, own) in candidates {
        if kept.len() == images {
            return;
        }
        let whole = bits(&runs[i], count);
        let apart = |other: &Kept| {
            2 * overlap(&own, &other.bits[0]) < core && 2 * overlap(&whole, &other.bits[1]) < runs[i].len()
        };
        if kept.iter().all(apart) {
            kept.push(Kept {
                core: runs[i][..core].to_vec(),
                bits: [own, whole],
            });
        }
    }
}

/// The encodings of each cluster.
pub(super) fn members_of(sets: &[Vec<usize>], clusters: usize) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); clusters];
    for (encoding, set) in sets.iter().enumerate() {
        set.iter().for_each(|cluster| members[*cluster].push(encoding));
    }
    members
}

/// Cost of a cluster whose class has no weight in the label of an encoding; correlations are at most 1.
const WRONG_CLASS: f32 = 2.0;

/// Rounds of assigning all encodings and taking the assigned ones as the clusters.
const ROUNDS: usize = 3;

/// The `each` clusters of every encoding: those that it is most alike to on average, where no cluster takes
/// more than its share of the encodings. `None` if the time is up.
///
/// # Errors
/// If there are fewer clusters than `each`.
pub fn assignment(
    similarity: &Similarity,
    clusters: &[Vec<usize>],
    each: usize,
    budget: &Budget,
) -> Result<Option<Vec<Vec<usize>>>> {
    assignment_by(similarity, clusters, each, None, budget)
}

/// As [`assignment`]; where there are labels, clusters whose class a label does not hold are avoided.
///
/// # Errors
/// If there are fewer clusters than `each`.
pub fn assignment_by(
    similarity: &Similarity,
    clusters: &[Vec<usize>],
    each: usize,
    labels: Option<Labels<'_>>,
    budget: &Budget,
) -> Result<Option<Vec<Vec<usize>>>> {
    let count = similarity.count();
    let most = (count * each).div_ceil(clusters.len().max(1));
    let mut members = clusters.to_vec();
    let mut sets = None;
    for _ in 0..ROUNDS {
        let classes = labels.as_ref().map(|labels| labels.voted(&members));
        let wrong = |encoding: usize, cluster: usize| match (&labels, &classes) {
            (Some(labels), Some(classes)) if !classes.allow(labels, encoding, cluster) => WRONG_CLASS,
            _ => 0.0,
        };
        let costs: Vec<f32> = (0..count)
            .into_par_iter()
            .flat_map_iter(|encoding| {
                let row = similarity.row(encoding);
                let (members, wrong) = (&members, &wrong);
                members.iter().enumerate().map(move |(cluster, members)| {
                    let others = members.iter().filter(|member| **member != encoding);
                    let (sum, number) =
                        others.fold((0.0, 0usize), |(sum, number), i| (sum + row[*i], number + 1));
                    wrong(encoding, cluster) - sum / number.max(1) as f32
                })
            })
            .collect();
        let Some(found) = transport::assign(&costs, clusters.len(), each, most, budget)? else {
            break;
        };
        members = members_of(&found, clusters.len());
        if sets.as_ref() == Some(&found) {
            break;
        }
        sets = Some(found);
    }
    Ok(sets)
}
