//! `rmt-regression`: the matrices by least squares from known pairs (ATTACKS, 4.1).

use super::{
    Model,
    blocks::Blocks,
    order::{self, Matching},
    solve::{self, DENOISE, ESTIMATOR, INTERCEPT, Options},
};
use crate::{AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Pairs, Progress, Result};
use visard_core::params::{Kind, ParamSpec, Params};

/// Pairs that the block order is matched with.
pub(super) const MATCH_PAIRS: ParamSpec = ParamSpec {
    name: "match_pairs",
    help: "pairs by which the order of moved blocks is found, at most",
    kind: Kind::Int {
        min: 1,
        max: 1_000_000,
    },
    default: "200",
};

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "rmt-regression",
    title: "Regression attack on RMT",
    paper: "Chen, Gu, Sharma: DisguisedNets, ACM TOIT 2023, doi 10.1145/3609506; Procrustes and denoising by \
            this project",
    summary: "solves the matrix of each block position from known pairs; finds the block order first if \
              blocks were moved",
    level: Level::Pairs,
    applies: &["rmt"],
    needs: Needs::Pairs,
    params: &[ESTIMATOR, INTERCEPT, DENOISE, MATCH_PAIRS],
    helpers: None,
    trains: false,
    run: |exposure, params, budget, _, progress| run("rmt-regression", exposure, params, budget, progress),
};

/// The pairs, if there is one at least.
fn pairs<'a>(attack: &str, exposure: &'a Exposure) -> Result<&'a Pairs> {
    exposure
        .pairs
        .as_ref()
        .filter(|pairs| !pairs.plain.is_empty())
        .ok_or_else(|| Error::Exposure(format!("{attack} needs a known pair at least")))
}

/// Finds the order if blocks were moved, then the matrices and the pictures.
pub(super) fn run(
    attack: &'static str,
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let model = Model::of(attack, &exposure.target)?;
    let pairs = pairs(attack, exposure)?;
    let matched = pairs.plain.len().min(params.int("match_pairs") as usize);
    let tables = if model.shuffled {
        order::bytes(&model, matched)
    } else {
        0
    };
    let pictures = (exposure.disguised.len() * model.grid.image().len()) as u64;
    if let Some(why) = budget.lacks(tables + pictures, "the tables of all positions and the pictures") {
        return Ok(Outcome::inconclusive(why));
    }
    let matching = match model.shuffled {
        true => Some(match_order(&model, pairs, params, progress)?),
        false => None,
    };
    let order = matching
        .as_ref()
        .map_or_else(|| model.straight(), |m| m.order.clone());
    let options = Options::of(&model, params);
    let known = (&pairs.plain, &pairs.disguised);
    let found = solve::solve(
        &model,
        known,
        &order,
        &exposure.disguised,
        options,
        budget,
        progress,
    );
    let mut outcome = solve::outcome(&model, &order, &found, &exposure.disguised)?;
    solve::judge(&mut outcome, &found);
    outcome.figures.insert("pairs", pairs.plain.len() as f64);
    if let Some(matching) = matching {
        outcome.figures.insert("matched_mutually", matching.mutual);
        outcome.figures.insert("match_margin", matching.margin);
    }
    Ok(outcome)
}

fn match_order(model: &Model, pairs: &Pairs, params: &Params, progress: Progress<'_>) -> Result<Matching> {
    let images = pairs.plain.len().min(params.int("match_pairs") as usize);
    if !model.orthogonal && images * model.rows() < 2 * model.side {
        return Err(Error::Exposure(format!(
            "{images} pairs with {} rows a block cannot tell the order of moved blocks under general \
             matrices, which takes {} rows together",
            model.rows(),
            2 * model.side
        )));
    }
    progress(0.0, "block order");
    let plain = Blocks::plain(model, &pairs.plain);
    let disguised = Blocks::disguised(model, &pairs.disguised);
    Ok(order::assign(&order::costs(model, &plain, &disguised, images)))
}
