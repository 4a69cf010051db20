//! Matching moved blocks, and their runs, by which of them are equal (ATTACKS, 5.1).

use super::{Frame, Run, image_of};
use crate::{Pairs, Result};
use rayon::prelude::*;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Rounds in which positions and runs tell each other apart.
const ROUNDS: usize = 4;

/// What the pairs tell about moved blocks.
pub(super) struct Matched {
    /// Source of each target, where the pairs tell it.
    pub(super) order: Vec<Option<usize>>,
    /// Targets whose source is one of several with the same plain blocks in all pairs; one is taken.
    pub(super) tied: usize,
}

/// Occurrences of runs in all pairs: for each position the numbers of its runs, image after image.
struct Side {
    positions: Vec<Vec<u32>>,
    /// Number of different runs.
    count: usize,
}

impl Side {
    fn of(frame: &Frame, images: Vec<Vec<Run>>) -> Self {
        let mut numbers: HashMap<(u32, Run), u32> = HashMap::new();
        let mut positions = vec![Vec::with_capacity(images.len() * frame.runs()); frame.positions()];
        for runs in images {
            for (position, block) in runs.chunks_exact(frame.runs()).enumerate() {
                for run in block {
                    let next = numbers.len() as u32;
                    let number = *numbers.entry((frame.cipher(position), *run)).or_insert(next);
                    positions[position].push(number);
                }
            }
        }
        Self {
            positions,
            count: numbers.len(),
        }
    }

    /// A number for each position that depends only on which runs are equal, and where.
    fn colours(&self) -> Vec<u64> {
        let mut own = vec![0u64; self.positions.len()];
        for _ in 0..ROUNDS {
            // A run is told by its occurrences: the place in the pairs, and the position's number so far.
            // A sum does not depend on the order of the positions, which is unknown.
            let mut runs = vec![0u64; self.count];
            for (position, colour) in self.positions.iter().zip(&own) {
                for (place, run) in position.iter().enumerate() {
                    let seen = hash(&(place, colour));
                    runs[*run as usize] = runs[*run as usize].wrapping_add(seen);
                }
            }
            let of = |position: &Vec<u32>| {
                let told: Vec<u64> = position.iter().map(|run| runs[*run as usize]).collect();
                hash(&told)
            };
            own = self.positions.par_iter().map(of).collect();
        }
        own
    }
}

/// The same on every run of the program.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Finds the source of each target from the pattern of equal runs in pairs.
pub(super) fn match_order(frame: &Frame, pairs: &Pairs) -> Result<Matched> {
    let count = pairs.plain.len();
    let read = |index: usize| -> Result<(Vec<Run>, Vec<Run>)> {
        Ok((
            frame.plain_runs(image_of(&pairs.plain, index)?),
            frame.disguised_runs(image_of(&pairs.disguised, index)?),
        ))
    };
    let both: Result<Vec<_>> = (0..count).into_par_iter().map(read).collect();
    let (plain, disguised) = both?.into_iter().unzip();
    let (plain, disguised) = (Side::of(frame, plain), Side::of(frame, disguised));
    let (sources, targets) = (plain.colours(), disguised.colours());
    let mut of_colour: HashMap<u64, Vec<usize>> = HashMap::new();
    for (source, colour) in sources.iter().enumerate() {
        of_colour.entry(*colour).or_default().push(source);
    }
    let mut wanted: HashMap<u64, usize> = HashMap::new();
    targets
        .iter()
        .for_each(|colour| *wanted.entry(*colour).or_default() += 1);
    let bytes = PlainBytes { frame, pairs };
    let mut matched = Matched {
        order: vec![None; targets.len()],
        tied: 0,
    };
    let mut used: HashMap<u64, usize> = HashMap::new();
    for (target, colour) in targets.iter().enumerate() {
        let Some(candidates) = of_colour.get(colour).filter(|c| c.len() == wanted[colour]) else {
            continue;
        };
        // Several candidates are as good as one if their plain blocks are equal in all pairs.
        if candidates.len() > 1 && !bytes.all_equal(candidates)? {
            continue;
        }
        let next = used.entry(*colour).or_default();
        matched.order[target] = Some(candidates[*next]);
        matched.tied += usize::from(candidates.len() > 1);
        *next += 1;
    }
    Ok(matched)
}

struct PlainBytes<'a> {
    frame: &'a Frame,
    pairs: &'a Pairs,
}

impl PlainBytes<'_> {
    fn all_equal(&self, positions: &[usize]) -> Result<bool> {
        let runs = self.frame.runs();
        for index in 0..self.pairs.plain.len() {
            let all = self.frame.plain_runs(image_of(&self.pairs.plain, index)?);
            let of = |position: usize| &all[position * runs..][..runs];
            if positions.iter().any(|p| of(*p) != of(positions[0])) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
