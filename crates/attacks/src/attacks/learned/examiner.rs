//! The examiner: a small network that looks at images in place of a person (ATTACKS, section 7.1).
//!
//! Three experiments ask three questions, and their figures are never put together:
//! 1. trained on plain images, shown disguised ones: does the disguise leave anything to recognise;
//! 2. trained on plain images, shown pictures that an attack recovered: does the attack bring it back;
//! 3. trained on disguised images, shown others under the same key: can the disguise be learnt from, which
//!    is what it is for, and by which whoever holds labelled ones can name new ones.
//!
//! [`Examiner`] makes the first two; the attacks `examiner` and `examiner-disguised` the first and the third.

mod attack;
pub(super) mod labelled;

use crate::{
    Budget, Error, Evidence, Progress, Result, Rng, Set, attacks::linkage::commonest, metrics::beyond_chance,
};
use labelled::{Labelled, answers, fit, lacks, paced, split};
use serde::Serialize;
use visard_core::Shape;
use visard_data::Stored;
use visard_learn::{Examples, Model, Normalisation, TrainConfig};

pub(in crate::attacks) use attack::{DISGUISED, PLAIN};
pub(super) use attack::{EPOCHS, NETWORK, learn};
pub use labelled::Rate;

/// How an examiner is trained and shown images.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name of the network; `cnn` by default.
    pub network: String,
    /// Passes over the training images, more where they are so few that these are less than 150 steps.
    pub epochs: usize,
    /// Networks that are trained, each from weights of its own; at least 1.
    pub seeds: usize,
    /// Most images that are learnt from, drawn at random.
    pub images: usize,
    /// Whether each set that is shown is first brought to the mean and the spread of the plain images,
    /// channel by channel. A network that knows bytes is blind to other scales, which anybody can undo.
    pub match_scale: bool,
    /// Determines which images are held out, the initial weights and the order of the images.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            network: "cnn".into(),
            epochs: 6,
            seeds: 3,
            images: 4000,
            match_scale: true,
            seed: 0,
        }
    }
}

/// Networks that know plain images.
#[derive(Debug)]
pub struct Examiner {
    models: Vec<Model>,
    /// How each names plain images that it was not trained on.
    plain: Vec<Rate>,
    /// Share of the commonest class among those.
    plain_majority: f64,
    names: Vec<u32>,
    match_scale: bool,
}

/// How an examiner names images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Examined {
    /// How each of its networks names them.
    pub networks: Vec<Rate>,
    /// Mean accuracy of the networks, 0 to 1.
    pub accuracy: f64,
    /// Mean accuracy of the networks on plain images that they were not trained on.
    pub plain: f64,
    /// One in so many classes as the examiner knows: what blind guessing gives.
    pub chance: f64,
    /// Share of the commonest class among the images: what the best answer gives that is always the same.
    pub majority: f64,
    /// (accuracy - chance) / (plain - chance): 0 for nothing, 1 for as well as plain images. None where the
    /// networks do not know plain images.
    pub normalised: Option<f64>,
    /// How far the accuracy is above `majority`, in standard deviations of a normal figure as unlikely, from
    /// the binomial distribution over the images; 0 below.
    pub deviations: f64,
    /// Images that were left out, because their class is not among those that the examiner knows.
    pub left_out: usize,
}

impl Examined {
    /// The accuracy as evidence, beside the best answer that is always the same.
    pub fn evidence(&self) -> Evidence {
        let images = self.networks.first().map_or(1, |rate| rate.of.max(1)) as f64;
        let above = self.accuracy - self.majority;
        Evidence {
            what: "share of images named rightly by a network that knows only plain ones".into(),
            value: self.accuracy,
            null: self.majority,
            deviation: match self.deviations > 0.0 && above > 0.0 {
                true => above / self.deviations,
                false => (self.majority * (1.0 - self.majority) / images)
                    .sqrt()
                    .max(1.0 / images),
            },
        }
    }
}

impl Examiner {
    /// Trains networks on labelled plain images, of which a fifth of each class is kept aside to tell how
    /// well the networks know plain ones. Fewer networks than asked for if the budget is spent on the way;
    /// none if it does not last for one.
    ///
    /// # Errors
    /// If there are no labels, fewer than two classes or twelve images, no such network, or it cannot take
    /// images of this shape.
    pub fn train(plain: &Set, settings: &Settings, budget: &Budget) -> Result<Option<Self>> {
        Self::train_watched(plain, settings, budget, &|_, _| {})
    }

    pub(crate) fn train_watched(
        plain: &Set,
        settings: &Settings,
        budget: &Budget,
        progress: Progress<'_>,
    ) -> Result<Option<Self>> {
        const WHAT: &str = "plain images";
        if settings.seeds == 0 {
            return Err(Error::Exposure(
                "an examiner needs at least one network: set seeds".into(),
            ));
        }
        let config = TrainConfig::new(&settings.network, &Default::default())?;
        if lacks(budget, plain.shape(), plain.len()).is_some() {
            return Ok(None);
        }
        let mut rng = Rng::new(settings.seed);
        let mut all = Labelled::new(plain, 1, WHAT)?.draw(settings.images, &mut rng);
        all.check(WHAT)?;
        all.examples.soft = None;
        let (train, aside) = split(&all.classes(), 5, &mut rng);
        let (train, aside) = (all.pick(&train), all.pick(&aside));
        let (mut models, mut rates): (Vec<Model>, _) = (Vec::new(), Vec::new());
        for done in 0..settings.seeds {
            progress(done as f64 / settings.seeds as f64, "training on plain images");
            let config = paced(
                config.clone(),
                train.examples.len(),
                settings.epochs,
                rng.next_u64(),
            );
            let Ok(model) = fit(&config, &train.examples, all.names.len(), budget)? else {
                break;
            };
            let shown = shown(&aside.examples, &model, settings.match_scale)?;
            rates.push(Rate::of(&answers(&model, &shown)?, &aside.examples.labels));
            models.push(model);
        }
        Ok((!models.is_empty()).then(|| Self {
            models,
            plain: rates,
            plain_majority: commonest(&aside.examples.labels),
            names: all.names,
            match_scale: settings.match_scale,
        }))
    }

