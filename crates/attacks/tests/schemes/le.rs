//! The attacks on tanaka, ele, shf, negpos and ffx: what they must break, and where they must fail.

use crate::support::{self, Given, attack, noise, part, photos, psnr, texts};
use std::collections::BTreeMap;
use visard_attacks::{Error, Exposure, Outcome, Pairs, Result, Rng, Set, Target, attacks};
use visard_core::{Key, MasterSecret, Shape, params::Params, schedule::Stream};

const PHOTO: Shape = Shape::new(32, 32, 3);

/// A scheme under a secret of the test.
struct Case {
    scheme: &'static str,
    params: BTreeMap<String, String>,
    key: Key,
    shape: Shape,
}

impl Case {
    fn new(scheme: &'static str, given: Given<'_>, shape: Shape, seed: u64) -> Self {
        let params = texts(given);
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&seed.to_le_bytes());
        let key = Key::new(scheme, &params, Some(shape), MasterSecret::new(secret), None).unwrap();
        Self {
            scheme,
            params,
            key,
            shape,
        }
    }

    fn target(&self) -> Target {
        Target::new(self.scheme, &self.params, self.shape).unwrap()
    }

    fn disguise(&self, plain: &Set) -> Set {
        support::disguise(&self.key, plain, 0, 0)
    }

    fn pairs(&self, plain: &Set) -> Pairs {
        Pairs::new(plain.clone(), self.disguise(plain)).unwrap()
    }

    fn exposure(&self, plain: &Set) -> Exposure {
        Exposure::new(self.target(), self.disguise(plain)).unwrap()
    }

    fn helpers(&self, attack: &str) -> Set {
        let info = attacks::find(attack).unwrap();
        let params = Params::resolve(info.params, &BTreeMap::new()).unwrap();
        info.helpers.unwrap()(&self.target(), &params).unwrap()
    }

    fn stream(&self, purpose: &str, index: &[u64]) -> Stream {
        self.key.schedule().stream(purpose, index)
    }

    /// Has the helper images of an attack disguised and runs it on other images.
    fn chosen(&self, attack: &str, plain: &Set) -> Result<Outcome> {
        let helpers = self.pairs(&self.helpers(attack));
        run(attack, &self.exposure(plain).with_chosen(helpers).unwrap())
    }

    fn known(&self, attack: &str, known: &Set, plain: &Set) -> Result<Outcome> {
        run(
            attack,
            &self.exposure(plain).with_pairs(self.pairs(known)).unwrap(),
        )
    }
}

fn run(name: &str, exposure: &Exposure) -> Result<Outcome> {
    attack(name, exposure, &[])
}

/// Patches of the bundled photographs from the left part, or the right part, of each.
fn patches(count: usize, left: bool, seed: u64) -> Set {
    let mut rng = Rng::new(seed);
    let photos = photos();
    let mut pixels = Vec::new();
    for i in 0..count {
        let photo = &photos[i % 3];
        let half = photo.width() as usize / 2;
        let x = rng.below(half - 32) + if left { 0 } else { half };
        let y = rng.below(photo.height() as usize - 32);
        let patch = image::imageops::crop_imm(photo, x as u32, y as u32, 32, 32).to_image();
        pixels.extend_from_slice(patch.as_raw());
    }
    Set::bytes(PHOTO, pixels).unwrap()
}

/// Garments on black.
fn grey_garments(count: usize, test: bool) -> Set {
    support::garments(if test { "t10k" } else { "train" }, count)
}

/// Garments over patches of photographs by absolute difference.
fn garments(count: usize, test: bool) -> Set {
    let garments = grey_garments(count, test);
    let mut pixels = patches(count, test, 3).as_bytes().unwrap().to_vec();
    let images = pixels.chunks_exact_mut(PHOTO.len());
    for (image, garment) in images.zip(garments.as_bytes().unwrap().chunks_exact(784)) {
        for (i, value) in garment.iter().enumerate() {
            let at = ((2 + i / 28) * 32 + 2 + i % 28) * 3;
            image[at..at + 3].iter_mut().for_each(|v| *v = v.abs_diff(*value));
        }
    }
    Set::bytes(PHOTO, pixels).unwrap()
}

