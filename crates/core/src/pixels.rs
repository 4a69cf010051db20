//! Batches of pixels, sample identities, and the affine quantisation of float images.

use crate::{Error, Shape};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};

/// Type of the values of a disguised image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// One byte, 0..=255.
    U8,
    /// A 32-bit float in grey levels, not confined to 0..=255.
    F32,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::F32 => "f32",
        })
    }
}

/// Borrowed pixels of a whole batch, images one after the other, each (H, W, C).
#[derive(Clone, Copy, Debug)]
pub enum PixelsRef<'a> {
    /// Bytes.
    U8(&'a [u8]),
    /// Floats, in grey levels.
    F32(&'a [f32]),
}

/// Room for the pixels of a whole batch, images one after the other, each (H, W, C).
#[derive(Debug)]
pub enum PixelsMut<'a> {
    /// Bytes.
    U8(&'a mut [u8]),
    /// Floats, in grey levels.
    F32(&'a mut [f32]),
}

/// Owned pixels of a whole batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Bytes.
    U8(Vec<u8>),
    /// Floats, in grey levels.
    F32(Vec<f32>),
}

impl Pixels {
    /// `len` zeros of the given type.
    pub fn zeros(dtype: Dtype, len: usize) -> Self {
        match dtype {
            Dtype::U8 => Self::U8(vec![0; len]),
            Dtype::F32 => Self::F32(vec![0.0; len]),
        }
    }

    /// Changes the number of values; the storage is kept where it suffices.
    pub fn resize(&mut self, len: usize) {
        match self {
            Self::U8(v) => v.resize(len, 0),
            Self::F32(v) => v.resize(len, 0.0),
        }
    }

    /// Type of the values.
    pub fn dtype(&self) -> Dtype {
        self.view().dtype()
    }

    /// The pixels, borrowed.
    pub fn view(&self) -> PixelsRef<'_> {
        match self {
            Self::U8(v) => PixelsRef::U8(v),
            Self::F32(v) => PixelsRef::F32(v),
        }
    }

    /// The pixels, borrowed for writing.
    pub fn view_mut(&mut self) -> PixelsMut<'_> {
        match self {
            Self::U8(v) => PixelsMut::U8(v),
            Self::F32(v) => PixelsMut::F32(v),
        }
    }
}

impl<'a> PixelsRef<'a> {
    /// Type of the values.
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::U8(_) => Dtype::U8,
            Self::F32(_) => Dtype::F32,
        }
    }

    pub(crate) fn bytes(self, len: usize) -> Result<&'a [u8], Error> {
        match self {
            Self::U8(v) => sized(v, v.len(), len),
            Self::F32(_) => Err(Error::Dtype {
                expected: Dtype::U8,
                found: Dtype::F32,
            }),
        }
    }

    pub(crate) fn floats(self, len: usize) -> Result<&'a [f32], Error> {
        match self {
            Self::F32(v) => sized(v, v.len(), len),
            Self::U8(_) => Err(Error::Dtype {
                expected: Dtype::F32,
                found: Dtype::U8,
            }),
        }
    }
}

impl<'a> PixelsMut<'a> {
    pub(crate) fn bytes(self, len: usize) -> Result<&'a mut [u8], Error> {
        match self {
            Self::U8(v) => {
                let found = v.len();
                sized(v, found, len)
            }
            Self::F32(_) => Err(Error::Dtype {
                expected: Dtype::U8,
                found: Dtype::F32,
            }),
        }
    }

    pub(crate) fn floats(self, len: usize) -> Result<&'a mut [f32], Error> {
        match self {
            Self::F32(v) => {
                let found = v.len();
                sized(v, found, len)
            }
            Self::U8(_) => Err(Error::Dtype {
                expected: Dtype::F32,
                found: Dtype::U8,
            }),
        }
    }
}

/// `value` if its length is the expected one.
pub(crate) fn sized<T>(value: T, found: usize, expected: usize) -> Result<T, Error> {
    if found == expected {
        Ok(value)
    } else {
        Err(Error::Length { expected, found })
    }
}

/// Identity of a sample: 16 bytes that depend only on its name within the data set.
///
/// Per-image randomness is drawn from (secret, salt, this), so a sample's disguise never depends
/// on order, batch, thread or machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleId(pub [u8; 16]);

impl SampleId {
    /// The identity of the sample called `name`, for instance `train/17` or `test/cat/a.png`:
    /// the first 16 bytes of SHA-256 over "visard-sample\0" and the UTF-8 name.
    pub fn of(name: &str) -> Self {
        Self::of_bytes(name.as_bytes())
    }

