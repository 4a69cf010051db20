//! What the README promises, from key to prediction and back.

use crate::support::{Bench, bundled, contents};
use serde_json::Value;
use visard_core::Removal;

#[test]
fn a_data_set_goes_through_training_and_back() {
    let bench = Bench::new();
    let plain = bench.idx("plain", 1200, 300);
    bench.key("k", "--scheme rmt --shape 28x28x1");
    bench.run("check -k @k @plain").succeeds();
    bench.run("apply -k @k @plain @disguised").succeeds();
    bench.run("verify @disguised").succeeds();
    let train = "train @disguised --network mlp --epochs 4 -o @model.safetensors --json";
    let said = bench.run(train);
    let record: Value = serde_json::from_str(said.succeeds().out.trim()).unwrap();
    assert_eq!(record["history"].as_array().unwrap().len(), 4);
    let said = bench.run("eval -m @model.safetensors @disguised --json");
    let record: Value = serde_json::from_str(said.succeeds().out.trim()).unwrap();
    let accuracy = record["evaluation"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.6, "{accuracy}");
    // Floats restore every byte.
    bench.run("apply -k @k @plain @float --depth float").succeeds();
    bench.run("remove -k @k @float @back").succeeds();
    assert_eq!(contents(&bench.path("back")), contents(&plain));
}

#[test]
fn prediction_needs_the_key_of_the_model() {
    let bench = Bench::new();
    bench.idx("plain", 1200, 100);
    bench.key("k", "--scheme rmt --shape 28x28x1");
    bench.key("other", "--scheme rmt --shape 28x28x1");
    bench.run("apply -k @k @plain @disguised").succeeds();
    bench
        .run("train @disguised --network mlp --epochs 4 -o @m")
        .succeeds();
    let images = bundled("train-images-idx3-ubyte.gz");
    let labels = bundled("train-labels-idx1-ubyte.gz");
    let mut right = 0;
    for i in 0..10 {
        let place = bench.path(&format!("{i}.png"));
        image::save_buffer(
            &place,
            &images[16 + i * 784..][..784],
            28,
            28,
            image::ColorType::L8,
        )
        .unwrap();
    }
    let said = bench.run(
        "predict -m @m -k @k @0.png @1.png @2.png @3.png @4.png @5.png @6.png @7.png @8.png @9.png --json",
    );
    for (i, line) in said.succeeds().out.lines().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap();
        right += usize::from(record["class"].as_str() == Some(&*labels[8 + i].to_string()));
    }
    assert!(right >= 7, "{right} of 10 training images are named rightly");
    bench
        .run("predict -m @m -k @other @0.png")
        .fails(12, &["under the key"]);
    bench.run("predict -m @m @0.png").fails(2, &["-k"]);
}

#[test]
fn aes_restores_every_byte_in_every_format() {
    let bench = Bench::new();
    bench.key("k", "--scheme aes --shape 28x28x1");
    bench.idx("idx", 50, 20);
    bench.folder("folder", 40);
    for name in ["idx", "folder"] {
        bench.run(&format!("apply -k @k @{name} @{name}-d")).succeeds();
        bench.run(&format!("verify @{name}-d")).succeeds();
        bench.run(&format!("remove -k @k @{name}-d @{name}-r")).succeeds();
    }
    assert_eq!(contents(&bench.path("idx-r")), contents(&bench.path("idx")));
    let pixels = |name: &str| {
        let files = contents(&bench.path(name));
        let decoded = |bytes: &Vec<u8>| image::load_from_memory(bytes).unwrap().into_luma8().into_raw();
        let images = files.iter().filter(|(name, _)| name.ends_with(".png"));
        images
            .map(|(name, bytes)| (name.clone(), decoded(bytes)))
            .collect::<Vec<_>>()
    };
    assert_eq!(pixels("folder-r"), pixels("folder"));
    assert_ne!(pixels("folder-d"), pixels("folder"));
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let bench = Bench::new();
    bench.idx("plain", 3000, 100);
    for (scheme, set) in [("aes", ""), ("rmt", "--set block=7")] {
        bench.key(scheme, &format!("--scheme {scheme} --shape 28x28x1 {set}"));
        for threads in [1, 2] {
            bench
                .run(&format!(
                    "apply -k @{scheme} @plain @{scheme}{threads} --threads {threads}"
                ))
                .succeeds();
        }
        assert_eq!(
            contents(&bench.path(&format!("{scheme}1"))),
            contents(&bench.path(&format!("{scheme}2")))
        );
    }
}

