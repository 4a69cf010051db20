//! What an adversary at a level holds.

use crate::{Error, Level, Result, Set};
use std::collections::BTreeMap;
use visard_core::{Scheme, Shape, params::Params, schemes};

/// What is public about a disguise: the scheme, its parameters, and the shape of the plain images.
#[derive(Debug)]
pub struct Target {
    /// The scheme with its public parameters.
    pub scheme: Box<dyn Scheme>,
    /// Shape of a plain image.
    pub plain: Shape,
}

impl Target {
    /// The target of that scheme, missing parameters at their defaults.
    ///
    /// # Errors
    /// If the scheme or a parameter is unknown, or the shape does not fit.
    pub fn new(scheme: &str, params: &BTreeMap<String, String>, plain: Shape) -> Result<Self> {
        let info = schemes::find(scheme)?;
        let scheme = (info.build)(&Params::resolve(info.params, params)?)?;
        scheme.output(plain.check()?)?;
        Ok(Self { scheme, plain })
    }

    /// Name of the scheme.
    pub fn name(&self) -> &'static str {
        self.scheme.info().name
    }

    /// Scheme and parameters in words.
    pub fn describe(&self) -> String {
        format!(
            "{} ({}) on images of {}",
            self.name(),
            self.scheme.params(),
            self.plain
        )
    }
}

/// Plain images and the same images disguised under the attacked key, in the same order.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// The plain images.
    pub plain: Set,
    /// The disguised ones.
    pub disguised: Set,
}

impl Pairs {
    /// Pairs of images.
    ///
    /// # Errors
    /// If the numbers differ.
    pub fn new(plain: Set, disguised: Set) -> Result<Self> {
        if plain.len() != disguised.len() {
            return Err(Error::Exposure(format!(
                "{} plain images and {} disguised ones are no pairs",
                plain.len(),
                disguised.len()
            )));
        }
        Ok(Self { plain, disguised })
    }
}

/// Exactly what the adversary has.
#[derive(Debug)]
pub struct Exposure {
    /// What is public about the disguise.
    pub target: Target,
    /// Disguised images, to be read.
    pub disguised: Set,
    /// Known pairs under the same key (level 2).
    pub pairs: Option<Pairs>,
    /// Helper images of the attack's choice with their disguised forms under the same key (level 3).
    pub chosen: Option<Pairs>,
    /// Plain images of a similar kind that anybody can get.
    pub public: Option<Set>,
}

impl Exposure {
    /// An exposure of disguised images alone.
    ///
    /// # Errors
    /// If they do not have the shape and type that the target makes, or hold values that are no numbers.
    pub fn new(target: Target, disguised: Set) -> Result<Self> {
        let exposure = Self {
            target,
            disguised,
            pairs: None,
            chosen: None,
            public: None,
        };
        exposure.check_disguised(&exposure.disguised)?;
        Ok(exposure)
    }

    /// Adds known pairs.
    ///
    /// # Errors
    /// If a shape does not fit the target.
    pub fn with_pairs(mut self, pairs: Pairs) -> Result<Self> {
        self.check_pairs(&pairs)?;
        self.pairs = Some(pairs);
        Ok(self)
    }

    /// Adds chosen images with the answers of the oracle.
    ///
    /// # Errors
    /// If a shape does not fit the target.
    pub fn with_chosen(mut self, chosen: Pairs) -> Result<Self> {
        self.check_pairs(&chosen)?;
        self.chosen = Some(chosen);
        Ok(self)
    }

    /// Adds public plain images.
    ///
    /// # Errors
    /// If they have another number of channels than the target's plain images.
    pub fn with_public(mut self, public: Set) -> Result<Self> {
        if public.shape().channels != self.target.plain.channels {
            return Err(Error::Exposure(format!(
                "public images of {} cannot stand for plain images of {}",
                public.shape(),
                self.target.plain
            )));
        }
        self.public = Some(public);
        Ok(self)
    }

    /// The level of what is held.
    pub fn level(&self) -> Level {
        match (&self.chosen, &self.pairs) {
            (Some(_), _) => Level::Chosen,
            (None, Some(_)) => Level::Pairs,
            (None, None) => Level::Disguised,
        }
    }

    fn check_disguised(&self, set: &Set) -> Result<()> {
        let output = self.target.scheme.output(self.target.plain)?;
        let found = match set.pixels() {
            visard_core::Pixels::U8(_) => visard_core::Dtype::U8,
            visard_core::Pixels::F32(_) => visard_core::Dtype::F32,
        };
        if let visard_core::Pixels::F32(values) = set.pixels()
            && let Some(value) = values.iter().find(|value| !value.is_finite())
        {
            let problem = format!("disguised images hold {value}, which no disguise makes");
            return Err(Error::Exposure(problem));
        }
        if (set.shape(), found) == (output.shape, output.dtype) {
            return Ok(());
        }
        Err(Error::Exposure(format!(
            "disguised images are {} of {found}, but {} makes {} of {}",
            set.shape(),
            self.target.describe(),
            output.shape,
            output.dtype
        )))
    }

    fn check_pairs(&self, pairs: &Pairs) -> Result<()> {
        self.check_disguised(&pairs.disguised)?;
        if pairs.plain.shape() == self.target.plain {
            return Ok(());
        }
        Err(Error::Exposure(format!(
            "plain images of {} were given, the target's are {}",
            pairs.plain.shape(),
            self.target.plain
        )))
    }
}
