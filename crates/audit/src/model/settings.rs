//! How the models of level M are trained, and how hard they are attacked.

use crate::Result;
use std::collections::BTreeMap;
use visard_attacks::model::{self, Aim, ModelAttackInfo};
use visard_core::params::Params;

/// How models are trained and attacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSettings {
    /// Name of the network; before it goes the front that the scheme recommends for it.
    pub network: String,
    /// Its parameters that differ from their defaults.
    pub params: BTreeMap<String, String>,
    /// Passes over the training images: enough that the model knows them by heart, as models do in the end.
    pub epochs: usize,
    /// Shadow models of the attacks on membership that need the most of them, 2 at least; the others train half as
    /// many.
    pub shadows: usize,
    /// Names of the attacks to play; all if empty.
    pub attacks: Vec<String>,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self::new("mlp")
    }
}

impl ModelSettings {
    /// The defaults for a network. `mlp` learns from every scheme but the ciphers, which it can still learn by
    /// heart; here it is narrower than elsewhere, as dozens of it are trained.
    pub fn new(network: &str) -> Self {
        let narrow = [("hidden1", "256"), ("hidden2", "64")];
        let narrow = narrow.map(|(name, value)| (name.to_string(), value.to_string()));
        Self {
            network: network.into(),
            params: match network {
                "mlp" => narrow.into(),
                _ => BTreeMap::new(),
            },
            epochs: 40,
            shadows: 8,
            attacks: Vec::new(),
        }
    }

    /// The attacks to play, in the order of the registry.
    pub(super) fn played(&self) -> Vec<&'static ModelAttackInfo> {
        let wanted = |info: &&ModelAttackInfo| {
            self.attacks.is_empty() || self.attacks.iter().any(|name| name == info.name)
        };
        model::ALL.iter().copied().filter(|info| wanted(info)).collect()
    }

    /// The parameters of an attack; where the model is asked with disguised images, pixels that were neighbours are
    /// none any more, and nothing is made smooth.
    pub(super) fn resolve(&self, info: &ModelAttackInfo, disguised: bool) -> Result<Params> {
        let mut given = BTreeMap::new();
        if usual_shadows(info).is_some() {
            given.insert("shadows".to_string(), self.shadows_of(info).to_string());
        }
        if disguised && info.params.iter().any(|param| param.name == "tv") {
            given.insert("tv".to_string(), "0".to_string());
        }
        Ok(Params::resolve(info.params, &given)?)
    }

    /// Images of a step of training: few where there are few, so that there are enough steps to learn them by heart.
    pub(super) fn batch(&self, usual: usize, images: usize) -> usize {
        usual.min((images / 16).max(8))
    }

    /// All shadow models for the attacks that usually train the most, half of them for the others.
    fn shadows_of(&self, info: &ModelAttackInfo) -> usize {
        let most = model::ALL.iter().filter_map(|other| usual_shadows(other)).max();
        let all = if usual_shadows(info) == most { 1 } else { 2 };
        (self.shadows / all).max(2)
    }

    /// What a run of an attack weighs beside one that trains nothing.
    pub(super) fn weight_of(&self, info: &ModelAttackInfo) -> usize {
        match info.aim {
            Aim::Membership if usual_shadows(info).is_some() => self.shadows_of(info),
            Aim::Membership | Aim::Classes => 1,
            Aim::Inversion | Aim::Extraction => 4,
        }
    }

    /// What all of level M weighs, with or without pictures of other images.
    pub(crate) fn weight(&self, shown: bool) -> usize {
        let of = |info: &&ModelAttackInfo| {
            let cells = super::Cell::ALL
                .iter()
                .filter(|cell| cell.is_for(info.aim))
                .count();
            let again = usize::from(shown && info.aim == Aim::Inversion);
            self.weight_of(info) * cells * (1 + again)
        };
        self.played().iter().map(of).sum::<usize>() + super::VICTIMS * (1 + usize::from(shown))
    }
}

/// How many shadow models an attack trains where nothing is said, if it trains any.
fn usual_shadows(info: &ModelAttackInfo) -> Option<usize> {
    let param = info.params.iter().find(|param| param.name == "shadows")?;
    param.default.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attacks_get_the_parameters_that_they_have() {
        let settings = ModelSettings {
            shadows: 6,
            ..ModelSettings::default()
        };
        for info in model::ALL {
            for disguised in [false, true] {
                let params = settings.resolve(info, disguised).unwrap().texts();
                let expected = if info.name.starts_with("lira") { "6" } else { "3" };
                assert!(
                    params.get("shadows").is_none_or(|count| count == expected),
                    "{}",
                    info.name
                );
                let rough = params.get("tv").is_none_or(|tv| tv == "0");
                assert!(!disguised || rough, "{}", info.name);
            }
        }
        let some = ModelSettings {
            attacks: vec!["lira".into()],
            ..settings
        };
        let names: Vec<&str> = some.played().iter().map(|info| info.name).collect();
        assert_eq!(names, ["lira"]);
        assert_eq!(
            (some.batch(128, 100), some.batch(128, 500), some.batch(128, 9000)),
            (8, 31, 128)
        );
    }
}
