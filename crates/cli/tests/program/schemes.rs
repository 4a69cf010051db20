//! Every registered scheme through the program, and what is special about some.

use crate::support::Bench;
use serde_json::Value;

/// The schemes that the program lists.
fn listed(bench: &Bench) -> Vec<Value> {
    let said = bench.run("schemes --json");
    let record: Value = serde_json::from_str(said.succeeds().out.trim()).unwrap();
    record["schemes"].as_array().unwrap().clone()
}

fn record(text: &str) -> Value {
    serde_json::from_str(text.trim()).unwrap()
}

#[test]
fn every_scheme_disguises_verifies_and_says_what_removal_gives() {
    let bench = Bench::new();
    bench.idx("plain", 20, 8);
    let schemes = listed(&bench);
    assert!(schemes.len() >= 12);
    for scheme in schemes {
        let name = scheme["name"].as_str().unwrap();
        bench.key(name, &format!("--scheme {name} --shape 28x28x1"));
        bench.run(&format!("check -k @{name} @plain")).succeeds();
        let apply = format!("apply -k @{name} @plain @{name}-d --depth float --json");
        let mut said = bench.run(&apply);
        if said.code == 2 && said.err.contains("writes bytes") {
            said = bench.run(&apply.replace(" --depth float", ""));
        }
        assert_eq!(record(&said.succeeds().out)["images"], 28, "{name}");
        bench.run(&format!("verify @{name}-d")).succeeds();
        bench.run(&format!("inspect @{name}-d")).succeeds();
        let said = bench.run(&format!("remove -k @{name} @{name}-d @{name}-r"));
        match scheme["removal"].as_str().unwrap() {
            "no" => said.fails(2, &["cannot be removed"]),
            removal => {
                said.succeeds();
                let (plain, back) = (bench.path("plain"), bench.path(&format!("{name}-r")));
                let read =
                    |root: &std::path::Path| std::fs::read(root.join("train-images-idx3-ubyte")).unwrap();
                let same = read(&plain) == read(&back);
                assert!(same || removal != "exactly", "{name}");
            }
        }
    }
}

#[test]
fn every_scheme_is_explained_with_a_working_example() {
    let bench = Bench::new();
    for scheme in listed(&bench) {
        let name = scheme["name"].as_str().unwrap();
        let text = bench.run(&format!("schemes {name}")).succeeds().out.clone();
        for part in [
            "Paper:",
            "What is known to break it:",
            "Parameters",
            "Example:",
            "Storage:",
        ] {
            assert!(text.contains(part), "{name}: {part}");
        }
        let keygen = text
            .lines()
            .find(|line| line.trim().starts_with("visard keygen"))
            .unwrap();
        let words = keygen.trim().trim_start_matches("visard ");
        let line = words.replace(
            "-o owner.key",
            &format!("--insecure-plaintext-key -o @{name}.key"),
        );
        bench.run(&line).succeeds();
    }
}

#[test]
fn mixed_images_carry_soft_labels_and_are_recognised_over_several_encodings() {
    let bench = Bench::new();
    bench.idx("plain", 600, 40);
    bench.folder("folder", 30);
    bench.key(
        "k",
        "--scheme instahide --shape 28x28x1 --set k=2 --set encodings=3",
    );
    let said = bench.run("apply -k @k @plain @mixed --json");
    let images = &record(&said.succeeds().out)["images"];
    assert_eq!(*images, 3 * 640);
    assert!(bench.path("mixed/train-labels-idx2-float").is_file());
    bench.run("verify @mixed").succeeds();
    bench
        .run("train @mixed --network mlp --epochs 1 --limit 200 -o @m")
        .succeeds();
    let said = bench.run("eval -m @m @mixed --json");
    assert_eq!(record(&said.succeeds().out)["evaluation"]["n"], 40);
    // Formats of hard labels refuse soft ones, and nothing is left behind.
    bench
        .run("apply -k @k @folder @refused")
        .fails(2, &["soft labels", "npz"]);
    assert!(!bench.path("refused").exists());
    // For images to be recognised, labels stay as they are, so every format can hold them.
    bench
        .run("apply -k @k @folder @queries --partners @plain")
        .succeeds();
    bench.run("verify @queries").succeeds();
    let place = bench
        .path("folder")
        .read_dir()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let image = place.read_dir().unwrap().next().unwrap().unwrap().path();
    let predict = format!("predict -m @m -k @k {}", image.display());
    bench.run(&predict).fails(2, &["--partners"]);
    bench.run(&format!("{predict} --partners @plain")).succeeds();
    bench
        .run("remove -k @k @mixed @back")
        .fails(2, &["cannot be removed"]);
    assert!(!bench.path("back").exists());
}

#[test]
fn public_images_are_asked_for_where_they_are_needed_and_refused_elsewhere() {
    let bench = Bench::new();
    bench.idx("plain", 60, 10);
    bench.folder("public", 40);
    bench.key(
        "cross",
        "--scheme instahide --shape 28x28x1 --set cross=true --set k=6",
    );
    bench.key("inside", "--scheme instahide --shape 28x28x1");
    bench.run("apply -k @cross @plain @a").fails(2, &["public"]);
    bench
        .run("apply -k @inside @plain @a --public @public")
        .fails(2, &["public"]);
    bench.run("apply -k @cross @plain @a --public @public").succeeds();
    bench.key("aes", "--scheme aes --shape 28x28x1");
    bench
        .run("apply -k @aes @plain @b --partners @plain")
        .fails(2, &["mixes no images"]);
}

#[test]
fn token_matrices_are_float_arrays() {
    let bench = Bench::new();
    bench.folder("plain", 12);
    bench.key(
        "k",
        "--scheme neuracrypt --shape 28x28x1 --set width=32 --set depth=1",
    );
    bench.run("apply -k @k @plain @a").fails(2, &["float", "npz"]);
    bench
        .run("apply -k @k @plain @a.npz --format npz --depth 8")
        .fails(2, &["float"]);
    let said = bench.run("apply -k @k @plain @a.npz --format npz --json");
    assert_eq!(record(&said.succeeds().out)["shape"], "4x32x1");
    bench
        .run("train @a.npz --network mlp --epochs 1 -o @m")
        .succeeds();
}
