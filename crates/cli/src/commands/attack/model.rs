//! Attacks on a trained model.

mod case;
mod judging;
mod part;
mod sending;
mod told;

use super::{RunArgs, create, refuse_occupied, watched, write_record};
use crate::{failure::Usage, open_key::UnlockArgs, talk::Talk};
use anyhow::Context;
use case::Case;
use part::Part;
use sending::{Disguising, Sender};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::Instant,
};
use visard_attacks::{
    Rng, Verdict,
    model::{Aim, ModelAttackInfo, ModelExposure, ModelOutcome, Reach, Victim},
};
use visard_core::{Key, params::Params};
use visard_data::{Fit, Gallery};
use visard_learn::{Model, ModelInfo, TrainConfig};

/// What the adversary of a model holds.
#[derive(clap::Args)]
pub(super) struct ModelArgs {
    /// Model file to attack
    #[arg(short, long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Images that the model was trained on: a data set, or a part of it as DATA@SPLIT, DATA@FROM..TO or
    /// DATA@SPLIT:FROM..TO, pictures counted from 0 and TO left out [default split: the training split]
    #[arg(long, value_name = "DATA", requires = "model")]
    members: Option<Part>,
    /// Images that the model was not trained on, written likewise [default split: the test split]. Which of
    /// the two an image is of, and its class, is the truth that membership and class membership are judged
    /// by
    #[arg(long, value_name = "DATA", requires = "model")]
    others: Option<Part>,
    /// Labelled images of the adversary's own that the model was not trained on, written likewise [default
    /// split: the training split]
    #[arg(long, value_name = "DATA", requires = "model")]
    own: Option<Part>,
    /// Key file of the adversary who has the key, or has recovered it: plain images are disguised with it
    /// before they are sent, and before shadow models learn from them where the model learned from
    /// disguised images
    #[arg(short, long, value_name = "FILE", requires = "model")]
    key: Option<PathBuf>,
    /// Key file of an outsider's own: images are sent plain, and shadow models learn from images that are
    /// disguised with it, as the model learned from images under another key
    #[arg(long, value_name = "FILE", requires = "model", conflicts_with = "key")]
    own_key: Option<PathBuf>,
    /// Keys that mix images: the plain data set whose training images are blended in
    #[arg(long, value_name = "DATA", requires = "model")]
    partners: Option<PathBuf>,
    /// Inversion: take the disguise of this key file off the pictures, and judge them again
    #[arg(long, value_name = "FILE", requires = "model")]
    remove_with: Option<PathBuf>,
    /// Inversion: a model of plain images that names what the pictures show
    #[arg(long, value_name = "FILE", requires = "model")]
    examiner: Option<PathBuf>,
    /// Pictures that the model was trained on [default: what its record says, or else as many as --members]
    #[arg(long, value_name = "N", requires = "model", value_parser = clap::value_parser!(u32).range(1..))]
    trained_on: Option<u32>,
    /// Epochs of shadow models and copies, which have the model's network and front [default: the model's]
    #[arg(long, value_name = "N", requires = "model")]
    epochs: Option<usize>,
    /// Images per step of theirs [default: the network's]
    #[arg(long, value_name = "N", requires = "model")]
    batch: Option<usize>,
    /// Highest learning rate of theirs [default: the network's]
    #[arg(long, value_name = "X", requires = "model")]
    lr: Option<f64>,
    #[command(flatten)]
    unlock: UnlockArgs,
}

