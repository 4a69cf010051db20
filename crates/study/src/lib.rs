//! Studies: data sets, schemes, networks and attacks, every combination measured and kept as a record.
//!
//! A [`Study`] is read from TOML and is a list of cells, each a [`Definition`] of everything that its figures
//! depend on. [`Study::run`] measures the cells that have no [`CellRecord`] yet: it disguises the images by the
//! pipeline that owners use, trains and tests a network, or audits the disguise. What goes wrong in a cell is its
//! record; the others go on. [`Study::results`] gathers the records, and [`Study::render`] writes tables, plots
//! and a page from them, with what papers claim ([`Claim`]) beside.
//!
//! ```
//! use std::path::Path;
//! use visard_study::Study;
//!
//! let study = Study::parse(
//!     Path::new("study.toml"),
//!     r#"
//!     name = "blocks"
//!     [[dataset]]
//!     name = "fashion-mnist"
//!     [[scheme]]
//!     name = "rmt"
//!     set.block = [2, 4]
//!     set.noise = [0, 25]
//!     [[network]]
//!     name = "cnn"
//!     epochs = 3
//!     "#,
//! )?;
//! assert_eq!(study.cells.len(), 4);
//! # Ok::<(), visard_study::Error>(())
//! ```
//!
//! The keys of a study are derived from its name and seed, so that it can be repeated; they protect nothing.

#![forbid(unsafe_code)]

mod cell;
mod claims;
mod data;
mod definition;
mod disguise;
mod error;
mod leakage;
mod machine;
pub mod page;
mod plan;
mod plot;
mod plots;
mod record;
mod render;
mod results;
mod run;
mod table;
mod tables;
mod text;

pub use claims::{ACCURACY, Claim};
pub use data::examples;
pub use definition::{AuditTask, Dataset, Definition, Disguise, PLAIN, Task};
pub use error::{Error, Result};
pub use leakage::{LEAKAGE, Leakage};
pub use machine::Machine;
pub use plan::Study;
pub use plot::Plot;
pub use record::{CellRecord, Disguising, Images, KEY, Outcome, SCHEMA, Trained};
pub use results::{Lesson, Results};
pub use run::{Event, Options, State, Summary};
pub use table::{Table, Value};