    /// How many networks it has; fewer than asked for if the budget was spent on the way.
    pub fn networks(&self) -> usize {
        self.models.len()
    }

    /// Shape of the images that it can be shown.
    pub fn shape(&self) -> Shape {
        self.models[0].info().shape
    }

    /// How each network names plain images that it was not trained on.
    pub fn plain(&self) -> &[Rate] {
        &self.plain
    }

    /// Whether it names plain images better than any answer that is always the same. Where it does not, what
    /// it says of other images means nothing.
    pub fn knows(&self) -> bool {
        let (of, mean) = (self.plain[0].of as usize, Rate::mean(&self.plain));
        beyond_chance(hits(mean, of), of, self.plain_majority) > 3.0
    }

    /// Shows it labelled images: disguised ones, or pictures that an attack recovered. Of soft labels the
    /// class with the largest weight is the right answer.
    ///
    /// # Errors
    /// If the images have another shape than the plain ones, no labels, or none of a class that the
    /// examiner knows, or hold values that are no numbers.
    pub fn examine(&self, images: &Set) -> Result<Examined> {
        self.judge(
            &Labelled::new(images, 1, "images to examine")?,
            &Budget::generous(),
        )
    }

    /// Likewise; after the first network the budget may end it.
    fn judge(&self, images: &Labelled, budget: &Budget) -> Result<Examined> {
        if images.examples.shape != self.shape() {
            return Err(Error::Exposure(format!(
                "images of {} cannot be shown to an examiner of images of {}; bring them to this shape first",
                images.examples.shape,
                self.shape()
            )));
        }
        let known = |label: &u32| {
            let name = images.names.get(*label as usize)?;
            self.names.binary_search(name).ok().map(|class| class as u32)
        };
        let truth: Vec<Option<u32>> = images.examples.labels.iter().map(known).collect();
        let right: Vec<u32> = truth.iter().flatten().copied().collect();
        if right.is_empty() {
            return Err(Error::Exposure(
                "none of the images is of a class that the examiner was trained on; give both the same labels"
                    .into(),
            ));
        }
        let shown = shown(&images.examples, &self.models[0], self.match_scale)?;
        let mut networks = Vec::new();
        for model in &self.models {
            if !networks.is_empty() && budget.is_spent() {
                break;
            }
            let answers = answers(model, &shown)?;
            let judged = answers.iter().zip(&truth).filter(|(_, truth)| truth.is_some());
            let answers: Vec<u32> = judged.map(|(answer, _)| *answer).collect();
            networks.push(Rate::of(&answers, &right));
        }
        let (accuracy, plain) = (Rate::mean(&networks), Rate::mean(&self.plain));
        let (chance, majority) = (1.0 / self.names.len() as f64, commonest(&right));
        // Images of one picture are no tries of their own, nor are the answers of several networks.
        let tries = (right.len() / images.each).max(1);
        Ok(Examined {
            networks,
            accuracy,
            plain,
            chance,
            majority,
            normalised: (plain > chance).then(|| (accuracy - chance) / (plain - chance)),
            deviations: beyond_chance(hits(accuracy, tries), tries, majority),
            left_out: truth.len() - right.len(),
        })
    }
}

/// Whole hits in a share of so many tries.
fn hits(share: f64, tries: usize) -> usize {
    (share * tries as f64 + 1e-9) as usize
}

/// The images as they are shown to a network.
fn shown(examples: &Examples, model: &Model, match_scale: bool) -> Result<Examples> {
    let pixels = match match_scale {
        true => Stored::F32(matched(examples, &model.info().normalisation)),
        false => examples.pixels.clone(),
    };
    Ok(Examples::new(examples.shape, pixels, None, Vec::new())?)
}

/// The values with the mean and the standard deviation of other images, channel by channel.
fn matched(examples: &Examples, wanted: &Normalisation) -> Vec<f32> {
    let own = examples.normalisation();
    let value = |(place, value): (usize, f32)| {
        let channel = place % examples.shape.channels;
        let standard = (value / 255.0 - own.mean[channel]) / own.std[channel];
        255.0 * (standard * wanted.std[channel] + wanted.mean[channel])
    };
    let all: &mut dyn Iterator<Item = f32> = match &examples.pixels {
        Stored::U8(v) => &mut v.iter().map(|v| f32::from(*v)),
        Stored::U16(v) => &mut v.iter().map(|v| f32::from(*v)),
        Stored::F32(v) => &mut v.iter().copied(),
    };
    all.enumerate().map(value).collect()
}