    /// As [`SampleId::of`] for names that are not UTF-8.
    pub fn of_bytes(name: &[u8]) -> Self {
        let digest = Sha256::new_with_prefix(b"visard-sample\0")
            .chain_update(name)
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// Identities of samples `first .. first + count` of a split that numbers its samples.
    pub fn numbered(split: &str, first: u64, count: usize) -> Vec<Self> {
        let mut name = format!("{split}/");
        let start = name.len();
        let mut ids = Vec::with_capacity(count);
        for i in (first..).take(count) {
            name.truncate(start);
            // Writing to a text cannot fail.
            let _ = write!(name, "{i}");
            ids.push(Self::of(&name));
        }
        ids
    }
}

/// A public random value, drawn afresh for every run that disguises a data set and kept in its
/// manifest, so that no two runs reuse per-image randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// Plain images that a mixing scheme blends into others: a fixed, numbered set, so that what is
/// blended into a sample depends on key, salt and place alone.
pub trait Gallery: Sync {
    /// Number of private images.
    fn len(&self) -> usize;

    /// Whether there are no private images.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pixels of a private image, (H, W, C).
    fn image(&self, place: usize) -> &[u8];

    /// Class number of a private image; `None` where there are no labels.
    fn label(&self, place: usize) -> Option<u32>;

    /// Number of public images.
    fn public_len(&self) -> usize {
        0
    }

    /// Pixels of a public image of the same shape.
    fn public_image(&self, _place: usize) -> &[u8] {
        &[]
    }
}

/// Which samples a batch holds.
#[derive(Clone, Copy)]
pub struct Samples<'a> {
    /// The run's salt.
    pub salt: Salt,
    /// One identity per image of the batch.
    pub ids: &'a [SampleId],
    /// Number of the split that the samples are of; mixing schemes choose other partners in each.
    pub split: u64,
    /// Place of the first image of the batch within its split. Explicit per-image material (arrays
    /// with one entry per image) is indexed by it, and mixing schemes choose partners by it.
    pub first: u64,
    /// Where mixing schemes take partners from; the others ignore it.
    pub gallery: Option<&'a dyn Gallery>,
}

impl<'a> Samples<'a> {
    /// The first samples of the first split, without a gallery.
    pub const fn new(salt: Salt, ids: &'a [SampleId]) -> Self {
        Self {
            salt,
            ids,
            split: 0,
            first: 0,
            gallery: None,
        }
    }
}

impl fmt::Debug for Samples<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ids, split, first, ..
        } = self;
        write!(f, "Samples({} from {first} of split {split})", ids.len())
    }
}

/// What a prepared disguise writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output {
    /// Shape of a disguised image; padding and scaling can make it larger than the plain one.
    pub shape: Shape,
    /// Type of its values.
    pub dtype: Dtype,
    /// Bounds that no value leaves, known from the parameters alone.
    pub range: (f32, f32),
}

/// Affine quantisation of float images: code `q` stands for `low + step * q`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Affine {
    /// Value of code 0, in grey levels.
    pub low: f64,
    /// Grey levels from one code to the next.
    pub step: f64,
    /// Highest code: 255 or 65,535.
    pub max: u16,
}

impl Affine {
    /// The quantisation that covers `range` with codes `0..=max`.
    pub fn cover(range: (f32, f32), max: u16) -> Self {
        let (low, high) = (f64::from(range.0), f64::from(range.1));
        Self {
            low,
            step: (high - low) / f64::from(max),
            max,
        }
    }

    /// Nearest code of `value`; values outside the range get the first or last code.
    #[inline]
    pub fn encode(&self, value: f32) -> u16 {
        let code = (f64::from(value) - self.low) / self.step + 0.5;
        // A float-to-int cast saturates, so only the upper end needs the comparison.
        (code as u16).min(self.max)
    }

    /// Value of code `code`.
    #[inline]
    pub fn decode(&self, code: u16) -> f32 {
        (self.low + self.step * f64::from(code)) as f32
    }

    /// Largest error that quantisation adds to a value, in grey levels.
    pub fn max_error(&self) -> f64 {
        self.step / 2.0
    }

    /// Root mean square of that error for values spread evenly over a step.
    pub fn rms_error(&self) -> f64 {
        self.step / 12f64.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantisation_stays_within_half_a_step() {
        for max in [255, 65_535] {
            let affine = Affine::cover((-510.0, 535.0), max);
            for i in 0..2000 {
                let value = -510.0 + i as f32 * 1045.0 / 1999.0;
                let back = affine.decode(affine.encode(value));
                assert!(
                    f64::from(back - value).abs() <= affine.max_error() * 1.001 + 1e-4,
                    "{value} {back}"
                );
            }
            assert_eq!(affine.encode(-9999.0), 0);
            assert_eq!(affine.encode(9999.0), max);
            assert_eq!(affine.encode(f32::NAN), 0);
        }
    }

    #[test]
    fn numbered_samples_have_their_own_names() {
        let ids = SampleId::numbered("train", 5, 2);
        assert_eq!(ids, [SampleId::of("train/5"), SampleId::of("train/6")]);
        assert_ne!(ids[0], SampleId::of("test/5"));
    }
}
