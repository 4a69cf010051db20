//! Stochastic gradient descent with momentum (no dampening) and AdamW, as PyTorch's.
//!
//! On the CPU a tensor is updated in one pass over its memory; on a GPU by tensor operations, so that
//! neither weights nor gradients leave it.

use crate::{
    TrainConfig,
    config::OptimizerKind,
    state::{Path, State, Values},
};
use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, Tensor, TensorData};
use std::collections::BTreeMap;

/// AdamW's customary decay of the mean of gradients.
pub(crate) const BETA: f32 = 0.9;

/// AdamW's decay of the mean of their squares, and what keeps it from dividing by 0.
const BETA_SQUARES: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// The optimiser with its running means, named like the tensors they belong to.
///
/// They are kept in the layout of the module, so they only fit the program's own checkpoints.
#[derive(Debug)]
pub struct Optimizer {
    kind: OptimizerKind,
    momentum: f32,
    weight_decay: f32,
    nesterov: bool,
    /// AdamW's decay of the mean of gradients.
    pub(crate) beta: f32,
    /// Learning rate of the next step.
    pub(crate) rate: f32,
    /// Number of the next step, from 1.
    pub(crate) step: usize,
    /// What the gradients of the next step are multiplied by.
    pub(crate) scale: f32,
    /// Running means in the memory of the host.
    means: State,
    /// Running means on a GPU, as flat tensors.
    away: BTreeMap<String, (Vec<usize>, Tensor<1>)>,
}

impl Optimizer {
    /// An optimiser that has seen no gradient.
    pub(crate) fn new(config: &TrainConfig) -> Self {
        Self {
            kind: config.optimizer,
            momentum: config.momentum as f32,
            weight_decay: config.weight_decay as f32,
            nesterov: config.nesterov,
            beta: BETA,
            rate: config.lr as f32,
            step: 1,
            scale: 1.0,
            means: State::new(),
            away: BTreeMap::new(),
        }
    }

    /// The running means, wherever they are: `first.NAME`, and with AdamW `second.NAME`.
    pub(crate) fn means(&self) -> State {
        let mut all = self.means.clone();
        for (name, (shape, tensor)) in &self.away {
            // Reading f32 values back cannot fail; nothing else is stored here.
            let values = tensor.clone().into_data().try_to_vec::<f32>().unwrap_or_default();
            let shape = shape.clone();
            all.insert(name.clone(), Values { shape, values });
        }
        all
    }

    /// Goes on with running means that were saved.
    pub(crate) fn resume(&mut self, means: State) {
        self.away.clear();
        self.means = means;
    }

    /// Only matrices and kernels decay; biases and normalisation do not.
    fn decay(&self, rank: usize) -> f32 {
        if rank > 1 { self.weight_decay } else { 0.0 }
    }

    /// What the means of gradients and squares must be divided by while they are young.
    fn youth(&self) -> (f32, f32) {
        let left = |beta: f32| 1.0 - f64::from(beta).powi(self.step as i32) as f32;
        (left(self.beta), left(BETA_SQUARES))
    }

    fn mean(means: &mut State, name: String, shape: &[usize]) -> Vec<f32> {
        let taken = means.remove(&name).map(|v| v.values);
        taken.unwrap_or_else(|| vec![0.0; shape.iter().product()])
    }

    fn keep(&mut self, name: String, shape: &[usize], values: Vec<f32>) {
        let shape = shape.to_vec();
        self.means.insert(name, Values { shape, values });
    }

    fn update(&mut self, name: &str, shape: &[usize], weights: &mut [f32], gradient: &[f32]) {
        let (decay, scale, rate) = (self.decay(shape.len()), self.scale, self.rate);
        let (first, second) = (format!("first.{name}"), format!("second.{name}"));
        let mut mean = Self::mean(&mut self.means, first.clone(), shape);
        match self.kind {
            OptimizerKind::Sgd => {
                for ((w, g), v) in weights.iter_mut().zip(gradient).zip(&mut mean) {
                    let g = scale * g + decay * *w;
                    *v = self.momentum * *v + g;
                    *w -= rate * if self.nesterov { g + self.momentum * *v } else { *v };
                }
            }
            OptimizerKind::Adamw => {
                let (young, young_squares) = self.youth();
                let mut squares = Self::mean(&mut self.means, second.clone(), shape);
                for (((w, g), m), s) in weights.iter_mut().zip(gradient).zip(&mut mean).zip(&mut squares) {
                    let g = scale * g;
                    *m = self.beta * *m + (1.0 - self.beta) * g;
                    *s = BETA_SQUARES * *s + (1.0 - BETA_SQUARES) * g * g;
                    *w -= rate * (decay * *w + *m / young / ((*s / young_squares).sqrt() + EPSILON));
                }
                self.keep(second, shape, squares);
            }
        }
        self.keep(first, shape, mean);
    }

    /// The running mean of that name on the device of `like`.
    fn mean_away(&mut self, name: &str, shape: &[usize], like: &Tensor<1>) -> Tensor<1> {
        if let Some((_, mean)) = self.away.remove(name) {
            return mean;
        }
        match self.means.remove(name) {
            Some(saved) => {
                let count = shape.iter().product::<usize>();
                Tensor::from_data(TensorData::new(saved.values, [count]), &like.device())
            }
            None => like.zeros_like(),
        }
    }

