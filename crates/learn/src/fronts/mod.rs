//! The registry of fronts: adaptation networks that go before any network and meet a disguise block
//! by block. One front, one file, one line here.

use crate::{
    Error, Network, Result, Rng,
    network::{self, Forward},
    optimizer::Optimizer,
    state::{self, State},
};
use burn::module::{Module, Param};
use burn::tensor::{Device, Gradients, Tensor};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

mod block;
mod ele;
mod le;
mod pixel;
mod position;
mod tanaka;

/// What a front has to say: from images to what the network behind it sees.
pub trait Front: Module + Send + fmt::Debug + 'static {
    /// Features (N, C', H', W') of standardised images (N, C, H, W).
    fn features(&self, images: Tensor<4>) -> Features;
}

/// What a front makes of a batch.
#[derive(Debug)]
pub struct Features {
    /// Features (N, C', H', W').
    pub images: Tensor<4>,
    /// What its regulariser adds to the loss of the batch, where it has one.
    pub penalty: Option<Tensor<1>>,
}

impl From<Tensor<4>> for Features {
    fn from(images: Tensor<4>) -> Self {
        Self {
            images,
            penalty: None,
        }
    }
}

/// A front and its parameters, all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Name of the front.
    pub name: String,
    /// Its parameters.
    pub params: Params,
}

/// The registry entry of a front: everything that help and tables show.
#[derive(Debug)]
pub struct FrontInfo {
    /// Name on the command line and in files.
    pub name: &'static str,
    /// Name in words.
    pub title: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// What it is, in a sentence.
    pub summary: &'static str,
    /// Which schemes it suits.
    pub suits: &'static str,
    /// Its parameters. One that is called as one of a scheme's follows the scheme's unless it is set.
    pub params: &'static [ParamSpec],
    /// Makes it, with meaningless weights, and says which shape the network behind it sees.
    build: Build,
}

/// Puts a front before a network.
pub(crate) type Before = Box<dyn FnOnce(Box<dyn Network>) -> Box<dyn Network>>;

/// Makes a front for images of a shape.
type Build = fn(&Params, Shape, &Device) -> Result<Built>;

/// A front that waits for the network behind it.
struct Built {
    /// Shape of its features.
    shape: Shape,
    /// Puts it before a network.
    before: Before,
}

impl Built {
    fn new(front: impl Front, shape: Shape) -> Self {
        let before = |body| Box::new(Fronted { front, body }) as Box<dyn Network>;
        Self {
            shape,
            before: Box::new(before),
        }
    }
}

/// Every front, in the order in which help lists them.
pub static ALL: &[&FrontInfo] = &[
    &block::INFO,
    &position::INFO,
    &tanaka::INFO,
    &le::INFO,
    &ele::INFO,
    &pixel::INFO,
];

/// The registry entry of that name.
pub fn find(name: &str) -> Result<&'static FrontInfo> {
    let known = ALL.iter().copied().find(|info| info.name == name);
    known.ok_or_else(|| Error::UnknownFront(name.into()))
}

impl Choice {
    /// A front with the parameters that differ from its defaults.
    pub fn new(name: &str, given: &BTreeMap<String, String>) -> Result<Self> {
        let info = find(name)?;
        Ok(Self {
            name: info.name.into(),
            params: Params::resolve(info.params, given)?,
        })
    }

    /// The shape behind the front, and what puts it before a network.
    pub(crate) fn build(&self, shape: Shape, device: &Device) -> Result<(Shape, Before)> {
        let built = (find(&self.name)?.build)(&self.params, shape, device)?;
        Ok((built.shape, built.before))
    }
}

/// The parameter that says how large the blocks are.
const BLOCK: ParamSpec = ParamSpec {
    name: "block",
    help: "side of the blocks in pixels",
    kind: Kind::Int { min: 1, max: 64 },
    default: "4",
};

/// Rows and columns of blocks; an error where the images are not whole blocks.
fn grid(params: &Params, shape: Shape) -> Result<[usize; 2]> {
    let block = params.int("block") as usize;
    if shape.height.is_multiple_of(block) && shape.width.is_multiple_of(block) {
        return Ok([shape.height / block, shape.width / block]);
    }
    let problem = format!(
        "the front needs whole blocks of {block} x {block} pixels; set the block of the front, or take --front none"
    );
    Err(Error::shape(shape, problem))
}

/// A parameter that waits for its initial values.
fn zeros<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::zeros(shape, device))
}

/// Prefix of the names of a front's tensors.
const PREFIX: &str = "front.";

/// A front with the network behind it.
#[derive(Debug)]
struct Fronted<F> {
    front: F,
    body: Box<dyn Network>,
}

impl<F: Front> Network for Fronted<F> {
    fn forward(&self, images: Tensor<4>, noise: Option<&mut Rng>) -> Forward {
        let features = self.front.features(images);
        let body = self.body.forward(features.images, noise);
        let penalty = match (features.penalty, body.penalty) {
            (Some(front), Some(body)) => Some(front + body),
            (front, body) => front.or(body),
        };
        Forward {
            logits: body.logits,
            penalty,
        }
    }

    fn embedding(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        self.body.embedding(self.front.features(images).images)
    }

