//! What is drawn: the coefficients of each encoding, and the partners of each run.

use super::SLOTS;
use crate::{
    Error, Salt,
    schedule::{Schedule, Stream},
    simd::{self, CHACHA_BLOCK, MixRoom, MixRule, PAIRS},
};
use rayon::prelude::*;
use std::{
    array::from_fn,
    convert::Infallible,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};
use zeroize::Zeroize;

/// Redraws of the coefficients of one encoding; then they are taken as they are.
const REDRAWS: usize = 10_000;

/// Coefficients of one encoding, the first k used; the rest are 0.
pub(super) type Weights = [f32; SLOTS];

/// How many coefficients are drawn, and which are accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix {
    /// Images in a blend, 1 to [`SLOTS`].
    pub(super) k: usize,
    /// Largest coefficient.
    pub(super) largest: f64,
    /// Smallest sum of the first two coefficients, where one is asked for.
    pub(super) first_two: Option<f64>,
}

impl Mix {
    /// Magnitudes of normals to the power k, divided by their sum, drawn again until accepted.
    pub(super) fn draw(&self, stream: &mut Stream) -> Weights {
        let Ok(weights) = self.accepted(|| Ok::<_, Infallible>(stream.normal()));
        weights
    }

    /// As [`Mix::draw`] from the beginning of the stream alone; `None` if that is too short.
    pub(super) fn draw_from(&self, beginning: &[u8]) -> Option<Weights> {
        let mut normals = Normals::new(beginning);
        self.accepted(|| normals.next().ok_or(())).ok()
    }

    /// As [`Mix::draw`] for each of `weights`, 0 before, from the beginnings of their streams, equally
    /// long and one after the other. Bit i of the result is 1 where the beginning of number i is too
    /// short, and its weights are still 0.
    pub(super) fn draw_group(&self, beginnings: &[u8], room: &mut MixRoom, weights: &mut [Weights]) -> u16 {
        let rule = MixRule {
            k: self.k,
            // A single coefficient is 1, whatever the bounds.
            largest: if self.k > 1 { self.largest } else { 1.0 },
            first_two: self.first_two.unwrap_or(0.0),
        };
        simd::mixtures(rule, beginnings, room, weights)
    }

    /// Bytes of a stream that seldom are too few for [`Mix::draw_group`]: twelve words for each of
    /// the k normals, which take 1.3 words.
    pub(super) const fn beginning(&self) -> usize {
        (96 * self.k).next_multiple_of(2 * CHACHA_BLOCK)
    }

    fn accepted<E>(&self, mut normal: impl FnMut() -> Result<f64, E>) -> Result<Weights, E> {
        let mut weights = [0.0; SLOTS];
        let weights = &mut weights[..self.k];
        for _ in 0..=REDRAWS {
            self.draw_once(&mut normal, weights)?;
            if self.accepts(weights) {
                break;
            }
        }
        let mut rounded = [0.0; SLOTS];
        for (rounded, weight) in rounded.iter_mut().zip(weights) {
            *rounded = *weight as f32;
        }
        Ok(rounded)
    }

    fn draw_once<E>(&self, mut normal: impl FnMut() -> Result<f64, E>, weights: &mut [f64]) -> Result<(), E> {
        let mut total = 0.0;
        for weight in weights.iter_mut() {
            let magnitude = normal()?.abs();
            *weight = (1..self.k).fold(magnitude, |power, _| power * magnitude);
            total += *weight;
        }
        weights.iter_mut().for_each(|weight| *weight /= total);
        Ok(())
    }

    fn accepts(&self, weights: &[f64]) -> bool {
        let [first, second, ..] = weights else {
            return true;
        };
        !(weights.iter().any(|weight| *weight > self.largest)
            || self.first_two.is_some_and(|least| first + second < least))
    }
}

/// [`Stream::normal`] over words at hand.
struct Normals<'a> {
    pairs: std::slice::Chunks<'a, [[u8; 8]; 2]>,
    ready: [f64; 2 * PAIRS],
    /// What of `ready` is not taken yet.
    left: Range<usize>,
}

impl<'a> Normals<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            pairs: bytes.as_chunks().0.as_chunks().0.chunks(PAIRS),
            ready: [0.0; 2 * PAIRS],
            left: 0..0,
        }
    }

    /// The next normal, `None` behind the end of the words.
    fn next(&mut self) -> Option<f64> {
        loop {
            if let Some(place) = self.left.next() {
                return self.ready.get(place).copied();
            }
            let pairs = self.pairs.next()?;
            // Words of 0 are a pair outside the circle, which the method passes over.
            let words =
                |side: usize| from_fn(|i| pairs.get(i).map_or(0, |pair| u64::from_le_bytes(pair[side])));
            let (ready, len) = simd::polar(&words(0), &words(1));
            (self.ready, self.left) = (ready, 0..len);
        }
    }
}

