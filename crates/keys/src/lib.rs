//! The key file: drawing the secret, locking it, writing it once, opening it again.
//!
//! A key file is text (TOML). Its public part names scheme, parameters, shape and fingerprint; its
//! sealed part holds the secret and any explicit material, locked by a passphrase or to age
//! recipients, or, when asked for in so many words, in the clear. The sealed part also holds a
//! digest of the public part, so that an edit is noticed when the file is opened.
//!
//! ```
//! use visard_core::{Key, Shape};
//! use visard_keys::{KeyFile, Lock, LockKind, Unlock, generate_secret, write_new};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("owner.key");
//! let shape = Shape::new(28, 28, 1);
//! let key = Key::new("aes", &Default::default(), Some(shape), generate_secret()?, None)?;
//!
//! let owner = age::x25519::Identity::generate();
//! write_new(&path, &key, &Lock::Recipients(vec![owner.to_public().to_string()]))?;
//!
//! let file = KeyFile::read(&path)?;
//! assert_eq!(file.lock(), LockKind::Recipients); // tells what to ask the user for
//! let again = file.open(&Unlock::Identities(owner.to_string()))?;
//! assert_eq!(again.fingerprint(), key.fingerprint());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The sealed payload
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `VISARDK1` |
//! | 32 | the secret |
//! | 32 | SHA-256 of the canonical public text ([`KeyFile::canonical_text`]) |
//! | rest | explicit material as safetensors (U8, I64, F64), or nothing |
//!
//! It stands as base64 in the text, either within age's own armour (an age file that any age
//! program opens) or between the marks of a plaintext key.

#![forbid(unsafe_code)]

mod block;
mod disk;
mod error;
mod file;
mod lock;
mod payload;
mod public;
mod random;
mod text;

pub use age::secrecy::SecretString;
pub use disk::permissions_warning;
pub use error::Error;
pub use file::{KeyFile, write_new};
pub use lock::{DEFAULT_MAX_WORK_FACTOR, Lock, LockKind, Unlock};
pub use random::{fresh_salt, generate_secret};

/// Largest key file that is read or written, in bytes.
pub const MAX_FILE: usize = 96 << 20;
