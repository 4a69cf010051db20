//! The attacks on the AES disguise read what repeats, and nothing else.

use crate::{
    rmt_aes::{correlation, disguise, disguise_afresh, fashion, pairs, pictures},
    support::{Given, attack, exposure, key, noise, part, psnr},
};
use std::time::Duration;
use visard_attacks::{Budget, Error, Exposure, Rng, Set, Verdict, attacks};
use visard_core::{Shape, params::Params};

const ONE_KEY: Given<'_> = &[("per_position", "false"), ("shuffle", "false")];

fn known(params: Given<'_>, set: &Set, count: usize) -> (Exposure, Set) {
    let key = key("aes", params, set.shape(), 9);
    let truth = part(set, count..set.len());
    let disguised = disguise(&key, &set.first(count), 0);
    let exposed = exposure("aes", params, set.shape(), disguise(&key, &truth, 0))
        .with_pairs(pairs(&set.first(count), &disguised, count))
        .unwrap();
    (exposed, truth)
}

/// Random images that hold the same block of 4 x 4 at its own place in each.
fn planted(count: usize) -> Set {
    let shape = Shape::new(16, 16, 1);
    let mut pixels = noise(shape, count, 3).as_bytes().unwrap().to_vec();
    for (image, out) in pixels.chunks_exact_mut(256).enumerate() {
        let position = image * 5 % 16;
        for i in 0..16 {
            out[(position / 4 * 4 + i / 4) * 16 + position % 4 * 4 + i % 4] = (i * i) as u8;
        }
    }
    Set::bytes(shape, pixels).unwrap()
}

/// Images read whose planted block is right.
fn blocks_found(found: &Set, first: usize) -> usize {
    let pixels = found.as_bytes().unwrap();
    let right = |(i, image): &(usize, &[u8])| {
        let position = (i + first) * 5 % 16;
        (0..16).all(|k| image[(position / 4 * 4 + k / 4) * 16 + position % 4 * 4 + k % 4] == (k * k) as u8)
    };
    pixels.chunks_exact(256).enumerate().filter(right).count()
}

#[test]
fn a_planted_block_is_found_everywhere_under_one_key() {
    let set = planted(60);
    let (exposed, _) = known(ONE_KEY, &set, 1);
    let outcome = attack("aes-codebook", &exposed, &[]).unwrap();
    assert_eq!(blocks_found(pictures(&outcome), 1), 59);
    assert_eq!(outcome.figures["coverage"], 1.0 / 16.0);
    assert_eq!(outcome.figures["textured_coverage"], 1.0 / 16.0);
    // A key for each position shows it where it was seen only.
    let (exposed, _) = known(&[("shuffle", "false")], &set, 1);
    let outcome = attack("aes-codebook", &exposed, &[]).unwrap();
    assert_eq!(blocks_found(pictures(&outcome), 1), 3);
    assert!((outcome.figures["coverage"] - 3.0 / 59.0 / 16.0).abs() < 1e-12);
}

#[test]
fn known_images_are_read_whole_and_not_counted() {
    let set = noise(Shape::new(9, 10, 3), 4, 1);
    for block in ["1", "2", "3", "4", "6", "8"] {
        for per_position in ["false", "true"] {
            let params = [
                ("block", block),
                ("per_position", per_position),
                ("shuffle", "false"),
            ];
            let disguised = disguise(&key("aes", &params, set.shape(), 2), &set, 0);
            let exposed = exposure("aes", &params, set.shape(), disguised.clone())
                .with_pairs(pairs(&set, &disguised, 4))
                .unwrap();
            let outcome = attack("aes-codebook", &exposed, &[]).unwrap();
            assert_eq!(pictures(&outcome), &set, "{block} {per_position}");
            assert_eq!(outcome.figures["unknown_images"], 0.0);
        }
    }
}

