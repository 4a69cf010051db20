//! `visard attacks`.

use crate::talk::{Talk, params_table, params_value, table};
use serde_json::json;
use std::process::ExitCode;
use visard_attacks::{AttackInfo, attacks};

/// List the attacks, or explain one
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  visard attacks\n  visard attacks rmt-regression")]
pub(crate) struct Args {
    /// Attack to explain
    name: Option<String>,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        match &self.name {
            Some(name) => {
                let info = attacks::find(name)?;
                talk.result("attack", explain(info), describe(info))?;
            }
            None => {
                let all: Vec<_> = attacks::ALL.iter().map(|info| describe(info)).collect();
                talk.result("attacks", overview(), json!({ "attacks": all }))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The schemes that an attack is for, in words.
fn schemes_text(info: &AttackInfo) -> String {
    match info.applies {
        [] => "any".into(),
        names => names.join(", "),
    }
}

fn overview() -> String {
    let row = |info: &&AttackInfo| {
        vec![
            info.name.into(),
            info.level.to_string(),
            schemes_text(info),
            info.needs.to_string(),
            info.title.into(),
            info.paper.into(),
        ]
    };
    let rows: Vec<Vec<String>> = attacks::ALL.iter().map(row).collect();
    format!(
        "{}\nLevel 1: disguised images alone; 2: also pairs of plain and disguised images under the key; 3: can have \
         images of their choice disguised.\n`visard attacks NAME` explains one, `visard attack NAME` runs it.",
        table(&["attack", "level", "schemes", "needs", "what", "paper"], &rows)
    )
}

fn explain(info: &AttackInfo) -> String {
    let input = match info.needs {
        visard_attacks::Needs::Nothing => "",
        visard_attacks::Needs::Pairs => " --pairs known/ known-disguised/",
        visard_attacks::Needs::Helpers => " --chosen helpers/ helpers-disguised/",
        visard_attacks::Needs::Public => " --public similar/",
    };
    let first = match info.helpers {
        None => String::new(),
        Some(_) => format!(
            "  visard attack {} --disguised disguised/ --helpers helpers/\n",
            info.name
        ),
    };
    let params = match info.params {
        [] => "Parameters: none".to_string(),
        params => format!("Parameters (--set NAME=VALUE):\n{}", params_table(params)),
    };
    format!(
        "{} - {}\n\n  {}.\n\nPaper: {}\nLevel: {}\nSchemes: {}\nNeeds besides disguised images: {}\n{params}\n\nExample:\n\
         {first}  visard attack {} --disguised disguised/{input} -o results/",
        info.name,
        info.title,
        info.summary,
        info.paper,
        info.level,
        schemes_text(info),
        info.needs,
        info.name,
    )
}

fn describe(info: &AttackInfo) -> serde_json::Value {
    json!({
        "name": info.name, "title": info.title, "paper": info.paper, "summary": info.summary,
        "level": info.level.to_string(), "schemes": info.applies, "needs": info.needs,
        "params": params_value(info.params),
    })
}
