//! NeuraCrypt: every patch of an image goes through a secret random network that is never trained,
//! and the patches of each image are put in an order of their own.
//!
//! Yala, Esfahanizadeh, D'Oliveira, Duffy, Ghobadi, Jaakkola, Vaikuntanathan, Barzilay, Medard:
//! "NeuraCrypt: Hiding private health data via random neural networks for public training",
//! arXiv 2106.02484, 2021.
//!
//! A patch becomes a token of `width` reals: a convolution with the patch as its window, relu;
//! `depth` times a dense layer, batch normalisation without learned factors, relu; plus a random
//! embedding of the patch's position, relu; and a last dense layer. The paper normalises with the
//! statistics of each batch, which makes a token depend on the images beside it; statistics that
//! are fixed with the key keep every image apart.

mod calibration;
mod disguise;
mod material;
mod network;

use crate::{
    Error, Grid, Material, Removal, SchemeInfo, Shape, Storage,
    params::{Kind, ParamSpec, Params},
    pixels::{Dtype, Output},
    schedule::Schedule,
    scheme::{Disguise, Scheme},
};
use disguise::Prepared;
use material::{Orders, explicit_network, explicit_norms};
use network::Network;

/// Why nothing comes back.
const ONE_WAY: &str = "a random network maps patches to tokens, and no inverse of it is defined";

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "neuracrypt",
    title: "NeuraCrypt, a secret random patch encoder",
    paper: "Yala, Esfahanizadeh, D'Oliveira et al.: NeuraCrypt: Hiding private health data via random neural \
            networks for public training, arXiv 2106.02484, 2021",
    summary: "sends every patch through a secret random network, adds a random code of its position, and shuffles \
              the tokens of each image afresh",
    broken_by: "whoever holds plain images and their tokens, unpaired, pairs them without an error (Carlini, Garg, \
                Jha, Mahloujifar, Mahmoody, Tramer: NeuraCrypt is not private, arXiv 2108.07256): the position \
                codes give the order of the patches away, statistics of the patches match the images, and the \
                pairs then train a copy of the encoder; so anyone who can guess an image can tell whether it is there",
    stronger: &[],
    networks: "a transformer on the tokens (one layer of 8 heads in the paper), or any network that does not care \
               about their order; convolutions find no picture to look at",
    front: "none",
    params: &[
        ParamSpec {
            name: "patch",
            help: "side of a patch in pixels; each patch becomes one token",
            kind: Kind::Int { min: 1, max: 64 },
            default: "16",
        },
        ParamSpec {
            name: "width",
            help: "reals in a token; the paper takes 2048",
            kind: Kind::Int { min: 1, max: 4096 },
            default: "256",
        },
        ParamSpec {
            name: "depth",
            help: "number of hidden layers, each with normalisation and relu",
            kind: Kind::Int { min: 0, max: 16 },
            default: "4",
        },
        ParamSpec {
            name: "statistics",
            help: "of the normalisation: fixed with the key, or batch, those of the images that are disguised \
                   together, as in the paper",
            kind: Kind::Choice(&["fixed", "batch"]),
            default: "fixed",
        },
        ParamSpec {
            name: "batch",
            help: "images that are normalised together with statistics=batch",
            kind: Kind::Int { min: 1, max: 4096 },
            default: "128",
        },
    ],
    material: &[
        "conv_w",
        "conv_b",
        "lin_w",
        "lin_b",
        "pos",
        "mix_w",
        "mix_b",
        "patch_perm",
        "bn_mean",
        "bn_var",
    ],
    storage: Storage::Tokens,
    hides: "everything the eye knows; the output is no picture",
    removal: Removal::Never(ONE_WAY),
    per_image: "order of the patches",
    build: |params| {
        Ok(Box::new(Neuracrypt {
            params: params.clone(),
        }))
    },
    infer: |material, params| {
        let mut infer = |name: &str, value: String| {
            params.entry(name.into()).or_insert(value);
        };
        if let Some([width, _, side, _]) = material.get("conv_w").map(|array| &array.shape[..]) {
            infer("width", width.to_string());
            infer("patch", side.to_string());
        }
        if let Some([depth, ..]) = material.get("lin_w").map(|array| &array.shape[..]) {
            infer("depth", depth.to_string());
        }
        let statistics = if material.get("bn_mean").is_some() {
            "fixed"
        } else {
            "batch"
        };
        infer("statistics", statistics.into());
    },
};

