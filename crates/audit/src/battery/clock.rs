//! Sharing the time of an audit among its runs.

use super::Options;
use std::time::{Duration, Instant};
use visard_attacks::Budget;

/// Times the even share of the time that is left which a run may take.
const GENEROUS: u32 = 3;

/// Shares the time that is left among the runs that are left.
pub(crate) struct Clock<'a> {
    pub(crate) options: &'a Options,
    deadline: Option<Instant>,
    left: usize,
    total: usize,
}

impl<'a> Clock<'a> {
    /// A clock for runs of so much weight in all; a run of an attack that trains nothing weighs 1.
    pub(crate) fn new(options: &'a Options, weight: usize) -> Self {
        Self {
            options,
            deadline: options.time.and_then(|time| Instant::now().checked_add(time)),
            left: weight.max(1),
            total: weight.max(1),
        }
    }

    /// The budget of the next run, which has this weight.
    pub(crate) fn next(&mut self, weight: usize) -> Budget {
        let left = self.left.max(weight).max(1) as u32;
        self.skip(weight);
        let remaining = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let most = GENEROUS.saturating_mul(weight as u32);
        let share = |time: Duration| (time / left).saturating_mul(most).min(time);
        Budget::stoppable(remaining.map(share), self.options.memory, self.options.stop)
    }

    /// Notes that runs of this weight do not take place.
    pub(crate) fn skip(&mut self, weight: usize) {
        self.left = self.left.saturating_sub(weight);
    }

    /// Share of all runs that is done, 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        1.0 - self.left as f64 / self.total as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn heavy_runs_get_more_and_none_gets_what_is_not_there() {
        static STOP: AtomicBool = AtomicBool::new(false);
        let mut options = Options {
            access: Vec::new(),
            pairs: Vec::new(),
            time: Some(Duration::ZERO),
            memory: 1 << 20,
            seed: 0,
            stop: &STOP,
            fingerprint: String::new(),
            command: String::new(),
        };
        let mut clock = Clock::new(&options, 3);
        assert!(clock.next(1).is_spent());
        assert!(clock.next(7).is_spent() && clock.share() == 1.0);
        options.time = None;
        let mut clock = Clock::new(&options, 8);
        assert!(!clock.next(6).is_spent());
        assert_eq!(clock.share(), 0.75);
        assert!(!clock.next(100).is_spent());
    }
}
