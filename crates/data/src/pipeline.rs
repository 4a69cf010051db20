//! From a source through a transformation to a sink: three stages that work at the same time on a
//! few batches that go round, so that memory does not depend on the size of the data set.

use crate::{Batch, Depth, Error, Result, Sink, Source, journal::Journal};
use serde_json::Value;
use std::{
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

/// Values that a batch aims at; small enough for several batches in memory, large enough to
/// spread over the cores.
const BATCH_VALUES: usize = 2 << 20;
/// Most images of one batch.
const BATCH_IMAGES: usize = 4096;
/// Batches under way between two stages.
const AHEAD: usize = 2;

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Images written so far, those of an interrupted run included.
    pub done: u64,
    /// Images in all.
    pub total: u64,
}

/// How a run is watched and stopped.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Called after every batch.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// Set from outside to stop after the batches under way.
    pub stop: &'a AtomicBool,
    /// Time between two checkpoints.
    pub checkpoint: Duration,
}

/// How plain images and output images go together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grouping {
    /// Output images made from each plain one.
    pub encodings: usize,
    /// Plain images that must come in one batch, from multiples of this number on.
    pub together: usize,
}

impl Grouping {
    /// One output for each image, in batches of any size.
    pub(crate) const NONE: Self = Self {
        encodings: 1,
        together: 1,
    };

    /// Whether a run can go on from a checkpoint, which may fall between images that belong together.
    fn resumes(self) -> bool {
        self.encodings == 1 && self.together == 1
    }

    /// Images to read at once, where `images` would do.
    fn batch(self, images: usize) -> usize {
        let outputs = (images / self.encodings).max(1);
        outputs.next_multiple_of(self.together)
    }
}

/// What happened to the images of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// Images written per split, those of an interrupted run included.
    pub written: Vec<u64>,
    /// Inputs left out per split, those of an interrupted run included.
    pub left_out: Vec<u64>,
    /// Seconds spent transforming.
    pub transforming: f64,
    /// Inputs left out.
    pub skipped: Vec<(PathBuf, String)>,
}

impl Flow {
    /// The flow of a run that goes on from the state of a checkpoint; `None` if the state is damaged.
    pub(crate) fn resume(state: Option<&Value>, splits: usize) -> Option<Self> {
        let counts = |name: &str| -> Option<Vec<u64>> {
            let Some(state) = state else {
                return Some(vec![0; splits]);
            };
            let counts = state
                .get(name)?
                .as_array()?
                .iter()
                .map(Value::as_u64)
                .collect::<Option<Vec<_>>>()?;
            (counts.len() == splits).then_some(counts)
        };
        let (done, left_out) = (counts("done")?, counts("left_out")?);
        let written = done
            .iter()
            .zip(&left_out)
            .map(|(done, left)| done.checked_sub(*left))
            .collect::<Option<_>>()?;
        Some(Self {
            written,
            left_out,
            ..Self::default()
        })
    }

    /// Places of the source that are dealt with, per split.
    fn places(&self) -> Vec<u64> {
        self.written
            .iter()
            .zip(&self.left_out)
            .map(|(written, left)| written + left)
            .collect()
    }
}

/// Images of one batch for images of `len` values.
fn batch_images(len: usize) -> usize {
    (BATCH_VALUES / len.max(1)).clamp(1, BATCH_IMAGES)
}

