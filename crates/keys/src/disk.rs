//! Bounded reading, writing that never replaces, and who may read the file.

use crate::{Error, MAX_FILE};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::Path,
};
use zeroize::Zeroizing;

/// Reads a key file or a pipe to its end, at most [`MAX_FILE`] bytes.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = File::open(path).and_then(|file| read_bounded(file, MAX_FILE));
    bytes
        .map_err(|source| Error::Read {
            path: path.into(),
            source,
        })?
        .ok_or_else(|| Error::TooLarge { path: path.into() })
}

/// Reads to the end, `None` beyond `limit` bytes. Outgrown buffers are wiped, which a growing
/// `Vec` would not do.
fn read_bounded(mut from: impl Read, limit: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut bytes = Zeroizing::new(vec![0; limit.min(64 << 10) + 1]);
    let mut len = 0;
    loop {
        if len > limit {
            return Ok(None);
        }
        if len == bytes.len() {
            let mut larger = Zeroizing::new(vec![0; (2 * len).min(limit + 1)]);
            larger[..len].copy_from_slice(&bytes);
            bytes = larger;
        }
        match from.read(&mut bytes[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(len);
    Ok(Some(bytes))
}

/// Writes `text` under a name that must be free, readable by the owner alone.
///
/// The file gets its name only when all of it is on the disk: a crash leaves no half key.
pub(crate) fn write_new(path: &Path, text: &[u8]) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::AlreadyExists => Error::Exists { path: path.into() },
        _ => Error::Write {
            path: path.into(),
            source,
        },
    };
    // On Unix, temporary files are created with O_EXCL and mode 0600.
    let mut file = tempfile::Builder::new()
        .prefix(".visard-key-")
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(text).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path).map_err(|e| failed(e.error))?;
    sync_folder(folder).map_err(failed)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network and user-space file systems cannot flush a folder.
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A warning if others than the owner may read the key file, with the mend; the caller decides
/// whether it is an error.
///
/// `None` for pipes, where the system has no such permissions, and where they cannot be read.
#[cfg(unix)]
pub fn permissions_warning(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mode = meta.permissions().mode() & 0o7777;
    let path = path.display();
    (mode & 0o077 != 0).then(|| {
        format!(
            "the key file {path} is open to other users of this machine (mode {mode:04o}): run `chmod 600 {path}`"
        )
    })
}

/// A warning if others than the owner may read the key file; this system is not asked.
#[cfg(not(unix))]
pub fn permissions_warning(_: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time and is interrupted before each.
    struct Slow<'a>(&'a [u8], bool);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            match self.1 {
                true => Err(ErrorKind::Interrupted.into()),
                false => self.0.read(&mut to[..1]),
            }
        }
    }

    #[test]
    fn reading_is_bounded_and_survives_short_reads() {
        let data: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
        let read = |limit| read_bounded(Slow(&data, false), limit).unwrap();
        assert_eq!(*read(data.len()).unwrap(), data);
        assert_eq!(*read(1 << 20).unwrap(), data);
        assert!(read(data.len() - 1).is_none());
        assert!(read_bounded(io::repeat(1), 100_000).unwrap().is_none());
        assert!(read_bounded(io::empty(), 0).unwrap().unwrap().is_empty());
    }
}