#[derive(Debug)]
struct Neuracrypt {
    params: Params,
}

/// Lengths that follow from the parameters and the shape of the images.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    grid: Grid,
    width: usize,
    depth: usize,
}

impl Sizes {
    /// Patches of an image.
    const fn tokens(&self) -> usize {
        self.grid.positions()
    }

    /// Values of a patch.
    const fn patch(&self) -> usize {
        self.grid.block() * self.grid.block_row()
    }
}

impl Neuracrypt {
    fn sizes(&self, image: Shape) -> Sizes {
        Sizes {
            grid: Grid::new(image, self.params.int("patch") as usize),
            width: self.params.int("width") as usize,
            depth: self.params.int("depth") as usize,
        }
    }

    /// Whether the statistics are those of each batch.
    fn by_batch(&self) -> bool {
        self.params.text("statistics") == "batch"
    }
}

impl Scheme for Neuracrypt {
    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        let tokens = self.sizes(image.check()?).tokens();
        if tokens > Shape::MAX_SIDE {
            return Err(Error::Shape {
                shape: image,
                problem: format!(
                    "{tokens} patches are more than {}; choose a larger patch",
                    Shape::MAX_SIDE
                ),
            });
        }
        Ok(Output {
            shape: Shape::new(tokens, self.params.int("width") as usize, 1),
            dtype: Dtype::F32,
            // Parameters alone set no bound: the normalisation divides by what the key happens to give.
            range: (-f32::MAX, f32::MAX),
        })
    }

    fn needs_shape(&self) -> bool {
        true
    }

    fn key_bits(&self, _image: Shape) -> Option<f64> {
        None
    }

    fn advice(&self, image: Shape) -> Vec<String> {
        let sizes = self.sizes(image);
        let (tokens, width) = (sizes.tokens(), sizes.width);
        let mut advice = Vec::new();
        if !sizes.grid.is_exact() {
            advice.push(format!(
                "{image} is no whole number of {0}x{0} patches: images are continued to {1} by repeating their last \
                 row and column",
                sizes.grid.block(),
                sizes.grid.padded()
            ));
        }
        advice.push(format!(
            "an image of {} bytes becomes {tokens} x {width} floats, {:.1} times as many bytes",
            image.len(),
            (tokens * width * 4) as f64 / image.len() as f64
        ));
        if tokens == 1 {
            advice.push("one patch holds the whole image: there is no order to hide".into());
        }
        if self.by_batch() {
            advice.push(format!(
                "statistics=batch: the tokens of an image depend on the {} images that it is disguised with, so one \
                 image alone gives other tokens; statistics=fixed avoids that",
                self.together()
            ));
        }
        advice
    }

    fn together(&self) -> usize {
        if self.by_batch() {
            self.params.int("batch") as usize
        } else {
            1
        }
    }

    fn takes_floats(&self) -> bool {
        true
    }

    fn prepare(
        &self,
        image: Shape,
        schedule: &Schedule,
        material: Option<&Material>,
    ) -> Result<Box<dyn Disguise>, Error> {
        let (output, sizes) = (self.output(image)?, self.sizes(image));
        let (network, orders, norms) = match material {
            Some(material) => (
                explicit_network(material, sizes)?,
                Orders::explicit(material, sizes)?,
                explicit_norms(material, sizes)?,
            ),
            None => (
                Network::derive(schedule, sizes),
                Orders::Derived(schedule.clone()),
                None,
            ),
        };
        let norms = match (self.by_batch(), norms) {
            (true, None) => None,
            (true, Some(_)) => {
                let problem = "contradicts statistics=batch; leave it out, or set statistics=fixed";
                return Err(Error::material("bn_mean", problem));
            }
            (false, Some(norms)) => Some(norms),
            (false, None) => Some(calibration::norms(&network, schedule)),
        };
        Ok(Box::new(Prepared {
            network,
            norms,
            orders,
            output,
            batch: self.together(),
        }))
    }
}
