//! The numbers of a network by name, in PyTorch's conventions.
//!
//! `layer.weight`, `layer.bias`, `layer.running_mean`, `layer.running_var`; linear weights are
//! (out, in), convolutions (out, in, height, width). A `state_dict` of a PyTorch module whose
//! layers carry the same names has the same tensors.

use crate::Rng;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use std::collections::BTreeMap;

/// One tensor: its sides and its values, last side fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Sides.
    pub shape: Vec<usize>,
    /// Values; as many as the product of the sides.
    pub values: Vec<f32>,
}

/// Tensors by name.
pub type State = BTreeMap<String, Values>;

/// Where a traversal is within a module, and how tensors there are named and laid out.
#[derive(Default)]
pub(crate) struct Path(Vec<(String, String)>);

impl Path {
    /// The place of a module whose tensors' names begin with `prefix`, which ends in a dot or is empty.
    pub(crate) fn below(prefix: &str) -> Self {
        let name = prefix.strip_suffix('.').unwrap_or(prefix);
        Self(if name.is_empty() {
            vec![]
        } else {
            vec![(name.into(), String::new())]
        })
    }

    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.into(), container.into()));
    }

    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    /// Name of the tensor at this place.
    pub(crate) fn name(&self) -> String {
        let parts: Vec<&str> = (self.0.iter())
            .map(|(name, container)| match (name.as_str(), container.as_str()) {
                ("gamma", "Struct:BatchNorm" | "Struct:LayerNorm") => "weight",
                ("beta", "Struct:BatchNorm" | "Struct:LayerNorm") => "bias",
                (name, _) => name,
            })
            .collect();
        parts.join(".")
    }

    /// Whether the module keeps the tensor at this place transposed.
    pub(crate) fn is_transposed(&self, rank: usize) -> bool {
        rank == 2
            && self
                .0
                .last()
                .is_some_and(|(name, container)| name == "weight" && container == "Struct:Linear")
    }
}

/// Rows and columns of a matrix exchanged.
fn transpose(matrix: Values) -> Values {
    let [rows, columns] = matrix.shape[..] else {
        return matrix;
    };
    let at = |i: usize| matrix.values[i % rows * columns + i / rows];
    Values {
        shape: vec![columns, rows],
        values: (0..rows * columns).map(at).collect(),
    }
}

#[derive(Default)]
struct Collector {
    path: Path,
    state: State,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.val().dims().to_vec();
        // Reading f32 values of the CPU device back cannot fail; nothing else is stored here.
        let values = param.val().into_data().try_to_vec::<f32>().unwrap_or_default();
        let values = Values { shape, values };
        let values = if self.path.is_transposed(D) {
            transpose(values)
        } else {
            values
        };
        self.state.insert(self.path.name(), values);
    }
}

struct Restorer<'a> {
    path: Path,
    state: &'a State,
}

impl ModuleMapper for Restorer<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(values) = self.state.get(&self.path.name()) else {
            return param;
        };
        let values = values.clone();
        let values = if self.path.is_transposed(D) {
            transpose(values)
        } else {
            values
        };
        let data = TensorData::new(values.values, values.shape);
        param.map(|old| {
            let new = Tensor::from_data(data, &old.device());
            new.set_require_grad(old.is_require_grad())
        })
    }
}

/// All tensors of a module, running statistics included.
pub(crate) fn collect<M: Module>(module: &M) -> State {
    let mut collector = Collector::default();
    // `valid` brings the running statistics up to date.
    module.valid().visit(&mut collector);
    collector.state
}

/// Puts tensors into a module; names and shapes must have passed [`compare`].
pub(crate) fn restore<M: Module>(module: M, state: &State) -> M {
    module.map(&mut Restorer {
        path: Path::default(),
        state,
    })
}

/// What keeps `found` from being a state like `wanted`, if anything.
pub(crate) fn compare(wanted: &State, found: &State) -> Result<(), String> {
    if let Some(name) = wanted.keys().find(|name| !found.contains_key(*name)) {
        return Err(format!("tensor {name} is missing"));
    }
    for (name, values) in found {
        match wanted.get(name) {
            None => return Err(format!("tensor {name} is not part of this network")),
            Some(w) if w.shape != values.shape => {
                return Err(format!(
                    "tensor {name} is {:?} where {:?} is needed",
                    values.shape, w.shape
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Whether all values are finite.
pub(crate) fn is_finite(state: &State) -> bool {
    state.values().all(|v| v.values.iter().all(|x| x.is_finite()))
}

/// Initial values for a network with tensors like `like`: kernels and matrices uniform with the
/// variance 2 / fan-in (the last layer, whose name is `head.weight` or `fc.weight`, and matrices that
/// mix positions 1 / (3 fan-in)), embeddings with a standard deviation of 0.02, everything else what
/// leaves the data unchanged. Of three sides the first numbers matrices. Each tensor's draw depends on the seed and its name alone.
pub(crate) fn initial(like: &State, seed: u64) -> State {
    let draw = |name: &String, shape: &[usize]| {
        let count = shape.iter().product();
        if shape.len() == 1 {
            let one = name.ends_with(".weight") || name.ends_with(".running_var");
            return vec![if one { 1.0 } else { 0.0 }; count];
        }
        let inputs = if shape.len() == 3 {
            &shape[2..]
        } else {
            &shape[1..]
        };
        let fan_in = inputs.iter().product::<usize>().max(1) as f32;
        let bound = match name.rsplit('.').next() {
            _ if name == "head.weight" || name == "fc.weight" => (1.0 / fan_in).sqrt(),
            Some("mix") => (1.0 / fan_in).sqrt(),
            Some("class_token" | "positions") => 0.02 * 3f32.sqrt(),
            _ => (6.0 / fan_in).sqrt(),
        };
        let mut rng = Rng::new(seed, name, 0);
        (0..count).map(|_| (2.0 * rng.unit() - 1.0) * bound).collect()
    };
    let fresh = |(name, values): (&String, &Values)| {
        let values = Values {
            shape: values.shape.clone(),
            values: draw(name, &values.shape),
        };
        (name.clone(), values)
    };
    like.iter().map(fresh).collect()
}
