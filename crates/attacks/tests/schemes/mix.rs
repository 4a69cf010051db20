//! Attacks on schemes that mix images or tokens: each must break what it is said to break, and find
//! nothing where there is nothing.

use crate::support::{
    self, Given,
    blends::{self, Images, likeness},
    normal, photos, texts,
};
use std::{collections::BTreeMap, time::Duration};
use visard_attacks::{
    Budget, Error, Exposure, Outcome, Result, Rng, Set, Target, Verdict,
    attacks::instahide::{
        Blend,
        labels::Labels,
        public::rank,
        recovery::{Options, Problem, Recovered, recover},
        similarity::Similarity,
    },
};
use visard_core::{
    Array, Gallery, Key, MasterSecret, Material, Pixels, PixelsMut, Salt, SampleId, Samples, Shape, Values,
};

/// Side of the test images.
const SIDE: usize = 28;
const SHAPE: Shape = Shape::new(SIDE, SIDE, 1);
const LEN: usize = SIDE * SIDE;

/// Mean and deviation of private images with norm=cifar10, one channel.
const CIFAR: (f32, f32) = ((0.4914 + 0.4822 + 0.4465) / 3.0, (0.2023 + 0.1994 + 0.2010) / 3.0);

/// The first garments.
fn garments(count: usize) -> Vec<u8> {
    support::garments("t10k", count).as_bytes().unwrap().to_vec()
}

/// Pieces of the photographs, in grey, at places all over them.
fn patches(count: usize) -> Vec<u8> {
    let photos = photos().map(|photo| image::DynamicImage::from(photo).to_luma8());
    let mut rng = Rng::new(77);
    let piece = |i: usize| {
        let photo = &photos[i % photos.len()];
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let (x, y) = (rng.below(width - 2 * SIDE), rng.below(height - 2 * SIDE));
        let at = |p: usize| (x + p % SIDE * 2, y + p / SIDE * 2);
        (0..LEN)
            .map(|p| photo.get_pixel(at(p).0 as u32, at(p).1 as u32).0[0])
            .collect::<Vec<_>>()
    };
    (0..count).flat_map(piece).collect()
}

/// Garments as private images, and no public ones.
fn private(count: usize) -> Images {
    Images {
        shape: SHAPE,
        private: garments(count),
        public: Vec::new(),
    }
}

/// Encodings under a key of the test, with the private parts of their blends.
fn encode(images: &Images, settings: Given<'_>) -> (Vec<f32>, Vec<Blend>) {
    let (encodings, weights) = blends::encode(images, settings);
    let blends = weights.chunks(images.len()).map(|row| {
        let parts = row.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        parts.map(|(image, weight)| (image, f64::from(*weight))).collect()
    });
    (encodings, blends.collect())
}

fn exposure(settings: Given<'_>, encodings: Vec<f32>) -> Exposure {
    let set = Set::new(SHAPE, Pixels::F32(encodings), Vec::new()).unwrap();
    support::exposure("instahide", settings, SHAPE, set)
}

fn run(name: &str, exposure: &Exposure, settings: Given<'_>, budget: &Budget) -> Result<Outcome> {
    support::run(name, exposure, settings, budget, 1)
}

fn attack(name: &str, exposure: &Exposure) -> Outcome {
    run(name, exposure, &[], &Budget::generous()).unwrap()
}

fn magnitudes(encodings: &[f32]) -> Vec<f32> {
    encodings.iter().map(|value| value.abs()).collect()
}

/// The bytes as the scheme normalises them with norm=cifar10, one channel.
fn normalised(bytes: &[u8], mean: f32, deviation: f32) -> Vec<f32> {
    bytes
        .iter()
        .map(|byte| (f32::from(*byte) / 255.0 - mean) / deviation)
        .collect()
}

fn oracle(images: usize, encodings: &[f32], blends: &[Blend], options: &Options) -> Recovered {
    let problem = Problem {
        shape: SHAPE,
        images,
        magnitudes: &magnitudes(encodings),
        blends,
        known: None,
    };
    recover(&problem, options, &Budget::generous()).unwrap()
}

#[test]
fn one_image_alone_is_recovered_exactly_up_to_sign() {
    let images = private(6);
    let (encodings, blends) = encode(&images, &[("k", "1")]);
    let found = oracle(6, &encodings, &blends, &Options::constant(SHAPE, -1.0));
    let truth = normalised(&images.private, CIFAR.0, CIFAR.1);
    for (found, truth) in found.images.iter().zip(&truth) {
        assert!((found.abs() - truth.abs()).abs() < 1e-4, "{found} {truth}");
    }
    let set = exposure(&[("k", "1")], encodings);
    for name in ["instahide-abs", "instahide-recovery"] {
        let outcome = run(name, &set, &[], &Budget::generous()).unwrap();
        let pictures = outcome.reconstructions.unwrap();
        assert_eq!((pictures.len(), pictures.shape()), (6, SHAPE));
    }
}

