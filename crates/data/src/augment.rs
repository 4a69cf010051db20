//! Random changes of plain images before they are disguised.
//!
//! Shifts and flips of a *disguised* image break what its key and its blocks go by, so they must come
//! before the disguise, and only the owner can make them: [`crate::Copies`] asks `apply` for several
//! differently changed copies of each training image, as many epochs would draw them.
//!
//! What is drawn for an image comes from the key's schedule under the purpose `augment`, the run's salt
//! and the sample's identity, like every other randomness of one image (SPEC.md 4.3 and 4.4). So it is
//! the same whatever the order, the batches and the threads, and an interrupted run goes on to the same
//! bytes. It is drawn from the secret and not from the salt alone, because the salt is public: from the
//! salt alone, anyone could work out by how much two copies of one image are shifted against each other,
//! and compare their disguises knowing it. HKDF keeps the purpose apart from those of the schemes, so
//! the draws would tell nothing about the key even if they were seen.
//!
//! What copies do give away is that they are copies: their places (or names) tell which disguised images
//! were made of one plain image, and an adversary holds so many times as many images of the key.

use crate::{Batch, Error, Result, Stored};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path, str::FromStr};
use visard_core::{
    Key, Salt, SampleId, Shape,
    schedule::{ImageStreams, Stream},
};

/// Purpose of the streams that changes are drawn from (SPEC.md 2.2).
const PURPOSE: &str = "augment";

/// One kind of random change of a plain image.
///
/// On the command line and in manifests it is a text: `flip` or `shift=PIXELS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Augmentation {
    /// Mirrors left and right, with probability 1/2.
    Flip,
    /// Moves up or down and left or right by up to so many pixels, each distance as likely; the image is
    /// continued by its edge. That is padding by the edge and a random crop.
    Shift(u32),
}

impl Augmentation {
    /// How each kind is written, and what it does, for help texts and errors.
    pub const KINDS: &'static [(&'static str, &'static str)] = &[
        ("flip", "mirror left and right with probability 1/2"),
        (
            "shift=PIXELS",
            "move by up to PIXELS in each direction, continuing the edge (as padding and a random crop)",
        ),
    ];

    /// Whether both are of one kind.
    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip => f.write_str("flip"),
            Self::Shift(pixels) => write!(f, "shift={pixels}"),
        }
    }
}

impl FromStr for Augmentation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "flip" {
            return Ok(Self::Flip);
        }
        if let Some(pixels) = text.strip_prefix("shift=") {
            let pixels = pixels.parse().ok().filter(|pixels| *pixels > 0);
            return pixels.map(Self::Shift).ok_or_else(|| {
                Error::Usage(format!(
                    "{text:?}: the shift is a number of pixels from 1 on, for instance shift=2"
                ))
            });
        }
        let known: Vec<_> = Self::KINDS.iter().map(|(form, _)| *form).collect();
        Err(Error::Usage(format!(
            "no augmentation is called {text:?}; known are {}",
            known.join(", ")
        )))
    }
}

impl TryFrom<String> for Augmentation {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Augmentation> for String {
    fn from(augmentation: Augmentation) -> Self {
        augmentation.to_string()
    }
}

/// The augmentations in the order in which they are recorded, whatever the order of the request.
///
/// # Errors
/// If one kind is asked for twice.
pub(crate) fn ordered(asked: &[Augmentation]) -> Result<Vec<Augmentation>> {
    let mut all = asked.to_vec();
    all.sort();
    match all.windows(2).find(|pair| pair[0].is_like(pair[1])) {
        Some(pair) => Err(Error::Usage(format!(
            "the augmentations {} and {} are of one kind; give one of them",
            pair[0], pair[1]
        ))),
        None => Ok(all),
    }
}

/// Refuses shifts that could move all of an image of `shape` out of sight.
pub(crate) fn check_shape(augment: &[Augmentation], shape: Shape) -> Result<()> {
    let side = shape.height.min(shape.width);
    let too_far = augment.iter().find_map(|augmentation| match augmentation {
        Augmentation::Shift(pixels) if *pixels as usize >= side => Some(*pixels),
        _ => None,
    });
    too_far.map_or(Ok(()), |pixels| {
        Err(Error::Usage(format!(
            "shift={pixels} moves images of {shape} out of sight; it must be below {side}"
        )))
    })
}

/// What is drawn for one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Change {
    /// Whether it is mirrored, before it is moved.
    flip: bool,
    /// Pixels to move down (up where negative) and right (left).
    shift: (i64, i64),
}

