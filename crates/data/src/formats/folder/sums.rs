//! `visard.b3`: one line per image, its BLAKE3 and its relative path, as `b3sum --check` reads.

/// Name of the file at the root of a data set.
pub const NAME: &str = "visard.b3";

/// The line for one file, with its line end. As `b3sum` does, a path with a backslash or line
/// break is escaped and the line marked by a backslash in front.
pub fn line(hash: &blake3::Hash, path: &str) -> String {
    let escaped = path
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    let mark = if escaped == path { "" } else { "\\" };
    format!("{mark}{}  {escaped}\n", hash.to_hex())
}

/// Hash and path of a line without its end; `None` where it is not one.
pub fn parse(line: &str) -> Option<(blake3::Hash, String)> {
    let (escaped, line) = match line.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (hash, path) = line.split_once("  ")?;
    let hash = blake3::Hash::from_hex(hash).ok()?;
    if !escaped {
        return Some((hash, path.into()));
    }
    let mut plain = String::new();
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            other => other,
        });
    }
    Some((hash, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_survive_a_line() {
        for name in ["a/b.png", "a b  c.png", "x\ny.png", "x\\ny.png", "\\\r\n"] {
            let hash = blake3::hash(name.as_bytes());
            let line = line(&hash, name);
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(parse(line.trim_end_matches('\n')), Some((hash, name.to_owned())));
        }
        assert_eq!(parse("no hash  a.png"), None);
    }
}
