//! The blocks of a target's images, their values and nibbles, and pictures opened with a found key.

use crate::{AttackInfo, Error, Exposure, Pairs, Result, Set, Target};
use rayon::prelude::*;
use visard_core::{Array, Grid, Material, Values};

/// Refuses targets of other schemes than those that the attack is for.
pub(super) fn check(info: &AttackInfo, target: &Target) -> Result<()> {
    if info.applies.contains(&target.name()) {
        return Ok(());
    }
    Err(unfit(
        info.name,
        target,
        format!("it is for {}", info.applies.join(", ")),
    ))
}

/// The error of an attack on something that it is not for.
pub(super) fn unfit(attack: &'static str, target: &Target, problem: String) -> Error {
    let target = target.describe();
    Error::Unfit {
        attack,
        target,
        problem,
    }
}

/// The chosen images of an exposure, at least one.
pub(super) fn chosen<'a>(attack: &str, exposure: &'a Exposure) -> Result<&'a Pairs> {
    let missing = || {
        Error::Exposure(format!(
            "{attack} needs its helper images and their disguised forms"
        ))
    };
    exposure
        .chosen
        .as_ref()
        .filter(|p| !p.plain.is_empty())
        .ok_or_else(missing)
}

/// The known pairs of an exposure, at least one.
pub(super) fn known<'a>(attack: &str, exposure: &'a Exposure) -> Result<&'a Pairs> {
    let missing = || Error::Exposure(format!("{attack} needs at least one known pair"));
    exposure
        .pairs
        .as_ref()
        .filter(|p| !p.plain.is_empty())
        .ok_or_else(missing)
}

/// The grid of blocks over images of a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    grid: Grid,
}

impl Blocks {
    /// The blocks that the parameter `block` cuts images of this shape into.
    pub(super) fn new(target: &Target, image: visard_core::Shape) -> Self {
        let side = target.scheme.params().int("block") as usize;
        Self {
            grid: Grid::new(image, side),
        }
    }

    /// The blocks of the target's own images.
    pub(super) fn of(target: &Target) -> Self {
        Self::new(target, target.plain)
    }

    /// The grid.
    pub(super) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Values in a block, d.
    pub(super) fn values(&self) -> usize {
        self.grid.block() * self.grid.block_row()
    }

    /// Number of positions.
    pub(super) fn positions(&self) -> usize {
        self.grid.positions()
    }

    /// Index of value `j` of a block, counted from the block's first value in a padded image.
    pub(super) fn offset(&self, j: usize) -> usize {
        let width = self.grid.block_row();
        (j / width) * self.grid.padded().row() + j % width
    }

    /// All offsets, by value.
    pub(super) fn offsets(&self) -> Vec<usize> {
        (0..self.values()).map(|j| self.offset(j)).collect()
    }

    /// Rows and columns of a block that lie in the image; the others repeat the last ones.
    pub(super) fn extent(&self, position: usize) -> (usize, usize) {
        let (side, image) = (self.grid.block(), self.grid.image());
        let (row, column) = (position / self.grid.columns(), position % self.grid.columns());
        (
            (image.height - row * side).min(side),
            (image.width - column * side).min(side),
        )
    }

    /// The positions whose blocks show as much of themselves as any does: all whole blocks, if any.
    pub(super) fn fullest(&self) -> Vec<usize> {
        let best = self.extent(0);
        (0..self.positions())
            .filter(|p| self.extent(*p) == best)
            .collect()
    }

    /// For every value of a block at a position, the number of the pixel value that it shows, and how
    /// many different ones there are: padding repeats some.
    pub(super) fn shown(&self, position: usize) -> (Vec<usize>, usize) {
        let (rows, columns) = self.extent(position);
        let channels = self.grid.image().channels;
        let width = self.grid.block_row();
        let number = |j: usize| {
            let (row, column, channel) = (j / width, j % width / channels, j % channels);
            (row.min(rows - 1) * columns + column.min(columns - 1)) * channels + channel
        };
        (
            (0..self.values()).map(number).collect(),
            rows * columns * channels,
        )
    }

