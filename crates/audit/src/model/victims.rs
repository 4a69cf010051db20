//! The models that are attacked: one trained on plain images, the control, and one on the same images disguised.

use super::{ModelSettings, People, record::Trained};
use crate::{Oracle, Result};
use std::time::Instant;
use visard_attacks::{Budget, Rng, Set, learning};
use visard_learn::{Examples, Model, Recommendation, Soft, TrainConfig, networks, recommend};

/// A trained model, and how it was trained.
pub(super) struct Victim {
    pub(super) model: Model,
    pub(super) recipe: TrainConfig,
    pub(super) record: Trained,
    /// The others in the form that it was trained on.
    pub(super) others: Examples,
}

/// Both models.
pub(super) struct Victims {
    pub(super) plain: Victim,
    pub(super) disguised: Victim,
}

impl Victims {
    /// Trains both, or says why that cannot be done.
    pub(super) fn train(
        settings: &ModelSettings,
        people: &People,
        oracle: &dyn Oracle,
        rng: &mut Rng,
        mut budget: impl FnMut() -> Budget,
    ) -> Result<Result<Self, String>> {
        let [plain, disguised] = match recipes(settings, oracle, people.members.len(), rng)? {
            Ok(configs) => configs,
            Err(why) => return Ok(Err(why)),
        };
        let plain = match Victim::train(plain, None, people, &mut budget)? {
            Ok(plain) => plain,
            Err(why) => return Ok(Err(why)),
        };
        let disguised = Victim::train(disguised, Some(oracle), people, &mut budget)?;
        Ok(disguised.map(|disguised| Self { plain, disguised }))
    }
}

impl Victim {
    /// Trains one on plain images, or on what the oracle makes of them.
    fn train(
        recipe: TrainConfig,
        source: Option<&dyn Oracle>,
        people: &People,
        budget: &mut impl FnMut() -> Budget,
    ) -> Result<Result<Self, String>> {
        let classes = people.classes;
        let members = encode(source, &people.members, "train", classes)?;
        let others = encode(source, &people.others, "query-others", classes)?;
        let started = Instant::now();
        let model = match learning::fit(&recipe, &members, classes, &budget()) {
            Ok(Some(model)) => model,
            Ok(None) => return Ok(Err("the time was up before the models were trained".into())),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let seconds = started.elapsed().as_secs_f64();
        let share = |examples| {
            let found = model.evaluate(examples, learning::BATCH);
            found
                .map(|found| found.accuracy)
                .map_err(visard_attacks::Error::from)
        };
        let record = Trained {
            front: recipe
                .front
                .as_ref()
                .map_or("none".into(), |front| front.name.clone()),
            train_accuracy: share(&members)?,
            test_accuracy: share(&others)?,
            chance: people.chance(),
            seconds,
        };
        Ok(Ok(Self {
            model,
            recipe,
            record,
            others,
        }))
    }
}

/// How the models are trained: the one of plain images, then the one of disguised ones.
fn recipes(
    settings: &ModelSettings,
    oracle: &dyn Oracle,
    images: usize,
    rng: &mut Rng,
) -> Result<Result<[TrainConfig; 2], String>> {
    let target = oracle.target()?;
    let make = || -> visard_learn::Result<[TrainConfig; 2]> {
        let network = networks::find(&settings.network)?;
        let recommended = recommend(network, target.scheme.info(), target.scheme.params());
        let config = |recommendation: &Recommendation| {
            recommendation.config(network.name, &settings.params, None, &Default::default())
        };
        Ok([config(&Recommendation::plain())?, config(&recommended)?])
    };
    let mut configs = match make() {
        Ok(configs) => configs,
        Err(error) => return Ok(Err(error.to_string())),
    };
    for config in &mut configs {
        (config.epochs, config.seed) = (settings.epochs.max(1), rng.next_u64());
        config.batch = settings.batch(config.batch, images);
    }
    Ok(Ok(configs))
}

/// Plain images as a model takes them: as they are without an oracle, disguised by one, with labels for every
/// encoding.
pub(super) fn encode(
    source: Option<&dyn Oracle>,
    plain: &Set,
    split: &str,
    classes: usize,
) -> Result<Examples> {
    let Some(oracle) = source else {
        return Ok(learning::examples(plain)?);
    };
    let disguised = oracle.disguise(plain, split, 0)?;
    let each = (disguised.len() / plain.len().max(1)).max(1);
    let mut examples = learning::examples(&disguised)?;
    examples.soft = examples.soft.map(|soft| widened(&soft, classes));
    examples.labels = plain
        .labels()
        .iter()
        .flat_map(|label| std::iter::repeat_n(*label, each))
        .collect();
    Ok(examples
        .with_encodings(each)
        .map_err(visard_attacks::Error::from)?)
}

/// The same rows with a weight for every class.
fn widened(soft: &Soft, classes: usize) -> Soft {
    let mut weights = Vec::with_capacity(soft.weights.len() / soft.classes.max(1) * classes);
    for row in soft.weights.chunks(soft.classes.max(1)) {
        let own = row.len().min(classes);
        weights.extend_from_slice(&row[..own]);
        weights.extend(std::iter::repeat_n(0.0, classes - own));
    }
    Soft { classes, weights }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_fewer_classes_are_filled_up() {
        let soft = Soft {
            classes: 2,
            weights: vec![0.25, 0.75, 1.0, 0.0],
        };
        let wide = widened(&soft, 3);
        assert_eq!(
            (wide.classes, wide.weights),
            (3, vec![0.25, 0.75, 0.0, 1.0, 0.0, 0.0])
        );
    }
}
