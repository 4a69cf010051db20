//! What an attack on a model is given, and the truth that it is judged by.

use super::{
    ModelArgs, Sender,
    part::{Held, Part, Usual, apart},
    sending::Disguising,
};
use crate::{
    commands::attack::RunArgs,
    failure::{Mismatch, Usage},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use visard_attacks::{
    Rng, learning,
    model::{Aim, Forms},
};
use visard_data::Reading;
use visard_learn::{Examples, ModelInfo};

/// Images in the forms in which they are used.
pub(super) struct Images {
    /// Pictures in question.
    pub(super) candidates: Forms,
    /// Pictures of the adversary's own.
    pub(super) own: Forms,
}

/// What only the judge knows, and how the images are used.
pub(super) struct Case {
    /// Class of each picture in question.
    pub(super) labels: Vec<u32>,
    /// Number of pictures in question that the model was trained on.
    pub(super) members: usize,
    /// For each picture in question, its place among the members and, after them, the others.
    order: Vec<usize>,
    /// Labelled plain images, to judge inverted pictures by.
    pub(super) truth: Option<Examples>,
    /// Images that a copy and the model are both asked about.
    pub(super) asked: Vec<(String, Examples)>,
    /// The disguise of what a copy learned from.
    pub(super) disguise: BTreeMap<String, Value>,
    sent: Form,
    /// What shadow models learn from, where there are some.
    shadows: Option<Form>,
}

/// How images are disguised: not at all, or under the key of a fingerprint.
type Form = Option<String>;

impl Case {
    /// Reads the data sets, and disguises them where a key was given.
    ///
    /// # Errors
    /// If one is unreadable, two share pictures or are of different keys, or the truth is no truth.
    pub(super) fn read(
        args: &ModelArgs,
        aim: Aim,
        sender: &Sender<'_>,
        run: &RunArgs,
        rng: &mut Rng,
    ) -> anyhow::Result<(Self, Images)> {
        let reading = run.reading.reading();
        let read =
            |part: &Option<Part>, usual| part.as_ref().map(|part| part.read(reading, usual)).transpose();
        let members = read(&args.members, Usual::Training)?;
        let others = read(&args.others, Usual::Test)?;
        let own = read(&args.own, Usual::Training)?;
        let given: Vec<(&str, &Held)> = [
            ("--members", members.as_ref()),
            ("--others", others.as_ref()),
            ("--own", own.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, held)| Some((name, held?)))
        .collect();
        apart(&given)?;
        let held = alike(&given)?;
        let mut made = Vec::new();
        for (name, held) in given {
            made.push((name, held, sender.forms(held, rng)?));
        }
        let of = |wanted: &str| {
            made.iter()
                .find(|(name, ..)| *name == wanted)
                .map(|(.., forms)| forms)
        };
        let candidates = match (of("--members"), of("--others")) {
            (Some(members), Some(others)) => Some(members.join(others)?),
            (one, other) => one.or(other).cloned(),
        };
        let (candidates, own_forms) = match (candidates, of("--own").cloned()) {
            (Some(candidates), Some(own)) => (candidates, own),
            // Of the two, the attack does not need the one that was not given.
            (Some(one), None) | (None, Some(one)) => (one.clone(), one),
            (None, None) => return Err(Usage("there are no images to attack with".into()).into()),
        };
        let order = match aim {
            // Places must not tell what is to be found out.
            Aim::Membership => rng.permutation(candidates.len()),
            _ => (0..candidates.len()).collect(),
        };
        let candidates = candidates.pick(&order);
        let mut case = Self {
            labels: learning::labels(&candidates.query),
            members: of("--members").map_or(0, Forms::len),
            order,
            truth: None,
            asked: Vec::new(),
            disguise: sender.disguise_of(held),
            sent: sent(sender, held),
            shadows: (aim == Aim::Membership).then(|| learned(sender, held)),
        };
        match aim {
            Aim::Inversion => case.truth = truth(run, reading, own.as_ref())?,
            Aim::Extraction => case.asked = asked(run, reading, &made)?,
            Aim::Membership | Aim::Classes => {}
        }
        let images = Images {
            candidates,
            own: own_forms,
        };
        Ok((case, images))
    }

    /// Whether the model was trained on each picture in question.
    pub(super) fn is_member(&self) -> Vec<bool> {
        self.order.iter().map(|place| *place < self.members).collect()
    }

    /// Values of the pictures in question, those of members first, in the order of their data sets.
    pub(super) fn sorted(&self, values: &[f64]) -> Vec<f64> {
        let mut sorted = vec![f64::NAN; self.order.len()];
        for (place, value) in self.order.iter().zip(values) {
            sorted[*place] = *value;
        }
        sorted
    }

    /// What the model learned from, what is sent to it, and what shadow models learn from.
    pub(super) fn cell(&self, model: &ModelInfo) -> Value {
        let field = |name: &str| model.disguise.get(name).and_then(Value::as_str);
        let own = field("fingerprint");
        let words = |form: &Form| match (form, own) {
            (None, _) => "plain",
            (Some(key), Some(own)) if key == own => "disguised",
            (Some(_), Some(_)) => "disguised under another key",
            (Some(_), None) => "disguised",
        };
        json!({
            "trained": if own.is_some() { "disguised" } else { "plain" }, "scheme": field("scheme"),
            "sent": words(&self.sent), "shadows": self.shadows.as_ref().map(words),
        })
    }
}

/// Refuses data sets that are disguised in different ways; the first of them.
fn alike<'a>(given: &[(&str, &'a Held)]) -> anyhow::Result<&'a Held> {
    let Some(((first, held), others)) = given.split_first() else {
        return Err(Usage("there are no images to attack with".into()).into());
    };
    let key = |held: &Held| {
        held.manifest
            .as_ref()
            .map(|manifest| manifest.fingerprint.clone())
    };
    let words = |held: &Held| key(held).map_or("plain".into(), |key| format!("of the key {key}"));
    match others.iter().find(|(_, other)| key(other) != key(held)) {
        None => Ok(held),
        Some((name, other)) => Err(Mismatch(format!(
            "{first} are {}, {name} are {}: all must be used in one form",
            words(held),
            words(other)
        ))
        .into()),
    }
}

