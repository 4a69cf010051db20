//! Measures what the attacks bring back on whole image sets, beside the figures that were expected:
//!
//!     cargo run --release -p study-attacks -- SETS [SECTION...]
//!     cargo run --release -p study-attacks -- --render
//!
//! SETS is the folder of the image sets (`fashion-mnist` and `mnist-5k` in IDX, `fashion-m` in the layout of
//! CIFAR-10, `photos`). Each section writes `docs/records/attacks/SECTION.json`; `docs/attacks.md` is rendered
//! from all of them. What is expected is what throw-away scripts measured before the attacks were written, or
//! what a formula says; where a table's figures differ by more than its tolerance, its notes say why.

mod render;
mod sections;

use anyhow::{Context, bail};
use record::Record;
use std::{env, path::Path, time::Instant};
use study_attacks::{disguised, markdown, record, sets};

/// The folder of the project.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, [])) if first == "--render" => {}
        Some((sets, names)) if !sets.starts_with('-') => measure(Path::new(sets), names)?,
        _ => bail!(
            "usage: study-attacks SETS [SECTION...] | --render\nsections: {}",
            sections::names()
        ),
    }
    render::write(Path::new(ROOT))
}

/// Runs the named sections, or all of them, and writes their records.
fn measure(folder: &Path, names: &[String]) -> anyhow::Result<()> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !sections::ALL.iter().any(|s| s.name == **name))
    {
        bail!(
            "no section is called {unknown:?}; there are {}",
            sections::names()
        );
    }
    let sets = sets::Sets::open(folder)?;
    for section in sections::ALL {
        if !names.is_empty() && !names.iter().any(|name| name == section.name) {
            continue;
        }
        let started = Instant::now();
        let tables = (section.run)(&sets).with_context(|| section.name)?;
        let record = Record::new(
            "study-attacks",
            section.name,
            section.title,
            tables,
            started.elapsed(),
        );
        let text = serde_json::to_string_pretty(&record)?;
        let place = record::place(Path::new(ROOT), section.name);
        record::write(&place, text + "\n")?;
        println!("{}", markdown::section(&record));
    }
    Ok(())
}
