//! The attacks on EtC: what they must break, and what they must not.

use crate::support::{self, Given, attack, photo, photos, psnr, texts};
use image::RgbImage;
use visard_attacks::{
    Budget, Exposure, Outcome, Pairs, Rng, Set, Target, Verdict,
    attacks::{
        self,
        etc::{Layout, Scores, neighbour_scores},
    },
};
use visard_core::{Array, Key, MasterSecret, Material, Shape, Values, params::Params};

fn crop(photo: &RgbImage, at: (usize, usize), shape: Shape) -> Vec<u8> {
    let row = |r: usize| {
        let start = (at.0 + r) * photo.width() as usize + at.1;
        &photo.as_raw()[start * 3..][..shape.width * 3]
    };
    (0..shape.height).flat_map(row).copied().collect()
}

/// Patches of the bundled photographs at random places.
fn patches(count: usize, shape: Shape, rng: &mut Rng) -> Set {
    let photos = photos();
    let mut pixels = Vec::new();
    for i in 0..count {
        let photo = &photos[i % 3];
        let at = (
            rng.below(photo.height() as usize - shape.height + 1),
            rng.below(photo.width() as usize - shape.width + 1),
        );
        pixels.extend(crop(photo, at, shape));
    }
    Set::bytes(shape, pixels).unwrap()
}

fn noise(count: usize, shape: Shape, rng: &mut Rng) -> Set {
    let pixels = (0..count * shape.len()).map(|_| rng.next_u64() as u8).collect();
    Set::bytes(shape, pixels).unwrap()
}

fn disguise(target: &Target, plain: &Set, material: Option<&Material>, secret: u8) -> Set {
    let params = target.scheme.params().texts();
    let secret = MasterSecret::new([secret; 32]);
    let key = Key::new(
        target.name(),
        &params,
        Some(plain.shape()),
        secret,
        material.cloned(),
    )
    .unwrap();
    support::disguise(&key, plain, 0, 0)
}

/// A random key as explicit material; without states, or not moved, on request.
fn key(blocks: usize, moved: bool, states: bool, rng: &mut Rng) -> Material {
    let mut material = Material::new();
    let order = if moved {
        rng.permutation(blocks)
    } else {
        (0..blocks).collect()
    };
    let values = Values::I64(order.into_iter().map(|i| i as i64).collect());
    material
        .insert(
            "block_perm",
            Array {
                shape: vec![blocks],
                values,
            },
        )
        .unwrap();
    for (name, bound, none) in [
        ("rotate", 4, 3),
        ("flip", 2, 2),
        ("negaposi", 2, 1),
        ("channel", 6, 0),
    ] {
        let mut code = || match (states, name) {
            (false, _) => none,
            (true, "flip") => 2 * rng.below(2) as u8,
            (true, _) => rng.below(bound) as u8,
        };
        let values = Values::U8((0..blocks).map(|_| code()).collect());
        material
            .insert(
                name,
                Array {
                    shape: vec![blocks],
                    values,
                },
            )
            .unwrap();
    }
    material
}

fn run(name: &str, exposure: &Exposure, params: Given<'_>) -> Outcome {
    attack(name, exposure, params).unwrap()
}

fn target(scheme: &str, params: Given<'_>, plain: Shape) -> Target {
    Target::new(scheme, &texts(params), plain).unwrap()
}

fn scores(exposure: &Exposure, outcome: &Outcome, truth: &Material) -> Scores {
    let found = Layout::from_material(&exposure.target, &outcome.material).unwrap();
    let truth = Layout::from_material(&exposure.target, truth).unwrap();
    found
        .score_pictures(&truth, &exposure.target, &exposure.disguised)
        .unwrap()
}

/// Attacks `images` with the pairs of `known` under the same derived key.
fn with_pairs(target: Target, known: &Set, images: &Set) -> Exposure {
    let pairs = Pairs::new(known.clone(), disguise(&target, known, None, 7)).unwrap();
    let disguised = disguise(&target, images, None, 7);
    Exposure::new(target, disguised)
        .unwrap()
        .with_pairs(pairs)
        .unwrap()
}

