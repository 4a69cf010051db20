//! Trained models as something to follow gradients through, down to the images.

use crate::{
    ModelInfo, Network,
    custom::{scalar, tensor, values},
};
use burn::tensor::{Device, Tensor};
use std::fmt;

/// A model whose weights stay as they are while gradients are taken with respect to images.
///
/// Images are standardised here, (N, C, H, W) in one row of memory, as the network sees them;
/// [`Differentiable::standardise`] and [`Differentiable::pixels`] turn grey levels (N, H, W, C) into them and
/// back.
pub struct Differentiable {
    info: ModelInfo,
    network: Box<dyn Network>,
    device: Device,
}

impl fmt::Debug for Differentiable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Differentiable")
            .field("network", &self.info.network)
            .finish_non_exhaustive()
    }
}

impl Differentiable {
    pub(crate) fn new(info: ModelInfo, network: Box<dyn Network>, device: Device) -> Self {
        Self {
            info,
            network,
            device,
        }
    }

    /// What is known about the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The value of a loss at these images, and its gradient with respect to each of their values. `loss`
    /// takes the images as a tensor (N, C, H, W) and their logits (N, classes).
    ///
    /// # Panics
    /// If the values are no whole number of images.
    pub fn gradient(
        &self,
        images: &[f32],
        loss: impl FnOnce(Tensor<4>, Tensor<2>) -> Tensor<1>,
    ) -> (f32, Vec<f32>) {
        let shape = self.info.shape;
        assert!(
            images.len().is_multiple_of(shape.len()),
            "whole images of {shape}"
        );
        let sides = [
            images.len() / shape.len(),
            shape.channels,
            shape.height,
            shape.width,
        ];
        let images = tensor(images.to_vec(), sides, &self.device).require_grad();
        let logits = self.network.logits(images.clone(), None);
        let loss = loss(images.clone(), logits);
        let value = scalar(&loss);
        let gradients = loss.backward();
        let gradient = images
            .grad(&gradients)
            .map_or_else(|| vec![0.0; sides.iter().product()], values);
        (value, gradient)
    }

    /// Grey levels (N, H, W, C) as the network sees them.
    pub fn standardise(&self, pixels: &[f32]) -> Vec<f32> {
        let mut images = vec![0.0; pixels.len()];
        self.each(
            |from, to, mean, std| images[to] = (pixels[from] / 255.0 - mean) / std,
            pixels.len(),
        );
        images
    }

    /// Standardised images as grey levels (N, H, W, C), not confined to any range.
    pub fn pixels(&self, images: &[f32]) -> Vec<f32> {
        let mut pixels = vec![0.0; images.len()];
        self.each(
            |from, to, mean, std| pixels[from] = 255.0 * (images[to] * std + mean),
            images.len(),
        );
        pixels
    }

    /// Calls `put` with each value's place among pixels and among images, its mean and its deviation.
    fn each(&self, mut put: impl FnMut(usize, usize, f32, f32), len: usize) {
        let (shape, normal) = (self.info.shape, &self.info.normalisation);
        let plane = shape.height * shape.width;
        for image in 0..len / shape.len() {
            for pixel in 0..plane {
                for channel in 0..shape.channels {
                    let from = image * shape.len() + pixel * shape.channels + channel;
                    let to = image * shape.len() + channel * plane + pixel;
                    put(from, to, normal.mean[channel], normal.std[channel]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Examples, Run, TrainConfig, train};
    use burn::tensor::activation::log_softmax;
    use visard_core::Shape;
    use visard_data::Stored;

    /// Central differences of the loss of the model itself, batch normalisation at its running statistics.
    #[test]
    fn gradients_are_those_of_the_model_as_it_answers() {
        let shape = Shape::new(6, 5, 2);
        let pixels = (0..40 * shape.len()).map(|i| (i * 7919 % 251) as u8).collect();
        let labels = (0..40).map(|i| i % 3).collect();
        let data = Examples::new(shape, Stored::U8(pixels), None, labels).unwrap();
        for network in ["mlp", "cnn"] {
            let mut config = TrainConfig::new(network, &Default::default()).unwrap();
            (config.epochs, config.batch) = (2, 8);
            let classes = ["a", "b", "c"].map(String::from);
            let model = train(&config, &data, None, &classes, Run::default()).unwrap();
            let open = model.differentiable().unwrap();
            let grey: Vec<f32> = (0..shape.len()).map(|i| (i * 31 % 200) as f32).collect();
            let image = open.standardise(&grey);
            for (a, b) in open.pixels(&image).iter().zip(&grey) {
                assert!((a - b).abs() < 1e-3);
            }
            let at = |image: &[f32]| {
                open.gradient(image, |_, logits| -log_softmax(logits, 1).narrow(1, 1, 1).sum())
            };
            let told = Examples::new(shape, Stored::F32(grey), None, vec![]).unwrap();
            let answer = -model.log_probabilities(&told, 1).unwrap()[1];
            let (value, gradient) = at(&image);
            assert!((value - answer).abs() < 1e-4, "{network}: {value} {answer}");
            let scale = gradient.iter().fold(0f32, |a, b| a.max(b.abs()));
            for place in [0, 17, 44] {
                let moved = |by: f32| {
                    let mut image = image.clone();
                    image[place] += by;
                    at(&image).0
                };
                let slope = (moved(5e-3) - moved(-5e-3)) / 1e-2;
                assert!(
                    (slope - gradient[place]).abs() < 0.1 * scale + 1e-3,
                    "{network} {place}"
                );
            }
        }
    }
}
