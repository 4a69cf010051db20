//! `visard audit`.

pub(crate) mod files;
mod images;
mod levels;
mod told;

use crate::{
    failure::Usage,
    open_key::KeyArgs,
    options::{FitArg, ReadingArgs},
    talk::{STOP, Talk},
};
use anyhow::Context;
use levels::Level;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode, time::Duration};
use visard_audit::{
    Access, KeyOracle, ModelSettings, Options, Progress, Report, Show, Training, Verdict, Wanted, bundled,
};
use visard_core::{Key, Shape};
use visard_keys::{fresh_salt, generate_secret};
use visard_learn::networks;

/// Exit code of an audit that is worse than `--fail-on` allows.
const WORSE: u8 = 20;

/// Attack your own disguise at every level and write a report
///
/// Disguises a sample of your images in memory under your key, plays every adversary with every attack that
/// applies, and says what comes back: broken (pictures come back), leaks (something recognisable or linkable comes
/// back), or not broken by these attacks at these budgets. Writes the page, and beside it the record (.json) and
/// a table (.csv). The page shows pictures of bundled images under another key, unless --include-originals is
/// said. Without a data set the bundled images are audited on.
///
/// Level M trains a network on at most half of the attacked images, disguised, and attacks it: who was trained on,
/// which class an image is of, what the classes look like, a copy of the model; without a key, and with the key that
/// an attack of the other levels recovered. The same network trained on the plain images stands beside it. It needs
/// labels and about 200 images.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  visard audit -k owner.key fashion-mnist/ -o report.html
  visard audit -k owner.key -o report.html
  visard audit -k owner.key photos/ --fit crop --levels 1 --fail-on broken -o report.html
  visard audit -k owner.key fashion-mnist/ --levels 1,2,3,M --train --time 3600 -o report.html
  visard audit --compare before.json after.json")]
pub(crate) struct Args {
    #[command(flatten)]
    key: KeyArgs,
    /// Plain data set [default: the bundled images]
    data: Option<PathBuf>,
    /// Levels to play: 1 disguised images, with and without public ones; 2 known pairs; 3 chosen images; M a model
    /// trained on disguised images, without and with a key that the other levels recovered (minutes more)
    #[arg(
        long,
        value_name = "LEVELS",
        value_delimiter = ',',
        default_value = "1,2,3",
        value_enum
    )]
    levels: Vec<Level>,
    /// Also the attacks that train networks, and a network that names what recovered pictures show (minutes more)
    #[arg(long)]
    train: bool,
    /// Network of level M, with the front that the scheme recommends for it; `visard networks` lists them
    #[arg(long, value_name = "NAME", default_value = "mlp")]
    network: String,
    /// Passes over the training images at level M
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: u32,
    /// Most shadow models that an attack of level M trains
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=256))]
    shadows: u32,
    /// Numbers of known pairs for level 2
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "1,2,5,20,100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pairs: Vec<u32>,
    /// Plain images of a similar kind that anybody can get [default: other images of the data set]
    #[arg(long, value_name = "DATA")]
    public: Option<PathBuf>,
    /// Images to attack, drawn at random
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    sample: u32,
    /// Split of the data set [default: the training split]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Show your own images in the page: whoever has it then has pairs
    #[arg(long)]
    include_originals: bool,
    /// Seconds for the whole; what was not reached is said
    #[arg(long, value_name = "SECONDS", default_value_t = 900.0)]
    time: f64,
    /// Most bytes of working storage for each attack
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30)]
    memory: u64,
    /// Determines what is drawn for the attacks; no secret
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// End with exit code 20 if any level comes out so or worse
    #[arg(long, value_enum, value_name = "VERDICT")]
    fail_on: Option<FailOn>,
    /// The page to write; record and table go beside it
    #[arg(short, long, value_name = "FILE", required_unless_present = "compare")]
    output: Option<PathBuf>,
    /// Show two records side by side instead, and as a page with -o
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"], conflicts_with_all = ["data", "public", "fail_on", "train"])]
    compare: Option<Vec<PathBuf>>,
    /// What to do with images of another size than the key's
    #[arg(long, value_enum, default_value_t = FitArg::Error)]
    fit: FitArg,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// `--fail-on`.
#[derive(Clone, Copy, clap::ValueEnum)]
enum FailOn {
    Broken,
    Leaks,
}

