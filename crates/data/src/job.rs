//! `apply` and `remove`: whole data sets through a key, journalled and resumable.

use crate::{
    Batch, Control, Copies, Depth, Error, Fit, Format, Gallery, Jpeg, Manifest, Meta, Plan, Reading, Result,
    Scale, Source,
    augment::{self, Augmenter},
    copies::Repeated,
    durable, formats,
    journal::{Header, Journal},
    load::training_split,
    manifest::{self, parse_salt, print_salt},
    pipeline::{self, Flow, Grouping},
    place::{check_paths, refuse_occupied},
    stage::{Mix, Stage},
};
use serde_json::json;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::Instant,
};
use visard_core::{Affine, Dtype, Key, Removal, Salt, Shape, Storage};

/// Folder inside an output folder (or suffix of an output file) that holds a run's journal.
const WORK: &str = ".visard-journal";
const JOURNAL_VERSION: u32 = 1;

/// What to disguise, or to restore.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The data set to read.
    pub input: &'a Path,
    /// The data set to write.
    pub output: &'a Path,
    /// The key.
    pub key: &'a Key,
    /// How inputs are read.
    pub reading: Reading,
    /// Format of the output; that of the input where `None`.
    pub format: Option<&'static Format>,
    /// How reals are stored; 8 bits in image formats and floats elsewhere where `None`.
    pub depth: Option<Depth>,
    /// Settings of the JPEG encoder, for `apply` with schemes and formats that allow it; images are
    /// stored without loss where `None`.
    pub jpeg: Option<Jpeg>,
    /// What to do with images of another size than the key's.
    pub fit: Fit,
    /// What mixing schemes blend in.
    pub mixing: Mixing<'a>,
    /// How often `apply` writes each training image, and what it changes in the copies.
    pub copies: Copies<'a>,
    /// Name and version of the program, for the manifest.
    pub program: &'a str,
    /// A salt to use instead of a fresh one. Reusing a salt for other images reuses their masks,
    /// so this is for repeating a run, not for users.
    pub salt: Option<Salt>,
}

/// What a mixing scheme blends into the images of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mixing<'a> {
    /// A plain data set from whose training split partners are taken, for images that are to be
    /// recognised rather than learnt from: their labels stay class numbers. Where `None`, partners
    /// come from the training split of the input, and its labels become soft.
    pub partners: Option<&'a Path>,
    /// A plain data set of public images, for schemes that blend them in.
    pub public: Option<&'a Path>,
    /// Number of classes; the input's where `None`.
    pub classes: Option<usize>,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Report {
    /// Name of the output's format.
    pub format: &'static str,
    /// Images in the output, per split.
    pub written: Vec<(String, u64)>,
    /// Images that an interrupted run had already written.
    pub resumed: u64,
    /// Whether the output was already complete, so that nothing was done.
    pub already_complete: bool,
    /// Whether an interrupted run was started over because its input has changed.
    pub started_over: bool,
    /// Inputs left out because they could not be read, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
    /// Quantisation that was used, if any.
    pub scale: Option<Scale>,
    /// Shape of the output images, where it is one.
    pub shape: Option<Shape>,
    /// Seconds of the whole run.
    pub seconds: f64,
    /// Seconds spent in the scheme itself.
    pub transforming: f64,
}

impl Report {
    /// Images in the output.
    pub fn images(&self) -> u64 {
        self.written.iter().map(|(_, count)| count).sum()
    }
}

