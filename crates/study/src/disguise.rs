//! Disguising the images of a cell by the pipeline that owners use, and measuring what it costs.

use crate::{
    Definition, Error, Result,
    data::{Part, Plain, examples},
    record::Disguising,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Duration,
};
use visard_core::params::Params;
use visard_data::{Control, Fit, Mixing, Opened, Reading, Report, Request};
use visard_learn::Examples;

/// What a network learns from and is tested on.
pub(crate) struct Material {
    pub(crate) train: Examples,
    pub(crate) test: Examples,
    /// What the owner paid; none for plain images.
    pub(crate) cost: Option<Cost>,
}

/// What disguising took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    images: u64,
    seconds: f64,
    scheme_seconds: f64,
}

impl Cost {
    fn add(&mut self, report: &Report) {
        self.images += report.images();
        self.seconds += report.seconds;
        self.scheme_seconds += report.transforming;
    }

    /// The cost beside that of an epoch of training.
    pub(crate) fn beside(&self, epoch_seconds: f64) -> Disguising {
        Disguising {
            images: self.images,
            seconds: self.seconds,
            scheme_seconds: self.scheme_seconds,
            images_per_s: self.images as f64 / self.seconds.max(1e-9),
            share_of_epoch: self.seconds / epoch_seconds.max(1e-9),
        }
    }
}

/// Where the disguised images of a cell are made.
pub(crate) struct Workshop<'a> {
    pub(crate) cell: &'a Definition,
    pub(crate) plain: &'a Plain,
    /// Folder of the data sets.
    pub(crate) sets: &'a Path,
    /// A folder for this cell alone.
    pub(crate) folder: &'a Path,
    pub(crate) stop: &'a AtomicBool,
}

impl Workshop<'_> {
    /// The images as the network of the cell sees them.
    pub(crate) fn material(&self) -> Result<Material> {
        let scheme = &self.cell.scheme;
        if scheme.info().is_none() {
            let (train, test) = self.plain.examples()?;
            return Ok(Material {
                train,
                test,
                cost: None,
            });
        }
        let mut cost = Cost::default();
        let material = match &scheme.test {
            None => {
                let both = self.apply("both", Part::Both, &scheme.params, &mut cost)?;
                let (train, test) = (load(&both, true)?, load(&both, false)?);
                (train, test)
            }
            Some(params) => {
                let train = self.apply("train", Part::Train, &scheme.params, &mut cost)?;
                let test = self.apply("test", Part::Test, params, &mut cost)?;
                (load(&train, true)?, load(&test, false)?)
            }
        };
        Ok(Material {
            train: material.0,
            test: material.1,
            cost: Some(cost),
        })
    }

    /// Disguises a part of the images and returns where they are.
    fn apply(&self, name: &str, part: Part, params: &Params, cost: &mut Cost) -> Result<PathBuf> {
        let output = self.folder.join(name);
        // What an interrupted run left is made anew: keys and salts are the same, and the time is whole.
        clear(&output)?;
        let input = self.plain.folder(part)?;
        let partners = match part {
            Part::Test => Some(self.plain.folder(Part::Train)?),
            _ => None,
        };
        let public = self
            .cell
            .scheme
            .public
            .as_ref()
            .map(|public| self.sets.join(public));
        let key = self.cell.key("key", params, self.plain.shape())?;
        let request = Request {
            input: &input,
            output: &output,
            key: &key,
            reading: Reading::default(),
            format: None,
            depth: self.cell.scheme.depth,
            jpeg: None,
            fit: Fit::Error,
            copies: Default::default(),
            mixing: Mixing {
                partners: partners.as_deref(),
                public: public.as_deref(),
                classes: Some(self.plain.classes().len()),
            },
            program: concat!("visard ", env!("CARGO_PKG_VERSION")),
            salt: Some(self.cell.salt(name)),
        };
        let control = Control {
            progress: &|_| {},
            stop: self.stop,
            checkpoint: Duration::from_secs(3600),
        };
        cost.add(&visard_data::apply(request, control)?);
        Ok(output)
    }
}

/// The training or the test images of a disguised data set.
fn load(path: &Path, training: bool) -> Result<Examples> {
    let mut data = Opened::open(path, Reading::default())?;
    let split = match training {
        true => data.training_split(),
        false => data.test_split().unwrap_or(0),
    };
    let loaded = data.load(path, split, usize::MAX)?;
    examples(loaded, data.scale(), data.encodings()?)
}

/// Takes a folder away, if it is there.
pub(crate) fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::output(folder, error)),
        _ => Ok(()),
    }
}
