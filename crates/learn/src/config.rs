//! What a training run is made of.

use crate::{Error, NetworkInfo, Result, Rng, networks};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, f64::consts::PI};
use visard_core::{Shape, params::Params};

/// How the learning rate changes over the steps of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Down to 0 along half a cosine.
    #[default]
    Cosine,
    /// Always the same.
    Constant,
}

/// Random changes of the training images. Off by default: a disguise does not survive them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augment {
    /// Largest shift in each direction, in pixels; what is uncovered gets the mean.
    pub shift: usize,
    /// Whether half of the images are mirrored left to right.
    pub flip: bool,
}

impl Augment {
    /// Whether images stay as they are.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// Shifts and mirrors one standardised image (C, H, W).
    pub(crate) fn apply(&self, image: &mut [f32], shape: Shape, rng: &mut Rng) {
        let mut offset = || rng.below(2 * self.shift + 1) as isize - self.shift as isize;
        let (down, right) = (offset(), offset());
        let mirrored = self.flip && rng.below(2) == 1;
        let source = image.to_vec();
        let (height, width) = (shape.height as isize, shape.width as isize);
        for (i, value) in image.iter_mut().enumerate() {
            let i = i as isize;
            let (plane, row, column) = (i / (height * width), i / width % height, i % width);
            let column = if mirrored { width - 1 - column } else { column };
            let (row, column) = (row - down, column - right);
            let inside = (0..height).contains(&row) && (0..width).contains(&column);
            *value = if inside {
                source[((plane * height + row) * width + column) as usize]
            } else {
                0.0
            };
        }
    }
}

/// Everything that, with the data, determines the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Name of the network.
    pub network: String,
    /// Its parameters, all of them.
    pub params: Params,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per step.
    pub batch: usize,
    /// Highest learning rate.
    pub lr: f64,
    /// Momentum of SGD, without dampening.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
    /// L2 penalty on weight matrices and kernels; biases and normalisation have none.
    pub weight_decay: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Share of all steps, from 0, over which the learning rate rises to its highest.
    pub warmup: f64,
    /// Random changes of the images.
    pub augment: Augment,
    /// Determines initial weights, order of the images, dropped units and random changes.
    pub seed: u64,
}

impl TrainConfig {
    /// The defaults for a network; `given` are those of its parameters that differ from theirs.
    pub fn new(network: &str, given: &BTreeMap<String, String>) -> Result<Self> {
        let info = networks::find(network)?;
        Ok(Self {
            network: info.name.into(),
            params: Params::resolve(info.params, given)?,
            epochs: info.epochs,
            batch: info.batch,
            lr: info.lr,
            momentum: 0.9,
            nesterov: true,
            weight_decay: 5e-4,
            schedule: Schedule::Cosine,
            warmup: 0.1,
            augment: Augment::default(),
            seed: 0,
        })
    }

    /// The registry entry of the network.
    pub fn info(&self) -> Result<&'static NetworkInfo> {
        networks::find(&self.network)
    }

    /// Refuses what no training can run with.
    pub fn check(&self) -> Result<()> {
        self.info()?;
        let limits: [(&'static str, bool, &str); 6] = [
            ("epochs", self.epochs > 0, "must be at least 1"),
            ("batch", self.batch > 0, "must be at least 1"),
            (
                "lr",
                self.lr.is_finite() && self.lr > 0.0,
                "must be a number above 0",
            ),
            (
                "momentum",
                (0.0..1.0).contains(&self.momentum),
                "must be at least 0 and below 1",
            ),
            (
                "weight_decay",
                (0.0..1.0).contains(&self.weight_decay),
                "must be at least 0 and below 1",
            ),
            (
                "warmup",
                (0.0..1.0).contains(&self.warmup),
                "must be at least 0 and below 1",
            ),
        ];
        match limits.into_iter().find(|(_, good, _)| !good) {
            Some((name, _, problem)) => Err(Error::Setting {
                name,
                problem: problem.into(),
            }),
            None => Ok(()),
        }
    }

    /// Learning rate of step `step` of `steps`.
    pub fn rate(&self, step: usize, steps: usize) -> f64 {
        let done = (step as f64 + 0.5) / steps.max(1) as f64;
        if done < self.warmup {
            return self.lr * done / self.warmup;
        }
        match self.schedule {
            Schedule::Constant => self.lr,
            Schedule::Cosine => {
                let fall = (done - self.warmup) / (1.0 - self.warmup);
                self.lr * 0.5 * (1.0 + (PI * fall).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_nothing() {
        let config = TrainConfig::new("mlp", &BTreeMap::new()).unwrap();
        let rates: Vec<f64> = (0..100).map(|s| config.rate(s, 100)).collect();
        let top = rates.iter().copied().fold(0.0, f64::max);
        assert!(rates[0] < top / 10.0 && rates[99] < top / 1000.0);
        assert!((top / config.lr - 1.0).abs() < 0.01);
        assert!(rates[10..].windows(2).all(|w| w[0] > w[1]));
    }

    #[test]
    fn senseless_settings_are_refused() {
        let good = TrainConfig::new("cnn", &BTreeMap::new()).unwrap();
        good.check().unwrap();
        let spoil: [fn(&mut TrainConfig); 7] = [
            |c| c.epochs = 0,
            |c| c.batch = 0,
            |c| c.lr = f64::NAN,
            |c| c.lr = -0.1,
            |c| c.momentum = 1.0,
            |c| c.warmup = 1.0,
            |c| c.network = "none".into(),
        ];
        for change in spoil {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(bad.check().is_err(), "{bad:?}");
        }
        let unknown = BTreeMap::from([("colour".to_string(), "red".to_string())]);
        assert!(TrainConfig::new("cnn", &unknown).is_err());
    }

    #[test]
    fn shifts_and_flips_move_pixels_and_make_none_up() {
        let shape = Shape::new(3, 4, 2);
        let image: Vec<f32> = (1..=24).map(|v| v as f32).collect();
        let augment = Augment { shift: 1, flip: true };
        let mut rng = Rng::new(3, "augment", 0);
        let mut changed = 0;
        for _ in 0..20 {
            let mut copy = image.clone();
            augment.apply(&mut copy, shape, &mut rng);
            assert!(copy[..12].iter().all(|v| *v <= 12.0));
            assert!(copy[12..].iter().all(|v| *v == 0.0 || *v > 12.0));
            changed += usize::from(copy != image);
        }
        assert!(changed > 10);
    }
}
