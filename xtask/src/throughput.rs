//! The whole program, timed as a user would see it.

use anyhow::{Context, bail};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::Command,
};

/// Disguises Fashion-MNIST, and ten times Fashion-MNIST, from plain IDX to plain IDX.
pub(crate) fn measure(sets: &Path) -> anyhow::Result<()> {
    crate::run("the program", &["build", "--release", "--package", "visard"], &[])?;
    let bench = tempfile::tempdir()?;
    let program = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/visard"));
    println!("| key | images | images/s | seconds | in the scheme | peak memory |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for times in [1, 10] {
        let plain = bench.path().join(format!("plain{times}"));
        repeat(&sets.join("fashion-mnist"), &plain, times)?;
        for (name, set) in [
            ("aes", "per_position=true"),
            ("aes", "per_position=false"),
            ("rmt", "noise=0"),
            ("rmt", "noise=25"),
        ] {
            let tag = format!("{name}-{set}-{times}");
            let (key, out) = (bench.path().join(format!("{tag}.key")), bench.path().join(&tag));
            let key_text = key.to_string_lossy().into_owned();
            visard(
                program,
                &[
                    "keygen",
                    "--scheme",
                    name,
                    "--shape",
                    "28x28x1",
                    "--set",
                    set,
                    "-o",
                    &key_text,
                    "--insecure-plaintext-key",
                ],
            )?;
            let arguments = [
                "apply",
                "-k",
                &key_text,
                &plain.to_string_lossy(),
                &out.to_string_lossy(),
            ];
            let record = visard(program, &arguments)?;
            let number = |field: &str| record[field].as_f64().unwrap_or(f64::NAN);
            println!(
                "| {name} {set} | {} | {:.0} | {:.2} | {:.2} | {:.0} MB |",
                number("images"),
                number("images") / number("seconds"),
                number("seconds"),
                number("scheme_seconds"),
                number("peak_memory_bytes") / 1e6
            );
            fs::remove_dir_all(out)?;
        }
    }
    Ok(())
}

fn visard(program: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let output = Command::new(program)
        .args(arguments)
        .args(["--json", "--threads", "2"])
        .output()?;
    if !output.status.success() {
        bail!(
            "visard {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Writes the IDX files of a data set uncompressed, their contents `times` over.
fn repeat(from: &Path, to: &Path, times: usize) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for split in ["train", "t10k"] {
        for (kind, header) in [("images-idx3-ubyte", 16), ("labels-idx1-ubyte", 8)] {
            let source = from.join(format!("{split}-{kind}.gz"));
            let mut bytes = Vec::new();
            let file = File::open(&source).with_context(|| format!("{}", source.display()))?;
            GzDecoder::new(file).read_to_end(&mut bytes)?;
            let count = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) * times as u32;
            bytes[4..8].copy_from_slice(&count.to_be_bytes());
            let body = bytes.split_off(header);
            for _ in 0..times {
                bytes.extend_from_slice(&body);
            }
            fs::write(to.join(format!("{split}-{kind}")), bytes)?;
        }
    }
    Ok(())
}
