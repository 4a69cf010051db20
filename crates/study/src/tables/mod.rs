//! What the tables of a study hold.

mod claims;
mod leakage;

use crate::{Lesson, PLAIN, Results, Table, Trained, table::Value};
use visard_learn::TrainConfig;

/// Most classes whose recalls are shown.
const CLASSES: usize = 20;

impl Results {
    /// All tables that have rows.
    pub fn tables(&self) -> Vec<Table> {
        let recalls = self.datasets().into_iter().map(|dataset| self.recalls(dataset));
        let others = [self.leakage_table(), self.claims_table(), self.failures()];
        [self.accuracies()]
            .into_iter()
            .chain(recalls)
            .chain(others)
            .filter(|table| !table.rows.is_empty())
            .map(Table::without_empty_columns)
            .collect()
    }

    /// What networks learned, and what it cost.
    fn accuracies(&self) -> Table {
        let columns = [
            "data set",
            "images",
            "network",
            "front",
            "epochs",
            "training images",
            "accuracy",
            "from",
            "to",
            "seeds",
            "spread",
            "below plain, points",
            "claimed",
            "training, s",
            "images/s",
            "disguising, s",
            "of an epoch",
        ];
        let mut table = Table::new("accuracy", "Accuracy and cost", &columns);
        table.rows = self
            .lessons
            .iter()
            .map(|lesson| self.accuracy_row(lesson))
            .collect();
        let mut table = table.note(
            "Accuracy is the share of test images that are named rightly, `from` and `to` its 95% Wilson interval. \
             Over several seeds accuracy and interval are means, and the spread is that between the best and the worst \
             seed. Disguising is what the owner pays once, files included, for training and test images; beside it \
             stands its share of the time of one epoch.",
        );
        if table.rows.iter().any(|row| row[11] != Value::None) {
            let note = "`below plain` compares with plain images, the same network and the same settings but for \
                        the front.";
            table.notes.push(note.into());
        }
        table
    }

    fn accuracy_row(&self, lesson: &Lesson) -> Vec<Value> {
        let (low, high) = lesson.interval();
        let trained = lesson.runs.first().map_or(0, |run| run.images.train);
        let disguising = lesson.disguising();
        let epochs = lesson.config().map_or(0, |config| config.epochs);
        vec![
            Value::text(lesson.dataset()),
            Value::text(lesson.cell.scheme.to_string()),
            Value::text(lesson.network()),
            Value::text(lesson.front()),
            Value::Count(epochs as u64),
            Value::Count(trained as u64),
            Value::Share(lesson.accuracy(), 2),
            Value::Share(low, 2),
            Value::Share(high, 2),
            match lesson.runs.len() {
                1 => Value::None,
                seeds => Value::Count(seeds as u64),
            },
            lesson
                .spread()
                .map_or(Value::None, |spread| Value::Share(spread, 2)),
            self.loss(lesson)
                .map_or(Value::None, |loss| Value::Number(100.0 * loss, 2)),
            Value::text(self.claimed(lesson)),
            Value::Number(lesson.seconds(), 1),
            Value::Number(lesson.images_per_s(), 0),
            disguising.map_or(Value::None, |(seconds, _)| Value::Number(seconds, 2)),
            disguising.map_or(Value::None, |(_, share)| Value::Share(share, 1)),
        ]
    }

    /// How much less than on plain images.
    fn loss(&self, lesson: &Lesson) -> Option<f64> {
        let without_front = |lesson: &Lesson| {
            lesson.config().map(|config| TrainConfig {
                front: None,
                seed: 0,
                ..config.clone()
            })
        };
        let plain = self.lessons.iter().find(|other| {
            other.cell.scheme.name == PLAIN
                && lesson.cell.scheme.name != PLAIN
                && other.cell.dataset == lesson.cell.dataset
                && other.config().is_some_and(|config| config.front.is_none())
                && without_front(other) == without_front(lesson)
        })?;
        Some(plain.accuracy() - lesson.accuracy())
    }

    /// Claims of the same images, disguise and network.
    fn claimed(&self, lesson: &Lesson) -> String {
        let Some(config) = lesson.config() else {
            return String::new();
        };
        let trained = lesson.runs.first().map_or(0, |run| run.images.train);
        let own = self
            .claims
            .iter()
            .filter(|claim| claim.is_of((lesson.dataset(), trained), &lesson.cell.scheme, config));
        let told: Vec<String> = own
            .map(|claim| format!("{} ({})", claim.figure(), claim.paper))
            .collect();
        told.join("; ")
    }

    /// Recall of each class, where there are not too many of them to be read.
    fn recalls(&self, dataset: &str) -> Table {
        let lessons = || self.lessons.iter().filter(|lesson| lesson.dataset() == dataset);
        let classes = lessons().find_map(|lesson| lesson.runs.first().map(|run| &run.images.classes));
        let classes: Vec<&str> = classes.into_iter().flatten().map(String::as_str).collect();
        let columns = [&["images", "network", "front"][..], &classes].concat();
        let mut table = Table::new(
            &format!("recall-{dataset}"),
            format!("Recall of each class, {dataset}"),
            &columns,
        );
        let shown = lessons().filter(|lesson| {
            let alike = |run: &Trained| run.images.classes == classes;
            classes.len() <= CLASSES && lesson.runs.iter().all(alike)
        });
        for lesson in shown {
            let mut row = vec![
                Value::text(lesson.cell.scheme.to_string()),
                Value::text(lesson.network()),
                Value::text(lesson.front()),
            ];
            row.extend((0..classes.len()).map(|class| recall(lesson, class)));
            table.rows.push(row);
        }
        table.note(
            "Recall is the share of a class's test images that are named rightly, the mean over the seeds.",
        )
    }

    /// Cells that could not be done.
    fn failures(&self) -> Table {
        let mut table = Table::new("failed", "What could not be done", &["cell", "why"]);
        table.rows = self
            .failed
            .iter()
            .map(|(cell, why)| vec![Value::text(cell.clone()), Value::text(why.clone())])
            .collect();
        table
    }
}

/// Mean recall of a class over the seeds.
fn recall(lesson: &Lesson, class: usize) -> Value {
    let shares = || {
        lesson
            .runs
            .iter()
            .filter_map(|run| run.recall.get(class).copied().flatten())
    };
    match shares().count() {
        0 => Value::None,
        count => Value::Share(shares().sum::<f64>() / count as f64, 1),
    }
}
