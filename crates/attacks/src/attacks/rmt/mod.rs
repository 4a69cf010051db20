//! Attacks on RMT: y = x R for every row x of a block, with a secret matrix R of the block's position.

mod algebra;
mod blocks;
mod expected;
pub(in crate::attacks) mod helper;
pub(in crate::attacks) mod matching;
mod moments;
mod order;
pub(in crate::attacks) mod pca;
pub(in crate::attacks) mod regression;
pub(in crate::attacks) mod row_norms;
mod solve;

use crate::{Error, Result, Target};
use visard_core::Grid;

/// What is public about an RMT disguise (SPEC.md, 6.1).
#[derive(Clone, Copy, Debug)]
struct Model {
    /// Blocks of the plain image.
    grid: Grid,
    /// Side b of a block in pixels.
    side: usize,
    /// Channels, which share the matrix of their position.
    channels: usize,
    /// Whether the matrices are orthogonal.
    orthogonal: bool,
    /// Width N of the noise [0, N) in grey levels.
    width: f64,
    /// Whether the noise is added before the matrix.
    before: bool,
    /// Whether the blocks are moved.
    shuffled: bool,
}

impl Model {
    fn of(attack: &'static str, target: &Target) -> Result<Self> {
        if target.name() != "rmt" {
            return Err(unfit(attack, target, "it solves the matrices of rmt".into()));
        }
        let params = target.scheme.params();
        let side = params.int("block") as usize;
        Ok(Self {
            grid: Grid::new(target.plain, side),
            side,
            channels: target.plain.channels,
            orthogonal: params.text("matrix") == "orthogonal",
            width: params.float("noise"),
            before: params.text("noise_stage") == "before",
            shuffled: params.bool("shuffle"),
        })
    }

    /// Block positions.
    fn positions(&self) -> usize {
        self.grid.positions()
    }

    /// Rows of a block, those of all channels together.
    fn rows(&self) -> usize {
        self.side * self.channels
    }

    /// Variance of the noise of one value; orthogonal matrices keep it.
    fn variance(&self) -> f64 {
        self.width * self.width / 12.0
    }

    /// Expected square of the noise in a disguised row, given the matrix of its position.
    fn row_noise(&self, matrix: &faer::Mat<f64>) -> f64 {
        let square = match self.before && !self.orthogonal {
            true => matrix.squared_norm_l2(),
            false => self.side as f64,
        };
        square * self.variance()
    }

    /// Added to plain values, so that noise before the matrix has mean 0.
    fn plain_shift(&self) -> f64 {
        if self.before { self.width / 2.0 } else { 0.0 }
    }

    /// Added to disguised values, so that noise after the matrix has mean 0.
    fn disguised_shift(&self) -> f64 {
        if self.before { 0.0 } else { -self.width / 2.0 }
    }

    /// The order of blocks that are not moved.
    fn straight(&self) -> Vec<usize> {
        (0..self.positions()).collect()
    }
}

fn unfit(attack: &'static str, target: &Target, problem: String) -> Error {
    Error::Unfit {
        attack,
        target: target.describe(),
        problem,
    }
}
