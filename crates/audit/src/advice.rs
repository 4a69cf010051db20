//! What the owner can do, each with its cost in accuracy where a record knows it.

use crate::{Audit, Verdict};
use serde::Deserialize;
use std::collections::BTreeMap;
use visard_core::schemes;

/// Measured accuracies: `cargo xtask learning` writes them.
const ACCURACY: &str = include_str!("../records/accuracy.json");

/// Verdicts of the schemes at their defaults: `cargo xtask audits` writes them.
const VERDICTS: &str = include_str!("../records/verdicts.json");

/// A measured accuracy; of plain images where there is no scheme.
#[derive(Debug, Deserialize)]
struct Accuracy {
    data: String,
    network: String,
    scheme: Option<String>,
    params: BTreeMap<String, String>,
    accuracy: f64,
}

/// Verdicts of a scheme at its defaults, by level.
#[derive(Debug, Deserialize)]
struct Verdicts {
    scheme: String,
    data: String,
    levels: BTreeMap<String, Verdict>,
}

/// Something that the owner can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// What to do.
    pub(crate) what: String,
    /// What it changes.
    pub(crate) effect: String,
    /// What it costs in accuracy.
    pub(crate) cost: String,
}

/// What helps against what the audit found.
pub(crate) fn advice(audit: &Audit) -> Vec<Advice> {
    let mut all = Vec::new();
    if let Ok(info) = schemes::find(&audit.scheme) {
        for stronger in info.stronger {
            if audit
                .params
                .get(stronger.param)
                .is_none_or(|own| own == stronger.value)
            {
                continue;
            }
            let mut params = audit.params.clone();
            params.insert(stronger.param.into(), stronger.value.into());
            all.push(Advice {
                what: format!("visard keygen --set {}={}", stronger.param, stronger.value),
                effect: stronger.effect.into(),
                cost: cost(&audit.scheme, &params),
            });
        }
    }
    all.extend(others(audit));
    all.push(Advice {
        what: "keep plain images and their disguises apart".into(),
        effect:
            "no pairs, no level 2: do not publish originals of images whose disguises leave the house, and \
                 disguise nothing that others choose"
                .into(),
        cost: "none".into(),
    });
    all
}

/// Schemes that fared better at their defaults.
fn others(audit: &Audit) -> Vec<Advice> {
    let records: Vec<Verdicts> = serde_json::from_str(VERDICTS).unwrap_or_default();
    let mut all = Vec::new();
    for record in records.iter().filter(|record| record.scheme != audit.scheme) {
        let better = audit.levels.iter().filter(|level| {
            let name = serde_json::to_value(level.access).ok();
            let theirs = name.and_then(|name| record.levels.get(name.as_str()?).copied());
            theirs.is_some_and(|theirs| theirs < level.verdict)
        });
        let better: Vec<String> = better.map(|level| level.access.to_string()).collect();
        let Ok(info) = schemes::find(&record.scheme) else {
            continue;
        };
        if better.is_empty() {
            continue;
        }
        let params = info
            .params
            .iter()
            .map(|p| (p.name.to_string(), p.default.to_string()));
        all.push(Advice {
            what: format!("another scheme: {}", record.scheme),
            effect: format!(
                "did better at level {} on {} (docs/audit.md)",
                better.join(", "),
                record.data
            ),
            cost: cost(&record.scheme, &params.collect()),
        });
    }
    all
}

/// What is known of the accuracy of networks on images of that scheme.
fn cost(scheme: &str, params: &BTreeMap<String, String>) -> String {
    let records: Vec<Accuracy> = serde_json::from_str(ACCURACY).unwrap_or_default();
    let fits = |record: &&Accuracy| {
        let own = |(name, value): (&String, &String)| params.get(name) == Some(value);
        record.scheme.as_deref() == Some(scheme) && record.params.iter().all(own)
    };
    let Some(found) = records.iter().find(fits) else {
        return "its accuracy was not measured yet".into();
    };
    let plain = records
        .iter()
        .find(|r| r.scheme.is_none() && (&r.data, &r.network) == (&found.data, &found.network));
    let plain = plain.map_or(String::new(), |plain| {
        format!(", {:.1} % on plain images", 100.0 * plain.accuracy)
    });
    format!(
        "{:.1} % test accuracy on {} with {}{plain}",
        100.0 * found.accuracy,
        found.data,
        found.network
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_are_readable_and_known_costs_are_told() {
        assert!(serde_json::from_str::<Vec<Accuracy>>(ACCURACY).is_ok_and(|all| !all.is_empty()));
        assert!(serde_json::from_str::<Vec<Verdicts>>(VERDICTS).is_ok());
        for (scheme, set) in [("rmt", "noise"), ("aes", "per_position"), ("tanaka", "")] {
            let info = schemes::find(scheme).unwrap();
            let value = if set == "noise" { "25" } else { "false" };
            let given = [(set.to_string(), value.to_string())]
                .into_iter()
                .filter(|(name, _)| !name.is_empty());
            let params = visard_core::params::Params::resolve(info.params, &given.collect()).unwrap();
            let cost = cost(scheme, &params.texts());
            assert!(
                cost.contains("% test accuracy on fashion-mnist"),
                "{scheme}: {cost}"
            );
        }
        assert!(cost("rmt", &BTreeMap::new()).contains("not measured"));
    }
}
