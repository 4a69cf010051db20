//! Attacks on disguised images.

use super::{RunArgs, create, ended, refuse_occupied, watched, write_images, write_pictures, write_record};
use crate::{commands::eval::split_named, failure::Usage, options, talk::Talk};
use anyhow::Context;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use visard_attacks::{AttackInfo, Exposure, Outcome, Pairs, Rng, Set, Target, score};
use visard_core::{Pixels, Values, params::Params};
use visard_data::{Loaded, Opened, Stored};

/// Pictures that are written one by one; all of them are in reconstructions.npz.
const PICTURES: usize = 64;

/// What the adversary of disguised images holds.
#[derive(clap::Args)]
pub(super) struct ImageArgs {
    /// Disguised data set to attack
    #[arg(long, value_name = "DATA", conflicts_with = "model")]
    disguised: Option<PathBuf>,
    /// Known images: a plain data set, and the same one disguised under the attacked key
    #[arg(long, num_args = 2, value_names = ["PLAIN", "DISGUISED"], conflicts_with = "model")]
    pairs: Option<Vec<PathBuf>>,
    /// Chosen images: what --helpers wrote, and the same disguised under the attacked key
    #[arg(long, num_args = 2, value_names = ["HELPERS", "DISGUISED"], conflicts_with = "model")]
    chosen: Option<Vec<PathBuf>>,
    /// Plain images of a similar kind that anybody can get
    #[arg(long, value_name = "DATA", conflicts_with = "model")]
    public: Option<PathBuf>,
    /// With --truth: judge also after the best state that the attack cannot know (a negative, an order and
    /// inversion of the channels, a pose), chosen once for all images [default: the states that the attack says it
    /// cannot know]
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "STATES",
        requires = "truth",
        conflicts_with = "model"
    )]
    modulo: Vec<Modulo>,
    /// With --modulo: choose the state for each image
    #[arg(long, requires = "modulo")]
    each: bool,
    /// Write the images that the attack wants disguised into this folder, and stop
    #[arg(long, value_name = "DIR", conflicts_with = "model")]
    helpers: Option<PathBuf>,
    /// Scheme, where there is no manifest
    #[arg(long, value_name = "SCHEME", requires = "shape", conflicts_with = "model")]
    scheme: Option<String>,
    /// Set a parameter of the scheme, where there is no manifest
    #[arg(long, value_name = "NAME=VALUE", value_parser = options::setting, requires = "scheme")]
    scheme_set: Vec<(String, String)>,
    /// Shape of the plain images, where there is no manifest
    #[arg(long, value_name = "SHAPE", requires = "scheme")]
    shape: Option<String>,
    /// Split of the data sets [default: the training split]
    #[arg(long, value_name = "NAME", conflicts_with = "model")]
    split: Option<String>,
    /// Attack the first N disguised images only
    #[arg(long, value_name = "N", conflicts_with = "model")]
    limit: Option<usize>,
}

/// States of a picture that an attack may not be able to know.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Modulo {
    Negative,
    Colors,
    Poses,
}

impl ImageArgs {
    pub(super) fn run(&self, info: &AttackInfo, run: &RunArgs, talk: &Talk) -> anyhow::Result<()> {
        let params = run.params(info.params)?;
        let Some(disguised) = &self.disguised else {
            return Err(Usage(format!(
                "{} attacks disguised images: say --disguised DATA",
                info.name
            ))
            .into());
        };
        let mut data = Opened::open(disguised, run.reading.reading())?;
        let target = self.target(disguised, &data)?;
        if let Some(folder) = &self.helpers {
            return write_helpers(info, &target, &params, folder, talk);
        }
        let Some(output) = run.output.as_deref() else {
            return Err(Usage("the results need a folder: say -o DIR".into()).into());
        };
        refuse_occupied(output)?;
        let disguised = self.load(&mut data, disguised, self.limit.unwrap_or(usize::MAX))?;
        let exposure = self.exposure(target, disguised, run)?;
        let budget = run.budget()?;
        let started = Instant::now();
        let outcome = watched(talk, info.name, |progress| {
            (info.run)(&exposure, &params, &budget, &mut Rng::new(run.seed), progress)
        })?;
        let taken = started.elapsed();
        // A truth that does not fit must not cost what the attack found.
        create(output)?;
        write_outcome(output, &outcome)?;
        let record = self.record(info, &params, (&exposure, &outcome), taken, run)?;
        write_record(output, &record)?;
        talk.result("attack", told(info, &outcome, &record, output), record)?;
        Ok(())
    }

