//! What can go wrong with key files. No text here ever holds a part of a secret.

use crate::{LockKind, MAX_FILE};
use std::{io, path::PathBuf};

/// An error of drawing, writing or opening a key. Every variant about a file names it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system gave no random bytes; nothing weaker is ever used instead.
    #[error("the operating system's random generator failed: {0}; no key was made")]
    Random(getrandom::Error),

    // Reading.
    /// The file is missing or unreadable.
    #[error("cannot read the key file {}: {source}", path.display())]
    Read {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than [`MAX_FILE`].
    #[error("{}: a key file of more than {} MiB is neither read nor written", path.display(), MAX_FILE >> 20)]
    TooLarge {
        /// The key file.
        path: PathBuf,
    },
    /// The file is something else, empty, or not text.
    #[error("{}: not a visard key file; `visard keygen` makes one", path.display())]
    NotAKeyFile {
        /// The file.
        path: PathBuf,
    },
    /// The end of the file is missing.
    #[error("{}: the key file is cut off before its end; take your copy of it", path.display())]
    Truncated {
        /// The key file.
        path: PathBuf,
    },
    /// More than one sealed part.
    #[error("{}: holds more than one key; put each into a file of its own", path.display())]
    SeveralKeys {
        /// The key file.
        path: PathBuf,
    },
    /// Written by a newer program.
    #[error("{}: key file version {found}, this program reads version {}; use a newer visard", path.display(), crate::public::VERSION)]
    Version {
        /// The key file.
        path: PathBuf,
        /// The version it states.
        found: u64,
    },
    /// The text around the sealed part is not TOML.
    #[error("{}: {problem} in line {line} of the key file", path.display())]
    Syntax {
        /// The key file.
        path: PathBuf,
        /// Line, from 1, with the lines of the sealed part left out where they come before it.
        line: usize,
        /// What the parser said.
        problem: String,
    },
    /// A field that this version does not know.
    #[error("{}: unknown field {field} in the key file", path.display())]
    UnknownField {
        /// The key file.
        path: PathBuf,
        /// Name of the field, with its table.
        field: String,
    },
    /// A field is missing or its value is none.
    #[error("{}: {field} in the key file {problem}", path.display())]
    Field {
        /// The key file.
        path: PathBuf,
        /// Name of the field.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The shape is no shape.
    #[error("{}: shape in the key file must be \"any\" or HEIGHTxWIDTHxCHANNELS, for instance 28x28x1", path.display())]
    Shape {
        /// The key file.
        path: PathBuf,
    },
    /// The sealed part is not what it should be.
    #[error("{}: the key file is damaged: {problem}; take your copy of it", path.display())]
    Damaged {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },

    // Opening.
    /// Another way of unlocking was offered than the file's lock needs.
    #[error("{}: this key file {}", path.display(), needs(*lock))]
    Locked {
        /// The key file.
        path: PathBuf,
        /// The lock that it has.
        lock: LockKind,
    },
    /// Wrong passphrase, wrong identity, or a sealed part that was tampered with; which of them
    /// is not told.
    #[error("{}: wrong passphrase or identity, or the sealed key was changed", path.display())]
    WrongKey {
        /// The key file.
        path: PathBuf,
    },
    /// The passphrase lock asks for more work than allowed.
    #[error("{}: unlocking would take 2^{required} scrypt steps, at most 2^{allowed} are allowed; a foreign key file may do this to stall the machine, raise the limit only for a file of your own", path.display())]
    ExcessiveWork {
        /// The key file.
        path: PathBuf,
        /// Binary logarithm of the work asked for.
        required: u8,
        /// Binary logarithm of the work allowed.
        allowed: u8,
    },
    /// The unsealed bytes are no key of this format.
    #[error("{}: what is sealed in this file is not a visard key", path.display())]
    Magic {
        /// The key file.
        path: PathBuf,
    },
    /// Scheme, parameters, shape or fingerprint were changed after the file was written.
    #[error("{}: the readable part of the key file was edited; undo the edit, or make a new key with `visard keygen`", path.display())]
    Edited {
        /// The key file.
        path: PathBuf,
    },
    /// The key does not work with the stated scheme, parameters and shape.
    #[error("{}: {source}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What the scheme said.
        source: visard_core::Error,
    },
    /// The key that was opened is not the one that the file names.
    #[error("{}: the key does not have the fingerprint that its file states", path.display())]
    Fingerprint {
        /// The key file.
        path: PathBuf,
    },
    /// A line of the identity text is no age identity.
    #[error("line {line} of the identity file is no age identity (AGE-SECRET-KEY-1...)")]
    Identity {
        /// Line, from 1.
        line: usize,
    },
    /// The identity text holds no identity at all.
    #[error("the identity file holds no age identity (AGE-SECRET-KEY-1...)")]
    NoIdentity,

    // Writing.
    /// There already is a file; key files are never overwritten.
    #[error("{}: exists already, and a key file is never overwritten; choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be written.
    #[error("cannot write the key file {}: {source}", path.display())]
    Write {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A recipient is none. Its text is not shown, as it may be an identity given by mistake.
    #[error("recipient number {number} is not an age recipient (age1...)")]
    Recipient {
        /// Place among the given recipients, from 1.
        number: usize,
    },
    /// The lock cannot be made as asked.
    #[error("{0}")]
    Lock(&'static str),
}

fn needs(lock: LockKind) -> &'static str {
    match lock {
        LockKind::Passphrase => "is locked by a passphrase, which was not given",
        LockKind::Recipients => "is locked to age recipients; give an identity file",
        LockKind::None => "is not locked at all, but a passphrase or an identity was given",
    }
}
