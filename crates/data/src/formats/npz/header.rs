//! The header of a `.npy` array: read strictly, written as NumPy writes it.

use crate::Depth;
use std::io::{self, Read};

/// Longest header that is taken; NumPy's are some 100 bytes.
const LONGEST: usize = 1 << 16;

/// Type and shape of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Type as NumPy writes it, for instance `|u1` or `<f4`.
    pub(super) descr: String,
    /// Sides, slowest first.
    pub(super) shape: Vec<u64>,
    /// Bytes of the header, magic included.
    pub(super) bytes: u64,
}

impl Header {
    /// Reads a header. Objects, records, big-endian values and Fortran order are refused in words.
    pub(super) fn read(from: &mut impl Read) -> Result<Self, String> {
        let fail = |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof => "not a .npy array: it ends within its header".to_owned(),
            _ => e.to_string(),
        };
        let mut start = [0; 8];
        from.read_exact(&mut start).map_err(fail)?;
        if &start[..6] != b"\x93NUMPY" {
            return Err("not a .npy array".into());
        }
        let digits = match start[6] {
            1 => 2,
            2 | 3 => 4,
            other => return Err(format!(".npy version {other} is unknown")),
        };
        let mut length = [0; 4];
        from.read_exact(&mut length[..digits]).map_err(fail)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST {
            return Err(format!(
                "its header claims {length} bytes; at most {LONGEST} are taken"
            ));
        }
        let mut text = vec![0; length];
        from.read_exact(&mut text).map_err(fail)?;
        let text = String::from_utf8(text).map_err(|_| "its header is no text".to_owned())?;
        let (descr, fortran, shape) = fields(&text)?;
        let header = Self {
            descr,
            shape,
            bytes: (8 + digits + length) as u64,
        };
        header.checked(fortran)
    }

    fn checked(self, fortran: bool) -> Result<Self, String> {
        if fortran {
            return Err("in Fortran order; save np.ascontiguousarray(array)".into());
        }
        match self.descr.chars().next() {
            _ if self.descr.contains('O') => {
                Err("holds pickled Python objects, which are never loaded".into())
            }
            Some('>') if !self.descr.ends_with('1') => Err(format!(
                "big-endian ({}); save it in native byte order",
                self.descr
            )),
            _ => Ok(self),
        }
    }

    /// Depth of the values, if pixels may have this type.
    pub(super) fn depth(&self) -> Option<Depth> {
        match self.descr.trim_start_matches(['<', '|', '=', '>']) {
            "u1" => Some(Depth::U8),
            "u2" => Some(Depth::U16),
            "f4" => Some(Depth::F32),
            _ => None,
        }
    }

    /// Bytes of a float type.
    pub(super) fn float(&self) -> Option<usize> {
        match self.descr.trim_start_matches(['<', '|', '=', '>']) {
            "f4" => Some(4),
            "f8" => Some(8),
            _ => None,
        }
    }

    /// Signedness and bytes of an integer type.
    pub(super) fn integer(&self) -> Option<(bool, usize)> {
        match self.descr.trim_start_matches(['<', '|', '=', '>']) {
            "u1" => Some((false, 1)),
            "u2" => Some((false, 2)),
            "u4" => Some((false, 4)),
            "u8" => Some((false, 8)),
            "i1" => Some((true, 1)),
            "i2" => Some((true, 2)),
            "i4" => Some((true, 4)),
            "i8" => Some((true, 8)),
            _ => None,
        }
    }

    /// A header as NumPy writes it (version 1.0, padded to 64 bytes).
    pub(super) fn write(descr: &str, shape: &[u64]) -> Vec<u8> {
        let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
        let sides = match shape {
            [_] => sides.trim_end(),
            _ => sides.trim_end_matches(", "),
        };
        let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}");
        let length = (10 + dict.len() + 1).next_multiple_of(64) - 10;
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((length as u16).to_le_bytes());
        bytes.extend(dict.as_bytes());
        bytes.resize(10 + length - 1, b' ');
        bytes.push(b'\n');
        bytes
    }
}

