//! What an attack on a model found: written down, and judged by the truth.

use super::{case::Case, sending, told};
use crate::commands::attack::{create, write_images, write_pictures};
use serde_json::{Value, json};
use std::path::Path;
use visard_attacks::model::{Found, ModelOutcome, Student, score};
use visard_core::{Array, Key, Shape, Values};
use visard_learn::{Model, ModelInfo};

/// What was found of which model.
pub(super) struct Finding<'a> {
    pub(super) outcome: &'a ModelOutcome,
    pub(super) case: &'a Case,
    pub(super) model: &'a Model,
    /// Inverted pictures with the disguise taken off: their shape, and grey levels one after the other.
    pub(super) restored: Option<(Shape, Vec<f32>)>,
}

/// How good it is.
#[derive(Default)]
pub(super) struct Judged {
    /// For programs; null where there is nothing to judge.
    pub(super) value: Value,
    /// For people.
    pub(super) text: String,
}

/// The inverted pictures with the disguise of a key taken off, where there are both.
///
/// # Errors
/// If the key is for other images, or its disguise does not come off.
pub(super) fn restore(
    outcome: &ModelOutcome,
    model: &ModelInfo,
    key: Option<&Key>,
) -> anyhow::Result<Option<(Shape, Vec<f32>)>> {
    match (&outcome.found, key) {
        (Found::Classes(pictures), Some(key)) => Ok(Some(sending::restore(key, model.shape, pictures)?)),
        _ => Ok(None),
    }
}

impl Finding<'_> {
    /// Writes scores, pictures or the copy into a folder.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        match &self.outcome.found {
            Found::Nothing => Ok(()),
            Found::Members(scores) => {
                let scores = self.case.sorted(scores);
                let members = (0..scores.len()).map(|place| u8::from(place < self.case.members));
                let arrays = [
                    ("members", numbers(Values::U8(members.collect()))),
                    ("scores", numbers(Values::F64(scores))),
                ];
                Ok(visard_data::write_arrays(
                    &folder.join("membership.npz"),
                    &arrays,
                )?)
            }
            Found::Answers(answers) => {
                let whole =
                    |classes: &[u32]| numbers(Values::I64(classes.iter().map(|c| i64::from(*c)).collect()));
                let arrays = [("answers", whole(answers)), ("labels", whole(&self.case.labels))];
                Ok(visard_data::write_arrays(&folder.join("answers.npz"), &arrays)?)
            }
            Found::Classes(pictures) => {
                write_classes(folder, "pictures", self.model.info().shape, pictures)?;
                match &self.restored {
                    None => Ok(()),
                    Some((shape, restored)) => write_classes(folder, "restored", *shape, restored),
                }
            }
            Found::Students(students) => match best(students) {
                None => Ok(()),
                Some(student) => Ok(self
                    .signed(&student.model)?
                    .save(&folder.join("model.safetensors"))?),
            },
        }
    }

    /// A copy with the names of the classes, and what its queries were disguised with.
    fn signed(&self, copy: &Model) -> anyhow::Result<Model> {
        let mut info = copy.info().clone();
        info.classes.clone_from(&self.model.info().classes);
        info.disguise.clone_from(&self.case.disguise);
        Model::from_state(info, &copy.state()).map_err(|problem| anyhow::anyhow!("the copy: {problem}"))
    }

    /// Judges what was found.
    ///
    /// # Errors
    /// If the truth does not fit.
    pub(super) fn judge(&self, examiner: Option<&Model>) -> anyhow::Result<Judged> {
        match &self.outcome.found {
            Found::Nothing => Ok(Judged::default()),
            Found::Members(scores) => {
                let score = score::membership(scores, &self.case.is_member())?;
                Ok(Judged {
                    text: told::membership(&score),
                    value: json!(score),
                })
            }
            Found::Answers(answers) => {
                let classes = &self.model.info().classes;
                let leak = score::classes(answers, &self.case.labels, classes.len())?;
                Ok(Judged {
                    text: told::classes(&leak, classes),
                    value: json!(leak),
                })
            }
            Found::Classes(pictures) => self.judge_pictures(pictures, examiner),
            Found::Students(students) => self.judge_copies(students),
        }
    }

    /// Judges inverted pictures as they are and, where a disguise was taken off, without it.
    fn judge_pictures(&self, pictures: &[f32], examiner: Option<&Model>) -> anyhow::Result<Judged> {
        let Some(truth) = &self.case.truth else {
            return Ok(Judged {
                text: "no score: inverted pictures are judged by plain images (--own, or --truth)".into(),
                value: Value::Null,
            });
        };
        let restored = self.restored.as_ref();
        let forms = [
            ("raw", Some((self.model.info().shape, pictures))),
            (
                "restored",
                restored.map(|(shape, pictures)| (*shape, &pictures[..])),
            ),
        ];
        let (mut scores, mut value) = (Vec::new(), json!({ "raw": null, "restored": null }));
        for (name, form) in forms {
            let Some((shape, pictures)) = form else { continue };
            // A disguise may give images another shape; nothing in them can be compared with plain ones then.
            if name == "raw" && restored.is_some() && shape != truth.shape {
                continue;
            }
            let score = score::inversion(pictures, truth, examiner)?;
            value[name] = json!(score);
            scores.push((name, score));
        }
        Ok(Judged {
            text: told::inversion(&scores, &self.model.info().classes),
            value,
        })
    }

    /// Judges copies on every set that they are asked about.
    fn judge_copies(&self, students: &[Student]) -> anyhow::Result<Judged> {
        let sets: Vec<_> = self
            .case
            .asked
            .iter()
            .map(|(name, images)| (name.as_str(), images))
            .collect();
        let judge = |student: &Student| -> anyhow::Result<_> {
            let fidelity = score::extraction(&student.model, self.model, &sets);
            Ok((student.queries, fidelity.map_err(super::plainly)?))
        };
        let copies = students.iter().map(judge).collect::<anyhow::Result<Vec<_>>>()?;
        let one = |(queries, sets): &(usize, _)| json!({ "queries": queries, "sets": sets });
        Ok(Judged {
            text: told::extraction(&copies),
            value: copies.iter().map(one).collect(),
        })
    }
}

/// The copy that was made with most queries.
fn best(students: &[Student]) -> Option<&Student> {
    students.iter().max_by_key(|student| student.queries)
}

fn numbers(values: Values) -> Array {
    Array {
        shape: vec![values.len()],
        values,
    }
}

/// Pictures of classes as PNG, numbered, and all values as arrays.
fn write_classes(folder: &Path, name: &str, shape: Shape, pictures: &[f32]) -> anyhow::Result<()> {
    let pngs = folder.join(name);
    create(&pngs)?;
    write_pictures(&pngs, shape, pictures, usize::MAX)?;
    let values = Values::F64(pictures.iter().map(|v| f64::from(*v)).collect());
    write_images(&folder.join(format!("{name}.npz")), shape, values)
}
