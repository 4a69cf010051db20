//! Judging recovered pictures by the truth, by nulls, and by whether they point to their originals.
//!
//! A figure alone proves nothing: on framed garments the mean image is near everything. So every figure is set
//! against the best of its nulls, what comes without knowing anything of the image: the mean of the other images,
//! the recovered picture of another image (the 95th percentile over pairs that do not belong together), and what
//! the attack makes of another key. Its *skill* is the share of the way from there to a perfect copy.
//! PSNR takes no part: outlines can be plain to see at 6 dB.

use crate::{
    Error, Result, Thresholds, Verdict,
    record::{Evidence, Identified, Measure, Pictures},
};
use rayon::prelude::*;
use visard_attacks::{
    Outcome, Set, metrics,
    score::{self, Quality},
};
use visard_core::{Pixels, Shape};

/// Pictures that are judged at the most.
pub const JUDGED: usize = 256;

/// Pairs of a picture with another image's original: so many for each picture.
const OTHERS: [usize; 3] = [1, 7, 31];

/// Side that pictures are shrunk to before they are compared with all originals.
const THUMB: usize = 48;

/// The thresholds of this version.
pub const THRESHOLDS: Thresholds = Thresholds {
    broken_skill: 0.5,
    broken_exact: 0.5,
    leaks_skill: 0.2,
    leaks_deviations: 5.0,
    leaks_examined: 0.5,
    broken_classes: 0.5,
    recognised_contrast: 0.5,
    leaks_fidelity: 0.9,
};

/// The originals that pictures are judged by.
#[derive(Debug)]
pub struct Judge {
    truth: Set,
    thumbs: Thumbs,
}

/// What the same attack made of another key, where that was tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null {
    /// Median structural similarity.
    pub ssim: Option<f64>,
    /// Median correlation of edges.
    pub edges: Option<f64>,
}

impl Judge {
    /// A judge by the first [`JUDGED`] of these images of bytes.
    ///
    /// # Errors
    /// If there are none, or they are not bytes.
    pub fn new(truth: &Set) -> Result<Self> {
        let truth = truth.first(JUDGED);
        if truth.is_empty() {
            return Err(Error::Subjects("there are no images to judge by".into()));
        }
        let thumbs = Thumbs::of(truth.shape(), truth.as_bytes()?);
        Ok(Self { truth, thumbs })
    }

    /// Pictures that are judged.
    pub fn images(&self) -> usize {
        self.truth.len()
    }

    /// The originals.
    pub fn truth(&self) -> &Set {
        &self.truth
    }

    /// The figures of an outcome's pictures as they are, or in the best of the states that the attack cannot
    /// know.
    ///
    /// # Errors
    /// If they have another shape than the originals.
    pub fn quality(&self, outcome: &Outcome, guess: &Set) -> Result<Quality> {
        let guess = guess.first(self.truth.len());
        Ok(best(score::score(
            &self.truth.first(guess.len()),
            &guess,
            &options(outcome),
        )?))
    }

    /// What the pictures of an outcome are worth; `guess` holds them.
    ///
    /// # Errors
    /// If they have another shape than the originals, or there are none.
    pub fn pictures(&self, outcome: &Outcome, guess: &Set, wrong_key: Null) -> Result<Judged> {
        let guess = guess.first(self.truth.len());
        let (truth, options) = (self.truth.first(guess.len()), options(outcome));
        let scored = score::score(&truth, &guess, &options)?;
        let state = scored.guess.state;
        let mean = scored
            .mean
            .clone()
            .map(|judged| judged.modulo.unwrap_or(judged.raw));
        let found = best(scored);
        let mut others = Vec::new();
        for shift in OTHERS.iter().filter(|shift| **shift < guess.len()) {
            others.push(best(score::score(&rotated(&truth, *shift)?, &guess, &options)?));
        }
        let beside = |pick: fn(&Quality) -> Option<metrics::Spread>, wrong: Option<f64>| {
            let of_mean = mean.as_ref().and_then(pick).map(|spread| spread.median);
            let of_others = others.iter().filter_map(pick).map(|spread| spread.p95);
            let nulls = [
                (of_mean, "the mean image"),
                (of_others.reduce(f64::max), "pictures of other images"),
                (wrong, "the same attack on another key"),
            ];
            pick(&found).map(|spread| measure(spread.median, &nulls))
        };
        let turned = match state {
            Some(state) => turned(&guess, state)?,
            None => guess,
        };
        let either = outcome.ambiguity.negative || outcome.ambiguity.colors;
        let pictures = Pictures {
            images: truth.len(),
            psnr: found.psnr.median,
            exact: found.exact,
            ssim: beside(|quality| quality.ssim, wrong_key.ssim),
            edges: beside(|quality| quality.edges, wrong_key.edges),
            identified: self.thumbs.identify(&turned, either),
            examined: None,
        };
        Ok(Judged { pictures, turned })
    }
}

