//! The program `visard`: one file per command, no logic of its own.

mod commands;
mod failure;
mod open_key;
mod options;
mod picture;
mod talk;

use clap::{Parser, Subcommand};
use std::{process::ExitCode, sync::atomic::Ordering};

/// Disguise labelled images under a secret key, and train ordinary networks on what comes out.
///
/// Exit codes: 0 done, 1 other failure, 2 usage, 3 done but some inputs were skipped, 10 input
/// missing or unreadable, 11 output in use by another run, 12 wrong key or passphrase, 13 output
/// belongs to another key, scheme or version, 14 verification failed, 15 limit exceeded, 16 no
/// space, 20 audit worse than --fail-on, 130 interrupted.
#[derive(Parser)]
#[command(name = "visard", version, max_term_width = 100, after_help = EXAMPLES)]
struct Program {
    #[command(flatten)]
    common: options::Common,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  visard demo
  visard keygen --scheme rmt --shape 28x28x1 -o owner.key
  visard apply -k owner.key fashion-mnist/ disguised/
  visard train disguised/ --network cnn --epochs 6 -o model.safetensors
  visard eval -m model.safetensors disguised/
  visard predict -m model.safetensors -k owner.key shoe.png
  visard audit -k owner.key fashion-mnist/ -o report.html
  visard remove -k owner.key disguised/ restored/";

#[derive(Subcommand)]
enum Command {
    Demo(commands::demo::Args),
    Schemes(commands::schemes::Args),
    Networks(commands::networks::Args),
    Keygen(commands::keygen::Args),
    Check(commands::check::Args),
    Apply(commands::apply::Args),
    Remove(commands::remove::Args),
    Verify(commands::verify::Args),
    Inspect(commands::inspect::Args),
    Train(commands::train::Args),
    Eval(commands::eval::Args),
    Predict(commands::predict::Args),
    Export(commands::export::Args),
    Import(commands::import::Args),
    Attacks(commands::attacks::Args),
    Attack(Box<commands::attack::Args>),
    Audit(commands::audit::Args),
    Study(commands::study::Args),
    Completions(commands::completions::Args),
}

impl Command {
    fn run(&self, talk: &talk::Talk) -> anyhow::Result<ExitCode> {
        match self {
            Self::Demo(args) => args.run(talk),
            Self::Schemes(args) => args.run(talk),
            Self::Networks(args) => args.run(talk),
            Self::Keygen(args) => args.run(talk),
            Self::Check(args) => args.run(talk),
            Self::Apply(args) => args.run(talk),
            Self::Remove(args) => args.run(talk),
            Self::Verify(args) => args.run(talk),
            Self::Inspect(args) => args.run(talk),
            Self::Train(args) => args.run(talk),
            Self::Eval(args) => args.run(talk),
            Self::Predict(args) => args.run(talk),
            Self::Export(args) => args.run(talk),
            Self::Import(args) => args.run(talk),
            Self::Attacks(args) => args.run(talk),
            Self::Attack(args) => args.run(talk),
            Self::Audit(args) => args.run(talk),
            Self::Study(args) => args.run(talk),
            Self::Completions(args) => args.run(talk, &mut <Program as clap::CommandFactory>::command()),
        }
    }
}

fn main() -> ExitCode {
    let program = Program::parse();
    let talk = talk::Talk::new(program.common.json, program.common.quiet);
    if let Some(threads) = program.common.threads {
        // Fails only if the pool exists already, which it does not at start.
        drop(
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build_global(),
        );
    }
    // The first signal ends the run at the next batch, the second at once.
    drop(ctrlc::set_handler(|| {
        if talk::STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    }));
    match program.command.run(&talk) {
        Ok(code) => code,
        Err(error) => failure::report(&error, &talk),
    }
}
