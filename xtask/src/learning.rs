//! The studies of learning: run by the program, kept as records in `docs/learning/`, rendered there.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The studies, in the order in which they are run.
const STUDIES: &[&str] = &[
    "fashion-mnist",
    "variants",
    "fronts",
    "mnist-5k",
    "fashion-m",
    "rmt",
    "resnet18",
];

/// Where records, tables and plots lie.
const FOLDER: &str = "docs/learning";

/// What the audit knows of accuracies.
const ACCURACY: &str = "crates/audit/records/accuracy.json";

/// Runs the studies (or those that are named) on the image sets in `sets`, and renders.
pub(crate) fn measure(root: &Path, sets: &Path, names: &[String]) -> anyhow::Result<()> {
    if let Some(unknown) = names.iter().find(|name| !STUDIES.contains(&name.as_str())) {
        bail!("no study is called {unknown}; there are {}", STUDIES.join(", "));
    }
    let sets = sets
        .to_str()
        .context("the folder of the image sets has a name that is no text")?;
    for name in STUDIES {
        if names.is_empty() || names.iter().any(|asked| asked == name) {
            study(name, &["--sets", sets])?;
        }
    }
    accuracies(root)
}

/// Renders the records that are there.
pub(crate) fn render(root: &Path) -> anyhow::Result<()> {
    for name in STUDIES {
        if root.join(FOLDER).join(name).is_dir() {
            study(name, &["--render"])?;
        }
    }
    accuracies(root)
}

fn study(name: &str, how: &[&str]) -> anyhow::Result<()> {
    let file = format!("studies/learning/{name}.toml");
    let study = [
        "run",
        "--release",
        "--",
        "study",
        &file,
        "-o",
        FOLDER,
        "--audits",
        "docs/records/audit",
    ];
    crate::run(&format!("the study {name}"), &[&study[..], how].concat(), &[])
}

/// Gives the audit the accuracies of networks on images of each scheme.
fn accuracies(root: &Path) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for study in ["fashion-mnist", "variants", "rmt"] {
        let folder = root.join(FOLDER).join(study);
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files
            .iter()
            .filter(|file| file.extension().is_some_and(|e| e == "json"))
        {
            let record: Value =
                serde_json::from_slice(&fs::read(file)?).with_context(|| file.display().to_string())?;
            all.extend(accuracy(&record, study));
        }
    }
    // Where a scheme was tried with several networks the best comes first, and is told.
    all.sort_by(|a, b| {
        f64::total_cmp(
            &b["accuracy"].as_f64().unwrap_or(0.0),
            &a["accuracy"].as_f64().unwrap_or(0.0),
        )
    });
    let lines: Vec<String> = all.iter().map(Value::to_string).collect();
    fs::write(root.join(ACCURACY), format!("[\n  {}\n]\n", lines.join(",\n  ")))?;
    println!("xtask: {} accuracies in {ACCURACY}", lines.len());
    Ok(())
}

/// What the audit tells of a record; nothing where no network was trained.
fn accuracy(record: &Value, study: &str) -> Option<Value> {
    let (definition, outcome) = (&record["definition"], &record["outcome"]);
    let accuracy = outcome["accuracy"]
        .as_f64()
        .filter(|_| outcome["status"] == "trained")?;
    let scheme = definition["scheme"]["name"].as_str()?;
    let config = definition["task"]
        .as_object()?
        .values()
        .find(|task| task["network"].is_string());
    let config = config.unwrap_or(&definition["task"]);
    let front = match config["front"]["name"].as_str() {
        Some(front) => format!(", front {front}"),
        None => String::new(),
    };
    let images = &outcome["images"];
    let params = definition["scheme"]["params"].as_object()?;
    // As parameters are written on the command line.
    let text = |value: &Value| match value.as_str() {
        Some(text) => text.to_string(),
        None => value.to_string().trim_end_matches(".0").to_string(),
    };
    let params: serde_json::Map<String, Value> = params
        .iter()
        .map(|(name, value)| (name.clone(), json!(text(value))))
        .collect();
    Some(json!({
        "data": format!("{} ({} images to learn from)", definition["dataset"]["name"].as_str()?, images["train"]),
        "network": format!("{}{front}, {} epochs", config["network"].as_str()?, config["epochs"]),
        "scheme": (scheme != "plain").then_some(scheme),
        "params": params,
        "accuracy": accuracy,
        "command": format!("cargo xtask learning SETS {study}"),
    }))
}
