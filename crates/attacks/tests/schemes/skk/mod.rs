//! What the attacks on pixel-based encryption must break, and what they must not.

mod same_key;
mod support;

use support::*;
use visard_attacks::{Budget, Error, Exposure, Rng, Set, Verdict, attacks};
use visard_core::{Array, Values};

/// The values of images folded at mid-grey, the darker half.
fn folded(plain: &Set) -> Vec<u8> {
    let values = plain.as_bytes().unwrap().iter();
    values.map(|v| *v.min(&(255 - v))).collect()
}

#[test]
fn leading_bits_fold_the_plain_image_whatever_the_key() {
    let plain = patches(6);
    let folded = folded(&plain);
    for given in [NO_COLOR_STEP, &[("color", "false"), ("image_key", "true")]] {
        for secret in [1, 2] {
            let made = disguise("skk", given, secret, &plain);
            let outcome = attack("skk-leading-bit", &[], &exposure("skk", given, COLOR, made));
            assert_eq!(pictures(&outcome), folded);
            let again = outcome.reconstructions.unwrap();
            let again = attack("skk-leading-bit", &[], &exposure("skk", given, COLOR, again));
            assert_eq!(pictures(&again), folded);
        }
    }
    // With a colour step, up to the order of colours in each pixel; the grey version is one plane.
    let made = disguise("skk", OWN_KEYS, 1, &plain);
    let skk = exposure("skk", OWN_KEYS, COLOR, made);
    let outcome = attack("skk-leading-bit", &[], &skk);
    let sorted = |pixels: &[u8]| -> Vec<[u8; 3]> {
        let mut pixels = pixels.as_chunks::<3>().0.to_vec();
        pixels.iter_mut().for_each(|p| p.sort_unstable());
        pixels
    };
    assert_eq!(sorted(pictures(&outcome)), sorted(&folded));
    assert_ne!(pictures(&outcome), folded);
    let grey = attack("skk-leading-bit", &[("grey", "true")], &skk);
    assert!(pictures(&grey).chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
}

#[test]
fn leading_bits_are_a_baseline_for_the_block_schemes() {
    let plain = photo("chelsea");
    for scheme in ["tanaka", "ele", "etc", "etc-gray", "shf", "negpos"] {
        let made = disguise(scheme, &[], 3, &plain);
        let outcome = attack(
            "skk-leading-bit",
            &[],
            &exposure(scheme, &[], plain.shape(), made),
        );
        let guess = outcome.reconstructions.unwrap();
        assert_eq!((guess.shape(), guess.len()), (plain.shape(), 1), "{scheme}");
        assert!(guess.as_bytes().unwrap().iter().all(|v| *v < 128), "{scheme}");
        if scheme == "negpos" {
            assert_eq!(guess.as_bytes().unwrap(), folded(&plain));
        }
    }
    let other = exposure("aes", &[], COLOR, disguise("aes", &[], 3, &patches(1)));
    let refused = attack_with("skk-leading-bit", &[], &other, Budget::generous());
    assert!(matches!(refused, Err(Error::Unfit { .. })));
}

#[test]
fn propagation_is_exact_where_neighbours_leave_no_doubt() {
    // One colour.
    let color = [200, 90, 30];
    let plain = Set::bytes(COLOR, color.repeat(32 * 32)).unwrap();
    let skk = exposure("skk", OWN_KEYS, COLOR, disguise("skk", OWN_KEYS, 4, &plain));
    let seed: Given<'_> = &[("seed", "value"), ("red", "200"), ("green", "90"), ("blue", "30")];
    assert_eq!(
        pictures(&attack("skk-propagation", seed, &skk)),
        plain.as_bytes().unwrap()
    );
    // With negation alone: small steps far from mid-grey, on either side in each channel.
    let mut rng = Rng::new(2);
    let pixels: Vec<u8> = (0..COLOR.len())
        .map(|i| [0, 200, 10][i % 3] + rng.below(50) as u8)
        .collect();
    let plain = Set::bytes(COLOR, pixels.clone()).unwrap();
    let given: Given<'_> = &[("color", "false"), ("image_key", "true")];
    let pe = exposure("skk", given, COLOR, disguise("skk", given, 4, &plain));
    let first: Vec<String> = pixels[..3].iter().map(u8::to_string).collect();
    let seed = [
        ("seed", "value"),
        ("red", &*first[0]),
        ("green", &*first[1]),
        ("blue", &*first[2]),
    ];
    assert_eq!(pictures(&attack("skk-propagation", &seed, &pe)), pixels);
    // A key does not matter but for the first pixel.
    let other = exposure("skk", given, COLOR, disguise("skk", given, 5, &plain));
    assert_eq!(pictures(&attack("skk-propagation", &seed, &other)), pixels);
    let grey = |e: &Exposure| attack("skk-propagation", &[], e).reconstructions;
    assert_eq!(grey(&pe), grey(&other));
}

#[test]
fn some_seed_state_is_right_and_the_prior_finds_it() {
    let plain = Set::bytes(COLOR, [140, 90, 40].repeat(32 * 32)).unwrap();
    let skk = exposure("skk", OWN_KEYS, COLOR, disguise("skk", OWN_KEYS, 6, &plain));
    let right = (0..48).filter(|state| {
        let state = state.to_string();
        let outcome = attack("skk-propagation", &[("seed", "state"), ("state", &state)], &skk);
        pictures(&outcome) == plain.as_bytes().unwrap()
    });
    assert_eq!(right.count(), 1);
    let best = attack("skk-propagation", &[("seed", "best")], &skk);
    let shown = same_but_turned(&plain, true, pictures(&best));
    assert_eq!(shown, 1.0);
    let graph = attack("skk-graph", &[], &skk);
    assert_eq!(same_but_turned(&plain, true, pictures(&graph)), 1.0);
}

#[test]
fn trees_of_one_image_put_colours_in_order_and_cannot_see_across_mid_grey() {
    // Colours far apart on the dark side: exact but for the state of the whole.
    let mut rng = Rng::new(3);
    let pixels: Vec<u8> = (0..COLOR.len())
        .map(|i| [110, 70, 20][i % 3] + rng.below(9) as u8)
        .collect();
    let plain = Set::bytes(COLOR, pixels).unwrap();
    let skk = exposure("skk", OWN_KEYS, COLOR, disguise("skk", OWN_KEYS, 7, &plain));
    let outcome = attack("skk-graph", &[], &skk);
    assert_eq!(same_but_turned(&plain, true, pictures(&outcome)), 1.0);
    assert_eq!(pictures(&outcome), plain.as_bytes().unwrap());
    // Each further rank is another state of the whole.
    let ranks: Vec<Set> = (0..48)
        .map(|rank| {
            attack("skk-graph", &[("rank", &rank.to_string())], &skk)
                .reconstructions
                .unwrap()
        })
        .collect();
    assert!((1..48).all(|i| !ranks[..i].contains(&ranks[i])));
    // Without a colour step the folded picture is all that is left.
    let plain = patches(2);
    let given: Given<'_> = &[("color", "false"), ("image_key", "true")];
    let pe = exposure("skk", given, COLOR, disguise("skk", given, 7, &plain));
    let guess = attack("skk-graph", &[], &pe);
    let folded = attack(
        "skk-leading-bit",
        &[],
        &exposure("skk", given, COLOR, guess.reconstructions.unwrap()),
    );
    assert_eq!(pictures(&folded), pictures(&attack("skk-leading-bit", &[], &pe)));
}

#[test]
fn budgets_are_kept() {
    let made = disguise("skk", &[], 15, &patches(130));
    let skk = exposure("skk", &[], COLOR, made);
    let spent = || Budget::new(Some(std::time::Duration::ZERO), 8 << 30);
    let small = || Budget::new(None, 1000);
    for name in ["skk-propagation", "skk-graph"] {
        let outcome = attack_with(name, &[], &skk, spent()).unwrap();
        assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)));
        assert!(outcome.reconstructions.unwrap().is_empty());
    }
    for name in [
        "skk-leading-bit",
        "skk-propagation",
        "skk-graph",
        "skk-statistical",
    ] {
        let outcome = attack_with(name, &[], &skk, small()).unwrap();
        assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)), "{name}");
        assert!(outcome.reconstructions.is_none());
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let skk = exposure("skk", &[], COLOR, disguise("skk", &[], 16, &patches(130)));
    for name in [
        "skk-leading-bit",
        "skk-propagation",
        "skk-graph",
        "skk-statistical",
    ] {
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let alone = one.install(|| attack(name, &[], &skk));
        let many = attack(name, &[], &skk);
        assert_eq!(alone.reconstructions, many.reconstructions, "{name}");
        assert_eq!(alone.material, many.material, "{name}");
    }
}

#[test]
fn schemes_that_are_not_pixel_based_are_refused() {
    let shf = exposure("shf", &[], COLOR, disguise("shf", &[], 1, &patches(3)));
    for info in attacks::ALL.iter().filter(|info| info.applies == ["skk"]) {
        let refused = attack_with(info.name, &[], &shf, Budget::generous());
        assert!(matches!(refused, Err(Error::Unfit { .. })), "{}", info.name);
    }
    // Material of the names that the scheme takes.
    let known = with_pairs(&[], 1, patches(1), 1, &patches(1));
    let outcome = attack("skk-known", &[], &known);
    let shapes: Vec<(&str, &Array)> = outcome.material.iter().collect();
    assert_eq!(shapes[0].0, "color_perm");
    assert_eq!(shapes[0].1.shape, [32, 32]);
    assert_eq!((shapes[1].0, &shapes[1].1.shape), ("neg_mask", &vec![32, 32, 3]));
    assert!(matches!(shapes[1].1.values, Values::U8(_)));
}
