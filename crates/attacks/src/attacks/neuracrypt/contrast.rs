//! A matching by networks that learned from random encoders of the adversary's own (ATTACKS, section 6.3).
//!
//! Two small networks turn the moments of a token and those of a plain patch into rows; the rows of one image are
//! averaged, so that the order of its tokens does not matter, and an image and its tokens learn to have rows of
//! large product, under many keys. The paper compares patch by patch once their order is known.

use super::{Tokens, geometry::moments, hungarian, matching::patches};
use crate::{
    Budget, Error, Exposure, Progress, Result, Rng, Set,
    attacks::learned::{disguise, pick},
};
use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{
        Device, Tensor,
        activation::{log_softmax, relu},
    },
};
use rayon::prelude::*;
use visard_core::Pixels;
use visard_learn::{
    Architecture, Network,
    custom::{self, Fit, Fitter},
};

/// Moments of a token.
const MOMENTS: usize = 15;

/// Units of both hidden layers, and values of a row.
const UNITS: usize = 64;
const WIDTH: usize = 8;

/// Public images that are encoded under each key, at most.
const IMAGES: usize = 32;

/// Keys, as many as so many products allow, and one in eight of them to judge by.
const KEYS: [u64; 2] = [3, 16];
const PRODUCTS: u64 = 6_000_000_000;
const HELD: usize = 8;

/// Steps of training, and the learning rate of AdamW.
const STEPS: usize = 300;
const RATE: f64 = 3e-3;

/// What products of rows are multiplied by before their exponentials are compared.
const SHARPNESS: f32 = 12.0;

/// Images at a time where nothing is trained.
const BLOCK: usize = 128;

/// From moments to a row.
#[derive(Module, Debug)]
struct Summary {
    first: Linear,
    second: Linear,
    head: Linear,
}

impl Summary {
    fn new(device: &Device) -> Self {
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        Self {
            first: linear(MOMENTS, UNITS),
            second: linear(UNITS, UNITS),
            head: linear(UNITS, WIDTH),
        }
    }
}

impl Architecture for Summary {
    /// Rows (N, values) of images (N, 1, places, moments).
    fn logits(&self, images: Tensor<4>, _: Option<&mut visard_learn::Rng>) -> Tensor<2> {
        let x = relu(self.second.forward(relu(self.first.forward(images))));
        self.head.forward(x).mean_dim(2).flatten(1, 3)
    }
}

/// Moments of all tokens, each with mean 0 and deviation 1 over the set: images x places x moments.
struct Features {
    places: usize,
    values: Vec<f32>,
}

impl Features {
    fn of(tokens: Tokens<'_>) -> Self {
        let mut values: Vec<f32> = tokens
            .values
            .par_chunks(tokens.width)
            .flat_map_iter(|token| moments(token).map(|moment| moment as f32))
            .collect();
        let count = (values.len() / MOMENTS).max(1) as f64;
        for moment in 0..MOMENTS {
            let each = || values.iter().skip(moment).step_by(MOMENTS).map(|v| f64::from(*v));
            let mean = each().sum::<f64>() / count;
            let square = each().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let factor = 1.0 / square.sqrt().max(1e-12);
            for value in values.iter_mut().skip(moment).step_by(MOMENTS) {
                *value = ((f64::from(*value) - mean) * factor) as f32;
            }
        }
        Self {
            places: tokens.places,
            values,
        }
    }

    fn images(&self) -> usize {
        self.values.len() / (MOMENTS * self.places).max(1)
    }

    fn tensor(&self, first: usize, count: usize, device: &Device) -> Tensor<4> {
        let size = self.places * MOMENTS;
        let values = self.values[first * size..][..count * size].to_vec();
        custom::tensor(values, [count, 1, self.places, MOMENTS], device)
    }

    /// Rows of length 1 about their mean, images x values.
    fn rows(&self, network: &dyn Network) -> Vec<f32> {
        let mut rows = Vec::with_capacity(self.images() * WIDTH);
        for first in (0..self.images()).step_by(BLOCK) {
            let count = BLOCK.min(self.images() - first);
            let images = self.tensor(first, count, &custom::device());
            rows.extend(custom::values(network.logits(images, None)));
        }
        let whole = custom::tensor(rows, [self.images(), WIDTH], &custom::device());
        custom::values(about_mean(whole))
    }
}

/// Rows about their mean, of length 1.
fn about_mean(rows: Tensor<2>) -> Tensor<2> {
    let rows = rows.clone() - rows.mean_dim(0);
    let length = (rows.clone().powi_scalar(2).sum_dim(1) + 1e-12).sqrt();
    rows / length
}

/// A matching by learned networks.
pub(super) struct Learned {
    /// For each disguised image the public one, no two the same.
    pub(super) images: Vec<usize>,
    /// Under keys that the networks were not trained on: the chance that a wrong image is less alike to the tokens
    /// than the right one.
    pub(super) own: f64,
}

