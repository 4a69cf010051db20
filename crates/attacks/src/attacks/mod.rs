//! The registry of attacks: one attack, one file, one line here.

mod aes;
pub mod etc;
pub mod instahide;
mod le;
pub mod learned;
pub mod linkage;
mod look;
pub mod neuracrypt;
mod rmt;
mod skk;
mod span;
mod statistics;

use crate::{AttackInfo, Error, Result, Target};

/// Every attack, in the order in which help lists them.
pub static ALL: &[&AttackInfo] = &[
    &look::INFO,
    &statistics::INFO,
    &linkage::INFO,
    &learned::embedding::INFO,
    &learned::examiner::PLAIN,
    &learned::examiner::DISGUISED,
    &span::INFO,
    &learned::itn::INFO,
    &learned::other_keys::INFO,
    &learned::gan::INFO,
    &learned::gan::PAIRED_INFO,
    &skk::leading_bit::INFO,
    &skk::propagation::INFO,
    &skk::graph::INFO,
    &skk::helper::INFO,
    &skk::known::INFO,
    &skk::statistical::INFO,
    &le::helper::INFO,
    &le::known::INFO,
    &le::statistics::INFO,
    &le::ele_helper::INFO,
    &le::ele_known::INFO,
    &le::ele_layout::INFO,
    &le::bytes_helper::INFO,
    &le::bytes_known::INFO,
    &le::bytes_statistics::INFO,
    &etc::known::INFO,
    &etc::helper::INFO,
    &etc::jigsaw::INFO,
    &etc::edges::INFO,
    &rmt::regression::INFO,
    &rmt::matching::INFO,
    &rmt::row_norms::INFO,
    &rmt::pca::INFO,
    &rmt::helper::INFO,
    &aes::codebook::INFO,
    &aes::equality::INFO,
    &instahide::abs::INFO,
    &instahide::similarity::INFO,
    &instahide::clusters::INFO,
    &instahide::resolve::INFO,
    &instahide::public::INFO,
    &instahide::learned::INFO,
    &neuracrypt::order::INFO,
    &neuracrypt::matching::INFO,
];

/// The registry entry of that name.
pub fn find(name: &str) -> Result<&'static AttackInfo> {
    ALL.iter()
        .copied()
        .find(|info| info.name == name)
        .ok_or_else(|| Error::Unknown(name.into()))
}

/// The error that an attack does not apply.
fn unfit(attack: &'static str, target: &Target, problem: impl Into<String>) -> Error {
    Error::Unfit {
        attack,
        target: target.describe(),
        problem: problem.into(),
    }
}