impl Change {
    /// Draws in a fixed order (SPEC.md 4.4): the mirroring, the distance down, the distance right.
    fn draw(augment: &[Augmentation], stream: &mut Stream) -> Self {
        let mut change = Self::default();
        for augmentation in augment {
            match *augmentation {
                Augmentation::Flip => change.flip = stream.below(2) == 1,
                Augmentation::Shift(pixels) => {
                    let mut distance = || stream.below(2 * u64::from(pixels) + 1) as i64 - i64::from(pixels);
                    change.shift = (distance(), distance());
                }
            }
        }
        change
    }

    /// Changes one image in place; `scratch` is room for a copy of it.
    fn make<T: Copy>(self, image: &mut [T], shape: Shape, scratch: &mut Vec<T>) {
        if self == Self::default() {
            return;
        }
        scratch.clear();
        scratch.extend_from_slice(image);
        let (width, channels) = (shape.width, shape.channels);
        let source = |at: usize, moved: i64, side: usize| {
            (at as i64).saturating_sub(moved).clamp(0, side as i64 - 1) as usize
        };
        for (y, row) in image.chunks_exact_mut(width * channels).enumerate() {
            let from = &scratch[source(y, self.shift.0, shape.height) * width * channels..];
            for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
                let x = source(x, self.shift.1, width);
                let x = if self.flip { width - 1 - x } else { x };
                pixel.copy_from_slice(&from[x * channels..][..channels]);
            }
        }
    }
}

/// Changes the images of a run that are copies.
pub(crate) struct Augmenter {
    augment: Vec<Augmentation>,
    streams: ImageStreams,
    /// The split that has copies.
    split: usize,
    /// Places of one copy of that split; those of the first copy stay as they are.
    copy: u64,
}

impl Augmenter {
    /// Changes for the images of `split` from place `copy` on.
    pub(crate) fn new(key: &Key, salt: Salt, augment: Vec<Augmentation>, split: usize, copy: u64) -> Self {
        Self {
            streams: key.schedule().image_streams(PURPOSE, salt),
            augment,
            split,
            copy,
        }
    }

    /// Changes those images of a batch that are copies, in parallel; `root` names the data set in errors.
    ///
    /// # Errors
    /// If an image is too small for the shift.
    pub(crate) fn change(&self, batch: &mut Batch, root: &Path) -> Result<()> {
        if batch.split != self.split {
            return Ok(());
        }
        // Images of the first copy are checked too, so that a run does not fail when half is done.
        check_shape(&self.augment, batch.shape).map_err(|error| {
            let name = batch.names.first().map_or_else(|| root.into(), |n| root.join(n));
            Error::Usage(format!("{}: {error}", name.display()))
        })?;
        let copies = (batch.first + batch.len() as u64).saturating_sub(self.copy.max(batch.first));
        if copies == 0 || self.augment.is_empty() {
            return Ok(());
        }
        let skip = batch.len() - copies as usize;
        let (ids, shape) = (&batch.ids[skip..], batch.shape);
        match &mut batch.pixels {
            Stored::U8(v) => self.each(ids, &mut v[skip * shape.len()..], shape),
            Stored::U16(v) => self.each(ids, &mut v[skip * shape.len()..], shape),
            Stored::F32(v) => self.each(ids, &mut v[skip * shape.len()..], shape),
        }
        Ok(())
    }

