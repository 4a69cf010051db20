//! A trained model, its adversary's pictures, and what of its key came to light.

use crate::{
    cloak::{Cloak, Use},
    plan::{Case, Column, Plan},
    record::Trained,
    split::{Images, Split, join},
};
use anyhow::Context;
use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Instant,
};
use study_attacks::disguised::{attack, exposure, psnr};
use visard_attacks::{
    Budget, Pairs, Set, learning,
    model::{Forms, ModelExposure, Victim},
};
use visard_core::{Pixels, Shape};
use visard_learn::{Examples, Model, TrainConfig};

/// Everything of one section that is trained, each model once.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) images: &'a Images,
    scenes: RefCell<BTreeMap<(&'static str, u64), Rc<Scene>>>,
    examiner: OnceCell<Model>,
}

/// One model with its adversary.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) case: Case,
    pub(crate) split: Split,
    pub(crate) model: Model,
    pub(crate) recipe: TrainConfig,
    pub(crate) trained: Trained,
    /// The owner's key; none for plain images.
    cloak: Option<Cloak>,
    /// A key that an adversary drew itself.
    stranger: Option<Cloak>,
    /// The key that an attack recovers, or why there is none; the outer error is a failure.
    recovered: OnceCell<Result<Result<Recovered, String>, String>>,
    repeat: u64,
    classes: usize,
}

/// A key that an attack on the images brought to light.
#[derive(Debug)]
pub(crate) struct Recovered {
    cloak: Cloak,
    /// How well it undoes disguises of the owner's key, in dB.
    pub(crate) psnr: f64,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(plan: &'a Plan, images: &'a Images) -> Self {
        Self {
            plan,
            images,
            scenes: RefCell::default(),
            examiner: OnceCell::new(),
        }
    }

    /// The model of a case with its adversary, trained when it is asked for first.
    pub(crate) fn scene(&self, case: &Case, repeat: u64) -> anyhow::Result<Rc<Scene>> {
        let known = self.scenes.borrow().get(&(case.name, repeat)).cloned();
        if let Some(scene) = known {
            return Ok(scene);
        }
        let scene = Rc::new(Scene::play(self.plan, self.images, case, repeat)?);
        let mut scenes = self.scenes.borrow_mut();
        scenes.insert((case.name, repeat), scene.clone());
        Ok(scene)
    }

    /// A network for plain images that has seen no member of the first repeat: it judges what comes out of
    /// models.
    pub(crate) fn examiner(&self) -> anyhow::Result<&Model> {
        if let Some(model) = self.examiner.get() {
            return Ok(model);
        }
        let split = self.images.deal(&self.plan.sizes, 0)?;
        let case = &self.plan.cases[0];
        let recipe = case.net.recipe(case.epochs, 77)?;
        let model = fit(&recipe, &learning::examples(&split.judge)?, self.images.classes())?;
        Ok(self.examiner.get_or_init(|| model))
    }
}

