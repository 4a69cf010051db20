//! Running a study: cell by cell, going on where an earlier run stopped.

use crate::{
    CellRecord, Definition, Error, Outcome, Result, Study, cell::Bench, data, data::Plain, disguise::clear,
};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};
use visard_learn::DeviceKind;

/// How a study is run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Folder of the data sets.
    pub sets: &'a Path,
    /// Folder of the results: records go into a folder of the study's name in it.
    pub output: &'a Path,
    /// Only cells with this in their names are run.
    pub only: Option<&'a str>,
    /// Whether cells that failed before are tried again.
    pub retry: bool,
    /// Where networks compute.
    pub device: DeviceKind,
    /// Set from outside to stop.
    pub stop: &'static AtomicBool,
    /// Told what happens.
    pub watch: &'a (dyn Fn(Event<'_>) + Sync),
}

/// What happens while a study runs.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A cell begins.
    Begins {
        /// The cell.
        cell: &'a Definition,
        /// Its number among those that are run, from 1.
        number: usize,
        /// Cells that are run.
        of: usize,
    },
    /// A cell goes on.
    Goes {
        /// Share of the cell that is done, 0 to 1.
        share: f64,
        /// What is being done.
        doing: &'a str,
    },
    /// A cell is done, or has failed.
    Ends(&'a CellRecord),
}

/// What is there of a cell.
#[derive(Clone, Debug)]
pub enum State {
    /// Nothing yet.
    Missing,
    /// Its record, which may say that it failed.
    There(Box<CellRecord>),
    /// A file in its place that is no record of it, and the mend.
    Damaged(String),
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Cells that were run.
    pub run: usize,
    /// Cells that had their records already.
    pub there: usize,
    /// Cells that failed, now or before, and why.
    pub failed: Vec<(String, String)>,
    /// Files that stand in the place of a record, and the mend.
    pub damaged: Vec<(PathBuf, String)>,
}

impl Study {
    /// The folder of its records below the folder of the results.
    pub fn records(&self, output: &Path) -> PathBuf {
        output.join(&self.name)
    }

    /// The cells with what is there of each.
    pub fn states(&self, output: &Path) -> Vec<(&Definition, State)> {
        let folder = self.records(output);
        self.cells
            .iter()
            .map(|cell| (cell, state(cell, &place(&folder, cell))))
            .collect()
    }

    /// Runs the cells that have no records yet.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it was stopped; if data sets are missing, before anything is run; if another
    /// run is writing here, or records cannot be written.
    pub fn run(&self, options: &Options<'_>) -> Result<Summary> {
        let folder = self.records(options.output);
        let work = folder.join("work");
        let mut summary = Summary::default();
        let mut todo = Vec::new();
        for (cell, state) in self.states(options.output) {
            let chosen = options.only.is_none_or(|only| cell.slug().contains(only));
            match state {
                State::Missing if chosen => todo.push(cell),
                State::Missing => {}
                State::There(record) => match &record.outcome {
                    Outcome::Failed { .. } if chosen && options.retry => todo.push(cell),
                    Outcome::Failed { reason } => summary.failed.push((record.cell, reason.clone())),
                    _ => summary.there += 1,
                },
                State::Damaged(problem) => summary.damaged.push((place(&folder, cell), problem)),
            }
        }
        for cell in &todo {
            data::open(&options.sets.join(&cell.dataset.path))?;
        }
        if todo.is_empty() {
            return Ok(summary);
        }
        fs::create_dir_all(&work).map_err(|error| Error::output(&work, error))?;
        let lock = lock(&work)?;
        let done = self.run_all(&todo, &folder, options, &mut summary);
        clear(&work.join("sets"))?;
        drop(lock);
        if done.is_ok() {
            clear(&work)?;
        }
        done.map(|()| summary)
    }

    fn run_all(
        &self,
        todo: &[&Definition],
        folder: &Path,
        options: &Options<'_>,
        summary: &mut Summary,
    ) -> Result<()> {
        let work = folder.join("work");
        let mut held: Option<(&Definition, Plain)> = None;
        for (number, cell) in todo.iter().enumerate() {
            if options.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            (options.watch)(Event::Begins {
                cell,
                number: number + 1,
                of: todo.len(),
            });
            let plain = match held.take() {
                Some(held) if held.0.dataset == cell.dataset => held.1,
                _ => {
                    let sets = work.join("sets");
                    clear(&sets)?;
                    Plain::read(&cell.dataset, options.sets, sets)?
                }
            };
            let own = work.join(cell.slug());
            fs::create_dir_all(&own).map_err(|error| Error::output(&own, error))?;
            let told = |share: f64, doing: &str| (options.watch)(Event::Goes { share, doing });
            let bench = Bench {
                cell,
                plain: &plain,
                folder: &own,
                options,
                told: &told,
            };
            let record = bench.run()?;
            record.write(&place(folder, cell))?;
            clear(&own)?;
            summary.run += 1;
            if let Outcome::Failed { reason } = &record.outcome {
                summary.failed.push((record.cell.clone(), reason.clone()));
            }
            (options.watch)(Event::Ends(&record));
            held = Some((cell, plain));
        }
        Ok(())
    }
}

/// Where the record of a cell lies.
fn place(folder: &Path, cell: &Definition) -> PathBuf {
    folder.join(format!("{}.json", cell.slug()))
}

fn state(cell: &Definition, place: &Path) -> State {
    if !place.exists() {
        return State::Missing;
    }
    match CellRecord::read(place) {
        Ok(record) if record.definition == *cell => State::There(Box::new(record)),
        Ok(_) => State::Damaged("is the record of another cell; delete it and run the study again".into()),
        Err(Error::Input { problem, .. }) => State::Damaged(problem),
        Err(error) => State::Damaged(error.to_string()),
    }
}

/// Keeps other runs out; goes with the file, also when the program is killed.
fn lock(work: &Path) -> Result<File> {
    let path = work.join("lock");
    let file = File::create(&path).map_err(|error| Error::output(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(visard_data::Error::Locked { path: work.into() }.into()),
        Err(TryLockError::Error(error)) => Err(Error::output(&path, error)),
    }
}
