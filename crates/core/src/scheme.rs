//! The joint that every scheme fits: [`Scheme`] (public parameters) + [`Key`] -> [`Disguise`].

use crate::{
    Error, Material, Shape,
    params::{ParamSpec, Params},
    pixels::{Dtype, Output, PixelsMut, PixelsRef, Samples},
    schedule::{MasterSecret, Schedule},
    schemes,
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt};

/// How a scheme's output may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Every bit counts: PNG, IDX, NPY; never JPEG.
    Lossless,
    /// May be stored as JPEG, with a loss that the scheme states.
    JpegTolerant,
    /// Reals: float containers exactly, 8- or 16-bit images with a stated error.
    Float,
    /// Matrices of reals, tokens x width, that are no images: float arrays only.
    Tokens,
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lossless => "lossless",
            Self::JpegTolerant => "jpeg-tolerant",
            Self::Float => "float",
            Self::Tokens => "float matrices",
        })
    }
}

/// What the owner gets back from [`Disguise::remove`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Removal {
    /// Every byte, as long as the output was stored without loss.
    Exact,
    /// Every byte up to rounding within the scheme, by at most so many grey levels.
    Close(u8),
    /// Something like the image; this is lost.
    Approximate(&'static str),
    /// Nothing, for this reason.
    Never(&'static str),
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exactly"),
            Self::Close(1) => f.write_str("within 1 grey level"),
            Self::Close(levels) => write!(f, "within {levels} grey levels"),
            Self::Approximate(loss) => write!(f, "approximately: {loss}"),
            Self::Never(_) => f.write_str("no"),
        }
    }
}

/// Changes of disguised images after which a network still finds in them what it learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerates {
    /// Whether they may be mirrored left to right.
    pub flips: bool,
    /// They may be shifted by multiples of so many pixels; 0 if not at all.
    pub shifts: usize,
}

impl fmt::Display for Tolerates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shifts = match self.shifts {
            0 => None,
            1 => Some("shifts by any number of pixels".to_string()),
            pixels => Some(format!("shifts by multiples of {pixels} pixels")),
        };
        let flips = self.flips.then(|| "flips from left to right".to_string());
        let all: Vec<String> = flips.into_iter().chain(shifts).collect();
        match all.is_empty() {
            true => f.write_str("none"),
            false => f.write_str(&all.join(" and ")),
        }
    }
}

/// A setting that gives less away than the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stronger {
    /// Name of the parameter.
    pub param: &'static str,
    /// The value, as it is written on the command line.
    pub value: &'static str,
    /// What it changes for an adversary, and what it leaves.
    pub effect: &'static str,
}

/// The registry entry of a scheme: everything that help, tables and reports show.
#[derive(Debug)]
pub struct SchemeInfo {
    /// Name on the command line and in files.
    pub name: &'static str,
    /// Name in words.
    pub title: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// What it does to an image, in a sentence.
    pub summary: &'static str,
    /// What is known to break it, and with what in hand.
    pub broken_by: &'static str,
    /// Settings that give less away, each with what it changes; none if no setting does.
    pub stronger: &'static [Stronger],
    /// Which networks learn from its output.
    pub networks: &'static str,
    /// Name of the front (adaptation network) that a network should have before it; `none` for none.
    pub front: &'static str,
    /// Public parameters.
    pub params: &'static [ParamSpec],
    /// Names of the arrays that explicit material may hold.
    pub material: &'static [&'static str],
    /// How the output may be stored.
    pub storage: Storage,
    /// What of an image is hidden from the eye, in a few words.
    pub hides: &'static str,
    /// What the owner gets back when the disguise is removed, at the default parameters.
    pub removal: Removal,
    /// What is drawn afresh for each image, in a few words; `none` if nothing is.
    pub per_image: &'static str,
    /// Makes the scheme from resolved parameters.
    pub build: fn(&Params) -> Result<Box<dyn Scheme>, Error>,
    /// Completes parameters that the user left out from the shapes of explicit material.
    pub infer: fn(&Material, &mut BTreeMap<String, String>),
}

