//! Figures of the attacks on InstaHide beside those of ATTACKS, section 6, as a Markdown table.
//!
//!     cargo run --release -p visard-attacks --example study_mix -- SETS
//!
//! SETS holds `fashion-m` in the CIFAR-10 layout. The truth is used here to judge, and, where a row
//! says so, as an oracle for the stages before the one that is judged.

use std::{collections::BTreeMap, path::PathBuf, time::Instant};
use visard_attacks::{
    Budget, Exposure, Result, Rng, Set, Target,
    attacks::{
        self,
        instahide::{
            Blend,
            public::rank,
            recovery::{Options, Problem, recover},
            similarity::Similarity,
        },
    },
};
use visard_core::{
    Array, Gallery, Key, MasterSecret, Material, Pixels, PixelsMut, Salt, SampleId, Samples, Shape, Values,
    params::Params,
};

/// Private and public images; every private one is a class of its own, so that soft labels are the
/// coefficients.
struct Images {
    shape: Shape,
    private: Vec<u8>,
    public: Vec<u8>,
}

impl Gallery for Images {
    fn len(&self) -> usize {
        self.private.len() / self.shape.len()
    }
    fn image(&self, place: usize) -> &[u8] {
        &self.private[place * self.shape.len()..][..self.shape.len()]
    }
    fn label(&self, place: usize) -> Option<u32> {
        Some(place as u32)
    }
    fn public_len(&self) -> usize {
        self.public.len() / self.shape.len()
    }
    fn public_image(&self, place: usize) -> &[u8] {
        &self.public[place * self.shape.len()..][..self.shape.len()]
    }
}

/// Encodings with the truth about them.
struct Made {
    params: BTreeMap<String, String>,
    encodings: Vec<f32>,
    blends: Vec<Blend>,
}

fn make(images: &Images, settings: &[(&str, &str)], seed: u8) -> Made {
    let params: BTreeMap<String, String> = settings
        .iter()
        .map(|(n, v)| (n.to_string(), v.to_string()))
        .collect();
    let key = Key::new("instahide", &params, None, MasterSecret::new([seed; 32]), None).expect("key");
    let disguise = key.disguise(images.shape).expect("disguise");
    let ids = SampleId::numbered("train", 0, images.len());
    let samples = Samples {
        gallery: Some(images),
        ..Samples::new(Salt([seed; 16]), &ids)
    };
    let count = images.len() * key.scheme().encodings();
    let mut encodings = vec![0f32; count * images.shape.len()];
    disguise
        .apply(samples, &images.private, PixelsMut::F32(&mut encodings))
        .expect("encodings");
    let labels: Vec<u32> = (0..images.len() as u32).collect();
    let mut weights = vec![0f32; count * images.len()];
    disguise
        .soft_labels(samples, &labels, images.len(), &mut weights)
        .expect("labels");
    let blend = |row: &[f32]| -> Blend {
        let parts = row.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        parts.map(|(image, weight)| (image, f64::from(*weight))).collect()
    };
    Made {
        params,
        encodings,
        blends: weights.chunks(images.len()).map(blend).collect(),
    }
}

/// The green planes of the first images of a batch.
fn green(sets: &std::path::Path, first: usize, count: usize) -> Vec<u8> {
    let bytes = std::fs::read(sets.join("fashion-m/data_batch_1.bin")).expect("fashion-m");
    let rows = bytes.chunks(3073).skip(first).take(count);
    rows.flat_map(|row| row[1 + 1024..1 + 2048].to_vec()).collect()
}

fn correlation(a: &[f32], b: &[u8]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (
        a.iter().map(|v| f64::from(*v)).sum::<f64>() / n,
        b.iter().map(|v| f64::from(*v)).sum::<f64>() / n,
    );
    let (mut ab, mut aa, mut bb) = (0.0, 1e-12, 1e-12);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x) - ma, f64::from(*y) - mb);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    ab / (aa * bb).sqrt()
}

fn mean_correlation(found: &[f32], images: &Images) -> f64 {
    let len = images.shape.len();
    let each = found.chunks(len).zip(images.private.chunks(len));
    each.map(|(a, b)| correlation(a, b)).sum::<f64>() / images.len() as f64
}

