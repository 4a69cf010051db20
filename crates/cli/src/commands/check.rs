//! `visard check`.

use crate::{
    open_key::KeyArgs,
    options::{DepthArg, FitArg, ReadingArgs},
    talk::{Talk, splits_text},
};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};
use visard_core::{Affine, Dtype, Shape, Tolerates};
use visard_data::{Depth, Fit, Opened};

/// Tell whether a key and a data set will work together, before the run
#[derive(clap::Args)]
#[command(after_help = "Example:\n  visard check -k owner.key fashion-mnist/")]
pub(crate) struct Args {
    #[command(flatten)]
    key: KeyArgs,
    /// Plain data set
    data: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
    /// What to do with images of another size than the key's
    #[arg(long, value_enum, default_value_t = FitArg::Error)]
    fit: FitArg,
    /// How schemes of reals would be stored
    #[arg(long, value_enum)]
    depth: Option<DepthArg>,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let key = self.key.open(talk)?;
        let mut data = Opened::open(&self.data, self.reading.reading())?;
        if let Some(manifest) = &data.manifest {
            manifest.check_key(&self.data, &key)?;
            talk.result(
                "check",
                format!("{}: disguised with this key already", self.data.display()),
                json!({ "disguised": true }),
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        let own = match data.meta.shape {
            Some(shape) => shape,
            None => {
                let split = data.training_split();
                data.load(&self.data, split, 1)?.shape
            }
        };
        let plain = self.plain_shape(key.shape().unwrap_or(own), own)?;
        let output = key.disguise(plain)?.output();
        let depth = match (output.dtype, self.depth) {
            (Dtype::U8, _) => Depth::U8,
            (Dtype::F32, asked) => asked.map_or(data.format.depths[0], Depth::from),
        };
        let mut notes = key.scheme().advice(plain);
        if let Some(problem) = (data.format.refuses)(&data.meta, output.shape, depth) {
            return Err(crate::failure::Usage(format!("{}: {problem}", data.format.name)).into());
        }
        if depth != Depth::F32 && output.dtype == Dtype::F32 {
            let affine = Affine::cover(output.range, if depth == Depth::U8 { 255 } else { 65_535 });
            notes.push(format!(
                "stored with {depth} bits: an error of at most {:.4} grey levels ({:.4} root mean square)",
                affine.max_error(),
                affine.rms_error()
            ));
        }
        let info = key.scheme().info();
        notes.push(visard_data::jpeg::advice(key.scheme(), output.shape));
        notes.push(format!("networks: {}", info.networks));
        notes.push(match info.front {
            "none" => "front: none is needed before a network".into(),
            front => format!("front: {front} before the network, which `train` takes by itself"),
        });
        let tolerates = key.scheme().tolerates();
        notes.push(match tolerates == Tolerates::default() {
            true => "augmentation: shifts, crops and flips of disguised images break the alignment of blocks and key; \
                     augment before disguising (apply --copies N --augment ...)"
                .into(),
            false => format!(
                "augmentation: disguised images tolerate {tolerates} (train --augment ...); others before disguising \
                 (apply --copies N --augment ...)"
            ),
        });
        let text = format!(
            "{}: {} ({}), images of {own} -> {} ({depth})\n{}",
            self.data.display(),
            data.format.name,
            splits_text(&data.meta.splits),
            output.shape,
            notes.iter().map(|note| format!("- {note}\n")).collect::<String>()
        );
        talk.result(
            "check",
            text,
            json!({
                "format": data.format.name, "splits": data.meta.splits, "plain_shape": own,
                "shape": output.shape, "depth": depth, "front": info.front, "notes": notes,
            }),
        )?;
        Ok(ExitCode::SUCCESS)
    }

    /// The shape that images will have when they are disguised.
    fn plain_shape(&self, wanted: Shape, own: Shape) -> anyhow::Result<Shape> {
        if wanted == own || Fit::from(self.fit) != Fit::Error {
            return Ok(wanted);
        }
        Err(visard_data::Error::Input {
            path: self.data.clone(),
            problem: format!(
                "holds images of {own}, the key is for {wanted}: say --fit resize, crop or pad, or make a key for {own}"
            ),
        }
        .into())
    }
}
