//! Generic statistics and linkage.

use crate::{
    disguise, garments, run,
    support::{Given, exposure, patches, texts},
};
use visard_attacks::{
    Budget, Pairs, Rng, Set, Target,
    attacks::{self, linkage},
    metrics,
};
use visard_core::Shape;

#[test]
fn statistics_of_known_pictures_come_out() {
    assert_eq!(metrics::entropy(&metrics::counts([7; 100])), 0.0);
    assert_eq!(metrics::entropy(&metrics::counts(0..=255)), 8.0);
    assert_eq!(metrics::chi_square(&metrics::counts(0..=255)), 0.0);
    let shape = Shape::new(32, 32, 3);
    let mut rng = Rng::new(5);
    let noise: Vec<u8> = (0..40 * shape.len()).map(|_| rng.next_u64() as u8).collect();
    let (a, b) = noise.split_at(noise.len() / 2);
    assert!((metrics::npcr(a, b) - 255.0 / 256.0).abs() < 2e-3);
    assert!((metrics::uaci(a, b) - 257.0 / 768.0).abs() < 5e-3);
    let figures = |set: Set| {
        run("statistics", &exposure("shf", &[], shape, set), &[])
            .unwrap()
            .figures
    };
    let random = figures(Set::bytes(shape, noise).unwrap());
    assert!(
        random["entropy_0"] > 7.99 && random["uniform_images"] > 0.7,
        "{random:?}"
    );
    assert!(random["correlation_horizontal"].abs() < 0.02 && random["correlation_block_below"].abs() < 0.02);
    let photos = figures(patches(20, 32));
    assert!(
        photos["correlation_vertical"] > 0.8 && photos["uniform_images"] == 0.0,
        "{photos:?}"
    );
    assert!(photos["chi_square_0"] > metrics::CHI_SQUARE_BOUND);
}

#[test]
fn one_pixel_changes_little_and_equal_images_stay_equal() {
    let shape = Shape::new(16, 16, 3);
    let info = attacks::find("statistics").unwrap();
    let run = |scheme: &str, given: Given<'_>| {
        let target = Target::new(scheme, &texts(given), shape).unwrap();
        let helpers = info.helpers.unwrap()(&target, &Default::default()).unwrap();
        let answers = disguise(&helpers, scheme, given, 1, 0);
        let exposure = exposure(scheme, given, shape, answers.clone());
        let exposure = exposure
            .with_chosen(Pairs::new(helpers, answers).unwrap())
            .unwrap();
        crate::run("statistics", &exposure, &[]).unwrap().figures
    };
    // One value in each channel; one block of 16 bytes in each channel.
    let skk = run("skk", &[]);
    assert!((skk["npcr"] - 3.0 / 768.0).abs() < 1e-12 && skk["repeats"] == 1.0);
    let aes = run("aes", &[]);
    assert!(aes["npcr"] > 0.9 * 48.0 / 768.0 && aes["npcr"] <= 48.0 / 768.0);
    let fresh = run("skk", &[("image_key", "true")]);
    assert!(fresh["npcr"] > 0.6 && fresh["repeats"] < 0.4, "{fresh:?}");
    // Floats are not counted, and other images than the helpers are refused.
    let plain = patches(3, 16);
    let floats = exposure("rmt", &[], shape, disguise(&plain, "rmt", &[], 1, 0));
    assert!(crate::run("statistics", &floats, &[]).is_err());
    let answers = disguise(&plain, "skk", &[], 1, 0);
    let odd = exposure("skk", &[], shape, answers.clone())
        .with_chosen(Pairs::new(plain, answers).unwrap())
        .unwrap();
    assert!(crate::run("statistics", &odd, &[]).is_err());
}

#[test]
fn disguises_that_keep_distances_keep_all_neighbours() {
    let (plain, budget) = (garments(400), Budget::generous());
    let links = |set: &Set, space| linkage::measure(set, space, &budget, &|_, _| {}).unwrap();
    let values = links(&plain, linkage::Space::Values);
    let nibbles = links(&plain, linkage::Space::Nibbles);
    assert!(values.accuracy > 0.65 && values.auc.unwrap() > 0.7 && values.eer.unwrap() < 0.4);
    for scheme in ["skk", "etc", "shf", "negpos"] {
        assert_eq!(
            links(&disguise(&plain, scheme, &[], 1, 0), linkage::Space::Values),
            values,
            "{scheme}"
        );
    }
    for scheme in ["tanaka", "ele"] {
        assert_eq!(
            links(&disguise(&plain, scheme, &[], 1, 0), linkage::Space::Nibbles),
            nibbles,
            "{scheme}"
        );
    }
    // Floats only up to rounding.
    let rmt = links(&disguise(&plain, "rmt", &[], 1, 0), linkage::Space::Values);
    let same = rmt
        .nearest
        .iter()
        .zip(&values.nearest)
        .filter(|(a, b)| a == b)
        .count();
    assert!(same >= 398, "{same} of 400");
    assert!((rmt.auc.unwrap() - values.auc.unwrap()).abs() < 1e-3);
}

#[test]
fn linkage_fails_where_every_image_has_a_key_of_its_own() {
    let plain = garments(400);
    let figures = |scheme: &str, given: Given<'_>, own: &[(&str, &str)]| {
        let disguised = disguise(&plain, scheme, given, 1, 0);
        run("linkage", &exposure(scheme, given, plain.shape(), disguised), own)
            .unwrap()
            .figures
    };
    let fresh = figures("skk", &[("image_key", "true")], &[]);
    assert!(
        fresh["accuracy"] < 0.3 && fresh["auc"] < 0.6 && fresh["eer"] > 0.42,
        "{fresh:?}"
    );
    let nibbles = figures("tanaka", &[], &[("images", "300")]);
    assert!(
        nibbles["images"] == 300.0 && nibbles["accuracy_nibbles"] > 0.5,
        "{nibbles:?}"
    );
    let bare = Set::new(plain.shape(), plain.pixels().clone(), Vec::new()).unwrap();
    assert!(run("linkage", &exposure("skk", &[], plain.shape(), bare), &[]).is_err());
}
