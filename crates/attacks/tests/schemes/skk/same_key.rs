//! Where all images share a key, chosen, known and merely many images give it away.

use super::support::*;
use proptest::prelude::*;
use visard_attacks::{Budget, Error, Exposure, Pairs, Result, Set, Verdict, attacks};
use visard_core::{Shape, params::Params};

fn chosen(given: Given<'_>, shape: Shape, secret: u8, disguised: Set) -> Result<Exposure> {
    let exposure = exposure("skk", given, shape, disguised);
    let info = attacks::find("skk-helper")?;
    let helper = info.helpers.unwrap()(&exposure.target, &Params::default())?;
    let answer = disguise("skk", given, secret, &helper);
    exposure.with_chosen(Pairs::new(helper, answer)?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any images of any shape, any key, with and without the colour step.
    #[test]
    fn the_helper_image_gives_every_byte_back(
        (height, width, channels) in (1usize..12, 1usize..12, prop_oneof![Just(1usize), Just(3), 2usize..17]),
        (color, secret, seed) in (any::<bool>(), any::<u8>(), any::<u64>()),
    ) {
        let shape = Shape::new(height, width, channels);
        let given: Given<'_> = if color { &[] } else { NO_COLOR_STEP };
        let plain = noise(shape, 3, seed);
        let made = disguise("skk", given, secret, &plain);
        let outcome = attack("skk-helper", &[], &chosen(given, shape, secret, made.clone()).unwrap());
        prop_assert_eq!(outcome.reconstructions.as_ref(), Some(&plain));
        prop_assert!(removes(&outcome, given, &plain, &made));
    }
}

#[test]
fn helpers_of_another_key_or_of_fresh_keys_do_not_help() {
    let plain = patches(9);
    let made = disguise("skk", &[], 1, &plain);
    let wrong = attack("skk-helper", &[], &chosen(&[], COLOR, 2, made.clone()).unwrap());
    let folded = attack("skk-leading-bit", &[], &exposure("skk", &[], COLOR, made.clone()));
    let truth = plain.as_bytes().unwrap();
    let (wrong, folded) = (same(pictures(&wrong), truth), same(pictures(&folded), truth));
    // 1 of 6 values is right by chance, half of the folded ones in a third of the places.
    assert!(wrong < 0.3 && wrong < folded + 0.05, "{wrong} {folded}");
    assert!(matches!(
        chosen(OWN_KEYS, COLOR, 1, made.clone()),
        Err(Error::Unfit { .. })
    ));
    // Something that the scheme does not make of the helper.
    let mut exposure = chosen(&[], COLOR, 1, made).unwrap();
    let helper = exposure.chosen.as_ref().unwrap().plain.clone();
    exposure = exposure
        .with_chosen(Pairs::new(helper, noise(COLOR, 1, 1)).unwrap())
        .unwrap();
    let refused = attack_with("skk-helper", &[], &exposure, Budget::generous());
    assert!(matches!(refused, Err(Error::Exposure(_))));
    exposure.chosen = None;
    assert!(attack_with("skk-helper", &[], &exposure, Budget::generous()).is_err());
}

#[test]
fn known_pairs_leave_few_states() {
    let images = patches(30);
    let len = COLOR.len();
    let held_out = Set::bytes(COLOR, images.as_bytes().unwrap()[20 * len..].to_vec()).unwrap();
    let mut last = (0.0, 0.0);
    for count in [1, 2, 3, 20] {
        let known = images.first(count);
        let outcome = attack("skk-known", &[], &with_pairs(&[], 8, known.clone(), 8, &held_out));
        let rate = same(pictures(&outcome), held_out.as_bytes().unwrap());
        let decided = outcome.figures["decided_pixels"];
        assert!(
            rate >= last.0 && decided >= last.1,
            "{count}: {rate} after {last:?}"
        );
        last = (rate, decided);
        assert_eq!(decided + outcome.figures["residual_pixels"], 1024.0);
        // The pairs themselves are explained whatever is open.
        let made = disguise("skk", &[], 8, &known);
        assert!(removes(&outcome, &[], &known, &made));
    }
    assert!(last.0 > 0.99, "{last:?}");
    // Uniform noise leaves 2.3 percent of the pixels to chance.
    let outcome = attack(
        "skk-known",
        &[],
        &with_pairs(&[], 8, noise(COLOR, 1, 2), 8, &held_out),
    );
    let open = outcome.figures["residual_pixels"] / 1024.0;
    assert!((0.01..0.06).contains(&open), "{open}");
    // Negation alone is decided by one pair.
    let grey = fashion(6);
    let outcome = attack("skk-known", &[], &with_pairs(&[], 8, grey.first(1), 8, &grey));
    assert_eq!(outcome.reconstructions, Some(grey));
}

#[test]
fn pairs_that_are_none_are_refused() {
    let images = patches(4);
    let refused = |exposure: &Exposure| {
        let refused = attack_with("skk-known", &[], exposure, Budget::generous());
        assert!(matches!(refused, Err(Error::Exposure(_))), "{refused:?}");
    };
    let made = disguise("skk", &[], 1, &images);
    let shuffled: Vec<u8> = made
        .as_bytes()
        .unwrap()
        .chunks(COLOR.len())
        .rev()
        .flatten()
        .copied()
        .collect();
    let shuffled = Set::bytes(COLOR, shuffled).unwrap();
    let skk = exposure("skk", &[], COLOR, made);
    refused(&skk);
    refused(
        &skk.with_pairs(Pairs::new(images.clone(), shuffled).unwrap())
            .unwrap(),
    );
    // Fresh keys under the name of one.
    let fresh = disguise("skk", OWN_KEYS, 1, &images);
    let skk = exposure("skk", &[], COLOR, fresh.clone());
    refused(
        &skk.with_pairs(Pairs::new(images.clone(), fresh.clone()).unwrap())
            .unwrap(),
    );
    let own = exposure("skk", OWN_KEYS, COLOR, fresh.clone());
    let own = own.with_pairs(Pairs::new(images, fresh).unwrap()).unwrap();
    let unfit = attack_with("skk-known", &[], &own, Budget::generous());
    assert!(matches!(unfit, Err(Error::Unfit { .. })));
}

#[test]
fn twenty_disguised_images_give_every_pixel_back() {
    for (count, statistic) in [(20, "distance"), (100, "distance"), (100, "correlation")] {
        let plain = patches(count);
        let made = disguise("skk", &[], 11, &plain);
        let skk = exposure("skk", &[], COLOR, made.clone());
        let outcome = attack("skk-statistical", &[("statistic", statistic)], &skk);
        assert_eq!(
            same_but_turned(&plain, true, pictures(&outcome)),
            1.0,
            "{count} {statistic}"
        );
        assert_eq!(outcome.verdict, Verdict::Complete);
        // Other photographs' values tell which of the 48 it is.
        let public = photo("coffee");
        let outcome = attack("skk-statistical", &[], &skk.with_public(public).unwrap());
        assert_eq!(outcome.reconstructions.as_ref(), Some(&plain));
        assert!(removes(&outcome, &[], &plain, &made));
    }
}

#[test]
fn negation_alone_falls_to_statistics_as_well() {
    let plain = patches(20);
    let made = disguise("skk", NO_COLOR_STEP, 12, &plain);
    let outcome = attack(
        "skk-statistical",
        &[],
        &exposure("skk", NO_COLOR_STEP, COLOR, made),
    );
    assert_eq!(same_but_turned(&plain, false, pictures(&outcome)), 1.0);
    // Grey images whose margins are the same in all of them.
    let plain = fashion(20);
    let made = disguise("skk", &[], 12, &plain);
    let outcome = attack("skk-statistical", &[], &exposure("skk", &[], GREY, made));
    assert_eq!(outcome.reconstructions, Some(plain));
}

#[test]
fn statistics_need_images_of_one_key() {
    let plain = patches(60);
    // Two images are too few.
    let two = plain.first(2);
    let skk = exposure("skk", &[], COLOR, disguise("skk", &[], 13, &two));
    assert!(
        attack_with(
            "skk-statistical",
            &[("statistic", "correlation")],
            &skk,
            Budget::generous()
        )
        .is_err()
    );
    let outcome = attack("skk-statistical", &[], &skk);
    assert!(same_but_turned(&two, true, pictures(&outcome)) < 0.9);
    // Fresh keys give what chance gives, also on noise, and the attack's own figures say so.
    let fresh = disguise("skk", OWN_KEYS, 13, &plain);
    let outcome = attack(
        "skk-statistical",
        &[],
        &exposure("skk", &[], COLOR, fresh.clone()),
    );
    assert!(same_but_turned(&plain, true, pictures(&outcome)) < 0.25);
    let figures = |name: &str| outcome.figures[name];
    assert!(
        figures("agreeing_orders") < 0.25 && figures("agreeing_signs") < 0.6,
        "{:?}",
        outcome.figures
    );
    let noisy = noise(COLOR, 60, 14);
    let made = disguise("skk", &[], 13, &noisy);
    let outcome = attack("skk-statistical", &[], &exposure("skk", &[], COLOR, made));
    assert!(same_but_turned(&noisy, true, pictures(&outcome)) < 0.25);
    let unfit = attack_with(
        "skk-statistical",
        &[],
        &exposure("skk", OWN_KEYS, COLOR, fresh),
        Budget::generous(),
    );
    assert!(matches!(unfit, Err(Error::Unfit { .. })));
}
