//! Why cells have no figures.

use super::{Shown, tables::table};
use crate::record::Measured;

/// Cells without figures, and attacks that ended early.
pub(super) fn told(shown: &Shown) -> String {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for cell in &shown.record.cells {
        let why = match &cell.result {
            Measured::Failed(why) => format!("failed: {why}"),
            Measured::Empty(why) => why.clone(),
            Measured::Found(found) => match &found.unfinished {
                Some(why) => format!("not finished: {why}"),
                None => continue,
            },
        };
        let place = format!("{}, `{}`, {}", cell.case, cell.attack, cell.column.title());
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, places)) => places.push(place),
            None => reasons.push((why, vec![place])),
        }
    }
    let text = table(
        &["why", "cells"],
        reasons
            .into_iter()
            .map(|(why, places)| vec![why, places.join("; ")]),
    );
    match text.is_empty() {
        true => text,
        false => format!("\n### Cells without figures\n{text}"),
    }
}
