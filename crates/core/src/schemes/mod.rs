//! The registry of schemes: one paper, one file, one line here.

use crate::{Error, Grid, Material, SchemeInfo, Shape, schedule::Schedule};
use zeroize::Zeroizing;

mod aes;
mod ele;
mod etc;
mod etc_gray;
mod ffx;
mod instahide;
mod negpos;
mod neuracrypt;
mod nibbles;
mod rmt;
mod shf;
mod skk;
mod tanaka;

/// Every scheme, in the order in which help lists them.
pub static ALL: &[&SchemeInfo] = &[
    &rmt::INFO,
    &aes::INFO,
    &instahide::INFO,
    &tanaka::INFO,
    &ele::INFO,
    &skk::INFO,
    &etc::INFO,
    &etc_gray::INFO,
    &shf::INFO,
    &negpos::INFO,
    &ffx::INFO,
    &neuracrypt::INFO,
];

/// The registry entry of that name.
pub fn find(name: &str) -> Result<&'static SchemeInfo, Error> {
    ALL.iter()
        .copied()
        .find(|info| info.name == name)
        .ok_or_else(|| Error::UnknownScheme(name.into()))
}

/// log2(n!), the bits of a secret permutation of n places.
pub(crate) fn log2_factorial(n: usize) -> f64 {
    (2..=n).map(|i| (i as f64).log2()).sum()
}

/// What the owner should know about images that are not whole blocks.
pub(crate) fn padding_advice(image: Shape, block: usize) -> Vec<String> {
    let grid = Grid::new(image, block);
    if grid.is_exact() {
        return Vec::new();
    }
    vec![format!(
        "{image} is no whole number of {block}x{block} blocks: images are continued to {} by repeating their last \
         row and column, and cropped when the disguise is removed",
        grid.padded()
    )]
}

/// A secret mask over the values of a block, the same for all blocks: explicit, or else every value
/// whose place in a secret order is beyond the middle (23 of 48).
pub(crate) fn half_mask(
    grid: &Grid,
    schedule: &Schedule,
    purpose: &str,
    material: Option<&Material>,
) -> Result<Zeroizing<Vec<bool>>, Error> {
    let values = grid.block() * grid.block_row();
    let explicit = material
        .map(|m| m.bytes("mask", &[values]))
        .transpose()?
        .flatten();
    let Some(bits) = explicit.map(Zeroizing::new) else {
        let order = Zeroizing::new(schedule.stream(purpose, &[]).permutation(values));
        return Ok(Zeroizing::new(
            order.iter().map(|place| 2 * place > values).collect(),
        ));
    };
    match bits.iter().find(|bit| **bit > 1) {
        Some(other) => Err(Error::material("mask", format!("must hold 0 and 1, not {other}"))),
        None => Ok(Zeroizing::new(bits.iter().map(|bit| *bit == 1).collect())),
    }
}

/// The bits of such a mask: log2 of the ways to choose its places.
pub(crate) fn half_mask_bits(values: usize) -> f64 {
    let masked = (values - 1) / 2;
    log2_factorial(values) - log2_factorial(masked) - log2_factorial(values - masked)
}
