//! Whether a network that knows only plain images can name what recovered pictures show.

use crate::{Result, Subjects, record::Examined};
use visard_attacks::{
    Budget, Set,
    attacks::learned::examiner::{self, Settings},
};

/// Networks that name pictures, trained on the plain images that adversaries have.
pub(crate) struct Examiner(examiner::Examiner);

impl Examiner {
    /// Trains it; none where there are too few labelled images or too little time, or where it does not learn to
    /// name plain images either.
    pub(crate) fn train(subjects: &Subjects, budget: &Budget) -> Option<Self> {
        let (plain, _) = subjects.labelled().ok()?;
        let settings = Settings {
            seeds: 2,
            images: 2000,
            ..Settings::default()
        };
        let trained = examiner::Examiner::train(&plain, &settings, budget).ok()??;
        trained.knows().then_some(Self(trained))
    }

    /// How it names recovered pictures of the first of these labelled images.
    ///
    /// # Errors
    /// If the images have no labels, or the pictures another shape.
    pub(crate) fn examine(&self, pictures: &Set, truth: &Set) -> Result<Examined> {
        let labels = truth.first(pictures.len()).labels().to_vec();
        let labelled = Set::new(pictures.shape(), pictures.pixels().clone(), labels)?;
        let found = self.0.examine(&labelled)?;
        Ok(Examined {
            accuracy: found.accuracy,
            plain: found.plain,
            chance: found.majority,
            normalised: found.normalised,
            deviations: found.deviations,
        })
    }
}
