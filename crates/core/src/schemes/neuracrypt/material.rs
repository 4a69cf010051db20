//! The secret network and the orders of the patches: derived from the key, or taken from arrays.

use super::{
    Sizes,
    network::{Network, Norm},
};
use crate::{
    Error, Material, Salt,
    pixels::Samples,
    schedule::{Schedule, Stream},
    simd::Dense,
};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

impl Network {
    /// The network that belongs to a key: weights uniform in -r..r with r = 1/sqrt(inputs), each
    /// layer's from a stream of its own, and normal position codes.
    pub(super) fn derive(schedule: &Schedule, sizes: Sizes) -> Self {
        let layer = |number: u64| {
            uniform(
                schedule.stream("neuracrypt-layer", &[number]),
                sizes.width,
                sizes.width,
            )
        };
        let ends = || {
            rayon::join(
                || {
                    uniform(
                        schedule.stream("neuracrypt-patch", &[]),
                        sizes.patch(),
                        sizes.width,
                    )
                },
                || uniform(schedule.stream("neuracrypt-mix", &[]), sizes.width, sizes.width),
            )
        };
        let places = || {
            let mut stream = schedule.stream("neuracrypt-position", &[]);
            let count = sizes.tokens() * sizes.width;
            (0..count).map(|_| stream.normal() as f32).collect()
        };
        let layers = || (0..sizes.depth as u64).into_par_iter().map(layer).collect();
        let (layers, ((patch, mix), places)) = rayon::join(layers, || rayon::join(ends, places));
        Self::new(sizes, patch, layers, places, mix)
    }
}

fn uniform(mut stream: Stream, inputs: usize, outputs: usize) -> Dense {
    let reach = 1.0 / (inputs as f64).sqrt();
    Dense::new(inputs, outputs, || ((2.0 * stream.unit() - 1.0) * reach) as f32)
}

/// The network of explicit material, all of whose arrays must be there.
pub(super) fn explicit_network(material: &Material, sizes: Sizes) -> Result<Network, Error> {
    let Sizes { grid, width, depth } = sizes;
    let (channels, side) = (grid.image().channels, grid.block());
    let reals = |name, shape: &[usize]| reals(material, name, shape);
    let layers_weights = reals("lin_w", &[depth, width, width])?;
    let layers_bias = reals("lin_b", &[depth, width])?;
    let layers = layers_weights
        .chunks_exact(width * width)
        .zip(layers_bias.chunks_exact(width));
    Ok(Network::new(
        sizes,
        dense(
            sizes.patch(),
            &reals("conv_w", &[width, channels, side, side])?,
            &reals("conv_b", &[width])?,
        ),
        layers
            .map(|(weights, bias)| dense(width, weights, bias))
            .collect(),
        reals("pos", &[sizes.tokens(), width])?.to_vec(),
        dense(
            width,
            &reals("mix_w", &[width, width])?,
            &reals("mix_b", &[width])?,
        ),
    ))
}

fn dense(inputs: usize, weights: &[f32], bias: &[f32]) -> Dense {
    let mut values = weights.iter().chain(bias);
    // There are as many values as the layer asks for: both arrays have been checked.
    Dense::new(inputs, bias.len(), || values.next().copied().unwrap_or_default())
}

/// The statistics of explicit material, if it has any.
pub(super) fn explicit_norms(material: &Material, sizes: Sizes) -> Result<Option<Vec<Norm>>, Error> {
    if material.get("bn_mean").is_none() && material.get("bn_var").is_none() {
        return Ok(None);
    }
    let shape = [sizes.depth, sizes.width];
    let (means, variances) = (
        needed(material, "bn_mean", material.reals("bn_mean", &shape)?)?,
        needed(material, "bn_var", material.reals("bn_var", &shape)?)?,
    );
    if let Some(variance) = variances.iter().find(|v| **v < 0.0) {
        let problem = format!("{variance} is below 0, which no variance is");
        return Err(Error::material("bn_var", problem));
    }
    let layers = means
        .chunks_exact(sizes.width)
        .zip(variances.chunks_exact(sizes.width));
    Ok(Some(
        layers.map(|(mean, variance)| Norm::new(mean, variance)).collect(),
    ))
}

