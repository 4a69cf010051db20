//! What attacks do without memory and without time.

use crate::stage::{SETTINGS, Show, Stage, images, kind, run};
use std::time::{Duration, Instant};
use visard_attacks::{AttackInfo, Budget, Error, Outcome, Verdict, attacks};
use visard_core::Shape;

/// Attacks that need more than 4 KiB for the smallest set that they take.
const NEED_MEMORY: [&str; 14] = [
    "span",
    "skk-statistical",
    "le-statistics",
    "ele-layout",
    "bytes-statistics",
    "etc-jigsaw",
    "etc-edges",
    "rmt-pca",
    "aes-codebook",
    "aes-equality",
    "instahide-clusters",
    "instahide-recovery",
    "instahide-public",
    "neuracrypt-matching",
];

/// Runs an attack on the fewest images that it takes, of the first scheme and setting that it fits.
fn smallest(info: &AttackInfo, budget: fn() -> Budget) -> (Outcome, Duration) {
    let shape = Shape::new(16, 16, 3);
    let scheme = info.applies.first().copied().unwrap_or("etc");
    for count in [2, 8, 100] {
        let plain = images(shape, count, Show::Textures, 1);
        for given in SETTINGS {
            let Some(stage) = Stage::new(scheme, given, shape, 1) else {
                continue;
            };
            let Some(exposure) = stage.exposure(info, &plain) else {
                continue;
            };
            let begun = Instant::now();
            match run(info, &exposure, &budget()) {
                Ok(outcome) => return (outcome, begun.elapsed()),
                Err(error @ (Error::Unfit { .. } | Error::Exposure(_))) => kind(&error).unwrap(),
                Err(error) => panic!("{}: {error}", info.name),
            };
        }
    }
    panic!("{} takes none of the exposures", info.name);
}

#[test]
fn without_memory_attacks_say_so_or_need_none() {
    for info in attacks::ALL {
        let (outcome, taken) = smallest(info, || Budget::new(None, 1 << 12));
        assert!(taken < Duration::from_secs(60), "{} took {taken:?}", info.name);
        match &outcome.verdict {
            Verdict::Complete => assert!(!NEED_MEMORY.contains(&info.name), "{} is complete", info.name),
            Verdict::Inconclusive(why) => assert!(why.len() > 10, "{}: {why:?}", info.name),
        }
    }
}

#[test]
fn without_time_attacks_end_at_once() {
    for info in attacks::ALL {
        let (outcome, taken) = smallest(info, || Budget::new(Some(Duration::ZERO), 8 << 30));
        assert!(taken < Duration::from_secs(60), "{} took {taken:?}", info.name);
        if let Verdict::Inconclusive(why) = &outcome.verdict {
            assert!(why.len() > 10, "{}: {why:?}", info.name);
        }
    }
}
