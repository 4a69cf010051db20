//! One array of a NumPy file, streamed from its place in the file.

use super::header::Header;
use crate::{Error, Result};
use flate2::{Crc, read::DeflateDecoder};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Take},
    path::{Path, PathBuf},
};
use zip::{CompressionMethod, ZipArchive};

/// Names of the `.npy` entries of an archive.
pub(super) fn arrays_in(path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).map_err(|e| Error::input(path, e))?;
    let archive = ZipArchive::new(BufReader::new(file)).map_err(|e| Error::input(path, e))?;
    let names = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()));
    Ok(names.filter(|name| name.ends_with(".npy")).collect())
}

/// Where the bytes of an array lie in its file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) stored: u64,
    pub(super) deflated: bool,
    pub(super) size: u64,
    pub(super) crc: Option<u32>,
}

/// The place of an archive's entry; `None` if there is none of that name.
pub(super) fn entry(path: &Path, name: &str) -> Result<Option<Place>> {
    let fail = |e: &dyn std::fmt::Display| Error::input(path, format!("{name}: {e}"));
    let file = File::open(path).map_err(|e| fail(&e))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| fail(&e))?;
    let Some(index) = archive.index_for_name(name) else {
        return Ok(None);
    };
    let entry = archive.by_index_raw(index).map_err(|e| fail(&e))?;
    if entry.encrypted() {
        return Err(fail(&"is encrypted; save it without"));
    }
    let deflated = match entry.compression() {
        CompressionMethod::Stored => false,
        CompressionMethod::Deflated => true,
        other => return Err(fail(&format!("{other} compression is not what NumPy writes"))),
    };
    let start = entry
        .data_start()
        .ok_or_else(|| fail(&"its data cannot be found"))?;
    Ok(Some(Place {
        start,
        stored: entry.compressed_size(),
        deflated,
        size: entry.size(),
        crc: Some(entry.crc32()),
    }))
}

/// An array's bytes being read.
#[derive(Debug)]
enum Bytes {
    Plain(Take<File>),
    Deflated(Box<DeflateDecoder<BufReader<Take<File>>>>),
}

impl Read for Bytes {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buf),
            Self::Deflated(decoder) => decoder.read(buf),
        }
    }
}

/// An array that is streamed.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) path: PathBuf,
    name: &'static str,
    place: Place,
    pub(super) header: Header,
    /// Bytes of one item along the first axis.
    unit: u64,
    pub(super) count: u64,
    open: Option<Open>,
}

/// An array's open file: the item it stands at, and the checksum as long as nothing was left out.
#[derive(Debug)]
struct Open {
    bytes: Bytes,
    at: u64,
    crc: Option<Crc>,
}

/// Feeds a checksum with what is read.
pub(super) struct Summed<'a> {
    bytes: &'a mut Bytes,
    crc: Option<&'a mut Crc>,
}

impl Read for Summed<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read(buf)?;
        if let Some(crc) = &mut self.crc {
            crc.update(&buf[..n]);
        }
        Ok(n)
    }
}

impl Array {
    /// Opens an array and reads its header.
    pub(super) fn open(path: &Path, name: &'static str, place: Place) -> Result<Self> {
        let mut array = Self {
            path: path.into(),
            name,
            place,
            header: Header {
                descr: String::new(),
                shape: Vec::new(),
                bytes: 0,
            },
            unit: 0,
            count: 0,
            open: None,
        };
        let mut bytes = array.bytes(0).map_err(|e| array.fail(&e))?;
        array.header = Header::read(&mut bytes).map_err(|e| array.fail(&e))?;
        Ok(array)
    }

    pub(super) fn fail(&self, problem: &dyn std::fmt::Display) -> Error {
        Error::input(&self.path, format!("{}: {problem}", self.name))
    }

    /// Says how the array divides into items, and checks its size.
    pub(super) fn divide(&mut self, count: u64, unit: u64) -> Result<()> {
        (self.count, self.unit) = (count, unit);
        let expected = count
            .checked_mul(unit)
            .and_then(|b| b.checked_add(self.header.bytes));
        if expected == Some(self.place.size) {
            return Ok(());
        }
        let expected = expected.map_or("more than any file's".into(), |b| b.to_string());
        let problem = format!(
            "{expected} bytes expected by its shape, {} found",
            self.place.size
        );
        Err(self.fail(&problem))
    }

    /// The bytes from `skip` on; compressed ones can only start at 0.
    fn bytes(&self, skip: u64) -> io::Result<Bytes> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.place.start.saturating_add(skip)))?;
        let bytes = file.take(self.place.stored.saturating_sub(skip));
        Ok(if self.place.deflated {
            let bytes = BufReader::with_capacity(1 << 18, bytes);
            Bytes::Deflated(Box::new(DeflateDecoder::new(bytes)))
        } else {
            Bytes::Plain(bytes)
        })
    }

    /// Opens the array at an item.
    fn open_at(&self, item: u64) -> io::Result<Open> {
        let skip = self.header.bytes + item * self.unit;
        if !self.place.deflated && item > 0 {
            return Ok(Open {
                bytes: self.bytes(skip)?,
                at: item,
                crc: None,
            });
        }
        let (mut bytes, mut crc) = (self.bytes(0)?, Crc::new());
        let mut summed = Summed {
            bytes: &mut bytes,
            crc: Some(&mut crc),
        };
        let passed = io::copy(&mut (&mut summed).take(skip), &mut io::sink())?;
        if passed < skip {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Open {
            bytes,
            at: item,
            crc: Some(crc),
        })
    }

    /// Passes items `item .. item + n` to `read`; at the end the checksum is compared.
    pub(super) fn take(
        &mut self,
        item: u64,
        n: usize,
        read: impl FnOnce(&mut Summed) -> io::Result<()>,
    ) -> Result<()> {
        let mut open = match self.open.take() {
            Some(open) if open.at == item => open,
            _ => self.open_at(item).map_err(|e| self.fail(&e))?,
        };
        let mut summed = Summed {
            bytes: &mut open.bytes,
            crc: open.crc.as_mut(),
        };
        read(&mut summed).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.fail(&"the data ends too early"),
            _ => self.fail(&e),
        })?;
        open.at = item + n as u64;
        if open.at == self.count
            && let (Some(crc), Some(expected)) = (&open.crc, self.place.crc)
            && crc.sum() != expected
        {
            return Err(self.fail(&"corrupt: its checksum does not fit"));
        }
        self.open = Some(open);
        Ok(())
    }
}
