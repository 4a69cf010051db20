//! Explicit draws: coefficients, partners and signs that are given instead of drawn.

use super::{SLOTS, draw::Weights};
use crate::{Error, Material, Shape, simd::signs_len};
use zeroize::Zeroize;

/// Coefficients, partners and signs of numbered images, wiped when dropped.
pub(super) struct Given {
    images: usize,
    weights: Vec<Weights>,
    /// Slot by slot, from slot 1 on, the place of each image's partner.
    partners: Vec<u32>,
    /// Sign bits of one image after the other, each to the end of its last tile.
    signs: Vec<u8>,
    signs_len: usize,
}

impl Drop for Given {
    fn drop(&mut self) {
        self.weights.zeroize();
        self.partners.zeroize();
        self.signs.zeroize();
    }
}

impl Given {
    /// The draws in `material`; `None` if it holds none of them.
    ///
    /// # Errors
    /// If it holds only some of them, or one of another shape or with impossible values.
    pub(super) fn read(material: &Material, image: Shape, k: usize) -> Result<Option<Self>, Error> {
        // A blend of one image has no partners to give.
        let names = ["lams", "sign", "idx"];
        let needed = if k > 1 { &names[..] } else { &names[..2] };
        if names.iter().all(|name| material.get(name).is_none()) {
            return Ok(None);
        }
        if let Some(missing) = needed.iter().find(|name| material.get(name).is_none()) {
            let problem = format!(
                "is missing: {} are given together or not at all",
                needed.join(", ")
            );
            return Err(Error::material(missing, problem));
        }
        let images = material
            .get("lams")
            .map_or(0, |array| array.shape.first().copied().unwrap_or(0));
        let mut given = Self {
            images,
            weights: Vec::with_capacity(images),
            partners: Vec::new(),
            signs: Vec::new(),
            signs_len: signs_len(image.len()),
        };
        given.read_weights(material, k)?;
        given.read_partners(material, k)?;
        given.read_signs(material, image)?;
        Ok(Some(given))
    }

    fn read_weights(&mut self, material: &Material, k: usize) -> Result<(), Error> {
        let mut values = material.reals("lams", &[self.images, k])?.unwrap_or_default();
        if let Some(bad) = values.iter().find(|value| !(**value as f32).is_finite()) {
            return Err(Error::material("lams", format!("{bad} leaves the range of f32")));
        }
        self.weights.extend(values.chunks_exact(k).map(|row| {
            let mut weights = [0.0; SLOTS];
            weights
                .iter_mut()
                .zip(row)
                .for_each(|(weight, value)| *weight = *value as f32);
            weights
        }));
        values.zeroize();
        Ok(())
    }

    fn read_partners(&mut self, material: &Material, k: usize) -> Result<(), Error> {
        let values = material
            .integers("idx", &[k - 1, self.images])?
            .unwrap_or_default();
        self.partners = values
            .iter()
            .map(|value| {
                u32::try_from(*value)
                    .map_err(|_| Error::material("idx", format!("{value} is no place of an image")))
            })
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    fn read_signs(&mut self, material: &Material, image: Shape) -> Result<(), Error> {
        let shape = [self.images, image.height, image.width, image.channels];
        let mut values = material.reals("sign", &shape)?.unwrap_or_default();
        self.signs = vec![0; self.images * self.signs_len];
        let rows = values
            .chunks_exact(image.len())
            .zip(self.signs.chunks_exact_mut(self.signs_len));
        for (values, bits) in rows {
            for (i, value) in values.iter().enumerate() {
                match *value {
                    1.0 => {}
                    -1.0 => bits[i / 8] |= 1 << (i % 8),
                    bad => return Err(Error::material("sign", format!("{bad} is neither 1 nor -1"))),
                }
            }
        }
        values.zeroize();
        Ok(())
    }

    /// Refuses places of samples behind the last one that the arrays hold.
    pub(super) fn check(&self, first: u64, count: usize) -> Result<(), Error> {
        let last = first.saturating_add(count as u64);
        if last <= self.images as u64 {
            return Ok(());
        }
        let problem = format!("holds {} images, but there are at least {last}", self.images);
        Err(Error::material("lams", problem))
    }

    /// Coefficients of the image at place `at`, which [`Given::check`] has let pass.
    pub(super) fn weights(&self, at: u64) -> Weights {
        self.weights[at as usize]
    }

    /// The partner in `slot`, 1 or above, among the `len` images of its gallery.
    pub(super) fn partner(&self, slot: usize, at: u64, len: usize) -> Result<usize, Error> {
        let place = self.partners[(slot - 1) * self.images + at as usize] as usize;
        if place < len {
            return Ok(place);
        }
        let problem = format!("names image {place} in slot {slot}, but there are {len}");
        Err(Error::material("idx", problem))
    }

    /// Sign bits of the image at place `at`.
    pub(super) fn signs(&self, at: u64) -> &[u8] {
        &self.signs[at as usize * self.signs_len..][..self.signs_len]
    }

    /// Largest sum of the magnitudes of an image's coefficients.
    pub(super) fn heaviest(&self) -> f64 {
        let sum = |row: &Weights| row.iter().map(|weight| f64::from(weight.abs())).sum();
        self.weights.iter().map(sum).fold(0.0, f64::max)
    }
}

/// The number of private slots that explicit material asks for.
pub(super) fn inside(material: &Material, k: usize) -> Result<Option<usize>, Error> {
    let Some(array) = material.get("inside") else {
        return Ok(None);
    };
    let shape: &[usize] = if array.shape.is_empty() { &[] } else { &[1] };
    let values = material.integers("inside", shape)?.unwrap_or_default();
    match values.first().map(|value| (*value, usize::try_from(*value))) {
        Some((_, Ok(inside))) if (1..=k).contains(&inside) => Ok(Some(inside)),
        Some((value, _)) => Err(Error::material(
            "inside",
            format!("{value} private images do not fit a blend of {k}: 1 to {k} do"),
        )),
        None => Ok(None),
    }
}

/// Public images that take the place of the gallery's, one after the other.
pub(super) fn public(material: &Material, image: Shape) -> Result<Option<Vec<u8>>, Error> {
    let Some(array) = material.get("pub") else {
        return Ok(None);
    };
    let count = array.shape.first().copied().unwrap_or(0);
    if count == 0 {
        return Err(Error::material("pub", "holds no images"));
    }
    material.bytes("pub", &[count, image.height, image.width, image.channels])
}
