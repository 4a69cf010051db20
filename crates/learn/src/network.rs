//! The joint that every network fits.

use crate::{
    Result, Rng,
    sgd::{Sgd, Step},
    state::{self, Path, State},
};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, Tensor};
use std::fmt;

/// What an architecture has to say: from images to logits.
pub trait Architecture: Module + Send + fmt::Debug + 'static {
    /// Logits (N, classes) of standardised images (N, C, H, W). `noise` is given while training, for
    /// layers that drop units at random.
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2>;
}

/// A network whose architecture was chosen at run time.
pub trait Network: Send + fmt::Debug {
    /// See [`Architecture::logits`].
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2>;

    /// All tensors by name, batch normalisation's running statistics included.
    fn state(&self) -> State;

    /// Replaces all tensors; an error names the first that is missing, unknown or of another shape.
    fn restore(&mut self, state: &State) -> Result<(), String>;

    /// One step of the optimiser along the gradients of a backward pass.
    fn step(&mut self, gradients: Gradients, sgd: &mut Sgd);

    /// A copy for inference: nothing is recorded, dropped or updated.
    fn inference(&self) -> Box<dyn Network>;
}

/// An architecture as a [`Network`].
#[derive(Debug)]
struct Boxed<A>(A);

/// Hides which architecture it is.
pub(crate) fn boxed(architecture: impl Architecture) -> Box<dyn Network> {
    Box::new(Boxed(architecture))
}

impl<A: Architecture> Network for Boxed<A> {
    fn logits(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2> {
        self.0.logits(images, noise)
    }

    fn state(&self) -> State {
        state::collect(&self.0)
    }

    fn restore(&mut self, state: &State) -> Result<(), String> {
        state::compare(&self.state(), state)?;
        self.0 = state::restore(self.0.clone(), state);
        Ok(())
    }

    fn step(&mut self, gradients: Gradients, sgd: &mut Sgd) {
        let gradients = GradientsParams::from_grads(gradients, &self.0);
        let path = Path::default();
        self.0 = self.0.clone().map(&mut Step { sgd, gradients, path });
    }

    fn inference(&self) -> Box<dyn Network> {
        Box::new(Self(self.0.valid()))
    }
}
