//! How much a model's answers tell of the classes of what it is asked about (ATTACKS, section 8.3).

use crate::{Error, Evidence, Result, Rng};
use pathfinding::{kuhn_munkres::kuhn_munkres, matrix::Matrix};
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;
use visard_learn::{argmax, wilson};

/// Random relabellings that the null is taken from, and what they are drawn from.
const PERMUTATIONS: usize = 200;
const SEED: u64 = 0x00C1_A55E;
/// Most classes: the best one-to-one map takes a time that grows with the cube.
const MOST: usize = 4096;

/// The answers to the pictures of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAnswers {
    /// Pictures of the class; without any all other figures are 0.
    pub n: u64,
    /// Entropy of the answers in bits; 0 where all are the same.
    pub entropy: f64,
    /// The same as a share of the most that it can be, log2 of the number of classes.
    pub normalised_entropy: f64,
    /// Variance of the numbers of answers, one number for each class, divided by their mean; 0 where all are
    /// equally frequent, n (classes - 1) / classes at most.
    pub fano: f64,
    /// The commonest answer, the first of equals.
    pub commonest: u32,
    /// Share of the pictures with that answer.
    pub share: f64,
}

/// What the answers tell of the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassLeak {
    /// Pictures.
    pub n: u64,
    /// Figures of each class.
    pub classes: Vec<ClassAnswers>,
    /// Classes that were named at all.
    pub named: usize,
    /// Mutual information of class and answer in bits, as counted, so above 0 by the bias even where nothing
    /// leaks; log2 of the number of classes at most.
    pub mutual_information: f64,
    /// That bias for large numbers of pictures, (classes - 1)^2 / (2 n ln 2) bits.
    pub bias: f64,
    /// Mean of the mutual information of randomly exchanged class labels, in bits.
    pub null: f64,
    /// Its standard deviation; at least that of a single degree of freedom.
    pub deviation: f64,
    /// Share of answers that are the class.
    pub accuracy: f64,
    /// 95% Wilson interval of that share.
    pub accuracy_interval: (f64, f64),
    /// Likewise after the best one-to-one map from answers to classes. It is chosen on one half of the
    /// pictures and judged on the other, both ways, since on the same pictures it looks better than it is.
    pub bijection: f64,
    /// 95% Wilson interval of that share.
    pub bijection_interval: (f64, f64),
    /// Share of the commonest class: what naming it always gives.
    pub chance: f64,
}

impl ClassLeak {
    /// The mutual information beside what it is where answers do not depend on the class.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            what: "mutual information of class and answer, bits".into(),
            value: self.mutual_information,
            null: self.null,
            deviation: self.deviation,
        }
    }
}

/// Figures of answers to pictures whose classes are `truth`; both are numbers below `classes`. The same input
/// gives the same figures.
///
/// # Errors
/// If there are no pictures or too many classes, the numbers of answers and pictures differ, or a number is
/// no class.
pub fn classes(answers: &[u32], truth: &[u32], classes: usize) -> Result<ClassLeak> {
    check(answers, truth, classes)?;
    let count = answers.len() as f64;
    let table = table(answers, truth, classes);
    let of_class: Vec<ClassAnswers> = table.chunks_exact(classes).map(figures).collect();
    let mutual_information = information(answers, truth, classes);
    let mut rng = Rng::new(SEED);
    let exchanged = |_| {
        let order = rng.permutation(truth.len());
        let labels: Vec<u32> = order.into_iter().map(|place| truth[place]).collect();
        information(answers, &labels, classes)
    };
    let nulls: Vec<f64> = (0..PERMUTATIONS).map(exchanged).collect();
    let null = nulls.iter().sum::<f64>() / PERMUTATIONS as f64;
    let spread = nulls.iter().map(|v| (v - null).powi(2)).sum::<f64>() / (PERMUTATIONS - 1) as f64;
    let right: u64 = (0..classes).map(|c| table[c * classes + c]).sum();
    let mapped = mapped(answers, truth, classes)?;
    let most = of_class.iter().map(|c| c.n).max().unwrap_or(0);
    let share = |part: u64| part as f64 / count;
    let named = (0..classes).filter(|answer| (0..classes).any(|c| table[c * classes + answer] > 0));
    Ok(ClassLeak {
        n: answers.len() as u64,
        named: named.count(),
        classes: of_class,
        mutual_information,
        bias: ((classes - 1) as f64).powi(2) / (2.0 * count * LN_2),
        null,
        deviation: spread.sqrt().max(1.0 / (2f64.sqrt() * count * LN_2)),
        accuracy: share(right),
        accuracy_interval: wilson(right, answers.len() as u64),
        bijection: share(mapped),
        bijection_interval: wilson(mapped, answers.len() as u64),
        chance: share(most),
    })
}

fn check(answers: &[u32], truth: &[u32], classes: usize) -> Result<()> {
    let bad = |problem: String| Err(Error::Exposure(problem));
    if answers.len() != truth.len() {
        return bad(format!(
            "{} answers were given to {} pictures",
            answers.len(),
            truth.len()
        ));
    }
    if answers.is_empty() {
        return bad("there are no answers to judge".into());
    }
    if classes > MOST {
        return bad(format!(
            "answers are judged for up to {MOST} classes, there are {classes}"
        ));
    }
    match answers.iter().chain(truth).find(|c| **c as usize >= classes) {
        Some(class) => bad(format!("{class} is none of {classes} classes, numbered from 0")),
        None => Ok(()),
    }
}

/// Numbers of pictures by class (row) and answer (column).
fn table(answers: &[u32], truth: &[u32], classes: usize) -> Vec<u64> {
    let mut table = vec![0; classes * classes];
    for (answer, class) in answers.iter().zip(truth) {
        table[*class as usize * classes + *answer as usize] += 1;
    }
    table
}

