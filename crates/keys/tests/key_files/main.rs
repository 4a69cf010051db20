//! Key files from the outside: what is written opens again, and nothing else does.

mod canary;
mod damage;
mod round_trip;

use base64::{Engine, prelude::BASE64_STANDARD};
use std::path::{Path, PathBuf};
use visard_core::{Array, Key, MasterSecret, Material, Shape, Values};
use visard_keys::{KeyFile, Lock, SecretString, Unlock, write_new};

/// Bytes without repetition, so that any six in a row are found again wherever they stand.
const SECRET: [u8; 32] = [
    0xd3, 0x1f, 0x86, 0x4a, 0xb7, 0x59, 0xe2, 0x0c, 0x9d, 0x71, 0x35, 0xf8, 0x6e, 0xa4, 0x13, 0xcb, 0x52,
    0x8f, 0xe9, 0x27, 0xb0, 0x7c, 0x41, 0xda, 0x95, 0x3e, 0x68, 0xfd, 0x1a, 0xc6, 0x84, 0x2b,
];
const PASSPHRASE: &str = "canary passphrase zvkq";

fn aes_key() -> Key {
    let shape = Some(Shape::new(8, 8, 1));
    Key::new("aes", &Default::default(), shape, MasterSecret::new(SECRET), None).unwrap()
}

fn array(shape: &[usize], values: Values) -> Array {
    let shape = shape.to_vec();
    Array { shape, values }
}

/// Two positions of 4 x 4 pixels: one transposes with a change of scale, one mirrors.
fn rmt_material() -> Material {
    let mut matrices = vec![0.0; 32];
    for i in 0..4 {
        matrices[i * 4 + i] = 1.0 / 3.0;
        matrices[16 + i * 4 + (3 - i)] = -1e-3;
    }
    let mut material = Material::new();
    material
        .insert("R", array(&[2, 4, 4], Values::F64(matrices)))
        .unwrap();
    material
        .insert("block_perm", array(&[2], Values::I64(vec![1, 0])))
        .unwrap();
    material
}

fn rmt_key() -> Key {
    let params = [("noise", "12.5"), ("condition", "1e5"), ("noise_stage", "before")];
    let params = params.map(|(n, v)| (n.to_string(), v.to_string())).into();
    let secret = MasterSecret::new(SECRET);
    Key::new(
        "rmt",
        &params,
        Some(Shape::new(4, 8, 1)),
        secret,
        Some(rmt_material()),
    )
    .unwrap()
}

fn passphrase_lock() -> Lock {
    Lock::Passphrase {
        passphrase: PASSPHRASE.into(),
        work_factor: Some(2),
    }
}

fn identities(identity: &age::x25519::Identity) -> SecretString {
    use age::secrecy::ExposeSecret;
    let line = identity.to_string();
    format!("# made for a test\r\n\r\n{}\r\n", line.expose_secret()).into()
}

/// One lock of each kind with what opens it.
fn locks() -> Vec<(Lock, Unlock)> {
    let (owner, other) = (
        age::x25519::Identity::generate(),
        age::x25519::Identity::generate(),
    );
    let recipients = [&other, &owner].map(|i| i.to_public().to_string()).to_vec();
    vec![
        (passphrase_lock(), Unlock::Passphrase(PASSPHRASE.into())),
        (
            Lock::Recipients(recipients),
            Unlock::Identities(identities(&owner)),
        ),
        (Lock::None, Unlock::None),
    ]
}

/// A folder that is removed at the end, and a free name in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("owner.key");
    (folder, path)
}

fn text_of(key: &Key, lock: &Lock) -> String {
    let (_folder, path) = place();
    write_new(&path, key, lock).unwrap();
    std::fs::read_to_string(&path).unwrap()
}

fn open_text(text: &str, unlock: &Unlock) -> Result<Key, visard_keys::Error> {
    KeyFile::parse(text.as_bytes())?.open(unlock)
}

/// The text of an unlocked key file with its payload changed.
fn with_payload(text: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let body = text.find("KEY-----\n").unwrap() + 9;
    let end = text.find("-----END").unwrap();
    let compact: String = text[body..end].split_whitespace().collect();
    let mut payload = BASE64_STANDARD.decode(compact).unwrap();
    change(&mut payload);
    let encoded = BASE64_STANDARD.encode(payload);
    format!("{}{encoded}\n{}", &text[..body], &text[end..])
}

fn same(a: &Key, b: &Key) {
    assert_eq!(a.fingerprint(), b.fingerprint());
    assert_eq!(a.secret().expose(), b.secret().expose());
    assert_eq!(a.scheme().info().name, b.scheme().info().name);
    assert_eq!(a.scheme().params(), b.scheme().params());
    assert_eq!(a.shape(), b.shape());
    assert_eq!(a.material(), b.material());
}

fn read(path: &Path) -> KeyFile {
    KeyFile::read(path).unwrap()
}
