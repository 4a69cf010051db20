//! Throughput of every registered scheme beside the limits of the machine on the same images, in
//! batches of 1,024 images of 32x32x3 and of 64 of 224x224x3, with 1 and 2 threads.
//!
//! `cargo bench -p visard-core` measures with Criterion and then prints one table in which each scheme
//! took turns with its limit, so that both saw the same machine. `-- --ratios [PART]` prints only the
//! table (of the rows whose names contain PART), `-- --json FILE` writes it as records besides.

mod limits;

use criterion::{BenchmarkId, Criterion, Throughput};
use limits::{Case, Images, case};
use rayon::ThreadPool;
use std::{collections::BTreeMap, hint::black_box, time::Instant};
use visard_core::{Gallery, Key, MasterSecret, Pixels, Salt, SampleId, Samples, SchemeInfo, Shape, schemes};

/// The two batches.
const BATCHES: [Images; 2] = [
    Images {
        shape: Shape::new(32, 32, 3),
        count: 1024,
    },
    Images {
        shape: Shape::new(224, 224, 3),
        count: 64,
    },
];

/// What a scheme is compared with.
type Limit = fn(Images) -> Case;

/// Settings beside the defaults that are worth a row, and the ratios that are aimed at.
struct Row {
    scheme: &'static str,
    set: &'static [(&'static str, &'static str)],
    limit: Limit,
    /// Ratio aimed at; 0 where none is.
    asked: f64,
}

const fn row(
    scheme: &'static str,
    set: &'static [(&'static str, &'static str)],
    limit: Limit,
    asked: f64,
) -> Row {
    Row {
        scheme,
        set,
        limit,
        asked,
    }
}

/// A scheme that is missing here gets one row with its defaults, beside memcpy.
const ROWS: &[Row] = &[
    row("rmt", &[], limits::conversion, 0.35),
    row("rmt", &[("noise", "25")], limits::conversion, 0.0),
    row("rmt", &[("block", "8")], limits::conversion, 0.0),
    row("aes", &[], limits::flat_aes, 0.5),
    row("aes", &[("per_position", "false")], limits::flat_aes, 0.5),
    row("instahide", &[], limits::weighted_sum, 0.5),
    row("tanaka", &[], limits::memcpy, 0.2),
    row("tanaka", &[("block", "8")], limits::memcpy, 0.0),
    row("ele", &[], limits::memcpy, 0.2),
    row("skk", &[("color", "false")], limits::memcpy, 0.5),
    row("skk", &[], limits::memcpy, 0.25),
    row("skk", &[("image_key", "true")], limits::memcpy, 0.0),
    row("etc", &[], limits::memcpy, 0.25),
    row("etc", &[("block", "8")], limits::memcpy, 0.25),
    row("etc", &[("block", "16")], limits::memcpy, 0.25),
    row("shf", &[], limits::memcpy, 0.25),
    row("shf", &[("block", "8")], limits::memcpy, 0.0),
    row("negpos", &[], limits::memcpy, 0.5),
];

/// The registry's schemes with their rows above.
fn rows() -> Vec<Row> {
    let of = |info: &&'static SchemeInfo| {
        let own: Vec<Row> = ROWS
            .iter()
            .filter(|r| r.scheme == info.name)
            .map(|r| row(r.scheme, r.set, r.limit, r.asked))
            .collect();
        if own.is_empty() {
            vec![row(info.name, &[], limits::memcpy, 0.0)]
        } else {
            own
        }
    };
    schemes::ALL.iter().flat_map(of).collect()
}

impl Row {
    fn name(&self) -> String {
        let set: String = self.set.iter().map(|(k, v)| format!(" {k}={v}")).collect();
        format!("{}{set}", self.scheme)
    }

    /// The scheme at work on the batch.
    fn case(&self, images: Images) -> Case {
        let params: BTreeMap<String, String> = self
            .set
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let secret = MasterSecret::new([9; 32]);
        let key = Key::new(self.scheme, &params, Some(images.shape), secret, None).expect("a key");
        let disguise = key.disguise(images.shape).expect("a disguise");
        let ids = SampleId::numbered("bench", 0, images.count);
        let plain = images.pixels();
        let outputs = images.count * key.scheme().encodings();
        let mut out = Pixels::zeros(disguise.output().dtype, outputs * disguise.output().shape.len());
        case("", move || {
            let own = Own {
                images: &plain,
                len: images.shape.len(),
            };
            let samples = Samples {
                gallery: Some(&own),
                ..Samples::new(Salt([1; 16]), &ids)
            };
            disguise
                .apply(samples, &plain, out.view_mut())
                .expect("the batch fits");
            black_box(&mut out);
        })
    }
}

/// The batch itself as a gallery, private and public.
struct Own<'a> {
    images: &'a [u8],
    len: usize,
}

