//! Sealing and unsealing the payload with age.

use crate::{Error, block};
use age::{
    DecryptError, Decryptor, EncryptError, Encryptor,
    secrecy::{ExposeSecret, SecretString},
};
use std::{
    fmt,
    io::{self, Read, Write},
    path::Path,
    str::FromStr,
};
use zeroize::Zeroizing;

/// Largest binary logarithm of scrypt's work that is accepted without being asked for: 4 GiB of
/// memory and some twenty seconds.
pub const DEFAULT_MAX_WORK_FACTOR: u8 = 22;

/// How a key file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockKind {
    /// By a passphrase (age's scrypt).
    Passphrase,
    /// To age recipients (X25519).
    Recipients,
    /// Not at all.
    None,
}

impl fmt::Display for LockKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase => "passphrase",
            Self::Recipients => "recipients",
            Self::None => "none",
        })
    }
}

impl FromStr for LockKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Passphrase, Self::Recipients, Self::None]
            .into_iter()
            .find(|kind| kind.to_string() == text)
            .ok_or(())
    }
}

/// The lock to put on a new key file.
pub enum Lock {
    /// Anyone with the passphrase opens the key.
    Passphrase {
        /// The passphrase, not empty.
        passphrase: SecretString,
        /// Binary logarithm of scrypt's work, 1 to [`DEFAULT_MAX_WORK_FACTOR`]; `None` for about a
        /// second on this machine. Small values are for tests only.
        work_factor: Option<u8>,
    },
    /// Anyone with an identity of one of these recipients (`age1...`) opens the key.
    Recipients(Vec<String>),
    /// Anyone who reads the file has the key.
    None,
}

impl Lock {
    /// A passphrase lock with age's usual work.
    pub fn passphrase(passphrase: SecretString) -> Self {
        Self::Passphrase {
            passphrase,
            work_factor: None,
        }
    }

    /// The kind of this lock.
    pub fn kind(&self) -> LockKind {
        match self {
            Self::Passphrase { .. } => LockKind::Passphrase,
            Self::Recipients(_) => LockKind::Recipients,
            Self::None => LockKind::None,
        }
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lock({}, [redacted])", self.kind())
    }
}

/// What opens a locked key file.
pub enum Unlock {
    /// A passphrase.
    Passphrase(SecretString),
    /// The text of an age identity file: `AGE-SECRET-KEY-1...` lines, comments, empty lines.
    Identities(SecretString),
    /// Nothing, for a key in the clear.
    None,
}

impl Unlock {
    /// The kind of lock that this opens.
    pub fn kind(&self) -> LockKind {
        match self {
            Self::Passphrase(_) => LockKind::Passphrase,
            Self::Identities(_) => LockKind::Recipients,
            Self::None => LockKind::None,
        }
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unlock({}, [redacted])", self.kind())
    }
}

/// The payload as it stands in the file; still secret where the lock is none.
pub(crate) struct Sealed {
    pub lock: LockKind,
    pub bytes: Zeroizing<Vec<u8>>,
}

impl Sealed {
    /// Mark of the block that holds these bytes.
    pub(crate) fn label(&self) -> &'static str {
        match self.lock {
            LockKind::None => block::PLAIN,
            LockKind::Passphrase | LockKind::Recipients => block::AGE,
        }
    }

    /// Finds out how the bytes of a block with that mark are locked.
    pub(crate) fn of_block(label: &str, bytes: Zeroizing<Vec<u8>>, path: &Path) -> Result<Self, Error> {
        let lock = match label {
            block::PLAIN => LockKind::None,
            block::AGE => match Decryptor::new_buffered(bytes.as_slice()) {
                Ok(file) if file.is_scrypt() => LockKind::Passphrase,
                Ok(_) => LockKind::Recipients,
                Err(_) => {
                    let (path, problem) = (path.into(), "its sealed part is no age file");
                    return Err(Error::Damaged { path, problem });
                }
            },
            _ => return Err(Error::NotAKeyFile { path: path.into() }),
        };
        Ok(Self { lock, bytes })
    }
}

