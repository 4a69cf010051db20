//! A key of EtC from known pairs: the disguised blocks are looked up among the plain ones.

use super::{
    frame::Frame,
    matching::{Blocks, Match},
};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Pairs, Progress, Result, Rng, Verdict,
    attack::CONTRADICTION,
};
use visard_core::params::{Kind, ParamSpec, Params};

const NAME: &str = "etc-known";

pub(in super::super) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "Known blocks of EtC",
    paper: "this project",
    summary: "looks the blocks of disguised images up among those of the plain ones, in all poses, polarities and \
              orders of channels, and reads off the whole key",
    level: Level::Pairs,
    applies: &["etc", "etc-gray"],
    needs: Needs::Pairs,
    params: &PARAMS,
    helpers: None,
    trains: false,
    run: |exposure, params, budget, _: &mut Rng, progress| {
        Frame::new(NAME, &exposure.target)?;
        let pairs = exposure.pairs.as_ref().filter(|pairs| !pairs.plain.is_empty());
        let pairs = pairs.ok_or_else(|| Error::Exposure(format!("{NAME} needs at least one known pair")))?;
        recover(NAME, exposure, pairs, params, budget, progress)
    },
};

/// Share of the variance of disguised blocks that their partners explain at least if they are partners, even
/// through strong compression.
const EXPLAINED: f64 = 0.6;

pub(super) static PARAMS: [ParamSpec; 2] = [
    ParamSpec {
        name: "pairs",
        help: "pairs that are used; blocks must fit in all of them",
        kind: Kind::Int { min: 1, max: 1000 },
        default: "16",
    },
    ParamSpec {
        name: "match",
        help: "exact: blocks must be equal; near: the assignment with the least squared difference, for images \
               that were stored as JPEG; auto: near where exact fails",
        kind: Kind::Choice(&["auto", "exact", "near"]),
        default: "auto",
    },
];

/// The key from pairs, known or chosen.
pub(super) fn recover(
    attack: &'static str,
    exposure: &Exposure,
    pairs: &Pairs,
    params: &Params,
    budget: &Budget,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let frame = Frame::new(attack, &exposure.target)?;
    let used = (params.int("pairs") as usize).min(pairs.plain.len());
    progress(0.0, "cutting the known pairs");
    let plain = frame.join_all(&pairs.plain.first(used))?;
    let disguised = pairs.disguised.first(used);
    let shape = disguised.shape();
    let images: Vec<&[u8]> = disguised.as_bytes()?.chunks_exact(shape.len()).collect();
    let (plain, disguised) = (Blocks::new(&frame, &plain), Blocks::new(&frame, &images));
    progress(0.1, "looking blocks up");
    let how = params.text("match");
    let mut found = match how {
        "near" => None,
        _ => Blocks::match_exactly(&plain, &disguised),
    };
    let exact = found.is_some();
    if !exact && how != "exact" && !budget.is_spent() {
        progress(0.3, "comparing blocks that are not equal");
        found = Blocks::match_nearly(&plain, &disguised, budget);
    }
    let mut outcome = Outcome::nothing();
    outcome.figures.insert("pairs", used as f64);
    outcome.figures.insert("blocks", frame.pieces() as f64);
    let Some(found) = found else {
        let why = if how == "exact" {
            "a disguised block equals no plain one in any state; the pairs may be stored with loss, or be none"
        } else {
            "the budget does not suffice to compare all blocks"
        };
        outcome.verdict = Verdict::Inconclusive(why.into());
        return Ok(outcome);
    };
    report(&mut outcome, &found, exact);
    if found.explained < EXPLAINED {
        outcome.verdict = Verdict::Inconclusive(CONTRADICTION.into());
    }
    outcome.material = found.layout.material(frame.channels())?;
    progress(0.9, "restoring the disguised images");
    outcome.reconstructions = Some(found.layout.restore(&frame, &exposure.disguised)?);
    progress(1.0, "done");
    Ok(outcome)
}

fn report(outcome: &mut Outcome, found: &Match, exact: bool) {
    let blocks = found.layout.places.len() as f64;
    outcome.figures.insert("exact", found.exact as f64 / blocks);
    outcome.figures.insert("distance", found.distance);
    outcome.figures.insert("explained", found.explained);
    if exact {
        outcome
            .figures
            .insert("determined", found.determined as f64 / blocks);
        outcome.figures.insert("key_bits_left", found.bits_left);
    }
}
