//! `visard networks`.

use crate::talk::{Talk, params_table, params_value, table};
use serde_json::json;
use std::process::ExitCode;
use visard_learn::{NetworkInfo, networks};

/// List the networks, or explain one
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  visard networks\n  visard networks cnn")]
pub(crate) struct Args {
    /// Network to explain
    name: Option<String>,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        if let Some(name) = &self.name {
            let info = networks::find(name)?;
            talk.result("network", explain(info), describe(info))?;
            return Ok(ExitCode::SUCCESS);
        }
        let rows: Vec<Vec<String>> = networks::ALL
            .iter()
            .map(|info| {
                vec![
                    info.name.into(),
                    info.title.into(),
                    info.suits.into(),
                    info.paper.into(),
                ]
            })
            .collect();
        let all: Vec<_> = networks::ALL.iter().map(|info| describe(info)).collect();
        talk.result(
            "networks",
            table(&["network", "what", "suits", "paper"], &rows),
            json!({ "networks": all }),
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

fn explain(info: &NetworkInfo) -> String {
    format!(
        "{} - {}\n\n  {}\n\nPaper: {}\nSuits: {}\nDefaults: {} epochs, learning rate {}\n\nParameters (--set \
         NAME=VALUE):\n{}",
        info.name,
        info.title,
        info.summary,
        info.paper,
        info.suits,
        info.epochs,
        info.lr,
        params_table(info.params)
    )
}

fn describe(info: &NetworkInfo) -> serde_json::Value {
    json!({
        "name": info.name, "title": info.title, "paper": info.paper, "summary": info.summary, "suits": info.suits,
        "epochs": info.epochs, "lr": info.lr, "params": params_value(info.params),
    })
}
