//! Speed of training: visard beside PyTorch, and disguised beside plain images.

use crate::document::{Table, cell, number};
use anyhow::{Context, bail};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Training images per second.
pub(crate) const TABLE: Table = Table {
    records: "docs/records/training.json",
    mark: "training",
    render,
};

/// Network and front, and the image set that it learns from.
const CASES: [(&str, &str); 4] = [
    ("cnn:none", "fashion-mnist"),
    ("cnn:none", "fashion-m"),
    ("resnet18:none", "fashion-mnist"),
    ("resnet18:none", "fashion-m"),
];

/// Measures on the image sets in `sets` and renders; `python` is one that has PyTorch, if there is one.
pub(crate) fn measure(root: &Path, sets: &Path, python: Option<&str>) -> anyhow::Result<()> {
    crate::run(
        "the program",
        &["build", "--release", "--workspace", "--examples"],
        &[],
    )?;
    let folder = env::temp_dir().join(format!("visard-training-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let measured = records(root, sets, python, &folder);
    fs::remove_dir_all(&folder)?;
    let records = measured?;
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    fs::write(root.join(TABLE.records), format!("[\n{}\n]\n", lines.join(",\n")))?;
    TABLE.place(root)
}

fn records(root: &Path, sets: &Path, python: Option<&str>, folder: &Path) -> anyhow::Result<Vec<Value>> {
    let mut records = Vec::new();
    for (network, set) in CASES {
        let plain = sets.join(set);
        let disguised = disguise(root, &plain, set, folder)?;
        let speed = root.join("target/release/examples/speed");
        let mut command = Command::new(speed);
        command
            .args(["--seconds", "5", network])
            .args([&plain, &disguised]);
        records.extend(lines(&mut command)?);
    }
    if let Some(python) = python {
        let script = root.join("scripts/torch-bench.py");
        records.extend(lines(Command::new(python).arg(script).args(["--seconds", "5"]))?);
    }
    Ok(records)
}

/// The set under RMT, as bytes.
fn disguise(root: &Path, plain: &Path, set: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let (key, output) = (
        folder.join(format!("{set}.key")),
        folder.join(format!("{set}-rmt")),
    );
    if output.exists() {
        return Ok(output);
    }
    let program = root.join("target/release/visard");
    let shape = if set == "fashion-m" { "32x32x3" } else { "28x28x1" };
    let run = |arguments: &[&str], paths: &[&Path]| -> anyhow::Result<()> {
        let status = Command::new(&program).args(arguments).args(paths).status()?;
        if !status.success() {
            bail!("visard {} failed", arguments.join(" "));
        }
        Ok(())
    };
    let keygen = [
        "-q",
        "keygen",
        "--scheme",
        "rmt",
        "--shape",
        shape,
        "--insecure-plaintext-key",
        "-o",
    ];
    run(&keygen, &[&key])?;
    let key = key
        .to_str()
        .context("the folder for temporary files has a name that is no text")?;
    run(&["-q", "apply", "--depth", "8", "-k", key], &[plain, &output])?;
    Ok(output)
}

/// The JSON lines that a command prints.
fn lines(command: &mut Command) -> anyhow::Result<Vec<Value>> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout)?;
    println!("{text}");
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

fn render(records: &[Value]) -> anyhow::Result<String> {
    let mut table = String::from(
        "| library | network | images | shape | batch | threads | images/s | beside plain |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for record in records.iter().filter(|record| record["images_per_s"].is_number()) {
        let same = |other: &&Value| {
            other["ratio_to_first"].is_number()
                && other["data"] == record["data"]
                && other["network"] == record["network"]
        };
        let ratio = records.iter().find(same);
        let ratio = ratio.map_or(Ok("-".to_string()), |ratio| number(ratio, "ratio_to_first", 3))?;
        let library = match record["library"].as_str() {
            Some(library) => library.to_string(),
            None => format!("PyTorch {}", cell(record, "torch")),
        };
        let shape = match &record["shape"] {
            Value::Array(sides) => sides.iter().map(Value::to_string).collect::<Vec<_>>().join("x"),
            _ => cell(record, "shape"),
        };
        table += &format!(
            "| {library} | {} | {} | {shape} | {} | {} | {} | {ratio} |\n",
            cell(record, "network"),
            cell(record, "data"),
            cell(record, "batch"),
            cell(record, "threads"),
            number(record, "images_per_s", 0)?,
        );
    }
    Ok(table)
}
