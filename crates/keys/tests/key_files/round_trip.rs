//! Writing, reading, opening; what may not be overwritten or seen by others.

use super::*;
use visard_keys::{Error, LockKind, permissions_warning};

#[test]
fn keys_come_back_from_every_lock_with_and_without_material() {
    for key in [aes_key(), rmt_key()] {
        for (lock, unlock) in locks() {
            let (_folder, path) = place();
            write_new(&path, &key, &lock).unwrap();
            let file = read(&path);
            assert_eq!(
                (file.lock(), file.lock()),
                (lock.kind(), unlock.kind()),
                "the lock is known before opening"
            );
            assert_eq!(*file.fingerprint(), key.fingerprint());
            assert_eq!(
                (file.scheme(), file.shape()),
                (key.scheme().info().name, key.shape())
            );
            assert_eq!(file.params(), key.scheme().params().texts());
            same(&file.open(&unlock).unwrap(), &key);
        }
    }
}

#[test]
fn keys_for_any_shape_keep_that() {
    let params = [("shuffle", "false"), ("per_position", "false")];
    let params = params.map(|(n, v)| (n.to_string(), v.to_string())).into();
    let key = Key::new("aes", &params, None, MasterSecret::new(SECRET), None).unwrap();
    let text = text_of(&key, &Lock::None);
    assert!(text.contains("shape = \"any\""));
    same(&open_text(&text, &Unlock::None).unwrap(), &key);
}

#[test]
fn material_of_many_lines_comes_back() {
    let mut material = Material::new();
    let bytes: Vec<u8> = (0..16 * 16 * 16).map(|i| (i * 31 % 251) as u8).collect();
    material
        .insert("keys", array(&[256, 16], Values::U8(bytes)))
        .unwrap();
    let shape = Some(Shape::new(64, 64, 1));
    let secret = MasterSecret::new(SECRET);
    let key = Key::new("aes", &Default::default(), shape, secret, Some(material)).unwrap();
    for (lock, unlock) in locks() {
        same(&open_text(&text_of(&key, &lock), &unlock).unwrap(), &key);
    }
}

#[test]
fn age_itself_opens_the_sealed_part() {
    let text = text_of(&aes_key(), &passphrase_lock());
    let begin = text.find("-----BEGIN").unwrap();
    let end = text.find("FILE-----\n\"\"\"").unwrap() + 10;
    let identity = age::scrypt::Identity::new(PASSPHRASE.into());
    let payload = age::decrypt(&identity, &text.as_bytes()[begin..end]).unwrap();
    assert_eq!(&payload[..8], b"VISARDK1");
    assert_eq!(payload[8..40], SECRET);
    assert_eq!(payload.len(), 72);
}

