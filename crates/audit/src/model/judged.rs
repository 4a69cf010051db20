//! What findings are worth, by the truth.

use super::{
    Cell,
    people::People,
    record::{ClassAnswers, Classes, Extraction, Fidelity, Inversion, Membership, Rate, Told},
    world::{Opened, World},
};
use crate::{Result, Thresholds};
use visard_attacks::{
    Set, learning, metrics,
    model::{Found, Student, score},
};
use visard_core::Pixels;
use visard_learn::{Examples, Model, argmax};

/// Most points of a curve in a record.
const POINTS: usize = 96;

/// What was found, judged; and pictures of classes, grey levels (H, W, C) of the plain shape, where there are some.
pub(super) struct Judged {
    pub(super) told: Option<Told>,
    pub(super) pictures: Option<Vec<f32>>,
}

/// Judges what was found in a cell; nothing where there is nothing to judge.
pub(super) fn judge(
    found: &Found,
    cell: Cell,
    opened: &Opened<'_>,
    world: &World<'_>,
    thresholds: &Thresholds,
) -> Result<Judged> {
    let people = world.people;
    let (told, pictures) = match found {
        Found::Nothing => (None, None),
        Found::Members(scores) => (Some(Told::Membership(membership(scores, people)?)), None),
        Found::Answers(answers) => (Some(Told::Classes(classes(answers, people)?)), None),
        Found::Classes(pixels) => match pictures(pixels, cell, opened, world)? {
            Some((pixels, restored)) => {
                let told = Told::Inversion(inversion(&pixels, restored, people, thresholds)?);
                (Some(told), Some(pixels))
            }
            None => (None, None),
        },
        Found::Students(students) => {
            let model = &world.victim(cell).model;
            (Some(Told::Extraction(extraction(students, model, opened)?)), None)
        }
    };
    Ok(Judged { told, pictures })
}

fn membership(scores: &[f64], people: &People) -> Result<Membership> {
    let count = people.members.len();
    let truth: Vec<bool> = (0..scores.len()).map(|place| place < count).collect();
    let found = score::membership(scores, &truth)?;
    let rate = |rate: &score::Rate| Rate {
        fpr: rate.fpr,
        tpr: rate.tpr,
        interval: rate.interval,
    };
    Ok(Membership {
        auc: found.auc,
        deviation: found.auc_deviation,
        balanced_accuracy: found.balanced_accuracy,
        rates: found.rates.iter().map(rate).collect(),
        roc: thinned(&found.roc()),
    })
}

/// At most [`POINTS`] points of a curve, its ends among them.
fn thinned(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if curve.len() <= POINTS {
        return curve.to_vec();
    }
    let last = (curve.len() - 1) as f64;
    let place = |i: usize| (i as f64 / (POINTS - 1) as f64 * last).round() as usize;
    (0..POINTS).map(|i| curve[place(i)]).collect()
}

fn classes(answers: &[u32], people: &People) -> Result<Classes> {
    let found = score::classes(answers, people.others.labels(), people.classes)?;
    let each = |of: &score::ClassAnswers| ClassAnswers {
        entropy: of.normalised_entropy,
        fano: of.fano,
        answered: of.commonest,
    };
    Ok(Classes {
        information: found.mutual_information,
        null: found.null,
        deviation: found.deviation,
        accuracy: found.accuracy,
        renamed: found.bijection,
        chance: found.chance,
        each: found.classes.iter().map(each).collect(),
    })
}

/// Pictures of classes in the plain domain, and whether the disguise was taken off them; none where they have
/// another shape than plain images.
fn pictures(
    pixels: &[f32],
    cell: Cell,
    opened: &Opened<'_>,
    world: &World<'_>,
) -> Result<Option<(Vec<f32>, bool)>> {
    let shape = world.victim(cell).model.info().shape;
    if let Some(source) = opened.source.filter(|_| cell.is_disguised()) {
        let disguised = Set::new(shape, Pixels::F32(pixels.to_vec()), Vec::new())?;
        if let Some(plain) = source.restore(&disguised, "query", 0)? {
            return Ok(Some((plain.to_floats(), true)));
        }
    }
    let fits = shape == world.people.others.shape();
    Ok(fits.then(|| (pixels.to_vec(), false)))
}