fn reals(material: &Material, name: &str, shape: &[usize]) -> Result<Zeroizing<Vec<f32>>, Error> {
    let wide = needed(material, name, material.reals(name, shape)?)?;
    let values: Zeroizing<Vec<f32>> = Zeroizing::new(wide.iter().map(|v| *v as f32).collect());
    if values.iter().all(|v| v.is_finite()) {
        Ok(values)
    } else {
        Err(Error::material(
            name,
            "holds a value that is too large for a 32-bit float",
        ))
    }
}

fn needed<T: Zeroize>(material: &Material, name: &str, array: Option<T>) -> Result<Zeroizing<T>, Error> {
    array.map(Zeroizing::new).ok_or_else(|| {
        let given: Vec<&str> = material.iter().map(|(name, _)| name).collect();
        let problem = format!(
            "missing; conv_w, conv_b, lin_w, lin_b, pos, mix_w, mix_b and patch_perm go together, as bn_mean and \
             bn_var do, and only {} came",
            given.join(", ")
        );
        Error::material(name, problem)
    })
}

/// Where the order of each image's patches comes from: output token `i` is patch `order[i]`.
pub(super) enum Orders {
    /// From key, salt and sample.
    Derived(Schedule),
    /// From an array: one order for all images, or one for each.
    Explicit { order: Vec<u32>, per_image: bool },
}

impl Drop for Orders {
    fn drop(&mut self) {
        if let Self::Explicit { order, .. } = self {
            order.zeroize();
        }
    }
}

impl Orders {
    /// The array `patch_perm`, (tokens,) or (images, tokens).
    pub(super) fn explicit(material: &Material, sizes: Sizes) -> Result<Self, Error> {
        let (name, tokens) = ("patch_perm", sizes.tokens());
        let images = match material.get(name).map(|array| &array.shape[..]) {
            Some([images, _]) => Some(*images),
            _ => None,
        };
        let shape = images.map_or(vec![tokens], |images| vec![images, tokens]);
        let places = needed(material, name, material.integers(name, &shape)?)?;
        let mut order = Vec::with_capacity(places.len());
        for (image, places) in places.chunks_exact(tokens).enumerate() {
            let mut seen = vec![false; tokens];
            for place in places {
                let free = usize::try_from(*place).ok().and_then(|place| seen.get_mut(place));
                if free.is_none_or(|seen| std::mem::replace(seen, true)) {
                    let problem = format!(
                        "must name each of 0..{tokens} once for every image, but {place} is out of range or repeated \
                         for image {image}"
                    );
                    return Err(Error::material(name, problem));
                }
                order.push(*place as u32);
            }
        }
        Ok(Self::Explicit {
            order,
            per_image: images.is_some(),
        })
    }

    /// Orders of the images of a batch, one after the other.
    pub(super) fn of(&self, samples: Samples<'_>, tokens: usize) -> Result<Zeroizing<Vec<u32>>, Error> {
        let mut orders = Zeroizing::new(vec![0; samples.ids.len() * tokens]);
        match self {
            Self::Derived(schedule) => derived(schedule, samples.salt, samples, tokens, &mut orders),
            Self::Explicit {
                order,
                per_image: false,
            } => orders
                .chunks_exact_mut(tokens)
                .for_each(|room| room.copy_from_slice(order)),
            Self::Explicit {
                order,
                per_image: true,
            } => {
                let known = usize::try_from(samples.first)
                    .ok()
                    .and_then(|first| order.get(first.checked_mul(tokens)?..)?.get(..orders.len()));
                let Some(known) = known else {
                    let problem = format!(
                        "holds {} images, but images {} to {} are asked for",
                        order.len() / tokens,
                        samples.first,
                        samples.first.saturating_add(samples.ids.len() as u64)
                    );
                    return Err(Error::material("patch_perm", problem));
                };
                orders.copy_from_slice(known);
            }
        }
        Ok(orders)
    }
}

fn derived(schedule: &Schedule, salt: Salt, samples: Samples<'_>, tokens: usize, orders: &mut [u32]) {
    let streams = schedule.image_streams("neuracrypt-order", salt);
    let ids = samples.ids.par_iter().with_min_len(16);
    ids.zip(orders.par_chunks_exact_mut(tokens))
        .for_each(|(id, order)| {
            let mut stream = streams.sampler(*id, 0);
            // As `Stream::permutation`, in place.
            for (place, number) in order.iter_mut().zip(0..) {
                *place = number;
            }
            for i in (1..tokens).rev() {
                order.swap(i, stream.below(i as u64 + 1) as usize);
            }
        });
}
