//! Pairs that do not belong together: no attack may claim that it read anything by them.

use crate::stage::{SETTINGS, Show, Stage, ample, images, run};
use visard_attacks::{
    AttackInfo, Needs, Outcome, Pairs, Set, Verdict, attacks,
    score::{Options, quality, score},
};
use visard_core::Shape;

/// The images one place further on.
fn rotated(set: &Set) -> Set {
    let bytes = |values: &mut Vec<u8>| values.rotate_left(set.shape().len());
    let mut pixels = set.pixels().clone();
    match &mut pixels {
        visard_core::Pixels::U8(values) => bytes(values),
        visard_core::Pixels::F32(values) => values.rotate_left(set.shape().len()),
    }
    Set::new(set.shape(), pixels, set.labels().to_vec()).unwrap()
}

/// Pooled PSNR of the guesses in dB; that of the mean image if there are none.
fn psnr(outcome: &Outcome, truth: &Set, mean: f64) -> f64 {
    let guess = outcome.reconstructions.as_ref();
    guess.map_or(mean, |guess| quality(truth, guess).unwrap().pooled_psnr)
}

fn attack(info: &AttackInfo, stage: &Stage, truth: &Set, known: Pairs) -> visard_attacks::Result<Outcome> {
    let disguised = stage.disguise(truth, 100).unwrap();
    let exposure = visard_attacks::Exposure::new(stage.target(), disguised).unwrap();
    let exposure = match info.needs {
        Needs::Helpers => exposure.with_chosen(known),
        _ => exposure.with_pairs(known),
    };
    run(info, &exposure.unwrap(), &ample())
}

/// Schemes that attacks which train networks are tried on here, as they take long: one of reals, one of nibbles,
/// one that they read nothing of, and one that moves pixels.
const FOR_NETWORKS: [&str; 4] = ["rmt", "tanaka", "aes", "shf"];

#[test]
fn wrong_pairs_are_noticed_or_lead_nowhere() {
    let shape = Shape::new(16, 16, 3);
    let truth = images(shape, 6, Show::Textures, 900_000);
    let mean = score(&truth, &truth, &Options::default()).unwrap().mean.unwrap();
    let mean = mean.raw.pooled_psnr;
    for info in attacks::ALL {
        if !matches!(info.needs, Needs::Pairs | Needs::Helpers) {
            continue;
        }
        let (slow, all) = (info.trains, info.applies.iter());
        for scheme in all.filter(|scheme| !slow || FOR_NETWORKS.contains(scheme)) {
            let mut fits = false;
            for given in SETTINGS.into_iter().take(if slow { 1 } else { SETTINGS.len() }) {
                let (Some(stage), Some(other)) = (
                    Stage::new(scheme, given, shape, 1),
                    Stage::new(scheme, given, shape, 2),
                ) else {
                    continue;
                };
                let known = match info.needs {
                    Needs::Helpers => stage.helpers(info),
                    _ => Some(images(shape, 40, Show::Textures, 5)),
                };
                let Some(known) = known else { continue };
                let right = stage.pairs(&known, 500).unwrap();
                let Ok(outcome) = attack(info, &stage, &truth, right) else {
                    continue;
                };
                let good = psnr(&outcome, &truth, mean);
                fits = true;
                // Images of the same kind, other ones, under the same key and under another.
                let wrong = images(shape, known.len(), Show::Textures, 700_000);
                let swapped = rotated(&stage.disguise(&known, 500).unwrap());
                let mut kinds = vec![
                    ("of other images", stage.disguise(&wrong, 500).unwrap()),
                    ("under another key", other.disguise(&known, 500).unwrap()),
                ];
                if known.len() > 2 {
                    kinds.push(("swapped", swapped));
                }
                for (kind, disguised) in kinds {
                    let pairs = Pairs::new(known.clone(), disguised).unwrap();
                    let what = format!("{} on {scheme} {given:?}, pairs {kind}", info.name);
                    match attack(info, &stage, &truth, pairs) {
                        Err(error) => println!("{what}: refused, {error}"),
                        Ok(outcome) => {
                            let bad = psnr(&outcome, &truth, mean);
                            let noticed = matches!(outcome.verdict, Verdict::Inconclusive(_));
                            println!(
                                "{what}: {bad:.1} dB (right {good:.1}, mean {mean:.1}), noticed {noticed} {:?}",
                                outcome.figures
                            );
                            let nowhere = bad < mean + 2.0;
                            // Pairs under another key agree with each other; only their key is another.
                            let fine = match kind {
                                "under another key" => nowhere || bad < good - 20.0,
                                _ => nowhere || noticed,
                            };
                            assert!(fine, "{what}: {bad} dB");
                        }
                    }
                }
            }
            assert!(fits, "{} breaks {scheme} in no setting", info.name);
        }
    }
}