/// A way to disguise images, with its public parameters.
pub trait Scheme: fmt::Debug + Send + Sync {
    /// The registry entry.
    fn info(&self) -> &'static SchemeInfo;

    /// All public parameters, defaults filled in.
    fn params(&self) -> &Params;

    /// What the disguised form of an image of this shape looks like; an error if the scheme
    /// cannot take the shape.
    fn output(&self, image: Shape) -> Result<Output, Error>;

    /// Whether one key fits images of one shape only.
    fn needs_shape(&self) -> bool;

    /// Size of the key space in bits for images of this shape, where it is countable. It says
    /// nothing about the attacks that do not search it.
    fn key_bits(&self, image: Shape) -> Option<f64>;

    /// Remarks for the owner about this shape: padding, growth, storage.
    fn advice(&self, image: Shape) -> Vec<String>;

    /// How disguised images may be changed while a network learns from them (augmentation in the
    /// disguised domain). Not at all where keys belong to places.
    fn tolerates(&self) -> Tolerates {
        Tolerates::default()
    }

    /// What the owner gets back when the disguise is removed, with these parameters.
    fn removal(&self) -> Removal {
        self.info().removal
    }

    /// Side of the squares that must not be cut where the output is stored as JPEG; `None` if it
    /// must not be stored so.
    fn jpeg_block(&self) -> Option<usize> {
        None
    }

    /// Whether samples are blended with others, so that they need a [`crate::Gallery`] and their
    /// labels become soft.
    fn mixes(&self) -> bool {
        false
    }

    /// Whether public images are blended in as well.
    fn mixes_public(&self) -> bool {
        false
    }

    /// Disguised images made from each plain one, which follow each other in the output.
    fn encodings(&self) -> usize {
        1
    }

    /// Images that are disguised together because their values depend on each other: batches must
    /// start at multiples of this number.
    fn together(&self) -> usize {
        1
    }

    /// Whether plain images may also be floats in 0..=1 ([`Disguise::apply_floats`]).
    fn takes_floats(&self) -> bool {
        false
    }

    /// Derives the material, or takes it from `material`, for images of this shape.
    fn prepare(
        &self,
        image: Shape,
        schedule: &Schedule,
        material: Option<&Material>,
    ) -> Result<Box<dyn Disguise>, Error>;
}

/// Prepared material: disguises and restores whole batches.
///
/// Pure: what comes out for a sample depends on the key, the salt, the sample's identity and its
/// pixels, never on order, batch, thread count or machine.
pub trait Disguise: Send + Sync {
    /// Shape of a plain image.
    fn input(&self) -> Shape;

    /// Shape, type and range of a disguised image.
    fn output(&self) -> Output;

    /// Disguises a batch of plain images, `samples.ids.len()` of them, in parallel.
    ///
    /// `plain` holds count * `input().len()` bytes, `disguised` room for count *
    /// [`Scheme::encodings`] * `output().shape.len()` values of `output().dtype`.
    fn apply(&self, samples: Samples<'_>, plain: &[u8], disguised: PixelsMut<'_>) -> Result<(), Error>;

    /// As [`Disguise::apply`] for plain images of floats in 0..=1 (byte v counts as v / 255), for
    /// schemes that take them.
    fn apply_floats(
        &self,
        _samples: Samples<'_>,
        _plain: &[f32],
        _disguised: PixelsMut<'_>,
    ) -> Result<(), Error> {
        Err(Error::Dtype {
            expected: Dtype::U8,
            found: Dtype::F32,
        })
    }

    /// The soft labels of a mixing scheme: a row of `classes` weights for each sample and encoding,
    /// given the class number of each sample.
    ///
    /// # Errors
    /// If the scheme does not mix, or the gallery has no labels.
    fn soft_labels(
        &self,
        _samples: Samples<'_>,
        _labels: &[u32],
        _classes: usize,
        _weights: &mut [f32],
    ) -> Result<(), Error> {
        Err(Error::parameter("labels", "only mixing schemes make soft labels"))
    }

    /// Takes the disguise off a batch again, or says why that cannot be done.
    fn remove(&self, samples: Samples<'_>, disguised: PixelsRef<'_>, plain: &mut [u8]) -> Result<(), Error>;
}

