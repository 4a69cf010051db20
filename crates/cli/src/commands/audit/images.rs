//! The owner's images for an audit.

use super::{Args, wanted};
use crate::{commands::eval::split_named, talk::Talk};
use std::path::Path;
use visard_attacks::{Rng, Set};
use visard_audit::{Public, Subjects};
use visard_core::{Key, Pixels, Shape};
use visard_data::{Error, Fit, Opened, Stored};

/// Most public images that are read from another data set.
const PUBLIC: usize = 4000;

impl Args {
    /// Images of the data set, drawn at random and divided.
    pub(super) fn subjects(
        &self,
        key: &Key,
        path: &Path,
        known: usize,
        talk: &Talk,
    ) -> anyhow::Result<Subjects> {
        let mut data = Opened::open(path, self.reading.reading())?;
        if data.manifest.is_some() {
            let problem = "is disguised already: an audit needs the plain images";
            return Err(Error::input(path, problem).into());
        }
        let split = match &self.split {
            None => data.training_split(),
            Some(name) => split_named(&data, path, name)?,
        };
        let shape = match key.shape().or(data.meta.shape) {
            Some(shape) => shape,
            None => data.load(path, split, 1)?.shape,
        };
        let mut wanted = wanted(shape, self.sample, known);
        if wanted.attacked < self.sample as usize {
            talk.say(format!(
                "images of {shape} are large: {} are attacked",
                wanted.attacked
            ));
        }
        let public = self
            .public
            .as_deref()
            .map(|public| self.public(public, shape))
            .transpose()?;
        if public.is_some() {
            wanted.public = 0;
        }
        let images = draw(
            &mut data,
            path,
            split,
            (wanted.total(), self.seed),
            (shape, self.fit.into()),
        )?;
        let name = path.canonicalize().unwrap_or_else(|_| path.into());
        let name = name
            .file_name()
            .map_or("the images".into(), |name| name.to_string_lossy().into_owned());
        Ok(Subjects::divide(&name, &images, public, wanted)?)
    }

    fn public(&self, path: &Path, shape: Shape) -> anyhow::Result<Public> {
        let mut data = Opened::open(path, self.reading.reading())?;
        let split = data.training_split();
        let images = draw(
            &mut data,
            path,
            split,
            (PUBLIC, self.seed),
            (shape, self.fit.into()),
        )?;
        Ok(Public {
            images,
            from: "given with --public".into(),
        })
    }
}

/// At most so many images of a split, drawn at random, in random order, as images of `shape`.
fn draw(
    data: &mut Opened,
    path: &Path,
    split: usize,
    (count, seed): (usize, u64),
    to: (Shape, Fit),
) -> anyhow::Result<Set> {
    let mut rng = Rng::new(seed ^ 0x6175_6469);
    let mut places: Vec<u64> = chosen(data.meta.splits[split].count, count, &mut rng);
    places.sort_unstable();
    let loaded = data.pick(path, split, &places, Some(to))?;
    let Stored::U8(pixels) = loaded.pixels else {
        return Err(Error::input(path, "holds no 8-bit images; an audit takes those").into());
    };
    let len = loaded.shape.len();
    let order = rng.permutation(pixels.len() / len);
    let shuffled = order
        .iter()
        .flat_map(|i| pixels[i * len..][..len].iter().copied());
    let labels = match loaded.labels.len() == order.len() {
        true => order.iter().map(|i| loaded.labels[*i]).collect(),
        false => Vec::new(),
    };
    Ok(Set::new(loaded.shape, Pixels::U8(shuffled.collect()), labels)?)
}

/// `count` different numbers below `total`, or all of them (Floyd's sampling).
fn chosen(total: u64, count: usize, rng: &mut Rng) -> Vec<u64> {
    let count = (count as u64).min(total);
    let mut taken = std::collections::BTreeSet::new();
    for last in total - count..total {
        let drawn = rng.below((last + 1) as usize) as u64;
        if !taken.insert(drawn) {
            taken.insert(last);
        }
    }
    taken.into_iter().collect()
}
