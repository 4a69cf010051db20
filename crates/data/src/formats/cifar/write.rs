//! Writing CIFAR rows into the same files, with the same numbers of rows, as were read.

use super::{COARSE_FILE, IMAGE, Kind, Layout, Rows, number, separate};
use crate::{
    Batch, Error, FileRecord, Plan, Result, Sink, Stored,
    formats::files::{self, Growing, State},
    load::training_split,
};
use std::path::{Component, Path, PathBuf};

/// Most files of training images: all are held open, and systems allow about a thousand.
const MOST_FILES: u64 = 500;

/// Writes CIFAR files.
#[derive(Debug)]
pub(super) struct CifarSink {
    plan: Plan,
    layout: Layout,
    /// Growing files, split by split.
    files: Vec<Vec<Growing>>,
    written: Vec<u64>,
    rows: Vec<u8>,
}

impl CifarSink {
    pub(super) fn create(plan: Plan) -> Result<Self> {
        let layout = layout(&plan)?;
        let count = layout.files.iter().map(Vec::len).sum();
        let state = State::of(&plan, count)?;
        let mut lengths = state.iter().flat_map(|s| s.files.iter().copied());
        let mut files = Vec::new();
        for split in &layout.files {
            let open = |rows: &Rows| Growing::open(&folder(&plan, &layout).join(&rows.name), lengths.next());
            files.push(split.iter().map(open).collect::<Result<_>>()?);
        }
        let written = state.map_or_else(|| vec![0; files.len()], |s| s.done);
        Ok(Self {
            plan,
            layout,
            files,
            written,
            rows: Vec::new(),
        })
    }

    /// The file that row `at` of split `split` belongs to, and the rows left in it.
    fn place(&self, split: usize, mut at: u64) -> Result<(usize, u64)> {
        for (i, file) in self.layout.files[split].iter().enumerate() {
            if at < file.rows {
                return Ok((i, file.rows - at));
            }
            at -= file.rows;
        }
        Err(Error::Usage(format!(
            "{}: more samples than announced",
            self.plan.root.display()
        )))
    }

    /// Makes rows of images `from..to` of a batch in `self.rows`.
    fn make_rows(&mut self, batch: &Batch, from: usize, to: usize) -> Result<()> {
        let Stored::U8(pixels) = &batch.pixels else {
            return Err(Error::Usage("CIFAR files hold bytes".into()));
        };
        let (labels, row) = (self.layout.cifar.labels(), self.layout.cifar.row());
        self.rows.resize((to - from) * row, 0);
        for (row, i) in self.rows.chunks_exact_mut(row).zip(from..to) {
            let label = files::label_byte(batch.labels[i], &self.plan.root)?;
            if self.layout.cifar == Kind::Hundred {
                let coarse = self.layout.coarse.get(usize::from(label)).copied().flatten();
                row[0] = coarse.ok_or_else(|| {
                    Error::Usage(format!(
                        "fine class {label} has no coarse class; write .npz instead"
                    ))
                })?;
            }
            row[labels - 1] = label;
            separate(&pixels[i * IMAGE..(i + 1) * IMAGE], &mut row[labels..]);
        }
        Ok(())
    }
}

fn folder(plan: &Plan, layout: &Layout) -> PathBuf {
    plan.root.join(&layout.folder)
}

/// The layout of the input, or CIFAR-10's where the input is of another format.
fn layout(plan: &Plan) -> Result<Layout> {
    let normal = |name: &String| {
        Path::new(name)
            .components()
            .all(|c| matches!(c, Component::Normal(_)))
    };
    let known: Option<Layout> = serde_json::from_value(plan.meta.layout.clone()).ok();
    if let Some(mut layout) = known {
        if let Some(files) = layout.files.get_mut(training_split(&plan.meta)) {
            repeat(files, plan.copies)?;
        }
        let fits = layout.files.len() == plan.meta.splits.len()
            && layout
                .files
                .iter()
                .zip(&plan.meta.splits)
                .all(|(files, split)| files.iter().map(|f| f.rows).sum::<u64>() == split.count);
        let safe = normal(&layout.folder) && layout.files.iter().flatten().all(|f| normal(&f.name));
        if fits && safe {
            return Ok(layout);
        }
    }
    let file = |split: &crate::Split| {
        let name = match split.name.as_str() {
            "train" | "data" => "data_batch_1.bin",
            "test" | "t10k" => "test_batch.bin",
            other => {
                let problem = format!("CIFAR files have no split {other:?}; write a folder instead");
                return Err(Error::Usage(problem));
            }
        };
        Ok(vec![Rows {
            name: name.into(),
            rows: split.count,
        }])
    };
    Ok(Layout {
        cifar: Kind::Ten,
        folder: String::new(),
        files: plan.meta.splits.iter().map(file).collect::<Result<_>>()?,
        coarse: Vec::new(),
        coarse_names: Vec::new(),
    })
}

