//! All attacks on all schemes with what they are not made for.

use crate::stage::{SETTINGS, Show, Stage, ample, dishonest, images, kind, run};
use rayon::prelude::*;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};
use visard_attacks::{AttackInfo, Budget, Error, Exposure, Needs, Set, attacks};
use visard_core::{Shape, schemes};

const SHAPE: Shape = Shape::new(16, 16, 3);

/// An exposure of everything that there is of a scheme.
fn everything(info: &AttackInfo, stage: &Stage, plain: &Set) -> Option<Exposure> {
    let mut exposure = Exposure::new(stage.target(), stage.disguise(plain, 0)?)
        .and_then(|exposure| exposure.with_public(plain.clone()))
        .unwrap();
    if let Some(pairs) = stage.pairs(plain, 0) {
        exposure = exposure.with_pairs(pairs).unwrap();
    }
    let chosen = stage.helpers(info).and_then(|helpers| stage.pairs(&helpers, 500));
    if let Some(chosen) = chosen {
        exposure = exposure.with_chosen(chosen).unwrap();
    }
    Some(exposure)
}

#[test]
fn schemes_that_an_attack_is_not_for_are_refused() {
    let plain = images(SHAPE, 4, Show::Textures, 1);
    for scheme in schemes::ALL {
        let stage = Stage::new(scheme.name, &[], SHAPE, 1).unwrap();
        for info in attacks::ALL {
            if info.applies.is_empty() || info.applies.contains(&scheme.name) {
                continue;
            }
            let exposure = everything(info, &stage, &plain).unwrap();
            let found = run(info, &exposure, &ample());
            let refused = matches!(&found, Err(Error::Unfit { attack, .. }) if *attack == info.name);
            assert!(refused, "{} on {}: {found:?}", info.name, scheme.name);
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let plain = images(SHAPE, 4, Show::Textures, 1);
    for info in attacks::ALL {
        let named = match info.needs {
            Needs::Nothing => continue,
            Needs::Pairs => "pair",
            Needs::Helpers => "helper",
            Needs::Public => "public",
        };
        for scheme in info.applies {
            let mut named_at_all = false;
            for stage in SETTINGS
                .iter()
                .filter_map(|given| Stage::new(scheme, given, SHAPE, 1))
            {
                let exposure = Exposure::new(stage.target(), stage.disguise(&plain, 0).unwrap()).unwrap();
                match run(info, &exposure, &ample()) {
                    Err(Error::Exposure(problem)) => {
                        assert!(problem.contains(named), "{} on {scheme}: {problem}", info.name);
                        named_at_all = true;
                    }
                    Err(Error::Unfit { .. }) => {}
                    other => panic!("{} on {scheme}: {other:?}", info.name),
                }
            }
            assert!(named_at_all, "{} does not fit {scheme} at all", info.name);
        }
    }
}

/// What is wrong with an attack on these images, if anything.
fn fault(info: &AttackInfo, stage: &Stage, plain: &Set) -> Option<String> {
    let exposure = stage.exposure(info, plain)?;
    // What networks learn in a moment will do to see them take odd images.
    let budget = match info.trains {
        true => Budget::new(Some(Duration::from_millis(100)), 8 << 30),
        false => ample(),
    };
    let Ok(found) = catch_unwind(AssertUnwindSafe(|| run(info, &exposure, &budget))) else {
        return Some("panicked".into());
    };
    match found {
        Ok(outcome) => dishonest(&outcome),
        Err(error) => kind(&error).err(),
    }
}

#[test]
fn odd_images_end_in_an_error_or_an_honest_outcome() {
    let sides = [
        (1, 1, 1),
        (1, 1, 3),
        (1, 9, 1),
        (9, 1, 3),
        (3, 3, 3),
        (5, 7, 1),
        (8, 8, 2),
        (16, 16, 3),
    ];
    let shapes = sides.map(|(height, width, channels)| Shape::new(height, width, channels));
    let mut cases = Vec::new();
    for shape in shapes {
        for scheme in schemes::ALL {
            // Settings beyond the defaults for one small and one usual shape only, for the time.
            let given = if shape.len() == 3 || shape == SHAPE {
                &SETTINGS[..]
            } else {
                &SETTINGS[..2]
            };
            cases.extend(given.iter().map(|given| (shape, scheme.name, *given)));
        }
    }
    let faults: Vec<String> = cases
        .into_par_iter()
        .flat_map_iter(|(shape, scheme, given)| {
            let mut faults = Vec::new();
            let Some(stage) = Stage::new(scheme, given, shape, 1) else {
                return faults;
            };
            let sets = [
                (0, Show::Grey),
                (1, Show::Textures),
                (1, Show::Grey),
                (4, Show::Grey),
            ];
            let more = [(2, Show::Textures), (5, Show::Same), (5, Show::Textures)];
            for (count, show) in sets.into_iter().chain(more) {
                let plain = images(shape, count, show, 1);
                // Attacks that train networks take long: a few cases of each kind.
                let few = given.is_empty()
                    && [3, 35, SHAPE.len()].contains(&shape.len())
                    && (count == 0 || count == 5);
                let fits = |info: &&&AttackInfo| {
                    (info.applies.is_empty() || info.applies.contains(&scheme)) && (few || !info.trains)
                };
                for info in attacks::ALL.iter().filter(fits) {
                    if let Some(problem) = fault(info, &stage, &plain) {
                        let name = info.name;
                        faults.push(format!(
                            "{name} on {count} images {show:?} of {shape}, {scheme} {given:?}: {problem}"
                        ));
                    }
                }
            }
            faults
        })
        .collect();
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