fn auc(made: &Made, len: usize) -> f64 {
    let magnitudes: Vec<f32> = made.encodings.iter().map(|v| v.abs()).collect();
    let similarity = Similarity::of(&magnitudes, len, &Budget::generous()).expect("memory");
    let shares = |a: usize, b: usize| {
        made.blends[a]
            .iter()
            .any(|(i, _)| made.blends[b].iter().any(|(j, _)| i == j))
    };
    similarity.auc(shares)
}

fn oracle(images: &Images, made: &Made, options: &Options) -> (f64, f64) {
    let magnitudes: Vec<f32> = made.encodings.iter().map(|v| v.abs()).collect();
    let problem = Problem {
        shape: images.shape,
        images: images.len(),
        magnitudes: &magnitudes,
        blends: &made.blends,
        known: None,
    };
    let found = recover(&problem, options, &Budget::generous()).expect("recovery");
    (mean_correlation(&found.images, images), found.residual)
}

fn attack(images: &Images, made: &Made) -> Result<(f64, BTreeMap<&'static str, f64>)> {
    let target = Target::new("instahide", &made.params, images.shape)?;
    let disguised = Set::new(images.shape, Pixels::F32(made.encodings.clone()), Vec::new())?;
    let exposure = Exposure::new(target, disguised)?;
    let info = attacks::find("instahide-recovery")?;
    let params = Params::resolve(info.params, &BTreeMap::new())?;
    let outcome = (info.run)(
        &exposure,
        &params,
        &Budget::generous(),
        &mut Rng::new(1),
        &|_, _| {},
    )?;
    let pictures = outcome.reconstructions.expect("pictures").to_floats();
    Ok((mean_correlation(&pictures, images), outcome.figures))
}

/// Encodings as ATTACKS measured them: coefficients are magnitudes of normals over their sum, none above
/// 0.65, and all images but the first of a blend are drawn freely.
fn make_even(images: &Images, k: usize, each: usize, rng: &mut Rng) -> Made {
    let len = images.shape.len();
    let (mut encodings, mut blends) = (Vec::new(), Vec::new());
    for i in 0..images.len() * each {
        let weights = loop {
            let powers: Vec<f64> = (0..k).map(|_| normal(rng).abs()).collect();
            let total: f64 = powers.iter().sum();
            if powers.iter().all(|power| *power <= 0.65 * total) {
                break powers.into_iter().map(|power| power / total).collect::<Vec<_>>();
            }
        };
        let mut blend: Blend = vec![(i / each, weights[0])];
        while blend.len() < k {
            let other = rng.below(images.len());
            if blend.iter().all(|(image, _)| *image != other) {
                blend.push((other, weights[blend.len()]));
            }
        }
        let value = |p: usize| -> f32 {
            let parts = blend
                .iter()
                .map(|(image, weight)| *weight * (f64::from(images.image(*image)[p]) / 127.5 - 1.0));
            parts.sum::<f64>() as f32
        };
        encodings.extend((0..len).map(value));
        blends.push(blend);
    }
    Made {
        params: BTreeMap::new(),
        encodings,
        blends,
    }
}

/// A standard normal.
fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos()
}