impl ModelArgs {
    pub(super) fn run(&self, info: &ModelAttackInfo, run: &RunArgs, talk: &Talk) -> anyhow::Result<()> {
        let params = run.params(info.params)?;
        let model = self.victim(info)?;
        self.check_given(info, run)?;
        if let Some(output) = &run.output {
            refuse_occupied(output)?;
        }
        let recipe = self.recipe(model.info())?;
        let remove_with = self.open(self.remove_with.as_deref(), talk)?;
        if let Some(key) = &remove_with {
            // A key that does not fit must not cost what the attack will find.
            sending::restore(key, model.info().shape, &vec![0.0; model.info().shape.len()])?;
        }
        let examiner = self.examiner.as_deref().map(Model::load).transpose()?;
        let sender = self.sender(model.info(), run, talk)?;
        // The attack's own draws start from the seed itself.
        let (case, images) = Case::read(self, info.aim, &sender, run, &mut Rng::new(!run.seed))?;
        let exposure = ModelExposure {
            victim: match info.reach {
                Reach::Answers => Victim::answering(&model),
                Reach::Weights => Victim::open(&model),
            },
            recipe: &recipe,
            trained_on: self.trained_on(model.info(), case.members, images.own.train.encodings),
            candidates: images.candidates,
            own: images.own,
        };
        exposure.check().map_err(plainly)?;
        let budget = run.budget()?;
        let started = Instant::now();
        let outcome = watched(talk, info.name, |progress| {
            (info.run)(&exposure, &params, &budget, &mut Rng::new(run.seed), progress)
        });
        let (outcome, seconds) = (outcome.map_err(plainly)?, started.elapsed().as_secs_f64());
        let finding = judging::Finding {
            outcome: &outcome,
            case: &case,
            model: &model,
            restored: judging::restore(&outcome, model.info(), remove_with.as_ref())?,
        };
        if let Some(output) = &run.output {
            // A truth that does not fit must not cost what the attack found.
            create(output)?;
            finding.write(output)?;
        }
        let score = self.judged(&finding, examiner.as_ref(), talk)?;
        let mut record = self.record(info, &params, (&exposure, &outcome), run);
        record["cell"] = case.cell(model.info());
        record["score"] = score.value;
        record["seconds"] = json!(seconds);
        if let Some(output) = &run.output {
            write_record(output, &record)?;
        }
        let text = told::text(
            info,
            &outcome,
            seconds,
            &record["cell"],
            &score.text,
            run.output.as_deref(),
        );
        talk.result("attack", text, record)?;
        Ok(())
    }

    fn victim(&self, info: &ModelAttackInfo) -> anyhow::Result<Model> {
        match &self.model {
            Some(path) => Ok(Model::load(path)?),
            None => Err(Usage(format!("{} attacks a trained model: say --model FILE", info.name)).into()),
        }
    }

    /// Refuses to start without the data sets that an attack needs, naming all that are missing.
    fn check_given(&self, info: &ModelAttackInfo, run: &RunArgs) -> anyhow::Result<()> {
        let members = (
            &self.members,
            "--members DATA (images that the model was trained on)",
        );
        let others = (&self.others, "--others DATA (images that it was not trained on)");
        let own = (&self.own, "--own DATA (labelled images of the adversary's own)");
        let needed = match info.aim {
            Aim::Membership => vec![members, others, own],
            Aim::Classes => vec![others],
            Aim::Inversion => vec![own],
            Aim::Extraction => vec![others, own],
        };
        let missing: Vec<&str> = needed
            .into_iter()
            .filter(|(given, _)| given.is_none())
            .map(|(_, what)| what)
            .collect();
        if !missing.is_empty() {
            return Err(Usage(format!("{} also needs {}", info.name, missing.join(", "))).into());
        }
        if info.aim != Aim::Inversion && (self.remove_with.is_some() || self.examiner.is_some()) {
            let problem = "makes no pictures: leave --remove-with and --examiner out";
            return Err(Usage(format!("{} {problem}", info.name)).into());
        }
        if matches!(info.aim, Aim::Membership | Aim::Classes) && run.truth.is_some() {
            let problem = "is judged by --members and --others: leave --truth out";
            return Err(Usage(format!("{} {problem}", info.name)).into());
        }
        Ok(())
    }

    /// How the model was trained, as far as its file tells, and what was said otherwise.
    fn recipe(&self, model: &ModelInfo) -> anyhow::Result<TrainConfig> {
        let mut recipe = TrainConfig::new(&model.network, &model.params.texts())?;
        recipe.front = model.front.clone();
        let trained = Some(model.history.len()).filter(|epochs| *epochs > 0);
        recipe.epochs = self.epochs.or(trained).unwrap_or(recipe.epochs);
        recipe.batch = self.batch.unwrap_or(recipe.batch);
        recipe.lr = self.lr.unwrap_or(recipe.lr);
        recipe.check()?;
        Ok(recipe)
    }

