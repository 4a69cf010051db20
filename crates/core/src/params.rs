//! Public parameters of schemes: named values with a help text, a range and a default.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number within bounds, both included.
    Int {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A number within bounds, both included.
    Float {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// `true` or `false`.
    Bool,
    /// One of the listed words.
    Choice(&'static [&'static str]),
}

/// One public parameter of a scheme or a network.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec {
    /// Name, as in `--set NAME=VALUE`, the manifest and the key file.
    pub name: &'static str,
    /// What it means, with its unit.
    pub help: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// Value where none is given, as text.
    pub default: &'static str,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Truth value.
    Bool(bool),
    /// Whole number.
    Int(i64),
    /// Number.
    Float(f64),
    /// Word.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::Int(v) => write!(f, "{v}"),
            Self::Float(v) => write!(f, "{v}"),
            Self::Text(v) => f.write_str(v),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Float { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Bool => f.write_str("true or false"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
        }
    }
}

impl ParamSpec {
    fn parse(&self, text: &str) -> Result<Value, Error> {
        let value = match self.kind {
            Kind::Int { min, max } => text
                .parse()
                .ok()
                .filter(|v| (min..=max).contains(v))
                .map(Value::Int),
            Kind::Float { min, max } => text
                .parse()
                .ok()
                .filter(|v| (min..=max).contains(v))
                .map(Value::Float),
            Kind::Bool => text.parse().ok().map(Value::Bool),
            Kind::Choice(words) => words.contains(&text).then(|| Value::Text(text.into())),
        };
        value.ok_or_else(|| Error::parameter(self.name, format!("{text:?} is not {}", self.kind)))
    }
}

/// Parameters by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<String, Value>);

impl Params {
    /// Checks `given` against `specs` and fills in the defaults.
    pub fn resolve(specs: &[ParamSpec], given: &BTreeMap<String, String>) -> Result<Self, Error> {
        if let Some(name) = given.keys().find(|name| specs.iter().all(|s| s.name != **name)) {
            let known: Vec<_> = specs.iter().map(|s| s.name).collect();
            return Err(Error::parameter(
                name,
                format!("not known here; known are {}", known.join(", ")),
            ));
        }
        specs
            .iter()
            .map(|spec| {
                let text = given.get(spec.name).map_or(spec.default, String::as_str);
                Ok((spec.name.to_string(), spec.parse(text)?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The same values as texts, ready for [`Params::resolve`].
    pub fn texts(&self) -> BTreeMap<String, String> {
        self.iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    /// Names and values in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A resolved whole number; 0 if the name is unknown.
    pub fn int(&self, name: &str) -> i64 {
        match self.0.get(name) {
            Some(Value::Int(v)) => *v,
            _ => 0,
        }
    }

    /// A resolved number; 0 if the name is unknown.
    pub fn float(&self, name: &str) -> f64 {
        match self.0.get(name) {
            Some(Value::Float(v)) => *v,
            Some(Value::Int(v)) => *v as f64,
            _ => 0.0,
        }
    }

    /// A resolved truth value; false if the name is unknown.
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Value::Bool(true)))
    }

    /// A resolved word; empty if the name is unknown.
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Value::Text(v)) => v,
            _ => "",
        }
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        f.write_str(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[ParamSpec] = &[
        ParamSpec {
            name: "block",
            help: "",
            kind: Kind::Int { min: 1, max: 64 },
            default: "4",
        },
        ParamSpec {
            name: "noise",
            help: "",
            kind: Kind::Float { min: 0.0, max: 255.0 },
            default: "0",
        },
        ParamSpec {
            name: "stage",
            help: "",
            kind: Kind::Choice(&["after", "before"]),
            default: "after",
        },
    ];

    fn resolve(given: &[(&str, &str)]) -> Result<Params, Error> {
        let given = given
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        Params::resolve(SPECS, &given)
    }

    #[test]
    fn defaults_ranges_and_names_are_enforced() {
        let params = resolve(&[("noise", "25")]).unwrap();
        assert_eq!(
            (params.int("block"), params.float("noise"), params.text("stage")),
            (4, 25.0, "after")
        );
        assert_eq!(Params::resolve(SPECS, &params.texts()).unwrap(), params);
        for bad in [
            ("block", "0"),
            ("block", "x"),
            ("noise", "256"),
            ("noise", "NaN"),
            ("stage", "x"),
            ("blok", "4"),
        ] {
            assert!(resolve(&[bad]).is_err(), "{bad:?}");
        }
    }
}
