//! Which pictures a model is trained on, which are in question, and which the adversary has.

use crate::plan::{Plan, Sizes, Source};
use anyhow::{Context, ensure};
use study_attacks::sets::{Part, Sets};
use visard_attacks::{Rng, Set};
use visard_core::{Pixels, Shape};

/// The images of a section.
#[derive(Debug)]
pub(crate) struct Images {
    /// Those that are dealt out.
    pool: Set,
    /// Those of the test part, where the set has one.
    test: Option<Set>,
    classes: usize,
}

/// The pictures of one model and its adversary; no picture is in two of the first four.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) members: Set,
    pub(crate) others: Set,
    pub(crate) own: Set,
    /// Pictures that the adversary blends with; its own ones where there are no others.
    pub(crate) partners: Set,
    /// Labelled pictures for what is not asked of members, none of which is a member or the adversary's own.
    pub(crate) test: Set,
    /// All that are no members, for the judge alone.
    pub(crate) judge: Set,
}

impl Images {
    pub(crate) fn of(sets: &Sets, plan: &Plan) -> anyhow::Result<Self> {
        let Sizes {
            members,
            others,
            own,
            partners,
            test,
            ..
        } = plan.sizes;
        let wanted = members + others + own + partners;
        Ok(match plan.source {
            Source::Fashion => Self {
                pool: sets.fashion_mnist(Part::Train, wanted)?,
                test: (test > 0)
                    .then(|| sets.fashion_mnist(Part::Test, test))
                    .transpose()?,
                classes: 10,
            },
            Source::Faces => Self {
                pool: cut(&sets.faces()?, 24)?,
                test: None,
                classes: 2,
            },
        })
    }

    /// Shape of every image.
    pub(crate) fn shape(&self) -> Shape {
        self.pool.shape()
    }

    /// Number of classes.
    pub(crate) fn classes(&self) -> usize {
        self.classes
    }

    /// Deals the pictures out; every `repeat` does it in another way.
    pub(crate) fn deal(&self, sizes: &Sizes, repeat: u64) -> anyhow::Result<Split> {
        let order = self.interleaved(&mut Rng::new(1 + repeat));
        let counts = [sizes.members, sizes.others, sizes.own, sizes.partners];
        ensure!(
            counts.iter().sum::<usize>() <= order.len(),
            "{} pictures are wanted, there are {}",
            counts.iter().sum::<usize>(),
            order.len()
        );
        let mut rest = &order[..];
        let mut hand = |count: usize| -> anyhow::Result<Set> {
            let (own, left) = rest.split_at(count);
            rest = left;
            pick(&self.pool, own)
        };
        let (members, others, own, partners) = (
            hand(counts[0])?,
            hand(counts[1])?,
            hand(counts[2])?,
            hand(counts[3])?,
        );
        Ok(Split {
            partners: if partners.is_empty() {
                own.clone()
            } else {
                partners
            },
            test: self.test.clone().unwrap_or_else(|| others.clone()),
            judge: pick(&self.pool, &order[sizes.members..])?,
            members,
            others,
            own,
        })
    }

    /// The places of all pictures, each class in random order and the classes in turn, so that every part has
    /// about the same share of each.
    fn interleaved(&self, rng: &mut Rng) -> Vec<usize> {
        let mut classes: Vec<Vec<usize>> = vec![Vec::new(); self.classes];
        for place in rng.permutation(self.pool.len()) {
            // A label beyond the classes is refused where a network meets it.
            let class = (self.pool.labels()[place] as usize).min(self.classes - 1);
            classes[class].push(place);
        }
        let longest = classes.iter().map(Vec::len).max().unwrap_or(0);
        (0..longest)
            .flat_map(|i| classes.iter().filter_map(move |class| class.get(i).copied()))
            .collect()
    }
}

/// The pictures at these places.
fn pick(set: &Set, places: &[usize]) -> anyhow::Result<Set> {
    let (len, bytes) = (set.shape().len(), set.as_bytes()?);
    let image = |place: &usize| bytes.get(place * len..(place + 1) * len);
    let images: Option<Vec<&[u8]>> = places.iter().map(image).collect();
    let labels = places
        .iter()
        .filter_map(|place| set.labels().get(*place).copied());
    Ok(Set::new(
        set.shape(),
        Pixels::U8(images.context("a place beyond the pictures")?.concat()),
        labels.collect(),
    )?)
}

/// The pictures of both.
pub(crate) fn join(a: &Set, b: &Set) -> anyhow::Result<Set> {
    Ok(Set::new(
        a.shape(),
        Pixels::U8([a.as_bytes()?, b.as_bytes()?].concat()),
        [a.labels(), b.labels()].concat(),
    )?)
}

/// The upper left squares of `side` pixels, so that blocks fit without padding.
fn cut(set: &Set, side: usize) -> anyhow::Result<Set> {
    let Shape {
        height,
        width,
        channels,
    } = set.shape();
    ensure!(side <= height && side <= width, "pictures of {}", set.shape());
    let rows = set.as_bytes()?.chunks_exact(width * channels);
    let pixels = rows
        .enumerate()
        .filter(|(row, _)| row % height < side)
        .flat_map(|(_, row)| row[..side * channels].to_vec());
    Ok(Set::new(
        Shape::new(side, side, channels),
        Pixels::U8(pixels.collect()),
        set.labels().to_vec(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SIZES: Sizes = Sizes {
        members: 6,
        others: 6,
        own: 4,
        partners: 2,
        test: 0,
        repeats: 1,
        inversions: 1,
        pairs: 1,
    };

    /// Every picture is its own number.
    fn images() -> Images {
        let labels = (0..20).map(|i| i % 2).collect();
        Images {
            pool: Set::new(Shape::new(1, 1, 1), Pixels::U8((0..20).collect()), labels).unwrap(),
            test: None,
            classes: 2,
        }
    }

    #[test]
    fn no_picture_is_dealt_twice_and_classes_are_even() {
        let images = images();
        let split = images.deal(&SIZES, 0).unwrap();
        let mut seen = BTreeSet::new();
        for part in [&split.members, &split.others, &split.own, &split.partners] {
            assert!(part.as_bytes().unwrap().iter().all(|b| seen.insert(*b)));
            let ones: u32 = part.labels().iter().sum();
            assert_eq!(2 * ones as usize, part.len());
        }
        assert_eq!(seen.len(), 18);
        let judge: BTreeSet<u8> = split.judge.as_bytes().unwrap().iter().copied().collect();
        assert!(
            split
                .members
                .as_bytes()
                .unwrap()
                .iter()
                .all(|b| !judge.contains(b))
        );
        assert_ne!(images.deal(&SIZES, 1).unwrap().members, split.members);
        assert_eq!(images.deal(&SIZES, 0).unwrap().members, split.members);
        let greedy = Sizes { own: 40, ..SIZES };
        assert!(images.deal(&greedy, 0).is_err());
    }

    #[test]
    fn pictures_are_cut_to_their_upper_left_square() {
        let set = Set::new(Shape::new(3, 3, 1), Pixels::U8((0..18).collect()), vec![0, 1]).unwrap();
        let cut = cut(&set, 2).unwrap();
        assert_eq!(cut.as_bytes().unwrap(), [0, 1, 3, 4, 9, 10, 12, 13]);
        assert_eq!(cut.labels(), [0, 1]);
    }
}