    /// How many pictures the model was trained on. The record of an epoch holds their number as a rate and
    /// a time.
    fn trained_on(&self, model: &ModelInfo, members: usize, encodings: usize) -> usize {
        let images = model
            .history
            .last()
            .map(|epoch| epoch.images_per_s * epoch.seconds);
        let told = images.map(|images| images.round() as usize / encodings.max(1));
        match (self.trained_on, told) {
            (Some(given), _) => given as usize,
            (None, Some(told)) if told > 0 => told,
            _ => members.max(1),
        }
    }

    fn open(&self, key: Option<&Path>, talk: &Talk) -> anyhow::Result<Option<Key>> {
        key.map(|key| self.unlock.open(key, talk)).transpose()
    }

    fn sender<'a>(&self, model: &'a ModelInfo, run: &RunArgs, talk: &Talk) -> anyhow::Result<Sender<'a>> {
        let fingerprint = model.disguise.get("fingerprint").and_then(Value::as_str);
        if self.own_key.is_some() && fingerprint.is_none() {
            let problem =
                "the model was trained on plain images, and so are its shadow models: leave --own-key out";
            return Err(Usage(problem.into()).into());
        }
        let (key, own_key) = (
            self.open(self.key.as_deref(), talk)?,
            self.open(self.own_key.as_deref(), talk)?,
        );
        if let (Some(key), Some(fingerprint)) = (&key, fingerprint)
            && key.fingerprint().to_string() != fingerprint
        {
            talk.warn(format!(
                "the model was trained under the key {fingerprint}, this is the key {}: the attack goes on with it, \
                 as with a recovered key or a wrong one",
                key.fingerprint()
            ));
        }
        let mut sender = Sender {
            model,
            disguising: match (key, own_key) {
                (Some(key), _) => Disguising::Sent(key),
                (None, Some(key)) => Disguising::Shadows(key),
                (None, None) => Disguising::Nothing,
            },
            gallery: None,
        };
        let Some(key) = sender.key().filter(|key| key.scheme().mixes()) else {
            return Ok(sender);
        };
        let Some(partners) = &self.partners else {
            let problem = "this key mixes images: say --partners with plain images to blend in";
            return Err(Usage(problem.into()).into());
        };
        let shape = key
            .shape()
            .context("a key that mixes images needs a shape of its own to disguise with")?;
        let gallery = Gallery::load(partners, None, shape, Fit::Error, run.reading.reading())?;
        sender.gallery = Some(gallery);
        Ok(sender)
    }

    /// The score; of an attack that came to no end there may be none.
    fn judged(
        &self,
        finding: &judging::Finding<'_>,
        examiner: Option<&Model>,
        talk: &Talk,
    ) -> anyhow::Result<judging::Judged> {
        match finding.judge(examiner) {
            Err(error) if finding.outcome.verdict != Verdict::Complete => {
                talk.warn(format!("what was reached cannot be judged: {error:#}"));
                Ok(judging::Judged::default())
            }
            judged => judged,
        }
    }

    fn record(
        &self,
        info: &ModelAttackInfo,
        params: &Params,
        (exposure, outcome): (&ModelExposure<'_>, &ModelOutcome),
        run: &RunArgs,
    ) -> Value {
        json!({
            "kind": "model-attack", "attack": info.name, "aim": info.aim, "reach": info.reach, "params": params,
            "candidates": exposure.candidates.len(), "own": exposure.own.len(), "trained_on": exposure.trained_on,
            "recipe": exposure.recipe, "asked": exposure.victim.asked(), "seed": run.seed,
            "verdict": outcome.verdict, "figures": outcome.figures, "evidence": outcome.evidence,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }
}

/// An error of an attack as that of the crate that it came from, which exit codes are known of.
fn plainly(error: visard_attacks::Error) -> anyhow::Error {
    match error {
        visard_attacks::Error::Learning(error) => error.into(),
        error => error.into(),
    }
}
