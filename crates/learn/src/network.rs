//! The joint that every network fits.

use crate::{
    Result, Rng,
    fronts::Choice,
    networks,
    optimizer::{Norm, Optimizer, Step},
    state::{self, Path, State},
};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Gradients, Tensor};
use std::fmt;
use visard_core::{Shape, params::Params};

/// What an architecture has to say: from images to logits.
pub trait Architecture: Module + Send + fmt::Debug + 'static {
    /// Logits (N, classes) of standardised images (N, C, H, W). `noise` is given while training, for
    /// layers that drop units at random.
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2>;

    /// What the last layer, the one that gives logits, is fed with: (N, features). `None` where the
    /// architecture does not part with it.
    fn embedding(&self, _images: Tensor<4>) -> Option<Tensor<2>> {
        None
    }
}

/// A network whose architecture was chosen at run time.
pub trait Network: Send + fmt::Debug {
    /// See [`Architecture::logits`].
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2> {
        self.forward(images, noise).logits
    }

    /// Logits, and what is added to the loss while training.
    fn forward(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Forward;

    /// See [`Architecture::embedding`].
    fn embedding(&self, images: Tensor<4>) -> Option<Tensor<2>>;

    /// All tensors by name, batch normalisation's running statistics included.
    fn state(&self) -> State;

    /// Replaces all tensors; an error names the first that is missing, unknown or of another shape.
    fn restore(&mut self, state: &State) -> Result<(), String>;

    /// Sum of the squares of all gradients of a backward pass.
    fn square_norm(&self, gradients: &Gradients) -> f64;

    /// One step of the optimiser along the gradients of a backward pass, which it takes.
    fn step(&mut self, gradients: &mut Gradients, optimizer: &mut Optimizer);

    /// A copy for inference: nothing is recorded, dropped or updated.
    fn inference(&self) -> Box<dyn Network>;

    /// A copy whose own tensors stay as they are, running statistics too, while gradients still pass
    /// through it to what it was given.
    fn frozen(&self) -> Box<dyn Network>;

    /// Where it computes.
    fn device(&self) -> Device;
}

/// What a network makes of a batch.
#[derive(Debug)]
pub struct Forward {
    /// Logits (N, classes).
    pub logits: Tensor<2>,
    /// What a regulariser adds to the loss, where the network has one.
    pub penalty: Option<Tensor<1>>,
}

/// A network with its front, if any, for images of `shape`; initial weights are drawn from `seed`.
///
/// # Errors
/// Those of [`NetworkInfo::build`](crate::NetworkInfo::build), and [`Error::Shape`](crate::Error::Shape)
/// where the front cannot take the shape.
pub(crate) fn build(
    network: &str,
    params: &Params,
    front: Option<&Choice>,
    shape: Shape,
    classes: usize,
    seed: u64,
    device: &Device,
) -> Result<Box<dyn Network>> {
    let info = networks::find(network)?;
    let Some(front) = front else {
        return info.build(params, shape, classes, seed, device);
    };
    let (behind, before) = front.build(shape.check()?, device)?;
    let mut network = before(info.build_on(params, behind, classes, seed, device)?);
    let initial = state::initial(&network.state(), seed);
    network.restore(&initial).map_err(crate::Error::Examples)?;
    Ok(network)
}

/// An architecture as a [`Network`].
#[derive(Debug)]
struct Boxed<A>(A);

/// Hides which architecture it is.
pub(crate) fn boxed(architecture: impl Architecture) -> Box<dyn Network> {
    Box::new(Boxed(architecture))
}

/// The device of a module's first tensor; modules without any compute on the CPU.
pub(crate) fn device_of<M: Module>(module: &M) -> Device {
    module.devices().into_iter().next().unwrap_or_else(Device::flex)
}

/// Takes the gradients of a module and makes one step; `prefix` goes before the names of its tensors.
pub(crate) fn step<M: Module>(
    module: &mut M,
    prefix: &str,
    gradients: &mut Gradients,
    optimizer: &mut Optimizer,
) {
    let gradients = GradientsParams::from_module(gradients, module);
    let host = device_of(module).inner() == Device::flex();
    let path = Path::below(prefix);
    *module = module.clone().map(&mut Step {
        optimizer,
        gradients,
        path,
        host,
    });
}

/// Sum of the squares of a module's gradients.
pub(crate) fn square_norm<M: Module>(module: &M, gradients: &Gradients) -> f64 {
    let mut norm = Norm {
        gradients,
        square: 0.0,
    };
    module.visit(&mut norm);
    norm.square
}

impl<A: Architecture> Network for Boxed<A> {
    fn forward(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Forward {
        Forward {
            logits: self.0.logits(images, noise),
            penalty: None,
        }
    }

    fn embedding(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        self.0.embedding(images)
    }

    fn state(&self) -> State {
        state::collect(&self.0)
    }

    fn restore(&mut self, state: &State) -> Result<(), String> {
        state::compare(&self.state(), state)?;
        self.0 = state::restore(self.0.clone(), state);
        Ok(())
    }

    fn square_norm(&self, gradients: &Gradients) -> f64 {
        square_norm(&self.0, gradients)
    }

    fn step(&mut self, gradients: &mut Gradients, optimizer: &mut Optimizer) {
        step(&mut self.0, "", gradients, optimizer);
    }

    fn inference(&self) -> Box<dyn Network> {
        Box::new(Self(self.0.valid()))
    }

    fn frozen(&self) -> Box<dyn Network> {
        Box::new(Self(self.0.clone().freeze()))
    }

    fn device(&self) -> Device {
        device_of(&self.0)
    }
}