/// In which form pictures are sent.
fn sent(sender: &Sender<'_>, held: &Held) -> Form {
    match &sender.disguising {
        Disguising::Sent(key) => Some(key.fingerprint().to_string()),
        _ => held
            .manifest
            .as_ref()
            .map(|manifest| manifest.fingerprint.clone()),
    }
}

/// In which form shadow models learn from them.
fn learned(sender: &Sender<'_>, held: &Held) -> Form {
    match &sender.disguising {
        Disguising::Shadows(key) => Some(key.fingerprint().to_string()),
        Disguising::Sent(_) if sender.model.disguise.is_empty() => None,
        _ => sent(sender, held),
    }
}

/// The images of `--truth`, if there are any.
fn named(run: &RunArgs, reading: Reading, usual: Usual) -> anyhow::Result<Option<Held>> {
    let Some(path) = &run.truth else {
        return Ok(None);
    };
    let part = path.to_string_lossy().parse::<Part>();
    let held = part.map_err(|problem| Usage(format!("--truth: {problem}")))?;
    let held = held.read(reading, usual)?;
    if held.images.labels.is_empty() {
        return Err(visard_data::Error::input(&held.path, "has no labels to judge by").into());
    }
    Ok(Some(held))
}

/// Labelled plain images to judge inverted pictures by.
fn truth(run: &RunArgs, reading: Reading, own: Option<&Held>) -> anyhow::Result<Option<Examples>> {
    let Some(truth) = named(run, reading, Usual::Training)? else {
        let plain = own.filter(|own| own.manifest.is_none());
        return Ok(plain.map(|own| own.images.clone()));
    };
    if truth.manifest.is_some() {
        let problem = "is disguised; pictures are judged by plain images";
        return Err(visard_data::Error::input(&truth.path, problem).into());
    }
    Ok(Some(truth.images))
}

/// What a copy and the model are both asked about: the pictures in question as they are sent and, where
/// they are disguised first, as they are; and those of `--truth`.
fn asked(
    run: &RunArgs,
    reading: Reading,
    made: &[(&str, &Held, Forms)],
) -> anyhow::Result<Vec<(String, Examples)>> {
    let mut asked = Vec::new();
    for (name, held, forms) in made.iter().filter(|(name, ..)| *name != "--own") {
        let name = name.trim_start_matches('-');
        asked.push((name.to_string(), forms.query.clone()));
        let is_other = forms.query != held.images && forms.query.shape == held.images.shape;
        if is_other {
            asked.push((format!("{name}, plain"), held.images.clone()));
        }
    }
    if let Some(truth) = named(run, reading, Usual::Test)? {
        asked.push(("truth".into(), truth.images));
    }
    Ok(asked)
}
