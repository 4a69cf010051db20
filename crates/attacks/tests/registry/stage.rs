//! Exposures for any attack and scheme, made from the registries.

use crate::support::{self, texts, textures};
use std::{collections::BTreeMap, time::Duration};
use visard_attacks::{AttackInfo, Budget, Error, Exposure, Needs, Outcome, Pairs, Result, Rng, Set, Target};
use visard_core::{Gallery, Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape, params::Params};

pub(crate) type Given = support::Given<'static>;

/// Settings of schemes that one attack or the other asks for; a scheme takes those that it has.
pub(crate) const SETTINGS: [Given; 6] = [
    &[],
    &[("encodings", "8")],
    &[("encodings", "8"), ("cross", "true")],
    &[("shuffle", "true")],
    &[("shuffle", "false")],
    &[("patch", "4"), ("width", "16")],
];

/// What images show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Show {
    /// Smooth textures, each its own.
    Textures,
    /// One grey everywhere.
    Grey,
    /// One texture in all of them.
    Same,
}

/// Images with classes.
pub(crate) fn images(shape: Shape, count: usize, show: Show, seed: u64) -> Set {
    let pixels = match show {
        Show::Textures => textures(shape, count, seed),
        Show::Grey => vec![77; count * shape.len()],
        Show::Same => textures(shape, 1, seed).repeat(count),
    };
    let labels = (0..count as u32).map(|i| i % 2).collect();
    Set::new(shape, Pixels::U8(pixels), labels).unwrap()
}

struct Plain<'a>(&'a Set);

impl Plain<'_> {
    fn at(&self, place: usize) -> &[u8] {
        let len = self.0.shape().len();
        &self.0.as_bytes().unwrap()[place * len..][..len]
    }
}

impl Gallery for Plain<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn image(&self, place: usize) -> &[u8] {
        self.at(place)
    }
    fn label(&self, place: usize) -> Option<u32> {
        Some(self.0.labels()[place])
    }
    fn public_len(&self) -> usize {
        self.0.len()
    }
    fn public_image(&self, place: usize) -> &[u8] {
        self.at(place)
    }
}

/// A scheme with one key for images of one shape.
pub(crate) struct Stage {
    scheme: &'static str,
    given: Given,
    shape: Shape,
    key: Key,
}

impl Stage {
    /// `None` where the scheme takes no such parameters or images.
    pub(crate) fn new(scheme: &'static str, given: Given, shape: Shape, secret: u8) -> Option<Self> {
        Target::new(scheme, &texts(given), shape).ok()?;
        let secret = MasterSecret::new([secret; 32]);
        let key = Key::new(scheme, &texts(given), Some(shape), secret, None).ok()?;
        Some(Self {
            scheme,
            given,
            shape,
            key,
        })
    }

    pub(crate) fn target(&self) -> Target {
        Target::new(self.scheme, &texts(self.given), self.shape).unwrap()
    }

    /// The images disguised, numbered from `first`; `None` where there are too few to blend.
    pub(crate) fn disguise(&self, plain: &Set, first: u64) -> Option<Set> {
        let disguise = self.key.disguise(self.shape).unwrap();
        let (output, each) = (disguise.output(), self.key.scheme().encodings());
        let mut pixels = Pixels::zeros(output.dtype, plain.len() * each * output.shape.len());
        let ids = SampleId::numbered("train", first, plain.len());
        let gallery = Plain(plain);
        let samples = Samples {
            gallery: Some(&gallery),
            ..Samples::new(Salt([3; 16]), &ids)
        };
        if !plain.is_empty() {
            let bytes = plain.as_bytes().unwrap();
            disguise.apply(samples, bytes, pixels.view_mut()).ok()?;
        }
        let label = |label: &u32| vec![*label; each];
        let labels = plain.labels().iter().flat_map(label).collect();
        Some(Set::new(output.shape, pixels, labels).unwrap())
    }

    /// Pairs of these images.
    pub(crate) fn pairs(&self, plain: &Set, first: u64) -> Option<Pairs> {
        let disguised = self.disguise(plain, first)?;
        let each = self.key.scheme().encodings();
        (each == 1).then(|| Pairs::new(plain.clone(), disguised).unwrap())
    }

    /// An exposure of these images with all that the attack needs.
    pub(crate) fn exposure(&self, info: &AttackInfo, plain: &Set) -> Option<Exposure> {
        let exposure = Exposure::new(self.target(), self.disguise(plain, 0)?).unwrap();
        Some(match info.needs {
            Needs::Nothing => exposure,
            Needs::Public => exposure.with_public(plain.clone()).unwrap(),
            Needs::Pairs => exposure.with_pairs(self.pairs(plain, 0)?).unwrap(),
            Needs::Helpers => {
                let helpers = self.helpers(info)?;
                let chosen = self.pairs(&helpers, 500)?;
                exposure.with_chosen(chosen).unwrap()
            }
        })
    }

    /// The helper images that the attack wants, with classes; `None` if it wants none of this scheme.
    pub(crate) fn helpers(&self, info: &AttackInfo) -> Option<Set> {
        let params = Params::resolve(info.params, &BTreeMap::new()).unwrap();
        let set = (info.helpers?)(&self.target(), &params).ok()?;
        let labels = vec![0; set.len()];
        Some(Set::new(set.shape(), set.pixels().clone(), labels).unwrap())
    }
}

/// Runs an attack at its defaults.
pub(crate) fn run(info: &AttackInfo, exposure: &Exposure, budget: &Budget) -> Result<Outcome> {
    let params = Params::resolve(info.params, &BTreeMap::new()).unwrap();
    (info.run)(exposure, &params, budget, &mut Rng::new(3), &|_, _| {})
}

/// A budget that no attack on a few small images should need.
pub(crate) fn ample() -> Budget {
    Budget::new(Some(Duration::from_secs(20)), 8 << 30)
}

/// What of an outcome is no honest number, if anything.
pub(crate) fn dishonest(outcome: &Outcome) -> Option<String> {
    let figures = outcome.figures.iter();
    if let Some((name, _)) = figures.into_iter().find(|(_, value)| !value.is_finite()) {
        return Some(format!("{name} is no number"));
    }
    if let Some(evidence) = outcome.evidence.iter().find(|e| e.deviations().is_nan()) {
        return Some(format!("{} is no number", evidence.what));
    }
    let pictures = outcome.reconstructions.as_ref()?;
    let odd = pictures.to_floats().iter().any(|value| !value.is_finite());
    odd.then(|| "a picture holds no numbers".into())
}

/// The kind of an error that an attack may end with, or what is wrong with it.
pub(crate) fn kind(error: &Error) -> std::result::Result<&'static str, String> {
    match error {
        Error::Unfit { problem, .. } if problem.len() > 10 => Ok("unfit"),
        Error::Exposure(problem) if problem.len() > 10 => Ok("exposure"),
        other => Err(format!("{other:?}")),
    }
}
