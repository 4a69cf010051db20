//! Verdicts that must come out: no disguise at all is broken, noise is not, and what is known to fall falls.

mod common;

use common::{COLOR, GREY, Noise, audit, key, nothing, options, subjects};
use std::sync::atomic::AtomicU64;
use visard_audit::{Access, Show, Verdict, run};

#[test]
fn no_disguise_is_broken_by_looking() {
    let report = audit(&nothing(COLOR), &subjects(COLOR, 64), Show::Nothing);
    let level = &report.audit.levels[0];
    assert_eq!(
        (level.access, level.verdict),
        (Access::Disguised, Verdict::Broken)
    );
    assert!(level.by.contains(&"look".to_string()), "{:?}", level.by);
    assert!(report.examples.is_empty());
}

#[test]
fn noise_is_not_broken_by_anything() {
    for (scheme, shape) in [
        ("tanaka", COLOR),
        ("ele", COLOR),
        ("skk", COLOR),
        ("etc", COLOR),
        ("etc-gray", COLOR),
        ("rmt", GREY),
        ("aes", GREY),
        ("shf", COLOR),
        ("negpos", COLOR),
        ("ffx", GREY),
        ("instahide", COLOR),
        ("neuracrypt", GREY),
    ] {
        let oracle = |seed: u64| Noise {
            scheme,
            shape,
            seed: AtomicU64::new(seed),
        };
        let subjects = subjects(shape, 64);
        let report = run(
            &oracle(1),
            &oracle(1000),
            &subjects,
            Show::Nothing,
            &options(),
            &|_| {},
        )
        .unwrap();
        let audit = report.audit;
        let bad: Vec<_> = audit
            .attacks
            .iter()
            .filter(|attack| attack.verdict > Verdict::NotBroken)
            .map(|attack| (&attack.name, &attack.because))
            .collect();
        assert_eq!(audit.worst(), Verdict::NotBroken, "{scheme}: {bad:?}");
        assert!(audit.attacks.len() > 1, "{scheme}: {:?}", audit.not_run);
    }
}

#[test]
fn what_is_known_to_fall_falls_and_says_by_what() {
    let rmt = audit(
        &key("rmt", &[], GREY, 4, None),
        &subjects(GREY, 100),
        Show::Nothing,
    )
    .audit;
    assert_eq!(rmt.verdict(Access::Pairs), Some(Verdict::Broken));
    let regression = rmt
        .attacks
        .iter()
        .find(|attack| attack.name == "rmt-regression")
        .unwrap();
    let counts: Vec<usize> = regression.points.iter().map(|point| point.count).collect();
    assert_eq!(counts, [1, 5]);
    assert!(regression.wrong_key.is_some());

    let skk = audit(
        &key("skk", &[], COLOR, 4, None),
        &subjects(COLOR, 100),
        Show::Nothing,
    )
    .audit;
    let helper = skk
        .attacks
        .iter()
        .find(|attack| attack.name == "skk-helper")
        .unwrap();
    assert_eq!(helper.verdict, Verdict::Broken);
    assert_eq!(helper.points[0].pictures.as_ref().unwrap().exact, 1.0);
    assert_eq!(helper.points[0].count, 1);
    // A stronger adversary is never said to have less.
    let verdicts: Vec<Verdict> = skk.levels.iter().map(|level| level.verdict).collect();
    assert!(verdicts.is_sorted(), "{verdicts:?}");
}

#[test]
fn levels_that_are_not_asked_for_are_not_played() {
    let owner = key("skk", &[], COLOR, 4, None);
    let subjects = subjects(COLOR, 32);
    let oracle = visard_audit::KeyOracle::new(&owner, COLOR, visard_core::Salt([3; 16]), None);
    let mut asked = options();
    asked.access = vec![Access::Disguised];
    let audit = run(&oracle, &oracle, &subjects, Show::Nothing, &asked, &|_| {})
        .unwrap()
        .audit;
    assert!(
        audit
            .attacks
            .iter()
            .all(|attack| attack.access == Access::Disguised)
    );
    assert_eq!(audit.levels.len(), 1);
    asked.time = Some(std::time::Duration::ZERO);
    let hurried = run(&oracle, &oracle, &subjects, Show::Nothing, &asked, &|_| {})
        .unwrap()
        .audit;
    assert!(!hurried.levels[0].inconclusive.is_empty());
}
