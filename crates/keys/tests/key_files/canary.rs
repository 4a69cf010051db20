//! Secrets occur in nothing that a person, a log or a report may see.

use super::*;
use age::secrecy::ExposeSecret;
use std::{error::Error, fmt::Debug, sync::LazyLock};

/// Everything that an error or a value may say of itself.
fn said(value: &impl Debug) -> String {
    format!("{value:?}\n{value:#?}\n")
}

fn said_by_error(error: &visard_keys::Error) -> String {
    let mut text = format!("{error}\n{}", said(error));
    let mut source = error.source();
    while let Some(inner) = source {
        text += &format!("{inner}\n{inner:?}\n");
        source = inner.source();
    }
    text
}

/// Six bytes in a row as hexadecimal, decimal, base64 at every alignment, or raw.
fn forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for window in bytes.windows(6) {
        let hex: String = window.iter().map(|b| format!("{b:02x}")).collect();
        forms.push(hex.to_uppercase());
        forms.push(hex);
        let list: Vec<_> = window.iter().map(u8::to_string).collect();
        forms.push(list.join(", "));
        forms.push(list.join(",\n    "));
        forms.push(String::from_utf8_lossy(window).into_owned());
        forms.push(BASE64_STANDARD.encode(window));
    }
    forms
}

/// All that must not be said, drawn from the secret and from the lines that hold it in an open key.
static CANARIES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = text_of(&aes_key(), &Lock::None);
    let lines = text.lines().filter(|l| l.len() > 20 && !l.contains([' ', '-']));
    let windows = lines.flat_map(|line| line.as_bytes().windows(10));
    let base64 = windows.map(|w| String::from_utf8_lossy(w).into_owned());
    base64.chain(forms(&SECRET)).collect()
});

fn check(text: &str) {
    for canary in CANARIES.iter() {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
    assert!(!text.contains("zvkq") && !text.contains("AGE-SECRET-KEY-1Q") && !text.contains("0.333"));
}

#[test]
fn the_canaries_are_found_where_they_are() {
    let text = text_of(&aes_key(), &Lock::None);
    let hit = |shown: String| std::panic::catch_unwind(|| check(&shown)).is_err();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let hits = [
        hit(text),
        hit(format!("{SECRET:?}")),
        hit(format!("{SECRET:#?}")),
        hit(format!("{SECRET:02x?}").replace(", ", "")),
        hit(BASE64_STANDARD.encode(&SECRET[1..])),
        hit(String::from_utf8_lossy(&SECRET).into_owned()),
        hit(PASSPHRASE.into()),
        hit(format!("{:?}", [1.0 / 3.0])),
    ];
    std::panic::set_hook(hook);
    assert_eq!(hits, [true; 8]);
}

#[test]
fn values_do_not_show_secrets() {
    for key in [aes_key(), rmt_key()] {
        check(&said(&key));
        check(&said(&key.material()));
        check(&said(key.secret()));
        for (lock, unlock) in locks() {
            check(&said(&lock));
            check(&said(&unlock));
            let file = KeyFile::parse(text_of(&key, &lock).as_bytes()).unwrap();
            check(&said(&file));
            check(&file.canonical_text());
            check(&said(&file.open(&unlock)));
        }
    }
}

#[test]
fn locked_files_do_not_show_secrets() {
    for key in [aes_key(), rmt_key()] {
        for (lock, _) in &locks()[..2] {
            check(&text_of(&key, lock));
        }
    }
}

#[test]
fn errors_of_unlocking_do_not_show_secrets() {
    let identity = age::x25519::Identity::generate();
    let secret = identity.to_string();
    let secret = secret.expose_secret();
    let (_folder, path) = place();
    let error = write_new(&path, &aes_key(), &Lock::Recipients(vec![secret.into()])).unwrap_err();
    assert!(!said_by_error(&error).contains(&secret[..24]));
    let text = text_of(&aes_key(), &locks()[1].0);
    for ids in [
        format!("x{secret}"),
        secret[..60].into(),
        secret.replace('A', "b"),
    ] {
        let error = open_text(&text, &Unlock::Identities(ids.into())).unwrap_err();
        assert!(!said_by_error(&error).contains(&secret[20..40]));
    }
    for (lock, _) in locks() {
        let text = text_of(&aes_key(), &lock);
        for wrong in [Unlock::Passphrase(format!("{PASSPHRASE}!").into()), Unlock::None] {
            if let Err(error) = open_text(&text, &wrong) {
                check(&said_by_error(&error));
            }
        }
    }
}

/// Every line of an unlocked key left out, doubled, moved to the front, stripped of its first or
/// last characters, or made a field: what is then said must not quote the payload.
#[test]
fn errors_about_damaged_open_keys_do_not_show_secrets() {
    let text = text_of(&aes_key(), &Lock::None);
    let lines: Vec<&str> = text.lines().collect();
    let mut variants = Vec::new();
    for i in 0..lines.len() {
        let mut with = |change: &dyn Fn(&mut Vec<String>)| {
            let mut copy: Vec<String> = lines.iter().map(|l| l.to_string()).collect();
            change(&mut copy);
            variants.push(copy.join("\n"));
        };
        with(&|l| drop(l.remove(i)));
        with(&|l| l.insert(i, lines[i].into()));
        for place in 0..lines.len() {
            with(&|l| {
                let line = l.remove(i);
                l.insert(place, line);
            });
            with(&|l| l.insert(place, lines[i].into()));
            with(&|l| l.insert(place, format!("{} = 1", lines[i])));
            with(&|l| l.insert(place, format!("a = {}", lines[i])));
            with(&|l| l.insert(place, format!("scheme = \"{}\"", lines[i])));
            with(&|l| l[place] = format!("shape = \"{}\"", lines[i]));
            with(&|l| l[place] = format!("block = \"{}\"", lines[i]));
        }
        for cut in 0..lines[i].len().min(12) {
            with(&|l| l[i].replace_range(..cut, ""));
            with(&|l| l[i].truncate(lines[i].len() - cut));
        }
    }
    let mut errors = 0;
    for variant in &variants {
        if let Err(error) = open_text(variant, &Unlock::None) {
            check(&said_by_error(&error));
            errors += 1;
        }
    }
    assert!(errors > 1000, "{errors} of {}", variants.len());
}