/// Locks a payload.
pub(crate) fn seal(payload: Zeroizing<Vec<u8>>, lock: &Lock, path: &Path) -> Result<Sealed, Error> {
    let bytes = match lock {
        Lock::None => payload,
        Lock::Passphrase {
            passphrase,
            work_factor,
        } => {
            let recipient = scrypt_recipient(passphrase, *work_factor)?;
            encrypt(&payload, [&recipient as &dyn age::Recipient].into_iter(), path)?
        }
        Lock::Recipients(texts) => {
            let recipients = recipients(texts)?;
            encrypt(&payload, recipients.iter().map(|r| r as _), path)?
        }
    };
    let lock = lock.kind();
    Ok(Sealed { lock, bytes })
}

fn scrypt_recipient(passphrase: &SecretString, work: Option<u8>) -> Result<age::scrypt::Recipient, Error> {
    if passphrase.expose_secret().is_empty() {
        return Err(Error::Lock("an empty passphrase locks nothing; choose another"));
    }
    let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
    match work {
        None => {}
        Some(work @ 1..=DEFAULT_MAX_WORK_FACTOR) => recipient.set_work_factor(work),
        Some(_) => return Err(Error::Lock("the work factor must be 1 to 22")),
    }
    Ok(recipient)
}

fn recipients(texts: &[String]) -> Result<Vec<age::x25519::Recipient>, Error> {
    if texts.is_empty() {
        return Err(Error::Lock("no age recipient was given"));
    }
    let recipients = texts.iter().enumerate().map(|(i, text)| {
        let recipient = text.trim().parse();
        recipient.map_err(|_| Error::Recipient { number: i + 1 })
    });
    recipients.collect()
}

fn encrypt<'a>(
    payload: &[u8],
    recipients: impl Iterator<Item = &'a dyn age::Recipient>,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |source| Error::Write {
        path: path.into(),
        source,
    };
    let encryptor = Encryptor::with_recipients(recipients).map_err(|error| match error {
        EncryptError::Io(source) => failed(source),
        other => failed(io::Error::other(other.to_string())),
    })?;
    let mut sealed = Zeroizing::new(Vec::new());
    let mut writer = encryptor.wrap_output(&mut *sealed).map_err(failed)?;
    writer.write_all(payload).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(sealed)
}

/// Unlocks a payload.
pub(crate) fn unseal(
    sealed: &Sealed,
    unlock: &Unlock,
    max_work: u8,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    match (sealed.lock, unlock) {
        (LockKind::None, Unlock::None) => Ok(sealed.bytes.clone()),
        (LockKind::Passphrase, Unlock::Passphrase(passphrase)) => {
            let mut identity = age::scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(max_work);
            decrypt(&sealed.bytes, &mut [&identity as _].into_iter(), max_work, path)
        }
        (LockKind::Recipients, Unlock::Identities(text)) => {
            let identities = identities(text.expose_secret())?;
            let mut identities = identities.iter().map(|i| i as _);
            decrypt(&sealed.bytes, &mut identities, max_work, path)
        }
        (lock, _) => Err(Error::Locked {
            path: path.into(),
            lock,
        }),
    }
}

fn identities(text: &str) -> Result<Vec<age::x25519::Identity>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim).enumerate();
    let identities: Vec<_> = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(i, line)| line.parse().map_err(|_| Error::Identity { line: i + 1 }))
        .collect::<Result<_, _>>()?;
    match identities.is_empty() {
        true => Err(Error::NoIdentity),
        false => Ok(identities),
    }
}

fn decrypt(
    sealed: &[u8],
    identities: &mut dyn Iterator<Item = &dyn age::Identity>,
    allowed: u8,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let wrong = || Error::WrongKey { path: path.into() };
    let reader = Decryptor::new_buffered(sealed).and_then(|file| file.decrypt(identities));
    let mut reader = reader.map_err(|error| match error {
        DecryptError::ExcessiveWork { required, .. } => Error::ExcessiveWork {
            path: path.into(),
            required,
            allowed,
        },
        _ => wrong(),
    })?;
    // What is sealed is longer than what comes out, so that the buffer never moves.
    let mut payload = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.read_to_end(&mut payload).map_err(|_| wrong())?;
    Ok(payload)
}
