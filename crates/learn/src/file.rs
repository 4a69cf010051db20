//! Safetensors files with a JSON header of our own: read carefully, written atomically.

use crate::{
    Error, Result,
    state::{State, Values},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Key of our text within the file's `__metadata__`: one line of JSON, one line with the BLAKE3
/// digest of that line and the tensors. One key only, since the order of several is not fixed.
const KEY: &str = "visard";
/// No model file is larger than this.
const MAX_BYTES: u64 = 4 << 30;

fn bytes_of(state: &State) -> impl Iterator<Item = (&String, &Values, Vec<u8>)> {
    state.iter().map(|(name, v)| {
        let bytes = v.values.iter().flat_map(|x| x.to_le_bytes()).collect();
        (name, v, bytes)
    })
}

fn digest(text: &str, state: &State) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    for (name, values, bytes) in bytes_of(state) {
        hasher.update(format!("\0{name}\0{:?}\0", values.shape).as_bytes());
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

/// Writes tensors alone, atomically like [`write`].
pub(crate) fn write_tensors(path: &Path, state: &State) -> Result<()> {
    put(path, state, None)
}

/// Writes tensors and a header; the file appears under its name complete and durable, or not at all.
pub(crate) fn write(path: &Path, header: &impl Serialize, state: &State) -> Result<()> {
    let text = serde_json::to_string(header).map_err(|e| Error::output(path, e.into()))?;
    let lines = format!("{text}\n{}", digest(&text, state));
    put(path, state, Some(HashMap::from([(KEY.to_string(), lines)])))
}

fn put(path: &Path, state: &State, metadata: Option<HashMap<String, String>>) -> Result<()> {
    let fail = |e: io::Error| Error::output(path, e);
    let parts: Vec<_> = bytes_of(state).collect();
    let views = (parts.iter())
        .map(|(name, v, bytes)| {
            Ok((
                name.as_str(),
                TensorView::new(Dtype::F32, v.shape.clone(), bytes)?,
            ))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| fail(io::Error::other(e)))?;
    let bytes = safetensors::serialize(views, metadata).map_err(|e| fail(io::Error::other(e)))?;
    replace(path, &bytes).map_err(fail)
}

/// Puts `bytes` under `path` by way of a temporary file beside it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = (|| {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    })();
    if written.is_err() {
        // The error that is reported is the one that made the file useless.
        let _ = fs::remove_file(&partial);
    }
    written?;
    sync_folder(path)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Reads what [`write`] wrote; anything else is an [`Error::Input`].
pub(crate) fn read<H: DeserializeOwned>(path: &Path) -> Result<(H, State)> {
    parse(&load(path)?).map_err(|problem| Error::input(path, problem))
}

/// Reads the floats of any safetensors file; counters are left out.
pub(crate) fn read_tensors(path: &Path) -> Result<State> {
    let fail = |problem: String| Error::input(path, problem);
    let bytes = load(path)?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|e| fail(format!("not a complete safetensors file ({e})")))?;
    let counters = |view: &TensorView<'_>| view.dtype() == Dtype::I64 && view.shape().is_empty();
    let floats = |(name, view): (&str, TensorView<'_>)| Ok((name.to_string(), floats(name, &view)?));
    let kept = tensors.iter().filter(|(_, view)| !counters(view)).map(floats);
    kept.collect::<Result<State, String>>().map_err(fail)
}

fn load(path: &Path) -> Result<Vec<u8>> {
    let fail = |problem: String| Error::input(path, problem);
    let length = fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
    if length > MAX_BYTES {
        return Err(fail(format!(
            "{length} bytes are too many for a model (at most {MAX_BYTES})"
        )));
    }
    fs::read(path).map_err(|e| fail(e.to_string()))
}

fn parse<H: DeserializeOwned>(bytes: &[u8]) -> Result<(H, State), String> {
    let broken = |e| format!("not a complete safetensors file ({e}); fetch or train it again");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    let ours = metadata
        .metadata()
        .as_ref()
        .and_then(|m| m.get(KEY)?.split_once('\n'));
    let (text, expected) = ours.ok_or("a safetensors file, but not one of visard's")?;
    let state = tensors
        .iter()
        .map(|(name, view)| Ok((name.to_string(), floats(name, &view)?)));
    let state = state.collect::<Result<State, String>>()?;
    if digest(text, &state) != expected {
        return Err("the contents do not match their digest; fetch or train it again".into());
    }
    let header = serde_json::from_str(text).map_err(|e| format!("the header cannot be read: {e}"))?;
    Ok((header, state))
}

fn floats(name: &str, view: &TensorView<'_>) -> Result<Values, String> {
    if view.dtype() != Dtype::F32 {
        return Err(format!("tensor {name} holds {:?}, not F32", view.dtype()));
    }
    let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    let values: Vec<f32> = view.data().chunks_exact(4).map(value).collect();
    if values.iter().any(|v| !v.is_finite()) {
        return Err(format!("tensor {name} holds values that are not finite"));
    }
    Ok(Values {
        shape: view.shape().to_vec(),
        values,
    })
}
