//! Known plaintext on tanaka: every block of a known image is an equation for every nibble.

use super::{
    blocks::{self, Blocks, NibbleKey},
    helper,
    series::{join, nibbles_over_blocks},
};
use crate::{
    AttackInfo, Budget, Exposure, Level, Needs, Outcome, Progress, Result, Rng, attack::CONTRADICTION,
};
use visard_core::params::Params;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "le-known",
    title: "Known pairs against tanaka",
    paper: "this project",
    summary: "finds for every nibble of a block the plain nibble that agrees with it, or with its complement, in \
              all blocks of the known images",
    level: Level::Pairs,
    applies: &["tanaka"],
    needs: Needs::Pairs,
    params: &[],
    helpers: None,
    trains: false,
    run,
};

fn run(exposure: &Exposure, _: &Params, _: &Budget, _: &mut Rng, progress: Progress<'_>) -> Result<Outcome> {
    blocks::check(&INFO, &exposure.target)?;
    let pairs = blocks::known(INFO.name, exposure)?;
    let blocks = Blocks::of(&exposure.target);
    let plain = nibbles_over_blocks(&blocks, &blocks.padded(&pairs.plain)?);
    let disguised = nibbles_over_blocks(&blocks, pairs.disguised.as_bytes()?);
    let found = join(&plain, &disguised);
    progress(0.5, "opening the images");
    let mut outcome = match found.permutation() {
        // Nibbles with several candidates agree on all that is known, so any of them is as good.
        Some(perm) => {
            let key = NibbleKey {
                perm,
                flip: found.flip,
            };
            helper::open(&blocks, &key, &exposure.disguised)?
        }
        None => Outcome::inconclusive(CONTRADICTION),
    };
    outcome.figures.extend([
        ("slots", disguised.len() as f64),
        ("slots_with_one_candidate", found.single as f64),
        ("slots_without_candidate", found.empty as f64),
    ]);
    Ok(outcome)
}
