//! `visard demo`: the whole story on the bundled images.

mod audits;
mod bundle;
mod sheet;

use super::{apply::PROGRAM, predict::name_class, train};
use crate::{
    picture,
    talk::{STOP, Talk, table},
};
use anyhow::Context;
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};
use visard_audit::Audit;
use visard_core::{Affine, Key, SampleId, Shape};
use visard_data::{Batch, Control, Depth, Fit, Opened, Reading, Request, Stored};
use visard_keys::Lock;
use visard_learn::{Evaluation, Examples, Model, TrainConfig};

/// Show the whole story on bundled images: keys, disguised data, training, prediction, audit
///
/// Makes a key for each scheme, disguises 12,000 images of Fashion-MNIST, trains the same network
/// on plain and on disguised images, predicts with the right and with a wrong key, and attacks its own disguises. Needs no
/// network and no data; takes a few minutes.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  visard demo -o visard-demo")]
pub(crate) struct Args {
    /// Folder to write everything into; must not exist yet or be empty
    #[arg(short, long, value_name = "FOLDER", default_value = "visard-demo")]
    output: PathBuf,
    /// Passes over the training images
    #[arg(long, value_name = "N", default_value_t = 6)]
    epochs: usize,
    /// Learn from the first N training images only
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

const SHAPE: Shape = Shape::new(28, 28, 1);

/// A disguise of the demo: name of its folder, scheme, parameters.
struct Cast {
    name: &'static str,
    title: &'static str,
    scheme: &'static str,
    set: &'static [(&'static str, &'static str)],
}

const CAST: &[Cast] = &[
    Cast {
        name: "rmt",
        title: "RMT, block 4",
        scheme: "rmt",
        set: &[],
    },
    Cast {
        name: "aes",
        title: "AES, block 4, one cipher",
        scheme: "aes",
        set: &[("per_position", "false")],
    },
];

impl Cast {
    fn params(&self) -> BTreeMap<String, String> {
        self.set
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }
}

/// What the demo learned about one way to show images to the cloud.
struct Row {
    title: String,
    evaluation: Evaluation,
    images_per_s: Option<f64>,
    disguise_seconds: f64,
    training_seconds: f64,
}

impl Args {
    pub(crate) fn run(&self, talk: &Talk) -> anyhow::Result<ExitCode> {
        let started = Instant::now();
        self.refuse_occupied()?;
        let plain = bundle::unpack(&self.output)?;
        talk.say(
            "1. The owner's data: 10,000 training and 2,000 test images of Fashion-MNIST, three photographs.",
        );
        let mut rows = vec![];
        let (model, evaluation, seconds) = self.train(talk, "plain", &plain)?;
        rows.push(Row {
            title: "plain".into(),
            evaluation,
            images_per_s: None,
            disguise_seconds: 0.0,
            training_seconds: seconds,
        });
        drop(model);
        let mut models = Vec::new();
        for cast in CAST {
            let (key, row, model) = self.disguise_and_train(talk, cast, &plain)?;
            rows.push(row);
            models.push((key, model));
        }
        let keys: Vec<&Key> = models.iter().map(|(key, _)| key).collect();
        let sheet = self.output.join("contact-sheet.png");
        sheet::write(&sheet, &keys, &plain, &self.output.join("photos"))?;
        talk.say(format!(
            "4. Contact sheet, plain above disguised: {}",
            sheet.display()
        ));
        let wrong = self.predict(talk, &plain, &models[0])?;
        let audits = CAST
            .iter()
            .zip(&models)
            .map(|(cast, (key, _))| audits::audit(talk, cast, key, &self.output))
            .collect::<anyhow::Result<Vec<_>>>()?;
        self.report(talk, &rows, wrong, &audits, started)
    }

    fn refuse_occupied(&self) -> anyhow::Result<()> {
        let occupied = std::fs::read_dir(&self.output).is_ok_and(|mut entries| entries.next().is_some());
        if !occupied && !self.output.is_file() {
            return Ok(());
        }
        Err(visard_data::Error::Foreign {
            path: self.output.clone(),
            problem: "exists already; delete it or say -o with another folder".into(),
        }
        .into())
    }