/// Disguises a data set under a key. Goes on by itself where an earlier run stopped.
pub fn apply(mut request: Request<'_>, control: Control<'_>) -> Result<Report> {
    let input_format = formats::detect(request.input)?;
    if let Some(manifest) = Manifest::find(request.input)? {
        return Err(Error::Usage(format!(
            "{} is already disguised, with the key {}; give the plain data set",
            request.input.display(),
            manifest.fingerprint
        )));
    }
    let floats = request.key.scheme().takes_floats();
    let reading = Reading {
        floats,
        ..request.reading
    };
    let mut source = (input_format.open)(request.input, reading)?;
    let format = request.format.unwrap_or(input_format);
    let depth = choose_depth(&request, format)?;
    request.jpeg = request
        .jpeg
        .map(|jpeg| jpeg.settle(request.key, format))
        .transpose()?;
    let renumbered = format.name != input_format.name;
    let plain = source.meta().depth;
    if plain != Depth::U8 && !(floats && plain == Depth::F32) {
        let problem = "holds pixels of another type than bytes; convert them to 8 bits first";
        return Err(Error::input(request.input, problem));
    }
    let copies = request.copies;
    copies.check_for(request.key, request.key.shape().or(source.meta().shape))?;
    if !copies.is_single() {
        if !renumbered {
            source.check_copies(training_split(source.meta()), copies.count)?;
        }
        source = Box::new(Repeated::new(
            source,
            copies.count,
            request.input,
            reading.limits,
        )?);
    }
    Run {
        request,
        control,
        format,
        depth,
        manifest: None,
        scale: None,
        renumbered,
        gallery: None,
    }
    .go(source)
}

/// Takes the disguise off a data set again. Goes on by itself where an earlier run stopped.
pub fn remove(request: Request<'_>, control: Control<'_>) -> Result<Report> {
    let Some(manifest) = Manifest::find(request.input)? else {
        let problem = "has no visard.json, so it is not a disguised data set (or not whole yet)";
        return Err(Error::input(request.input, problem));
    };
    manifest.check_key(request.input, request.key)?;
    if let Removal::Never(reason) = request.key.scheme().removal() {
        return Err(visard_core::Error::NotInvertible(reason.into()).into());
    }
    if request.jpeg.is_some() {
        let problem = "restored images are stored without loss; JPEG is for disguised ones";
        return Err(Error::Usage(problem.into()));
    }
    if request.copies != Copies::default() {
        let problem =
            "copies are made where a data set is disguised; restoring gives back those that it holds";
        return Err(Error::Usage(problem.into()));
    }
    let input_format = formats::find(&manifest.format)?;
    let reading = Reading {
        disguised: true,
        ..request.reading
    };
    let source = (input_format.open)(request.input, reading)?;
    check_counts(request.input, &manifest, source.meta())?;
    let scale = manifest.scale;
    Run {
        format: request.format.unwrap_or(input_format),
        depth: Depth::U8,
        renumbered: manifest.renumbered,
        manifest: Some(manifest),
        request,
        control,
        scale,
        gallery: None,
    }
    .go(source)
}

fn check_counts(path: &Path, manifest: &Manifest, meta: &Meta) -> Result<()> {
    if manifest.splits == meta.splits {
        return Ok(());
    }
    let list = |splits: &[crate::Split]| {
        let parts: Vec<_> = splits.iter().map(|s| format!("{} {}", s.name, s.count)).collect();
        parts.join(", ")
    };
    Err(Error::Verification {
        path: path.into(),
        problem: format!(
            "holds {}, but its manifest says {}",
            list(&meta.splits),
            list(&manifest.splits)
        ),
    })
}

/// Storage of the output: what was asked for, if the scheme and the format allow it.
fn choose_depth(request: &Request<'_>, format: &Format) -> Result<Depth> {
    let storage = request.key.scheme().info().storage;
    let name = request.key.scheme().info().name;
    let reals = matches!(storage, Storage::Float | Storage::Tokens);
    let depth = match (request.depth, reals) {
        (None | Some(Depth::F32), _) if storage == Storage::Tokens => Depth::F32,
        (Some(_), _) if storage == Storage::Tokens => {
            return Err(Error::Usage(format!(
                "{name} writes matrices of reals: --depth is float or left out"
            )));
        }
        (None, false) | (Some(Depth::U8), _) => Depth::U8,
        (None, true) => format.depths[0],
        (Some(depth), true) => depth,
        (Some(_), false) => {
            return Err(Error::Usage(format!(
                "{name} writes bytes: --depth is 8 or left out"
            )));
        }
    };
    if format.depths.contains(&depth) {
        return Ok(depth);
    }
    let known: Vec<_> = format.depths.iter().map(|d| d.to_string()).collect();
    Err(Error::Usage(format!(
        "{} cannot store --depth {depth}, it stores {}; choose another depth or --format npz",
        format.name,
        known.join(", ")
    )))
}