    /// What is public about the disguise.
    fn target(&self, disguised: &Path, data: &Opened) -> anyhow::Result<Target> {
        if let (Some(scheme), Some(shape)) = (&self.scheme, &self.shape) {
            return Ok(Target::new(
                scheme,
                &options::settings(&self.scheme_set)?,
                shape.parse()?,
            )?);
        }
        let Some(manifest) = &data.manifest else {
            let problem = "has no visard.json that names its scheme: say --scheme and --shape";
            return Err(visard_data::Error::input(disguised, problem).into());
        };
        let plain = manifest.plain_shape.or(manifest.shape);
        let plain = plain.context("the images have several shapes; attack those of one shape")?;
        Ok(Target::new(&manifest.scheme, &manifest.params.texts(), plain)?)
    }

    fn exposure(&self, target: Target, disguised: Set, run: &RunArgs) -> anyhow::Result<Exposure> {
        let pairs = |plain: &Path, disguised: &Path| -> anyhow::Result<Pairs> {
            Ok(Pairs::new(self.open(plain, run)?, self.open(disguised, run)?)?)
        };
        let mut exposure = Exposure::new(target, disguised)?;
        if let Some([plain, disguised]) = self.pairs.as_deref() {
            exposure = exposure.with_pairs(pairs(plain, disguised)?)?;
        }
        if let Some([plain, disguised]) = self.chosen.as_deref() {
            exposure = exposure.with_chosen(pairs(plain, disguised)?)?;
        }
        if let Some(public) = &self.public {
            exposure = exposure.with_public(self.open(public, run)?)?;
        }
        Ok(exposure)
    }

    fn open(&self, path: &Path, run: &RunArgs) -> anyhow::Result<Set> {
        let mut data = Opened::open(path, run.reading.reading())?;
        self.load(&mut data, path, usize::MAX)
    }

    fn load(&self, data: &mut Opened, path: &Path, limit: usize) -> anyhow::Result<Set> {
        let split = match &self.split {
            None => data.training_split(),
            Some(name) => split_named(data, path, name)?,
        };
        let scale = data.scale();
        set_of(data.load(path, split, limit)?, scale)
    }

    /// How an outcome's guesses are judged, `disguised` being the images that they are guesses of.
    fn judging<'a>(&self, exposure: &Exposure, outcome: &Outcome, disguised: &'a Set) -> score::Options<'a> {
        let scheme = &exposure.target.scheme;
        let (low, high) = scheme
            .output(exposure.target.plain)
            .map_or((0.0, 0.0), |output| output.range);
        let asked = score::Ambiguity {
            negative: self.modulo.contains(&Modulo::Negative),
            colors: self.modulo.contains(&Modulo::Colors),
            poses: self.modulo.contains(&Modulo::Poses),
        };
        let (ambiguity, choose) = match (asked.is_none(), self.each) {
            (true, _) => (outcome.ambiguity, outcome.choose),
            (false, true) => (asked, score::Choose::Each),
            (false, false) => (asked, score::Choose::Once),
        };
        score::Options {
            ambiguity,
            choose,
            // Values of other ranges are no grey levels that pictures could be compared in, and one of
            // several encodings is no image of its own.
            disguised: (low <= 0.0 && high >= 255.0 && scheme.encodings() == 1).then_some(disguised),
            wrong_key: None,
        }
    }

    fn record(
        &self,
        info: &AttackInfo,
        params: &Params,
        (exposure, outcome): (&Exposure, &Outcome),
        taken: Duration,
        run: &RunArgs,
    ) -> anyhow::Result<serde_json::Value> {
        let scored = match (&run.truth, &outcome.reconstructions) {
            (Some(truth), Some(guess)) => {
                // An attack that makes several images one, or that ran out of time, gives fewer guesses.
                let truth = self.open(truth, run)?.first(guess.len());
                let disguised = exposure.disguised.first(guess.len());
                let options = self.judging(exposure, outcome, &disguised);
                Some(serde_json::to_value(score::score(&truth, guess, &options)?)?)
            }
            _ => None,
        };
        let held = |set: Option<&Set>| set.map_or(0, Set::len);
        Ok(json!({
            "kind": "attack", "attack": info.name, "level": info.level.to_string(), "params": params,
            "scheme": exposure.target.name(), "scheme_params": exposure.target.scheme.params(),
            "plain_shape": exposure.target.plain, "disguised": exposure.disguised.len(),
            "pairs": held(exposure.pairs.as_ref().map(|p| &p.plain)),
            "chosen": held(exposure.chosen.as_ref().map(|p| &p.plain)), "public": held(exposure.public.as_ref()),
            "seed": run.seed, "verdict": outcome.verdict, "figures": outcome.figures,
            "evidence": outcome.evidence, "score": scored,
            "seconds": taken.as_secs_f64(), "version": env!("CARGO_PKG_VERSION"),
        }))
    }
}

