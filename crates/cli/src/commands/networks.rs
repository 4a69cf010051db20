//! `visard networks`.

use crate::talk::{Talk, params_table, params_value, table};
use serde_json::json;
use std::process::ExitCode;
use visard_learn::{FrontInfo, NetworkInfo, OptimizerKind, fronts, networks};

/// List the networks and the fronts that can go before them, or explain one
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  visard networks\n  visard networks resnet18\n  visard networks position"
)]
pub(crate) struct Args {
    /// Network or front to explain
    name: Option<String>,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        if let Some(name) = &self.name {
            match fronts::find(name) {
                Ok(front) => talk.result("front", explain_front(front), describe_front(front))?,
                Err(_) => {
                    let info = networks::find(name)?;
                    talk.result("network", explain(info), describe(info))?;
                }
            }
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
        let front_rows: Vec<Vec<String>> = fronts::ALL
            .iter()
            .map(|f| vec![f.name.into(), f.title.into(), f.suits.into(), f.paper.into()])
            .collect();
        let all_fronts: Vec<_> = fronts::ALL.iter().map(|front| describe_front(front)).collect();
        talk.result(
            "networks",
            format!(
                "{}\nFronts (train --front NAME), which meet a disguise before the network does:\n{}",
                table(&["network", "what", "suits", "paper"], &rows),
                table(&["front", "what", "suits", "paper"], &front_rows)
            ),
            json!({ "networks": all, "fronts": all_fronts }),
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

fn explain(info: &NetworkInfo) -> String {
    format!(
        "{} - {}\n\n  {}\n\nPaper: {}\nSuits: {}\nDefaults: {} epochs, batches of {}, learning rate {}, {}\n\nParameters (--set \
         NAME=VALUE):\n{}",
        info.name,
        info.title,
        info.summary,
        info.paper,
        info.suits,
        info.epochs,
        info.batch,
        info.lr,
        optimizer(info),
        params_table(info.params)
    )
}

fn optimizer(info: &NetworkInfo) -> &'static str {
    match info.optimizer {
        OptimizerKind::Sgd => "SGD",
        OptimizerKind::Adamw => "AdamW",
    }
}

fn explain_front(info: &FrontInfo) -> String {
    format!(
        "{} - {}\n\n  {}\n\nPaper: {}\nSuits: {}\n\nParameters (--set-front NAME=VALUE; block follows the scheme of the \
         data):\n{}",
        info.name,
        info.title,
        info.summary,
        info.paper,
        info.suits,
        params_table(info.params)
    )
}

fn describe_front(info: &FrontInfo) -> serde_json::Value {
    json!({
        "name": info.name, "title": info.title, "paper": info.paper, "summary": info.summary, "suits": info.suits,
        "params": params_value(info.params),
    })
}

fn describe(info: &NetworkInfo) -> serde_json::Value {
    json!({
        "name": info.name, "title": info.title, "paper": info.paper, "summary": info.summary, "suits": info.suits,
        "epochs": info.epochs, "batch": info.batch, "lr": info.lr, "optimizer": optimizer(info), "params": params_value(info.params),
    })
}