fn integers(outcome: &Outcome, name: &str, shape: &[usize]) -> Vec<i64> {
    outcome.material.integers(name, shape).unwrap().unwrap()
}

/// Share of the places of a key that are right, sign included, out of those that `count` accepts.
fn rate(outcome: &Outcome, perm: &[usize], flip: &[bool], count: impl Fn(usize) -> bool) -> f64 {
    let found = integers(outcome, "perm", &[perm.len()]);
    let turned = integers(outcome, "flip", &[perm.len()]);
    let all: Vec<usize> = (0..perm.len()).filter(|j| count(perm[*j])).collect();
    let right = all
        .iter()
        .filter(|j| found[**j] == perm[**j] as i64 && (turned[**j] == 1) == flip[**j]);
    right.count() as f64 / all.len() as f64
}

/// P and F of the one key of tanaka.
fn nibble_key(case: &Case, slots: usize) -> (Vec<usize>, Vec<bool>) {
    let mut stream = case.stream("tanaka-key", &[]);
    (stream.permutation(slots), stream.bits(slots))
}

#[test]
fn two_or_three_helper_blocks_give_any_key_of_tanaka() {
    for (side, channels, blocks, keys) in [
        (2, 1, 1, 1000),
        (2, 3, 2, 1000),
        (4, 1, 2, 1000),
        (4, 3, 2, 1000),
        (7, 1, 2, 1000),
        (7, 3, 3, 1000),
        (8, 1, 2, 1000),
        (8, 2, 3, 1000),
        (8, 3, 3, 1000),
        (16, 1, 3, 200),
        (16, 3, 3, 200),
        (5, 16, 3, 60),
    ] {
        let (block, slots) = (side.to_string(), 2 * side * side * channels);
        let shape = Shape::new(side, 3 * side, channels);
        let plain = noise(shape, 1, 9);
        for seed in 0..keys {
            let case = Case::new("tanaka", &[("block", &block)], shape, seed);
            let outcome = case.chosen("le-helper", &plain).unwrap();
            let (perm, flip) = nibble_key(&case, slots);
            assert_eq!(
                rate(&outcome, &perm, &flip, |_| true),
                1.0,
                "{side}x{channels} {seed}"
            );
            assert_eq!(outcome.reconstructions.as_ref(), Some(&plain));
            assert_eq!(outcome.figures["helper_blocks"], f64::from(blocks));
            assert_eq!(outcome.figures["helper_images"], 1.0);
        }
    }
}

#[test]
fn flips_that_follow_from_the_order_and_padded_images_fall_too() {
    for shape in [Shape::new(9, 14, 3), Shape::new(3, 5, 1), Shape::new(7, 2, 3)] {
        for flips in ["tanaka", "independent"] {
            let params = [("block", "4"), ("flips", flips)];
            let plain = noise(shape, 3, 9);
            let case = Case::new("tanaka", &params, shape, 5);
            let outcome = case.chosen("le-helper", &plain).unwrap();
            assert_eq!(outcome.reconstructions, Some(plain.clone()));
            let case = Case::new("ele", &params, shape, 5);
            let outcome = case.chosen("ele-helper", &plain).unwrap();
            assert_eq!(outcome.reconstructions, Some(plain));
        }
    }
}