/// Short public name of a key: tells a wrong key at once and reveals nothing about the secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::parameter("fingerprint", "must be 32 hexadecimal digits");
        if text.len() != 32 || !text.is_ascii() {
            return Err(bad());
        }
        let mut bytes = [0; 16];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

/// Master secret + scheme with parameters + image shape, and explicit material where given.
pub struct Key {
    secret: MasterSecret,
    scheme: Box<dyn Scheme>,
    shape: Option<Shape>,
    material: Option<Material>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Key({}, {}, [redacted])",
            self.scheme.info().name,
            self.fingerprint()
        )
    }
}

impl Key {
    /// A key for `scheme_name` with the given parameters (missing ones take their defaults).
    ///
    /// `shape` may be `None` only for schemes that need no fixed shape. Material replaces what
    /// would be derived from the secret. Everything is prepared once, so that a key that is made
    /// works.
    pub fn new(
        scheme_name: &str,
        params: &BTreeMap<String, String>,
        shape: Option<Shape>,
        secret: MasterSecret,
        material: Option<Material>,
    ) -> Result<Self, Error> {
        let info = schemes::find(scheme_name)?;
        let mut params = params.clone();
        if let Some(material) = &material {
            material.allow(info.name, info.material)?;
            (info.infer)(material, &mut params);
        }
        let scheme = (info.build)(&Params::resolve(info.params, &params)?)?;
        let key = Self {
            secret,
            scheme,
            shape,
            material,
        };
        match shape {
            Some(shape) => drop(key.disguise(shape.check()?)?),
            None if key.scheme.needs_shape() => {
                return Err(Error::parameter(
                    "shape",
                    format!(
                        "{} with these parameters needs the shape of the images",
                        info.name
                    ),
                ));
            }
            None => {}
        }
        Ok(key)
    }

    /// The scheme and its parameters.
    pub fn scheme(&self) -> &dyn Scheme {
        &*self.scheme
    }

    /// Shape of the images that this key is for; `None` for any.
    pub fn shape(&self) -> Option<Shape> {
        self.shape
    }

    /// The secret, for writing a key file.
    pub fn secret(&self) -> &MasterSecret {
        &self.secret
    }

    /// The explicit material, for writing a key file.
    pub fn material(&self) -> Option<&Material> {
        self.material.as_ref()
    }

    /// The key schedule of this key.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(&self.secret, self.scheme.info().name)
    }

    /// The prepared disguise for images of `shape`.
    ///
    /// # Errors
    /// If the key is for another shape, or the material does not fit.
    pub fn disguise(&self, shape: Shape) -> Result<Box<dyn Disguise>, Error> {
        if let Some(own) = self.shape.filter(|own| *own != shape) {
            return Err(Error::Shape {
                shape,
                problem: format!("this key is for images of {own}"),
            });
        }
        self.scheme.output(shape)?;
        self.scheme
            .prepare(shape, &self.schedule(), self.material.as_ref())
    }

    /// The fingerprint over the secret, the scheme, its parameters, the shape and the material
    /// (SPEC.md 2.4).
    pub fn fingerprint(&self) -> Fingerprint {
        let mut context = Sha256::new();
        let shape = self.shape.map_or_else(|| "any".into(), |s| s.to_string());
        context.update(format!(
            "{}\n{}\n{shape}\n",
            self.scheme.info().name,
            self.scheme.params()
        ));
        for (name, array) in self.material.iter().flat_map(Material::iter) {
            context.update(format!("{name}{:?}\n", array.shape));
            match &array.values {
                crate::Values::U8(v) => context.update(v),
                crate::Values::I64(v) => v.iter().for_each(|i| context.update(i.to_le_bytes())),
                crate::Values::F64(v) => v.iter().for_each(|x| context.update(x.to_le_bytes())),
            }
        }
        let digest: [u8; 32] = context.finalize().into();
        let words: Vec<u64> = digest
            .as_chunks::<8>()
            .0
            .iter()
            .map(|w| u64::from_be_bytes(*w))
            .collect();
        Fingerprint(*self.schedule().derive::<16>("fingerprint", &words))
    }
}
