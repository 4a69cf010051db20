//! Networks with their fronts and the settings of their training.

use super::{Planner, schemes::place};
use crate::{
    Disguise, Result,
    text::{NetworkText, Values},
};
use serde_json::Value;
use std::collections::BTreeMap;
use toml::Spanned;
use visard_learn::{Error, TrainConfig, fronts, networks, recommend};

impl Planner<'_> {
    /// A network with every combination of its fronts and parameters, set up for a disguise.
    pub(super) fn configs(&self, text: &NetworkText, disguise: &Disguise) -> Result<Vec<TrainConfig>> {
        let name = text.name.get_ref();
        let network = networks::find(name).map_err(|_| {
            let known: Vec<&str> = networks::ALL.iter().map(|info| info.name).collect();
            let problem = format!("no network is called {name:?}; there are {}", known.join(", "));
            self.source.fail(text.name.span().start, problem)
        })?;
        let advice = match disguise.info() {
            Some(info) => recommend(network, info, &disguise.params),
            None => visard_learn::Recommendation::plain(),
        };
        let mut configs = Vec::new();
        for front in self.fronts(text)? {
            for set in self.products(&text.set)? {
                for front_set in self.products(&text.front_set)? {
                    let config = advice
                        .config(name, &set, Some(&front), &front_set)
                        .map_err(|error| self.source.fail(at(text, &error), error))?;
                    configs.push(self.trained(text, config)?);
                }
            }
        }
        Ok(configs)
    }

    fn fronts(&self, text: &NetworkText) -> Result<Vec<String>> {
        let Some(front) = &text.front else {
            return Ok(vec!["auto".into()]);
        };
        let given = self.products(&BTreeMap::from([("front".to_string(), front.clone())]))?;
        let given: Vec<String> = given.into_iter().flat_map(BTreeMap::into_values).collect();
        let known: Vec<&str> = ["auto", "none"]
            .into_iter()
            .chain(fronts::ALL.iter().map(|info| info.name))
            .collect();
        match given.iter().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let problem = format!("no front is called {name:?}; there are {}", known.join(", "));
                Err(self.source.fail(front.span().start, problem))
            }
            None => Ok(given),
        }
    }

    /// The configuration with the settings of the entry, each checked on its own so that errors find it.
    fn trained(&self, text: &NetworkText, mut config: TrainConfig) -> Result<TrainConfig> {
        for (name, given) in text.settings() {
            let fail = |problem: String| self.source.fail(given.span().start, format!("{name}: {problem}"));
            let mut values = serde_json::to_value(&config).map_err(|error| fail(error.to_string()))?;
            let value = serde_json::to_value(given.get_ref()).map_err(|error| fail(error.to_string()))?;
            put(&mut values[name], value).map_err(fail)?;
            config = serde_json::from_value(values).map_err(|error| fail(error.to_string()))?;
            config
                .check()
                .map_err(|error| self.source.fail(given.span().start, error))?;
            if name == "optimizer" {
                // A weight decay that is given comes later.
                config.weight_decay = config.optimizer.weight_decay();
            }
        }
        Ok(config)
    }
}

/// Puts a value in the place of another one; a table's entries in the place of those that it names.
fn put(place: &mut Value, value: Value) -> Result<(), String> {
    match (place, value) {
        (Value::Object(fields), Value::Object(given)) => {
            for (name, value) in given {
                if !fields.contains_key(&name) {
                    let known: Vec<&str> = fields.keys().map(String::as_str).collect();
                    return Err(format!(
                        "{name:?} is not known here; known are {}",
                        known.join(", ")
                    ));
                }
                fields.insert(name, value);
            }
        }
        (place, value) => *place = value,
    }
    Ok(())
}

/// Where the setting stands that a complaint is about, or else the network.
fn at(text: &NetworkText, complaint: &Error) -> usize {
    let name = text.name.span().start;
    let Error::Parameter(complaint) = complaint else {
        return name;
    };
    let both: BTreeMap<String, Spanned<Values>> = text
        .front_set
        .clone()
        .into_iter()
        .chain(text.set.clone())
        .collect();
    if both.is_empty() {
        name
    } else {
        place(&both, complaint)
    }
}
