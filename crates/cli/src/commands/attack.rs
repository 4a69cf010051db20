//! `visard attack`.

mod images;
mod model;

use crate::{
    failure::Usage,
    options::{self, ReadingArgs},
    picture,
    talk::{STOP, Talk},
};
use images::ImageArgs;
use model::ModelArgs;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
    time::Duration,
};
use visard_attacks::{Budget, Progress, Verdict, attacks, model as models};
use visard_core::{
    Array, Shape, Values,
    params::{ParamSpec, Params},
};

/// Attack disguised images without any key, or a trained model
///
/// Works on files alone, as an outside researcher would. For attacks on images, scheme, parameters and
/// shapes are taken from the manifest of the disguised data set, or from --scheme, --scheme-set and
/// --shape. An attack that chooses images writes them first (--helpers DIR); their owner disguises
/// them; --chosen takes both back. Attacks on a model take --model and images that are sent to it as
/// they are, or disguised under a key first.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Attack; `visard attacks` lists them
    name: String,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten, next_help_heading = "Attacks on images")]
    images: ImageArgs,
    #[command(flatten, next_help_heading = "Attacks on models")]
    model: ModelArgs,
}

const EXAMPLES: &str = "\
Examples:
  visard attack rmt-row-norms --disguised disguised/ -o results/
  visard attack rmt-regression --disguised disguised/ --pairs known/ known-disguised/ -o results/
  visard attack skk-helper --disguised disguised/ --helpers helpers/
  visard attack skk-helper --disguised disguised/ --chosen helpers/ helpers-disguised/ -o results/ --truth plain/
  visard attack lira --model model.safetensors --members data/@train:0..2000 --others data/@test --own data/@train:2000..6000
  visard attack class-membership --model model.safetensors --others plain/
  visard attack mi-face --model model.safetensors --own plain/ -k owner.key --remove-with owner.key -o results/

What attacks on models measure, by what the model learned from and what is sent to it:
  model of plain images, plain images sent         plain data sets, no key
  model of plain images, disguised images sent     disguised data sets, or plain ones and -k
  model of disguised images, the adversary has
  the disguised images or a key, also a stolen one disguised data sets, or plain ones and -k
  model of disguised images, outsider without key  plain data sets; --own-key for its shadow models";

/// How an attack is run.
#[derive(clap::Args)]
struct RunArgs {
    /// Folder for pictures, recovered material, copies of models and the record; attacks on models write
    /// nothing without it
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Images to judge the result by, which the attack never sees: the plain images; for inverted models,
    /// labelled plain images [default: --own where it is plain]; for copied models, more images to ask both
    /// about
    #[arg(long, value_name = "DATA")]
    truth: Option<PathBuf>,
    /// Set a parameter of the attack
    #[arg(long, value_name = "NAME=VALUE", value_parser = options::setting)]
    set: Vec<(String, String)>,
    /// Seconds after which the attack ends with what it has
    #[arg(long, value_name = "SECONDS")]
    time: Option<f64>,
    /// Most bytes of working storage
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 30)]
    memory: u64,
    /// Determines what the attack draws; no secret
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    reading: ReadingArgs,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        match models::find(&self.name) {
            Ok(info) => self.model.run(info, &self.run, talk)?,
            Err(_) => self.images.run(attacks::find(&self.name)?, &self.run, talk)?,
        }
        Ok(match STOP.load(Ordering::Relaxed) {
            true => ExitCode::from(130),
            false => ExitCode::SUCCESS,
        })
    }
}

impl RunArgs {
    /// The attack's parameters, those that were not set at their defaults.
    fn params(&self, specs: &[ParamSpec]) -> anyhow::Result<Params> {
        Ok(Params::resolve(specs, &options::settings(&self.set)?)?)
    }

    /// What may be spent from now on.
    fn budget(&self) -> anyhow::Result<Budget> {
        let time = self.time.map(Duration::try_from_secs_f64).transpose();
        let time = time.map_err(|error| Usage(format!("--time: {error}")))?;
        Ok(Budget::stoppable(time, self.memory, &STOP))
    }
}

/// Runs something under a progress bar.
fn watched<T>(talk: &Talk, name: &str, run: impl FnOnce(Progress<'_>) -> T) -> T {
    let bar = talk.bar(name, 1000, "");
    let done = run(&|share: f64, what: &str| {
        bar.set_position((share.clamp(0.0, 1.0) * 1000.0) as u64);
        bar.set_message(what.to_string());
    });
    bar.finish_and_clear();
    done
}

/// Refuses a folder that holds something.
fn refuse_occupied(folder: &Path) -> anyhow::Result<()> {
    let taken = folder
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some());
    if !taken {
        return Ok(());
    }
    Err(visard_data::Error::Foreign {
        path: folder.into(),
        problem: "is not empty; choose another folder or delete it".into(),
    }
    .into())
}

fn create(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| visard_data::Error::output(folder, error).into())
}

fn write_record(folder: &Path, record: &serde_json::Value) -> anyhow::Result<()> {
    let (place, text) = (folder.join("record.json"), serde_json::to_string_pretty(record)?);
    std::fs::write(&place, text + "\n").map_err(|error| visard_data::Error::output(&place, error).into())
}

/// The first images as PNG, numbered; grey levels are rounded and confined to 0..=255. Images that are
/// neither grey nor RGB are left out.
fn write_pictures(folder: &Path, shape: Shape, values: &[f32], most: usize) -> anyhow::Result<()> {
    if shape.channels != 1 && shape.channels != 3 {
        return Ok(());
    }
    for (i, image) in values.chunks_exact(shape.len()).take(most).enumerate() {
        let bytes: Vec<u8> = image.iter().map(|v| (v + 0.5).clamp(0.0, 255.0) as u8).collect();
        picture::save(&folder.join(format!("{i:05}.png")), shape, &bytes)?;
    }
    Ok(())
}

/// Images of a shape, one after the other, as an array of arrays.
fn write_images(place: &Path, shape: Shape, values: Values) -> anyhow::Result<()> {
    let images = Array {
        shape: vec![
            values.len() / shape.len(),
            shape.height,
            shape.width,
            shape.channels,
        ],
        values,
    };
    Ok(visard_data::write_arrays(place, &[("images", images)])?)
}

/// How an attack ended, in words.
fn ended(name: &str, verdict: &Verdict, seconds: f64) -> String {
    let how = match verdict {
        Verdict::Complete => "ran to its end".to_string(),
        Verdict::Inconclusive(why) => format!("inconclusive, {why}"),
    };
    format!("{name}: {how} in {seconds:.1} s")
}