#[test]
fn one_helper_block_less_fails() {
    for (side, channels, blocks) in [(4, 3, 2), (8, 3, 3)] {
        let shape = Shape::new(side, blocks * side, channels);
        let block = side.to_string();
        let case = Case::new("tanaka", &[("block", &block)], shape, 1);
        let mut helper = case.helpers("le-helper").as_bytes().unwrap().to_vec();
        for row in helper.chunks_exact_mut(shape.row()) {
            row[(blocks - 1) * side * channels..].fill(0);
        }
        let helpers = case.pairs(&Set::bytes(shape, helper).unwrap());
        let exposure = case.exposure(&noise(shape, 1, 9)).with_chosen(helpers).unwrap();
        let error = run("le-helper", &exposure).unwrap_err();
        assert!(matches!(error, Error::Exposure(_)), "{error}");
    }
    let case = Case::new("ele", &[], Shape::new(8, 8, 3), 1);
    let helpers = case.helpers("ele-helper");
    assert_eq!(helpers.len(), 2);
    let exposure = case.exposure(&noise(case.shape, 1, 9));
    let exposure = exposure.with_chosen(case.pairs(&helpers.first(1))).unwrap();
    assert!(matches!(run("ele-helper", &exposure), Err(Error::Exposure(_))));
}

#[test]
fn two_helper_images_give_all_keys_of_ele_and_the_order() {
    for (shape, block, images) in [
        (PHOTO, 4, 2),
        (Shape::new(64, 64, 3), 4, 2),
        (Shape::new(28, 28, 1), 7, 2),
        (Shape::new(32, 32, 3), 8, 3),
        (Shape::new(16, 16, 1), 8, 3),
        (Shape::new(10, 6, 2), 2, 2),
    ] {
        let name = block.to_string();
        let slots = 2 * block * block * shape.channels;
        let positions = (shape.height / block) * (shape.width / block);
        for seed in 0..10 {
            let case = Case::new("ele", &[("block", &name)], shape, seed);
            let plain = noise(shape, 2, seed);
            let outcome = case.chosen("ele-helper", &plain).unwrap();
            assert_eq!(outcome.reconstructions, Some(plain));
            assert_eq!(
                outcome.figures["helper_images"],
                f64::from(images),
                "{shape} {block}"
            );
            let order = integers(&outcome, "block_perm", &[positions]);
            let truth = case.stream("block-permutation", &[]).permutation(positions);
            assert!(order.iter().zip(truth).all(|(a, b)| *a == b as i64));
            let perm = integers(&outcome, "perm", &[positions, slots]);
            let flip = integers(&outcome, "flip", &[positions, slots]);
            for position in 0..positions {
                let mut stream = case.stream("ele-key", &[position as u64]);
                let row = position * slots..(position + 1) * slots;
                let truth = stream.permutation(slots);
                assert!(perm[row.clone()].iter().zip(truth).all(|(a, b)| *a == b as i64));
                let truth = stream.bits(slots);
                assert!(flip[row].iter().zip(truth).all(|(a, b)| (*a == 1) == b));
            }
        }
    }
}

#[test]
fn answers_that_no_key_gives_are_refused() {
    let shape = Shape::new(16, 16, 3);
    for (scheme, attack) in [
        ("tanaka", "le-helper"),
        ("ele", "ele-helper"),
        ("shf", "bytes-helper"),
        ("negpos", "bytes-helper"),
    ] {
        let case = Case::new(scheme, &[], shape, 1);
        let helpers = case.helpers(attack);
        let wrong = Pairs::new(helpers.clone(), noise(shape, helpers.len(), 4)).unwrap();
        let exposure = case.exposure(&noise(shape, 1, 9)).with_chosen(wrong).unwrap();
        assert!(
            matches!(run(attack, &exposure), Err(Error::Exposure(_))),
            "{scheme}"
        );
        assert!(matches!(
            run(attack, &case.exposure(&helpers)),
            Err(Error::Exposure(_))
        ));
    }
    let other = Case::new("aes", &[], shape, 1);
    let exposure = other.exposure(&noise(shape, 1, 9));
    for attack in [
        "le-helper",
        "le-known",
        "le-statistics",
        "ele-known",
        "bytes-known",
    ] {
        assert!(matches!(run(attack, &exposure), Err(Error::Unfit { .. })));
    }
}

