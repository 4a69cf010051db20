//! `visard audit`.

pub(crate) mod files;
mod images;

use crate::{
    failure::Usage,
    open_key::KeyArgs,
    options::{FitArg, ReadingArgs},
    talk::{STOP, Talk, table},
};
use anyhow::Context;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use visard_audit::{Access, Audit, KeyOracle, Options, Progress, Report, Show, Verdict, Wanted, bundled};
use visard_core::{Key, Shape};
use visard_keys::{fresh_salt, generate_secret};

/// Exit code of an audit that is worse than `--fail-on` allows.
const WORSE: u8 = 20;

/// Attack your own disguise at every level and write a report
///
/// Disguises a sample of your images in memory under your key, plays every adversary with every attack that
/// applies, and says what comes back: broken (pictures come back), leaks (something recognisable or linkable comes
/// back), or not broken by these attacks at these budgets. Writes the page, and beside it the record (.json) and
/// a table (.csv). The page shows pictures of bundled images under another key, unless --include-originals is
/// said. Without a data set the bundled images are audited on.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  visard audit -k owner.key fashion-mnist/ -o report.html
  visard audit -k owner.key -o report.html
  visard audit -k owner.key photos/ --fit crop --levels 1 --fail-on broken -o report.html
  visard audit --compare before.json after.json")]
pub(crate) struct Args {
    #[command(flatten)]
    key: KeyArgs,
    /// Plain data set [default: the bundled images]
    data: Option<PathBuf>,
    /// Levels to play: 1 disguised images, with and without public ones; 2 known pairs; 3 chosen images
    #[arg(long, value_name = "LEVELS", value_delimiter = ',', default_value = "1,2,3", value_parser = clap::value_parser!(u8).range(1..=3))]
    levels: Vec<u8>,
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
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"], conflicts_with_all = ["data", "public", "fail_on"])]
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
            return self.compare(a, b, talk);
        }
        let page = self.output.as_deref().context("say -o FILE")?;
        let files = files::Files::beside(page)?;
        let time =
            Duration::try_from_secs_f64(self.time).map_err(|error| Usage(format!("--time: {error}")))?;
        let key = self.key.open(talk)?;
        let report = self.audit(&key, time, talk)?;
        files.write(&report, self.include_originals)?;
        let audit = &report.audit;
        let mut value = serde_json::to_value(audit)?;
        value["output"] = json!(page);
        talk.result("audit", told(audit, page), value)?;
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
            .filter(|access| self.levels.contains(&access.number()))
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
            return audited(key, &subjects, Show::Originals, &options, talk);
        }
        let shape = subjects.shape();
        let instead = bundled::subjects(shape, wanted(shape, self.sample, known), self.seed).ok();
        match &instead {
            Some(instead) => audited(key, &subjects, Show::Instead(instead), &options, talk),
            None => audited(key, &subjects, Show::Nothing, &options, talk),
        }
    }

    /// The command that repeats the audit, without names of files, which may tell more than the report.
    fn command(&self) -> String {
        let list = |values: &[u32]| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let levels: Vec<u32> = self.levels.iter().map(|level| u32::from(*level)).collect();
        let mut text = format!(
            "visard audit -k KEY{} --levels {} --pairs {} --sample {} --seed {} --time {} --memory {}",
            if self.data.is_some() { " DATA" } else { "" },
            list(&levels),
            list(&self.pairs),
            self.sample,
            self.seed,
            self.time,
            self.memory
        );
        if self.public.is_some() {
            text += " --public DATA";
        }
        text + " -o report.html"
    }

    fn compare(&self, a: &Path, b: &Path, talk: &Talk) -> anyhow::Result<ExitCode> {
        let comparison = visard_audit::compare::compare(&Audit::read(a)?, &Audit::read(b)?);
        if let Some(page) = &self.output {
            files::write_new(page, visard_audit::page::compared(&comparison).as_bytes(), false)?;
        }
        let cell = |verdict: Option<Verdict>, skill: Option<f64>| {
            let verdict = verdict.map_or("not run".to_string(), |verdict| verdict.to_string());
            skill.map_or(verdict.clone(), |skill| format!("{verdict} ({skill:.2})"))
        };
        let levels = comparison
            .levels
            .iter()
            .map(|row| (format!("level {}", row.of), row.verdicts, row.skills));
        let attacks = comparison
            .attacks
            .iter()
            .map(|row| (row.of.clone(), row.verdicts, row.skills));
        let rows: Vec<Vec<String>> = levels
            .chain(attacks)
            .map(|(of, v, s)| vec![of, cell(v[0], s[0]), cell(v[1], s[1])])
            .collect();
        let mut text = table(&["", &comparison.subjects[0], &comparison.subjects[1]], &rows);
        for caveat in &comparison.caveats {
            text += &format!("not quite comparable: {caveat}\n");
        }
        talk.result("comparison", text, serde_json::to_value(&comparison)?)?;
        Ok(ExitCode::SUCCESS)
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

/// Audits a key, with another key of the same scheme beside it.
pub(crate) fn audited(
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
    let report = visard_audit::run(&owner, &stranger, subjects, show, options, &watch);
    bar.finish_and_clear();
    Ok(report?)
}

/// The verdicts for people.
fn told(audit: &Audit, page: &Path) -> String {
    let rows: Vec<Vec<String>> = audit
        .levels
        .iter()
        .map(|level| {
            vec![
                level.access.to_string(),
                level.verdict.to_string(),
                if level.by.is_empty() {
                    "-".into()
                } else {
                    level.by.join(", ")
                },
            ]
        })
        .collect();
    let mut text = table(&["level", "verdict", "by"], &rows);
    for one in &audit.not_run {
        text += &format!("not run: {}: {}\n", one.name, one.why);
    }
    for attack in &audit.attacks {
        if let Some(why) = attack.points.last().and_then(|point| point.inconclusive.as_ref()) {
            text += &format!("inconclusive: {}: {why}\n", attack.name);
        }
    }
    text + &format!(
        "{} attacks in {:.0} s; the report is {}",
        audit.attacks.len(),
        audit.seconds,
        page.display()
    )
}