impl Gallery for Own<'_> {
    fn len(&self) -> usize {
        self.images.len() / self.len
    }

    fn image(&self, place: usize) -> &[u8] {
        &self.images[place * self.len..][..self.len]
    }

    fn label(&self, _place: usize) -> Option<u32> {
        None
    }

    fn public_len(&self) -> usize {
        self.len()
    }

    fn public_image(&self, place: usize) -> &[u8] {
        self.image(place)
    }
}

fn pool(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a thread pool")
}

/// Seconds of the fastest of many runs; the two cases take turns.
fn race(a: &mut Case, b: &mut Case) -> (f64, f64) {
    let (mut best, started) = ((f64::MAX, f64::MAX), Instant::now());
    for turn in 0..300 {
        for (case, best) in [(&mut *a, &mut best.0), (&mut *b, &mut best.1)] {
            let start = Instant::now();
            (case.work)();
            *best = best.min(start.elapsed().as_secs_f64());
        }
        if turn >= 4 && started.elapsed().as_secs() >= 2 {
            break;
        }
    }
    best
}

/// One measured line of the table.
struct Measured {
    threads: usize,
    images: Images,
    name: String,
    asked: f64,
    taken: f64,
    limit: &'static str,
    least: f64,
}

impl Measured {
    fn rate(&self, seconds: f64) -> f64 {
        (self.images.count * self.images.shape.len()) as f64 / seconds / 1e6
    }

    fn line(&self) -> String {
        let asked = if self.asked > 0.0 {
            self.asked.to_string()
        } else {
            "-".into()
        };
        format!(
            "| {} | {} | {} | {:.0} | {:.0} | {} | {:.0} | {:.2} | {asked} |",
            self.images.shape,
            self.threads,
            self.name,
            self.images.count as f64 / self.taken,
            self.rate(self.taken),
            self.limit,
            self.rate(self.least),
            self.least / self.taken,
        )
    }

    fn record(&self) -> serde_json::Value {
        serde_json::json!({
            "kind": "scheme-throughput", "scheme": self.name, "shape": self.images.shape.to_string(),
            "images": self.images.count, "threads": self.threads,
            "images_per_s": (self.images.count as f64 / self.taken).round(),
            "mb_per_s": self.rate(self.taken).round(), "limit": self.limit,
            "limit_mb_per_s": self.rate(self.least).round(),
            "ratio": (1000.0 * self.least / self.taken).round() / 1000.0,
            "asked": (self.asked > 0.0).then_some(self.asked),
            "version": env!("CARGO_PKG_VERSION"),
        })
    }
}

fn table(part: &str) -> Vec<Measured> {
    println!("| images | threads | scheme | images/s | MB/s | limit | limit MB/s | ratio | asked |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut all = Vec::new();
    for images in BATCHES {
        for threads in [1, 2] {
            let pool = pool(threads);
            for row in rows().into_iter().filter(|row| row.name().contains(part)) {
                let measured = pool.install(|| {
                    let (mut subject, mut limit) = (row.case(images), (row.limit)(images));
                    let (taken, least) = race(&mut subject, &mut limit);
                    Measured {
                        threads,
                        images,
                        name: row.name(),
                        asked: row.asked,
                        taken,
                        limit: limit.name,
                        least,
                    }
                });
                println!("{}", measured.line());
                all.push(measured);
            }
        }
    }
    all
}

fn criterion() {
    let mut criterion = Criterion::default().configure_from_args();
    for images in BATCHES {
        let mut group = criterion.benchmark_group(format!("{}x{}", images.count, images.shape));
        group.throughput(Throughput::Bytes((images.count * images.shape.len()) as u64));
        group.sample_size(10);
        for threads in [1, 2] {
            let pool = pool(threads);
            let limits = [
                limits::memcpy,
                limits::conversion,
                limits::flat_aes,
                limits::weighted_sum,
            ];
            for limit in limits {
                let mut case = limit(images);
                let id = BenchmarkId::new(case.name, format!("{threads} threads"));
                group.bench_function(id, |b| b.iter(|| pool.install(|| (case.work)())));
            }
            for row in rows() {
                let mut case = row.case(images);
                let id = BenchmarkId::new(row.name(), format!("{threads} threads"));
                group.bench_function(id, |b| b.iter(|| pool.install(|| (case.work)())));
            }
        }
        group.finish();
    }
    criterion.final_summary();
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str| {
        let place = arguments.iter().position(|a| a == flag)?;
        arguments.get(place + 1).filter(|a| !a.starts_with("--")).cloned()
    };
    let only_table = arguments.iter().any(|a| a == "--ratios" || a == "--json");
    if !only_table {
        criterion();
    }
    // Under `cargo test` a bench only has to run.
    if arguments.iter().any(|a| a == "--test") {
        return;
    }
    let measured = table(&after("--ratios").unwrap_or_default());
    if let Some(path) = after("--json") {
        let records: Vec<_> = measured.iter().map(Measured::record).collect();
        let text = serde_json::to_string_pretty(&records).expect("records are plain");
        std::fs::write(&path, text + "\n").unwrap_or_else(|e| panic!("{path}: {e}"));
    }
}
