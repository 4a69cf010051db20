//! The adversary: what can be learnt from disguised images without the key.
//!
//! An [`Exposure`] holds exactly what an adversary at a [`Level`] has, and nothing else: this crate
//! does not depend on the one that opens keys, and the plain images that an attack is judged by reach
//! only [`score`]. An [`AttackInfo`] is a registry entry; running it gives an [`Outcome`] with pictures,
//! recovered material and figures, or one that says what was reached when the [`Budget`] ran out.
//!
//! Attacks on a trained model hold another kind of exposure and live in [`model`]; their cells, queries plain or
//! disguised against a model trained on plain or disguised images, are made by what the caller puts into it.
//!
//! Adding an attack takes one file in `attacks/`, or in `model/`, and one line in its `mod.rs`.

#![forbid(unsafe_code)]

mod attack;
pub mod attacks;
mod budget;
mod error;
mod exposure;
pub mod learning;
pub mod metrics;
pub mod model;
mod rng;
pub mod score;
mod set;

pub use attack::{AttackInfo, Evidence, Helpers, Level, Needs, Outcome, Progress, Verdict};
pub use budget::Budget;
pub use error::{Error, Result};
pub use exposure::{Exposure, Pairs, Target};
pub use rng::Rng;
pub use set::Set;
