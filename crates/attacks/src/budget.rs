//! Bounds on what an attack may spend.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Time and memory that an attack may use. It asks now and then, and ends with what it has.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    deadline: Option<Instant>,
    memory: u64,
    stop: Option<&'static AtomicBool>,
}

impl Budget {
    /// A budget from now on: `time` if there is a bound, and `memory` bytes of working storage.
    pub fn new(time: Option<Duration>, memory: u64) -> Self {
        Self {
            deadline: time.and_then(|time| Instant::now().checked_add(time)),
            memory,
            stop: None,
        }
    }

    /// As [`Budget::new`], spent as well once `stop` is set from outside.
    pub fn stoppable(time: Option<Duration>, memory: u64, stop: &'static AtomicBool) -> Self {
        Self {
            stop: Some(stop),
            ..Self::new(time, memory)
        }
    }

    /// No bound on time, 8 GiB of memory.
    pub fn generous() -> Self {
        Self::new(None, 8 << 30)
    }

    /// Whether the time is up, or the attack is asked to stop.
    pub fn is_spent(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
            || self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Whether `bytes` of working storage are allowed.
    pub fn allows(&self, bytes: u64) -> bool {
        bytes <= self.memory
    }

    /// Why `bytes` of working storage, needed for `what`, are too many, if they are.
    pub fn lacks(&self, bytes: u64, what: &str) -> Option<String> {
        (!self.allows(bytes)).then(|| {
            let allowed = self.memory;
            format!(
                "{what} take {bytes} bytes of working storage, {allowed} are allowed; give fewer images or more \
                 memory"
            )
        })
    }

    /// Bytes of working storage that are allowed.
    pub fn memory(&self) -> u64 {
        self.memory
    }
}