    fn state(&self) -> State {
        let own = state::collect(&self.front).into_iter();
        let own = own.map(|(name, values)| (format!("{PREFIX}{name}"), values));
        own.chain(self.body.state()).collect()
    }

    fn restore(&mut self, state: &State) -> Result<(), String> {
        state::compare(&self.state(), state)?;
        let (mut own, mut body) = (State::new(), State::new());
        for (name, values) in state {
            match name.strip_prefix(PREFIX) {
                Some(name) => own.insert(name.into(), values.clone()),
                None => body.insert(name.clone(), values.clone()),
            };
        }
        self.front = state::restore(self.front.clone(), &own);
        self.body.restore(&body)
    }

    fn square_norm(&self, gradients: &Gradients) -> f64 {
        network::square_norm(&self.front, gradients) + self.body.square_norm(gradients)
    }

    fn step(&mut self, gradients: &mut Gradients, optimizer: &mut Optimizer) {
        network::step(&mut self.front, PREFIX, gradients, optimizer);
        self.body.step(gradients, optimizer);
    }

    fn inference(&self) -> Box<dyn Network> {
        Box::new(Self {
            front: self.front.valid(),
            body: self.body.inference(),
        })
    }

    fn frozen(&self) -> Box<dyn Network> {
        Box::new(Self {
            front: self.front.clone().freeze(),
            body: self.body.frozen(),
        })
    }

    fn device(&self) -> Device {
        self.body.device()
    }
}

/// Images (N, C, H, W) cut into blocks: (positions, N, block x block x C), positions row by row.
fn blocks(images: Tensor<4>, block: usize) -> Tensor<3> {
    let [count, channels, height, width] = images.dims();
    let (rows, columns) = (height / block, width / block);
    images
        .reshape([count, channels, rows, block, columns, block])
        .permute([2, 4, 0, 1, 3, 5])
        .reshape([rows * columns, count, channels * block * block])
}

/// Features (N, C r r, H, W) spread over r x r pixels each: (N, C, H r, W r), channels of the input in the
/// order (C, row, column), as PyTorch's PixelShuffle has them.
fn spread(features: Tensor<4>, r: usize) -> Tensor<4> {
    let [count, channels, rows, columns] = features.dims();
    let channels = channels / (r * r);
    features
        .reshape([count, channels, r, r, rows, columns])
        .permute([0, 1, 4, 2, 5, 3])
        .reshape([count, channels, rows * r, columns * r])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    fn counting(shape: [usize; 4]) -> Tensor<4> {
        let values = (0..shape.iter().product::<usize>()).map(|v| v as f32).collect();
        Tensor::from_data(TensorData::new::<f32, _>(values, shape), &Device::flex())
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn blocks_are_cut_row_by_row_and_spreading_puts_them_back() {
        let images = counting([1, 1, 4, 4]);
        let cut = blocks(images.clone(), 2);
        assert_eq!(cut.dims(), [4, 1, 4]);
        assert_eq!(values(cut.clone())[4..8], [2.0, 3.0, 6.0, 7.0]);
        let columns = cut.reshape([2, 2, 4]).permute([2, 0, 1]).reshape([1, 4, 2, 2]);
        assert_eq!(values(spread(columns, 2)), values(images));
    }

    /// PyTorch's documentation: output[c, h r + i, w r + j] = input[c r r + i r + j, h, w].
    #[test]
    fn spreading_is_pixel_shuffle() {
        let spread = values(spread(counting([1, 8, 1, 2]), 2));
        let at = |c: usize, y: usize, x: usize| spread[(c * 2 + y) * 4 + x];
        for (c, y, x) in [(0, 0, 0), (0, 1, 3), (1, 0, 2), (1, 1, 1)] {
            let channel = c * 4 + y % 2 * 2 + x % 2;
            assert_eq!(at(c, y, x), (channel * 2 + x / 2) as f32, "{c} {y} {x}");
        }
    }

    #[test]
    fn part_blocks_are_refused_by_every_front_that_has_blocks() {
        for info in ALL
            .iter()
            .filter(|info| info.params.iter().any(|p| p.name == "block"))
        {
            let choice = Choice::new(info.name, &BTreeMap::new()).unwrap();
            let refused = choice.build(Shape::new(10, 8, 1), &Device::flex());
            assert!(matches!(refused, Err(Error::Shape { .. })), "{}", info.name);
        }
        assert!(matches!(find("none"), Err(Error::UnknownFront(_))));
    }

    #[test]
    fn the_shape_behind_a_front_is_that_of_its_features() {
        for info in ALL {
            for shape in [Shape::new(8, 12, 3), Shape::new(16, 8, 1)] {
                let choice = Choice::new(info.name, &BTreeMap::new()).unwrap();
                let (behind, before) = choice.build(shape, &Device::flex()).unwrap();
                let body = crate::networks::find("mlp").unwrap();
                let params = Params::resolve(body.params, &BTreeMap::new()).unwrap();
                let body = body.build_on(&params, behind, 3, 0, &Device::flex()).unwrap();
                let images = counting([2, shape.channels, shape.height, shape.width]);
                // The multi-layer perceptron takes nothing but images of its shape.
                assert_eq!(before(body).logits(images, None).dims(), [2, 3], "{}", info.name);
            }
        }
    }
}