/// Judged pictures.
#[derive(Debug)]
pub struct Judged {
    /// What they are worth.
    pub pictures: Pictures,
    /// The pictures, in the best of the states that the attack cannot know where one holds for all.
    pub turned: Set,
}

fn turned(guess: &Set, state: score::State) -> Result<Set> {
    let (shape, bytes) = (guess.shape(), metrics::to_bytes(guess));
    let each = bytes.par_chunks_exact(shape.len());
    let pixels = each.flat_map_iter(|image| state.apply(shape, image)).collect();
    Ok(Set::bytes(shape, pixels)?)
}

/// States and choice of an outcome.
fn options(outcome: &Outcome) -> score::Options<'static> {
    score::Options {
        ambiguity: outcome.ambiguity,
        choose: outcome.choose,
        disguised: None,
        wrong_key: None,
    }
}

fn best(score: score::Score) -> Quality {
    score.guess.modulo.unwrap_or(score.guess.raw)
}

/// The same images in another order, each `shift` places further.
fn rotated(set: &Set, shift: usize) -> Result<Set> {
    let (len, mut pixels) = (set.shape().len(), set.as_bytes()?.to_vec());
    pixels.rotate_left(shift * len);
    Ok(Set::new(set.shape(), Pixels::U8(pixels), Vec::new())?)
}

/// A figure beside the best of its nulls.
fn measure(median: f64, nulls: &[(Option<f64>, &str)]) -> Measure {
    let known = nulls.iter().filter_map(|(value, name)| value.map(|v| (v, *name)));
    let (null, name) = known
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap_or((0.0, "nothing at all"));
    Measure {
        median,
        null,
        null_of: name.into(),
        // Where the null is as good as perfect, nothing can be told from it.
        skill: (null < 0.98).then(|| (median - null) / (1.0 - null)),
    }
}

/// Small grey versions of images without what all of them share, each of length 1.
#[derive(Debug)]
struct Thumbs {
    len: usize,
    values: Vec<f32>,
}

impl Thumbs {
    fn of(shape: Shape, pixels: &[u8]) -> Self {
        let each = pixels.par_chunks_exact(shape.len());
        let thumbs: Vec<Vec<f32>> = each.map(|image| thumb(shape, image)).collect();
        let len = thumbs.first().map_or(1, Vec::len);
        let mut values = thumbs.concat();
        let count = (values.len() / len) as f32;
        let mut mean = vec![0f32; len];
        // Of one or two images the mean would take everything away.
        if count > 2.0 {
            for thumb in values.chunks_exact(len) {
                mean.iter_mut().zip(thumb).for_each(|(m, v)| *m += v / count);
            }
        }
        for thumb in values.chunks_exact_mut(len) {
            thumb.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
            let own = thumb.iter().sum::<f32>() / len as f32;
            thumb.iter_mut().for_each(|v| *v -= own);
            let norm = thumb.iter().map(|v| v * v).sum::<f32>().sqrt();
            // A flat picture points nowhere.
            let factor = if norm > 1e-3 { 1.0 / norm } else { 0.0 };
            thumb.iter_mut().for_each(|v| *v *= factor);
        }
        Self { len, values }
    }

    fn count(&self) -> usize {
        self.values.len() / self.len
    }

    /// How many pictures, in the order of the originals, are most alike to their own one; `either` takes a
    /// negative for as alike.
    fn identify(&self, guess: &Set, either: bool) -> Identified {
        let own = Self::of(guess.shape(), &metrics::to_bytes(guess));
        let candidates = self.count();
        let hit = |(i, thumb): (usize, &[f32])| {
            let alike = |other: &[f32]| {
                let product = thumb.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
                if either { product.abs() } else { product }
            };
            let mine = alike(&self.values[i * self.len..][..self.len]);
            let others = self.values.chunks_exact(self.len).enumerate();
            // Equal ones do not count, so that flat pictures hit nothing.
            mine > 0.0
                && others
                    .filter(|(j, _)| *j != i)
                    .all(|(_, other)| alike(other) < mine)
        };
        let hits = own
            .values
            .par_chunks_exact(own.len)
            .enumerate()
            .map(hit)
            .filter(|hit| *hit)
            .count();
        let of = own.count();
        Identified {
            hits,
            of,
            candidates,
            deviations: metrics::beyond_chance(hits, of, 1.0 / candidates as f64),
        }
    }
}

