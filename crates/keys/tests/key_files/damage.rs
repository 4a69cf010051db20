//! Files that are no whole, unchanged key of this version.

use super::*;
use proptest::{collection::vec, prelude::*};
use visard_keys::Error;

fn plain() -> String {
    text_of(&aes_key(), &Lock::None)
}

fn error(text: &str) -> Error {
    open_text(text, &Unlock::None).unwrap_err()
}

/// Replaces what must be there.
fn swap(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

macro_rules! assert_error {
    ($text:expr, $pattern:pat) => {
        let error = error(&$text);
        assert!(matches!(error, $pattern), "{error:?}");
        assert!(!error.to_string().is_empty());
    };
}

#[test]
fn an_edited_public_part_is_noticed() {
    let text = plain();
    let fingerprint = aes_key().fingerprint().to_string();
    let edits = [
        ("block = 4", "block = 8"),
        ("shuffle = true", "shuffle = false"),
        ("shuffle = true\n", ""),
        ("shape = \"8x8x1\"", "shape = \"16x8x1\""),
        ("shape = \"8x8x1\"", "shape = \"any\""),
        ("scheme = \"aes\"", "scheme = \"rmt\""),
        ("scheme = \"aes\"", "scheme = \"nonesuch\""),
        (&*fingerprint, "00112233445566778899aabbccddeeff"),
    ];
    for (from, to) in edits {
        assert_error!(swap(&text, from, to), Error::Edited { .. });
    }
    let unchanged = swap(&text, "block = 4", "  block=4 # side of a block");
    same(&open_text(&unchanged, &Unlock::None).unwrap(), &aes_key());
}

#[test]
fn an_edit_is_noticed_under_a_lock_too() {
    for (lock, unlock) in locks() {
        let text = swap(&text_of(&aes_key(), &lock), "block = 4", "block = 2");
        let result = open_text(&text, &unlock);
        assert!(matches!(result, Err(Error::Edited { .. })), "{result:?}");
    }
}

#[test]
fn a_changed_payload_is_noticed() {
    let text = plain();
    assert_error!(with_payload(&text, |p| p[0] ^= 1), Error::Magic { .. });
    assert_error!(with_payload(&text, |p| p[8] ^= 1), Error::Fingerprint { .. });
    assert_error!(with_payload(&text, |p| p[40] ^= 1), Error::Edited { .. });
    assert_error!(with_payload(&text, |p| p.push(1)), Error::Damaged { .. });
    assert_error!(with_payload(&text, |p| p.truncate(50)), Error::Damaged { .. });
    assert_error!(with_payload(&text, |p| p.truncate(5)), Error::Magic { .. });
    for place in 0..72 {
        for bit in 0..8 {
            let changed = with_payload(&text, |p| p[place] ^= 1 << bit);
            assert!(open_text(&changed, &Unlock::None).is_err());
        }
    }
}

#[test]
fn changed_material_is_noticed() {
    let text = text_of(&rmt_key(), &Lock::None);
    let last = with_payload(&text, |p| *p.last_mut().unwrap() ^= 1);
    assert_error!(last, Error::Key { .. } | Error::Fingerprint { .. });
    let matrix = with_payload(&text, |p| {
        let end = p.len() - 16;
        p[end - 250] ^= 1;
    });
    assert_error!(matrix, Error::Key { .. } | Error::Fingerprint { .. });
    assert_error!(with_payload(&text, |p| p.truncate(72)), Error::Fingerprint { .. });
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for key in [aes_key(), rmt_key()] {
        let text = text_of(&key, &Lock::None);
        same(&open_text(text.trim_end(), &Unlock::None).unwrap(), &key);
        for cut in 0..text.trim_end().len() {
            match KeyFile::parse(&text.as_bytes()[..cut]) {
                Err(Error::NotAKeyFile { .. }) => assert!(cut < 12, "{cut}"),
                Err(Error::Truncated { .. }) => assert!(cut >= 12, "{cut}"),
                other => panic!("{cut}: {other:?}"),
            }
        }
    }
}

#[test]
fn line_ends_marks_and_spaces_of_other_systems_are_read() {
    for (lock, unlock) in locks() {
        let text = text_of(&aes_key(), &lock);
        let variants = [
            text.replace('\n', "\r\n"),
            format!("\u{feff}{text}"),
            format!("\u{feff}{}", text.replace('\n', "\r\n")),
            text.replace('\n', "  \n"),
            format!("\n\n  {text}\n\n  \n"),
            text.replace("\n-----END", "\n\n-----END"),
        ];
        for variant in variants {
            same(&open_text(&variant, &unlock).unwrap(), &aes_key());
        }
    }
}

#[test]
fn other_versions_are_told_before_anything_else() {
    let text = plain();
    for (version, more) in [
        ("2", ""),
        ("2", "new = 1\n"),
        ("0", ""),
        ("18446744073709551615", ""),
    ] {
        let text = swap(&text, "version = 1", &format!("version = {version}\n{more}"));
        assert_error!(text, Error::Version { .. });
        assert!(error(&text).to_string().contains(&format!("version {version}")));
    }
    assert_error!(
        swap(&text[..150], "version = 1", "version=7"),
        Error::Version { found: 7, .. }
    );
    assert_error!(swap(&text, "version = 1", "version = \"1\""), Error::Field { .. });
    assert_error!(swap(&text, "version = 1\n", ""), Error::Field { .. });
}

#[test]
fn unknown_fields_are_named() {
    let text = plain();
    for (from, to, name) in [
        ("version = 1", "version = 1\nowner = \"me\"", "owner"),
        ("[sealed]", "[more]\na = 1\n[sealed]", "more"),
        ("[sealed]", "[sealed]\nhint = 1", "sealed.hint"),
    ] {
        assert_error!(swap(&text, from, to), Error::UnknownField { .. });
        assert!(error(&swap(&text, from, to)).to_string().contains(name));
    }
    let after = format!("{text}[more]\n");
    assert_error!(after, Error::UnknownField { .. });
}

#[test]
fn fields_with_bad_values_are_named() {
    let text = plain();
    let fingerprint = format!("\"{}\"", aes_key().fingerprint());
    for (from, to) in [
        (&*fingerprint, "\"12\""),
        (&fingerprint, "12"),
        ("\"aes\"", "\"a b\""),
        ("\"aes\"", "\"\""),
        ("lock = \"none\"", "lock = \"open\""),
        ("lock = \"none\"", "lock = \"passphrase\""),
        ("lock = \"none\"\n", ""),
        ("[params]", "params = 1\n[other]"),
        ("block = 4", "block = [4]"),
        ("block = 4", "block = \"4\\nparams.c=1\""),
        ("block = 4", "\"bl=ock\" = 4"),
        ("payload = \"\"\"\n", "payload = \"more\"\nz = \"\"\"\n"),
    ] {
        assert_error!(swap(&text, from, to), Error::Field { .. });
    }
    for bad in ["8x8", "0x8x1", "8x8x1x1", "axbxc", "", "99999x1x1"] {
        let text = swap(&text, "8x8x1", bad);
        assert_error!(text, Error::Shape { .. });
    }
    assert_error!(
        swap(&text, "block = 4", "block = 4\nblock = 4"),
        Error::Syntax { .. }
    );
    assert_error!(swap(&text, "scheme =", "scheme"), Error::Syntax { line: 4, .. });
    assert_error!(
        swap(&text, "payload = \"\"\"\n", "payload = \"\"\"\nx"),
        Error::Damaged { .. }
    );
}

#[test]
fn two_keys_in_one_file_are_refused() {
    let text = plain();
    assert_error!(format!("{text}{text}"), Error::SeveralKeys { .. });
    let sealed = &text[text.find("[sealed]").unwrap()..];
    assert_error!(format!("{text}{sealed}"), Error::SeveralKeys { .. });
    let open = text.replace("-----END VISARD PLAINTEXT KEY-----", "");
    assert_error!(format!("{open}{text}"), Error::SeveralKeys { .. });
}

#[test]
fn other_files_are_told_from_keys() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n";
    let identity = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    for text in ["", "\n", "version = 1\n", "{\"version\":1}", pem, identity] {
        assert_error!(text, Error::NotAKeyFile { .. });
    }
    for bytes in [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xfe#\0 \0v\0", &[0; 5000]] {
        assert!(matches!(KeyFile::parse(bytes), Err(Error::NotAKeyFile { .. })));
    }
    let foreign = plain().replace("VISARD PLAINTEXT KEY", "PRIVATE KEY");
    assert_error!(foreign, Error::NotAKeyFile { .. });
    let not_age = plain().replace("VISARD PLAINTEXT KEY", "AGE ENCRYPTED FILE");
    assert_error!(not_age, Error::Damaged { .. });
    let not_base64 = plain().replace("KEY-----\n", "KEY-----\n!");
    assert_error!(not_base64, Error::Damaged { .. });
}

