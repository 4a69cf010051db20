//! The stages before recovery: clusters and assignment in a similarity.

use super::encodings::normal;
use crate::record::{Cell, Table, figure};
use visard_attacks::{
    Budget, Rng,
    attacks::instahide::{
        clusters::{Wanted, assignment as assign, clusters},
        similarity::Similarity,
    },
};

/// Distance of two normals whose area under the curve is 0.95, and 0.65.
const GOOD: f64 = 2.326;
const NAIVE: f64 = 0.545;

/// A similarity of encodings of two private images each: a normal, moved by `gap` where one is shared. And the
/// images in each encoding.
fn synthetic(images: usize, each: usize, gap: f64) -> anyhow::Result<(Similarity, Vec<[usize; 2]>)> {
    let mut rng = Rng::new(21);
    // As in the scheme, every image has as many partners as encodings.
    let sets: Vec<[usize; 2]> = (0..each)
        .flat_map(|_| rng.permutation(images).into_iter().enumerate())
        .map(|(own, partner)| [own, partner])
        .collect();
    let count = sets.len();
    let mut values = vec![0f32; count * count];
    for a in 0..count {
        for b in 0..a {
            let shared = sets[a].iter().any(|image| sets[b].contains(image));
            let value = (normal(&mut rng) + if shared { gap } else { 0.0 }) as f32;
            (values[a * count + b], values[b * count + a]) = (value, value);
        }
    }
    Ok((Similarity::new(count, values)?, sets))
}

/// Share of the assignments from these clusters that are right, clusters named by the image that most of their
/// encodings have.
fn right(
    similarity: &Similarity,
    clusters: &[Vec<usize>],
    truth: &[[usize; 2]],
    images: usize,
) -> anyhow::Result<f64> {
    if clusters.len() < 2 {
        return Ok(0.0);
    }
    let sets = assign(similarity, clusters, 2, &Budget::generous())?.unwrap_or_default();
    let name = |cluster: usize| {
        let mut counts = vec![0; images];
        let members = sets.iter().zip(truth).filter(|(set, _)| set.contains(&cluster));
        members.for_each(|(_, truth)| truth.iter().for_each(|image| counts[*image] += 1));
        (0..images).max_by_key(|image| counts[*image])
    };
    let names: Vec<Option<usize>> = (0..clusters.len()).map(name).collect();
    let held = |set: &[usize], image: usize| set.iter().any(|cluster| names[*cluster] == Some(image));
    let pairs = sets.iter().zip(truth);
    let right: usize = pairs
        .map(|(set, truth)| truth.iter().filter(|image| held(set, **image)).count())
        .sum();
    Ok(right as f64 / (2 * truth.len()) as f64)
}

/// Clusters and assignment in similarities of a given quality (ATTACKS 6.1, steps 3 to 5).
pub(super) fn assignment() -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Clusters and assignment in a synthetic similarity, two private images an encoding",
        &[
            "P",
            "E",
            "AUC",
            "clusters found",
            "right assignments",
            "right from the true clusters",
        ],
    );
    for (images, each, gap) in [
        (20, 30, GOOD),
        (50, 20, GOOD),
        (100, 10, GOOD),
        (100, 50, GOOD),
        (100, 50, NAIVE),
        (20, 30, 0.0),
    ] {
        let (similarity, truth) = synthetic(images, each, gap)?;
        let shared = |a: usize, b: usize| truth[a].iter().any(|image| truth[b].contains(image));
        let area = figure(similarity.auc(shared), 3);
        let wanted = Wanted {
            images,
            each: 2,
            seeds: 2000,
        };
        let found = clusters(&similarity, wanted, &Budget::generous(), &mut Rng::new(2))?;
        let share = figure(right(&similarity, &found, &truth, images)?, 3);
        let members = |image: usize| (0..truth.len()).filter(|e| truth[*e].contains(&image)).collect();
        let whole: Vec<Vec<usize>> = (0..images).map(members).collect();
        let best = right(&similarity, &whole, &truth, images)?;
        let cells = [
            figure((images * each) as f64, 0),
            if gap == GOOD { area.about(0.95, 0.01) } else { area },
            figure(found.len() as f64, 0),
            if gap == GOOD { share.at_least(0.9) } else { share },
            figure(best, 3),
        ];
        table.row(images.to_string(), cells.map(Cell::from));
    }
    Ok(table.note(
        "A pair of encodings has the similarity of a standard normal, moved by 2.326 where they share an image. The \
         last rows are nulls: a similarity as weak as that of magnitudes, and none at all.",
    ))
}