#[test]
fn one_known_pair_breaks_tanaka_and_ten_do_so_always() {
    let known = patches(200, true, 11);
    let test = patches(20, false, 12);
    let mut rates: Vec<f64> = Vec::new();
    for seed in 0..15 {
        let case = Case::new("tanaka", &[], PHOTO, seed as u64);
        let (perm, flip) = nibble_key(&case, 96);
        let one = case
            .known("le-known", &part(&known, seed * 10..seed * 10 + 1), &test)
            .unwrap();
        rates.push(rate(&one, &perm, &flip, |_| true));
        let ten = case
            .known("le-known", &part(&known, seed * 10..seed * 10 + 10), &test)
            .unwrap();
        assert_eq!(rate(&ten, &perm, &flip, |_| true), 1.0);
        assert_eq!(ten.reconstructions.as_ref(), Some(&test));
        assert_eq!(ten.figures["slots_with_one_candidate"], 96.0);
    }
    rates.sort_by(f64::total_cmp);
    assert!(rates[7] >= 0.95, "{rates:?}");
}

#[test]
fn known_pairs_break_ele() {
    let (known, test) = (garments(40, false), garments(10, true));
    let case = Case::new("ele", &[], PHOTO, 3);
    let mut last = 0.0;
    for (pairs, least) in [(3, 0.03), (5, 0.6), (10, 0.9), (20, 0.98)] {
        let outcome = case.known("ele-known", &known.first(pairs), &test).unwrap();
        let share = outcome.figures["slots_with_one_candidate"] / outcome.figures["slots"];
        assert!(share >= least && share >= last, "{pairs}: {share}");
        assert_eq!(outcome.figures["blocks_with_one_candidate"], 64.0);
        last = share;
    }
    let outcome = case.known("ele-known", &known, &test).unwrap();
    assert!(psnr(&test, outcome.reconstructions.as_ref().unwrap()) > 50.0);
}

#[test]
fn shuffled_pairs_leave_no_candidate() {
    let known = patches(12, true, 11);
    for (scheme, attack, figure) in [
        ("tanaka", "le-known", "slots_without_candidate"),
        ("ele", "ele-known", "slots_without_candidate"),
        ("shf", "bytes-known", "places_without_candidate"),
        ("negpos", "bytes-known", "places_without_candidate"),
    ] {
        let case = Case::new(scheme, &[], PHOTO, 1);
        let disguised = case.disguise(&known);
        // Each plain image beside the disguised form of the next one.
        let (first, len) = (disguised.as_bytes().unwrap(), PHOTO.len());
        let turned = [&first[len..], &first[..len]].concat();
        let pairs = Pairs::new(known.clone(), Set::bytes(PHOTO, turned).unwrap()).unwrap();
        let exposure = case.exposure(&known).with_pairs(pairs).unwrap();
        let outcome = run(attack, &exposure).unwrap();
        assert!(outcome.reconstructions.is_none());
        let all = outcome
            .figures
            .get("slots")
            .or(outcome.figures.get("places"))
            .unwrap();
        assert_eq!(outcome.figures[figure], *all, "{scheme}");
    }
}