#[test]
fn one_random_pair_gives_the_exact_key() {
    let mut rng = Rng::new(1);
    for (scheme, params, shape) in [
        (
            "etc",
            [("block", "4"), ("shuffle", "true")],
            Shape::new(32, 32, 3),
        ),
        (
            "etc",
            [("block", "8"), ("shuffle", "false")],
            Shape::new(30, 45, 3),
        ),
        (
            "etc",
            [("block", "7"), ("shuffle", "true")],
            Shape::new(28, 28, 1),
        ),
        (
            "etc-gray",
            [("block", "8"), ("subsampling", "444")],
            Shape::new(32, 32, 3),
        ),
        (
            "etc-gray",
            [("block", "4"), ("subsampling", "420")],
            Shape::new(32, 40, 3),
        ),
        (
            "etc-gray",
            [("block", "4"), ("subsampling", "444")],
            Shape::new(28, 28, 1),
        ),
    ] {
        let others = patches(5, Shape::new(shape.height, shape.width, 3), &mut rng);
        let bytes = others.as_bytes().unwrap();
        let gray: Vec<u8> = bytes.iter().step_by(3).copied().collect();
        let others = if shape.channels == 1 {
            Set::bytes(shape, gray).unwrap()
        } else {
            others
        };
        let exposure = with_pairs(
            target(scheme, &params, shape),
            &noise(1, shape, &mut rng),
            &others,
        );
        let outcome = run("etc-known", &exposure, &[]);
        assert_eq!(outcome.verdict, Verdict::Complete);
        // The recovered key is the key: it disguises other images in the same way.
        let again = disguise(&exposure.target, &others, Some(&outcome.material), 9);
        assert_eq!(again, exposure.disguised, "{scheme} {params:?} {shape}");
        if scheme == "etc" {
            assert_eq!(outcome.reconstructions.unwrap(), others);
        } else {
            assert!(psnr(&outcome.reconstructions.unwrap(), &others) > 25.0);
        }
    }
}

#[test]
fn flat_blocks_stay_open_but_the_known_picture_is_exact() {
    let mut rng = Rng::new(2);
    let shape = Shape::new(32, 32, 3);
    let mut plain = patches(1, shape, &mut rng).as_bytes().unwrap().to_vec();
    let half = plain.len() / 2;
    plain[..half].fill(200);
    let plain = Set::bytes(shape, plain).unwrap();
    let exposure = with_pairs(target("etc", &[], shape), &plain, &plain);
    let outcome = run("etc-known", &exposure, &[]);
    assert!(outcome.figures["determined"] < 0.6 && outcome.figures["key_bits_left"] > 100.0);
    assert_eq!(outcome.reconstructions.unwrap(), plain);
}

#[test]
fn more_pairs_leave_fewer_keys() {
    let mut rng = Rng::new(3);
    let shape = Shape::new(28, 28, 1);
    let images = fashion(40);
    let known = images.first(5);
    let exposure = with_pairs(target("etc", &[("block", "4")], shape), &known, &images);
    let bits = |pairs| run("etc-known", &exposure, &[("pairs", pairs)]).figures["key_bits_left"];
    assert!(bits("5") < 0.5 * bits("1"), "{} {}", bits("5"), bits("1"));
    // Pairs that are none have no key in common.
    let shuffled = disguise(&exposure.target, &noise(5, shape, &mut rng), None, 7);
    let wrong = Pairs::new(known, shuffled).unwrap();
    let exposure = Exposure::new(target("etc", &[("block", "4")], shape), exposure.disguised)
        .unwrap()
        .with_pairs(wrong)
        .unwrap();
    let outcome = run("etc-known", &exposure, &[("match", "exact")]);
    assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)) && outcome.reconstructions.is_none());
    let outcome = run("etc-known", &exposure, &[]);
    assert!(outcome.figures["exact"] < 0.05);
    assert!(psnr(&outcome.reconstructions.unwrap(), &images) < 15.0);
}

fn fashion(count: usize) -> Set {
    support::garments("train", count)
}

#[test]
fn a_pair_that_went_through_jpeg_is_matched_nearly() {
    let mut rng = Rng::new(4);
    let shape = Shape::new(96, 96, 3);
    let plain = patches(2, shape, &mut rng);
    let target = target("etc", &[("block", "8")], shape);
    let disguised = disguise(&target, &plain, None, 7);
    let mut stored = Vec::new();
    for image in disguised.as_bytes().unwrap().chunks_exact(shape.len()) {
        let mut file = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 90)
            .encode(image, 96, 96, image::ExtendedColorType::Rgb8)
            .unwrap();
        stored.extend(image::load_from_memory(&file).unwrap().to_rgb8().into_raw());
    }
    let stored = Set::bytes(shape, stored).unwrap();
    let pairs = Pairs::new(plain.first(1), stored.first(1)).unwrap();
    let exposure = Exposure::new(target, stored).unwrap().with_pairs(pairs).unwrap();
    let outcome = run("etc-known", &exposure, &[]);
    let found = outcome.reconstructions.unwrap();
    assert!(outcome.figures["distance"] < 20.0);
    assert!(psnr(&found, &plain) > 22.0, "{}", psnr(&found, &plain));
}

