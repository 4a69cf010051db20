//! One cell: an attack on the models of a case, its scores over all repeats judged together.

mod classes;
mod extraction;
mod inversion;
mod membership;

use crate::{
    plan::{Attack, Case, Column},
    record::{Cell, Found, Measured},
    scene::{Scene, Stage},
};
use anyhow::Context;
use std::{path::Path, rc::Rc, time::Instant};
use visard_attacks::{
    Budget, Rng, Set, Verdict,
    model::{self, Aim, Found as Outcome, ModelAttackInfo},
};
use visard_core::params::Params;

/// What every measure of a cell needs.
pub(crate) struct Bench<'a> {
    pub(crate) stage: &'a Stage<'a>,
    pub(crate) case: &'a Case,
    pub(crate) column: Column,
    pub(crate) attack: &'a Attack,
    pub(crate) info: &'static ModelAttackInfo,
    /// Where pictures are kept.
    pub(crate) pictures: &'a Path,
}

/// The model under attack and the scene of its adversary in one repeat.
pub(crate) struct Played {
    pub(crate) victim: Rc<Scene>,
    pub(crate) scene: Rc<Scene>,
}

/// Measures a cell; what goes wrong is its result.
pub(crate) fn cell(
    stage: &Stage<'_>,
    case: &Case,
    column: Column,
    attack: &Attack,
    pictures: &Path,
) -> anyhow::Result<Cell> {
    let started = Instant::now();
    let bench = Bench {
        stage,
        case,
        column,
        attack,
        info: model::find(attack.name)?,
        pictures,
    };
    let result = match bench.empty() {
        Ok(Some(why)) => Ok(Measured::Empty(why)),
        Ok(None) => bench.measure().map(Measured::Found),
        Err(error) => Err(error),
    };
    let result = result.unwrap_or_else(|error| Measured::Failed(format!("{error:#}")));
    Ok(Cell {
        case: case.name.into(),
        column,
        attack: attack.name.into(),
        given: attack.settings(column),
        seconds: started.elapsed().as_secs_f64(),
        result,
    })
}

impl Bench<'_> {
    /// Why there is nothing to measure, if there is not.
    fn empty(&self) -> anyhow::Result<Option<String>> {
        if (self.column, self.info.aim) == (Column::Foreign, Aim::Inversion) {
            return Ok(Some("an inversion sends nothing".into()));
        }
        if self.column != Column::Chain {
            return Ok(None);
        }
        let scene = self.stage.scene(self.case, 0)?;
        Ok(scene.recovered(self.stage.plan.sizes.pairs)?.err())
    }

    fn measure(&self) -> anyhow::Result<Found> {
        let mut found = match self.info.aim {
            Aim::Membership => membership::measure(self),
            Aim::Classes => classes::measure(self),
            Aim::Inversion => inversion::measure(self),
            Aim::Extraction => extraction::measure(self),
        }?;
        if self.column == Column::Chain {
            let scene = self.stage.scene(self.case, 0)?;
            let recovered = scene.recovered(self.stage.plan.sizes.pairs)?;
            found.key_psnr = recovered.ok().map(|key| key.psnr).filter(|psnr| psnr.is_finite());
        }
        found.checked()
    }

    /// What is played in a repeat.
    pub(crate) fn play(&self, repeat: u64) -> anyhow::Result<Played> {
        let scene = self.stage.scene(self.case, repeat)?;
        let victim = match self.column {
            Column::Foreign => {
                let control = self.stage.plan.control(self.case);
                let control = control.context("no plain case has this network")?;
                self.stage.scene(control, repeat)?
            }
            _ => scene.clone(),
        };
        Ok(Played { victim, scene })
    }

    /// Runs the attack on the pictures in question; says why it ended early, if it did.
    pub(crate) fn run(
        &self,
        played: &Played,
        candidates: &Set,
        repeat: u64,
    ) -> anyhow::Result<(Outcome, Option<String>)> {
        let pairs = self.stage.plan.sizes.pairs;
        let exposure = played
            .scene
            .exposure(&played.victim, self.column, candidates, pairs)?;
        let params = Params::resolve(self.info.params, &self.attack.settings(self.column))?;
        let mut rng = Rng::new(self.seed(repeat));
        let outcome = (self.info.run)(&exposure, &params, &Budget::generous(), &mut rng, &|_, _| {})
            .with_context(|| self.attack.name.to_string())?;
        let unfinished = match outcome.verdict {
            Verdict::Complete => None,
            Verdict::Inconclusive(why) => Some(why),
        };
        Ok((outcome.found, unfinished))
    }

    /// A seed for each cell and repeat (FNV-1a).
    fn seed(&self, repeat: u64) -> u64 {
        let name = format!(
            "{} {} {} {repeat}",
            self.case.name,
            self.column.name(),
            self.attack.name
        );
        name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        })
    }
}