/// Encodings under draws of our own, which tell the public images too: `each` of every sample, two
/// private images and k - 2 public ones.
fn make_public(images: &Images, k: usize, each: usize, rng: &mut Rng) -> (Vec<f32>, Vec<Blend>, Vec<Blend>) {
    let (count, len, samples) = (images.len() * each, images.shape.len(), images.len());
    let (mut lams, mut idx) = (Vec::new(), vec![0i64; (k - 1) * count]);
    let (mut private, mut public) = (Vec::new(), Vec::new());
    for i in 0..count {
        let weights = loop {
            let powers: Vec<f64> = (0..k).map(|_| normal(rng).abs().powi(k as i32)).collect();
            let total: f64 = powers.iter().sum();
            let weights: Vec<f64> = powers.iter().map(|power| power / total).collect();
            if weights.iter().all(|w| *w <= 0.65) && weights[0] + weights[1] >= 0.3 {
                break weights;
            }
        };
        for slot in 1..k {
            let bound = if slot == 1 { samples } else { images.public_len() };
            idx[(slot - 1) * count + i] = rng.below(bound) as i64;
        }
        let of = |slot: usize| (idx[(slot - 1) * count + i] as usize, weights[slot]);
        private.push(vec![(i / each, weights[0]), of(1)]);
        public.push((2..k).map(of).collect::<Blend>());
        lams.extend(weights);
    }
    let sign: Vec<i64> = (0..count * len).map(|_| 2 * rng.below(2) as i64 - 1).collect();
    let mut material = Material::new();
    let shape = images.shape;
    let mut add = |name: &str, shape: Vec<usize>, values| {
        material.insert(name, Array { shape, values }).expect("material");
    };
    add("lams", vec![count, k], Values::F64(lams));
    add("idx", vec![k - 1, count], Values::I64(idx));
    add(
        "sign",
        vec![count, shape.height, shape.width, shape.channels],
        Values::I64(sign),
    );
    add("inside", vec![1], Values::I64(vec![2]));
    let params = BTreeMap::from([
        ("cross".to_string(), "true".to_string()),
        ("k".into(), k.to_string()),
    ]);
    let key = Key::new(
        "instahide",
        &params,
        None,
        MasterSecret::new([1; 32]),
        Some(material),
    )
    .expect("key");
    let ids = SampleId::numbered("train", 0, count);
    let samples = Samples {
        gallery: Some(images),
        ..Samples::new(Salt([1; 16]), &ids)
    };
    let plain: Vec<u8> = (0..count).flat_map(|i| images.image(i / each).to_vec()).collect();
    let mut encodings = vec![0f32; count * len];
    let disguise = key.disguise(shape).expect("disguise");
    disguise
        .apply(samples, &plain, PixelsMut::F32(&mut encodings))
        .expect("encodings");
    (encodings, private, public)
}

/// Section 6.2: ranks of the planted images, then the attack.
fn public(sets: &std::path::Path, shape: Shape) {
    println!();
    println!("| Fashion-M green, known public set | P | E | k | candidates | ATTACKS | found | seconds |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (p, each, k, candidates) in [(50, 20, 4, 1000), (50, 20, 6, 1000), (50, 20, 4, 8000)] {
        let images = Images {
            shape,
            private: green(sets, 0, p),
            public: green(sets, 1000, candidates),
        };
        let (encodings, _, planted) = make_public(&images, k, each, &mut Rng::new(9));
        let grey = images
            .public
            .iter()
            .map(|b| (f32::from(*b) / 255.0 - 0.449) / 0.226)
            .collect::<Vec<_>>();
        let magnitudes: Vec<f32> = encodings.iter().map(|v| v.abs()).collect();
        // Private and public images are alike here, so the public mean stands for both.
        let mean = |p: usize| grey.iter().skip(p).step_by(shape.len()).sum::<f32>() / candidates as f32;
        let company: Vec<f32> = (0..shape.len()).map(mean).collect();
        let start = Instant::now();
        let lists = rank(shape, &magnitudes, &grey, &company, candidates).expect("ranks");
        let row = |name: &str, expected: &str, found: f64| {
            let (e, seconds) = (p * each, start.elapsed().as_secs_f64());
            println!("| {name} | {p} | {e} | {k} | {candidates} | {expected} | {found:.3} | {seconds:.1} |");
        };
        for least in [0.1, 0.25, 0.4] {
            let mut hits = (0, 0, 0);
            for (list, planted) in lists.iter().zip(&planted) {
                for (image, _) in planted.iter().filter(|(_, weight)| *weight >= least) {
                    let rank = list.iter().position(|other| other == image).unwrap_or(candidates);
                    hits.0 += 1;
                    hits.1 += usize::from(100 * rank < candidates);
                    hits.2 += usize::from(rank == 0);
                }
            }
            row(
                &format!("share in the top 1%, coefficient >= {least} ({})", hits.0),
                "1",
                f64::from(hits.1 as u32) / f64::from(hits.0),
            );
            row(
                "share at the top",
                "-",
                f64::from(hits.2 as u32) / f64::from(hits.0),
            );
        }
        let params = BTreeMap::from([
            ("cross".to_string(), "true".to_string()),
            ("k".into(), k.to_string()),
            ("encodings".into(), each.to_string()),
        ]);
        for (name, set) in [
            ("instahide-public", Some(&images.public)),
            ("instahide-recovery", None),
        ] {
            let start = Instant::now();
            let target = Target::new("instahide", &params, shape).expect("target");
            let disguised = Set::new(shape, Pixels::F32(encodings.clone()), Vec::new()).expect("set");
            let mut exposure = Exposure::new(target, disguised).expect("exposure");
            if let Some(set) = set {
                exposure = exposure
                    .with_public(Set::bytes(shape, set.clone()).expect("set"))
                    .expect("public");
            }
            let info = attacks::find(name).expect("registered");
            let params = Params::resolve(info.params, &BTreeMap::new()).expect("parameters");
            let outcome = (info.run)(
                &exposure,
                &params,
                &Budget::generous(),
                &mut Rng::new(1),
                &|_, _| {},
            )
            .expect("attack");
            let pictures = outcome.reconstructions.expect("pictures").to_floats();
            let (e, seconds) = (p * each, start.elapsed().as_secs_f64());
            let found = mean_correlation(&pictures, &images);
            println!("| {name} | {p} | {e} | {k} | {candidates} | - | {found:.3} | {seconds:.1} |");
        }
    }
}