#[test]
fn one_chosen_image_gives_the_exact_key() {
    let mut rng = Rng::new(5);
    for (scheme, params, shape) in [
        ("etc", [("block", "4")], Shape::new(64, 64, 3)),
        ("etc", [("block", "2")], Shape::new(32, 32, 3)),
        ("etc", [("block", "4")], Shape::new(29, 31, 1)),
        ("etc-gray", [("block", "8")], Shape::new(64, 64, 3)),
        ("etc-gray", [("subsampling", "420")], Shape::new(48, 64, 3)),
    ] {
        let target = target(scheme, &params, shape);
        let info = attacks::find("etc-helper").unwrap();
        let params = Params::resolve(info.params, &texts(&[])).unwrap();
        let helper = info.helpers.unwrap()(&target, &params).unwrap();
        assert_eq!(helper.len(), 1);
        let images = noise(3, shape, &mut rng);
        let disguised = disguise(&target, &images, None, 7);
        let chosen = Pairs::new(helper.clone(), disguise(&target, &helper, None, 7)).unwrap();
        let exposure = Exposure::new(target, disguised)
            .unwrap()
            .with_chosen(chosen)
            .unwrap();
        let outcome = run("etc-helper", &exposure, &[]);
        let again = disguise_again(&exposure, &images, &outcome);
        assert_eq!(again, exposure.disguised, "{scheme} {shape}");
    }
}

fn disguise_again(exposure: &Exposure, images: &Set, outcome: &Outcome) -> Set {
    disguise(&exposure.target, images, Some(&outcome.material), 9)
}

/// The jigsaw solver on images under that key.
fn solve(images: &Set, block: &str, material: &Material, params: &[(&str, &str)]) -> Scores {
    let target = target("etc", &[("block", block)], images.shape());
    let disguised = disguise(&target, images, Some(material), 7);
    let exposure = Exposure::new(target, disguised).unwrap();
    let outcome = run("etc-jigsaw", &exposure, params);
    assert_eq!(outcome.verdict, Verdict::Complete);
    scores(&exposure, &outcome, material)
}

#[test]
fn photographs_in_moved_blocks_are_put_together() {
    let shape = Shape::new(192, 192, 3);
    let photo = Set::bytes(shape, crop(&photo("astronaut"), (0, 0), shape)).unwrap();
    let moved = key(144, true, false, &mut Rng::new(6));
    let found = solve(&photo, "16", &moved, &[("states", "moved")]);
    assert!(found.neighbour > 0.9, "{found:?}");
    // All 96 states unknown.
    let full = key(144, true, true, &mut Rng::new(7));
    let found = solve(&photo, "16", &full, &[]);
    assert!(found.neighbour > 0.5 && found.largest > 0.5, "{found:?}");
    // Nothing moved at all.
    let still = key(144, false, false, &mut Rng::new(8));
    let found = solve(&photo, "16", &still, &[("states", "moved")]);
    // Four blocks are black all over: which of them belongs where cannot be told.
    assert!(found.direct >= 140.0 / 144.0, "{found:?}");
    let still = key(36, false, false, &mut Rng::new(8));
    let found = solve(&photo, "32", &still, &[("states", "moved")]);
    assert_eq!(found.direct, 1.0);
    let found = solve(&photo, "32", &still, &[]);
    assert_eq!(found.direct, 1.0);
}

#[test]
fn a_layout_is_right_up_to_a_change_of_the_whole() {
    let shape = Shape::new(24, 40, 3);
    let target = target("etc", &[("block", "8")], shape);
    let truth = Layout::from_material(&target, &key(15, true, true, &mut Rng::new(14))).unwrap();
    let all = Scores {
        direct: 1.0,
        neighbour: 1.0,
        largest: 1.0,
    };
    let strict = |found: &Layout| found.score(&truth, 3, &|_, a, b| a == b);
    assert_eq!(strict(&truth), all);
    for place in &truth.places {
        assert_eq!(strict(&truth.changed(place.state)), all);
    }
    let mut other = truth.clone();
    other.places.swap(3, 11);
    assert!(strict(&other).direct < 0.9 && strict(&other).neighbour < 0.9);
    let again = Layout::from_material(&target, &truth.material(3).unwrap()).unwrap();
    assert_eq!(again, truth);
}

#[test]
fn noise_cannot_be_put_together() {
    let mut rng = Rng::new(9);
    let image = noise(1, Shape::new(64, 64, 3), &mut rng);
    let found = solve(&image, "8", &key(64, true, true, &mut rng), &[]);
    assert!(found.neighbour <= 12.0 / 64.0, "{found:?}");
}