/// Runs all images behind those of `flow.written` through `transform` into `sink`, and notes in
/// `flow` what happened, also where the run ends early.
///
/// `transform` fills its second argument from its first.
pub(crate) fn run(
    source: &mut dyn Source,
    transform: &mut (dyn FnMut(&mut Batch, &mut Batch) -> Result<()> + Send),
    sink: &mut dyn Sink,
    journal: &mut Journal,
    flow: &mut Flow,
    grouping: Grouping,
    control: Control<'_>,
) -> Result<()> {
    let total = source.meta().total();
    let depth = source.meta().depth;
    let (read, to_transform) = sync_channel::<Batch>(AHEAD);
    let (transformed, to_write) = sync_channel::<Batch>(AHEAD);
    let (back_plain, plain_room) = sync_channel::<Batch>(2 * AHEAD + 2);
    let (back_out, out_room) = sync_channel::<Batch>(2 * AHEAD + 2);
    let halt = AtomicBool::new(false);
    let stopping = || halt.load(Ordering::Relaxed) || control.stop.load(Ordering::Relaxed);

    let start = flow.places();
    let (input, stopping) = (&mut *source, &stopping);
    let (reading, transforming, writing) = std::thread::scope(|scope| {
        let reader =
            scope.spawn(move || read_all(input, &start, (depth, grouping), read, plain_room, stopping));
        let transformer = scope.spawn(move || {
            let mut seconds = 0.0;
            for mut batch in to_transform {
                let mut out = out_room.try_recv().unwrap_or_else(|_| Batch::new(Depth::U8));
                let started = Instant::now();
                transform(&mut batch, &mut out)?;
                seconds += started.elapsed().as_secs_f64();
                // A full return channel only means that the spare batch is dropped.
                drop(back_plain.try_send(batch));
                if transformed.send(out).is_err() {
                    break;
                }
            }
            drop(transformed);
            Ok(seconds)
        });
        let writing = write_all(
            sink,
            journal,
            to_write,
            back_out,
            flow,
            (total, grouping),
            control,
        );
        if writing.is_err() {
            halt.store(true, Ordering::Relaxed);
        }
        (join(reader), join(transformer), writing)
    });
    if grouping.resumes() && writing.is_ok() && (reading.is_err() || transforming.is_err()) {
        safeguard(sink, journal, flow)?;
    }
    // The first cause is upstream: a reader's error ends the other stages quietly.
    reading?;
    flow.transforming = transforming?;
    writing?;
    flow.skipped = source.skipped().to_vec();
    Ok(())
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn read_all(
    source: &mut dyn Source,
    start: &[u64],
    (depth, grouping): (Depth, Grouping),
    read: SyncSender<Batch>,
    room: Receiver<Batch>,
    stopping: &(dyn Fn() -> bool + Sync),
) -> Result<()> {
    let mut images = source.meta().shape.map_or(64, |shape| batch_images(shape.len()));
    for (split, first) in start.iter().enumerate() {
        source.seek(split, *first)?;
        loop {
            if stopping() {
                return Ok(());
            }
            let mut batch = room.try_recv().unwrap_or_else(|_| Batch::new(depth));
            source.read(&mut batch, grouping.batch(images))?;
            if batch.is_empty() {
                break;
            }
            complete(source, &mut batch, grouping.together)?;
            images = batch_images(batch.shape.len());
            if read.send(batch).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads on until the batch holds a multiple of `together` images, or the split ends.
fn complete(source: &mut dyn Source, batch: &mut Batch, together: usize) -> Result<()> {
    while !batch.len().is_multiple_of(together) {
        let mut more = Batch::new(batch.pixels.depth());
        source.read(&mut more, together - batch.len() % together)?;
        if more.is_empty() {
            return Ok(());
        }
        batch.append(more)?;
    }
    Ok(())
}

fn write_all(
    sink: &mut dyn Sink,
    journal: &mut Journal,
    batches: Receiver<Batch>,
    back: SyncSender<Batch>,
    flow: &mut Flow,
    (total, grouping): (u64, Grouping),
    control: Control<'_>,
) -> Result<()> {
    let encodings = grouping.encodings as u64;
    let mut last = Instant::now();
    for batch in batches {
        sink.write(&batch)?;
        flow.written[batch.split] += batch.len() as u64 / encodings;
        let end = (batch.first + batch.len() as u64) / encodings;
        flow.left_out[batch.split] = end - flow.written[batch.split];
        drop(back.try_send(batch));
        let done = flow.written.iter().sum();
        (control.progress)(Progress { done, total });
        if grouping.resumes() && last.elapsed() >= control.checkpoint {
            safeguard(sink, journal, flow)?;
            last = Instant::now();
        }
    }
    if control.stop.load(Ordering::Relaxed) {
        if grouping.resumes() {
            safeguard(sink, journal, flow)?;
        }
        return Err(Error::Interrupted);
    }
    Ok(())
}

/// Makes what is written durable and notes it in the journal.
fn safeguard(sink: &mut dyn Sink, journal: &mut Journal, flow: &Flow) -> Result<()> {
    let Some(mut state) = sink.checkpoint()? else {
        return Ok(());
    };
    state["left_out"] = flow.left_out.clone().into();
    journal.append(&state)
}