impl FailOn {
    fn verdict(self) -> Verdict {
        match self {
            Self::Broken => Verdict::Broken,
            Self::Leaks => Verdict::Leaks,
        }
    }
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        if let Some([a, b]) = self.compare.as_deref() {
            return told::compare(a, b, self.output.as_deref(), talk);
        }
        let page = self.output.as_deref().context("say -o FILE")?;
        let files = files::Files::beside(page)?;
        networks::find(&self.network)?;
        let time =
            Duration::try_from_secs_f64(self.time).map_err(|error| Usage(format!("--time: {error}")))?;
        let key = self.key.open(talk)?;
        let report = self.audit(&key, time, talk)?;
        files.write(&report, self.include_originals)?;
        let audit = &report.audit;
        let mut value = serde_json::to_value(audit)?;
        value["output"] = json!(page);
        talk.result("audit", told::told(audit, page), value)?;
        let worse = self
            .fail_on
            .is_some_and(|fail_on| audit.worst() >= fail_on.verdict());
        Ok(if worse {
            ExitCode::from(WORSE)
        } else {
            ExitCode::SUCCESS
        })
    }

    fn audit(&self, key: &Key, time: Duration, talk: &Talk) -> anyhow::Result<Report> {
        let mut pairs: Vec<usize> = self.pairs.iter().map(|count| *count as usize).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let access: Vec<Access> = Access::ALL
            .into_iter()
            .filter(|access| self.levels.iter().any(|level| level.name() == access.level()))
            .collect();
        let known = pairs.last().copied().unwrap_or(0);
        let subjects = match &self.data {
            Some(data) => self.subjects(key, data, known, talk)?,
            None => {
                let shape = key.shape().unwrap_or(Shape::new(32, 32, 3));
                bundled::subjects(shape, wanted(shape, self.sample, known), self.seed)?
            }
        };
        let options = Options {
            access,
            pairs,
            time: Some(time),
            memory: self.memory,
            seed: self.seed,
            stop: &STOP,
            fingerprint: key.fingerprint().to_string(),
            command: self.command(),
        };
        if self.include_originals {
            let warning = "the page will hold plain images and their disguises under this key: keep it as you keep the \
                           images";
            talk.warn(warning);
            return audited_with(&self.training(), key, &subjects, Show::Originals, &options, talk);
        }
        let shape = subjects.shape();
        let instead = bundled::subjects(shape, wanted(shape, self.sample, known), self.seed).ok();
        let show = instead.as_ref().map_or(Show::Nothing, Show::Instead);
        audited_with(&self.training(), key, &subjects, show, &options, talk)
    }

    /// What is trained.
    fn training(&self) -> Training {
        let models = ModelSettings {
            epochs: self.epochs as usize,
            shadows: self.shadows as usize,
            ..ModelSettings::new(&self.network)
        };
        Training {
            attacks: self.train,
            models: self.levels.contains(&Level::Model).then_some(models),
        }
    }

    /// The command that repeats the audit, without names of files, which may tell more than the report.
    fn command(&self) -> String {
        let list = |values: &[u32]| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let levels: Vec<&str> = self.levels.iter().map(|level| level.name()).collect();
        let mut text = format!(
            "visard audit -k KEY{} --levels {} --pairs {} --sample {} --seed {} --time {} --memory {}",
            if self.data.is_some() { " DATA" } else { "" },
            levels.join(","),
            list(&self.pairs),
            self.sample,
            self.seed,
            self.time,
            self.memory
        );
        if self.levels.contains(&Level::Model) {
            text += &format!(
                " --network {} --epochs {} --shadows {}",
                self.network, self.epochs, self.shadows
            );
        }
        if self.train {
            text += " --train";
        }
        if self.public.is_some() {
            text += " --public DATA";
        }
        text + " -o report.html"
    }
}

/// Numbers of images of each kind: as many as asked for, and not more than a working memory holds.
fn wanted(shape: Shape, sample: u32, known: usize) -> Wanted {
    /// Values of plain images of one kind.
    const VALUES: usize = 1 << 26;
    let most = (VALUES / shape.len()).max(64);
    Wanted {
        attacked: (sample as usize).min(most),
        known: known.min(most),
        public: 4000.min(most),
    }
}

/// Audits a key without training anything, with another key of the same scheme beside it.
pub(crate) fn audited(
    key: &Key,
    subjects: &visard_audit::Subjects,
    show: Show<'_>,
    options: &Options,
    talk: &Talk,
) -> anyhow::Result<Report> {
    audited_with(&Training::default(), key, subjects, show, options, talk)
}

/// Likewise with what `training` asks for.
fn audited_with(
    training: &Training,
    key: &Key,
    subjects: &visard_audit::Subjects,
    show: Show<'_>,
    options: &Options,
    talk: &Talk,
) -> anyhow::Result<Report> {
    let shape = subjects.shape();
    let (scheme, params) = (key.scheme().info().name, key.scheme().params().texts());
    let other = Key::new(scheme, &params, Some(shape), generate_secret()?, None)?;
    let public = subjects.public.as_ref().map(|public| &public.images);
    let owner = KeyOracle::new(key, shape, fresh_salt()?, public);
    let stranger = KeyOracle::new(&other, shape, fresh_salt()?, public);
    let bar = talk.bar("audit", 1000, "");
    let watch = |progress: Progress<'_>| {
        bar.set_position((progress.share.clamp(0.0, 1.0) * 1000.0) as u64);
        bar.set_message(format!("{} {}", progress.attack, progress.doing));
    };
    let report = visard_audit::run_with(training, &owner, &stranger, subjects, show, options, &watch);
    bar.finish_and_clear();
    Ok(report?)
}
