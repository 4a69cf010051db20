//! Several copies of the training images, changed at random before they are disguised.

use crate::support::{Bench, contents};
use serde_json::Value;

#[test]
fn training_images_are_written_several_times_changed_before_they_are_disguised() {
    let bench = Bench::new();
    let plain = contents(&bench.idx("plain", 60, 20));
    bench.key("k", "--scheme aes --shape 28x28x1");
    bench.run("apply -k @k @plain @once").succeeds();
    let line = "apply -k @k @plain @out --copies 3 --augment shift=3 --augment flip";
    let said = bench.run(&format!("{line} --json"));
    let record: Value = serde_json::from_str(said.succeeds().out.trim()).unwrap();
    assert_eq!(
        record["splits"],
        serde_json::json!([["train", 180], ["t10k", 20]])
    );
    bench.run("verify @out").succeeds();
    let (once, out) = (contents(&bench.path("once")), contents(&bench.path("out")));
    let (images, labels) = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte");
    let (pixels, first) = (&out[images][16..], &once[images][16..]);
    assert_eq!(pixels.len(), 3 * first.len());
    assert_eq!(pixels[..first.len()], *first);
    assert_ne!(pixels[first.len()..2 * first.len()], *first);
    assert_ne!(pixels[first.len()..2 * first.len()], pixels[2 * first.len()..]);
    assert_eq!(out[labels][8..], plain[labels][8..].repeat(3));
    for test in ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        assert_eq!(out[test], once[test]);
    }
    bench.run("remove -k @k @out @back").succeeds();
    let back = contents(&bench.path("back"));
    assert_eq!(back[images][16..][..first.len()], plain[images][16..]);
    assert_eq!(back[images].len(), 16 + 3 * first.len());
    assert!(bench.run(line).succeeds().out.contains("complete already"));
    bench
        .run("apply -k @k @plain @out --copies 2 --augment flip")
        .fails(13, &["copies"]);
    bench
        .run("train @out --network mlp --epochs 1 -o @model")
        .succeeds();
}

#[test]
fn copies_in_folders_have_names_of_their_own() {
    let bench = Bench::new();
    bench.folder("plain", 10);
    bench.key("k", "--scheme etc --set block=4 --shape 28x28x1");
    bench
        .run("apply -k @k @plain @out --copies 2 --augment flip")
        .succeeds();
    bench.run("verify @out").succeeds();
    let (plain, out) = (contents(&bench.path("plain")), contents(&bench.path("out")));
    for name in plain.keys() {
        let copy = name.replace(".png", ".2.png");
        assert!(out.contains_key(name) && out.contains_key(&copy), "{name}");
    }
    assert_eq!(out.keys().filter(|name| name.ends_with(".png")).count(), 20);
}

#[test]
fn copies_that_make_no_sense() {
    let bench = Bench::new();
    bench.idx("plain", 20, 5);
    bench.key("k", "--scheme aes --shape 28x28x1");
    bench.key("mix", "--scheme instahide --shape 28x28x1");
    for (key, options, parts) in [
        ("k", "--augment flip", &["--copies"][..]),
        ("k", "--copies 1 --augment shift=2", &["--copies"]),
        ("k", "--copies 0", &["--copies"]),
        (
            "k",
            "--copies 2 --augment twirl",
            &["twirl", "flip", "shift=PIXELS"],
        ),
        ("k", "--copies 2 --augment shift=0", &["shift"]),
        ("k", "--copies 2 --augment shift=28", &["28x28x1", "below 28"]),
        ("k", "--copies 2 --augment flip --augment flip", &["one kind"]),
        ("mix", "--copies 2 --augment flip", &["instahide", "encodings"]),
    ] {
        bench
            .run(&format!("apply -k @{key} @plain @out {options}"))
            .fails(2, parts);
        assert!(!bench.path("out").exists(), "{options}");
    }
}