    fn each<T: Copy + Send>(&self, ids: &[SampleId], pixels: &mut [T], shape: Shape) {
        let images = pixels.par_chunks_exact_mut(shape.len()).zip(ids);
        images.for_each_init(Vec::new, |scratch, (image, id)| {
            let change = Change::draw(&self.augment, &mut self.streams.sampler(*id, 0));
            change.make(image, shape, scratch);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Depth;
    use visard_core::MasterSecret;

    const SHAPE: Shape = Shape::new(3, 4, 2);

    fn changed(change: Change, image: &[u8]) -> Vec<u8> {
        let mut image = image.to_vec();
        change.make(&mut image, SHAPE, &mut Vec::new());
        image
    }

    /// Channel 0 of each pixel; channel 1 is 100 more.
    fn image(rows: [[u8; 4]; 3]) -> Vec<u8> {
        rows.into_iter().flatten().flat_map(|v| [v, v + 100]).collect()
    }

    #[test]
    fn images_are_mirrored_and_moved_with_their_edges_continued() {
        let plain = image([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]);
        let flip = Change {
            flip: true,
            shift: (0, 0),
        };
        let mirrored = image([[4, 3, 2, 1], [8, 7, 6, 5], [12, 11, 10, 9]]);
        assert_eq!(changed(flip, &plain), mirrored);
        assert_eq!(changed(flip, &mirrored), plain);
        let moved = |down, right| {
            let change = Change {
                flip: false,
                shift: (down, right),
            };
            changed(change, &plain)
        };
        assert_eq!(moved(0, 0), plain);
        assert_eq!(moved(1, 2), image([[1, 1, 1, 2], [1, 1, 1, 2], [5, 5, 5, 6]]));
        assert_eq!(
            moved(-2, -1),
            image([[10, 11, 12, 12], [10, 11, 12, 12], [10, 11, 12, 12]])
        );
        let both = Change {
            flip: true,
            shift: (0, 1),
        };
        let first_mirrored = image([[4, 4, 3, 2], [8, 8, 7, 6], [12, 12, 11, 10]]);
        assert_eq!(changed(both, &plain), first_mirrored);
    }

    #[test]
    fn every_distance_is_drawn_and_none_beyond() {
        let key = key();
        let streams = key.schedule().image_streams(PURPOSE, Salt([1; 16]));
        let augment = ordered(&[Augmentation::Shift(2), Augmentation::Flip]).unwrap();
        let mut counts = std::collections::BTreeMap::new();
        for id in SampleId::numbered("train", 0, 5000) {
            let change = Change::draw(&augment, &mut streams.sampler(id, 0));
            *counts.entry((change.flip, change.shift)).or_insert(0u32) += 1;
        }
        // 2 x 5 x 5 outcomes of 100 each; six standard deviations.
        assert_eq!(counts.len(), 50);
        assert!(counts.values().all(|n| (41..=159).contains(n)), "{counts:?}");
        assert!(counts.keys().all(|(_, (y, x))| y.abs() <= 2 && x.abs() <= 2));
    }

    fn key() -> Key {
        Key::new(
            "aes",
            &Default::default(),
            Some(Shape::new(4, 4, 1)),
            MasterSecret::new([5; 32]),
            None,
        )
        .unwrap()
    }

    fn batch(first: u64, count: usize) -> Batch {
        let len = count * SHAPE.len();
        Batch {
            first,
            shape: SHAPE,
            ids: SampleId::numbered("train", first, count),
            pixels: Stored::U8(
                (0..len)
                    .map(|i| ((first as usize * SHAPE.len() + i) % 251) as u8)
                    .collect(),
            ),
            ..Batch::new(Depth::U8)
        }
    }

    fn change(salt: u8, batch: &mut Batch) {
        let augment = vec![Augmentation::Flip, Augmentation::Shift(2)];
        let augmenter = Augmenter::new(&key(), Salt([salt; 16]), augment, 0, 10);
        augmenter.change(batch, Path::new("x")).unwrap();
    }

    #[test]
    fn changes_depend_on_key_salt_and_sample_alone() {
        let pool = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
        };
        let whole = |threads| {
            let mut all = batch(0, 40);
            pool(threads).install(|| change(1, &mut all));
            all
        };
        let once = whole(1);
        assert_eq!(once, whole(3));
        let mut parts = batch(0, 7);
        change(1, &mut parts);
        for (first, count) in [(7, 9), (16, 1), (17, 23)] {
            let mut part = batch(first, count);
            change(1, &mut part);
            parts.append(part).unwrap();
        }
        assert_eq!(parts, once);
        let mut other = batch(0, 40);
        change(2, &mut other);
        assert_ne!(other, once);
    }

    #[test]
    fn first_copies_and_other_splits_stay_as_they_are() {
        let plain = batch(0, 10);
        let mut first = plain.clone();
        change(1, &mut first);
        assert_eq!(first, plain);
        let mut test = batch(0, 40);
        test.split = 1;
        let before = test.clone();
        change(1, &mut test);
        assert_eq!(test, before);
        let mut both = batch(5, 10);
        let before = batch(5, 10);
        change(1, &mut both);
        let (Stored::U8(after), Stored::U8(before)) = (&both.pixels, &before.pixels) else {
            panic!("other types");
        };
        assert_eq!(after[..5 * SHAPE.len()], before[..5 * SHAPE.len()]);
        assert_ne!(after[5 * SHAPE.len()..], before[5 * SHAPE.len()..]);
    }

    #[test]
    fn texts_are_read_as_they_are_written_and_others_refused() {
        for augmentation in [Augmentation::Flip, Augmentation::Shift(7)] {
            assert_eq!(
                augmentation.to_string().parse::<Augmentation>().unwrap(),
                augmentation
            );
        }
        for bad in [
            "",
            "turn",
            "shift",
            "shift=",
            "shift=0",
            "shift=-1",
            "shift=1.5",
            "flip=1",
            "Flip",
        ] {
            assert!(
                matches!(bad.parse::<Augmentation>(), Err(Error::Usage(_))),
                "{bad}"
            );
        }
        let twice = [Augmentation::Shift(1), Augmentation::Flip, Augmentation::Shift(2)];
        assert!(ordered(&twice).is_err() && ordered(&twice[1..]).is_ok());
        assert!(check_shape(&[Augmentation::Shift(3)], SHAPE).is_err());
        assert!(check_shape(&[Augmentation::Shift(2), Augmentation::Flip], SHAPE).is_ok());
    }
}
