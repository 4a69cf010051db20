//! The attacks on RMT break what ATTACKS, section 4, says they break, and nothing else.

use crate::{
    rmt_aes::{correlation, disguise, disguise_afresh, fashion, pairs, pictures},
    support::{Given, attack, exposure, key, noise, part, psnr, texts},
};
use std::time::Duration;
use visard_attacks::{Budget, Error, Exposure, Level, Outcome, Pairs, Rng, Set, Target, Verdict, attacks};
use visard_core::{Grid, Shape, matrix, params::Params};

/// Pairs of the first `count` images; the others are to be read.
fn known(params: Given<'_>, set: &Set, count: usize, secret: u8) -> (Exposure, Set) {
    let key = key("rmt", params, set.shape(), secret);
    let truth = part(set, count..set.len());
    let disguised = disguise(&key, &set.first(count), 0);
    let exposed = exposure("rmt", params, set.shape(), disguise(&key, &truth, 5000))
        .with_pairs(pairs(&set.first(count), &disguised, count))
        .unwrap();
    (exposed, truth)
}

/// The matrices of a key, by the streams that SPEC.md 6.1 names.
fn true_matrices(params: Given<'_>, shape: Shape, side: usize, secret: u8) -> Vec<f64> {
    let key = key("rmt", params, shape, secret);
    let positions = Grid::new(shape, side).positions() as u64;
    (0..positions)
        .flat_map(|i| matrix::haar(&mut key.schedule().stream("rmt-matrix", &[i]), side))
        .collect()
}

/// The block order of a key (SPEC.md 5.4).
fn true_order(params: Given<'_>, shape: Shape, side: usize, secret: u8) -> Vec<usize> {
    let key = key("rmt", params, shape, secret);
    let count = Grid::new(shape, side).positions();
    key.schedule().stream("block-permutation", &[]).permutation(count)
}

fn found_matrices(outcome: &Outcome, positions: usize, side: usize) -> Vec<f64> {
    outcome
        .material
        .reals("R", &[positions, side, side])
        .unwrap()
        .expect("matrices")
}

fn found_order(outcome: &Outcome, positions: usize) -> Vec<usize> {
    outcome
        .material
        .permutation("block_perm", positions)
        .unwrap()
        .expect("an order")
}

/// |A - B| / |B| over all entries.
fn relative(a: &[f64], b: &[f64]) -> f64 {
    let square = |v: f64| v * v;
    let apart: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
    (apart / b.iter().map(|v| square(*v)).sum::<f64>()).sqrt()
}

/// Images of bytes about mid-grey, so that noise is not clipped away.
fn grey(shape: Shape, count: usize, seed: u64) -> Set {
    let bytes = noise(shape, count, seed)
        .as_bytes()
        .unwrap()
        .iter()
        .map(|v| 64 + v / 2)
        .collect();
    Set::bytes(shape, bytes).unwrap()
}

#[test]
fn one_random_pair_gives_the_matrices() {
    let params = [("shuffle", "false")];
    let shape = Shape::new(16, 16, 3);
    let set = noise(shape, 5, 1);
    let (exposed, truth) = known(&params, &set, 1, 9);
    for estimator in ["least-squares", "procrustes"] {
        let outcome = attack("rmt-regression", &exposed, &[("estimator", estimator)]).unwrap();
        let error = relative(
            &found_matrices(&outcome, 16, 4),
            &true_matrices(&params, shape, 4, 9),
        );
        assert!(error < 1e-6, "{estimator}: {error}");
        assert_eq!(pictures(&outcome), &truth, "{estimator}");
        assert_eq!(outcome.verdict, Verdict::Complete);
    }
}

