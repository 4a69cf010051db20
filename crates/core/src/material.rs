//! Explicit key material: named arrays in the conventions of SCHEMES (every permutation a gather,
//! per-block keys indexed by the source block).

use crate::Error;
use std::{collections::BTreeMap, fmt};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Values of one array; booleans are stored as bytes 0 and 1.
#[derive(Clone, PartialEq, Zeroize)]
pub enum Values {
    /// Bytes, masks.
    U8(Vec<u8>),
    /// Integers: permutations, codes.
    I64(Vec<i64>),
    /// Reals.
    F64(Vec<f64>),
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::F64(v) => v.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One array of key material, row-major.
#[derive(Clone, PartialEq, Zeroize)]
pub struct Array {
    /// Lengths of the dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The values, as many as the product of `shape`.
    pub values: Values,
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({:?}, [redacted])", self.shape)
    }
}

/// Named arrays that replace what a scheme would derive from the secret; wiped when dropped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Material {
    arrays: BTreeMap<String, Array>,
}

impl Drop for Material {
    fn drop(&mut self) {
        self.arrays.values_mut().for_each(Zeroize::zeroize);
    }
}

impl ZeroizeOnDrop for Material {}

impl Material {
    /// No arrays.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an array; refuses one whose values do not fill its shape or whose name is taken.
    pub fn insert(&mut self, name: &str, array: Array) -> Result<(), Error> {
        let expected = array.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        if expected != Some(array.values.len()) {
            return Err(Error::material(
                name,
                format!(
                    "{} values do not fill the shape {:?}",
                    array.values.len(),
                    array.shape
                ),
            ));
        }
        if self.arrays.insert(name.into(), array).is_some() {
            return Err(Error::material(name, "given twice"));
        }
        Ok(())
    }

    /// The array of that name.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.get(name)
    }

    /// All arrays in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// Refuses arrays that the scheme does not know, which are most often misspelt ones.
    pub fn allow(&self, scheme: &str, known: &[&str]) -> Result<(), Error> {
        match self.arrays.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::material(
                name,
                format!("{scheme} takes no such array; it takes {}", known.join(", ")),
            )),
        }
    }

    /// Whole numbers of the array of that name with exactly this shape.
    pub fn integers(&self, name: &str, shape: &[usize]) -> Result<Option<Vec<i64>>, Error> {
        self.shaped(name, shape)?
            .map(|array| match &array.values {
                Values::U8(v) => Ok(v.iter().map(|b| i64::from(*b)).collect()),
                Values::I64(v) => Ok(v.clone()),
                Values::F64(_) => Err(Error::material(name, "must hold whole numbers, not reals")),
            })
            .transpose()
    }

    /// Reals of the array of that name with exactly this shape, all finite.
    pub fn reals(&self, name: &str, shape: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        let Some(array) = self.shaped(name, shape)? else {
            return Ok(None);
        };
        let values: Vec<f64> = match &array.values {
            Values::U8(v) => v.iter().map(|b| f64::from(*b)).collect(),
            Values::I64(v) => v.iter().map(|i| *i as f64).collect(),
            Values::F64(v) => v.clone(),
        };
        if values.iter().all(|v| v.is_finite()) {
            Ok(Some(values))
        } else {
            Err(Error::material(name, "holds a value that is not finite"))
        }
    }

    /// Bytes of the array of that name with exactly this shape.
    pub fn bytes(&self, name: &str, shape: &[usize]) -> Result<Option<Vec<u8>>, Error> {
        let Some(integers) = self.integers(name, shape)? else {
            return Ok(None);
        };
        integers
            .into_iter()
            .map(|i| u8::try_from(i).map_err(|_| Error::material(name, format!("{i} is no byte"))))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A gather permutation of `0..len` under that name.
    pub fn permutation(&self, name: &str, len: usize) -> Result<Option<Vec<usize>>, Error> {
        let Some(integers) = self.integers(name, &[len])? else {
            return Ok(None);
        };
        let mut seen = vec![false; len];
        let mut order = Vec::with_capacity(len);
        for i in integers {
            let place = usize::try_from(i).ok().filter(|p| *p < len);
            match place {
                Some(place) if !std::mem::replace(&mut seen[place], true) => order.push(place),
                _ => {
                    let problem =
                        format!("must name each of 0..{len} once, but {i} is out of range or repeated");
                    return Err(Error::material(name, problem));
                }
            }
        }
        Ok(Some(order))
    }

    fn shaped(&self, name: &str, shape: &[usize]) -> Result<Option<&Array>, Error> {
        match self.get(name) {
            Some(array) if array.shape != shape => Err(Error::material(
                name,
                format!(
                    "has the shape {:?}, {shape:?} is needed for this image shape and block",
                    array.shape
                ),
            )),
            array => Ok(array),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(values: Values) -> Material {
        let mut material = Material::new();
        let shape = vec![values.len()];
        material.insert("a", Array { shape, values }).unwrap();
        material
    }

    #[test]
    fn permutations_must_be_permutations() {
        let ok = one(Values::I64(vec![2, 0, 1]));
        assert_eq!(ok.permutation("a", 3).unwrap(), Some(vec![2, 0, 1]));
        assert_eq!(ok.permutation("b", 3).unwrap(), None);
        assert!(ok.permutation("a", 4).is_err());
        for bad in [vec![0, 0, 1], vec![0, 1, 3], vec![-1, 0, 1]] {
            assert!(one(Values::I64(bad)).permutation("a", 3).is_err());
        }
        assert!(one(Values::F64(vec![0.0])).permutation("a", 1).is_err());
    }

    #[test]
    fn arrays_are_checked_and_not_shown() {
        let mut material = one(Values::F64(vec![123.5, f64::NAN]));
        assert!(material.reals("a", &[2]).is_err());
        assert!(material.allow("x", &["b"]).is_err());
        let short = Array {
            shape: vec![3],
            values: Values::U8(vec![1]),
        };
        assert!(material.insert("c", short).is_err());
        assert!(!format!("{material:?}").contains("123"));
    }
}
