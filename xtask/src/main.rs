//! Chores of the project: `cargo xtask test` runs every check that a change must pass.

mod audits;
mod bench;
mod debian;
mod document;
mod jpeg;
mod learning;
mod schemes;
mod throughput;
mod training;

use anyhow::{Context, bail};
use std::{env, path::Path, process::Command, time::Instant};

/// The folder of the project.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--browser] [--pytorch]
          format, lints, all tests, documentation; what CI runs. With --browser also the report in Debian's
          chromium, with --pytorch also stock PyTorch on disguised data; both are installed where they are
          missing (needs root and apt-get)
  soft    the core's tests once more on the portable AES, without AES instructions
  bench   throughput of the schemes beside the machine's limits: prints the table, writes the
          records to docs/records/schemes.json and renders them into docs/performance.md
  schemes docs/schemes.md and its contact sheets, from the registry and the bundled photographs
  throughput SETS
          the whole program on SETS/fashion-mnist (IDX .gz), plain IDX to plain IDX: images/s and
          peak memory, once as it is and once ten times over
  audits SETS [NAME...]
          `visard audit` on every scheme (or those whose record is called NAME) with the image sets in SETS, into
          docs/records/audit/ and docs/audit.md; audits --render renders the document again
  learning SETS [NAME...]
          the studies of learning (or those that are called NAME) on the image sets in SETS, into docs/learning/;
          learning --render makes tables and plots again
  training SETS [PYTHON]
          training images/s of visard, plain beside disguised images, and of PyTorch where PYTHON has it, into
          docs/records/training.json and docs/performance.md; training --render renders the table again
  jpeg [FOLDER]
          rate and distortion of the photographs in FOLDER (the bundled ones) stored as JPEG, plain and
          disguised, as a table, into docs/records/jpeg.json and
          docs/performance.md";

fn main() -> anyhow::Result<()> {
    match env::args().nth(1).as_deref() {
        Some("test") => {
            let asked = |option: &str| env::args().any(|argument| argument == option);
            test(asked("--browser"), asked("--pytorch"))
        }
        Some("soft") => soft(),
        Some("bench") => bench::measure(Path::new(ROOT)),
        Some("schemes") => schemes::write(Path::new(ROOT)),
        Some("throughput") => match env::args().nth(2) {
            Some(sets) => throughput::measure(Path::new(&sets)),
            None => bail!("name the folder of the image sets"),
        },
        Some("audits") => match env::args().nth(2).as_deref() {
            Some("--render") => audits::render(Path::new(ROOT)),
            Some(sets) => {
                let sets = Path::new(sets).canonicalize().with_context(|| sets.to_string())?;
                audits::measure(Path::new(ROOT), &sets, &env::args().skip(3).collect::<Vec<_>>())
            }
            None => bail!("name the folder of the image sets"),
        },
        Some("learning") => match env::args().nth(2).as_deref() {
            Some("--render") => learning::render(Path::new(ROOT)),
            Some(sets) => {
                let sets = Path::new(sets).canonicalize().with_context(|| sets.to_string())?;
                learning::measure(Path::new(ROOT), &sets, &env::args().skip(3).collect::<Vec<_>>())
            }
            None => bail!("name the folder of the image sets"),
        },
        Some("training") => match env::args().nth(2).as_deref() {
            Some("--render") => training::TABLE.place(Path::new(ROOT)),
            Some(sets) => {
                let sets = Path::new(sets).canonicalize().with_context(|| sets.to_string())?;
                training::measure(Path::new(ROOT), &sets, env::args().nth(3).as_deref())
            }
            None => bail!("name the folder of the image sets"),
        },
        Some("jpeg") => jpeg::study(env::args().nth(2).as_deref().map(Path::new)),
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}

fn test(browser: bool, pytorch: bool) -> anyhow::Result<()> {
    if browser {
        debian::browser()?;
    }
    if pytorch {
        debian::pytorch()?;
    }
    run("format", &["fmt", "--all", "--check"], &[])?;
    run(
        "lints",
        &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        &[],
    )?;
    run("tests", &["test", "--workspace"], &[])?;
    if browser {
        let ignored = ["test", "--workspace", "--test", "browser", "--", "--ignored"];
        run("the report in a browser", &ignored, &[])?;
    }
    if pytorch {
        stock_pytorch()?;
    }
    soft()?;
    let strict = [("RUSTDOCFLAGS", "-D warnings".to_string())];
    run(
        "documentation",
        &["doc", "--workspace", "--no-deps", "--quiet"],
        &strict,
    )?;
    println!("xtask: everything passed");
    Ok(())
}

/// Stock PyTorch on what the program that the tests have built disguises.
fn stock_pytorch() -> anyhow::Result<()> {
    println!("xtask: stock PyTorch: examples/pytorch/test.py");
    let target = env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let status = Command::new("python3")
        .args([
            "examples/pytorch/test.py",
            "--visard",
            &format!("{target}/debug/visard"),
        ])
        .current_dir(ROOT)
        .status()
        .context("python3")?;
    if !status.success() {
        bail!("stock PyTorch failed: python3 examples/pytorch/test.py");
    }
    Ok(())
}

/// The known answers and the conformance suite with the `aes` crate's portable code, in a target
/// folder of its own so that the other builds stay warm.
fn soft() -> anyhow::Result<()> {
    let flags = env::var("RUSTFLAGS").unwrap_or_default();
    let set = [
        ("RUSTFLAGS", format!("{flags} --cfg aes_backend=\"soft\"")),
        ("CARGO_TARGET_DIR", "target/soft-aes".to_string()),
    ];
    let tests = ["--test", "known_answers", "--test", "conformance"];
    run(
        "tests without AES instructions",
        &[&["test", "-p", "visard-core"], &tests[..]].concat(),
        &set,
    )
}

fn run(what: &str, arguments: &[&str], set: &[(&str, String)]) -> anyhow::Result<()> {
    println!("xtask: {what}: cargo {}", arguments.join(" "));
    let started = Instant::now();
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(arguments)
        .current_dir(ROOT)
        .envs(set.iter().map(|(name, value)| (*name, value)));
    let status = command
        .status()
        .with_context(|| format!("cargo {}", arguments.join(" ")))?;
    if !status.success() {
        bail!("{what} failed: cargo {}", arguments.join(" "));
    }
    println!("xtask: {what} passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