    fn disguise_and_train(
        &self,
        talk: &Talk,
        cast: &Cast,
        plain: &Path,
    ) -> anyhow::Result<(Key, Row, Model)> {
        let key = Key::new(
            cast.scheme,
            &cast.params(),
            Some(SHAPE),
            visard_keys::generate_secret()?,
            None,
        )?;
        let key_file = self.output.join(format!("{}.key", cast.name));
        visard_keys::write_new(&key_file, &key, &Lock::None)?;
        talk.say(format!(
            "2. {}: key in {} (not locked, for this demo; `visard keygen` locks keys with a passphrase)",
            cast.title,
            key_file.display()
        ));
        let disguised = self.output.join(cast.name);
        let report = super::apply::watched(
            talk,
            "disguising",
            Duration::from_secs(2),
            |control: Control<'_>| {
                let request = Request {
                    input: plain,
                    output: &disguised,
                    key: &key,
                    reading: Reading::default(),
                    format: None,
                    depth: None,
                    jpeg: None,
                    fit: Fit::Error,
                    mixing: Default::default(),
                    copies: Default::default(),
                    program: PROGRAM,
                    salt: None,
                };
                visard_data::apply(request, control)
            },
        )?;
        let rate = report.images() as f64 / report.seconds;
        talk.say(format!(
            "   disguised {} images in {:.2} s: {}",
            report.images(),
            report.seconds,
            disguised.display()
        ));
        let (model, evaluation, seconds) = self.train(talk, cast.name, &disguised)?;
        let row = Row {
            title: cast.title.into(),
            evaluation,
            images_per_s: Some(rate),
            disguise_seconds: report.seconds,
            training_seconds: seconds,
        };
        Ok((key, row, model))
    }

    /// Trains on a data set and tests on its test split; also the seconds that training took.
    fn train(&self, talk: &Talk, name: &str, path: &Path) -> anyhow::Result<(Model, Evaluation, f64)> {
        let mut data = Opened::open(path, Reading::default())?;
        let (train_split, test_split) = (data.training_split(), data.test_split().context("no test split")?);
        let loaded = data.load(path, train_split, self.limit.unwrap_or(usize::MAX))?;
        let classes: Vec<String> = bundle::CLASSES.iter().map(|name| name.to_string()).collect();
        let train = train::examples(loaded, &data)?;
        let test = data.load(path, test_split, usize::MAX)?;
        let test = train::examples(test, &data)?;
        let set = [("dropout".to_string(), "0.4".to_string())].into();
        let mut config = TrainConfig::new("cnn", &set)?.with_front("block", &Default::default())?;
        config.weight_decay = 0.003;
        config.epochs = self.epochs;
        let started = Instant::now();
        let what = format!("training {name}");
        let lesson = train::Lesson {
            what: &what,
            config: &config,
            train: &train,
            validation: None,
            classes: &classes,
        };
        let mut model = lesson.learn(talk, Default::default(), None, None)?;
        let seconds = started.elapsed().as_secs_f64();
        model.set_disguise(data.manifest.as_ref().map(train::disguise_of).unwrap_or_default());
        model.save(&self.output.join(format!("{name}.safetensors")))?;
        let evaluation = model.evaluate(&test, 256)?;
        talk.say(format!(
            "3. {name}: trained the network in {seconds:.0} s, test accuracy {:.1} %",
            100.0 * evaluation.accuracy
        ));
        Ok((model, evaluation, seconds))
    }