#[test]
fn moved_blocks_are_matched_by_what_repeats() {
    let set = fashion(700);
    let key_params = [("per_position", "false")];
    for (params, least) in [(&key_params as Given<'_>, 0.95), (&[], 0.8)] {
        let (exposed, truth) = known(params, &set, 600);
        let outcome = attack("aes-codebook", &exposed, &[]).unwrap();
        assert!(
            outcome.figures["matched_positions"] > least,
            "{:?}",
            outcome.figures
        );
        let key = key("aes", params, set.shape(), 9);
        if let Some(found) = outcome.material.permutation("block_perm", 49).unwrap() {
            let order = key.schedule().stream("block-permutation", &[]).permutation(49);
            let right = found.iter().zip(&order).filter(|(a, b)| a == b).count();
            // Corners that are blank in all pairs cannot be told apart.
            assert!(
                right as f64 >= 49.0 - outcome.figures["tied_positions"],
                "{right}"
            );
        }
        assert!(outcome.figures["coverage"] > 0.25, "{:?}", outcome.figures);
        let neighbours = attack("aes-codebook", &exposed, &[("fill", "neighbours")]).unwrap();
        let (found, near) = (
            psnr(pictures(&outcome), &truth),
            psnr(pictures(&neighbours), &truth),
        );
        assert!(found > near + 3.0, "{found} {near}");
    }
    // Nothing repeats: nothing is placed, and it says so.
    let (exposed, _) = known(&[], &noise(Shape::new(16, 16, 1), 10, 1), 5);
    let outcome = attack("aes-codebook", &exposed, &[]).unwrap();
    assert_eq!(
        (outcome.figures["matched_positions"], outcome.figures["coverage"]),
        (0.0, 0.0)
    );
    assert!(outcome.material.get("block_perm").is_none());
}

#[test]
fn keys_of_their_own_lower_the_coverage_and_fresh_ones_end_it() {
    let set = fashion(300);
    let coverage = |exposed: &Exposure| attack("aes-codebook", exposed, &[]).unwrap().figures["coverage"];
    let one = coverage(&known(ONE_KEY, &set, 1).0);
    let many = coverage(&known(&[("shuffle", "false")], &set, 1).0);
    assert!((0.2..0.45).contains(&one) && many < 0.6 * one, "{one} {many}");
    let fresh = disguise_afresh("aes", ONE_KEY, &set);
    let exposed = exposure(
        "aes",
        ONE_KEY,
        set.shape(),
        disguise(&key("aes", ONE_KEY, set.shape(), 9), &set, 0),
    )
    .with_pairs(pairs(&set, &fresh, 100))
    .unwrap();
    assert_eq!(coverage(&exposed), 0.0);
}

#[test]
fn small_blocks_make_a_whole_book() {
    let set = fashion(120);
    let params = [("block", "1"), ("per_position", "false"), ("shuffle", "false")];
    let (exposed, truth) = known(&params, &set, 100);
    let outcome = attack("aes-codebook", &exposed, &[]).unwrap();
    assert_eq!(outcome.figures["free_bytes"], 1.0);
    assert!(outcome.figures["entries"] <= 256.0);
    assert!(psnr(pictures(&outcome), &truth) > 50.0);
}

#[test]
fn equal_blocks_show() {
    let shape = Shape::new(16, 16, 1);
    let flat = Set::bytes(shape, vec![77; 256]).unwrap();
    let run = |set: &Set, params: Given<'_>, settings: Given<'_>| {
        let disguised = disguise(&key("aes", params, set.shape(), 4), set, 0);
        attack(
            "aes-equality",
            &exposure("aes", params, set.shape(), disguised),
            settings,
        )
        .unwrap()
    };
    let outcome = run(&flat, ONE_KEY, &[]);
    assert_eq!(
        (
            outcome.figures["distinct_runs"],
            outcome.figures["repeated_in_image"]
        ),
        (1.0, 1.0)
    );
    assert_eq!(run(&flat, &[], &[]).figures["distinct_runs"], 16.0);
    let outcome = run(&noise(shape, 20, 1), ONE_KEY, &[]);
    assert_eq!(outcome.figures["repeated_in_set"], 0.0);
    assert!(pictures(&outcome).as_bytes().unwrap().iter().all(|v| *v == 0));

    // The blank background of pictures is bright, so shapes show as its negative.
    let set = fashion(300);
    for count_in in ["set", "image"] {
        let outcome = run(&set, ONE_KEY, &[("count_in", count_in)]);
        assert!(
            (outcome.figures["repeated_in_image"] - 0.31).abs() < 0.04,
            "{:?}",
            outcome.figures
        );
        let found = correlation(pictures(&outcome), &set);
        assert!(found < -0.5, "{count_in}: {found}");
    }
    assert!(run(&set, &[("shuffle", "false")], &[]).figures["repeated_in_set"] > 0.25);
    // An enlarged or larger block shows the same.
    for block in ["1", "2", "6", "8"] {
        let params = [("block", block), ("per_position", "false"), ("shuffle", "false")];
        assert!(
            correlation(pictures(&run(&set, &params, &[])), &set) < -0.3,
            "{block}"
        );
    }
}

#[test]
fn a_spent_budget_ends_inconclusively_and_what_does_not_fit_is_refused() {
    let set = noise(Shape::new(16, 16, 1), 8, 1);
    let (exposed, _) = known(ONE_KEY, &set, 4);
    for name in ["aes-codebook", "aes-equality"] {
        let info = attacks::find(name).unwrap();
        let params = Params::resolve(info.params, &Default::default()).unwrap();
        for budget in [Budget::new(Some(Duration::ZERO), 1 << 30), Budget::new(None, 100)] {
            let outcome = (info.run)(&exposed, &params, &budget, &mut Rng::new(1), &|_, _| {}).unwrap();
            assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)), "{name}");
        }
        let other = exposure(
            "shf",
            &[],
            set.shape(),
            disguise(&key("shf", &[], set.shape(), 1), &set, 0),
        );
        assert!(matches!(attack(name, &other, &[]), Err(Error::Unfit { .. })));
    }
    let without = exposure("aes", ONE_KEY, set.shape(), exposed.disguised.clone());
    assert!(matches!(
        attack("aes-codebook", &without, &[]),
        Err(Error::Exposure(_))
    ));
}
