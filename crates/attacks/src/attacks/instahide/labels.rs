//! What soft labels say of encodings: which images they can hold, and how much of each class.

use super::Blend;

/// Soft labels of encodings: a row of weights for each.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    classes: usize,
    rows: &'a [f32],
}

/// Classes of images, as far as the labels of their encodings tell them.
#[derive(Clone, Debug)]
pub struct Classes {
    /// The likeliest class of each image.
    pub of: Vec<usize>,
    /// For each image the classes that it can be of, row by row.
    open: Vec<bool>,
    /// Images whose encodings have no class in common.
    pub contradicted: usize,
}

impl<'a> Labels<'a> {
    /// Rows of `classes` weights, one for each encoding.
    pub fn new(classes: usize, rows: &'a [f32]) -> Self {
        let classes = classes.max(1);
        Self { classes, rows }
    }

    /// The weights of one encoding.
    pub fn row(&self, encoding: usize) -> &'a [f32] {
        &self.rows[encoding * self.classes..][..self.classes]
    }

    /// Whether two encodings have a class in common, without which they share no image.
    pub fn meet(&self, a: usize, b: usize) -> bool {
        let mut both = self.row(a).iter().zip(self.row(b));
        both.any(|(a, b)| *a > 0.0 && *b > 0.0)
    }

    /// The class that is seldom empty in these encodings; weights settle ties.
    fn vote(&self, encodings: impl Iterator<Item = usize>) -> usize {
        let mut votes = vec![0.0; self.classes];
        for encoding in encodings {
            for (vote, weight) in votes.iter_mut().zip(self.row(encoding)) {
                *vote += if *weight > 0.0 {
                    1.0 + f64::from(*weight)
                } else {
                    0.0
                };
            }
        }
        (0..self.classes).fold(0, |best, c| if votes[c] > votes[best] { c } else { best })
    }

    /// Classes of images of which some encodings are guessed, a few of them wrongly.
    pub fn voted(&self, members: &[Vec<usize>]) -> Classes {
        let of: Vec<usize> = members.iter().map(|m| self.vote(m.iter().copied())).collect();
        let mut open = vec![false; of.len() * self.classes];
        for (image, class) in of.iter().enumerate() {
            open[image * self.classes + class] = true;
        }
        Classes {
            of,
            open,
            contradicted: 0,
        }
    }

    /// Classes of images that are each in `each` encodings that follow each other.
    pub fn certain(&self, each: usize) -> Classes {
        let count = self.rows.len() / self.classes / each.max(1);
        let own = |image: usize| image * each..(image + 1) * each;
        let mut open = Vec::with_capacity(count * self.classes);
        let mut contradicted = 0;
        for image in 0..count {
            let common = |class: usize| own(image).all(|encoding| self.row(encoding)[class] > 0.0);
            let found: Vec<bool> = (0..self.classes).map(common).collect();
            if found.contains(&true) {
                open.extend(found);
            } else {
                contradicted += 1;
                open.extend(vec![true; self.classes]);
            }
        }
        Classes {
            of: (0..count).map(|image| self.vote(own(image))).collect(),
            open,
            contradicted,
        }
    }
}

impl Classes {
    /// Whether an encoding can hold an image: it has weight in a class that the image can be of.
    pub fn allow(&self, labels: &Labels<'_>, encoding: usize, image: usize) -> bool {
        let open = &self.open[image * labels.classes..][..labels.classes];
        let mut both = open.iter().zip(labels.row(encoding));
        both.any(|(open, weight)| *open && *weight > 0.0)
    }

    /// Coefficients of the images in each encoding: what images of one class have together is split
    /// evenly.
    pub fn split(&self, labels: &Labels<'_>, assignment: &[Vec<usize>]) -> Vec<Blend> {
        let blend = |(encoding, set): (usize, &Vec<usize>)| {
            let row = labels.row(encoding);
            let share = |image: usize| {
                let class = self.of[image];
                let same = set.iter().filter(|other| self.of[**other] == class).count();
                f64::from(row[class]) / same as f64
            };
            set.iter().map(|image| (*image, share(*image))).collect()
        };
        assignment.iter().enumerate().map(blend).collect()
    }

    /// The blends with what images of one class have together made that of the label.
    pub fn rescale(&self, labels: &Labels<'_>, blends: &[Blend]) -> Vec<Blend> {
        let blend = |(encoding, blend): (usize, &Blend)| {
            let row = labels.row(encoding);
            let rescaled = |image: usize, weight: f64| {
                let class = self.of[image];
                let same = blend.iter().filter(|(other, _)| self.of[*other] == class);
                let (sum, number) = same.fold((0.0, 0.0), |(sum, n), (_, w)| (sum + w, n + 1.0));
                let share = if sum > 0.0 { weight / sum } else { 1.0 / number };
                f64::from(row[class]) * share
            };
            blend
                .iter()
                .map(|(image, weight)| (*image, rescaled(*image, *weight)))
                .collect()
        };
        blends.iter().enumerate().map(blend).collect()
    }
}
