//! Audits as an owner makes them.

use crate::support::Bench;
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text.trim()).unwrap()
}

#[test]
fn an_owner_audits_a_folder_and_gets_a_page_a_record_and_a_table() {
    let bench = Bench::new();
    bench.folder("photos", 120);
    bench.key("k", "--scheme rmt --shape 28x28x1");
    let line = "audit -k @k @photos --sample 60 --pairs 1,10 -o @report.html";
    let found = json(&bench.run(&format!("{line} --json")).succeeds().out);
    assert_eq!((&found["kind"], &found["schema"]), (&"audit".into(), &2.into()));
    let level = |access: &str| {
        let levels = found["levels"].as_array().unwrap();
        let level = levels.iter().find(|level| level["access"] == access).unwrap();
        level["verdict"].clone()
    };
    assert_eq!(level("2"), "broken");
    assert_eq!(level("3"), "broken");
    assert_eq!(found["data"]["name"], "photos");
    let page = std::fs::read_to_string(bench.path("report.html")).unwrap();
    assert!(page.contains("rmt-regression") && page.contains("bundled Fashion-MNIST"));
    assert!(
        !page.contains(bench.root.path().to_str().unwrap()),
        "the page tells where the images lie"
    );
    let written = json(&std::fs::read_to_string(bench.path("report.json")).unwrap());
    assert_eq!(written["fingerprint"], found["fingerprint"]);
    assert!(
        std::fs::read_to_string(bench.path("report.csv"))
            .unwrap()
            .lines()
            .count()
            > 10
    );
    // Nothing is written over.
    bench.run(line).fails(13, &["report.html", "exists already"]);
    // The secret is nowhere in what was written.
    let key = std::fs::read_to_string(bench.path("k")).unwrap();
    let secret = key
        .lines()
        .filter(|line| line.len() > 40 && !line.contains(' '))
        .max_by_key(|line| line.len());
    assert!(secret.is_none_or(|secret| !page.contains(secret)));

    bench.key("noisy", "--scheme rmt --set noise=100 --shape 28x28x1");
    let line = line
        .replace("@k ", "@noisy ")
        .replace("@report.html", "@noisy.html");
    bench
        .run(&format!("{line} --fail-on broken --include-originals"))
        .fails(20, &["keep it as you keep the images"]);
    assert!(
        std::fs::read_to_string(bench.path("noisy.html"))
            .unwrap()
            .contains("Whoever has it has pairs")
    );
    let said = bench.run("audit --compare @report.json @noisy.json -o @both.html");
    assert!(said.succeeds().out.contains("rmt-regression"));
    assert!(bench.path("both.html").is_file());
    bench
        .run("audit --compare @report.json @noisy.json --json")
        .succeeds();
}

#[test]
fn without_a_data_set_the_bundled_images_are_audited_on() {
    let bench = Bench::new();
    bench.key("k", "--scheme skk --set image_key=true --shape 32x32x3");
    let said = bench.run("audit -k @k --sample 40 --levels 1 -o @a.html --fail-on leaks");
    assert_eq!(said.code, 20, "{}", said.err);
    assert!(said.out.contains("skk-leading-bit"), "{}", said.out);
    let record = json(&std::fs::read_to_string(bench.path("a.json")).unwrap());
    assert_eq!(record["data"]["name"], "bundled photographs");
    assert!(
        record["levels"]
            .as_array()
            .unwrap()
            .iter()
            .all(|level| level["access"].as_str().unwrap().starts_with('1'))
    );
}

#[test]
fn an_owner_has_a_model_of_the_images_attacked() {
    let bench = Bench::new();
    bench.folder("photos", 400);
    bench.key("k", "--scheme rmt --shape 28x28x1");
    let line =
        "audit -k @k @photos --sample 240 --levels M --network linear --epochs 2 --shadows 2 -o @m.html";
    let found = json(&bench.run(&format!("{line} --json")).succeeds().out);
    let levels = found["levels"].as_array().unwrap();
    let names: Vec<&str> = levels
        .iter()
        .map(|level| level["access"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["M", "M+key"]);
    assert!(levels[0]["not_reached"].is_null());
    assert!(
        levels[1]["not_reached"]
            .as_str()
            .unwrap()
            .contains("--levels 1,2,3,M")
    );
    assert_eq!(found["attacks"].as_array().unwrap().len(), 0);
    let model = &found["model"];
    assert_eq!(
        (&model["network"], &model["epochs"]),
        (&"linear".into(), &2.into())
    );
    assert!(model["attacks"].as_array().unwrap().len() > 5);
    let page = std::fs::read_to_string(bench.path("m.html")).unwrap();
    assert!(page.contains("What the model gives away") && page.contains("bundled Fashion-MNIST"));
    assert!(page.contains("--levels M") && page.contains("--network linear"));
    let said = bench.run("audit --compare @m.json @m.json");
    assert!(
        said.succeeds().out.contains("class-membership (M)"),
        "{}",
        said.out
    );
}

#[test]
fn audits_that_cannot_be_are_refused_before_any_work() {
    let bench = Bench::new();
    bench.folder("few", 9);
    bench.folder("some", 60);
    bench.key("k", "--scheme rmt --shape 28x28x1");
    bench.key("other", "--scheme rmt --shape 32x32x1");
    bench
        .run("audit -k @k @few -o @a.html")
        .fails(10, &["few", "needs 32"]);
    bench
        .run("audit -k @k @nowhere -o @a.html")
        .fails(10, &["nowhere"]);
    bench
        .run("audit -k @other @some -o @a.html")
        .fails(10, &["--fit"]);
    bench
        .run("audit -k @k @some -o @no/folder/a.html")
        .fails(1, &["folder"]);
    bench.run("audit -k @k @some -o @a.json").fails(2, &[".html"]);
    bench
        .run("audit -k @k @some --levels 4 -o @a.html")
        .fails(2, &["'4'", "--levels", "M"]);
    bench
        .run("audit -k @k @some --levels 1,X -o @a.html")
        .fails(2, &["'X'", "--levels"]);
    bench
        .run("audit -k @k @some --levels M --network sponge -o @a.html")
        .fails(2, &["sponge"]);
    bench.run("audit -k @k @some").fails(2, &["--output"]);
    bench.run("apply -k @k @some @disguised --depth 8").succeeds();
    bench
        .run("audit -k @k @disguised -o @a.html")
        .fails(10, &["plain images"]);
    std::fs::write(bench.path("cake.json"), "{\"kind\": \"cake\", \"schema\": 1}").unwrap();
    bench
        .run("audit --compare @cake.json @cake.json")
        .fails(10, &["cake.json", "no record"]);
    assert!(!bench.path("a.html").exists());
}