fn inversion(pixels: &[f32], restored: bool, people: &People, thresholds: &Thresholds) -> Result<Inversion> {
    let truth = learning::examples(&crate::subjects::joined(&people.members, &people.others)?)?;
    let found = score::inversion(pixels, &truth, None)?;
    let seen = found.classes.len();
    let nearest = found.classes.iter().filter(|class| class.rank == 1);
    let recognised = nearest
        .clone()
        .filter(|class| class.contrast > thresholds.recognised_contrast);
    let hits = nearest.clone().count();
    let mut similar: Vec<f64> = found.classes.iter().filter_map(|class| class.ssim).collect();
    similar.sort_by(f64::total_cmp);
    Ok(Inversion {
        classes: seen,
        nearest: hits,
        deviations: metrics::beyond_chance(hits, seen, 1.0 / seen.max(1) as f64),
        recognised: recognised.count(),
        contrast: found.contrast,
        ssim: similar.get(similar.len() / 2).copied(),
        restored,
    })
}

fn extraction(students: &[Student], model: &Model, opened: &Opened<'_>) -> Result<Extraction> {
    let sets: Vec<(bool, &Examples)> = [(true, Some(opened.home)), (false, opened.away)]
        .into_iter()
        .filter_map(|(home, set)| Some((home, set?)))
        .collect();
    let mut nulls = Vec::new();
    for (_, set) in &sets {
        nulls.push(commonest(model, set)?);
    }
    let mut copies = Vec::new();
    for student in students {
        for ((at_home, set), null) in sets.iter().zip(&nulls) {
            for found in score::extraction(&student.model, model, &[("others", set)])? {
                copies.push(Fidelity {
                    queries: student.queries,
                    at_home: *at_home,
                    images: found.n as usize,
                    agreement: found.agreement,
                    interval: found.interval,
                    null: *null,
                    accuracy: found.student_accuracy.unwrap_or_default(),
                    of_model: found.victim_accuracy.unwrap_or_default(),
                });
            }
        }
    }
    Ok(Extraction { copies })
}

/// Share of the model's most frequent answer.
fn commonest(model: &Model, set: &Examples) -> Result<f64> {
    let answers = model
        .log_probabilities(set, learning::BATCH)
        .map_err(visard_attacks::Error::from)?;
    let classes = model.info().classes.len();
    let mut counts = vec![0usize; classes];
    for row in answers.chunks_exact(classes) {
        counts[argmax(row)] += 1;
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    Ok(most as f64 / learning::pictures(set).max(1) as f64)
}

/// The mean of the images of each class, grey levels, none where a class has no images.
pub(super) fn means(people: &People) -> Result<Vec<Option<Vec<f32>>>> {
    let shape = people.others.shape();
    let mut sums = vec![(0usize, vec![0f32; shape.len()]); people.classes];
    for set in [&people.members, &people.others] {
        for (label, image) in set.labels().iter().zip(set.as_bytes()?.chunks_exact(shape.len())) {
            let (count, sum) = &mut sums[*label as usize];
            *count += 1;
            sum.iter_mut().zip(image).for_each(|(s, v)| *s += f32::from(*v));
        }
    }
    let mean = |(count, sum): (usize, Vec<f32>)| {
        (count > 0).then(|| sum.into_iter().map(|v| v / count as f32).collect())
    };
    Ok(sums.into_iter().map(mean).collect())
}

/// A picture as bytes, stretched to full contrast: what an adversary would do to see it.
pub(super) fn stretched(picture: &[f32]) -> Vec<u8> {
    let (low, high) = picture
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
    let span = if high > low { high - low } else { 1.0 };
    let byte = |v: &f32| metrics::to_byte(255.0 * (v - low) / span);
    picture.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_keep_their_ends() {
        let curve: Vec<(f64, f64)> = (0..500).map(|i| (f64::from(i), 0.0)).collect();
        let short = thinned(&curve);
        assert_eq!(
            (short.len(), short[0], short[POINTS - 1]),
            (POINTS, curve[0], curve[499])
        );
        assert!(short.is_sorted());
        assert_eq!(thinned(&curve[..7]), curve[..7]);
    }

    #[test]
    fn pictures_are_stretched_to_all_grey_levels() {
        assert_eq!(stretched(&[-2.0, 0.0, 2.0]), [0, 128, 255]);
        assert_eq!(stretched(&[5.0; 3]), [0; 3]);
    }
}
