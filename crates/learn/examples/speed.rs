//! Training images per second, as JSON lines like those of `scripts/torch-bench.py`.
//!
//! ```text
//! cargo run --release -p visard-learn --example speed -- [--seconds 10] [--repeats 3] [--gpu] \
//!     NETWORK[:FRONT] DATA [DATA…]
//! ```
//! Each DATA set is trained on in turn, `repeats` times over, so that a machine that slows down slows all of
//! them: plain images first and the same disguised after them give the ratio. With several, the last line
//! has the ratio of each to the first.

use serde_json::json;
use std::{
    env,
    error::Error,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};
use visard_data::{Opened, Reading};
use visard_learn::{DeviceKind, Examples, Progress, Run, TrainConfig, train};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Options {
    seconds: f64,
    repeats: usize,
    device: DeviceKind,
    network: String,
    front: String,
    data: Vec<PathBuf>,
}

fn options() -> Result<Options> {
    let mut o = Options {
        seconds: 10.0,
        repeats: 3,
        device: DeviceKind::Cpu,
        network: String::new(),
        front: "none".into(),
        data: Vec::new(),
    };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--seconds" => o.seconds = value()?.parse()?,
            "--repeats" => o.repeats = value()?.parse()?,
            "--gpu" => o.device = DeviceKind::Gpu,
            _ if o.network.is_empty() => {
                let (network, front) = word.split_once(':').unwrap_or((&word, "none"));
                (o.network, o.front) = (network.into(), front.into());
            }
            _ => o.data.push(word.into()),
        }
    }
    if o.data.is_empty() || o.repeats == 0 {
        return Err("say a network and at least one data set".into());
    }
    Ok(o)
}

fn load(path: &Path) -> Result<Examples> {
    let mut data = Opened::open(path, Reading::default())?;
    let split = data.training_split();
    let loaded = data.load(path, split, 10_000)?;
    Ok(Examples::new(
        loaded.shape,
        loaded.pixels,
        data.scale(),
        loaded.labels,
    )?)
}

/// Images per second over the time that is given, without the first three batches.
fn rate(config: &TrainConfig, data: &Examples, classes: &[String], o: &Options) -> Result<f64> {
    let (mut started, mut last, mut batches) = (Instant::now(), 0.0, 0);
    let mut watch = |_: &Progress| {
        batches += 1;
        if batches <= 3 {
            started = Instant::now();
            return ControlFlow::Continue(());
        }
        last = started.elapsed().as_secs_f64();
        match last > o.seconds {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let run = Run {
        progress: Some(&mut watch),
        device: o.device,
        ..Run::default()
    };
    match train(config, data, None, classes, run) {
        Err(visard_learn::Error::Interrupted { .. }) => {}
        ended => drop(ended?),
    }
    Ok((batches.max(4) - 3) as f64 * config.batch as f64 / last.max(1e-9))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<()> {
    let o = options()?;
    let none = Default::default();
    let mut config = TrainConfig::new(&o.network, &none)?.with_front(&o.front, &none)?;
    config.epochs = 1000;
    let sets: Vec<Examples> = o.data.iter().map(|path| load(path)).collect::<Result<_>>()?;
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let mut rates = vec![Vec::new(); sets.len()];
    for _ in 0..o.repeats {
        for (data, rates) in sets.iter().zip(&mut rates) {
            rates.push(rate(&config, data, &classes, &o)?);
        }
    }
    for ((path, data), rates) in o.data.iter().zip(&sets).zip(&rates) {
        let record = json!({
            "library": concat!("visard ", env!("CARGO_PKG_VERSION")), "network": o.network, "front": o.front,
            "data": path.file_name().map(|name| name.to_string_lossy()), "shape": data.shape.to_string(),
            "batch": config.batch, "threads": rayon::current_num_threads(), "device": o.device.to_string(),
            "images_per_s": median(rates.clone()), "runs": rates,
        });
        println!("{record}");
    }
    if sets.len() > 1 {
        for (path, own) in o.data.iter().zip(&rates).skip(1) {
            let ratios: Vec<f64> = own
                .iter()
                .zip(&rates[0])
                .map(|(own, first)| own / first)
                .collect();
            let record = json!({
                "data": path.file_name().map(|name| name.to_string_lossy()), "network": o.network,
                "ratio_to_first": median(ratios.clone()), "runs": ratios,
            });
            println!("{record}");
        }
    }
    Ok(())
}
