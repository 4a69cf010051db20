//! Known plaintext on shf, negpos and ffx.

use super::{blocks, byte_keys};
use crate::{AttackInfo, Budget, Exposure, Level, Needs, Outcome, Progress, Result, Rng};
use visard_core::params::Params;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "bytes-known",
    title: "Known pairs against shf, negpos and ffx",
    paper: "this project",
    summary: "compares the values at every place of a block with the plain ones over all blocks of the known images: \
              the order (shf), the mask (negpos), or the mask and the table (ffx); table entries that no pair shows \
              are guessed from the values around them",
    level: Level::Pairs,
    applies: &["shf", "negpos", "ffx"],
    needs: Needs::Pairs,
    params: &[],
    helpers: None,
    trains: false,
    run,
};

fn run(exposure: &Exposure, _: &Params, _: &Budget, _: &mut Rng, progress: Progress<'_>) -> Result<Outcome> {
    blocks::check(&INFO, &exposure.target)?;
    let pairs = blocks::known(INFO.name, exposure)?;
    progress(0.1, "reading the key");
    byte_keys::solve(&exposure.target, pairs, &exposure.disguised)
}
