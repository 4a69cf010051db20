//! What others report of the schemes of a study.

use crate::{Results, Table, claims::ACCURACY, table::Value};

impl Results {
    /// What papers claim of the schemes of the study.
    pub(super) fn claims_table(&self) -> Table {
        let columns = [
            "scheme", "data set", "network", "front", "metric", "figure", "verified", "paper", "read in",
            "note",
        ];
        let mut table = Table::new("claims", "What others report", &columns);
        let studied = |scheme: &str| {
            let lessons = self.lessons.iter().map(|lesson| &lesson.cell.scheme.name);
            lessons
                .chain(self.attacked.iter().map(|(_, scheme)| &scheme.name))
                .any(|name| name == scheme)
        };
        for claim in self.claims.iter().filter(|claim| studied(&claim.scheme)) {
            let params: Vec<String> = claim
                .params
                .iter()
                .map(|(name, value)| format!(" {name}={value}"))
                .collect();
            table.rows.push(vec![
                Value::text(format!("{}{}", claim.scheme, params.concat())),
                Value::text(claim.dataset.clone()),
                Value::text(claim.network.clone()),
                Value::text(claim.front.clone().unwrap_or_default()),
                Value::text(claim.metric.clone()),
                match claim.value {
                    None => Value::None,
                    Some(value) if claim.metric.starts_with(ACCURACY) => Value::Share(value, 2),
                    Some(value) => Value::Number(value, 4),
                },
                Value::text(if claim.verified { "yes" } else { "no" }),
                Value::text(claim.paper.clone()),
                Value::text(claim.source.clone()),
                Value::text(claim.note.clone()),
            ]);
        }
        table.note("Nothing in this table was measured by this study. What is not verified could not be read at its source.")
    }
}
