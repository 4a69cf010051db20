//! Whose images are whose: those a model was trained on, others of the same kind, and the adversary's own.

use crate::{
    Result, Subjects,
    subjects::{joined, part},
};
use std::collections::BTreeSet;
use visard_attacks::Set;

/// Fewest labelled images: with fewer the figures say nothing.
const FEWEST: usize = 200;

/// Most images that a model is trained on.
const MOST: usize = 1000;

/// Most classes: a network has an output for each.
const CLASSES: u32 = 4096;

/// Labelled plain images in their parts, no image in two of them.
pub(super) struct People {
    /// Images that the models are trained on.
    pub(super) members: Set,
    /// As many others.
    pub(super) others: Set,
    /// The adversary's own.
    pub(super) own: Set,
    /// Where these are from.
    pub(super) own_from: String,
    /// Number of classes.
    pub(super) classes: usize,
}

impl People {
    /// Divides the owner's images, or says why that leads nowhere.
    pub(super) fn of(subjects: &Subjects) -> Result<Result<Self, String>> {
        let attacked = &subjects.attacked;
        let lacks = |why: &str| {
            Ok(Err(format!(
                "{why}: a model learns to tell labelled classes apart"
            )))
        };
        if attacked.labels().is_empty() {
            return lacks("the images have no labels");
        }
        let seen: BTreeSet<u32> = attacked.labels().iter().copied().collect();
        let highest = seen.last().copied().unwrap_or_default();
        if seen.len() < 2 {
            return lacks("the images are all of one class");
        }
        if highest >= CLASSES {
            return lacks("there are thousands of classes");
        }
        let (mut own, mut from) = subjects.labelled()?;
        let total = attacked.len() + own.len();
        if total < FEWEST {
            return Ok(Err(format!(
                "there are {total} labelled images, {FEWEST} are needed: give it more"
            )));
        }
        // A third at least is the adversary's, so that shadow models are as well fed as the model.
        let taken = (total / 3).saturating_sub(own.len());
        let members = ((attacked.len() - taken) / 2).min(MOST);
        if taken > 0 {
            own = joined(&own, &part(attacked, attacked.len() - taken, taken)?)?;
            from.push("some of the attacked images");
        }
        Ok(Ok(Self {
            members: attacked.first(members),
            others: part(attacked, members, members)?,
            own: own.first(2 * members),
            own_from: from.join(", "),
            classes: highest as usize + 1,
        }))
    }

    /// Images in all.
    pub(super) fn total(&self) -> usize {
        self.members.len() + self.others.len() + self.own.len()
    }

    /// Share of the others that are of the most frequent class.
    pub(super) fn chance(&self) -> f64 {
        let mut counts = vec![0usize; self.classes];
        for label in self.others.labels() {
            counts[*label as usize] += 1;
        }
        counts.iter().max().copied().unwrap_or(0) as f64 / self.others.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Public;
    use visard_core::{Pixels, Shape};

    /// Images that tell their own numbers, of the class that `class` gives them.
    fn numbered(from: u32, count: u32, class: impl Fn(u32) -> u32) -> Set {
        let pixels = (from..from + count).flat_map(u32::to_le_bytes).collect();
        let labels = (from..from + count).map(class).collect();
        Set::new(Shape::new(2, 2, 1), Pixels::U8(pixels), labels).unwrap()
    }

    fn subjects(attacked: Set, known: Set, public: Option<Set>) -> Subjects {
        Subjects {
            name: "x".into(),
            attacked,
            known,
            public: public.map(|images| Public {
                images,
                from: "elsewhere".into(),
            }),
        }
    }

    #[test]
    fn no_image_is_on_two_sides() {
        let of = |i: u32| i % 3;
        for (known, public) in [(0, 0), (10, 0), (10, 90), (200, 500)] {
            let all = subjects(
                numbered(0, 240, of),
                numbered(1000, known, of),
                Some(numbered(2000, public, of)),
            );
            let people = People::of(&all).unwrap().unwrap();
            let sets = [&people.members, &people.others, &people.own];
            let mut images: Vec<&[u8]> = sets
                .iter()
                .flat_map(|set| set.as_bytes().unwrap().chunks(4))
                .collect();
            assert_eq!(images.len(), people.total());
            assert_eq!(people.members.len(), people.others.len());
            assert!(people.own.len() >= people.members.len() && people.members.len() >= 80);
            images.sort_unstable();
            images.dedup();
            assert_eq!(images.len(), people.total(), "{known} {public}");
            for set in sets {
                assert_eq!(set.labels().len(), set.len());
            }
        }
    }

    #[test]
    fn images_that_no_model_learns_from_are_refused_with_the_mend() {
        let bare = |set: &Set| Set::bytes(set.shape(), set.as_bytes().unwrap().to_vec()).unwrap();
        let good = numbered(0, 240, |i| i % 3);
        for (attacked, told) in [
            (bare(&good), "no labels"),
            (numbered(0, 240, |_| 1), "one class"),
            (numbered(0, 120, |i| i % 3), "200 are needed"),
            (numbered(0, 240, |i| i * 100_000), "thousands of classes"),
        ] {
            let none = good.first(0);
            let why = People::of(&subjects(attacked, none, None))
                .unwrap()
                .err()
                .unwrap();
            assert!(why.contains(told), "{why}");
        }
        // Public images of classes that nobody knows are no help.
        let other = numbered(2000, 300, |i| i % 7);
        let people = People::of(&subjects(good.clone(), good.first(0), Some(other)))
            .unwrap()
            .unwrap();
        assert_eq!(people.own_from, "some of the attacked images");
    }
}
