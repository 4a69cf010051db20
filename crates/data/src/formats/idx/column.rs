//! One IDX file, plain or compressed, read sample by sample.

use crate::{Depth, Error, Result, formats::files};
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// The parsed start of an IDX file.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) depth: Depth,
    pub(super) dims: Vec<u64>,
}

impl Header {
    const MAX_DIMS: u8 = 4;

    fn bytes(dims: usize) -> u64 {
        4 + 4 * dims as u64
    }

    fn read(from: &mut impl Read, path: &Path) -> Result<Self> {
        let short = |e| Error::input(path, format!("no IDX header: {}", io_text(e)));
        let mut magic = [0; 4];
        from.read_exact(&mut magic).map_err(short)?;
        let depth = match magic {
            [0, 0, 0x08, _] => Depth::U8,
            [0, 0, 0x0D, _] => Depth::F32,
            [0, 0, other @ (0x09 | 0x0B | 0x0C | 0x0E), _] => {
                return Err(Error::input(
                    path,
                    format!("IDX type 0x{other:02X} is not taken; store bytes (0x08) or floats (0x0D)"),
                ));
            }
            _ => {
                return Err(Error::input(
                    path,
                    format!("not an IDX file: it starts with {magic:02X?}"),
                ));
            }
        };
        if !(1..=Self::MAX_DIMS).contains(&magic[3]) {
            return Err(Error::input(
                path,
                format!("IDX with {} dimensions is not taken", magic[3]),
            ));
        }
        let mut dims = Vec::new();
        for _ in 0..magic[3] {
            let mut side = [0; 4];
            from.read_exact(&mut side).map_err(short)?;
            dims.push(u64::from(u32::from_be_bytes(side)));
        }
        Ok(Self { depth, dims })
    }
}

fn io_text(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the file ends too early".into(),
        _ => error.to_string(),
    }
}

/// An IDX file being read, plain or compressed.
#[derive(Debug)]
pub(super) enum Bytes {
    Plain(File),
    Gz(Box<MultiGzDecoder<BufReader<File>>>),
}

impl Read for Bytes {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buf),
            Self::Gz(decoder) => decoder.read(buf),
        }
    }
}

impl Bytes {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = files::open_regular(path)?;
        let mut magic = [0; 2];
        let gz = file.read_exact(&mut magic).is_ok() && magic == [0x1F, 0x8B];
        file.rewind()?;
        Ok(if gz {
            Self::Gz(Box::new(MultiGzDecoder::new(BufReader::with_capacity(
                1 << 18,
                file,
            ))))
        } else {
            Self::Plain(file)
        })
    }
}

/// Images or labels of one split.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) path: PathBuf,
    pub(super) gz: bool,
    pub(super) depth: Depth,
    header: u64,
    /// Bytes of one sample.
    unit: u64,
    pub(super) count: u64,
    /// The open file and the sample it stands at.
    at: Option<(Bytes, u64)>,
}

impl Column {
    /// Opens a file and reads its header.
    pub(super) fn open(path: PathBuf) -> Result<(Self, Vec<u64>)> {
        let mut bytes = Bytes::open(&path).map_err(|e| Error::input(&path, e))?;
        let Header { depth, dims } = Header::read(&mut bytes, &path)?;
        let (count, sides) = (dims[0], &dims[1..]);
        let unit = sides
            .iter()
            .try_fold(files::width(depth) as u64, |product, &side| {
                product.checked_mul(side)
            });
        let unit = unit.ok_or_else(|| Error::limit(&path, format!("claims images of {sides:?}")))?;
        let column = Self {
            gz: matches!(bytes, Bytes::Gz(_)),
            header: Header::bytes(dims.len()),
            path,
            depth,
            unit,
            count,
            at: None,
        };
        Ok((column, dims))
    }

    /// Floats of one sample, where it holds floats.
    pub(super) fn weights(&self) -> Option<usize> {
        (self.depth == Depth::F32).then_some(self.unit as usize / 4)
    }

    /// Checks the size of a plain file; a compressed one shows its size only when it is read.
    pub(super) fn check_size(&self) -> Result<()> {
        if self.gz {
            return Ok(());
        }
        let found = std::fs::metadata(&self.path)
            .map_err(|e| Error::input(&self.path, e))?
            .len();
        let expected = self
            .count
            .checked_mul(self.unit)
            .and_then(|b| b.checked_add(self.header));
        if expected == Some(found) {
            return Ok(());
        }
        let expected = expected.map_or("more than any file's".into(), |b| b.to_string());
        let problem = format!(
            "{} samples expected, that is {expected} bytes; found {found}",
            self.count
        );
        Err(Error::input(&self.path, problem))
    }

    /// The file, standing at sample `sample`.
    fn stand_at(&mut self, sample: u64) -> Result<&mut Bytes> {
        let fail = |e| Error::input(&self.path, io_text(e));
        let reusable = match self.at.take() {
            Some((bytes, at)) if at == sample => Some(bytes),
            Some((bytes @ Bytes::Plain(_), _)) => {
                let mut bytes = bytes;
                seek(&mut bytes, self.header + sample * self.unit).map_err(fail)?;
                Some(bytes)
            }
            // A stream can only be gone on with.
            Some((mut bytes, at)) if at < sample => {
                seek(&mut bytes, (sample - at) * self.unit).map_err(fail)?;
                Some(bytes)
            }
            _ => None,
        };
        let bytes = match reusable {
            Some(bytes) => bytes,
            None => {
                let mut bytes = Bytes::open(&self.path).map_err(fail)?;
                seek(&mut bytes, self.header + sample * self.unit).map_err(fail)?;
                bytes
            }
        };
        Ok(&mut self.at.insert((bytes, sample)).0)
    }

    /// Passes samples `sample .. sample + n` to `read`, and looks at the end for trailing data.
    pub(super) fn take(
        &mut self,
        sample: u64,
        n: usize,
        read: impl FnOnce(&mut Bytes) -> io::Result<()>,
    ) -> Result<()> {
        let outcome = read(self.stand_at(sample)?);
        let end = sample + n as u64;
        let fail = |e: io::Error| {
            let text = match e.kind() {
                io::ErrorKind::UnexpectedEof => {
                    format!("{} samples expected, the data ends before", self.count)
                }
                _ => e.to_string(),
            };
            Error::input(&self.path, text)
        };
        outcome.map_err(fail)?;
        let Some((bytes, at)) = &mut self.at else {
            return Ok(());
        };
        *at = end;
        if end == self.count && bytes.read(&mut [0]).map_err(fail)? != 0 {
            let problem = format!("{} samples expected, more data found behind them", self.count);
            return Err(Error::input(&self.path, problem));
        }
        Ok(())
    }
}

/// Goes to a byte of a plain file, or so many bytes further in a compressed one.
fn seek(bytes: &mut Bytes, to: u64) -> io::Result<()> {
    match bytes {
        Bytes::Plain(file) => file.seek(SeekFrom::Start(to)).map(drop),
        Bytes::Gz(decoder) => {
            let passed = io::copy(&mut decoder.take(to), &mut io::sink())?;
            if passed == to {
                Ok(())
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
    }
}
