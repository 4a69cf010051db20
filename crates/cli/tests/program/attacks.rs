//! Attacks on files alone, with no key anywhere.

use crate::support::Bench;
use serde_json::Value;

fn record(text: &str) -> Value {
    serde_json::from_str(text.trim()).unwrap()
}

#[test]
fn every_attack_is_listed_and_explained() {
    let bench = Bench::new();
    let said = bench.run("attacks --json");
    let all = record(&said.succeeds().out)["attacks"]
        .as_array()
        .unwrap()
        .clone();
    assert!(all.len() >= 30);
    bench.run("attacks").succeeds();
    for attack in all {
        let name = attack["name"].as_str().unwrap();
        let text = bench.run(&format!("attacks {name}")).succeeds().out.clone();
        for part in ["Paper:", "Level:", "Schemes:", "Example:"] {
            assert!(text.contains(part), "{name}: {part}");
        }
    }
    bench.run("attacks nonsense").fails(2, &["visard attacks"]);
}

#[test]
fn chosen_images_read_every_image_of_one_skk_key() {
    let bench = Bench::new();
    bench.idx("plain", 60, 10);
    bench.key("k", "--scheme skk --shape 28x28x1");
    bench.run("apply -k @k @plain @disguised").succeeds();
    let attack = "attack skk-helper --disguised @disguised";
    bench.run(&format!("{attack} --helpers @helpers")).succeeds();
    bench.run("apply -k @k @helpers @helpers-d").succeeds();
    // Without its images the attack says what it lacks, and leaves nothing.
    let said = bench.run(&format!("{attack} -o @none"));
    assert!([2, 10].contains(&said.code), "{}", said.err);
    assert!(!bench.path("none").exists());
    let full = format!("{attack} --chosen @helpers @helpers-d --truth @plain --json");
    let found = record(&bench.run(&format!("{full} -o @out")).succeeds().out);
    assert_eq!(found["score"]["guess"]["raw"]["exact"], 1.0);
    assert_eq!(found["level"], "3");
    for file in [
        "record.json",
        "material.npz",
        "reconstructions.npz",
        "pictures/00000.png",
    ] {
        assert!(bench.path("out").join(file).is_file(), "{file}");
    }
    bench.run(&format!("{full} -o @out")).fails(13, &["not empty"]);
    // A truth that does not fit is refused after what was found is safe.
    bench.folder("few", 3);
    let mismatched = full.replace("--truth @plain", "--truth @few");
    bench.run(&format!("{mismatched} -o @kept")).fails(10, &["3"]);
    assert!(bench.path("kept/reconstructions.npz").is_file());
    // The recovered material is a key: it takes the disguise off again.
    let material = bench.path("out/material.npz");
    let keygen = format!("--scheme skk --shape 28x28x1 --material {}", material.display());
    bench.key("stolen", &keygen);
    bench.run("apply -k @stolen @plain @again").succeeds();
    let bytes = |name: &str| std::fs::read(bench.path(name).join("train-images-idx3-ubyte")).unwrap();
    assert_eq!(bytes("again"), bytes("disguised"));
    // Images under another key are not read by these answers.
    bench.key("other", "--scheme skk --shape 28x28x1");
    bench.run("apply -k @other @plain @foreign").succeeds();
    let foreign = full.replace("--disguised @disguised", "--disguised @foreign");
    let found = record(&bench.run(&format!("{foreign} -o @null")).succeeds().out);
    assert_eq!(found["score"]["guess"]["raw"]["exact"], 0.0);
}

#[test]
fn unfit_attacks_and_contradictory_files_are_refused() {
    let bench = Bench::new();
    bench.idx("plain", 30, 10);
    bench.idx("few", 20, 10);
    bench.key("k", "--scheme rmt --shape 28x28x1");
    bench
        .run("apply -k @k @plain @disguised --depth float")
        .succeeds();
    bench
        .run("attack aes-codebook --disguised @disguised -o @a")
        .fails(2, &["aes"]);
    bench
        .run("attack rmt-regression --disguised @disguised --pairs @few @disguised -o @b")
        .fails(10, &["20", "30"]);
    bench
        .run("attack rmt-regression --disguised @plain -o @c")
        .fails(10, &["--scheme"]);
    bench
        .run("attack rmt-regression --disguised @disguised --helpers @d")
        .fails(2, &["--helpers"]);
    bench
        .run("attack rmt-regression --disguised @disguised --set nonsense=1 -o @e")
        .fails(2, &["nonsense"]);
    let regression = "attack rmt-regression --disguised @disguised --pairs @plain @disguised --truth @plain";
    let found = record(&bench.run(&format!("{regression} -o @f --json")).succeeds().out);
    let psnr = &found["score"]["guess"]["raw"]["psnr"]["median"];
    let exact = psnr == "inf" || psnr.as_f64().is_some_and(|psnr| psnr > 30.0);
    assert!(exact, "{psnr}");
}
