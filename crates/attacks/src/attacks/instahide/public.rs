//! Blends with images of a public set that the adversary has too: find them, take them off, and
//! recover the private images from the remainder.

use super::{
    View,
    pursuit::{BLOCK, Candidates, gain},
    resolve::{Resolved, START, State, resolve},
};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Verdict,
    attacks::unfit,
    metrics::mean_row,
    score::{Ambiguity, Choose},
};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

const NAME: &str = "instahide-public";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "InstaHide, known public images",
    paper: "arXiv 2011.11181 (known public vectors); pursuit on magnitudes, then recovery (this project)",
    summary: "finds the public images in each encoding by the squares and by what they explain, takes them \
              off, and recovers the private images from the remainder",
    level: Level::Disguised,
    applies: &["instahide"],
    needs: Needs::Public,
    params: &[
        START,
        ParamSpec {
            name: "shortlist",
            help: "public images that are tried in full for each encoding, the best ranked ones",
            kind: Kind::Int { min: 1, max: 10_000 },
            default: "100",
        },
        ParamSpec {
            name: "rounds",
            help: "times that partners are assigned and images recovered in each pass",
            kind: Kind::Int { min: 1, max: 50 },
            default: "4",
        },
        ParamSpec {
            name: "passes",
            help: "times that public images are sought, beside the private ones recovered so far",
            kind: Kind::Int { min: 1, max: 20 },
            default: "2",
        },
    ],
    helpers: None,
    trains: false,
    run,
};

/// The public images that each encoding may hold, the likeliest first: `keep` numbers of candidates
/// for each encoding. Values are normalised, one image after the other; `company` is the mean image, as far
/// as it is known, of what a candidate is blended with.
///
/// # Errors
/// If the values are no whole number of images, or there are no candidates.
pub fn rank(
    shape: Shape,
    magnitudes: &[f32],
    candidates: &[f32],
    company: &[f32],
    keep: usize,
) -> Result<Vec<Vec<usize>>> {
    let len = shape.len();
    if candidates.is_empty()
        || company.len() != len
        || !(magnitudes.len().is_multiple_of(len) && candidates.len().is_multiple_of(len))
    {
        let problem =
            format!("magnitudes and candidates must be whole images of {shape}, and some candidates");
        return Err(Error::Exposure(problem));
    }
    let candidates = Candidates::new(shape, candidates.to_vec(), magnitudes, company);
    Ok(magnitudes
        .par_chunks(BLOCK * len)
        .flat_map_iter(|block| {
            let scores = candidates.scores(block);
            let lists: Vec<_> = scores
                .chunks(candidates.count())
                .map(|row| Candidates::best(row, keep))
                .collect();
            lists
        })
        .collect())
}

