//! `rmt-helper`: matrices and block order read off chosen images (ATTACKS, 4.5).

use super::{
    Model,
    blocks::Blocks,
    solve::{self, DENOISE, ESTIMATOR, INTERCEPT, Options},
};
use crate::{AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Set, Target};
use rayon::prelude::*;
use visard_core::params::{Kind, ParamSpec, Params};

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "rmt-helper",
    title: "Chosen images for RMT",
    paper: "this project",
    summary: "has blocks with one bright diagonal disguised, which come back as the matrices \
              themselves, and blocks numbered in binary where blocks are moved",
    level: Level::Chosen,
    applies: &["rmt"],
    needs: Needs::Helpers,
    params: &[
        ParamSpec {
            name: "queries",
            help: "how often each chosen image is disguised, to average the noise out",
            kind: Kind::Int { min: 1, max: 10_000 },
            default: "1",
        },
        ESTIMATOR,
        INTERCEPT,
        DENOISE,
    ],
    helpers: Some(helpers),
    trains: false,
    run: |exposure, params, budget, _, progress| run(exposure, params, budget, progress),
};

/// What the chosen images of one round are: diagonals, then, if blocks are moved, an empty image and
/// one for each binary digit of the positions.
struct Round {
    turns: usize,
    digits: usize,
}

impl Round {
    fn of(model: &Model) -> Self {
        // A block at the lower edge may hold a few rows of the image only; it needs several images to
        // show the diagonal in all columns.
        let whole = model.grid.image().height % model.side;
        let rows = if whole == 0 { model.side } else { whole };
        Self {
            turns: model.side.div_ceil(rows),
            digits: match model.shuffled {
                true => model.positions().next_power_of_two().trailing_zeros() as usize,
                false => 0,
            },
        }
    }

    fn images(&self, model: &Model) -> usize {
        self.turns + if model.shuffled { 1 + self.digits } else { 0 }
    }

    /// Whether image `index` of the round is bright at row y and column x of a block.
    fn bright(&self, model: &Model, index: usize, position: usize, y: usize, x: usize) -> bool {
        let side = model.side;
        let diagonal = |turn: usize| (y + turn * side.div_ceil(self.turns)) % side == x;
        match index.checked_sub(self.turns) {
            None => diagonal(index),
            Some(0) => false,
            Some(digit) => diagonal(0) && position >> (digit - 1) & 1 == 1,
        }
    }
}

fn helpers(target: &Target, params: &Params) -> Result<Set> {
    let model = Model::of("rmt-helper", target)?;
    let (round, image) = (Round::of(&model), model.grid.image());
    let mut pixels = Vec::new();
    for index in 0..round.images(&model) {
        for y in 0..image.height {
            for x in 0..image.width {
                let position = y / model.side * model.grid.columns() + x / model.side;
                let bright = round.bright(&model, index, position, y % model.side, x % model.side);
                pixels.extend(std::iter::repeat_n(
                    if bright { 255u8 } else { 0 },
                    image.channels,
                ));
            }
        }
    }
    Set::bytes(image, pixels.repeat(params.int("queries") as usize))
}

fn run(exposure: &Exposure, params: &Params, budget: &Budget, progress: Progress<'_>) -> Result<Outcome> {
    let model = Model::of("rmt-helper", &exposure.target)?;
    let wanted = helpers(&exposure.target, params)?;
    let chosen = exposure
        .chosen
        .as_ref()
        .filter(|chosen| chosen.plain.pixels() == wanted.pixels())
        .ok_or_else(|| {
            Error::Exposure("rmt-helper needs its own helper images disguised, all in order".into())
        })?;
    let round = Round::of(&model);
    let answers = Blocks::disguised(&model, &chosen.disguised);
    let (order, decided) = match model.shuffled {
        true => read_order(&model, &round, &answers)?,
        false => (model.straight(), 1.0),
    };
    let options = Options::of(&model, params);
    let known = (&chosen.plain, &chosen.disguised);
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
    outcome.figures.insert("helper_images", wanted.len() as f64);
    if model.shuffled {
        outcome.figures.insert("order_decided", decided);
    }
    Ok(outcome)
}

/// Source of each target by the binary digits that its answers show, and the share of the targets whose
/// number is a position that no other target claims.
fn read_order(model: &Model, round: &Round, answers: &Blocks<'_>) -> Result<(Vec<usize>, f64)> {
    let (size, images) = (model.side * model.rows(), round.images(model));
    let numbers: Vec<usize> = (0..model.positions())
        .into_par_iter()
        .map(|target| {
            let mut sums = vec![0.0; size * images];
            let mut rows = vec![0.0; size];
            for image in 0..answers.len() {
                answers.rows(image, target, &mut rows);
                for (sum, value) in sums[image % images * size..].iter_mut().zip(&rows) {
                    *sum += value;
                }
            }
            let of = |index: usize| &sums[index * size..][..size];
            let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            let (bright, dark) = (of(0), of(round.turns));
            (0..round.digits).fold(0, |number, digit| {
                let answer = of(round.turns + 1 + digit);
                number | usize::from(far(answer, bright) < far(answer, dark)) << digit
            })
        })
        .collect();
    let mut taken = vec![false; model.positions()];
    let mut order = vec![usize::MAX; model.positions()];
    for (target, number) in numbers.iter().enumerate() {
        if taken.get(*number) == Some(&false) {
            (order[target], taken[*number]) = (*number, true);
        }
    }
    let decided = order.iter().filter(|source| **source != usize::MAX).count();
    let mut left = (0..taken.len()).filter(|source| !taken[*source]);
    for source in order.iter_mut().filter(|source| **source == usize::MAX) {
        *source = left.next().unwrap_or(0);
    }
    Ok((order, decided as f64 / model.positions().max(1) as f64))
}
