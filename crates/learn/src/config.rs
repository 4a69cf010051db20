//! What a training run is made of.

use crate::{
    Error, NetworkInfo, Result, Rng,
    fronts::{self, Choice},
    networks,
};
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
    /// To a tenth after half of the steps and to a hundredth after three quarters (He, Zhang, Ren, Sun:
    /// Deep residual learning, CVPR 2016).
    Step,
    /// Up from a 25th over the first 30 % of the steps and down to a 250,000th along half cosines
    /// (Smith, Topin: Super-convergence, 2018, with PyTorch's proportions; the momentum stays). Has no
    /// other warm-up.
    #[serde(rename = "one-cycle")]
    OneCycle,
}

/// What turns gradients into steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    #[default]
    Sgd,
    /// Adam with decoupled weight decay (Loshchilov, Hutter: Decoupled weight decay regularization,
    /// ICLR 2019), with the customary decays 0.9 and 0.999.
    Adamw,
}

/// How much the images of each class count in the loss.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// All the same.
    #[default]
    None,
    /// Inversely to the number of training images of the class, so that each class counts the same.
    Balanced,
    /// As given, one number from 0 for each class.
    Given(Vec<f32>),
}

/// Random changes of the training images. Off by default: a disguise does not survive them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augment {
    /// Largest shift in each direction, in pixels; what is uncovered gets the mean.
    pub shift: usize,
    /// Shifts are multiples of this many pixels; 0 and 1 for any.
    #[serde(default)]
    pub grain: usize,
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
        let grain = self.grain.max(1);
        let steps = self.shift / grain;
        let mut offset = || (rng.below(2 * steps + 1) as isize - steps as isize) * grain as isize;
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
    /// What goes before it.
    pub front: Option<Choice>,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per step.
    pub batch: usize,
    /// Highest learning rate.
    pub lr: f64,
    /// What turns gradients into steps.
    pub optimizer: OptimizerKind,
    /// Momentum of SGD, without dampening.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
    /// L2 penalty on weight matrices and kernels (with AdamW, their decay in each step as a multiple of
    /// the learning rate); biases and normalisation have none.
    pub weight_decay: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Share of all steps, from 0, over which the learning rate rises to its highest.
    pub warmup: f64,
    /// Share of each label that is spread evenly over all classes (Szegedy et al., CVPR 2016).
    pub label_smoothing: f64,
    /// Largest Euclidean norm of all gradients together; longer ones are shortened to it.
    pub clip: Option<f64>,
    /// Epochs without a better validation accuracy after which training stops; the weights are then
    /// those of the best epoch.
    pub patience: Option<usize>,
    /// How much the images of each class count.
    pub class_weights: ClassWeights,
    /// Random changes of the images.
    pub augment: Augment,
    /// Determines initial weights, order of the images, dropped units and random changes.
    pub seed: u64,
}

impl OptimizerKind {
    /// The customary weight decay.
    pub fn weight_decay(self) -> f64 {
        match self {
            Self::Sgd => 5e-4,
            Self::Adamw => 0.05,
        }
    }
}

impl TrainConfig {
    /// The defaults for a network; `given` are those of its parameters that differ from theirs.
    pub fn new(network: &str, given: &BTreeMap<String, String>) -> Result<Self> {
        let info = networks::find(network)?;
        Ok(Self {
            network: info.name.into(),
            params: Params::resolve(info.params, given)?,
            front: None,
            epochs: info.epochs,
            batch: info.batch,
            lr: info.lr,
            optimizer: info.optimizer,
            momentum: 0.9,
            nesterov: true,
            weight_decay: info.optimizer.weight_decay(),
            schedule: Schedule::Cosine,
            warmup: 0.1,
            label_smoothing: 0.0,
            clip: None,
            patience: None,
            class_weights: ClassWeights::None,
            augment: Augment::default(),
            seed: 0,
        })
    }

    /// The same with a front before the network; `given` are those of its parameters that differ from
    /// its defaults. `none` takes a front away.
    pub fn with_front(mut self, name: &str, given: &BTreeMap<String, String>) -> Result<Self> {
        self.front = match name {
            "none" => None,
            name => Some(Choice::new(name, given)?),
        };
        Ok(self)
    }

