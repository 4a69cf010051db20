//! The registry of schemes: one paper, one file, one line here.

use crate::{Error, Grid, SchemeInfo, Shape};

mod aes;
mod rmt;

/// Every scheme, in the order in which help lists them.
pub static ALL: &[&SchemeInfo] = &[&rmt::INFO, &aes::INFO];

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
