//! Stochastic gradient descent with momentum (no dampening) and weight decay, as PyTorch's.

use crate::{
    TrainConfig,
    state::{Path, State, Values},
};
use burn::module::{ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// The optimiser with its momentum buffers, named like the tensors they belong to.
///
/// Buffers are kept in the layout of the module, so they only fit the program's own checkpoints.
#[derive(Debug)]
pub struct Sgd {
    pub(crate) momentum: f32,
    pub(crate) weight_decay: f32,
    pub(crate) nesterov: bool,
    /// Learning rate of the next step.
    pub(crate) rate: f32,
    pub(crate) buffers: State,
}

impl Sgd {
    /// An optimiser without momentum so far.
    pub(crate) fn new(config: &TrainConfig) -> Self {
        Self {
            momentum: config.momentum as f32,
            weight_decay: config.weight_decay as f32,
            nesterov: config.nesterov,
            rate: config.lr as f32,
            buffers: State::new(),
        }
    }

    fn update(&mut self, name: String, shape: &[usize], weights: &mut [f32], gradient: &[f32]) {
        let buffer = self.buffers.entry(name).or_insert_with(|| Values {
            shape: shape.to_vec(),
            values: vec![0.0; weights.len()],
        });
        let decay = if shape.len() > 1 { self.weight_decay } else { 0.0 };
        for ((w, g), v) in weights.iter_mut().zip(gradient).zip(&mut buffer.values) {
            let g = g + decay * *w;
            *v = self.momentum * *v + g;
            *w -= self.rate * if self.nesterov { g + self.momentum * *v } else { *v };
        }
    }
}

/// One step over all parameters that have a gradient.
pub(crate) struct Step<'a> {
    pub(crate) sgd: &'a mut Sgd,
    pub(crate) gradients: GradientsParams,
    pub(crate) path: Path,
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
        let gradient = gradient.into_data();
        let name = self.path.name();
        param.map(|weights| {
            let (device, shape) = (weights.device(), weights.dims());
            let mut data = weights.inner().into_data();
            // Both are f32 tensors of the CPU device, whose memory is always readable.
            if let (Ok(values), Ok(gradient)) = (data.as_mut_slice::<f32>(), gradient.as_slice::<f32>()) {
                self.sgd.update(name, &shape, values, gradient);
            }
            Tensor::from_data(data, &device).require_grad()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sgd(nesterov: bool) -> Sgd {
        Sgd {
            momentum: 0.9,
            weight_decay: 0.1,
            nesterov,
            rate: 0.5,
            buffers: State::new(),
        }
    }

    /// Two steps from w = 1 with gradients 2 and 1, worked out by hand.
    #[test]
    fn steps_follow_the_formula() {
        for (nesterov, shape, expected) in [
            // g1 = 2.1, v = 2.1, w = -0.05; g2 = 0.995, v = 2.885, w = -1.4925.
            (false, &[1, 1][..], -1.4925),
            // w = 1 - 0.5 (2.1 + 1.89) = -0.995; g2 = 0.9005, v = 2.7905; w -= 0.5 (0.9005 + 2.51145).
            (true, &[1, 1][..], -2.700975),
            // Vectors have no decay: v = 2, w = 0; v = 2.8, w = -1.4.
            (false, &[1][..], -1.4),
        ] {
            let (mut sgd, mut w) = (sgd(nesterov), [1.0f32]);
            sgd.update("w".into(), shape, &mut w, &[2.0]);
            sgd.update("w".into(), shape, &mut w, &[1.0]);
            assert!(
                (w[0] - expected).abs() < 1e-5,
                "{nesterov} {shape:?}: {} {expected}",
                w[0]
            );
        }
    }
}
