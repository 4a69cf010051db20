//! Explicit key material from an `.npz` file.

use crate::{Error, Limits, Result};
use npyz::{AutoSerialize, DType, NpyFile, Order, WriterBuilder};
use std::{
    fs::File,
    io::{BufReader, Read, Write},
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

/// Writes arrays as an uncompressed `.npz` file that [`read_material`] and NumPy read.
///
/// # Errors
/// If the file exists or cannot be written.
pub fn write_arrays(path: &Path, arrays: &[(&str, Array)]) -> Result<()> {
    let fail = |error: std::io::Error| Error::output(path, error);
    let file = File::create_new(path).map_err(fail)?;
    let mut archive = zip::ZipWriter::new(std::io::BufWriter::new(file));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .large_file(true);
    for (name, array) in arrays {
        archive
            .start_file(format!("{name}.npy"), options)
            .map_err(|error| fail(error.into()))?;
        let shape: Vec<u64> = array.shape.iter().map(|side| *side as u64).collect();
        let written = match &array.values {
            Values::U8(values) => write_array(&mut archive, &shape, values),
            Values::I64(values) => write_array(&mut archive, &shape, values),
            Values::F64(values) => write_array(&mut archive, &shape, values),
        };
        written.map_err(fail)?;
    }
    let buffered = archive.finish().map_err(|error| fail(error.into()))?;
    let file = buffered.into_inner().map_err(|error| fail(error.into_error()))?;
    file.sync_all().map_err(fail)
}

fn write_array<T: AutoSerialize + Copy>(out: impl Write, shape: &[u64], values: &[T]) -> std::io::Result<()> {
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(shape)
        .writer(out)
        .begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()
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