#[test]
fn locked_keys_open_with_their_passphrase_only() {
    let bench = Bench::new();
    bench.idx("plain", 10, 10);
    let with = |passphrase: &str, line: &str| {
        let words = bench.words(line);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "printf '%s\\n' \"$0\" | \"$@\"", passphrase]);
        command.arg(assert_cmd::cargo::cargo_bin!("visard")).args(words);
        crate::support::Said::from(command.output().unwrap())
    };
    with(
        "right",
        "keygen --scheme aes --shape 28x28x1 -o @k --passphrase-fd 0",
    )
    .succeeds();
    with("wrong", "apply -k @k @plain @out --passphrase-fd 0").fails(12, &["passphrase"]);
    assert!(!bench.path("out").exists());
    with("right", "apply -k @k @plain @out --passphrase-fd 0").succeeds();
    bench.run("inspect @k").succeeds();
}

#[test]
fn a_key_for_any_shape_takes_whole_blocks_of_all_sizes() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("mixed")).unwrap();
    for (name, side) in [("a", 8u32), ("b", 16), ("c", 8)] {
        let pixels: Vec<u8> = (0..side * side * 3).map(|i| (i * 7) as u8).collect();
        let place = bench.path(&format!("mixed/{name}.png"));
        image::save_buffer(place, &pixels, side, side, image::ColorType::Rgb8).unwrap();
    }
    bench
        .run("keygen --scheme aes --shape any --insecure-plaintext-key -o @no")
        .fails(2, &["shape"]);
    bench.key(
        "k",
        "--scheme aes --shape any --set per_position=false --set shuffle=false",
    );
    bench.run("apply -k @k @mixed @out").succeeds();
    bench.run("remove -k @k @out @back").succeeds();
    for name in ["a", "b", "c"] {
        let open = |folder: &str| {
            image::open(bench.path(&format!("{folder}/{name}.png")))
                .unwrap()
                .into_rgb8()
        };
        assert_eq!(open("back"), open("mixed"));
        assert_ne!(open("out"), open("mixed"));
    }
}

