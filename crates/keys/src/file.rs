//! Key files: read, looked at without any secret, opened, written.

use crate::{
    DEFAULT_MAX_WORK_FACTOR, Error, Lock, LockKind, MAX_FILE, Unlock, disk,
    lock::{self, Sealed},
    payload,
    public::Public,
    text,
};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};
use visard_core::{Fingerprint, Key, Shape};

/// A key file that was read but not opened: its public part, and the sealed one.
pub struct KeyFile {
    path: PathBuf,
    public: Public,
    sealed: Sealed,
    max_work: u8,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("path", &self.path)
            .field("public", &self.public)
            .field("lock", &self.sealed.lock)
            .finish_non_exhaustive()
    }
}

impl KeyFile {
    /// Reads a key file, or a pipe that delivers one, to its end.
    ///
    /// # Errors
    /// If it cannot be read, exceeds [`MAX_FILE`], or is not one whole key file of this version.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse_named(&disk::read(path)?, path)
    }

    /// Reads the bytes of a key file.
    ///
    /// # Errors
    /// As [`Self::read`]; the errors name the file as `key`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Self::parse_named(bytes, Path::new("key"))
    }

    fn parse_named(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let (public, sealed) = text::parse(bytes, path)?;
        Ok(Self {
            path: path.into(),
            public,
            sealed,
            max_work: DEFAULT_MAX_WORK_FACTOR,
        })
    }

    /// Accepts passphrase locks of up to 2^`log_n` scrypt steps instead of
    /// 2^[`DEFAULT_MAX_WORK_FACTOR`]; memory in bytes is 1024 times as much.
    pub fn with_max_work_factor(self, log_n: u8) -> Self {
        Self {
            max_work: log_n,
            ..self
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How the file is locked, and so what [`Self::open`] needs.
    pub fn lock(&self) -> LockKind {
        self.sealed.lock
    }

    /// The key's fingerprint, as the file states it.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.public.fingerprint
    }

    /// Name of the scheme, as the file states it.
    pub fn scheme(&self) -> &str {
        &self.public.scheme
    }

    /// Shape of the images, as the file states it; `None` for any.
    pub fn shape(&self) -> Option<Shape> {
        self.public.shape
    }

    /// Parameters of the scheme as texts, as the file states them.
    pub fn params(&self) -> BTreeMap<String, String> {
        self.public.texts()
    }

    /// The text whose SHA-256 is sealed beside the secret: lines `visard key 1`,
    /// `fingerprint=...`, `scheme=...`, `shape=...` and, in the order of their names,
    /// `params.NAME=VALUE`, each ended by a line feed.
    pub fn canonical_text(&self) -> String {
        self.public.canonical()
    }

    /// Opens the key.
    ///
    /// # Errors
    /// [`Error::WrongKey`] for a wrong passphrase or identity, [`Error::Locked`] if `unlock` is of
    /// another kind than [`Self::lock`], [`Error::ExcessiveWork`], [`Error::Edited`] if the public
    /// part was changed, and others if the sealed part is no working key.
    pub fn open(&self, unlock: &Unlock) -> Result<Key, Error> {
        let path = || self.path.clone();
        let payload = lock::unseal(&self.sealed, unlock, self.max_work, &self.path)?;
        let (secret, material) = payload::read(&payload, self.public.digest(), &self.path)?;
        let (scheme, params) = (self.scheme(), self.params());
        let key = Key::new(scheme, &params, self.shape(), secret, material)
            .map_err(|source| Error::Key { path: path(), source })?;
        match key.fingerprint() == self.public.fingerprint {
            true => Ok(key),
            false => Err(Error::Fingerprint { path: path() }),
        }
    }
}

/// Writes `key` into a new file that only its owner may read.
///
/// The file appears under its name when it is complete and on the disk, never before.
///
/// # Errors
/// [`Error::Exists`] if there is something of that name, which is left alone; others if the lock
/// cannot be made, the material is too large, or writing fails.
pub fn write_new(path: &Path, key: &Key, lock: &Lock) -> Result<(), Error> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: path.into() });
    }
    let public = Public::of(key);
    let payload = payload::write(key, public.digest());
    let text = text::render(&public, &lock::seal(payload, lock, path)?);
    if text.len() > MAX_FILE {
        return Err(Error::TooLarge { path: path.into() });
    }
    disk::write_new(path, text.as_bytes())
}