#[test]
fn wrong_passphrases_and_identities_are_one_error() {
    let stranger = age::x25519::Identity::generate();
    let wrong = [
        Unlock::Passphrase("another".into()),
        Unlock::Identities(identities(&stranger)),
    ];
    let mut texts = Vec::new();
    for ((lock, _), unlock) in locks().iter().zip(&wrong) {
        match open_text(&text_of(&aes_key(), lock), unlock) {
            Err(error @ Error::WrongKey { .. }) => texts.push(error.to_string()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn another_kind_of_unlocking_is_refused_and_told() {
    for (i, (lock, _)) in locks().iter().enumerate() {
        let text = text_of(&aes_key(), lock);
        for (j, (_, unlock)) in locks().iter().enumerate() {
            match open_text(&text, unlock) {
                Err(Error::Locked { lock: kind, .. }) => assert!(i != j && kind == lock.kind()),
                Err(Error::WrongKey { .. }) => assert_eq!((i, j), (1, 1), "fresh identities"),
                Ok(_) => assert_eq!(i, j),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn excessive_work_is_refused_before_it_is_done() {
    let lock = Lock::Passphrase {
        passphrase: PASSPHRASE.into(),
        work_factor: Some(12),
    };
    let text = text_of(&aes_key(), &lock);
    let unlock = Unlock::Passphrase(PASSPHRASE.into());
    let file = |limit| {
        KeyFile::parse(text.as_bytes())
            .unwrap()
            .with_max_work_factor(limit)
    };
    same(&file(12).open(&unlock).unwrap(), &aes_key());
    match file(11).open(&unlock) {
        Err(error @ Error::ExcessiveWork { .. }) => {
            assert!(error.to_string().contains("2^12") && error.to_string().contains("2^11"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_usual_passphrase_lock_costs_work_and_opens_within_the_usual_limit() {
    let text = text_of(&aes_key(), &Lock::passphrase(PASSPHRASE.into()));
    let body = text.split("FILE-----\n").nth(1).unwrap();
    let compact: String = body.lines().take_while(|line| !line.starts_with('-')).collect();
    let sealed = BASE64_STANDARD.decode(compact).unwrap();
    let header = String::from_utf8_lossy(&sealed[..80]).into_owned();
    let stanza = header.lines().nth(1).unwrap();
    let work: u8 = stanza.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(
        stanza.starts_with("-> scrypt ") && (13..=22).contains(&work),
        "{stanza}"
    );
    let unlock = Unlock::Passphrase(PASSPHRASE.into());
    same(&open_text(&text, &unlock).unwrap(), &aes_key());
}

#[test]
fn locks_that_lock_nothing_are_refused_and_leave_no_file() {
    let passphrase = |text: &str, work_factor| Lock::Passphrase {
        passphrase: text.into(),
        work_factor,
    };
    let bad = [
        passphrase("", Some(2)),
        passphrase("x", Some(0)),
        passphrase("x", Some(64)),
        Lock::Recipients(vec![]),
        Lock::Recipients(vec!["age1nonsense".into()]),
    ];
    for lock in bad {
        let (folder, path) = place();
        let error = write_new(&path, &aes_key(), &lock).unwrap_err();
        assert!(
            matches!(error, Error::Lock(_) | Error::Recipient { number: 1 }),
            "{error:?}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn identity_texts_are_checked() {
    let text = text_of(&aes_key(), &locks()[1].0);
    let open = |ids: &str| open_text(&text, &Unlock::Identities(ids.into()));
    assert!(matches!(open("# none\n\n"), Err(Error::NoIdentity)));
    assert!(matches!(
        open("# c\nAGE-SECRET-KEY-1QQ"),
        Err(Error::Identity { line: 2 })
    ));
}

#[test]
fn nothing_is_overwritten_and_nothing_left_behind() {
    let (folder, path) = place();
    std::fs::write(&path, "mine").unwrap();
    let write = || write_new(&path, &aes_key(), &Lock::None);
    assert!(matches!(write(), Err(Error::Exists { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    std::fs::remove_file(&path).unwrap();
    write().unwrap();
    let first = std::fs::read(&path).unwrap();
    assert!(matches!(write(), Err(Error::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), first);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let nowhere = folder.path().join("no/such/folder.key");
    let error = write_new(&nowhere, &aes_key(), &Lock::None).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
}

#[test]
fn of_many_writers_one_wins_and_its_key_is_whole() {
    let (folder, path) = place();
    let wins = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u8)
            .map(|i| {
                let path = &path;
                scope.spawn(move || {
                    let shape = Some(Shape::new(8, 8, 1));
                    let secret = MasterSecret::new([i; 32]);
                    let key = Key::new("aes", &Default::default(), shape, secret, None).unwrap();
                    match write_new(path, &key, &Lock::None) {
                        Ok(()) => Some(key.fingerprint()),
                        Err(Error::Exists { .. }) => None,
                        Err(other) => panic!("{other}"),
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .filter_map(|t| t.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(wins.len(), 1);
    assert_eq!(read(&path).open(&Unlock::None).unwrap().fingerprint(), wins[0]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_dangling_link_is_not_written_through() {
    #[cfg(unix)]
    {
        let (folder, path) = place();
        let target = folder.path().join("target");
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let result = write_new(&path, &aes_key(), &Lock::None);
        assert!(matches!(result, Err(Error::Exists { .. })));
        assert!(!target.exists());
    }
}

#[cfg(unix)]
#[test]
fn key_files_are_the_owners_alone_and_others_are_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = place();
    write_new(&path, &aes_key(), &Lock::None).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(permissions_warning(&path), None);
    for mode in [0o644, 0o640, 0o604, 0o620] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let warning = permissions_warning(&path).unwrap();
        assert!(warning.contains(&format!("chmod 600 {}", path.display())));
        assert!(warning.contains(&format!("{mode:04o}")));
    }
    assert_eq!(permissions_warning(folder.path()), None);
    assert_eq!(permissions_warning(&folder.path().join("none")), None);
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_are_read_like_files() {
    use std::{io::Write, os::fd::AsRawFd};
    let text = text_of(&rmt_key(), &Lock::None);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd()));
    let bytes = text.clone();
    let thread = std::thread::spawn(move || {
        for chunk in bytes.as_bytes().chunks(100) {
            writer.write_all(chunk).unwrap();
        }
    });
    let file = read(&path);
    thread.join().unwrap();
    assert_eq!(permissions_warning(&path), None);
    same(&file.open(&Unlock::None).unwrap(), &rmt_key());
}

#[test]
fn the_text_tells_what_it_is() {
    let text = text_of(&rmt_key(), &passphrase_lock());
    assert!(text.starts_with("# visard key: keep it secret, keep a copy"));
    for line in [
        "version = 1",
        "scheme = \"rmt\"",
        "shape = \"4x8x1\"",
        "lock = \"passphrase\"",
        "noise = 12.5",
        "condition = 100000.0",
        "noise_stage = \"before\"",
        "shuffle = true",
        "block = 4",
        "-----BEGIN AGE ENCRYPTED FILE-----",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["sealed"].as_table().unwrap().len(), 1);
    assert_eq!(LockKind::None.to_string(), "none");
}

#[test]
fn the_canonical_text_is_as_documented() {
    let text = text_of(&aes_key(), &Lock::None);
    let file = KeyFile::parse(text.as_bytes()).unwrap();
    let expected = format!(
        "visard key 1\nfingerprint={}\nscheme=aes\nshape=8x8x1\n\
         params.block=4\nparams.per_position=true\nparams.shuffle=true\n",
        aes_key().fingerprint()
    );
    assert_eq!(file.canonical_text(), expected);
}
