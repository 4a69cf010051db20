//! How alike the magnitudes of encodings are, without learning.

use super::{View, labels::Labels};
use crate::{AttackInfo, Budget, Error, Level, Needs, Outcome, Result, Verdict, metrics::mean_row};
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;

const NAME: &str = "instahide-similarity";

/// Rows that are multiplied together.
const BLOCK: usize = 256;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "InstaHide, similarity of magnitudes",
    paper: "Carlini et al., IEEE S&P 2021, arXiv 2011.05315 (second step, without a network)",
    summary: "correlates the magnitudes of all pairs of encodings, their mean removed, and judges by the \
              encodings of one sample, which follow each other, how well that tells a shared image",
    level: Level::Disguised,
    applies: &["instahide"],
    needs: Needs::Nothing,
    params: &[],
    helpers: None,
    trains: false,
    run: |exposure, _, budget, _, progress| {
        let view = View::read(NAME, exposure)?;
        if view.count() < 2 {
            return Err(Error::Exposure("a pair of encodings is needed at least".into()));
        }
        let mut outcome = Outcome::nothing();
        outcome.figures.insert("encodings", view.count() as f64);
        progress(0.0, "similarity of all pairs");
        let Some(similarity) = Similarity::of(&view.magnitudes, view.shape.len(), budget) else {
            outcome.verdict = Verdict::Inconclusive(format!(
                "{} encodings have more pairs than the memory or the time allows",
                view.count()
            ));
            return Ok(outcome);
        };
        let (mean, deviation) = similarity.spread();
        outcome.figures.insert("mean", mean);
        outcome.figures.insert("deviation", deviation);
        if view.each > 1 && view.samples > 1 {
            let auc = similarity.auc(|a, b| a / view.each == b / view.each);
            outcome.figures.insert("auc_same_sample", auc);
        }
        Ok(outcome)
    },
};

/// Correlations of all pairs of encodings, or any other measure that is larger for alike ones.
#[derive(Clone, Debug)]
pub struct Similarity {
    count: usize,
    values: Vec<f32>,
}

impl Similarity {
    /// A similarity that is at hand, `count` rows of `count` values.
    ///
    /// # Errors
    /// If the number of values is another.
    pub fn new(count: usize, values: Vec<f32>) -> Result<Self> {
        if count.checked_mul(count) != Some(values.len()) {
            let problem = format!("{} values are no similarity of {count} encodings", values.len());
            return Err(Error::Exposure(problem));
        }
        Ok(Self { count, values })
    }

    /// The correlation of rows of `len` magnitudes, the mean row removed and each row normalised;
    /// `None` if time or memory do not suffice.
    pub fn of(magnitudes: &[f32], len: usize, budget: &Budget) -> Option<Self> {
        let count = magnitudes.len() / len;
        let bytes = (count as u64).checked_mul(count as u64)?.checked_mul(4)?;
        if !budget.allows(bytes.checked_add(4 * magnitudes.len() as u64)?) {
            return None;
        }
        Self::products(&standardised(magnitudes, len), len, budget)
    }

    /// The products of all pairs of rows of `len` values; `None` if time or memory do not suffice.
    pub(super) fn products(rows: &[f32], len: usize, budget: &Budget) -> Option<Self> {
        let count = rows.len() / len.max(1);
        let bytes = (count as u64).checked_mul(count as u64)?.checked_mul(4)?;
        if !budget.allows(bytes) {
            return None;
        }
        let mut values = vec![0f32; count * count];
        let done = values
            .par_chunks_mut(BLOCK * count)
            .zip(rows.par_chunks(BLOCK * len));
        done.try_for_each(|(block, own)| {
            if budget.is_spent() {
                return None;
            }
            let height = own.len() / len;
            matmul(
                MatMut::from_row_major_slice_mut(block, height, count),
                Accum::Replace,
                MatRef::from_row_major_slice(own, height, len),
                MatRef::from_row_major_slice(rows, count, len).transpose(),
                1.0,
                Par::Seq,
            );
            Some(())
        })?;
        Some(Self { count, values })
    }

    /// Makes encodings whose labels have no class in common as unlike as can be: they share no image.
    pub fn heed(&mut self, labels: &Labels<'_>) {
        let count = self.count;
        let rows = self.values.par_chunks_mut(count.max(1)).enumerate();
        rows.for_each(|(a, row)| {
            let apart = row.iter_mut().enumerate().filter(|(b, _)| !labels.meet(a, *b));
            apart.for_each(|(_, value)| *value = -1.0);
        });
    }

    /// Adds to the similarity of a pair, either way round.
    pub(super) fn raise(&mut self, a: usize, b: usize, by: f32) {
        self.values[a * self.count + b] += by;
        if a != b {
            self.values[b * self.count + a] += by;
        }
    }

    /// Number of encodings.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Similarities of one encoding to all.
    pub fn row(&self, encoding: usize) -> &[f32] {
        &self.values[encoding * self.count..][..self.count]
    }

    /// Mean and standard deviation over all pairs.
    fn spread(&self) -> (f64, f64) {
        let (mut sum, mut squares, mut pairs) = (0.0, 0.0, 0.0);
        for a in 0..self.count {
            for value in &self.row(a)[..a] {
                sum += f64::from(*value);
                squares += f64::from(*value).powi(2);
                pairs += 1.0;
            }
        }
        let mean = sum / f64::max(pairs, 1.0);
        (
            mean,
            (squares / f64::max(pairs, 1.0) - mean * mean).max(0.0).sqrt(),
        )
    }

    /// Area under the curve of telling the pairs that `alike` names from the others: the chance
    /// that one of them is the more similar. Similarities are taken in 2^16 steps.
    pub fn auc(&self, alike: impl Fn(usize, usize) -> bool + Sync) -> f64 {
        self.auc_among(|a, b| Some(alike(a, b)))
    }

    /// As [`Similarity::auc`] over the pairs of which `alike` says something.
    pub fn auc_among(&self, alike: impl Fn(usize, usize) -> Option<bool> + Sync) -> f64 {
        const STEPS: usize = 1 << 16;
        let pairs = || (0..self.count).flat_map(|a| self.row(a)[..a].iter().copied());
        let (low, high) = pairs().fold((f32::MAX, f32::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let factor = (STEPS - 1) as f32 / (high - low).max(f32::MIN_POSITIVE);
        let mut counts = vec![[0u64; 2]; STEPS];
        for a in 0..self.count {
            for (b, value) in self.row(a)[..a].iter().enumerate() {
                if let Some(alike) = alike(a, b) {
                    counts[((value - low) * factor) as usize][usize::from(alike)] += 1;
                }
            }
        }
        let (mut below, mut area, mut totals) = (0.0, 0.0, [0.0; 2]);
        for step in counts {
            let [other, same] = step.map(|count| count as f64);
            area += same * (below + other / 2.0);
            below += other;
            totals = [totals[0] + other, totals[1] + same];
        }
        area / (totals[0] * totals[1]).max(1.0)
    }
}

/// Rows without their mean row, without their own mean, and of length 1.
pub(super) fn standardised(rows: &[f32], len: usize) -> Vec<f32> {
    let common = mean_row(rows, len);
    let mut rows = rows.to_vec();
    rows.par_chunks_mut(len).for_each(|row| {
        row.iter_mut()
            .zip(&common)
            .for_each(|(value, mean)| *value -= mean);
        let mean = row.iter().sum::<f32>() / len as f32;
        row.iter_mut().for_each(|value| *value -= mean);
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        let factor = 1.0 / length.max(f32::MIN_POSITIVE);
        row.iter_mut().for_each(|value| *value *= factor);
    });
    rows
}
