//! The registry of networks: one architecture, one file, one line here.

use crate::{Error, Network, OptimizerKind, Result, Rng, network::boxed, state};
use burn::tensor::{Device, Tensor, TensorData};
use visard_core::{
    Shape,
    params::{ParamSpec, Params},
};

mod cnn;
mod convmixer;
mod densenet;
mod linear;
mod mlp;
mod resnet;
mod vgg;
mod vit;

/// How the first layer of a network meets an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meets {
    /// With small filters: it wants the front that a disguise asks for.
    Pixels,
    /// Patch by patch: its parameter `patch` follows the blocks of a disguise.
    Patches,
    /// All at once: it does not mind where pixels are.
    Everything,
}

/// The registry entry of a network: everything that help and tables show.
#[derive(Debug)]
pub struct NetworkInfo {
    /// Name on the command line and in files.
    pub name: &'static str,
    /// Name in words.
    pub title: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// What it is, in a sentence.
    pub summary: &'static str,
    /// Which schemes it suits, and how to set it for them.
    pub suits: &'static str,
    /// How its first layer meets an image.
    pub meets: Meets,
    /// Parameters of the architecture.
    pub params: &'static [ParamSpec],
    /// Default number of epochs.
    pub epochs: usize,
    /// Default number of images per step.
    pub batch: usize,
    /// Default learning rate.
    pub lr: f64,
    /// Default optimiser.
    pub optimizer: OptimizerKind,
    /// Makes it, with meaningless weights, for images of a shape and a number of classes.
    build: Build,
}

/// Makes a network for images of a shape and a number of classes.
type Build = fn(&Params, Shape, usize, &Device) -> Result<Box<dyn Network>>;

/// Every network, in the order in which help lists them.
pub static ALL: &[&NetworkInfo] = &[
    &cnn::INFO,
    &mlp::INFO,
    &linear::INFO,
    &resnet::RESNET18,
    &resnet::RESNET34,
    &vgg::INFO,
    &densenet::INFO,
    &convmixer::INFO,
    &vit::INFO,
];

/// The registry entry of that name.
pub fn find(name: &str) -> Result<&'static NetworkInfo> {
    let known = ALL.iter().copied().find(|info| info.name == name);
    known.ok_or_else(|| Error::UnknownNetwork(name.into()))
}

impl NetworkInfo {
    /// Most values an image may have for a network of this crate.
    const MAX_VALUES: usize = 1 << 24;

    /// A network for images of `shape` and `classes` classes on `device`, with initial weights drawn
    /// from `seed`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the network cannot take the shape, [`Error::Setting`] for less than
    /// two classes.
    pub fn build(
        &self,
        params: &Params,
        shape: Shape,
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Box<dyn Network>> {
        self.build_on(params, shape.check()?, classes, seed, device)
    }

    /// Likewise for what a front makes of images, which has more channels than images have.
    pub(crate) fn build_on(
        &self,
        params: &Params,
        shape: Shape,
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Box<dyn Network>> {
        if shape.len() > Self::MAX_VALUES {
            return Err(Error::shape(
                shape,
                format!("networks take up to {} values", Self::MAX_VALUES),
            ));
        }
        if !(2..=1 << 20).contains(&classes) {
            return Err(Error::Setting {
                name: "classes",
                problem: format!("2 to {} are needed, there are {classes}", 1 << 20),
            });
        }
        let mut network = (self.build)(params, shape, classes, device)?;
        let initial = state::initial(&network.state(), seed);
        network.restore(&initial).map_err(Error::Examples)?;
        Ok(network)
    }
}

/// While training, sets a random share of the values to 0 and scales the others so that the mean stays.
fn drop_units<const D: usize>(x: Tensor<D>, share: f64, noise: Option<&mut Rng>) -> Tensor<D> {
    let Some(rng) = noise.filter(|_| share > 0.0) else {
        return x;
    };
    let (shape, share) = (x.dims(), share as f32);
    let keep = 1.0 / (1.0 - share);
    let count = shape.iter().product();
    let mask: Vec<f32> = (0..count)
        .map(|_| if rng.unit() < share { 0.0 } else { keep })
        .collect();
    let mask = Tensor::from_data(TensorData::new(mask, shape), &x.device());
    x * mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_to_vec::<f32>().unwrap()
    }

    /// The last layer is called `head`, in the networks with torchvision's names `fc`.
    #[test]
    fn logits_are_an_affine_map_of_embeddings() {
        let (shape, classes) = (Shape::new(8, 8, 2), 3);
        // Enough units that they are not all at rest before training.
        let small = [("width", "8"), ("hidden", "32"), ("depth", "10")];
        for info in ALL {
            let takes = |(name, _): &(&str, &str)| info.params.iter().any(|p| p.name == *name);
            let given = small
                .into_iter()
                .filter(takes)
                .map(|(name, value)| (name.into(), value.into()));
            let params = Params::resolve(info.params, &given.collect()).unwrap();
            let network = info.build(&params, shape, classes, 5, &Device::flex()).unwrap();
            let pixels: Vec<f32> = (0..2 * shape.len()).map(|i| (i as f32 * 0.7).sin()).collect();
            let images = Tensor::<4>::from_data(TensorData::new(pixels, [2, 2, 8, 8]), &Device::flex());
            let embedding = network.embedding(images.clone()).expect(info.name);
            let [count, features] = embedding.dims();
            let (embedding, logits) = (values(embedding), values(network.logits(images, None)));
            assert_eq!(count, 2, "{}", info.name);
            assert_ne!(embedding[..features], embedding[features..], "{}", info.name);
            let state = network.state();
            let fc = state.contains_key("fc.weight");
            let head = if fc { "fc" } else { "head" };
            let weight = &state[&format!("{head}.weight")];
            let bias = &state[&format!("{head}.bias")].values;
            assert_eq!(weight.shape, [classes, features], "{}", info.name);
            for (row, logits) in embedding.chunks(features).zip(logits.chunks(classes)) {
                for (class, logit) in logits.iter().enumerate() {
                    let weights = &weight.values[class * features..][..features];
                    let product: f32 = weights.iter().zip(row).map(|(w, v)| w * v).sum();
                    assert!((product + bias[class] - logit).abs() < 1e-4, "{}", info.name);
                }
            }
        }
    }
}
