//! The audit: what a disguise gives away to every adversary, attacked with the owner's own images.
//!
//! [`run`] disguises images in memory through an [`Oracle`], builds the [`Exposure`](visard_attacks::Exposure)
//! of each [`Access`], runs every attack that applies, and judges what comes back by the truth and by its nulls
//! ([`judge`]). What it finds is an [`Audit`], a record with a versioned schema that [`Audit::read`] takes back,
//! and that [`page`] shows as one self-contained HTML file.
//!
//! What takes minutes more is played by [`run_with`] where [`Training`] asks for it: attacks that train networks,
//! and level M, attacks on models that are trained on the owner's images, disguised and plain.
//!
//! Nothing here is called secure. A disguise is **broken**, it **leaks**, or it is **not broken by these attacks
//! at these budgets**; the thresholds are in every record.

#![forbid(unsafe_code)]

mod access;
mod advice;
mod battery;
pub mod bundled;
pub mod compare;
mod error;
mod examined;
pub mod judge;
mod model;
mod oracle;
pub mod page;
mod reading;
mod record;
mod show;
mod subjects;
pub mod table;

pub use access::{Access, Verdict};
pub use battery::{Options, Progress, Report, Show, Training, run, run_with};
pub use error::{Error, Result};
pub use model::{
    Cell, CellRecord, ClassAnswers, Classes, Extraction, Fidelity, Inversion, Membership, ModelAttacked,
    ModelRecord, ModelSettings, Rate, RecoveredKey, Told, Trained,
};
pub use oracle::{KeyOracle, Oracle};
pub use record::{
    Attacked, Audit, DataRecord, Evidence, Examined, Identified, LevelRecord, Measure, NotRun, Pictures,
    Point, SCHEMA, Thresholds, WrongKey,
};
pub use show::{Example, Picture, Role};
pub use subjects::{Public, Subjects, Wanted};
