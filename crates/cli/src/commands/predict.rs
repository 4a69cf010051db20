//! `visard predict`.

use crate::{
    failure::{Mismatch, Usage},
    open_key::KeyArgs,
    options::{FitArg, ReadingArgs},
    talk::Talk,
};
use anyhow::Context;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use visard_core::{Key, SampleId};
use visard_data::{Batch, Depth, Fit, Gallery, Reading, Scale, Stored};
use visard_learn::{Examples, Model, ModelInfo, Prediction};

/// Disguise images, let a model name their class
///
/// What leaves the owner is the disguised image; here the model runs beside the key.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  visard predict -m model.safetensors -k owner.key shoe.png")]
pub(crate) struct Args {
    /// Model file
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
    /// Image files
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// What to do with images of another size than the key's
    #[arg(long, value_enum, default_value_t = FitArg::Error)]
    fit: FitArg,
    /// Mixing schemes: the plain data set whose training images are blended in
    #[arg(long, value_name = "DATA")]
    partners: Option<PathBuf>,
    /// Mixing schemes with cross=true: the plain data set of public images
    #[arg(long, value_name = "DATA")]
    public: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let model = Model::load(&self.model)?;
        let key = match model.info().disguise.get("fingerprint").and_then(|f| f.as_str()) {
            None => None,
            Some(_) if self.key.key.is_none() => {
                return Err(
                    Usage("the model was trained on disguised images: say -k with its key".into()).into(),
                );
            }
            Some(fingerprint) => {
                let key = self.key.open(talk)?;
                check_key(&key, fingerprint)?;
                Some(key)
            }
        };
        let gallery = key.as_ref().map(|key| self.gallery(key)).transpose()?.flatten();
        for path in &self.images {
            let batch = read_image(path, &self.reading.reading())?;
            let prediction = name_class(&model, key.as_ref(), batch, self.fit.into(), gallery.as_ref())?;
            let info = model.info();
            let class = &info.classes[prediction.class as usize];
            talk.result(
                "prediction",
                format!("{}: {class} ({:.1} %)", path.display(), 100.0 * prediction.probability),
                json!({ "image": path, "class": class, "probability": prediction.probability, "top": prediction.top }),
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    /// What the key's scheme blends in, if it does.
    fn gallery(&self, key: &Key) -> anyhow::Result<Option<Gallery>> {
        if !key.scheme().mixes() {
            return Ok(None);
        }
        let Some(partners) = &self.partners else {
            return Err(
                Usage("this key mixes images: say --partners with the plain training images".into()).into(),
            );
        };
        let shape = key
            .shape()
            .context("a key that mixes images needs a shape of its own to predict with")?;
        let public = self.public.as_deref();
        let fit = self.fit.into();
        Ok(Some(Gallery::load(
            partners,
            public,
            shape,
            fit,
            self.reading.reading(),
        )?))
    }
}

fn check_key(key: &Key, fingerprint: &str) -> anyhow::Result<()> {
    let own = key.fingerprint().to_string();
    if own == fingerprint {
        return Ok(());
    }
    Err(Mismatch(format!(
        "the model was trained under the key {fingerprint}, this is the key {own}"
    ))
    .into())
}

/// A batch of the one image in the file.
pub(crate) fn read_image(path: &Path, reading: &Reading) -> anyhow::Result<Batch> {
    let bytes = std::fs::read(path).map_err(|error| visard_data::Error::input(path, error))?;
    let image = visard_data::decode::decode(path, &bytes, reading)?;
    Ok(Batch {
        ids: vec![SampleId::of("predict")],
        names: vec![path.to_path_buf()],
        shape: image.shape,
        pixels: image.pixels,
        ..Batch::new(Depth::U8)
    })
}

/// Disguises one plain image as the model's training images were, and asks the model.
pub(crate) fn name_class(
    model: &Model,
    key: Option<&Key>,
    plain: Batch,
    fit: Fit,
    gallery: Option<&Gallery>,
) -> anyhow::Result<Prediction> {
    let batch = match key {
        None => plain,
        Some(key) => visard_data::disguise_batch(
            key,
            visard_keys::fresh_salt()?,
            fit,
            storage(model.info())?,
            gallery,
            plain,
        )?,
    };
    let scale = storage(model.info())?
        .1
        .filter(|_| !matches!(batch.pixels, Stored::F32(_)));
    let encodings = batch.ids.len();
    let examples = Examples::new(batch.shape, batch.pixels, scale, Vec::new())?.with_encodings(encodings)?;
    let predictions = model.predict(&examples)?;
    predictions.into_iter().next().context("the model gave no answer")
}

/// How the model's training images were stored.
fn storage(info: &ModelInfo) -> anyhow::Result<(Depth, Option<Scale>)> {
    let field = |name: &str| info.disguise.get(name).cloned().unwrap_or_default();
    let depth: Option<Depth> =
        serde_json::from_value(field("depth")).context("the model's record of its disguise")?;
    let scale: Option<Scale> =
        serde_json::from_value(field("scale")).context("the model's record of its disguise")?;
    Ok((depth.unwrap_or(Depth::U8), scale))
}
