//! Stages of the attacks on mixing schemes by themselves, on inputs whose truth is known by construction.

use crate::support::{self, normal};
use visard_attacks::{
    Budget, Error, Rng, Set,
    attacks::{
        instahide::{
            Blend,
            clusters::{Wanted, assignment, clusters},
            coefficients::from_labels,
            labels::Labels,
            similarity::Similarity,
        },
        neuracrypt::{
            Tokens,
            matching::{match_images, moments},
            order::{align, ordered},
        },
    },
};

use visard_core::Shape;

/// Side of the test images.
const SIDE: usize = 28;
const LEN: usize = SIDE * SIDE;

#[test]
fn soft_labels_give_the_coefficients() {
    let mut rng = Rng::new(8);
    let class: Vec<usize> = (0..12).map(|_| rng.below(5)).collect();
    let (mut soft, mut sets, mut truth) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..200 {
        let set = rng.permutation(12)[..3].to_vec();
        let weights: Vec<f64> = (0..3).map(|_| 0.05 + rng.unit()).collect();
        let mut row = [0f32; 5];
        set.iter()
            .zip(&weights)
            .for_each(|(image, weight)| row[class[*image]] += *weight as f32);
        let share = |image: usize| {
            let same = set.iter().filter(|other| class[**other] == class[image]).count();
            (image, f64::from(row[class[image]]) / same as f64)
        };
        truth.push(set.iter().map(|image| share(*image)).collect::<Blend>());
        soft.extend(row);
        sets.push(set);
    }
    assert_eq!(from_labels(&soft, 5, &sets, 12).unwrap(), truth);
    assert!(from_labels(&soft, 4, &sets, 12).is_err());
}

#[test]
fn one_class_for_each_image_gives_the_true_coefficients() {
    let mut rng = Rng::new(9);
    let truth: Vec<Blend> = (0..60)
        .map(|_| {
            let set = rng.permutation(12)[..4].to_vec();
            set.into_iter()
                .map(|image| (image, f64::from(0.05 + rng.unit() as f32)))
                .collect()
        })
        .collect();
    let mut rows = vec![0f32; 60 * 12];
    for (row, blend) in rows.chunks_mut(12).zip(&truth) {
        blend
            .iter()
            .for_each(|(image, weight)| row[*image] = *weight as f32);
    }
    let sets: Vec<Vec<usize>> = truth
        .iter()
        .map(|blend| blend.iter().map(|part| part.0).collect())
        .collect();
    assert_eq!(from_labels(&rows, 12, &sets, 12).unwrap(), truth);
    // What is only guessed is made to agree with the labels.
    let labels = Labels::new(12, &rows);
    let guess: Vec<Blend> = sets
        .iter()
        .map(|set| set.iter().map(|image| (*image, 0.25)).collect())
        .collect();
    let mut members = vec![Vec::new(); 12];
    for (encoding, set) in sets.iter().enumerate() {
        set.iter().for_each(|image| members[*image].push(encoding));
    }
    assert_eq!(labels.voted(&members).rescale(&labels, &guess), truth);
}

#[test]
fn soft_labels_have_a_row_for_each_image() {
    let set = Set::bytes(Shape::new(2, 2, 1), vec![0; 12]).unwrap();
    assert!(set.soft().is_none());
    for (classes, rows) in [(5, 10), (5, 20), (0, 0), (5, 0), (usize::MAX, 15)] {
        let refused = set.clone().with_soft(classes, vec![0.5; rows]);
        assert!(matches!(refused, Err(Error::Exposure(_))), "{classes} {rows}");
    }
    for weight in [f32::NAN, -0.1, f32::INFINITY] {
        assert!(set.clone().with_soft(1, vec![0.5, weight, 0.5]).is_err());
    }
    let set = set.with_soft(2, vec![1.0, 0.0, 0.5, 0.5, 0.0, 1.0]).unwrap();
    assert_eq!(set.first(2).soft(), Some((2, &[1.0, 0.0, 0.5, 0.5][..])));
}