#[test]
fn training_goes_on_from_its_checkpoint() {
    let bench = Bench::new();
    bench.idx("plain", 600, 50);
    bench
        .run("train @plain --network mlp --epochs 3 -o @whole")
        .succeeds();
    let metrics = std::fs::read_to_string(bench.path("whole.metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 3);
    assert!(!bench.path("whole.checkpoint").exists());
    bench
        .run("train @plain --network mlp --epochs 3 -o @whole")
        .fails(13, &["whole", "exists already"]);
}

/// Pixels of an npz data set as floats.
fn values(path: &std::path::Path) -> Vec<f32> {
    use visard_data::{Batch, Reading, Stored, formats};
    let reading = Reading {
        disguised: true,
        floats: true,
        ..Reading::default()
    };
    let mut source = (formats::find("npz").unwrap().open)(path, reading).unwrap();
    let mut batch = Batch::new(source.meta().depth);
    source.read(&mut batch, usize::MAX).unwrap();
    match batch.pixels {
        Stored::U8(v) => v.into_iter().map(f32::from).collect(),
        Stored::U16(v) => v.into_iter().map(f32::from).collect(),
        Stored::F32(v) => v,
    }
}

#[test]
fn the_authors_known_answers_come_out_of_the_program() {
    let vectors = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors");
    let index: Value = serde_json::from_slice(&std::fs::read(vectors.join("index.json")).unwrap()).unwrap();
    let bench = Bench::new();
    for case in index.as_array().unwrap() {
        let (scheme, name) = (case["scheme"].as_str().unwrap(), case["case"].as_str().unwrap());
        let place = |kind: &str| vectors.join(scheme).join(format!("{name}.{kind}.npz"));
        let set: String = case["params"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| format!(" --set {k}={v}"))
            .collect();
        let (key, out, back) = (
            format!("{scheme}-{name}.key"),
            format!("{scheme}-{name}.npz"),
            format!("{scheme}-{name}-back.npz"),
        );
        let (plain, material) = (
            place("in").display().to_string(),
            place("material").display().to_string(),
        );
        bench.key(
            &key,
            &format!("--scheme {scheme} --like {plain} --material {material}{set}"),
        );
        bench.run(&format!("apply -k @{key} {plain} @{out}")).succeeds();
        let tolerance = case["tolerance"].as_f64().unwrap() as f32;
        let (ours, theirs) = (values(&bench.path(&out)), values(&place("out")));
        assert_eq!(ours.len(), theirs.len(), "{scheme} {name}");
        assert!(
            ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() <= tolerance),
            "{scheme} {name}"
        );
        let said = bench.run(&format!("remove -k @{key} @{out} @{back}"));
        let levels = match visard_core::schemes::find(scheme).unwrap().removal {
            Removal::Exact => 0.0,
            Removal::Close(levels) => f32::from(levels),
            Removal::Approximate(_) => 255.0,
            Removal::Never(_) => {
                said.fails(2, &["cannot be removed"]);
                continue;
            }
        };
        said.succeeds();
        let (back, plain) = (values(&bench.path(&back)), values(&place("in")));
        assert_eq!(back.len(), plain.len(), "{scheme} {name}");
        let close = back.iter().zip(&plain).all(|(a, b)| (a - b).abs() <= levels);
        assert!(close, "{scheme} {name}");
    }
}

#[test]
fn another_format_keeps_what_it_takes_to_restore() {
    let bench = Bench::new();
    bench.folder("folder", 30);
    bench.key("k", "--scheme rmt --shape 28x28x1 --set noise=50");
    bench.run("apply -k @k @folder @out.npz --format npz").succeeds();
    bench.run("verify @out.npz").succeeds();
    bench.run("remove -k @k @out.npz @back.npz").succeeds();
    let mut originals: Vec<f32> = Vec::new();
    for (name, bytes) in contents(&bench.path("folder")) {
        assert!(name.ends_with(".png"));
        originals.extend(
            image::load_from_memory(&bytes)
                .unwrap()
                .into_luma8()
                .into_raw()
                .iter()
                .map(|v| f32::from(*v)),
        );
    }
    assert_eq!(values(&bench.path("back.npz")), originals);
}

#[test]
fn a_lone_split_changes_its_name_with_the_format() {
    let bench = Bench::new();
    let plain = bench.idx("plain", 40, 1);
    for kind in ["images-idx3", "labels-idx1"] {
        std::fs::remove_file(plain.join(format!("t10k-{kind}-ubyte"))).unwrap();
    }
    bench.key("k", "--scheme rmt --shape 28x28x1 --set noise=50");
    bench.run("apply -k @k @plain @out.npz --format npz").succeeds();
    let again = bench.run("apply -k @k @plain @out.npz --format npz");
    assert!(again.succeeds().out.contains("complete already"));
    bench.run("remove -k @k @out.npz @back.npz").succeeds();
    let images = std::fs::read(plain.join("train-images-idx3-ubyte")).unwrap();
    let originals: Vec<f32> = images[16..].iter().map(|v| f32::from(*v)).collect();
    assert_eq!(values(&bench.path("back.npz")), originals);
}

#[cfg(unix)]
#[test]
fn odd_file_names_are_verified_too() {
    let bench = Bench::new();
    bench.folder("in", 3);
    let class = std::fs::read_dir(bench.path("in"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let image = std::fs::read_dir(&class).unwrap().next().unwrap().unwrap().path();
    std::fs::rename(image, class.join("a\\b  c.png")).unwrap();
    bench.key("k", "--scheme aes --shape 28x28x1");
    bench.run("apply -k @k @in @out").succeeds();
    bench.run("verify @out").succeeds();
}

#[test]
fn left_out_images_are_counted_over_a_resumed_run() {
    let bench = Bench::new();
    bench.folder("in", 600);
    std::fs::write(bench.path("in/class0/aaa.png"), "nothing").unwrap();
    bench.key("k", "--scheme aes --shape 28x28x1");
    let line = "apply -k @k @in @out --skip-bad --checkpoint-seconds 0";
    let mut child = crate::support::visard();
    let mut child = child
        .args(bench.words(line))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(60));
    child.kill().unwrap();
    child.wait().unwrap();
    let said = bench.run(line);
    assert!(said.code == 3 || said.code == 0, "{}", said.err);
    bench.run("verify @out").succeeds();
    bench.run("remove -k @k @out @back").succeeds();
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(bench.path("out/visard.json")).unwrap()).unwrap();
    assert_eq!(
        (
            manifest["skipped"].as_u64(),
            manifest["splits"][0]["count"].as_u64()
        ),
        (Some(1), Some(600))
    );
}

#[test]
fn keys_locked_to_a_recipient_open_with_the_identity() {
    use age::secrecy::ExposeSecret;
    let bench = Bench::new();
    bench.idx("plain", 10, 10);
    let (own, other) = (
        age::x25519::Identity::generate(),
        age::x25519::Identity::generate(),
    );
    std::fs::write(bench.path("own"), own.to_string().expose_secret()).unwrap();
    std::fs::write(bench.path("other"), other.to_string().expose_secret()).unwrap();
    let recipient = own.to_public();
    bench
        .run(&format!(
            "keygen --scheme rmt --shape 28x28x1 --recipient {recipient} -o @k"
        ))
        .succeeds();
    bench.run("apply -k @k @plain @out").fails(2, &["--identity"]);
    bench
        .run("apply -k @k -i @other @plain @out")
        .fails(12, &["identity"]);
    bench
        .run("apply -k @k -i @missing @plain @out")
        .fails(10, &["missing"]);
    bench.run("apply -k @k -i @own @plain @out").succeeds();
    bench
        .run("keygen --scheme rmt --shape 28x28x1 --recipient age1nonsense -o @no")
        .fails(2, &["recipient number 1"]);
}