/// Brightness of an image, shrunk by whole factors to about [`THUMB`] a side.
fn thumb(shape: Shape, image: &[u8]) -> Vec<f32> {
    let plane = metrics::luminance(shape, image);
    let (by, bx) = (shape.height.div_ceil(THUMB), shape.width.div_ceil(THUMB));
    let (rows, columns) = (shape.height / by, shape.width / bx);
    let cell = |row: usize, column: usize| -> f32 {
        let pixels = (0..by * bx).map(|i| plane[(row * by + i / bx) * shape.width + column * bx + i % bx]);
        (pixels.sum::<f64>() / (by * bx) as f64) as f32
    };
    (0..rows * columns)
        .map(|i| cell(i / columns, i % columns))
        .collect()
}

/// The verdict on pictures and evidence, and why.
pub fn verdict(
    pictures: Option<&Pictures>,
    evidence: &[Evidence],
    thresholds: &Thresholds,
) -> (Verdict, String) {
    if let Some(found) = pictures.and_then(|pictures| broken(pictures, thresholds)) {
        return (Verdict::Broken, found);
    }
    let mut reasons = Vec::new();
    if let Some(Pictures { identified, .. }) = pictures
        && identified.deviations >= thresholds.leaks_deviations
    {
        let chance = identified.of as f64 / identified.candidates as f64;
        reasons.push(format!(
            "{} of {} recovered pictures point to their own original among {}; chance gives {chance:.1}",
            identified.hits, identified.of, identified.candidates
        ));
    }
    if let Some((skill, what)) = pictures
        .and_then(skill)
        .filter(|(skill, _)| *skill >= thresholds.leaks_skill)
    {
        reasons.push(format!(
            "the median picture goes {:.0} % of the way from its null to a copy ({what})",
            100.0 * skill
        ));
    }
    if let Some(examined) = pictures.and_then(|pictures| pictures.examined)
        && examined.deviations >= thresholds.leaks_deviations
        && examined
            .normalised
            .is_some_and(|share| share >= thresholds.leaks_examined)
    {
        reasons.push(format!(
            "a network that knows only plain images names {:.0} % of the recovered pictures; chance gives {:.0} %",
            100.0 * examined.accuracy,
            100.0 * examined.chance
        ));
    }
    let told = evidence
        .iter()
        .filter(|e| e.deviations >= thresholds.leaks_deviations);
    reasons.extend(told.map(|e| format!("{}: {:.3}, chance gives {:.3}", e.what, e.value, e.null)));
    if reasons.is_empty() {
        return (Verdict::NotBroken, nothing(pictures, evidence));
    }
    (Verdict::Leaks, reasons.join("; "))
}

fn broken(pictures: &Pictures, thresholds: &Thresholds) -> Option<String> {
    if pictures.exact >= thresholds.broken_exact {
        return Some(format!(
            "{:.0} % of the pictures come back exactly",
            100.0 * pictures.exact
        ));
    }
    let (skill, what) = skill(pictures).filter(|(skill, _)| *skill >= thresholds.broken_skill)?;
    Some(format!(
        "the median picture goes {:.0} % of the way from its null to a perfect copy ({what})",
        100.0 * skill
    ))
}

/// The better skill of similarity and edges, and which it is.
pub fn skill(pictures: &Pictures) -> Option<(f64, &'static str)> {
    let of = |measure: &Option<Measure>| measure.as_ref().and_then(|measure| measure.skill);
    let both = [
        (of(&pictures.ssim), "structural similarity"),
        (of(&pictures.edges), "edges"),
    ];
    let known = both
        .into_iter()
        .filter_map(|(skill, what)| skill.map(|skill| (skill, what)));
    known.max_by(|a, b| a.0.total_cmp(&b.0))
}