/// A similarity of encodings of two images each, whose area under the curve is 0.95 with `gap` =
/// 2.326; and the images in each encoding.
fn synthetic(images: usize, count: usize, gap: f64) -> (Similarity, Vec<[usize; 2]>) {
    let mut rng = Rng::new(21);
    // As in the scheme, every image has as many partners as encodings.
    let sets: Vec<[usize; 2]> = (0..count / images)
        .flat_map(|_| rng.permutation(images).into_iter().enumerate())
        .map(|(own, partner)| [own, partner])
        .collect();
    let mut values = vec![0f32; count * count];
    for a in 0..count {
        for b in 0..a {
            let shared = sets[a].iter().any(|image| sets[b].contains(image));
            let noise = normal(&mut rng);
            let value = (noise + if shared { gap } else { 0.0 }) as f32;
            (values[a * count + b], values[b * count + a]) = (value, value);
        }
    }
    (Similarity::new(count, values).unwrap(), sets)
}

/// Share of the assignments that are right, clusters named by the image that most of their members have.
fn assigned(similarity: &Similarity, truth: &[[usize; 2]], images: usize) -> (usize, f64) {
    let budget = Budget::generous();
    let wanted = Wanted {
        images,
        each: 2,
        seeds: 20 * images,
    };
    let found = clusters(similarity, wanted, &budget, &mut Rng::new(2)).unwrap();
    if found.len() < 2 {
        return (found.len(), 0.0);
    }
    let sets = assignment(similarity, &found, 2, &budget).unwrap().unwrap();
    let name = |cluster: usize| {
        let members = (0..sets.len()).filter(|e| sets[*e].contains(&cluster));
        let mut counts = vec![0; images];
        members.for_each(|e| truth[e].iter().for_each(|image| counts[*image] += 1));
        (0..images).max_by_key(|image| counts[*image]).unwrap()
    };
    let names: Vec<usize> = (0..found.len()).map(name).collect();
    let mut right = 0;
    for (set, truth) in sets.iter().zip(truth) {
        right += truth
            .iter()
            .filter(|image| set.iter().any(|cluster| names[*cluster] == **image))
            .count();
    }
    (found.len(), right as f64 / (2 * truth.len()) as f64)
}

#[test]
fn clusters_are_found_in_a_good_similarity_and_not_in_noise() {
    let (similarity, truth) = synthetic(20, 600, 2.326);
    let shares = |a: usize, b: usize| truth[a].iter().any(|image| truth[b].contains(image));
    let auc = similarity.auc(shares);
    assert!((auc - 0.95).abs() < 0.01, "{auc}");
    let (found, right) = assigned(&similarity, &truth, 20);
    println!("{found} clusters, {right:.3} right");
    assert!(found == 20 && right >= 0.9);
    let (similarity, truth) = synthetic(20, 600, 0.0);
    let (found, right) = assigned(&similarity, &truth, 20);
    println!("noise: {found} clusters, {right:.3} right");
    assert!(right < 0.35);
}

#[test]
fn halves_of_the_encodings_of_an_image_are_one_cluster() {
    let (similarity, truth) = synthetic(100, 1000, 2.326);
    let (found, right) = assigned(&similarity, &truth, 100);
    println!("{found} clusters, {right:.3} right");
    assert!(found == 100 && right >= 0.95);
}

