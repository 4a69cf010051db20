//! Two audits side by side.

use crate::{Access, Attacked, Audit, Verdict};
use serde::Serialize;

/// Two audits, level by level and attack by attack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared: scheme and parameters of each.
    pub subjects: [String; 2],
    /// Differences in what was audited on, which make verdicts hard to compare.
    pub caveats: Vec<String>,
    /// Verdicts by level.
    pub levels: Vec<Row<Access>>,
    /// Verdicts by attack, with the better of its skills.
    pub attacks: Vec<Row<String>>,
}

/// A row of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row<T> {
    /// The level or attack.
    pub of: T,
    /// Verdict of each audit, where it has one.
    pub verdicts: [Option<Verdict>; 2],
    /// Best skill of each, where there is one.
    pub skills: [Option<f64>; 2],
}

/// Puts two audits side by side.
pub fn compare(a: &Audit, b: &Audit) -> Comparison {
    let both = [a, b];
    let levels = Access::ALL
        .into_iter()
        .filter(|access| both.iter().any(|audit| audit.verdict(*access).is_some()));
    let levels = levels.map(|access| Row {
        of: access,
        verdicts: both.map(|audit| audit.verdict(access)),
        skills: [None, None],
    });
    let names = both.iter().flat_map(|audit| &audit.attacks);
    let names = distinct(names.map(|attack| attack.name.as_str()));
    let attacks = names.into_iter().map(|name| {
        let found = both.map(|audit| audit.attacks.iter().find(|attack| attack.name == name));
        Row {
            of: name.to_string(),
            verdicts: found.map(|attack| attack.map(|attack| attack.verdict)),
            skills: found.map(|attack| attack.and_then(best_skill)),
        }
    });
    Comparison {
        subjects: both.map(describe),
        caveats: caveats(a, b),
        levels: levels.collect(),
        attacks: attacks.chain(on_models(both)).collect(),
    }
}

/// Attacks on models, one row for each adversary whose verdict rests on them.
fn on_models(both: [&Audit; 2]) -> Vec<Row<String>> {
    let found = both.map(|audit| audit.model.as_ref().map_or(&[][..], |model| &model.attacks[..]));
    let names = found.into_iter().flatten().map(|attack| attack.name.as_str());
    let mut rows = Vec::new();
    for name in distinct(names) {
        for access in Access::MODELS {
            let verdicts = found.map(|attacks| {
                let own = attacks.iter().find(|attack| attack.name == name);
                own.and_then(|attack| attack.verdict(access))
            });
            if verdicts.iter().any(Option::is_some) {
                rows.push(Row {
                    of: format!("{name} ({access})"),
                    verdicts,
                    skills: [None, None],
                });
            }
        }
    }
    rows
}

/// The same names in the same order, each once.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut once: Vec<&str> = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

fn best_skill(attack: &Attacked) -> Option<f64> {
    let pictures = attack.points.iter().filter_map(|point| point.pictures.as_ref());
    let skills = pictures.filter_map(crate::judge::skill).map(|(skill, _)| skill);
    skills.reduce(f64::max)
}

/// Scheme and parameters in words.
pub(crate) fn describe(audit: &Audit) -> String {
    let params = audit
        .params
        .iter()
        .map(|(name, value)| format!(" {name}={value}"));
    format!("{}{}", audit.scheme, params.collect::<String>())
}

fn caveats(a: &Audit, b: &Audit) -> Vec<String> {
    let mut caveats = Vec::new();
    let mut differ = |what: &str, a: String, b: String| {
        if a != b {
            caveats.push(format!("{what} differ: {a}, {b}"));
        }
    };
    differ("the images", a.data.name.clone(), b.data.name.clone());
    differ("the shapes", a.shape.to_string(), b.shape.to_string());
    differ(
        "the numbers of attacked images",
        a.data.attacked.to_string(),
        b.data.attacked.to_string(),
    );
    differ(
        "the numbers of known images",
        a.data.known.to_string(),
        b.data.known.to_string(),
    );
    differ(
        "the numbers of public images",
        a.data.public.to_string(),
        b.data.public.to_string(),
    );
    let models = |audit: &Audit| {
        let model = audit.model.as_ref();
        model.map(|model| format!("{} on {} images", model.network, model.members))
    };
    if let (Some(a), Some(b)) = (models(a), models(b)) {
        differ("the models", a, b);
    }
    differ("the versions", a.version.clone(), b.version.clone());
    caveats
}
