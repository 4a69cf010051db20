//! `visard attacks`.

use crate::talk::{Talk, params_table, params_value, table};
use serde_json::json;
use std::process::ExitCode;
use visard_attacks::{
    AttackInfo, attacks,
    model::{self, Aim, ModelAttackInfo, Reach},
};
use visard_core::params::ParamSpec;

/// List the attacks, or explain one
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  visard attacks\n  visard attacks rmt-regression\n  visard attacks lira")]
pub(crate) struct Args {
    /// Attack to explain
    name: Option<String>,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        match &self.name {
            Some(name) => match model::find(name) {
                Ok(info) => talk.result("attack", explain_model(info), describe_model(info))?,
                Err(_) => {
                    let info = attacks::find(name)?;
                    talk.result("attack", explain(info), describe(info))?;
                }
            },
            None => {
                let images = attacks::ALL.iter().map(|info| describe(info));
                let models = model::ALL.iter().map(|info| describe_model(info));
                let all: Vec<_> = images.chain(models).collect();
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
         images of their choice disguised.\n\nOn a trained model (level M), of plain or disguised images:\n{}\n\
         `visard attacks NAME` explains one, `visard attack NAME` runs it.",
        table(&["attack", "level", "schemes", "needs", "what", "paper"], &rows),
        models()
    )
}

/// The attacks on models, as a table.
fn models() -> String {
    let row = |info: &&ModelAttackInfo| {
        vec![
            info.name.into(),
            aim_text(info.aim).into(),
            reach_text(info.reach).into(),
            info.title.into(),
            info.paper.into(),
        ]
    };
    let rows: Vec<Vec<String>> = model::ALL.iter().map(row).collect();
    table(&["attack", "aim", "of the model", "what", "paper"], &rows)
}

/// What an attack on a model is after, in words.
fn aim_text(aim: Aim) -> &'static str {
    match aim {
        Aim::Membership => "was an image trained on",
        Aim::Classes => "class of an image",
        Aim::Inversion => "look of a class",
        Aim::Extraction => "copy of the model",
    }
}

/// What of the model an attack needs, in words.
fn reach_text(reach: Reach) -> &'static str {
    match reach {
        Reach::Answers => "its answers",
        Reach::Weights => "its weights",
    }
}

/// The parameters of an attack, in words.
fn params_text(params: &[ParamSpec]) -> String {
    match params {
        [] => "Parameters: none".to_string(),
        params => format!("Parameters (--set NAME=VALUE):\n{}", params_table(params)),
    }
}

fn explain_model(info: &ModelAttackInfo) -> String {
    let inputs = match info.aim {
        Aim::Membership => "--members data/@train:0..2000 --others data/@test --own data/@train:2000..6000",
        Aim::Classes => "--others plain/@test",
        Aim::Inversion => "--own plain/ -o results/",
        Aim::Extraction => "--own data/@train:2000..6000 --others data/@test -o results/",
    };
    format!(
        "{} - {}\n\n  {}.\n\nPaper: {}\nLevel: M (a trained model)\nSchemes: any, and models of plain images\n\
         Aim: {}\nNeeds of the model: {}\n{}\n\nExample:\n  visard attack {} --model model.safetensors {inputs}",
        info.name,
        info.title,
        info.summary,
        info.paper,
        aim_text(info.aim),
        reach_text(info.reach),
        params_text(info.params),
        info.name,
    )
}

fn describe_model(info: &ModelAttackInfo) -> serde_json::Value {
    json!({
        "kind": "model", "name": info.name, "title": info.title, "paper": info.paper, "summary": info.summary,
        "level": "M", "aim": info.aim, "reach": info.reach, "params": params_value(info.params),
    })
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
    let params = params_text(info.params);
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
        "kind": "images", "name": info.name, "title": info.title, "paper": info.paper, "summary": info.summary,
        "level": info.level.to_string(), "schemes": info.applies, "needs": info.needs,
        "params": params_value(info.params),
    })
}