#[test]
fn helper_blocks_and_known_pairs_break_the_byte_schemes() {
    for (shape, block) in [
        (PHOTO, "4"),
        (Shape::new(28, 28, 1), "7"),
        (Shape::new(18, 37, 3), "16"),
        (Shape::new(6, 6, 2), "3"),
        (Shape::new(40, 44, 3), "32"),
    ] {
        for seed in 0..8 {
            let plain = noise(shape, 2, seed);
            for scheme in ["shf", "negpos", "ffx"] {
                let case = Case::new(scheme, &[("block", block)], shape, seed);
                let outcome = case.chosen("bytes-helper", &plain).unwrap();
                assert_eq!(outcome.reconstructions.as_ref(), Some(&plain), "{scheme} {shape}");
                let values = block.parse::<usize>().unwrap().pow(2) * shape.channels;
                match scheme {
                    "shf" => {
                        let truth = case.stream("shf-key", &[]).permutation(values);
                        if shape.height >= 32 || shape.height == 28 {
                            let found = integers(&outcome, "perm", &[values]);
                            assert!(found.iter().zip(truth).all(|(a, b)| *a == b as i64));
                        }
                    }
                    "negpos" => {
                        let truth = case.stream("negpos-key", &[]).permutation(values);
                        let found = integers(&outcome, "mask", &[values]);
                        assert!(
                            found
                                .iter()
                                .zip(truth)
                                .all(|(a, b)| (*a == 1) == (2 * b > values))
                        );
                    }
                    _ => {
                        let truth = case.stream("ffx-lut", &[]).permutation(1000);
                        let found = integers(&outcome, "lut", &[256]);
                        assert!(found.iter().zip(truth).all(|(a, b)| *a == b as i64));
                    }
                }
            }
        }
    }
    let case = Case::new("ffx", &[], PHOTO, 3);
    let outcome = case.chosen("bytes-helper", &noise(PHOTO, 1, 1)).unwrap();
    assert_eq!(outcome.figures["helper_blocks"], 139.0);
    let (known, test) = (garments(20, false), garments(20, true));
    for (scheme, pairs, least) in [
        ("shf", 1, 200.0),
        ("negpos", 1, 200.0),
        ("ffx", 1, 25.0),
        ("ffx", 20, 60.0),
    ] {
        let case = Case::new(scheme, &[], PHOTO, 3);
        let outcome = case.known("bytes-known", &known.first(pairs), &test).unwrap();
        let quality = psnr(&test, outcome.reconstructions.as_ref().unwrap());
        assert!(quality >= least, "{scheme} {pairs}: {quality}");
    }
}

#[test]
fn a_black_background_does_not_make_lower_nibbles_look_like_upper_ones() {
    let (plain, public) = (grey_garments(100, false), grey_garments(400, true));
    for seed in 0..3 {
        let case = Case::new("tanaka", &[], plain.shape(), seed);
        let exposure = case.exposure(&plain).with_public(public.clone()).unwrap();
        let outcome = run("le-statistics", &exposure).unwrap();
        let (perm, flip) = nibble_key(&case, 32);
        let upper = rate(&outcome, &perm, &flip, |p| p >= 16);
        assert!(upper >= 0.95, "{seed}: {upper}");
    }
}

#[test]
fn a_hundred_disguised_images_give_the_upper_nibbles() {
    let (plain, public) = (garments(100, false), garments(400, true));
    let case = Case::new("tanaka", &[], PHOTO, 2);
    let exposure = case.exposure(&plain).with_public(public.clone()).unwrap();
    let outcome = run("le-statistics", &exposure).unwrap();
    let (perm, flip) = nibble_key(&case, 96);
    let upper = rate(&outcome, &perm, &flip, |p| p >= 48);
    assert!(upper >= 0.95, "{upper}");
    let quality = psnr(&plain, outcome.reconstructions.as_ref().unwrap());
    assert!(quality >= 34.0, "{quality}");
    for (scheme, least) in [("shf", 60.0), ("negpos", 200.0)] {
        let case = Case::new(scheme, &[], PHOTO, 2);
        let exposure = case.exposure(&plain).with_public(public.clone()).unwrap();
        let outcome = run("bytes-statistics", &exposure).unwrap();
        let quality = psnr(&plain, outcome.reconstructions.as_ref().unwrap());
        assert!(quality >= least, "{scheme}: {quality}");
    }
}