#[test]
fn costs_of_many_images_add_up() {
    let mut rng = Rng::new(10);
    let (images, key) = (
        patches(60, Shape::new(32, 32, 3), &mut rng),
        key(64, true, true, &mut rng),
    );
    let one = solve(&images.first(1), "4", &key, &[]);
    let many = solve(&images, "4", &key, &[]);
    assert!(
        many.neighbour >= one.neighbour && many.neighbour > 0.8,
        "{one:?} {many:?}"
    );
}

/// Share of the blocks whose best partner is a true neighbour, and of the true neighbours among the
/// partners of each block, as many as it has.
fn partners(exposure: &Exposure, truth: &Material) -> (f64, f64) {
    let values = neighbour_scores(exposure, 1000).unwrap();
    let places = Layout::from_material(&exposure.target, truth).unwrap().places;
    let near = |a: usize, b: usize| {
        places[a].row.abs_diff(places[b].row) + places[a].column.abs_diff(places[b].column) == 1
    };
    let (mut first, mut among, mut all) = (0, 0, 0);
    for a in 0..places.len() {
        let mut order: Vec<usize> = (0..places.len()).filter(|b| *b != a).collect();
        order.sort_by(|x, y| values[a * places.len() + y].total_cmp(&values[a * places.len() + x]));
        let degree = order.iter().filter(|b| near(a, **b)).count();
        first += usize::from(near(a, order[0]));
        among += order[..degree].iter().filter(|b| near(a, **b)).count();
        all += degree;
    }
    (first as f64 / places.len() as f64, among as f64 / all as f64)
}

#[test]
fn hundred_images_under_one_key_are_read() {
    let mut rng = Rng::new(11);
    let shape = Shape::new(32, 32, 3);
    let (images, material) = (patches(100, shape, &mut rng), key(64, true, true, &mut rng));
    let target = target("etc", &[], shape);
    let disguised = disguise(&target, &images, Some(&material), 7);
    let exposure = Exposure::new(target, disguised).unwrap();
    let (first, among) = partners(&exposure, &material);
    assert!(first == 1.0 && among > 0.98, "{first} {among}");
    let outcome = run("etc-edges", &exposure, &[]);
    let found = scores(&exposure, &outcome, &material);
    assert!(found.neighbour > 0.95 && found.direct > 0.95, "{found:?}");
}

#[test]
fn a_key_for_each_image_gives_nothing() {
    let mut rng = Rng::new(12);
    let shape = Shape::new(32, 32, 3);
    let images = patches(100, shape, &mut rng);
    let (mut pixels, mut last) = (Vec::new(), Material::new());
    let target = target("etc", &[], shape);
    for image in images.as_bytes().unwrap().chunks_exact(shape.len()) {
        last = key(64, true, true, &mut rng);
        let image = Set::bytes(shape, image.to_vec()).unwrap();
        pixels.extend_from_slice(disguise(&target, &image, Some(&last), 7).as_bytes().unwrap());
    }
    let exposure = Exposure::new(target, Set::bytes(shape, pixels).unwrap()).unwrap();
    let (first, among) = partners(&exposure, &last);
    assert!(first < 0.2 && among < 0.15, "{first} {among}");
    let outcome = run("etc-edges", &exposure, &[]);
    assert!(scores(&exposure, &outcome, &last).neighbour < 0.1);
}

#[test]
fn attacks_refuse_what_they_cannot_do() {
    let shape = Shape::new(32, 32, 3);
    let images = noise(2, shape, &mut Rng::new(13));
    let exposure = Exposure::new(target("etc", &[], shape), images.clone()).unwrap();
    let other = Exposure::new(target("skk", &[], shape), images.clone()).unwrap();
    let one = Exposure::new(target("etc", &[("block", "32")], shape), images).unwrap();
    for (attack, exposure) in [
        ("etc-known", &exposure),
        ("etc-helper", &exposure),
        ("etc-edges", &exposure),
        ("etc-jigsaw", &other),
        ("etc-jigsaw", &one),
    ] {
        let info = attacks::find(attack).unwrap();
        let params = Params::resolve(info.params, &texts(&[])).unwrap();
        let budget = Budget::generous();
        assert!((info.run)(exposure, &params, &budget, &mut Rng::new(1), &|_, _| {}).is_err());
    }
    let info = attacks::find("etc-jigsaw").unwrap();
    let params = Params::resolve(info.params, &texts(&[])).unwrap();
    let spent = Budget::new(Some(std::time::Duration::ZERO), 8 << 30);
    let outcome = (info.run)(&exposure, &params, &spent, &mut Rng::new(1), &|_, _| {}).unwrap();
    assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)));
    let small = Budget::new(None, 1000);
    let outcome = (info.run)(&exposure, &params, &small, &mut Rng::new(1), &|_, _| {}).unwrap();
    assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)) && outcome.reconstructions.is_none());
}
