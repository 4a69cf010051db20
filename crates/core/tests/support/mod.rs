//! Reading the files of `vectors/`.

#![allow(dead_code)]

use npyz::{DType, NpyFile, Order, TypeChar};
use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};
use visard_core::{Array, Gallery, Material, Pixels, Values};

/// The folder `vectors/`.
pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

/// A JSON file below `vectors/`.
pub(crate) fn json(name: &str) -> Json {
    let path = vectors().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The elements of a JSON array.
pub(crate) fn list(value: &Json) -> &[Json] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// A JSON string.
pub(crate) fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Parameters as texts, whatever their JSON type.
pub(crate) fn params(value: &Json) -> BTreeMap<String, String> {
    let object = value.as_object().expect("parameters are an object");
    let shown = |v: &Json| v.as_str().map_or_else(|| v.to_string(), String::from);
    object.iter().map(|(name, v)| (name.clone(), shown(v))).collect()
}

/// Bytes written in hexadecimal.
pub(crate) fn hex(value: &Json) -> Vec<u8> {
    let digits = text(value).as_bytes();
    assert_eq!(digits.len() % 2, 0, "{value}");
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

/// Exactly `N` bytes written in hexadecimal.
pub(crate) fn hex_array<const N: usize>(value: &Json) -> [u8; N] {
    hex(value)
        .try_into()
        .unwrap_or_else(|_| panic!("{value} does not hold {N} bytes"))
}

/// The arrays of an .npz file, with their shapes.
pub(crate) fn npz(path: &Path) -> Vec<(String, Vec<usize>, Numbers)> {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut archive = zip::ZipArchive::new(file).unwrap();
    (0..archive.len())
        .map(|i| {
            let mut member = archive.by_index(i).unwrap();
            let name = member.name().unwrap().trim_end_matches(".npy").to_string();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            let array = NpyFile::new(&bytes[..]).unwrap();
            assert_eq!(array.order(), Order::C, "{name} of {}", path.display());
            let shape = array.shape().iter().map(|n| *n as usize).collect();
            (name, shape, Numbers::read(array))
        })
        .collect()
}

/// The array of that name in an .npz file.
pub(crate) fn array(path: &Path, name: &str) -> Option<(Vec<usize>, Numbers)> {
    let mut arrays = npz(path).into_iter();
    arrays
        .find(|(found, _, _)| found == name)
        .map(|(_, shape, numbers)| (shape, numbers))
}

/// The array `images` of an .npz file: its shape (N, H, W, C) and its pixels. A last dimension of 1
/// may be left out.
pub(crate) fn images(path: &Path) -> ([usize; 4], Pixels) {
    let (mut shape, numbers) = array(path, "images").unwrap();
    let pixels = match numbers {
        Numbers::U8(v) => Pixels::U8(v),
        Numbers::F32(v) => Pixels::F32(v),
        Numbers::F64(v) => Pixels::F32(v.into_iter().map(|x| x as f32).collect()),
        Numbers::I64(_) => panic!("{}: images must be u8 or reals", path.display()),
    };
    if shape.len() == 3 {
        shape.push(1);
    }
    (shape.try_into().unwrap(), pixels)
}

/// The whole numbers of an array, `None` where the .npz file has no array of that name.
pub(crate) fn integers(path: &Path, name: &str) -> Option<Vec<i64>> {
    let (_, _, numbers) = npz(path).into_iter().find(|(found, _, _)| found == name)?;
    match numbers {
        Numbers::U8(v) => Some(v.into_iter().map(i64::from).collect()),
        Numbers::I64(v) => Some(v),
        _ => panic!("{}: {name} must be whole numbers", path.display()),
    }
}

/// The floats of an array, `None` where the .npz file has no array of that name.
pub(crate) fn floats(path: &Path, name: &str) -> Option<Vec<f32>> {
    let (_, _, numbers) = npz(path).into_iter().find(|(found, _, _)| found == name)?;
    match numbers {
        Numbers::F32(v) => Some(v),
        _ => panic!("{}: {name} must be f32", path.display()),
    }
}

/// Key material from an .npz file.
pub(crate) fn material(path: &Path) -> Material {
    let mut material = Material::new();
    for (name, shape, numbers) in npz(path) {
        let values = match numbers {
            Numbers::U8(v) => Values::U8(v),
            Numbers::I64(v) => Values::I64(v),
            Numbers::F64(v) => Values::F64(v),
            Numbers::F32(v) => Values::F64(v.into_iter().map(f64::from).collect()),
        };
        material.insert(&name, Array { shape, values }).unwrap();
    }
    material
}

/// Values of an array as they are stored.
pub(crate) enum Numbers {
    U8(Vec<u8>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Numbers {
    fn read(array: NpyFile<&[u8]>) -> Self {
        let DType::Plain(kind) = array.dtype() else {
            panic!("structured arrays are not used here");
        };
        match (kind.type_char(), kind.size_field()) {
            (TypeChar::Uint, 1) => Self::U8(array.into_vec().unwrap()),
            (TypeChar::Int, 1) => {
                let values: Vec<i8> = array.into_vec().unwrap();
                Self::I64(values.into_iter().map(i64::from).collect())
            }
            (TypeChar::Int, 8) => Self::I64(array.into_vec().unwrap()),
            (TypeChar::Float, 4) => Self::F32(array.into_vec().unwrap()),
            (TypeChar::Float, 8) => Self::F64(array.into_vec().unwrap()),
            other => panic!("no reader for {other:?}"),
        }
    }
}

/// Private and public images of one size, one after the other, with labels for the private ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Album {
    /// Values in an image.
    pub(crate) len: usize,
    pub(crate) private: Vec<u8>,
    pub(crate) public: Vec<u8>,
    pub(crate) labels: Vec<u32>,
}

impl Gallery for Album {
    fn len(&self) -> usize {
        self.private.len() / self.len
    }

    fn image(&self, place: usize) -> &[u8] {
        &self.private[place * self.len..][..self.len]
    }

    fn label(&self, place: usize) -> Option<u32> {
        self.labels.get(place).copied()
    }

    fn public_len(&self) -> usize {
        self.public.len() / self.len
    }

    fn public_image(&self, place: usize) -> &[u8] {
        &self.public[place * self.len..][..self.len]
    }
}
