//! The owner's images, divided into what is attacked and what adversaries know.

use crate::{Error, Result};
use visard_attacks::Set;
use visard_core::{Pixels, Shape};

/// Fewest images that can be attacked: with fewer the nulls say nothing.
const FEWEST: usize = 16;

/// How many images of each kind are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Images to attack.
    pub attacked: usize,
    /// Images that adversaries of level 2 know the disguises of.
    pub known: usize,
    /// Images that stand for public ones.
    pub public: usize,
}

impl Wanted {
    /// Images in all.
    pub fn total(&self) -> usize {
        self.attacked + self.known + self.public
    }
}

/// Plain images of a similar kind that anybody can get.
#[derive(Debug)]
pub struct Public {
    /// The images.
    pub images: Set,
    /// Where they are from, in words.
    pub from: String,
}

/// Plain images of bytes in their parts, no image in two of them.
#[derive(Debug)]
pub struct Subjects {
    /// Name of the data set, as it is shown.
    pub name: String,
    /// Images to attack.
    pub attacked: Set,
    /// Images with known disguises.
    pub known: Set,
    /// Public images, if there are any.
    pub public: Option<Public>,
}

impl Subjects {
    /// Divides images, which must be in random order. Without `public` images from elsewhere, a part of the
    /// owner's own stands for them: what an adversary cannot hope to exceed.
    ///
    /// # Errors
    /// If there are too few images, or they are not bytes.
    pub fn divide(name: &str, images: &Set, public: Option<Public>, wanted: Wanted) -> Result<Self> {
        images.as_bytes()?;
        let total = images.len();
        if total < 2 * FEWEST {
            return Err(Error::Subjects(format!(
                "{name} holds {total} images of {}, an audit needs {} at least: give it more, or none to audit on \
                 the bundled ones",
                images.shape(),
                2 * FEWEST
            )));
        }
        let own = if public.is_none() { wanted.public } else { 0 };
        // Where there are not enough for all, half of them is attacked.
        let attacked = wanted
            .attacked
            .min((total - total / 2).max(total.saturating_sub(wanted.known + own)));
        let known = wanted.known.min((total - attacked).div_ceil(2));
        let rest = (total - attacked - known).min(own);
        let public = match public {
            Some(public) => Some(public),
            None if rest > 0 => Some(Public {
                images: part(images, attacked + known, rest)?,
                from: format!("other images of {name}, as like as any can be"),
            }),
            None => None,
        };
        Ok(Self {
            name: name.into(),
            attacked: part(images, 0, attacked)?,
            known: part(images, attacked, known)?,
            public,
        })
    }

    /// Shape of the images.
    pub fn shape(&self) -> Shape {
        self.attacked.shape()
    }

    /// Labelled plain images of the owner's classes that adversaries have, and which these are.
    pub(crate) fn labelled(&self) -> Result<(Set, Vec<&'static str>)> {
        let highest = self.attacked.labels().iter().max();
        let usable = |set: &&Set| {
            let labels = set.labels();
            set.shape() == self.shape() && !labels.is_empty() && labels.iter().max() <= highest
        };
        let public = self.public.as_ref().map(|public| &public.images);
        let (mut all, mut which) = (part(&self.attacked, 0, 0)?, Vec::new());
        for (set, name) in [(Some(&self.known), "known images"), (public, "public images")] {
            if let Some(set) = set.filter(usable) {
                all = joined(&all, set)?;
                which.push(name);
            }
        }
        Ok((all, which))
    }
}

/// `count` images from image `first` on.
pub(crate) fn part(set: &Set, first: usize, count: usize) -> Result<Set> {
    let len = set.shape().len();
    let pixels = set.as_bytes()?[first * len..(first + count) * len].to_vec();
    let labels = set.labels().get(first..first + count).map(<[u32]>::to_vec);
    Ok(Set::new(
        set.shape(),
        Pixels::U8(pixels),
        labels.unwrap_or_default(),
    )?)
}

/// The images of bytes of both, with their labels where both have some.
pub(crate) fn joined(a: &Set, b: &Set) -> Result<Set> {
    let pixels = [a.as_bytes()?, b.as_bytes()?].concat();
    let labelled = a.labels().len() == a.len() && b.labels().len() == b.len();
    let labels = match labelled {
        true => [a.labels(), b.labels()].concat(),
        false => Vec::new(),
    };
    Ok(Set::new(a.shape(), Pixels::U8(pixels), labels)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbered(count: usize) -> Set {
        let pixels = (0..count as u32).flat_map(u32::to_le_bytes).collect();
        Set::bytes(Shape::new(2, 2, 1), pixels).unwrap()
    }

    proptest! {
        #[test]
        fn no_image_is_in_two_parts(total in 0usize..600, attacked in 0usize..300, known in 0usize..100,
                                    public in 0usize..300) {
            let images = numbered(total);
            let wanted = Wanted { attacked: attacked.max(FEWEST), known, public };
            match Subjects::divide("x", &images, None, wanted) {
                Err(_) => prop_assert!(total < 2 * FEWEST),
                Ok(subjects) => {
                    let parts = [&subjects.attacked, &subjects.known];
                    let public = subjects.public.as_ref().map(|public| &public.images);
                    let all: Vec<&[u8]> = parts.into_iter().chain(public)
                        .flat_map(|set| set.as_bytes().unwrap().chunks(4)).collect();
                    let mut single = all.clone();
                    single.sort_unstable();
                    single.dedup();
                    prop_assert_eq!(single.len(), all.len());
                    prop_assert!(subjects.attacked.len() >= FEWEST.min(total / 2));
                    prop_assert!(known == 0 || !subjects.known.is_empty() || attacked >= total);
                }
            }
        }
    }
}
