//! What was played so far: attack after attack, then the model.

use super::{
    Clock, Options, Play, Run, Show, Stage, Watch,
    attack::{Tried, attack, once},
};
use crate::{
    Access, Error, Oracle, Result, Verdict,
    judge::Null,
    model,
    record::{Attacked, NotRun},
    show::{self, Example},
};

/// What was played so far, and with what.
pub(super) struct Played<'a> {
    pub(super) stage: Stage<'a>,
    pub(super) stranger: &'a dyn Oracle,
    pub(super) show: Show<'a>,
    pub(super) other: Option<Stage<'a>>,
    pub(super) watch: Watch<'a>,
    pub(super) attacked: Vec<Attacked>,
    pub(super) not_run: Vec<NotRun>,
    pub(super) examples: Vec<Example>,
    pub(super) recovered: Vec<model::Candidate>,
}

impl Played<'_> {
    /// What all runs of an attack weigh.
    pub(super) fn weight(&self, play: Play, options: &Options) -> usize {
        let null = usize::from(play.access >= Access::Pairs);
        let shown = usize::from(self.other.is_some());
        (self.stage.counts(play, &options.pairs).len() + null + shown) * play.weight()
    }

    /// Plays an attack; what comes back is to be played as well.
    pub(super) fn play(&mut self, play: Play, clock: &mut Clock<'_>) -> Result<Option<Play>> {
        let tried = match attack(&self.stage, self.stranger, play, clock, self.watch)? {
            Ok(tried) => tried,
            Err(why) => {
                self.skip_example(play, clock);
                self.not_run.push(why);
                return Ok(None);
            }
        };
        let before = self
            .attacked
            .iter()
            .find(|known: &&Attacked| known.name == play.info.name);
        if before.is_some_and(|known| known.verdict >= tried.attacked.verdict) {
            return Ok(None);
        }
        // What needs no public images may do better with them.
        let more = play.access == Access::Disguised
            && tried.attacked.verdict < Verdict::Broken
            && clock.options.access.contains(&Access::Public)
            && self.stage.subjects.public.is_some();
        let Tried {
            attacked,
            best,
            materials,
        } = tried;
        self.attacked.push(attacked);
        let material = |(count, material)| model::Candidate {
            play,
            count,
            material,
        };
        self.recovered.extend(materials.into_iter().map(material));
        let example = self.example(play, best, clock)?;
        self.examples.extend(example);
        Ok(more.then_some(Play {
            access: Access::Public,
            ..play
        }))
    }

    /// Pictures of what an attack brought back.
    fn example(
        &self,
        play: Play,
        best: Option<(usize, Run)>,
        clock: &mut Clock<'_>,
    ) -> Result<Option<Example>> {
        match (best, &self.show, &self.other) {
            (Some((_, run)), Show::Originals, _) => show::example(&self.stage, play, &run).map(Some),
            (Some((count, _)), _, Some(other)) => {
                let run = again(other, play, count, clock, self.watch);
                run.ok().map(|run| show::example(other, play, &run)).transpose()
            }
            _ => {
                self.skip_example(play, clock);
                Ok(None)
            }
        }
    }

    fn skip_example(&self, play: Play, clock: &mut Clock<'_>) {
        if self.other.is_some() {
            clock.skip(play.weight());
        }
    }

    /// Plays level M, or notes why that cannot be.
    pub(super) fn model(
        &mut self,
        settings: &model::ModelSettings,
        clock: &mut Clock<'_>,
    ) -> Result<Option<model::ModelRecord>> {
        let recovered = model::Recovered::best(&self.recovered, &self.stage)?;
        let played = model::play(
            settings,
            &self.stage,
            self.stranger,
            recovered.as_ref(),
            clock,
            self.watch,
        );
        // What was found on the images is worth something without the model.
        let found = match played {
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => Err(error.to_string()),
            Ok(found) => found,
        };
        let found = match found {
            Ok(found) => found,
            Err(why) => {
                self.not_run.push(NotRun {
                    name: "every attack on models".into(),
                    access: Access::Model,
                    why,
                });
                return Ok(None);
            }
        };
        match (&self.show, &self.other) {
            (Show::Originals, _) => self.examples.extend(found.examples),
            (_, Some(other)) => {
                let key = recovered.as_ref().map(|recovered| &recovered.from);
                let again = key.and_then(|from| {
                    let run = again(other, from.play, from.count, clock, self.watch).ok()?;
                    let candidate = model::Candidate {
                        material: run.material,
                        ..from.clone()
                    };
                    model::Recovered::best(&[candidate], other).ok().flatten()
                });
                match model::show(settings, other, again.as_ref(), clock, self.watch) {
                    Err(Error::Interrupted) => return Err(Error::Interrupted),
                    shown => self.examples.extend(shown.unwrap_or_default()),
                }
            }
            _ => {}
        }
        Ok(Some(found.record))
    }
}

/// The same attack on the images that are shown instead.
fn again(
    other: &Stage<'_>,
    play: Play,
    count: usize,
    clock: &mut Clock<'_>,
    watch: Watch<'_>,
) -> Result<Run> {
    let known = other.subjects.known.len();
    let count = if play.access == Access::Pairs {
        count.min(known)
    } else {
        count
    };
    once(other, play, count, Null::default(), clock, watch)
}
