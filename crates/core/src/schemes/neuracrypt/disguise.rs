//! The prepared scheme: whole batches of images to tokens.

use super::{
    ONE_WAY,
    material::Orders,
    network::{Network, Norm, Pixel},
};
use crate::{
    Error, Shape,
    pixels::{Output, PixelsMut, PixelsRef, Samples, sized},
    scheme::Disguise,
};

/// A network with what it needs beside its weights.
pub(super) struct Prepared {
    pub(super) network: Network,
    /// Scale and shift of each hidden layer; `None` where every batch has its own.
    pub(super) norms: Option<Vec<Norm>>,
    pub(super) orders: Orders,
    pub(super) output: Output,
    /// Images that share their statistics where there are no fixed ones.
    pub(super) batch: usize,
}

impl Prepared {
    fn encode<T: Pixel>(&self, samples: Samples<'_>, plain: &[T], out: PixelsMut<'_>) -> Result<(), Error> {
        let (image, tokens) = (self.input(), self.output.shape.height);
        let count = samples.ids.len();
        let plain = sized(plain, plain.len(), count * image.len())?;
        let out = out.floats(count * self.output.shape.len())?;
        let orders = self.orders.of(samples, tokens)?;
        if let Some(norms) = &self.norms {
            self.network.encode(image, plain, norms, &orders, out);
            return Ok(());
        }
        let batches = plain
            .chunks(self.batch * image.len())
            .zip(orders.chunks(self.batch * tokens))
            .zip(out.chunks_mut(self.batch * self.output.shape.len()));
        for ((plain, orders), out) in batches {
            self.network.encode_batch(image, plain, orders, out);
        }
        Ok(())
    }
}

impl Disguise for Prepared {
    fn input(&self) -> Shape {
        self.network.sizes().grid.image()
    }

    fn output(&self) -> Output {
        self.output
    }

    fn apply(&self, samples: Samples<'_>, plain: &[u8], disguised: PixelsMut<'_>) -> Result<(), Error> {
        self.encode(samples, plain, disguised)
    }

    fn apply_floats(
        &self,
        samples: Samples<'_>,
        plain: &[f32],
        disguised: PixelsMut<'_>,
    ) -> Result<(), Error> {
        if let Some(value) = plain.iter().find(|v| !(0.0..=1.0).contains(*v)) {
            let problem =
                format!("float pixels must lie in 0..=1, but one is {value}; divide grey levels by 255");
            return Err(Error::parameter("images", problem));
        }
        self.encode(samples, plain, disguised)
    }

    fn remove(
        &self,
        _samples: Samples<'_>,
        _disguised: PixelsRef<'_>,
        _plain: &mut [u8],
    ) -> Result<(), Error> {
        Err(Error::NotInvertible(ONE_WAY.into()))
    }
}
