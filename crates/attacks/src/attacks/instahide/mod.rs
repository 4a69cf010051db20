//! InstaHide: magnitudes, similarities, clusters, assignment, and recovery by alternating signs and
//! least squares (ATTACKS, section 6).
//!
//! The stages are public functions, so that each can be judged by itself with the stages before it
//! replaced by the truth; the attacks run them on what an adversary has.

pub(super) mod abs;
pub mod clusters;
pub mod coefficients;
pub mod labels;
pub mod learned;
pub mod public;
mod pursuit;
pub mod recovery;
pub(super) mod resolve;
mod signs;
pub mod similarity;
pub mod transport;
mod view;

use view::View;

/// What is blended into one encoding: numbers of images with their coefficients.
pub type Blend = Vec<(usize, f64)>;
