//! Key files on the command line: where they are, and how they are unlocked.

use crate::{
    failure::{Unreadable, Usage},
    talk::Talk,
};
use anyhow::Context;
use clap::Args;
use std::{
    fs::File,
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
};
use visard_core::Key;
use visard_keys::{KeyFile, LockKind, SecretString, Unlock};
use zeroize::Zeroizing;

/// How a key file is found and unlocked.
#[derive(Args)]
pub(crate) struct KeyArgs {
    /// Key file
    #[arg(short, long, value_name = "FILE", env = "VISARD_KEY")]
    pub(crate) key: Option<PathBuf>,
    /// How the key file is unlocked
    #[command(flatten)]
    unlock: UnlockArgs,
}

/// How a locked file is opened.
#[derive(Args)]
pub(crate) struct UnlockArgs {
    /// File with the age identities that open the key file
    #[arg(short, long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Read the passphrase from this open file descriptor instead of the terminal
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
    /// Refuse key files that others can read, instead of warning
    #[arg(long)]
    strict: bool,
}

impl KeyArgs {
    /// The opened key.
    pub(crate) fn open(&self, talk: &Talk) -> anyhow::Result<Key> {
        let path = self.key.as_deref().ok_or_else(|| {
            Usage("no key: say -k FILE or set VISARD_KEY; `visard keygen` makes one".into())
        })?;
        self.unlock.open(path, talk)
    }
}

impl UnlockArgs {
    /// Opens the key file at `path`; a passphrase is asked for only if the file needs one.
    pub(crate) fn open(&self, path: &Path, talk: &Talk) -> anyhow::Result<Key> {
        let file = KeyFile::read(path)?;
        if let Some(warning) = visard_keys::permissions_warning(path) {
            if self.strict {
                return Err(Unreadable(warning).into());
            }
            talk.warn(warning);
        }
        let unlock = match file.lock() {
            LockKind::None => Unlock::None,
            LockKind::Passphrase => Unlock::Passphrase(passphrase(self.passphrase_fd, path, false)?),
            LockKind::Recipients => Unlock::Identities(self.identities(path)?),
        };
        Ok(file.open(&unlock)?)
    }

    fn identities(&self, key: &Path) -> anyhow::Result<SecretString> {
        let path = self.identity.as_deref().ok_or_else(|| {
            Usage(format!(
                "{}: is locked to age recipients; say --identity FILE",
                key.display()
            ))
        })?;
        let mut text = String::with_capacity(1 << 16);
        let file = File::open(path).map_err(|error| Unreadable(format!("{}: {error}", path.display())))?;
        file.take(1 << 16)
            .read_to_string(&mut text)
            .map_err(|error| Unreadable(format!("{}: {error}", path.display())))?;
        Ok(SecretString::from(text))
    }
}

/// A passphrase from a descriptor, or asked for on the terminal; asked twice when it is `new`.
pub(crate) fn passphrase(fd: Option<u32>, key: &Path, new: bool) -> anyhow::Result<SecretString> {
    if let Some(fd) = fd {
        return from_descriptor(fd);
    }
    if !std::io::stderr().is_terminal() && !Path::new("/dev/tty").exists() {
        return Err(no_terminal(key).into());
    }
    let ask = |what: &str| {
        rpassword::prompt_password(format!("{what} for {}: ", key.display())).map_err(|_| no_terminal(key))
    };
    let first = Zeroizing::new(ask(if new { "New passphrase" } else { "Passphrase" })?);
    if new {
        if first.is_empty() {
            return Err(Usage("an empty passphrase protects nothing".into()).into());
        }
        if *Zeroizing::new(ask("The same again")?) != *first {
            return Err(Usage("the two passphrases differ; nothing was written".into()).into());
        }
    }
    Ok(SecretString::from(first.as_str().to_owned()))
}

fn no_terminal(key: &Path) -> Usage {
    Usage(format!(
        "{}: needs a passphrase and there is no terminal to ask on; say --passphrase-fd N",
        key.display()
    ))
}

fn from_descriptor(fd: u32) -> anyhow::Result<SecretString> {
    let path = format!("/dev/fd/{fd}");
    let mut text = Zeroizing::new(String::with_capacity(4096));
    File::open(&path)
        .and_then(|file| file.take(4096).read_to_string(&mut text))
        .map_err(|error| Unreadable(format!("file descriptor {fd}: {error}")))
        .context("--passphrase-fd")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Usage(format!("--passphrase-fd {fd}: holds no passphrase")).into());
    }
    Ok(SecretString::from(line.to_owned()))
}