/// Trains both networks on public images under keys of the adversary's own, and matches the disguised images to
/// the public ones; `None` if the time is up.
pub(super) fn learned(
    exposure: &Exposure,
    public: &Set,
    disguised: Tokens<'_>,
    plain: Tokens<'_>,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Option<Learned>> {
    let count = public.len().min(IMAGES);
    let mut keys = Vec::new();
    let wanted = keys_for(exposure, disguised, count);
    for number in 0..wanted {
        if budget.is_spent() {
            return Ok(None);
        }
        progress(0.5 * number as f64 / wanted as f64, "encoding public images");
        keys.push(pairs(exposure, public, count, rng)?);
    }
    let held = keys.split_off(keys.len() - (wanted / HELD).max(1));
    let device = custom::training_device();
    let fit = |seed| Fit {
        lr: RATE,
        steps: STEPS,
        seed,
        ..Fit::default()
    };
    let mut network = || Fitter::new(custom::wrap(Summary::new(&device)), fit(rng.next_u64()));
    let (mut tokens, mut images) = (network()?, network()?);
    let same = {
        let mut values = vec![0f32; count * count];
        values.iter_mut().step_by(count + 1).for_each(|own| *own = 1.0);
        custom::tensor(values, [count; 2], &device)
    };
    for step in 0..STEPS {
        if budget.is_spent() {
            return Ok(None);
        }
        progress(0.5 + 0.5 * step as f64 / STEPS as f64, "learning a metric");
        let [secret, open] = &keys[rng.below(keys.len())];
        let secret = about_mean(tokens.network().logits(secret.tensor(0, count, &device), None));
        let open = about_mean(images.network().logits(open.tensor(0, count, &device), None));
        let products = secret.matmul(open.transpose()) * SHARPNESS;
        let both = log_softmax(products.clone(), 1) + log_softmax(products, 0);
        let loss = (both * same.clone()).sum() * (-0.5 / count as f32);
        let mut gradients = loss.backward();
        tokens.step(&mut gradients);
        images.step(&mut gradients);
    }
    let networks = [tokens.network().inference(), images.network().inference()];
    let rows = |secret: &Features, open: &Features| {
        [secret.rows(networks[0].as_ref()), open.rows(networks[1].as_ref())]
    };
    let own = held.iter().map(|[secret, open]| {
        let [secret, open] = rows(secret, open);
        rank(&products(&secret, &open), count)
    });
    let own = own.sum::<f64>() / held.len() as f64;
    let [secret, open] = rows(&Features::of(disguised), &Features::of(plain));
    let costs: Vec<f64> = products(&secret, &open)
        .into_iter()
        .map(|product| -product)
        .collect();
    let images = hungarian(&costs, secret.len() / WIDTH, open.len() / WIDTH);
    Ok(Some(Learned { images, own }))
}

/// How many keys the products of their layers allow.
fn keys_for(exposure: &Exposure, tokens: Tokens<'_>, count: usize) -> usize {
    let layers = exposure.target.scheme.params().int("depth").max(0) as u64 + 2;
    let each = (count * tokens.places * tokens.width * tokens.width) as u64;
    (PRODUCTS / each.saturating_mul(layers).max(1)).clamp(KEYS[0], KEYS[1]) as usize
}

/// Features of some public images, encoded under a key that was just drawn, and plain.
fn pairs(exposure: &Exposure, public: &Set, count: usize, rng: &mut Rng) -> Result<[Features; 2]> {
    let mut chosen = rng.permutation(public.len());
    chosen.truncate(count);
    let (some, target) = (pick(public, &chosen)?, &exposure.target);
    let encoded = disguise(target, &some, rng)?;
    let Pixels::F32(values) = encoded.pixels() else {
        return Err(Error::Exposure("tokens are floats, these are bytes".into()));
    };
    let shape = encoded.shape();
    let tokens = Tokens {
        values,
        places: shape.height,
        width: shape.width,
    };
    let values = patches(&some, target.scheme.params().int("patch") as usize)?;
    let plain = Tokens {
        values: &values,
        places: shape.height,
        width: values.len() / (count * shape.height).max(1),
    };
    Ok([Features::of(tokens), Features::of(plain)])
}

/// Products of all rows with all others.
fn products(a: &[f32], b: &[f32]) -> Vec<f64> {
    let product = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum::<f64>();
    a.par_chunks(WIDTH)
        .flat_map_iter(|x| b.chunks(WIDTH).map(move |y| product(x, y)))
        .collect()
}

/// The share of wrong images whose product is smaller than that of the right one, which has the same number.
fn rank(products: &[f64], count: usize) -> f64 {
    let below = |(own, row): (usize, &[f64])| row.iter().filter(|product| **product < row[own]).count();
    let all: usize = products.chunks(count).enumerate().map(below).sum();
    all as f64 / (count * (count - 1)).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_wrong_images_below_the_right_one() {
        assert_eq!(rank(&[0.9, 0.1, 0.2, 0.3, 0.5, 0.4, 0.7, 0.8, 0.6], 3), 4.0 / 6.0);
        assert_eq!(rank(&[1.0], 1), 0.0);
    }

    #[test]
    fn features_have_mean_0_and_deviation_1_or_are_0() {
        let mut rng = Rng::new(3);
        let values: Vec<f32> = (0..6 * 4 * 5).map(|_| rng.unit() as f32).collect();
        let tokens = |values| Tokens {
            values,
            places: 4,
            width: 5,
        };
        let found = Features::of(tokens(&values));
        assert_eq!((found.images(), found.values.len()), (6, 6 * 4 * MOMENTS));
        for moment in 0..MOMENTS {
            let each = || found.values.iter().skip(moment).step_by(MOMENTS);
            assert!(each().sum::<f32>().abs() < 1e-3);
            assert!((each().map(|v| v * v).sum::<f32>() / 24.0 - 1.0).abs() < 1e-3);
        }
        let flat = Features::of(tokens(&[0.5; 40]));
        assert!(flat.values.iter().all(|value| *value == 0.0));
    }
}