/// The public images that each encoding may hold, as [`rank`] gives them, by how much of the magnitudes they
/// explain beside a part that is known: `models`, in the shape of `magnitudes`. No coefficient exceeds `largest`.
///
/// # Errors
/// If the values are no whole number of images, or numbers differ.
pub fn rank_beside(
    shape: Shape,
    magnitudes: &[f32],
    models: &[f32],
    candidates: &[f32],
    largest: f64,
    keep: usize,
) -> Result<Vec<Vec<usize>>> {
    let len = shape.len();
    let whole = magnitudes.len().is_multiple_of(len) && candidates.len().is_multiple_of(len);
    if !whole || magnitudes.len() != models.len() {
        let problem = format!("magnitudes, models and candidates must be whole images of {shape}");
        return Err(Error::Exposure(problem));
    }
    let rows = magnitudes.par_chunks(len).zip(models.par_chunks(len));
    let ranked = rows.map(|(row, model)| {
        let explained = |image| gain(row, model, image, largest) as f32;
        let scores: Vec<f32> = candidates.chunks(len).map(explained).collect();
        Candidates::best(&scores, keep)
    });
    Ok(ranked.collect())
}

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let view = View::read(NAME, exposure)?;
    if view.inside == view.k {
        return Err(unfit(
            NAME,
            &exposure.target,
            "no public images are blended in; cross=true does that",
        ));
    }
    let public = exposure
        .public
        .as_ref()
        .filter(|public| public.shape() == view.shape && !public.is_empty());
    let Some(public) = public else {
        let problem = format!(
            "public images of {}, the shape of the encodings, are needed",
            view.shape
        );
        return Err(Error::Exposure(problem));
    };
    let len = view.shape.len();
    // Scores of a block of encodings are held by each thread.
    let scores = BLOCK * rayon::current_num_threads() * public.len();
    let bytes = view.bytes() + 4 * (5 * public.len() * len + 4 * view.magnitudes.len() + scores) as u64;
    if let Some(why) = budget.lacks(bytes, "public images and tables of partners") {
        return Ok(Outcome::inconclusive(why));
    }
    let rounds = params.int("rounds") as usize;
    let start = view.start(params.text("start"), Some(public));
    let mut resolved = resolve(
        &view,
        State::first(&view, start, budget)?,
        rounds,
        None,
        budget,
        progress,
    )?;
    let images = view.norms[1].normalised(public);
    // A public image is blended with private and other public ones.
    let [private, others] = [&resolved.recovered.images, &images].map(|images| mean_row(images, len));
    let both = private.iter().zip(others);
    let company: Vec<f32> = both.map(|(private, public)| (private + public) / 2.0).collect();
    let candidates = Candidates::new(view.shape, images, &view.magnitudes, &company);
    let mut outcome = Outcome::nothing();
    outcome
        .figures
        .insert("residual_without_public", resolved.recovered.residual);
    for pass in 0..params.int("passes") {
        let shortlist = params.int("shortlist") as usize;
        let Some(found) = pursue_all(&view, &candidates, &resolved, shortlist, budget, progress) else {
            outcome.verdict = Verdict::Inconclusive(format!("the time was up in pass {}", pass + 1));
            break;
        };
        let known = parts(&view, &candidates, &found);
        let (state, _) = State::next(
            &view,
            Some(&known),
            &resolved.blends,
            resolved.recovered.images,
            budget,
        )?;
        resolved = resolve(&view, state, rounds, Some(&known), budget, progress)?;
        let (number, weight) = found
            .iter()
            .flatten()
            .fold((0.0, 0.0), |(number, sum), (_, weight)| {
                (number + 1.0, sum + weight)
            });
        outcome
            .figures
            .insert("public_an_encoding", number / view.count() as f64);
        outcome
            .figures
            .insert("public_weight", weight / view.count() as f64);
    }
    if budget.is_spent() {
        outcome.verdict = Verdict::Inconclusive("the time was up before the last pass ended".into());
    }
    view.tell_labels(&mut outcome);
    outcome.figures.insert("candidates", candidates.count() as f64);
    outcome.figures.insert("residual", resolved.recovered.residual);
    outcome.figures.insert("partners_changed_last", resolved.changed);
    outcome.reconstructions = Some(view.norms[0].pictures(view.shape, &resolved.recovered.images)?);
    Ok(outcome.up_to(Ambiguity::NEGATIVE, Choose::Once))
}

/// Public images with their coefficients, of each encoding.
type Found = Vec<Vec<(usize, f64)>>;

/// The public images that, beside the private ones recovered so far, explain each encoding; `None` if the
/// time is up.
fn pursue_all(
    view: &View,
    candidates: &Candidates,
    resolved: &Resolved,
    shortlist: usize,
    budget: &Budget,
    progress: Progress<'_>,
) -> Option<Found> {
    let len = view.shape.len();
    let image = |number: usize| &resolved.recovered.images[number * len..][..len];
    let done = AtomicUsize::new(0);
    view.magnitudes
        .par_chunks(BLOCK * len)
        .zip(resolved.blends.par_chunks(BLOCK))
        .flat_map_iter(|(block, blends)| {
            let scores = candidates.scores(block);
            let rows = block
                .chunks(len)
                .zip(blends)
                .zip(scores.chunks(candidates.count()));
            let found: Vec<_> = rows
                .map(|((row, blend), scores)| {
                    let base: Vec<_> = blend
                        .iter()
                        .map(|(number, weight)| (image(*number), *weight))
                        .collect();
                    let list = Candidates::best(scores, shortlist);
                    let most = view.k - view.inside;
                    (!budget.is_spent()).then(|| candidates.pursue(row, &base, &list, most, view.largest))
                })
                .collect();
            let done = done.fetch_add(found.len(), Ordering::Relaxed);
            progress(done as f64 / view.count() as f64, "public images");
            found
        })
        .collect()
}

/// What the public images found are in each encoding.
fn parts(view: &View, candidates: &Candidates, found: &Found) -> Vec<f32> {
    let len = view.shape.len();
    let mut known = vec![0f32; view.magnitudes.len()];
    known.par_chunks_mut(len).zip(found).for_each(|(known, found)| {
        for (number, weight) in found {
            for (sum, value) in known.iter_mut().zip(candidates.image(*number)) {
                *sum += *weight as f32 * value;
            }
        }
    });
    known
}