    /// The registry entry of the network.
    pub fn info(&self) -> Result<&'static NetworkInfo> {
        networks::find(&self.network)
    }

    /// Refuses what no training can run with.
    pub fn check(&self) -> Result<()> {
        self.info()?;
        if let Some(front) = &self.front {
            fronts::find(&front.name)?;
        }
        let weighed = match &self.class_weights {
            ClassWeights::Given(weights) => {
                weights.iter().all(|w| w.is_finite() && *w >= 0.0) && weights.iter().any(|w| *w > 0.0)
            }
            ClassWeights::None | ClassWeights::Balanced => true,
        };
        let limits: [(&'static str, bool, &str); 10] = [
            (
                "label_smoothing",
                (0.0..1.0).contains(&self.label_smoothing),
                "must be at least 0 and below 1",
            ),
            (
                "clip",
                self.clip.is_none_or(|c| c.is_finite() && c > 0.0),
                "must be a number above 0",
            ),
            (
                "patience",
                self.patience.is_none_or(|p| p > 0),
                "must be at least 1",
            ),
            ("class_weights", weighed, "must be numbers from 0, not all 0"),
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
        // Along half a cosine from one value to the other.
        let swing = |from: f64, to: f64, share: f64| to + (from - to) * 0.5 * (1.0 + (PI * share).cos());
        if self.schedule == Schedule::OneCycle {
            return match done < 0.3 {
                true => swing(self.lr / 25.0, self.lr, done / 0.3),
                false => swing(self.lr, self.lr / 250_000.0, (done - 0.3) / 0.7),
            };
        }
        if done < self.warmup {
            return self.lr * done / self.warmup;
        }
        match self.schedule {
            Schedule::Constant => self.lr,
            Schedule::Cosine | Schedule::OneCycle => {
                swing(self.lr, 0.0, (done - self.warmup) / (1.0 - self.warmup))
            }
            Schedule::Step => {
                self.lr * [1.0, 0.1, 0.01][usize::from(done >= 0.5) + usize::from(done >= 0.75)]
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
    fn schedules_have_their_shapes() {
        let mut config = TrainConfig::new("mlp", &BTreeMap::new()).unwrap();
        (config.lr, config.warmup) = (1.0, 0.0);
        let mut at = |schedule, step| {
            config.schedule = schedule;
            config.rate(step, 1000)
        };
        for (step, expected) in [
            (0, 1.0),
            (499, 1.0),
            (500, 0.1),
            (749, 0.1),
            (750, 0.01),
            (999, 0.01),
        ] {
            assert!((at(Schedule::Step, step) - expected).abs() < 1e-12, "{step}");
        }
        for (step, expected) in [(0, 0.04), (299, 1.0), (999, 4e-6)] {
            assert!((at(Schedule::OneCycle, step) - expected).abs() < 1e-4, "{step}");
        }
        assert_eq!(at(Schedule::Constant, 7), 1.0);
    }

    #[test]
    fn shifts_keep_to_their_grain() {
        let shape = Shape::new(1, 8, 1);
        let image: Vec<f32> = (1..=8).map(|v| v as f32).collect();
        let augment = Augment {
            shift: 6,
            grain: 4,
            flip: false,
        };
        let mut rng = Rng::new(3, "augment", 0);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let mut copy = image.clone();
            augment.apply(&mut copy, Shape { height: 1, ..shape }, &mut rng);
            seen.extend(
                (0..8)
                    .filter(|i| copy[*i] != 0.0)
                    .map(|i| i as isize - (copy[i] as isize - 1)),
            );
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-4, 0, 4]);
    }

    #[test]
    fn senseless_settings_are_refused() {
        let good = TrainConfig::new("cnn", &BTreeMap::new()).unwrap();
        good.check().unwrap();
        let spoil: [fn(&mut TrainConfig); 11] = [
            |c| c.label_smoothing = 1.0,
            |c| c.clip = Some(0.0),
            |c| c.patience = Some(0),
            |c| c.class_weights = ClassWeights::Given(vec![0.0; 3]),
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
        let augment = Augment {
            shift: 1,
            grain: 0,
            flip: true,
        };
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
