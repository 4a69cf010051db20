//! Data sets in and out: formats, limits, and the journalled pipeline that disguises and restores them.

mod augment;
mod contract;
mod copies;
pub mod decode;
mod durable;
mod error;
mod fit;
pub mod formats;
mod gallery;
mod job;
mod journal;
pub mod jpeg;
mod load;
mod manifest;
mod material;
mod pipeline;
mod place;
mod stage;
mod verify;

pub use augment::Augmentation;
pub use contract::{
    Alpha, Batch, Depth, FileRecord, Format, Limits, Meta, Plan, Reading, Scale, Sink, Source, Split, Stored,
};
pub use copies::Copies;
pub use error::{Error, Result};
pub use fit::Fit;
pub use gallery::Gallery;
pub use job::{Mixing, Report, Request, apply, remove};
pub use jpeg::{Jpeg, Subsampling};
pub use load::{Loaded, Opened};
pub use manifest::{MANIFEST, Manifest};
pub use material::{read_material, write_arrays};
pub use pipeline::{Control, Progress};
pub use stage::disguise_batch;
pub use verify::{Verified, verify};
