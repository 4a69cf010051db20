//! `visard schemes`.

use crate::talk::{Talk, params_table, params_value, table};
use serde_json::json;
use std::process::ExitCode;
use visard_core::{SchemeInfo, Shape, params::Params, schemes};

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

fn overview() -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for info in schemes::ALL {
        let bits = key_space(info)?.map_or_else(|| "continuous".into(), |bits| format!("{bits:.0} bits"));
        rows.push(vec![
            info.name.into(),
            info.title.into(),
            info.storage.to_string(),
            bits,
            info.removal.to_string(),
            info.per_image.into(),
            info.paper.into(),
        ]);
    }
    let head = [
        "scheme",
        "what",
        "storage",
        "key space*",
        "removable",
        "per image",
        "paper",
    ];
    Ok(format!(
        "{}\n* at the default parameters for {SHAPE}; it says nothing about attacks that do not search it.\n\
         `visard schemes NAME` explains one, with what breaks it.",
        table(&head, &rows)
    ))
}

fn explain(info: &SchemeInfo) -> anyhow::Result<String> {
    Ok(format!(
        "{} - {}\n\n  {}.\n\nPaper: {}\nStorage: {}\nRemovable by the owner: {}\nNetworks: {}\nWhat is known to break \
         it: {}.\n\nParameters (--set NAME=VALUE):\n{}\nExplicit material (--material FILE.npz): {}\n\nExample:\n  \
         visard keygen --scheme {} --shape 28x28x1 --set {}={} -o owner.key",
        info.name,
        info.title,
        info.summary,
        info.paper,
        info.storage,
        info.removal,
        info.networks,
        info.broken_by,
        params_table(info.params),
        info.material.join(", "),
        info.name,
        info.params[0].name,
        info.params[0].default,
    ))
}

fn describe(info: &SchemeInfo) -> anyhow::Result<serde_json::Value> {
    Ok(json!({
        "name": info.name, "title": info.title, "paper": info.paper, "summary": info.summary,
        "broken_by": info.broken_by, "networks": info.networks, "storage": info.storage.to_string(),
        "removal": info.removal.to_string(), "per_image": info.per_image, "hides": info.hides, "key_bits_32x32x3": key_space(info)?,
        "material": info.material, "params": params_value(info.params),
    }))
}
