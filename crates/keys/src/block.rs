//! The sealed bytes as lines of base64 between two marks, as in age's armour.

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

/// Mark of age's own armour.
pub(crate) const AGE: &str = "AGE ENCRYPTED FILE";
/// Mark of a payload in the clear.
pub(crate) const PLAIN: &str = "VISARD PLAINTEXT KEY";

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// Bytes in one line of 64 characters.
const LINE: usize = 48;

/// Upper bound of what [`encode`] appends for `len` bytes.
pub(crate) fn encoded_len(len: usize) -> usize {
    2 * 48 + len.div_ceil(LINE) * (LINE / 3 * 4 + 1)
}

/// Appends the block to `text`, which must have room for it so that no copy stays behind.
pub(crate) fn encode(label: &str, bytes: &[u8], text: &mut String) {
    text.extend([BEGIN, label, DASHES, "\n"]);
    let mut line = Zeroizing::new([0; LINE / 3 * 4]);
    for chunk in bytes.chunks(LINE) {
        let written = BASE64_STANDARD.encode_slice(chunk, line.as_mut_slice());
        let ascii = &line[..written.expect("48 bytes fill 64 characters at most")];
        text.extend(ascii.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.extend([END, label, DASHES, "\n"]);
}

/// A text cut at its block.
#[derive(Debug, PartialEq)]
pub(crate) struct Split<'a> {
    pub before: &'a str,
    pub label: &'a str,
    pub body: &'a str,
    pub after: &'a str,
}

#[derive(Debug, PartialEq)]
pub(crate) enum SplitError {
    /// No block begins here.
    Missing,
    /// The block has no end.
    Open,
    /// There is a second block.
    Several,
}

/// Finds the one block of `text`.
pub(crate) fn split(text: &str) -> Result<Split<'_>, SplitError> {
    let (before, rest) = text.split_once(BEGIN).ok_or(SplitError::Missing)?;
    if rest.contains(BEGIN) {
        return Err(SplitError::Several);
    }
    let (label, rest) = rest.split_once(DASHES).ok_or(SplitError::Open)?;
    let (body, rest) = rest.split_once(END).ok_or(SplitError::Open)?;
    let after = rest
        .strip_prefix(label)
        .and_then(|rest| rest.strip_prefix(DASHES))
        .ok_or(SplitError::Open)?;
    Ok(Split {
        before,
        label,
        body,
        after,
    })
}

/// The bytes of a block's body; white space around and between the lines does not matter.
pub(crate) fn decode(body: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut compact = Zeroizing::new(Vec::with_capacity(body.len()));
    compact.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(compact.len())]);
    let len = BASE64_STANDARD
        .decode_slice(compact.as_slice(), bytes.as_mut_slice())
        .ok()?;
    bytes.truncate(len);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(label: &str, bytes: &[u8]) -> String {
        let room = encoded_len(bytes.len());
        let mut text = String::with_capacity(room);
        let before = text.as_ptr();
        encode(label, bytes, &mut text);
        assert!(
            text.len() <= room && text.as_ptr() == before,
            "the text was moved"
        );
        text
    }

    #[test]
    fn blocks_read_what_they_write_at_every_length() {
        for len in 0..200 {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
            for label in [AGE, PLAIN] {
                let text = format!("a\n{}b", encoded(label, &bytes));
                let parts = split(&text).unwrap();
                assert_eq!((parts.before, parts.label, parts.after), ("a\n", label, "\nb"));
                assert!(parts.body.lines().all(|line| line.len() <= 64));
                assert_eq!(*decode(parts.body).unwrap(), bytes);
                assert_eq!(*decode(&parts.body.replace('\n', " \r\n\r\n ")).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn incomplete_and_repeated_blocks_are_told_apart() {
        let text = encoded(PLAIN, b"x");
        assert_eq!(split("nothing"), Err(SplitError::Missing));
        assert_eq!(split(&text.repeat(2)), Err(SplitError::Several));
        let whole = text.trim_end();
        for cut in BEGIN.len()..whole.len() {
            assert_eq!(split(&whole[..cut]), Err(SplitError::Open), "{cut}");
        }
        for bad in ["A", "AAA", "AB==", "????", "ÄÄ"] {
            assert!(decode(bad).is_none(), "{bad}");
        }
    }
}
