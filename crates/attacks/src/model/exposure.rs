//! What an adversary of a trained model holds.

use crate::{Error, Result, learning};
use std::sync::atomic::{AtomicUsize, Ordering};
use visard_learn::{Differentiable, Examples, Model, TrainConfig};

/// The model under attack.
#[derive(Debug)]
pub struct Victim<'a> {
    model: &'a Model,
    open: bool,
    asked: AtomicUsize,
}

impl<'a> Victim<'a> {
    /// A model that may be asked.
    pub fn answering(model: &'a Model) -> Self {
        Self {
            model,
            open: false,
            asked: AtomicUsize::new(0),
        }
    }

    /// A model that may be asked and whose weights are at hand.
    pub fn open(model: &'a Model) -> Self {
        Self {
            open: true,
            ..Self::answering(model)
        }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.model.info().classes.len()
    }

    /// Shape of the images that it takes.
    pub fn shape(&self) -> visard_core::Shape {
        self.model.info().shape
    }

    /// Logarithms of its probabilities, a row of [`Victim::classes`] for each picture.
    ///
    /// # Errors
    /// If the images do not fit.
    pub fn ask(&self, images: &Examples) -> Result<Vec<f32>> {
        self.asked.fetch_add(images.len(), Ordering::Relaxed);
        Ok(self.model.log_probabilities(images, learning::BATCH)?)
    }

    /// Images that it was asked about so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// The model with gradients.
    ///
    /// # Errors
    /// If the adversary does not have the weights.
    pub fn gradients(&self) -> Result<Differentiable> {
        if !self.open {
            return Err(Error::Exposure(
                "this attack follows gradients: it needs the model's weights, not its answers alone".into(),
            ));
        }
        Ok(self.model.differentiable()?)
    }
}

/// The same pictures, in the same order and with labels, in the two forms that an adversary can give them.
#[derive(Clone, Debug)]
pub struct Forms {
    /// As its own shadow models are trained on them: plain for a model of plain images; else disguised, with the
    /// key if the adversary has it, under a key of its own if not.
    pub train: Examples,
    /// As they are sent to the model, and to shadow models.
    pub query: Examples,
}

impl Forms {
    /// One form for both.
    pub fn same(images: Examples) -> Self {
        Self {
            train: images.clone(),
            query: images,
        }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        learning::pictures(&self.query)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pictures at these places.
    pub fn pick(&self, places: &[usize]) -> Self {
        Self {
            train: learning::pick(&self.train, places),
            query: learning::pick(&self.query, places),
        }
    }

    /// Both, one after the other.
    ///
    /// # Errors
    /// As [`learning::join`].
    pub fn join(&self, other: &Self) -> Result<Self> {
        Ok(Self {
            train: learning::join(&self.train, &other.train)?,
            query: learning::join(&self.query, &other.query)?,
        })
    }
}

/// Exactly what the adversary of a model has.
#[derive(Debug)]
pub struct ModelExposure<'a> {
    /// The model.
    pub victim: Victim<'a>,
    /// How it was trained: network, front and settings are no secret.
    pub recipe: &'a TrainConfig,
    /// How many pictures it was trained on.
    pub trained_on: usize,
    /// Pictures in question, with their labels: was the model trained on them, what does it say of them.
    pub candidates: Forms,
    /// Labelled pictures of the adversary's own, of a similar kind, that the model was not trained on.
    pub own: Forms,
}

impl ModelExposure<'_> {
    /// Refuses what no attack can use.
    ///
    /// # Errors
    /// If there are no candidates or no own pictures, labels are missing or beyond the classes, the forms of a
    /// picture do not belong together, or what is sent does not fit the model.
    pub fn check(&self) -> Result<()> {
        let bad = |problem: String| Err(Error::Exposure(problem));
        for (name, forms) in [("candidates", &self.candidates), ("own pictures", &self.own)] {
            for form in [&forms.train, &forms.query] {
                form.check()?;
                form.check_labels(self.victim.classes())?;
            }
            if forms.is_empty() {
                return bad(format!("there are no {name}"));
            }
            if forms.train.labels.is_empty() || forms.query.labels.is_empty() {
                return bad(format!("the {name} need labels"));
            }
            if learning::labels(&forms.train) != learning::labels(&forms.query) {
                return bad(format!("the two forms of the {name} are of different pictures"));
            }
            if forms.query.shape != self.victim.shape() {
                return bad(format!(
                    "the {name} are sent as images of {}, the model takes {}",
                    forms.query.shape,
                    self.victim.shape()
                ));
            }
        }
        Ok(())
    }
}