/// A loaded split as an adversary's set, with its soft labels: codes of quantised reals become reals again.
fn set_of(loaded: Loaded, scale: Option<visard_data::Scale>) -> anyhow::Result<Set> {
    let pixels = match (loaded.pixels, scale) {
        (Stored::U8(codes), Some(scale)) => Pixels::F32(
            codes
                .into_iter()
                .map(|code| scale.decode(u16::from(code)))
                .collect(),
        ),
        (Stored::U16(codes), Some(scale)) => {
            Pixels::F32(codes.into_iter().map(|code| scale.decode(code)).collect())
        }
        (Stored::U8(bytes), None) => Pixels::U8(bytes),
        (Stored::F32(values), _) => Pixels::F32(values),
        (Stored::U16(_), None) => anyhow::bail!("16-bit images without a scale cannot be attacked"),
    };
    let set = Set::new(loaded.shape, pixels, loaded.labels)?;
    Ok(match loaded.soft {
        Some((classes, rows)) => set.with_soft(classes, rows)?,
        None => set,
    })
}

fn write_helpers(
    info: &AttackInfo,
    target: &Target,
    params: &Params,
    folder: &Path,
    talk: &Talk,
) -> anyhow::Result<()> {
    let Some(make) = info.helpers else {
        return Err(Usage(format!("{} chooses no images: leave --helpers out", info.name)).into());
    };
    let helpers = make(target, params)?;
    refuse_occupied(folder)?;
    create(folder)?;
    write_pictures(folder, helpers.shape(), &helpers.to_floats(), usize::MAX)?;
    talk.result(
        "helpers",
        format!(
            "{}: {} images of {} to be disguised under the attacked key; then give --chosen {} DISGUISED",
            folder.display(),
            helpers.len(),
            helpers.shape(),
            folder.display()
        ),
        json!({ "path": folder, "images": helpers.len(), "shape": helpers.shape() }),
    )?;
    Ok(())
}

/// Pictures, all reconstructions, and recovered material.
fn write_outcome(folder: &Path, outcome: &Outcome) -> anyhow::Result<()> {
    if let Some(guess) = &outcome.reconstructions {
        let pictures = folder.join("pictures");
        create(&pictures)?;
        write_pictures(&pictures, guess.shape(), &guess.to_floats(), PICTURES)?;
        let values = match guess.pixels() {
            Pixels::U8(bytes) => Values::U8(bytes.clone()),
            Pixels::F32(values) => Values::F64(values.iter().map(|v| f64::from(*v)).collect()),
        };
        write_images(&folder.join("reconstructions.npz"), guess.shape(), values)?;
    }
    let material = outcome.material.iter();
    let arrays: Vec<_> = material.map(|(name, array)| (name, array.clone())).collect();
    if !arrays.is_empty() {
        visard_data::write_arrays(&folder.join("material.npz"), &arrays)?;
    }
    Ok(())
}

fn told(info: &AttackInfo, outcome: &Outcome, record: &serde_json::Value, output: &Path) -> String {
    let seconds = record["seconds"].as_f64().unwrap_or_default();
    let mut text = ended(info.name, &outcome.verdict, seconds);
    for (name, value) in &outcome.figures {
        text += &format!("\n  {name}: {value:.4}");
    }
    let found: Vec<&str> = outcome.material.iter().map(|(name, _)| name).collect();
    if !found.is_empty() {
        text += &format!("\n  recovered material: {}", found.join(", "));
    }
    let mut line = |what: &str, judged: &serde_json::Value| {
        for state in ["raw", "modulo"] {
            let quality = &judged[state];
            if quality.is_object() {
                let median = |name: &str| quality[name]["median"].to_string();
                text += &format!(
                    "\n  {what}, {state}: PSNR {} dB, SSIM {}, edges {}, exact values {} (medians)",
                    median("psnr"),
                    median("ssim"),
                    median("edges"),
                    median("pixels")
                );
            }
        }
    };
    line("guess", &record["score"]["guess"]);
    line("null, the disguised images", &record["score"]["disguised"]);
    line("null, the mean image", &record["score"]["mean"]);
    text + &format!("\nresults in {}", output.display())
}
