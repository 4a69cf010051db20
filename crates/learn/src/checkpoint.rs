//! The state of a training run after an epoch, from which it goes on exactly.

use crate::{
    EpochRecord, Error, ModelInfo, Result, TrainConfig, file,
    state::{self, State},
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Kind and version of the file.
const FORMAT: &str = "visard-checkpoint/2";
/// Prefix of the network's tensors.
const MODEL: &str = "model.";
/// Prefix of the optimiser's running means.
const MEANS: &str = "means.";
/// Prefix of the best epoch's tensors, where training may stop early.
const BEST: &str = "best.";

/// What, besides the tensors, a run needs to go on, and to know that it is its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    /// The configuration as text: floats read back from JSON may differ in their last bit.
    config: String,
    info: ModelInfo,
    /// Digest of the training examples.
    data: String,
}

/// What a run has come to.
pub(crate) struct Checkpoint {
    pub(crate) weights: State,
    pub(crate) means: State,
    /// The tensors of the best epoch, where training may stop early.
    pub(crate) best: Option<State>,
    pub(crate) history: Vec<EpochRecord>,
}

/// What the run is, to be compared with what the file says.
pub(crate) struct Identity<'a> {
    pub(crate) config: &'a TrainConfig,
    pub(crate) info: &'a ModelInfo,
    pub(crate) data: &'a str,
}

fn text(config: &TrainConfig) -> String {
    // A configuration is plain data, which always has a text.
    serde_json::to_string(config).unwrap_or_default()
}

impl Checkpoint {
    /// Writes the checkpoint atomically and durably.
    pub(crate) fn save(&self, path: &Path, run: &Identity<'_>) -> Result<()> {
        let mut info = run.info.clone();
        info.history.clone_from(&self.history);
        let header = Header {
            format: FORMAT.into(),
            config: text(run.config),
            info,
            data: run.data.into(),
        };
        let prefixed = |prefix: &'static str, state: &State| {
            let part: Vec<_> = state
                .iter()
                .map(|(name, v)| (format!("{prefix}{name}"), v.clone()))
                .collect();
            part
        };
        let tensors = prefixed(MODEL, &self.weights)
            .into_iter()
            .chain(prefixed(MEANS, &self.means))
            .chain(self.best.iter().flat_map(|best| prefixed(BEST, best)));
        file::write(path, &header, &tensors.collect())
    }

    /// Reads the checkpoint of this run; `like` are the tensors of its network.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that is cut short, altered or no checkpoint, [`Error::Foreign`]
    /// for one of another run.
    pub(crate) fn load(path: &Path, run: &Identity<'_>, like: &State) -> Result<Self> {
        let (header, tensors) = file::read::<Header>(path)?;
        if header.format != FORMAT {
            let problem = format!(
                "the file says it is {:?}, this program reads {FORMAT:?}",
                header.format
            );
            return Err(Error::input(path, problem));
        }
        header.belongs_to(run).map_err(|problem| Error::Foreign {
            path: path.into(),
            problem,
        })?;
        let part = |prefix: &str| -> State {
            let own = |(name, v): (&String, &state::Values)| {
                Some((name.strip_prefix(prefix)?.to_string(), v.clone()))
            };
            tensors.iter().filter_map(own).collect()
        };
        let best = part(BEST);
        let checkpoint = Self {
            weights: part(MODEL),
            means: part(MEANS),
            best: (!best.is_empty()).then_some(best),
            history: header.info.history,
        };
        checkpoint
            .fits(like, run.config.epochs)
            .map_err(|problem| Error::input(path, problem))?;
        Ok(checkpoint)
    }

    fn fits(&self, like: &State, epochs: usize) -> Result<(), String> {
        state::compare(like, &self.weights)?;
        if let Some(best) = &self.best {
            state::compare(like, best)?;
        }
        let size = |v: &state::Values| v.values.len();
        let of = |name: &str| {
            name.split_once('.')
                .and_then(|(_, tensor)| like.get(tensor))
                .map(size)
        };
        if let Some((name, _)) = (self.means.iter()).find(|(name, v)| of(name) != Some(size(v))) {
            return Err(format!("the running mean {name} does not fit the network"));
        }
        let numbered = self
            .history
            .iter()
            .enumerate()
            .all(|(i, record)| record.epoch == i + 1);
        if !numbered || self.history.len() > epochs {
            return Err("the list of finished epochs makes no sense".into());
        }
        Ok(())
    }
}

impl Header {
    fn belongs_to(&self, run: &Identity<'_>) -> Result<(), String> {
        let (its, own) = (&self.config, text(run.config));
        if *its != own {
            return Err(format!("its configuration is {its}, this run's is {own}"));
        }
        let (its, own) = (&self.info, run.info);
        if its.shape != own.shape {
            return Err(format!(
                "its images are {}, this run's are {}",
                its.shape, own.shape
            ));
        }
        if its.classes != own.classes {
            return Err(format!(
                "its classes are {:?}, this run's are {:?}",
                its.classes, own.classes
            ));
        }
        if self.data != run.data || its.normalisation != own.normalisation {
            return Err("it was made with other training images or labels".into());
        }
        Ok(())
    }
}