#[test]
fn errors_name_the_file() {
    let (folder, path) = place();
    let shown = path.display().to_string();
    let missing = KeyFile::read(&path).unwrap_err();
    assert!(matches!(missing, Error::Read { .. }));
    assert!(missing.to_string().contains(&shown));
    assert!(matches!(KeyFile::read(folder.path()), Err(Error::Read { .. })));
    std::fs::write(&path, &plain()[..200]).unwrap();
    assert!(KeyFile::read(&path).unwrap_err().to_string().starts_with(&shown));
    write_new(&folder.path().join("b"), &aes_key(), &passphrase_lock()).unwrap();
    let wrong = read(&folder.path().join("b")).open(&Unlock::Passphrase("no".into()));
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .contains(&*folder.path().to_string_lossy())
    );
}

#[test]
fn floods_are_refused() {
    let text = swap(
        &plain(),
        "[sealed]",
        &format!("#{}\n[sealed]", "x".repeat(70_000)),
    );
    assert_error!(text, Error::Damaged { .. });
    let nested = swap(
        &plain(),
        "[sealed]",
        &format!("a = {}\n[sealed]", "[".repeat(50_000)),
    );
    assert_error!(nested, Error::Syntax { .. });
    let (_folder, path) = place();
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(visard_keys::MAX_FILE as u64 + 1).unwrap();
    assert!(matches!(KeyFile::read(&path), Err(Error::TooLarge { .. })));
}

