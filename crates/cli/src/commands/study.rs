//! `visard study`.

use crate::{
    failure::{SKIPPED, Usage},
    options::DeviceArg,
    talk::{STOP, Talk, table},
};
use indicatif::ProgressBar;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use visard_study::{CellRecord, Error, Event, Options, Outcome, State, Study, Summary, Value};

/// Measure every combination of data sets, schemes, networks and attacks that a file names
///
/// Every cell (images under a scheme, a network that learns from them or attacks on them, a seed) becomes a
/// record in a folder of the study's name below DIR; cells that have their records are not run again, and one
/// that was interrupted goes on from its checkpoint. A cell that cannot be done becomes a record that says why,
/// and the others go on (exit code 3 at the end). Tables (NAME.md, .html, .csv) and plots (.svg) are made from
/// the records. Keys are derived from the study's name and seed, so that it can be repeated: they protect nothing.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  visard study studies/learning/smoke.toml --sets data -o results
  visard study studies/learning/rmt.toml --sets sets/ -o results --list
  visard study studies/learning/rmt.toml --sets sets/ -o results --only block=7
  visard study studies/learning/rmt.toml -o results --render --audits docs/records/audit")]
pub(crate) struct Args {
    /// The study: data sets, schemes, networks and attacks, in TOML
    study: PathBuf,
    /// Folder of the results
    #[arg(short, long, value_name = "DIR", default_value = "results")]
    output: PathBuf,
    /// Folder of the data sets
    #[arg(long, value_name = "DIR", default_value = ".")]
    sets: PathBuf,
    /// Only cells with this in their names
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
    /// List the cells and what is there of them, and run nothing
    #[arg(long, conflicts_with = "render")]
    list: bool,
    /// Make tables and plots from the records that are there, and run nothing
    #[arg(long)]
    render: bool,
    /// Try cells again that failed before
    #[arg(long, conflicts_with_all = ["list", "render"])]
    retry: bool,
    /// Folder of records of `visard audit`, for what comes back of each disguise
    #[arg(long, value_name = "DIR")]
    audits: Option<PathBuf>,
    /// Where networks compute
    #[arg(long, value_enum, default_value_t = DeviceArg::Cpu)]
    device: DeviceArg,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        self.study(talk).map_err(told)
    }

    fn study(&self, talk: &Talk) -> Result<ExitCode, Error> {
        let study = Study::read(&self.study)?;
        if self.list {
            return self.list(&study, talk);
        }
        let summary = if self.render {
            present(&study, &self.output)
        } else {
            self.measure(&study, talk)?
        };
        let results = study.results(&self.output, self.audits.as_deref())?;
        let files = study.render(&results, &self.output)?;
        for (cell, why) in &summary.failed {
            talk.warn(format!("{cell} could not be done: {why}"));
        }
        for (path, problem) in &summary.damaged {
            talk.warn(format!("{}: {problem}", path.display()));
        }
        let main = results.tables().into_iter().next();
        let text = format!(
            "{}{} cells run, {} had their records, {} could not be done, {} records are damaged; see {}",
            main.map_or(String::new(), |main| shown(&main) + "\n"),
            summary.run,
            summary.there,
            summary.failed.len(),
            summary.damaged.len(),
            files
                .iter()
                .find(|file| file.extension().is_some_and(|e| e == "html"))
                .unwrap_or(&self.output)
                .display()
        );
        let value = json!({
            "study": study.name, "cells": study.cells.len(), "run": summary.run, "there": summary.there,
            "failed": pairs(&summary.failed, "cell", "reason"),
            "damaged": pairs(&summary.damaged, "path", "problem"), "files": files,
        });
        say(talk, "study", text, value)?;
        let whole = summary.failed.is_empty() && summary.damaged.is_empty();
        Ok(if whole {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(SKIPPED)
        })
    }

    fn list(&self, study: &Study, talk: &Talk) -> Result<ExitCode, Error> {
        let mut rows = Vec::new();
        for (cell, state) in study.states(&self.output) {
            let name = cell.slug();
            if self
                .only
                .as_ref()
                .is_some_and(|only| !name.contains(only.as_str()))
            {
                continue;
            }
            let state = match &state {
                State::Missing => "to do".to_string(),
                State::There(record) => ended(record),
                State::Damaged(problem) => problem.clone(),
            };
            if talk.json {
                say(
                    talk,
                    "cell",
                    "",
                    json!({ "cell": name, "state": state, "definition": cell }),
                )?;
            }
            rows.push(vec![name, state]);
        }
        if !talk.json {
            say(talk, "cells", table(&["cell", "state"], &rows), json!(null))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Runs what there are no records of, under a progress bar.
    fn measure(&self, study: &Study, talk: &Talk) -> Result<Summary, Error> {
        let bar = talk.bar("study", 0, "cells");
        let watch = |event: Event<'_>| watch(event, &bar, talk);
        let options = Options {
            sets: &self.sets,
            output: &self.output,
            only: self.only.as_deref(),
            retry: self.retry,
            device: self.device.into(),
            stop: &STOP,
            watch: &watch,
        };
        let summary = study.run(&options);
        bar.finish_and_clear();
        summary
    }
}

/// Tells people what happens.
fn watch(event: Event<'_>, bar: &ProgressBar, talk: &Talk) {
    match event {
        Event::Begins { cell, number, of } => {
            bar.set_length(of as u64);
            bar.set_position(number as u64 - 1);
            bar.set_prefix(cell.scheme.to_string());
        }
        Event::Goes { share, doing } => bar.set_message(format!("{:.0} % {doing}", 100.0 * share)),
        Event::Ends(record) => {
            bar.inc(1);
            bar.suspend(|| {
                talk.say(format!(
                    "{}: {} ({:.1} s)",
                    record.cell,
                    ended(record),
                    record.seconds
                ))
            });
        }
    }
}

/// What came of a cell, in words.
fn ended(record: &CellRecord) -> String {
    match &record.outcome {
        Outcome::Trained(trained) => {
            let (low, high) = trained.interval;
            format!(
                "accuracy {:.2} % ({:.2} to {:.2})",
                100.0 * trained.accuracy,
                100.0 * low,
                100.0 * high
            )
        }
        Outcome::Audited { audit } => format!("worst verdict: {}", audit.worst()),
        Outcome::Failed { reason } => format!("failed: {reason}"),
    }
}

/// What is there, where nothing is run.
fn present(study: &Study, output: &Path) -> Summary {
    let mut summary = Summary::default();
    for (cell, state) in study.states(output) {
        match state {
            State::Missing => {}
            State::There(record) => match record.outcome {
                Outcome::Failed { reason } => summary.failed.push((record.cell, reason)),
                _ => summary.there += 1,
            },
            State::Damaged(problem) => {
                let place = study.records(output).join(format!("{}.json", cell.slug()));
                summary.damaged.push((place, problem));
            }
        }
    }
    summary
}

/// What of a table people at a terminal see.
fn shown(one: &visard_study::Table) -> String {
    let one = one.only(&[
        "data set", "images", "network", "front", "accuracy", "from", "to", "cell", "why", "leakage",
    ]);
    let rows: Vec<Vec<String>> = one
        .rows
        .iter()
        .map(|row| row.iter().map(Value::shown).collect())
        .collect();
    let columns: Vec<&str> = one.columns.iter().map(String::as_str).collect();
    table(&columns, &rows)
}

fn pairs<A: serde::Serialize>(all: &[(A, String)], first: &str, second: &str) -> serde_json::Value {
    all.iter().map(|(a, b)| json!({ first: a, second: b })).collect()
}

fn say(talk: &Talk, kind: &str, text: impl AsRef<str>, value: serde_json::Value) -> Result<(), Error> {
    talk.result(kind, text, value).map_err(|source| Error::Output {
        path: "stdout".into(),
        source,
    })
}

/// The error as those of the crates that it came from, which exit codes are known of.
fn told(error: Error) -> anyhow::Error {
    match error {
        Error::Study { .. } => Usage(error.to_string()).into(),
        Error::Input { path, problem } => visard_data::Error::Input { path, problem }.into(),
        Error::Output { path, source } if path == Path::new("stdout") => source.into(),
        Error::Output { path, source } => visard_data::Error::output(&path, source).into(),
        Error::Interrupted => visard_data::Error::Interrupted.into(),
        Error::Data(error) => error.into(),
        Error::Learn(error) => error.into(),
        Error::Audit(error) => error.into(),
        Error::Core(error) => error.into(),
        error => error.into(),
    }
}
