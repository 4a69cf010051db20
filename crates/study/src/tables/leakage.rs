//! Accuracy beside what comes back of each disguise.

use crate::{
    Disguise, Results, Table,
    leakage::{LEAKAGE, Leakage},
    table::Value,
};
use visard_audit::Access;

impl Results {
    /// What comes back of each disguise, beside the best accuracy on it.
    pub(super) fn leakage_table(&self) -> Table {
        let columns = [
            "data set",
            "images",
            "best accuracy",
            "leakage",
            "by",
            "level 1",
            "1 with public images",
            "level 2",
            "level 3",
            "attacked",
        ];
        let mut table = Table::new("leakage", "Accuracy beside leakage", &columns);
        let mut others = false;
        for (dataset, scheme) in self.subjects() {
            let Some(found) = Leakage::find(&self.leakages, dataset, &scheme) else {
                continue;
            };
            let verdict = |access: Access| {
                let own = found.verdicts.iter().find(|(played, _)| *played == access);
                own.map_or(Value::None, |(_, verdict)| Value::text(verdict.short()))
            };
            let elsewhere = found.dataset != dataset;
            others |= elsewhere;
            let mut row = vec![
                Value::text(dataset),
                Value::text(scheme.to_string()),
                self.best(dataset, &scheme)
                    .map_or(Value::None, |lesson| Value::Share(lesson.accuracy(), 2)),
                found
                    .figure()
                    .map_or(Value::None, |figure| Value::Number(figure, 2)),
                Value::text(found.best.as_ref().map_or("", |(_, attack)| attack)),
            ];
            row.extend(Access::IMAGES.map(verdict));
            row.push(Value::text(format!(
                "{} of {}{}",
                found.attacked,
                found.dataset,
                if elsewhere { " (other images)" } else { "" }
            )));
            table.rows.push(row);
        }
        let mut table = table.note(format!(
            "Leakage is the {LEAKAGE}: the share of the way from what is known without an attack to a perfect copy, for \
             the median picture; 1 is a copy, 0 nothing. Verdicts are those of `visard audit`; \"not broken\" never \
             means more than what was tried."
        ));
        if others {
            let note = "Where a disguise was attacked on other images than networks learned from here, the last column \
                        says so.";
            table.notes.push(note.into());
        }
        table
    }

    /// Disguises that were learned from, or attacked in the study itself.
    fn subjects(&self) -> Vec<(&str, Disguise)> {
        let mut subjects = self.disguises();
        for (dataset, scheme) in &self.attacked {
            let one = (dataset.as_str(), scheme.clone());
            if !subjects.contains(&one) {
                subjects.push(one);
            }
        }
        subjects
    }
}
