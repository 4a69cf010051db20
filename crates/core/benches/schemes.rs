//! Throughput of the schemes on batches of 1,024 images of 32x32x3, beside the limits of the
//! machine on the same bytes: memcpy, u8 -> f32 conversion, and the `aes` crate on a flat buffer.
//!
//! `cargo bench -p visard-core` measures with 1 and 2 threads; `cargo bench -p visard-core --bench
//! schemes -- --ratios [NAME]` prints only the table of ratios, each scheme measured in turns with its
//! limit so that both see the same machine.

use aes::{
    Aes128,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use criterion::{BenchmarkId, Criterion, Throughput};
use rayon::{ThreadPool, prelude::*};
use std::{collections::BTreeMap, hint::black_box, time::Instant};
use visard_core::{Disguise, Grid, Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape, Shuffle};

const SHAPE: Shape = Shape::new(32, 32, 3);
const COUNT: usize = 1024;
const LEN: usize = SHAPE.len() * COUNT;
/// Bytes that one task of a flat loop works on.
const CHUNK: usize = 64 * 1024;

struct Case {
    name: &'static str,
    work: Box<dyn FnMut() + Send>,
}

fn pool(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a thread pool")
}

fn pixels() -> Vec<u8> {
    (0..LEN)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn case(name: &'static str, work: impl FnMut() + Send + 'static) -> Case {
    Case {
        name,
        work: Box::new(work),
    }
}

fn memcpy() -> Case {
    let (from, mut to) = (pixels(), vec![0u8; LEN]);
    case("memcpy", move || {
        from.par_chunks(CHUNK)
            .zip(to.par_chunks_mut(CHUNK))
            .for_each(|(f, t)| t.copy_from_slice(f));
        black_box(&mut to);
    })
}

fn conversion() -> Case {
    let (from, mut to) = (pixels(), vec![0f32; LEN]);
    case("u8 to f32", move || {
        from.par_chunks(CHUNK)
            .zip(to.par_chunks_mut(CHUNK))
            .for_each(|(f, t)| {
                t.iter_mut().zip(f).for_each(|(t, f)| *t = f32::from(*f));
            });
        black_box(&mut to);
    })
}

fn flat_aes() -> Case {
    let cipher = Aes128::new(&Array([7; 16]));
    let mut buffer = pixels();
    case("flat AES", move || {
        buffer.par_chunks_mut(CHUNK).for_each(|bytes| {
            let blocks = Array::cast_slice_from_core_mut(bytes.as_chunks_mut::<16>().0);
            cipher.encrypt_blocks(blocks);
        });
        black_box(&mut buffer);
    })
}

fn permutation() -> Case {
    let grid = Grid::new(SHAPE, 4);
    let order: Vec<usize> = (0..64).map(|i| (i * 37 + 11) % 64).collect();
    let shuffle = Shuffle::new(&order);
    let (from, mut to) = (pixels(), vec![0u8; LEN]);
    case("block permutation", move || {
        shuffle.apply(&grid, &from, &mut to);
        black_box(&mut to);
    })
}

fn disguise(scheme: &str, set: &[(&str, &str)]) -> Box<dyn Disguise> {
    let params: BTreeMap<String, String> = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let key = Key::new(scheme, &params, Some(SHAPE), MasterSecret::new([9; 32]), None).expect("a key");
    key.disguise(SHAPE).expect("a disguise")
}

fn scheme(name: &'static str, scheme: &str, set: &[(&str, &str)]) -> Case {
    let disguise = disguise(scheme, set);
    let ids = SampleId::numbered("bench", 0, COUNT);
    let plain = pixels();
    let mut out = Pixels::zeros(disguise.output().dtype, LEN);
    case(name, move || {
        let samples = Samples::new(Salt([1; 16]), &ids);
        disguise
            .apply(samples, &plain, out.view_mut())
            .expect("the batch fits");
        black_box(&mut out);
    })
}

fn aes_one() -> Case {
    scheme("aes block 4, one cipher", "aes", &[("per_position", "false")])
}

fn aes_per_position() -> Case {
    scheme("aes block 4, per position", "aes", &[])
}

fn rmt() -> Case {
    scheme("rmt block 4", "rmt", &[])
}

fn rmt_noise() -> Case {
    scheme("rmt block 4, noise 25", "rmt", &[("noise", "25")])
}

fn rmt_block8() -> Case {
    scheme("rmt block 8", "rmt", &[("block", "8")])
}

/// A subject, its limit, and the ratio of speeds that it should reach.
type Row = (fn() -> Case, fn() -> Case, f64);

const ROWS: &[Row] = &[
    (aes_one, flat_aes, 0.5),
    (aes_per_position, flat_aes, 0.5),
    (rmt, conversion, 0.35),
    (rmt_noise, conversion, 0.0),
    (rmt_block8, conversion, 0.0),
    (permutation, memcpy, 0.5),
    (conversion, memcpy, 0.0),
    (flat_aes, memcpy, 0.0),
];

/// Seconds of the fastest of many runs; the two cases take turns.
fn race(a: &mut Case, b: &mut Case) -> (f64, f64) {
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..300 {
        for (case, best) in [(&mut *a, &mut best.0), (&mut *b, &mut best.1)] {
            let start = Instant::now();
            (case.work)();
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    best
}

fn ratios() {
    println!("| threads | work | images/s | MB/s | limit | limit MB/s | ratio | asked |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for threads in [1, 2] {
        pool(threads).install(|| {
            for (subject, limit, asked) in ROWS {
                let (mut subject, mut limit) = (subject(), limit());
                if std::env::args()
                    .nth(2)
                    .is_some_and(|part| !subject.name.contains(&part))
                {
                    continue;
                }
                let (taken, least) = race(&mut subject, &mut limit);
                let rate = |seconds: f64| LEN as f64 / seconds / 1e6;
                println!(
                    "| {threads} | {} | {:.0} | {:.0} | {} | {:.0} | {:.2} | {} |",
                    subject.name,
                    COUNT as f64 / taken,
                    rate(taken),
                    limit.name,
                    rate(least),
                    least / taken,
                    if *asked > 0.0 {
                        asked.to_string()
                    } else {
                        "-".into()
                    },
                );
            }
        });
    }
}

fn criterion() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("1024x32x32x3");
    group.throughput(Throughput::Bytes(LEN as u64));
    for threads in [1, 2] {
        let pool = pool(threads);
        let cases = [
            memcpy,
            conversion,
            flat_aes,
            permutation,
            aes_one,
            aes_per_position,
            rmt,
            rmt_noise,
            rmt_block8,
        ];
        for make in cases {
            let mut case = make();
            let id = BenchmarkId::new(case.name, format!("{threads} threads"));
            group.bench_function(id, |b| b.iter(|| pool.install(|| (case.work)())));
        }
    }
    group.finish();
    criterion.final_summary();
}

fn main() {
    if std::env::args().any(|a| a == "--ratios") {
        ratios();
    } else {
        criterion();
    }
}