    /// One held-out picture under the right key, and the share of right answers under a wrong key.
    fn predict(&self, talk: &Talk, plain: &Path, (key, model): &(Key, Model)) -> anyhow::Result<f64> {
        let mut data = Opened::open(plain, Reading::default())?;
        let split = data.test_split().context("no test split")?;
        let held_out = data.load(plain, split, 500)?;
        let wrong = Key::new(
            "rmt",
            &CAST[0].params(),
            Some(SHAPE),
            visard_keys::generate_secret()?,
            None,
        )?;
        let Stored::U8(pixels) = &held_out.pixels else {
            anyhow::bail!("the bundled images are bytes");
        };
        let picture = self.output.join("held-out.png");
        picture::save(&picture, SHAPE, &pixels[..SHAPE.len()])?;
        let batch = super::predict::read_image(&picture, &Reading::default())?;
        let answer = |key: &Key| -> anyhow::Result<String> {
            let prediction = name_class(model, Some(key), batch.clone(), Fit::Error, None)?;
            let class = bundle::CLASSES[prediction.class as usize];
            Ok(format!("{class} ({:.0} %)", 100.0 * prediction.probability))
        };
        talk.say(format!(
            "5. {} shows: {}. The RMT model, through the key: {}. Through a wrong key: {}.",
            picture.display(),
            bundle::CLASSES[held_out.labels[0] as usize],
            answer(key)?,
            answer(&wrong)?
        ));
        accuracy_under(model, &wrong, &held_out.labels, pixels)
    }

    fn report(
        &self,
        talk: &Talk,
        rows: &[Row],
        wrong: f64,
        audits: &[Audit],
        started: Instant,
    ) -> anyhow::Result<ExitCode> {
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                let (low, high) = row.evaluation.interval;
                vec![
                    row.title.clone(),
                    format!(
                        "{:.1} % ({:.1} to {:.1})",
                        100.0 * row.evaluation.accuracy,
                        100.0 * low,
                        100.0 * high
                    ),
                    row.images_per_s
                        .map_or_else(|| "-".into(), |rate| format!("{rate:.0}")),
                    format!("{:.1} s", row.training_seconds),
                    format!("{:.3} %", 100.0 * row.disguise_seconds / row.training_seconds),
                ]
            })
            .collect();
        let head = [
            "images",
            "test accuracy (95% interval)",
            "disguised images/s",
            "training",
            "disguising / training",
        ];
        let text = format!(
            "\n{}\nThe RMT model on 500 test images disguised under a wrong key: {:.1} % right (chance is 10 %).\n\n\
             What the disguises give away:\n{}\
             Everything is in {} ({:.0} s in all).",
            table(&head, &cells),
            100.0 * wrong,
            audits::verdicts(audits),
            self.output.display(),
            started.elapsed().as_secs_f64()
        );
        let records: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "images": row.title, "accuracy": row.evaluation.accuracy, "interval": row.evaluation.interval,
                    "images_per_s": row.images_per_s, "training_seconds": row.training_seconds,
                    "disguise_seconds": row.disguise_seconds,
                })
            })
            .collect();
        let record = json!({
            "program": PROGRAM, "epochs": self.epochs, "limit": self.limit, "rows": records,
            "wrong_key_accuracy": wrong, "audits": audits.iter().map(audits::summary).collect::<Vec<_>>(),
            "seconds": started.elapsed().as_secs_f64(), "output": self.output,
        });
        let place = self.output.join("demo.json");
        std::fs::write(&place, format!("{record:#}\n")).with_context(|| format!("{}", place.display()))?;
        talk.result("demo", text, record)?;
        let stopped = STOP.load(std::sync::atomic::Ordering::Relaxed);
        Ok(if stopped {
            ExitCode::from(130)
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// Share of images that the model names rightly when they are disguised under `key`.
fn accuracy_under(model: &Model, key: &Key, labels: &[u32], pixels: &[u8]) -> anyhow::Result<f64> {
    let output = key.disguise(SHAPE)?.output();
    let scale = Affine::cover(output.range, 255);
    let batch = Batch {
        ids: SampleId::numbered("t10k", 0, labels.len()),
        shape: SHAPE,
        pixels: Stored::U8(pixels.to_vec()),
        ..Batch::new(Depth::U8)
    };
    let salt = visard_keys::fresh_salt()?;
    let disguised =
        visard_data::disguise_batch(key, salt, Fit::Error, (Depth::U8, Some(scale)), None, batch)?;
    let examples = Examples::new(disguised.shape, disguised.pixels, Some(scale), labels.to_vec())?;
    Ok(model.evaluate(&examples, 256)?.accuracy)
}