#[test]
fn statistics_find_nothing_in_white_images_nor_under_a_key_for_each_block() {
    let public = garments(400, true);
    let case = Case::new("tanaka", &[], PHOTO, 2);
    let white = noise(PHOTO, 100, 1);
    let exposure = case.exposure(&white).with_public(public.clone()).unwrap();
    let outcome = run("le-statistics", &exposure).unwrap();
    let (perm, flip) = nibble_key(&case, 96);
    assert!(rate(&outcome, &perm, &flip, |p| p >= 48) < 0.15);
    assert!(psnr(&white, outcome.reconstructions.as_ref().unwrap()) < 12.0);
    // The output of ele, whose positions have their own keys, read as if it were tanaka's.
    let plain = garments(100, false);
    let mixed = Case::new("ele", &[], PHOTO, 2).disguise(&plain);
    let exposure = Exposure::new(case.target(), mixed).unwrap();
    let outcome = run("le-statistics", &exposure.with_public(public).unwrap()).unwrap();
    assert!(psnr(&plain, outcome.reconstructions.as_ref().unwrap()) < 14.0);
}

#[test]
fn statistics_say_what_they_lack() {
    let case = Case::new("tanaka", &[], PHOTO, 2);
    let bare = case.exposure(&noise(PHOTO, 20, 1));
    assert!(matches!(run("le-statistics", &bare), Err(Error::Exposure(_))));
    let few = case
        .exposure(&noise(PHOTO, 1, 1))
        .with_public(noise(PHOTO, 9, 2))
        .unwrap();
    assert!(matches!(run("le-statistics", &few), Err(Error::Exposure(_))));
    let case = Case::new("tanaka", &[], Shape::new(4, 32, 3), 2);
    let flat = case
        .exposure(&noise(case.shape, 9, 1))
        .with_public(noise(PHOTO, 9, 2))
        .unwrap();
    assert!(matches!(run("le-statistics", &flat), Err(Error::Unfit { .. })));
}

/// Share of the pairs of blocks beside each other in a found layout that belong beside each other.
fn adjacency(order: &[i64], truth: &[usize], columns: usize) -> f64 {
    let place = |cell: usize| order.iter().position(|c| *c == cell as i64).unwrap();
    let (mut right, mut pairs) = (0, 0);
    for cell in 0..truth.len() {
        let below = (cell + columns < truth.len()).then_some(cell + columns);
        let beside = (cell % columns + 1 < columns).then_some(cell + 1);
        for other in below.into_iter().chain(beside) {
            let (a, b) = (truth[place(cell)], truth[place(other)]);
            let far = (a / columns).abs_diff(b / columns) + (a % columns).abs_diff(b % columns);
            pairs += 1;
            right += i32::from(far == 1);
        }
    }
    f64::from(right) / f64::from(pairs)
}

#[test]
fn disguised_images_give_the_layout_of_ele_and_public_ones_the_upper_nibbles() {
    let case = Case::new("ele", &[("block", "8")], PHOTO, 4);
    let truth = case.stream("block-permutation", &[]).permutation(16);
    let outcome = run("ele-layout", &case.exposure(&patches(300, true, 1))).unwrap();
    let share = adjacency(&integers(&outcome, "block_perm", &[16]), &truth, 4);
    assert!(share > 0.9, "{share}");
    let white = run("ele-layout", &case.exposure(&noise(PHOTO, 300, 1))).unwrap();
    let share = adjacency(&integers(&white, "block_perm", &[16]), &truth, 4);
    assert!(share < 0.6, "{share}");

    let case = Case::new("ele", &[], PHOTO, 4);
    let (plain, public) = (garments(600, false), garments(600, true));
    let exposure = case.exposure(&plain).with_public(public).unwrap();
    let outcome = run("ele-layout", &exposure).unwrap();
    let truth = case.stream("block-permutation", &[]).permutation(64);
    let order = integers(&outcome, "block_perm", &[64]);
    let placed = order.iter().zip(truth).filter(|(a, b)| **a == *b as i64);
    assert!(placed.count() >= 60);
    let quality = psnr(&plain, outcome.reconstructions.as_ref().unwrap());
    assert!(quality > 17.0, "{quality}");
    let few = case.exposure(&garments(50, false));
    assert!(matches!(run("ele-layout", &few), Err(Error::Exposure(_))));
}
