//! Keys made of what attacks on images recovered.

use super::people::People;
use crate::{
    KeyOracle, Oracle, Result,
    battery::{Play, Stage},
};
use visard_attacks::{Rng, Set, metrics};
use visard_core::{Key, MasterSecret, Material, Salt, Shape};

/// Images by which a recovered key is compared with the true one.
const COMPARED: usize = 16;

/// Median correlation of images disguised under a recovered key with those under the true one from which the key
/// counts as recovered.
const ALIKE: f64 = 0.9;

/// Material that an attack recovered, with which others may do the same.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) play: Play,
    pub(crate) count: usize,
    pub(crate) material: Material,
}

/// A recovered key that disguises as the true one does.
pub(crate) struct Recovered<'a> {
    pub(crate) from: Candidate,
    /// Median correlation of images disguised under it with those under the true key.
    pub(super) likeness: f64,
    key: Key,
    shape: Shape,
    public: Option<&'a Set>,
}

impl<'a> Recovered<'a> {
    /// The key most like the true one, if any is alike enough; of equal ones that of the weakest adversary.
    pub(crate) fn best(candidates: &[Candidate], stage: &Stage<'a>) -> Result<Option<Self>> {
        // Images that no adversary has a pair of.
        let Ok(people) = People::of(stage.subjects)? else {
            return Ok(None);
        };
        let plain = people.others.first(COMPARED);
        let truth = stage.oracle.disguise(&plain, "query", 0)?;
        let mut best: Option<Self> = None;
        for candidate in candidates {
            let Some(mut recovered) = Self::of(candidate, stage)? else {
                continue;
            };
            let Ok(guess) = recovered.oracle().disguise(&plain, "query", 0) else {
                continue;
            };
            recovered.likeness = likeness(&truth, &guess);
            let rank = |one: &Self| (one.likeness * 1000.0).floor();
            let better = best.as_ref().is_none_or(|best| {
                rank(&recovered) > rank(best)
                    || (rank(&recovered) == rank(best) && recovered.from.play.access < best.from.play.access)
            });
            if recovered.likeness >= ALIKE && better {
                best = Some(recovered);
            }
        }
        Ok(best)
    }

    /// The key that the material makes, if it is enough for one.
    fn of(candidate: &Candidate, stage: &Stage<'a>) -> Result<Option<Self>> {
        let target = stage.oracle.target()?;
        let shape = stage.subjects.shape();
        // What the material leaves open is drawn by the adversary.
        let mut rng = Rng::new(0x6b65_7973);
        let mut secret = [0; 32];
        for part in secret.chunks_mut(8) {
            part.copy_from_slice(&rng.next_u64().to_le_bytes()[..part.len()]);
        }
        let key = Key::new(
            target.name(),
            &target.scheme.params().texts(),
            Some(shape),
            MasterSecret::new(secret),
            Some(candidate.material.clone()),
        );
        Ok(key.ok().map(|key| Self {
            from: candidate.clone(),
            likeness: 0.0,
            key,
            shape,
            public: stage.subjects.public.as_ref().map(|public| &public.images),
        }))
    }

    /// What disguises under the key.
    pub(super) fn oracle(&self) -> KeyOracle<'_> {
        KeyOracle::new(&self.key, self.shape, Salt([0x6b; 16]), self.public)
    }
}

/// Median over the images of the correlation of their values; 0 where nothing can be compared.
fn likeness(truth: &Set, guess: &Set) -> f64 {
    if (truth.shape(), truth.len()) != (guess.shape(), guess.len()) {
        return 0.0;
    }
    let floats = |set: &Set| set.to_floats().into_iter().map(f64::from).collect::<Vec<f64>>();
    let (truth_values, guess_values) = (floats(truth), floats(guess));
    let len = truth.shape().len();
    let each = truth_values.chunks_exact(len).zip(guess_values.chunks_exact(len));
    let mut all: Vec<f64> = each
        .map(|(a, b)| metrics::correlation(a, b).unwrap_or(0.0))
        .collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_alike_to_themselves_whatever_their_brightness() {
        let shape = Shape::new(1, 4, 1);
        let set = |pixels: &[u8]| Set::bytes(shape, pixels.to_vec()).unwrap();
        let truth = set(&[1, 2, 3, 9, 50, 40, 30, 20]);
        assert!((likeness(&truth, &truth) - 1.0).abs() < 1e-9);
        let negative = set(&[9, 8, 7, 1, 20, 30, 40, 50]);
        assert!((likeness(&truth, &negative) + 1.0).abs() < 1e-9);
        assert_eq!(likeness(&truth, &set(&[5; 8])), 0.0);
        assert_eq!(likeness(&truth, &set(&[1; 4])), 0.0);
    }
}