#[test]
fn many_noisy_pairs_reach_the_floor() {
    let shape = Shape::new(12, 12, 1);
    let set = grey(shape, 1100, 2);
    for (width, floor) in [("25", 31.0), ("100", 18.9)] {
        for stage in ["after", "before"] {
            let params = [("noise", width), ("noise_stage", stage), ("shuffle", "false")];
            let (exposed, truth) = known(&params, &set, 1000, 3);
            for estimator in ["least-squares", "procrustes"] {
                let plain = [("estimator", estimator), ("denoise", "false")];
                let outcome = attack("rmt-regression", &exposed, &plain).unwrap();
                let found = psnr(pictures(&outcome), &truth);
                assert!(
                    (found - floor).abs() < 0.3,
                    "{width} {stage} {estimator}: {found}"
                );
                assert!((outcome.figures["noise_floor_db"] - floor).abs() < 0.05);
            }
            let fitted = attack("rmt-regression", &exposed, &[("intercept", "fitted")]).unwrap();
            assert!(psnr(pictures(&fitted), &truth) > floor - 0.3);
        }
    }
}

#[test]
fn reading_by_statistics_beats_the_inverse_under_noise() {
    let set = fashion(250);
    for (matrix, gain) in [("orthogonal", 0.5), ("projection", 5.0)] {
        let params = [("matrix", matrix), ("noise", "100"), ("shuffle", "false")];
        let (exposed, truth) = known(&params, &set, 200, 4);
        let inverse = attack("rmt-regression", &exposed, &[("denoise", "false")]).unwrap();
        let read = attack("rmt-regression", &exposed, &[]).unwrap();
        let (inverse, read) = (psnr(pictures(&inverse), &truth), psnr(pictures(&read), &truth));
        assert!(read > inverse + gain, "{matrix}: {inverse} {read}");
    }
}

#[test]
fn general_matrices_and_odd_sizes_are_solved() {
    let set = noise(Shape::new(10, 9, 2), 6, 5);
    for params in [
        &[("matrix", "projection"), ("shuffle", "false")] as Given<'_>,
        &[("matrix", "projection")],
        &[("block", "3")],
        &[("block", "3"), ("noise_stage", "before")],
    ] {
        let (exposed, truth) = known(params, &set, 4, 6);
        let outcome = attack("rmt-regression", &exposed, &[]).unwrap();
        let found = psnr(pictures(&outcome), &truth);
        // The inverse of a general matrix amplifies the rounding of 32-bit floats.
        assert!(found > 45.0, "{params:?}: {found}");
    }
}

#[test]
fn one_pair_tells_the_order_of_distinct_blocks() {
    let shape = Shape::new(32, 32, 1);
    let set = noise(shape, 8, 7);
    let (exposed, truth) = known(&[], &set, 1, 8);
    let outcome = attack("rmt-matching", &exposed, &[]).unwrap();
    assert_eq!(found_order(&outcome, 64), true_order(&[], shape, 4, 8));
    assert_eq!(outcome.figures["matched_mutually"], 1.0);
    assert!(outcome.figures["match_margin"] > 0.99);
    assert_eq!(pictures(&outcome), &truth);

    let params = [("matrix", "projection")];
    let (exposed, truth) = known(&params, &set, 4, 8);
    let outcome = attack("rmt-matching", &exposed, &[]).unwrap();
    assert_eq!(found_order(&outcome, 64), true_order(&params, shape, 4, 8));
    assert!(psnr(pictures(&outcome), &truth) > 50.0);
}

#[test]
fn many_positions_are_matched_by_products_of_rows() {
    let set = noise(Shape::new(132, 132, 1), 2, 7);
    let (exposed, truth) = known(&[], &set, 1, 8);
    let outcome = attack("rmt-matching", &exposed, &[]).unwrap();
    assert_eq!(found_order(&outcome, 1089), true_order(&[], set.shape(), 4, 8));
    assert_eq!(pictures(&outcome), &truth);
}

#[test]
fn noisy_pictures_are_matched_from_some_pairs() {
    let params = [("noise", "100")];
    let set = fashion(100);
    let (exposed, truth) = known(&params, &set, 60, 2);
    let outcome = attack("rmt-matching", &exposed, &[]).unwrap();
    let (found, order) = (found_order(&outcome, 49), true_order(&params, set.shape(), 4, 2));
    let right = found.iter().zip(&order).filter(|(a, b)| a == b).count();
    assert!(right >= 47, "{right} of 49");
    assert!(psnr(pictures(&outcome), &truth) > 18.0);
}

