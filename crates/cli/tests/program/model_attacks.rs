//! Attacks on trained models, plain and disguised.

use crate::support::{Bench, Said, bundled};
use serde_json::Value;

/// The one object of JSON that a command printed.
fn record(said: &Said) -> Value {
    serde_json::from_str(said.succeeds().out.trim()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn train(bench: &Bench, line: &str) {
    bench.run(&format!("train {line}")).succeeds();
}

#[test]
fn attacks_on_models_are_listed_beside_those_on_images() {
    let bench = Bench::new();
    let all = record(&bench.run("attacks --json"))["attacks"].clone();
    let kinds = |kind: &str| {
        let all = all.as_array().unwrap().iter();
        all.filter(|attack| attack["kind"] == kind).count()
    };
    assert!(kinds("images") >= 30 && kinds("model") >= 10);
    assert_eq!(kinds("images") + kinds("model"), all.as_array().unwrap().len());
    let text = bench.run("attacks").succeeds().out.clone();
    for part in ["rmt-regression", "lira", "its weights", "level M"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let one = bench.run("attacks lira").succeeds().out.clone();
    for part in ["shadows", "--members", "Needs of the model: its answers"] {
        assert!(one.contains(part), "{part} is not in: {one}");
    }
    let one = record(&bench.run("attacks mi-face --json"));
    assert_eq!(
        (&one["aim"], &one["reach"]),
        (&"inversion".into(), &"weights".into())
    );
}

#[test]
fn a_model_that_memorised_its_images_tells_them_from_others() {
    let bench = Bench::new();
    bench.idx("plain", 450, 250);
    let network = "--network mlp --set hidden1=64 --set hidden2=32 --set dropout=0";
    train(
        &bench,
        &format!("@plain {network} --epochs 40 --batch 32 --limit 150 -o @model"),
    );
    let attack = |name: &str, members: &str, own: &str, rest: &str| {
        let given = format!("--members @plain@train:{members} --others @plain@t10k --own @plain@train:{own}");
        record(&bench.run(&format!("attack {name} --model @model {given} {rest} --json")))
    };
    let found = attack("mia-loss", "0..150", "150..300", "-o @out");
    // Four standard deviations of an AUC that means nothing.
    let (auc, four) = (
        number(&found["score"]["auc"]),
        4.0 * number(&found["score"]["auc_deviation"]),
    );
    assert!(four < 0.13 && auc > 0.5 + four, "AUC {auc}, {four}");
    assert_eq!(
        (
            &found["score"]["members"],
            &found["score"]["others"],
            &found["trained_on"]
        ),
        (&150.into(), &250.into(), &150.into())
    );
    assert_eq!(found["cell"]["sent"], "plain");
    for file in ["record.json", "membership.npz"] {
        assert!(bench.path("out").join(file).is_file(), "{file}");
    }
    // Images that it never saw are no members, whatever they are called.
    let null = number(&attack("mia-loss", "150..300", "300..450", "")["score"]["auc"]);
    assert!((null - 0.5).abs() < four, "AUC {null}, {four}");
    // Shadow models are trained as the model was, but for what is said.
    let shadows = attack("rmia", "0..150", "150..450", "--set shadows=2 --epochs 2");
    assert_eq!(shadows["verdict"]["verdict"], "complete");
    let recipe = &shadows["recipe"];
    assert_eq!(
        (
            &recipe["network"],
            &recipe["params"]["hidden1"],
            &recipe["epochs"]
        ),
        (&"mlp".into(), &64.into(), &2.into())
    );
    assert_eq!(found["recipe"]["epochs"], 40);
    let line = "attack mia-loss --model @model --members @plain@train:0..150 --others @plain@t10k \
                --own @plain@train:150..300";
    let text = bench.run(line).succeeds().out.clone();
    for part in ["AUC", "balanced accuracy", "150 members, 250 others"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

/// Images, a key, and a model of what the key makes of them.
fn disguised(bench: &Bench, training: &str) {
    bench.idx("plain", 600, 200);
    bench.key("k", "--scheme rmt --shape 28x28x1");
    bench
        .run("apply -k @k @plain @disguised --depth float")
        .succeeds();
    train(bench, &format!("@disguised {training} -o @model"));
}

#[test]
fn classes_are_told_with_the_key_and_hardly_without() {
    let bench = Bench::new();
    disguised(
        &bench,
        "--network mlp --set hidden1=64 --set hidden2=32 --set dropout=0 --epochs 15 --batch 32",
    );
    bench.key("other", "--scheme rmt --shape 28x28x1");
    let ask = |rest: &str| {
        let said = bench.run(&format!("attack class-membership --model @model {rest} --json"));
        let found = record(&said);
        let accuracy = number(&found["score"]["accuracy"]);
        (accuracy, found["cell"]["sent"].clone(), said.err)
    };
    let (with_key, sent, _) = ask("--others @plain@t10k -k @k");
    assert!(with_key > 0.5, "{with_key}");
    assert_eq!(sent, "disguised");
    // What is disguised on the way is what was disguised in files.
    assert_eq!(ask("--others @disguised@t10k").0, with_key);
    let (outsider, sent, _) = ask("--others @plain@t10k");
    assert!(
        outsider < with_key - 0.2,
        "{outsider} without, {with_key} with the key"
    );
    assert_eq!(sent, "plain");
    let (wrong, sent, warned) = ask("--others @plain@t10k -k @other");
    assert!(
        wrong < with_key - 0.2,
        "{wrong} with the wrong, {with_key} with the right key"
    );
    assert_eq!(sent, "disguised under another key");
    assert!(warned.contains("recovered key"), "{warned}");
    // An outsider's shadow models learn from images under a key of its own.
    let line = "attack rmia --set shadows=2 --epochs 1 --model @model --members @plain@train:0..100 \
                --others @plain@t10k --own @plain@train:100..300 --own-key @other --json";
    let found = record(&bench.run(line));
    assert_eq!(
        (&found["cell"]["sent"], &found["cell"]["shadows"]),
        (&"plain".into(), &"disguised under another key".into())
    );
    let text = bench
        .run("attack class-membership --model @model --others @plain@t10k -k @k")
        .succeeds()
        .out
        .clone();
    for part in ["mutual information", "entropy", "Fano", "one-to-one map", "(rmt)"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn inverted_pictures_show_classes_once_the_disguise_is_off() {
    let bench = Bench::new();
    disguised(&bench, "--network linear --epochs 10");
    let attack =
        "attack mi-face --set alpha=200 --set start=own --model @model --own @plain@t10k -k @k --json";
    let found = record(&bench.run(&format!("{attack} --remove-with @k -o @out")));
    let contrast = |form: &str| number(&found["score"][form]["contrast_mean"]);
    let (raw, restored) = (contrast("raw"), contrast("restored"));
    assert!(restored > raw + 0.2, "{raw} disguised, {restored} restored");
    assert!(raw.abs() < 0.2, "{raw}");
    for folder in ["pictures", "restored"] {
        for class in 0..10 {
            let place = bench.path("out").join(folder).join(format!("{class:05}.png"));
            let picture = image::open(&place).unwrap();
            assert_eq!((picture.width(), picture.height()), (28, 28));
        }
        assert!(bench.path("out").join(format!("{folder}.npz")).is_file());
    }
    // Own images that are disguised are no truth; there are pictures all the same.
    let line = "attack mi-face --set alpha=5 --model @model --own @disguised@t10k --json -o @blind";
    assert!(record(&bench.run(line))["score"].is_null());
    assert!(bench.path("blind/pictures/00009.png").is_file());
    let judged = record(&bench.run(&format!("{} --truth @plain", line.replace("@blind", "@judged"))));
    assert_eq!(judged["score"]["raw"]["classes"].as_array().unwrap().len(), 10);
    bench
        .run(&format!("{} --truth @disguised", line.replace("@blind", "@none")))
        .fails(10, &["is disguised"]);
    // Without any time there is nothing to judge, and that is said.
    let early = record(&bench.run(&format!("{attack} --time 0")));
    assert_eq!(early["verdict"]["verdict"], "inconclusive");
}

#[test]
fn a_copy_of_a_model_can_be_used_as_one() {
    let bench = Bench::new();
    bench.idx("plain", 600, 200);
    let network = "--network mlp --set hidden1=64 --set hidden2=32 --set dropout=0 --batch 32";
    train(
        &bench,
        &format!("@plain {network} --epochs 10 --limit 300 -o @model"),
    );
    let line = "attack extraction --model @model --own @plain@train:300..600 --others @plain@t10k \
                --truth @plain@train:0..50 --set first=30 --set steps=100 -o @out";
    let found = record(&bench.run(&format!("{line} --json")));
    let copies = found["score"].as_array().unwrap();
    let asked: Vec<u64> = copies
        .iter()
        .map(|copy| copy["queries"].as_u64().unwrap())
        .collect();
    assert_eq!(asked, [30, 300]);
    let sets = copies[1]["sets"].as_array().unwrap();
    assert_eq!(
        (&sets[0]["name"], &sets[1]["name"]),
        (&"others".into(), &"truth".into())
    );
    let (agreement, chance) = (number(&sets[0]["agreement"]), number(&sets[0]["chance"]));
    assert!(
        agreement > chance + 0.25,
        "agreement {agreement}, by chance {chance}"
    );
    // What was said of the copy is what it says of itself.
    let evaluated = record(&bench.run("eval -m @out/model.safetensors @plain --split t10k --json"));
    assert_eq!(evaluated["evaluation"]["accuracy"], sets[0]["student_accuracy"]);
    bench.run(line).fails(13, &["not empty"]);
}

#[test]
fn attacks_on_models_say_what_is_missing_or_does_not_fit() {
    let bench = Bench::new();
    bench.idx("plain", 60, 40);
    bench.key("k", "--scheme aes --shape 28x28x1");
    bench.run("apply -k @k @plain @disguised").succeeds();
    train(
        &bench,
        "@plain --network mlp --set hidden1=8 --set hidden2=8 --epochs 1 -o @model",
    );
    let small = bench.path("small");
    let bytes = bundled("t10k-images-idx3-ubyte.gz");
    for class in ["a", "b"] {
        std::fs::create_dir_all(small.join(class)).unwrap();
        let place = small.join(class).join("one.png");
        image::save_buffer(place, &bytes[16..16 + 196], 14, 14, image::ColorType::L8).unwrap();
    }
    for (line, code, parts) in [
        ("attack nonsense --model @model", 2, &["visard attacks"][..]),
        ("attack lira", 2, &["--model"]),
        (
            "attack lira --model @model",
            2,
            &["--members", "--others", "--own"],
        ),
        ("attack mi-face --model @model", 2, &["--own"]),
        (
            "attack class-membership --model @model --own @plain",
            2,
            &["--others"],
        ),
        ("attack extraction --model @model --others @plain", 2, &["--own"]),
        ("attack rmt-pca --model @model", 2, &["--disguised"]),
        (
            "attack mi-face --model @model --disguised @plain",
            2,
            &["--disguised"],
        ),
        ("attack mi-face --model @none --own @plain", 10, &["none"]),
        (
            "attack mi-face --model @model --own @small",
            10,
            &["14x14x1", "28x28x1"],
        ),
        (
            "attack mi-face --model @model --own @plain --set nonsense=1",
            2,
            &["nonsense"],
        ),
        (
            "attack mi-face --model @model --own @plain@train:0..61",
            2,
            &["60", "0..61"],
        ),
        (
            "attack mi-face --model @model --own @plain@dev",
            2,
            &["dev", "t10k"],
        ),
        (
            "attack mi-face --model @model --own @plain@train:9..3",
            2,
            &["FROM..TO"],
        ),
        (
            "attack mi-face --model @model --own @disguised -k @k",
            2,
            &["disguised already"],
        ),
        (
            "attack mi-face --model @model --own @plain --own-key @k",
            2,
            &["--own-key"],
        ),
        (
            "attack mi-face --model @model --own @plain --epochs 0",
            2,
            &["epochs"],
        ),
        (
            "attack class-membership --model @model --others @plain --remove-with @k",
            2,
            &["--remove-with"],
        ),
        (
            "attack extraction --model @model --own @plain@train --others @plain@train:9..20",
            2,
            &["--own", "--others", "share"],
        ),
        (
            "attack extraction --model @model --own @disguised --others @plain",
            12,
            &["--own", "--others", "plain"],
        ),
    ] {
        bench.run(line).fails(code, parts);
    }
}
