//! Runs that are killed, interrupted, disturbed, or out of space: nothing is lost, nothing differs.

use crate::support::{Bench, Said, contents, visard};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

fn start(bench: &Bench, line: &str) -> Child {
    let mut command = visard();
    command
        .args(bench.words(line))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Moments spread over a run, told by a fixed sequence of fractions.
fn moments(count: u32, longest: Duration) -> impl Iterator<Item = Duration> {
    (0..count).map(move |i| longest.mul_f64(f64::from(i * 7 % count) / f64::from(count)))
}

/// Kills runs at `tries` moments, resumes each, and compares with an undisturbed run.
fn survives_kills(bench: &Bench, line: &str, out: &str, tries: u32) {
    let begun = std::time::Instant::now();
    bench.run(&format!("{line} @reference")).succeeds();
    let whole = begun.elapsed();
    let reference = contents(&bench.path("reference"));
    let mut resumed = 0;
    for (i, moment) in moments(tries, whole).enumerate() {
        let name = format!("{out}{i}");
        let mut child = start(bench, &format!("{line} @{name} --checkpoint-seconds 0.005"));
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let said = bench.run(&format!("{line} @{name} --json"));
        let record: serde_json::Value = serde_json::from_str(said.succeeds().out.trim()).unwrap();
        resumed += u32::from(record["resumed"].as_u64() > Some(0));
        assert!(
            contents(&bench.path(&name)) == reference,
            "killed after {moment:?}: other bytes"
        );
        bench.run(&format!("verify @{name}")).succeeds();
        std::fs::remove_dir_all(bench.path(&name)).unwrap();
    }
    println!("{resumed} of {tries} killed runs went on from a checkpoint");
}

#[test]
fn killed_runs_end_with_the_same_bytes() {
    let bench = Bench::new();
    bench.idx("idx", 60_000, 1000);
    bench.folder("folder", 400);
    bench.key("k", "--scheme aes --shape 28x28x1");
    bench.key("r", "--scheme rmt --shape 28x28x1");
    survives_kills(&bench, "apply -k @k @idx", "idx-out", 8);
    std::fs::remove_dir_all(bench.path("reference")).unwrap();
    survives_kills(&bench, "apply -k @r @idx", "rmt-out", 6);
    std::fs::remove_dir_all(bench.path("reference")).unwrap();
    survives_kills(&bench, "apply -k @k @folder", "folder-out", 6);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_so_and_goes_on() {
    let bench = Bench::new();
    bench.idx("plain", 60_000, 1000);
    bench.key("k", "--scheme rmt --shape 28x28x1 --set block=28");
    let child = start(&bench, "apply -k @k @plain @out");
    std::thread::sleep(Duration::from_millis(300));
    // The run may be over already on a fast machine; then the signal finds nobody.
    drop(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status(),
    );
    let code = child.wait_with_output().unwrap().status.code();
    assert!(matches!(code, Some(130 | 0)), "{code:?}");
    bench.run("apply -k @k @plain @out").succeeds();
    bench.run("verify @out").succeeds();
}

#[test]
fn two_runs_cannot_write_one_output() {
    let bench = Bench::new();
    bench.idx("plain", 60_000, 1000);
    bench.key("k", "--scheme rmt --shape 28x28x1 --set block=28");
    let mut first = start(&bench, "apply -k @k @plain @out --threads 1");
    let journal = bench.path("out/.visard-journal");
    while !journal.exists() {
        assert!(
            first.try_wait().unwrap().is_none(),
            "the first run ended before it began"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    let second = bench.run("apply -k @k @plain @out");
    let still_running = first.try_wait().unwrap().is_none();
    assert!(first.wait().unwrap().success());
    if still_running {
        second.fails(11, &["another run"]);
    }
    bench.run("verify @out").succeeds();
}

/// Runs a shell line in a name space of its own with a small file system mounted on `disk`.
fn on_small_disk(bench: &Bench, size: &str, script: &str) -> Option<Said> {
    let program = assert_cmd::cargo::cargo_bin!("visard");
    let script = format!("mount -t tmpfs -o size={size} small disk || exit 99; {script}");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    command.env("VISARD", program).current_dir(bench.root.path());
    let said = Said::from(command.output().ok()?);
    (said.code != 99 && !said.err.contains("unshare")).then_some(said)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let bench = Bench::new();
    bench.idx("plain", 10_000, 500);
    bench.key("k", "--scheme aes --shape 28x28x1");
    bench.run("apply -k @k @plain @reference").succeeds();
    std::fs::create_dir(bench.path("disk")).unwrap();
    let script = "\"$VISARD\" apply -k k plain disk/out 2> first.txt; echo $? > code.txt; \
                  mount -o remount,size=64m small disk; \
                  \"$VISARD\" apply -k k plain disk/out && \"$VISARD\" verify disk/out && cp -r disk/out copied";
    let Some(said) = on_small_disk(&bench, "2m", script) else {
        println!("skipped: this machine lets no test mount a file system");
        return;
    };
    let read = |name: &str| std::fs::read_to_string(bench.path(name)).unwrap();
    assert_eq!(read("code.txt").trim(), "16", "{}", read("first.txt"));
    assert!(
        read("first.txt").contains("no space left"),
        "{}",
        read("first.txt")
    );
    said.succeeds();
    assert!(contents(&bench.path("copied")) == contents(&bench.path("reference")));
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_is_no_failure() {
    let program = assert_cmd::cargo::cargo_bin!("visard");
    let line = format!(
        "\"{}\" completions bash | head -n 1; exit ${{PIPESTATUS:-0}}",
        Path::new(&program).display()
    );
    let said = Said::from(Command::new("sh").args(["-c", &line]).output().unwrap());
    assert_eq!(said.code, 0);
    assert!(!said.err.contains("panicked"), "{}", said.err);
}