/// Material that is larger in the file than a key file may be.
#[test]
fn material_too_large_to_be_read_back_is_not_written() {
    let side = 9_600;
    let mut material = Material::new();
    let keys = side / 4 * (side / 4);
    material
        .insert("keys", array(&[keys, 16], Values::U8(vec![5; keys * 16])))
        .unwrap();
    let shape = Some(Shape::new(side, side, 1));
    let secret = MasterSecret::new(SECRET);
    let key = Key::new("aes", &Default::default(), shape, secret, Some(material)).unwrap();
    let (folder, path) = place();
    let result = write_new(&path, &key, &Lock::None);
    assert!(matches!(result, Err(Error::TooLarge { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Opens with all that fits; a key that opens must be the one that was written.
fn never_another_key(bytes: &[u8], unlock: &Unlock, key: &Key) {
    if let Ok(file) = KeyFile::parse(bytes)
        && let Ok(found) = file.with_max_work_factor(4).open(unlock)
    {
        same(&found, key);
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..2000)) {
        prop_assert!(KeyFile::parse(&bytes).is_err());
    }

    #[test]
    fn random_text_around_marks_never_panics(
        parts in vec(prop_oneof![
            Just("# visard key\n".to_string()), Just("version = 1\n".into()), Just("\"\"\"".into()),
            Just("-----BEGIN ".into()), Just("-----END ".into()), Just("AGE ENCRYPTED FILE".into()),
            Just("VISARD PLAINTEXT KEY".into()), Just("-----\n".into()), Just("[sealed]\npayload = ".into()),
            Just("[params]\n".into()), Just("YWdl".into()), "\\PC{0,6}",
        ], 0..30)
    ) {
        prop_assert!(KeyFile::parse(parts.concat().as_bytes()).is_err());
    }
}

#[test]
fn mutated_files_never_panic_and_never_open_as_another_key() {
    for (lock, unlock) in locks() {
        let key = rmt_key();
        let text = text_of(&key, &lock).into_bytes();
        let edits = vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4);
        proptest!(|(edits in edits)| {
            let mut bytes = text.clone();
            for (place, value, how) in edits {
                let place = place.index(bytes.len());
                match how {
                    0 => bytes[place] = value,
                    1 => bytes[place] ^= 1 << (value % 8),
                    2 => bytes.insert(place, value),
                    _ => drop(bytes.remove(place)),
                }
            }
            never_another_key(&bytes, &unlock, &key);
        });
    }
}