fn main() {
    let sets = PathBuf::from(std::env::args().nth(1).expect("the folder of the sets"));
    let shape = Shape::new(32, 32, 1);
    println!("| Fashion-M green, attack | P | E | k | norm | ATTACKS | found | residual | seconds |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let rows = [
        (100, 10, "4", "0.85"),
        (100, 50, "6", "0.92"),
        (100, 50, "4", "0.91"),
        (50, 10, "4", "0.87"),
    ];
    // Pixels in -1 to 1 and coefficients that are normals, not their powers, as ATTACKS has them.
    for (p, each, k, expected) in rows {
        let images = Images {
            shape,
            private: green(&sets, 0, p),
            public: Vec::new(),
        };
        let made = make_even(&images, k.parse().expect("k"), each, &mut Rng::new(2));
        let found = auc(&made, shape.len());
        let (right, residual) = oracle(
            &images,
            &made,
            &Options {
                restarts: 0,
                ..Options::constant(shape, -1.0)
            },
        );
        let e = p * each;
        println!(
            "| similarity AUC, even coefficients | {p} | {e} | {k} | half | 0.63-0.65 | {found:.3} | - | - |"
        );
        println!(
            "| recovery, even coefficients | {p} | {e} | {k} | half | {expected} | {right:.3} | {residual:.3} \
             | - |"
        );
    }
    for norm in ["half", "cifar10"] {
        for (p, each, k, expected) in rows {
            let private = green(&sets, 0, p);
            let images = Images {
                shape,
                private,
                public: Vec::new(),
            };
            let each_text = each.to_string();
            let made = make(&images, &[("k", k), ("encodings", &each_text), ("norm", norm)], 3);
            let row = |name: &str, expected: &str, found: f64, residual: f64, start: Instant| {
                let (e, seconds) = (p * each, start.elapsed().as_secs_f64());
                println!(
                    "| {name} | {p} | {e} | {k} | {norm} | {expected} | {found:.3} | {residual:.3} | \
                     {seconds:.0} |"
                );
            };
            let start = Instant::now();
            row("similarity AUC", "0.63-0.65", auc(&made, shape.len()), 0.0, start);
            let plain = Options {
                restarts: 0,
                ..Options::constant(shape, -1.0)
            };
            let start = Instant::now();
            let (found, residual) = oracle(&images, &made, &plain);
            row("recovery, true blends", expected, found, residual, start);
            let start = Instant::now();
            let (found, residual) = oracle(&images, &made, &Options::constant(shape, -1.0));
            row("the same with restarts", expected, found, residual, start);
            let mut rng = Rng::new(5);
            let start_values = (0..p * shape.len()).map(|_| rng.unit() as f32 - 0.5).collect();
            let random = Options {
                start: start_values,
                ..plain
            };
            let start = Instant::now();
            let (found, residual) = oracle(&images, &made, &random);
            row(
                "the same, random start, no restarts",
                "0.03-0.09",
                found,
                residual,
                start,
            );
            let start = Instant::now();
            let (found, figures) = attack(&images, &made).expect("attack");
            row(
                "instahide-recovery, nothing known",
                "-",
                found,
                figures["residual"],
                start,
            );
        }
    }
    public(&sets, shape);
}
