//! Requests that cannot be met: a clear message, the documented exit code, nothing lost.

use crate::support::{Bench, contents, run};
use std::fs;

#[test]
fn wrong_keys() {
    let bench = Bench::new();
    bench.idx("plain", 20, 10);
    bench.key("a", "--scheme aes --shape 28x28x1");
    bench.key("b", "--scheme aes --shape 28x28x1");
    bench.key("big", "--scheme aes --shape 32x32x1");
    bench
        .run("apply -k @big @plain @out")
        .fails(10, &["28x28x1", "32x32x1", "--fit"]);
    bench.run("apply -k @a @plain @out").succeeds();
    bench.run("remove -k @b @out @back").fails(12, &["out", "key"]);
    bench.run("apply -k @b @plain @out").fails(13, &["out", "key"]);
    bench
        .run("apply -k @missing @plain @out2")
        .fails(10, &["missing"]);
    bench.run("apply @plain @out2").fails(2, &["-k"]);
    bench
        .run("keygen --scheme aes --shape 28x28x1 --insecure-plaintext-key -o @a")
        .fails(13, &["never overwritten"]);
    bench.run("verify @out").succeeds();
    let again = bench.run("apply -k @a @plain @out");
    assert!(again.succeeds().out.contains("complete already"));
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.idx("plain", 5, 5);
    bench.key("k", "--scheme aes --shape 28x28x1");
    assert_eq!(
        fs::metadata(bench.path("k")).unwrap().permissions().mode() & 0o777,
        0o600
    );
    fs::set_permissions(bench.path("k"), fs::Permissions::from_mode(0o644)).unwrap();
    bench
        .run("apply -k @k @plain @out --strict")
        .fails(10, &["chmod 600"]);
    let said = bench.run("apply -k @k @plain @out");
    assert!(said.succeeds().err.contains("chmod 600"));
}

#[test]
fn outputs_that_are_taken() {
    let bench = Bench::new();
    bench.idx("plain", 5, 5);
    bench.key("k", "--scheme aes --shape 28x28x1");
    fs::create_dir(bench.path("full")).unwrap();
    fs::write(bench.path("full/letter.txt"), "dear").unwrap();
    bench.run("apply -k @k @plain @full").fails(13, &["full"]);
    assert_eq!(fs::read_to_string(bench.path("full/letter.txt")).unwrap(), "dear");
    bench.run("apply -k @k @plain @plain").fails(2, &["the same"]);
    bench
        .run("apply -k @k @plain @plain/inside")
        .fails(2, &["inside"]);
    fs::create_dir(bench.path("outer")).unwrap();
    fs::rename(bench.path("plain"), bench.path("outer/plain")).unwrap();
    bench.run("apply -k @k @outer/plain @outer").fails(2, &["inside"]);
    assert_eq!(contents(&bench.path("outer/plain")).len(), 4);
}

#[test]
fn inputs_that_are_no_data_set() {
    let bench = Bench::new();
    bench.key("k", "--scheme aes --shape 28x28x1");
    bench.run("apply -k @k @nowhere @out").fails(10, &["nowhere"]);
    fs::create_dir(bench.path("empty")).unwrap();
    bench.run("apply -k @k @empty @out").fails(10, &["empty"]);
    fs::create_dir_all(bench.path("plain/class0")).unwrap();
    bench.folder("classes", 3);
    fs::create_dir(bench.path("classes/zebra")).unwrap();
    bench
        .run("apply -k @k @classes @out")
        .fails(10, &["zebra", "--allow-empty"]);
    bench.run("apply -k @k @classes @out --allow-empty").succeeds();
    bench.idx("plain-idx", 5, 5);
    let images = bench.path("plain-idx/train-images-idx3-ubyte");
    let bytes = fs::read(&images).unwrap();
    fs::write(&images, &bytes[..bytes.len() - 100]).unwrap();
    bench
        .run("apply -k @k @plain-idx @out2")
        .fails(10, &["train-images"]);
    bench
        .run("remove -k @k @classes @out3")
        .fails(10, &["visard.json"]);
    bench.run("verify @classes").fails(14, &["visard.json"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    bench.folder("in", 3);
    bench.key("k", "--scheme aes --shape 28x28x1");
    let from = bench.path("in/class9");
    let source = fs::read_dir(from).unwrap().next().unwrap().unwrap().path();
    let name = std::ffi::OsStr::from_bytes(b"in/class9/caf\xE9.png");
    fs::copy(source, bench.root.path().join(name)).unwrap();
    bench.run("apply -k @k @in @out").fails(10, &["caf", "rename"]);
    assert!(!bench.path("out").exists());
}

#[test]
fn damage_after_the_run_is_found() {
    let bench = Bench::new();
    bench.idx("plain", 20, 10);
    bench.key("k", "--scheme aes --shape 28x28x1");
    bench.run("apply -k @k @plain @out").succeeds();
    let images = bench.path("out/train-images-idx3-ubyte");
    let mut bytes = fs::read(&images).unwrap();
    bytes[100] ^= 1;
    fs::write(&images, &bytes).unwrap();
    bench.run("verify @out").fails(14, &["train-images-idx3-ubyte"]);
    let manifest = bench.path("out/visard.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"path\": \"", "\"path\": \"../", 1)).unwrap();
    bench.run("verify @out").fails(14, &["outside"]);
    fs::write(&manifest, text.replacen("\"version\": 1", "\"version\": 9", 1)).unwrap();
    bench.run("verify @out").fails(13, &["version 9"]);
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    bench.run("verify @out").fails(10, &["manifest"]);
}

#[test]
fn usage() {
    run(["keygen", "--scheme", "rot13", "--shape", "28x28x1", "-o", "x"])
        .fails(2, &["rot13", "visard schemes"]);
    run(["keygen", "--scheme", "rmt", "--shape", "28x28", "-o", "x"]).fails(2, &["28x28x1"]);
    run([
        "keygen", "--scheme", "rmt", "--shape", "28x28x1", "--set", "block=0", "-o", "x",
    ])
    .fails(2, &["block"]);
    run([
        "keygen", "--scheme", "rmt", "--shape", "28x28x1", "--set", "blok=4", "-o", "x",
    ])
    .fails(2, &["blok", "block"]);
    run(["aply"]).fails(2, &["apply"]);
    let said = run([
        "keygen", "--scheme", "rot13", "--shape", "28x28x1", "-o", "x", "--json",
    ]);
    let error: serde_json::Value = serde_json::from_str(said.err.trim()).unwrap();
    assert_eq!(
        (error["type"].as_str(), error["code"].as_i64()),
        (Some("error"), Some(2))
    );
}

#[test]
fn every_listing_works_and_no_secret_is_shown() {
    let bench = Bench::new();
    bench.key("k", "--scheme rmt --shape 28x28x1");
    for line in [
        "schemes",
        "schemes rmt",
        "networks",
        "networks cnn",
        "inspect @k",
        "completions bash",
        "schemes --json",
    ] {
        assert!(!bench.run(line).succeeds().out.is_empty(), "{line}");
    }
    let key = fs::read_to_string(bench.path("k")).unwrap();
    let sealed: Vec<&str> = key
        .lines()
        .filter(|line| line.len() > 40 && !line.contains(['"', ' ']))
        .collect();
    assert!(!sealed.is_empty());
    for line in ["inspect @k", "inspect @k --json"] {
        let said = bench.run(line);
        assert!(
            sealed
                .iter()
                .all(|secret| !said.out.contains(secret) && !said.err.contains(secret))
        );
    }
}
