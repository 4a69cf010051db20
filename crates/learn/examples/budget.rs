//! What a network reaches, and at which cost, on a data set in IDX files under a scheme.
//!
//! ```text
//! cargo run --release -p visard-learn --example budget -- DIR \
//!     [--scheme rmt] [--set block=4]... [--network cnn] [--param front=block]... \
//!     [--train 10000] [--test 2000] [--config lr=0.1]... [--seeds 1]
//! ```
//! DIR holds the four files of MNIST or Fashion-MNIST. Prints accuracy and cost of each
//! run; `--config` takes any field of the training configuration.

use std::{collections::BTreeMap, env, error::Error, fs::File, io::Read, path::Path};
use visard_core::{Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape};
use visard_data::Stored;
use visard_learn::{Examples, Run, TrainConfig, train};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Default)]
struct Options {
    folder: String,
    scheme: Option<String>,
    network: String,
    set: BTreeMap<String, String>,
    param: BTreeMap<String, String>,
    config: BTreeMap<String, String>,
    train: usize,
    test: usize,
    seeds: u64,
}

fn options() -> Result<Options> {
    let mut o = Options {
        network: "cnn".into(),
        train: 10_000,
        test: 2_000,
        seeds: 1,
        ..Options::default()
    };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let pair = |text: String| -> Result<(String, String)> {
            let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
            Ok((name.into(), value.into()))
        };
        match word.as_str() {
            "--scheme" => o.scheme = Some(value()?),
            "--network" => o.network = value()?,
            "--set" => o.set.extend([pair(value()?)?]),
            "--param" => o.param.extend([pair(value()?)?]),
            "--config" => o.config.extend([pair(value()?)?]),
            "--train" => o.train = value()?.parse()?,
            "--test" => o.test = value()?.parse()?,
            "--seeds" => o.seeds = value()?.parse()?,
            folder => o.folder = folder.into(),
        }
    }
    Ok(o)
}

/// The bytes of an IDX file after its header, and the sides that the header names.
fn idx(folder: &str, name: &str) -> Result<(Vec<usize>, Vec<u8>)> {
    let path = Path::new(folder).join(format!("{name}.gz"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(File::open(&path)?).read_to_end(&mut bytes)?;
    let rank = usize::from(*bytes.get(3).ok_or("too short")?);
    let side =
        |i: usize| Some(u32::from_be_bytes(bytes.get(4 + 4 * i..8 + 4 * i)?.try_into().ok()?) as usize);
    let sides = (0..rank)
        .map(side)
        .collect::<Option<Vec<_>>>()
        .ok_or("too short")?;
    Ok((sides, bytes.split_off(4 + 4 * rank)))
}

fn examples(o: &Options, split: &str, name: &str, count: usize) -> Result<Examples> {
    let (sides, mut pixels) = idx(&o.folder, &format!("{name}-images-idx3-ubyte"))?;
    let (_, labels) = idx(&o.folder, &format!("{name}-labels-idx1-ubyte"))?;
    let shape = Shape::new(sides[1], sides[2], 1);
    let count = count.min(sides[0]);
    pixels.truncate(count * shape.len());
    let labels = labels.iter().take(count).map(|l| u32::from(*l)).collect();
    let Some(scheme) = &o.scheme else {
        return Ok(Examples::new(shape, Stored::U8(pixels), None, labels)?);
    };
    let key = Key::new(scheme, &o.set, Some(shape), MasterSecret::new([42; 32]), None)?;
    let disguise = key.disguise(shape)?;
    let ids = SampleId::numbered(split, 0, count);
    let samples = Samples::new(Salt([7; 16]), &ids);
    let output = disguise.output();
    let mut disguised = Pixels::zeros(output.dtype, count * output.shape.len());
    disguise.apply(samples, &pixels, disguised.view_mut())?;
    let pixels = match disguised {
        Pixels::U8(v) => Stored::U8(v),
        Pixels::F32(v) => Stored::F32(v),
    };
    Ok(Examples::new(output.shape, pixels, None, labels)?)
}

/// The default configuration with fields replaced as asked.
fn config(o: &Options, seed: u64) -> Result<TrainConfig> {
    let mut json = serde_json::to_value(TrainConfig::new(&o.network, &o.param)?)?;
    for (name, value) in &o.config {
        let place = json.get_mut(name).ok_or(format!("no setting is called {name}"))?;
        *place = serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into());
    }
    json["seed"] = seed.into();
    Ok(serde_json::from_value(json)?)
}

fn main() -> Result<()> {
    let o = options()?;
    let train_set = examples(&o, "train", "train", o.train)?;
    let test_set = examples(&o, "test", "t10k", o.test)?;
    let classes: Vec<String> = (0..10).map(|c| c.to_string()).collect();
    for seed in 0..o.seeds {
        let config = config(&o, seed)?;
        let model = train(&config, &train_set, Some(&test_set), &classes, Run::default())?;
        let history = &model.info().history;
        let seconds: f64 = history.iter().map(|e| e.seconds).sum();
        let cost = seconds * 1000.0 / (train_set.len() * history.len()) as f64;
        let last = history.last().ok_or("no epoch")?;
        let fields = (
            o.scheme.as_deref().unwrap_or("plain"),
            &o.set,
            &o.network,
            &o.param,
            &o.config,
        );
        println!(
            "{} accuracy {:.2} % [{:.1}, {:.1}] loss {:.3} cost {cost:.3} s/1000 seed {seed}",
            serde_json::to_string(&fields)?,
            100.0 * last.val_accuracy.unwrap_or(0.0),
            100.0 * last.val_interval.map_or(0.0, |i| i.0),
            100.0 * last.val_interval.map_or(1.0, |i| i.1),
            last.train_loss
        );
    }
    Ok(())
}
