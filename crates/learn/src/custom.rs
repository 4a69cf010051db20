//! Networks of other crates, trained along any loss: what an adversary builds.
//!
//! An [`Architecture`] of another crate becomes a [`Network`] by [`wrap`]; a [`Fitter`] moves its weights
//! along the gradients of whatever loss its caller makes of its outputs. Outputs have two sides, (N, values);
//! networks that make images put theirs in a row.

use crate::{
    Architecture, Network, OptimizerKind, Schedule, TrainConfig,
    network::boxed,
    optimizer::{BETA, Optimizer},
    state,
};
use burn::tensor::{Device, Gradients, Tensor, TensorData};

/// An architecture as a network; its device must be one that [`device`] or [`training_device`] gave.
pub fn wrap(architecture: impl Architecture) -> Box<dyn Network> {
    boxed(architecture)
}

/// Where networks compute that are not trained.
pub fn device() -> Device {
    Device::flex()
}

/// Where networks compute while they are trained.
pub fn training_device() -> Device {
    Device::flex().autodiff()
}

/// Values as a tensor of those sides; there must be as many as the product of the sides.
pub fn tensor<const D: usize>(values: Vec<f32>, sides: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, sides), device)
}

/// The values of a tensor, last side fastest.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    // Nothing but f32 is ever stored in these.
    tensor.into_data().try_to_vec::<f32>().unwrap_or_default()
}

/// The value of a loss, without what its gradients need.
pub(crate) fn scalar(loss: &Tensor<1>) -> f32 {
    values(loss.clone().inner()).first().copied().unwrap_or(f32::NAN)
}

/// How the weights of a [`Fitter`] move.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// Highest learning rate.
    pub lr: f64,
    /// Steps in all; the rate falls to 0 along half a cosine after the first twentieth of them.
    pub steps: usize,
    /// Decay of the mean of gradients (Adam's first beta).
    pub beta: f32,
    /// Decay of weight matrices in each step, as a multiple of the learning rate.
    pub weight_decay: f64,
    /// Determines the initial weights.
    pub seed: u64,
}

impl Default for Fit {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            steps: 1000,
            beta: BETA,
            weight_decay: 0.0,
            seed: 0,
        }
    }
}

/// A network under training with AdamW.
#[derive(Debug)]
pub struct Fitter {
    network: Box<dyn Network>,
    optimizer: Optimizer,
    config: TrainConfig,
    steps: usize,
    done: usize,
}

impl Fitter {
    /// A network on [`training_device`], its weights drawn anew.
    ///
    /// # Errors
    /// What a network says that does not take its own weights.
    pub fn new(mut network: Box<dyn Network>, fit: Fit) -> crate::Result<Self> {
        let initial = state::initial(&network.state(), fit.seed);
        network.restore(&initial).map_err(crate::Error::Examples)?;
        let config = TrainConfig {
            optimizer: OptimizerKind::Adamw,
            lr: fit.lr,
            weight_decay: fit.weight_decay,
            schedule: Schedule::Cosine,
            warmup: 0.05,
            ..TrainConfig::new("mlp", &Default::default())?
        };
        let mut optimizer = Optimizer::new(&config);
        optimizer.beta = fit.beta;
        Ok(Self {
            network,
            optimizer,
            config,
            steps: fit.steps.max(1),
            done: 0,
        })
    }

    /// The network as it is now.
    pub fn network(&self) -> &dyn Network {
        self.network.as_ref()
    }

    /// Moves the weights along the gradients of a backward pass that went through the network. Other
    /// networks' gradients stay, so that several can be moved along one pass.
    pub fn step(&mut self, gradients: &mut Gradients) {
        self.optimizer.rate = self.config.rate(self.done.min(self.steps - 1), self.steps) as f32;
        self.done += 1;
        self.optimizer.step = self.done;
        self.network.step(gradients, &mut self.optimizer);
    }

    /// Likewise along a loss, whose value comes back.
    pub fn descend(&mut self, loss: Tensor<1>) -> f32 {
        let value = scalar(&loss);
        let mut gradients = loss.backward();
        self.step(&mut gradients);
        value
    }
}
