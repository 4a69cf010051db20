//! Affine combinations of known pairs.

use crate::{
    disguise, garments, run, run_within,
    support::{Given, exposure, part, patches},
};
use visard_attacks::{
    Budget, Outcome, Pairs, Set, Verdict,
    score::{Options, quality, score},
};

/// Runs `span` with the first `pairs` images as pairs on the rest, under a secret of its own for the rest
/// where `fresh`.
fn span(
    plain: &Set,
    pairs: usize,
    scheme: &str,
    given: Given<'_>,
    own: Given<'_>,
    fresh: bool,
) -> (f64, Outcome) {
    let (known, rest) = (part(plain, 0..pairs), part(plain, pairs..plain.len()));
    let disguised = disguise(&known, scheme, given, 1, 0);
    let unknown = disguise(&rest, scheme, given, if fresh { 2 } else { 1 }, pairs as u64);
    let exposure = exposure(scheme, given, plain.shape(), unknown)
        .with_pairs(Pairs::new(known, disguised).unwrap())
        .unwrap();
    let outcome = run("span", &exposure, own).unwrap();
    assert_eq!(outcome.verdict, Verdict::Complete);
    (
        quality(&rest, outcome.reconstructions.as_ref().unwrap())
            .unwrap()
            .pooled_psnr,
        outcome,
    )
}

