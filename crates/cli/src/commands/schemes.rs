//! `visard schemes`.

use crate::talk::{Talk, params_table, params_value, table};
use serde_json::json;
use std::process::ExitCode;
use visard_core::{Removal, SchemeInfo, Shape, Storage, params::Params, schemes};

/// List the schemes, or explain one
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  visard schemes\n  visard schemes rmt")]
pub(crate) struct Args {
    /// Scheme to explain
    name: Option<String>,
}

/// Key spaces are given for this shape.
const SHAPE: Shape = Shape::new(32, 32, 3);

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        match &self.name {
            Some(name) => {
                let info = schemes::find(name)?;
                talk.result("scheme", explain(info)?, describe(info)?)?;
            }
            None => {
                let all = schemes::ALL
                    .iter()
                    .map(|info| describe(info))
                    .collect::<anyhow::Result<Vec<_>>>()?;
                talk.result("schemes", overview()?, json!({ "schemes": all }))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn key_space(info: &SchemeInfo) -> anyhow::Result<Option<f64>> {
    let scheme = (info.build)(&Params::resolve(info.params, &Default::default())?)?;
    Ok(scheme.key_bits(SHAPE))
}

/// Type and shape of what becomes of an image of [`SHAPE`].
fn output(info: &SchemeInfo) -> anyhow::Result<String> {
    let scheme = (info.build)(&Params::resolve(info.params, &Default::default())?)?;
    let output = scheme.output(SHAPE)?;
    Ok(if output.shape == SHAPE {
        output.dtype.to_string()
    } else {
        format!("{} {}", output.dtype, output.shape)
    })
}

fn overview() -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for info in schemes::ALL {
        rows.push(vec![
            info.name.into(),
            info.hides.into(),
            output(info)?,
            info.storage.to_string(),
            bits(info)?,
            info.removal.to_string(),
            info.per_image.into(),
            info.paper.into(),
        ]);
    }
    let head = [
        "scheme",
        "hides",
        "output*",
        "storage",
        "key space*",
        "removable",
        "fresh for each image",
        "paper",
    ];
    Ok(format!(
        "{}\n* at the default parameters for {SHAPE}; the key space says nothing about attacks that do not search \
         it.\n`visard schemes NAME` explains one, with what breaks it.",
        table(&head, &rows)
    ))
}

fn bits(info: &SchemeInfo) -> anyhow::Result<String> {
    Ok(key_space(info)?.map_or_else(|| "continuous".into(), |bits| format!("{bits:.0} bits")))
}

fn explain(info: &SchemeInfo) -> anyhow::Result<String> {
    let removal = match info.removal {
        Removal::Never(reason) => format!("no: {reason}"),
        other => other.to_string(),
    };
    Ok(format!(
        "{} - {}\n\n  {}.\n\nPaper: {}\nHides: {}\nOutput for {SHAPE}: {}\nStorage: {}\nKey space for {SHAPE}: {} (no \
         measure of attacks that do not search it)\nFresh for each image: {}\nRemovable by the owner: {removal}\nNetworks: \
         {}\nFront before the network: {}\nDisguised images tolerate while training: {}\nWhat is known to break it: {}.\n\nParameters (--set NAME=VALUE):\n{}\nExplicit material (--material \
         FILE.npz): {}\n\nExample:\n{}",
        info.name,
        info.title,
        info.summary,
        info.paper,
        info.hides,
        output(info)?,
        info.storage,
        bits(info)?,
        info.per_image,
        info.networks,
        info.front,
        tolerates(info)?,
        info.broken_by,
        params_table(info.params),
        info.material.join(", "),
        example(info)?,
    ))
}

/// The changes that disguised images bear, at the default parameters.
fn tolerates(info: &SchemeInfo) -> anyhow::Result<String> {
    let scheme = (info.build)(&Params::resolve(info.params, &Default::default())?)?;
    Ok(scheme.tolerates().to_string())
}

/// Commands that make a key and use it.
fn example(info: &SchemeInfo) -> anyhow::Result<String> {
    let scheme = (info.build)(&Params::resolve(info.params, &Default::default())?)?;
    let set = info
        .params
        .first()
        .map_or_else(String::new, |p| format!(" --set {}={}", p.name, p.default));
    let apply = match info.storage {
        _ if scheme.mixes() => "visard apply -k owner.key train.npz disguised.npz",
        Storage::Tokens => "visard apply -k owner.key train/ disguised.npz --format npz",
        _ => "visard apply -k owner.key train/ disguised/",
    };
    let jpeg = match scheme.jpeg_block() {
        None => String::new(),
        Some(_) => format!(
            "\n  visard keygen --scheme {0} --shape 224x224x3 --set block=16 -o jpeg.key\n  visard apply -k jpeg.key photos/ \
             disguised/ --jpeg 90",
            info.name
        ),
    };
    Ok(format!(
        "  visard keygen --scheme {} --shape {SHAPE}{set} -o owner.key\n  {apply}{jpeg}",
        info.name
    ))
}

fn describe(info: &SchemeInfo) -> anyhow::Result<serde_json::Value> {
    Ok(json!({
        "name": info.name, "title": info.title, "paper": info.paper, "summary": info.summary,
        "broken_by": info.broken_by, "networks": info.networks, "front": info.front, "tolerates": tolerates(info)?, "storage": info.storage.to_string(),
        "removal": info.removal.to_string(), "per_image": info.per_image, "hides": info.hides, "output_32x32x3": output(info)?, "key_bits_32x32x3": key_space(info)?,
        "material": info.material, "params": params_value(info.params),
    }))
}