impl Scene {
    fn play(plan: &Plan, images: &Images, case: &Case, repeat: u64) -> anyhow::Result<Self> {
        let started = Instant::now();
        let (split, classes) = (images.deal(&plan.sizes, repeat)?, images.classes());
        let cloak = |number: u64| {
            case.scheme
                .map(|scheme| Cloak::new(scheme, images.shape(), 2 * repeat + number, None))
                .transpose()
        };
        let (cloak, stranger) = (cloak(0)?, cloak(1)?);
        let home = |set: &Set, partners: &Set, to: Use| dressed(cloak.as_ref(), set, partners, to, classes);
        let recipe = case.net.recipe(case.epochs, 1 + repeat)?;
        let model = fit(
            &recipe,
            &home(&split.members, &split.members, Use::Train)?,
            classes,
        )?;
        let share = |examples: &Examples| -> anyhow::Result<f64> {
            Ok(model.evaluate(examples, learning::BATCH)?.accuracy)
        };
        let trained = Trained {
            case: case.name.into(),
            repeat,
            network: recipe.network.clone(),
            members: split.members.len(),
            members_accuracy: share(&home(&split.members, &split.members, Use::Query)?)?,
            test_accuracy: share(&home(&split.test, &split.partners, Use::Query)?)?,
            plain_accuracy: share(&learning::examples(&split.test)?)?,
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok(Self {
            case: *case,
            split,
            model,
            recipe,
            trained,
            cloak,
            stranger,
            recovered: OnceCell::new(),
            repeat,
            classes,
        })
    }

    /// The owner's key.
    fn owner(&self) -> anyhow::Result<&Cloak> {
        self.cloak.as_ref().context("plain images have no key")
    }

    /// The key that the case's attack of level 2 recovers from pairs, or why there is none.
    ///
    /// # Errors
    /// If the attack could not be run; that it brings no key is no error.
    pub(crate) fn recovered(&self, pairs: usize) -> anyhow::Result<Result<&Recovered, String>> {
        let recover = || self.recover(pairs).map_err(|error| format!("{error:#}"));
        let found = self.recovered.get_or_init(recover).as_ref();
        let found = found.map_err(|why| anyhow::anyhow!("{why}"))?;
        Ok(found.as_ref().map_err(String::clone))
    }

    /// The inner error says why there is no key; the outer one is a failure.
    fn recover(&self, pairs: usize) -> anyhow::Result<Result<Recovered, String>> {
        let (cloak, plain) = (self.owner()?, &self.split.own.first(pairs));
        let scheme = self.case.scheme.context("plain images have no scheme")?;
        let Some((name, needed)) = self.case.breaks else {
            return Ok(Err(
                "there is no key to recover: anybody makes such encodings".into()
            ));
        };
        let shown = cloak.seen(&self.split.others)?;
        let known = Pairs::new(plain.clone(), cloak.seen(plain)?)?;
        let exposed = exposure(scheme.0, scheme.1, plain.shape(), shown.clone())?.with_pairs(known)?;
        let outcome = attack(name, &exposed, &[])?;
        if needed.iter().any(|array| outcome.material.get(array).is_none()) {
            return Ok(Err(format!(
                "no key recovered: {name} finds no `{}`",
                needed.join("`, `")
            )));
        }
        // What a recovered key does not fix, noise above all, is drawn from a secret of the adversary's own.
        let number = 1_000_000 + self.repeat;
        let cloak = match Cloak::new(scheme, plain.shape(), number, Some(&outcome.material)) {
            Ok(cloak) => cloak,
            Err(error) => return Ok(Err(format!("no key recovered: {error}"))),
        };
        let read = cloak.read(plain.shape(), &shown.to_floats())?;
        let read = Set::new(plain.shape(), Pixels::F32(read), Vec::new())?;
        let psnr = psnr(&self.split.others, &read)?;
        Ok(Ok(Recovered { cloak, psnr }))
    }

    /// The key by which this column disguises; none where pictures go as they are.
    fn worn(&self, column: Column, pairs: usize) -> anyhow::Result<Option<&Cloak>> {
        Ok(match column {
            Column::Control | Column::Outsider => None,
            // Encodings that need no secret are the adversary's own.
            Column::Key if self.owner()?.blends() => self.stranger.as_ref(),
            Column::Foreign | Column::Key => self.cloak.as_ref(),
            Column::Chain => Some(&self.recovered(pairs)?.map_err(anyhow::Error::msg)?.cloak),
        })
    }

    /// Pictures as the adversary of a column trains its own models on them and as it sends them.
    fn forms(&self, column: Column, set: &Set, pairs: usize) -> anyhow::Result<Forms> {
        let own = self.worn(column, pairs)?;
        let wear = |cloak, to| dressed(cloak, set, &self.split.partners, to, self.classes);
        let query = wear(own, Use::Query)?;
        let train = match column {
            Column::Control | Column::Foreign => wear(None, Use::Train)?,
            Column::Outsider => wear(self.stranger.as_ref(), Use::Train)?,
            Column::Key | Column::Chain => wear(own, Use::Train)?,
        };
        Ok(Forms { train, query })
    }

    /// What the adversary of a column has, with these pictures in question. `victim` is the model's scene.
    pub(crate) fn exposure<'v>(
        &self,
        victim: &'v Scene,
        column: Column,
        candidates: &Set,
        pairs: usize,
    ) -> anyhow::Result<ModelExposure<'v>> {
        Ok(ModelExposure {
            victim: Victim::open(&victim.model),
            recipe: &victim.recipe,
            trained_on: victim.split.members.len(),
            candidates: self.forms(column, candidates, pairs)?,
            own: self.forms(column, &self.split.own, pairs)?,
        })
    }

    /// Members and others, and which are members.
    pub(crate) fn in_question(&self) -> anyhow::Result<(Set, Vec<bool>)> {
        let (members, others) = (&self.split.members, &self.split.others);
        let truth = (0..members.len() + others.len()).map(|i| i < members.len());
        Ok((join(members, others)?, truth.collect()))
    }

    /// Pictures that a model gave away, with the disguise taken off where the column has a key.
    pub(crate) fn read(
        &self,
        column: Column,
        shape: Shape,
        pixels: &[f32],
        pairs: usize,
    ) -> anyhow::Result<Vec<f32>> {
        match (column, self.worn(column, pairs)?) {
            (Column::Key | Column::Chain, Some(cloak)) => cloak.read(shape, pixels),
            _ => Ok(pixels.to_vec()),
        }
    }

    /// The test pictures as the model of this scene is meant to be asked about them, under the owner's key.
    pub(crate) fn home_test(&self) -> anyhow::Result<Examples> {
        let split = &self.split;
        dressed(
            self.cloak.as_ref(),
            &split.test,
            &split.partners,
            Use::Query,
            self.classes,
        )
    }
}

/// Pictures as networks take them, under a key if there is one; blends are with `partners`.
fn dressed(
    cloak: Option<&Cloak>,
    set: &Set,
    partners: &Set,
    to: Use,
    classes: usize,
) -> anyhow::Result<Examples> {
    match cloak {
        Some(cloak) => cloak.wear(set, partners, to, classes),
        None => Ok(learning::examples(set)?),
    }
}

/// Trains a network to the end of its epochs.
pub(crate) fn fit(config: &TrainConfig, data: &Examples, classes: usize) -> anyhow::Result<Model> {
    learning::fit(config, data, classes, &Budget::generous())?.context("the training was stopped")
}
