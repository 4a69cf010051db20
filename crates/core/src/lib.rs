//! Learnable image encryption: schemes that disguise images under a key so that people cannot
//! read them while networks still learn from them.
//!
//! Pixels in, pixels out: this crate does no input or output and reads no clock. A scheme is made
//! from public parameters, a [`Key`] adds the secret and the image shape, and the prepared
//! [`Disguise`] works on whole batches:
//!
//! ```
//! use visard_core::{Key, MasterSecret, Pixels, SampleId, Salt, Samples, Shape};
//!
//! // A real secret comes from the operating system's generator; `visard-keys` draws it.
//! let secret = MasterSecret::new([42; 32]);
//! let shape = Shape::new(28, 28, 1);
//! let key = Key::new("aes", &Default::default(), Some(shape), secret, None)?;
//! let disguise = key.disguise(shape)?;
//!
//! let plain = vec![7u8; 2 * shape.len()];
//! let ids = SampleId::numbered("train", 0, 2);
//! let samples = Samples::new(Salt([0; 16]), &ids);
//! let mut disguised = Pixels::zeros(disguise.output().dtype, 2 * disguise.output().shape.len());
//! disguise.apply(samples, &plain, disguised.view_mut())?;
//!
//! let mut back = vec![0u8; plain.len()];
//! disguise.remove(samples, disguised.view(), &mut back)?;
//! assert_eq!(back, plain);
//! # Ok::<(), visard_core::Error>(())
//! ```
//!
//! Adding a scheme takes one file in `schemes/`, one line in its `mod.rs` and known answers in
//! `vectors/`; nothing else names it.

#![deny(unsafe_code)]

mod bytes;
mod error;
mod material;
pub mod matrix;
pub mod params;
mod pixels;
mod rearrange;
pub mod schedule;
mod scheme;
pub mod schemes;
mod shape;
mod shuffle;
mod simd;

pub use error::Error;
pub use material::{Array, Material, Values};
pub use pixels::{Affine, Dtype, Gallery, Output, Pixels, PixelsMut, PixelsRef, Salt, SampleId, Samples};
pub use schedule::MasterSecret;
pub use scheme::{Disguise, Fingerprint, Key, Removal, Scheme, SchemeInfo, Storage, Stronger, Tolerates};
pub use shape::{Grid, Shape};
pub use shuffle::Shuffle;