#[test]
fn span_reads_affine_disguises() {
    let plain = patches(160, 16);
    let still: Given<'_> = &[("shuffle", "false")];
    for (scheme, given, pairs, floor) in [
        ("skk", &[] as Given<'_>, 10, 60.0),
        ("rmt", still, 4, 60.0),
        ("rmt", &[], 6, 60.0),
        ("rmt", &[("noise", "25")], 60, 29.0),
        ("tanaka", &[], 16, 60.0),
        ("shf", &[], 10, 60.0),
        ("negpos", &[], 10, 60.0),
        ("ele", still, 130, 60.0),
        ("ele", &[], 130, 60.0),
        ("etc", still, 70, 60.0),
        ("etc", &[], 100, 60.0),
    ] {
        let (psnr, outcome) = span(&plain, pairs, scheme, given, &[], false);
        let figures = &outcome.figures;
        assert!(psnr > floor, "{scheme} {given:?}: {psnr} dB, {figures:?}");
        assert!(
            figures["left_out_psnr"] > floor - 8.0,
            "{scheme} {given:?}: {figures:?}"
        );
    }
}

#[test]
fn span_finds_the_order_of_blocks() {
    let plain = patches(110, 16);
    let (_, outcome) = span(&plain, 100, "ele", &[], &[], false);
    let found = outcome.material.permutation("block_perm", 16).unwrap().unwrap();
    // Equal places of two images that differ in nothing but one source block show where it went.
    let mut probe = vec![0u8; 17 * plain.shape().len()];
    for source in 0..16 {
        let (row, column) = (source / 4 * 4, source % 4 * 4);
        let start = (source + 1) * plain.shape().len() + (row * 16 + column) * 3;
        probe[start] = 255;
    }
    let probe = disguise(&Set::bytes(plain.shape(), probe).unwrap(), "ele", &[], 1, 0);
    let (len, bytes) = (probe.shape().len(), probe.as_bytes().unwrap());
    for source in 0..16 {
        let changed = (0..len)
            .find(|i| bytes[*i] != bytes[(source + 1) * len + i])
            .unwrap();
        let (row, column) = (changed / 48 / 4, changed % 48 / 3 / 4);
        assert_eq!(found[row * 4 + column], source);
    }
}

#[test]
fn span_knows_where_it_fails() {
    let plain = patches(160, 16);
    let mean = score(&plain, &plain, &Options::default())
        .unwrap()
        .mean
        .unwrap()
        .raw
        .pooled_psnr;
    for (scheme, given, own, fresh) in [
        ("aes", &[] as Given<'_>, &[] as Given<'_>, false),
        (
            "aes",
            &[("per_position", "false"), ("shuffle", "false")],
            &[("domain", "bits")],
            false,
        ),
        ("skk", &[("image_key", "true")], &[], false),
    ] {
        let (psnr, outcome) = span(&plain, 130, scheme, given, own, fresh);
        let figures = &outcome.figures;
        assert!(psnr < mean + 0.7, "{scheme}: {psnr} dB, the mean image {mean} dB");
        assert!(figures["left_out_psnr"] < mean + 0.7, "{scheme}: {figures:?}");
    }
    // Another key is no affine combination of this one.
    let (psnr, _) = span(&plain, 130, "etc", &[], &[], true);
    assert!(psnr < mean + 0.5, "{psnr} dB, the mean image {mean} dB");
    // Pairs that do not belong together.
    let known = part(&plain, 0..130);
    let shuffled = disguise(&part(&plain, 30..160), "skk", &[], 1, 0);
    let exposure = exposure("skk", &[], plain.shape(), shuffled.clone())
        .with_pairs(Pairs::new(known, shuffled).unwrap())
        .unwrap();
    let outcome = run("span", &exposure, &[]).unwrap();
    assert!(
        outcome.figures["left_out_psnr"] < mean + 0.7,
        "{:?}",
        outcome.figures
    );
}

#[test]
fn span_on_whole_images_and_odd_sizes() {
    let garments = garments(330);
    let (few, _) = span(
        &part(&garments, 0..60),
        30,
        "negpos",
        &[],
        &[("scope", "image")],
        false,
    );
    let (many, _) = span(&garments, 300, "negpos", &[], &[("scope", "image")], false);
    assert!(
        many > few + 2.0 && many > 17.0,
        "{few} dB with 30 pairs, {many} dB with 300"
    );
    // 28 is no multiple of 3: the last row and column are repeated.
    let (padded, _) = span(
        &garments,
        60,
        "rmt",
        &[("block", "3"), ("shuffle", "false")],
        &[],
        false,
    );
    assert!(padded > 40.0, "{padded} dB");
    // Grey EtC keeps the blocks of grey images, and is nearly affine on colours.
    let (grey, _) = span(&garments, 300, "etc-gray", &[("shuffle", "false")], &[], false);
    assert!(grey > 25.0, "{grey} dB");
    let (colors, _) = span(&patches(60, 16), 50, "etc-gray", &[], &[], false);
    assert!(colors > 12.0, "{colors} dB");
}

#[test]
fn span_says_what_it_lacks() {
    let plain = patches(8, 16);
    let disguised = disguise(&plain, "etc", &[], 1, 0);
    let bare = exposure("etc", &[], plain.shape(), disguised.clone());
    assert!(run("span", &bare, &[]).is_err());
    let with = bare
        .with_pairs(Pairs::new(plain.clone(), disguised).unwrap())
        .unwrap();
    assert!(run("span", &with, &[("scope", "shared")]).is_err());
    let small = run_within("span", &with, &[], &Budget::new(None, 1000)).unwrap();
    assert!(matches!(small.verdict, Verdict::Inconclusive(_)) && small.reconstructions.is_none());
    let spent = Budget::new(Some(std::time::Duration::ZERO), 1 << 30);
    let outcome = run_within("span", &with, &[], &spent).unwrap();
    assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)) && outcome.reconstructions.is_none());
    let floats = disguise(&plain, "rmt", &[], 1, 0);
    let floats = exposure("rmt", &[], plain.shape(), floats.clone())
        .with_pairs(Pairs::new(plain, floats).unwrap())
        .unwrap();
    assert!(run("span", &floats, &[("domain", "nibbles")]).is_err());
}

#[test]
fn outcomes_do_not_depend_on_the_number_of_threads() {
    let plain = patches(40, 16);
    let all = || {
        span(&plain, 30, "rmt", &[("noise", "25")], &[], false)
            .1
            .reconstructions
    };
    let threads = |count| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .build()
            .unwrap()
    };
    assert_eq!(threads(1).install(all), threads(3).install(all));
}