#[test]
fn true_blends_give_the_images_but_not_from_noise_or_from_other_blends() {
    let images = private(30);
    let (encodings, mut blends) = encode(&images, &[("k", "4"), ("encodings", "10")]);
    let options = Options::constant(SHAPE, -1.0);
    let found = oracle(30, &encodings, &blends, &options);
    let right = likeness(&found.images, &images);
    let mut rng = Rng::new(3);
    let random = Options {
        start: (0..30 * LEN).map(|_| rng.unit() as f32 - 0.5).collect(),
        restarts: 0,
        ..options.clone()
    };
    let noise = likeness(&oracle(30, &encodings, &blends, &random).images, &images);
    blends.rotate_left(37);
    let other = oracle(30, &encodings, &blends, &options);
    let wrong = likeness(&other.images, &images);
    println!("true blends {right:.3}, random start {noise:.3}, other blends {wrong:.3}");
    println!("residuals {:.3} and {:.3}", found.residual, other.residual);
    assert!(right >= 0.8 && noise.abs() < 0.3 && wrong.abs() < 0.3);
    assert!(other.residual > 1.5 * found.residual);
}

#[test]
fn magnitudes_are_alike_where_an_image_is_shared() {
    let images = private(20);
    let settings = [("k", "2"), ("encodings", "15")];
    let (encodings, blends) = encode(&images, &settings);
    let budget = Budget::generous();
    let similarity = Similarity::of(&magnitudes(&encodings), LEN, &budget).unwrap();
    let shares = |a: usize, b: usize| {
        blends[a]
            .iter()
            .any(|(i, _)| blends[b].iter().any(|(j, _)| i == j))
    };
    let auc = similarity.auc(shares);
    let figures = attack("instahide-similarity", &exposure(&settings, encodings.clone())).figures;
    println!(
        "share an image: {auc:.3}; same sample {:.3}",
        figures["auc_same_sample"]
    );
    assert!(auc > 0.6 && figures["auc_same_sample"] > 0.6);
    let mut rng = Rng::new(4);
    let noise = (0..encodings.len()).map(|_| rng.unit() as f32).collect();
    let figures = attack("instahide-similarity", &exposure(&settings, noise)).figures;
    assert!((figures["auc_same_sample"] - 0.5).abs() < 0.05);
    assert!(Similarity::of(&encodings, LEN, &Budget::new(None, 1000)).is_none());
    let outcome = attack("instahide-clusters", &exposure(&settings, encodings));
    assert!(outcome.figures["clusters"] >= 1.0);
}

#[test]
fn nothing_but_the_encodings_gives_the_images() {
    let images = private(30);
    let settings = [("k", "4"), ("encodings", "40")];
    let (encodings, _) = encode(&images, &settings);
    let outcome = attack("instahide-recovery", &exposure(&settings, encodings.clone()));
    assert_eq!(outcome.verdict, Verdict::Complete);
    let residual = outcome.figures["residual"];
    let right = likeness(&outcome.reconstructions.unwrap().to_floats(), &images);
    // The same magnitudes, each encoding's pixels in another order: nothing is shared any more.
    let mut rng = Rng::new(6);
    let shuffle = |row: &[f32]| -> Vec<f32> { rng.permutation(LEN).into_iter().map(|i| row[i]).collect() };
    let mixed = encodings.chunks(LEN).flat_map(shuffle).collect();
    let other = attack("instahide-recovery", &exposure(&settings, mixed));
    let wrong = likeness(&other.reconstructions.unwrap().to_floats(), &images);
    println!(
        "found {right:.3}, residual {residual:.3}; shuffled {wrong:.3}, {:.3}",
        other.figures["residual"]
    );
    assert!(right > 0.55 && wrong.abs() < 0.1);
    assert!(other.figures["residual"] > 1.5 * residual);
}

/// The rows of labels of ten classes of the blends, image i being of class i % 10.
fn soft_labels(blends: &[Blend]) -> Vec<f32> {
    let mut rows = vec![0f32; blends.len() * 10];
    for (row, blend) in rows.chunks_mut(10).zip(blends) {
        blend
            .iter()
            .for_each(|(image, weight)| row[image % 10] += *weight as f32);
    }
    rows
}

