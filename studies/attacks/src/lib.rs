//! What studies of attacks share: image sets, disguises in few words, and tables of figures as they are kept and
//! shown.

#![forbid(unsafe_code)]

pub mod disguised;
pub mod markdown;
pub mod record;
pub mod sets;
