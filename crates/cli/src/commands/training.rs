//! The options that say how a network is trained.

use crate::{
    failure::Usage,
    options::{self, DeviceArg},
};
use clap::{Args, ValueEnum};
use std::path::Path;
use visard_core::{Tolerates, schemes};
use visard_data::Manifest;
use visard_learn::{
    Augment, ClassWeights, OptimizerKind, Recommendation, Schedule, TrainConfig, networks, recommend,
};

/// How a network is trained.
#[derive(Args)]
pub(crate) struct TrainingArgs {
    /// Network; `visard networks` lists them
    #[arg(long, default_value = "cnn")]
    network: String,
    /// Set a parameter of the network
    #[arg(long, value_name = "NAME=VALUE", value_parser = options::setting)]
    set: Vec<(String, String)>,
    /// Adaptation network before the network: auto (what the scheme of the data recommends, none for
    /// plain data), none, or a name that `visard networks` lists
    #[arg(long, value_name = "NAME", default_value = "auto")]
    front: String,
    /// Set a parameter of the front
    #[arg(long, value_name = "NAME=VALUE", value_parser = options::setting)]
    set_front: Vec<(String, String)>,
    /// Passes over the training images [default: the network's]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Images per step [default: the network's]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Highest learning rate [default: the network's]
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// What turns gradients into steps [default: the network's]
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerArg>,
    /// Nesterov momentum of SGD
    #[arg(long, value_name = "X", default_value_t = 0.9)]
    momentum: f64,
    /// L2 penalty on the weights with SGD, their decay with AdamW [default: 0.0005, and 0.05 with AdamW]
    #[arg(long, value_name = "X")]
    weight_decay: Option<f64>,
    /// How the learning rate changes
    #[arg(long, value_enum, default_value_t = ScheduleArg::Cosine)]
    schedule: ScheduleArg,
    /// Share of all steps over which the learning rate rises to its highest (one-cycle has its own)
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    warmup: f64,
    /// Share of each label that is spread over all classes
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    label_smoothing: f64,
    /// Shorten gradients to this length
    #[arg(long, value_name = "X")]
    clip: Option<f64>,
    /// Stop after N epochs without a better validation accuracy, and keep the best epoch
    #[arg(long, value_name = "N")]
    pub(crate) patience: Option<usize>,
    /// How much the images of each class count: none, balanced, or a number for each class
    #[arg(long, value_name = "WEIGHTS", default_value = "none", value_parser = class_weights)]
    class_weights: ClassWeights,
    /// Random changes of the images while training: flip, shift=PIXELS. For plain images, and for
    /// disguised ones where the scheme tolerates it (`visard check` says); where it does not, augment
    /// before disguising
    #[arg(long, value_name = "CHANGES", value_delimiter = ',')]
    augment: Vec<String>,
    /// Determines initial weights and the order of images; no secret
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = DeviceArg::Cpu)]
    pub(crate) device: DeviceArg,
}

/// `--optimizer`.
#[derive(Clone, Copy, ValueEnum)]
enum OptimizerArg {
    Sgd,
    Adamw,
}

/// `--schedule`.
#[derive(Clone, Copy, ValueEnum)]
enum ScheduleArg {
    /// Down to 0 along half a cosine
    Cosine,
    /// Always the same
    Constant,
    /// To a tenth after half of the steps, to a hundredth after three quarters
    Step,
    /// Up over 30 % of the steps, then down to nearly 0
    OneCycle,
}

fn class_weights(text: &str) -> Result<ClassWeights, String> {
    match text {
        "none" => Ok(ClassWeights::None),
        "balanced" => Ok(ClassWeights::Balanced),
        numbers => {
            let weight = |word: &str| word.trim().parse::<f32>().map_err(|e| format!("{word:?}: {e}"));
            let weights: Result<Vec<f32>, String> = numbers.split(',').map(weight).collect();
            Ok(ClassWeights::Given(weights?))
        }
    }
}

impl TrainingArgs {
    /// The configuration for a data set, plain or of this manifest.
    pub(crate) fn config(&self, data: &Path, manifest: Option<&Manifest>) -> anyhow::Result<TrainConfig> {
        let network = networks::find(&self.network)?;
        let recommendation = match manifest {
            Some(m) => recommend(network, schemes::find(&m.scheme)?, &m.params),
            None => Recommendation::plain(),
        };
        let (set, set_front) = (options::settings(&self.set)?, options::settings(&self.set_front)?);
        let mut config = recommendation.config(network.name, &set, Some(&self.front), &set_front)?;
        config.epochs = self.epochs.unwrap_or(config.epochs);
        config.lr = self.lr.unwrap_or(config.lr);
        config.batch = self.batch.unwrap_or(config.batch);
        if let Some(optimizer) = self.optimizer {
            config.optimizer = match optimizer {
                OptimizerArg::Sgd => OptimizerKind::Sgd,
                OptimizerArg::Adamw => OptimizerKind::Adamw,
            };
        }
        config.momentum = self.momentum;
        config.weight_decay = self.weight_decay.unwrap_or(config.optimizer.weight_decay());
        config.schedule = match self.schedule {
            ScheduleArg::Cosine => Schedule::Cosine,
            ScheduleArg::Constant => Schedule::Constant,
            ScheduleArg::Step => Schedule::Step,
            ScheduleArg::OneCycle => Schedule::OneCycle,
        };
        config.warmup = self.warmup;
        config.label_smoothing = self.label_smoothing;
        config.clip = self.clip;
        config.patience = self.patience;
        config.class_weights = self.class_weights.clone();
        config.augment = augment(&self.augment, data, manifest)?;
        config.seed = self.seed;
        Ok(config)
    }
}

/// The random changes that were asked for, where the disguise of the data tolerates them.
fn augment(asked: &[String], data: &Path, manifest: Option<&Manifest>) -> anyhow::Result<Augment> {
    let mut augment = Augment::default();
    for change in asked {
        match change.split_once('=') {
            None if change == "flip" => augment.flip = true,
            Some(("shift", pixels)) => {
                let wrong = |e| Usage(format!("--augment {change}: {e}"));
                augment.shift = pixels.parse().map_err(wrong)?;
            }
            _ => return Err(Usage(format!("--augment {change}: there are flip and shift=PIXELS")).into()),
        }
    }
    let Some(manifest) = manifest else {
        return Ok(augment);
    };
    let tolerates = tolerated(manifest)?;
    let (bad_flip, bad_shift) = (
        augment.flip && !tolerates.flips,
        augment.shift > 0 && (tolerates.shifts == 0 || augment.shift < tolerates.shifts),
    );
    if bad_flip || bad_shift {
        return Err(Usage(format!(
            "{}: images disguised with {} ({}) tolerate no such change while training (they tolerate {tolerates}); \
             augment before disguising: visard apply --copies N --augment ...",
            data.display(),
            manifest.scheme,
            manifest.params
        ))
        .into());
    }
    augment.grain = tolerates.shifts;
    Ok(augment)
}

/// The changes that the disguised images of a data set bear.
fn tolerated(manifest: &Manifest) -> anyhow::Result<Tolerates> {
    let info = schemes::find(&manifest.scheme)?;
    Ok((info.build)(&manifest.params)?.tolerates())
}
