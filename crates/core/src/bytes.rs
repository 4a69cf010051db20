//! What all schemes from bytes to bytes of the same padded geometry share: lengths are checked,
//! images continued to whole blocks and cropped again, and the work spread over the cores.

use crate::{
    Error, Grid, Shape,
    pixels::{Dtype, Output, PixelsMut, PixelsRef, Samples, sized},
    scheme::Disguise,
};
use rayon::prelude::*;

/// The work of such a scheme on whole padded images, several one after the other.
pub(crate) trait ByteWork: Send + Sync {
    /// Disguises images.
    fn apply(&self, plain: &[u8], disguised: &mut [u8]);

    /// Restores images.
    fn remove(&self, disguised: &[u8], plain: &mut [u8]);
}

/// A [`Disguise`] made of [`ByteWork`].
pub(crate) struct ByteDisguise<W> {
    grid: Grid,
    work: W,
}

/// Bytes that one call of the work is given: both sides stay in a core's second cache.
const GROUP: usize = 64 * 1024;

/// What the output of a scheme of bytes on this grid looks like.
pub(crate) fn byte_output(grid: &Grid) -> Result<Output, Error> {
    Ok(Output {
        shape: grid.padded().check()?,
        dtype: Dtype::U8,
        range: (0.0, 255.0),
    })
}

impl<W: ByteWork> ByteDisguise<W> {
    /// The work of a scheme on images of this grid.
    pub(crate) const fn new(grid: Grid, work: W) -> Self {
        Self { grid, work }
    }

    /// Images that are worked on together.
    fn group(&self) -> usize {
        (GROUP / self.grid.padded().len()).max(1)
    }
}

impl<W: ByteWork> Disguise for ByteDisguise<W> {
    fn input(&self) -> Shape {
        self.grid.image()
    }

    fn output(&self) -> Output {
        Output {
            shape: self.grid.padded(),
            dtype: Dtype::U8,
            range: (0.0, 255.0),
        }
    }

    fn apply(&self, samples: Samples<'_>, plain: &[u8], disguised: PixelsMut<'_>) -> Result<(), Error> {
        let (count, from, to) = (
            samples.ids.len(),
            self.grid.image().len(),
            self.grid.padded().len(),
        );
        let plain = sized(plain, plain.len(), count * from)?;
        let disguised = disguised.bytes(count * to)?;
        let groups = plain
            .par_chunks(self.group() * from)
            .zip(disguised.par_chunks_mut(self.group() * to));
        if self.grid.is_exact() {
            groups.for_each(|(plain, disguised)| self.work.apply(plain, disguised));
            return Ok(());
        }
        groups.for_each_init(Vec::new, |padded, (plain, disguised)| {
            padded.resize(disguised.len(), 0);
            for (plain, padded) in plain.chunks_exact(from).zip(padded.chunks_exact_mut(to)) {
                self.grid.pad(plain, padded, |v| v);
            }
            self.work.apply(padded, disguised);
        });
        Ok(())
    }

    fn remove(&self, samples: Samples<'_>, disguised: PixelsRef<'_>, plain: &mut [u8]) -> Result<(), Error> {
        let (count, from, to) = (
            samples.ids.len(),
            self.grid.padded().len(),
            self.grid.image().len(),
        );
        let disguised = disguised.bytes(count * from)?;
        let found = plain.len();
        let plain = sized(plain, found, count * to)?;
        let groups = disguised
            .par_chunks(self.group() * from)
            .zip(plain.par_chunks_mut(self.group() * to));
        if self.grid.is_exact() {
            groups.for_each(|(disguised, plain)| self.work.remove(disguised, plain));
            return Ok(());
        }
        groups.for_each_init(Vec::new, |padded, (disguised, plain)| {
            padded.resize(disguised.len(), 0);
            self.work.remove(disguised, padded);
            for (padded, plain) in padded.chunks_exact(from).zip(plain.chunks_exact_mut(to)) {
                self.grid.crop(padded, plain, |v| v);
            }
        });
        Ok(())
    }
}