#[test]
fn soft_labels_help_the_recovery_and_wrong_ones_are_noticed() {
    let images = private(30);
    let settings = [("k", "4"), ("encodings", "20")];
    let (encodings, blends) = encode(&images, &settings);
    let set = Set::new(SHAPE, Pixels::F32(encodings.clone()), Vec::new()).unwrap();
    let labelled = |rows: Vec<f32>| {
        let target = Target::new("instahide", &texts(&settings), SHAPE).unwrap();
        let set = set.clone().with_soft(10, rows).unwrap();
        attack("instahide-recovery", &Exposure::new(target, set).unwrap())
    };
    let like = |outcome: &Outcome| {
        let found = outcome.reconstructions.as_ref().unwrap();
        likeness(&found.to_floats(), &images)
    };
    let blind = attack("instahide-recovery", &exposure(&settings, encodings));
    let seeing = labelled(soft_labels(&blends));
    let mut rows = soft_labels(&blends);
    rows.rotate_left(10 * 133);
    let wrong = labelled(rows);
    println!(
        "without labels {:.3}, with them {:.3} ({:?}), with those of others {:.3} ({:?})",
        like(&blind),
        like(&seeing),
        seeing.figures,
        like(&wrong),
        wrong.figures
    );
    assert!(like(&seeing) > like(&blind) + 0.1 && like(&wrong) < like(&seeing) - 0.2);
    assert_eq!(seeing.figures["labels_contradicted"], 0.0);
    assert!(wrong.figures["labels_contradicted"] > 0.5);
    assert!(!blind.figures.contains_key("labels_contradicted"));
}

#[test]
fn classes_part_encodings_that_share_no_image() {
    let images = private(20);
    let settings = [("k", "2"), ("encodings", "15")];
    let (encodings, blends) = encode(&images, &settings);
    let mut similarity = Similarity::of(&magnitudes(&encodings), LEN, &Budget::generous()).unwrap();
    let shares = |a: usize, b: usize| {
        blends[a]
            .iter()
            .any(|(i, _)| blends[b].iter().any(|(j, _)| i == j))
    };
    let before = similarity.auc(shares);
    let rows = soft_labels(&blends);
    similarity.heed(&Labels::new(10, &rows));
    let after = similarity.auc(shares);
    println!("share an image: {before:.3}, with labels {after:.3}");
    assert!(after > 0.85 && after > before + 0.1);
    let set = Set::new(SHAPE, Pixels::F32(encodings), Vec::new()).unwrap();
    let target = Target::new("instahide", &texts(&settings), SHAPE).unwrap();
    let exposure = Exposure::new(target, set.with_soft(10, rows).unwrap()).unwrap();
    println!("{:?}", attack("instahide-clusters", &exposure).figures);
}

/// Encodings under explicit draws, which tell the public images in each: two private and two public.
fn with_public(images: &Images, each: usize) -> (Vec<f32>, Vec<Blend>) {
    let (k, count, mut rng) = (4, images.len() * each, Rng::new(12));
    let (mut lams, mut idx, mut planted) = (Vec::new(), vec![0i64; (k - 1) * count], Vec::new());
    for i in 0..count {
        let weights = loop {
            let powers: Vec<f64> = (0..k).map(|_| normal(&mut rng).abs().powi(k as i32)).collect();
            let total: f64 = powers.iter().sum();
            let weights: Vec<f64> = powers.iter().map(|power| power / total).collect();
            if weights.iter().all(|weight| *weight <= 0.65) && weights[0] + weights[1] >= 0.3 {
                break weights;
            }
        };
        idx[i] = rng.below(images.len()) as i64;
        let public = (2..k).map(|slot| {
            let number = rng.below(images.public_len());
            idx[(slot - 1) * count + i] = number as i64;
            (number, weights[slot])
        });
        planted.push(public.collect());
        lams.extend(weights);
    }
    let sign = (0..count * LEN).map(|_| 2 * rng.below(2) as i64 - 1).collect();
    let mut material = Material::new();
    let mut add = |name: &str, shape: &[usize], values| {
        let shape = shape.to_vec();
        material.insert(name, Array { shape, values }).unwrap();
    };
    add("lams", &[count, k], Values::F64(lams));
    add("idx", &[k - 1, count], Values::I64(idx));
    add("sign", &[count, SIDE, SIDE, 1], Values::I64(sign));
    add("inside", &[1], Values::I64(vec![2]));
    let params = texts(&[("cross", "true"), ("k", "4")]);
    let key = Key::new(
        "instahide",
        &params,
        None,
        MasterSecret::new([1; 32]),
        Some(material),
    )
    .unwrap();
    let ids = SampleId::numbered("train", 0, count);
    let samples = Samples {
        gallery: Some(images),
        ..Samples::new(Salt([1; 16]), &ids)
    };
    let plain: Vec<u8> = (0..count).flat_map(|i| images.image(i / each).to_vec()).collect();
    let mut encodings = vec![0f32; count * LEN];
    let disguise = key.disguise(SHAPE).unwrap();
    disguise
        .apply(samples, &plain, PixelsMut::F32(&mut encodings))
        .unwrap();
    (encodings, planted)
}

