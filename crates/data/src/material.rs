//! Explicit key material from an `.npz` file.

use crate::{Error, Limits, Result};
use npyz::{DType, NpyFile, Order};
use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};
use visard_core::{Array, Material, Values};

/// Reads the arrays of an `.npz` file as key material: booleans and unsigned bytes as bytes,
/// whole numbers of 8 to 64 bits as integers, 32- and 64-bit floats as reals.
///
/// # Errors
/// If the file is no `.npz`, holds objects, big arrays beyond `limits.file_bytes`, Fortran order,
/// or types other than these.
pub fn read_material(path: &Path, limits: &Limits) -> Result<Material> {
    let fail = |problem: String| Error::input(path, problem);
    let file = File::open(path).map_err(|error| Error::input(path, error))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| {
        fail(format!(
            "is no .npz file ({error}); save the arrays with numpy.savez"
        ))
    })?;
    let mut material = Material::new();
    for index in 0..archive.len() {
        let member = archive
            .by_index(index)
            .map_err(|error| fail(format!("is damaged: {error}")))?;
        let name = member
            .name()
            .map_err(|error| fail(format!("is damaged: {error}")))?
            .into_owned();
        let Some(name) = name.strip_suffix(".npy") else {
            return Err(fail(format!("holds {name:?}, which is no array")));
        };
        if member.size() > limits.file_bytes {
            return Err(Error::limit(
                path,
                format!("array {name} is larger than {} bytes", limits.file_bytes),
            ));
        }
        let array = read_array(member.take(limits.file_bytes))
            .map_err(|problem| fail(format!("array {name} {problem}")))?;
        material.insert(name, array)?;
    }
    Ok(material)
}

fn read_array(reader: impl Read) -> std::result::Result<Array, String> {
    let damaged = |error: std::io::Error| format!("is damaged: {error}");
    let npy = NpyFile::new(reader).map_err(damaged)?;
    if npy.order() != Order::C {
        return Err("is in Fortran order; save it with numpy.ascontiguousarray".into());
    }
    let shape: Vec<usize> = npy
        .shape()
        .iter()
        .map(|d| usize::try_from(*d).map_err(|_| "has an absurd shape".to_string()))
        .collect::<std::result::Result<_, _>>()?;
    let DType::Plain(kind) = npy.dtype() else {
        return Err("has fields; save plain arrays".into());
    };
    let kind = kind.to_string();
    macro_rules! read {
        ($from:ty, $make:path, $to:ty) => {
            npy.into_vec::<$from>()
                .map(|values| $make(values.into_iter().map(|v| v as $to).collect()))
                .map_err(damaged)?
        };
    }
    let values = match kind.trim_start_matches(['|', '<', '=']) {
        "b1" => read!(bool, Values::U8, u8),
        "u1" => read!(u8, Values::U8, u8),
        "i1" => read!(i8, Values::I64, i64),
        "i2" => read!(i16, Values::I64, i64),
        "u2" => read!(u16, Values::I64, i64),
        "i4" => read!(i32, Values::I64, i64),
        "u4" => read!(u32, Values::I64, i64),
        "i8" => read!(i64, Values::I64, i64),
        "f4" => read!(f32, Values::F64, f64),
        "f8" => read!(f64, Values::F64, f64),
        _ => {
            return Err(format!(
                "has the type {kind}, which is no plain number of up to 64 bits"
            ));
        }
    };
    Ok(Array { shape, values })
}
