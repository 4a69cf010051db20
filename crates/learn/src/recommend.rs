//! Which front a disguise asks for.

use crate::{NetworkInfo, Result, TrainConfig, fronts, networks::Meets};
use std::collections::BTreeMap;
use visard_core::{
    SchemeInfo,
    params::{ParamSpec, Params},
};

/// Settings by name.
type Settings = BTreeMap<String, String>;

/// What a scheme with its parameters recommends for a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recommendation {
    /// Name of the front; `none` for none.
    pub front: &'static str,
    /// Settings that a front takes from the scheme where it has parameters of these names.
    pub scheme: Settings,
    /// The network's settings that follow the scheme's, where it has no front.
    pub settings: Settings,
}

impl Recommendation {
    /// For plain images: no front.
    pub fn plain() -> Self {
        Self {
            front: "none",
            ..Self::default()
        }
    }

    /// A configuration of the network that follows the recommendation where `settings`, `front` and
    /// `front_settings` say nothing else. `auto` and no front at all ask for the recommended one.
    ///
    /// # Errors
    /// Those of [`TrainConfig::new`] and [`TrainConfig::with_front`].
    pub fn config(
        &self,
        network: &str,
        settings: &Settings,
        front: Option<&str>,
        front_settings: &Settings,
    ) -> Result<TrainConfig> {
        let merged = |own: &Settings, given: &Settings| -> Settings {
            own.iter()
                .chain(given)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        let name = match front {
            None | Some("auto") => self.front,
            Some(name) => name,
        };
        let config = |own: &Settings| TrainConfig::new(network, &merged(own, settings));
        if name == "none" {
            return config(&self.settings)?.with_front(name, front_settings);
        }
        let specs = fronts::find(name)?.params;
        let follows = |spec: &ParamSpec| Some((spec.name.to_string(), self.scheme.get(spec.name)?.clone()));
        let own: Settings = specs.iter().filter_map(follows).collect();
        // Behind a front the network no longer sees the scheme's blocks.
        config(&Settings::new())?.with_front(name, &merged(&own, front_settings))
    }
}

/// What a scheme asks for. A parameter of the front that is called as one of the scheme's follows it, and
/// a network that cuts patches follows the scheme's blocks instead of having a front, and one that meets all
/// pixels at once needs none.
pub fn recommend(network: &NetworkInfo, scheme: &SchemeInfo, params: &Params) -> Recommendation {
    // A scheme's other parameters mean nothing to a front.
    let scheme_block = params.texts().remove("block");
    let setting = |name: &str| {
        scheme_block
            .iter()
            .map(|b| (name.to_string(), b.clone()))
            .collect()
    };
    Recommendation {
        front: match network.meets {
            Meets::Pixels => scheme.front,
            Meets::Patches | Meets::Everything => "none",
        },
        scheme: setting("block"),
        settings: match network.meets {
            Meets::Patches => setting("patch"),
            Meets::Pixels | Meets::Everything => Settings::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks;
    use visard_core::schemes;

    fn of(network: &str, scheme: &str, given: &[(&str, &str)]) -> Recommendation {
        let scheme = schemes::find(scheme).unwrap();
        let given = given
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let params = Params::resolve(scheme.params, &given).unwrap();
        recommend(networks::find(network).unwrap(), scheme, &params)
    }

    #[test]
    fn every_scheme_recommends_a_front_that_there_is() {
        for scheme in schemes::ALL {
            for network in networks::ALL {
                let none = Settings::new();
                let recommended = of(network.name, scheme.name, &[]);
                let config = recommended.config(network.name, &none, None, &none).unwrap();
                assert_eq!(
                    config.front.map_or("none".to_string(), |f| f.name),
                    recommended.front
                );
            }
        }
    }

    #[test]
    fn blocks_follow_the_scheme_unless_they_are_set() {
        let none = Settings::new();
        let seven = of("cnn", "rmt", &[("block", "7")]);
        let block = |front: Option<&str>, given: &Settings| {
            let config = seven.config("cnn", &none, front, given).unwrap();
            config.front.map(|f| (f.name, f.params.int("block")))
        };
        assert_eq!(block(None, &none), Some(("block".into(), 7)));
        assert_eq!(block(Some("position"), &none), Some(("position".into(), 7)));
        let two = Settings::from([("block".into(), "2".into())]);
        assert_eq!(block(Some("auto"), &two), Some(("block".into(), 2)));
        assert_eq!(
            seven.config("cnn", &none, Some("none"), &none).unwrap().front,
            None
        );
        assert!(seven.config("cnn", &none, Some("back"), &none).is_err());

        let vit = of("vit", "rmt", &[("block", "7")]);
        let config = vit.config("vit", &none, None, &none).unwrap();
        assert_eq!((config.front, config.params.int("patch")), (None, 7));
        assert_eq!(of("mlp", "rmt", &[]).front, "none");
    }
}
