//! Encryption-then-compression: block scrambling in colour (etc) and of joined grey planes (etc-gray).

mod assembly;
mod costs;
pub(super) mod edges;
mod filling;
mod frame;
pub(super) mod helper;
pub(super) mod jigsaw;
pub(super) mod known;
mod layout;
mod matching;
mod seams;
mod shifting;
mod state;

pub use edges::neighbour_scores;
pub use jigsaw::doubt;
pub use layout::{Layout, Place, Scores};
pub use state::State;
