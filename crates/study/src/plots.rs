//! What the plots of a study show.

use crate::{
    Lesson, Result, Results, definition,
    leakage::LEAKAGE,
    plot::{Measured, Plot, Series, lines, scatter},
};
use std::collections::BTreeMap;

/// Most lines that a plot can be read with.
const LINES: usize = 12;

impl Results {
    /// All plots that there are points for.
    ///
    /// # Errors
    /// If one cannot be drawn.
    pub fn plots(&self) -> Result<Vec<Plot>> {
        let mut plots = Vec::new();
        for dataset in self.datasets() {
            for (param, across) in [
                ("block", "side of a block, pixels"),
                ("noise", "noise, grey levels"),
            ] {
                let mut series = self.sweeps(dataset, param);
                series.truncate(LINES);
                if !series.is_empty() {
                    let title = format!("Accuracy against {param}, {dataset}");
                    plots.push(lines(format!("{dataset}-{param}"), title, across, &series)?);
                }
            }
            let points = self.trade_offs(dataset);
            // Plain images alone say nothing.
            if points.len() > 1 {
                let title = format!("Accuracy against leakage, {dataset}: the best network on each disguise");
                plots.push(scatter(
                    format!("{dataset}-leakage"),
                    title,
                    &format!("leakage: {LEAKAGE}"),
                    &points,
                )?);
            }
        }
        Ok(plots)
    }

    /// Lessons that differ in one parameter of the scheme, where it has several values.
    fn sweeps(&self, dataset: &str, param: &str) -> Vec<Series> {
        let mut series: BTreeMap<String, Vec<Measured>> = BTreeMap::new();
        for lesson in self.lessons.iter().filter(|lesson| lesson.dataset() == dataset) {
            let params = lesson.cell.scheme.params.texts();
            let Some(x) = params.get(param).and_then(|value| value.parse().ok()) else {
                continue;
            };
            series
                .entry(without(lesson, param))
                .or_default()
                .push(measured(lesson, x));
        }
        let mut series: Vec<Series> = series
            .into_iter()
            .filter(|(_, points)| points.len() > 1)
            .collect();
        for (_, points) in &mut series {
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
        }
        series
    }

    /// The best accuracy on each disguise whose leakage is known.
    fn trade_offs(&self, dataset: &str) -> Vec<(String, Measured)> {
        let disguises = self.disguises().into_iter().filter(|(own, _)| *own == dataset);
        let points = disguises.filter_map(|(_, scheme)| {
            let leakage = self.leakage(dataset, &scheme)?;
            let best = self.best(dataset, &scheme)?;
            Some((scheme.to_string(), measured(best, leakage)))
        });
        points.collect()
    }
}

fn measured(lesson: &Lesson, x: f64) -> Measured {
    Measured {
        x,
        y: lesson.accuracy(),
        interval: lesson.interval(),
    }
}

/// A lesson in words but for one parameter of its scheme, which the block of a front follows.
fn without(lesson: &Lesson, param: &str) -> String {
    let other = |part: &String| match part.split_once('=') {
        Some((name, _)) => name != param && !(param == "block" && name == "patch"),
        None => true,
    };
    let keep = |parts: Vec<String>| parts.into_iter().filter(other).collect::<Vec<_>>().join(" ");
    let config = lesson.config();
    let learner = [
        keep(config.map(definition::network).unwrap_or_default()),
        keep(config.map(definition::front).unwrap_or_default()),
    ];
    let scheme = [
        vec![lesson.cell.scheme.name.clone()],
        lesson.cell.scheme.differing(),
    ]
    .concat();
    let learner: Vec<&str> = learner
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    format!("{}, {}", keep(scheme), learner.join(" with "))
}
