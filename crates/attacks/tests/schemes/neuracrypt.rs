//! The attacks on NeuraCrypt against images that the scheme itself disguised.

use crate::support::{self, Given, attack, key, matched, pick, texts};
use visard_attacks::{Error, Exposure, Outcome, Rng, Set, Target, Verdict};
use visard_core::{Pixels, Shape, Values};

const SHAPE: Shape = Shape::new(28, 28, 1);

/// The first garments.
fn garments(count: usize) -> Set {
    support::garments("t10k", count)
}

/// Images under the key of that number, numbered from `first`.
fn disguise(plain: &Set, given: Given<'_>, secret: u8, first: u64) -> Vec<f32> {
    let key = key("neuracrypt", given, plain.shape(), secret);
    match support::disguise(&key, plain, 7, first).pixels() {
        Pixels::F32(values) => values.clone(),
        Pixels::U8(_) => panic!("tokens are floats"),
    }
}

fn target(given: Given<'_>) -> Target {
    Target::new("neuracrypt", &texts(given), SHAPE).unwrap()
}

fn exposure(given: Given<'_>, tokens: Vec<f32>) -> Exposure {
    let target = target(given);
    let shape = target.scheme.output(SHAPE).unwrap().shape;
    Exposure::new(target, Set::new(shape, Pixels::F32(tokens), Vec::new()).unwrap()).unwrap()
}

/// For each image and row the place of that token in the order of the first image. Orders depend on key,
/// salt and number alone, and in images of one grey the tokens of one place are equal.
fn true_orders(count: usize, given: Given<'_>, secret: u8) -> Vec<usize> {
    let grey = Set::bytes(SHAPE, vec![128; count * SHAPE.len()]).unwrap();
    let tokens = disguise(&grey, given, secret, 0);
    let shape = target(given).scheme.output(SHAPE).unwrap().shape;
    let first: Vec<&[f32]> = tokens[..shape.len()].chunks(shape.width).collect();
    let place = |token: &[f32]| first.iter().position(|other| *other == token).unwrap();
    tokens.chunks(shape.width).map(place).collect()
}

fn share_in_order(outcome: &Outcome, truth: &[usize]) -> f64 {
    let Values::I64(found) = &outcome.material.get("patch_perm").unwrap().values else {
        panic!("orders are whole numbers");
    };
    let right = found.iter().zip(truth).filter(|(a, b)| **a as usize == **b);
    right.count() as f64 / truth.len() as f64
}

/// What both attacks make of images among public ones.
struct Reached {
    order: f64,
    matched: f64,
    decoded: f64,
    /// Share of the tokens whose patch is named rightly by the matching attack.
    patches: f64,
    seconds: f64,
}

fn reach(given: Given<'_>, secret: u8, plain: &Set, public: &Set, tokens: Vec<f32>) -> Reached {
    let orders = &true_orders(plain.len(), given, secret);
    let set = exposure(given, tokens).with_public(public.clone()).unwrap();
    let order = share_in_order(&attack("neuracrypt-order", &set, &[]).unwrap(), orders);
    let begun = std::time::Instant::now();
    let found = attack("neuracrypt-matching", &set, &[]).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(found.verdict, Verdict::Complete);
    Reached {
        order,
        matched: matched(found.reconstructions.as_ref().unwrap(), plain),
        decoded: found.figures["decoded"],
        patches: share_in_order(&found, &absolute(given, secret, orders)),
        seconds,
    }
}

/// The patch of each token, from its place in the order of the first image: the token of that image that
/// changes most when a patch of a grey image turns white is that patch's.
fn absolute(given: Given<'_>, secret: u8, orders: &[usize]) -> Vec<usize> {
    let target = target(given);
    let (side, out) = (
        target.scheme.params().int("patch") as usize,
        target.scheme.output(SHAPE).unwrap().shape,
    );
    let tokens = |pixels: Vec<u8>| disguise(&Set::bytes(SHAPE, pixels).unwrap(), given, secret, 0);
    let grey = tokens(vec![128; SHAPE.len()]);
    let columns = SHAPE.width.div_ceil(side);
    let mut patch_of = vec![0; out.height];
    for patch in 0..out.height {
        let inside = |i: usize| i / 28 / side == patch / columns && i % 28 / side == patch % columns;
        let white = tokens(
            (0..SHAPE.len())
                .map(|i| if inside(i) { 255 } else { 128 })
                .collect(),
        );
        let change = |row: usize| -> f32 {
            let of = |tokens: &[f32]| tokens[row * out.width..][..out.width].to_vec();
            of(&white)
                .iter()
                .zip(of(&grey))
                .map(|(a, b)| (a - b).powi(2))
                .sum()
        };
        let row = (0..out.height).max_by(|a, b| change(*a).total_cmp(&change(*b)));
        patch_of[row.unwrap()] = patch;
    }
    orders.iter().map(|place| patch_of[*place]).collect()
}