/// Who is blended with whom: one permutation of the gallery for each encoding and slot, drawn for
/// a run and split, so that every image of the gallery is used once per slot.
pub(super) struct Partners {
    schedule: Schedule,
    encodings: usize,
    /// Slots of a blend, of which the first `inside` are private.
    slots: usize,
    inside: usize,
    kept: Mutex<Vec<Arc<Table>>>,
}

/// Runs whose permutations are kept: the splits that training and evaluation go back and forth
/// between.
const KEPT: usize = 4;

/// What a [`Table`] depends on.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub(super) salt: Salt,
    pub(super) split: u64,
    /// Lengths of the private and the public gallery.
    pub(super) lengths: [usize; 2],
}

/// The permutations of one run, wiped when dropped.
pub(super) struct Table {
    run: Run,
    slots: usize,
    orders: Vec<Vec<u32>>,
}

impl Drop for Table {
    fn drop(&mut self) {
        self.orders.zeroize();
    }
}

impl Table {
    /// Place in its gallery of the partner in `slot`, 1 or above, of the sample at place `at`.
    pub(super) fn partner(&self, encoding: usize, slot: usize, at: u64) -> usize {
        let order = &self.orders[encoding * (self.slots - 1) + slot - 1];
        let len = order.len() as u64;
        // A division takes longer than the rest.
        let at = if at < len { at } else { at % len };
        order[at as usize] as usize
    }
}

impl Partners {
    /// The partners of blends of `slots` images, `inside` of them private.
    pub(super) fn new(schedule: &Schedule, encodings: usize, slots: usize, inside: usize) -> Self {
        Self {
            schedule: schedule.clone(),
            encodings,
            slots,
            inside,
            kept: Mutex::new(Vec::new()),
        }
    }

    /// The permutations of a run, drawn the first time that they are asked for.
    ///
    /// # Errors
    /// If a gallery that is needed is empty or holds more images than 32 bits count.
    pub(super) fn table(&self, run: Run) -> Result<Arc<Table>, Error> {
        if let Some(table) = self.find(run) {
            return Ok(table);
        }
        for (needed, length, name) in [
            (self.inside > 1, run.lengths[0], "private"),
            (self.inside < self.slots, run.lengths[1], "public"),
        ] {
            if needed && (length == 0 || u32::try_from(length).is_err()) {
                let problem = format!(
                    "holds {length} {name} images, but blends of k={} need at least one and at most {}",
                    self.slots,
                    u32::MAX
                );
                return Err(Error::parameter("gallery", problem));
            }
        }
        // Drawn without the lock, for a thread that waits for parallel work may be lent to other work that
        // wants it. Two batches that come first at the same time draw the same.
        let table = Arc::new(self.draw(run));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.iter().find(|known| known.run == run) {
            return Ok(known.clone());
        }
        kept.truncate(KEPT - 1);
        kept.insert(0, table.clone());
        Ok(table)
    }

