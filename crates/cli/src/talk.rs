//! What the program says: data on stdout, talk and progress on stderr.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::{
    io::{IsTerminal, Write},
    sync::atomic::AtomicBool,
    time::Duration,
};
use visard_core::params::ParamSpec;

/// Set by the first interrupt; runs end at their next batch.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// How the program speaks.
pub(crate) struct Talk {
    /// Whether results are JSON lines.
    pub(crate) json: bool,
    quiet: bool,
}

impl Talk {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// A remark for people.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        if !self.quiet && !self.json {
            // A closed stderr must not end the work.
            drop(writeln!(std::io::stderr(), "{}", text.as_ref()));
        }
    }

    /// A warning: also heard by the quiet.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        let line = if self.json {
            serde_json::json!({ "type": "warning", "message": text.as_ref() }).to_string()
        } else {
            format!("visard: warning: {}", text.as_ref())
        };
        drop(writeln!(std::io::stderr(), "{line}"));
    }

    /// A result: `text` for people, `value` (with its `type`) for programs.
    pub(crate) fn result(&self, kind: &str, text: impl AsRef<str>, value: Value) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if !self.json {
            return writeln!(out, "{}", text.as_ref().trim_end());
        }
        let mut object = serde_json::Map::from_iter([("type".to_string(), Value::from(kind))]);
        match value {
            Value::Object(fields) => object.extend(fields),
            other => drop(object.insert("value".into(), other)),
        }
        writeln!(out, "{}", Value::Object(object))
    }

    /// A progress bar that shows only on a terminal; `unit` names what is counted.
    pub(crate) fn bar(&self, what: &str, total: u64, unit: &str) -> ProgressBar {
        let hidden = self.quiet || self.json || !std::io::stderr().is_terminal() || is_dumb();
        let target = if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = format!(
            "{{prefix:<18}} {{bar:32}} {{human_pos}}/{{human_len}} {unit}  {{per_sec}}  ETA {{eta}}  {{msg}}"
        );
        bar.set_style(
            ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_prefix(what.to_string());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// A Markdown-like table with aligned columns.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("| {} |\n", padded.join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(head.to_vec());
    text += &line(rule.iter().map(String::as_str).collect());
    for row in rows {
        text += &line(row.iter().map(String::as_str).collect());
    }
    text
}

/// The parameters of a scheme or network, as a table for people.
pub(crate) fn params_table(params: &[ParamSpec]) -> String {
    let row = |p: &ParamSpec| vec![p.name.into(), p.default.into(), p.kind.to_string(), p.help.into()];
    let rows: Vec<Vec<String>> = params.iter().map(row).collect();
    table(&["name", "default", "values", "meaning"], &rows)
}

/// The parameters of a scheme or network, for programs.
pub(crate) fn params_value(params: &[ParamSpec]) -> Value {
    let one = |p: &ParamSpec| serde_json::json!({ "name": p.name, "default": p.default, "values": p.kind.to_string(), "help": p.help });
    params.iter().map(one).collect()
}

/// Splits with their counts, in words.
pub(crate) fn splits_text(splits: &[visard_data::Split]) -> String {
    let parts: Vec<String> = splits
        .iter()
        .map(|split| format!("{} {}", split.name, split.count))
        .collect();
    parts.join(", ")
}
