//! Known plaintext on ele: one equation for every nibble from each known image.

use super::{blocks, ele_keys};
use crate::{AttackInfo, Budget, Exposure, Level, Needs, Outcome, Progress, Result, Rng};
use visard_core::params::Params;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "ele-known",
    title: "Known pairs against ele",
    paper: "this project",
    summary: "finds plain and disguised nibbles whose values agree, or are complements, in all known images, first \
              for whole blocks and then inside them",
    level: Level::Pairs,
    applies: &["ele"],
    needs: Needs::Pairs,
    params: &[],
    helpers: None,
    trains: false,
    run,
};

fn run(exposure: &Exposure, _: &Params, _: &Budget, _: &mut Rng, progress: Progress<'_>) -> Result<Outcome> {
    blocks::check(&INFO, &exposure.target)?;
    let pairs = blocks::known(INFO.name, exposure)?;
    let found = ele_keys::solve(&exposure.target, pairs)?;
    progress(0.5, "opening the images");
    ele_keys::outcome(&exposure.target, &found, &exposure.disguised)
}
