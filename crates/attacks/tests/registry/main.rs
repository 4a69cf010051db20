//! The registry of attacks is complete, and every attack keeps its contract on every input.

mod budget;
mod input;
mod pairs;
mod stage;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use visard_attacks::{Needs, attacks};
use visard_core::schemes;

#[test]
fn entries_are_complete_and_apply_to_schemes_that_exist() {
    let mut names = BTreeSet::new();
    for info in attacks::ALL {
        assert!(names.insert(info.name), "{} is registered twice", info.name);
        for text in [info.title, info.paper, info.summary] {
            assert!(text.len() > 10, "{}: {text:?}", info.name);
        }
        assert!(info.params.iter().all(|p| p.help.len() > 10), "{}", info.name);
        for scheme in info.applies {
            assert!(schemes::find(scheme).is_ok(), "{} applies to {scheme}", info.name);
        }
        assert!(
            info.needs != Needs::Helpers || info.helpers.is_some(),
            "{}",
            info.name
        );
        assert_eq!(attacks::find(info.name).unwrap().name, info.name);
    }
    assert!(attacks::find("nonsense").is_err());
}

#[test]
fn every_scheme_is_attacked() {
    for scheme in schemes::ALL {
        let own = attacks::ALL
            .iter()
            .filter(|info| info.applies.contains(&scheme.name));
        assert!(own.count() > 0, "nothing attacks {}", scheme.name);
    }
}
