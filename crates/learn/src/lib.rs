//! Networks that learn from plain and disguised images alike: training, evaluation, prediction.
//!
//! Everything runs on the CPU with Burn's `flex` device or, with the feature `gpu`, on a GPU by way of
//! Vulkan ([`DeviceKind`]). A [front](fronts) before the network meets a disguise block by block. [`train`] takes [`Examples`] and a
//! [`TrainConfig`] and gives a [`Model`], which is one safetensors file on disk:
//!
//! ```
//! use visard_core::Shape;
//! use visard_data::Stored;
//! use visard_learn::{Examples, Model, Run, TrainConfig, train};
//!
//! // Dark images are class 0, bright ones class 1.
//! let pixels = (0..64u8).flat_map(|i| [i % 2 * 150 + i; 16]).collect();
//! let labels = (0..64).map(|i| i % 2).collect();
//! let examples = Examples::new(Shape::new(4, 4, 1), Stored::U8(pixels), None, labels)?;
//! let mut config = TrainConfig::new("mlp", &Default::default())?;
//! config.epochs = 3;
//! config.batch = 16;
//!
//! let model = train(&config, &examples, None, &["dark".into(), "bright".into()], Run::default())?;
//! let evaluation = model.evaluate(&examples, 64)?;
//! assert_eq!(evaluation.correct, 64);
//! # Ok::<(), visard_learn::Error>(())
//! ```
//!
//! Images that mix several pictures have [`Soft`] labels, a weight per class. Where an image is
//! encoded several times, its encodings stand one after the other and are answered together
//! ([`Examples::encodings`]).
//!
//! The same seed, data and configuration give the same weights to the last bit, whether training
//! ran through or was stopped and resumed; machines with other vector units may differ in rounding.
//!
//! Adding a network takes one file in `networks/` and one line in its `mod.rs`; a front likewise in
//! `fronts/`.

#![deny(unsafe_code)]

mod checkpoint;
mod config;
pub mod custom;
mod device;
mod differentiable;
mod error;
mod evaluation;
mod examples;
mod file;
pub mod fronts;
mod labels;
mod model;
mod network;
pub mod networks;
mod optimizer;
mod recommend;
mod rng;
mod state;
mod train;

pub use config::{Augment, ClassWeights, OptimizerKind, Schedule, TrainConfig};
pub use device::DeviceKind;
pub use differentiable::Differentiable;
pub use error::{Error, Result};
pub use evaluation::{ClassFigures, Evaluation, Prediction, argmax, wilson};
pub use examples::{Examples, Normalisation};
pub use fronts::{Front, FrontInfo};
pub use labels::Soft;
pub use model::{EpochRecord, Model, ModelInfo};
pub use network::{Architecture, Forward, Network};
pub use networks::NetworkInfo;
pub use recommend::{Recommendation, recommend};
pub use rng::Rng;
pub use state::{State, Values};
pub use train::{Progress, Run, Watcher, train};
