//! How fast blends are made, beside the weighted sum alone.
//!
//! `cargo test --release -p visard-core instahide::speed -- --ignored --nocapture` prints a table.

use super::{statistics::Statistics, *};
use crate::{
    Gallery, MasterSecret, Salt, SampleId, Samples,
    schedule::Schedule,
    simd::{self, BlendTile as Tile, Layer},
};
use rayon::prelude::*;
use std::{collections::BTreeMap, hint::black_box, time::Instant};

struct Images {
    bytes: Vec<u8>,
    len: usize,
}

impl Gallery for Images {
    fn len(&self) -> usize {
        self.bytes.len() / self.len
    }

    fn image(&self, place: usize) -> &[u8] {
        &self.bytes[place * self.len..][..self.len]
    }

    fn label(&self, _place: usize) -> Option<u32> {
        None
    }
}

/// The weighted sum of the same images by the same loop, with coefficients and partners drawn before.
struct Limit {
    partners: Vec<[usize; 4]>,
    weights: Vec<[f32; 4]>,
    scale: Vec<Tile>,
    shift: Vec<Tile>,
}

impl Limit {
    fn new(count: usize, channels: usize) -> Self {
        let pattern = Statistics::named("cifar10", channels).0.pattern();
        let schedule = Schedule::new(&MasterSecret::new([1; 32]), "limit");
        let mut stream = schedule.stream("weights", &[]);
        let orders: Vec<_> = (0..3).map(|_| stream.permutation(count)).collect();
        Self {
            partners: (0..count)
                .map(|i| [i, orders[0][i], orders[1][i], orders[2][i]])
                .collect(),
            weights: (0..count)
                .map(|_| [0.4, 0.3, 0.2, 0.1].map(|w| w * (1.0 - 1e-3 * stream.unit() as f32)))
                .collect(),
            scale: pattern.scale,
            shift: pattern.offset,
        }
    }

    fn run(&self, images: &Images, signs: &[u8], out: &mut [f32]) {
        let work = out
            .par_chunks_exact_mut(images.len)
            .zip(self.partners.par_iter().zip(&self.weights));
        work.with_min_len((48 * 1024 / images.len).max(1))
            .for_each(|(out, (partners, weights))| {
                let layer = Layer {
                    images: &partners.map(|place| images.image(place)),
                    weights,
                    scale: &self.scale,
                    shift: &self.shift,
                };
                simd::weighted_sum(layer, None, signs, out);
            });
    }
}

#[test]
#[ignore = "measures, best with --release on a quiet machine"]
fn throughput() {
    println!("| images | threads | images/s | limit images/s | ratio |");
    println!("| --- | --- | --- | --- | --- |");
    for (shape, count) in [(Shape::new(32, 32, 3), 1024), (Shape::new(224, 224, 3), 64)] {
        let scheme = (INFO.build)(&Params::resolve(INFO.params, &BTreeMap::new()).unwrap()).unwrap();
        let schedule = Schedule::new(&MasterSecret::new([2; 32]), "instahide");
        let disguise = scheme.prepare(shape, &schedule, None).unwrap();
        let bytes = (0..count * shape.len()).map(|i| ((i * 31) >> 3) as u8).collect();
        let images = Images {
            bytes,
            len: shape.len(),
        };
        let ids = SampleId::numbered("train", 0, count);
        let mut samples = Samples::new(Salt([3; 16]), &ids);
        samples.gallery = Some(&images);
        let limit = Limit::new(count, 3);
        let signs = vec![0; simd::signs_len(shape.len())];
        let (mut out, mut sum) = (vec![0f32; images.bytes.len()], vec![0f32; images.bytes.len()]);
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let mut best = [f64::MAX; 2];
            pool.install(|| {
                for _ in 0..200 {
                    let start = Instant::now();
                    let room = crate::PixelsMut::F32(&mut out);
                    disguise.apply(samples, &images.bytes, room).unwrap();
                    best[0] = best[0].min(start.elapsed().as_secs_f64());
                    let start = Instant::now();
                    limit.run(&images, &signs, &mut sum);
                    best[1] = best[1].min(start.elapsed().as_secs_f64());
                    black_box((&mut out, &mut sum));
                }
            });
            let rate = best.map(|seconds| count as f64 / seconds);
            println!(
                "| {shape} | {threads} | {:.0} | {:.0} | {:.2} |",
                rate[0],
                rate[1],
                rate[0] / rate[1]
            );
        }
    }
}
