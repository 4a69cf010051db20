//! `visard keygen`.

use crate::{failure::Usage, open_key, options, talk::Talk};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};
use visard_core::{Key, Shape};
use visard_data::{Limits, Opened, Reading};
use visard_keys::Lock;

/// Make a key file
///
/// The key file holds the secret, the scheme with its parameters, and the shape of the images. It
/// is locked with a passphrase (asked for) or to age recipients. Keep a copy: without it nothing
/// can be restored.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  visard keygen --scheme rmt --shape 28x28x1 -o owner.key
  visard keygen --scheme aes --set per_position=false --like photos/ -o owner.key
  visard keygen --scheme rmt --shape 32x32x3 --set noise=25 --recipient age1... -o owner.key")]
pub(crate) struct Args {
    /// Scheme; `visard schemes` lists them
    #[arg(long)]
    scheme: String,
    /// Shape of the images, HEIGHTxWIDTHxCHANNELS, or `any` where the scheme allows it
    #[arg(
        long,
        value_name = "SHAPE",
        required_unless_present = "like",
        conflicts_with = "like"
    )]
    shape: Option<String>,
    /// Take the shape from the first image of this data set
    #[arg(long, value_name = "DATA")]
    like: Option<PathBuf>,
    /// Set a parameter of the scheme
    #[arg(long, value_name = "NAME=VALUE", value_parser = options::setting)]
    set: Vec<(String, String)>,
    /// Key file to write; never overwritten
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Lock the key to this age recipient (age1...); may be repeated
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Vec<String>,
    /// Read the passphrase from this open file descriptor instead of the terminal
    #[arg(long, value_name = "N", conflicts_with = "recipient")]
    passphrase_fd: Option<u32>,
    /// Do not lock the key at all (mode 0600): for experiments
    #[arg(long, conflicts_with_all = ["recipient", "passphrase_fd"])]
    insecure_plaintext_key: bool,
    /// Use these arrays instead of derived ones: for known answers and others' keys
    #[arg(long, value_name = "FILE.npz")]
    material: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        if self.output.exists() {
            let problem = format!(
                "{}: exists already; keys are never overwritten",
                self.output.display()
            );
            return Err(visard_data::Error::Foreign {
                path: self.output.clone(),
                problem: problem
                    .split_once(": ")
                    .map_or_else(String::new, |(_, p)| p.into()),
            }
            .into());
        }
        let material = self
            .material
            .as_deref()
            .map(|path| visard_data::read_material(path, &Limits::default()));
        let key = Key::new(
            &self.scheme,
            &options::settings(&self.set)?,
            self.shape()?,
            visard_keys::generate_secret()?,
            material.transpose()?,
        )?;
        let lock = if self.insecure_plaintext_key {
            Lock::None
        } else if self.recipient.is_empty() {
            Lock::passphrase(open_key::passphrase(self.passphrase_fd, &self.output, true)?)
        } else {
            Lock::Recipients(self.recipient.clone())
        };
        visard_keys::write_new(&self.output, &key, &lock)?;
        self.report(&key, talk)
    }

    fn shape(&self) -> anyhow::Result<Option<Shape>> {
        match (self.shape.as_deref(), &self.like) {
            (Some("any"), _) => Ok(None),
            (Some(text), _) => Ok(Some(text.parse()?)),
            (None, Some(path)) => {
                let reading = Reading {
                    floats: true,
                    ..Reading::default()
                };
                let mut data = Opened::open(path, reading)?;
                if let Some(shape) = data.meta.shape {
                    return Ok(Some(shape));
                }
                let split = data.training_split();
                Ok(Some(data.load(path, split, 1)?.shape))
            }
            (None, None) => Err(Usage("say --shape HEIGHTxWIDTHxCHANNELS or --like DATA".into()).into()),
        }
    }

    fn report(&self, key: &Key, talk: &Talk) -> anyhow::Result<ExitCode> {
        let shape = key.shape().map_or_else(|| "any".to_string(), |s| s.to_string());
        for line in key.shape().map(|s| key.scheme().advice(s)).unwrap_or_default() {
            talk.say(format!("note: {line}"));
        }
        let name = key.scheme().info().name;
        talk.result(
            "key",
            format!(
                "wrote {}: {name} ({}) for images of {shape}\nfingerprint {}\nkeep a copy: without this file nothing \
                 can be restored",
                self.output.display(),
                key.scheme().params(),
                key.fingerprint()
            ),
            json!({
                "path": self.output, "scheme": name, "params": key.scheme().params(), "shape": shape,
                "fingerprint": key.fingerprint().to_string(),
            }),
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