#[test]
fn regression_fails_on_decoys() {
    let set = fashion(120);
    let params = [("shuffle", "false")];
    let (exposed, truth) = known(&params, &set, 100, 1);
    let good = psnr(
        pictures(&attack("rmt-regression", &exposed, &[]).unwrap()),
        &truth,
    );
    // A matrix of its own for each image.
    let disguised = disguise_afresh("rmt", &params, &set);
    let fresh = exposure(
        "rmt",
        &params,
        set.shape(),
        disguise_afresh("rmt", &params, &truth),
    )
    .with_pairs(pairs(&set, &disguised, 100))
    .unwrap();
    // Pairs that do not belong together.
    let key = key("rmt", &params, set.shape(), 1);
    let wrong = Pairs::new(set.first(100), disguise(&key, &part(&set, 10..110), 0)).unwrap();
    let mixed = exposure("rmt", &params, set.shape(), disguise(&key, &truth, 0))
        .with_pairs(wrong)
        .unwrap();
    for decoy in [fresh, mixed] {
        let found = psnr(pictures(&attack("rmt-regression", &decoy, &[]).unwrap()), &truth);
        assert!(found < 15.0 && found + 20.0 < good, "{found} against {good}");
    }
}

fn row_norms(params: Given<'_>, set: &Set) -> Outcome {
    let disguised = disguise(&key("rmt", params, set.shape(), 1), set, 0);
    let exposed = exposure("rmt", params, set.shape(), disguised);
    attack("rmt-row-norms", &exposed, &[]).unwrap()
}

#[test]
fn row_norms_show_through() {
    let set = fashion(300);
    for (block, expected) in [("2", 0.96), ("4", 0.90), ("7", 0.81), ("14", 0.59)] {
        let params = [("block", block), ("shuffle", "false")];
        let outcome = row_norms(&params, &set);
        let found = correlation(pictures(&outcome), &set);
        assert!((found - expected).abs() < 0.03, "{block}: {found}");
        // Every row of a block is exactly as bright as it was.
        let (side, width) = (block.parse::<usize>().unwrap(), 28);
        let (plain, read) = (set.as_bytes().unwrap(), pictures(&outcome).as_bytes().unwrap());
        for (x, y) in plain
            .chunks_exact(side)
            .zip(read.chunks_exact(side))
            .take(28 * width)
        {
            let square = x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / side as f64;
            assert!((square.sqrt() - f64::from(y[0])).abs() < 0.501, "{square} {y:?}");
        }
    }
    // Noise is taken off on the average.
    let flat = Set::bytes(Shape::new(64, 64, 1), vec![120; 64 * 64]).unwrap();
    for stage in ["after", "before"] {
        let params = [("noise", "60"), ("noise_stage", stage)];
        let outcome = row_norms(&params, &flat);
        let levels = pictures(&outcome).to_floats();
        let mean = levels.iter().sum::<f32>() / levels.len() as f32;
        assert!((mean - 120.0).abs() < 2.0, "{stage}: {mean}");
    }
    // What was moved is not where it was.
    let outcome = row_norms(&[("block", "4")], &set);
    assert_eq!(outcome.figures["disguised_order"], 1.0);
    assert!(correlation(pictures(&outcome), &set) < 0.4);
}

