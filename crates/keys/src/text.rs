//! The text of a key file: TOML around one block.

use crate::{
    Error, LockKind,
    block::{self, Split, SplitError},
    lock::Sealed,
    public::{Public, VERSION, is_name},
};
use std::{collections::BTreeMap, path::Path};
use toml::{Table, Value as Toml};
use visard_core::{Shape, params::Value};
use zeroize::Zeroizing;

const TITLE: &str = "# visard key";
const QUOTES: &str = "\"\"\"";
/// Largest text around the block, in bytes.
const MAX_AROUND: usize = 64 << 10;

/// Writes the file.
pub(crate) fn render(public: &Public, sealed: &Sealed) -> Zeroizing<String> {
    let head = head(public, sealed.lock);
    let room = head.len() + block::encoded_len(sealed.bytes.len()) + QUOTES.len() + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(&head);
    block::encode(sealed.label(), &sealed.bytes, &mut text);
    text.extend([QUOTES, "\n"]);
    text
}

fn head(public: &Public, lock: LockKind) -> String {
    let params: String = public
        .params
        .iter()
        .map(|(name, value)| format!("{name} = {}\n", toml_value(value)))
        .collect();
    format!(
        "{TITLE}: keep it secret, keep a copy; without it nothing can be restored.\n\
         version = {VERSION}\n\
         fingerprint = \"{}\"\n\
         scheme = \"{}\"\n\
         shape = \"{}\"\n\
         lock = \"{lock}\"\n\n\
         [params]\n{params}\n\
         [sealed]\npayload = {QUOTES}\n",
        public.fingerprint,
        public.scheme,
        public.shape_text(),
    )
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::Bool(v) => v.to_string(),
        Value::Int(v) => v.to_string(),
        // Debug keeps the point or the exponent that makes it a TOML float.
        Value::Float(v) => format!("{v:?}"),
        Value::Text(v) => format!("\"{}\"", v.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// Reads the file. The block never reaches the TOML parser, so that no copy of it stays behind
/// and no error text quotes it.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<(Public, Sealed), Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let not_a_key = || Error::NotAKeyFile { path: path.into() };
    let text = str::from_utf8(bytes).map_err(|_| not_a_key())?;
    if !looks_like_a_key(text) {
        return Err(not_a_key());
    }
    if let Some(found) = stated_version(text).filter(|version| *version != VERSION) {
        return Err(Error::Version {
            path: path.into(),
            found,
        });
    }
    let parts = block::split(text).map_err(|error| match error {
        SplitError::Missing | SplitError::Open => Error::Truncated { path: path.into() },
        SplitError::Several => Error::SeveralKeys { path: path.into() },
    })?;
    let (public, lock) = Reader { path }.public(&around(&parts, path)?)?;
    let Some(bytes) = block::decode(parts.body) else {
        let (path, problem) = (path.into(), "its sealed part is not base64");
        return Err(Error::Damaged { path, problem });
    };
    let sealed = Sealed::of_block(parts.label, bytes, path)?;
    if sealed.lock != lock {
        let problem = format!(
            "says \"{lock}\", but the lock of the sealed part is \"{}\"",
            sealed.lock
        );
        return Err(Reader { path }.field("lock", problem));
    }
    Ok((public, sealed))
}

fn looks_like_a_key(text: &str) -> bool {
    text.starts_with(TITLE)
        || text
            .lines()
            .any(|line| line.trim_start().starts_with("fingerprint"))
}

/// The version, read before anything that another version may write differently.
fn stated_version(text: &str) -> Option<u64> {
    let values = text.lines().filter_map(|line| {
        let value = line.trim_start().strip_prefix("version")?;
        value.trim_start().strip_prefix('=')
    });
    values.map(str::trim).next()?.parse().ok()
}

/// The text without its block.
fn around(parts: &Split, path: &Path) -> Result<Zeroizing<String>, Error> {
    let damaged = |problem| Error::Damaged {
        path: path.into(),
        problem,
    };
    let end = parts.after.trim_start();
    if end.len() < QUOTES.len() && QUOTES.starts_with(end) {
        return Err(Error::Truncated { path: path.into() });
    }
    if !end.starts_with(QUOTES) || !parts.before.trim_end().ends_with(QUOTES) {
        return Err(damaged("something stands between the sealed part and its quotes"));
    }
    if parts.before.len() + end.len() > MAX_AROUND {
        return Err(damaged("there is too much text around its sealed part"));
    }
    let mut text = Zeroizing::new(String::with_capacity(parts.before.len() + end.len()));
    text.extend([parts.before, end]);
    Ok(text)
}

struct Reader<'a> {
    path: &'a Path,
}

