//! Networks, fronts and ways of training, through the program.

use crate::support::{Bench, Said};
use serde_json::Value;

/// The object of that type among the lines of JSON that a command printed.
fn record(said: &Said, kind: &str) -> Value {
    let lines = said
        .succeeds()
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.into_iter().find(|line| line["type"] == kind).unwrap()
}

/// Images under keys of a scheme: `@NAME` are the disguised ones.
fn disguised(bench: &Bench, scheme: &str, name: &str) {
    bench.key(
        &format!("{name}-key"),
        &format!("--scheme {scheme} --shape 28x28x1"),
    );
    bench
        .run(&format!("apply -k @{name}-key @plain @{name}"))
        .succeeds();
}

#[test]
fn the_front_follows_the_disguise_unless_it_is_chosen() {
    let bench = Bench::new();
    bench.idx("plain", 60, 20);
    disguised(&bench, "rmt --set block=7", "seven");
    let front = |line: &str, model: &str| {
        bench
            .run(&format!("train {line} --epochs 1 -o @{model}"))
            .succeeds();
        let shown = record(&bench.run(&format!("inspect @{model} --json")), "model");
        let front = &shown["front"];
        (
            front["name"].as_str().map(String::from),
            front["params"]["block"].as_i64(),
        )
    };
    assert_eq!(front("@seven", "auto"), (Some("block".into()), Some(7)));
    assert_eq!(
        front("@seven --front position", "position"),
        (Some("position".into()), Some(7))
    );
    assert_eq!(front("@seven --front none", "none"), (None, None));
    assert_eq!(front("@seven --network mlp", "mlp"), (None, None));
    assert_eq!(front("@plain", "plain-model"), (None, None));
    bench
        .run("train @seven --front block --set-front block=5 --epochs 1 -o @bad")
        .fails(10, &["28x28x1", "5 x 5"]);
    bench
        .run("train @seven --front brow -o @bad")
        .fails(2, &["brow", "visard networks"]);
    bench
        .run("train @seven --network net -o @bad")
        .fails(2, &["net", "visard networks"]);
    bench
        .run("train @seven --network vit --set heads=5 -o @bad")
        .fails(2, &["heads"]);
}

#[test]
fn every_setting_of_a_training_can_be_said() {
    let bench = Bench::new();
    bench.idx("plain", 60, 20);
    let line = "train @plain --network mlp --set hidden1=16 --set hidden2=8 --epochs 3 --batch 16 --optimizer adamw \
                --lr 0.002 --weight-decay 0.01 --schedule one-cycle --label-smoothing 0.1 --clip 1 --patience 1 \
                --class-weights balanced --augment flip,shift=2 --seed 4 -o @model";
    bench.run(line).succeeds();
    let evaluation = record(&bench.run("eval -m @model @plain --json"), "eval");
    assert_eq!(evaluation["classes"].as_array().unwrap().len(), 10);
    assert!(bench.run("eval -m @model @plain").succeeds().out.contains("F1"));
    for (options, parts) in [
        ("--label-smoothing 1.5", &["label_smoothing"][..]),
        ("--clip 0", &["clip"]),
        ("--patience 0", &["patience"]),
        ("--class-weights 1,2", &["class_weights", "10 classes"]),
        ("--class-weights some", &["some"]),
        ("--augment twirl", &["twirl", "shift=PIXELS"]),
        ("--augment shift=far", &["shift"]),
        ("--schedule wave", &["wave"]),
        ("--device abacus", &["abacus"]),
    ] {
        bench
            .run(&format!("train @plain {options} -o @other"))
            .fails(2, parts);
    }
}

#[test]
fn changes_that_a_disguise_does_not_tolerate_are_refused() {
    let bench = Bench::new();
    bench.idx("plain", 40, 10);
    disguised(&bench, "rmt", "rmt");
    disguised(&bench, "tanaka", "tanaka");
    disguised(&bench, "skk --set image_key=true", "skk");
    let train = |line: &str| bench.run(&format!("train {line} --network mlp --epochs 1"));
    train("@rmt --augment flip -o @no").fails(2, &["rmt", "--copies"]);
    train("@tanaka --augment flip -o @no").fails(2, &["multiples of 4 pixels"]);
    train("@tanaka --augment shift=3 -o @no").fails(2, &["multiples of 4 pixels"]);
    train("@tanaka --augment shift=4 -o @shifted").succeeds();
    train("@skk --augment flip,shift=1 -o @moved").succeeds();
    for (name, parts) in [
        ("rmt", &["front: block", "--copies"][..]),
        ("tanaka", &["multiples of 4"]),
        ("skk", &["flips"]),
    ] {
        let check = bench.run(&format!("check -k @{name}-key @plain"));
        for part in parts {
            assert!(check.succeeds().out.contains(part), "{name}: {}", check.out);
        }
    }
}

#[test]
fn weights_leave_and_come_back() {
    let bench = Bench::new();
    bench.idx("plain", 40, 20);
    bench
        .run("train @plain --network resnet18 --set width=4 --epochs 1 -o @model")
        .succeeds();
    let told = record(
        &bench.run("export -m @model @weights.safetensors --json"),
        "export",
    );
    assert_eq!(
        (told["tensors"].as_u64(), told["mean"].as_array().map(Vec::len)),
        (Some(102), Some(1))
    );
    bench
        .run("export -m @model @weights.safetensors")
        .fails(2, &["exists already"]);
    bench
        .run("import @weights.safetensors --like @model -o @back")
        .succeeds();
    let answers = |model: &str| {
        let said = bench.run(&format!("eval -m @{model} @plain --json"));
        record(&said, "eval")["evaluation"].to_string()
    };
    assert_eq!(answers("model"), answers("back"));
    bench
        .run("train @plain --network mlp --epochs 1 -o @mlp")
        .succeeds();
    bench
        .run("import @weights.safetensors --like @mlp -o @no")
        .fails(10, &["weights.safetensors", "missing"]);
}

#[cfg(not(feature = "gpu"))]
#[test]
fn a_gpu_is_not_replaced_in_silence() {
    let bench = Bench::new();
    bench.idx("plain", 20, 10);
    bench
        .run("train @plain --network mlp --epochs 1 --device gpu -o @model")
        .fails(1, &["GPU", "--features gpu", "--device cpu"]);
    assert!(!bench.path("model").exists());
}

#[test]
fn a_run_that_diverges_keeps_what_was_good() {
    let bench = Bench::new();
    bench.idx("plain", 40, 10);
    bench
        .run("train @plain --network mlp --epochs 2 --lr 1e38 -o @model")
        .fails(1, &["diverged", "--lr", "checkpoint"]);
    assert!(!bench.path("model").exists());
}