/// The type NumPy gives values of this depth.
pub(super) fn descr(depth: Depth) -> &'static str {
    match depth {
        Depth::U8 => "|u1",
        Depth::U16 => "<u2",
        Depth::F32 => "<f4",
    }
}

/// Type, order and shape from the dictionary in a header's text.
fn fields(text: &str) -> Result<(String, bool, Vec<u64>), String> {
    let broken = || "its header is not what NumPy writes".to_owned();
    let inner = text.trim();
    let mut rest = inner
        .strip_prefix('{')
        .and_then(|t| t.strip_suffix('}'))
        .ok_or_else(broken)?
        .trim();
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, after) = quoted(rest).ok_or_else(broken)?;
        let value = after
            .trim_start()
            .strip_prefix(':')
            .ok_or_else(broken)?
            .trim_start();
        rest = match key {
            "descr" if value.starts_with('[') => {
                return Err("a structured array; save the images as an array of their own".into());
            }
            "descr" => {
                let (text, after) = quoted(value).ok_or_else(broken)?;
                descr = Some(text.to_owned());
                after
            }
            "fortran_order" => {
                let word = value.split([',', '}']).next().unwrap_or_default();
                fortran = Some(match word.trim() {
                    "True" => true,
                    "False" => false,
                    _ => return Err(broken()),
                });
                &value[word.len()..]
            }
            "shape" => {
                let (inside, after) = value
                    .strip_prefix('(')
                    .and_then(|t| t.split_once(')'))
                    .ok_or_else(broken)?;
                shape = Some(sides(inside).ok_or_else(broken)?);
                after
            }
            _ => return Err(broken()),
        };
        rest = rest.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Ok((
        descr.ok_or_else(broken)?,
        fortran.ok_or_else(broken)?,
        shape.ok_or_else(broken)?,
    ))
}

/// A quoted word at the start, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// Comma-separated whole numbers.
fn sides(text: &str) -> Option<Vec<u64>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| part.trim_end_matches('L').parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dict: &str) -> Result<Header, String> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((dict.len() as u16).to_le_bytes());
        bytes.extend(dict.as_bytes());
        Header::read(&mut &bytes[..])
    }

    #[test]
    fn what_is_written_is_read() {
        for shape in [vec![5], vec![2, 3, 4], vec![1, 2, 3, 4]] {
            let bytes = Header::write("<f4", &shape);
            assert_eq!(bytes.len() % 64, 0);
            let header = Header::read(&mut &bytes[..]).unwrap();
            assert_eq!((&*header.descr, header.shape), ("<f4", shape));
            assert_eq!(header.bytes, bytes.len() as u64);
        }
    }

    #[test]
    fn what_is_not_plain_is_refused_in_words() {
        let of = |descr: &str, order: &str| {
            read(&format!(
                "{{'descr': {descr}, 'fortran_order': {order}, 'shape': (3, 4), }}"
            ))
        };
        assert!(of("'|u1'", "False").is_ok());
        assert!(of("'|O'", "False").unwrap_err().contains("pickled"));
        assert!(of("'>f4'", "False").unwrap_err().contains("big-endian"));
        assert!(of("'<f4'", "True").unwrap_err().contains("Fortran"));
        assert!(of("[('a', '<i4')]", "False").unwrap_err().contains("structured"));
        assert!(read("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}").is_err());
        assert!(read("{'descr': '|u1', 'fortran_order': False}").is_err());
        assert!(read(&"(".repeat(60_000)).is_err());
        let mut huge = b"\x93NUMPY\x02\x00".to_vec();
        huge.extend(u32::MAX.to_le_bytes());
        assert!(Header::read(&mut &huge[..]).unwrap_err().contains("claims"));
    }
}