impl Reader<'_> {
    fn field(&self, field: &str, problem: impl Into<String>) -> Error {
        Error::Field {
            path: self.path.into(),
            field: field.into(),
            problem: problem.into(),
        }
    }

    fn public(&self, text: &str) -> Result<(Public, LockKind), Error> {
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
            let offset = error.span().map_or(0, |span| span.start.min(text.len()));
            Error::Syntax {
                path: self.path.into(),
                line: 1 + text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count(),
                problem: error.message().into(),
            }
        })?;
        self.version(table.remove("version"))?;
        let fingerprint = self.text(&mut table, "fingerprint")?;
        let fingerprint = fingerprint
            .parse()
            .map_err(|_| self.field("fingerprint", "must be 32 hexadecimal digits"))?;
        let scheme = self.text(&mut table, "scheme")?;
        if !is_name(&scheme) {
            return Err(self.field("scheme", "must be the name of a scheme"));
        }
        let shape = self.shape(&self.text(&mut table, "shape")?)?;
        let lock = self.text(&mut table, "lock")?;
        let lock = lock
            .parse()
            .map_err(|()| self.field("lock", "must be passphrase, recipients or none"))?;
        let params = self.params(self.table(&mut table, "params")?)?;
        let mut sealed = self.table(&mut table, "sealed")?;
        if !self.text(&mut sealed, "payload")?.trim().is_empty() {
            return Err(self.field("payload", "must hold the sealed block and nothing else"));
        }
        self.nothing_else("", &table)?;
        self.nothing_else("sealed.", &sealed)?;
        let public = Public {
            fingerprint,
            scheme,
            shape,
            params,
        };
        Ok((public, lock))
    }

    fn version(&self, value: Option<Toml>) -> Result<(), Error> {
        match value.as_ref().and_then(Toml::as_integer).map(u64::try_from) {
            Some(Ok(VERSION)) => Ok(()),
            Some(Ok(found)) => Err(Error::Version {
                path: self.path.into(),
                found,
            }),
            _ => Err(self.field("version", "must be a whole number")),
        }
    }

    fn text(&self, table: &mut Table, name: &str) -> Result<String, Error> {
        match table.remove(name) {
            Some(Toml::String(text)) => Ok(text),
            Some(_) => Err(self.field(name, "must be a text in quotes")),
            None => Err(self.field(name, "is missing")),
        }
    }

    fn table(&self, table: &mut Table, name: &str) -> Result<Table, Error> {
        match table.remove(name) {
            Some(Toml::Table(inner)) => Ok(inner),
            Some(_) => Err(self.field(name, "must be a table")),
            None => Err(self.field(name, "is missing")),
        }
    }

    fn shape(&self, text: &str) -> Result<Option<Shape>, Error> {
        if text == "any" {
            return Ok(None);
        }
        // The text itself is not quoted: it may be a stray line of a sealed part.
        let shape = text.parse().map_err(|_| Error::Shape {
            path: self.path.into(),
        });
        shape.map(Some)
    }

    fn params(&self, table: Table) -> Result<BTreeMap<String, Value>, Error> {
        let entries = table.into_iter().map(|(name, value)| {
            let value = match value {
                Toml::Boolean(v) => Value::Bool(v),
                Toml::Integer(v) => Value::Int(v),
                Toml::Float(v) => Value::Float(v),
                Toml::String(v) if !v.contains(char::is_control) => Value::Text(v),
                _ => return Err(self.field("params", "must hold truth values, numbers and words")),
            };
            match is_name(&name) {
                true => Ok((name, value)),
                false => Err(self.field("params", "holds a name that is none")),
            }
        });
        entries.collect()
    }

    fn nothing_else(&self, prefix: &str, rest: &Table) -> Result<(), Error> {
        match rest.keys().next() {
            None => Ok(()),
            // A name that is none may be anything, even a stray line of a sealed part.
            Some(name) => Err(Error::UnknownField {
                path: self.path.into(),
                field: match is_name(name) {
                    true => format!("{prefix}{name}"),
                    false => format!("{prefix}\"...\""),
                },
            }),
        }
    }
}