/// Entropy in bits of things that occur so often.
fn entropy(counts: &[u64]) -> f64 {
    let all = counts.iter().sum::<u64>() as f64;
    let part = |count: &u64| {
        let share = *count as f64 / all;
        -share * share.log2()
    };
    // Adding 0 makes the 0 of a single kind positive.
    counts.iter().filter(|count| **count > 0).map(part).sum::<f64>() + 0.0
}

/// Figures of the numbers of answers to the pictures of one class.
fn figures(counts: &[u64]) -> ClassAnswers {
    let n: u64 = counts.iter().sum();
    let commonest = argmax(counts);
    let mean = n as f64 / counts.len() as f64;
    let squares = counts.iter().map(|c| (*c as f64 - mean).powi(2)).sum::<f64>();
    let entropy = entropy(counts);
    let most = (counts.len() as f64).log2();
    let (some, varied) = (n > 0, counts.len() > 1);
    ClassAnswers {
        n,
        entropy,
        normalised_entropy: if varied { entropy / most } else { 0.0 },
        fano: if some {
            squares / counts.len() as f64 / mean
        } else {
            0.0
        },
        commonest: commonest as u32,
        share: if some {
            counts[commonest] as f64 / n as f64
        } else {
            0.0
        },
    }
}

/// Mutual information in bits, as counted.
fn information(answers: &[u32], truth: &[u32], classes: usize) -> f64 {
    let alone = |numbers: &[u32]| {
        let mut counts = vec![0u64; classes];
        numbers.iter().for_each(|class| counts[*class as usize] += 1);
        entropy(&counts)
    };
    let both = entropy(&table(answers, truth, classes));
    let bits = alone(answers) + alone(truth) - both;
    // What rounding leaves of nothing is nothing.
    if bits > 1e-9 { bits } else { 0.0 }
}

/// Pictures whose answer a one-to-one map, chosen without them, turns into their class.
fn mapped(answers: &[u32], truth: &[u32], classes: usize) -> Result<u64> {
    // Every other picture of each class.
    let mut seen = vec![0usize; classes];
    let mut halves = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for (answer, class) in answers.iter().zip(truth) {
        let half = &mut halves[seen[*class as usize] % 2];
        seen[*class as usize] += 1;
        half.0.push(*answer);
        half.1.push(*class);
    }
    let mut right = 0;
    for (chosen, judged) in [(0, 1), (1, 0)] {
        let counts = table(&halves[chosen].0, &halves[chosen].1, classes);
        let weights = counts.into_iter().map(|count| count as i64).collect();
        let weights = Matrix::from_vec(classes, classes, weights)
            .map_err(|_| Error::Exposure("classes and answers make no square table".into()))?;
        let answer_of = kuhn_munkres(&weights).1;
        let hits = |(answer, class): &(&u32, &u32)| answer_of[**class as usize] == **answer as usize;
        right += halves[judged]
            .0
            .iter()
            .zip(&halves[judged].1)
            .filter(hits)
            .count();
    }
    Ok(right as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by hand: 8 pictures of 2 classes, table [[3, 1], [1, 3]].
    #[test]
    fn figures_are_those_of_the_formulas() {
        let truth = [0, 0, 0, 0, 1, 1, 1, 1];
        let leak = classes(&[0, 0, 0, 1, 1, 1, 1, 0], &truth, 2).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let h = 2.0 - 0.75 * 3f64.log2();
        assert!(near(leak.classes[0].entropy, h) && near(leak.classes[1].normalised_entropy, h));
        assert!(near(leak.mutual_information, 1.0 - h), "{leak:?}");
        assert!(near(leak.bias, 1.0 / (16.0 * LN_2)));
        // Counts 3 and 1: mean 2, variance 1.
        assert!(near(leak.classes[0].fano, 0.5) && near(leak.classes[0].share, 0.75));
        assert_eq!((leak.classes[0].commonest, leak.classes[1].commonest), (0, 1));
        assert_eq!(
            (leak.n, leak.named, leak.accuracy, leak.chance),
            (8, 2, 0.75, 0.5)
        );
        assert_eq!(leak.accuracy_interval, wilson(6, 8));
    }

    #[test]
    fn classes_without_pictures_and_a_single_answer_have_finite_figures() {
        let leak = classes(&[1, 1, 1], &[0, 0, 2], 4).unwrap();
        assert_eq!(leak.classes[1].n, 0);
        assert_eq!((leak.classes[1].entropy, leak.classes[1].fano), (0.0, 0.0));
        // Counts 0, 2, 0, 0: mean 1/2, variance 3/4.
        assert_eq!((leak.classes[0].entropy, leak.classes[0].fano), (0.0, 1.5));
        assert_eq!(
            (leak.mutual_information, leak.null, leak.accuracy),
            (0.0, 0.0, 0.0)
        );
        let evidence = leak.evidence();
        assert!(evidence.deviation > 0.0 && evidence.deviations().abs() < 1e-9);
        let one = classes(&[0], &[0], 1).unwrap();
        assert_eq!((one.mutual_information, one.accuracy, one.bias), (0.0, 1.0, 0.0));
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        for (answers, truth, count) in [
            (vec![0, 1], vec![0], 2),
            (vec![], vec![], 2),
            (vec![2], vec![0], 2),
            (vec![0], vec![2], 2),
            (vec![0], vec![0], 0),
            (vec![0], vec![0], MOST + 1),
        ] {
            let refused = classes(&answers, &truth, count);
            assert!(matches!(refused, Err(Error::Exposure(_))), "{refused:?}");
        }
    }
}
