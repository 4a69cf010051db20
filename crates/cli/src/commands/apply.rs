//! `visard apply`.

use crate::{
    failure::SKIPPED,
    open_key::KeyArgs,
    options::{CopiesArgs, DepthArg, FitArg, JpegArgs, ReadingArgs, WritingArgs},
    talk::{STOP, Talk},
};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};
use visard_core::Key;
use visard_data::{Control, Copies, Fit, Mixing, Report, Request};

/// Name and version, for manifests.
pub(crate) const PROGRAM: &str = concat!("visard ", env!("CARGO_PKG_VERSION"));

/// Disguise a data set under a key
///
/// Writes a data set of the same kind, all its splits under the one key, with a manifest
/// (visard.json). An interrupted run goes on by itself when the same command is given again.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  visard apply -k owner.key fashion-mnist/ disguised/
  visard apply -k owner.key photos/ disguised/ --fit resize --depth 16
  visard apply -k owner.key images.npz disguised.npz
  visard apply -k mix.key train.npz mixed.npz --public landscapes/
  visard apply -k mix.key test.npz queries.npz --partners train.npz --public landscapes/
  visard apply -k etc16.key photos/ disguised/ --jpeg 90 --jpeg-subsampling 420
  visard apply -k owner.key cifar-10/ disguised/ --copies 10 --augment shift=4 --augment flip

Shifting or mirroring disguised images would break their blocks, so augment before disguising: --copies N
writes the training images N times, first as they are, then N - 1 times changed at random. An epoch of N-fold
data costs N epochs of single data. remove gives back all copies, changed as they are.")]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobArgs,
    /// How schemes of reals (rmt) are stored [default: 8 in image formats, float in npz]
    #[arg(long, value_enum)]
    depth: Option<DepthArg>,
    #[command(flatten)]
    jpeg: JpegArgs,
    /// What to do with images of another size than the key's
    #[arg(long, value_enum, default_value_t = FitArg::Error)]
    fit: FitArg,
    #[command(flatten)]
    copies: CopiesArgs,
    /// Mixing schemes: take partners from the training images of DATA and keep labels as they are,
    /// for images that are to be recognised
    #[arg(long, value_name = "DATA")]
    partners: Option<PathBuf>,
    /// Mixing schemes with cross=true: the plain data set of public images
    #[arg(long, value_name = "DATA")]
    public: Option<PathBuf>,
    /// Mixing schemes: number of classes of the soft labels [default: what the data set names]
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        // A request that makes no sense should not ask for a passphrase first.
        let copies = self.copies.copies();
        copies.check()?;
        let key = self.job.key.open(talk)?;
        let request = Request {
            copies,
            depth: self.depth.map(Into::into),
            jpeg: self.jpeg.jpeg(),
            fit: self.fit.into(),
            mixing: Mixing {
                partners: self.partners.as_deref(),
                public: self.public.as_deref(),
                classes: self.classes,
            },
            ..self.job.request(&key)?
        };
        self.job
            .run(talk, "apply", |control| visard_data::apply(request, control))
    }
}

/// What `apply` and `remove` have in common.
#[derive(clap::Args)]
pub(crate) struct JobArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Data set to read: a folder of images or class folders, IDX files, CIFAR files, or .npz
    input: PathBuf,
    /// Data set to write
    output: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    writing: WritingArgs,
}

impl JobArgs {
    /// The request with nothing special about it.
    pub(crate) fn request<'a>(&'a self, key: &'a Key) -> anyhow::Result<Request<'a>> {
        Ok(Request {
            input: &self.input,
            output: &self.output,
            key,
            reading: self.reading.reading(),
            format: self.writing.format()?,
            depth: None,
            jpeg: None,
            fit: Fit::Error,
            mixing: Mixing::default(),
            copies: Copies::default(),
            program: PROGRAM,
            salt: None,
        })
    }

    /// Runs the job and prints what it did.
    pub(crate) fn run(
        &self,
        talk: &Talk,
        kind: &str,
        job: impl FnOnce(Control<'_>) -> visard_data::Result<Report>,
    ) -> anyhow::Result<ExitCode> {
        let report = watched(talk, kind, self.writing.checkpoint()?, job)?;
        tell(talk, kind, &report, &self.output)
    }
}

/// Runs a job under a progress bar and the interrupt handler.
pub(crate) fn watched(
    talk: &Talk,
    what: &str,
    checkpoint: std::time::Duration,
    job: impl FnOnce(Control<'_>) -> visard_data::Result<Report>,
) -> anyhow::Result<Report> {
    let bar = talk.bar(what, 0, "images");
    let progress = |p: visard_data::Progress| {
        bar.set_length(p.total);
        bar.set_position(p.done);
    };
    let report = job(Control {
        progress: &progress,
        stop: &STOP,
        checkpoint,
    });
    bar.finish_and_clear();
    Ok(report?)
}

/// Prints what a run did.
fn tell(talk: &Talk, kind: &str, report: &Report, output: &std::path::Path) -> anyhow::Result<ExitCode> {
    if report.started_over {
        talk.warn("the input has changed since the interrupted run, so the run was started over");
    }
    for (path, reason) in &report.skipped {
        talk.warn(format!("skipped {}: {reason}", path.display()));
    }
    if let Some(scale) = report.scale.filter(|_| kind == "apply") {
        talk.say(format!(
            "stored in steps of {:.4} grey levels: an error of at most {:.4}, {:.4} root mean square, in the disguised \
             values{}",
            scale.step,
            scale.max_error(),
            scale.rms_error(),
            if scale.max == 255 { "; --depth 16 or float stores them exactly enough to restore every byte" } else { "" }
        ));
    }
    let splits: Vec<String> = report
        .written
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let mut text = format!("{}: {} ({})", output.display(), report.format, splits.join(", "));
    if report.already_complete {
        text += "\nwas complete already; nothing was done";
    } else {
        let fresh = report.images() - report.resumed.min(report.images());
        text += &format!(
            "\n{fresh} images in {:.2} s, {:.0} images/s",
            report.seconds,
            fresh as f64 / report.seconds.max(1e-9)
        );
    }
    if report.resumed > 0 {
        text += &format!("\n{} images were there from an interrupted run", report.resumed);
    }
    let skipped: Vec<_> = report
        .skipped
        .iter()
        .map(|(p, r)| json!({ "path": p, "reason": r }))
        .collect();
    talk.result(
        kind,
        text,
        json!({
            "output": output, "format": report.format, "images": report.images(), "resumed": report.resumed,
            "already_complete": report.already_complete, "started_over": report.started_over,
            "splits": report.written, "skipped": skipped, "scale": report.scale,
            "shape": report.shape, "seconds": report.seconds, "scheme_seconds": report.transforming,
            "peak_memory_bytes": peak_memory(),
        }),
    )?;
    Ok(if report.skipped.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SKIPPED)
    })
}

/// Most memory that this process has held so far, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}