impl std::fmt::Display for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "in order {:.3}, matched {:.3}, decoded {:.3}, patches {:.3}, {:.1} s",
            self.order, self.matched, self.decoded, self.patches, self.seconds
        )
    }
}

#[test]
fn order_and_images_are_found_whatever_the_parameters() {
    // The last number is the share that must be matched; chance is one image in all.
    for (given, secret, count, more, floor) in [
        (&[] as Given<'_>, 1, 80, 0, 0.7),
        (&[("patch", "7"), ("width", "64")], 2, 80, 0, 0.7),
        (&[("patch", "7"), ("width", "64"), ("depth", "0")], 3, 50, 20, 0.7),
        (&[("patch", "4"), ("width", "64"), ("depth", "2")], 1, 50, 0, 0.7),
        (
            &[("patch", "7"), ("width", "64"), ("statistics", "batch")],
            2,
            60,
            0,
            0.7,
        ),
        (
            &[("patch", "7"), ("width", "128"), ("statistics", "batch")],
            1,
            100,
            50,
            0.4,
        ),
    ] {
        let all = garments(count + more);
        let plain = all.first(count);
        let public = pick(&all, &Rng::new(5).permutation(count + more));
        let tokens = disguise(&plain, given, secret, 0);
        let reached = reach(given, secret, &plain, &public, tokens);
        println!("{count} of {} {given:?}, key {secret}: {reached}", count + more);
        assert!(reached.order > 0.98, "{given:?}: {reached}");
        assert!(reached.matched > floor, "{given:?}: {reached}");
        assert!(floor < 0.7 || reached.patches > 0.9, "{given:?}: {reached}");
    }
}

#[test]
fn nothing_is_matched_where_nothing_is_shared() {
    let (given, count): (Given<'_>, _) = (&[("patch", "7"), ("width", "64")], 40);
    let plain = garments(count);
    let public = pick(&plain, &Rng::new(5).permutation(count));
    let tokens = disguise(&plain, given, 1, 0);
    // A key for each image.
    let own: Vec<f32> = (0..count)
        .flat_map(|i| disguise(&pick(&plain, &[i]), given, i as u8 + 1, i as u64))
        .collect();
    let own = reach(given, 1, &plain, &public, own);
    // Public images that are none of the disguised ones: white noise.
    let mut rng = Rng::new(6);
    let noise = (0..count * SHAPE.len()).map(|_| rng.next_u64() as u8).collect();
    let noise = reach(
        given,
        1,
        &plain,
        &Set::bytes(SHAPE, noise).unwrap(),
        tokens.clone(),
    );
    // The tokens of all images mixed up.
    let width = 64;
    let places = rng.permutation(tokens.len() / width);
    let mixed = places.iter().flat_map(|i| &tokens[i * width..][..width]).copied();
    let mixed = reach(given, 1, &plain, &public, mixed.collect());
    for (what, reached) in [
        ("a key an image", own),
        ("white noise", noise),
        ("tokens mixed", mixed),
    ] {
        println!("{what}: {reached}");
        assert!(
            reached.matched < 0.15 && reached.decoded < 0.3,
            "{what}: {reached}"
        );
    }
}

#[test]
fn public_images_must_suffice() {
    let given: Given<'_> = &[("patch", "7"), ("width", "16")];
    let plain = garments(6);
    let refused = |public: Option<Set>| {
        let mut set = exposure(given, disguise(&plain, given, 1, 0));
        if let Some(public) = public {
            set = set.with_public(public).unwrap();
        }
        match attack("neuracrypt-matching", &set, &[]) {
            Err(Error::Exposure(problem)) => problem,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(None).contains("public images of 28x28x1"));
    assert!(refused(Some(garments(5))).contains("6 and 5"));
    let other = Set::bytes(Shape::new(14, 28, 1), vec![0; 14 * 28 * 9]).unwrap();
    assert!(refused(Some(other)).contains("14x28x1"));
}
