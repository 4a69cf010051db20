//! `rmt-matching`: the unknown block order from known pairs (ATTACKS, 4.2), carried on to pictures.

use super::{
    Model,
    regression::{self, MATCH_PAIRS},
    solve::{DENOISE, ESTIMATOR, INTERCEPT},
    unfit,
};
use crate::{AttackInfo, Level, Needs};

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "rmt-matching",
    title: "Block matching attack on RMT",
    paper: "this project",
    summary: "finds the order of moved blocks from products of rows, or spaces of columns, that the \
              matrices leave unchanged, then solves the matrices",
    level: Level::Pairs,
    applies: &["rmt"],
    needs: Needs::Pairs,
    params: &[MATCH_PAIRS, ESTIMATOR, INTERCEPT, DENOISE],
    helpers: None,
    trains: false,
    run: |exposure, params, budget, _, progress| {
        if !Model::of("rmt-matching", &exposure.target)?.shuffled {
            let problem = "its blocks are not moved; rmt-regression needs no matching".into();
            return Err(unfit("rmt-matching", &exposure.target, problem));
        }
        regression::run("rmt-matching", exposure, params, budget, progress)
    },
};
