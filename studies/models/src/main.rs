//! Tests whether disguising protects models from attacks on them, as the DisguisedNets paper says (Chen,
//! Gu, Sharma, ACM TOIT 2023):
//!
//!     cargo run --release -p study-models -- SETS [SECTION...] [--again] [--quick]
//!     cargo run --release -p study-models -- --render
//!
//! SETS is the folder of the image sets (`fashion-mnist` in IDX, `faces` as a folder of images, and the
//! others of `study-attacks`). Each section writes `docs/records/models/SECTION.json` cell by cell and goes
//! on where its record ends; `--again` begins anew. `docs/models.md` and what it shows are rendered from
//! all records. `--quick` makes everything about ten times smaller, in a folder of its own that it names.

mod cloak;
mod measure;
mod plan;
mod record;
mod render;
mod scene;
mod sections;
mod split;
mod verdict;

use anyhow::bail;
use sections::Order;
use std::{
    env,
    path::{Path, PathBuf},
};
use study_attacks::sets::Sets;

/// The folder of the project.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn main() -> anyhow::Result<()> {
    let (options, names): (Vec<String>, Vec<String>) = env::args()
        .skip(1)
        .partition(|argument| argument.starts_with('-'));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let root = match options.contains(&"--quick") {
        true => env::temp_dir().join("visard-study-models"),
        false => PathBuf::from(ROOT),
    };
    let known = ["--render", "--again", "--quick"];
    let understood = options.iter().all(|option| known.contains(option));
    match (names.split_first(), options.contains(&"--render")) {
        (None, true) if understood => {}
        (Some((sets, names)), false) if understood => {
            let order = Order {
                sets: &Sets::open(Path::new(sets))?,
                root: &root,
                quick: options.contains(&"--quick"),
                again: options.contains(&"--again"),
            };
            measure(names, &order)?;
        }
        _ => bail!(
            "usage: study-models SETS [SECTION...] [--again] [--quick] | --render\nsections: {}",
            sections::names()
        ),
    }
    render::write(&root)?;
    println!("{}", root.join(render::DOCUMENT).display());
    Ok(())
}

/// Measures the named sections, or all of them.
fn measure(names: &[String], order: &Order<'_>) -> anyhow::Result<()> {
    let known = |name: &String| sections::ALL.iter().any(|section| section.name == *name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        bail!(
            "no section is called {unknown:?}; there are {}",
            sections::names()
        );
    }
    for section in sections::ALL {
        if names.is_empty() || names.iter().any(|name| name == section.name) {
            section.run(order)?;
        }
    }
    Ok(())
}