#[test]
fn planted_public_images_rank_high_and_help_the_recovery() {
    let images = Images {
        public: patches(500),
        ..private(24)
    };
    let (encodings, planted) = with_public(&images, 20);
    let settings = [("cross", "true"), ("k", "4"), ("encodings", "20")];
    let blind = attack("instahide-recovery", &exposure(&settings, encodings.clone()));
    let blind = blind.reconstructions.unwrap();
    // The mean of what a public image is blended with, as the adversary finds it.
    let public_norm = ((0.485 + 0.456 + 0.406) / 3.0, (0.229 + 0.224 + 0.225) / 3.0);
    let private = normalised(blind.as_bytes().unwrap(), CIFAR.0, CIFAR.1);
    let public = normalised(&images.public, public_norm.0, public_norm.1);
    let mean = |rows: &[f32], p: usize| {
        let column = rows.iter().skip(p).step_by(LEN);
        column.sum::<f32>() / (rows.len() / LEN) as f32
    };
    let company: Vec<f32> = (0..LEN)
        .map(|p| (mean(&private, p) + mean(&public, p)) / 2.0)
        .collect();
    let share = |candidates: &[u8]| {
        let candidates = normalised(candidates, public_norm.0, public_norm.1);
        let lists = rank(SHAPE, &magnitudes(&encodings), &candidates, &company, 5).unwrap();
        let (mut all, mut high) = (0, 0);
        for (list, planted) in lists.iter().zip(&planted) {
            for (image, _) in planted.iter().filter(|(_, weight)| *weight >= 0.25) {
                (all, high) = (all + 1, high + usize::from(list.contains(image)));
            }
        }
        high as f64 / all as f64
    };
    let right = share(&images.public);
    // The same candidates under other numbers.
    let mut other = images.public.clone();
    other.rotate_left(LEN * 123);
    let wrong = share(&other);
    println!("in the top 1%: {right:.3}; under other numbers {wrong:.3}");
    assert!(right >= 0.88 && wrong < 0.05);
    let public = Set::bytes(SHAPE, images.public.clone()).unwrap();
    let exposed = exposure(&settings, encodings).with_public(public).unwrap();
    let seeing = run(
        "instahide-public",
        &exposed,
        &[("shortlist", "30"), ("passes", "2")],
        &Budget::generous(),
    )
    .unwrap();
    let like = |set: &Set| likeness(&set.to_floats(), &images);
    let (blind, seeing) = (like(&blind), like(&seeing.reconstructions.unwrap()));
    println!("without the public set {blind:.3}, with it {seeing:.3}");
    assert!(seeing > blind && seeing > 0.55);
}

#[test]
fn what_does_not_fit_is_refused_and_a_spent_budget_is_said() {
    let images = private(8);
    let few = [("k", "2"), ("encodings", "3")];
    let (encodings, _) = encode(&images, &few);
    let set = exposure(&few, encodings.clone());
    let spent = Budget::new(Some(Duration::ZERO), 8 << 30);
    let all = Budget::generous();
    let unfit = |name: &str, set: &Exposure| matches!(run(name, set, &[], &all), Err(Error::Unfit { .. }));
    assert!(unfit("instahide-recovery", &set) && unfit("instahide-public", &set));
    assert!(unfit("neuracrypt-order", &set) && unfit("neuracrypt-matching", &set));
    let lacking = exposure(&few, encodings[..LEN * 4].to_vec());
    assert!(matches!(
        run("instahide-abs", &lacking, &[], &all),
        Err(Error::Exposure(_))
    ));
    let other = Target::new("negpos", &BTreeMap::new(), SHAPE).unwrap();
    let other = Exposure::new(other, Set::bytes(SHAPE, garments(2)).unwrap()).unwrap();
    for name in ["abs", "similarity", "clusters", "recovery", "public"] {
        assert!(unfit(&format!("instahide-{name}"), &other), "{name}");
    }
    for name in ["instahide-similarity", "instahide-clusters"] {
        let outcome = run(name, &set, &[], &spent).unwrap();
        assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)), "{name}");
    }
    let settings = [("k", "2"), ("encodings", "8")];
    let (encodings, _) = encode(&images, &settings);
    let set = exposure(&settings, encodings);
    let outcome = run("instahide-recovery", &set, &[], &spent).unwrap();
    assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)));
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let images = private(10);
    let settings = [("k", "2"), ("encodings", "12")];
    let set = exposure(&settings, encode(&images, &settings).0);
    let under = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let recovery = attack("instahide-recovery", &set);
            (
                recovery.reconstructions,
                recovery.figures,
                attack("instahide-clusters", &set).figures,
            )
        })
    };
    assert_eq!(under(1), under(3));
}
