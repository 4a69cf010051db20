//! `visard inspect`.

use crate::{
    options::ReadingArgs,
    talk::{Talk, splits_text},
};
use serde_json::json;
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};
use visard_data::Opened;
use visard_keys::KeyFile;
use visard_learn::Model;

/// Show what a key file, a data set or a model says about itself (no secret needed or shown)
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  visard inspect owner.key\n  visard inspect disguised/\n  visard inspect model.safetensors"
)]
pub(crate) struct Args {
    /// Key file, data set or model
    path: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        match kind(&self.path)? {
            Kind::Key => inspect_key(&self.path, talk)?,
            Kind::Model => inspect_model(&self.path, talk)?,
            Kind::Data => self.inspect_data(talk)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn inspect_data(&self, talk: &Talk) -> anyhow::Result<()> {
        let data = Opened::open(&self.path, self.reading.reading())?;
        let mut text = format!(
            "data set: {}, {}\n",
            data.format.title,
            splits_text(&data.meta.splits)
        );
        if let Some(shape) = data.meta.shape {
            text += &format!("images of {shape}\n");
        }
        if !data.meta.classes.is_empty() {
            text += &format!(
                "{} classes: {}\n",
                data.meta.classes.len(),
                data.meta.classes.join(", ")
            );
        }
        match &data.manifest {
            None => text += "plain: no visard.json\n",
            Some(m) => {
                text += &format!(
                    "disguised by {} with {} ({})\nkey {}\nsalt {}\n",
                    m.program, m.scheme, m.params, m.fingerprint, m.salt
                );
                if let Some(jpeg) = m.jpeg {
                    text += &format!("stored as {jpeg}\n");
                }
            }
        }
        let value = json!({
            "format": data.format.name, "splits": data.meta.splits, "shape": data.meta.shape,
            "classes": data.meta.classes, "manifest": data.manifest,
        });
        Ok(talk.result("data", text, value)?)
    }
}

enum Kind {
    Key,
    Model,
    Data,
}

/// Tells files apart by their first bytes.
fn kind(path: &Path) -> anyhow::Result<Kind> {
    let unreadable = |error| visard_data::Error::input(path, error);
    if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(Kind::Data);
    }
    let mut head = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut head))
        .map_err(unreadable)?;
    // A safetensors file starts with the length of its header and a brace.
    if head.get(8) == Some(&b'{') && !head.starts_with(b"{") {
        return Ok(Kind::Model);
    }
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head);
    let is_key = text.starts_with(b"#") || text.starts_with(b"version");
    Ok(if is_key { Kind::Key } else { Kind::Data })
}

fn inspect_key(path: &Path, talk: &Talk) -> anyhow::Result<()> {
    let file = KeyFile::read(path)?;
    if let Some(warning) = visard_keys::permissions_warning(path) {
        talk.warn(warning);
    }
    let shape = file.shape().map_or_else(|| "any".to_string(), |s| s.to_string());
    let params: Vec<String> = file
        .params()
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let text = format!(
        "key file: {} ({}) for images of {shape}\nlock: {}\nfingerprint {}",
        file.scheme(),
        params.join(" "),
        file.lock(),
        file.fingerprint()
    );
    let value = json!({
        "scheme": file.scheme(), "params": file.params(), "shape": shape, "lock": file.lock().to_string(),
        "fingerprint": file.fingerprint().to_string(),
    });
    Ok(talk.result("key", text, value)?)
}

fn inspect_model(path: &Path, talk: &Talk) -> anyhow::Result<()> {
    let model = Model::load(path)?;
    let info = model.info();
    let mut text = format!(
        "model: {} ({}) for images of {}, {} classes, {} epochs\n",
        info.network,
        info.params,
        info.shape,
        info.classes.len(),
        info.history.len()
    );
    if let Some(front) = &info.front {
        text += &format!("behind the front {} ({})\n", front.name, front.params);
    }
    match info.disguise.get("fingerprint").and_then(|f| f.as_str()) {
        Some(fingerprint) => text += &format!("trained on images disguised with the key {fingerprint}\n"),
        None => text += "trained on plain images\n",
    }
    if let Some(last) = info.history.last() {
        text += &format!("last epoch: training loss {:.4}", last.train_loss);
        if let Some(accuracy) = last.val_accuracy {
            text += &format!(", validation accuracy {:.2} %", 100.0 * accuracy);
        }
    }
    Ok(talk.result("model", text, serde_json::to_value(info)?)?)
}