    fn find(&self, run: Run) -> Option<Arc<Table>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|table| table.run == run)?;
        kept[..=place].rotate_right(1);
        kept.first().cloned()
    }

    fn draw(&self, run: Run) -> Table {
        let mut salt = [0; 2];
        for (half, bytes) in salt.iter_mut().zip(run.salt.0.as_chunks::<8>().0) {
            *half = u64::from_be_bytes(*bytes);
        }
        let drawn = self.slots - 1;
        let orders = (0..self.encodings * drawn)
            .into_par_iter()
            .map(|i| {
                let (encoding, slot) = (i / drawn, i % drawn + 1);
                let length = run.lengths[usize::from(slot >= self.inside)];
                let index = [salt[0], salt[1], run.split, encoding as u64, slot as u64];
                let mut order = self
                    .schedule
                    .stream("instahide-partners", &index)
                    .permutation(length);
                let short = order.iter().map(|place| *place as u32).collect();
                order.zeroize();
                short
            })
            .collect();
        Table {
            run,
            slots: self.slots,
            orders,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MasterSecret, SampleId};

    fn schedule() -> Schedule {
        Schedule::new(&MasterSecret::new([3; 32]), "test")
    }

    #[test]
    fn coefficients_are_normals_to_the_power_k_over_their_sum() {
        let streams = schedule().image_streams("mix", Salt([1; 16]));
        for k in 1..=SLOTS {
            let mix = Mix {
                k,
                largest: 1.0,
                first_two: None,
            };
            let id = SampleId::of("a");
            let mut normals = streams.sampler(id, 2);
            let powers: Vec<f64> = (0..k).map(|_| normals.normal().abs().powi(k as i32)).collect();
            let total: f64 = powers.iter().sum();
            let weights = mix.draw(&mut streams.sampler(id, 2));
            for (weight, power) in weights.iter().zip(&powers) {
                assert!((f64::from(*weight) - power / total).abs() < 1e-7);
            }
            assert!(weights[k..].iter().all(|weight| *weight == 0.0));
        }
    }

    #[test]
    fn the_last_draw_is_taken_where_none_is_accepted() {
        let streams = schedule().image_streams("mix", Salt([1; 16]));
        let mix = Mix {
            k: 2,
            largest: 0.5,
            first_two: Some(1.5),
        };
        let id = SampleId::of("a");
        let weights = mix.draw(&mut streams.sampler(id, 0));
        let mut stream = streams.sampler(id, 0);
        let mut last = [0.0; 2];
        for _ in 0..=REDRAWS {
            let Ok(()) = mix.draw_once(|| Ok::<_, Infallible>(stream.normal()), &mut last);
        }
        assert_eq!(weights[..2], last.map(|weight| weight as f32));
    }

    #[test]
    fn the_beginning_of_a_stream_gives_the_same_coefficients() {
        let streams = schedule().image_streams("mix", Salt([1; 16]));
        let mut short = 0;
        for (i, id) in SampleId::numbered("t", 0, 400).into_iter().enumerate() {
            let mix = Mix {
                k: 1 + i % SLOTS,
                largest: 0.65,
                first_two: (i % 2 == 0).then_some(0.3),
            };
            let mut bytes = vec![0; mix.beginning()];
            streams.numbered(id, 1).fill(&mut bytes);
            let drawn = mix.draw(&mut streams.sampler(id, 1));
            match mix.draw_from(&bytes) {
                Some(weights) => assert_eq!(weights, drawn),
                None => short += 1,
            }
        }
        assert!(
            (1..100).contains(&short),
            "{short} of 400 beginnings are too short"
        );
    }

    #[test]
    fn groups_give_the_same_coefficients() {
        let streams = schedule().image_streams("mix", Salt([1; 16]));
        let (mut room, mut short) = (MixRoom::default(), 0);
        for case in 0..240 {
            let k = 1 + case % SLOTS;
            let mix = Mix {
                k,
                // Groups that are accepted at once, some that are drawn again, and some seldom accepted.
                largest: [0.1, 0.65, 1.3 / k as f64][case / SLOTS % 3],
                first_two: (case % 5 > 2).then_some(0.3),
            };
            let ids = SampleId::numbered("t", 16 * case as u64, 1 + case % 16);
            let mut bytes = vec![0; ids.len() * mix.beginning()];
            for (id, bytes) in ids.iter().zip(bytes.chunks_exact_mut(mix.beginning())) {
                streams.numbered(*id, 1).fill(bytes);
            }
            let mut weights = vec![[0.0; SLOTS]; ids.len()];
            let open = mix.draw_group(&bytes, &mut room, &mut weights);
            assert_eq!(u32::from(open) >> ids.len(), 0);
            for (i, (id, weights)) in ids.iter().zip(&weights).enumerate() {
                if open >> i & 1 == 1 {
                    short += 1;
                    assert_eq!(
                        mix.draw_from(&bytes[i * mix.beginning()..][..mix.beginning()]),
                        None
                    );
                    assert_eq!(*weights, [0.0; SLOTS]);
                } else {
                    assert_eq!(*weights, mix.draw(&mut streams.sampler(*id, 1)));
                }
            }
        }
        assert!(short > 100, "{short} beginnings are too short");
    }

    #[test]
    fn permutations_are_drawn_once_and_forgotten_in_turn() {
        let partners = Partners::new(&schedule(), 2, 4, 3);
        let run = |split| Run {
            salt: Salt([9; 16]),
            split,
            lengths: [7, 5],
        };
        let first = partners.table(run(0)).unwrap();
        assert!(Arc::ptr_eq(&first, &partners.table(run(0)).unwrap()));
        for split in 1..=KEPT as u64 {
            let other = partners.table(run(split)).unwrap();
            assert_ne!(first.orders, other.orders);
        }
        let again = partners.table(run(0)).unwrap();
        assert!(!Arc::ptr_eq(&first, &again));
        assert_eq!(first.orders, again.orders);
        assert_eq!(partners.kept.lock().unwrap().len(), KEPT);
        assert_eq!(
            first.orders.iter().map(Vec::len).collect::<Vec<_>>(),
            [7, 7, 5, 7, 7, 5]
        );
        for place in 0..7 {
            assert_eq!(first.partner(1, 2, place), first.partner(1, 2, place + 7));
        }
    }
}