/// What stood at the output before the run.
#[derive(Clone, Copy)]
struct Before {
    journal: bool,
    output: bool,
}

/// One run with everything decided.
struct Run<'a> {
    request: Request<'a>,
    control: Control<'a>,
    format: &'static Format,
    depth: Depth,
    /// The input's manifest when restoring.
    manifest: Option<Manifest>,
    /// Quantisation of the input when restoring.
    scale: Option<Scale>,
    /// Whether images are known by their places.
    renumbered: bool,
    /// What a mixing scheme blends in.
    gallery: Option<Gallery>,
}

impl Run<'_> {
    fn go(mut self, mut source: Box<dyn Source>) -> Result<Report> {
        let started = Instant::now();
        let place = Manifest::place(self.request.output, self.format.is_folder);
        check_paths(self.request.input, self.request.output)?;
        if let Some(report) = self.already_complete(&place, source.meta(), started)? {
            return Ok(report);
        }
        let shape = self.output_shape(source.meta())?;
        let mut meta = source.meta().clone();
        meta.depth = self.depth;
        meta.shape = shape;
        self.refuse_unstorable(&meta, shape)?;
        let grouping = self.grouping();
        meta.soft = self.mix(&meta)?;
        for split in &mut meta.splits {
            split.count *= grouping.encodings as u64;
        }
        let before = Before {
            journal: self.work().exists(),
            output: self.request.output.exists(),
        };
        let opened = self.open_journal(source.meta())?;
        let salt = parse_salt(&opened.header.salt)
            .ok_or_else(|| Error::input(&self.work(), "holds no salt; delete the output to start anew"))?;
        let mut journal = opened.journal;
        let mut flow = Flow::resume(opened.state.as_ref(), source.meta().splits.len())
            .ok_or_else(|| Error::input(&self.work(), "is damaged; delete the output to start anew"))?;
        let plan = Plan {
            root: self.request.output.into(),
            meta: meta.clone(),
            depth: self.depth,
            noise: self.manifest.is_none(),
            tokens: self.manifest.is_none() && self.storage() == Storage::Tokens,
            jpeg: self.request.jpeg,
            copies: self.request.copies.count,
            resume: opened.state.clone(),
        };
        let mut sink = (self.format.create)(plan).inspect_err(|_| self.clear(before))?;
        let resumed = flow.written.iter().sum();
        let Request { key, fit, input, .. } = self.request;
        let mut stage = match &self.manifest {
            None => Stage::apply_with(key, salt, fit, (self.depth, self.scale), input),
            Some(manifest) => Stage::remove_with(key, salt, self.scale, manifest.plain_shape, input),
        };
        if self.renumbered {
            stage.renumber(&flow.written);
        }
        stage.mix(Mix {
            gallery: self.gallery.as_ref(),
            soft: meta.soft,
            training: training_split(&meta),
        });
        if let Some(augmenter) = self.augmenter(salt, &meta)? {
            stage.augment(augmenter);
        }
        let mut transform = |batch: &mut Batch, out: &mut Batch| stage.transform(batch, out);
        if let Err(error) = pipeline::run(
            &mut *source,
            &mut transform,
            &mut *sink,
            &mut journal,
            &mut flow,
            grouping,
            self.control,
        ) {
            if flow.written.iter().all(|count| *count == 0) {
                drop(sink);
                self.clear(before);
            }
            return Err(error);
        }
        let files = sink.finish()?;
        for (split, written) in meta.splits.iter_mut().zip(&flow.written) {
            split.count = *written * grouping.encodings as u64;
        }
        if self.manifest.is_none() {
            if self.renumbered {
                meta.splits = self.splits_as_read()?;
            }
            self.describe(&meta, salt, self.inputs_left_out(&flow, &meta), files)?
                .write(&place)?;
        }
        journal.close()?;
        // Every copy leaves the same inputs out.
        let mut seen = HashSet::new();
        flow.skipped.retain(|(path, _)| seen.insert(path.clone()));
        Ok(Report {
            format: self.format.name,
            written: meta.splits.iter().map(|s| (s.name.clone(), s.count)).collect(),
            resumed,
            already_complete: false,
            started_over: opened.input_changed,
            skipped: flow.skipped,
            scale: self.scale.take(),
            shape,
            seconds: started.elapsed().as_secs_f64(),
            transforming: flow.transforming,
        })
    }

    /// Changes the copies of the training images before they are disguised, if there are any.
    fn augmenter(&self, salt: Salt, meta: &Meta) -> Result<Option<Augmenter>> {
        let Request { key, copies, .. } = self.request;
        if copies.is_single() {
            return Ok(None);
        }
        let split = training_split(meta);
        let places = meta.splits[split].count / copies.count;
        let augment = augment::ordered(copies.augment)?;
        Ok(Some(Augmenter::new(key, salt, augment, split, places)))
    }

    /// Inputs left out, each counted once.
    fn inputs_left_out(&self, flow: &Flow, meta: &Meta) -> u64 {
        let (training, copies) = (training_split(meta), self.request.copies.count);
        let each = flow.left_out.iter().enumerate();
        // Those behind the last image of the last copy are not counted.
        each.map(|(split, left)| {
            if split == training {
                left.div_ceil(copies)
            } else {
                *left
            }
        })
        .sum()
    }

    fn storage(&self) -> Storage {
        self.request.key.scheme().info().storage
    }

    fn grouping(&self) -> Grouping {
        let scheme = self.request.key.scheme();
        match self.manifest {
            None => Grouping {
                encodings: scheme.encodings(),
                together: scheme.together(),
            },
            Some(_) => Grouping::NONE,
        }
    }

    /// Loads what a mixing scheme blends in; the number of classes if labels become soft.
    fn mix(&mut self, meta: &Meta) -> Result<Option<usize>> {
        let Request {
            key,
            input,
            mixing,
            fit,
            reading,
            ..
        } = self.request;
        if self.manifest.is_some() || !key.scheme().mixes() {
            if mixing.partners.is_some() || mixing.public.is_some() {
                let name = key.scheme().info().name;
                return Err(Error::Usage(format!(
                    "{name} mixes no images with others: leave --partners and --public out"
                )));
            }
            return Ok(None);
        }
        let Some(shape) = key.shape().or(meta.shape) else {
            let problem = "holds images of several shapes, which cannot be mixed; make a key for one shape and say --fit";
            return Err(Error::input(input, problem));
        };
        if mixing.public.is_some() && !key.scheme().mixes_public() {
            return Err(Error::Usage(
                "this key mixes no public images (--set cross=true makes one that does)".into(),
            ));
        }
        let gallery = Gallery::load(
            mixing.partners.unwrap_or(input),
            mixing.public,
            shape,
            fit,
            reading,
        )?;
        let highest = gallery.highest_label();
        self.gallery = Some(gallery);
        if mixing.partners.is_some() || !meta.labelled {
            return Ok(None);
        }
        if !self.format.soft_labels {
            return Err(Error::Usage(format!(
                "{} cannot hold the soft labels of mixed images; write --format idx or npz",
                self.format.name
            )));
        }
        let least = highest.map_or(1, |label| label as usize + 1);
        let classes = mixing.classes.unwrap_or(meta.classes.len().max(least));
        if classes < least {
            return Err(Error::Usage(format!(
                "--classes {classes} is too few, there is a class {}",
                least - 1
            )));
        }
        Ok(Some(classes))
    }

    /// Leaves no trace of a run that wrote no image, so that the output can be used for another one.
    /// A failure here is not worth hiding the run's own error for.
    fn clear(&self, before: Before) {
        if before.journal {
            return;
        }
        let output = self.request.output;
        drop(std::fs::remove_file(self.work()));
        if !self.format.is_folder {
            drop(std::fs::remove_file(formats::files::partial(output)));
            return;
        }
        // The folder was empty or absent when the run began.
        if !before.output {
            drop(std::fs::remove_dir_all(output));
            return;
        }
        for entry in std::fs::read_dir(output).into_iter().flatten().flatten() {
            let path = entry.path();
            drop(if path.is_dir() {
                std::fs::remove_dir_all(path)
            } else {
                std::fs::remove_file(path)
            });
        }
    }

    /// The splits of the output as its own format names them.
    fn splits_as_read(&self) -> Result<Vec<crate::Split>> {
        let reading = Reading {
            disguised: true,
            ..Reading::default()
        };
        let output = (self.format.open)(self.request.output, reading)?;
        Ok(output.meta().splits.clone())
    }

    /// Shape of the output images where it is known before reading.
    fn output_shape(&mut self, meta: &Meta) -> Result<Option<Shape>> {
        let key = self.request.key;
        if let Some(manifest) = &self.manifest {
            return Ok(manifest.plain_shape);
        }
        let varies = self.request.fit == Fit::Error;
        let Some(plain) = key.shape().or(meta.shape) else {
            return Ok(None);
        };
        if let Some(own) = meta.shape.filter(|own| varies && *own != plain) {
            let problem = format!(
                "holds images of {own}, the key is for {plain}: say --fit resize, crop or pad, or make a key for {own}"
            );
            return Err(Error::input(self.request.input, problem));
        }
        let output = key.disguise(plain)?.output();
        if self.depth != Depth::F32 && output.dtype == Dtype::F32 {
            let max = if self.depth == Depth::U8 { 255 } else { 65_535 };
            self.scale = Some(Affine::cover(output.range, max));
        }
        Ok(Some(output.shape))
    }

    fn refuse_unstorable(&self, meta: &Meta, shape: Option<Shape>) -> Result<()> {
        let problem = shape.and_then(|shape| (self.format.refuses)(meta, shape, self.depth));
        problem.map_or(Ok(()), |problem| {
            Err(Error::Usage(format!("{}: {problem}", self.format.name)))
        })
    }

    fn work(&self) -> PathBuf {
        if self.format.is_folder {
            return self.request.output.join(WORK);
        }
        let mut name = self.request.output.file_name().unwrap_or_default().to_os_string();
        name.push(WORK);
        self.request.output.with_file_name(name)
    }

    fn open_journal(&self, meta: &Meta) -> Result<crate::journal::Opened> {
        let (output, work) = (self.request.output, self.work());
        if !work.exists() {
            refuse_occupied(output, self.format.is_folder)?;
        }
        let folder = if self.format.is_folder {
            output
        } else {
            durable::parent(output)
        };
        std::fs::create_dir_all(folder).map_err(|error| Error::output(folder, error))?;
        let salt = match self.request.salt {
            Some(salt) => salt,
            None => fresh_salt()?,
        };
        Journal::open(&work, self.header(meta, salt)?)
    }

    fn header(&self, meta: &Meta, salt: Salt) -> Result<Header> {
        let salt = match &self.manifest {
            Some(manifest) => manifest.salt.clone(),
            None => print_salt(salt),
        };
        let mut options = json!({
            "depth": self.depth,
            "fit": format!("{:?}", self.request.fit),
            "mixed": self.gallery.as_ref().map(Gallery::signature),
            "inference": self.request.mixing.partners.is_some(),
            "classes": self.request.mixing.classes,
            "jpeg": self.request.jpeg,
        });
        let copies = self.request.copies;
        if !copies.is_single() {
            options["copies"] = json!(copies.count);
            options["augment"] = json!(augment::ordered(copies.augment)?);
        }
        Ok(Header {
            version: JOURNAL_VERSION,
            program: self.request.program.into(),
            job: if self.manifest.is_some() {
                "remove"
            } else {
                "apply"
            }
            .into(),
            fingerprint: self.request.key.fingerprint().to_string(),
            format: self.format.name.into(),
            options,
            input: meta.signature.clone(),
            salt,
        })
    }

    fn already_complete(&self, place: &Path, meta: &Meta, started: Instant) -> Result<Option<Report>> {
        if self.manifest.is_some() || !place.exists() {
            return Ok(None);
        }
        let foreign = |problem: String| {
            Err(Error::Foreign {
                path: self.request.output.into(),
                problem: format!("{problem}; choose another output or delete this one"),
            })
        };
        let Some(manifest) = Manifest::find(self.request.output)? else {
            return Ok(None);
        };
        let own = self.request.key.fingerprint().to_string();
        if manifest.fingerprint != own {
            return foreign(format!(
                "was disguised with the key {}, this is the key {own}",
                manifest.fingerprint
            ));
        }
        if manifest.format != self.format.name || manifest.depth != self.depth {
            return foreign(format!(
                "is a finished {} data set of another format or depth",
                manifest.format
            ));
        }
        if manifest.jpeg != self.request.jpeg {
            return foreign("is a finished data set with other JPEG settings".into());
        }
        let copies = self.request.copies;
        if manifest.copies != copies.count || manifest.augment != augment::ordered(copies.augment)? {
            return foreign("is a finished data set with other copies or augmentations".into());
        }
        let counts = |splits: &[crate::Split]| {
            splits
                .iter()
                .map(|s| (s.name.clone(), s.count))
                .collect::<Vec<_>>()
        };
        let encodings = self.grouping().encodings as u64;
        // Another format may call its splits otherwise.
        let same = manifest.splits.len() == meta.splits.len()
            && manifest.splits.iter().zip(&meta.splits).all(|(written, read)| {
                written.count == read.count * encodings && (manifest.renumbered || written.name == read.name)
            });
        if manifest.skipped == 0 && !same {
            return foreign("is a finished data set with other images".into());
        }
        Journal::clear_finished(&self.work());
        Ok(Some(Report {
            format: self.format.name,
            written: counts(&manifest.splits),
            resumed: 0,
            already_complete: true,
            started_over: false,
            skipped: Vec::new(),
            scale: manifest.scale,
            shape: manifest.shape,
            seconds: started.elapsed().as_secs_f64(),
            transforming: 0.0,
        }))
    }

    fn describe(
        &self,
        meta: &Meta,
        salt: Salt,
        skipped: u64,
        files: Vec<crate::FileRecord>,
    ) -> Result<Manifest> {
        let key = self.request.key;
        Ok(Manifest {
            version: manifest::VERSION,
            program: self.request.program.into(),
            scheme: key.scheme().info().name.into(),
            params: key.scheme().params().clone(),
            fingerprint: key.fingerprint().to_string(),
            salt: print_salt(salt),
            format: self.format.name.into(),
            plain_shape: key.shape(),
            shape: meta.shape,
            depth: self.depth,
            scale: self.scale,
            jpeg: self.request.jpeg,
            copies: self.request.copies.count,
            augment: augment::ordered(self.request.copies.augment)?,
            splits: meta.splits.clone(),
            classes: meta.classes.clone(),
            renumbered: self.renumbered,
            skipped,
            files,
        })
    }
}

fn fresh_salt() -> Result<Salt> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::Usage(format!(
            "the system's random generator failed ({error}); nothing was written"
        ))
    })?;
    Ok(Salt(bytes))
}