    fn update_away(&mut self, name: &str, shape: &[usize], w: Tensor<1>, g: Tensor<1>) -> Tensor<1> {
        let (decay, rate) = (self.decay(shape.len()), self.rate);
        let (first, second) = (format!("first.{name}"), format!("second.{name}"));
        let g = g * self.scale;
        let mean = self.mean_away(&first, shape, &w);
        let (mean, change) = match self.kind {
            OptimizerKind::Sgd => {
                let g = g + w.clone() * decay;
                let mean = mean * self.momentum + g.clone();
                let ahead = |mean: Tensor<1>| g + mean * self.momentum;
                let change = if self.nesterov {
                    ahead(mean.clone())
                } else {
                    mean.clone()
                };
                (mean, change)
            }
            OptimizerKind::Adamw => {
                let (young, young_squares) = self.youth();
                let squares = self.mean_away(&second, shape, &w);
                let mean = mean * self.beta + g.clone() * (1.0 - self.beta);
                let squares = squares * BETA_SQUARES + g.clone() * g * (1.0 - BETA_SQUARES);
                let spread = (squares.clone() / young_squares).sqrt() + EPSILON;
                self.away.insert(second, (shape.to_vec(), squares));
                (mean.clone(), w.clone() * decay + mean / young / spread)
            }
        };
        self.away.insert(first, (shape.to_vec(), mean));
        w - change * rate
    }
}

/// One step over all parameters that have a gradient.
pub(crate) struct Step<'a> {
    pub(crate) optimizer: &'a mut Optimizer,
    pub(crate) gradients: GradientsParams,
    pub(crate) path: Path,
    /// Whether the parameters are in the memory of the host.
    pub(crate) host: bool,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let name = self.path.name();
        param.map(|weights| {
            let (device, shape) = (weights.device(), weights.dims());
            let weights = weights.inner();
            if !self.host {
                let (w, g) = (weights.flatten(0, D - 1), gradient.flatten(0, D - 1));
                let w = self.optimizer.update_away(&name, &shape, w, g);
                return Tensor::from_inner(w.reshape(shape)).require_grad();
            }
            let (mut data, gradient) = (weights.into_data(), gradient.into_data());
            // Both are f32 tensors of the CPU device, whose memory is always readable.
            if let (Ok(values), Ok(gradient)) = (data.as_mut_slice::<f32>(), gradient.as_slice::<f32>()) {
                self.optimizer.update(&name, &shape, values, gradient);
            }
            Tensor::from_data(data, &device).require_grad()
        })
    }
}

/// Adds up the squares of all gradients of a module.
pub(crate) struct Norm<'a> {
    pub(crate) gradients: &'a Gradients,
    pub(crate) square: f64,
}

impl ModuleVisitor for Norm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            let square: f32 = (gradient.clone() * gradient).sum().into_scalar();
            self.square += f64::from(square);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn optimizer(kind: OptimizerKind, nesterov: bool) -> Optimizer {
        Optimizer {
            kind,
            momentum: 0.9,
            weight_decay: 0.1,
            nesterov,
            beta: BETA,
            rate: 0.5,
            step: 1,
            scale: 1.0,
            means: State::new(),
            away: BTreeMap::new(),
        }
    }

    /// Two steps from w = 1 with gradients 2 and 1, worked out by hand, in both ways of computing.
    #[test]
    fn steps_follow_the_formulas_in_both_ways() {
        use OptimizerKind::{Adamw, Sgd};
        for (kind, nesterov, shape, expected) in [
            // g1 = 2.1, v = 2.1, w = -0.05; g2 = 0.995, v = 2.885, w = -1.4925.
            (Sgd, false, &[1, 1][..], -1.4925),
            // w = 1 - 0.5 (2.1 + 1.89) = -0.995; g2 = 0.9005, v = 2.7905; w -= 0.5 (0.9005 + 2.51145).
            (Sgd, true, &[1, 1][..], -2.700975),
            // Vectors have no decay: v = 2, w = 0; v = 2.8, w = -1.4.
            (Sgd, false, &[1][..], -1.4),
            // First step: w = 1 - 0.5 (0.1 + 1) = 0.45. Second: the mean is (0.18 + 0.1) / 0.19, that of
            // squares (0.003996 + 0.001) / 0.001999: w = 0.45 - 0.5 (0.045 + 1.473684 / 1.580905).
            (Adamw, false, &[1, 1][..], -0.038589),
            // Without decay: 0.5, then 0.5 - 0.466089.
            (Adamw, false, &[1][..], 0.033911),
        ] {
            let (mut near, mut far) = (optimizer(kind, nesterov), optimizer(kind, nesterov));
            let (mut w, device) = ([1.0f32], Device::flex());
            let mut tensor = Tensor::<1>::from_floats([1.0], &device);
            for (step, gradient) in [2.0, 1.0].into_iter().enumerate() {
                (near.step, far.step) = (step + 1, step + 1);
                near.update("w", shape, &mut w, &[gradient]);
                tensor = far.update_away("w", shape, tensor, Tensor::from_floats([gradient], &device));
                // What is saved is enough to go on from.
                let saved = far.means();
                far.resume(saved);
            }
            let away: f32 = tensor.into_scalar();
            for found in [w[0], away] {
                assert!(
                    (found - expected).abs() < 1e-5,
                    "{kind:?} {nesterov} {shape:?}: {found} {expected}"
                );
            }
            assert_eq!(
                near.means().keys().collect::<Vec<_>>(),
                far.means().keys().collect::<Vec<_>>()
            );
        }
    }
}
