//! The readable part of a key file and its canonical text.

use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write};
use visard_core::{Fingerprint, Key, Shape, params::Value};

/// Version of the format that is read and written.
pub(crate) const VERSION: u64 = 1;

/// Everything about a key that needs no secret.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Public {
    pub fingerprint: Fingerprint,
    pub scheme: String,
    pub shape: Option<Shape>,
    pub params: BTreeMap<String, Value>,
}

impl Public {
    pub(crate) fn of(key: &Key) -> Self {
        let params = key.scheme().params();
        Self {
            fingerprint: key.fingerprint(),
            scheme: key.scheme().info().name.into(),
            shape: key.shape(),
            params: params.iter().map(|(n, v)| (n.into(), v.clone())).collect(),
        }
    }

    /// Parameters as the schemes take them.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        let texts = self.params.iter();
        texts
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect()
    }

    pub(crate) fn shape_text(&self) -> String {
        self.shape.map_or_else(|| "any".into(), |shape| shape.to_string())
    }

    /// One line for each fact, parameters in the order of their names. No name or value holds a
    /// line break and no name an `=`, so that no two public parts share a text.
    pub(crate) fn canonical(&self) -> String {
        let mut text = format!(
            "visard key {VERSION}\nfingerprint={}\nscheme={}\nshape={}\n",
            self.fingerprint,
            self.scheme,
            self.shape_text()
        );
        for (name, value) in &self.params {
            writeln!(text, "params.{name}={value}").expect("writing into a string cannot fail");
        }
        text
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.canonical()).into()
    }
}

/// Whether `name` may name a scheme, a parameter or an array: letters, digits, `-`, `_`.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}