/// Makes room for copies of a split. CIFAR-10's numbered files are repeated under the numbers that
/// follow, so that each copy stays in files of its own; where a file has one fixed name, it grows.
fn repeat(files: &mut Vec<Rows>, copies: u64) -> Result<()> {
    let numbers: Option<Vec<u32>> = files.iter().map(|file| number(&file.name)).collect();
    let Some(highest) = numbers.and_then(|numbers| numbers.into_iter().max()) else {
        let grow = |file: &mut Rows| file.rows = file.rows.saturating_mul(copies);
        files.iter_mut().for_each(grow);
        return Ok(());
    };
    if copies > 1 && (files.len() as u64).saturating_mul(copies) > MOST_FILES {
        return Err(Error::Usage(format!(
            "{copies} copies of {} CIFAR files are more than {MOST_FILES} files; make fewer copies, or write another \
             format (--format npz holds one split)",
            files.len()
        )));
    }
    let span = u64::from(highest).max(files.len() as u64);
    let one = files.clone();
    for copy in 1..copies {
        files.extend(one.iter().zip(1..).map(|(file, place)| Rows {
            name: format!("data_batch_{}.bin", copy * span + place),
            rows: file.rows,
        }));
    }
    // Numbers that do not fit would not be found again.
    match files.iter().find(|file| number(&file.name).is_none()) {
        None => Ok(()),
        Some(file) => Err(Error::Usage(format!(
            "{} has too high a number; number the files from 1 on",
            file.name
        ))),
    }
}

impl Sink for CifarSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        files::check_batch(batch, &self.plan, Some(super::SHAPE))?;
        if batch.first != self.written[batch.split] {
            let problem = format!(
                "{}: sample {} is out of turn",
                self.plan.root.display(),
                batch.first
            );
            return Err(Error::Usage(problem));
        }
        let mut from = 0;
        while from < batch.len() {
            let (file, left) = self.place(batch.split, self.written[batch.split])?;
            let n = (batch.len() - from).min(usize::try_from(left).unwrap_or(usize::MAX));
            self.make_rows(batch, from, from + n)?;
            self.files[batch.split][file].append(&self.rows)?;
            self.written[batch.split] += n as u64;
            from += n;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Option<serde_json::Value>> {
        let mut files = Vec::new();
        for file in self.files.iter_mut().flatten() {
            file.sync()?;
            files.push(file.len());
        }
        Ok(Some(
            State {
                done: self.written.clone(),
                files,
            }
            .value(),
        ))
    }

    fn finish(self: Box<Self>) -> Result<Vec<FileRecord>> {
        for (split, written) in self.plan.meta.splits.iter().zip(&self.written) {
            if split.count != *written {
                let problem = format!(
                    "{}: {} samples expected, {written} written",
                    split.name, split.count
                );
                return Err(Error::Usage(problem));
            }
        }
        let (root, folder) = (&self.plan.root, folder(&self.plan, &self.layout));
        let mut records = Vec::new();
        for file in self.files.into_iter().flatten() {
            records.push(file.finish(root)?);
        }
        let texts = [
            (self.layout.cifar.class_file(), &self.plan.meta.classes),
            (COARSE_FILE, &self.layout.coarse_names),
        ];
        for (name, lines) in texts.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            records.push(files::write_text(root, &folder.join(name), &text)?);
        }
        Ok(records)
    }
}