/// A small random encoder of 4x4 patches: a layer, the position, and a mix, as in the scheme; the tokens
/// of every image in an order of their own. Without `positions` the embedding is left out.
fn encrypt(images: &[u8], width: usize, positions: bool) -> (Vec<f32>, Vec<Vec<usize>>, Vec<f32>) {
    let (side, size) = (SIDE / 4, 16);
    let places = side * side;
    let mut rng = Rng::new(31);
    let mut layer = |inputs: usize| -> Vec<f32> {
        let bound = 1.0 / (inputs as f64).sqrt();
        (0..width * inputs)
            .map(|_| ((2.0 * rng.unit() - 1.0) * bound) as f32)
            .collect()
    };
    let (first, second, last) = (layer(size), layer(width), layer(width));
    let mut rng = Rng::new(32);
    let embedding: Vec<f32> = (0..places * width).map(|_| normal(&mut rng) as f32).collect();
    let through = |weights: &[f32], token: &[f32]| -> Vec<f32> {
        let rows = weights.chunks(token.len());
        rows.map(|row| row.iter().zip(token).map(|(w, x)| w * x).sum())
            .collect()
    };
    let relu = |token: Vec<f32>| -> Vec<f32> { token.into_iter().map(|x| x.max(0.0)).collect() };
    let (mut tokens, mut orders, mut patches) = (Vec::new(), Vec::new(), Vec::new());
    for image in images.chunks(LEN) {
        let patch = |place: usize| -> Vec<f32> {
            let (y, x) = (place / side * 4, place % side * 4);
            (0..size)
                .map(|i| f32::from(image[(y + i / 4) * SIDE + x + i % 4]) / 255.0)
                .collect()
        };
        (0..places).for_each(|place| patches.extend(patch(place)));
        let order = rng.permutation(places);
        for place in &order {
            // Scaled as batch statistics would, roughly: a deviation near 1 before the embedding joins.
            let inner = relu(through(&second, &relu(through(&first, &patch(*place)))));
            let spread = inner.iter().zip(&embedding[place * width..]);
            let joined = spread
                .map(|(x, e)| 4.0 * x + if positions { *e } else { 0.0 })
                .collect();
            tokens.extend(through(&last, &relu(joined)));
        }
        orders.push(order);
    }
    (tokens, orders, patches)
}

#[test]
fn tokens_are_put_in_order_and_images_matched_without_training() {
    let plain = support::garments("t10k", 60);
    let plain = plain.as_bytes().unwrap();
    let share = |positions: bool| {
        let (values, truth, patches) = encrypt(plain, 64, positions);
        let tokens = Tokens {
            values: &values,
            places: 49,
            width: 64,
        };
        let found = align(tokens, 10, &Budget::generous()).unwrap();
        // Orders are known up to that of the first image.
        let right = truth.iter().zip(&found.orders).map(|(truth_order, order)| {
            order
                .iter()
                .zip(truth_order)
                .filter(|(place, patch)| truth[0][**place] == **patch)
                .count()
        });
        let share = right.sum::<usize>() as f64 / (60.0 * 49.0);
        (share, found.separation, ordered(tokens, &found.orders), patches)
    };
    let (right, separation, placed, patches) = share(true);
    let (wrong, no_separation, ..) = share(false);
    println!("in order: {right:.3} ({separation:.2}); without embedding {wrong:.3} ({no_separation:.2})");
    assert!(right > 0.95 && wrong < 0.5 && separation < no_separation);
    // The plain images in another order.
    let order = Rng::new(3).permutation(60);
    let shuffled: Vec<f32> = order
        .iter()
        .flat_map(|image| patches[image * LEN..][..LEN].to_vec())
        .collect();
    let matched = |plain: &[f32]| {
        let tokens = Tokens {
            values: &placed,
            places: 49,
            width: 64,
        };
        let patches = Tokens {
            values: plain,
            places: 49,
            width: 16,
        };
        let found = match_images(tokens, patches, 30, &Budget::generous()).unwrap();
        let right = found
            .images
            .iter()
            .enumerate()
            .filter(|(image, place)| order[**place] == *image);
        (right.count() as f64 / 60.0, found.agreement)
    };
    let (right, agreement) = matched(&shuffled);
    let mut rng = Rng::new(8);
    let noise: Vec<f32> = shuffled.iter().map(|_| rng.unit() as f32).collect();
    let (wrong, no_agreement) = matched(&noise);
    println!("matched {right:.3} ({agreement:.3}); to noise {wrong:.3} ({no_agreement:.3})");
    assert!(right > 0.5 && wrong < 0.15 && agreement > no_agreement);
}

#[test]
fn moments_are_those_of_the_definition() {
    let found = moments(&[1.0, 2.0, 6.0]);
    let power = |n: i32| ((-2f64).powi(n) + (-1f64).powi(n) + 3f64.powi(n)) / 3.0;
    assert!((found[0] - 3.0).abs() < 1e-9);
    for n in 2..=15 {
        let wanted = power(n).abs().powf(1.0 / f64::from(n));
        assert!((found[n as usize - 1] - wanted).abs() < 1e-6);
    }
}
