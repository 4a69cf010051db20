//! A key of EtC from one chosen image, whose blocks are all different and without symmetry.

use super::{
    frame::Frame,
    known::{PARAMS, recover},
    matching::Blocks,
};
use crate::{AttackInfo, Error, Level, Needs, Result, Rng, Set, Target};
use visard_core::params::Params;

const NAME: &str = "etc-helper";

/// Images of random bytes that are tried before a shape is given up.
const TRIES: u64 = 64;

pub(in super::super) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "Chosen image for EtC",
    paper: "this project",
    summary: "has one image disguised whose blocks are all different and without symmetry, and reads the whole key \
              off it",
    level: Level::Chosen,
    applies: &["etc", "etc-gray"],
    needs: Needs::Helpers,
    params: &PARAMS,
    helpers: Some(helpers),
    trains: false,
    run: |exposure, params, budget, _: &mut Rng, progress| {
        Frame::new(NAME, &exposure.target)?;
        let chosen = exposure.chosen.as_ref().filter(|pairs| !pairs.plain.is_empty());
        let chosen = chosen.ok_or_else(|| {
            Error::Exposure(format!("{NAME} needs its helper image and its disguised form"))
        })?;
        recover(NAME, exposure, chosen, params, budget, progress)
    },
};

/// One image of random bytes, the first of a fixed sequence that will do.
fn helpers(target: &Target, _: &Params) -> Result<Set> {
    let frame = Frame::new(NAME, target)?;
    let mut rng = Rng::new(0x657463);
    for _ in 0..TRIES {
        let bytes = (0..target.plain.len()).map(|_| rng.next_u64() as u8).collect();
        let image = Set::bytes(target.plain, bytes)?;
        let blocks = Blocks::new(&frame, &frame.join_all(&image)?);
        // A block at the edge may consist of repeated rows or columns; such blocks are symmetric, and
        // even equal, in every image, so that their states do not matter.
        if !frame.is_exact() || blocks.all_differ(true) {
            return Ok(image);
        }
    }
    Err(Error::Unfit {
        attack: NAME,
        target: target.describe(),
        problem: "its blocks are too small and too many to be all different".into(),
    })
}
