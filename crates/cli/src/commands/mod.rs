//! One command, one file.

pub(crate) mod apply;
pub(crate) mod attack;
pub(crate) mod attacks;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod networks;
pub(crate) mod predict;
pub(crate) mod remove;
pub(crate) mod schemes;
pub(crate) mod study;
pub(crate) mod train;
mod training;
pub(crate) mod verify;
