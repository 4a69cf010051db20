//! Ciphertext only on shf and negpos: the places of a block by their statistics.

use super::{
    assign::{Profile, assign},
    blocks, byte_keys,
    statistics::inputs,
};
use crate::{
    AttackInfo, Budget, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Verdict,
    score::{Ambiguity, Choose},
};
use visard_core::params::Params;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "bytes-statistics",
    title: "Statistics of places against shf and negpos",
    paper: "this project",
    summary: "orders the places of a block so that their correlations look like those of public images (shf), or \
              tells the inverted ones by the signs of their correlations (negpos)",
    level: Level::Disguised,
    applies: &["shf", "negpos"],
    needs: Needs::Public,
    params: &[],
    helpers: None,
    trains: false,
    run,
};

fn run(
    exposure: &Exposure,
    _: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let target = &exposure.target;
    blocks::check(&INFO, target)?;
    let inputs = match inputs(INFO.name, exposure, false, budget)? {
        Ok(inputs) => inputs,
        Err(ended) => return Ok(ended),
    };
    let disguised = exposure.disguised.as_bytes()?;
    let signed = target.name() == "negpos";
    let picks: Vec<usize> = (0..inputs.blocks.values()).collect();
    progress(0.0, "correlations");
    let survey = inputs.own.survey(disguised);
    let known = inputs.reference.survey(&inputs.public);
    let own = Profile::new(&inputs.own, disguised, &survey, &picks, 255.0, signed)?;
    let reference = Profile::new(&inputs.reference, &inputs.public, &known, &picks, 255.0, signed)?;
    if signed {
        let turned = own.turned();
        let distances = [own.level_distance(&reference), turned.level_distance(&reference)];
        let best = if distances[0] <= distances[1] { own } else { turned };
        let mask: Vec<bool> = best
            .flip
            .iter()
            .zip(&reference.flip)
            .map(|(a, b)| a != b)
            .collect();
        let mut outcome = byte_keys::open_mask(&inputs.blocks, &mask, &exposure.disguised)?;
        outcome
            .figures
            .insert("margin_of_the_sign", (distances[0] - distances[1]).abs());
        return Ok(outcome.up_to(Ambiguity::COLORS, Choose::Once));
    }
    progress(0.5, "ordering the places");
    let found = assign(&own, &reference, target.plain.channels, budget);
    let mut outcome = byte_keys::open_order(&inputs.blocks, &found.at, &exposure.disguised)?;
    outcome.figures.insert("misfit", found.misfit);
    if budget.is_spent() {
        outcome.verdict = Verdict::Inconclusive("the order of the places was still improving".into());
    }
    Ok(outcome.up_to(Ambiguity::COLORS, Choose::Once))
}