/// Images of one block of 4 x 4 whose rows have clearly different axes, or are white.
fn rows(count: usize, white: bool, seed: u64) -> Set {
    let mut rng = Rng::new(seed);
    let mut normal = move || (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
    let axes = [
        [0.5, 0.5, 0.5, 0.5],
        [0.5, 0.5, -0.5, -0.5],
        [0.5, -0.5, 0.5, -0.5],
        [0.5, -0.5, -0.5, 0.5],
    ];
    let (size, mean) = if white {
        ([20.0; 4], 128.0)
    } else {
        ([40.0, 20.0, 10.0, 5.0], 128.0)
    };
    let mut pixels = Vec::with_capacity(count * 16);
    for _ in 0..4 * count {
        let parts: [f64; 4] = std::array::from_fn(|k| size[k] * (normal() + 0.5));
        // The table of axes is symmetric.
        for row in &axes {
            let value = mean + parts.iter().zip(row).map(|(part, axis)| part * axis).sum::<f64>();
            pixels.push(value.round().clamp(0.0, 255.0) as u8);
        }
    }
    Set::bytes(Shape::new(4, 4, 1), pixels).unwrap()
}

#[test]
fn axes_of_public_images_give_the_matrices() {
    for (white, seams, allowed) in [(false, "false", 0.01), (false, "true", 0.03), (true, "true", 0.3)] {
        let (public, secret) = (rows(5000, white, 1), rows(5000, white, 2));
        let disguised = disguise(&key("rmt", &[], secret.shape(), 5), &secret, 0);
        let exposed = exposure("rmt", &[], secret.shape(), disguised)
            .with_public(public)
            .unwrap();
        let outcome = attack("rmt-pca", &exposed, &[("seams", seams)]).unwrap();
        let truth = true_matrices(&[], secret.shape(), 4, 5);
        let error = relative(&found_matrices(&outcome, 1, 4), &truth);
        assert_eq!(error > allowed, white, "{white} {seams}: {error}");
    }
}

#[test]
fn public_images_alone_open_moved_blocks() {
    let set = fashion(4000);
    for (params, least) in [(&[] as Given<'_>, 30.0), (&[("noise", "25")], 25.0)] {
        let (public, truth) = (set.first(2000), part(&set, 2000..4000));
        let disguised = disguise(&key("rmt", params, set.shape(), 3), &truth, 0);
        let exposed = exposure("rmt", params, set.shape(), disguised)
            .with_public(public.clone())
            .unwrap();
        let outcome = attack("rmt-pca", &exposed, &[]).unwrap();
        let found = psnr(pictures(&outcome), &truth);
        assert!(found > least, "{params:?}: {found}");
        // Keys of their own leave nothing to turn.
        let truth = truth.first(400);
        let disguised = disguise_afresh("rmt", params, &truth);
        let exposed = exposure("rmt", params, set.shape(), disguised)
            .with_public(public)
            .unwrap();
        let found = psnr(pictures(&attack("rmt-pca", &exposed, &[]).unwrap()), &truth);
        assert!(found < 13.0, "{params:?}: {found}");
    }
}

#[test]
fn chosen_images_show_matrices_and_order() {
    let info = attacks::find("rmt-helper").unwrap();
    assert_eq!(info.level, Level::Chosen);
    for (params, queries, least) in [
        (&[] as Given<'_>, "1", 90.0),
        (&[("block", "7"), ("matrix", "projection")], "1", 90.0),
        (&[("noise", "25")], "200", 30.0),
        (&[("noise", "200"), ("noise_stage", "before")], "50", 11.0),
        (&[("matrix", "projection"), ("noise", "25")], "50", 15.0),
    ] {
        for shape in [Shape::new(28, 28, 1), Shape::new(29, 34, 3)] {
            let target = Target::new("rmt", &texts(params), shape).unwrap();
            let given = Params::resolve(info.params, &texts(&[("queries", queries)])).unwrap();
            let chosen = (info.helpers.unwrap())(&target, &given).unwrap();
            let key = key("rmt", params, shape, 4);
            let truth = grey(shape, 3, 3);
            let answers = Pairs::new(chosen.clone(), disguise(&key, &chosen, 0)).unwrap();
            let exposed = exposure("rmt", params, shape, disguise(&key, &truth, 9000));
            let exposed = exposed.with_chosen(answers).unwrap();
            let outcome = attack("rmt-helper", &exposed, &[("queries", queries)]).unwrap();
            let found = psnr(pictures(&outcome), &truth);
            assert!(found > least, "{params:?} {shape}: {found}");
            assert_eq!(outcome.figures["order_decided"], 1.0);
            let side = params.first().map_or(4, |p| if p.0 == "block" { 7 } else { 4 });
            let order = true_order(params, shape, side, 4);
            assert_eq!(found_order(&outcome, order.len()), order);
        }
    }
}

#[test]
fn averaging_chosen_images_has_the_expected_error() {
    let shape = Shape::new(32, 32, 1);
    let params = [("noise", "50"), ("shuffle", "false")];
    let info = attacks::find("rmt-helper").unwrap();
    for queries in [4, 64] {
        let text = queries.to_string();
        let setting = [
            ("queries", text.as_str()),
            ("estimator", "least-squares"),
            ("denoise", "false"),
        ];
        let given = Params::resolve(info.params, &texts(&setting)).unwrap();
        let target = Target::new("rmt", &texts(&params), shape).unwrap();
        let chosen = (info.helpers.unwrap())(&target, &given).unwrap();
        assert_eq!(chosen.len(), queries);
        let key = key("rmt", &params, shape, 4);
        let answers = Pairs::new(chosen.clone(), disguise(&key, &chosen, 0)).unwrap();
        let exposed = exposure("rmt", &params, shape, disguise(&key, &chosen, 900))
            .with_chosen(answers)
            .unwrap();
        let outcome = attack("rmt-helper", &exposed, &setting).unwrap();
        let (found, truth) = (
            found_matrices(&outcome, 64, 4),
            true_matrices(&params, shape, 4, 4),
        );
        let square: f64 = found.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum();
        let error = (square / found.len() as f64).sqrt();
        let expected = 50.0 / (255.0 * (12.0 * queries as f64).sqrt());
        assert!(
            (error / expected - 1.0).abs() < 0.15,
            "{queries}: {error} {expected}"
        );
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let shape = Shape::new(8, 8, 1);
    let set = noise(shape, 4, 1);
    let held = |params: Given<'_>| {
        let disguised = disguise(&key("rmt", params, shape, 1), &set, 0);
        exposure("rmt", params, shape, disguised)
    };
    for name in ["rmt-regression", "rmt-matching", "rmt-pca", "rmt-helper"] {
        assert!(
            matches!(attack(name, &held(&[]), &[]), Err(Error::Exposure(_))),
            "{name}"
        );
    }
    let projection = [("matrix", "projection")];
    for name in ["rmt-row-norms", "rmt-pca"] {
        assert!(
            matches!(attack(name, &held(&projection), &[]), Err(Error::Unfit { .. })),
            "{name}"
        );
    }
    let still = [("shuffle", "false")];
    assert!(matches!(
        attack("rmt-matching", &held(&still), &[]),
        Err(Error::Unfit { .. })
    ));
    let (one, _) = known(&projection, &set, 1, 1);
    assert!(matches!(
        attack("rmt-matching", &one, &[]),
        Err(Error::Exposure(_))
    ));
    let other = exposure("shf", &[], shape, disguise(&key("shf", &[], shape, 1), &set, 0));
    for name in ["rmt-regression", "rmt-row-norms", "rmt-pca", "rmt-helper"] {
        assert!(
            matches!(attack(name, &other, &[]), Err(Error::Unfit { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_spent_budget_ends_inconclusively_and_threads_change_nothing() {
    let (exposed, _) = known(&[("noise", "10")], &noise(Shape::new(16, 16, 1), 8, 1), 4, 1);
    let info = attacks::find("rmt-regression").unwrap();
    let params = Params::resolve(info.params, &texts(&[])).unwrap();
    let run = |budget: Budget| (info.run)(&exposed, &params, &budget, &mut Rng::new(1), &|_, _| {}).unwrap();
    for budget in [Budget::new(Some(Duration::ZERO), 1 << 30), Budget::new(None, 100)] {
        assert!(matches!(run(budget).verdict, Verdict::Inconclusive(_)));
    }
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (a, b) = (run(Budget::generous()), alone.install(|| run(Budget::generous())));
    assert_eq!(
        (a.reconstructions, a.material, a.figures),
        (b.reconstructions, b.material, b.figures)
    );
}