fn nothing(pictures: Option<&Pictures>, evidence: &[Evidence]) -> String {
    if pictures.is_some() {
        return "its pictures are no better than their nulls".into();
    }
    match evidence {
        [] => "it makes no pictures, and has no figure that a chance is known for".into(),
        _ => "its figures are those of chance".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_attacks::Rng;

    /// Images of a few soft blobs each.
    fn scenes(count: usize, seed: u64) -> Set {
        let (shape, mut rng) = (Shape::new(16, 16, 1), Rng::new(seed));
        let mut pixels = Vec::new();
        for _ in 0..count {
            let blobs: Vec<[f64; 3]> = (0..4)
                .map(|_| [16.0 * rng.unit(), 16.0 * rng.unit(), 40.0 + 100.0 * rng.unit()])
                .collect();
            pixels.extend((0..256).map(|i| {
                let at = |b: &[f64; 3]| {
                    b[2] * (-((i / 16) as f64 - b[0]).powi(2) / 8.0 - ((i % 16) as f64 - b[1]).powi(2) / 8.0)
                        .exp()
                };
                blobs.iter().map(at).sum::<f64>().min(255.0) as u8
            }));
        }
        Set::bytes(shape, pixels).unwrap()
    }

    fn judged(truth: &Set, guess: Set) -> (Verdict, String) {
        let outcome = Outcome::pictures(guess.clone());
        let judged = Judge::new(truth)
            .unwrap()
            .pictures(&outcome, &guess, Null::default())
            .unwrap();
        verdict(Some(&judged.pictures), &[], &THRESHOLDS)
    }

    #[test]
    fn copies_are_broken_and_noise_is_not() {
        let truth = scenes(64, 1);
        assert_eq!(judged(&truth, truth.clone()).0, Verdict::Broken);
        let mut rng = Rng::new(2);
        let noise = (0..64 * 256).map(|_| rng.below(256) as u8).collect();
        assert_eq!(
            judged(&truth, Set::bytes(truth.shape(), noise).unwrap()).0,
            Verdict::NotBroken
        );
        // The pictures of other images of the same kind are no break, however alike the kind is.
        assert_eq!(judged(&truth, scenes(64, 3)).0, Verdict::NotBroken);
        let flat = vec![90; 64 * 256];
        assert_eq!(
            judged(&truth, Set::bytes(truth.shape(), flat).unwrap()).0,
            Verdict::NotBroken
        );
    }

    #[test]
    fn faint_pictures_under_noise_leak() {
        let truth = scenes(64, 1);
        let mut rng = Rng::new(5);
        let faint = truth
            .as_bytes()
            .unwrap()
            .iter()
            .map(|v| (f64::from(*v) * 0.35 + 160.0 * rng.unit()) as u8);
        let found = judged(&truth, Set::bytes(truth.shape(), faint.collect()).unwrap());
        assert_eq!(found.0, Verdict::Leaks, "{}", found.1);
    }

    #[test]
    fn pictures_that_a_network_can_name_leak() {
        let truth = scenes(64, 1);
        let mut rng = Rng::new(2);
        let noise = (0..64 * 256).map(|_| rng.below(256) as u8).collect();
        let guess = Set::bytes(truth.shape(), noise).unwrap();
        let outcome = Outcome::pictures(guess.clone());
        let judge = Judge::new(&truth).unwrap();
        let mut pictures = judge
            .pictures(&outcome, &guess, Null::default())
            .unwrap()
            .pictures;
        let mut named = |normalised, deviations| {
            pictures.examined = Some(crate::record::Examined {
                accuracy: 0.7,
                plain: 0.9,
                chance: 0.1,
                normalised,
                deviations,
            });
            verdict(Some(&pictures), &[], &THRESHOLDS).0
        };
        assert_eq!(named(Some(0.6), 7.0), Verdict::Leaks);
        assert_eq!(named(Some(0.4), 7.0), Verdict::NotBroken);
        assert_eq!(named(Some(0.6), 3.0), Verdict::NotBroken);
        assert_eq!(named(None, 7.0), Verdict::NotBroken);
    }

    #[test]
    fn evidence_beyond_chance_leaks() {
        let evidence = |deviations| Evidence {
            what: "repeats".into(),
            value: 0.2,
            null: 0.1,
            deviations,
        };
        assert_eq!(verdict(None, &[evidence(4.0)], &THRESHOLDS).0, Verdict::NotBroken);
        assert_eq!(verdict(None, &[evidence(6.0)], &THRESHOLDS).0, Verdict::Leaks);
    }
}