    /// Plain images continued to whole blocks.
    pub(super) fn padded(&self, plain: &Set) -> Result<Vec<u8>> {
        let (from, to) = (self.grid.image().len(), self.grid.padded().len());
        let mut padded = vec![0; plain.len() * to];
        for (image, room) in plain
            .as_bytes()?
            .chunks_exact(from)
            .zip(padded.chunks_exact_mut(to))
        {
            self.grid.pad(image, room, |v| v);
        }
        Ok(padded)
    }

    /// Makes plain images out of padded ones, each made by `open` from a disguised one.
    pub(super) fn pictures<T: Sync>(
        &self,
        disguised: &[T],
        open: impl Fn(&[T], &mut [u8]) + Sync,
    ) -> Result<Set> {
        let (from, to) = (self.grid.padded().len(), self.grid.image().len());
        let mut plain = vec![0; disguised.len() / from * to];
        let work = plain.par_chunks_exact_mut(to);
        work.zip(disguised.par_chunks_exact(from)).for_each_init(
            || vec![0; from],
            |padded, (room, image)| {
                open(image, padded);
                self.grid.crop(padded, room, |v| v);
            },
        );
        Set::bytes(self.grid.image(), plain)
    }
}

/// Nibble `j` of a block of `offsets.len()` values that starts at `block[0]`: low ones first.
pub(super) fn nibble(block: &[u8], offsets: &[usize], j: usize) -> u8 {
    match j.checked_sub(offsets.len()) {
        None => block[offsets[j]] & 15,
        Some(high) => block[offsets[high]] >> 4,
    }
}

/// The key of a block: disguised nibble `j` is plain nibble `perm[j]`, complemented if `flip[j]`.
#[derive(Clone, Debug)]
pub(super) struct NibbleKey {
    pub(super) perm: Vec<usize>,
    pub(super) flip: Vec<bool>,
}

impl NibbleKey {
    /// Writes the plain block of a disguised one; both slices start at their block.
    pub(super) fn open(&self, offsets: &[usize], disguised: &[u8], plain: &mut [u8]) {
        let values = offsets.len();
        for (j, (from, turned)) in self.perm.iter().zip(&self.flip).enumerate() {
            let found = nibble(disguised, offsets, j) ^ if *turned { 15 } else { 0 };
            match from.checked_sub(values) {
                None => plain[offsets[*from]] = plain[offsets[*from]] & 0xF0 | found,
                Some(high) => plain[offsets[high]] = plain[offsets[high]] & 0x0F | found << 4,
            }
        }
    }
}

/// Keys as material: one, or one for each source position with the order of the blocks.
pub(super) fn nibble_material(keys: &[NibbleKey], order: Option<&[usize]>) -> Result<Material> {
    let mut material = Material::new();
    let slots = keys.first().map_or(0, |key| key.perm.len());
    let shape = match order {
        None => vec![slots],
        Some(_) => vec![keys.len(), slots],
    };
    let perm = keys.iter().flat_map(|key| key.perm.iter().map(|p| *p as i64));
    let flip = keys.iter().flat_map(|key| key.flip.iter().map(|f| u8::from(*f)));
    insert(&mut material, "perm", shape.clone(), Values::I64(perm.collect()))?;
    insert(&mut material, "flip", shape, Values::U8(flip.collect()))?;
    if let Some(order) = order {
        insert_order(&mut material, "block_perm", order)?;
    }
    Ok(material)
}

/// Adds an array.
pub(super) fn insert(material: &mut Material, name: &str, shape: Vec<usize>, values: Values) -> Result<()> {
    Ok(material.insert(name, Array { shape, values })?)
}

/// Adds a permutation.
pub(super) fn insert_order(material: &mut Material, name: &str, order: &[usize]) -> Result<()> {
    let values = Values::I64(order.iter().map(|i| *i as i64).collect());
    insert(material, name, vec![order.len()], values)
}
